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
