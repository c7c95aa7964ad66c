#include "schema/value.h"
#include <stdlib.h>

struct value *value_new(struct arena *a, enum value_type t)
{
	struct value *v = arena_make(a, struct value);
	if (v)
		v->type = t;
	return v;
}

struct value *value_str(struct arena *a, struct str s)
{
	struct value *v = value_new(a, V_STRING);
	if (v)
		v->s = s;
	return v;
}

struct value *value_int(struct arena *a, int64_t i)
{
	struct value *v = value_new(a, V_INT);
	if (v)
		v->i = i;
	return v;
}

struct value *value_bool(struct arena *a, bool b)
{
	struct value *v = value_new(a, V_BOOL);
	if (v)
		v->b = b;
	return v;
}

static struct member *find(const struct value *o, struct str key)
{
	if (!o || o->type != V_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < o->object.len; i++)
		if (str_eq(o->object.items[i].key, key))
			return &o->object.items[i];
	return NULL;
}

struct value *value_get(const struct value *o, struct str key)
{
	struct member *m = find(o, key);
	return m ? m->value : NULL;
}

void value_set(struct arena *a, struct value *o, struct str key, struct value *v)
{
	struct member *m = find(o, key);
	if (!m && o && v)
		m = arena_push(a, &o->object) ? &o->object.items[o->object.len - 1] : NULL;
	if (m && v)
		*m = (struct member){key, v};
}

bool value_del(struct value *o, struct str key)
{
	struct member *m = find(o, key);
	if (!m)
		return false;
	size_t after = o->object.items + o->object.len - (m + 1);
	memmove(m, m + 1, after * sizeof *m);
	o->object.len--;
	return true;
}

void value_push(struct arena *a, struct value *list, struct value *v)
{
	if (list && v && arena_push(a, &list->list))
		list->list.items[list->list.len - 1] = v;
}

static bool lists_eq(const struct value *a, const struct value *b)
{
	if (a->list.len != b->list.len)
		return false;
	for (uint32_t i = 0; i < a->list.len; i++)
		if (!value_eq(a->list.items[i], b->list.items[i]))
			return false;
	return true;
}

/* Members are matched by key, usually at the same place. */
static bool objects_eq(const struct value *a, const struct value *b)
{
	if (a->object.len != b->object.len)
		return false;
	for (uint32_t i = 0; i < a->object.len; i++) {
		const struct member *m = &a->object.items[i], *n = &b->object.items[i];
		const struct value *other = str_eq(m->key, n->key) ? n->value : value_get(b, m->key);
		if (!other || !value_eq(m->value, other))
			return false;
	}
	return true;
}

static bool is_number(const struct value *v) { return v->type == V_INT || v->type == V_DOUBLE; }
static double number(const struct value *v) { return v->type == V_INT ? (double)v->i : v->d; }

bool value_eq(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return is_number(a) && is_number(b) && number(a) == number(b);
	switch (a->type) {
	case V_BOOL: return a->b == b->b;
	case V_INT: return a->i == b->i;
	case V_DOUBLE: return a->d == b->d;
	case V_STRING: return str_eq(a->s, b->s);
	case V_LIST: return lists_eq(a, b);
	case V_OBJECT: return objects_eq(a, b);
	default: return true;
	}
}

static bool copy_list(struct arena *a, struct value *to, const struct value *from)
{
	uint32_t n = from->list.len;
	to->list.items = n ? arena_array(a, struct value *, n) : NULL;
	to->list.cap = to->list.items ? n : 0;
	for (uint32_t i = 0; i < to->list.cap; i++, to->list.len++)
		if (!(to->list.items[i] = value_copy(a, from->list.items[i])))
			return false;
	return to->list.len == n;
}

static bool copy_object(struct arena *a, struct value *to, const struct value *from)
{
	uint32_t n = from->object.len;
	to->object.items = n ? arena_array(a, struct member, n) : NULL;
	to->object.cap = to->object.items ? n : 0;
	for (uint32_t i = 0; i < to->object.cap; i++, to->object.len++) {
		const struct member *m = &from->object.items[i];
		struct member *c = &to->object.items[i];
		*c = (struct member){str_dup(a, m->key), value_copy(a, m->value)};
		if (!c->value || (m->key.p && !c->key.p))
			return false;
	}
	return to->object.len == n;
}

struct value *value_copy(struct arena *a, const struct value *v)
{
	struct value *c = value_new(a, v->type);
	if (!c)
		return NULL;
	switch (v->type) {
	case V_STRING:
		c->s = str_dup(a, v->s);
		return v->s.p && !c->s.p ? NULL : c;
	case V_LIST: return copy_list(a, c, v) ? c : NULL;
	case V_OBJECT: return copy_object(a, c, v) ? c : NULL;
	default:
		*c = *v;
		return c;
	}
}

static int member_cmp(const void *a, const void *b) { return str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key); }

void value_sort_members(struct value *v)
{
	if (v->type == V_OBJECT && v->object.len > 1)
		qsort(v->object.items, v->object.len, sizeof *v->object.items, member_cmp);
}

void value_sort(struct value *v)
{
	if (v->type == V_LIST)
		for (uint32_t i = 0; i < v->list.len; i++)
			value_sort(v->list.items[i]);
	if (v->type != V_OBJECT)
		return;
	value_sort_members(v);
	for (uint32_t i = 0; i < v->object.len; i++)
		value_sort(v->object.items[i].value);
}

struct value *value_path(const struct value *v, const char *path)
{
	struct str rest = str_of(path), name;
	const struct value *at = v;
	while (at && str_next(&rest, '.', &name))
		at = value_get(at, name);
	return (struct value *)at;
}

struct str value_path_str(const struct value *v, const char *path)
{
	const struct value *x = value_path(v, path);
	return x && x->type == V_STRING ? x->s : (struct str){0};
}
