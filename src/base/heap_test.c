#include "base/heap.h"
#include "base/rand.h"
#include "base/test.h"

#define N 1000

TEST(heap_gives_keys_in_order_through_moves_and_removals)
{
	struct heap h = {0};
	struct heap_node v[N] = {0};
	struct prng g;
	prng_seed(&g, 1);
	for (int round = 0; round < 5 * N; round++) {
		struct heap_node *n = &v[prng_below(&g, N)];
		if (prng_below(&g, 4) == 0)
			heap_remove(&h, n);
		else
			heap_set(&h, n, (int64_t)prng_below(&g, 500) - 250);
	}
	int64_t last = INT64_MIN;
	uint64_t seq = 0;
	for (struct heap_node *n; (n = heap_min(&h)); heap_remove(&h, n)) {
		assert_true(n->key > last || (n->key == last && n->seq > seq));
		last = n->key, seq = n->seq;
	}
	heap_fini(&h);
}

TEST(heap_equal_keys_leave_first_in_first_out)
{
	struct heap h = {0};
	struct heap_node v[20] = {0};
	for (int i = 0; i < 20; i++)
		heap_set(&h, &v[i], 7);
	for (int i = 0; i < 20; i++) {
		assert_ptr_equal(heap_min(&h), &v[i]);
		heap_remove(&h, &v[i]);
	}
	heap_remove(&h, &v[0]);
	heap_set(&h, &v[0], 1);
	heap_fini(&h);
	assert_int_equal(v[0].at, 0);
}
