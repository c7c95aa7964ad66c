/* An intrusive binary min-heap ordered by an int64 key (timers, queues with delays).  Equal keys leave in the order of insertion.
 * Not thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	uint64_t seq;
	size_t at; /* index + 1; 0: in no heap */
};
struct heap {
	struct heap_node **v;
	size_t n, cap;
	uint64_t seq;
};
void heap_fini(struct heap *h);
/* Inserts, or moves when already in the heap. */
void heap_set(struct heap *h, struct heap_node *n, int64_t key);
void heap_remove(struct heap *h, struct heap_node *n); /* fine on a node in no heap */
static inline struct heap_node *heap_min(const struct heap *h) { return h->n ? h->v[0] : NULL; }
