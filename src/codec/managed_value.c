#include "codec/managed_value.h"
#include "base/enc.h"
#include "codec/json.h"
#include "codec/patch.h"

/* ---- what a value sets ---- */

struct setting {
	struct arena *a;
	struct pe path[FIELDSET_DEPTH_MAX];
	unsigned n;
	struct buf faults;
	unsigned nfaults;
};

static void fault(struct setting *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fault(struct setting *s, const char *fmt, ...)
{
	va_list ap;
	buf_printf(&s->faults, "\n  ");
	for (unsigned i = 0; i < s->n; i++)
		pe_write(&s->faults, s->path[i]);
	buf_lit(&s->faults, ": ");
	va_start(ap, fmt);
	buf_vprintf(&s->faults, fmt, ap);
	va_end(ap);
	s->nfaults++;
}

static bool push(struct setting *s, struct pe p)
{
	if (s->n == FIELDSET_DEPTH_MAX)
		return false;
	s->path[s->n++] = p;
	return true;
}

static const char *expected_scalar(const struct field *f, const struct value *v)
{
	switch (f->kind) {
	case K_BOOL: return v->type == V_BOOL ? NULL : "boolean";
	case K_INT32: case K_INT64: case K_UINT32: case K_UINT64: case K_FLOAT: case K_DOUBLE: case K_GODURATION:
		return v->type == V_INT || v->type == V_DOUBLE ? NULL : "numeric (int or float)";
	case K_STRING: case K_BYTES: case K_TIME: case K_MICROTIME: case K_DURATION: return v->type == V_STRING ? NULL : "string";
	case K_QUANTITY: case K_INTORSTRING: return v->type != V_LIST && v->type != V_OBJECT ? NULL : "scalar";
	default: return NULL;
	}
}

static void check_kind(struct setting *s, const struct value *v, const char *expected)
{
	BUF(text);
	value_write_go(&text, v);
	fault(s, "expected %s, got &{%s}", expected, buf_z(&text));
}

static void check_leaf(struct setting *s, struct place p, const struct value *v)
{
	const char *expected = v->type == V_NULL ? NULL : expected_scalar(p.field, v);
	BUF(text);
	if (!expected)
		return;
	if (v->type == V_STRING)
		enc_quote(&text, v->s);
	else
		value_write_go(&text, v);
	fault(s, "expected %s, got &value.valueUnstructured{Value:%s}", expected, buf_z(&text));
}

static bool want(struct setting *s, const struct value *v, enum value_type t, const char *expected)
{
	if (v->type == t || v->type == V_NULL)
		return v->type == t;
	check_kind(s, v, expected);
	return false;
}

static bool set_value(struct setting *s, struct place p, const struct value *v, struct node *ret);

static void set_child(struct setting *s, struct place p, struct pe pe, const struct value *v, bool always, struct fieldset *to)
{
	struct node n = {.pe = pe};
	if (!push(s, pe))
		return;
	n.member = set_value(s, p, v, &n) || always;
	s->n--;
	if (n.member || n.sub)
		fieldset_append(s->a, to, n);
}

static void set_members(struct setting *s, struct place p, const struct value *v, struct fieldset *to)
{
	bool map = place_granularity(p) == G_MAP;
	for (uint32_t i = 0; i < v->object.len; i++) {
		const struct member *m = &v->object.items[i];
		struct place child = place_element(p);
		if (map || place_member(p, m->key, &child)) {
			set_child(s, child, pe_field(m->key), m->value, map || is_nothing(m->value), to);
		} else if (push(s, pe_field(m->key))) {
			fault(s, "field not declared in schema");
			s->n--;
		}
	}
}

static void set_elements(struct setting *s, struct place p, const struct value *v, struct fieldset *to)
{
	bool keyed = place_granularity(p) == G_LIST_MAP;
	struct pe *pes = place_pes(s->a, p, v);
	for (uint32_t i = 0; pes && i < v->list.len; i++) {
		BUF(text);
		if (keyed && v->list.items[i]->type != V_OBJECT) {
			fault(s, "element %u: associative list with keys may not have non-map elements", i);
		} else if (pe_find(pes, i, pes[i], 0) >= 0) {
			pe_write(&text, pes[i]);
			fault(s, "duplicate entries for key %s", buf_z(&text));
		} else {
			set_child(s, place_element(p), pes[i], v->list.items[i], true, to);
		}
	}
}

/* Whether the place itself is a member; what is below goes into ret->sub. */
static bool set_value(struct setting *s, struct place p, const struct value *v, struct node *ret)
{
	struct fieldset *sub = fieldset_new(s->a);
	enum granularity g = place_granularity(p);
	switch (g) {
	case G_LEAF:
		check_leaf(s, p, v);
		return true;
	case G_WHOLE:
		want(s, v, p.field->card == MAP_OF ? V_OBJECT : V_LIST, p.field->card == MAP_OF ? "map" : "list");
		return true;
	case G_STRUCT: case G_MAP:
		if (want(s, v, V_OBJECT, "map"))
			set_members(s, p, v, sub);
		break;
	default:
		if (want(s, v, V_LIST, "list"))
			set_elements(s, p, v, sub);
	}
	fieldset_sort(sub);
	ret->sub = sub->len ? sub : NULL;
	return is_nothing(v) && (g == G_LIST_SET || g == G_LIST_MAP);
}

int value_fieldset(struct arena *a, const struct type *t, const struct value *v, struct fieldset **ret, struct err *e)
{
	struct setting *s = arena_make(a, struct setting);
	struct node root = {0};
	s->a = a;
	set_value(s, place_root(t), v, &root);
	if (s->nfaults) {
		struct str text = buf_view(&s->faults);
		err_set(e, ERR_UNKNOWN, "%s%.*s", s->nfaults > 1 ? "errors:" : "", STR_F(str_sub(text, s->nfaults > 1 ? 0 : 3, text.n)));
	}
	buf_fini(&s->faults);
	*ret = root.sub ? root.sub : fieldset_new(a);
	return s->nfaults ? -1 : 0;
}

struct fieldset *fieldset_of(struct arena *a, struct ref o)
{
	struct fieldset *s;
	ERR(ignored); /* a decoded object fits its schema; only keys may come twice */
	if (value_fieldset(a, o.type, obj_to_value(a, o), &s, &ignored))
		return s;
	return s;
}

/* ---- comparing ---- */

static void mark(struct node *d, const struct value *x, const struct value *y, bool same)
{
	d[!x ? 0 : !y ? 2 : 1].member |= !x || !y || !same;
}

static void compare(struct arena *a, struct place p, const struct value *x, const struct value *y, struct node *d);

static void compare_child(struct arena *a, struct place p, struct pe pe, const struct value *x, const struct value *y, struct node *to)
{
	struct node d[3] = {{.pe = pe}, {.pe = pe}, {.pe = pe}};
	compare(a, p, x, y, d);
	for (int k = 0; k < 3; k++) {
		if (!d[k].member && !d[k].sub)
			continue;
		if (!to[k].sub)
			to[k].sub = fieldset_new(a);
		fieldset_append(a, to[k].sub, d[k]);
	}
}

static void compare_members(struct arena *a, struct place p, const struct value *x, const struct value *y, struct node *to)
{
	struct place child;
	for (uint32_t i = 0; is_type(y, V_OBJECT) && i < y->object.len; i++) {
		struct str key = y->object.items[i].key;
		if (place_step(p, pe_field(key), &child))
			compare_child(a, child, pe_field(key), value_get(x, key), y->object.items[i].value, to);
	}
	for (uint32_t i = 0; is_type(x, V_OBJECT) && i < x->object.len; i++) {
		struct str key = x->object.items[i].key;
		if (!value_get(y, key) && place_step(p, pe_field(key), &child))
			compare_child(a, child, pe_field(key), x->object.items[i].value, NULL, to);
	}
}

static void compare_elements(struct arena *a, struct place p, const struct value *x, const struct value *y, struct node *to)
{
	uint32_t nx = is_type(x, V_LIST) ? x->list.len : 0, ny = is_type(y, V_LIST) ? y->list.len : 0;
	struct pe *px = place_pes(a, p, x), *py = place_pes(a, p, y);
	for (uint32_t i = 0; px && py && i < ny; i++) {
		int64_t at = nx ? pe_find(px, nx, py[i], i < nx ? i : 0) : -1;
		compare_child(a, place_element(p), py[i], at < 0 ? NULL : x->list.items[at], y->list.items[i], to);
	}
	for (uint32_t i = 0; px && py && i < nx; i++)
		if (!ny || pe_find(py, ny, px[i], i < ny ? i : 0) < 0)
			compare_child(a, place_element(p), px[i], x->list.items[i], NULL, to);
}

static void compare(struct arena *a, struct place p, const struct value *x, const struct value *y, struct node *d)
{
	enum granularity g = place_granularity(p);
	if (g == G_LEAF || g == G_WHOLE || (is_nothing(x) && is_nothing(y))) {
		mark(d, x, y, x && y && value_eq(x, y));
		return;
	}
	if (g == G_STRUCT || g == G_MAP)
		compare_members(a, p, x, y, d);
	else
		compare_elements(a, p, x, y, d);
	for (int k = 0; k < 3; k++)
		fieldset_sort(d[k].sub);
	if (!x || !y)
		mark(d, x, y, true);
}

struct value_diff value_compare(struct arena *a, const struct type *t, const struct value *x, const struct value *y)
{
	struct node d[3] = {0};
	compare(a, place_root(t), x, y, d);
	for (int k = 0; k < 3; k++)
		d[k].sub = d[k].sub ? d[k].sub : fieldset_new(a);
	return (struct value_diff){d[0].sub, d[1].sub, d[2].sub};
}
