#include "rt/impl.h"
#include "base/enc.h"
#include "base/rand.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

int rt_opts_fill(struct rt_opts *out, const struct rt_opts *in)
{
	*out = in ? *in : (struct rt_opts){0};
	if (out->workers < 0 || out->fibers_max < 0)
		return -EINVAL;
	out->workers = out->workers ? out->workers : RT_WORKERS;
	out->fibers_max = out->fibers_max ? out->fibers_max : RT_FIBERS_MAX;
	out->stack_bytes = out->stack_bytes ? out->stack_bytes : RT_STACK_BYTES;
	return 0;
}

void rt_free(struct rt *rt)
{
	if (rt)
		rt->ops->free(rt);
}

bool rt_is_sim(const struct rt *rt)
{
	return rt->ops->simulated;
}

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * NS_S + ts.tv_nsec;
}

mono_t rt_now(void)
{
	struct loop *l = loop_self();
	return l ? l->now : read_clock(CLOCK_MONOTONIC);
}

mono_t rt_now_exact(void)
{
	struct loop *l = loop_self();
	return l ? l->rt->ops->now(l->rt) : read_clock(CLOCK_MONOTONIC);
}

wall_t rt_wall(void)
{
	struct loop *l = loop_self();
	return l ? l->rt->ops->wall(l->rt) : read_clock(CLOCK_REALTIME);
}

bool rt_nap(nsec_t span)
{
	struct loop *l = loop_self();
	bool can = l && l->rt->ops->nap && span > 0;
	if (can)
		l->rt->ops->nap(span);
	return can;
}

void rt_random(void *p, size_t n)
{
	struct loop *l = loop_self();
	if (l)
		l->rt->ops->random(l->rt, p, n);
	else
		rand_bytes(p, n);
}

uint64_t rt_random_below(uint64_t n)
{
	if (n < 2)
		return 0;
	uint64_t v, low = -n % n; /* below it values would be more frequent than others */
	do
		rt_random(&v, sizeof v);
	while (v < low);
	return v % n;
}

void rt_uuid(char out[37])
{
	uint8_t bytes[16];
	rt_random(bytes, sizeof bytes);
	enc_uuid(out, bytes);
}
