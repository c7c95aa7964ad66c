/* Random loads against the naive model, over many seeds. */
#include "store/test_model.h"
#include <stdio.h>

struct trial {
	struct world w;
	struct model m;
	struct prng rng;
	int64_t compacted;
	uint64_t trace;
};

static void step_commit(struct trial *t, struct arena *a)
{
	ERR(e);
	struct model_op ops[4];
	struct store_result r;
	uint32_t n = model_ops(&t->m, &t->rng, ops);
	const struct model_key *k = &t->m.states[t->m.rev].keys[ops[0].key];
	bool compare = prng_below(&t->rng, 2), wrong = prng_below(&t->rng, 4) == 0;
	int64_t expect = k->mod_rev + (wrong ? 1 : 0);
	assert_ok(model_do(&t->w, a, ops, n, compare ? &expect : NULL, &r, &e), &e);
	assert_int_equal(r.conflict, compare && wrong);
	if (r.conflict)
		assert_int_equal(r.current[0].mod_rev, k->mod_rev);
	else
		assert_int_equal(r.revision, model_commit(&t->m, ops, n));
}

static void step_read(struct trial *t)
{
	int64_t oldest = t->compacted > 1 ? t->compacted : 1;
	model_check(&t->m, &t->w, oldest + (int64_t)prng_below(&t->rng, (uint64_t)(t->m.rev - oldest + 1)));
}

static void step_compact(struct trial *t)
{
	ERR(e);
	if (t->m.rev <= t->compacted + 1)
		return;
	int64_t to = t->compacted + 1 + (int64_t)prng_below(&t->rng, (uint64_t)(t->m.rev - t->compacted));
	assert_ok(store_compact(t->w.s, to, &e), &e);
	t->compacted = to;
}

/* Replays a watch over the state where it begins: it must lead to the newest one. */
static void step_watch(struct trial *t, struct arena *a)
{
	ERR(e);
	int64_t oldest = t->compacted > 1 ? t->compacted : 1, from = oldest + (int64_t)prng_below(&t->rng, (uint64_t)(t->m.rev - oldest + 1));
	struct model_state s = t->m.states[from];
	CLEANUP(store_watch_close) struct store_watch *watch = store_watch(t->w.s, STR("/m/"), STR("/m0"), from + 1, &e);
	struct store_batch b = {.revision = from};
	int64_t last = from;
	while (b.revision < t->m.rev) {
		assert_ok(store_watch_next(watch, a, MONO_NEVER, &b, &e), &e);
		for (uint32_t i = 0; i < b.n; i++) {
			const struct store_event *ev = &b.events[i];
			uint32_t k = 0;
			while (!str_eq(model_key_name(a, k), ev->key))
				k++;
			assert_true(ev->mod_rev >= last);
			assert_int_equal(ev->prev_rev, s.keys[k].mod_rev);
			last = ev->mod_rev;
			s.keys[k] = t->m.states[ev->mod_rev].keys[k];
			assert_int_equal(s.keys[k].mod_rev, ev->type == STORE_DELETE ? 0 : ev->mod_rev);
		}
	}
	assert_memory_equal(&s, &t->m.states[t->m.rev], sizeof s);
}

static void load(struct world *w)
{
	struct trial *t = container_of(w, struct trial, w);
	for (int i = 0; i < 150; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		uint64_t what = prng_below(&t->rng, 20);
		if (what < 14)
			step_commit(t, a);
		else if (what < 17)
			step_read(t);
		else if (what < 19)
			step_watch(t, a);
		else
			step_compact(t);
	}
	model_check(&t->m, &t->w, t->m.rev);
}

static void trial(enum world_engine engine, uint64_t seed, int rounds, bool sim)
{
	struct trial t = {0};
	world_init(&t.w, engine, sim ? seed : 0);
	model_init(&t.m);
	prng_seed(&t.rng, seed);
	if (t.w.disk)
		kv_disk_set(t.w.disk, &(struct kv_disk_faults){.seed = seed, .sync_delay = sim ? 20 * NS_MS : 0});
	for (int i = 0; i < rounds; i++) {
		world_open(&t.w);
		world_run(&t.w, load);
		if (t.w.disk)
			kv_disk_crash(t.w.disk);
		world_close(&t.w);
	}
	model_fini(&t.m);
	world_fini(&t.w);
}

TEST(random_loads_agree_with_the_model_in_the_simulator)
{
	for (uint64_t seed = 1; seed <= 60; seed++)
		trial(ON_MEM, seed, 3, true);
}

TEST(random_loads_agree_with_the_model_on_both_engines)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		trial(ON_LMDB, seed, 3, false);
		trial(ON_MEM, seed, 3, false);
	}
}

/* ---- Several fibers at once, one of them always right ---- */

#define COUNTERS 3
#define ADDERS 8
#define ADDS 40

struct adder {
	struct world *w;
	struct post post;
	struct loop *loop;
	int id;
	uint64_t conflicts;
};

static void add_one(struct adder *x, struct arena *a, const char *key)
{
	ERR(e);
	struct store_kv kv;
	for (;;) {
		struct store_result r;
		uint64_t n = 0;
		assert_ok(store_get(x->w->s, str_of(key), a, &kv, &e), &e);
		if (kv.mod_rev)
			assert_int_equal(str_u64(kv.value, &n), 0);
		CLEANUP(blob_unref) struct blob *b = blob_copy(str_printf(a, "%llu", (unsigned long long)n + 1));
		struct store_compare c = {str_of(key), kv.mod_rev};
		struct store_op op = {.type = STORE_PUT, .key = str_of(key), .value = b};
		assert_ok(store_commit(x->w->s, &(struct store_txn){&c, &op, 1, 1}, a, &r, &e), &e);
		if (!r.conflict)
			return;
		x->conflicts++;
	}
}

static void add(void *arg)
{
	static const char *const keys[COUNTERS] = {"/n/a", "/n/b", "/n/c"};
	struct adder *x = arg;
	for (int i = 0; i < ADDS; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		add_one(x, a, keys[(i + x->id) % COUNTERS]);
	}
	loop_stop(x->loop);
}

static void begin_adding(struct post *p)
{
	assert_non_null(fiber_spawn(NULL, "adder", add, container_of(p, struct adder, post)));
}

static void sum(struct world *w)
{
	uint64_t total = 0, n;
	for (int i = 0; i < COUNTERS; i++) {
		char key[] = {'/', 'n', '/', (char)('a' + i), 0};
		assert_int_equal(str_u64(value_of(w, key), &n), 0);
		total += n;
	}
	assert_int_equal(total, ADDERS * ADDS);
}

static void adders(enum world_engine engine)
{
	struct world w;
	struct adder x[ADDERS];
	struct store_status st;
	world_init(&w, engine, 0);
	world_open(&w);
	for (int i = 0; i < ADDERS; i++) {
		x[i] = (struct adder){.w = &w, .id = i, .post.fn = begin_adding, .loop = loop_new(w.rt, "adder")};
		loop_post(x[i].loop, &x[i].post);
		assert_int_equal(loop_start(x[i].loop), 0);
	}
	for (int i = 0; i < ADDERS; i++) {
		loop_join(x[i].loop);
		loop_free(x[i].loop);
	}
	store_status(w.s, &st);
	assert_int_equal(st.revision, 1 + ADDERS * ADDS);
	world_run(&w, sum);
	world_fini(&w);
}
TEST(commits_from_several_loops_lose_no_update)
{
	adders(ON_LMDB);
	adders(ON_MEM);
}

/* ---- Same seed, same run ---- */

struct racer {
	struct world *w;
	struct prng rng;
	uint64_t *trace;
};

static void race(void *arg)
{
	struct racer *r = arg;
	char key[8], value[8];
	for (int i = 0; i < 15; i++) {
		snprintf(key, sizeof key, "/r%d", (int)prng_below(&r->rng, 4));
		snprintf(value, sizeof value, "%d", i);
		int64_t rev = put(r->w, key, value);
		*r->trace = (*r->trace ^ (uint64_t)rev ^ (uint64_t)rt_now()) * 0x9e3779b97f4a7c15u;
	}
}

static void race_all(struct world *w)
{
	struct racer r[6];
	struct scope s;
	scope_init(&s, NULL);
	for (int i = 0; i < 6; i++) {
		r[i] = (struct racer){.w = w, .trace = w->arg};
		prng_seed(&r[i].rng, (uint64_t)i + 1);
		assert_non_null(fiber_spawn(&s, "racer", race, &r[i]));
	}
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	struct store_status st;
	store_status(w->s, &st);
	assert_true(st.batches < st.txns); /* they did share commits */
}

static uint64_t traced(uint64_t seed)
{
	struct world w;
	uint64_t trace = 0;
	world_init(&w, ON_MEM, seed);
	w.arg = &trace;
	kv_disk_set(w.disk, &(struct kv_disk_faults){.seed = seed, .sync_delay = 10 * NS_MS});
	world_open(&w);
	world_run(&w, race_all);
	trace ^= sim_trace_hash(w.rt);
	world_fini(&w);
	return trace;
}
TEST(the_same_seed_gives_the_same_run)
{
	for (uint64_t seed = 1; seed <= 10; seed++)
		assert_true(traced(seed) == traced(seed));
	assert_true(traced(1) != traced(2));
}
