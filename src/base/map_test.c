#include "base/map.h"
#include "base/rand.h"
#include "base/test.h"
#include <stdio.h>

#define N 3000

TEST(map_agrees_with_an_array_through_random_changes)
{
	struct map m = {0};
	struct prng g;
	char keys[N][8];
	bool in[N] = {0};
	size_t live = 0;
	prng_seed(&g, 3);
	for (int i = 0; i < N; i++)
		snprintf(keys[i], sizeof keys[i], "k%d", i);
	for (int round = 0; round < 20 * N; round++) {
		size_t i = prng_below(&g, N);
		bool add = prng_below(&g, 2);
		void *old = add ? map_set(&m, str_of(keys[i]), keys[i]) : map_del(&m, str_of(keys[i]));
		assert_ptr_equal(old, in[i] ? keys[i] : NULL);
		live += (size_t)add - in[i];
		in[i] = add;
		assert_int_equal(m.n, live);
	}
	for (int i = 0; i < N; i++)
		assert_ptr_equal(map_get(&m, str_of(keys[i])), in[i] ? keys[i] : NULL);
	map_fini(&m);
}

TEST(map_walks_in_order_of_insertion_and_may_shrink_meanwhile)
{
	struct map m = {0};
	const char *keys[] = {"d", "a", "c", "b"};
	char seen[5] = {0};
	size_t i = 0, n = 0;
	for (size_t k = 0; k < 4; k++)
		map_set(&m, str_of(keys[k]), (void *)keys[k]);
	for (struct map_entry *e; (e = map_next(&m, &i));) {
		seen[n++] = e->key.p[0];
		if (e->key.p[0] == 'a') {
			map_del(&m, STR("a"));
			map_del(&m, STR("c"));
		}
	}
	assert_string_equal(seen, "dab");
	map_fini(&m);
}

TEST(map_set_takes_the_new_key_because_the_old_may_die_with_its_value)
{
	struct map m = {0};
	char *first = strdup("key"), *second = strdup("key");
	map_set(&m, str_of(first), first);
	free(map_set(&m, str_of(second), second));
	assert_ptr_equal(map_get(&m, STR("key")), second);
	map_fini(&m);
	free(second);
}

TEST(map_set_dup_owns_its_keys)
{
	struct map m = {0};
	char key[] = "key";
	assert_null(map_set_dup(&m, str_of(key), key));
	assert_ptr_equal(map_set_dup(&m, str_of(key), key), key);
	key[0] = 'x';
	assert_true(map_has(&m, STR("key")));
	map_set(&m, STR("key"), key);
	map_set_dup(&m, STR("other"), key);
	map_del(&m, STR("other"));
	map_set_dup(&m, STR(""), key);
	assert_ptr_equal(map_get(&m, (struct str){0}), key);
	map_clear(&m);
	assert_false(map_has(&m, STR("key")));
	map_set_dup(&m, STR("again"), key);
	map_fini(&m);
}

TEST(map_empty_has_nothing)
{
	struct map m = {0};
	size_t i = 0;
	assert_null(map_get(&m, STR("a")));
	assert_null(map_del(&m, STR("a")));
	assert_null(map_next(&m, &i));
	map_clear(&m);
	map_fini(&m);
}
