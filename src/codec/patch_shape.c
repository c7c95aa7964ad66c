#include "codec/patch_shape.h"
#include "codec/json.h"
#include <stdlib.h>

static struct str short_name(const struct type *t)
{
	struct str s = type_name(t);
	return str_sub(s, (size_t)(str_rindex(s, '.') + 1), s.n);
}

static struct shape shape_of(const struct field *f)
{
	const struct type *t = f->kind == K_MESSAGE ? field_type(f) : NULL;
	struct str name = t ? short_name(t) : f->kind == K_RAW ? STR("RawExtension") : STR("JSON");
	return (struct shape){t, f->card == MAP_OF, name};
}

int shape_member(struct shape s, struct str key, struct member_plan *ret, struct err *e)
{
	if (s.map) {
		*ret = (struct member_plan){.shape = {s.type, false, s.name}};
		return 0;
	}
	const struct field *f = s.type ? field_by_name(s.type, key, false) : NULL;
	if (!f)
		return err_set(e, ERR_UNKNOWN, "unable to find api field in struct %.*s for the json field \"%.*s\"", STR_F(s.name), STR_F(key));
	*ret = (struct member_plan){
		.shape = shape_of(f),
		.merge = f->flags & FIELD_PATCH_MERGE,
		.replace = f->flags & FIELD_PATCH_REPLACE,
		.retain_keys = f->flags & FIELD_PATCH_RETAIN_KEYS,
		.merge_key = field_merge_key(f),
	};
	return 0;
}

static const char *const go_types[] = {
	[V_NULL] = "nil", [V_BOOL] = "bool", [V_INT] = "int64", [V_DOUBLE] = "float64", [V_STRING] = "string", [V_LIST] = "slice", [V_OBJECT] = "map",
};

static int check_element(const struct value *v, struct str merge_key, struct err *e)
{
	BUF(text);
	if (v->type != V_OBJECT)
		return err_set(e, ERR_UNKNOWN, "expected a map, but received a %s", go_types[v->type]);
	if (value_get(v, merge_key))
		return 0;
	value_write_go(&text, v);
	return err_set(e, ERR_UNKNOWN, "map: %.*s does not contain declared merge key: %.*s", STR_F(buf_view(&text)), STR_F(merge_key));
}

int list_check(const struct value *l, struct str merge_key, struct err *e)
{
	for (uint32_t i = 0; l && i < l->list.len; i++) {
		const struct value *v = l->list.items[i];
		if (v->type == V_LIST)
			return err_set(e, ERR_BAD_REQUEST, "lists of lists are not supported");
		if (merge_key.n && check_element(v, merge_key, e))
			return -1;
	}
	return 0;
}

static const struct value *identity(const struct value *v, struct str merge_key) { return merge_key.n ? value_get(v, merge_key) : v; }

int64_t list_find(const struct value *l, const struct value *v, struct str merge_key)
{
	const struct value *id = identity(v, merge_key);
	for (uint32_t i = 0; l && id && i < l->list.len; i++) {
		const struct value *other = identity(l->list.items[i], merge_key);
		if (other && value_eq(other, id))
			return i;
	}
	return -1;
}

struct ranked {
	struct value *v;
	int64_t rank;
};

/* Merges two sorted halves; taking from the left on a tie keeps the sort stable. */
static void merge_ranked(struct ranked *v, struct ranked *tmp, size_t mid, size_t n)
{
	memcpy(tmp, v, n * sizeof *v);
	for (size_t k = 0, i = 0, j = mid; k < n; k++)
		v[k] = j >= n || (i < mid && tmp[i].rank <= tmp[j].rank) ? tmp[i++] : tmp[j++];
}

static void sort_ranked(struct ranked *v, struct ranked *tmp, size_t n)
{
	if (n < 2)
		return;
	sort_ranked(v, tmp, n / 2);
	sort_ranked(v + n / 2, tmp, n - n / 2);
	merge_ranked(v, tmp, n / 2, n);
}

void list_order(struct value *l, const struct value *order, struct str merge_key, struct arena *a)
{
	size_t n = l->list.len;
	struct ranked *v = arena_array(a, struct ranked, n), *tmp = arena_array(a, struct ranked, n);
	if (n < 2 || !v || !tmp)
		return;
	for (size_t i = 0; i < n; i++) {
		int64_t at = list_find(order, l->list.items[i], merge_key);
		v[i] = (struct ranked){l->list.items[i], at < 0 ? INT64_MAX : at};
	}
	sort_ranked(v, tmp, n);
	for (size_t i = 0; i < n; i++)
		l->list.items[i] = v[i].v;
}

static int by_key(const void *a, const void *b) { return str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key); }

static void write_go_object(struct buf *out, const struct value *v)
{
	size_t bytes = v->object.len * sizeof(struct member);
	struct member *m = malloc(bytes + 1);
	if (!m)
		return;
	memcpy(m, v->object.items, bytes);
	qsort(m, v->object.len, sizeof *m, by_key);
	buf_lit(out, "map[");
	for (uint32_t i = 0; i < v->object.len; i++) {
		if (i)
			buf_char(out, ' ');
		buf_str(out, m[i].key);
		buf_char(out, ':');
		value_write_go(out, m[i].value);
	}
	buf_char(out, ']');
	free(m);
}

static void write_go_list(struct buf *out, const struct value *v)
{
	buf_char(out, '[');
	for (uint32_t i = 0; i < v->list.len; i++) {
		if (i)
			buf_char(out, ' ');
		value_write_go(out, v->list.items[i]);
	}
	buf_char(out, ']');
}

void value_write_go(struct buf *out, const struct value *v)
{
	switch (v->type) {
	case V_NULL: buf_lit(out, "<nil>"); break;
	case V_STRING: buf_str(out, v->s); break;
	case V_OBJECT: write_go_object(out, v); break;
	case V_LIST: write_go_list(out, v); break;
	default: json_write(out, v);
	}
}
