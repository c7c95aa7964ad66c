#include "apiserver/cache/epoch.h"
#include "base/log.h"
#include <stdlib.h>

void epoch_init(struct epoch *ep, struct loop **loops, size_t nloops)
{
	invariant(nloops <= EPOCH_READERS);
	atomic_store(&ep->now, 1);
	ep->nreaders = nloops;
	for (size_t i = 0; i < nloops; i++) {
		ep->readers[i].loop = loops[i];
		list_init(&ep->readers[i].pins);
	}
	pthread_mutex_init(&ep->lock, NULL);
}

void epoch_fini(struct epoch *ep)
{
	epoch_collect(ep);
	free(ep->queue);
	pthread_mutex_destroy(&ep->lock);
}

size_t epoch_self(const struct epoch *ep)
{
	struct loop *self = loop_self();
	for (size_t i = 0; i < ep->nreaders; i++)
		if (ep->readers[i].loop == self)
			return i;
	bug("the cache is read from a loop that it was not told of");
}

void epoch_pin(struct epoch *ep, struct cache_pin *p)
{
	struct reader *r = &ep->readers[epoch_self(ep)];
	p->epoch = atomic_load_explicit(&ep->now, memory_order_acquire);
	if (list_empty(&r->pins)) /* the store must be seen before anything is read: sequentially consistent */
		atomic_store(&r->pinned, p->epoch);
	list_push(&r->pins, &p->node);
}

void epoch_unpin(struct epoch *ep, struct cache_pin *p)
{
	struct reader *r = &ep->readers[epoch_self(ep)];
	bool oldest = r->pins.next == &p->node;
	list_remove(&p->node);
	if (list_empty(&r->pins))
		atomic_store_explicit(&r->pinned, 0, memory_order_release);
	else if (oldest)
		atomic_store_explicit(&r->pinned, list_entry(r->pins.next, struct cache_pin, node)->epoch, memory_order_release);
}

static void grow(struct epoch *ep)
{
	size_t cap = ep->cap ? ep->cap * 2 : 256;
	struct retired *q = malloc(cap * sizeof *q);
	if (!q)
		bug("out of memory");
	for (size_t i = 0; i < ep->n; i++)
		q[i] = ep->queue[(ep->head + i) & (ep->cap - 1)];
	free(ep->queue);
	ep->queue = q;
	ep->cap = cap;
	ep->head = 0;
}

void epoch_retire(struct epoch *ep, void (*fn)(void *), void *p)
{
	pthread_mutex_lock(&ep->lock);
	if (ep->n == ep->cap)
		grow(ep);
	ep->queue[(ep->head + ep->n++) & (ep->cap - 1)] = (struct retired){fn, p, atomic_fetch_add(&ep->now, 1)};
	pthread_mutex_unlock(&ep->lock);
}

/* What was retired before this epoch can be reached by nobody.  Bounded by the present one: a reader that comes while the pins are looked at stands
 * in that or a later epoch. */
static uint64_t oldest_pin(struct epoch *ep)
{
	uint64_t min = atomic_load(&ep->now);
	for (size_t i = 0; i < ep->nreaders; i++) {
		uint64_t e = atomic_load(&ep->readers[i].pinned);
		if (e && e < min)
			min = e;
	}
	return min;
}

#define COLLECT_BATCH 64 /* freed per turn of the lock */

static size_t take(struct epoch *ep, uint64_t before, struct retired out[COLLECT_BATCH])
{
	size_t n = 0;
	pthread_mutex_lock(&ep->lock);
	while (n < COLLECT_BATCH && ep->n && ep->queue[ep->head].epoch < before) {
		out[n++] = ep->queue[ep->head];
		ep->head = (ep->head + 1) & (ep->cap - 1);
		ep->n--;
	}
	pthread_mutex_unlock(&ep->lock);
	return n;
}

void epoch_collect(struct epoch *ep)
{
	struct retired out[COLLECT_BATCH];
	size_t n;
	do { /* what was retired before this point and before the oldest pin */
		n = take(ep, oldest_pin(ep), out);
		for (size_t i = 0; i < n; i++)
			out[i].fn(out[i].p);
	} while (n == COLLECT_BATCH);
}
