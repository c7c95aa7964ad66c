/* The writer: batches of the store become new versions of trees and events of rings. */
#include "apiserver/cache/impl.h"
#include "base/log.h"
#include <stdlib.h>

static void unref_object(void *p) { object_unref(p); }

static void touch(struct cache_table *t) { t->impl->touched = true; }

static void apply_put(struct cache *c, struct cache_table *t, const struct store_event *ev)
{
	ERR(e);
	CLEANUP(object_unref) struct object *o = object_new(t, ev->value, (uint64_t)ev->mod_rev, &e);
	if (!o) {
		log_error("cache: %.*s at revision %lld: %s", STR_F(ev->key), (long long)ev->mod_rev, err_text(&e));
		return;
	}
	struct object *old = otree_put(&t->impl->tree, object_ref(o));
	ring_append(&t->impl->ring, event_new(old ? EVENT_MODIFIED : EVENT_ADDED, o->rev, o, old, rt_now()));
	if (old)
		cache_bury(c, unref_object, old);
	touch(t);
}

static void apply_delete(struct cache *c, struct cache_table *t, const struct store_event *ev, struct str rest)
{
	struct str ns = STR(""), name = rest;
	if (t->namespaced)
		str_cut(rest, '/', &ns, &name);
	struct object *old = otree_del(&t->impl->tree, ns, name);
	if (!old)
		return;
	CLEANUP(object_unref) struct object *last = object_at(old, (uint64_t)ev->mod_rev);
	if (!last)
		bug("out of memory");
	ring_append(&t->impl->ring, event_new(EVENT_DELETED, last->rev, last, old, rt_now()));
	cache_bury(c, unref_object, old);
	touch(t);
}

static void apply_event(struct cache *c, const struct store_event *ev)
{
	struct str rest;
	struct cache_table *t = table_of_key(c, ev->key, &rest);
	if (!t)
		return;
	if (ev->type == STORE_PUT)
		apply_put(c, t, ev);
	else
		apply_delete(c, t, ev, rest);
}

/* Sets a bit per loop that has live cursors on the table. */
static uint64_t watching(const struct cache *c, const struct cache_table *t)
{
	uint64_t loops = 0;
	for (size_t i = 0; i < c->opts.nloops; i++) {
		struct hub *h = atomic_load(&t->impl->hubs[i]);
		if (h && atomic_load(&h->live))
			loops |= 1ull << i;
	}
	return loops;
}

bool cache_watched(const struct cache_table *t) { return watching(t->cache, t) != 0; }

static uint64_t publish_trees(struct cache *c, uint64_t rev)
{
	uint64_t loops = 0;
	for (size_t i = 0; i < c->ntables; i++) {
		struct cache_table *t = c->tables[i];
		if (!t->impl->touched)
			continue;
		t->impl->touched = false;
		atomic_store(&t->impl->root, otree_seal(&t->impl->tree, rev));
		loops |= watching(c, t);
	}
	return loops;
}

/* After the roots: from here on no new reader can find them. */
static void retire_dead(struct cache *c)
{
	for (size_t i = 0; i < c->ndead; i++)
		epoch_retire(&c->epoch, c->dead[i].fn, c->dead[i].p);
	c->ndead = 0;
}

static void wake(struct cache *c, uint64_t loops)
{
	for (size_t i = 0; i < c->opts.nloops; i++) {
		struct cache_loop *l = &c->loops[i];
		if (loops >> i & 1 && !atomic_exchange(&l->events.posted, true))
			loop_post(c->opts.loops[i], &l->events.post);
		if (atomic_load(&l->waiters) && !atomic_exchange(&l->news.posted, true))
			loop_post(c->opts.loops[i], &l->news.post);
	}
}

void cache_apply(struct cache *c, const struct store_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		apply_event(c, &b->events[i]);
	uint64_t loops = publish_trees(c, (uint64_t)b->revision);
	atomic_store(&c->revision, (uint64_t)b->revision);
	retire_dead(c);
	wake(c, loops);
	epoch_collect(&c->epoch);
}

/* ---- Loading: the subscription comes first, so batches may arrive before the objects are read ---- */

struct pending {
	struct pending *next;
	struct store_batch batch;
	struct arena *arena;
};

static void keep_batch(struct cache *c, const struct store_batch *b)
{
	struct arena *a = arena_new(NULL);
	struct pending *p = arena_make(a, struct pending), **at = &c->pending;
	struct store_event *v = arena_array(a, struct store_event, b->n ? b->n : 1);
	for (uint32_t i = 0; i < b->n; i++) {
		v[i] = b->events[i];
		v[i].key = str_dup(a, b->events[i].key);
		blob_ref(v[i].value);
	}
	*p = (struct pending){.batch = {b->revision, v, b->n}, .arena = a};
	while (*at)
		at = &(*at)->next;
	*at = p;
}

static void replay_pending(struct cache *c)
{
	struct pending *p;
	while ((p = c->pending)) {
		c->pending = p->next;
		cache_apply(c, &p->batch);
		for (uint32_t i = 0; i < p->batch.n; i++)
			blob_unref(p->batch.events[i].value);
		arena_free(p->arena);
	}
}

void cache_on_batch(struct store_sub *sub, const struct store_batch *b)
{
	struct cache *c = sub->arg;
	pthread_mutex_lock(&c->load_lock);
	if (c->loading)
		keep_batch(c, b);
	else
		cache_apply(c, b);
	pthread_mutex_unlock(&c->load_lock);
}

#define LOAD_PAGE 500 /* keys per read, so that the arena stays small */

static int load_page(struct cache *c, const struct store_range *page, struct err *e)
{
	for (uint32_t i = 0; i < page->len; i++) {
		struct store_kv *kv = &page->items[i];
		struct str rest;
		struct cache_table *t = table_of_key(c, kv->key, &rest);
		if (!t)
			continue;
		CLEANUP(blob_unref) struct blob *value = blob_copy(kv->value);
		if (!value)
			return err_nomem(e, kv->value.n);
		struct object *o = object_new(t, value, (uint64_t)kv->mod_rev, e);
		if (!o)
			return err_wrap(e, "key %.*s", STR_F(kv->key));
		object_unref(otree_put(&t->impl->tree, o));
		touch(t);
	}
	return 0;
}

static int load_all(struct cache *c, int64_t rev, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str from = STR("/registry/"), end = STR("/registry0");
	BUF(next);
	for (bool more = true; more;) {
		struct store_query q = {.key = from, .end = end, .rev = rev, .limit = LOAD_PAGE};
		struct store_range page = {0};
		if (store_range(c->opts.store, &q, a, &page, e) || load_page(c, &page, e))
			return -1;
		more = page.more && page.len;
		if (more) {
			buf_clear(&next);
			buf_str(&next, page.items[page.len - 1].key);
			buf_char(&next, 0);
			from = buf_view(&next);
		}
		arena_reset(a);
	}
	return 0;
}

static void set_state(struct cache *c, int64_t rev)
{
	for (size_t i = 0; i < c->ntables; i++)
		atomic_store(&c->tables[i]->impl->ring.floor, (uint64_t)rev);
	publish_trees(c, (uint64_t)rev);
	atomic_store(&c->revision, (uint64_t)rev);
	retire_dead(c);
}

/* What happened after the state that was loaded, up to rev, as if it happened now. */
static int replay_history(struct cache *c, int64_t from, int64_t rev, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(store_watch_close) struct store_watch *w = from < rev ? store_watch(c->opts.store, STR("/registry/"), STR("/registry0"), from + 1, e) : NULL;
	if (from < rev && !w)
		return -1;
	while (from < rev) {
		struct store_batch b;
		if (store_watch_next(w, a, MONO_NEVER, &b, e))
			return -1;
		while (b.n && b.events[b.n - 1].mod_rev > rev) /* these the subscription brings */
			b.n--;
		b.revision = b.revision < rev ? b.revision : rev;
		cache_apply(c, &b);
		from = b.revision;
		arena_reset(a);
	}
	return 0;
}

static int load_from(struct cache *c, int64_t from, int64_t rev, struct err *e)
{
	if (load_all(c, from, e))
		return -1;
	set_state(c, from);
	return replay_history(c, from, rev, e);
}

/* A little of history comes along, so that those who watched before a restart go on and need not list again.  ERR_EXPIRED: compaction overtook it. */
int cache_load(struct cache *c, struct err *e)
{
	int64_t rev = 0;
	struct store_status st;
	c->loading = true;
	c->sub = (struct store_sub){.fn = cache_on_batch, .arg = c};
	if (store_subscribe(c->opts.store, &c->sub, &rev, e))
		return -1;
	store_status(c->opts.store, &st);
	int64_t from = rev > CACHE_REPLAYED ? rev - CACHE_REPLAYED : 1;
	from = from < st.compacted ? st.compacted : from;
	if (load_from(c, from, rev, e)) {
		store_unsubscribe(c->opts.store, &c->sub);
		return err_wrap(e, "loading the stored objects");
	}
	pthread_mutex_lock(&c->load_lock);
	c->loading = false;
	replay_pending(c);
	pthread_mutex_unlock(&c->load_lock);
	return 0;
}
