/* Delivery: each loop has one hub per table that is watched there.  The writer posts to the loop; the hub walks the new events of the ring and hands each
 * to the cursors of the buckets that it touches. */
#include "apiserver/cache/impl.h"
#include "base/log.h"
#include <stdlib.h>

/* Kinds of bucket, by which parts are given. */
enum { BY_NS = 1, BY_NAME = 2, BY_FIELD = 4 };

static struct str bucket_key(struct buf *b, unsigned kind, struct str ns, struct str name, struct str field)
{
	buf_clear(b);
	buf_char(b, (char)('0' + kind));
	buf_str(b, kind & BY_NS ? ns : STR(""));
	buf_char(b, 0);
	buf_str(b, kind & BY_NAME ? name : STR(""));
	buf_char(b, 0);
	buf_str(b, kind & BY_FIELD ? field : STR(""));
	return buf_view(b);
}

static unsigned bucket_kind(const struct bucket *b)
{
	return (b->ns.n ? BY_NS : 0) | (b->name.n ? BY_NAME : 0) | (b->by_field ? BY_FIELD : 0);
}

struct hub *hub_here(struct cache_table *t)
{
	struct cache *c = t->cache;
	size_t i = epoch_self(&c->epoch);
	struct hub *h = atomic_load(&t->impl->hubs[i]);
	if (h)
		return h;
	h = calloc(1, sizeof *h);
	if (!h)
		bug("out of memory");
	h->table = t;
	list_push(&c->loops[i].hubs, &h->node);
	atomic_store(&t->impl->hubs[i], h);
	return h;
}

/* Cursors that were never closed may be gone already: their buckets go without them. */
void hub_free(struct hub *h)
{
	struct map_entry *m;
	if (!h)
		return;
	for (size_t i = 0; (m = map_next(&h->buckets, &i));)
		free(m->value);
	map_fini(&h->buckets);
	free(h);
}

static struct bucket_list *bucket_list(struct hub *h, const struct bucket *b)
{
	BUF(key);
	struct str k = bucket_key(&key, bucket_kind(b), b->ns, b->name, b->field);
	struct bucket_list *l = map_get(&h->buckets, k);
	if (l)
		return l;
	l = calloc(1, sizeof *l + k.n);
	if (!l)
		bug("out of memory");
	list_init(&l->cursors);
	memcpy(l + 1, k.p, k.n);
	l->key = str_n(l + 1, k.n);
	map_set(&h->buckets, l->key, l);
	return l;
}

static void join(struct hub *h, struct cursor *c)
{
	c->in = bucket_list(h, &c->bucket);
	list_push(&c->in->cursors, &c->node);
	h->kinds[bucket_kind(&c->bucket)]++;
	c->state = CURSOR_LIVE;
}

/* Out of its bucket; the empty bucket stays when the hub is walking it. */
static void leave(struct cursor *c)
{
	struct hub *h = c->hub;
	struct bucket_list *l = c->in;
	list_remove(&c->node);
	h->kinds[bucket_kind(&c->bucket)]--;
	atomic_fetch_sub(&h->live, 1);
	c->in = NULL;
	if (list_empty(&l->cursors) && !h->draining) {
		map_del(&h->buckets, l->key);
		free(l);
	}
}

/* Drops buckets that ran empty while the hub was walking. */
static void sweep(struct hub *h)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&h->buckets, &i));) {
		struct bucket_list *l = m->value;
		if (list_empty(&l->cursors)) {
			map_del(&h->buckets, l->key);
			free(l);
		}
	}
}

static void pause(struct cursor *c, uint64_t pos, uint64_t rev)
{
	leave(c);
	c->state = CURSOR_PAUSED;
	c->pos = pos;
	c->seen = rev;
}

static void deliver(struct hub *h, struct str key, struct cache_event *ev)
{
	struct bucket_list *l = map_get(&h->buckets, key);
	struct cursor *c;
	if (!l)
		return;
	list_each(c, &l->cursors, node)
		if (c->ops->event(c, ev) == CURSOR_PAUSE)
			pause(c, h->pos, ev->rev - 1);
}

static void deliver_field(struct hub *h, unsigned kind, struct cache_event *ev, struct buf *key)
{
	struct object *o = ev->cur, *p = ev->prev;
	if (!h->table->nfields)
		return;
	deliver(h, bucket_key(key, kind, o->ns, o->name, o->fields[0]), ev);
	if (p && !str_eq(p->fields[0], o->fields[0]))
		deliver(h, bucket_key(key, kind, o->ns, o->name, p->fields[0]), ev);
}

static void dispatch(struct hub *h, struct cache_event *ev, struct buf *key)
{
	for (unsigned kind = 0; kind < 8; kind++) {
		if (!h->kinds[kind])
			continue;
		if (kind & BY_FIELD)
			deliver_field(h, kind, ev, key);
		else
			deliver(h, bucket_key(key, kind, ev->cur->ns, ev->cur->name, STR("")), ev);
	}
}

#define FRAME_COPY_MAX (16u << 10) /* a larger one costs more than a fight over its counter */
#define FRAME_COPY_FROM 8          /* so does any one for fewer watchers */

struct blob *cursor_frame(struct cursor *c, enum frame_form form, struct blob *frame)
{
	struct hub *h = c->hub;
	if (!h->draining || frame->n > FRAME_COPY_MAX || atomic_load(&h->live) < FRAME_COPY_FROM)
		return frame;
	if (h->own[form].frame != frame) {
		blob_unref(h->own[form].copy);
		h->own[form].copy = blob_copy(blob_str(frame));
		h->own[form].frame = frame;
	}
	return h->own[form].copy ? h->own[form].copy : frame;
}

static void drop_copies(struct hub *h)
{
	for (int f = 0; f < FRAME_FORMS; f++) {
		blob_unref(h->own[f].copy);
		h->own[f].frame = h->own[f].copy = NULL;
	}
}

/* A loop that fell behind the whole ring: its live cursors have missed events. */
static void lose_all(struct hub *h)
{
	struct map_entry *m;
	struct cursor *c;
	for (size_t i = 0; (m = map_next(&h->buckets, &i));) {
		struct bucket_list *l = m->value;
		list_each(c, &l->cursors, node) {
			pause(c, 0, h->rev);
			c->ops->lost(c);
		}
	}
}

void hub_drain(struct hub *h)
{
	struct ring *r = &h->table->impl->ring;
	struct cache_pin pin;
	struct cache_event *ev;
	bool lost = false;
	BUF(key);
	if (h->draining)
		return;
	h->draining = true;
	cache_pin(h->table->cache, h->table, &pin);
	uint64_t rev = cache_revision(h->table->cache);
	for (; atomic_load(&h->live) && (ev = ring_at(r, h->pos, &lost)); h->pos++)
		dispatch(h, ev, &key);
	if (lost)
		lose_all(h);
	h->rev = rev;
	drop_copies(h);
	cache_unpin(&pin);
	h->draining = false;
	sweep(h);
}

int cursor_open(struct cursor *c, const struct cursor_ops *ops, struct cache_table *t, const struct bucket *b, uint64_t rev, struct err *e)
{
	struct cache_pin pin;
	uint64_t pos;
	cache_pin(t->cache, t, &pin);
	int found = ring_find(&t->impl->ring, rev, &pos);
	uint64_t floor = atomic_load(&t->impl->ring.floor);
	cache_unpin(&pin);
	if (found)
		return err_set(e, ERR_EXPIRED, "too old resource version: %llu (%llu)", (unsigned long long)rev, (unsigned long long)floor);
	*c = (struct cursor){.ops = ops, .table = t, .hub = hub_here(t), .bucket = *b, .pos = pos, .seen = rev, .state = CURSOR_PAUSED};
	return 0;
}

static bool in_bucket(const struct bucket *b, const struct cache_event *ev)
{
	const struct object *o = ev->cur, *p = ev->prev;
	if ((b->ns.n && !str_eq(b->ns, o->ns)) || (b->name.n && !str_eq(b->name, o->name)))
		return false;
	return !b->by_field || str_eq(b->field, o->fields[0]) || (p && str_eq(b->field, p->fields[0]));
}

/* Hands a paused cursor what lies between it and the event `to`; false when it paused again, closed or is lost. */
static bool catch_up(struct cursor *c, uint64_t to)
{
	struct ring *r = &c->table->impl->ring;
	bool lost = false;
	while (c->pos < to) {
		struct cache_event *ev = ring_at(r, c->pos, &lost);
		if (lost)
			return c->ops->lost(c), false;
		if (in_bucket(&c->bucket, ev) && c->ops->event(c, ev) != CURSOR_NEXT)
			return false;
		c->pos++;
		if (ev->rev - 1 > c->seen)
			c->seen = ev->rev - 1;
	}
	return true;
}

void cursor_resume(struct cursor *c)
{
	struct hub *h = c->hub;
	struct cache_pin pin;
	if (c->state != CURSOR_PAUSED)
		return;
	invariant(!h->draining);
	cache_pin(h->table->cache, h->table, &pin);
	/* Counted before the ring is looked at: from here on the writer wakes this loop for what comes after. */
	if (atomic_fetch_add(&h->live, 1) == 0)
		h->pos = atomic_load(&h->table->impl->ring.head);
	else
		hub_drain(h);
	if (catch_up(c, h->pos))
		join(h, c);
	else
		atomic_fetch_sub(&h->live, 1);
	cache_unpin(&pin);
}

uint64_t cursor_revision(const struct cursor *c)
{
	if (c->state != CURSOR_LIVE)
		return c->seen;
	uint64_t rev = cache_revision(c->table->cache);
	return atomic_load(&c->table->impl->ring.head) == c->hub->pos ? rev : c->hub->rev;
}

void cursor_close(struct cursor *c)
{
	if (c->state == CURSOR_LIVE)
		leave(c);
	c->state = CURSOR_CLOSED;
}

/* ---- Rounds of deliveries ---- */

/* A loop rests between two rounds, REST_SHARE times as long as the last one took with all that was sent in its turn, but not for long: what is written
 * meanwhile goes out together, in one frame and one system call per watcher.  Where few watch there is nearly no rest, and the first event after a
 * rest never waits.  With 200 watchers of one busy object an event costs a third less so, and comes 2 ms later. */
#define REST_SHARE 8
#define REST_MAX (4 * NS_MS)

static void round_over(struct turn *t)
{
	struct cache_loop *l = container_of(t, struct cache_loop, over);
	mono_t now = rt_now_exact();
	nsec_t rest = (now - l->began) * REST_SHARE;
	l->rested = now + (rest < REST_MAX ? rest : REST_MAX);
}

static void deliver_all(struct cache_loop *l)
{
	struct hub *h;
	l->began = rt_now_exact();
	atomic_store(&l->events.posted, false);
	list_each(h, &l->hubs, node)
		if (atomic_load(&h->live))
			hub_drain(h);
	l->over.fn = round_over;
	turn_end(&l->over); /* behind the connections that were given something */
}

static void rest_over(struct timer *t) { deliver_all(container_of(t, struct cache_loop, rest)); }

void cache_loop_events(struct post *p)
{
	struct cache_loop *l = container_of(p, struct cache_loop, events.post);
	if (rt_now() < l->rested)
		timer_set(&l->rest, l->rested, rest_over);
	else
		deliver_all(l);
}

void cache_loop_revision(struct post *p)
{
	struct cache_loop *l = container_of(p, struct cache_loop, news.post);
	atomic_store(&l->news.posted, false);
	cond_wake_all(&l->revision);
}

void cache_loop_leave(struct cache_loop *l)
{
	timer_cancel(&l->rest);
	turn_cancel(&l->over);
}
