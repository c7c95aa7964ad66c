/* Private to cache/: memory that readers may still look at is freed when they have gone on.
 *
 * A reader (a loop) announces the epoch it reads in; what is retired carries the epoch of its retirement and is freed when no reader stands in that
 * or an older one.  Pins nest and may be held across waits; a loop's announcement is that of its oldest pin. */
#pragma once
#include "apiserver/cache.h"
#include <pthread.h>

#define EPOCH_READERS 64

struct reader {
	_Alignas(64) _Atomic uint64_t pinned; /* 0: reads nothing */
	struct list pins;
	struct loop *loop;
};
struct retired {
	void (*fn)(void *p);
	void *p;
	uint64_t epoch;
};
struct epoch {
	_Atomic uint64_t now;
	struct reader readers[EPOCH_READERS];
	size_t nreaders;
	pthread_mutex_t lock; /* of what follows */
	struct retired *queue;
	size_t head, n, cap;  /* a ring in order of retirement */
};
void epoch_init(struct epoch *ep, struct loop **loops, size_t nloops);
void epoch_fini(struct epoch *ep); /* frees all that is retired */
size_t epoch_self(const struct epoch *ep); /* number of the current loop; a bug when it is not among the readers */
void epoch_pin(struct epoch *ep, struct cache_pin *p);
void epoch_unpin(struct epoch *ep, struct cache_pin *p);
/* fn(p) once no reader can hold it.  After p was made unreachable.  Any thread. */
void epoch_retire(struct epoch *ep, void (*fn)(void *), void *p);
/* Frees what can be freed.  Any thread, not while holding locks that fn takes. */
void epoch_collect(struct epoch *ep);
