/* For the room's tests: a naive model of the store, which remembers the whole state at every revision, and a random load that feeds both. */
#pragma once
#include "store/test_world.h"
#include "base/rand.h"

#define MODEL_KEYS 12
#define MODEL_REVS 4096

struct model_key {
	int64_t create_rev, mod_rev, version; /* mod_rev 0: absent */
	uint64_t value;
};
struct model_state {
	struct model_key keys[MODEL_KEYS];
};
struct model_op {
	bool del;
	uint32_t key;
	uint64_t value;
};
/* states[r] is the state at revision r, for 1 to rev. */
struct model {
	struct model_state *states;
	int64_t rev;
	uint64_t last_value;
};
void model_init(struct model *m);
void model_fini(struct model *m);
/* Applies ops as one transaction; the revision it has. */
int64_t model_commit(struct model *m, const struct model_op *ops, uint32_t n);
/* Fails the test unless the store's range at rev is the model's; some keys are long, of one run. */
void model_check(const struct model *m, struct world *w, int64_t rev);
struct str model_key_name(struct arena *a, uint32_t key);
/* A random transaction of 1 to 4 keys. */
uint32_t model_ops(struct model *m, struct prng *rng, struct model_op ops[4]);
/* The same for the store; *ret_rev as it says.  With compare, it needs the first key to stand at expect. */
int model_do(struct world *w, struct arena *a, const struct model_op *ops, uint32_t n, const int64_t *expect, struct store_result *ret, struct err *e);

/* ---- Journals: what was acknowledged when, against a device that records its writes and syncs ---- */

#define JOURNAL_WRITERS 4
#define JOURNAL_WRITES 14

struct ack {
	int64_t rev;
	size_t steps; /* recorded by the device when the commit returned */
	struct model_op ops[4];
	uint32_t n;
};
struct journal {
	struct world w;
	struct model m;
	struct ack acks[JOURNAL_WRITERS * JOURNAL_WRITES];
	uint32_t n;
	uint64_t seed;
	size_t (*steps)(struct world *w);
};
/* Opens j->w and lets several fibers write; afterwards the store is closed, and j->m knows all states. */
void journal_write(struct journal *j);
void journal_fini(struct journal *j);

/* After a cut behind the first `cut` steps, what w opens must hold all that was acknowledged by then and nothing half, and must go on. */
struct verdict {
	struct world w;
	const struct journal *j;
	size_t cut;
};
void verdict_reach(struct verdict *v); /* finishes v->w */
