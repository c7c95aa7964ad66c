/* Private: the embedded engine.
 *
 * One loop writes.  Callers hand it requests (struct request on their stack) and wait; the writer fiber takes what has come in, runs it in one
 * KV transaction, commits, publishes, and only then answers.  While it waits for the disk the next batch gathers.
 * Reads run on the caller's loop against the KV's snapshots, at published revisions only. */
#pragma once
#include "rt/fiber.h"
#include "store/record.h"
#include "store/store.h"
#include "base/map.h"
#include <pthread.h>

#define LINGER_TXNS 4                      /* so many in the last batch tell that several write at once */
#define LINGER_MAX NS_MS                   /* longest wait for more of them */
#define BATCH_TXNS 1024                    /* bounds what one commit makes dirty and how long the first of it waits */
#define BATCH_BYTES ((size_t)8 << 20)
#define BATCH_TRIES 64                     /* map doublings within one batch; each makes progress */
#define TICKS_KEPT 10                      /* history ages in steps of a tenth */
#define COMPACT_SLICE 256                  /* versions per commit: a few milliseconds at most */
#define COMPACT_SLICE_FULL 32              /* on a full disk: what it copies must fit what is left */
#define CHECKPOINT_EVERY (60 * NS_S)       /* of what remains of leases */
#define FULL_GROWTH 512                    /* bytes by which an update may grow on a full disk: a deletion mark, a condition */
#define SHARED_LEASES 4                    /* different times to live at once (upstream has one: events) */
#define SHARED_KEYS 1000                   /* keys on one lease, as upstream */

struct engine;
struct request;

enum answer {
	ANSWER_OK, ANSWER_FAILED, ANSWER_FULL, ANSWER_NOMEM, ANSWER_NO_LEASE, ANSWER_COMPACTED, ANSWER_FUTURE,
};
/* Fills e and returns -1, or returns 0 for ANSWER_OK. */
int answer_error(struct engine *e, enum answer a, struct err *err);

struct request_ops {
	int (*run)(struct engine *e, struct request *r);    /* in the batch's transaction; -errno ends the attempt */
	void (*undo)(struct request *r);                    /* the attempt did not count; may be NULL */
	void (*settle)(struct engine *e, struct request *r); /* it is durable; may be NULL */
};
struct request {
	struct post post;
	struct request *next;
	const struct request_ops *ops;
	struct engine *e;
	struct event done;
	enum answer answer;
	size_t bytes; /* about how much it writes */
};
/* Hands r to the writer and waits for its answer. */
enum answer request_do(struct engine *e, struct request *r);

/* What the batch under way has done. */
struct batch {
	struct request *requests;
	struct kv_txn *txn;
	int64_t rev;
	uint32_t sub;
	bool dirty;
	struct store_event *events;
	uint32_t n, cap;
	struct blob **keys; /* of events whose key nobody else holds */
	uint32_t nkeys, keys_cap;
};

struct lease {
	int64_t id, ttl_s;
	struct heap_node due; /* mono_t */
	char key[8];
};
/* A lease for keys with the same ttl_s.  confirmed: the batch that made it is durable. */
struct shared_lease {
	int64_t id, ttl_s, extra_s;
	mono_t made;
	uint32_t keys;
	bool confirmed;
};

/* What memory has to follow once the batch is durable; ttl_s 0: the lease ended. */
struct lease_move {
	int64_t id, ttl_s;
};
struct lease_moves {
	struct lease_move *items;
	uint32_t n, cap;
};

struct engine {
	struct store store;
	struct rt *rt;
	struct loop *loop;
	struct kv *kv;
	void (*on_fatal)(void *arg, const char *why);
	void *on_fatal_arg;
	uint64_t cluster_id;
	_Atomic int64_t published, compacted;
	_Atomic bool full, failed;
	_Atomic uint64_t batches, txns;
	_Atomic uint32_t nleases;

	/* The store's loop only, from here on. */
	struct post boot;
	struct request *first, **last;
	struct cond work;
	struct batch batch;
	uint32_t last_txns;        /* of the last batch, and how long its commit took */
	nsec_t last_took;
	int64_t revision;          /* of the last durable commit */
	struct list subs;
	struct timer tick, due;
	nsec_t tick_every;
	int64_t ticks[TICKS_KEPT]; /* revisions at the last ticks, oldest at tick_at */
	uint32_t tick_at;
	struct compact_record compact, compact_next; /* as on disk; as the batch under way leaves it */
	int64_t compact_to;        /* where the writer is to go */
	bool chore_rearm, chore_checkpoint;
	bool chores_paused;        /* the disk had no room for them: until the next tick */
	mono_t checkpointed;
	struct map leases;         /* id -> struct lease */
	struct heap lease_heap;
	struct lease_moves lease_moves;
	struct shared_lease shared[SHARED_LEASES];

	pthread_mutex_t watch_lock;
	struct list watching;      /* watches that wait for the next batch */
};

/* writer.c */
bool array_grow(void **items, uint32_t *cap, uint32_t n, size_t size) must_check; /* room for one more; false when out of memory, with what there was kept */
void writer_init(struct engine *e);            /* requests may arrive from then on */
int writer_start(struct engine *e) must_check; /* on the store's loop */
void writer_fail(struct engine *e, int rc);    /* the store takes no writes any more */
void writer_wake(struct engine *e);
/* The next (revision, sub) of the transaction that runs; new_revision at its first change. */
struct place batch_place(struct engine *e, bool *in_txn);
int batch_event(struct engine *e, const struct store_event *ev) must_check;
/* A copy of key that lives as long as the batch; absent when out of memory. */
struct str batch_key(struct engine *e, struct str key);
void batch_fini(struct batch *b);

/* change.c: one put or delete inside the batch */
struct change {
	struct str key;
	struct blob *value; /* NULL: delete */
	int64_t lease;
};
/* *in_txn says whether the logical transaction has its revision yet. */
int change_do(struct engine *e, const struct change *c, struct str ikey, const struct head *old, bool *in_txn) must_check;

/* commit.c, range.c, watch.c, lease.c, compact.c: the operations of store_ops, and their hooks */
int engine_commit(struct store *s, const struct store_txn *t, struct arena *a, struct store_result *ret, struct err *err);
int engine_range(struct store *s, const struct store_query *q, struct arena *a, struct store_range *ret, struct err *err);
struct store_watch *engine_watch_open(struct store *s, struct str key, struct str end, int64_t from_rev, struct err *err);
int engine_watch_next(struct store_watch *w, struct arena *a, mono_t deadline, struct store_batch *ret, struct err *err);
void engine_watch_close(struct store_watch *w);
void watches_wake(struct engine *e);
int engine_lease_grant(struct store *s, int64_t ttl_s, int64_t *ret_id, struct err *err);
int engine_lease_revoke(struct store *s, int64_t id, struct err *err);
int engine_compact(struct store *s, int64_t rev, struct err *err);

int leases_load(struct engine *e) must_check;   /* on the store's loop */
void leases_fini(struct engine *e);
int leases_expire(struct engine *e) must_check; /* in the batch */
int leases_checkpoint(struct engine *e) must_check;
bool leases_due(struct engine *e);
void leases_settle(struct engine *e, bool durable);
/* Whether it exists, as far as the batch has come. */
int lease_known(struct engine *e, int64_t id, bool *ret) must_check;
/* The lease for a put with ttl_s; made in the batch when there is none. */
int lease_for_ttl(struct engine *e, int64_t ttl_s, int64_t *ret_id) must_check;

void compact_start(struct engine *e);           /* on the store's loop */
bool compact_due(const struct engine *e);
int compact_slice(struct engine *e) must_check; /* in the batch */
int compact_read(struct kv_txn *t, struct compact_record *ret) must_check;

/* Errors of readers (range.c). */
int err_future(struct err *err, int64_t rev, int64_t now);
int err_compacted(struct err *err, int64_t rev, int64_t compacted);
int err_engine(struct err *err, int rc);
