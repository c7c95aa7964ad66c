#include "apiserver/cache/lru.h"
#include "apiserver/cache/epoch.h"

void lru_init(struct lru *l, struct epoch *ep, size_t max)
{
	*l = (struct lru){.max = max, .epoch = ep};
	list_init(&l->objects);
	pthread_mutex_init(&l->lock, NULL);
}

void lru_fini(struct lru *l) { pthread_mutex_destroy(&l->lock); }

static void unref_blob(void *p) { blob_unref(p); }

static void evict(struct lru *l, struct object *o)
{
	struct blob *b = atomic_exchange(&o->json, NULL);
	list_remove(&o->lru);
	l->bytes -= b->n;
	epoch_retire(l->epoch, unref_blob, b);
}

/* Goes around at most twice: the first time forgives those that were used. */
static bool shrink(struct lru *l)
{
	bool evicted = false;
	while (l->bytes > l->max && !list_empty(&l->objects)) {
		struct object *o = list_entry(l->objects.next, struct object, lru);
		if (atomic_load_explicit(&o->used, memory_order_relaxed)) {
			atomic_store_explicit(&o->used, false, memory_order_relaxed);
			list_remove(&o->lru);
			list_push(&l->objects, &o->lru);
		} else {
			evict(l, o);
			evicted = true;
		}
	}
	return evicted;
}

void lru_add(struct lru *l, struct object *o, struct blob *json)
{
	struct blob *none = NULL;
	pthread_mutex_lock(&l->lock);
	bool evicted = false;
	if (atomic_compare_exchange_strong(&o->json, &none, blob_ref(json))) {
		list_push(&l->objects, &o->lru);
		l->bytes += json->n;
		evicted = shrink(l);
	} else {
		blob_unref(json);
	}
	pthread_mutex_unlock(&l->lock);
	if (evicted)
		epoch_collect(l->epoch);
}

void lru_forget(struct lru *l, struct object *o)
{
	pthread_mutex_lock(&l->lock);
	struct blob *b = atomic_exchange(&o->json, NULL);
	if (b) {
		list_remove(&o->lru);
		l->bytes -= b->n;
	}
	pthread_mutex_unlock(&l->lock);
	blob_unref(b);
}
