#include "codec/patch.h"

static bool is_object(const struct value *v) { return v && v->type == V_OBJECT; }
static bool is_null(const struct value *v) { return !v || v->type == V_NULL; }

/* Deletions have no place in a value that is new; those of whole list elements stay, as upstream keeps them. */
static void drop_nulls(struct value *v)
{
	for (uint32_t i = 0; v->type == V_LIST && i < v->list.len; i++)
		drop_nulls(v->list.items[i]);
	if (v->type != V_OBJECT)
		return;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < v->object.len; i++) {
		if (is_null(v->object.items[i].value))
			continue;
		drop_nulls(v->object.items[i].value);
		v->object.items[kept++] = v->object.items[i];
	}
	v->object.len = kept;
}

static struct value *taken(struct arena *a, const struct value *patch)
{
	struct value *v = value_copy(a, patch);
	drop_nulls(v);
	return v;
}

/* The objects on the way are written anew, with their members sorted: who keeps them as text sees it. */
static struct value *merge(struct arena *a, struct value *doc, const struct value *patch)
{
	if (!is_object(doc))
		return taken(a, patch);
	if (!is_object(patch))
		return value_copy(a, patch);
	for (uint32_t i = 0; i < patch->object.len; i++) {
		const struct member *m = &patch->object.items[i];
		struct value *old = value_get(doc, m->key);
		if (is_null(m->value))
			value_del(doc, m->key);
		else
			value_set(a, doc, m->key, is_null(old) ? taken(a, m->value) : merge(a, old, m->value));
	}
	value_sort_members(doc);
	return doc;
}

static const char *go_kind(const struct value *v)
{
	return v->type == V_LIST ? "array" : v->type == V_STRING ? "string" : v->type == V_BOOL ? "bool" : "number";
}

struct value *patch_merge(struct arena *a, struct value *doc, const struct value *patch, struct err *e)
{
	if (patch->type == V_NULL)
		return err_set(e, ERR_BAD_REQUEST, "Invalid JSON Patch"), NULL;
	if (patch->type != V_OBJECT)
		return err_set(e, ERR_BAD_REQUEST, "error decoding patch: json: cannot unmarshal %s into Go value of type map[string]interface {}", go_kind(patch)),
		       NULL;
	return merge(a, doc, patch);
}

struct value *patch_merge_diff(struct arena *a, const struct value *from, const struct value *to)
{
	struct value *patch = value_new(a, V_OBJECT);
	for (uint32_t i = 0; is_object(to) && i < to->object.len; i++) {
		const struct member *m = &to->object.items[i];
		struct value *old = value_get(from, m->key);
		if (!old || !(is_object(old) && is_object(m->value))) {
			if (!old || !value_eq(old, m->value))
				value_set(a, patch, m->key, value_copy(a, m->value));
			continue;
		}
		struct value *sub = patch_merge_diff(a, old, m->value);
		if (sub->object.len)
			value_set(a, patch, m->key, sub);
	}
	for (uint32_t i = 0; is_object(from) && i < from->object.len; i++)
		if (!value_get(to, from->object.items[i].key))
			value_set(a, patch, from->object.items[i].key, value_new(a, V_NULL));
	return patch;
}

/* The deletions of a patch, or everything but them.  An empty object is a value, a filtered one that became empty is not. */
static struct value *only(struct arena *a, const struct value *patch, bool deletions)
{
	struct value *out = value_new(a, V_OBJECT);
	for (uint32_t i = 0; i < patch->object.len; i++) {
		const struct member *m = &patch->object.items[i];
		bool inner = is_object(m->value) && m->value->object.len;
		struct value *v = inner ? only(a, m->value, deletions) : m->value;
		if (inner ? v->object.len > 0 : is_null(v) == deletions)
			value_set(a, out, m->key, v);
	}
	return out;
}

/* Joins two patches: unlike in merge, nulls stay. */
static void overlay(struct arena *a, struct value *patch, const struct value *more)
{
	for (uint32_t i = 0; i < more->object.len; i++) {
		const struct member *m = &more->object.items[i];
		struct value *old = value_get(patch, m->key);
		if (is_object(old) && is_object(m->value))
			overlay(a, old, m->value);
		else
			value_set(a, patch, m->key, m->value);
	}
}

struct value *patch_merge_three_way(struct arena *a, const struct value *original, const struct value *modified, const struct value *current)
{
	struct value *changes = only(a, patch_merge_diff(a, current, modified), false);
	struct value *patch = only(a, patch_merge_diff(a, original, modified), true);
	overlay(a, patch, changes);
	return patch;
}
