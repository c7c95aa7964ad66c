#include "codec/patch_strategic.h"

enum { NO_DELETIONS = 1, ONLY_DELETIONS = 2 };

struct diffing {
	struct arena *a;
	unsigned flags;
	struct err *e;
};

static int diff_map(struct diffing *d, struct shape s, const struct value *from, const struct value *to, bool retain, struct value **ret);

static struct str directive_for(struct diffing *d, const char *directive, struct str key) { return str_printf(d->a, "%s/%.*s", directive, STR_F(key)); }

static void put_if_changed(struct diffing *d, struct value *patch, struct str key, const struct value *from, const struct value *to)
{
	if (!(d->flags & ONLY_DELETIONS) && !(from && value_eq(from, to)))
		value_set(d->a, patch, key, value_copy(d->a, to));
}

/* What a list's diff consists of. */
struct list_diff {
	struct value *changes, *deletions;
	bool ordered; /* the order of `to` has to be sent */
};

static void diff_scalars(struct diffing *d, const struct value *from, const struct value *to, struct list_diff *ret)
{
	struct str none = {0};
	for (uint32_t i = 0; !(d->flags & ONLY_DELETIONS) && i < to->list.len; i++)
		if (list_find(from, to->list.items[i], none) < 0)
			value_push(d->a, ret->changes, to->list.items[i]);
	for (uint32_t i = 0; !(d->flags & NO_DELETIONS) && i < from->list.len; i++)
		if (list_find(to, from->list.items[i], none) < 0)
			value_push(d->a, ret->deletions, from->list.items[i]);
	ret->ordered = ret->deletions->list.len || (!(d->flags & ONLY_DELETIONS) && !value_eq(from, to));
}

static int diff_element(struct diffing *d, const struct member_plan *p, const struct value *from, const struct value *v, struct value *changes)
{
	struct value *sub;
	int64_t at = list_find(from, v, p->merge_key);
	if (at < 0 && !(d->flags & ONLY_DELETIONS))
		value_push(d->a, changes, value_copy(d->a, v));
	if (at < 0)
		return 0;
	if (diff_map(d, p->shape, from->list.items[at], v, p->retain_keys, &sub))
		return -1;
	if (sub->object.len) {
		value_set(d->a, sub, p->merge_key, value_get(v, p->merge_key));
		value_push(d->a, changes, sub);
	}
	return 0;
}

static struct value *deletion(struct diffing *d, const struct value *v, struct str key)
{
	struct value *o = value_new(d->a, V_OBJECT);
	value_set(d->a, o, STR(PATCH_DIRECTIVE), value_str(d->a, STR("delete")));
	value_set(d->a, o, key, value_get(v, key));
	return o;
}

static bool same_order(const struct value *from, const struct value *to, struct str key)
{
	bool same = from->list.len == to->list.len;
	for (uint32_t i = 0; same && i < to->list.len; i++)
		same = value_eq(value_get(from->list.items[i], key), value_get(to->list.items[i], key));
	return same;
}

static int diff_maps(struct diffing *d, const struct member_plan *p, const struct value *from, const struct value *to, struct list_diff *ret)
{
	struct str key = p->merge_key;
	if (!key.n)
		return err_set(d->e, ERR_UNKNOWN, "cannot merge lists without merge key for %.*s", STR_F(p->shape.name));
	if (list_check(from, key, d->e) || list_check(to, key, d->e))
		return -1;
	for (uint32_t i = 0; i < to->list.len; i++)
		if (diff_element(d, p, from, to->list.items[i], ret->changes))
			return -1;
	bool changed = ret->changes->list.len > 0;
	for (uint32_t i = 0; !(d->flags & NO_DELETIONS) && i < from->list.len; i++)
		if (list_find(to, from->list.items[i], key) < 0)
			value_push(d->a, ret->changes, deletion(d, from->list.items[i], key));
	ret->ordered = changed || ret->changes->list.len || (!(d->flags & ONLY_DELETIONS) && !same_order(from, to, key));
	return 0;
}

static struct value *order_of(struct diffing *d, const struct value *list, struct str key)
{
	struct value *out = value_new(d->a, V_LIST);
	for (uint32_t i = 0; i < list->list.len; i++) {
		struct value *v = list->list.items[i];
		if (v->type == V_OBJECT) {
			struct value *o = value_new(d->a, V_OBJECT);
			value_set(d->a, o, key, value_get(v, key));
			v = o;
		}
		value_push(d->a, out, v);
	}
	return out;
}

static int diff_list(struct diffing *d, const struct member_plan *p, struct str key, const struct value *from, const struct value *to, struct value *patch)
{
	struct list_diff l = {value_new(d->a, V_LIST), value_new(d->a, V_LIST), false};
	if (!p->merge || !from->list.len) {
		if (!p->merge || to->list.len)
			put_if_changed(d, patch, key, from, to);
		return 0;
	}
	bool maps = from->list.items[0]->type == V_OBJECT;
	if (list_check(from, (struct str){0}, d->e) || list_check(to, (struct str){0}, d->e))
		return -1;
	if (!maps)
		diff_scalars(d, from, to, &l);
	else if (diff_maps(d, p, from, to, &l))
		return -1;
	if (l.changes->list.len)
		value_set(d->a, patch, key, l.changes);
	if (l.deletions->list.len)
		value_set(d->a, patch, directive_for(d, DELETE_FROM_LIST, key), l.deletions);
	if (l.ordered && to->list.len)
		value_set(d->a, patch, directive_for(d, SET_ORDER, key), order_of(d, to, p->merge_key));
	return 0;
}

static int diff_member(struct diffing *d, struct shape s, struct str key, const struct value *from, const struct value *to, struct value *patch)
{
	struct member_plan p;
	struct value *sub;
	if (!from || from->type != to->type || (to->type != V_OBJECT && to->type != V_LIST))
		return put_if_changed(d, patch, key, from, to), 0;
	if (shape_member(s, key, &p, d->e))
		return -1;
	if (to->type == V_LIST)
		return diff_list(d, &p, key, from, to, patch);
	if (p.replace)
		return put_if_changed(d, patch, key, from, to), 0;
	if (diff_map(d, p.shape, from, to, p.retain_keys, &sub))
		return -1;
	if (sub->object.len)
		value_set(d->a, patch, key, sub);
	return 0;
}

static void add_retain_keys(struct diffing *d, struct value *patch, const struct value *to)
{
	struct value *sorted = value_copy(d->a, to), *keys = value_new(d->a, V_LIST);
	value_sort(sorted);
	for (uint32_t i = 0; i < sorted->object.len; i++)
		if (sorted->object.items[i].value->type != V_NULL)
			value_push(d->a, keys, value_str(d->a, sorted->object.items[i].key));
	value_set(d->a, patch, STR(RETAIN_KEYS), keys);
}

static int diff_map(struct diffing *d, struct shape s, const struct value *from, const struct value *to, bool retain, struct value **ret)
{
	struct value *patch = value_new(d->a, V_OBJECT);
	for (uint32_t i = 0; i < to->object.len; i++) {
		const struct member *m = &to->object.items[i];
		if (diff_member(d, s, m->key, value_get(from, m->key), m->value, patch))
			return -1;
	}
	for (uint32_t i = 0; !(d->flags & NO_DELETIONS) && from && i < from->object.len; i++)
		if (!value_get(to, from->object.items[i].key))
			value_set(d->a, patch, from->object.items[i].key, value_new(d->a, V_NULL));
	if (retain && patch->object.len)
		add_retain_keys(d, patch, to);
	*ret = patch;
	return 0;
}

static int diff(struct arena *a, const struct type *t, const struct value *from, const struct value *to, unsigned flags, struct value **ret, struct err *e)
{
	struct diffing d = {.a = a, .flags = flags, .e = e};
	if ((from && from->type != V_OBJECT) || to->type != V_OBJECT)
		return err_set(e, ERR_BAD_REQUEST, "invalid JSON document");
	return diff_map(&d, (struct shape){.type = t, .name = STR("object")}, from, to, false, ret);
}

struct value *patch_strategic_diff(struct arena *a, const struct type *t, const struct value *from, const struct value *to, struct err *e)
{
	struct value *ret;
	return diff(a, t, from, to, 0, &ret, e) ? NULL : ret;
}

struct value *patch_strategic_three_way(struct arena *a, const struct type *t, const struct value *original, const struct value *modified,
	const struct value *current, struct err *e)
{
	struct value *changes, *deletions, *ret;
	if (diff(a, t, current, modified, NO_DELETIONS, &changes, e) || diff(a, t, original, modified, ONLY_DELETIONS, &deletions, e))
		return NULL;
	return strategic_join(a, t, deletions, changes, &ret, e) ? NULL : ret;
}
