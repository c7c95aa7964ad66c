#include "apiserver/cache/impl.h"
#include "base/log.h"
#include <stdlib.h>

#define RING_FIRST 16 /* slots of a table that has seen few events */

static struct ring_slots *slots_new(uint64_t n)
{
	struct ring_slots *s = calloc(1, sizeof *s + n * sizeof s->v[0]);
	if (!s)
		bug("out of memory");
	s->mask = n - 1;
	return s;
}

int ring_init(struct ring *r, struct epoch *ep, size_t max_bytes, nsec_t max_age)
{
	r->epoch = ep;
	r->max_bytes = max_bytes;
	r->max_age = max_age;
	return 0;
}

struct cache_event *event_new(enum event_type type, uint64_t rev, struct object *cur, struct object *prev, mono_t now)
{
	struct cache_event *ev = calloc(1, sizeof *ev);
	if (!ev)
		bug("out of memory");
	ev->type = type;
	ev->rev = rev;
	ev->cur = object_ref(cur);
	ev->prev = prev ? object_ref(prev) : NULL;
	ev->at = now;
	ev->bytes = (uint32_t)(cur->value->n * 4 + 256); /* with what its JSON and frame will take */
	return ev;
}

static void event_free(void *p)
{
	struct cache_event *ev = p;
	object_unref(ev->cur);
	object_unref(ev->prev);
	blob_unref(atomic_load(&ev->json));
	blob_unref(atomic_load(&ev->pb));
	free(ev);
}

static struct ring_slots *slots_of(const struct ring *r) { return atomic_load_explicit(&r->slots, memory_order_acquire); }

static struct cache_event *slot(const struct ring_slots *s, uint64_t number)
{
	return atomic_load_explicit(&s->v[number & s->mask], memory_order_acquire);
}

static void drop_oldest(struct ring *r)
{
	uint64_t tail = atomic_load(&r->tail);
	struct cache_event *ev = slot(slots_of(r), tail);
	atomic_store(&r->floor, ev->rev);
	atomic_store(&r->tail, tail + 1);
	atomic_store(&r->bytes, atomic_load(&r->bytes) - ev->bytes);
	epoch_retire(r->epoch, event_free, ev);
}

static void trim(struct ring *r, mono_t now)
{
	while (atomic_load(&r->head) - atomic_load(&r->tail) > 1) {
		struct cache_event *ev = slot(slots_of(r), atomic_load(&r->tail));
		if (atomic_load(&r->bytes) <= r->max_bytes && now - ev->at <= r->max_age)
			break;
		drop_oldest(r);
	}
}

static struct ring_slots *roomy(struct ring *r, uint64_t head, uint64_t tail)
{
	struct ring_slots *old = slots_of(r);
	if (old && head - tail <= old->mask)
		return old;
	struct ring_slots *s = slots_new(old ? (old->mask + 1) * 2 : RING_FIRST);
	for (uint64_t i = tail; i < head; i++)
		atomic_store(&s->v[i & s->mask], slot(old, i));
	atomic_store(&r->slots, s);
	if (old)
		epoch_retire(r->epoch, free, old);
	return s;
}

void ring_append(struct ring *r, struct cache_event *ev)
{
	uint64_t head = atomic_load(&r->head);
	struct ring_slots *s = roomy(r, head, atomic_load(&r->tail));
	atomic_store_explicit(&s->v[head & s->mask], ev, memory_order_release);
	atomic_store(&r->bytes, atomic_load(&r->bytes) + ev->bytes);
	atomic_store(&r->head, head + 1);
	trim(r, ev->at);
}

struct cache_event *ring_at(const struct ring *r, uint64_t number, bool *ret_lost)
{
	*ret_lost = number < atomic_load(&r->tail);
	if (*ret_lost || number >= atomic_load(&r->head))
		return NULL;
	struct cache_event *ev = slot(slots_of(r), number);
	*ret_lost = number < atomic_load(&r->tail); /* the slot may have been given to a newer one meanwhile */
	return *ret_lost ? NULL : ev;
}

int ring_find(const struct ring *r, uint64_t rev, uint64_t *ret)
{
	uint64_t lo = atomic_load(&r->tail), hi = atomic_load(&r->head);
	if (rev < atomic_load(&r->floor))
		return -1;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		bool lost;
		struct cache_event *ev = ring_at(r, mid, &lost);
		if (lost)
			return -1;
		if (ev->rev <= rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

void ring_fini(struct ring *r)
{
	struct ring_slots *s = slots_of(r);
	for (uint64_t i = atomic_load(&r->tail); i < atomic_load(&r->head); i++)
		event_free(slot(s, i));
	free(s);
}
