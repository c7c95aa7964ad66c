/* Schedules of CronJobs: what is wrong with one, in the words of upstream's parser. */
#include "apiserver/registry/validate/schedule.h"

#include "os/file.h"
#include <stdio.h>

#define FIELDS 5

struct bounds {
	int min, max;
	const char *const *names;
};
static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const struct bounds bounds[FIELDS] = {{0, 59, NULL}, {0, 23, NULL}, {1, 31, NULL}, {1, 12, months}, {0, 6, days}};

static bool number(struct arena *a, struct str s, const struct bounds *b, int *ret, struct str *why)
{
	int64_t n;
	for (int i = 0; b->names && b->names[i]; i++)
		if (str_eq_fold(s, str_of(b->names[i]))) {
			*ret = b->min + i;
			return true;
		}
	if (str_i64(s, &n) || n > INT32_MAX)
		*why = str_printf(a, "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax", STR_F(s), STR_F(s));
	else if (n < 0)
		*why = str_printf(a, "negative number (%lld) not allowed: %.*s", (long long)n, STR_F(s));
	else
		*ret = (int)n;
	return !why->n;
}

static unsigned count(struct str s, char c)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

static bool range(struct arena *a, struct str lohi, bool step, const struct bounds *b, int *lo, int *hi, struct str expr, struct str *why)
{
	struct str low, high;
	bool two = str_cut(lohi, '-', &low, &high);
	if (str_is(low, "*") || str_is(low, "?")) {
		*lo = b->min;
		*hi = b->max;
		return true;
	}
	if (!number(a, low, b, lo, why))
		return false;
	*hi = step ? b->max : *lo;
	if (!two)
		return true;
	if (count(high, '-'))
		*why = str_printf(a, "too many hyphens: %.*s", STR_F(expr));
	return !why->n && number(a, high, b, hi, why);
}

static struct str check_part(struct arena *a, struct str expr, const struct bounds *b)
{
	struct str why = {0}, lohi, step;
	int lo = 0, hi = 0, by = 1;
	bool stepped = str_cut(expr, '/', &lohi, &step);
	if (!range(a, lohi, stepped, b, &lo, &hi, expr, &why))
		return why;
	if (stepped && count(step, '/'))
		return str_printf(a, "too many slashes: %.*s", STR_F(expr));
	if (stepped && !number(a, step, &(struct bounds){0}, &by, &why))
		return why;
	if (lo < b->min)
		return str_printf(a, "beginning of range (%d) below minimum (%d): %.*s", lo, b->min, STR_F(expr));
	if (hi > b->max)
		return str_printf(a, "end of range (%d) above maximum (%d): %.*s", hi, b->max, STR_F(expr));
	if (lo > hi)
		return str_printf(a, "beginning of range (%d) beyond end of range (%d): %.*s", lo, hi, STR_F(expr));
	return by ? why : str_printf(a, "step of range should be a positive number: %.*s", STR_F(expr));
}

static struct str check_field(struct arena *a, struct str text, const struct bounds *b)
{
	struct str part, why = {0};
	while (!why.n && str_next(&text, ',', &part))
		if (part.n)
			why = check_part(a, part, b);
	return why;
}

static struct str check_macro(struct arena *a, struct str s)
{
	static const char *const known[] = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_is(s, known[i]))
			return (struct str){0};
	if (str_has_prefix(s, STR("@every ")) && s.n > 7 && s.p[7] >= '0' && s.p[7] <= '9')
		return (struct str){0};
	if (str_has_prefix(s, STR("@every ")))
		return str_printf(a, "failed to parse duration %.*s", STR_F(s));
	return str_printf(a, "unrecognized descriptor: %.*s", STR_F(s));
}

struct str schedule_wrong(struct arena *a, struct str s)
{
	struct str field[FIELDS], word, rest = s, why = {0};
	unsigned n = 0;
	if (!s.n)
		return STR("empty spec string");
	if (s.p[0] == '@')
		return check_macro(a, s);
	while (str_next(&rest, ' ', &word)) {
		word = str_trim(word);
		if (word.n && n++ < FIELDS)
			field[n - 1] = word;
	}
	if (n != FIELDS)
		return str_printf(a, "expected exactly 5 fields, found %u: [%.*s]", n, STR_F(s));
	for (unsigned i = 0; i < FIELDS && !why.n; i++)
		why = check_field(a, field[i], &bounds[i]);
	return why;
}

#define ZONES "/usr/share/zoneinfo"

bool schedule_zone_known(struct str zone)
{
	char path[128];
	if (zone.n > 64 || !path_is_clean(zone))
		return false;
	snprintf(path, sizeof path, ZONES "/%.*s", STR_F(zone));
	return str_is(zone, "UTC") || !file_exists(ZONES) || file_exists(path);
}
