#include "store/kv_log.h"
#include "base/log.h"
#include "rt/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MARK_MAGIC 0x676f6c6d62643863u
#define RING_AT (2 * KVLOG_BLOCK)
#define MEM_FIRST ((size_t)64 << 10)
#define MEM_KEPT ((size_t)256 << 10) /* more is given back after the record that needed it */
#define ZERO_STEP ((size_t)256 << 10)

/* As it lies on disk. */
struct mark_block {
	uint32_t sum, zero; /* sum: crc32 of all that follows it */
	uint64_t magic, key, ring;
	struct kvlog_mark mark;
};
struct op_head {
	uint8_t table, flags;
	uint16_t key_n;
	uint32_t value_n;
};
enum { OP_DEL = 1, OP_APPEND = 2 };

static uint64_t blocks(uint64_t bytes)
{
	return (bytes + KVLOG_BLOCK - 1) / KVLOG_BLOCK * KVLOG_BLOCK;
}

static char *aligned(size_t n)
{
	void *p;
	return posix_memalign(&p, KVLOG_BLOCK, n) ? NULL : p;
}

static uint32_t sum_of(const void *p, size_t n)
{
	return (uint32_t)crc32_z(0, (const unsigned char *)p + sizeof(uint32_t), n - sizeof(uint32_t));
}

/* ---- Bytes from and to the file ---- */

/* False when it was not O_DIRECT that was refused. */
static bool go_through_cache(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && flags & O_DIRECT && fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

static int write_at(int fd, const char *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t got = pwrite(fd, p, n, (off_t)at);
		if (got < 0 && (errno == EINTR || (errno == EINVAL && go_through_cache(fd))))
			continue;
		if (got < 0)
			return -errno;
		size_t whole = (size_t)got / KVLOG_BLOCK * KVLOG_BLOCK; /* what comes next must lie on a block again */
		if (!whole)
			return -EIO;
		p += whole;
		n -= whole;
		at += whole;
	}
	return 0;
}

static int read_at(int fd, char *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)at);
		if (got < 0 && (errno == EINTR || (errno == EINVAL && go_through_cache(fd))))
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EUCLEAN;
		p += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return 0;
}

static int open_direct(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_RDWR | O_DSYNC | O_DIRECT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 && errno == EINVAL ? openat(dir, name, flags | O_RDWR | O_DSYNC | O_CLOEXEC | O_NOFOLLOW, 0600) : fd;
}

/* ---- Marks ---- */

void kvlog_mark(const struct kvlog *l, struct kvlog_mark *ret)
{
	*ret = (struct kvlog_mark){.id = l->mark_id + 1, .seq = l->seq, .at = l->at, .sum = l->sum};
}

int kvlog_mark_write(struct kvlog *l, const struct kvlog_mark *m)
{
	struct mark_block b = {.magic = MARK_MAGIC, .key = l->key, .ring = l->ring, .mark = *m};
	b.sum = sum_of(&b, sizeof b);
	memset(l->mark_mem, 0, KVLOG_BLOCK);
	memcpy(l->mark_mem, &b, sizeof b);
	return write_at(l->fd, l->mark_mem, KVLOG_BLOCK, (m->id & 1) * KVLOG_BLOCK);
}

void kvlog_mark_done(struct kvlog *l, const struct kvlog_mark *m)
{
	l->mark_id = m->id;
	l->tail = m->at;
}

static void go_to(struct kvlog *l, const struct kvlog_mark *m)
{
	kvlog_mark_done(l, m);
	l->seq = m->seq;
	l->at = m->at;
	l->sum = m->sum;
}

static int read_mark(struct kvlog *l, int slot, struct mark_block *ret)
{
	int rc = read_at(l->fd, l->mark_mem, KVLOG_BLOCK, (uint64_t)slot * KVLOG_BLOCK);
	if (!rc)
		memcpy(ret, l->mark_mem, sizeof *ret);
	return rc;
}

static bool mark_good(const struct mark_block *b, int slot)
{
	return b->sum == sum_of(b, sizeof *b) && b->magic == MARK_MAGIC && (b->mark.id & 1) == slot && b->ring % KVLOG_BLOCK == 0 && b->ring > 0 &&
	       b->mark.at % KVLOG_BLOCK == 0;
}

/* The newest one that is whole. */
static int find_mark(struct kvlog *l, struct kvlog_mark *ret)
{
	struct mark_block b;
	struct stat st;
	ret->id = 0;
	for (int slot = 0; slot < 2; slot++) {
		int rc = read_mark(l, slot, &b);
		if (rc)
			return rc;
		if (!mark_good(&b, slot) || b.mark.id < ret->id)
			continue;
		*ret = b.mark;
		l->key = b.key;
		l->ring = b.ring;
	}
	if (fstat(l->fd, &st))
		return -errno;
	return ret->id && (uint64_t)st.st_size >= RING_AT + l->ring ? 0 : -EUCLEAN;
}

/* ---- Records ---- */

static bool grow(struct kvlog *l, size_t n)
{
	size_t cap = l->cap ? l->cap : MEM_FIRST;
	while (cap < n)
		cap *= 2;
	char *p = aligned(cap);
	if (!p)
		return false;
	if (l->n)
		memcpy(p, l->mem, l->n);
	free(l->mem);
	l->mem = p;
	l->cap = cap;
	return true;
}

/* Room for n more bytes, or NULL. */
static char *room(struct kvlog *l, size_t n)
{
	uint64_t need = blocks(l->n + n);
	l->skip = l->skip || need > l->ring / 2 || (need > l->cap && !grow(l, need));
	if (l->skip)
		return NULL;
	l->n += n;
	return l->mem + l->n - n;
}

void kvlog_begin(struct kvlog *l, bool skip)
{
	l->n = l->ops = 0;
	l->late = NULL;
	l->skip = skip;
	if (l->cap > MEM_KEPT) {
		free(STEAL(l->mem));
		l->cap = 0;
	}
	(void)room(l, sizeof(struct kvlog_head));
}

void kvlog_settle(struct kvlog *l)
{
	char *p = l->late ? room(l, l->late_n) : NULL;
	if (p)
		memcpy(p, l->late, l->late_n);
	l->late = NULL;
}

static void add(struct kvlog *l, struct op_head h, struct str key)
{
	kvlog_settle(l);
	char *p = room(l, sizeof h + key.n);
	if (!p)
		return;
	memcpy(p, &h, sizeof h);
	memcpy(p + sizeof h, key.p, key.n);
	l->ops++;
}

void kvlog_put(struct kvlog *l, uint8_t table, bool append, struct str key, const void *value, size_t n)
{
	add(l, (struct op_head){table, append ? OP_APPEND : 0, (uint16_t)key.n, (uint32_t)n}, key);
	l->late = n && !l->skip ? value : NULL;
	l->late_n = n;
}

void kvlog_del(struct kvlog *l, uint8_t table, struct str key)
{
	add(l, (struct op_head){table, OP_DEL, (uint16_t)key.n, 0}, key);
}

bool kvlog_seal(struct kvlog *l)
{
	struct kvlog_head h = {.key = l->key, .seq = l->seq, .mark = l->mark_id, .before = l->sum};
	kvlog_settle(l);
	if (l->skip)
		return false;
	h.bytes = (uint32_t)l->n;
	h.ops = l->ops;
	memcpy(l->mem, &h, sizeof h);
	h.sum = sum_of(l->mem, l->n);
	memcpy(l->mem, &h.sum, sizeof h.sum);
	memset(l->mem + l->n, 0, blocks(l->n) - l->n);
	return true;
}

/* Where the record goes: not around the ring's end. */
static uint64_t place(const struct kvlog *l)
{
	uint64_t off = l->at % l->ring;
	return off + blocks(l->n) > l->ring ? l->at - off + l->ring : l->at;
}

bool kvlog_fits(const struct kvlog *l)
{
	return place(l) + blocks(l->n) - l->tail <= l->ring;
}

int kvlog_append(struct kvlog *l)
{
	uint64_t at = place(l), n = blocks(l->n);
	int rc = write_at(l->fd, l->mem, n, RING_AT + at % l->ring);
	if (rc)
		return rc;
	memcpy(&l->sum, l->mem, sizeof l->sum);
	l->seq++;
	l->at = at + n;
	return 0;
}

uint64_t kvlog_used(const struct kvlog *l)
{
	return l->at - l->tail;
}

/* ---- Reading ---- */

bool kvlog_record(struct str bytes, uint64_t key, struct kvlog_head *ret, struct str *ret_ops)
{
	if (bytes.n < sizeof *ret)
		return false;
	memcpy(ret, bytes.p, sizeof *ret);
	if (ret->key != key || ret->bytes < sizeof *ret || ret->bytes > bytes.n || ret->sum != sum_of(bytes.p, ret->bytes))
		return false;
	*ret_ops = str_sub(bytes, sizeof *ret, ret->bytes);
	return true;
}

int kvlog_op(struct str *ops, struct kvlog_op *ret)
{
	struct op_head h;
	if (!ops->n)
		return 0;
	if (ops->n < sizeof h)
		return -EUCLEAN;
	memcpy(&h, ops->p, sizeof h);
	struct str rest = str_sub(*ops, sizeof h, ops->n);
	if (rest.n < h.key_n || rest.n - h.key_n < h.value_n)
		return -EUCLEAN;
	*ret = (struct kvlog_op){h.flags & OP_DEL, h.flags & OP_APPEND, h.table, str_sub(rest, 0, h.key_n), str_sub(rest, h.key_n, (size_t)h.key_n + h.value_n)};
	*ops = str_sub(rest, (size_t)h.key_n + h.value_n, rest.n);
	return 1;
}

static bool record_at(const struct kvlog *l, uint64_t at, struct kvlog_head *ret, struct str *ret_ops)
{
	uint64_t off = at % l->ring;
	return kvlog_record(str_n(l->read + off, l->ring - off), l->key, ret, ret_ops) && ret->seq == l->seq && ret->before == l->sum;
}

/* Goes behind the next record: at its place, or at the ring's beginning when it did not fit before the end. */
static bool next_record(struct kvlog *l, struct kvlog_head *ret, struct str *ret_ops)
{
	uint64_t off = l->at % l->ring;
	if (!record_at(l, l->at, ret, ret_ops)) {
		if (!off || !record_at(l, l->at - off + l->ring, ret, ret_ops))
			return false;
		l->at += l->ring - off;
	}
	l->at += blocks(ret->bytes);
	l->seq++;
	l->sum = ret->sum;
	return true;
}

static bool any_later(const struct kvlog *l)
{
	struct kvlog_head h;
	struct str ops;
	for (uint64_t off = 0; off < l->ring; off += KVLOG_BLOCK)
		if (kvlog_record(str_n(l->read + off, l->ring - off), l->key, &h, &ops) && h.seq >= l->seq)
			return true;
	return false;
}

/* Whether the records after m are all that were written: a gap, or one that knows of a newer mark, says that something is lost. */
static bool is_whole(struct kvlog *l, const struct kvlog_mark *m)
{
	struct kvlog_head h;
	struct str ops;
	bool good = true;
	go_to(l, m);
	while (good && next_record(l, &h, &ops))
		good = h.mark <= m->id;
	good = good && !any_later(l);
	go_to(l, m);
	return good;
}

int kvlog_replay(struct kvlog *l, int (*fn)(void *arg, struct str ops), void *arg)
{
	struct kvlog_head h;
	struct str ops;
	int rc = 0;
	while (!rc && l->read && next_record(l, &h, &ops))
		rc = fn(arg, ops);
	free(STEAL(l->read));
	return rc;
}

/* ---- Making and opening ---- */

static int read_log(struct kvlog *l, int dir, struct kvlog_mark *ret)
{
	*l = (struct kvlog){.fd = open_direct(dir, "store.log", 0)};
	if (l->fd < 0)
		return -errno;
	l->mark_mem = aligned(KVLOG_BLOCK);
	int rc = l->mark_mem ? find_mark(l, ret) : -ENOMEM;
	if (!rc && !(l->read = aligned(l->ring)))
		rc = -ENOMEM;
	if (!rc)
		rc = read_at(l->fd, l->read, l->ring, RING_AT);
	return rc || is_whole(l, ret) ? rc : -EUCLEAN;
}

int kvlog_open(struct kvlog *l, int dir, const char *name, struct kvlog_mark *ret, struct err *e)
{
	int rc = read_log(l, dir, ret);
	if (!rc)
		return 0;
	kvlog_close(l);
	if (rc == -ENOENT)
		return 1;
	return rc == -EUCLEAN ? err_set(e, ERR_INTERNAL, "%s/store.log is damaged: restore a snapshot, or choose another --data-dir", name)
			      : err_sys(e, rc, "cannot read %s/store.log", name);
}

/* Blocks that were never written would each cost a change of the file's own state later. */
static int write_zeros(struct kvlog *l)
{
	uint64_t n = RING_AT + l->ring;
	char *zeros = aligned(ZERO_STEP);
	int rc = !zeros ? -ENOMEM : fallocate(l->fd, 0, 0, (off_t)n) && errno == ENOSPC ? -ENOSPC : 0; /* in one piece, where there is a way */
	if (!rc)
		memset(zeros, 0, ZERO_STEP);
	for (uint64_t at = 0; !rc && at < n; at += ZERO_STEP)
		rc = write_at(l->fd, zeros, n - at < ZERO_STEP ? n - at : ZERO_STEP, at);
	free(zeros);
	return rc;
}

static int write_new(struct kvlog *l, int dir, const struct kvlog_mark *m)
{
	int rc = l->mark_mem ? write_zeros(l) : -ENOMEM;
	if (!rc)
		rc = kvlog_mark_write(l, m);
	if (!rc && (fsync(l->fd) || renameat(dir, "store.log.new", dir, "store.log") || fsync(dir)))
		rc = -errno;
	return rc;
}

int kvlog_make(struct kvlog *l, int dir, uint64_t bytes, const struct kvlog_mark *m)
{
	*l = (struct kvlog){.fd = open_direct(dir, "store.log.new", O_CREAT | O_TRUNC)};
	if (l->fd < 0)
		return -errno;
	l->mark_mem = aligned(KVLOG_BLOCK);
	rt_random(&l->key, sizeof l->key);
	l->ring = bytes ? blocks(bytes) : KVLOG_BYTES;
	go_to(l, m);
	int rc = write_new(l, dir, m);
	if (!rc)
		return 0;
	(void)unlinkat(dir, "store.log.new", 0);
	kvlog_close(l);
	return rc;
}

void kvlog_close(struct kvlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->mem);
	free(l->mark_mem);
	free(l->read);
	*l = (struct kvlog){.fd = -1};
}
