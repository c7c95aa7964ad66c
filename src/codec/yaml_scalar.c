#include "codec/yaml_scalar.h"
#include "codec/scalar.h"
#include <math.h>
#include <stdlib.h>

#define NUMBER_MAX 128 /* longer texts are no numbers */

static const struct {
	struct str text;
	enum yaml_meaning meaning;
	double d; /* also the truth of a bool */
} words[] = {
	{STR_INIT(""), YAML_NULL, 0}, {STR_INIT("~"), YAML_NULL, 0}, {STR_INIT("null"), YAML_NULL, 0}, {STR_INIT("Null"), YAML_NULL, 0},
	{STR_INIT("NULL"), YAML_NULL, 0}, {STR_INIT("<<"), YAML_MERGE, 0},
	{STR_INIT("y"), YAML_BOOL, 1}, {STR_INIT("Y"), YAML_BOOL, 1}, {STR_INIT("yes"), YAML_BOOL, 1}, {STR_INIT("Yes"), YAML_BOOL, 1},
	{STR_INIT("YES"), YAML_BOOL, 1}, {STR_INIT("true"), YAML_BOOL, 1}, {STR_INIT("True"), YAML_BOOL, 1}, {STR_INIT("TRUE"), YAML_BOOL, 1},
	{STR_INIT("on"), YAML_BOOL, 1}, {STR_INIT("On"), YAML_BOOL, 1}, {STR_INIT("ON"), YAML_BOOL, 1},
	{STR_INIT("n"), YAML_BOOL, 0}, {STR_INIT("N"), YAML_BOOL, 0}, {STR_INIT("no"), YAML_BOOL, 0}, {STR_INIT("No"), YAML_BOOL, 0},
	{STR_INIT("NO"), YAML_BOOL, 0}, {STR_INIT("false"), YAML_BOOL, 0}, {STR_INIT("False"), YAML_BOOL, 0}, {STR_INIT("FALSE"), YAML_BOOL, 0},
	{STR_INIT("off"), YAML_BOOL, 0}, {STR_INIT("Off"), YAML_BOOL, 0}, {STR_INIT("OFF"), YAML_BOOL, 0},
	{STR_INIT(".nan"), YAML_DOUBLE, NAN}, {STR_INIT(".NaN"), YAML_DOUBLE, NAN}, {STR_INIT(".NAN"), YAML_DOUBLE, NAN},
	{STR_INIT(".inf"), YAML_DOUBLE, INFINITY}, {STR_INIT(".Inf"), YAML_DOUBLE, INFINITY}, {STR_INIT(".INF"), YAML_DOUBLE, INFINITY},
	{STR_INIT("+.inf"), YAML_DOUBLE, INFINITY}, {STR_INIT("+.Inf"), YAML_DOUBLE, INFINITY}, {STR_INIT("+.INF"), YAML_DOUBLE, INFINITY},
	{STR_INIT("-.inf"), YAML_DOUBLE, -INFINITY}, {STR_INIT("-.Inf"), YAML_DOUBLE, -INFINITY}, {STR_INIT("-.INF"), YAML_DOUBLE, -INFINITY},
};

static enum yaml_meaning word(struct str s, struct value *ret)
{
	for (size_t i = 0; s.n <= 5 && i < sizeof words / sizeof *words; i++)
		if (str_eq(words[i].text, s)) {
			ret->d = words[i].d;
			if (words[i].meaning == YAML_BOOL)
				ret->b = words[i].d != 0;
			return words[i].meaning;
		}
	return YAML_STRING;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The digits without '_' as a NUL-terminated text; false when it is too long. */
static bool plain_number(struct str s, char out[NUMBER_MAX])
{
	size_t n = 0;
	if (s.n >= NUMBER_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_')
			out[n++] = s.p[i];
	out[n] = 0;
	return memchr(s.p, 0, s.n) == NULL;
}

/* Base by prefix as Go's ParseInt(s, 0, 64): 0x, 0o, 0b, and a leading zero is octal. */
static int base_of(const char **p)
{
	if ((*p)[0] != '0' || !(*p)[1])
		return 10;
	char c = (char)((*p)[1] | 0x20);
	int base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
	*p += base ? 2 : 1;
	return base ? base : 8;
}

static bool parse_int(const char *text, int64_t *ret)
{
	bool minus = *text == '-';
	const char *p = text + (*text == '-' || *text == '+');
	char *end;
	int base = base_of(&p);
	if (!*p || *p == '-' || *p == '+' || *p == ' ')
		return false;
	for (const char *q = p; *q; q++)
		if (!is_digit(*q) && !(base == 16 && (*q | 0x20) >= 'a' && (*q | 0x20) <= 'f'))
			return false;
	uint64_t v = strtoull(p, &end, base);
	if (*end || v > (uint64_t)INT64_MAX + minus || strlen(p) > 64)
		return false;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

/* Sign, digits with an optional point, optional exponent. */
static bool looks_double(const char *p)
{
	p += *p == '-' || *p == '+';
	const char *start = p;
	while (is_digit(*p))
		p++;
	bool whole = p > start;
	if (*p == '.') {
		const char *fraction = ++p;
		while (is_digit(*p))
			p++;
		if (!whole && p == fraction)
			return false;
	} else if (!whole) {
		return false;
	}
	if ((*p | 0x20) == 'e') {
		p++;
		p += *p == '-' || *p == '+';
		if (!is_digit(*p))
			return false;
		while (is_digit(*p))
			p++;
	}
	return !*p;
}

static enum yaml_meaning number(struct str s, struct value *ret)
{
	char text[NUMBER_MAX];
	if (!plain_number(s, text))
		return YAML_STRING;
	if (parse_int(text, &ret->i))
		return YAML_INT;
	if (!looks_double(text))
		return YAML_STRING;
	ret->d = strtod(text, NULL);
	return isinf(ret->d) ? YAML_STRING : YAML_DOUBLE;
}

enum yaml_meaning yaml_meaning(struct str s, struct value *ret)
{
	enum yaml_meaning m = word(s, ret);
	if (m != YAML_STRING)
		return m;
	bool numeric = is_digit(s.p[0]) || s.p[0] == '+' || s.p[0] == '-' || s.p[0] == '.';
	return numeric ? number(s, ret) : YAML_STRING;
}

/* Digits in groups of two by colons: sixty-based numbers of YAML 1.1. */
static bool base60(struct str s)
{
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+'), colons = 0;
	if (i >= s.n || !is_digit(s.p[i]) || !memchr(s.p, ':', s.n))
		return false;
	while (i < s.n && (is_digit(s.p[i]) || s.p[i] == '_'))
		i++;
	while (i + 1 < s.n && s.p[i] == ':' && is_digit(s.p[i + 1])) {
		size_t digits = i + 2 < s.n && is_digit(s.p[i + 2]) && s.p[i + 1] < '6' ? 2 : 1;
		i += 1 + digits;
		colons++;
	}
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && (is_digit(s.p[i]) || s.p[i] == '_');)
			i++;
	return colons && i == s.n;
}

static size_t count_digits(struct str s, size_t i)
{
	size_t n = 0;
	while (i + n < s.n && is_digit(s.p[i + n]))
		n++;
	return n;
}

/* n digits or one, which YAML's times allow, and the character behind them; moves *i. */
static bool time_part(struct str s, size_t *i, char after)
{
	size_t n = count_digits(s, *i);
	if (n < 1 || n > 2 || *i + n >= s.n || s.p[*i + n] != after)
		return false;
	*i += n + 1;
	return true;
}

/* A date, or a date and time: read by others as a time stamp. */
static bool timestamp(struct str s)
{
	size_t i = 5;
	int64_t sec;
	int32_t nsec;
	if (count_digits(s, 0) != 4 || s.n < 8 || s.p[4] != '-')
		return false;
	if (time_parse_rfc3339(s, &sec, &nsec) == 0)
		return true;
	if (!time_part(s, &i, '-'))
		return false;
	size_t n = count_digits(s, i);
	if (n < 1 || n > 2)
		return false;
	i += n;
	if (i == s.n)
		return true;
	if (s.p[i] != 'T' && s.p[i] != 't' && s.p[i] != ' ')
		return false;
	i++;
	return time_part(s, &i, ':') && time_part(s, &i, ':') && count_digits(s, i) >= 1;
}

bool yaml_ambiguous(struct str s)
{
	struct value v;
	return yaml_meaning(s, &v) != YAML_STRING || base60(s) || timestamp(s);
}
