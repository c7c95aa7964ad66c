/* The embedded engine: opening, closing, subscribing; and the small calls that every engine shares. */
#include "store/engine.h"
#include "rt/job.h"
#include <errno.h>
#include <stdlib.h>

/* ---- Shared by all engines ---- */

int store_get(struct store *s, struct str key, struct arena *a, struct store_kv *ret, struct err *e)
{
	struct store_range got;
	if (store_range(s, &(struct store_query){.key = key}, a, &got, e))
		return -1;
	*ret = got.len ? got.items[0] : (struct store_kv){0};
	return 0;
}

struct str store_prefix_end(struct arena *a, struct str prefix)
{
	while (prefix.n && (unsigned char)prefix.p[prefix.n - 1] == 0xff)
		prefix.n--;
	if (!prefix.n)
		return STORE_END;
	char *p = arena_text(a, prefix.n);
	if (!p)
		return (struct str){0};
	memcpy(p, prefix.p, prefix.n);
	p[prefix.n - 1]++;
	return str_n(p, prefix.n);
}

/* ---- Subscribing ---- */

struct sub_call {
	struct post post;
	struct event done;
	struct engine *e;
	struct store_sub *sub;
	bool leave;
	int64_t rev;
};

static void sub_arrived(struct post *p)
{
	struct sub_call *c = container_of(p, struct sub_call, post);
	if (c->leave)
		list_remove(&c->sub->node);
	else
		list_push(&c->e->subs, &c->sub->node);
	c->rev = c->e->revision;
	event_set(&c->done);
}

static int64_t sub_do(struct store *s, struct store_sub *sub, bool leave)
{
	struct sub_call c = {.post.fn = sub_arrived, .e = (struct engine *)s, .sub = sub, .leave = leave};
	event_init(&c.done);
	loop_post(c.e->loop, &c.post);
	event_wait(&c.done);
	return c.rev;
}

static int engine_subscribe(struct store *s, struct store_sub *sub, int64_t *ret_revision, struct err *err)
{
	sub->node = (struct list){0};
	*ret_revision = sub_do(s, sub, false);
	return 0;
}

static void engine_unsubscribe(struct store *s, struct store_sub *sub)
{
	sub_do(s, sub, true);
}

/* ---- Snapshot, status ---- */

struct copy_call {
	struct kv *kv;
	int fd, rc;
};

static void copy(void *arg)
{
	struct copy_call *c = arg;
	c->rc = c->kv->ops->snapshot(c->kv, c->fd);
}

static int engine_snapshot(struct store *s, int fd, struct err *err)
{
	struct copy_call c = {((struct engine *)s)->kv, fd, 0};
	rt_job(copy, &c);
	return c.rc ? err_sys(err, c.rc, "store: cannot write the snapshot") : 0;
}

static void engine_status(struct store *s, struct store_status *ret)
{
	struct engine *e = (struct engine *)s;
	struct kv_stat kv;
	e->kv->ops->stat(e->kv, &kv);
	*ret = (struct store_status){
		.revision = atomic_load_explicit(&e->published, memory_order_acquire), .compacted = atomic_load_explicit(&e->compacted, memory_order_acquire),
		.cluster_id = e->cluster_id, .db_bytes = kv.file_bytes, .used_bytes = kv.used_bytes, .leases = atomic_load(&e->nleases),
		.full = atomic_load(&e->full), .failed = atomic_load(&e->failed), .batches = atomic_load(&e->batches), .txns = atomic_load(&e->txns),
	};
}

/* ---- Opening and closing ---- */

static void engine_free(struct engine *e)
{
	loop_free(e->loop);
	leases_fini(e);
	batch_fini(&e->batch);
	pthread_mutex_destroy(&e->watch_lock);
	kv_close(e->kv);
	free(e);
}

static void engine_close(struct store *s)
{
	struct engine *e = (struct engine *)s;
	loop_stop(e->loop);
	loop_join(e->loop);
	engine_free(e);
}

static const struct store_ops engine_ops = {
	.range = engine_range, .commit = engine_commit, .subscribe = engine_subscribe, .unsubscribe = engine_unsubscribe,
	.watch_open = engine_watch_open, .watch_next = engine_watch_next, .watch_close = engine_watch_close,
	.lease_grant = engine_lease_grant, .lease_revoke = engine_lease_revoke, .compact = engine_compact,
	.snapshot = engine_snapshot, .status = engine_status, .close = engine_close,
};

/* The newest revision is that of the last version in history. */
static int read_revision(struct kv_txn *t, int64_t *ret)
{
	struct str key, bytes;
	struct kv_cursor *c;
	int rc = kv_cursor(t, KV_HISTORY, &c);
	if (rc)
		return rc;
	rc = kv_last(c, &key, &bytes);
	*ret = rc == 0 ? history_place(key).rev : 1;
	kv_cursor_close(c);
	return rc == -ENOENT ? 0 : rc;
}

static int read_state(struct engine *e, struct kv_txn *t)
{
	int rc = compact_read(t, &e->compact);
	if (!rc)
		rc = read_revision(t, &e->revision);
	if (!rc)
		rc = row_get(t, KV_META, STR("cluster"), &e->cluster_id, sizeof e->cluster_id);
	e->compact_to = e->compact.compacted;
	atomic_init(&e->published, e->revision);
	atomic_init(&e->compacted, e->compact.compacted);
	return rc;
}

static int make_cluster_id(struct engine *e)
{
	struct kv_txn *t;
	int rc = kv_begin(e->kv, true, &t);
	if (rc)
		return rc;
	rt_random(&e->cluster_id, sizeof e->cluster_id);
	rc = row_put(t, KV_META, STR("cluster"), &e->cluster_id, sizeof e->cluster_id);
	if (!rc)
		return kv_commit(t);
	kv_abort(t);
	return rc;
}

static int load(struct engine *e)
{
	struct kv_txn *t;
	int rc = kv_begin(e->kv, false, &t);
	if (rc)
		return rc;
	rc = read_state(e, t);
	kv_abort(t);
	return rc == -ENOENT ? make_cluster_id(e) : rc;
}

/* Without its reserve the store starts as on a full disk. */
static int take_reserve(struct engine *e)
{
	int rc = e->kv->ops->reserve(e->kv, true);
	atomic_store(&e->full, rc == -ENOSPC);
	return rc == -ENOSPC ? 0 : rc;
}

/* What has to happen on the store's own loop. */
static void boot(struct post *p)
{
	struct engine *e = container_of(p, struct engine, boot);
	int rc = writer_start(e); /* first: it answers those who wait, also when the rest fails */
	if (!rc)
		rc = leases_load(e);
	if (!rc)
		compact_start(e);
	else
		writer_fail(e, rc);
}

static int start(struct engine *e)
{
	e->loop = loop_new(e->rt, "store");
	if (!e->loop)
		return -ENOMEM;
	writer_init(e);
	int rc = loop_start(e->loop);
	if (rc)
		return rc < 0 ? -EAGAIN : -rc;
	e->boot.fn = boot;
	loop_post(e->loop, &e->boot);
	return 0;
}

static struct kv *open_kv(const struct store_opts *o, struct err *err)
{
	struct kv_lmdb_opts l = {.reserve_bytes = o->reserve_bytes};
	return o->kv ? o->kv : kv_lmdb_open(o->dir, &l, err);
}

static struct engine *engine_new(struct rt *rt, const struct store_opts *o, struct kv *kv)
{
	nsec_t kept = o->history_kept ? o->history_kept : STORE_HISTORY_KEPT;
	struct engine *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->store.ops = &engine_ops;
	e->rt = rt;
	e->kv = kv;
	e->on_fatal = o->on_fatal;
	e->on_fatal_arg = o->arg;
	e->tick_every = kept / TICKS_KEPT > 0 ? kept / TICKS_KEPT : 1;
	list_init(&e->subs);
	list_init(&e->watching);
	pthread_mutex_init(&e->watch_lock, NULL);
	return e;
}

struct store *store_open(struct rt *rt, const struct store_opts *o, struct err *err)
{
	struct kv *kv = open_kv(o, err);
	struct engine *e = kv ? engine_new(rt, o, kv) : NULL;
	if (!e) {
		if (kv)
			err_nomem(err, sizeof *e);
		kv_close(kv);
		return NULL;
	}
	int rc = load(e);
	if (!rc)
		rc = take_reserve(e);
	if (!rc)
		rc = start(e);
	if (!rc)
		return &e->store;
	err_sys(err, rc, "cannot open the store%s%s", o->dir ? " in " : "", o->dir ? o->dir : "");
	engine_free(e);
	return NULL;
}
