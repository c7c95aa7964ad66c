/* Arenas: memory that is freed in one step, counted against a budget.
 *
 * An arena belongs to one fiber (or one owner) at a time and is not thread-safe; budgets are.  Chunks come from malloc.
 * arena_alloc never returns NULL for requests up to ARENA_FIXED_MAX (out of memory there aborts, style rule 9);
 * larger requests and requests beyond the budget return NULL, and the caller reports it (err_nomem). */
#pragma once
#include "base/scope.h"
#include "base/str.h"
#include <stdatomic.h>

#define ARENA_FIXED_MAX 4096
#define ARENA_CHUNK 8192 /* first chunk; later ones double up to 256 KiB */

/* Bytes that may be held at once.  max 0 means no limit of its own.  A charge counts against every parent. */
struct budget {
	struct budget *parent;
	size_t max;
	_Atomic size_t used;
};
bool budget_charge(struct budget *b, size_t n); /* false: nothing was charged */
void budget_refund(struct budget *b, size_t n);

struct arena;
/* A new empty arena; budget may be NULL. */
struct arena *arena_new(struct budget *budget);
void arena_free(struct arena *a); /* NULL is fine */
/* Forgets everything, keeps the first chunk. */
void arena_reset(struct arena *a);
/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);
/* Zeroed and aligned for any type. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2)));
/* Not zeroed, alignment 1: for text. */
char *arena_text(struct arena *a, size_t n) __attribute__((malloc, alloc_size(2)));
/* Grows the block p of old bytes to n, in place if it is the last one; the new part is zeroed. */
void *arena_grow(struct arena *a, void *p, size_t old, size_t n);
/* Runs fn(arg) when the arena is reset or freed, last registered first. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);
/* Zeroes all chunks before they are given back (for arenas that held secrets). */
void arena_mark_secret(struct arena *a);

#define arena_make(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), (n), sizeof(type)))
/* NULL also when n * size overflows. */
void *arena_alloc_array(struct arena *a, size_t n, size_t size);
/* Appends room for one item to a {items, len, cap} list held in the arena and returns the zeroed item; NULL when out of budget. */
#define arena_push(a, list) ((__typeof__((list)->items))arena_list_grow((a), (void **)&(list)->items, &(list)->len, &(list)->cap, sizeof *(list)->items))
void *arena_list_grow(struct arena *a, void **items, uint32_t *len, uint32_t *cap, size_t size);
CLEANUP_FN(arena_free, struct arena *)
