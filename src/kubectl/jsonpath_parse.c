#include "kubectl/jsonpath_parse.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdlib.h>

struct parser {
	struct arena *a;
	struct str in;
	size_t at;
	unsigned depth;
	struct err *e;
};

static int peek(const struct parser *p, size_t ahead) { return p->at + ahead < p->in.n ? (unsigned char)p->in.p[p->at + ahead] : -1; }
static int fail(struct parser *p, const char *what) { return err_set(p->e, ERR_BAD_REQUEST, "%s", what); }
static bool at(const struct parser *p, const char *text) { return str_has_prefix(str_sub(p->in, p->at, p->in.n), str_of(text)); }
static bool is_word(int c) { return c == '_' || isalnum(c) || c >= 0x80; }

static bool is_end(int c)
{
	return c < 0 || c == '\n' || c == '\r' || (c < 0x80 && strchr(".,[]$@{} \t", c));
}

static struct jp_node *push(struct parser *p, struct jp_nodes *to, enum jp_kind kind)
{
	struct jp_node *n = arena_push(p->a, to);
	n->kind = (uint8_t)kind;
	return n;
}

static int action(struct parser *p, struct jp_nodes *to);

/* Parses text as the inside of an action of its own. */
static int nested(struct parser *p, struct str text, struct jp_nodes *to)
{
	struct parser in = {.a = p->a, .in = str_printf(p->a, "%.*s}", STR_F(text)), .depth = p->depth + 1, .e = p->e};
	if (in.depth > JSONPATH_DEPTH_MAX)
		return fail(p, "template nested too deep");
	return action(&in, &push(p, to, JP_ACTION)->nodes);
}

static int field(struct parser *p, struct jp_nodes *to)
{
	BUF(name);
	for (int c; !is_end(c = peek(p, 0)); p->at++) {
		if (c == '\\' && peek(p, 1) >= 0)
			c = peek(p, 1), p->at++;
		buf_char(&name, (char)c);
	}
	struct str text = buf_take(&name, p->a);
	if (str_is(text, "*"))
		push(p, to, JP_WILDCARD);
	else
		push(p, to, JP_FIELD)->text = text.p ? text : STR("");
	return 0;
}

static int recursive(struct parser *p, struct jp_nodes *to)
{
	if (to->len && to->items[to->len - 1].kind == JP_RECURSIVE)
		return fail(p, "invalid multiple recursive descent");
	p->at += 2;
	push(p, to, JP_RECURSIVE);
	return is_word(peek(p, 0)) || peek(p, 0) == '*' ? field(p, to) : 0;
}

static char escaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

static int quoted(struct parser *p, struct jp_nodes *to)
{
	BUF(text);
	int quote = peek(p, 0), c;
	for (p->at++; (c = peek(p, 0)) != quote; p->at++) {
		if (c < 0 || c == '\n')
			return fail(p, "unterminated quoted string");
		if (c == '\\' && peek(p, 1) >= 0)
			c = escaped((char)peek(p, 1)), p->at++;
		buf_char(&text, (char)c);
	}
	p->at++;
	struct jp_node *n = push(p, to, JP_TEXT);
	n->text = buf_take(&text, p->a);
	return 0;
}

static int number(struct parser *p, struct jp_nodes *to)
{
	size_t from = p->at;
	int64_t i;
	for (int c = peek(p, 0); c >= 0 && (isalnum(c) || c == '.' || c == '+' || c == '-'); c = peek(p, 0))
		p->at++;
	struct str s = str_sub(p->in, from, p->at);
	char *end, *z = str_z(p->a, s);
	struct jp_node *n = push(p, to, JP_VALUE);
	if (str_i64(s, &i) == 0) {
		n->value = value_int(p->a, i);
		return 0;
	}
	n->value = value_new(p->a, V_DOUBLE);
	n->value->d = strtod(z, &end);
	return *end ? err_set(p->e, ERR_BAD_REQUEST, "cannot parse number %s", z) : 0;
}

static int word(struct parser *p, struct jp_nodes *to)
{
	size_t from = p->at;
	while (is_word(peek(p, 0)))
		p->at++;
	struct str s = str_sub(p->in, from, p->at);
	bool yes = str_is(s, "true");
	struct jp_node *n = push(p, to, yes || str_is(s, "false") ? JP_VALUE : JP_WORD);
	n->text = s;
	if (n->kind == JP_VALUE)
		n->value = value_bool(p->a, yes);
	return 0;
}

/* ---- [...] */

/* What stands between brackets, quotes respected; p->at behind the closing one. */
static int bracketed(struct parser *p, struct str *ret)
{
	size_t from = ++p->at;
	int quote = 0;
	for (int c;; p->at++) {
		c = peek(p, 0);
		if (c < 0 || c == '\n')
			return fail(p, "unterminated array");
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == ']')
			break;
		p->at += c == '\\';
	}
	*ret = str_sub(p->in, from, p->at++);
	return 0;
}

/* Cuts at commas outside quotes. */
static bool next_member(struct str *rest, struct str *piece)
{
	int quote = 0;
	size_t i;
	if (!rest->p)
		return false;
	for (i = 0; i < rest->n; i++) {
		char c = rest->p[i];
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '\'')
			quote = c;
		else if (c == ',')
			break;
	}
	*piece = str_sub(*rest, 0, i);
	*rest = i < rest->n ? str_sub(*rest, i + 1, rest->n) : (struct str){0};
	return true;
}

static int bad_index(struct parser *p, struct str s) { return err_set(p->e, ERR_BAD_REQUEST, "invalid array index %.*s", STR_F(s)); }

static int slice(struct parser *p, struct str s, struct jp_nodes *to)
{
	struct jp_node *n = push(p, to, JP_SLICE);
	struct str rest = str_is(s, "*") ? STR("::") : s, piece;
	unsigned i = 0;
	for (; str_next(&rest, ':', &piece); i++) {
		if (i > 2 || (piece.n && str_i64(piece, &n->bounds[i].value) != 0))
			return bad_index(p, s);
		n->bounds[i].known = piece.n > 0;
	}
	if (i == 1)
		n->bounds[1] = (struct jp_bound){n->bounds[0].value + 1, true, true};
	return 0;
}

static struct str without_escapes(struct parser *p, struct str s)
{
	BUF(b);
	for (size_t i = 0; i < s.n; i++) {
		i += s.p[i] == '\\' && i + 1 < s.n;
		buf_char(&b, s.p[i]);
	}
	struct str t = buf_take(&b, p->a);
	return t.p ? t : STR("");
}

static int member(struct parser *p, struct str s, struct jp_nodes *to)
{
	if (s.n >= 2 && s.p[0] == '\'' && s.p[s.n - 1] == '\'') {
		push(p, to, JP_FIELD)->text = without_escapes(p, str_sub(s, 1, s.n - 1));
		return 0;
	}
	return slice(p, s, to);
}

static int array(struct parser *p, struct jp_nodes *to)
{
	struct str s, rest, piece;
	if (bracketed(p, &s) != 0)
		return -1;
	rest = s;
	next_member(&rest, &piece);
	if (!rest.p)
		return member(p, s, to);
	struct jp_node *u = push(p, to, JP_UNION);
	struct jp_nodes nodes = {0};
	for (rest = s; next_member(&rest, &piece);)
		if (nested(p, str_printf(p->a, "[%.*s]", STR_F(str_trim(piece))), &nodes) != 0)
			return -1;
	u->nodes = nodes;
	return 0;
}

/* ---- [?(...)] */

static int filter_text(struct parser *p, struct str *ret)
{
	int quote = 0, open = 1;
	size_t from = p->at += 3;
	for (;; p->at++) {
		int c = peek(p, 0);
		if (c < 0 || c == '\n')
			return fail(p, "unterminated filter");
		if (quote)
			quote = c == quote ? 0 : quote;
		else if (c == '\'' || c == '"')
			quote = c;
		else if (c == '(')
			open++;
		else if (c == ')' && --open == 0)
			break;
	}
	*ret = str_sub(p->in, from, p->at++);
	if (peek(p, 0) != ']')
		return fail(p, "unclosed array expect ]");
	p->at++;
	return 0;
}

static bool is_operator(char c) { return c == '!' || c == '<' || c == '>' || c == '='; }

static int filter(struct parser *p, struct jp_nodes *to)
{
	struct str s;
	size_t from = 0, end;
	struct jp_nodes sides = {0};
	if (filter_text(p, &s) != 0)
		return -1;
	while (from < s.n && !is_operator(s.p[from]))
		from++;
	for (end = from; end < s.n && is_operator(s.p[end]);)
		end++;
	bool compares = from > 0 && end > from && end < s.n;
	if (nested(p, compares ? str_trim(str_sub(s, 0, from)) : s, &sides) != 0)
		return -1;
	if (compares && nested(p, str_trim(str_sub(s, end, s.n)), &sides) != 0)
		return -1;
	struct jp_node *n = push(p, to, JP_FILTER);
	n->nodes = sides;
	n->text = compares ? str_sub(s, from, end) : STR("");
	return 0;
}

/* ---- {...} */

static int step(struct parser *p, struct jp_nodes *to)
{
	int c = peek(p, 0);
	if (c < 0 || c == '\n')
		return fail(p, "unclosed action");
	if (c == ' ' || c == '@' || c == '$' || c == '\t') {
		p->at++;
		return 0;
	}
	if (at(p, "[?("))
		return filter(p, to);
	if (at(p, ".."))
		return recursive(p, to);
	if (c == '.') {
		p->at++;
		return field(p, to);
	}
	if (c == '[')
		return array(p, to);
	if (c == '"' || c == '\'')
		return quoted(p, to);
	if (c == '+' || c == '-' || isdigit(c))
		return number(p, to);
	if (is_word(c))
		return word(p, to);
	return err_set(p->e, ERR_BAD_REQUEST, "unrecognized character in action: U+%04X '%c'", c, c);
}

static int action(struct parser *p, struct jp_nodes *to)
{
	while (peek(p, 0) != '}')
		if (step(p, to) != 0)
			return -1;
	p->at++;
	return 0;
}

struct jsonpath *jsonpath_parse(struct arena *a, struct str text, struct err *e)
{
	struct parser p = {.a = a, .in = text, .e = e};
	struct jsonpath *j = arena_make(a, struct jsonpath);
	while (p.at < text.n) {
		ptrdiff_t open = str_index(text, '{', p.at);
		size_t end = open < 0 ? text.n : (size_t)open;
		if (end > p.at)
			push(&p, &j->root, JP_TEXT)->text = str_sub(text, p.at, end);
		p.at = end + 1;
		if (open < 0)
			break;
		struct jp_nodes steps = {0};
		if (action(&p, &steps) != 0)
			return NULL;
		push(&p, &j->root, JP_ACTION)->nodes = steps;
	}
	return j;
}

int jsonpath_relaxed(struct arena *a, struct str text, struct str *ret, struct err *e)
{
	struct str s = text;
	bool braces = s.n >= 2 && s.p[0] == '{' && s.p[s.n - 1] == '}';
	if (braces)
		s = str_sub(s, 1, s.n - 1);
	if (s.n && s.p[0] == '.')
		s = str_sub(s, 1, s.n);
	if (text.n && (!s.n || str_index(s, '{', 0) >= 0 || str_index(s, '}', 0) >= 0))
		return err_set(e, ERR_BAD_REQUEST, "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'");
	*ret = text.n ? str_printf(a, "{.%.*s}", STR_F(s)) : STR("");
	return 0;
}
