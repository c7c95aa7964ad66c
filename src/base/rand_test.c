#include "base/rand.h"
#include "base/scope.h"
#include "base/test.h"
#include <sys/wait.h>
#include <unistd.h>

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

/* What is in stock is not inherited. */
TEST(rand_bytes_differ_after_a_fork)
{
	char first, mine[16], other[16];
	int ends[2];
	rand_bytes(&first, 1); /* there is a stock now */
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		rand_bytes(other, sizeof other);
		_exit(write(ends[1], other, sizeof other) != sizeof other);
	}
	rand_bytes(mine, sizeof mine);
	assert_int_equal(read(ends[0], other, sizeof other), sizeof other);
	waitpid(child, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_memory_not_equal(mine, other, sizeof mine);
}

TEST(rand_bytes_do_not_repeat)
{
	uint64_t seen[4096];
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		rand_bytes(&seen[i], sizeof seen[i]);
		assert_true(seen[i] != 0);
		assert_true(i == 0 || seen[i] != seen[i - 1]);
	}
}

TEST(rand_bytes_differ)
{
	char a[16], b[16];
	rand_bytes(a, sizeof a);
	rand_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}
