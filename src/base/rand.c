#include "base/rand.h"
#include "base/log.h"
#include <errno.h>
#include <sys/random.h>

void rand_bytes(void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			bug("no random bytes from the system");
		if (got > 0)
			at += got, n -= (size_t)got;
	}
}

/* splitmix64: spreads any seed, zero too, over the whole state. */
static uint64_t spread(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void prng_seed(struct prng *g, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		g->s[i] = spread(&seed);
}

static uint64_t rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t prng_next(struct prng *g)
{
	uint64_t *s = g->s, result = rotl(s[1] * 5, 7) * 9, shifted = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t prng_below(struct prng *g, uint64_t n)
{
	/* The first 2^64 mod n values would make small results likelier. */
	uint64_t skip = (0 - n) % n, x;
	do
		x = prng_next(g);
	while (x < skip);
	return x % n;
}
