#include "store/record.h"
#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>

struct str index_key(struct index_key *k, struct str key)
{
	if (key.n <= INDEX_PLAIN)
		return k->s = key;
	memcpy(k->mem, key.p, INDEX_PLAIN);
	SHA256((const unsigned char *)key.p, key.n, (unsigned char *)k->mem + INDEX_PLAIN);
	return k->s = str_n(k->mem, INDEX_MAX);
}

struct str history_key(char mem[HISTORY_KEY], struct place at)
{
	uint64_t rev = htobe64((uint64_t)at.rev);
	uint32_t sub = htobe32(at.sub);
	memcpy(mem, &rev, 8);
	memcpy(mem + 8, &sub, 4);
	return str_n(mem, HISTORY_KEY);
}

struct place history_place(struct str key)
{
	uint64_t rev;
	uint32_t sub;
	memcpy(&rev, key.p, 8);
	memcpy(&sub, key.p + 8, 4);
	return (struct place){(int64_t)be64toh(rev), be32toh(sub)};
}

int version_parse(struct str key, struct str bytes, struct version *ret)
{
	struct record r;
	if (key.n != HISTORY_KEY || bytes.n < sizeof r)
		return -EUCLEAN;
	memcpy(&r, bytes.p, sizeof r);
	if (r.format != RECORD_FORMAT || bytes.n != sizeof r + (size_t)r.key_n + r.value_n)
		return -EUCLEAN;
	*ret = (struct version){history_place(key), r, str_n(bytes.p + sizeof r, r.key_n), str_n(bytes.p + sizeof r + r.key_n, r.value_n)};
	return 0;
}

int version_get(struct kv_txn *t, struct place at, struct version *ret)
{
	char mem[HISTORY_KEY];
	struct str key = history_key(mem, at), bytes;
	int rc = kv_get(t, KV_HISTORY, key, &bytes);
	return rc ? rc : version_parse(key, bytes, ret);
}

int version_put(struct kv_txn *t, const struct version *v)
{
	char mem[HISTORY_KEY], *p;
	struct record r = v->r;
	void *room;
	r.format = RECORD_FORMAT;
	r.key_n = (uint32_t)v->key.n;
	r.value_n = (uint32_t)v->value.n;
	int rc = kv_put(t, KV_HISTORY, history_key(mem, v->at), sizeof r + v->key.n + v->value.n, true, &room);
	if (rc)
		return rc;
	p = memcpy(room, &r, sizeof r);
	memcpy(p + sizeof r, v->key.p, v->key.n);
	if (v->value.n)
		memcpy(p + sizeof r + v->key.n, v->value.p, v->value.n);
	return 0;
}

int head_parse(struct str bytes, struct head *ret)
{
	if (bytes.n != sizeof *ret)
		return -EUCLEAN;
	memcpy(ret, bytes.p, sizeof *ret);
	return 0;
}

int head_get(struct kv_txn *t, struct str index_key, struct head *ret)
{
	return row_get(t, KV_INDEX, index_key, ret, sizeof *ret);
}

int head_put(struct kv_txn *t, struct str index_key, const struct head *h)
{
	return row_put(t, KV_INDEX, index_key, h, sizeof *h);
}

struct str lease_key(char mem[8], int64_t id)
{
	uint64_t be = htobe64((uint64_t)id);
	return str_n(memcpy(mem, &be, 8), 8);
}

int64_t lease_key_id(struct str key)
{
	uint64_t be;
	memcpy(&be, key.p, 8);
	return (int64_t)be64toh(be);
}

struct str lease_key_key(char mem[8 + INDEX_MAX], int64_t id, struct str index_key)
{
	lease_key(mem, id);
	memcpy(mem + 8, index_key.p, index_key.n);
	return str_n(mem, 8 + index_key.n);
}

int row_get(struct kv_txn *t, enum kv_table table, struct str key, void *ret, size_t n)
{
	struct str bytes;
	int rc = kv_get(t, table, key, &bytes);
	if (rc)
		return rc;
	if (bytes.n != n)
		return -EUCLEAN;
	memcpy(ret, bytes.p, n);
	return 0;
}

int row_put(struct kv_txn *t, enum kv_table table, struct str key, const void *p, size_t n)
{
	void *room;
	int rc = kv_put(t, table, key, n, false, &room);
	if (!rc && n)
		memcpy(room, p, n);
	return rc;
}
