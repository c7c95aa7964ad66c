/* Private to base: allocations whose failure ends the process, for small sizes and for containers without an error path (style rule 9). */
#pragma once
#include "base/log.h"
#include <stdlib.h>

static inline void *alloc_must(size_t n)
{
	void *p = malloc(n);
	if (!p)
		bug("out of memory");
	return p;
}
static inline void *alloc_grow(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);
	if (!p)
		bug("out of memory");
	return p;
}
