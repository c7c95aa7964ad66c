#include "codec/fieldset_tree.h"
#include "codec/json.h"
#include "codec/out.h"
#include "codec/scan.h"
#include <stdlib.h>

#define SORT_SHORT 16 /* up to here inserting is faster */

/* ---- order of path elements ---- */

/* Upstream's order of values: numbers, strings, booleans, null. */
static int rank(char c) { return c == '"' ? 1 : c == 't' || c == 'f' ? 2 : c == 'n' ? 3 : c == '[' || c == '{' ? 4 : 0; }

/* Takes one scalar off the front of compact JSON. */
static struct str cut_scalar(struct str *s)
{
	size_t n = 0;
	if (s->n && s->p[0] == '"') {
		for (n = 1; n < s->n && s->p[n] != '"'; n++)
			n += s->p[n] == '\\';
		n++;
	} else {
		while (n < s->n && s->p[n] != ',' && s->p[n] != ':' && s->p[n] != '}' && s->p[n] != ']')
			n++;
	}
	struct str head = str_sub(*s, 0, n);
	*s = str_sub(*s, n, s->n);
	return head;
}

/* Text without its closing quote, so that a prefix comes first. */
static struct str open_string(struct str s) { return str_sub(s, 0, s.n ? s.n - 1 : 0); }

static int scalar_cmp(struct str x, struct str y)
{
	int rx = rank(x.n ? x.p[0] : 0), ry = rank(y.n ? y.p[0] : 0);
	int64_t ix, iy;
	if (rx != ry)
		return rx < ry ? -1 : 1;
	if (rx == 0 && !str_i64(x, &ix) && !str_i64(y, &iy))
		return ix < iy ? -1 : ix > iy;
	return rx == 1 ? str_cmp(open_string(x), open_string(y)) : str_cmp(x, y);
}

/* Whether keys differ first within a string, and not in that one has more of it: then bytes tell their order. */
static bool differ_in_string(struct str x, struct str y, size_t *ret)
{
	size_t i = 0, n = x.n < y.n ? x.n : y.n;
	while (i < n && x.p[i] == y.p[i])
		i++;
	*ret = i;
	if (i == n || x.p[i] < '"' || y.p[i] < '"')
		return false;
	while (i && x.p[i - 1] != '"' && x.p[i - 1] != ':')
		i--;
	return i && x.p[i - 1] == '"';
}

/* {"a":1,"b":"x"}: names and values in turn. */
static int key_cmp(struct str x, struct str y)
{
	size_t i;
	if (differ_in_string(x, y, &i))
		return x.p[i] < y.p[i] ? -1 : 1;
	x = str_sub(x, 1, x.n), y = str_sub(y, 1, y.n);
	while (x.n > 1 && y.n > 1) {
		int c = scalar_cmp(cut_scalar(&x), cut_scalar(&y));
		if (c)
			return c;
		x = str_sub(x, 1, x.n), y = str_sub(y, 1, y.n); /* ':', ',' or the end */
	}
	return x.n > y.n ? 1 : x.n < y.n ? -1 : 0;
}

int pe_cmp(struct pe x, struct pe y)
{
	if (x.kind != y.kind)
		return x.kind < y.kind ? -1 : 1;
	if (x.text.p == y.text.p && x.text.n == y.text.n)
		return 0;
	switch (x.kind) {
	case PE_FIELD: return str_cmp(x.text, y.text);
	case PE_KEY: return key_cmp(x.text, y.text);
	default: return scalar_cmp(x.text, y.text);
	}
}

/* ---- nodes ---- */

static uint32_t find_at(const struct fieldset *s, struct pe p, bool *found)
{
	uint32_t lo = 0, hi = s ? s->len : 0;
	*found = false;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		int c = pe_cmp(s->items[mid].pe, p);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct node *fieldset_find(const struct fieldset *s, struct pe p)
{
	bool found;
	uint32_t i = find_at(s, p, &found);
	return found ? &s->items[i] : NULL;
}

struct fieldset *fieldset_new(struct arena *a) { return arena_make(a, struct fieldset); }

void fieldset_append(struct arena *a, struct fieldset *s, struct node n)
{
	struct node *at = arena_push(a, s);
	if (at)
		*at = n;
}

struct node *fieldset_put(struct arena *a, struct fieldset *s, struct pe p)
{
	static _Thread_local struct node spare; /* takes what an exhausted budget has no room for */
	bool found;
	uint32_t i = s->len && pe_cmp(s->items[s->len - 1].pe, p) < 0 ? (found = false, s->len) : find_at(s, p, &found);
	if (found)
		return &s->items[i];
	if (!arena_push(a, s))
		return spare = (struct node){0}, &spare;
	memmove(&s->items[i + 1], &s->items[i], (s->len - 1 - i) * sizeof *s->items);
	s->items[i] = (struct node){.pe = p};
	return &s->items[i];
}

static int by_pe(const void *x, const void *y) { return pe_cmp(((const struct node *)x)->pe, ((const struct node *)y)->pe); }

/* Short and nearly sorted lists, as the schema gives them. */
static bool sort_short(struct fieldset *s)
{
	bool equal = false;
	for (uint32_t i = 1; i < s->len; i++) {
		uint32_t at = i;
		int c = 1;
		for (; at && (c = pe_cmp(s->items[at - 1].pe, s->items[i].pe)) > 0; at--)
			;
		equal |= at && c == 0;
		if (at == i)
			continue;
		struct node n = s->items[i];
		memmove(&s->items[at + 1], &s->items[at], (i - at) * sizeof n);
		s->items[at] = n;
	}
	return equal;
}

bool fieldset_sort(struct fieldset *s)
{
	bool equal = false;
	if (!s || s->len <= SORT_SHORT)
		return s && sort_short(s);
	qsort(s->items, s->len, sizeof *s->items, by_pe);
	for (uint32_t i = 1; i < s->len; i++)
		equal |= pe_cmp(s->items[i - 1].pe, s->items[i].pe) == 0;
	return equal;
}

void fieldset_put_path(struct arena *a, struct fieldset *s, const char *path)
{
	struct str rest = str_of(path), name;
	struct node *n = NULL;
	while (str_next(&rest, '.', &name)) {
		if (n && !n->sub)
			n->sub = fieldset_new(a);
		n = fieldset_put(a, n ? n->sub : s, pe_field(name));
	}
	if (n)
		n->member = true;
}

/* ---- operations ---- */

enum op { UNION, INTERSECTION, DIFFERENCE, EXCLUDE };
static struct fieldset *combine(struct arena *a, const struct fieldset *x, const struct fieldset *y, enum op op);

static struct fieldset *or_null(struct fieldset *s) { return s && s->len ? s : NULL; }

static struct node combine_nodes(struct arena *a, const struct node *x, const struct node *y, enum op op)
{
	struct node n = {.pe = x->pe};
	if (op == EXCLUDE && y->member)
		return n;
	n.member = op == UNION ? x->member || y->member : op == INTERSECTION ? x->member && y->member : x->member && !y->member;
	if (op == EXCLUDE)
		n.member = x->member;
	if (x->sub && y->sub)
		n.sub = or_null(combine(a, x->sub, y->sub, op));
	else if (op == UNION)
		n.sub = x->sub ? x->sub : y->sub;
	else if (op != INTERSECTION)
		n.sub = x->sub;
	return n;
}

static void keep(struct arena *a, struct fieldset *s, struct node n)
{
	if (n.member || n.sub)
		fieldset_append(a, s, n);
}

static struct fieldset *combine(struct arena *a, const struct fieldset *x, const struct fieldset *y, enum op op)
{
	struct fieldset *out = fieldset_new(a);
	uint32_t i = 0, j = 0, nx = x ? x->len : 0, ny = y ? y->len : 0;
	while (i < nx || j < ny) {
		int c = i == nx ? 1 : j == ny ? -1 : pe_cmp(x->items[i].pe, y->items[j].pe);
		if (c == 0) {
			keep(a, out, combine_nodes(a, &x->items[i++], &y->items[j++], op));
		} else if (c < 0) {
			if (op != INTERSECTION)
				keep(a, out, x->items[i]);
			i++;
		} else {
			if (op == UNION)
				keep(a, out, y->items[j]);
			j++;
		}
	}
	return out;
}

struct fieldset *fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y) { return combine(a, x, y, UNION); }
struct fieldset *fieldset_intersection(struct arena *a, const struct fieldset *x, const struct fieldset *y) { return combine(a, x, y, INTERSECTION); }
struct fieldset *fieldset_difference(struct arena *a, const struct fieldset *x, const struct fieldset *y) { return combine(a, x, y, DIFFERENCE); }
struct fieldset *fieldset_exclude(struct arena *a, const struct fieldset *x, const struct fieldset *y) { return combine(a, x, y, EXCLUDE); }
bool fieldset_empty(const struct fieldset *s) { return !s || !s->len; }

bool fieldset_equal(const struct fieldset *x, const struct fieldset *y)
{
	uint32_t n = x ? x->len : 0;
	if (x == y)
		return true;
	if (n != (y ? y->len : 0))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (pe_cmp(x->items[i].pe, y->items[i].pe) || x->items[i].member != y->items[i].member || !fieldset_equal(x->items[i].sub, y->items[i].sub))
			return false;
	return true;
}

static void each(const struct fieldset *s, struct pe *path, unsigned n, void (*fn)(void *, const struct pe *, unsigned), void *arg)
{
	for (uint32_t i = 0; s && i < s->len && n < FIELDSET_DEPTH_MAX; i++) {
		path[n] = s->items[i].pe;
		if (s->items[i].member)
			fn(arg, path, n + 1);
	}
	for (uint32_t i = 0; s && i < s->len && n < FIELDSET_DEPTH_MAX; i++) {
		path[n] = s->items[i].pe;
		each(s->items[i].sub, path, n + 1, fn, arg);
	}
}

void fieldset_each(const struct fieldset *s, void (*fn)(void *arg, const struct pe *path, unsigned n), void *arg)
{
	struct pe path[FIELDSET_DEPTH_MAX];
	each(s, path, 0, fn, arg);
}

/* ---- FieldsV1 ---- */

static void write_text(struct out *o, char prefix, struct str text)
{
	out_short(o, (const char[]){'"', prefix, ':'}, 3);
	out_json_least(o, text);
	out_lit(o, "\":");
}

static void write_set(struct out *o, const struct fieldset *s, bool self)
{
	out_char(o, '{');
	if (self && s)
		out_lit(o, "\".\":{}");
	for (uint32_t i = 0; s && i < s->len; i++) {
		if (i || self)
			out_char(o, ',');
		write_text(o, "fkvi"[s->items[i].pe.kind], s->items[i].pe.text);
		if (s->items[i].sub)
			write_set(o, s->items[i].sub, s->items[i].member);
		else
			out_lit(o, "{}");
	}
	out_char(o, '}');
}

void fieldset_write(struct buf *out, const struct fieldset *s)
{
	struct out o;
	out_begin(&o, out);
	write_set(&o, s, false);
	out_end(&o);
}

static bool parse_pe(struct str s, struct pe *ret)
{
	if (s.n < 2 || s.p[1] != ':')
		return false;
	ret->text = str_n(s.p + 2, s.n - 2);
	switch (s.p[0]) {
	case 'f': ret->kind = PE_FIELD; return true;
	case 'k': ret->kind = PE_KEY; return true;
	case 'v': ret->kind = PE_VALUE; return true;
	case 'i': ret->kind = PE_INDEX; return true;
	default: return false;
	}
}

static int bad_set(struct scan *in, struct err *e)
{
	return in->nomem ? err_nomem(e, 0) : err_set(e, ERR_BAD_REQUEST, "fieldsV1 is not a set of fields");
}

static int parse_set(struct scan *in, struct fieldset **ret, bool *self, unsigned depth, struct err *e);

/* "f:name":{...} */
static int parse_entry(struct scan *in, struct fieldset *s, bool *self, unsigned depth, struct err *e)
{
	struct fieldset *sub, ignored = {0};
	struct str key;
	struct pe pe;
	bool member = false;
	if (scan_peek(in) != '"' || scan_string(in, &key) || !scan_char(in, ':'))
		return bad_set(in, e);
	if (parse_set(in, &sub, &member, depth + 1, e))
		return -1;
	if (str_is(key, ".")) {
		*self = true;
		return 0;
	}
	bool known = parse_pe(key, &pe);
	struct node *n = fieldset_put(in->a, known ? s : &ignored, known ? pe : pe_field(key));
	n->member = member || !sub;
	n->sub = sub;
	return 0;
}

/* *ret is NULL when nothing is below. */
static int parse_set(struct scan *in, struct fieldset **ret, bool *self, unsigned depth, struct err *e)
{
	struct fieldset *s = NULL;
	if (depth > FIELDSET_DEPTH_MAX || !scan_char(in, '{'))
		return bad_set(in, e);
	while (scan_peek(in) != '}') {
		if (s && !scan_char(in, ','))
			return bad_set(in, e);
		if (!s)
			s = fieldset_new(in->a);
		if (parse_entry(in, s, self, depth, e))
			return -1;
	}
	in->p++;
	*ret = or_null(s);
	return 0;
}

struct fieldset *fieldset_parse(struct arena *a, struct str fields_v1, struct err *e)
{
	struct scan in = {.p = fields_v1.p, .end = fields_v1.p + fields_v1.n, .a = a};
	struct fieldset *s;
	bool self = false;
	if (parse_set(&in, &s, &self, 0, e))
		return NULL;
	return s ? s : fieldset_new(a);
}

/* ---- paths as text ---- */

static void write_keys(struct buf *out, struct str json)
{
	bool name = true;
	json = str_sub(json, 1, json.n - 1);
	while (json.n) {
		struct str x = cut_scalar(&json);
		buf_str(out, name ? str_sub(x, 1, x.n - 1) : x);
		if (json.n)
			buf_char(out, name ? '=' : ',');
		json = str_sub(json, 1, json.n);
		name = !name;
	}
}

void pe_write(struct buf *out, struct pe p)
{
	buf_char(out, p.kind == PE_FIELD ? '.' : '[');
	if (p.kind == PE_KEY && p.text.n >= 2)
		write_keys(out, p.text);
	else if (p.kind == PE_VALUE)
		buf_char(out, '='), buf_str(out, p.text);
	else
		buf_str(out, p.text);
	if (p.kind != PE_FIELD)
		buf_char(out, ']');
}
