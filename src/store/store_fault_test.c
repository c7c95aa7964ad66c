/* Every call of the engine to its KV fails once: out of memory, short of room in the map, and for good. */
#include "store/test_model.h"
#include <errno.h>

/* ---- A KV whose n-th call fails ---- */

struct faulty {
	struct kv base;
	struct kv *inner;
	int left; /* calls until the one that fails; 0: none will */
	int error;
};
struct faulty_txn {
	struct kv_txn base;
	struct faulty *kv;
	struct kv_txn *inner;
	bool write;
};
struct faulty_cursor {
	struct kv_cursor base;
	struct faulty *kv;
	struct kv_cursor *inner;
};

static const struct kv_ops faulty_ops;

/* Only what the writer does: readers just pass the error on. */
static bool strikes(struct faulty *kv, bool write)
{
	return write && kv->left && --kv->left == 0;
}

static int f_begin(struct kv *base, bool write, struct kv_txn **ret)
{
	struct faulty *kv = (struct faulty *)base;
	if (strikes(kv, write))
		return kv->error;
	struct faulty_txn *t = calloc(1, sizeof *t);
	*t = (struct faulty_txn){.base.ops = &faulty_ops, .kv = kv, .write = write};
	int rc = kv_begin(kv->inner, write, &t->inner);
	assert_int_equal(rc, 0);
	*ret = &t->base;
	return 0;
}

static void f_abort(struct kv_txn *base)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	kv_abort(t->inner);
	free(t);
}

static int f_commit(struct kv_txn *base)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	int error = strikes(t->kv, true) ? t->kv->error : 0;
	if (error)
		kv_abort(t->inner);
	int rc = error ? error : kv_commit(t->inner);
	free(t);
	return rc;
}

static int f_get(struct kv_txn *base, enum kv_table table, struct str key, struct str *ret)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	return strikes(t->kv, t->write) ? t->kv->error : kv_get(t->inner, table, key, ret);
}

static int f_put(struct kv_txn *base, enum kv_table table, struct str key, size_t n, bool append, void **ret)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	return strikes(t->kv, true) ? t->kv->error : kv_put(t->inner, table, key, n, append, ret);
}

static int f_del(struct kv_txn *base, enum kv_table table, struct str key)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	return strikes(t->kv, true) ? t->kv->error : kv_del(t->inner, table, key);
}

static int f_cursor(struct kv_txn *base, enum kv_table table, struct kv_cursor **ret)
{
	struct faulty_txn *t = (struct faulty_txn *)base;
	if (strikes(t->kv, t->write))
		return t->kv->error;
	struct faulty_cursor *c = calloc(1, sizeof *c);
	*c = (struct faulty_cursor){.base.ops = &faulty_ops, .kv = t->kv};
	*ret = &c->base;
	return kv_cursor(t->inner, table, &c->inner);
}

static int f_seek(struct kv_cursor *c, struct str key, struct str *ret_key, struct str *ret_value)
{
	return kv_seek(((struct faulty_cursor *)c)->inner, key, ret_key, ret_value);
}

static int f_next(struct kv_cursor *c, struct str *ret_key, struct str *ret_value)
{
	return kv_next(((struct faulty_cursor *)c)->inner, ret_key, ret_value);
}

static int f_last(struct kv_cursor *c, struct str *ret_key, struct str *ret_value)
{
	return kv_last(((struct faulty_cursor *)c)->inner, ret_key, ret_value);
}

static void f_cursor_close(struct kv_cursor *c)
{
	kv_cursor_close(((struct faulty_cursor *)c)->inner);
	free(c);
}

static int f_reserve(struct kv *kv, bool hold)
{
	struct kv *inner = ((struct faulty *)kv)->inner;
	return inner->ops->reserve(inner, hold);
}

static void f_trim(struct kv *kv)
{
}

static void f_stat(struct kv *kv, struct kv_stat *ret)
{
	struct kv *inner = ((struct faulty *)kv)->inner;
	inner->ops->stat(inner, ret);
}

static void f_close(struct kv *kv)
{
	kv_close(((struct faulty *)kv)->inner);
	free(kv);
}

static const struct kv_ops faulty_ops = {
	.begin = f_begin, .commit = f_commit, .abort = f_abort, .get = f_get, .put = f_put, .del = f_del, .cursor = f_cursor, .seek = f_seek,
	.next = f_next, .last = f_last, .cursor_close = f_cursor_close, .reserve = f_reserve, .trim = f_trim, .stat = f_stat, .close = f_close,
};

/* ---- The load ---- */

struct fault_trial {
	struct world w;
	struct model m;
	struct faulty *kv;
	int n, error, errors;
	bool struck;
};

static void check_untouched(struct fault_trial *t)
{
	struct store_status st;
	store_status(t->w.s, &st);
	assert_int_equal(st.revision, t->m.rev);
	model_check(&t->m, &t->w, t->m.rev);
}

static void step(struct fault_trial *t, struct prng *rng)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct model_op ops[4];
	struct store_result r;
	uint32_t n = model_ops(&t->m, rng, ops);
	const int64_t *expect = &t->m.states[t->m.rev].keys[ops[0].key].mod_rev;
	if (model_do(&t->w, a, ops, n, expect, &r, &e) == 0) {
		assert_int_equal(r.revision, model_commit(&t->m, ops, n));
		return;
	}
	t->errors++;
	check_untouched(t);
}

static void lease_and_compact(struct fault_trial *t)
{
	ERR(e);
	int64_t id;
	if (store_lease_grant(t->w.s, 100, &id, &e) == 0 && store_lease_revoke(t->w.s, id, &e))
		t->errors++;
	if (store_compact(t->w.s, t->m.rev, &e))
		t->errors++;
}

static void faulty_load(struct world *w)
{
	struct fault_trial *t = container_of(w, struct fault_trial, w);
	struct prng rng;
	prng_seed(&rng, 5);
	t->kv->error = t->error;
	t->kv->left = t->n;
	for (int i = 0; i < 8; i++)
		step(t, &rng);
	lease_and_compact(t);
	for (int i = 0; i < 4; i++)
		step(t, &rng);
	t->struck = t->kv->left == 0;
	check_untouched(t);
}

/* False when the load made fewer calls than n. */
static bool faulty_trial(int n, int error, struct fault_trial *t, struct store_status *ret)
{
	ERR(e);
	*t = (struct fault_trial){.n = n, .error = error};
	world_init(&t->w, ON_MEM, 1);
	model_init(&t->m);
	t->kv = calloc(1, sizeof *t->kv);
	*t->kv = (struct faulty){.base.ops = &faulty_ops, .inner = kv_mem_open(t->w.disk, 0, &e)};
	t->w.opts.kv = &t->kv->base;
	t->w.s = store_open(t->w.rt, &t->w.opts, &e);
	assert_non_null(t->w.s);
	world_run(&t->w, faulty_load);
	store_status(t->w.s, ret);
	bool struck = t->struck;
	model_fini(&t->m);
	world_fini(&t->w);
	return struck;
}

TEST(running_short_of_map_goes_unnoticed_at_any_call)
{
	struct fault_trial t;
	struct store_status st;
	int n = 1;
	for (; faulty_trial(n, -EAGAIN, &t, &st); n++)
		assert_true(t.errors == 0 && !st.failed);
	assert_true(n > 100);
}

TEST(running_out_of_memory_fails_one_batch_at_any_call)
{
	struct fault_trial t;
	struct store_status st;
	for (int n = 1; faulty_trial(n, -ENOMEM, &t, &st); n++)
		assert_true(t.errors <= 1 || st.failed); /* failed: it was the commit, whose outcome is open */
}

TEST(an_unreadable_page_is_fatal_at_any_call)
{
	struct fault_trial t;
	struct store_status st;
	for (int n = 1; faulty_trial(n, -EIO, &t, &st); n++)
		assert_true(t.errors > 0 && st.failed);
}
