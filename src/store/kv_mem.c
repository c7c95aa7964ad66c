/* The memory engine: one shared tree per table, and a log on a simulated disk that makes them again.
 *
 * A commit appends one record: head, then its puts and deletes.  A record counts when its sum is right; the sum covers the one before it too, so
 * that nothing left over from an earlier, longer log is ever taken for its continuation. */
#include "store/disk.h"
#include "store/tree.h"
#include "base/buf.h"
#include "base/enc.h"
#include "rt/fiber.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW_COST 32 /* of a row besides its bytes, in the account of what is live */
#define LOG_MAGIC 0x6d656b76u

struct mem {
	struct kv kv;
	struct kv_disk *disk;
	uint64_t generation;
	pthread_mutex_t lock; /* of roots: readers on other threads take references */
	struct tree *roots[KV_TABLES];
	_Atomic uint64_t live;
	uint64_t reserve_bytes;
	bool reserved;
	uint64_t end, seq, sum; /* of the log */
};

/* A change of the open transaction; row's value part may still be filled. */
struct change {
	uint8_t table;
	bool del;
	uint32_t key_n;
	struct blob *row;
};

struct mem_txn {
	struct kv_txn base;
	struct mem *kv;
	bool write;
	struct tree *roots[KV_TABLES];
	uint64_t live;
	struct change *changes;
	size_t n, cap;
};

struct mem_cursor {
	struct kv_cursor base;
	const struct tree *root;
	struct str at;
	char mem[KV_KEY_MAX];
};

struct log_head {
	uint32_t magic, rows;
	uint64_t seq, bytes, sum;
};
struct log_row {
	uint8_t table, del;
	uint16_t key_n;
	uint32_t value_n;
};

static const struct kv_ops mem_ops;

/* ---- The log ---- */

static void log_put(struct buf *log, struct log_row row, struct str bytes)
{
	buf_put(log, &row, sizeof row);
	buf_str(log, bytes);
}

/* Fills in the head that the record in log begins with. */
static void log_seal(struct buf *log, uint32_t rows, uint64_t seq, uint64_t sum_before)
{
	struct log_head h = {LOG_MAGIC, rows, seq, log->n - sizeof h, sum_before};
	memcpy(log->p, &h, sizeof h);
	h.sum = hash_fnv64a(buf_view(log));
	memcpy(log->p, &h, sizeof h);
}

static bool log_good(struct str record, struct log_head h, uint64_t sum_before)
{
	BUF(copy);
	uint64_t sum = h.sum;
	h.sum = sum_before;
	buf_put(&copy, &h, sizeof h);
	buf_str(&copy, str_sub(record, sizeof h, record.n));
	return hash_fnv64a(buf_view(&copy)) == sum;
}

static void charge(uint64_t *live, struct tree *root, struct str key, const size_t *value_n)
{
	struct str old;
	if (kvtree_get(root, key, &old))
		*live -= key.n + old.n + ROW_COST;
	if (value_n)
		*live += key.n + *value_n + ROW_COST;
}

static void replay_row(struct mem *kv, struct log_row row, struct str bytes)
{
	struct tree **root = &kv->roots[row.table];
	struct str key = str_sub(bytes, 0, row.key_n);
	uint64_t live = atomic_load(&kv->live);
	size_t value_n = row.value_n;
	charge(&live, *root, key, row.del ? NULL : &value_n);
	atomic_store(&kv->live, live);
	if (row.del) {
		*root = kvtree_del(*root, key);
		return;
	}
	struct blob *b = blob_copy(bytes);
	*root = kvtree_put(*root, b, row.key_n);
	blob_unref(b);
}

static int replay_record(struct mem *kv, struct str rows, uint32_t n)
{
	struct log_row row;
	while (n-- && rows.n >= sizeof row) {
		memcpy(&row, rows.p, sizeof row);
		size_t bytes = (size_t)row.key_n + row.value_n;
		if (row.table >= KV_TABLES || rows.n - sizeof row < bytes)
			return -EUCLEAN;
		replay_row(kv, row, str_sub(rows, sizeof row, sizeof row + bytes));
		rows = str_sub(rows, sizeof row + bytes, rows.n);
	}
	return rows.n ? -EUCLEAN : 0;
}

/* Up to the first record that is torn or missing. */
static int replay(struct mem *kv)
{
	struct str log = disk_view(kv->disk);
	struct log_head h;
	while (log.n >= sizeof h) {
		memcpy(&h, log.p, sizeof h);
		if (h.magic != LOG_MAGIC || h.seq != kv->seq + 1 || h.bytes > log.n - sizeof h)
			break;
		struct str record = str_sub(log, 0, sizeof h + h.bytes);
		if (!log_good(record, h, kv->sum))
			break;
		int rc = replay_record(kv, str_sub(record, sizeof h, record.n), h.rows);
		if (rc)
			return rc;
		kv->seq = h.seq;
		kv->sum = h.sum;
		kv->end += record.n;
		log = str_sub(log, record.n, log.n);
	}
	return 0;
}

/* ---- Transactions ---- */

static int mem_begin(struct kv *base, bool write, struct kv_txn **ret)
{
	struct mem *kv = (struct mem *)base;
	struct mem_txn *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	*t = (struct mem_txn){.base.ops = &mem_ops, .kv = kv, .write = write, .live = atomic_load(&kv->live)};
	pthread_mutex_lock(&kv->lock);
	for (int i = 0; i < KV_TABLES; i++)
		t->roots[i] = kvtree_ref(kv->roots[i]);
	pthread_mutex_unlock(&kv->lock);
	*ret = &t->base;
	return 0;
}

static void mem_abort(struct kv_txn *base)
{
	struct mem_txn *t = (struct mem_txn *)base;
	for (int i = 0; i < KV_TABLES; i++)
		kvtree_unref(t->roots[i]);
	for (size_t i = 0; i < t->n; i++)
		blob_unref(t->changes[i].row);
	free(t->changes);
	free(t);
}

static void write_log(struct mem_txn *t, struct buf *log)
{
	struct log_head none = {0};
	buf_put(log, &none, sizeof none);
	for (size_t i = 0; i < t->n; i++) {
		struct change *c = &t->changes[i];
		log_put(log, (struct log_row){c->table, c->del, (uint16_t)c->key_n, (uint32_t)(c->row->n - c->key_n)}, blob_str(c->row));
	}
	log_seal(log, (uint32_t)t->n, t->kv->seq + 1, t->kv->sum);
}

static bool disk_has_room(struct mem_txn *t)
{
	uint64_t max = disk_faults(t->kv->disk)->max_bytes, taken = t->kv->reserved ? t->kv->reserve_bytes : 0;
	return !max || t->live <= atomic_load(&t->kv->live) || t->live + taken <= max;
}

static int make_durable(struct mem *kv, struct str record)
{
	nsec_t delay = disk_delay(kv->disk);
	int rc = disk_write(kv->disk, kv->generation, kv->end, record);
	if (!rc && delay && fiber_self() && fiber_sleep(delay) == -ECANCELED)
		rc = -EIO; /* the loop ends while its disk is at work */
	return rc ? rc : disk_sync(kv->disk, kv->generation);
}

static void show(struct mem_txn *t, struct str record)
{
	struct mem *kv = t->kv;
	struct log_head h;
	memcpy(&h, record.p, sizeof h);
	kv->seq = h.seq;
	kv->sum = h.sum;
	kv->end += record.n;
	atomic_store(&kv->live, t->live);
	pthread_mutex_lock(&kv->lock);
	for (int i = 0; i < KV_TABLES; i++) {
		struct tree *old = kv->roots[i];
		kv->roots[i] = t->roots[i];
		t->roots[i] = old;
	}
	pthread_mutex_unlock(&kv->lock);
}

static int mem_commit(struct kv_txn *base)
{
	struct mem_txn *t = (struct mem_txn *)base;
	BUF(log);
	int rc = disk_has_room(t) ? 0 : -ENOSPC;
	if (!rc) {
		write_log(t, &log);
		rc = log.failed ? -ENOSPC : make_durable(t->kv, buf_view(&log));
	}
	if (!rc)
		show(t, buf_view(&log));
	mem_abort(base);
	return rc;
}

static int mem_get(struct kv_txn *base, enum kv_table table, struct str key, struct str *ret)
{
	return kvtree_get(((struct mem_txn *)base)->roots[table], key, ret) ? 0 : -ENOENT;
}

static int note(struct mem_txn *t, struct change c)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct change *p = reallocarray(t->changes, cap, sizeof *p);
		if (!p)
			return -ENOMEM;
		t->changes = p;
		t->cap = cap;
	}
	t->changes[t->n++] = c;
	return 0;
}

static bool beyond_all(struct tree *t, struct str key)
{
	struct str last, value;
	return !kvtree_last(t, &last, &value) || str_cmp(last, key) < 0;
}

static int mem_put(struct kv_txn *base, enum kv_table table, struct str key, size_t n, bool append, void **ret)
{
	struct mem_txn *t = (struct mem_txn *)base;
	if (!key.n || key.n > KV_KEY_MAX)
		return -EINVAL;
	if (append && !beyond_all(t->roots[table], key))
		return -EEXIST;
	struct blob *row = blob_new(key.n + n);
	if (!row)
		return -ENOMEM;
	memcpy(row->p, key.p, key.n);
	charge(&t->live, t->roots[table], key, &n);
	t->roots[table] = kvtree_put(t->roots[table], row, key.n);
	*ret = row->p + key.n;
	int rc = note(t, (struct change){(uint8_t)table, false, (uint32_t)key.n, row});
	if (rc)
		blob_unref(row);
	return rc;
}

static int mem_del(struct kv_txn *base, enum kv_table table, struct str key)
{
	struct mem_txn *t = (struct mem_txn *)base;
	struct str old;
	if (!kvtree_get(t->roots[table], key, &old))
		return -ENOENT;
	struct blob *row = blob_copy(key);
	int rc = row ? note(t, (struct change){(uint8_t)table, true, (uint32_t)key.n, row}) : -ENOMEM;
	if (rc) {
		blob_unref(row);
		return rc;
	}
	charge(&t->live, t->roots[table], key, NULL);
	t->roots[table] = kvtree_del(t->roots[table], blob_str(row));
	return 0;
}

/* ---- Cursors ---- */

static int mem_cursor(struct kv_txn *base, enum kv_table table, struct kv_cursor **ret)
{
	struct mem_cursor *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->base.ops = &mem_ops;
	c->root = ((struct mem_txn *)base)->roots[table];
	*ret = &c->base;
	return 0;
}

static int arrive(struct mem_cursor *c, bool found, const struct str *key)
{
	if (!found)
		return -ENOENT;
	c->at = str_n(memmove(c->mem, key->p, key->n), key->n);
	return 0;
}

static int mem_seek(struct kv_cursor *base, struct str key, struct str *ret_key, struct str *ret_value)
{
	struct mem_cursor *c = (struct mem_cursor *)base;
	bool found = kvtree_seek(c->root, key, false, ret_key, ret_value);
	return arrive(c, found, ret_key);
}

static int mem_next(struct kv_cursor *base, struct str *ret_key, struct str *ret_value)
{
	struct mem_cursor *c = (struct mem_cursor *)base;
	bool found = kvtree_seek(c->root, c->at, true, ret_key, ret_value);
	return arrive(c, found, ret_key);
}

static int mem_last(struct kv_cursor *base, struct str *ret_key, struct str *ret_value)
{
	struct mem_cursor *c = (struct mem_cursor *)base;
	bool found = kvtree_last(c->root, ret_key, ret_value);
	return arrive(c, found, ret_key);
}

static void mem_cursor_close(struct kv_cursor *c)
{
	free(c);
}

/* ---- The rest ---- */

static int mem_reserve(struct kv *base, bool hold)
{
	struct mem *kv = (struct mem *)base;
	uint64_t max = disk_faults(kv->disk)->max_bytes;
	if (hold && max && atomic_load(&kv->live) + kv->reserve_bytes > max)
		return -ENOSPC;
	kv->reserved = hold;
	return 0;
}

static void mem_trim(struct kv *base)
{
}

/* A disk whose log has one record: everything. */
static int mem_snapshot(struct kv *base, int fd)
{
	BUF(log);
	struct log_head none = {0};
	struct kv_txn *t;
	struct str key, value;
	uint32_t rows = 0;
	int rc = mem_begin(base, false, &t);
	if (rc)
		return rc;
	buf_put(&log, &none, sizeof none);
	for (uint8_t i = 0; i < KV_TABLES; i++)
		for (bool more = kvtree_seek(((struct mem_txn *)t)->roots[i], (struct str){0}, false, &key, &value); more;
		     more = kvtree_seek(((struct mem_txn *)t)->roots[i], key, true, &key, &value), rows++)
			log_put(&log, (struct log_row){i, false, (uint16_t)key.n, (uint32_t)value.n}, str_n(key.p, key.n + value.n)); /* they are neighbours */
	mem_abort(t);
	log_seal(&log, rows, 1, 0);
	for (struct str left = buf_view(&log); left.n; left = str_sub(left, (size_t)rc, left.n))
		if ((rc = (int)write(fd, left.p, left.n < 65536 ? left.n : 65536)) < 0)
			return -errno;
	return 0;
}

static void mem_stat(struct kv *base, struct kv_stat *ret)
{
	uint64_t live = atomic_load(&((struct mem *)base)->live);
	*ret = (struct kv_stat){live, live};
}

static void mem_close(struct kv *base)
{
	struct mem *kv = (struct mem *)base;
	for (int i = 0; i < KV_TABLES; i++)
		kvtree_unref(kv->roots[i]);
	pthread_mutex_destroy(&kv->lock);
	free(kv);
}

static const struct kv_ops mem_ops = {
	.begin = mem_begin, .commit = mem_commit, .abort = mem_abort, .get = mem_get, .put = mem_put, .del = mem_del,
	.cursor = mem_cursor, .seek = mem_seek, .next = mem_next, .last = mem_last, .cursor_close = mem_cursor_close,
	.reserve = mem_reserve, .trim = mem_trim, .snapshot = mem_snapshot, .stat = mem_stat, .close = mem_close,
};

struct kv *kv_mem_open(struct kv_disk *d, uint64_t reserve_bytes, struct err *e)
{
	struct mem *kv = calloc(1, sizeof *kv);
	if (!kv) {
		err_nomem(e, sizeof *kv);
		return NULL;
	}
	kv->kv.ops = &mem_ops;
	kv->disk = d;
	kv->generation = disk_generation(d);
	kv->reserve_bytes = reserve_bytes;
	pthread_mutex_init(&kv->lock, NULL);
	int rc = replay(kv);
	if (rc == 0)
		return &kv->kv;
	err_sys(e, rc, "the simulated disk holds a log that cannot be read");
	mem_close(&kv->kv);
	return NULL;
}
