/* A hash map from strings to pointers, seeded SipHash, open addressing, iteration in insertion order.
 *
 * Keys are not copied: they must live as long as the entry (point into the value, or map_set_dup copies them).
 * Zeroed is a valid empty map.  Not thread-safe.  Entries may be removed while iterating. */
#pragma once
#include "base/str.h"

struct map_entry {
	struct str key;
	void *value;
	uint64_t hash;
	bool owned, live;
};
struct map {
	struct map_entry *v; /* in insertion order, dead ones in between */
	uint32_t *index;
	size_t n;            /* live entries */
	size_t used, cap, slots;
};
void map_fini(struct map *m);
/* NULL when absent. */
void *map_get(const struct map *m, struct str key);
bool map_has(const struct map *m, struct str key);
/* Sets and returns the value that was there before, or NULL. */
void *map_set(struct map *m, struct str key, void *value);
void *map_set_dup(struct map *m, struct str key, void *value);
/* Removes and returns the value, or NULL. */
void *map_del(struct map *m, struct str key);
void map_clear(struct map *m);
/* size_t i = 0; while ((e = map_next(&m, &i))) */
struct map_entry *map_next(const struct map *m, size_t *i);
