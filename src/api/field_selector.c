#include "api/selector.h"

static int unescape(struct arena *a, struct str s, struct str *ret, struct err *e)
{
	if (str_index(s, '\\', 0) < 0 && str_index(s, '=', 0) < 0)
		return *ret = s, 0;
	char *p = arena_text(a, s.n);
	size_t n = 0;
	if (!p)
		return err_nomem(e, s.n);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '=')
			return err_set(e, ERR_BAD_REQUEST, "invalid field selector: unescaped character in value: =");
		if (s.p[i] == '\\' && (++i == s.n || !strchr("\\,=", s.p[i]) || !s.p[i]))
			return err_set(e, ERR_BAD_REQUEST, "invalid field selector: invalid escape sequence: %.*s", STR_F(str_sub(s, i - 1, i + 1)));
		p[n++] = s.p[i];
	}
	*ret = (struct str){p, n};
	return 0;
}

/* Up to the next comma that is not escaped. */
static bool next_term(struct str *rest, struct str *term)
{
	size_t n = 0;
	if (!rest->p)
		return false;
	while (n < rest->n && rest->p[n] != ',')
		n += rest->p[n] == '\\' && n + 1 < rest->n ? 2 : 1;
	*term = str_sub(*rest, 0, n);
	*rest = n < rest->n ? str_sub(*rest, n + 1, rest->n) : (struct str){0};
	return true;
}

/* The first of !=, == and = decides. */
static bool split_term(struct str t, struct field_requirement *ret, struct str *value)
{
	for (size_t i = 0; i < t.n; i++) {
		bool two = i + 1 < t.n && t.p[i + 1] == '=';
		if (t.p[i] != '=' && !(t.p[i] == '!' && two))
			continue;
		ret->field = str_sub(t, 0, i);
		ret->not_equal = t.p[i] == '!';
		*value = str_sub(t, i + (two ? 2 : 1), t.n);
		return true;
	}
	return false;
}

int field_selector_parse(struct arena *a, struct str text, struct field_selector *ret, struct err *e)
{
	struct field_selector s = {0};
	struct str rest = text, term, value;
	while (next_term(&rest, &term)) {
		struct field_requirement r = {0};
		if (!term.n)
			continue;
		if (!split_term(term, &r, &value))
			return err_set(e, ERR_BAD_REQUEST, "invalid selector: '%.*s'; can't understand '%.*s'", STR_F(text), STR_F(term));
		if (unescape(a, value, &r.value, e))
			return -1;
		struct field_requirement *at = arena_push(a, &s);
		if (!at)
			return err_nomem(e, sizeof *at);
		*at = r;
	}
	*ret = s;
	return 0;
}

bool field_selector_matches(const struct field_selector *s, struct str (*get)(const void *obj, struct str field), const void *obj)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (str_eq(get(obj, s->items[i].field), s->items[i].value) == s->items[i].not_equal)
			return false;
	return true;
}

bool field_selector_requires(const struct field_selector *s, struct str field, struct str *ret)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (!s->items[i].not_equal && str_eq(s->items[i].field, field))
			return *ret = s->items[i].value, true;
	return false;
}

void field_escape(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] && strchr("\\,=", value.p[i]))
			buf_char(out, '\\');
		buf_char(out, value.p[i]);
	}
}

void field_selector_write(struct buf *out, const struct field_selector *s)
{
	for (uint32_t i = 0; i < s->len; i++) {
		if (i)
			buf_char(out, ',');
		buf_str(out, s->items[i].field);
		buf_printf(out, s->items[i].not_equal ? "!=" : "=");
		field_escape(out, s->items[i].value);
	}
}
