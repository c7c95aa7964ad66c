/* Leases.  The table on disk is the truth inside a batch; the heap in memory, which says when they end, follows once the batch is durable. */
#include "store/engine.h"
#include <errno.h>
#include <stdlib.h>

#define SHARED_EXTRA_MAX_S 60 /* upstream's lease reuse: 60 s, at most a twentieth of the time to live */

/* ---- In memory ---- */

static struct lease *lease_find(struct engine *e, int64_t id)
{
	char mem[8];
	return map_get(&e->leases, lease_key(mem, id));
}

static void arm(struct engine *e);

static void due_now(struct timer *t)
{
	struct engine *e = container_of(t, struct engine, due);
	writer_wake(e);
	arm(e);
}

/* A lease that is due but waits (for the next tick, on a full disk) needs no timer. */
static void arm(struct engine *e)
{
	struct heap_node *n = heap_min(&e->lease_heap);
	if (n && n->key > rt_now())
		timer_set(&e->due, n->key, due_now);
	else
		timer_cancel(&e->due);
}

static void lease_add(struct engine *e, int64_t id, int64_t left_s, int64_t ttl_s)
{
	struct lease *l = calloc(1, sizeof *l);
	if (!l)
		return; /* its keys stay until the next start: the table knows it */
	*l = (struct lease){.id = id, .ttl_s = ttl_s};
	map_set(&e->leases, lease_key(l->key, id), l);
	heap_set(&e->lease_heap, &l->due, rt_now() + left_s * NS_S);
}

static void lease_remove(struct engine *e, int64_t id)
{
	char mem[8];
	struct lease *l = map_del(&e->leases, lease_key(mem, id));
	if (!l)
		return;
	heap_remove(&e->lease_heap, &l->due);
	free(l);
}

void leases_fini(struct engine *e)
{
	struct map_entry *it;
	heap_fini(&e->lease_heap); /* first: it marks its nodes as gone */
	for (size_t i = 0; (it = map_next(&e->leases, &i));)
		free(it->value);
	map_fini(&e->leases);
	free(e->lease_moves.items);
}

static void shared_settle(struct engine *e, bool durable)
{
	for (int i = 0; i < SHARED_LEASES; i++) {
		if (!durable && !e->shared[i].confirmed)
			e->shared[i] = (struct shared_lease){0};
		e->shared[i].confirmed = true;
	}
}

void leases_settle(struct engine *e, bool durable)
{
	struct lease_moves *m = &e->lease_moves;
	shared_settle(e, durable);
	for (uint32_t i = 0; durable && i < m->n; i++)
		if (m->items[i].ttl_s)
			lease_add(e, m->items[i].id, m->items[i].ttl_s, m->items[i].ttl_s);
		else
			lease_remove(e, m->items[i].id);
	if (durable && m->n)
		arm(e);
	atomic_store_explicit(&e->nleases, (uint32_t)e->leases.n, memory_order_relaxed);
	m->n = 0;
}

bool leases_due(struct engine *e)
{
	struct heap_node *n = heap_min(&e->lease_heap);
	return n && n->key <= rt_now();
}

/* ---- In the batch ---- */

/* Remembers what memory has to follow: ttl_s 0 is a lease that ended. */
static int moved(struct engine *e, int64_t id, int64_t ttl_s)
{
	struct lease_moves *m = &e->lease_moves;
	if (!array_grow((void **)&m->items, &m->cap, m->n, sizeof *m->items))
		return -ENOMEM;
	m->items[m->n++] = (struct lease_move){id, ttl_s};
	e->batch.dirty = true;
	return 0;
}

static int lease_make(struct engine *e, int64_t ttl_s, int64_t *ret_id)
{
	struct lease_record r = {ttl_s, ttl_s};
	char mem[8];
	int64_t id;
	do {
		rt_random(&id, sizeof id);
		id &= INT64_MAX;
	} while (!id || lease_find(e, id));
	int rc = row_put(e->batch.txn, KV_LEASE, lease_key(mem, id), &r, sizeof r);
	if (!rc)
		rc = moved(e, id, ttl_s);
	if (!rc)
		*ret_id = id;
	return rc;
}

static struct shared_lease *shared_find(struct engine *e, int64_t ttl_s)
{
	for (int i = 0; i < SHARED_LEASES; i++) {
		struct shared_lease *s = &e->shared[i];
		if (s->id && s->ttl_s == ttl_s && s->keys < SHARED_KEYS && rt_now() <= s->made + s->extra_s * NS_S && (!s->confirmed || lease_find(e, s->id)))
			return s;
	}
	return NULL;
}

static struct shared_lease *shared_oldest(struct engine *e)
{
	struct shared_lease *s = &e->shared[0];
	for (int i = 1; i < SHARED_LEASES; i++)
		if (e->shared[i].made < s->made)
			s = &e->shared[i];
	return s;
}

int lease_known(struct engine *e, int64_t id, bool *ret)
{
	char mem[8];
	struct str bytes;
	int rc = kv_get(e->batch.txn, KV_LEASE, lease_key(mem, id), &bytes);
	*ret = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

static int share_new(struct engine *e, int64_t ttl_s, struct shared_lease *s)
{
	int64_t extra = ttl_s / 20 < SHARED_EXTRA_MAX_S ? ttl_s / 20 : SHARED_EXTRA_MAX_S, id;
	int rc = lease_make(e, ttl_s + extra, &id);
	if (!rc)
		*s = (struct shared_lease){.id = id, .ttl_s = ttl_s, .extra_s = extra, .made = rt_now()};
	return rc;
}

int lease_for_ttl(struct engine *e, int64_t ttl_s, int64_t *ret_id)
{
	struct shared_lease *s = shared_find(e, ttl_s);
	bool known = false;
	int rc = s ? lease_known(e, s->id, &known) : 0; /* a revoke earlier in the same batch may have taken it away */
	if (!rc && !known)
		rc = share_new(e, ttl_s, s = s ? s : shared_oldest(e));
	if (rc)
		return rc;
	s->keys++;
	*ret_id = s->id;
	return 0;
}

static int first_attached(struct engine *e, int64_t id, struct index_key *ret)
{
	char mem[8];
	struct str prefix = lease_key(mem, id), key, value;
	struct kv_cursor *c;
	int rc = kv_cursor(e->batch.txn, KV_LEASE_KEY, &c);
	if (rc)
		return rc;
	rc = kv_seek(c, prefix, &key, &value);
	if (!rc && !str_has_prefix(key, prefix))
		rc = -ENOENT;
	if (!rc)
		ret->s = str_n(memcpy(ret->mem, key.p + 8, key.n - 8), key.n - 8);
	kv_cursor_close(c);
	return rc;
}

static int delete_attached(struct engine *e, int64_t id, const struct index_key *k, bool *in_txn)
{
	struct head h;
	struct version v;
	char mem[8 + INDEX_MAX];
	int rc = head_get(e->batch.txn, k->s, &h);
	if (rc == -ENOENT || (!rc && (!head_live(&h) || h.lease != id)))
		return kv_del(e->batch.txn, KV_LEASE_KEY, lease_key_key(mem, id, k->s));
	if (!rc)
		rc = version_get(e->batch.txn, (struct place){h.rev, h.sub}, &v);
	if (rc)
		return rc;
	struct change c = {.key = batch_key(e, v.key)};
	return c.key.p ? change_do(e, &c, k->s, &h, in_txn) : -ENOMEM;
}

static int lease_end(struct engine *e, int64_t id)
{
	struct index_key k;
	bool in_txn = false;
	char mem[8];
	int rc;
	while ((rc = first_attached(e, id, &k)) == 0)
		if ((rc = delete_attached(e, id, &k, &in_txn)))
			return rc;
	if (rc != -ENOENT)
		return rc;
	rc = kv_del(e->batch.txn, KV_LEASE, lease_key(mem, id));
	return rc && rc != -ENOENT ? rc : moved(e, id, 0);
}

/* One lease per batch: each has its own revision, and together they might be large. */
int leases_expire(struct engine *e)
{
	return lease_end(e, container_of(heap_min(&e->lease_heap), struct lease, due)->id);
}

int leases_checkpoint(struct engine *e)
{
	struct map_entry *it;
	int rc = 0;
	for (size_t i = 0; !rc && (it = map_next(&e->leases, &i));) {
		struct lease *l = it->value;
		nsec_t left = l->due.key - rt_now();
		struct lease_record r = {l->ttl_s, left > 0 ? (left + NS_S - 1) / NS_S : 0};
		rc = row_put(e->batch.txn, KV_LEASE, it->key, &r, sizeof r);
		e->batch.dirty = true;
	}
	return rc;
}

static int each_lease(struct engine *e, struct kv_cursor *c)
{
	struct str key, value;
	struct lease_record r;
	int rc;
	for (rc = kv_seek(c, (struct str){0}, &key, &value); rc == 0; rc = kv_next(c, &key, &value)) {
		if (key.n != 8 || value.n != sizeof r)
			return -EUCLEAN;
		memcpy(&r, value.p, sizeof r);
		lease_add(e, lease_key_id(key), r.remaining_s, r.ttl_s);
	}
	return rc == -ENOENT ? 0 : rc;
}

int leases_load(struct engine *e)
{
	struct kv_txn *t;
	struct kv_cursor *c;
	int rc = kv_begin(e->kv, false, &t);
	if (rc)
		return rc;
	rc = kv_cursor(t, KV_LEASE, &c);
	if (!rc) {
		rc = each_lease(e, c);
		kv_cursor_close(c);
	}
	kv_abort(t);
	leases_settle(e, true);
	arm(e);
	return rc;
}

/* ---- Calls ---- */

struct lease_call {
	struct request r;
	int64_t id, ttl_s;
};

static int grant_run(struct engine *e, struct request *r)
{
	struct lease_call *c = container_of(r, struct lease_call, r);
	if (atomic_load_explicit(&e->full, memory_order_relaxed)) {
		r->answer = ANSWER_FULL;
		return 0;
	}
	return lease_make(e, c->ttl_s, &c->id);
}

static int revoke_run(struct engine *e, struct request *r)
{
	struct lease_call *c = container_of(r, struct lease_call, r);
	bool known;
	int rc = lease_known(e, c->id, &known);
	if (!rc && !known)
		r->answer = ANSWER_NO_LEASE;
	return rc || !known ? rc : lease_end(e, c->id);
}

static const struct request_ops grant_ops = {.run = grant_run}, revoke_ops = {.run = revoke_run};

int engine_lease_grant(struct store *s, int64_t ttl_s, int64_t *ret_id, struct err *err)
{
	struct engine *e = (struct engine *)s;
	struct lease_call c = {.r = {.ops = &grant_ops}, .ttl_s = ttl_s};
	if (ttl_s <= 0 || ttl_s > STORE_TTL_MAX_S)
		return err_set(err, ERR_BAD_REQUEST, "store: a lease lasts 1 to %d seconds", STORE_TTL_MAX_S);
	enum answer a = request_do(e, &c.r);
	if (a == ANSWER_OK)
		*ret_id = c.id;
	return answer_error(e, a, err);
}

int engine_lease_revoke(struct store *s, int64_t id, struct err *err)
{
	struct engine *e = (struct engine *)s;
	struct lease_call c = {.r = {.ops = &revoke_ops}, .id = id};
	return answer_error(e, request_do(e, &c.r), err);
}
