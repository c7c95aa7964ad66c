/* A growing byte buffer on the heap.
 *
 * Zeroed is a valid empty buffer.  Growth beyond max (default BUF_MAX) or out of memory sets `failed` and drops what does not fit;
 * check it once at the end.  One owner at a time. */
#pragma once
#include "base/scope.h"
#include "base/str.h"
#include <stdarg.h>

#define BUF_MAX ((size_t)1 << 30)

struct buf {
	char *p;
	size_t n, cap;
	size_t max; /* 0: BUF_MAX */
	bool failed;
};
void buf_fini(struct buf *b);
static inline void buf_cleanup(struct buf *b) { buf_fini(b); }
#define BUF(name) __attribute__((cleanup(buf_cleanup))) struct buf name = {0}

/* Makes room for n more bytes and returns where they go, or NULL; n is not added. */
char *buf_room(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
static inline void buf_str(struct buf *b, struct str s) { buf_put(b, s.p, s.n); }
#define buf_lit(b, lit) buf_put((b), "" lit, sizeof(lit) - 1)
static inline void buf_char(struct buf *b, char c)
{
	char *p = b->n < b->cap ? b->p + b->n : buf_room(b, 1);
	if (p)
		*p = c, b->n++;
}
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_i64(struct buf *b, int64_t v);
void buf_u64(struct buf *b, uint64_t v);
/* NUL-terminated view; the NUL is not counted. */
const char *buf_z(struct buf *b);
static inline struct str buf_view(const struct buf *b) { return (struct str){b->p, b->n}; }
static inline void buf_clear(struct buf *b) { b->n = 0; b->failed = false; }
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/* Zeroes the content, then frees it.  Growing leaves copies behind: make room for all of a secret first. */
void buf_fini_secret(struct buf *b);
/* The bytes in the arena. */
struct str buf_take(struct buf *b, struct arena *a);
