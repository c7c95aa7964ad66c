#include "base/clock.h"
#include "base/buf.h"
#include "base/scope.h"

#define DAY_S 86400
#define ERA_YEARS 400
#define ERA_DAYS 146097       /* days in 400 years */
#define ERA_TO_1970 719468    /* days from 1 March of year 0 to 1970 */

/* Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years, which are all alike. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t days_of_date(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = floor_div(year, ERA_YEARS), in_era = year - era * ERA_YEARS;
	int from_march = (month + 9) % 12;
	int64_t in_year = (153 * from_march + 2) / 5 + day - 1;
	return era * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + in_year - ERA_TO_1970;
}

static void date_of_days(int64_t days, struct civil *c)
{
	int64_t era = floor_div(days + ERA_TO_1970, ERA_DAYS), in_era = days + ERA_TO_1970 - era * ERA_DAYS;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int in_year = (int)(in_era - (365 * year + year / 4 - year / 100));
	int from_march = (5 * in_year + 2) / 153;
	c->day = in_year - (153 * from_march + 2) / 5 + 1;
	c->month = from_march < 10 ? from_march + 3 : from_march - 9;
	c->year = (int)(year + era * ERA_YEARS + (c->month <= 2));
}

struct civil time_civil(int64_t sec)
{
	int64_t days = floor_div(sec, DAY_S);
	int rest = (int)(sec - days * DAY_S);
	struct civil c = {.hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60};
	date_of_days(days, &c);
	c.weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7); /* 1970 began on a Thursday */
	c.yearday = (int)(days - days_of_date(c.year, 1, 1)) + 1;
	return c;
}

int64_t time_unix(int year, int month, int day, int hour, int minute, int second)
{
	return days_of_date(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
}

/* "." and the first digits of value, which has width digits; digits -1 drops the zeros at the end. */
static void put_fraction(struct buf *out, uint32_t value, int width, int digits)
{
	char text[9];
	for (int i = width; i-- > 0; value /= 10)
		text[i] = (char)('0' + value % 10);
	if (digits < 0)
		for (digits = width; digits > 0 && text[digits - 1] == '0';)
			digits--;
	if (digits == 0)
		return;
	buf_char(out, '.');
	buf_put(out, text, (size_t)digits);
}

void time_rfc3339(struct buf *out, int64_t sec, int32_t nsec, int digits)
{
	struct civil c = time_civil(sec);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
	put_fraction(out, (uint32_t)nsec, 9, digits > 9 ? 9 : digits);
	buf_char(out, 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes n digits and then the character after (0: none) from s. */
static bool take_number(struct str *s, size_t n, char after, int *ret)
{
	int v = 0;
	if (s->n < n + (after != 0) || (after && s->p[n] != after))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s->p[i]))
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = str_sub(*s, n + (after != 0), s->n);
	*ret = v;
	return true;
}

/* An optional fraction of a second; digits after the ninth are dropped. */
static bool take_fraction(struct str *s, int32_t *ret)
{
	size_t i = 1;
	int32_t v = 0, unit = NS_S / 10;
	if (!s->n || (s->p[0] != '.' && s->p[0] != ',')) {
		*ret = 0;
		return true;
	}
	for (; i < s->n && is_digit(s->p[i]); i++, unit /= 10)
		v += (s->p[i] - '0') * unit;
	*s = str_sub(*s, i, s->n);
	*ret = v;
	return i > 1;
}

/* "Z" or "+hh:mm", and the end. */
static bool take_offset(struct str *s, int *ret)
{
	int hours, minutes;
	if (str_is(*s, "Z")) {
		*ret = 0;
		return true;
	}
	if (!s->n || (s->p[0] != '+' && s->p[0] != '-'))
		return false;
	int sign = s->p[0] == '-' ? -1 : 1;
	*s = str_sub(*s, 1, s->n);
	if (!take_number(s, 2, ':', &hours) || !take_number(s, 2, 0, &minutes) || s->n || hours > 23 || minutes > 59)
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int days_in_month(int year, int month)
{
	static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

static bool civil_valid(const struct civil *c)
{
	return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= days_in_month(c->year, c->month) && c->hour < 24 &&
		c->minute < 60 && c->second < 60;
}

int time_parse_rfc3339(struct str s, int64_t *ret_sec, int32_t *ret_nsec)
{
	struct civil c = {0};
	int offset;
	int32_t nsec;
	bool ok = take_number(&s, 4, '-', &c.year) && take_number(&s, 2, '-', &c.month) && take_number(&s, 2, 'T', &c.day) &&
		take_number(&s, 2, ':', &c.hour) && take_number(&s, 2, ':', &c.minute) && take_number(&s, 2, 0, &c.second) &&
		take_fraction(&s, &nsec) && take_offset(&s, &offset) && civil_valid(&c);
	if (!ok)
		return -1;
	*ret_sec = time_unix(c.year, c.month, c.day, c.hour, c.minute, c.second) - offset;
	*ret_nsec = nsec;
	return 0;
}

/* Below a second Go uses the largest of these units that leaves a whole part. */
static void put_small(struct buf *out, uint32_t ns)
{
	uint32_t unit = ns >= NS_MS ? NS_MS : ns >= NS_US ? NS_US : 1;
	buf_u64(out, ns / unit);
	if (unit > 1)
		put_fraction(out, ns % unit, unit == NS_MS ? 6 : 3, -1);
	buf_str(out, unit == NS_MS ? STR("ms") : unit == NS_US ? STR("\xc2\xb5s") : STR("ns"));
}

static void put_large(struct buf *out, uint64_t ns)
{
	uint64_t sec = ns / NS_S;
	if (sec >= 3600)
		buf_printf(out, "%lluh", (unsigned long long)(sec / 3600));
	if (sec >= 60)
		buf_printf(out, "%dm", (int)(sec / 60 % 60));
	buf_u64(out, sec % 60);
	put_fraction(out, (uint32_t)(ns % NS_S), 9, -1);
	buf_char(out, 's');
}

void duration_put(struct buf *out, nsec_t d)
{
	uint64_t ns = d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
	if (d < 0)
		buf_char(out, '-');
	if (ns == 0)
		buf_lit(out, "0s");
	else if (ns < NS_S)
		put_small(out, (uint32_t)ns);
	else
		put_large(out, ns);
}

static const struct {
	struct str name;
	nsec_t ns;
} units[] = {
	{STR_INIT("h"), NS_HOUR}, {STR_INIT("m"), NS_MIN}, {STR_INIT("s"), NS_S}, {STR_INIT("ms"), NS_MS}, {STR_INIT("us"), NS_US},
	{STR_INIT("\xc2\xb5s"), NS_US} /* micro sign */, {STR_INIT("\xce\xbcs"), NS_US} /* Greek mu */, {STR_INIT("ns"), 1},
};

static nsec_t take_unit(struct str *s)
{
	size_t n = 0;
	while (n < s->n && s->p[n] != '.' && !is_digit(s->p[n]))
		n++;
	struct str name = str_sub(*s, 0, n);
	*s = str_sub(*s, n, s->n);
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_eq(name, units[i].name))
			return units[i].ns;
	return 0;
}

#define DURATION_MAX ((uint64_t)1 << 63)

/* The digits before the point; how many there were, or -1 when they do not fit. */
static int take_whole(struct str *s, uint64_t *ret)
{
	size_t n = 0;
	uint64_t v = 0;
	for (; n < s->n && is_digit(s->p[n]); n++)
		if (v > DURATION_MAX / 10 || (v = v * 10 + (uint64_t)(s->p[n] - '0')) > DURATION_MAX)
			return -1;
	*s = str_sub(*s, n, s->n);
	*ret = v;
	return (int)(n > 0);
}

/* ".5": value over scale.  Digits that do not fit are dropped, as Go does. */
static int take_decimals(struct str *s, uint64_t *ret, double *scale)
{
	size_t n = 1;
	bool full = false;
	*ret = 0;
	*scale = 1;
	if (!s->n || s->p[0] != '.')
		return 0;
	for (; n < s->n && is_digit(s->p[n]); n++) {
		full = full || *ret > (DURATION_MAX - 10) / 10;
		if (full)
			continue;
		*ret = *ret * 10 + (uint64_t)(s->p[n] - '0');
		*scale *= 10;
	}
	*s = str_sub(*s, n, s->n);
	return n > 1;
}

/* One "12.5h", added to *sum. */
static bool take_span(struct str *s, uint64_t *sum)
{
	uint64_t whole, decimals;
	double scale;
	int digits = take_whole(s, &whole);
	if (digits < 0 || digits + take_decimals(s, &decimals, &scale) == 0)
		return false;
	nsec_t unit = take_unit(s);
	if (unit == 0 || whole > DURATION_MAX / (uint64_t)unit)
		return false;
	*sum += whole * (uint64_t)unit + (uint64_t)((double)decimals * ((double)unit / scale));
	return *sum <= DURATION_MAX;
}

int duration_parse(struct str s, nsec_t *ret)
{
	uint64_t sum = 0;
	bool negative = s.n && s.p[0] == '-';
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_sub(s, 1, s.n);
	if (s.n == 0)
		return -1;
	if (str_is(s, "0"))
		s = STR("");
	while (s.n)
		if (!take_span(&s, &sum))
			return -1;
	if (!negative && sum > INT64_MAX)
		return -1;
	*ret = negative ? (nsec_t)(0 - sum) : (nsec_t)sum;
	return 0;
}
