/* For the room's tests: a store on either engine, and a fiber to use it from. */
#pragma once
#include "base/test.h"
#include "rt/fiber.h"
#include "rt/sim.h"
#include "store/kv.h"
#include "store/store.h"

enum world_engine { ON_LMDB, ON_MEM };

struct world {
	enum world_engine engine;
	struct rt *rt;
	struct loop *loop;
	struct arena *a;
	struct store *s;
	struct kv_disk *disk;      /* ON_MEM */
	const char *dir;           /* ON_LMDB; NULL: world_open makes one */
	struct kv_lmdb_opts lmdb;
	uint64_t reserve_bytes;    /* ON_MEM */
	struct store_opts opts;
	void *arg;
	/* world_run's */
	struct post post;
	void (*fn)(struct world *w);
	bool done;
};

/* An empty world without a store; on_sim: simulated with this seed (memory engine only), 0: real. */
void world_init(struct world *w, enum world_engine engine, uint64_t on_sim);
void world_fini(struct world *w);
/* A fresh directory that costs little to sync. */
const char *world_dir(void);
void world_open(struct world *w);
int world_try_open(struct world *w, struct err *e);
void world_close(struct world *w);
/* Runs fn on a fiber of w's loop until it returns. */
void world_run(struct world *w, void (*fn)(struct world *w));
/* A fresh world and store on each engine. */
void on_both(void (*fn)(struct world *w));
/* The memory engine, in the simulator. */
void on_sim(uint64_t seed, void (*fn)(struct world *w));

/* These fail the test when the store does. */
int64_t put(struct world *w, const char *key, const char *value);
int64_t del(struct world *w, const char *key);
/* A put that needs the key at mod_rev (0: absent); 0 on conflict. */
int64_t put_if(struct world *w, const char *key, int64_t mod_rev, const char *value);
/* "" when absent; in w->a. */
struct str value_of(struct world *w, const char *key);
/* "key=value key=value" at rev of what begins with prefix. */
struct str list_at(struct world *w, const char *prefix, int64_t rev);
/* The error of a range at rev, or ERR_NONE. */
enum err_reason list_error(struct world *w, const char *prefix, int64_t rev);
int commit(struct world *w, const struct store_txn *t, struct store_result *ret, struct err *e);
