#include "base/arena.h"
#include "base/test.h"

TEST(arena_memory_is_zeroed_and_aligned)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t n = 1; n < 9000; n += 37) {
		arena_text(a, 3);
		unsigned char *p = arena_alloc(a, n);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_true(p[0] == 0 && p[n - 1] == 0);
		memset(p, 0xff, n);
	}
}

TEST(arena_reuse_after_reset_is_zeroed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	memset(arena_alloc(a, 5000), 0xff, 5000);
	memset(arena_alloc(a, 500), 0xff, 500);
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	char *p = arena_alloc(a, 500);
	for (int i = 0; i < 500; i++)
		assert_int_equal(p[i], 0);
}

TEST(arena_beyond_budget_returns_null_and_refunds_all)
{
	struct budget whole = {.max = 100000}, part = {.parent = &whole, .max = 1000000};
	struct arena *a = arena_new(&part);
	assert_non_null(arena_alloc(a, 50000));
	assert_null(arena_alloc(a, 60000));
	size_t got = 0;
	while (arena_alloc(a, 100))
		got += 100;
	assert_true(got > 30000);
	assert_true(whole.used <= whole.max && part.used == whole.used);
	arena_free(a);
	assert_int_equal(whole.used, 0);
	assert_int_equal(part.used, 0);
}

TEST(budget_charge_that_a_parent_refuses_charges_nobody)
{
	struct budget whole = {.max = 10}, part = {.parent = &whole};
	assert_true(budget_charge(&part, 10));
	assert_false(budget_charge(&part, 1));
	assert_int_equal(part.used, 10);
	assert_false(budget_charge(&part, SIZE_MAX));
	budget_refund(&part, 10);
	assert_int_equal(whole.used, 0);
}

TEST(arena_grow_keeps_content_and_zeroes_the_rest)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	char *p = arena_alloc(a, 16);
	memset(p, 'x', 16);
	char *same = arena_grow(a, p, 16, 64);
	assert_ptr_equal(same, p);
	arena_alloc(a, 1);
	char *moved = arena_grow(a, p, 64, 128);
	assert_ptr_not_equal(moved, p);
	assert_true(moved[0] == 'x' && moved[15] == 'x' && moved[16] == 0 && moved[127] == 0);
}

TEST(arena_sizes_that_overflow_fail)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_null(arena_alloc_array(a, (size_t)1 << 40, (size_t)1 << 40));
	assert_null(arena_alloc_array(a, SIZE_MAX, 1));
}

TEST(arena_push_appends_zeroed_items)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct { int *items; uint32_t len, cap; } list = {0};
	for (int i = 0; i < 1000; i++) {
		int *item = arena_push(a, &list);
		assert_int_equal(*item, 0);
		*item = i;
	}
	assert_int_equal(list.len, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(list.items[i], i);
}

static void note(void *arg)
{
	int **at = arg;
	*(*at)++ = 1;
}

static void note_two(void *arg)
{
	int **at = arg;
	*(*at)++ = 2;
}

TEST(arena_defers_run_once_last_first)
{
	int order[3] = {0}, *at = order;
	struct arena *a = arena_new(NULL);
	arena_defer(a, note, &at);
	arena_defer(a, note_two, &at);
	arena_reset(a);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1);
	arena_free(a);
	assert_ptr_equal(at, order + 2);
}

TEST(arena_of_secrets_zeroes_what_it_keeps)
{
	struct arena *a = arena_new(NULL);
	arena_mark_secret(a);
	char *p = arena_text(a, 16);
	memcpy(p, "0123456789abcdef", 16);
	arena_reset(a);
	char *again = arena_text(a, 16);
	assert_ptr_equal(again, p);
	assert_int_equal(again[0] | again[15], 0);
	arena_free(a);
}
