/* The LMDB engine: transactions, and room for them.
 *
 * The file grows ahead of use, in steps: so a full disk is met by fallocate, before anything was written, and a sync need not record a new size.
 * When the file system has no more, the map is capped at what it has promised, and LMDB itself refuses to go beyond it. */
#include "store/kv_lmdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROW_MIN ((uint64_t)1 << 20)
#define GROW_MAX ((uint64_t)64 << 20)
#define OP_BYTES 8192          /* what one put or del may add besides its own bytes: copies of leaves on its way */
#define TRIM_EVERY 1024        /* commits, after which the pages that they have looked at go back */
#define TXN_BYTES (256 * 1024) /* and a transaction: copies of branches, lists of free pages */
#define TXN_DIRTY (32 * 1024)  /* of which it writes about so much */

struct lmdb_txn {
	struct kv_txn base;
	struct lmdb *kv;
	MDB_txn *txn;
	bool write;
	uint64_t bytes; /* that the writes may add to the file */
};

struct lmdb_cursor {
	struct kv_cursor base;
	MDB_cursor *cur;
};

/* LMDB's own codes are negative, errnos positive. */
int lmdb_result(int rc)
{
	switch (rc) {
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
		return -EAGAIN;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_TXN_FULL:
		return -E2BIG;
	case MDB_READERS_FULL:
		return -EBUSY;
	}
	return rc < 0 ? -EUCLEAN : -rc;
}

int lmdb_file(struct lmdb *kv)
{
	mdb_filehandle_t fd;
	mdb_env_get_fd(kv->env, &fd);
	return fd;
}

static MDB_val val(struct str s)
{
	return (MDB_val){s.n, (void *)s.p};
}

static struct str str_of_val(MDB_val v)
{
	return str_n(v.mv_data, v.mv_size);
}

/* ---- Room: the map's size and the file's ---- */

static int set_map(struct lmdb *kv, size_t bytes)
{
	pthread_rwlock_wrlock(&kv->map); /* readers last a turn, a snapshot as long as its receiver takes */
	int rc = mdb_env_set_mapsize(kv->env, bytes);
	pthread_rwlock_unlock(&kv->map);
	return lmdb_result(rc);
}

static int grow_map(struct lmdb *kv)
{
	int rc = set_map(kv, kv->map_bytes * 2);
	if (!rc) {
		kv->map_bytes *= 2;
		kv->map_full = false;
	}
	return rc;
}

static int cap_map(struct lmdb *kv)
{
	int rc = set_map(kv, atomic_load_explicit(&kv->allocated, memory_order_relaxed));
	kv->disk_full = false;
	kv->capped = rc == 0;
	return rc;
}

static void uncap_map(struct lmdb *kv)
{
	if (kv->capped && set_map(kv, kv->map_bytes) == 0)
		kv->capped = false;
}

static uint64_t used_bytes(struct lmdb *kv)
{
	MDB_envinfo info;
	mdb_env_info(kv->env, &info);
	return (info.me_last_pgno + 1) * kv->page;
}

static int allocate(struct lmdb *kv, uint64_t bytes)
{
	uint64_t have = atomic_load_explicit(&kv->allocated, memory_order_relaxed);
	if (fallocate(lmdb_file(kv), 0, (off_t)have, (off_t)(bytes - have)) == 0) {
		atomic_store_explicit(&kv->allocated, bytes, memory_order_relaxed);
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return -ENOSPC;
	atomic_store_explicit(&kv->allocated, 0, memory_order_relaxed);
	return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

static uint64_t count_free(MDB_txn *txn)
{
	MDB_cursor *c;
	MDB_val k, v;
	size_t n;
	uint64_t pages = 0;
	if (mdb_cursor_open(txn, 0, &c)) /* LMDB's own table of free pages: lists that begin with their length */
		return 0;
	while (mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		memcpy(&n, v.mv_data, sizeof n);
		pages += n;
	}
	mdb_cursor_close(c);
	return pages;
}

/* Half of the free pages, for the last ones freed are not to be used yet. */
static uint64_t free_inside(struct lmdb *kv)
{
	MDB_txn *txn;
	if (mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn))
		return 0;
	uint64_t pages = count_free(txn);
	mdb_txn_abort(txn);
	return pages * kv->page / 2;
}

/* Makes sure that `more` bytes beyond what is used fit the file.  Under the cap LMDB does that, but it does not know of the reserve. */
static int make_room(struct lmdb *kv, uint64_t more)
{
	uint64_t have = atomic_load_explicit(&kv->allocated, memory_order_relaxed), need = used_bytes(kv) + more, step = have / 8;
	if (kv->capped)
		return kv->reserve_inside && free_inside(kv) < kv->reserve_inside + more ? -ENOSPC : 0;
	if (!have || need <= have)
		return 0;
	step = step < GROW_MIN ? GROW_MIN : step > GROW_MAX ? GROW_MAX : step;
	int rc = allocate(kv, (need + step) / kv->page * kv->page);
	if (rc == -ENOSPC)
		rc = allocate(kv, (need + kv->page - 1) / kv->page * kv->page);
	kv->disk_full = rc == -ENOSPC;
	return rc == -ENOSPC ? -EAGAIN : rc;
}

/* LMDB does not tell where its map is: the kernel does. */
static void *find_map(struct lmdb *kv)
{
	struct stat st;
	char line[4352];
	unsigned long from, to, offset, inode;
	void *ret = NULL;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && !ret && fstat(lmdb_file(kv), &st) == 0 && fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx r--s %lx %*s %lu", &from, &to, &offset, &inode) == 4 && inode == st.st_ino && offset == 0)
			ret = (void *)from;
	if (maps)
		fclose(maps);
	return ret;
}

/* Pages of the map that are not in use go back: they stay in the page cache and count for nobody. */
static void lmdb_trim(struct kv *base)
{
	struct lmdb *kv = (struct lmdb *)base;
	kv->commits = 0;
	pthread_rwlock_rdlock(&kv->map);
	void *map = find_map(kv);
	if (map)
		(void)madvise(map, used_bytes(kv), MADV_DONTNEED);
	pthread_rwlock_unlock(&kv->map);
}

/* Before the map is capped: LMDB will have to do with the pages that are free. */
static int fit_map(struct lmdb *kv)
{
	if (!kv->disk_full)
		return kv->map_full ? grow_map(kv) : 0;
	int rc = kv->replaying ? 0 : checkpoint_now(kv);
	return rc ? rc : cap_map(kv);
}

/* ---- Transactions ---- */

/* The map's end is the disk's where it is capped. */
static int write_result(struct lmdb *kv, int rc)
{
	if (rc != MDB_MAP_FULL)
		return lmdb_result(rc);
	kv->map_full = !kv->capped;
	return kv->capped ? -ENOSPC : -EAGAIN;
}

static int write_ready(struct lmdb *kv)
{
	int rc = checkpoint_poll(kv);
	if (!rc)
		rc = fit_map(kv);
	kvlog_begin(&kv->log, kv->replaying || kv->capped);
	return rc;
}

static int lmdb_begin(struct kv *base, bool write, struct kv_txn **ret)
{
	struct lmdb *kv = (struct lmdb *)base;
	struct lmdb_txn *t = calloc(1, sizeof *t);
	int rc = !t ? -ENOMEM : write ? write_ready(kv) : 0;
	if (!rc && !write)
		pthread_rwlock_rdlock(&kv->map);
	if (!rc) {
		rc = lmdb_result(mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->txn));
		if (rc && !write)
			pthread_rwlock_unlock(&kv->map);
	}
	if (rc) {
		free(t);
		return rc;
	}
	t->base.ops = &lmdb_ops;
	t->kv = kv;
	t->write = write;
	*ret = &t->base;
	return 0;
}

static void lmdb_abort(struct kv_txn *base)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	mdb_txn_abort(t->txn);
	if (!t->write)
		pthread_rwlock_unlock(&t->kv->map);
	free(t);
}

/* LMDB has the transaction: readers see it, but a crash would lose it. */
static int persist(struct lmdb *kv, bool logged)
{
	int rc = 0;
	if (logged && !kvlog_fits(&kv->log))
		rc = checkpoint_join(kv);
	if (!rc)
		rc = logged && kvlog_fits(&kv->log) ? kvlog_append(&kv->log) : checkpoint_now(kv);
	if (!rc && checkpoint_due(kv))
		checkpoint_start(kv);
	return rc == -ENOSPC ? -EIO : rc;
}

/* Running into the map's end while committing has written nothing yet; into the disk's, an unknown part. */
static int commit_both(struct lmdb *kv, MDB_txn *txn)
{
	bool logged = kvlog_seal(&kv->log); /* its values lie in LMDB's memory, until the commit */
	int rc = mdb_txn_commit(txn);
	rc = rc == ENOSPC ? -EIO : write_result(kv, rc);
	if (!rc && !kv->replaying)
		rc = persist(kv, logged);
	if (rc && rc != -EAGAIN && rc != -ENOSPC)
		kv->broken = rc; /* the file may have what the log has not */
	return rc;
}

static int commit_written(struct lmdb_txn *t)
{
	struct lmdb *kv = t->kv;
	kv->dirty += t->bytes + TXN_DIRTY;
	pthread_mutex_lock(&kv->writing);
	int rc = commit_both(kv, t->txn);
	pthread_mutex_unlock(&kv->writing);
	free(t);
	if (rc == 0 && ++kv->commits == TRIM_EVERY)
		lmdb_trim(&kv->kv);
	return rc;
}

static int lmdb_commit(struct kv_txn *base)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	int rc = make_room(t->kv, t->bytes + TXN_BYTES);
	if (!rc)
		return commit_written(t);
	lmdb_abort(base);
	return rc;
}

static int noted(struct lmdb_txn *t, int rc, size_t bytes)
{
	t->bytes += bytes + OP_BYTES;
	return write_result(t->kv, rc);
}

static int lmdb_get(struct kv_txn *base, enum kv_table table, struct str key, struct str *ret)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	MDB_val k = val(key), v;
	int rc = mdb_get(t->txn, t->kv->dbi[table], &k, &v);
	if (!rc)
		*ret = str_of_val(v);
	return lmdb_result(rc);
}

static int lmdb_put(struct kv_txn *base, enum kv_table table, struct str key, size_t n, bool append, void **ret)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	MDB_val k = val(key), v = {n, NULL};
	kvlog_settle(&t->kv->log);
	int rc = mdb_put(t->txn, t->kv->dbi[table], &k, &v, MDB_RESERVE | (append ? MDB_APPEND : 0));
	if (!rc) {
		kvlog_put(&t->kv->log, (uint8_t)table, append, key, v.mv_data, n);
		*ret = v.mv_data;
	}
	return noted(t, rc, key.n + n);
}

static int lmdb_del(struct kv_txn *base, enum kv_table table, struct str key)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	MDB_val k = val(key);
	kvlog_settle(&t->kv->log);
	int rc = mdb_del(t->txn, t->kv->dbi[table], &k, NULL);
	if (!rc)
		kvlog_del(&t->kv->log, (uint8_t)table, key);
	return noted(t, rc, 0);
}

/* ---- Cursors ---- */

static int lmdb_cursor(struct kv_txn *base, enum kv_table table, struct kv_cursor **ret)
{
	struct lmdb_txn *t = (struct lmdb_txn *)base;
	struct lmdb_cursor *c = malloc(sizeof *c);
	int rc = c ? lmdb_result(mdb_cursor_open(t->txn, t->kv->dbi[table], &c->cur)) : -ENOMEM;
	if (rc) {
		free(c);
		return rc;
	}
	c->base.ops = &lmdb_ops;
	*ret = &c->base;
	return 0;
}

static int move(struct kv_cursor *c, struct str at, MDB_cursor_op op, struct str *ret_key, struct str *ret_value)
{
	MDB_val k = val(at), v;
	int rc = mdb_cursor_get(((struct lmdb_cursor *)c)->cur, &k, &v, op);
	if (!rc) {
		*ret_key = str_of_val(k);
		*ret_value = str_of_val(v);
	}
	return lmdb_result(rc);
}

static int lmdb_seek(struct kv_cursor *c, struct str key, struct str *ret_key, struct str *ret_value)
{
	return move(c, key, key.n ? MDB_SET_RANGE : MDB_FIRST, ret_key, ret_value);
}

static int lmdb_next(struct kv_cursor *c, struct str *ret_key, struct str *ret_value)
{
	return move(c, (struct str){0}, MDB_NEXT, ret_key, ret_value);
}

static int lmdb_last(struct kv_cursor *c, struct str *ret_key, struct str *ret_value)
{
	return move(c, (struct str){0}, MDB_LAST, ret_key, ret_value);
}

static void lmdb_cursor_close(struct kv_cursor *c)
{
	mdb_cursor_close(((struct lmdb_cursor *)c)->cur);
	free(c);
}

/* ---- The rest ---- */

static int lmdb_reserve(struct kv *base, bool hold)
{
	struct lmdb *kv = (struct lmdb *)base;
	int rc = datadir_reserve(&kv->dir, hold ? kv->reserve_bytes : 0);
	bool inside = rc == -ENOSPC && free_inside(kv) >= kv->reserve_bytes + TXN_BYTES;
	if (rc == 0)
		uncap_map(kv); /* there is room on the disk, or there was and is now free */
	kv->reserve_inside = inside ? kv->reserve_bytes : 0;
	return inside ? 0 : rc;
}

static int lmdb_snapshot(struct kv *base, int fd)
{
	struct lmdb *kv = (struct lmdb *)base;
	pthread_rwlock_rdlock(&kv->map);
	int rc = lmdb_result(mdb_env_copyfd2(kv->env, fd, MDB_CP_COMPACT));
	pthread_rwlock_unlock(&kv->map);
	pthread_mutex_lock(&kv->writing); /* what the copy may have seen already is durable now, or never will be */
	if (!rc)
		rc = kv->broken;
	pthread_mutex_unlock(&kv->writing);
	return rc;
}

static void lmdb_stat(struct kv *base, struct kv_stat *ret)
{
	struct lmdb *kv = (struct lmdb *)base;
	pthread_rwlock_rdlock(&kv->map); /* what LMDB tells of itself lies in the map */
	uint64_t used = used_bytes(kv), file = atomic_load_explicit(&kv->allocated, memory_order_relaxed);
	pthread_rwlock_unlock(&kv->map);
	*ret = (struct kv_stat){file > used ? file : used, used};
}

static void lmdb_close(struct kv *base)
{
	struct lmdb *kv = (struct lmdb *)base;
	int rc = checkpoint_join(kv);
	if (!rc && kv->ready && kv->dirty)
		rc = checkpoint_now(kv);
	(void)rc; /* what it would have saved is in the log */
	mdb_txn_abort(kv->pin);
	if (kv->env)
		mdb_env_close(kv->env);
	kvlog_close(&kv->log);
	datadir_close(&kv->dir);
	pthread_rwlock_destroy(&kv->map);
	pthread_mutex_destroy(&kv->writing);
	free(kv);
}

const struct kv_ops lmdb_ops = {
	.begin = lmdb_begin, .commit = lmdb_commit, .abort = lmdb_abort, .get = lmdb_get, .put = lmdb_put, .del = lmdb_del,
	.cursor = lmdb_cursor, .seek = lmdb_seek, .next = lmdb_next, .last = lmdb_last, .cursor_close = lmdb_cursor_close,
	.reserve = lmdb_reserve, .trim = lmdb_trim, .snapshot = lmdb_snapshot, .stat = lmdb_stat, .close = lmdb_close,
};
