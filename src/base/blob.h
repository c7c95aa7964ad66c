/* Immutable reference-counted bytes, shared across threads: what the cache holds and what sockets send without a copy. */
#pragma once
#include "base/scope.h"
#include "base/str.h"
#include <stdatomic.h>

struct blob {
	_Atomic uint32_t refs;
	uint32_t flags; /* the owner's */
	size_t n;
	char p[];
};
/* One reference, n bytes to be filled in before it is shared; NULL when out of memory. */
struct blob *blob_new(size_t n);
struct blob *blob_copy(struct str s);
static inline struct blob *blob_ref(struct blob *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}
void blob_unref(struct blob *b); /* NULL is fine */
CLEANUP_FN(blob_unref, struct blob *)
static inline struct str blob_str(const struct blob *b) { return b ? (struct str){b->p, b->n} : (struct str){0}; }
