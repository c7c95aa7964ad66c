/* Private: how keys and versions lie in the tables.
 *
 * KV_HISTORY   (revision, sub), big endian -> struct record, key, value: every version, tombstones included, in the order of writing.
 *              Versions that were replaced go with compaction; so all of it is the live data and the recent past.
 * KV_INDEX     index key -> struct head: where the newest version of a key is.  Older ones are found along record.prev.
 * KV_LEASE     id -> struct lease_record
 * KV_LEASE_KEY id, index key -> nothing: what is attached
 * KV_META      name -> struct: "cluster", "compact"
 *
 * An index key is the key itself up to INDEX_PLAIN bytes, else its first INDEX_PLAIN bytes and the SHA-256 of all: keys stay in order but for runs
 * of long keys with the same beginning, which the reader sorts by the full keys in their records.  Numbers are little endian where not said. */
#pragma once
#include "store/kv.h"

#define INDEX_HASH 32
#define INDEX_PLAIN (KV_KEY_MAX - 8 - INDEX_HASH - 1) /* so that a lease id fits before it */
#define INDEX_MAX (INDEX_PLAIN + INDEX_HASH)
#define HISTORY_KEY 12

#define RECORD_FORMAT 1
enum { RECORD_TOMBSTONE = 1 };

struct place {
	int64_t rev;
	uint32_t sub;
};

struct record {
	uint8_t format, flags;
	uint16_t zero;
	uint32_t key_n;
	uint32_t value_n;
	uint32_t prev_sub;
	int64_t prev_rev; /* the version before, a tombstone too; 0: none that history knew */
	int64_t create_rev, version, lease;
};

struct head {
	int64_t rev;
	uint32_t sub, flags;
	int64_t create_rev, version, lease;
};

struct lease_record {
	int64_t ttl_s, remaining_s;
};

/* compacted: oldest readable revision; done: history up to there, exclusive, has been cleared of what it allows to go. */
struct compact_record {
	int64_t compacted, done;
};

/* A version as it lies in a transaction's memory. */
struct version {
	struct place at;
	struct record r;
	struct str key, value;
};

struct index_key {
	struct str s;
	char mem[INDEX_MAX];
};
struct str index_key(struct index_key *k, struct str key);
static inline bool index_key_is_long(struct str k) { return k.n > INDEX_PLAIN; }

struct str history_key(char mem[HISTORY_KEY], struct place at);
struct place history_place(struct str key);

/* -EUCLEAN when bytes are not a record of this format. */
int version_parse(struct str key, struct str bytes, struct version *ret) must_check;
int version_get(struct kv_txn *t, struct place at, struct version *ret) must_check;
int version_put(struct kv_txn *t, const struct version *v) must_check;
int head_get(struct kv_txn *t, struct str index_key, struct head *ret) must_check;
int head_parse(struct str bytes, struct head *ret) must_check;
int head_put(struct kv_txn *t, struct str index_key, const struct head *h) must_check;
static inline bool head_live(const struct head *h) { return h->rev && !(h->flags & RECORD_TOMBSTONE); }

struct str lease_key(char mem[8], int64_t id);
int64_t lease_key_id(struct str key);
struct str lease_key_key(char mem[8 + INDEX_MAX], int64_t id, struct str index_key);

/* Fixed-size rows. */
int row_get(struct kv_txn *t, enum kv_table table, struct str key, void *ret, size_t n) must_check;
int row_put(struct kv_txn *t, enum kv_table table, struct str key, const void *p, size_t n) must_check;
