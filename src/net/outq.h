/* A queue of bytes to send, by reference: blobs, memory that outlives it, and copies.  Private to net/. */
#pragma once
#include "base/blob.h"

struct seg {
	struct blob *blob; /* one reference is the queue's, or NULL */
	const char *p;
	size_t n;
};
struct outq {
	struct seg *v;     /* ring; first[] until it is outgrown */
	uint32_t head, len, cap;
	size_t bytes;
	struct seg first[4];
	struct blob *tail; /* copies are put side by side in here; a reference */
	size_t tail_used;
};
void outq_init(struct outq *q);
void outq_fini(struct outq *q);
/* -1: out of memory. */
int outq_push(struct outq *q, struct blob *b, const char *p, size_t n) must_check; /* takes a reference of its own */
int outq_copy(struct outq *q, const void *p, size_t n) must_check;
/* The next contiguous piece; n > 0 bytes of it may be dropped then. */
static inline struct str outq_head(const struct outq *q) { return str_n(q->v[q->head].p, q->v[q->head].n); }
void outq_drop(struct outq *q, size_t n);
