/* Private: the write-ahead log of the LMDB engine, `store.log`: one file of a fixed size, written in place.
 *
 *     | mark | mark | ring of records ...                  blocks of KVLOG_BLOCK bytes
 *
 * A record is one transaction: a head, then its puts and deletes, padded to blocks.  It counts when its sum is right, it carries this log's key (a
 * random number, so that no stored value can pass for a record), has the next number and names the sum of the record before.
 * A mark says where a checkpoint stands: the roots of LMDB that were on disk then, and the record that comes next.  Marks are written in turn, so
 * that a torn one leaves the one before it, and the records after that one are kept until the new mark is on disk.
 * Every record names the newest mark that was on disk before it, so that a mark lost later is noticed; and a record that is missing before
 * another one is damage, not the end: one is written only after the one before it was on disk.
 *
 * Writes are synchronous, and pass the page cache by where the file system allows that.  Nothing of the file's own state changes with them: its
 * blocks are there and were written when it was made.
 * One thread uses a log; only kvlog_mark_write may run on another one meanwhile.  Functions return 0 or -errno; numbers are little endian. */
#pragma once
#include "base/err.h"
#include "base/str.h"

#define KVLOG_BLOCK ((uint64_t)4096)
#define KVLOG_BYTES ((uint64_t)4 << 20) /* of the ring: some hundred commits, and soon written when the log is made */
#define KVLOG_ROOT 512                  /* bytes kept of each root page, which are all that LMDB uses of it; a sector: never torn */

struct kvlog_mark {
	uint64_t id;       /* marks count up; 0: none */
	uint64_t seq, at;  /* of the first record after it: number; place, counted through all rounds of the ring */
	uint64_t txnid;    /* of LMDB's newest root */
	uint32_t sum;      /* of the record before */
	uint32_t page;     /* LMDB's page size; 0: there is no root yet */
	char roots[2][KVLOG_ROOT];
};

struct kvlog {
	int fd;
	uint64_t key, ring;    /* ring: bytes of it */
	uint64_t seq, at;      /* of the next record, as in a mark */
	uint32_t sum;
	uint64_t mark_id, tail; /* of the newest mark on disk; records from tail on are kept */
	char *mem;             /* the record under construction: n of cap bytes */
	size_t n, cap;
	uint32_t ops;
	bool skip;             /* it will not be written: it is not wanted, too large, or there was no memory */
	const void *late;      /* value of the last put, still to be filled and copied */
	size_t late_n;
	char *mark_mem;        /* a block */
	char *read;            /* the ring, from open to replay */
};

struct kvlog_op {
	bool del, append;
	uint8_t table;
	struct str key, value;
};

/* Makes the log in directory dir, with m as its only mark, in the place of any other; bytes: of the ring, 0: KVLOG_BYTES. */
int kvlog_make(struct kvlog *l, int dir, uint64_t bytes, const struct kvlog_mark *m) must_check;
/* 0; 1 when there is none; -1 with a sentence in e when it cannot be read or is damaged (name: of the directory).  Must be followed by kvlog_replay. */
int kvlog_open(struct kvlog *l, int dir, const char *name, struct kvlog_mark *ret, struct err *e) must_check;
/* Gives the operations of every record after the mark to fn, in order, until one fails. */
int kvlog_replay(struct kvlog *l, int (*fn)(void *arg, struct str ops), void *arg) must_check;
void kvlog_close(struct kvlog *l);

/* A record: begin, puts and deletes, append.  value stays where it is, and is copied at the next call. */
void kvlog_begin(struct kvlog *l, bool skip);
void kvlog_settle(struct kvlog *l); /* before value moves */
void kvlog_put(struct kvlog *l, uint8_t table, bool append, struct str key, const void *value, size_t n);
void kvlog_del(struct kvlog *l, uint8_t table, struct str key);
/* Completes the record; false when it cannot be written in any place. */
bool kvlog_seal(struct kvlog *l);
bool kvlog_fits(const struct kvlog *l);
/* 0: it is on disk.  Else that is not known. */
int kvlog_append(struct kvlog *l) must_check;
uint64_t kvlog_used(const struct kvlog *l);

/* The mark of a checkpoint that begins now, without the roots. */
void kvlog_mark(const struct kvlog *l, struct kvlog_mark *ret);
int kvlog_mark_write(struct kvlog *l, const struct kvlog_mark *m) must_check;
/* m is on disk: what lies before it is not needed any more. */
void kvlog_mark_done(struct kvlog *l, const struct kvlog_mark *m);

/* Reading what may be anything.  A record that bytes begin with: its operations, and its head's numbers; false when there is none. */
struct kvlog_head {
	uint32_t sum, bytes; /* sum: crc32 of all that follows it; bytes: with the head, without padding */
	uint64_t key, seq, mark;
	uint32_t before, ops;
};
bool kvlog_record(struct str bytes, uint64_t key, struct kvlog_head *ret, struct str *ret_ops);
/* Takes one operation from the front of *ops: 1; 0 at the end; -EUCLEAN. */
int kvlog_op(struct str *ops, struct kvlog_op *ret) must_check;
