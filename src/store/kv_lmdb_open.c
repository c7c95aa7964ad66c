/* Opening the LMDB engine: a crash is an ordinary end, so every opening recovers.  It may itself be cut off anywhere and begin again. */
#include "store/kv_lmdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_FIRST ((size_t)256 << 20)
#define DIRTY_BYTES ((uint64_t)2 << 20) /* estimated, between two checkpoints: the file keeps so much more room than it needs, and a sync has so much to write */
#define REPLAY_TRIES 64                 /* map doublings within one record */

static int open_tables(struct lmdb *kv)
{
	static const char *const names[KV_TABLES] = {"meta", "history", "index", "lease", "lease-key"};
	MDB_txn *txn;
	int rc = mdb_txn_begin(kv->env, NULL, 0, &txn);
	if (rc)
		return lmdb_result(rc);
	for (int i = 0; !rc && i < KV_TABLES; i++)
		rc = mdb_dbi_open(txn, names[i], MDB_CREATE, &kv->dbi[i]);
	if (rc)
		mdb_txn_abort(txn);
	else if ((rc = mdb_txn_commit(txn)) == 0 && fsync(kv->dir.fd)) /* the file's name is new, perhaps */
		return -errno;
	return lmdb_result(rc);
}

static size_t first_map(const char *path, const struct kv_lmdb_opts *o)
{
	struct stat st;
	size_t map = o && o->map_bytes ? o->map_bytes : MAP_FIRST;
	while (stat(path, &st) == 0 && map < (size_t)st.st_size * 2)
		map *= 2;
	return map;
}

static int open_env(struct lmdb *kv, const char *path, const struct kv_lmdb_opts *o)
{
	MDB_stat st;
	struct stat file;
	kv->map_bytes = first_map(path, o);
	int rc = mdb_env_create(&kv->env);
	if (rc || (rc = mdb_env_set_maxdbs(kv->env, KV_TABLES)) || (rc = mdb_env_set_mapsize(kv->env, kv->map_bytes)) ||
	    (rc = mdb_env_open(kv->env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMEMINIT | MDB_NORDAHEAD | MDB_NOSYNC, 0600)))
		return lmdb_result(rc);
	mdb_env_stat(kv->env, &st);
	kv->page = st.ms_psize;
	if (fstat(lmdb_file(kv), &file))
		return -errno;
	atomic_init(&kv->allocated, (uint64_t)file.st_size);
	return lmdb_result(mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &kv->pin));
}

/* The log needs its room for good: for want of any, the reserve's. */
static int make_log(struct lmdb *kv, const struct kv_lmdb_opts *o, const struct kvlog_mark *m)
{
	uint64_t bytes = o ? o->log_bytes : 0;
	int rc = kvlog_make(&kv->log, kv->dir.fd, bytes, m);
	if (rc == -ENOSPC && datadir_reserve(&kv->dir, 0) == 0)
		rc = kvlog_make(&kv->log, kv->dir.fd, bytes, m);
	return rc;
}

/* -ESTALE when the file is older than the log: somebody has put another one in its place. */
static int check_age(const char *path, const struct kvlog_mark *m)
{
	MDB_env *env;
	MDB_envinfo info;
	int rc = mdb_env_create(&env);
	if (rc)
		return lmdb_result(rc);
	rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600);
	if (!rc)
		rc = mdb_env_info(env, &info);
	mdb_env_close(env);
	return rc ? lmdb_result(rc) : info.me_last_txnid < m->txnid ? -ESTALE : 0;
}

static int put_roots_back(const char *path, struct kvlog_mark *m)
{
	int rc = check_age(path, m);
	int fd = rc ? -1 : open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return rc ? rc : -errno;
	rc = lmdb_move_roots(m, fd, true);
	close(fd);
	return rc;
}

/* Without a log yet: a fresh directory, or one whose first start was cut off.  The mark without a root says that store.mdb counts for nothing. */
static int begin_log(struct lmdb *kv, const char *path, const struct kv_lmdb_opts *o, bool found)
{
	struct kvlog_mark none = {.id = 1, .seq = 1};
	int rc = found ? 0 : make_log(kv, o, &none);
	return rc ? rc : unlink(path) && errno != ENOENT ? -errno : 0;
}

/* A directory of format 1 has synced its file at every commit, and no log (or one of a start that was cut off here). */
static int take_over(struct lmdb *kv, const struct kv_lmdb_opts *o)
{
	struct kvlog_mark m = {.id = 1, .seq = 1, .page = (uint32_t)kv->page, .txnid = mdb_txn_id(kv->pin)};
	int rc = lmdb_move_roots(&m, lmdb_file(kv), false);
	if (!rc && fdatasync(lmdb_file(kv)))
		rc = -errno;
	return rc ? rc : make_log(kv, o, &m);
}

static int replay_ops(struct kv_txn *t, struct str ops)
{
	struct kvlog_op op;
	void *room;
	int rc;
	while ((rc = kvlog_op(&ops, &op)) > 0) {
		if (op.table >= KV_TABLES)
			return -EUCLEAN;
		rc = op.del ? kv_del(t, op.table, op.key) : kv_put(t, op.table, op.key, op.value.n, op.append, &room);
		if (rc)
			return rc;
		if (op.value.n)
			memcpy(room, op.value.p, op.value.n);
	}
	return rc;
}

static int replay_once(struct lmdb *kv, struct str ops)
{
	struct kv_txn *t;
	int rc = kv_begin(&kv->kv, true, &t);
	if (!rc && (rc = replay_ops(t, ops)))
		kv_abort(t);
	else if (!rc)
		rc = kv_commit(t);
	return rc;
}

static int replay(void *arg, struct str ops)
{
	struct lmdb *kv = arg;
	int rc = -EAGAIN;
	for (int i = 0; rc == -EAGAIN && i < REPLAY_TRIES; i++)
		if ((rc = replay_once(kv, ops)) == -ENOSPC && kv->capped && kv->kv.ops->reserve(&kv->kv, false) == 0 && !kv->capped)
			rc = -EAGAIN; /* the reserve is there for that */
	return rc;
}

static int recover(struct lmdb *kv)
{
	kv->replaying = true;
	int rc = open_tables(kv);
	if (!rc)
		rc = kvlog_replay(&kv->log, replay, kv);
	kv->replaying = false;
	if (!rc)
		rc = checkpoint_now(kv);
	kv->ready = rc == 0;
	return rc;
}

static int open_failed(struct err *e, const char *dir, int rc)
{
	if (rc == -EUCLEAN)
		return err_set(e, ERR_INTERNAL, "%s/store.mdb is damaged or not a c8s store: restore a snapshot, or choose another --data-dir", dir);
	if (rc == -ESTALE)
		return err_set(e, ERR_INTERNAL, "%s/store.mdb is older than store.log beside it: put back the one that belongs to it, or choose another --data-dir", dir);
	return err_sys(e, rc, "cannot open %s/store.mdb", dir);
}

/* Finds the log, and what store.mdb is to it; *ret_old: there is none, for the directory is of format 1. */
static int open_log(struct lmdb *kv, const char *dir, const char *path, const struct kv_lmdb_opts *o, bool *ret_old, struct err *e)
{
	struct kvlog_mark m = {0};
	struct stat st;
	bool have = stat(path, &st) == 0 && st.st_size > 0;
	*ret_old = kv->dir.format == 1 && have;
	if (*ret_old)
		return 0;
	int missing = kv->dir.format == 1 ? 1 : kvlog_open(&kv->log, kv->dir.fd, dir, &m, e);
	if (missing < 0)
		return -1;
	if (missing ? have : m.page && !have)
		return err_set(e, ERR_INTERNAL, "%s/store.%s is missing: restore a snapshot, or choose another --data-dir", dir, have ? "log" : "mdb");
	int rc = m.page ? put_roots_back(path, &m) : begin_log(kv, path, o, !missing);
	return rc ? open_failed(e, dir, rc) : 0;
}

static int open_all(struct lmdb *kv, const char *dir, const struct kv_lmdb_opts *o, struct err *e)
{
	char path[4096];
	bool old;
	if (datadir_open(&kv->dir, dir, e))
		return -1;
	if (snprintf(path, sizeof path, "%s/store.mdb", dir) >= (int)sizeof path)
		return err_sys(e, ENAMETOOLONG, "cannot open %s/store.mdb", dir);
	if (open_log(kv, dir, path, o, &old, e))
		return -1;
	int rc = open_env(kv, path, o);
	if (!rc && old)
		rc = take_over(kv, o);
	if (rc)
		return open_failed(e, dir, rc);
	if (datadir_upgrade(&kv->dir, dir, e))
		return -1;
	rc = recover(kv);
	return rc ? open_failed(e, dir, rc) : 0;
}

struct kv *kv_lmdb_open(const char *dir, const struct kv_lmdb_opts *o, struct err *e)
{
	struct lmdb *kv = calloc(1, sizeof *kv);
	if (!kv) {
		err_nomem(e, sizeof *kv);
		return NULL;
	}
	kv->kv.ops = &lmdb_ops;
	kv->dir = (struct datadir){-1, -1, 0};
	kv->log.fd = -1;
	kv->reserve_bytes = o && o->reserve_bytes ? o->reserve_bytes : KV_RESERVE_BYTES;
	kv->dirty_bytes = o && o->dirty_bytes ? o->dirty_bytes : DIRTY_BYTES;
	pthread_rwlock_init(&kv->map, NULL);
	pthread_mutex_init(&kv->writing, NULL);
	if (open_all(kv, dir, o, e) == 0)
		return &kv->kv;
	kv_close(&kv->kv);
	return NULL;
}
