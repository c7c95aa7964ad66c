#include "base/rand.h"
#include "base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define STOCK_BYTES 1024 /* fetched at once: a call costs much more than a byte */
#define STOCK_FROM 64    /* larger wishes go to the system */

/* Bytes in stock, in a page that a fork leaves empty: parent and child never give the same ones. */
struct stock {
	size_t left;
	char bytes[STOCK_BYTES];
};

static void fetch(void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno != EINTR)
			bug("no random bytes from the system");
		if (got > 0)
			at += got, n -= (size_t)got;
	}
}

/* One page per thread that ever asks; the threads that do live as long as the process. */
static struct stock *stock_here(void)
{
	static _Thread_local struct stock *mine;
	if (mine)
		return mine;
	void *p = mmap(NULL, sizeof *mine, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, sizeof *mine, MADV_WIPEONFORK) == 0)
		return mine = p;
	munmap(p, sizeof *mine);
	return NULL;
}

void rand_bytes(void *p, size_t n)
{
	struct stock *s = n < STOCK_FROM ? stock_here() : NULL;
	if (!s) {
		fetch(p, n);
		return;
	}
	if (s->left < n) {
		fetch(s->bytes, sizeof s->bytes);
		s->left = sizeof s->bytes;
	}
	s->left -= n;
	memcpy(p, s->bytes + s->left, n);
	explicit_bzero(s->bytes + s->left, n); /* what was given is nobody else's */
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
