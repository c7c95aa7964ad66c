#include "base/enc.h"
#include "base/scope.h"
#include "base/test.h"

static void check64(const char *plain, const char *text)
{
	BUF(b);
	BUF(back);
	enc_base64(&b, str_of(plain));
	assert_str(buf_view(&b), text);
	assert_int_equal(dec_base64(&back, buf_view(&b)), 0);
	assert_str(buf_view(&back), plain);
}

TEST(enc_base64_gives_the_vectors_of_rfc_4648)
{
	check64("", "");
	check64("f", "Zg==");
	check64("fo", "Zm8=");
	check64("foo", "Zm9v");
	check64("foob", "Zm9vYg==");
	check64("fooba", "Zm9vYmE=");
	check64("foobar", "Zm9vYmFy");
}

TEST(dec_base64_refuses_bad_text_and_leaves_the_buffer)
{
	const char *bad[] = {"Zg", "Zg=", "Zg===", "Z", "Z===", "Zm9v=", "Zg==Zg==", "Zm9-", "Zm 9v", "=", "Zm9v\n="};
	BUF(b);
	buf_lit(&b, "x");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dec_base64(&b, str_of(bad[i])), -1);
	assert_str(buf_view(&b), "x");
	assert_int_equal(dec_base64(&b, STR("Zm\r\n9vYg\n==\n")), 0);
	assert_str(buf_view(&b), "xfoob");
}

TEST(enc_base64url_has_no_padding)
{
	BUF(b);
	BUF(back);
	enc_base64url(&b, STR("\xfb\xff\xfe?"));
	assert_str(buf_view(&b), "-__-Pw");
	assert_int_equal(dec_base64url(&back, buf_view(&b)), 0);
	assert_str(buf_view(&back), "\xfb\xff\xfe?");
	assert_int_equal(dec_base64url(&back, STR("Pw==")), -1);
	assert_int_equal(dec_base64url(&back, STR("+w")), -1);
}

TEST(enc_hex_round_trip)
{
	BUF(b);
	BUF(back);
	enc_hex(&b, str_n("\0\x1f\xff", 3));
	assert_str(buf_view(&b), "001fff");
	assert_int_equal(dec_hex(&back, STR("001FfF")), 0);
	assert_memory_equal(back.p, "\0\x1f\xff", 3);
	assert_int_equal(dec_hex(&back, STR("0")), -1);
	assert_int_equal(dec_hex(&back, STR("0g")), -1);
	assert_int_equal(dec_hex(&back, STR("0\x01")), -1);
}

TEST(enc_percent_is_for_query_components)
{
	BUF(b);
	BUF(back);
	enc_percent(&b, STR("a b&c=~\xc3\xa4+"));
	assert_str(buf_view(&b), "a+b%26c%3D~%C3%A4%2B");
	assert_int_equal(dec_percent(&back, buf_view(&b), true), 0);
	assert_str(buf_view(&back), "a b&c=~\xc3\xa4+");
	buf_clear(&back);
	assert_int_equal(dec_percent(&back, STR("a+b"), false), 0);
	assert_str(buf_view(&back), "a+b");
	assert_int_equal(dec_percent(&back, STR("%4"), false), -1);
	assert_int_equal(dec_percent(&back, STR("%zz"), false), -1);
}

TEST(enc_quote_escapes_as_go)
{
	static const struct { const char *in, *out; } v[] = {
		{"", "\"\""}, {"a\"b\\", "\"a\\\"b\\\\\""}, {"\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\""}, {"\x01\x7f", "\"\\x01\\x7f\""},
		{"\xff", "\"\\xff\""}, {"\xc3\xa4\xe2\x82\xac", "\"\xc3\xa4\xe2\x82\xac\""}, {"\xc2\xa0", "\"\\u00a0\""},
		{"\xef\xbb\xbf", "\"\\ufeff\""}, {"\xf4\x8f\xbf\xbf", "\"\\U0010ffff\""}, {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		BUF(b);
		enc_quote(&b, str_of(v[i].in));
		assert_str(buf_view(&b), v[i].out);
	}
}

TEST(enc_uuid_sets_version_and_variant)
{
	uint8_t bytes[16];
	char text[37];
	memset(bytes, 0xff, sizeof bytes);
	enc_uuid(text, bytes);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(hash_fnv_gives_the_known_values)
{
	assert_int_equal(hash_fnv32a(STR("")), 0x811c9dc5);
	assert_int_equal(hash_fnv32a(STR("a")), 0xe40c292c);
	assert_int_equal(hash_fnv32(STR("a")), 0x050c5d7e);
	assert_true(hash_fnv64a(STR("foobar")) == 0x85944171f73967e8);
}

TEST(enc_safe_uses_no_vowels)
{
	BUF(b);
	enc_safe(&b, STR("3984571203"));
	assert_str(buf_view(&b), "7fd89c5647");
}
