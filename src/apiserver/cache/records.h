/* Private to cache/: walking over protobuf records without decoding them. */
#pragma once
#include "base/str.h"

struct records {
	const uint8_t *p, *end;
};
struct record {
	uint32_t tag;
	uint8_t wire;      /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
	uint64_t num;      /* of a varint */
	struct str bytes;  /* of bytes */
	const uint8_t *at; /* where the record begins */
};
static inline struct records records_of(struct str s) { return (struct records){(const uint8_t *)s.p, (const uint8_t *)s.p + s.n}; }
/* false at the end, and where the bytes are broken (then p is not end). */
bool record_next(struct records *s, struct record *ret);
size_t pbvarint_size(uint64_t v);
/* Writes v and returns what follows. */
uint8_t *pbvarint_put(uint8_t *p, uint64_t v);
