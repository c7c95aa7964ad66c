#include "codec/fieldset_typed.h"
#include "codec/out.h"
#include "codec/scalar.h"

enum { CHANGED, REMOVED, SETS };

/* What a comparison found at and below one place. */
struct diff {
	struct fieldset *sub[SETS];
	bool here[SETS];
};
/* One side of a comparison: not there, null (p NULL), or a value. */
struct side {
	const void *p;
	bool there;
};
struct comparing {
	struct arena *a;
	unsigned depth;
	struct buf text;       /* of the key in hand */
	struct fieldset nodes; /* of the sets in the making, innermost last */
};

/* ---- what the schema says ---- */

enum granularity element_granularity(const struct field *f)
{
	const struct type *t = f->kind == K_MESSAGE ? field_type(f) : NULL;
	bool atomic = t && t->flags & TYPE_ATOMIC && !(f->flags & FIELD_GRANULAR);
	return t && t->form == FORM_OBJECT && !atomic ? G_STRUCT : G_LEAF;
}

enum granularity field_granularity(const struct field *f)
{
	if (f->card == LIST_OF)
		return f->flags & FIELD_LIST_MAP ? G_LIST_MAP : f->flags & FIELD_LIST_SET ? G_LIST_SET : G_WHOLE;
	if (f->card == MAP_OF)
		return f->flags & FIELD_ATOMIC ? G_WHOLE : G_MAP;
	return f->flags & FIELD_ATOMIC ? G_LEAF : element_granularity(f);
}

struct list_keys field_list_keys(const struct field *list)
{
	struct str names[4];
	struct list_keys k = {.n = field_map_keys(list, names)};
	for (size_t i = 0; i < k.n; i++) {
		size_t at = i;
		for (; at && str_cmp(field_name(k.f[at - 1]), names[i]) > 0; at--)
			k.f[at] = k.f[at - 1];
		k.f[at] = field_by_name(field_type(list), names[i], false);
	}
	return k;
}

/* ---- presence and equality, as JSON would show them ---- */

static inline bool shown(const void *obj, const struct field *f)
{
	if (f->flags & FIELD_OMITEMPTY && field_empty(obj, f))
		return false;
	if (!(f->flags & FIELD_OMITZERO))
		return true;
	bool time = f->card == ONE && (f->kind == K_TIME || f->kind == K_MICROTIME);
	return !time || field_present(obj, f);
}

static bool same_element(const struct field *f, const void *x, const void *y);

/* null and empty differ only where JSON can tell: in bytes. */
static bool same_str(const struct field *f, const struct str *x, const struct str *y)
{
	return (x->p == y->p && x->n == y->n) || (str_eq(*x, *y) && (f->kind != K_BYTES || !x->p == !y->p));
}

static bool same_list(const struct field *f, const struct any_list *x, const struct any_list *y)
{
	if (x->len != y->len || !x->items != !y->items)
		return false;
	for (uint32_t i = 0; i < x->len; i++) {
		if (f->card == MAP_OF && !str_eq(*map_key_at(f, x, i), *map_key_at(f, y, i)))
			return false;
		if (!same_element(f, list_at(f, x, i), list_at(f, y, i)))
			return false;
	}
	return true;
}

static bool same_field(const struct field *f, const void *x, const void *y)
{
	const void *px = (const char *)x + f->offset, *py = (const char *)y + f->offset;
	if (f->card != ONE)
		return same_list(f, px, py);
	if (f->flags & FIELD_PTR && field_empty(x, f) != field_empty(y, f))
		return false;
	if (f->kind == K_MESSAGE && f->flags & FIELD_PTR)
		px = *(void *const *)px, py = *(void *const *)py;
	return same_element(f, px, py);
}

static bool same_message(const struct type *t, const void *x, const void *y)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (!same_field(type_field(t, i), x, y))
			return false;
	return true;
}

static bool same_time(const struct api_time *x, const struct api_time *y) { return x->set == y->set && x->sec == y->sec && x->nsec == y->nsec; }

static bool same_int_or_str(const struct int_or_str *x, const struct int_or_str *y)
{
	return x->is_str == y->is_str && (x->is_str ? str_eq(x->str, y->str) : x->num == y->num);
}

/* NULL is null. */
static bool same_element(const struct field *f, const void *x, const void *y)
{
	if (x == y || !x || !y)
		return x == y;
	switch (f->kind) {
	case K_MESSAGE: return same_message(field_type(f), x, y);
	case K_TIME: case K_MICROTIME: return same_time(x, y);
	case K_INTORSTRING: return same_int_or_str(x, y);
	case K_BOOL: case K_INT32: case K_UINT32: case K_FLOAT: case K_INT64: case K_UINT64: case K_DOUBLE: case K_DURATION: case K_GODURATION:
		return memcmp(x, y, kind_size(f)) == 0;
	default: return same_str(f, x, y);
	}
}

/* ---- comparing ---- */

static bool found(const struct diff *d) { return d->here[CHANGED] || d->here[REMOVED] || d->sub[CHANGED] || d->sub[REMOVED]; }

static void adopt(struct comparing *c, struct diff *to, struct pe pe, const struct diff *d)
{
	for (int k = 0; k < SETS; k++) {
		if (!d->here[k] && !d->sub[k])
			continue;
		if (!to->sub[k])
			to->sub[k] = fieldset_new(c->a);
		fieldset_append(c->a, to->sub[k], (struct node){.pe = pe, .member = d->here[k], .sub = d->sub[k]});
	}
}

static void sort(struct diff *d)
{
	for (int k = 0; k < SETS; k++)
		fieldset_sort(d->sub[k]);
}

/* Two containers without content are told apart as leaves: null or empty. */
static void mark_container(struct diff *d, struct side x, struct side y, bool empty)
{
	d->here[CHANGED] |= empty && !x.p != !y.p;
}

static void compare_slot(struct comparing *c, const struct field *f, enum granularity g, struct side x, struct side y, struct diff *d);

static struct side side_of(const void *obj, const struct field *f)
{
	if (!obj || !shown(obj, f))
		return (struct side){0};
	const void *p = (const char *)obj + f->offset;
	if (f->card != ONE)
		return (struct side){((const struct any_list *)p)->items ? p : NULL, true};
	if (f->flags & FIELD_PTR && field_empty(obj, f))
		return (struct side){NULL, true};
	return (struct side){f->kind == K_MESSAGE && f->flags & FIELD_PTR ? *(void *const *)p : p, true};
}

static void compare_struct(struct comparing *c, const struct type *t, struct side x, struct side y, struct diff *d)
{
	bool empty = true;
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_named_field(t, i);
		struct side fx = side_of(x.p, f), fy = side_of(y.p, f);
		struct diff sub = {0};
		if (!fx.there && !fy.there)
			continue;
		empty = false;
		compare_slot(c, f, field_granularity(f), fx, fy, &sub);
		adopt(c, d, pe_field(field_name(f)), &sub);
	}
	mark_container(d, x, y, empty);
}

static struct side entry(const struct field *f, const struct any_list *l, uint32_t i)
{
	return l && i < l->len ? (struct side){list_at(f, l, i), true} : (struct side){0};
}

static void compare_map(struct comparing *c, const struct field *f, struct side x, struct side y, struct diff *d)
{
	const struct any_list *lx = x.p, *ly = y.p;
	uint32_t i = 0, j = 0, nx = lx ? lx->len : 0, ny = ly ? ly->len : 0;
	while (i < nx || j < ny) {
		struct diff sub = {0};
		int order = i == nx ? 1 : j == ny ? -1 : str_cmp(*map_key_at(f, lx, i), *map_key_at(f, ly, j));
		struct str key = order <= 0 ? *map_key_at(f, lx, i) : *map_key_at(f, ly, j);
		compare_slot(c, f, element_granularity(f), order <= 0 ? entry(f, lx, i) : (struct side){0}, order >= 0 ? entry(f, ly, j) : (struct side){0}, &sub);
		adopt(c, d, pe_field(key), &sub);
		i += order <= 0;
		j += order >= 0;
	}
	mark_container(d, x, y, !nx && !ny);
}

/* ---- lists ---- */

struct matching {
	const struct field *f;
	struct list_keys keys; /* n 0: a set, the elements are their own keys */
};

static bool same_key(const struct matching *m, const void *x, const void *y)
{
	for (size_t i = 0; i < m->keys.n; i++)
		if (!x || !y || !same_field(m->keys.f[i], x, y))
			return false;
	return m->keys.n || same_element(m->f, x, y);
}

static void write_scalar(struct out *o, const struct field *f, const void *p)
{
	const struct int_or_str *x = p;
	bool number = f->kind == K_INT32 || f->kind == K_INT64 || (f->kind == K_INTORSTRING && !x->is_str);
	if (f->kind == K_BOOL) {
		out_str(o, *(const bool *)p ? STR("true") : STR("false"));
	} else if (number) {
		out_need(o, 24);
		o->p += scalar_put_i64(o->p, f->kind == K_INT64 ? *(const int64_t *)p : f->kind == K_INT32 ? *(const int32_t *)p : x->num);
	} else {
		out_json_string(o, f->kind == K_INTORSTRING ? x->str : *(const struct str *)p);
	}
}

/* A key that is not given has its default. */
static void write_key(struct out *o, const struct field *f, const void *obj)
{
	out_short(o, desc_pool + f->key, f->key_len);
	if (shown(obj, f) && !(f->flags & FIELD_PTR && field_empty(obj, f)))
		write_scalar(o, f, (const char *)obj + f->offset);
	else if (field_default(f).n)
		out_str(o, field_default(f));
	else
		out_lit(o, "null");
}

static struct pe element_pe(struct comparing *c, const struct matching *m, const void *p)
{
	struct out o;
	buf_clear(&c->text);
	out_begin(&o, &c->text);
	if (!p) {
		out_lit(&o, "null");
	} else if (!m->keys.n) {
		write_scalar(&o, m->f, p);
	} else {
		for (size_t i = 0; i < m->keys.n; i++) {
			out_char(&o, i ? ',' : '{');
			write_key(&o, m->keys.f[i], p);
		}
		out_char(&o, '}');
	}
	out_end(&o);
	return (struct pe){str_dup(c->a, buf_view(&c->text)), m->keys.n ? PE_KEY : PE_VALUE};
}

static void compare_element(struct comparing *c, const struct matching *m, struct side x, struct side y, struct diff *d)
{
	struct diff sub = {0};
	compare_slot(c, m->f, element_granularity(m->f), x, y, &sub);
	if (found(&sub))
		adopt(c, d, element_pe(c, m, y.there ? y.p : x.p), &sub);
}

/* The element of l with the key of p that nobody had yet; equal lists meet it at `from`. */
static uint32_t find_match(const struct matching *m, const struct any_list *l, const void *p, uint32_t from, const bool *taken)
{
	for (uint32_t k = 0; l && k < l->len; k++) {
		uint32_t i = (from + k) % l->len;
		if (!taken[i] && same_key(m, list_at(m->f, l, i), p))
			return i;
	}
	return UINT32_MAX;
}

/* The next element from i on with p's key; UINT32_MAX. */
static uint32_t next_same(const struct matching *m, const struct any_list *l, const void *p, uint32_t i)
{
	for (; l && i < l->len; i++)
		if (same_key(m, list_at(m->f, l, i), p))
			return i;
	return UINT32_MAX;
}

/* Elements that share a key are owned as one, by the key alone. */
static void compare_repeated(struct comparing *c, const struct matching *m, struct side x, struct side y, const void *p, struct diff *d)
{
	uint32_t i = next_same(m, x.p, p, 0), j = next_same(m, y.p, p, 0);
	struct diff sub = {.here = {[CHANGED] = i == UINT32_MAX, [REMOVED] = j == UINT32_MAX}};
	while (i != UINT32_MAX && j != UINT32_MAX && same_element(m->f, list_at(m->f, x.p, i), list_at(m->f, y.p, j))) {
		i = next_same(m, x.p, p, i + 1);
		j = next_same(m, y.p, p, j + 1);
	}
	sub.here[CHANGED] |= !sub.here[REMOVED] && i != j;
	if (found(&sub))
		adopt(c, d, element_pe(c, m, p), &sub);
}

/* Whether any of two lists holds a key twice. */
static bool repeats(const struct matching *m, const struct any_list *l)
{
	for (uint32_t i = 0; l && i + 1 < l->len; i++)
		if (next_same(m, l, list_at(m->f, l, i), i + 1) != UINT32_MAX)
			return true;
	return false;
}

static bool repeated(const struct matching *m, const struct any_list *l, const void *p)
{
	uint32_t i = next_same(m, l, p, 0);
	return i != UINT32_MAX && next_same(m, l, p, i + 1) != UINT32_MAX;
}

/* The rare case: each key once, in order of appearance. */
static void compare_repeating_lists(struct comparing *c, const struct matching *m, struct side x, struct side y, struct diff *d)
{
	const struct any_list *lists[] = {y.p, x.p};
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		for (uint32_t i = 0; lists[k] && i < lists[k]->len; i++) {
			const void *p = list_at(m->f, lists[k], i);
			uint32_t at = next_same(m, x.p, p, 0);
			if (next_same(m, lists[k], p, 0) < i || (k && next_same(m, y.p, p, 0) != UINT32_MAX))
				continue;
			if (repeated(m, x.p, p) || repeated(m, y.p, p))
				compare_repeated(c, m, x, y, p, d);
			else if (k)
				compare_element(c, m, entry(m->f, x.p, i), (struct side){0}, d);
			else
				compare_element(c, m, at == UINT32_MAX ? (struct side){0} : entry(m->f, x.p, at), entry(m->f, y.p, i), d);
		}
	sort(d);
	mark_container(d, x, y, !(x.p && lists[1]->len) && !(y.p && lists[0]->len));
}

static void compare_list(struct comparing *c, const struct matching *m, struct side x, struct side y, struct diff *d)
{
	const struct any_list *lx = x.p, *ly = y.p;
	if (m->keys.n && (repeats(m, lx) || repeats(m, ly))) {
		compare_repeating_lists(c, m, x, y, d);
		return;
	}
	uint32_t nx = lx ? lx->len : 0, ny = ly ? ly->len : 0, from = 0;
	bool *taken = nx ? arena_array(c->a, bool, nx) : NULL;
	if (nx && !taken)
		return;
	for (uint32_t j = 0; j < ny; j++) {
		uint32_t i = nx ? find_match(m, lx, list_at(m->f, ly, j), from < nx ? from : 0, taken) : UINT32_MAX;
		if (i != UINT32_MAX)
			taken[i] = true, from = i + 1;
		compare_element(c, m, i == UINT32_MAX ? (struct side){0} : entry(m->f, lx, i), entry(m->f, ly, j), d);
	}
	for (uint32_t i = 0; i < nx; i++)
		if (!taken[i])
			compare_element(c, m, entry(m->f, lx, i), (struct side){0}, d);
	sort(d);
	mark_container(d, x, y, !nx && !ny);
}

/* ---- what only one side has: it is in the set with all that is in it ---- */

static struct fieldset *all_in(struct comparing *c, const struct field *f, enum granularity g, const void *p);

static void include(struct comparing *c, struct pe pe, const struct field *f, enum granularity g, const void *p)
{
	struct node n = {.pe = pe, .member = true, .sub = all_in(c, f, g, p)};
	if (c->nodes.len < c->nodes.cap)
		c->nodes.items[c->nodes.len++] = n;
	else
		fieldset_append(c->a, &c->nodes, n);
}

static void include_fields(struct comparing *c, const struct type *t, const void *obj)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_named_field(t, i);
		struct side s = side_of(obj, f);
		if (s.there)
			include(c, pe_field(field_name(f)), f, field_granularity(f), s.p);
	}
}

static void include_entries(struct comparing *c, const struct field *f, const struct any_list *m)
{
	for (uint32_t i = 0; i < m->len; i++)
		include(c, pe_field(*map_key_at(f, m, i)), f, element_granularity(f), list_at(f, m, i));
}

/* With again, elements that share a key: the key alone, once. */
static void include_elements(struct comparing *c, const struct matching *m, const struct any_list *l, bool again)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const void *p = list_at(m->f, l, i);
		if (again && next_same(m, l, p, 0) < i)
			continue;
		include(c, element_pe(c, m, p), m->f, again && repeated(m, l, p) ? G_LEAF : element_granularity(m->f), p);
	}
}

/* Takes the nodes from there on off the stack. */
static struct fieldset *seal(struct comparing *c, uint32_t from)
{
	uint32_t n = c->nodes.len - from;
	struct fieldset *s = n ? fieldset_new(c->a) : NULL;
	if (!s)
		return NULL;
	s->items = arena_array(c->a, struct node, n);
	if (s->items) {
		memcpy(s->items, c->nodes.items + from, n * sizeof *s->items);
		s->len = s->cap = n;
	}
	c->nodes.len = from;
	return s;
}

static struct fieldset *all_in_list(struct comparing *c, const struct matching *m, const struct any_list *l)
{
	uint32_t from = c->nodes.len;
	include_elements(c, m, l, false);
	struct fieldset *s = seal(c, from);
	if (!fieldset_sort(s) || !m->keys.n || !repeats(m, l))
		return s;
	include_elements(c, m, l, true);
	s = seal(c, from);
	fieldset_sort(s);
	return s;
}

/* NULL when there is nothing below p. */
static struct fieldset *all_in(struct comparing *c, const struct field *f, enum granularity g, const void *p)
{
	struct matching m = {.f = f};
	uint32_t from = c->nodes.len;
	if (!p || g == G_LEAF || g == G_WHOLE || c->depth >= FIELDSET_DEPTH_MAX)
		return NULL;
	struct fieldset *s;
	c->depth++;
	switch (g) {
	case G_STRUCT:
		include_fields(c, field_type(f), p);
		s = seal(c, from);
		break;
	case G_MAP:
		include_entries(c, f, p);
		s = seal(c, from);
		break;
	case G_LIST_MAP: m.keys = field_list_keys(f); /* fall through */
	default: s = all_in_list(c, &m, p);
	}
	c->depth--;
	return s;
}

/* f's whole value, not an element of its list. */
static bool same_side(const struct field *f, struct side x, struct side y, bool whole)
{
	if (!x.p || !y.p)
		return false;
	return whole && f->card != ONE ? same_list(f, x.p, y.p) : same_element(f, x.p, y.p);
}

static void compare_slot(struct comparing *c, const struct field *f, enum granularity g, struct side x, struct side y, struct diff *d)
{
	struct matching m = {.f = f};
	if (!x.there || !y.there) {
		int k = x.there ? REMOVED : CHANGED;
		d->here[k] = true;
		d->sub[k] = all_in(c, f, g, x.there ? x.p : y.p);
		return;
	}
	if (same_side(f, x, y, g != G_STRUCT && g != G_LEAF)) /* most of an update: nothing to find below */
		return;
	if (c->depth >= FIELDSET_DEPTH_MAX)
		g = g == G_LEAF || g == G_STRUCT ? G_LEAF : G_WHOLE;
	c->depth++;
	switch (g) {
	case G_STRUCT: compare_struct(c, field_type(f), x, y, d); break;
	case G_MAP: compare_map(c, f, x, y, d); break;
	case G_LIST_MAP: m.keys = field_list_keys(f); /* fall through */
	case G_LIST_SET: compare_list(c, &m, x, y, d); break;
	case G_WHOLE: case G_LEAF: d->here[CHANGED] = x.p || y.p; break;
	}
	c->depth--;
}

static struct fieldset *or_new(struct arena *a, struct fieldset *s) { return s ? s : fieldset_new(a); }

void fieldset_compare(struct arena *a, struct ref before, struct ref after, struct fieldset **changed, struct fieldset **removed)
{
	struct comparing c = {.a = a};
	struct diff d = {0};
	compare_struct(&c, after.type, (struct side){before.p, true}, (struct side){after.p, true}, &d);
	buf_fini(&c.text);
	*changed = or_new(a, d.sub[CHANGED]);
	*removed = or_new(a, d.sub[REMOVED]);
}
