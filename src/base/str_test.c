#include "base/arena.h"
#include "base/test.h"

TEST(str_cmp_orders_by_bytes_then_length)
{
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR(""), (struct str){0}), 0);
}

TEST(str_eq_fold_folds_ascii_only)
{
	assert_true(str_eq_fold(STR("Content-Type"), STR("content-tYPE")));
	assert_false(str_eq_fold(STR("["), STR("{")));
	assert_false(str_eq_fold(STR("\xc3\x84"), STR("\xc3\xa4")));
}

TEST(str_search_finds_first_last_and_nothing)
{
	assert_int_equal(str_index(STR("a/b/c"), '/', 2), 3);
	assert_int_equal(str_index(STR("abc"), '/', 9), -1);
	assert_int_equal(str_rindex(STR("a/b/c"), '/'), 3);
	assert_int_equal(str_find(STR("hello"), STR("llo")), 2);
	assert_int_equal(str_find(STR("hello"), STR("llx")), -1);
	assert_int_equal(str_find((struct str){0}, STR("a")), -1);
	assert_true(str_has_prefix(STR("ab"), STR("a")) && !str_has_prefix(STR("a"), STR("ab")));
	assert_true(str_has_suffix(STR("ab"), STR("b")) && !str_has_suffix(STR("b"), STR("ab")));
}

TEST(str_matches_takes_a_star_at_the_end)
{
	assert_true(str_matches(STR("/healthz"), STR("/healthz")));
	assert_false(str_matches(STR("/healthz/etcd"), STR("/healthz")));
	assert_true(str_matches(STR("/healthz/etcd"), STR("/healthz/*")));
	assert_false(str_matches(STR("/healthz"), STR("/healthz/*")));
	assert_true(str_matches(STR(""), STR("*")));
	assert_false(str_matches(STR("a"), STR("")));
	assert_false(str_matches(STR("abc"), STR("*c")));
}

TEST(str_sub_is_clamped)
{
	assert_str(str_sub(STR("hello"), 1, 3), "el");
	assert_str(str_sub(STR("hello"), 3, 99), "lo");
	assert_str(str_sub(STR("hello"), 9, 2), "");
	assert_null(str_sub((struct str){0}, 1, 2).p);
}

TEST(str_cut_splits_at_the_first_separator)
{
	struct str head, tail;
	assert_true(str_cut(STR("a/b/c"), '/', &head, &tail));
	assert_str(head, "a");
	assert_str(tail, "b/c");
	assert_true(str_cut(STR("a/"), '/', &head, &tail));
	assert_non_null(tail.p);
	assert_int_equal(tail.n, 0);
}

TEST(str_cut_without_separator_leaves_an_absent_tail)
{
	struct str head, tail;
	assert_false(str_cut(STR("abc"), '/', &head, &tail));
	assert_str(head, "abc");
	assert_null(tail.p);
}

TEST(str_cut_may_alias_its_input)
{
	struct str s = STR("k=v"), key;
	assert_true(str_cut(s, '=', &key, &s));
	assert_str(key, "k");
	assert_str(s, "v");
	s = STR("k=v");
	assert_true(str_cut(s, '=', &s, &key));
	assert_str(s, "k");
	assert_str(key, "v");
}

static int pieces(struct str s)
{
	struct str piece;
	int n = 0;
	while (str_next(&s, ',', &piece))
		n++;
	return n;
}

TEST(str_next_gives_every_piece_and_empty_ones)
{
	assert_int_equal(pieces(STR("a,,b")), 3);
	assert_int_equal(pieces(STR("a,")), 2);
	assert_int_equal(pieces(STR("")), 1);
	assert_int_equal(pieces((struct str){0}), 0);
}

TEST(str_numbers_are_whole_and_in_range)
{
	int64_t i = 7;
	uint64_t u = 7;
	assert_int_equal(str_i64(STR("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_i64(STR("9223372036854775808"), &i), -1);
	assert_int_equal(str_i64(STR("-9223372036854775809"), &i), -1);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_u64(STR("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	const char *bad[] = {"", "-", "1 ", "x", "18446744073709551616", "-1", "99999999999999999999"};
	for (size_t k = 0; k < ARRAY_LEN(bad); k++)
		assert_int_equal(str_u64(str_of(bad[k]), &u), -1);
}

TEST(str_utf8_takes_only_well_formed_text)
{
	const char *good[] = {"", "plain ascii text that is long", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf",
		"12345678\xc3\xa4z1234567890"};
	const char *bad[] = {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"12345678\xff", "\xe2\x82", "\xe2\x82x", "\xc3("};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(str_utf8(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(str_utf8(str_of(bad[i])));
}

TEST(str_dup_keeps_absent_absent_and_terminates)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_null(str_dup(a, (struct str){0}).p);
	assert_non_null(str_dup(a, STR("")).p);
	assert_string_equal(str_dup(a, str_n("abcdef", 3)).p, "abc");
	assert_string_equal(str_z(a, (struct str){0}), "");
}

TEST(str_printf_and_join_make_text)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct str v[] = {STR_INIT("a"), STR_INIT(""), STR_INIT("c")};
	assert_str(str_printf(a, "%d-%s", 42, "x"), "42-x");
	assert_str(str_join(a, v, 3, STR(", ")), "a, , c");
	assert_str(str_join(a, v, 0, STR(", ")), "");
}

TEST(str_trim_takes_space_from_both_ends)
{
	assert_str(str_trim(STR(" \t a b\r\n")), "a b");
	assert_str(str_trim(STR("  ")), "");
}

TEST(str_eq_secret_compares_all)
{
	assert_true(str_eq_secret(STR("token"), STR("token")));
	assert_false(str_eq_secret(STR("token"), STR("tokex")));
	assert_false(str_eq_secret(STR("token"), STR("toke")));
}

TEST(str_hash_is_siphash_1_3)
{
	/* Key 00..0f and input 00..n-1, as in the reference vectors. */
	char in[15];
	for (int i = 0; i < 15; i++)
		in[i] = (char)i;
	hash_seed(0x0706050403020100, 0x0f0e0d0c0b0a0908);
	assert_true(str_hash(str_n(in, 0)) == 0xabac0158050fc4dc);
	assert_true(str_hash(str_n(in, 1)) == 0xc9f49bf37d57ca93);
	assert_true(str_hash(str_n(in, 8)) != str_hash(str_n(in, 7)));
}

TEST(str_printf_takes_texts_of_any_length)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (int n = 250; n < 260; n++) {
		struct str s = str_printf(a, "%*d", n, 7);
		assert_int_equal(s.n, n);
		assert_true(s.p[n - 1] == '7' && s.p[0] == ' ' && s.p[n] == 0);
	}
}
