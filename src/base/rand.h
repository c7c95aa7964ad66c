/* Random bytes from the system.  Code above rt asks rt_random, which the simulator seeds; this is its real source. */
#pragma once
#include <stddef.h>
#include <stdint.h>
void rand_bytes(void *p, size_t n);
/* A small seeded generator (xoshiro256**), for the simulator and for jitter. */
struct prng { uint64_t s[4]; };
void prng_seed(struct prng *g, uint64_t seed);
uint64_t prng_next(struct prng *g);
/* Uniform in [0, n); n > 0. */
uint64_t prng_below(struct prng *g, uint64_t n);
