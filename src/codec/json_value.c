/* JSON and dynamic values; indenting; a look at apiVersion and kind. */
#include "base/map.h"
#include "codec/json.h"
#include "codec/out.h"
#include "codec/scalar.h"
#include "codec/scan.h"
#include "codec/utf8.h"

struct path { /* names and indexes from the root, for complaints */
	const struct path *up;
	struct str name;
	uint32_t index;
};

struct parser {
	struct scan s;
	struct arena *a;
	const struct json_opts *o;
	unsigned depth, depth_max;
	bool too_deep;
	struct str too_large; /* a number beyond the range of a double */
};

static struct value *parse_value(struct parser *p, const struct path *at);

static struct value *fresh(struct parser *p, enum value_type t)
{
	struct value *v = arena_make(p->a, struct value);
	if (v)
		v->type = t;
	p->s.nomem |= !v;
	return v;
}

static struct value *parse_number(struct parser *p)
{
	struct str text;
	bool whole;
	int64_t i;
	if (scan_number(&p->s, &text, &whole) != 0)
		return NULL;
	bool fits = whole && str_i64(text, &i) == 0;
	struct value *v = fresh(p, fits ? V_INT : V_DOUBLE);
	if (v && fits)
		v->i = i;
	else if (v && __builtin_isinf(v->d = scalar_double(text)))
		p->too_large = text;
	return p->too_large.p ? NULL : v;
}

static struct value *parse_string(struct parser *p)
{
	struct str s;
	if (scan_string(&p->s, &s) != 0)
		return NULL;
	struct value *v = fresh(p, V_STRING);
	if (v)
		v->s = s;
	return v;
}

static struct value *parse_word(struct parser *p, char c)
{
	if (scan_literal(&p->s, c == 't' ? STR("true") : c == 'f' ? STR("false") : STR("null")) != 0)
		return NULL;
	struct value *v = fresh(p, c == 'n' ? V_NULL : V_BOOL);
	if (v)
		v->b = c == 't';
	return v;
}

static struct value *parse_list(struct parser *p, const struct path *up)
{
	struct path at = {.up = up};
	struct value *l = fresh(p, V_LIST), *v;
	p->s.p++;
	if (!l || scan_char(&p->s, ']'))
		return l;
	for (;; at.index++) {
		v = parse_value(p, &at);
		if (!v || !arena_push(p->a, &l->list))
			return NULL;
		l->list.items[l->list.len - 1] = v;
		if (scan_char(&p->s, ']'))
			return l;
		if (!scan_char(&p->s, ','))
			return NULL;
	}
}

static void put_path(struct buf *b, const struct path *p)
{
	if (!p)
		return;
	put_path(b, p->up);
	if (!p->name.p)
		buf_printf(b, "[%u]", p->index);
	else if (b->n)
		buf_printf(b, ".%.*s", STR_F(p->name));
	else
		buf_str(b, p->name);
}

static void complain_duplicate(struct parser *p, const struct path *at)
{
	if (!p->o || !p->o->complain || !(p->o->flags & JSON_STRICT))
		return;
	BUF(b);
	put_path(&b, at);
	p->o->complain(p->o->arg, str_printf(p->a, "duplicate field \"%.*s\"", STR_F(buf_view(&b))));
}

#define FEW_MEMBERS 16 /* up to here a scan finds duplicates faster than a hash table */

/* Index + 1 of each member by name, once there are more than a few. */
static struct member *find_member(struct map *index, const struct value *o, struct str key)
{
	if (o->object.len > FEW_MEMBERS) {
		for (uint32_t i = (uint32_t)index->n; i < o->object.len; i++)
			map_set(index, o->object.items[i].key, (void *)(uintptr_t)(i + 1));
		uintptr_t i = (uintptr_t)map_get(index, key);
		return i ? &o->object.items[i - 1] : NULL;
	}
	for (uint32_t i = 0; i < o->object.len; i++)
		if (str_eq(o->object.items[i].key, key))
			return &o->object.items[i];
	return NULL;
}

static int add_member(struct parser *p, struct map *index, struct value *o, const struct path *at, struct value *v)
{
	struct member *m = find_member(index, o, at->name);
	if (m) {
		complain_duplicate(p, at);
		m->value = v;
		return 0;
	}
	if (!arena_push(p->a, &o->object))
		return -1;
	o->object.items[o->object.len - 1] = (struct member){at->name, v};
	return 0;
}

static int parse_members(struct parser *p, struct map *index, struct value *o, const struct path *up)
{
	struct path at = {.up = up};
	do {
		if (scan_peek(&p->s) != '"' || scan_string(&p->s, &at.name) != 0 || !scan_char(&p->s, ':'))
			return -1;
		struct value *v = parse_value(p, &at);
		if (!v || add_member(p, index, o, &at, v) != 0)
			return -1;
	} while (scan_char(&p->s, ','));
	return scan_char(&p->s, '}') ? 0 : -1;
}

static struct value *parse_object(struct parser *p, const struct path *up)
{
	struct map index = {0};
	struct value *o = fresh(p, V_OBJECT);
	p->s.p++;
	if (!o || scan_char(&p->s, '}'))
		return o;
	int r = parse_members(p, &index, o, up);
	map_fini(&index);
	return r == 0 ? o : NULL;
}

static struct value *parse_nested(struct parser *p, const struct path *at, char c)
{
	if (++p->depth > p->depth_max) {
		p->too_deep = true;
		return NULL;
	}
	struct value *v = c == '{' ? parse_object(p, at) : parse_list(p, at);
	p->depth--;
	return v;
}

static struct value *parse_value(struct parser *p, const struct path *at)
{
	char c = scan_peek(&p->s);
	switch (c) {
	case '{': case '[': return parse_nested(p, at, c);
	case '"': return parse_string(p);
	case 't': case 'f': case 'n': return parse_word(p, c);
	default: return parse_number(p);
	}
}

int json_parse(struct arena *a, struct str in, const struct json_opts *o, struct value **ret, struct err *e)
{
	if (!in.p)
		in = STR("");
	if (!(o && o->flags & JSON_ALIAS_INPUT) && in.n) {
		struct str copy = str_dup(a, in);
		if (!copy.p)
			return err_nomem(e, in.n);
		in = copy;
	}
	struct parser p = {.s = {.p = in.p, .end = in.p + in.n, .a = a}, .a = a, .o = o, .depth_max = o && o->depth_max ? o->depth_max : JSON_NEST_MAX};
	struct value *v = parse_value(&p, NULL);
	scan_space(&p.s);
	if (v && p.s.p == p.s.end) {
		*ret = v;
		return 0;
	}
	if (json_syntax(in, e) != 0)
		return -1;
	if (p.too_large.p)
		return err_set(e, ERR_BAD_REQUEST, "json: cannot unmarshal number %.*s into Go value of type float64", STR_F(p.too_large));
	return p.too_deep ? err_set(e, ERR_BAD_REQUEST, "exceeded max depth") : err_nomem(e, in.n);
}

/* ---- writing */

static void put_value(struct out *o, const struct value *v);

static void put_list(struct out *o, const struct value *v)
{
	out_char(o, '[');
	for (uint32_t i = 0; i < v->list.len; i++) {
		if (i)
			out_char(o, ',');
		put_value(o, v->list.items[i]);
	}
	out_char(o, ']');
}

static void put_object(struct out *o, const struct value *v)
{
	out_char(o, '{');
	for (uint32_t i = 0; i < v->object.len; i++) {
		if (i)
			out_char(o, ',');
		out_json_string(o, v->object.items[i].key);
		out_char(o, ':');
		put_value(o, v->object.items[i].value);
	}
	out_char(o, '}');
}

static void put_value(struct out *o, const struct value *v)
{
	switch (v->type) {
	case V_BOOL: out_str(o, v->b ? STR("true") : STR("false")); break;
	case V_INT:
		out_need(o, 24);
		o->p += scalar_put_i64(o->p, v->i);
		break;
	case V_DOUBLE:
		out_need(o, SCALAR_DOUBLE_MAX);
		o->p += scalar_put_double(o->p, v->d, false);
		break;
	case V_STRING: out_json_string(o, v->s); break;
	case V_LIST: put_list(o, v); break;
	case V_OBJECT: put_object(o, v); break;
	default: out_lit(o, "null");
	}
}

void json_write(struct buf *out, const struct value *v)
{
	struct out o;
	out_begin(&o, out);
	put_value(&o, v);
	out_end(&o);
}

void json_write_pretty(struct buf *out, const struct value *v, int indent)
{
	BUF(compact);
	json_write(&compact, v);
	json_indent(out, buf_view(&compact), indent);
	out->failed |= compact.failed;
}

/* ---- indenting */

static void put_break(struct out *o, unsigned depth, int indent)
{
	out_char(o, '\n');
	for (size_t i = 0; i < (size_t)depth * (size_t)indent; i++)
		out_char(o, ' ');
}

/* Behind the closing quote. */
static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return p < end ? p + 1 : end;
}

void json_indent(struct buf *out, struct str compact, int indent)
{
	struct out o;
	unsigned depth = 0;
	out_begin(&o, out);
	for (const char *p = compact.p, *end = compact.p + compact.n, *q; p < end; p = q) {
		char c = *p, next = p + 1 < end ? p[1] : 0;
		q = p + 1;
		if (c == '"') {
			q = string_end(p, end);
			out_put(&o, p, (size_t)(q - p));
		} else if ((c == '{' && next == '}') || (c == '[' && next == ']')) {
			out_put(&o, p, 2);
			q++;
		} else if (c == '{' || c == '[') {
			out_char(&o, c);
			put_break(&o, ++depth, indent);
		} else if (c == '}' || c == ']') {
			put_break(&o, --depth, indent);
			out_char(&o, c);
		} else {
			out_char(&o, c);
			if (c == ',')
				put_break(&o, depth, indent);
			else if (c == ':')
				out_char(&o, ' ');
		}
	}
	out_end(&o);
}

/* ---- apiVersion and kind */

#define META_STRUCT "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }"
#define META_ERROR "couldn't get version/kind; json parse error: "

static const char *kind_of(char c)
{
	return c == '{' ? "object" : c == '[' ? "array" : c == '"' ? "string" : c == 't' || c == 'f' ? "bool" : "number";
}

/* One of the two members: 1 when it has the wrong kind. */
static int peek_string(struct scan *s, struct str *ret)
{
	char c = scan_peek(s);
	if (c == 'n')
		return scan_literal(s, STR("null"));
	if (c == '"')
		return scan_string(s, ret);
	return scan_skip(s, NULL) == 0 ? 1 : -1;
}

struct peeked {
	struct str api_version, kind;
	const char *wrong_name, *wrong_kind;
};

static int peek_member(struct scan *s, struct peeked *m)
{
	struct str name;
	if (scan_peek(s) != '"' || scan_string(s, &name) != 0 || !scan_char(s, ':'))
		return -1;
	bool version = str_eq_fold(name, STR("apiVersion"));
	if (!version && !str_eq_fold(name, STR("kind")))
		return scan_skip(s, NULL);
	char c = scan_peek(s);
	int r = peek_string(s, version ? &m->api_version : &m->kind);
	if (r == 1 && !m->wrong_name) {
		m->wrong_name = version ? "apiVersion" : "kind";
		m->wrong_kind = kind_of(c);
	}
	return r < 0 ? -1 : 0;
}

static int peek_object(struct scan *s, struct peeked *m)
{
	s->p++;
	if (scan_char(s, '}'))
		return 0;
	do
		if (peek_member(s, m) != 0)
			return -1;
	while (scan_char(s, ','));
	return scan_char(s, '}') ? 0 : -1;
}

static int peek_explain(struct str in, const struct peeked *m, char first, struct err *e)
{
	if (json_syntax(in, e) != 0)
		return err_wrap(e, "couldn't get version/kind; json parse error");
	if (m->wrong_name)
		return err_set(e, ERR_BAD_REQUEST, META_ERROR "json: cannot unmarshal %s into Go struct field .%s of type string", m->wrong_kind, m->wrong_name);
	return err_set(e, ERR_BAD_REQUEST, META_ERROR "json: cannot unmarshal %s into Go value of type " META_STRUCT, kind_of(first));
}

int json_peek_type(struct str in, struct str *ret_api_version, struct str *ret_kind, struct arena *a, struct err *e)
{
	struct scan s = {.p = in.p, .end = in.p + in.n, .a = a};
	struct peeked m = {{0}, {0}, NULL, NULL};
	char first = scan_peek(&s);
	int r = first == '{' ? peek_object(&s, &m) : first == 'n' ? scan_literal(&s, STR("null")) : -1;
	scan_space(&s);
	if (r != 0 || s.p != s.end || m.wrong_name)
		return peek_explain(in, &m, first, e);
	*ret_api_version = m.api_version;
	*ret_kind = m.kind;
	return 0;
}

bool json_peek_head(struct str in, struct str *ret_api_version, struct str *ret_kind, struct arena *a)
{
	struct scan s = {.p = in.p, .end = in.p + in.n, .a = a};
	struct peeked m = {{0}, {0}, NULL, NULL};
	if (!scan_char(&s, '{') || peek_member(&s, &m) || !scan_char(&s, ',') || peek_member(&s, &m))
		return false;
	*ret_api_version = m.api_version;
	*ret_kind = m.kind;
	return m.api_version.p && m.kind.p && !m.wrong_name;
}
