/* The seam beneath the embedded engine: a few ordered tables of byte strings with one writer, snapshot readers and durable commits.
 *
 * Engines: LMDB (kv_lmdb.c) and memory over a simulated disk (kv_mem.c).  All functions return 0 or -errno, get and cursors -ENOENT at the end.
 * One write transaction at a time, on one thread; read transactions on any thread, each used by one thread at a time and short (a loop's turn):
 * an old reader keeps LMDB from using freed pages again.  Keys have 1 to KV_KEY_MAX bytes and are ordered as memcmp does.
 * Bytes given back stay valid until the transaction ends; in a write transaction, until its next put or del.
 *
 * begin, put, del and commit may return -EAGAIN: nothing happened, (abort and) do it all again: the engine will have made room.
 * kv_commit returns 0 only when the transaction is durable.  -ENOSPC: nothing of it happened, the engine goes on.  Any other error: whether it is
 * on disk is unknown and the engine must not be written any more. */
#pragma once
#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#define KV_KEY_MAX 511 /* LMDB's compile-time limit in distributions */
#define KV_RESERVE_BYTES ((uint64_t)8 << 20) /* a few hundred deletes copy some MB of tree pages before any page is free again */

enum kv_table { KV_META, KV_HISTORY, KV_INDEX, KV_LEASE, KV_LEASE_KEY, KV_TABLES };

struct kv;
struct kv_txn;
struct kv_cursor;

struct kv_stat {
	uint64_t file_bytes, used_bytes;
};

struct kv_ops {
	int (*begin)(struct kv *kv, bool write, struct kv_txn **ret);
	int (*commit)(struct kv_txn *t);  /* ends t, whatever it returns */
	void (*abort)(struct kv_txn *t);
	int (*get)(struct kv_txn *t, enum kv_table table, struct str key, struct str *ret);
	/* Inserts or replaces; gives room for n bytes, to be filled before the next call on t.  append: key is beyond all others. */
	int (*put)(struct kv_txn *t, enum kv_table table, struct str key, size_t n, bool append, void **ret);
	int (*del)(struct kv_txn *t, enum kv_table table, struct str key);
	int (*cursor)(struct kv_txn *t, enum kv_table table, struct kv_cursor **ret);
	int (*seek)(struct kv_cursor *c, struct str key, struct str *ret_key, struct str *ret_value); /* first at or after key */
	int (*next)(struct kv_cursor *c, struct str *ret_key, struct str *ret_value);
	int (*last)(struct kv_cursor *c, struct str *ret_key, struct str *ret_value);
	void (*cursor_close)(struct kv_cursor *c); /* before its transaction ends */
	int (*reserve)(struct kv *kv, bool hold);  /* holds back room on disk, or gives it free; -ENOSPC when there is none */
	void (*trim)(struct kv *kv);               /* gives memory back that only speeds up reading */
	int (*snapshot)(struct kv *kv, int fd);    /* a consistent image to fd; blocks: on a worker thread */
	void (*stat)(struct kv *kv, struct kv_stat *ret);
	void (*close)(struct kv *kv);
};
/* Engines embed these as first members. */
struct kv { const struct kv_ops *ops; };
struct kv_txn { const struct kv_ops *ops; };
struct kv_cursor { const struct kv_ops *ops; };

static inline int must_check kv_begin(struct kv *kv, bool write, struct kv_txn **ret) { return kv->ops->begin(kv, write, ret); }
static inline int must_check kv_commit(struct kv_txn *t) { return t->ops->commit(t); }
static inline void kv_abort(struct kv_txn *t) { t->ops->abort(t); }
CLEANUP_FN(kv_abort, struct kv_txn *)
static inline int must_check kv_get(struct kv_txn *t, enum kv_table table, struct str key, struct str *ret) { return t->ops->get(t, table, key, ret); }
static inline int must_check kv_put(struct kv_txn *t, enum kv_table table, struct str key, size_t n, bool append, void **ret)
{
	return t->ops->put(t, table, key, n, append, ret);
}
static inline int must_check kv_del(struct kv_txn *t, enum kv_table table, struct str key) { return t->ops->del(t, table, key); }
static inline int must_check kv_cursor(struct kv_txn *t, enum kv_table table, struct kv_cursor **ret) { return t->ops->cursor(t, table, ret); }
static inline int must_check kv_seek(struct kv_cursor *c, struct str key, struct str *ret_key, struct str *ret_value) { return c->ops->seek(c, key, ret_key, ret_value); }
static inline int must_check kv_next(struct kv_cursor *c, struct str *ret_key, struct str *ret_value) { return c->ops->next(c, ret_key, ret_value); }
static inline int must_check kv_last(struct kv_cursor *c, struct str *ret_key, struct str *ret_value) { return c->ops->last(c, ret_key, ret_value); }
static inline void kv_cursor_close(struct kv_cursor *c) { c->ops->cursor_close(c); }
CLEANUP_FN(kv_cursor_close, struct kv_cursor *)
static inline void kv_close(struct kv *kv)
{
	if (kv)
		kv->ops->close(kv);
}
CLEANUP_FN(kv_close, struct kv *)

struct kv_lmdb_opts {
	size_t map_bytes;       /* first size of the map, doubled as the data grows; 0: 256 MiB */
	uint64_t reserve_bytes; /* 0: KV_RESERVE_BYTES */
	uint64_t log_bytes;     /* of a log that is made; 0: KVLOG_BYTES */
	uint64_t dirty_bytes;   /* of store.mdb between two checkpoints, about; 0: the default */
};
/* Opens or makes a data directory: `format` (which layout this is), `lock` (held while open, names the process), `store.mdb` with its lock
 * file, `store.log`, `reserve`.  Another process's, foreign and newer directories are refused; one of the format before is taken over. */
struct kv *kv_lmdb_open(const char *dir, const struct kv_lmdb_opts *o, struct err *e);

/* ---- Memory, over a simulated disk ---- */

/* A disk that outlives the engines on it.  Engines write in pieces of at most KV_DISK_PIECE bytes and sync; what was not synced is lost, or torn, in
 * a crash.  A disk is used by one thread at a time (the engine's writer, or the test while no engine is open). */
struct kv_disk;
#define KV_DISK_PIECE 512

struct kv_disk_faults {
	uint64_t fail_sync;    /* the n-th sync from now fails with -EIO; 0: never */
	uint64_t max_bytes;    /* live bytes that fit, the reserve included; 0: no limit */
	nsec_t sync_delay;     /* a sync sleeps up to this (on a fiber, virtual time) */
	uint64_t seed;         /* of which unsynced pieces survive a crash, and of delays */
};
struct kv_disk *kv_disk_new(void);
void kv_disk_free(struct kv_disk *d); /* NULL is fine; engines on it must be closed */
void kv_disk_set(struct kv_disk *d, const struct kv_disk_faults *f);
/* Power off: the engine that is open on d can write no more; each unsynced piece is lost or (with seed != 0) kept by chance. */
void kv_disk_crash(struct kv_disk *d);
/* The recorded sequence of writes and syncs: steps counts them, kv_disk_cut makes the disk as it was after the first n of them, with what was unsynced
 * there dropped, kept or torn by seed (0: all dropped).  A new disk, independent of d. */
size_t kv_disk_steps(const struct kv_disk *d);
struct kv_disk *kv_disk_cut(const struct kv_disk *d, size_t n, uint64_t seed);
uint64_t kv_disk_syncs(const struct kv_disk *d);
/* Makes d what a snapshot of the memory engine holds; 0 or -errno. */
int kv_disk_load(struct kv_disk *d, int fd) must_check;

/* An engine over d: replays its log up to the first broken record. */
struct kv *kv_mem_open(struct kv_disk *d, uint64_t reserve_bytes, struct err *e);
