/* Private to client: what its files share. */
#pragma once
#include "base/log.h"
#include "client/transport.h"
#include <stdlib.h>

/* Zeroed; ends the process when memory is short: for small things of fixed size (and keys, which the API bounds). */
static inline void *alloc_zero(size_t n)
{
	void *p = calloc(1, n);
	if (!p)
		bug("out of memory");
	return p;
}
static inline void *alloc_resize(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);
	if (!p)
		bug("out of memory");
	return p;
}
static inline struct str heap_str(struct str s)
{
	char *p = (char *)alloc_zero(s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}
/* Hands an error on, in the place of any that was there.  Returns -1. */
static inline int err_pass(struct err *to, struct err *from)
{
	err_fini(to);
	err_move(to, from);
	return -1;
}
/* "ns/name", or "name" without a namespace. */
static inline size_t key_size(struct str ns, struct str name) { return ns.n ? ns.n + 1 + name.n : name.n; }
struct str key_write(char *p, struct str ns, struct str name);
