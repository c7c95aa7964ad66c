#include "codec/scalar.h"
#include "base/buf.h"
#include "base/enc.h"
#include "schema/quantity.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- times */

#define LAYOUT "2006-01-02T15:04:05Z07:00"
#define LAYOUT_MICRO "2006-01-02T15:04:05.000000Z07:00"

struct clock_text {
	struct str all, rest; /* the whole text; what is not read yet */
	bool micro;
	struct err *e;
};

static int refuse(struct clock_text *t, const char *element)
{
	BUF(all);
	BUF(rest);
	enc_quote(&all, t->all);
	enc_quote(&rest, t->rest);
	return err_set(t->e, ERR_BAD_REQUEST, "parsing time %s as \"%s\": cannot parse %s as \"%s\"", buf_z(&all), t->micro ? LAYOUT_MICRO : LAYOUT,
		buf_z(&rest), element);
}

static int out_of_range(struct clock_text *t, const char *what)
{
	BUF(all);
	enc_quote(&all, t->all);
	return err_set(t->e, ERR_BAD_REQUEST, "parsing time %s: %s out of range", buf_z(&all), what);
}

static bool digit_at(struct str s, size_t i) { return i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; }

/* n digits, named by their place in the layout. */
static int take_number(struct clock_text *t, size_t n, const char *element, int *ret)
{
	int v = 0;
	for (size_t i = 0; i < n; i++) {
		if (!digit_at(t->rest, i))
			return refuse(t, element);
		v = v * 10 + (t->rest.p[i] - '0');
	}
	t->rest = str_sub(t->rest, n, t->rest.n);
	*ret = v;
	return 0;
}

static int take_char(struct clock_text *t, char c)
{
	char element[2] = {c, 0};
	if (!t->rest.n || t->rest.p[0] != c)
		return refuse(t, element);
	t->rest = str_sub(t->rest, 1, t->rest.n);
	return 0;
}

/* Six digits where the layout has them, any number elsewhere. */
static int take_fraction(struct clock_text *t, int32_t *ret)
{
	bool point = t->rest.n && (t->rest.p[0] == '.' || t->rest.p[0] == ',');
	size_t n = 1;
	while (digit_at(t->rest, n))
		n++;
	if (t->micro && (!point || n < 7))
		return refuse(t, ".000000");
	if (!point || n < 2)
		return 0;
	if (t->micro)
		n = 7;
	int32_t v = 0, unit = 100000000;
	for (size_t i = 1; i < n; i++, unit /= 10)
		v += (t->rest.p[i] - '0') * unit;
	t->rest = str_sub(t->rest, n, t->rest.n);
	*ret = v;
	return 0;
}

static int take_zone(struct clock_text *t, int *ret)
{
	struct str r = t->rest;
	if (r.n && r.p[0] == 'Z') {
		t->rest = str_sub(r, 1, r.n);
		return 0;
	}
	if (r.n < 6 || (r.p[0] != '+' && r.p[0] != '-') || r.p[3] != ':' || !digit_at(r, 1) || !digit_at(r, 2) || !digit_at(r, 4) || !digit_at(r, 5))
		return refuse(t, "Z07:00");
	int hours = (r.p[1] - '0') * 10 + r.p[2] - '0', minutes = (r.p[4] - '0') * 10 + r.p[5] - '0';
	if (hours > 24 || minutes > 60)
		return out_of_range(t, hours > 24 ? "time zone offset hour" : "time zone offset minute");
	*ret = (r.p[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
	t->rest = str_sub(r, 6, r.n);
	return 0;
}

static bool day_exists(const struct civil *c)
{
	static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
	return c->day >= 1 && c->day <= days[c->month - 1] + (c->month == 2 && leap);
}

static int take_date(struct clock_text *t, struct civil *c)
{
	if (take_number(t, 4, "2006", &c->year) || take_char(t, '-') || take_number(t, 2, "01", &c->month))
		return -1;
	if (c->month < 1 || c->month > 12)
		return out_of_range(t, "month");
	return take_char(t, '-') || take_number(t, 2, "02", &c->day) || take_char(t, 'T') ? -1 : 0;
}

static int take_clock(struct clock_text *t, struct civil *c)
{
	if (take_number(t, 2, "15", &c->hour))
		return -1;
	if (c->hour > 23)
		return out_of_range(t, "hour");
	if (take_char(t, ':') || take_number(t, 2, "04", &c->minute))
		return -1;
	if (c->minute > 59)
		return out_of_range(t, "minute");
	if (take_char(t, ':') || take_number(t, 2, "05", &c->second))
		return -1;
	return c->second > 59 ? out_of_range(t, "second") : 0;
}

int scalar_time(struct str text, bool micro, struct api_time *ret, struct err *e)
{
	struct clock_text t = {text, text, micro, e};
	struct civil c = {0};
	int32_t nsec = 0;
	int offset = 0;
	if (take_date(&t, &c) || take_clock(&t, &c) || take_fraction(&t, &nsec) || take_zone(&t, &offset))
		return -1;
	if (t.rest.n) {
		BUF(rest);
		enc_quote(&rest, t.rest);
		return err_set(e, ERR_BAD_REQUEST, "parsing time \"%.*s\": extra text: %s", STR_F(text), buf_z(&rest));
	}
	if (!day_exists(&c))
		return out_of_range(&t, "day");
	int64_t sec = time_unix(c.year, c.month, c.day, c.hour, c.minute, c.second) - offset;
	*ret = (struct api_time){sec, micro ? nsec : 0, sec != SCALAR_YEAR_1 || (micro && nsec)};
	return 0;
}

static void put_digits(char *out, int v, int n)
{
	while (n-- > 0) {
		out[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

size_t scalar_put_time(char out[SCALAR_TIME_MAX], const struct api_time *t, bool micro)
{
	struct civil c = time_civil(t->sec);
	memcpy(out, "0000-00-00T00:00:00", 19);
	put_digits(out, c.year, 4);
	put_digits(out + 5, c.month, 2);
	put_digits(out + 8, c.day, 2);
	put_digits(out + 11, c.hour, 2);
	put_digits(out + 14, c.minute, 2);
	put_digits(out + 17, c.second, 2);
	size_t n = 19;
	if (micro) {
		out[n] = '.';
		put_digits(out + n + 1, t->nsec / 1000, 6);
		n += 7;
	}
	out[n++] = 'Z';
	return n;
}

int scalar_duration(struct str text, nsec_t *ret, struct err *e)
{
	if (duration_parse(text, ret) == 0)
		return 0;
	BUF(quoted);
	enc_quote(&quoted, text);
	return err_set(e, ERR_BAD_REQUEST, "time: invalid duration %s", buf_z(&quoted));
}

int scalar_quantity(struct arena *a, struct str text, struct str *ret, struct err *e)
{
	enum quantity_error bad = quantity_canonical(a, str_trim(text), ret);
	return bad ? err_set(e, ERR_BAD_REQUEST, "%s", quantity_error_text(bad)) : 0;
}

/* ---- bytes */

int scalar_base64(struct arena *a, struct str text, struct str *ret, struct err *e)
{
	char *p = arena_text(a, text.n / 4 * 3 + 4), *out = p;
	if (!p)
		return err_nomem(e, text.n);
	ptrdiff_t fault = dec_base64_fault(&out, text);
	if (fault >= 0)
		return err_set(e, ERR_BAD_REQUEST, "illegal base64 data at input byte %td", fault);
	*ret = (struct str){p, (size_t)(out - p)};
	return 0;
}

/* ---- numbers */

static size_t put_decimal(char *out, uint64_t v)
{
	char digits[24];
	size_t n = 0;
	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

size_t scalar_put_u64(char out[24], uint64_t v) { return put_decimal(out, v); }

size_t scalar_put_i64(char out[24], int64_t v)
{
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	size_t n = put_decimal(out + (v < 0), u);
	if (v < 0)
		out[0] = '-';
	return n + (v < 0);
}

/* Fewest significant digits that read back. */
static int shortest(double d, bool single, char out[SCALAR_DOUBLE_MAX])
{
	for (int digits = 1; digits < 17; digits++) {
		snprintf(out, SCALAR_DOUBLE_MAX, "%.*e", digits - 1, d);
		double back = strtod(out, NULL);
		if (single ? (float)back == (float)d : back == d)
			return digits;
	}
	snprintf(out, SCALAR_DOUBLE_MAX, "%.16e", d);
	return 17;
}

/* "1.5e-07" as JSON has it: 1.5e-7. */
static size_t trim_exponent(char *text)
{
	size_t n = strlen(text);
	if (n >= 4 && text[n - 4] == 'e' && text[n - 3] == '-' && text[n - 2] == '0') {
		text[n - 2] = text[n - 1];
		text[--n] = 0;
	}
	return n;
}

size_t scalar_put_double(char out[SCALAR_DOUBLE_MAX], double d, bool single)
{
	char text[SCALAR_DOUBLE_MAX];
	double size = fabs(d), least = single ? (double)(float)1e-6 : 1e-6, most = single ? (double)(float)1e21 : 1e21;
	int digits = shortest(d, single, text);
	if (size != 0 && (size < least || size >= most)) {
		size_t n = trim_exponent(text);
		memcpy(out, text, n);
		return n;
	}
	int exponent = size != 0 ? atoi(strchr(text, 'e') + 1) : 0, decimals = digits - 1 - exponent;
	return (size_t)snprintf(out, SCALAR_DOUBLE_MAX, "%.*f", decimals > 0 ? decimals : 0, d);
}

double scalar_double(struct str number)
{
	char text[64];
	if (number.n < sizeof text) {
		memcpy(text, number.p, number.n);
		text[number.n] = 0;
		return strtod(text, NULL);
	}
	BUF(b);
	buf_str(&b, number);
	return strtod(buf_z(&b), NULL);
}

int scalar_int(struct str number, int64_t min, int64_t max, int64_t *ret)
{
	int64_t v;
	if (str_i64(number, &v) != 0 || v < min || v > max)
		return -1;
	*ret = v;
	return 0;
}
