#include "schema/quantity.h"

#define NANO (-9)

static const struct {
	char text[3];
	int8_t exponent;
	bool binary;
} suffixes[] = {
	{"", 0, false}, {"n", -9, false}, {"u", -6, false}, {"m", -3, false}, {"k", 3, false}, {"M", 6, false}, {"G", 9, false}, {"T", 12, false},
	{"P", 15, false}, {"E", 18, false}, {"Ki", 10, true}, {"Mi", 20, true}, {"Gi", 30, true}, {"Ti", 40, true}, {"Pi", 50, true}, {"Ei", 60, true},
};

const char *quantity_error_text(enum quantity_error e)
{
	switch (e) {
	case QUANTITY_BAD_FORMAT: return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
	case QUANTITY_BAD_SUFFIX: return "unable to parse quantity's suffix";
	case QUANTITY_BAD_NUMBER: return "unable to parse numeric part of quantity";
	default: return "";
	}
}

/* ---- arithmetic */

static __int128 limit(void)
{
	_Static_assert(QUANTITY_DIGITS == 36, "two times 18 digits");
	return (__int128)1000000000000000000 * 1000000000000000000;
}

/* v * by, capped. */
static __int128 times(__int128 v, __int128 by)
{
	__int128 r, max = limit();
	if (__builtin_mul_overflow(v, by, &r) || r > max || r < -max)
		return v < 0 ? -max : max;
	return r;
}

/* v / 10^n, rounded away from zero. */
static __int128 shrink(__int128 v, int n, bool *exact)
{
	bool lost = false;
	for (; n > 0 && v; n--) {
		lost |= v % 10 != 0;
		v /= 10;
		if (lost && v == 0)
			break;
	}
	*exact = !lost;
	return v;
}

static __int128 shrink_up(__int128 v, int n, bool *exact)
{
	__int128 r = shrink(v, n, exact);
	return *exact ? r : r + (v < 0 ? -1 : 1);
}

static __int128 grow(__int128 v, int n)
{
	for (; n > 0 && v; n--)
		v = times(v, 10);
	return v;
}

/* v in units of 10^to. */
static __int128 rescale(__int128 v, int from, int to, bool *exact)
{
	*exact = true;
	return from >= to ? grow(v, from - to) : shrink_up(v, to - from, exact);
}

struct quantity quantity_int(int64_t v, enum quantity_format f) { return (struct quantity){v, 0, f}; }
struct quantity quantity_milli(int64_t v, enum quantity_format f) { return (struct quantity){v, -3, f}; }
int quantity_sign(const struct quantity *q) { return q->v > 0 ? 1 : q->v < 0 ? -1 : 0; }

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
	bool exact;
	int s = a->scale < b->scale ? a->scale : b->scale;
	__int128 x = rescale(a->v, a->scale, s, &exact), y = rescale(b->v, b->scale, s, &exact);
	return x < y ? -1 : x > y;
}

struct quantity quantity_add(struct quantity a, struct quantity b)
{
	bool exact;
	int s = a.scale < b.scale ? a.scale : b.scale;
	struct quantity r = {rescale(a.v, a.scale, s, &exact) + rescale(b.v, b.scale, s, &exact), s, a.v ? a.format : b.format};
	r.v = times(r.v, 1);
	return r;
}

struct quantity quantity_sub(struct quantity a, struct quantity b)
{
	b.v = -b.v;
	return quantity_add(a, b);
}

int64_t quantity_scaled(const struct quantity *q, int scale)
{
	bool exact;
	__int128 v = rescale(q->v, q->scale, scale, &exact);
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

bool quantity_round_up(struct quantity *q, int scale)
{
	bool exact = true;
	if (q->scale < scale) {
		q->v = rescale(q->v, q->scale, scale, &exact);
		q->scale = scale;
	}
	return exact;
}

double quantity_double(const struct quantity *q)
{
	double d = (double)q->v;
	for (int s = q->scale; s > 0; s--)
		d *= 10;
	double divisor = 1;
	for (int s = q->scale; s < 0; s++)
		divisor *= 10;
	return d / divisor;
}

/* ---- parsing */

struct digits {
	__int128 v;
	int seen, dropped; /* digits read; digits beyond the limit */
	bool lost;         /* a dropped digit was not zero */
};

static void take_digits(struct digits *d, struct str s, size_t *at)
{
	for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at, d->seen++) {
		int c = s.p[*at] - '0';
		if (d->v >= limit() / 10) {
			d->dropped++;
			d->lost |= c != 0;
		} else {
			d->v = d->v * 10 + c;
		}
	}
}

static bool suffix_char(char c) { return c && strchr("eEinumkKMGTP", c); }

static enum quantity_error parse_exponent(struct str s, int *ret)
{
	int64_t v;
	if (s.n && s.p[0] == '+')
		s = str_sub(s, 1, s.n);
	if (str_i64(s, &v) != 0 || v < -1000000 || v > 1000000)
		return QUANTITY_BAD_SUFFIX;
	*ret = (int)v;
	return QUANTITY_OK;
}

/* Decimal exponent or power of two of a suffix. */
static enum quantity_error parse_suffix(struct str s, int *ret_exponent, enum quantity_format *ret_format)
{
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (str_is(s, suffixes[i].text)) {
			*ret_exponent = suffixes[i].exponent;
			*ret_format = suffixes[i].binary ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI;
			return QUANTITY_OK;
		}
	if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
		return QUANTITY_BAD_SUFFIX;
	*ret_format = QUANTITY_DECIMAL_EXPONENT;
	return parse_exponent(str_sub(s, 1, s.n), ret_exponent);
}

/* Letters, an optional sign, digits, and the end. */
static bool suffix_well_formed(struct str s)
{
	size_t i = 0;
	while (i < s.n && suffix_char(s.p[i]))
		i++;
	if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
		i++;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i == s.n;
}

static void settle(struct quantity *q, bool lost)
{
	bool exact;
	if (lost)
		q->v++;
	if (q->scale < NANO) {
		q->v = shrink_up(q->v, NANO - q->scale, &exact);
		q->scale = NANO;
	}
	struct quantity one = {1, 0, 0}, max = {INT64_MAX, 0, 0};
	if (q->format != QUANTITY_BINARY_SI)
		return;
	if (quantity_cmp(q, &max) > 0)
		q->v = max.v, q->scale = 0;
	if (q->v > 0 && quantity_cmp(q, &one) < 0)
		q->format = QUANTITY_DECIMAL_SI;
}

#define PLAIN_DIGITS 18 /* fit an int64 */

/* What most quantities are: a few digits and a suffix without an exponent. */
static bool parse_plain(struct str s, struct quantity *ret)
{
	static const char decimal[] = "num0kMGTPE", binary[] = "KMGTPE"; /* by powers of 1000 and 1024 */
	int64_t v = 0;
	size_t i = 0;
	for (; i < s.n && i <= PLAIN_DIGITS && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		v = v * 10 + (s.p[i] - '0');
	if (!i || i > PLAIN_DIGITS || s.n > i + 2)
		return false;
	bool is_binary = s.n == i + 2;
	const char *set = is_binary ? binary : decimal, *at = s.n == i ? decimal + 3 : memchr(set, s.p[i], strlen(set));
	if (!at || (is_binary && s.p[i + 1] != 'i'))
		return false;
	int power = (int)(at - set);
	if (is_binary && v > INT64_MAX >> 10 * (power + 1))
		return false;
	*ret = is_binary ? (struct quantity){v << 10 * (power + 1), 0, QUANTITY_BINARY_SI} : (struct quantity){v, 3 * power + NANO, QUANTITY_DECIMAL_SI};
	return true;
}

enum quantity_error quantity_parse(struct str s, struct quantity *ret)
{
	if (parse_plain(s, ret))
		return QUANTITY_OK;
	struct digits d = {0};
	struct quantity q = {0};
	size_t at = s.n && (s.p[0] == '+' || s.p[0] == '-');
	int exponent = 0;
	take_digits(&d, s, &at);
	int whole = d.seen;
	if (at < s.n && s.p[at] == '.') {
		at++;
		take_digits(&d, s, &at);
	}
	struct str suffix = str_sub(s, at, s.n);
	if (!d.seen || !suffix_well_formed(suffix))
		return QUANTITY_BAD_FORMAT;
	enum quantity_error bad = parse_suffix(suffix, &exponent, &q.format);
	if (bad)
		return bad;
	q.v = d.v;
	q.scale = d.dropped - (d.seen - whole);
	if (q.format == QUANTITY_BINARY_SI)
		q.v = times(q.v, (__int128)1 << exponent);
	else
		q.scale += exponent;
	settle(&q, d.lost);
	if (s.p[0] == '-')
		q.v = -q.v;
	*ret = q;
	return QUANTITY_OK;
}

struct quantity quantity_of(struct str s)
{
	struct quantity q = {0};
	return quantity_parse(s, &q) == QUANTITY_OK ? q : (struct quantity){0};
}

/* ---- text */

static size_t put_int(char *out, __int128 v)
{
	char digits[48];
	size_t n = 0, at = 0;
	unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
	do
		digits[n++] = (char)('0' + (int)(u % 10));
	while (u /= 10);
	if (v < 0)
		out[at++] = '-';
	while (n)
		out[at++] = digits[--n];
	return at;
}

static size_t put_suffix(char *out, int exponent, bool binary)
{
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (suffixes[i].exponent == exponent && (suffixes[i].binary == binary || !exponent)) {
			size_t n = strlen(suffixes[i].text);
			memcpy(out, suffixes[i].text, n);
			return n;
		}
	out[0] = 'e';
	return 1 + put_int(out + 1, exponent);
}

static size_t decimal_text(const struct quantity *q, char *out)
{
	__int128 v = q->v;
	int exponent = q->scale;
	for (; v % 10 == 0; exponent++)
		v /= 10;
	for (; exponent % 3; exponent--)
		v *= 10;
	size_t n = put_int(out, v);
	if (q->format == QUANTITY_DECIMAL_EXPONENT && exponent) {
		out[n++] = 'e';
		return n + put_int(out + n, exponent);
	}
	return n + put_suffix(out + n, exponent, false);
}

static size_t binary_text(__int128 v, char *out)
{
	int exponent = 0;
	for (; v % 1024 == 0 && exponent < 60; exponent += 10)
		v /= 1024;
	size_t n = put_int(out, v);
	return n + put_suffix(out + n, exponent, true);
}

size_t quantity_text(const struct quantity *q, char out[QUANTITY_TEXT_MAX])
{
	if (q->v == 0) {
		out[0] = '0';
		return 1;
	}
	bool exact;
	__int128 whole = rescale(q->v, q->scale, 0, &exact);
	/* Small and broken amounts are shown decimal: nothing is rounded. */
	if (q->format == QUANTITY_BINARY_SI && exact && (whole >= 1024 || whole <= -1024))
		return binary_text(whole, out);
	struct quantity d = *q;
	if (d.format == QUANTITY_BINARY_SI)
		d.format = QUANTITY_DECIMAL_SI;
	return decimal_text(&d, out);
}

struct str quantity_str(struct arena *a, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];
	return str_dup(a, str_n(text, quantity_text(q, text)));
}

/* Up to three digits without a leading zero, then m, nothing or a binary suffix: most of what there is. */
static bool plainly_canonical(struct str s)
{
	size_t i = 0;
	if (s.n == 0 || s.n > 5 || s.p[0] < '1' || s.p[0] > '9')
		return s.n == 1 && s.p[0] == '0';
	while (i < s.n && i < 3 && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i == s.n || (i + 1 == s.n && s.p[i] == 'm') || (i + 2 == s.n && s.p[i + 1] == 'i' && strchr("KMGT", s.p[i]));
}

enum quantity_error quantity_canonical(struct arena *a, struct str s, struct str *ret)
{
	struct quantity q;
	char text[QUANTITY_TEXT_MAX];
	if (plainly_canonical(s)) {
		*ret = s;
		return QUANTITY_OK;
	}
	enum quantity_error bad = quantity_parse(s, &q);
	if (bad)
		return bad;
	struct str t = {text, quantity_text(&q, text)};
	*ret = str_eq(t, s) ? s : str_dup(a, t);
	return QUANTITY_OK;
}
