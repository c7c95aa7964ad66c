#include "base/rand.h"
#include "base/test.h"

TEST(prng_is_reproducible_and_stays_below)
{
	struct prng a, b;
	bool seen[7] = {0};
	prng_seed(&a, 0);
	prng_seed(&b, 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t x = prng_below(&a, 7);
		assert_true(x < 7 && x == prng_below(&b, 7));
		seen[x] = true;
	}
	for (int i = 0; i < 7; i++)
		assert_true(seen[i]);
	assert_int_equal(prng_below(&a, 1), 0);
}

TEST(rand_bytes_differ)
{
	char a[16], b[16];
	rand_bytes(a, sizeof a);
	rand_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}
