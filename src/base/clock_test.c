#include "base/buf.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/test.h"
#include <time.h>

static void check_rfc3339(const char *in, const char *want)
{
	int64_t sec;
	int32_t nsec;
	BUF(b);
	assert_int_equal(time_parse_rfc3339(str_of(in), &sec, &nsec), 0);
	time_rfc3339(&b, sec, nsec, -1);
	assert_string_equal(buf_z(&b), want);
}

TEST(time_rfc3339_reads_and_writes_utc)
{
	check_rfc3339("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
	check_rfc3339("2024-02-29T23:59:59.120Z", "2024-02-29T23:59:59.12Z");
	check_rfc3339("2024-03-01T00:30:00+01:00", "2024-02-29T23:30:00Z");
	check_rfc3339("1969-12-31T23:59:59-00:30", "1970-01-01T00:29:59Z");
	check_rfc3339("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
	check_rfc3339("9999-12-31T23:59:59.1234567899Z", "9999-12-31T23:59:59.123456789Z");
}

TEST(time_rfc3339_digits_are_as_asked)
{
	BUF(b);
	time_rfc3339(&b, 0, 5000, 6);
	time_rfc3339(&b, 0, 999999999, 0);
	assert_string_equal(buf_z(&b), "1970-01-01T00:00:00.000005Z1970-01-01T00:00:00Z");
}

TEST(time_parse_refuses_what_is_no_time)
{
	const char *bad[] = {"", "2024-01-01", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z",
		"2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00Zx", "2024-01-01t00:00:00Z",
		"2024-00-10T00:00:00Z", "2024-01-00T00:00:00Z", "1900-02-29T00:00:00Z"};
	int64_t sec;
	int32_t nsec;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(time_parse_rfc3339(str_of(bad[i]), &sec, &nsec), -1);
}

TEST(time_civil_agrees_with_the_c_library)
{
	for (int64_t t = -70000000000; t < 300000000000; t += 86400 * 13 + 4321) {
		struct civil c = time_civil(t);
		time_t at = t;
		struct tm tm;
		gmtime_r(&at, &tm);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.second, tm.tm_sec);
		assert_int_equal(c.weekday, tm.tm_wday);
		assert_int_equal(c.yearday, tm.tm_yday + 1);
		assert_true(time_unix(c.year, c.month, c.day, c.hour, c.minute, c.second) == t);
	}
}

TEST(duration_texts_are_those_of_go)
{
	static const struct { nsec_t d; const char *text; } v[] = {
		{0, "0s"}, {1, "1ns"}, {1100, "1.1\xc2\xb5s"}, {2200000, "2.2ms"}, {300 * NS_MS, "300ms"}, {3300 * NS_MS, "3.3s"},
		{4 * NS_MIN + 5 * NS_S, "4m5s"}, {5 * NS_HOUR + 7 * NS_S + NS_MS, "5h0m7.001s"}, {NS_HOUR, "1h0m0s"}, {-1500 * NS_MS, "-1.5s"},
		{INT64_MAX, "2562047h47m16.854775807s"}, {INT64_MIN, "-2562047h47m16.854775808s"}, {NS_MIN, "1m0s"}, {-1, "-1ns"},
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		BUF(b);
		nsec_t back;
		duration_put(&b, v[i].d);
		assert_string_equal(buf_z(&b), v[i].text);
		assert_int_equal(duration_parse(buf_view(&b), &back), 0);
		assert_true(back == v[i].d);
	}
}

TEST(duration_parse_takes_every_form)
{
	static const struct { const char *text; nsec_t d; } v[] = {
		{"0", 0}, {"+5s", 5 * NS_S}, {"1.5h", 90 * NS_MIN}, {".5s", NS_S / 2}, {"5.s", 5 * NS_S}, {"1m30s", 90 * NS_S}, {"10us", 10000},
		{"10\xce\xbcs", 10000}, {"0.3333333333333333333h", 20 * NS_MIN}, {"-0", 0}, {"30s1h", NS_HOUR + 30 * NS_S},
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		nsec_t d;
		assert_int_equal(duration_parse(str_of(v[i].text), &d), 0);
		assert_true(d == v[i].d);
	}
}

TEST(duration_parse_refuses_the_rest)
{
	const char *bad[] = {"", "3", "-", "s", ".", ".s", "+.s", "1d", "1 s", "9223372036854775808ns", "9223372036854ms9223372036854ms", "1.2.3s",
		"99999999999999999999s", "3000000h"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		nsec_t d;
		assert_int_equal(duration_parse(str_of(bad[i]), &d), -1);
	}
}
