#include "base/arena.h"
#include "base/alloc.h"
#include <stdalign.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

/* Under AddressSanitizer what is not handed out is poisoned, and each block is followed by a gap that stays so. */
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#define GAP 16
#define TEXT_ALIGN 8 /* the grain of the shadow memory */
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define GAP 0
#define TEXT_ALIGN 1
#endif

#define ALIGN alignof(max_align_t)
#define CHUNK_MAX ((size_t)256 << 10)

struct chunk {
	struct chunk *next; /* the one before it in time */
	size_t size;        /* with this header: what was charged */
	alignas(max_align_t) char data[];
};
struct defer {
	struct defer *next;
	void (*fn)(void *);
	void *arg;
};
struct arena {
	char *at, *end;       /* what is left of the chunk in use */
	struct chunk *chunks; /* all, newest first */
	struct chunk *first;  /* survives arena_reset */
	struct budget *budget;
	struct defer *defers; /* last registered first */
	size_t chunk_size;    /* of the next chunk */
	size_t used;
	bool secret;
};

static bool charge_one(struct budget *b, size_t n)
{
	size_t used = atomic_load_explicit(&b->used, memory_order_relaxed), sum;
	do {
		if (__builtin_add_overflow(used, n, &sum) || (b->max && sum > b->max))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&b->used, &used, sum, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void refund_until(struct budget *b, const struct budget *end, size_t n)
{
	for (; b != end; b = b->parent)
		atomic_fetch_sub_explicit(&b->used, n, memory_order_relaxed);
}

bool budget_charge(struct budget *b, size_t n)
{
	for (struct budget *at = b; at; at = at->parent)
		if (!charge_one(at, n)) {
			refund_until(b, at, n);
			return false;
		}
	return true;
}

void budget_refund(struct budget *b, size_t n)
{
	refund_until(b, NULL, n);
}

struct arena *arena_new(struct budget *budget)
{
	struct arena *a = alloc_must(sizeof *a);
	*a = (struct arena){.budget = budget, .chunk_size = ARENA_CHUNK};
	return a;
}

static char *chunk_end(struct chunk *c)
{
	return (char *)c + c->size;
}

static void chunk_forget(struct arena *a, struct chunk *c)
{
	size_t n = (size_t)(chunk_end(c) - c->data);
	ASAN_UNPOISON_MEMORY_REGION(c->data, n);
	if (a->secret)
		explicit_bzero(c->data, n);
}

static void chunk_free(struct arena *a, struct chunk *c)
{
	chunk_forget(a, c);
	budget_refund(a->budget, c->size);
	free(c);
}

/* NULL when the budget or the system does not have it. */
static struct chunk *chunk_new(struct arena *a, size_t size)
{
	if (!budget_charge(a->budget, size))
		return NULL;
	struct chunk *c = malloc(size);
	if (!c) {
		budget_refund(a->budget, size);
		return NULL;
	}
	*c = (struct chunk){a->chunks, size};
	a->chunks = c;
	ASAN_POISON_MEMORY_REGION(c->data, size - sizeof *c);
	return c;
}

static void chunk_use(struct arena *a, struct chunk *c)
{
	a->at = c->data;
	a->end = chunk_end(c);
	if (!a->first)
		a->first = c;
	if (a->chunk_size < CHUNK_MAX)
		a->chunk_size *= 2;
}

/* Where n bytes go that the chunk in use has no room for.  A large block gets a chunk of its own and the one in use stays. */
static char *take_slow(struct arena *a, size_t n)
{
	size_t want = sizeof(struct chunk) + n + GAP;
	bool alone = want > a->chunk_size / 2;
	struct chunk *c = chunk_new(a, alone ? want : a->chunk_size);
	if (!c && !alone)
		c = chunk_new(a, want); /* the last bytes of a budget */
	if (!c)
		return NULL;
	if (alone)
		return c->data;
	chunk_use(a, c);
	a->at += n + GAP;
	return c->data;
}

static char *align_up(char *p, size_t align)
{
	size_t pad = -(uintptr_t)p & (align - 1);
	return pad ? p + pad : p; /* an empty arena has no p */
}

static char *take(struct arena *a, size_t n, size_t align)
{
	char *p = align_up(a->at, align);
	if (n > PTRDIFF_MAX - 2 * CHUNK_MAX)
		return NULL;
	if (a->end && p <= a->end && n + GAP <= (size_t)(a->end - p))
		a->at = p + n + GAP;
	else
		p = take_slow(a, n);
	if (!p)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	a->used += n;
	return p;
}

/* Small sizes never fail for want of memory, only for want of budget. */
static char *take_checked(struct arena *a, size_t n, size_t align)
{
	char *p = take(a, n, align);
	if (!p && n <= ARENA_FIXED_MAX && !a->budget)
		bug("out of memory");
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = take_checked(a, n, ALIGN);
	return p ? memset(p, 0, n) : NULL;
}

char *arena_text(struct arena *a, size_t n)
{
	return take_checked(a, n, TEXT_ALIGN);
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
	size_t total;
	return __builtin_mul_overflow(n, size, &total) ? NULL : arena_alloc(a, total);
}

/* The block is the last one and the chunk in use has room behind it. */
static bool grow_in_place(struct arena *a, char *p, size_t old, size_t n)
{
	if (!p || p + old + GAP != a->at || n - old > (size_t)(a->end - a->at))
		return false;
	a->at += n - old;
	a->used += n - old;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	memset(p + old, 0, n - old);
	return true;
}

void *arena_grow(struct arena *a, void *p, size_t old, size_t n)
{
	if (p && (n <= old || grow_in_place(a, p, old, n)))
		return p;
	void *fresh = arena_alloc(a, n);
	if (fresh && p && old)
		memcpy(fresh, p, old);
	return fresh;
}

void *arena_list_grow(struct arena *a, void **items, uint32_t *len, uint32_t *cap, size_t size)
{
	if (*len == *cap) {
		uint32_t more = *cap ? *cap * 2 : 4;
		size_t bytes;
		if (more <= *cap || __builtin_mul_overflow(more, size, &bytes))
			return NULL;
		void *p = arena_grow(a, *items, *cap * size, bytes);
		if (!p)
			return NULL;
		*items = p;
		*cap = more;
	}
	/* Zeroed anew, for lists that were shortened by their owner. */
	return memset((char *)*items + (size_t)(*len)++ * size, 0, size);
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
	struct defer *d = alloc_must(sizeof *d);
	*d = (struct defer){a->defers, fn, arg};
	a->defers = d;
}

static void run_defers(struct arena *a)
{
	for (struct defer *d; (d = a->defers);) {
		a->defers = d->next;
		d->fn(d->arg);
		free(d);
	}
}

void arena_reset(struct arena *a)
{
	run_defers(a);
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		if (c != a->first)
			chunk_free(a, c);
	}
	a->chunks = a->first;
	a->used = 0;
	if (!a->first)
		return;
	chunk_forget(a, a->first);
	a->first->next = NULL;
	a->chunk_size = ARENA_CHUNK;
	chunk_use(a, a->first);
	ASAN_POISON_MEMORY_REGION(a->at, (size_t)(a->end - a->at));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	run_defers(a);
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		chunk_free(a, c);
	}
	free(a);
}

void arena_mark_secret(struct arena *a)
{
	a->secret = true;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
