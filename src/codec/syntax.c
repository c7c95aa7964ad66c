/* Why a text is not JSON, told as upstream's scanner does: only run after a decoder has stumbled. */
#include "codec/json.h"
#include "codec/scan.h"
#include "codec/utf8.h"
#include <stdio.h>

enum want { VALUE, VALUE_OR_CLOSE, KEY, KEY_OR_CLOSE, COLON, AFTER };

struct syntax {
	const char *p, *end;
	struct err *e;
	unsigned depth;
	uint8_t object[JSON_DEPTH_MAX / 8 + 1];
};

/* A byte as Go quotes it: 'x', '\n', '\u0081'. */
static void quote_byte(unsigned char c, char out[16])
{
	static const char special[] = "\a\b\f\n\r\t\v\\'", letters[] = "abfnrtv\\'";
	const char *at = c ? strchr(special, c) : NULL;
	if (at)
		snprintf(out, 16, "'\\%c'", letters[at - special]);
	else if (c < 0x20 || c == 0x7f)
		snprintf(out, 16, "'\\x%02x'", c);
	else if (c < 0x7f)
		snprintf(out, 16, "'%c'", c);
	else if (c < 0xa1 || c == 0xad)
		snprintf(out, 16, "'\\u%04x'", c);
	else
		snprintf(out, 16, "'%c%c'", 0xC0 | c >> 6, 0x80 | (c & 63));
}

static int bad(struct syntax *s, const char *where)
{
	char quoted[16];
	if (s->p >= s->end)
		return err_set(s->e, ERR_BAD_REQUEST, "unexpected end of JSON input");
	quote_byte((unsigned char)*s->p, quoted);
	return err_set(s->e, ERR_BAD_REQUEST, "invalid character %s %s", quoted, where);
}

static bool is_digit(const struct syntax *s) { return s->p < s->end && *s->p >= '0' && *s->p <= '9'; }
static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

static int check_escape(struct syntax *s)
{
	s->p++;
	if (s->p >= s->end || !*s->p || !strchr("\"\\/bfnrtu", *s->p))
		return bad(s, "in string escape code");
	if (*s->p++ != 'u')
		return 0;
	for (int i = 0; i < 4; i++, s->p++)
		if (s->p >= s->end || !is_hex(*s->p))
			return bad(s, "in \\u hexadecimal character escape");
	return 0;
}

static int check_string(struct syntax *s)
{
	bool high = false;
	s->p++;
	for (;;) {
		s->p = scan_special(s->p, s->end, &high);
		if (s->p < s->end && *s->p == '"') {
			s->p++;
			return 0;
		}
		if (s->p >= s->end || *s->p != '\\')
			return bad(s, "in string literal");
		if (check_escape(s) != 0)
			return -1;
	}
}

static int check_digits(struct syntax *s, const char *where)
{
	if (!is_digit(s))
		return bad(s, where);
	while (is_digit(s))
		s->p++;
	return 0;
}

static int check_number(struct syntax *s)
{
	if (*s->p == '-')
		s->p++;
	if (!is_digit(s))
		return bad(s, "in numeric literal");
	if (*s->p == '0')
		s->p++;
	else
		while (is_digit(s))
			s->p++;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (check_digits(s, "after decimal point in numeric literal") != 0)
			return -1;
	}
	if (s->p < s->end && (*s->p | 0x20) == 'e') {
		s->p++;
		s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');
		return check_digits(s, "in exponent of numeric literal");
	}
	return 0;
}

static int check_word(struct syntax *s, const char *word)
{
	char where[48];
	for (size_t i = 0; word[i]; i++, s->p++)
		if (s->p >= s->end || *s->p != word[i]) {
			snprintf(where, sizeof where, "in literal %s (expecting '%c')", word, word[i]);
			return bad(s, where);
		}
	return 0;
}

static int check_scalar(struct syntax *s)
{
	char c = s->p < s->end ? *s->p : 0;
	switch (c) {
	case '"': return check_string(s);
	case 't': return check_word(s, "true");
	case 'f': return check_word(s, "false");
	case 'n': return check_word(s, "null");
	default: return c == '-' || is_digit(s) ? check_number(s) : bad(s, "looking for beginning of value");
	}
}

static bool in_object(const struct syntax *s) { return s->depth && s->object[(s->depth - 1) / 8] >> ((s->depth - 1) % 8) & 1; }

static int push(struct syntax *s, bool object, enum want *w)
{
	if (s->depth >= JSON_DEPTH_MAX)
		return err_set(s->e, ERR_BAD_REQUEST, "exceeded max depth");
	uint8_t bit = (uint8_t)(1 << s->depth % 8), *byte = &s->object[s->depth / 8];
	*byte = object ? *byte | bit : *byte & (uint8_t)~bit;
	s->depth++;
	s->p++;
	*w = object ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
	return 0;
}

static int check_value(struct syntax *s, enum want *w)
{
	if (s->p < s->end && (*s->p == '{' || *s->p == '['))
		return push(s, *s->p == '{', w);
	if (*w == VALUE_OR_CLOSE && s->p < s->end && *s->p == ']') {
		s->p++;
		s->depth--;
		*w = AFTER;
		return 0;
	}
	*w = AFTER;
	return check_scalar(s);
}

static int check_key(struct syntax *s, enum want *w)
{
	if (*w == KEY_OR_CLOSE && s->p < s->end && *s->p == '}') {
		s->p++;
		s->depth--;
		*w = AFTER;
		return 0;
	}
	if (s->p >= s->end || *s->p != '"')
		return bad(s, "looking for beginning of object key string");
	*w = COLON;
	return check_string(s);
}

static int check_after(struct syntax *s, enum want *w)
{
	bool object = in_object(s);
	char c = s->p < s->end ? *s->p : 0;
	if (c != ',' && c != (object ? '}' : ']'))
		return bad(s, object ? "after object key:value pair" : "after array element");
	s->p++;
	if (c == ',')
		*w = object ? KEY : VALUE;
	else
		s->depth--;
	return 0;
}

static int check_next(struct syntax *s, enum want *w)
{
	switch (*w) {
	case VALUE: case VALUE_OR_CLOSE: return check_value(s, w);
	case KEY: case KEY_OR_CLOSE: return check_key(s, w);
	case AFTER: return check_after(s, w);
	default:
		if (s->p >= s->end || *s->p != ':')
			return bad(s, "after object key");
		s->p++;
		*w = VALUE;
		return 0;
	}
}

static void check_space(struct syntax *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
		s->p++;
}

static int check_text(struct syntax *s)
{
	enum want w = VALUE;
	do {
		check_space(s);
		if (check_next(s, &w) != 0)
			return -1;
	} while (s->depth || w != AFTER);
	check_space(s);
	return s->p < s->end ? bad(s, "after top-level value") : 0;
}

int json_syntax(struct str in, struct err *e)
{
	struct syntax s = {.p = in.p, .end = in.p + in.n, .e = e};
	return check_text(&s);
}

int64_t json_bad_at(struct str in)
{
	ERR(e);
	struct syntax s = {.p = in.p, .end = in.p + in.n, .e = &e};
	return check_text(&s) < 0 && s.p < s.end ? s.p - in.p + 1 : -1;
}
