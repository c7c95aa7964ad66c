/* Reading the keys of a range at one revision, on the caller's own loop, a chunk per turn: no KV snapshot outlives a chunk. */
#include "store/engine.h"
#include <errno.h>
#include <stdlib.h>

#define CHUNK_KEYS 512
#define CHUNK_BYTES ((size_t)1 << 20)

/* One key of a run of long keys that share their first INDEX_PLAIN bytes. */
struct run_key {
	struct str key;
	struct head head;
};
struct run {
	struct run_key *items;
	uint32_t len, cap;
};

struct reader {
	const struct store_query *q;
	int64_t rev;
	struct arena *arena;
	struct store_range *ret;
	struct kv_txn *txn; /* of this chunk */
	struct kv_cursor *cur;
	uint32_t keys;      /* visited in this chunk */
	size_t bytes;       /* taken in this chunk */
	char mem[INDEX_MAX];
	struct str last;    /* index key visited last, in mem */
	bool done;
};

int err_future(struct err *err, int64_t rev, int64_t now)
{
	err_set(err, ERR_TIMEOUT, "Too large resource version: %lld, current: %lld", (long long)rev, (long long)now);
	return err_cause(err, "ResourceVersionTooLarge", (struct str){0}, "Too large resource version");
}

int err_compacted(struct err *err, int64_t rev, int64_t compacted)
{
	return err_set(err, ERR_EXPIRED, "too old resource version: %lld (%lld)", (long long)rev, (long long)compacted);
}

int err_engine(struct err *err, int rc)
{
	return rc == -ENOMEM ? err_nomem(err, 0) : err_sys(err, rc, "store: cannot read");
}

/* The version of a key that was the newest at rev; -ENOENT when the key was absent then. */
static int version_at(struct kv_txn *t, const struct head *h, int64_t rev, struct version *ret)
{
	struct place at = {h->rev, h->sub};
	int rc;
	while ((rc = version_get(t, at, ret)) == 0 && ret->at.rev > rev) {
		at = (struct place){ret->r.prev_rev, ret->r.prev_sub};
		if (!at.rev)
			return -ENOENT;
	}
	return rc == 0 && ret->r.flags & RECORD_TOMBSTONE ? -ENOENT : rc;
}

/* What the index alone tells, without a look at the record. */
static int version_of_head(const struct head *h, struct str key, struct version *ret)
{
	*ret = (struct version){.at = {h->rev, h->sub}, .key = key};
	ret->r.create_rev = h->create_rev;
	ret->r.version = h->version;
	ret->r.lease = h->lease;
	return head_live(h) ? 0 : -ENOENT;
}

static int take(struct reader *r, struct str key, const struct version *v)
{
	struct store_range *ret = r->ret;
	struct store_kv *kv = arena_push(r->arena, ret);
	if (!kv)
		return -ENOMEM;
	*kv = (struct store_kv){str_dup(r->arena, key), {0}, v->r.create_rev, v->at.rev, v->r.version, v->r.lease};
	if (!r->q->keys_only) {
		char *p = arena_text(r->arena, v->value.n ? v->value.n : 1);
		if (!p)
			return -ENOMEM;
		kv->value = str_n(v->value.n ? memcpy(p, v->value.p, v->value.n) : p, v->value.n);
	}
	r->bytes += key.n + v->value.n;
	return kv->key.p ? 0 : -ENOMEM;
}

static int visit(struct reader *r, struct str key, const struct head *h)
{
	struct version v;
	bool bare = (r->q->keys_only || r->q->count_only) && h->rev <= r->rev;
	int rc = bare ? version_of_head(h, key, &v) : version_at(r->txn, h, r->rev, &v);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	bool fits = !r->q->limit || r->ret->len < r->q->limit;
	r->ret->count += fits || r->q->count || r->q->count_only;
	if (r->q->count_only)
		return 0;
	if (fits)
		return take(r, key, &v);
	r->ret->more = true;
	r->done = !r->q->count;
	return 0;
}

static bool before_end(const struct reader *r, struct str key)
{
	return str_eq(r->q->end, STORE_END) || str_cmp(key, r->q->end) < 0;
}

/* ---- Runs of long keys ---- */

static int run_order(const void *a, const void *b)
{
	return str_cmp(((const struct run_key *)a)->key, ((const struct run_key *)b)->key);
}

static int run_add(struct reader *r, struct run *run, struct arena *a, struct str bytes)
{
	struct version v;
	struct run_key *k = arena_push(a, run);
	if (!k)
		return -ENOMEM;
	int rc = head_parse(bytes, &k->head);
	if (!rc)
		rc = version_get(r->txn, (struct place){k->head.rev, k->head.sub}, &v);
	if (!rc)
		k->key = str_dup(a, v.key);
	return rc;
}

static void note(struct reader *r, struct str ikey)
{
	r->last = str_n(memcpy(r->mem, ikey.p, ikey.n), ikey.n);
	r->keys++;
}

/* Gathers the run that begins at *ikey and leaves the cursor at what follows. */
static int run_gather(struct reader *r, struct run *run, struct arena *a, struct str *ikey, struct str *bytes)
{
	int rc;
	struct str prefix;
	note(r, *ikey);
	prefix = str_dup(a, str_sub(*ikey, 0, INDEX_PLAIN));
	do {
		note(r, *ikey);
		if ((rc = run_add(r, run, a, *bytes)))
			return rc == -ENOENT ? -EUCLEAN : rc;
		rc = kv_next(r->cur, ikey, bytes);
	} while (rc == 0 && index_key_is_long(*ikey) && str_has_prefix(*ikey, prefix));
	return rc;
}

static int visit_run(struct reader *r, struct str *ikey, struct str *bytes)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct run run = {0};
	int next = run_gather(r, &run, a, ikey, bytes), rc = 0;
	if (next && next != -ENOENT)
		return next;
	qsort(run.items, run.len, sizeof *run.items, run_order);
	for (uint32_t i = 0; !rc && !r->done && i < run.len; i++)
		if (!before_end(r, run.items[i].key))
			r->done = true;
		else if (str_cmp(run.items[i].key, r->q->key) >= 0)
			rc = visit(r, run.items[i].key, &run.items[i].head);
	return rc ? rc : next;
}

/* ---- Chunks ---- */

static int visit_plain(struct reader *r, struct str *ikey, struct str *bytes)
{
	struct head h;
	if (!before_end(r, *ikey)) {
		r->done = true;
		return 0;
	}
	note(r, *ikey);
	int rc = head_parse(*bytes, &h);
	if (!rc && str_cmp(*ikey, r->q->key) >= 0) /* a long start seeks to its first bytes, and so to shorter keys */
		rc = visit(r, *ikey, &h);
	return rc || r->done ? rc : kv_next(r->cur, ikey, bytes);
}

static int seek_start(struct reader *r, struct str *ikey, struct str *bytes)
{
	if (!r->last.p)
		return kv_seek(r->cur, str_sub(r->q->key, 0, INDEX_PLAIN), ikey, bytes);
	int rc = kv_seek(r->cur, r->last, ikey, bytes);
	return rc == 0 && str_eq(*ikey, r->last) ? kv_next(r->cur, ikey, bytes) : rc;
}

static int walk(struct reader *r)
{
	struct str ikey, bytes;
	int rc = seek_start(r, &ikey, &bytes);
	while (rc == 0 && !r->done && r->keys < CHUNK_KEYS && r->bytes < CHUNK_BYTES)
		rc = index_key_is_long(ikey) ? visit_run(r, &ikey, &bytes) : visit_plain(r, &ikey, &bytes);
	if (rc == -ENOENT)
		r->done = true;
	return rc == -ENOENT ? 0 : rc;
}

static int read_range(struct reader *r)
{
	int rc = kv_cursor(r->txn, KV_INDEX, &r->cur);
	if (rc)
		return rc;
	rc = walk(r);
	kv_cursor_close(r->cur);
	return rc;
}

static int read_key(struct reader *r)
{
	struct index_key k;
	struct head h;
	int rc = head_get(r->txn, index_key(&k, r->q->key), &h);
	r->done = true;
	return rc == 0 ? visit(r, r->q->key, &h) : rc == -ENOENT ? 0 : rc;
}

static int chunk(struct engine *e, struct reader *r, struct err *err)
{
	struct compact_record c;
	int rc = kv_begin(e->kv, false, &r->txn);
	if (rc)
		return err_engine(err, rc);
	r->keys = 0;
	r->bytes = 0;
	rc = compact_read(r->txn, &c);
	bool old = rc == 0 && r->rev < c.compacted;
	if (!rc && !old)
		rc = r->q->end.n ? read_range(r) : read_key(r);
	kv_abort(r->txn);
	return old ? err_compacted(err, r->rev, c.compacted) : rc ? err_engine(err, rc) : 0;
}

static int read_chunks(struct engine *e, struct reader *r, struct err *err)
{
	while (!r->done) {
		if (chunk(e, r, err))
			return -1;
		int rc = r->done ? 0 : rt_breathe();
		if (rc)
			return err_sys(err, rc, "store: reading was ended");
	}
	return 0;
}

int engine_range(struct store *s, const struct store_query *q, struct arena *a, struct store_range *ret, struct err *err)
{
	struct engine *e = (struct engine *)s;
	int64_t now = atomic_load_explicit(&e->published, memory_order_acquire);
	struct store_range got = {.revision = now};
	struct reader r = {.q = q, .rev = q->rev ? q->rev : now, .arena = a, .ret = &got};
	if (q->rev > now)
		return err_future(err, q->rev, now);
	if (!q->key.n && !q->end.n)
		return err_set(err, ERR_BAD_REQUEST, "store: key is not provided");
	if (read_chunks(e, &r, err))
		return -1;
	*ret = got;
	return 0;
}
