#include "base/blob.h"
#include <stdlib.h>

struct blob *blob_new(size_t n)
{
	size_t size;
	struct blob *b = __builtin_add_overflow(sizeof *b, n, &size) || size > PTRDIFF_MAX ? NULL : malloc(size);
	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->flags = 0;
	b->n = n;
	return b;
}

struct blob *blob_copy(struct str s)
{
	struct blob *b = blob_new(s.n);
	if (b && s.n)
		memcpy(b->p, s.p, s.n);
	return b;
}

void blob_unref(struct blob *b)
{
	/* Release and acquire: every reader is done with the bytes before the last one frees them. */
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}
