/* The store: versioned keys with compare-and-commit, history, watches and leases.  Its meaning is etcd v3's (api/etcdserverpb/rpc.proto), so
 * that the embedded engine and an etcd cluster stand behind the same calls: keys are upstream's ("/registry/pods/default/nginx"), values bytes.
 *
 * Revisions: one counter for the whole store; a fresh store stands at 1, the first commit gets 2.  A commit of several keys has one revision.
 * Order of a commit: durable -> published to all subscribers -> the committing fiber goes on.  Nothing that is not durable is ever visible.
 * Threads: calls marked "waits" come from a fiber on any loop of the store's runtime; the others from any thread.
 * A waiting commit cannot be cancelled: its outcome would be unknown.
 *
 * Errors: ERR_EXPIRED (410) a revision older than what is kept; ERR_TIMEOUT with cause ResourceVersionTooLarge a revision of the future;
 * ERR_TOO_LARGE a value, ERR_BAD_REQUEST a transaction beyond the limits below; ERR_SYSTEM with sys ENOSPC the disk is full (only deletes and
 * updates that hardly grow are taken, and no history is kept); ERR_SYSTEM with another sys: the store has failed, the outcome of this commit is unknown and no
 * further one will be taken.
 *
 * A new engine fills a struct store_ops and embeds struct store as its first member. */
#pragma once
#include "base/arena.h"
#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "rt/loop.h"

#define STORE_KEY_MAX 4096                    /* bytes of a key; upstream's longest are below 700 */
#define STORE_VALUE_MAX (3 * 1024 * 1024 / 2) /* etcd's --max-request-bytes */
#define STORE_OPS_MAX 128                     /* compares, and ops, of a transaction: etcd's --max-txn-ops */
#define STORE_TTL_MAX_S 1000000000            /* of a lease: 30 years keep all sums in range */
#define STORE_HISTORY_KEPT (5 * NS_MIN)       /* default age of history, upstream's --etcd-compaction-interval */

struct kv;
struct store;

/* One version of a key.  mod_rev 0: the key is absent.  Bytes live in the arena of the call. */
struct store_kv {
	struct str key, value;
	int64_t create_rev, mod_rev;
	int64_t version; /* 1 at creation */
	int64_t lease;   /* 0: none */
};

/* ---- Reading ---- */

/* Keys in [key, end) in byte order.  end absent: the one key; STORE_END: all from key on; a prefix: store_prefix_end. */
struct store_query {
	struct str key, end;
	int64_t rev;     /* 0: the newest published */
	int64_t limit;   /* items at most; 0: all */
	bool keys_only;  /* values stay absent */
	bool count;      /* also count what lies beyond the limit (walks the whole range) */
	bool count_only; /* no items */
};
#define STORE_END STR("\0")

struct store_range {
	int64_t revision;       /* the store's newest published one, also when an older one was read */
	struct store_kv *items; /* in the arena */
	uint32_t len, cap;
	bool more;              /* the limit cut the range: go on at the last key + "\0" with the same rev */
	int64_t count;          /* keys in the range, when asked for; else what was walked */
};

/* ---- Writing ---- */

/* Holds when the key's newest mod_rev is this; 0: when the key is absent. */
struct store_compare {
	struct str key;
	int64_t mod_rev;
};

enum store_op_type { STORE_PUT, STORE_DELETE };

struct store_op {
	enum store_op_type type;
	bool want_prev;      /* give back what the key held before, in ret->prev */
	struct str key;      /* no key twice in a transaction */
	struct blob *value;  /* of a put: the store takes references of its own */
	int64_t lease;       /* attach to this lease; 0: none */
	int64_t ttl_s;       /* instead of lease: to a lease shared with other keys that ends ttl_s to ttl_s * 1.05 + 60 s from now */
};

/* All compares hold, then all ops are done with one revision; else nothing.  Deleting an absent key is no error and takes no revision. */
struct store_txn {
	const struct store_compare *compares;
	const struct store_op *ops;
	uint32_t ncompares, nops;
};

struct store_result {
	int64_t revision;         /* of this commit; the newest one when nothing changed */
	bool conflict;            /* a compare failed and nothing was done: an answer, not an error */
	struct store_kv *current; /* on conflict: the newest version of every compared key, in order; in the arena */
	struct store_kv *prev;    /* per op, when any op wants it (mod_rev 0 elsewhere and where there was none) */
};

/* ---- Events ---- */

struct store_event {
	enum store_op_type type;
	struct str key;
	struct blob *value;     /* NULL for a delete; blob_ref it to keep it */
	int64_t mod_rev, create_rev, version, lease; /* of a delete: create_rev, version and lease are 0 */
	int64_t prev_rev;       /* mod_rev of the version that this one replaced; 0: the key was absent */
};

/* Events in the order of revisions; those of one revision are never split between batches.
 * All that happened up to and including revision has been delivered; n may be 0 (progress). */
struct store_batch {
	int64_t revision;
	const struct store_event *events;
	uint32_t n;
};

/* Called on the store's loop after each durable batch and before its committers go on; must not wait, and takes well below 1 ms per batch.
 * The batch is valid during the call.  The caller owns the struct and fills fn and arg. */
struct store_sub {
	void (*fn)(struct store_sub *sub, const struct store_batch *b);
	void *arg;
	struct list node; /* the store's */
};

struct store_watch;

struct store_status {
	int64_t revision;   /* newest published */
	int64_t compacted;  /* oldest that can be read and watched */
	uint64_t cluster_id;
	uint64_t db_bytes;  /* on disk */
	uint64_t used_bytes;
	uint32_t leases;
	bool full;          /* disk full: see above */
	bool failed;        /* a write or sync failed: nothing is taken any more */
	uint64_t batches, txns; /* commits of the engine, transactions that they carried */
};

struct store_ops {
	int (*range)(struct store *s, const struct store_query *q, struct arena *a, struct store_range *ret, struct err *e);
	int (*commit)(struct store *s, const struct store_txn *t, struct arena *a, struct store_result *ret, struct err *e);
	int (*subscribe)(struct store *s, struct store_sub *sub, int64_t *ret_revision, struct err *e);
	void (*unsubscribe)(struct store *s, struct store_sub *sub);
	struct store_watch *(*watch_open)(struct store *s, struct str key, struct str end, int64_t from_rev, struct err *e);
	int (*watch_next)(struct store_watch *w, struct arena *a, mono_t deadline, struct store_batch *ret, struct err *e);
	void (*watch_close)(struct store_watch *w);
	int (*lease_grant)(struct store *s, int64_t ttl_s, int64_t *ret_id, struct err *e);
	int (*lease_revoke)(struct store *s, int64_t id, struct err *e);
	int (*compact)(struct store *s, int64_t rev, struct err *e);
	int (*snapshot)(struct store *s, int fd, struct err *e);
	void (*status)(struct store *s, struct store_status *ret);
	void (*close)(struct store *s);
};
struct store {
	const struct store_ops *ops;
};

/* ---- The embedded engine ---- */

struct store_opts {
	const char *dir;       /* data directory, made (0700) when missing; or */
	struct kv *kv;         /* an open engine: the store's from then on, also when store_open fails */
	nsec_t history_kept;   /* 0: STORE_HISTORY_KEPT */
	uint64_t reserve_bytes; /* kept back so that deletes run on a full disk; 0: KV_RESERVE_BYTES */
	/* The store has failed (a sync did): the process should say so and exit.  On the store's loop, once; may be NULL. */
	void (*on_fatal)(void *arg, const char *why);
	void *arg;
};
/* Opens the data directory and starts the store's loop.  From any thread.  A directory that another process holds, that belongs to something
 * else or to a newer version is refused with a sentence that says so. */
struct store *store_open(struct rt *rt, const struct store_opts *o, struct err *e);

/* ---- Calls, the same for every engine ---- */

/* Reads at one revision.  Waits. */
static inline int must_check store_range(struct store *s, const struct store_query *q, struct arena *a, struct store_range *ret, struct err *e)
{
	return s->ops->range(s, q, a, ret, e);
}
/* One key at the newest revision: ret->mod_rev is 0 when it is absent.  Waits. */
int store_get(struct store *s, struct str key, struct arena *a, struct store_kv *ret, struct err *e) must_check;
/* Returns 0 when the transaction is durable and published, and also when a compare failed (look at ret->conflict).  The txn and its keys must
 * stay until then.  Waits, not cancellable. */
static inline int must_check store_commit(struct store *s, const struct store_txn *t, struct arena *a, struct store_result *ret, struct err *e)
{
	return s->ops->commit(s, t, a, ret, e);
}
/* From now on sub sees every batch; the first one starts after *ret_revision, at which the present state can be read.  Waits. */
static inline int must_check store_subscribe(struct store *s, struct store_sub *sub, int64_t *ret_revision, struct err *e)
{
	return s->ops->subscribe(s, sub, ret_revision, e);
}
/* When it returns, sub is not called any more.  Waits. */
static inline void store_unsubscribe(struct store *s, struct store_sub *sub) { s->ops->unsubscribe(s, sub); }
/* A cursor over the events of keys in [key, end) (as in a query) from revision from_rev on; 0: from now.  It belongs to the fiber's loop.
 * Revisions below the compacted one are refused with ERR_EXPIRED.  Does not wait. */
static inline struct store_watch *store_watch(struct store *s, struct str key, struct str end, int64_t from_rev, struct err *e)
{
	return s->ops->watch_open(s, key, end, from_rev, e);
}
/* The next events: a bounded batch, all of it in the arena (event values are owned by the arena: blob_ref to keep them longer).
 * At the deadline an empty batch with the revision reached.  ERR_EXPIRED when compaction overtook the cursor; ERR_SYSTEM ECANCELED when the
 * fiber was cancelled.  Waits. */
static inline int must_check store_watch_next(struct store_watch *w, struct arena *a, mono_t deadline, struct store_batch *ret, struct err *e)
{
	struct store *s = *(struct store **)w; /* every engine's watch begins with its store */
	return s->ops->watch_next(w, a, deadline, ret, e);
}
static inline void store_watch_close(struct store_watch *w) /* NULL is fine; on the loop that opened it */
{
	if (w)
		(*(struct store **)w)->ops->watch_close(w);
}
CLEANUP_FN(store_watch_close, struct store_watch *)
/* A lease that ends after ttl_s seconds on the monotonic clock; what remains survives a restart (to within a minute, never shorter).
 * Keys attached to it are deleted in one revision when it ends.  Waits. */
static inline int must_check store_lease_grant(struct store *s, int64_t ttl_s, int64_t *ret_id, struct err *e)
{
	return s->ops->lease_grant(s, ttl_s, ret_id, e);
}
/* Ends it now; ERR_NOT_FOUND.  Waits. */
static inline int must_check store_lease_revoke(struct store *s, int64_t id, struct err *e) { return s->ops->lease_revoke(s, id, e); }
/* Forgets versions replaced at or before rev: afterwards reads below rev, and watches from below rev, are ERR_EXPIRED.  ERR_EXPIRED when rev has
 * been compacted already.  Returns when the mark is durable; the room is given back in slices.  Happens by itself by age.  Waits. */
static inline int must_check store_compact(struct store *s, int64_t rev, struct err *e) { return s->ops->compact(s, rev, e); }
/* A consistent copy to fd (a file or pipe), written on a worker thread.  Waits. */
static inline int must_check store_snapshot(struct store *s, int fd, struct err *e) { return s->ops->snapshot(s, fd, e); }
static inline void store_status(struct store *s, struct store_status *ret) { s->ops->status(s, ret); }
/* From any thread but the store's, when no call is in flight and no watch open.  NULL is fine. */
static inline void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}
CLEANUP_FN(store_close, struct store *)
/* The end of the range of all keys that start with prefix (in the arena): the prefix with its last byte below 0xff raised, or STORE_END. */
struct str store_prefix_end(struct arena *a, struct str prefix);
