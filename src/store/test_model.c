#include "store/test_model.h"
#include "base/buf.h"

void model_init(struct model *m)
{
	*m = (struct model){.states = calloc(MODEL_REVS, sizeof *m->states), .rev = 1};
	assert_non_null(m->states);
}

void model_fini(struct model *m)
{
	free(m->states);
}

int64_t model_commit(struct model *m, const struct model_op *ops, uint32_t n)
{
	struct model_state next = m->states[m->rev];
	bool changed = false;
	for (uint32_t i = 0; i < n; i++) {
		struct model_key *k = &next.keys[ops[i].key];
		if (ops[i].del && !k->mod_rev)
			continue;
		changed = true;
		*k = ops[i].del ? (struct model_key){0}
				: (struct model_key){k->mod_rev ? k->create_rev : m->rev + 1, m->rev + 1, k->version + 1, ops[i].value};
	}
	assert_true(m->rev + 1 < MODEL_REVS);
	if (changed)
		m->states[++m->rev] = next;
	return m->rev;
}

/* In byte order by number: short ones, then a run of long ones. */
struct str model_key_name(struct arena *a, uint32_t key)
{
	if (key < MODEL_KEYS / 2)
		return str_printf(a, "/m/%02u", key);
	return str_printf(a, "/m/x%0500d%02u", 0, key);
}

uint32_t model_ops(struct model *m, struct prng *rng, struct model_op ops[4])
{
	uint32_t n = prng_below(rng, 3) ? 1 : 1 + (uint32_t)prng_below(rng, 4), first = (uint32_t)prng_below(rng, MODEL_KEYS);
	for (uint32_t i = 0; i < n; i++)
		ops[i] = (struct model_op){prng_below(rng, 4) == 0, (first + i * 5) % MODEL_KEYS, ++m->last_value};
	return n;
}

/* Values of different sizes, some on pages of their own. */
static struct blob *value_blob(uint64_t value)
{
	struct blob *b = blob_new(8 + (value % 7 == 0 ? 3000 : value % 50));
	memset(b->p, (int)value, b->n);
	memcpy(b->p, &value, 8);
	return b;
}

int model_do(struct world *w, struct arena *a, const struct model_op *ops, uint32_t n, const int64_t *expect, struct store_result *ret, struct err *e)
{
	struct store_op real[4] = {0};
	struct store_compare c;
	for (uint32_t i = 0; i < n; i++) {
		real[i] = (struct store_op){.type = ops[i].del ? STORE_DELETE : STORE_PUT, .key = model_key_name(a, ops[i].key)};
		real[i].value = ops[i].del ? NULL : value_blob(ops[i].value);
	}
	c = (struct store_compare){real[0].key, expect ? *expect : 0};
	int rc = store_commit(w->s, &(struct store_txn){&c, real, expect != NULL, n}, a, ret, e);
	for (uint32_t i = 0; i < n; i++)
		blob_unref(real[i].value);
	return rc;
}

static void check_key(const struct model_key *k, uint32_t at, struct arena *a, const struct store_kv *kv)
{
	CLEANUP(blob_unref) struct blob *b = value_blob(k->value);
	assert_true(str_eq(kv->key, model_key_name(a, at)));
	assert_int_equal(kv->mod_rev, k->mod_rev);
	assert_int_equal(kv->create_rev, k->create_rev);
	assert_int_equal(kv->version, k->version);
	assert_true(str_eq(kv->value, blob_str(b)));
}

void model_check(const struct model *m, struct world *w, int64_t rev)
{
	ERR(e);
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct store_query q = {.key = STR("/m/"), .end = STR("/m0"), .rev = rev};
	struct store_range r;
	uint32_t at = 0;
	assert_ok(store_range(w->s, &q, a, &r, &e), &e);
	for (uint32_t i = 0; i < MODEL_KEYS; i++)
		if (m->states[rev].keys[i].mod_rev) {
			assert_true(at < r.len);
			check_key(&m->states[rev].keys[i], i, a, &r.items[at++]);
		}
	assert_int_equal(at, r.len);
}

/* ---- Journals ---- */

struct journal_writer {
	struct journal *j;
	struct prng rng;
	uint64_t next;
};

static void write_some(void *arg)
{
	struct journal_writer *x = arg;
	struct journal *j = x->j;
	for (int i = 0; i < JOURNAL_WRITES; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		ERR(e);
		struct store_result r;
		struct model m = {.last_value = x->next};
		struct ack ack = {0};
		ack.n = model_ops(&m, &x->rng, ack.ops);
		x->next = m.last_value;
		assert_ok(model_do(&j->w, a, ack.ops, ack.n, NULL, &r, &e), &e);
		ack.rev = r.revision;
		ack.steps = j->steps(&j->w);
		j->acks[j->n++] = ack;
	}
}

static void write_all(struct world *w)
{
	struct journal *j = container_of(w, struct journal, w);
	struct journal_writer x[JOURNAL_WRITERS];
	struct scope s;
	scope_init(&s, NULL);
	for (int i = 0; i < JOURNAL_WRITERS; i++) {
		x[i] = (struct journal_writer){.j = j, .next = (uint64_t)i << 32};
		prng_seed(&x[i].rng, j->seed * 100 + (uint64_t)i);
		assert_non_null(fiber_spawn(&s, "writer", write_some, &x[i]));
	}
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
}

static int by_rev(const void *a, const void *b)
{
	int64_t x = ((const struct ack *)a)->rev, y = ((const struct ack *)b)->rev;
	return (x > y) - (x < y);
}

void journal_write(struct journal *j)
{
	model_init(&j->m);
	world_open(&j->w);
	world_run(&j->w, write_all);
	world_close(&j->w);
	qsort(j->acks, j->n, sizeof *j->acks, by_rev);
	for (uint32_t i = 0; i < j->n; i++)
		if (j->acks[i].rev > j->m.rev) /* else it changed nothing */
			assert_int_equal(model_commit(&j->m, j->acks[i].ops, j->acks[i].n), j->acks[i].rev);
}

void journal_fini(struct journal *j)
{
	model_fini(&j->m);
	world_fini(&j->w);
}

static void judge(struct world *w)
{
	struct verdict *v = container_of(w, struct verdict, w);
	struct store_status st;
	store_status(w->s, &st);
	for (uint32_t i = 0; i < v->j->n; i++)
		if (v->j->acks[i].steps <= v->cut && st.revision < v->j->acks[i].rev)
			fail_msg("cut at %zu: revision %lld was acknowledged, the store is at %lld", v->cut, (long long)v->j->acks[i].rev, (long long)st.revision);
	assert_true(st.revision <= v->j->m.rev);
	for (int64_t rev = st.revision > 3 ? st.revision - 3 : 1; rev <= st.revision; rev++)
		model_check(&v->j->m, w, rev);
	assert_int_equal(put(w, "/after", "x"), st.revision + 1);
}

void verdict_reach(struct verdict *v)
{
	world_open(&v->w);
	world_run(&v->w, judge);
	world_fini(&v->w);
}
