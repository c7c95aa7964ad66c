#include "codec/managed_value.h"

/* ---- merging ---- */

static struct value *merge(struct arena *a, struct place p, struct value *x, struct value *y);

static struct value *merge_members(struct arena *a, struct place p, const struct value *x, const struct value *y)
{
	struct value *out = value_new(a, V_OBJECT);
	struct place child;
	for (uint32_t i = 0; is_type(x, V_OBJECT) && i < x->object.len; i++) {
		const struct member *m = &x->object.items[i];
		struct value *over = value_get(y, m->key);
		value_set(a, out, m->key, over && place_step(p, pe_field(m->key), &child) ? merge(a, child, m->value, over) : m->value);
	}
	for (uint32_t i = 0; is_type(y, V_OBJECT) && i < y->object.len; i++)
		if (!value_get(x, y->object.items[i].key))
			value_set(a, out, y->object.items[i].key, y->object.items[i].value);
	return out;
}

/* Two lists on their way into one.  Elements that both have come in y's order; those of x alone keep their place before the next shared one. */
struct zip {
	struct arena *a;
	struct place element;
	const struct value *x, *y;
	struct pe *px, *py;
	uint32_t nx, ny, i, j;
	bool *merged;    /* of y: taken already */
	int64_t shared;  /* index in y of the next element that x has too; -1: none */
	struct value *out;
};

static int64_t in_x(const struct zip *z, uint32_t j) { return pe_find(z->px, z->nx, z->py[j], 0); }
static int64_t in_y(const struct zip *z, uint32_t i) { return pe_find(z->py, z->ny, z->px[i], 0); }

static int64_t next_shared(const struct zip *z, uint32_t j)
{
	for (; j < z->ny; j++)
		if (in_x(z, j) >= 0)
			return j;
	return -1;
}

static void take_y(struct zip *z)
{
	int64_t at = in_x(z, z->j);
	struct value *v = z->y->list.items[z->j];
	value_push(z->a, z->out, at < 0 ? v : merge(z->a, z->element, z->x->list.items[at], v));
	z->merged[z->j] = true;
	if (z->shared == z->j)
		z->shared = next_shared(z, z->j + 1);
	z->j++;
}

static void zip_step(struct zip *z)
{
	int64_t at = z->i < z->nx ? in_y(z, z->i) : -1;
	bool left = z->i < z->nx, right = z->j < z->ny;
	if (left && right && at == z->j) {
		take_y(z);
		z->i++;
	} else if (left && right && at >= 0 && z->shared >= 0 && at != z->shared) {
		z->i++; /* comes later, in y's order */
	} else if (left && at < 0) {
		value_push(z->a, z->out, z->x->list.items[z->i++]);
	} else {
		if (left && z->merged[at])
			z->i++;
		if (right)
			take_y(z);
		else if (left && !z->merged[at])
			z->i++;
	}
}

static struct value *merge_elements(struct arena *a, struct place p, struct value *x, struct value *y)
{
	struct zip z = {.a = a, .element = place_element(p), .x = x, .y = y, .px = place_pes(a, p, x), .py = place_pes(a, p, y),
		.nx = is_type(x, V_LIST) ? x->list.len : 0, .ny = is_type(y, V_LIST) ? y->list.len : 0, .out = value_new(a, V_LIST)};
	z.merged = arena_array(a, bool, z.ny + 1);
	if (!z.px || !z.py || !z.merged)
		return y;
	if (!z.nx || !z.ny)
		return z.nx ? x : y;
	z.shared = next_shared(&z, 0);
	while (z.i < z.nx || z.j < z.ny)
		zip_step(&z);
	return z.out;
}

static struct value *merge(struct arena *a, struct place p, struct value *x, struct value *y)
{
	enum granularity g = place_granularity(p);
	if (!x || !y)
		return y ? y : x;
	if (g == G_LEAF || g == G_WHOLE || (is_nothing(x) && is_nothing(y)))
		return y;
	return g == G_STRUCT || g == G_MAP ? merge_members(a, p, x, y) : merge_elements(a, p, x, y);
}

struct value *value_merge(struct arena *a, const struct type *t, struct value *x, struct value *y) { return merge(a, place_root(t), x, y); }

/* ---- removing ---- */

static struct value *without(struct arena *a, struct place p, struct value *v, const struct fieldset *s);

/* What is left of one child; NULL: nothing, it is a member itself. */
static struct value *child_without(struct arena *a, struct place p, struct pe pe, struct value *v, const struct fieldset *s)
{
	const struct node *n = fieldset_find(s, pe);
	struct place child;
	if (n && n->member)
		return NULL;
	return n && n->sub && place_step(p, pe, &child) ? without(a, child, v, n->sub) : v;
}

static struct value *members_without(struct arena *a, struct place p, const struct value *v, const struct fieldset *s)
{
	struct value *out = value_new(a, V_OBJECT);
	for (uint32_t i = 0; i < v->object.len; i++) {
		struct value *left = child_without(a, p, pe_field(v->object.items[i].key), v->object.items[i].value, s);
		if (left)
			value_set(a, out, v->object.items[i].key, left);
	}
	return out;
}

static struct value *elements_without(struct arena *a, struct place p, const struct value *v, const struct fieldset *s)
{
	struct value *out = value_new(a, V_LIST);
	struct pe *pes = place_pes(a, p, v);
	for (uint32_t i = 0; pes && i < v->list.len; i++) {
		struct value *left = child_without(a, p, pes[i], v->list.items[i], s);
		if (left)
			value_push(a, out, left);
	}
	return out;
}

/* A container that loses all becomes null. */
static struct value *without(struct arena *a, struct place p, struct value *v, const struct fieldset *s)
{
	enum granularity g = place_granularity(p);
	struct value *left = v;
	if (g == G_LEAF || g == G_WHOLE || is_nothing(v))
		return v;
	if ((g == G_STRUCT || g == G_MAP) && v->type == V_OBJECT)
		left = members_without(a, p, v, s);
	else if ((g == G_LIST_SET || g == G_LIST_MAP) && v->type == V_LIST)
		left = elements_without(a, p, v, s);
	return is_nothing(left) ? value_new(a, V_NULL) : left;
}

struct value *value_remove(struct arena *a, const struct type *t, struct value *v, const struct fieldset *set)
{
	return fieldset_empty(set) ? v : without(a, place_root(t), v, set);
}

/* ---- sets under the schema ---- */

static struct fieldset *named(struct arena *a, struct place p, const struct fieldset *s)
{
	bool in_struct = place_granularity(p) == G_STRUCT;
	struct fieldset *out = fieldset_new(a);
	for (uint32_t i = 0; s && i < s->len; i++) {
		struct node n = s->items[i];
		struct place child;
		if (n.sub && place_step(p, n.pe, &child)) {
			n.member |= in_struct;
			n.sub = named(a, child, n.sub);
		}
		fieldset_append(a, out, n);
	}
	return out;
}

struct fieldset *fieldset_named(struct arena *a, const struct type *t, const struct fieldset *s) { return named(a, place_root(t), s); }
