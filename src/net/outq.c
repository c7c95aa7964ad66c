#include "net/outq.h"
#include <stdlib.h>

#define TAIL_BYTES 1000 /* prefixes and separators of events and lists are tens of bytes */

void outq_init(struct outq *q)
{
	q->v = q->first;
	q->cap = ARRAY_LEN(q->first);
	q->head = q->len = 0;
	q->bytes = 0;
	q->tail = NULL;
}

void outq_fini(struct outq *q)
{
	for (uint32_t i = 0; i < q->len; i++)
		blob_unref(q->v[(q->head + i) & (q->cap - 1)].blob);
	if (q->v != q->first)
		free(q->v);
	blob_unref(q->tail);
	outq_init(q);
}

static int grow(struct outq *q)
{
	struct seg *v = malloc(q->cap * 2 * sizeof *v);
	if (!v)
		return -1;
	for (uint32_t i = 0; i < q->len; i++)
		v[i] = q->v[(q->head + i) & (q->cap - 1)];
	if (q->v != q->first)
		free(q->v);
	q->v = v;
	q->cap *= 2;
	q->head = 0;
	return 0;
}

static struct seg *last(struct outq *q)
{
	return q->len ? &q->v[(q->head + q->len - 1) & (q->cap - 1)] : NULL;
}

int outq_push(struct outq *q, struct blob *b, const char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (q->len == q->cap && grow(q) < 0)
		return -1;
	q->v[(q->head + q->len++) & (q->cap - 1)] = (struct seg){blob_ref(b), p, n};
	q->bytes += n;
	return 0;
}

static int new_tail(struct outq *q, size_t n)
{
	struct blob *b = blob_new(n > TAIL_BYTES ? n : TAIL_BYTES);
	if (!b)
		return -1;
	blob_unref(q->tail);
	q->tail = b;
	q->tail_used = 0;
	return 0;
}

int outq_copy(struct outq *q, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	if ((!q->tail || q->tail->n - q->tail_used < n) && new_tail(q, n) < 0)
		return -1;
	char *at = q->tail->p + q->tail_used;
	memcpy(at, p, n);
	q->tail_used += n;
	struct seg *s = last(q);
	if (s && s->blob == q->tail && s->p + s->n == at) {
		s->n += n;
		q->bytes += n;
		return 0;
	}
	return outq_push(q, q->tail, at, n);
}

void outq_drop(struct outq *q, size_t n)
{
	struct seg *s = &q->v[q->head];
	q->bytes -= n;
	if (n < s->n) {
		s->p += n;
		s->n -= n;
		return;
	}
	blob_unref(s->blob);
	q->head = (q->head + 1) & (q->cap - 1);
	if (--q->len || !q->tail)
		return;
	if (atomic_load_explicit(&q->tail->refs, memory_order_relaxed) == 1)
		q->tail_used = 0; /* all of it was sent */
}
