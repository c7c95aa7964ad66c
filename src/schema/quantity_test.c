#include "base/test.h"
#include "schema/quantity.h"

static void check(const char *in, const char *want)
{
	struct quantity q;
	char text[QUANTITY_TEXT_MAX];
	assert_int_equal(quantity_parse(str_of(in), &q), QUANTITY_OK);
	struct str got = {text, quantity_text(&q, text)};
	if (!str_is(got, want))
		fail_msg("%s: got %.*s, want %s", in, STR_F(got), want);
	struct quantity again;
	assert_int_equal(quantity_parse(got, &again), QUANTITY_OK);
	assert_int_equal(quantity_cmp(&q, &again), 0);
}

TEST(texts_become_canonical)
{
	static const char *const cases[][2] = {
		{"1000m", "1"}, {"0.5", "500m"}, {"1024Ki", "1Mi"}, {"1e3", "1e3"}, {"2000M", "2G"}, {"1.5Gi", "1536Mi"}, {"0.0001", "100u"},
		{"1E", "1E"}, {"12e-1", "1200e-3"}, {"+1Gi", "1Gi"}, {"0.5Ki", "512"}, {"1.2345678901", "1234567891n"}, {"0", "0"}, {"0Gi", "0"},
		{"-5", "-5"}, {"100", "100"}, {"1023Ki", "1023Ki"}, {"1000Ki", "1000Ki"}, {"1500m", "1500m"}, {"1u", "1u"}, {"0.1n", "1n"}, {"1e0", "1"},
		{"100Ei", "9223372036854775807"}, {".5", "500m"}, {"5.", "5"}, {"00012", "12"}, {"1024", "1024"}, {"10000000", "10M"}, {"0.1Ki", "102400m"},
		{"1000k", "1M"}, {"7Ei", "7Ei"}, {"8Ei", "9223372036854775807"}, {"999999999999999999", "999999999999999999"},
		{"1000000000000000000", "1E"}, {"1000000000000000000Ki", "9223372036854775807"}, {"5T", "5T"}, {"3P", "3P"}, {"999999999999999999E", "999999999999999999E"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(cases[i][0], cases[i][1]);
}

TEST(bad_texts_are_refused)
{
	struct quantity q;
	static const char *const wrong[] = {"", "x", "1 Gi", "1e3Ki", "true", "1b", "-", "1.2.3", "{}"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(quantity_parse(str_of(wrong[i]), &q), QUANTITY_BAD_FORMAT);
	assert_int_equal(quantity_parse(STR("1KK"), &q), QUANTITY_BAD_SUFFIX);
	assert_int_equal(quantity_parse(STR("1i"), &q), QUANTITY_BAD_SUFFIX);
}

TEST(arithmetic_is_exact_and_rounds_up)
{
	struct quantity a = quantity_of(STR("250m")), b = quantity_of(STR("1Gi")), sum = quantity_add(a, a);
	assert_int_equal(quantity_milli_value(&sum), 500);
	assert_int_equal(quantity_value(&a), 1);
	assert_int_equal(quantity_value(&b), 1 << 30);
	struct quantity less = quantity_sub(a, b);
	assert_int_equal(quantity_sign(&less), -1);
	assert_int_equal(quantity_value(&less), -(1 << 30));
	struct quantity n = quantity_of(STR("1n"));
	assert_false(quantity_round_up(&n, -3));
	assert_int_equal(quantity_milli_value(&n), 1);
	struct quantity huge = quantity_of(STR("1e40"));
	assert_int_equal(quantity_value(&huge), INT64_MAX);
}
