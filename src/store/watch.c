/* Watches: cursors over history.  A cursor that has seen all that is published waits in the engine's list for the next batch. */
#include "store/engine.h"
#include <errno.h>
#include <stdlib.h>

#define NEXT_EVENTS 512
#define NEXT_BYTES ((size_t)1 << 20)
#define NEXT_SCANNED 2048 /* versions per turn, matching or not */

struct store_watch {
	struct store *store; /* first: store_watch_next looks here */
	struct loop *loop;
	struct str key, end; /* in mem */
	int64_t from;        /* first revision not delivered */
	struct cond cond;
	struct post post;
	/* Under the engine's watch_lock. */
	struct list waiting;
	bool posted, closed;
	char mem[];
};

static struct engine *engine_of(struct store_watch *w)
{
	return (struct engine *)w->store;
}

/* ---- Waking ---- */

static void woken(struct post *p)
{
	struct store_watch *w = container_of(p, struct store_watch, post);
	struct engine *e = engine_of(w);
	pthread_mutex_lock(&e->watch_lock);
	w->posted = false;
	bool closed = w->closed;
	pthread_mutex_unlock(&e->watch_lock);
	if (closed)
		free(w);
	else
		cond_wake_all(&w->cond);
}

void watches_wake(struct engine *e)
{
	struct list *n;
	pthread_mutex_lock(&e->watch_lock);
	while ((n = list_pop(&e->watching))) {
		struct store_watch *w = list_entry(n, struct store_watch, waiting);
		w->posted = true;
		loop_post(w->loop, &w->post);
	}
	pthread_mutex_unlock(&e->watch_lock);
}

/* Puts w on the list unless there is something to read; a post that is still under way will wake it. */
static bool must_wait(struct engine *e, struct store_watch *w)
{
	pthread_mutex_lock(&e->watch_lock);
	bool wait = atomic_load_explicit(&e->published, memory_order_acquire) < w->from;
	if (wait && !w->posted && !list_linked(&w->waiting))
		list_push(&e->watching, &w->waiting);
	pthread_mutex_unlock(&e->watch_lock);
	return wait;
}

static void unlist(struct engine *e, struct store_watch *w)
{
	pthread_mutex_lock(&e->watch_lock);
	list_remove(&w->waiting);
	pthread_mutex_unlock(&e->watch_lock);
}

static int wait_for_more(struct engine *e, struct store_watch *w, mono_t deadline)
{
	int rc = 0;
	while (rc == 0 && must_wait(e, w))
		rc = cond_wait(&w->cond, deadline);
	unlist(e, w);
	return rc;
}

/* ---- Reading history ---- */

struct replay {
	struct store_watch *w;
	struct arena *arena;
	int64_t upto;                /* published when the turn began */
	struct { struct store_event *items; uint32_t len, cap; } events;
	size_t bytes;
	uint32_t scanned;
};

static void unref_later(void *blob)
{
	blob_unref(blob);
}

static bool wanted(const struct store_watch *w, struct str key)
{
	if (!w->end.n)
		return str_eq(key, w->key);
	return str_cmp(key, w->key) >= 0 && (str_eq(w->end, STORE_END) || str_cmp(key, w->end) < 0);
}

static int add_event(struct replay *p, const struct version *v)
{
	bool gone = v->r.flags & RECORD_TOMBSTONE;
	struct store_event *ev = arena_push(p->arena, &p->events);
	if (!ev)
		return -ENOMEM;
	*ev = (struct store_event){
		.type = gone ? STORE_DELETE : STORE_PUT, .key = str_dup(p->arena, v->key), .value = gone ? NULL : blob_copy(v->value), .mod_rev = v->at.rev,
		.create_rev = v->r.create_rev, .version = v->r.version, .lease = v->r.lease, .prev_rev = gone || v->r.version > 1 ? v->r.prev_rev : 0,
	};
	if (!ev->key.p || (!gone && !ev->value))
		return -ENOMEM;
	if (ev->value)
		arena_defer(p->arena, unref_later, ev->value);
	p->bytes += v->key.n + v->value.n;
	return 0;
}

static bool has_enough(const struct replay *p)
{
	return p->events.len >= NEXT_EVENTS || p->bytes >= NEXT_BYTES || p->scanned >= NEXT_SCANNED;
}

/* Reads whole revisions from w->from on and moves it behind the last one read. */
static int scan(struct replay *p, struct kv_cursor *c)
{
	char mem[HISTORY_KEY];
	struct str key, bytes;
	struct version v = {0};
	int64_t last = 0;
	int rc;
	for (rc = kv_seek(c, history_key(mem, (struct place){p->w->from, 0}), &key, &bytes); rc == 0; rc = kv_next(c, &key, &bytes)) {
		if ((rc = version_parse(key, bytes, &v)))
			return rc;
		if (v.at.rev > p->upto || (v.at.rev != last && has_enough(p)))
			break;
		if (wanted(p->w, v.key) && (rc = add_event(p, &v)))
			return rc;
		last = v.at.rev;
		p->scanned++;
	}
	if (rc && rc != -ENOENT)
		return rc;
	p->w->from = rc == -ENOENT || v.at.rev > p->upto ? p->upto + 1 : v.at.rev;
	return 0;
}

static int scan_txn(struct replay *p, struct kv_txn *t)
{
	struct kv_cursor *c;
	int rc = kv_cursor(t, KV_HISTORY, &c);
	if (rc)
		return rc;
	rc = scan(p, c);
	kv_cursor_close(c);
	return rc;
}

static int replay_turn(struct engine *e, struct replay *p, struct err *err)
{
	struct compact_record c;
	struct kv_txn *t;
	int64_t from = p->w->from;
	p->scanned = 0;
	p->upto = atomic_load_explicit(&e->published, memory_order_acquire);
	int rc = kv_begin(e->kv, false, &t);
	if (rc)
		return err_engine(err, rc);
	rc = compact_read(t, &c);
	bool old = rc == 0 && from < c.compacted;
	if (!rc && !old)
		rc = scan_txn(p, t);
	kv_abort(t);
	return old ? err_compacted(err, from, c.compacted) : rc ? err_engine(err, rc) : 0;
}

/* ---- Calls ---- */

int engine_watch_next(struct store_watch *w, struct arena *a, mono_t deadline, struct store_batch *ret, struct err *err)
{
	struct engine *e = engine_of(w);
	struct replay p = {.w = w, .arena = a};
	int rc = 0;
	while (!p.events.len && rc == 0) {
		if (atomic_load_explicit(&e->published, memory_order_acquire) < w->from)
			rc = wait_for_more(e, w, deadline);
		else
			rc = fiber_cancelled() ? -ECANCELED : rt_breathe();
		if (rc == 0 && replay_turn(e, &p, err))
			return -1;
	}
	if (rc && rc != -ETIME)
		return err_sys(err, rc, "store: the watch was ended");
	*ret = (struct store_batch){w->from - 1, p.events.items, p.events.len};
	return 0;
}

static struct store_watch *watch_new(struct engine *e, struct str key, struct str end)
{
	struct store_watch *w = malloc(sizeof *w + key.n + end.n);
	if (!w)
		return NULL;
	*w = (struct store_watch){.store = &e->store, .loop = loop_self(), .post.fn = woken};
	cond_init(&w->cond);
	if (key.n)
		w->key = str_n(memcpy(w->mem, key.p, key.n), key.n);
	if (end.n)
		w->end = str_n(memcpy(w->mem + key.n, end.p, end.n), end.n);
	return w;
}

struct store_watch *engine_watch_open(struct store *s, struct str key, struct str end, int64_t from_rev, struct err *err)
{
	struct engine *e = (struct engine *)s;
	int64_t compacted = atomic_load_explicit(&e->compacted, memory_order_acquire), now = atomic_load_explicit(&e->published, memory_order_acquire);
	if (from_rev && from_rev < compacted) {
		err_compacted(err, from_rev, compacted);
		return NULL;
	}
	struct store_watch *w = watch_new(e, key, end);
	if (w)
		w->from = from_rev ? from_rev : now + 1;
	else
		err_nomem(err, sizeof *w + key.n + end.n);
	return w;
}

void engine_watch_close(struct store_watch *w)
{
	struct engine *e = engine_of(w);
	pthread_mutex_lock(&e->watch_lock);
	list_remove(&w->waiting);
	w->closed = true;
	bool posted = w->posted; /* then the post frees it */
	pthread_mutex_unlock(&e->watch_lock);
	if (!posted)
		free(w);
}
