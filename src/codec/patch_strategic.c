#include "codec/patch_strategic.h"

/* Two uses of one merge: a patch into an object, and (three-way) a patch into a patch, whose directives must survive. */
struct merging {
	struct arena *a;
	bool joining; /* both sides are patches */
	struct err *e;
};

static int merge_map(struct merging *m, struct shape s, struct value *doc, struct value *patch, struct value **ret);
static int merge_list(struct merging *m, const struct member_plan *p, struct value *list, struct value *patch, bool deletions, struct value **ret);

static bool has_prefix(struct str key, const char *directive)
{
	size_t n = strlen(directive);
	return key.n > n && key.p[n] == '/' && memcmp(key.p, directive, n) == 0;
}

/* The list that "$directive/list" speaks of. */
static struct str without_prefix(struct str key, const char *directive) { return str_sub(key, strlen(directive) + 1, key.n); }

static int bad_format(struct err *e, const char *of) { return err_set(e, ERR_BAD_REQUEST, "invalid patch format of %s", of); }

static int bad_directive(struct err *e, const struct value *directive, const struct value *in)
{
	BUF(text);
	bool word = directive->type == V_STRING;
	buf_lit(&text, "unknown patch type: ");
	if (!word)
		buf_printf(&text, "%%!s(%s=", directive->type == V_INT ? "int64" : directive->type == V_BOOL ? "bool" : "float64");
	value_write_go(&text, directive);
	if (!word)
		buf_char(&text, ')');
	buf_lit(&text, " in map: ");
	value_write_go(&text, in);
	return err_set(e, ERR_UNKNOWN, "%s", buf_z(&text));
}

static bool is_directive(struct str key) { return key.n && key.p[0] == '$' && (str_is(key, PATCH_DIRECTIVE) || str_is(key, RETAIN_KEYS) || has_prefix(key, DELETE_FROM_LIST) || has_prefix(key, SET_ORDER)); }

static struct value *strip(struct merging *m, struct value *v);

static struct value *strip_list(struct merging *m, struct value *v)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < v->list.len; i++) {
		struct value *item = strip(m, v->list.items[i]);
		if (item)
			v->list.items[kept++] = item;
	}
	v->list.len = kept;
	return v;
}

/* Something new comes without directives and deletions; NULL: nothing is left of it. */
static struct value *strip(struct merging *m, struct value *v)
{
	if (m->joining || (v->type != V_OBJECT && v->type != V_LIST))
		return v;
	if (v->type == V_LIST)
		return strip_list(m, v);
	struct value *directive = value_get(v, STR(PATCH_DIRECTIVE));
	if (directive && !(directive->type == V_STRING && str_is(directive->s, "replace")))
		return NULL;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < v->object.len; i++) {
		struct member x = v->object.items[i];
		if (is_directive(x.key) || x.value->type == V_NULL || !(x.value = strip(m, x.value)))
			continue;
		v->object.items[kept++] = x;
	}
	v->object.len = kept;
	return v;
}

static void take(struct merging *m, struct value *doc, struct str key, struct value *v)
{
	v = strip(m, v);
	if (v)
		value_set(m->a, doc, key, v);
	else
		value_del(doc, key);
}

/* ---- $retainKeys ---- */

static bool names(const struct value *list, struct str key)
{
	for (uint32_t i = 0; i < list->list.len; i++)
		if (list->list.items[i]->type == V_STRING && str_eq(list->list.items[i]->s, key))
			return true;
	return false;
}

static int check_retained(const struct value *keep, const struct value *patch, struct err *e)
{
	for (uint32_t i = 0; i < patch->object.len; i++) {
		const struct member *x = &patch->object.items[i];
		bool exempt = x->value->type == V_NULL || has_prefix(x->key, DELETE_FROM_LIST) || has_prefix(x->key, SET_ORDER);
		if (!exempt && !names(keep, x->key))
			return bad_format(e, "retainKeys");
	}
	return 0;
}

static int retain_keys(struct merging *m, struct value *doc, struct value *patch)
{
	struct value *keep = value_get(patch, STR(RETAIN_KEYS));
	if (!keep)
		return 0;
	value_del(patch, STR(RETAIN_KEYS));
	if (m->joining) {
		struct value *other = value_get(doc, STR(RETAIN_KEYS));
		if (other && !value_eq(other, keep))
			return bad_format(m->e, "retainKeys");
		return value_set(m->a, doc, STR(RETAIN_KEYS), keep), 0;
	}
	if (keep->type != V_LIST || check_retained(keep, patch, m->e))
		return bad_format(m->e, "retainKeys");
	uint32_t kept = 0;
	for (uint32_t i = 0; i < doc->object.len; i++)
		if (names(keep, doc->object.items[i].key))
			doc->object.items[kept++] = doc->object.items[i];
	doc->object.len = kept;
	return 0;
}

/* ---- order of lists ---- */

/* Elements of all that order names, or does not. */
static struct value *part(struct merging *m, const struct value *all, const struct value *order, struct str key, bool named)
{
	struct value *out = value_new(m->a, V_LIST);
	for (uint32_t i = 0; i < all->list.len; i++)
		if ((list_find(order, all->list.items[i], key) >= 0) == named)
			value_push(m->a, out, all->list.items[i]);
	return out;
}

/* The patched elements in the patch's order, the others in the server's; another's place is before the first patched one that the server
 * had behind it. */
static struct value *in_order(struct merging *m, const struct value *all, const struct value *patch_order, const struct value *server_order, struct str key)
{
	struct value *mine = part(m, all, patch_order, key, true), *others = part(m, all, patch_order, key, false);
	struct value *out = value_new(m->a, V_LIST);
	uint32_t i = 0, j = 0;
	list_order(mine, patch_order, key, m->a);
	list_order(others, server_order, key, m->a);
	while (i < others->list.len && j < mine->list.len) {
		int64_t other = list_find(server_order, others->list.items[i], key), own = list_find(server_order, mine->list.items[j], key);
		bool first = other >= 0 && own >= 0 && other < own;
		value_push(m->a, out, first ? others->list.items[i++] : mine->list.items[j++]);
	}
	while (i < others->list.len)
		value_push(m->a, out, others->list.items[i++]);
	while (j < mine->list.len)
		value_push(m->a, out, mine->list.items[j++]);
	return out;
}

static int order_mismatch(struct err *e, const struct value *patch, const struct value *order)
{
	BUF(text);
	buf_lit(&text, "The order in patch list:\n");
	value_write_go(&text, patch);
	buf_lit(&text, "\n doesn't match " SET_ORDER " list:\n");
	value_write_go(&text, order);
	buf_char(&text, '\n');
	return err_set(e, ERR_UNKNOWN, "%s", buf_z(&text));
}

/* The patch's elements must be in the order that it sets; deletions may be anywhere. */
static int check_order(const struct value *patch, const struct value *order, struct str key, struct err *e)
{
	uint32_t at = 0;
	for (uint32_t i = 0; patch && i < patch->list.len; i++) {
		const struct value *v = patch->list.items[i];
		if (v->type == V_OBJECT && value_get(v, STR(PATCH_DIRECTIVE)))
			continue;
		struct value rest = {.type = V_LIST, .list = {order->list.items + at, order->list.len - at, 0}};
		int64_t found = list_find(&rest, v, key);
		if (found < 0)
			return order_mismatch(e, patch, order);
		at += (uint32_t)found + 1;
	}
	return 0;
}

static int want_list(const struct value *v, struct err *e)
{
	static const char *const types[] = {[V_NULL] = "nil", [V_BOOL] = "bool", [V_INT] = "int64", [V_DOUBLE] = "float64", [V_STRING] = "string",
		[V_OBJECT] = "map[string]interface {}"};
	return !v || v->type == V_LIST ? 0 : err_set(e, ERR_UNKNOWN, "expected a []interface {}, but received a %s", types[v->type]);
}

static int merged_for_order(struct merging *m, const struct member_plan *p, struct value *list, struct value *more, struct value **ret)
{
	if (!more)
		return *ret = list, 0;
	if (!list)
		return *ret = strip(m, more), 0;
	if (p->merge)
		return merge_list(m, p, list, more, false, ret);
	return *ret = strip(m, more), 0;
}

static int apply_order(struct merging *m, struct shape s, struct value *doc, struct value *patch, struct str key, struct value *order)
{
	struct member_plan p;
	struct value *list = value_get(doc, key), *more = value_get(patch, key), *all, *server = list ? value_copy(m->a, list) : NULL;
	if (want_list(order, m->e) || want_list(list, m->e) || want_list(more, m->e) || shape_member(s, key, &p, m->e))
		return -1;
	if (list_check(order, p.merge_key, m->e) || check_order(more, order, p.merge_key, m->e))
		return -1;
	if (!list && !more)
		return 0;
	if (merged_for_order(m, &p, list, more, &all))
		return -1;
	value_set(m->a, doc, key, in_order(m, all, order, server, p.merge_key));
	value_del(patch, key);
	return 0;
}

/* All $setElementOrder directives of a patch, each with the list that it orders. */
static int apply_orders(struct merging *m, struct shape s, struct value *doc, struct value *patch)
{
	for (uint32_t i = 0; i < patch->object.len;) {
		struct member x = patch->object.items[i];
		if (!has_prefix(x.key, SET_ORDER)) {
			i++;
			continue;
		}
		value_del(patch, x.key);
		if (m->joining) {
			struct value *other = value_get(doc, x.key);
			if (other && !value_eq(other, x.value))
				return bad_format(m->e, "setElementOrder list");
			value_set(m->a, doc, x.key, x.value);
		}
		if (apply_order(m, s, doc, patch, without_prefix(x.key, SET_ORDER), x.value))
			return -1;
		i = 0; /* two members may have gone */
	}
	return 0;
}

/* ---- lists ---- */

static struct value *scalars_merged(struct merging *m, struct value *list, const struct value *patch)
{
	struct value *out = value_new(m->a, V_LIST);
	for (uint32_t i = 0; i < list->list.len + patch->list.len; i++) {
		struct value *v = i < list->list.len ? list->list.items[i] : patch->list.items[i - list->list.len];
		if (list_find(out, v, (struct str){0}) < 0)
			value_push(m->a, out, v);
	}
	return out;
}

static struct value *scalars_deleted(struct merging *m, const struct value *list, const struct value *patch)
{
	return part(m, list, patch, (struct str){0}, false);
}

/* Obeys $patch: delete and replace in the patch's elements and leaves the plain ones in *ret_plain. */
static int special_elements(struct merging *m, struct str key, struct value **list, const struct value *patch, struct value **ret_plain)
{
	bool replace = false;
	struct value *plain = value_new(m->a, V_LIST);
	for (uint32_t i = 0; i < patch->list.len; i++) {
		struct value *v = patch->list.items[i], *directive = value_get(v, STR(PATCH_DIRECTIVE));
		if (v->type != V_OBJECT)
			return list_check(patch, key, m->e);
		if (!directive) {
			value_push(m->a, plain, v);
		} else if (directive->type == V_STRING && str_is(directive->s, "replace")) {
			replace = true;
		} else if (directive->type == V_STRING && str_is(directive->s, "delete")) {
			struct value one = {.type = V_LIST, .list = {&v, 1, 1}};
			if (list_check(&one, key, m->e))
				return -1;
			*list = part(m, *list, &one, key, false);
		} else if (directive->type == V_STRING && str_is(directive->s, "merge")) {
			return err_set(m->e, ERR_UNKNOWN, "merging lists cannot yet be specified in the patch");
		} else {
			return bad_directive(m->e, directive, v);
		}
	}
	if (replace)
		*list = value_new(m->a, V_LIST);
	*ret_plain = plain;
	return 0;
}

static int maps_merged(struct merging *m, const struct member_plan *p, struct value *list, struct value *patch)
{
	if (list_check(patch, p->merge_key, m->e))
		return -1;
	for (uint32_t i = 0; i < patch->list.len; i++) {
		struct value *v = patch->list.items[i], *merged;
		int64_t at = list_find(list, v, p->merge_key);
		if (at < 0) {
			v = strip(m, v);
			if (v)
				value_push(m->a, list, v);
			continue;
		}
		if (merge_map(m, p->shape, list->list.items[at], v, &merged))
			return -1;
		list->list.items[at] = merged;
	}
	return 0;
}

static int merge_list(struct merging *m, const struct member_plan *p, struct value *list, struct value *patch, bool deletions, struct value **ret)
{
	struct value *plain = patch, *server = value_copy(m->a, list);
	struct value *sample = list->list.len ? list->list.items[0] : patch->list.len ? patch->list.items[0] : NULL;
	struct str key = {0};
	if (!sample)
		return *ret = list, 0;
	if (list_check(list, key, m->e) || list_check(patch, key, m->e))
		return -1;
	if (sample->type != V_OBJECT) {
		if (!m->joining && deletions)
			return *ret = scalars_deleted(m, list, patch), 0;
		list = scalars_merged(m, list, patch);
	} else {
		key = p->merge_key;
		if (!key.n)
			return err_set(m->e, ERR_UNKNOWN, "cannot merge lists without merge key for %.*s", STR_F(p->shape.name));
		if ((!m->joining && special_elements(m, key, &list, patch, &plain)) || maps_merged(m, p, list, plain))
			return -1;
	}
	*ret = in_order(m, list, plain, server, key);
	return 0;
}

/* ---- objects ---- */

static int directed(struct merging *m, struct value *directive, struct value *patch, struct value **ret)
{
	if (directive->type == V_STRING && str_is(directive->s, "replace"))
		return value_del(patch, STR(PATCH_DIRECTIVE)), *ret = patch, 0;
	if (directive->type == V_STRING && str_is(directive->s, "delete"))
		return *ret = value_new(m->a, V_OBJECT), 0;
	return bad_directive(m->e, directive, patch);
}

/* Both sides have the member, and of the same kind. */
static int merge_both(struct merging *m, struct shape s, struct value *doc, struct str key, struct value *old, struct value *v, bool deletions)
{
	struct member_plan p;
	struct value *merged = v;
	if (v->type != V_OBJECT && v->type != V_LIST)
		return value_set(m->a, doc, key, v), 0;
	if (shape_member(s, key, &p, m->e))
		return -1;
	if (v->type == V_OBJECT && !p.replace && merge_map(m, p.shape, old, v, &merged))
		return -1;
	if (v->type == V_LIST && (p.merge || deletions) && merge_list(m, &p, old, v, deletions, &merged))
		return -1;
	value_set(m->a, doc, key, merged);
	return 0;
}

static int merge_member(struct merging *m, struct shape s, struct value *doc, struct str key, struct value *v)
{
	bool deletions = has_prefix(key, DELETE_FROM_LIST);
	if (deletions && m->joining)
		return value_set(m->a, doc, key, v), 0;
	if (deletions)
		key = without_prefix(key, DELETE_FROM_LIST);
	if (v->type == V_NULL && !m->joining)
		return value_del(doc, key), 0;
	struct value *old = value_get(doc, key);
	if (old && old->type == v->type)
		return merge_both(m, s, doc, key, old, v, deletions);
	if (!deletions)
		take(m, doc, key, v);
	return 0;
}

static int merge_map(struct merging *m, struct shape s, struct value *doc, struct value *patch, struct value **ret)
{
	struct value *directive = value_get(patch, STR(PATCH_DIRECTIVE));
	if (directive)
		return directed(m, directive, patch, ret);
	if (retain_keys(m, doc, patch) || apply_orders(m, s, doc, patch))
		return -1;
	for (uint32_t i = 0; i < patch->object.len; i++)
		if (merge_member(m, s, doc, patch->object.items[i].key, patch->object.items[i].value))
			return -1;
	*ret = doc;
	return 0;
}

struct value *patch_strategic(struct arena *a, const struct type *t, struct value *doc, const struct value *patch, struct err *e)
{
	struct merging m = {.a = a, .e = e};
	struct value *ret;
	if (patch->type == V_NULL)
		return doc;
	if (patch->type != V_OBJECT) {
		static const char *const kinds[] = {[V_BOOL] = "bool", [V_INT] = "number", [V_DOUBLE] = "number", [V_STRING] = "string", [V_LIST] = "array"};
		err_set(e, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type map[string]interface {}", kinds[patch->type]);
		return NULL;
	}
	return merge_map(&m, (struct shape){.type = t, .name = STR("object")}, doc, value_copy(a, patch), &ret) ? NULL : ret;
}

int strategic_join(struct arena *a, const struct type *t, struct value *patch, struct value *more, struct value **ret, struct err *e)
{
	struct merging m = {.a = a, .joining = true, .e = e};
	return merge_map(&m, (struct shape){.type = t, .name = STR("object")}, patch, more, ret);
}
