/* Scope cleanup: `CLEANUP(arena_free) struct arena *a = arena_new(NULL);` frees a when the scope ends.
 * STEAL(x) hands the value on and leaves NULL behind.  CLEANUP_FN(name, type) defines what CLEANUP(name) calls: put it in the
 * header of the type; the function must accept NULL. */
#pragma once

#define CLEANUP(fn) __attribute__((cleanup(fn##_cleanup)))
#define CLEANUP_FN(fn, type)                          \
	static inline void fn##_cleanup(type *scope_p) \
	{                                             \
		if (*scope_p)                         \
			fn(*scope_p);                 \
	}
#define STEAL(x)                            \
	({                                  \
		__typeof__(x) stolen_ = (x); \
		(x) = NULL;                 \
		stolen_;                    \
	})
#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define must_check __attribute__((warn_unused_result))
