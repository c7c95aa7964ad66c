#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"

TEST(buf_collects_text_and_numbers)
{
	BUF(b);
	buf_lit(&b, "n=");
	buf_i64(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_printf(&b, " %s", "end");
	assert_string_equal(buf_z(&b), "n=-9223372036854775808 18446744073709551615 end");
	assert_false(b.failed);
}

TEST(buf_printf_grows_for_long_text)
{
	BUF(b);
	for (int i = 0; i < 200; i++)
		buf_printf(&b, "%0*d", i, 0);
	assert_int_equal(b.n, 199 * 200 / 2 + 1);
	assert_false(b.failed);
}

TEST(buf_beyond_its_maximum_fails_and_keeps_what_it_has)
{
	BUF(b);
	b.max = 4;
	buf_lit(&b, "abcd");
	assert_false(b.failed);
	buf_lit(&b, "e");
	assert_true(b.failed);
	assert_str(buf_view(&b), "abcd");
	assert_string_equal(buf_z(&b), "abcd");
	assert_null(buf_room(&b, SIZE_MAX));
}

TEST(buf_after_a_failure_has_no_hole)
{
	BUF(b);
	b.max = 4;
	buf_lit(&b, "abc");
	buf_lit(&b, "too long");
	buf_put(&b, "d", 1);
	assert_str(buf_view(&b), "abc");
}

TEST(buf_consume_drops_the_front)
{
	BUF(b);
	buf_lit(&b, "hello");
	buf_consume(&b, 2);
	assert_str(buf_view(&b), "llo");
	buf_consume(&b, 99);
	assert_int_equal(b.n, 0);
}

TEST(buf_empty_is_valid)
{
	BUF(b);
	assert_string_equal(buf_z(&b), "");
	buf_put(&b, NULL, 0);
	assert_int_equal(b.n, 0);
	buf_fini_secret(&b);
}

TEST(buf_take_moves_into_the_arena)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	BUF(b);
	buf_lit(&b, "x");
	assert_str(buf_take(&b, a), "x");
	assert_non_null(buf_take(&b, a).p);
}
