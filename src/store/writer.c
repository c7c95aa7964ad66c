/* The writer: one fiber that carries all changes to the KV, batch by batch.
 *
 *   requests -> gather -> attempt -> durable -> publish -> answer
 *                 ^          |-- room was made (-EAGAIN): again
 *                 |          |-- disk full (-ENOSPC): give the reserve free, again with what frees room
 *                 '----------'-- anything else: the store has failed, for good */
#include "store/engine.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Requests ---- */

static void request_arrived(struct post *p)
{
	struct request *r = container_of(p, struct request, post);
	struct engine *e = r->e;
	r->next = NULL;
	*e->last = r;
	e->last = &r->next;
	cond_wake(&e->work);
}

enum answer request_do(struct engine *e, struct request *r)
{
	if (atomic_load_explicit(&e->failed, memory_order_relaxed))
		return ANSWER_FAILED;
	r->e = e;
	r->post.fn = request_arrived;
	event_init(&r->done);
	loop_post(e->loop, &r->post);
	event_wait(&r->done);
	return r->answer;
}

int answer_error(struct engine *e, enum answer a, struct err *err)
{
	switch (a) {
	case ANSWER_OK:
		return 0;
	case ANSWER_FULL:
		return err_sys(err, ENOSPC, "store: only deletes are taken until there is room");
	case ANSWER_NOMEM:
		return err_nomem(err, 0);
	case ANSWER_NO_LEASE:
		return err_set(err, ERR_NOT_FOUND, "store: requested lease not found");
	case ANSWER_COMPACTED:
		return err_set(err, ERR_EXPIRED, "store: required revision has been compacted");
	case ANSWER_FUTURE:
		return err_set(err, ERR_BAD_REQUEST, "store: required revision is a future revision");
	case ANSWER_FAILED:
		break;
	}
	return err_sys(err, EIO, "store: it has failed and takes no writes any more");
}

static void gather(struct engine *e)
{
	struct request *r = e->first, **end = &e->first;
	size_t bytes = 0;
	for (int n = 0; r && n < BATCH_TXNS && bytes < BATCH_BYTES; n++, r = *end) {
		bytes += r->bytes;
		end = &r->next;
	}
	e->batch.requests = end == &e->first ? NULL : e->first;
	e->first = *end;
	*end = NULL;
	if (!e->first)
		e->last = &e->first;
}

/* ---- The batch ---- */

static void batch_begin(struct engine *e)
{
	struct batch *b = &e->batch;
	for (uint32_t i = 0; i < b->nkeys; i++)
		blob_unref(b->keys[i]);
	b->n = b->nkeys = b->sub = 0;
	b->rev = e->revision;
	b->dirty = false;
}

void batch_fini(struct batch *b)
{
	for (uint32_t i = 0; i < b->nkeys; i++)
		blob_unref(b->keys[i]);
	free(b->keys);
	free(b->events);
}

struct place batch_place(struct engine *e, bool *in_txn)
{
	struct batch *b = &e->batch;
	b->sub = *in_txn ? b->sub + 1 : 0;
	b->rev += !*in_txn;
	*in_txn = true;
	b->dirty = true;
	return (struct place){b->rev, b->sub};
}

bool array_grow(void **items, uint32_t *cap, uint32_t n, size_t size)
{
	if (n < *cap)
		return true;
	uint32_t wanted = *cap ? *cap * 2 : 64;
	void *p = reallocarray(*items, wanted, size);
	if (p) {
		*items = p;
		*cap = wanted;
	}
	return p != NULL;
}

int batch_event(struct engine *e, const struct store_event *ev)
{
	struct batch *b = &e->batch;
	if (!array_grow((void **)&b->events, &b->cap, b->n, sizeof *b->events))
		return -ENOMEM;
	b->events[b->n++] = *ev;
	return 0;
}

struct str batch_key(struct engine *e, struct str key)
{
	struct batch *b = &e->batch;
	if (!array_grow((void **)&b->keys, &b->keys_cap, b->nkeys, sizeof *b->keys) || !(b->keys[b->nkeys] = blob_copy(key)))
		return (struct str){0};
	return blob_str(b->keys[b->nkeys++]);
}

static int run_requests(struct engine *e)
{
	int rc = 0;
	for (struct request *r = e->batch.requests; !rc && r; r = r->next) {
		r->answer = ANSWER_OK;
		rc = r->ops->run(e, r);
	}
	return rc;
}

static void undo_requests(struct engine *e)
{
	for (struct request *r = e->batch.requests; r; r = r->next)
		if (r->ops->undo)
			r->ops->undo(r);
	leases_settle(e, false);
}

/* On a full disk history is worth less than room. */
static void give_history_up(struct engine *e)
{
	if (atomic_load_explicit(&e->full, memory_order_relaxed) && e->revision > e->compact_to)
		e->compact_to = e->revision;
}

static bool has_chores(struct engine *e)
{
	give_history_up(e);
	return !e->chores_paused && (e->chore_checkpoint || leases_due(e) || compact_due(e));
}

static int run_chores(struct engine *e)
{
	e->compact_next = e->compact;
	if (e->chores_paused)
		return 0;
	give_history_up(e);
	int rc = leases_due(e) ? leases_expire(e) : 0;
	if (!rc && e->chore_checkpoint)
		rc = leases_checkpoint(e);
	return !rc && compact_due(e) ? compact_slice(e) : rc;
}

/* What the chores did is durable. */
static void settle_chores(struct engine *e)
{
	e->compact = e->compact_next;
	if (e->chore_checkpoint && !e->chores_paused) {
		e->chore_checkpoint = false;
		e->checkpointed = rt_now();
	}
}

/* 0: durable.  -ENOMEM: nothing happened, though it might next time.  *ret_written: commit was reached. */
static int attempt(struct engine *e, bool *ret_written)
{
	struct kv_txn *t;
	*ret_written = false;
	int rc = kv_begin(e->kv, true, &t);
	if (rc)
		return rc;
	batch_begin(e);
	e->batch.txn = t;
	rc = run_requests(e);
	if (!rc)
		rc = run_chores(e);
	if (rc || !e->batch.dirty) {
		kv_abort(t);
		return rc;
	}
	*ret_written = true;
	return kv_commit(t);
}

static void answer_all(struct engine *e, enum answer a)
{
	for (struct request *r = e->batch.requests; r; r = r->next)
		r->answer = a;
}

/* Gives the reserve free, then does without chores; false when neither is left to try. */
static bool disk_full(struct engine *e)
{
	bool chores = has_chores(e);
	if (!atomic_exchange(&e->full, true) && e->kv->ops->reserve(e->kv, false) == 0)
		return true;
	e->chores_paused = true;
	return chores;
}

void writer_fail(struct engine *e, int rc)
{
	char why[256];
	ERR(err);
	atomic_store(&e->failed, true);
	err_sys(&err, rc, "the store cannot write to its disk and stops taking writes");
	snprintf(why, sizeof why, "%s", err_text(&err));
	if (e->on_fatal)
		e->on_fatal(e->on_fatal_arg, why);
}

/* True when the batch is durable (or changed nothing); else its requests have their answers. */
static bool run_batch(struct engine *e)
{
	bool written;
	for (int i = 0; i < BATCH_TRIES; i++) {
		int rc = attempt(e, &written);
		if (rc == 0)
			return true;
		undo_requests(e);
		if (rc == -EAGAIN || (rc == -ENOSPC && disk_full(e)))
			continue;
		answer_all(e, rc == -ENOSPC ? ANSWER_FULL : rc == -ENOMEM && !written ? ANSWER_NOMEM : ANSWER_FAILED);
		if (rc != -ENOSPC && (rc != -ENOMEM || written))
			writer_fail(e, rc);
		e->chores_paused = true; /* they may be what needed the memory */
		return false;
	}
	e->chores_paused = true;
	answer_all(e, ANSWER_NOMEM);
	return false;
}

/* ---- After it ---- */

static void publish(struct engine *e)
{
	struct store_batch b = {e->batch.rev, e->batch.events, e->batch.n};
	struct store_sub *sub;
	e->revision = e->batch.rev;
	if (b.n)
		list_each(sub, &e->subs, node)
			sub->fn(sub, &b);
	atomic_store_explicit(&e->published, e->revision, memory_order_release);
	atomic_store_explicit(&e->compacted, e->compact.compacted, memory_order_release);
	watches_wake(e);
}

static void settle(struct engine *e)
{
	uint32_t n = 0;
	leases_settle(e, true);
	settle_chores(e);
	for (struct request *r = e->batch.requests; r; r = r->next, n++)
		if (r->ops->settle)
			r->ops->settle(e, r);
	atomic_fetch_add_explicit(&e->batches, e->batch.dirty, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->txns, n, memory_order_relaxed);
	e->last_txns = n;
}

static void answer(struct engine *e)
{
	for (struct request *r = e->batch.requests, *next; r; r = next) {
		next = r->next; /* r is its owner's once the event is set */
		event_set(&r->done);
	}
	e->batch.requests = NULL;
}

static void rearm(struct engine *e)
{
	e->chore_rearm = false;
	if (atomic_load(&e->full) && e->kv->ops->reserve(e->kv, true) == 0)
		atomic_store(&e->full, false);
}

static void round_of_work(struct engine *e)
{
	gather(e);
	if (e->chore_rearm)
		rearm(e);
	if (atomic_load_explicit(&e->failed, memory_order_relaxed)) {
		answer_all(e, ANSWER_FAILED);
		answer(e);
		return;
	}
	mono_t began = rt_now_exact();
	if (run_batch(e)) {
		e->last_took = rt_now_exact() - began;
		settle(e);
		publish(e);
	}
	answer(e);
}

static bool has_work(struct engine *e)
{
	if (e->first)
		return true;
	return !atomic_load_explicit(&e->failed, memory_order_relaxed) && (e->chore_rearm || has_chores(e));
}

/* Where several write at once, waiting about as long as a commit takes lets twice as many share the next one: its cost hardly grows. */
static void linger(struct engine *e)
{
	if (e->last_txns < LINGER_TXNS)
		return;
	if (rt_nap(e->last_took < LINGER_MAX ? e->last_took : LINGER_MAX))
		(void)!fiber_yield(); /* what was posted meanwhile arrives */
}

static void writer_main(void *arg)
{
	struct engine *e = arg;
	for (;;) {
		while (!has_work(e))
			if (cond_wait(&e->work, MONO_NEVER) == -ECANCELED)
				return;
		linger(e);
		round_of_work(e);
		if (fiber_yield() == -ECANCELED)
			return;
	}
}

void writer_wake(struct engine *e)
{
	cond_wake(&e->work);
}

void writer_init(struct engine *e)
{
	e->last = &e->first;
	cond_init(&e->work);
}

int writer_start(struct engine *e)
{
	return fiber_spawn(NULL, "store-writer", writer_main, e) ? 0 : -ENOMEM;
}
