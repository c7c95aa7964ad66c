#include "api/selector.h"
#include "api/name.h"
#include "gen/meta_v1.h"
#include <stdlib.h>

/* ---- requirements ---- */

static int bad_key(struct arena *a, struct str key, struct err *e)
{
	struct wrong w = name_qualified(key);
	if (!w.n)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "<nil>: Invalid value: \"%.*s\": %.*s", STR_F(key), STR_F(wrong_join(a, w)));
}

static int bad_values(struct arena *a, const struct requirement *r, struct err *e)
{
	for (uint32_t i = 0; i < r->values.len; i++) {
		struct str v = r->values.items[i];
		struct wrong w = name_label_value(v);
		if (w.n)
			return err_set(e, ERR_BAD_REQUEST, "values[%u][%.*s]: Invalid value: \"%.*s\": %.*s", i, STR_F(r->key), STR_F(v), STR_F(wrong_join(a, w)));
	}
	return 0;
}

/* How many values each operator takes. */
static const struct {
	uint32_t min, max;
	const char *message;
} counts[] = {
	[SEL_EXISTS] = {0, 0, "values set must be empty for exists and does not exist"},
	[SEL_NOT_EXISTS] = {0, 0, "values set must be empty for exists and does not exist"},
	[SEL_EQUALS] = {1, 1, "exact-match compatibility requires one single value"},
	[SEL_NOT_EQUALS] = {1, 1, "exact-match compatibility requires one single value"},
	[SEL_IN] = {1, UINT32_MAX, "for 'in', 'notin' operators, values set can't be empty"},
	[SEL_NOT_IN] = {1, UINT32_MAX, "for 'in', 'notin' operators, values set can't be empty"},
	[SEL_GREATER] = {1, 1, "for 'Gt', 'Lt' operators, exactly one value is required"},
	[SEL_LESS] = {1, 1, "for 'Gt', 'Lt' operators, exactly one value is required"},
};

static int bad_count(const struct requirement *r, struct err *e)
{
	if (r->values.len >= counts[r->op].min && r->values.len <= counts[r->op].max)
		return 0;
	BUF(list);
	for (uint32_t i = 0; i < r->values.len; i++)
		buf_printf(&list, "%s\"%.*s\"", i ? "," : "", STR_F(r->values.items[i]));
	return err_set(e, ERR_BAD_REQUEST, "values: Invalid value: [%s]: %s", buf_z(&list), counts[r->op].message);
}

static int bad_number(struct requirement *r, struct err *e)
{
	if ((r->op != SEL_GREATER && r->op != SEL_LESS) || str_i64(r->values.items[0], &r->number) == 0)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "values[0]: Invalid value: \"%.*s\": for 'Gt', 'Lt' operators, the value must be an integer",
		STR_F(r->values.items[0]));
}

static int by_text(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

static void sort_values(str_list_t *l)
{
	uint32_t kept = 0;
	if (l->len)
		qsort(l->items, l->len, sizeof *l->items, by_text);
	for (uint32_t i = 0; i < l->len; i++)
		if (!kept || !str_eq(l->items[kept - 1], l->items[i]))
			l->items[kept++] = l->items[i];
	l->len = kept;
}

static int insert(struct arena *a, struct selector *s, struct requirement r, struct err *e)
{
	struct requirement *at = arena_push(a, s);
	if (!at)
		return err_nomem(e, sizeof *at);
	for (; at > s->items && str_cmp(at[-1].key, r.key) > 0; at--)
		*at = at[-1];
	*at = r;
	return 0;
}

static int add(struct arena *a, struct selector *s, struct requirement r, struct err *e)
{
	sort_values(&r.values);
	if (bad_key(a, r.key, e) || bad_count(&r, e) || bad_number(&r, e) || bad_values(a, &r, e))
		return -1;
	return insert(a, s, r, e);
}

static int add_value(struct arena *a, struct requirement *r, struct str v, struct err *e)
{
	struct str *at = arena_push(a, &r->values);
	if (!at)
		return err_nomem(e, sizeof *at);
	return *at = v, 0;
}

int selector_add(struct arena *a, struct selector *s, struct str key, enum selector_op op, const struct str *values, uint32_t n, struct err *e)
{
	struct requirement r = {.key = key, .op = op};
	for (uint32_t i = 0; i < n; i++)
		if (add_value(a, &r, values[i], e))
			return -1;
	return add(a, s, r, e);
}

/* ---- matching ---- */

static bool in_values(const struct requirement *r, struct str v)
{
	for (uint32_t i = 0; i < r->values.len; i++)
		if (str_eq(r->values.items[i], v))
			return true;
	return false;
}

static bool compares(const struct requirement *r, struct str v)
{
	int64_t n;
	if (str_i64(v, &n))
		return false;
	return r->op == SEL_GREATER ? n > r->number : n < r->number;
}

static bool requirement_matches(const struct requirement *r, const struct str_map *labels)
{
	bool has = labels && str_map_has(labels, r->key);
	struct str v = has ? str_map_get(labels, r->key) : (struct str){0};
	switch (r->op) {
	case SEL_EXISTS: return has;
	case SEL_NOT_EXISTS: return !has;
	case SEL_EQUALS: case SEL_IN: return has && in_values(r, v);
	case SEL_NOT_EQUALS: case SEL_NOT_IN: return !has || !in_values(r, v);
	default: return has && compares(r, v);
	}
}

bool selector_matches(const struct selector *s, const struct str_map *labels)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (!requirement_matches(&s->items[i], labels))
			return false;
	return !s->nothing;
}

/* ---- objects ---- */

struct selector selector_of_map(struct arena *a, const struct str_map *m)
{
	struct selector s = {0};
	for (uint32_t i = 0; m && i < m->len; i++) {
		struct requirement r = {.key = m->items[i].key, .op = SEL_EQUALS};
		if (add_value(a, &r, m->items[i].value, NULL) || insert(a, &s, r, NULL))
			return (struct selector){.nothing = true};
	}
	return s;
}

static int add_expression(struct arena *a, const struct meta_v1_LabelSelectorRequirement *x, struct selector *s, struct err *e)
{
	static const struct {
		const char *name;
		enum selector_op op;
	} ops[] = {{"In", SEL_IN}, {"NotIn", SEL_NOT_IN}, {"Exists", SEL_EXISTS}, {"DoesNotExist", SEL_NOT_EXISTS}};
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_is(x->operator, ops[i].name))
			return selector_add(a, s, x->key, ops[i].op, x->values.items, x->values.len, e);
	return err_set(e, ERR_BAD_REQUEST, "\"%.*s\" is not a valid label selector operator", STR_F(x->operator));
}

int selector_of(struct arena *a, const struct meta_v1_LabelSelector *from, struct selector *ret, struct err *e)
{
	struct selector s = {.nothing = !from};
	if (!from)
		return *ret = s, 0;
	for (uint32_t i = 0; i < from->matchLabels.len; i++)
		if (selector_add(a, &s, from->matchLabels.items[i].key, SEL_EQUALS, &from->matchLabels.items[i].value, 1, e))
			return -1;
	LIST_EACH(x, from->matchExpressions)
		if (add_expression(a, x, &s, e))
			return -1;
	return *ret = s, 0;
}

/* ---- text ---- */

static void write_values(struct buf *out, const struct requirement *r, const char *op)
{
	buf_str(out, r->key);
	buf_printf(out, " %s (", op);
	for (uint32_t i = 0; i < r->values.len; i++) {
		if (i)
			buf_char(out, ',');
		buf_str(out, r->values.items[i]);
	}
	buf_char(out, ')');
}

static void write_binary(struct buf *out, const struct requirement *r, const char *op)
{
	buf_str(out, r->key);
	buf_put(out, op, strlen(op));
	buf_str(out, r->values.items[0]);
}

static void write_requirement(struct buf *out, const struct requirement *r)
{
	switch (r->op) {
	case SEL_EXISTS: buf_str(out, r->key); break;
	case SEL_NOT_EXISTS: buf_char(out, '!'); buf_str(out, r->key); break;
	case SEL_EQUALS: write_binary(out, r, "="); break;
	case SEL_NOT_EQUALS: write_binary(out, r, "!="); break;
	case SEL_GREATER: write_binary(out, r, ">"); break;
	case SEL_LESS: write_binary(out, r, "<"); break;
	case SEL_IN: write_values(out, r, "in"); break;
	case SEL_NOT_IN: write_values(out, r, "notin"); break;
	}
}

void selector_write(struct buf *out, const struct selector *s)
{
	for (uint32_t i = 0; i < s->len; i++) {
		if (i)
			buf_char(out, ',');
		write_requirement(out, &s->items[i]);
	}
}

/* ---- parsing ---- */

enum token { T_END, T_WORD, T_COMMA, T_OPEN, T_CLOSE, T_NOT, T_OP, T_BAD };
struct parser {
	struct arena *a;
	struct str rest;
	enum token token; /* looked ahead */
	struct str text;
	struct err *e;
};

static bool is_special(char c) { return c && strchr("=!(),><", c); }
static bool is_space(char c) { return c && strchr(" \t\r\n", c); }

static enum token symbol(struct str s)
{
	static const struct {
		const char *text;
		enum token token;
	} symbols[] = {{")", T_CLOSE}, {",", T_COMMA}, {"!", T_NOT}, {"==", T_OP}, {"=", T_OP}, {">", T_OP}, {"<", T_OP}, {"!=", T_OP}, {"(", T_OPEN}};
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
		if (str_is(s, symbols[i].text))
			return symbols[i].token;
	return T_BAD;
}

static void next(struct parser *p)
{
	size_t n = 0;
	while (p->rest.n && is_space(p->rest.p[0]))
		p->rest = str_sub(p->rest, 1, p->rest.n);
	if (p->rest.n && is_special(p->rest.p[0])) {
		n = p->rest.n > 1 && symbol(str_sub(p->rest, 0, 2)) != T_BAD ? 2 : 1;
		p->token = symbol(str_sub(p->rest, 0, n));
	} else {
		while (n < p->rest.n && !is_special(p->rest.p[n]) && !is_space(p->rest.p[n]))
			n++;
		p->token = n ? T_WORD : T_END;
	}
	p->text = str_sub(p->rest, 0, n);
	p->rest = str_sub(p->rest, n, p->rest.n);
}

static int unexpected(struct parser *p, const char *wanted)
{
	return err_set(p->e, ERR_BAD_REQUEST, "found '%.*s'%s", STR_F(p->text), wanted);
}

/* "(a,,b)" has an empty value between; "(,a)" and "(a,)" one at the end. */
static int parse_list(struct parser *p, struct requirement *r)
{
	if (p->token != T_OPEN)
		return unexpected(p, " expected: '('");
	next(p);
	bool want = true, any = false;
	for (; p->token == T_WORD || p->token == T_COMMA; next(p)) {
		if (p->token == T_WORD && !want)
			return unexpected(p, ", expected: ',' or ')'");
		if ((p->token == T_WORD || want) && add_value(p->a, r, p->token == T_WORD ? p->text : STR(""), p->e))
			return -1;
		want = p->token == T_COMMA;
		any = true;
	}
	if (p->token != T_CLOSE)
		return unexpected(p, !any ? ", expected: ',', ')' or identifier" : want ? ", expected: ',', or identifier" : ", expected: ',' or ')'");
	if (any && want && add_value(p->a, r, STR(""), p->e))
		return -1;
	next(p);
	return 0;
}

static int parse_value(struct parser *p, struct requirement *r)
{
	if (p->token == T_END || p->token == T_COMMA)
		return add_value(p->a, r, STR(""), p->e);
	if (p->token != T_WORD)
		return unexpected(p, ", expected: identifier");
	struct str v = p->text;
	next(p);
	return add_value(p->a, r, v, p->e);
}

static int parse_operator(struct parser *p, struct requirement *r)
{
	static const struct {
		const char *text;
		enum selector_op op;
	} ops[] = {{"in", SEL_IN}, {"notin", SEL_NOT_IN}, {"=", SEL_EQUALS}, {"==", SEL_EQUALS}, {"!=", SEL_NOT_EQUALS}, {">", SEL_GREATER}, {"<", SEL_LESS}};
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_is(p->text, ops[i].text))
			return r->op = ops[i].op, next(p), 0;
	return unexpected(p, ", expected: in, notin, =, ==, !=, gt, lt");
}

static int parse_requirement(struct parser *p, struct selector *s)
{
	struct requirement r = {.op = SEL_EXISTS};
	if (p->token == T_NOT) {
		r.op = SEL_NOT_EXISTS;
		next(p);
	}
	if (p->token != T_WORD)
		return unexpected(p, ", expected: identifier");
	r.key = p->text;
	if (bad_key(p->a, r.key, p->e))
		return -1;
	next(p);
	if (r.op == SEL_NOT_EXISTS || p->token == T_END || p->token == T_COMMA)
		return add(p->a, s, r, p->e);
	if (parse_operator(p, &r) || (r.op == SEL_IN || r.op == SEL_NOT_IN ? parse_list(p, &r) : parse_value(p, &r)))
		return -1;
	return add(p->a, s, r, p->e);
}

static int parse_all(struct parser *p, struct selector *s)
{
	while (p->token != T_END) {
		if (p->token != T_WORD && p->token != T_NOT)
			return unexpected(p, ", expected: !, identifier, or 'end of string'");
		if (parse_requirement(p, s))
			return err_wrap(p->e, "unable to parse requirement");
		if (p->token == T_END)
			break;
		if (p->token != T_COMMA)
			return unexpected(p, ", expected: ',' or 'end of string'");
		next(p);
		if (p->token != T_WORD && p->token != T_NOT)
			return unexpected(p, ", expected: identifier after ','");
	}
	return 0;
}

int selector_parse(struct arena *a, struct str text, struct selector *ret, struct err *e)
{
	struct parser p = {.a = a, .rest = text, .e = e};
	struct selector s = {0};
	next(&p);
	if (parse_all(&p, &s))
		return -1;
	return *ret = s, 0;
}
