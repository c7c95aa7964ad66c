#include "store/test_world.h"
#include <unistd.h>

/* Memory instead of the machine's disk, where there is such a folder: the tests make thousands of syncs, and look at none that reach a platter. */
const char *world_dir(void)
{
	if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	return test_tmpdir();
}

void world_init(struct world *w, enum world_engine engine, uint64_t on_sim)
{
	*w = (struct world){.engine = engine};
	w->rt = on_sim ? sim_new(&(struct sim_opts){.seed = on_sim, .post_delay_max = NS_MS, .job_delay_max = NS_MS}) : rt_new(NULL);
	w->a = arena_new(NULL);
	if (engine == ON_MEM)
		w->disk = kv_disk_new();
	w->lmdb.reserve_bytes = 1 << 20;
	w->lmdb.log_bytes = 256 << 10;
}

void world_fini(struct world *w)
{
	world_close(w);
	arena_free(w->a);
	kv_disk_free(w->disk);
	rt_free(w->rt);
}

int world_try_open(struct world *w, struct err *e)
{
	struct store_opts o = w->opts;
	if (w->engine == ON_LMDB && !w->dir)
		w->dir = world_dir();
	o.kv = w->engine == ON_MEM ? kv_mem_open(w->disk, w->reserve_bytes, e) : kv_lmdb_open(w->dir, &w->lmdb, e);
	w->s = o.kv ? store_open(w->rt, &o, e) : NULL;
	return w->s ? 0 : -1;
}

void world_open(struct world *w)
{
	ERR(e);
	assert_ok(world_try_open(w, &e), &e);
}

void world_close(struct world *w)
{
	store_close(STEAL(w->s));
}

static void body(void *arg)
{
	struct world *w = arg;
	w->fn(w);
	w->done = true;
	loop_stop(w->loop);
}

static void begin(struct post *p)
{
	struct world *w = container_of(p, struct world, post);
	assert_non_null(fiber_spawn(NULL, "test", body, w));
}

static bool is_done(void *arg)
{
	return ((struct world *)arg)->done;
}

void world_run(struct world *w, void (*fn)(struct world *w))
{
	w->loop = loop_new(w->rt, "test");
	w->fn = fn;
	w->done = false;
	w->post.fn = begin;
	loop_post(w->loop, &w->post);
	if (rt_is_sim(w->rt)) {
		assert_int_equal(loop_start(w->loop), 0);
		sim_run(w->rt, MONO_NEVER, is_done, w);
		assert_true(w->done);
	} else {
		loop_run(w->loop);
	}
	loop_free(STEAL(w->loop));
}

static void on_engine(enum world_engine engine, uint64_t seed, void (*fn)(struct world *w))
{
	struct world w;
	world_init(&w, engine, seed);
	world_open(&w);
	world_run(&w, fn);
	world_fini(&w);
}

void on_both(void (*fn)(struct world *w))
{
	on_engine(ON_MEM, 0, fn);
	on_engine(ON_LMDB, 0, fn);
}

void on_sim(uint64_t seed, void (*fn)(struct world *w))
{
	on_engine(ON_MEM, seed, fn);
}

int commit(struct world *w, const struct store_txn *t, struct store_result *ret, struct err *e)
{
	return store_commit(w->s, t, w->a, ret, e);
}

static int64_t commit_one(struct world *w, struct store_op op, const struct store_compare *c)
{
	ERR(e);
	struct store_result r;
	assert_ok(commit(w, &(struct store_txn){.compares = c, .ncompares = c != NULL, .ops = &op, .nops = 1}, &r, &e), &e);
	return r.conflict ? 0 : r.revision;
}

int64_t put(struct world *w, const char *key, const char *value)
{
	CLEANUP(blob_unref) struct blob *b = blob_copy(str_of(value));
	return commit_one(w, (struct store_op){.type = STORE_PUT, .key = str_of(key), .value = b}, NULL);
}

int64_t put_if(struct world *w, const char *key, int64_t mod_rev, const char *value)
{
	CLEANUP(blob_unref) struct blob *b = blob_copy(str_of(value));
	return commit_one(w, (struct store_op){.type = STORE_PUT, .key = str_of(key), .value = b}, &(struct store_compare){str_of(key), mod_rev});
}

int64_t del(struct world *w, const char *key)
{
	return commit_one(w, (struct store_op){.type = STORE_DELETE, .key = str_of(key)}, NULL);
}

struct str value_of(struct world *w, const char *key)
{
	ERR(e);
	struct store_kv kv;
	assert_ok(store_get(w->s, str_of(key), w->a, &kv, &e), &e);
	return kv.value;
}

static int list(struct world *w, const char *prefix, int64_t rev, struct store_range *ret, struct err *e)
{
	struct store_query q = {.key = str_of(prefix), .end = store_prefix_end(w->a, str_of(prefix)), .rev = rev};
	return store_range(w->s, &q, w->a, ret, e);
}

struct str list_at(struct world *w, const char *prefix, int64_t rev)
{
	ERR(e);
	BUF(text);
	struct store_range r;
	assert_ok(list(w, prefix, rev, &r, &e), &e);
	for (uint32_t i = 0; i < r.len; i++)
		buf_printf(&text, "%s%.*s=%.*s", i ? " " : "", STR_F(r.items[i].key), STR_F(r.items[i].value));
	return str_dup(w->a, str_n(text.p ? text.p : "", text.n));
}

enum err_reason list_error(struct world *w, const char *prefix, int64_t rev)
{
	ERR(e);
	struct store_range r;
	return list(w, prefix, rev, &r, &e) ? e.reason : ERR_NONE;
}
