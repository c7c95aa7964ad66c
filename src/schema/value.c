#include "schema/value.h"
#include <stdlib.h>

struct value *value_new(struct arena *a, enum value_type t)
{
	struct value *v = arena_make(a, struct value);
	v->type = t;
	return v;
}

struct value *value_str(struct arena *a, struct str s)
{
	struct value *v = value_new(a, V_STRING);
	v->s = s;
	return v;
}

struct value *value_int(struct arena *a, int64_t i)
{
	struct value *v = value_new(a, V_INT);
	v->i = i;
	return v;
}

struct value *value_bool(struct arena *a, bool b)
{
	struct value *v = value_new(a, V_BOOL);
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
	if (!m)
		m = arena_push(a, &o->object) ? &o->object.items[o->object.len - 1] : NULL;
	if (m)
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
	if (arena_push(a, &list->list))
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

struct value *value_copy(struct arena *a, const struct value *v)
{
	struct value *c = value_new(a, v->type);
	switch (v->type) {
	case V_STRING:
		c->s = str_dup(a, v->s);
		break;
	case V_LIST:
		for (uint32_t i = 0; i < v->list.len; i++)
			value_push(a, c, value_copy(a, v->list.items[i]));
		break;
	case V_OBJECT:
		for (uint32_t i = 0; i < v->object.len; i++)
			if (arena_push(a, &c->object))
				c->object.items[c->object.len - 1] =
					(struct member){str_dup(a, v->object.items[i].key), value_copy(a, v->object.items[i].value)};
		break;
	default:
		*c = *v;
	}
	return c;
}

static int member_cmp(const void *a, const void *b) { return str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key); }

void value_sort(struct value *v)
{
	if (v->type == V_LIST)
		for (uint32_t i = 0; i < v->list.len; i++)
			value_sort(v->list.items[i]);
	if (v->type != V_OBJECT)
		return;
	if (v->object.len > 1)
		qsort(v->object.items, v->object.len, sizeof *v->object.items, member_cmp);
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
