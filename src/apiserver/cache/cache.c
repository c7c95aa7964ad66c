#include "apiserver/cache/impl.h"
#include "base/log.h"
#include <stdlib.h>

static void set_defaults(struct cache_opts *o)
{
	if (!o->json_lru_bytes)
		o->json_lru_bytes = CACHE_JSON_BYTES;
	if (!o->ring_bytes)
		o->ring_bytes = CACHE_RING_BYTES;
	if (!o->ring_age)
		o->ring_age = CACHE_RING_AGE;
}

static void make_loops(struct cache *c)
{
	c->loops = arena_array(c->arena, struct cache_loop, c->opts.nloops);
	for (size_t i = 0; i < c->opts.nloops; i++) {
		struct cache_loop *l = &c->loops[i];
		l->cache = c;
		l->events.post.fn = cache_loop_events;
		l->news.post.fn = cache_loop_revision;
		list_init(&l->hubs);
		cond_init(&l->revision);
	}
}

static void release(struct cache *c)
{
	tables_free(c);
	free(c->dead);
	epoch_fini(&c->epoch);
	lru_fini(&c->lru);
	pthread_mutex_destroy(&c->load_lock);
	arena_free(c->arena);
	free(c);
}

static struct cache *load(const struct cache_opts *o, struct err *e)
{
	struct cache *c = aligned_alloc(_Alignof(struct cache), sizeof *c);
	if (!c)
		return err_nomem(e, sizeof *c), NULL;
	*c = (struct cache){.opts = *o, .arena = arena_new(NULL)};
	set_defaults(&c->opts);
	pthread_mutex_init(&c->load_lock, NULL);
	epoch_init(&c->epoch, o->loops, o->nloops);
	lru_init(&c->lru, &c->epoch, c->opts.json_lru_bytes);
	make_loops(c);
	if (tables_make(c) || cache_load(c, e)) {
		release(c);
		return NULL;
	}
	return c;
}

struct cache *cache_new(const struct cache_opts *o, struct err *e)
{
	ERR(why);
	struct cache *c;
	while (!(c = load(o, &why)) && err_is(&why, ERR_EXPIRED))
		err_fini(&why);
	if (!c)
		err_move(e, &why);
	return c;
}

struct leaving {
	struct post post;
	struct cache_loop *loop;
	struct event done;
};

static void leave_here(struct post *p)
{
	struct leaving *l = container_of(p, struct leaving, post);
	cache_loop_leave(l->loop);
	event_set(&l->done);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	store_unsubscribe(c->opts.store, &c->sub);
	for (size_t i = 0; i < c->opts.nloops; i++) { /* behind the writer's last posts */
		struct leaving l = {.post.fn = leave_here, .loop = &c->loops[i]};
		event_init(&l.done);
		loop_post(c->opts.loops[i], &l.post);
		event_wait(&l.done);
	}
	release(c);
}

uint64_t cache_revision(const struct cache *c) { return atomic_load(&c->revision); }

int cache_wait_revision(struct cache *c, uint64_t rev, mono_t deadline)
{
	if (cache_revision(c) >= rev)
		return 0;
	struct cache_loop *l = &c->loops[epoch_self(&c->epoch)];
	int r = 0;
	atomic_fetch_add(&l->waiters, 1);
	while (!r && cache_revision(c) < rev)
		r = cond_wait(&l->revision, deadline);
	atomic_fetch_sub(&l->waiters, 1);
	return r;
}

void cache_pin(struct cache *c, const struct cache_table *t, struct cache_pin *ret)
{
	ret->cache = c;
	epoch_pin(&c->epoch, ret);
	uint64_t rev = cache_revision(c);
	const struct node *root = atomic_load_explicit(&t->impl->root, memory_order_acquire);
	ret->root = root;
	/* Roots are published before the revision: a root newer than rev shows its own revision, an older one has not changed up to rev. */
	ret->changed = root ? root->rev : 0;
	ret->rev = ret->changed > rev ? ret->changed : rev;
}

void cache_unpin(struct cache_pin *p) { epoch_unpin(&p->cache->epoch, p); }

struct object *cache_get(const struct cache_pin *p, struct str ns, struct str name) { return otree_get(p->root, ns, name); }

struct object *cache_lookup(struct cache *c, const struct cache_table *t, struct str ns, struct str name)
{
	struct cache_pin pin;
	cache_pin(c, t, &pin);
	struct object *o = cache_get(&pin, t->namespaced ? ns : STR(""), name);
	if (o)
		object_ref(o);
	cache_unpin(&pin);
	return o;
}

void cache_seek(struct cache_iter *it, const struct cache_pin *p, struct str ns, struct str from_ns, struct str from_name, bool after)
{
	struct otree_key k = {from_ns, from_name, after ? BOUND_AFTER : BOUND_AT};
	if (ns.n && otree_ns_cmp(from_ns, ns) < 0)
		k = (struct otree_key){ns, STR(""), BOUND_AT};
	it->ns = ns;
	it->depth = 0;
	for (const struct node *n = p->root; n; n = n->leaf ? NULL : n->e[it->at[it->depth - 1]].kid) {
		invariant(it->depth < CACHE_DEPTH);
		it->node[it->depth] = n;
		it->at[it->depth++] = (uint16_t)otree_find(n, &k);
	}
}

/* Puts the lowest level on an entry that exists, or empties the stack. */
static void settle(struct cache_iter *it)
{
	while (it->depth && it->at[it->depth - 1] >= ((const struct node *)it->node[it->depth - 1])->n) {
		if (--it->depth)
			it->at[it->depth - 1]++;
	}
	while (it->depth) {
		const struct node *n = it->node[it->depth - 1];
		if (n->leaf)
			return;
		it->node[it->depth] = n->e[it->at[it->depth - 1]].kid;
		it->at[it->depth++] = 0;
	}
}

struct object *cache_next(struct cache_iter *it)
{
	settle(it);
	if (!it->depth)
		return NULL;
	const struct node *leaf = it->node[it->depth - 1];
	struct object *o = leaf->e[it->at[it->depth - 1]].min;
	if (it->ns.n && !str_eq(o->ns, it->ns)) {
		it->depth = 0;
		return NULL;
	}
	it->at[it->depth - 1]++;
	return o;
}

size_t cache_count(struct cache_iter *it)
{
	if (!it->depth)
		return 0;
	const struct node *root = it->node[0];
	struct object *next = cache_next(it);
	if (!next)
		return 0;
	struct otree_key from = {next->ns, next->name, BOUND_AT}, end = {it->ns, STR(""), BOUND_NS_END};
	size_t last = it->ns.n ? otree_rank(root, &end) : root->total;
	return last - otree_rank(root, &from);
}

static struct str frame_head(const struct cache_event *ev)
{
	static const struct str heads[] = {
		[EVENT_ADDED] = STR_INIT("{\"type\":\"ADDED\",\"object\":"),
		[EVENT_MODIFIED] = STR_INIT("{\"type\":\"MODIFIED\",\"object\":"),
		[EVENT_DELETED] = STR_INIT("{\"type\":\"DELETED\",\"object\":"),
	};
	return heads[ev->type];
}

struct blob *event_json(struct cache_event *ev)
{
	struct blob *have = atomic_load_explicit(&ev->json, memory_order_acquire);
	if (have)
		return have; /* never replaced while the event lives */
	CLEANUP(blob_unref) struct blob *json = object_json(ev->cur);
	struct str head = frame_head(ev);
	struct blob *b = json ? blob_new(head.n + json->n + 2) : NULL;
	if (!b)
		return NULL;
	memcpy(b->p, head.p, head.n);
	memcpy(b->p + head.n, json->p, json->n);
	memcpy(b->p + head.n + json->n, "}\n", 2);
	struct blob *none = NULL;
	if (atomic_compare_exchange_strong(&ev->json, &none, b))
		return b;
	blob_unref(b);
	return none;
}

void cache_stats(const struct cache *c, struct cache_stats *ret)
{
	*ret = (struct cache_stats){.json_bytes = c->lru.bytes, .retired = c->epoch.n, .json_made = atomic_load(&c->json_made), .json_hits = atomic_load(&c->json_hits)};
	for (size_t i = 0; i < c->ntables; i++)
		ret->ring_bytes += atomic_load(&c->tables[i]->impl->ring.bytes);
}
