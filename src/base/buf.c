#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>

#define BUF_MIN 64 /* first allocation */

void buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_fini_secret(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_fini(b);
}

/* One byte more than cap is held, for the NUL of buf_z and of vsnprintf. */
static bool grow(struct buf *b, size_t want)
{
	size_t max = b->max ? b->max : BUF_MAX;
	size_t cap = b->cap < BUF_MIN ? BUF_MIN : b->cap * 2;
	if (want > max)
		return false;
	if (cap < want)
		cap = want;
	if (cap > max)
		cap = max;
	char *p = realloc(b->p, cap + 1);
	if (!p)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t want;
	/* After a failure nothing more is taken, so that the content never has a hole. */
	if (b->failed || __builtin_add_overflow(b->n, n, &want) || ((want > b->cap || !b->p) && !grow(b, want))) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = n ? buf_room(b, n) : NULL;
	if (!to)
		return;
	memcpy(to, p, n);
	b->n += n;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	size_t left = b->p ? b->cap - b->n + 1 : 0;
	int n = vsnprintf(left ? b->p + b->n : NULL, left, fmt, again);
	va_end(again);
	if (n < 0)
		b->failed = true;
	char *to = n > 0 ? buf_room(b, (size_t)n) : NULL;
	if (!to)
		return;
	if ((size_t)n >= left)
		vsnprintf(to, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20], *at = digits + sizeof digits;
	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	buf_put(b, at, (size_t)(digits + sizeof digits - at));
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

const char *buf_z(struct buf *b)
{
	if (!b->p)
		return "";
	b->p[b->n] = 0;
	return b->p;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->n)
		n = b->n;
	b->n -= n;
	if (n && b->n)
		memmove(b->p, b->p + n, b->n);
}

struct str buf_take(struct buf *b, struct arena *a)
{
	struct str s = str_dup(a, str_n(b->p ? b->p : "", b->n));
	buf_fini(b);
	return s;
}
