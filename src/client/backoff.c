#include "client/backoff.h"
#include "rt/loop.h"

nsec_t backoff_jitter(nsec_t base, int percent)
{
	nsec_t span = base / 100 * percent;
	return span > 0 ? base + (nsec_t)rt_random_below((uint64_t)span) : base;
}

void backoff_reset(struct backoff *b)
{
	b->next = 0;
}

nsec_t backoff_next(struct backoff *b)
{
	mono_t now = rt_now();
	if (b->next == 0 || (b->reset && now - b->last > b->reset))
		b->next = b->min;
	nsec_t pause = b->next;
	b->next = b->next > b->max / 2 ? b->max : b->next * 2;
	b->last = now + pause;
	return backoff_jitter(pause, b->jitter_percent);
}
