/* Private: the LMDB engine.
 *
 * LMDB writes its pages to the page cache and syncs nothing (MDB_NOSYNC).  A commit is durable by one record in the log (kv_log.h).  From time to time
 * a checkpoint (kv_checkpoint.c), on a thread of its own, syncs LMDB's file and notes in the log the roots that are on disk by that.  What a crash leaves of the file
 * is the pages that these roots reach, for a read transaction at that checkpoint, the pin, keeps LMDB from using them again, and any part of what
 * came later: so opening (kv_lmdb_open.c) puts the roots of the checkpoint back and does again what the log has since.
 * Where a record cannot be written (it is too large, or the disk is full and LMDB in need of the pages that the pin keeps), a checkpoint makes the commit
 * durable instead.
 *
 * All of it is the writer's; readers only take the map's lock.  The pin looks at no page: it does not hinder a map that moves. */
#pragma once
#include "store/kv.h"
#include "store/datadir.h"
#include "store/kv_log.h"
#include <lmdb.h>
#include <pthread.h>

/* A checkpoint that is under way. */
struct checkpoint {
	struct kvlog_mark mark;
	MDB_txn *pin;
	pthread_t thread;
	bool running;
	_Atomic bool done;
	int rc;
};

struct lmdb {
	struct kv kv;
	MDB_env *env;
	MDB_dbi dbi[KV_TABLES];
	struct datadir dir;
	struct kvlog log;
	struct checkpoint next;
	MDB_txn *pin;           /* at the last checkpoint */
	uint64_t dirty, dirty_bytes; /* of the file since the last checkpoint began; how much begins another */
	bool replaying, ready;  /* commits stand in the log already; the open is complete */
	pthread_mutex_t writing; /* held while LMDB has a transaction that the log has not */
	_Atomic int broken;     /* a write or sync failed: nothing must be written any more */
	pthread_rwlock_t map;   /* readers hold it shared; moving the map needs it alone */
	size_t map_bytes;       /* without a cap */
	bool map_full;          /* the last write found no room in the map */
	bool disk_full, capped; /* the file system refused to promise more; and the map ends where its promise does */
	uint64_t reserve_bytes;
	uint64_t reserve_inside; /* the part of the reserve that is free pages of the file, where the file system had no room */
	_Atomic uint64_t allocated; /* bytes of the file that the file system has promised; 0: it cannot promise */
	uint64_t page;
	uint32_t commits;       /* since the map was trimmed */
};

extern const struct kv_ops lmdb_ops;
/* 0 or -errno of what an LMDB call returned. */
int lmdb_result(int rc);
int lmdb_file(struct lmdb *kv);
/* The roots of the file that m's page size says: from fd to m, or back. */
int lmdb_move_roots(struct kvlog_mark *m, int fd, bool back) must_check;

/* Checkpoints, between two write transactions.  A failed one is final: kv->broken. */
int checkpoint_now(struct lmdb *kv) must_check;  /* what is committed is durable then */
bool checkpoint_due(const struct lmdb *kv);
void checkpoint_start(struct lmdb *kv);          /* on a thread of its own, while commits go on */
int checkpoint_poll(struct lmdb *kv) must_check; /* ends it when it is through; 0 or kv->broken */
int checkpoint_join(struct lmdb *kv) must_check; /* waits for it */
