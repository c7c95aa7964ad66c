/* Compaction: the mark moves at once, the room comes back in slices.
 *
 * A version goes when the one that replaced it lies at or below the mark: so the walk over history up to the mark takes each version's
 * predecessor away, and tombstones below the mark with their index rows.  A tombstone at the mark stays for watches that begin there; so the
 * next walk begins there too.  The newest version of all is never taken: it holds the store's revision. */
#include "store/engine.h"
#include <errno.h>

static const struct str compact_row = STR_INIT("compact");

int compact_read(struct kv_txn *t, struct compact_record *ret)
{
	struct compact_record r = {0};
	int rc = row_get(t, KV_META, compact_row, &r, sizeof r);
	if (rc && rc != -ENOENT)
		return rc;
	*ret = r;
	return 0;
}

bool compact_due(const struct engine *e)
{
	return e->compact_to > e->compact.compacted || e->compact.done < e->compact.compacted;
}

static int forget(struct kv_txn *t, enum kv_table table, struct str key)
{
	int rc = kv_del(t, table, key);
	return rc == -ENOENT ? 0 : rc;
}

static int forget_version(struct kv_txn *t, struct place at)
{
	char mem[HISTORY_KEY];
	return forget(t, KV_HISTORY, history_key(mem, at));
}

/* The tombstone, and the key's index row unless the key lives again. */
static int forget_tombstone(struct kv_txn *t, const struct version *v)
{
	char copy[STORE_KEY_MAX];
	struct index_key k;
	struct head h;
	struct str key = v->key.n <= sizeof copy ? str_n(memcpy(copy, v->key.p, v->key.n), v->key.n) : (struct str){0};
	if (!key.n)
		return -EUCLEAN;
	int rc = head_get(t, index_key(&k, key), &h);
	if (rc == 0 && h.rev == v->at.rev && h.sub == v->at.sub)
		rc = kv_del(t, KV_INDEX, k.s);
	return rc && rc != -ENOENT ? rc : forget_version(t, v->at);
}

static int visit(struct kv_txn *t, const struct version *v, int64_t mark)
{
	struct place prev = {v->r.prev_rev, v->r.prev_sub};
	bool tombstone = v->r.flags & RECORD_TOMBSTONE && v->at.rev < mark;
	int rc = tombstone ? forget_tombstone(t, v) : 0; /* first: it reads v's bytes, which a change moves */
	return rc || !prev.rev ? rc : forget_version(t, prev);
}

/* The first version at or after from. */
static int version_seek(struct kv_txn *t, struct place from, struct version *ret)
{
	char mem[HISTORY_KEY];
	struct kv_cursor *c;
	struct str key, bytes;
	int rc = kv_cursor(t, KV_HISTORY, &c);
	if (rc)
		return rc;
	rc = kv_seek(c, history_key(mem, from), &key, &bytes);
	if (!rc)
		rc = version_parse(key, bytes, ret);
	kv_cursor_close(c);
	return rc;
}

/* Slices end between revisions, so that the place reached is one number. */
static int walk(struct kv_txn *t, struct compact_record *c, int slice)
{
	struct place at = {c->done, 0};
	struct version v;
	for (int n = 0;; n++) {
		int rc = version_seek(t, at, &v);
		if (rc && rc != -ENOENT)
			return rc;
		if (rc || v.at.rev > c->compacted) {
			c->done = c->compacted;
			return 0;
		}
		if (n >= slice && v.at.rev != at.rev) {
			c->done = v.at.rev;
			return 0;
		}
		at = (struct place){v.at.rev, v.at.sub + 1};
		if ((rc = visit(t, &v, c->compacted)))
			return rc;
	}
}

int compact_slice(struct engine *e)
{
	struct compact_record c = e->compact;
	if (e->compact_to > c.compacted)
		c.compacted = e->compact_to;
	int rc = walk(e->batch.txn, &c, atomic_load(&e->full) ? COMPACT_SLICE_FULL : COMPACT_SLICE);
	if (!rc)
		rc = row_put(e->batch.txn, KV_META, compact_row, &c, sizeof c);
	e->compact_next = c;
	e->batch.dirty = true;
	return rc;
}

static void tick(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, tick);
	int64_t old = e->ticks[e->tick_at];
	e->ticks[e->tick_at] = e->revision;
	e->tick_at = (e->tick_at + 1) % TICKS_KEPT;
	if (old > e->compact_to)
		e->compact_to = old;
	e->chores_paused = false;
	e->chore_rearm = atomic_load(&e->full);
	e->chore_checkpoint = e->leases.n && rt_now() >= e->checkpointed + CHECKPOINT_EVERY;
	e->kv->ops->trim(e->kv);
	writer_wake(e);
	timer_set(t, rt_now() + e->tick_every, tick);
}

void compact_start(struct engine *e)
{
	e->checkpointed = rt_now();
	timer_set(&e->tick, rt_now() + e->tick_every, tick);
}

/* ---- The call ---- */

struct compact_call {
	struct request r;
	int64_t rev;
};

/* The slice at the end of the same batch makes the mark durable. */
static int compact_run(struct engine *e, struct request *r)
{
	struct compact_call *c = container_of(r, struct compact_call, r);
	if (c->rev > e->revision) {
		r->answer = ANSWER_FUTURE;
	} else if (c->rev <= e->compact.compacted) {
		r->answer = ANSWER_COMPACTED;
	} else {
		e->chores_paused = false;
		e->compact_to = c->rev > e->compact_to ? c->rev : e->compact_to;
	}
	return 0;
}

static const struct request_ops compact_ops = {.run = compact_run};

int engine_compact(struct store *s, int64_t rev, struct err *err)
{
	struct engine *e = (struct engine *)s;
	struct compact_call c = {.r = {.ops = &compact_ops}, .rev = rev};
	return answer_error(e, request_do(e, &c.r), err);
}
