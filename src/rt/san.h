/* Private to rt: tells the sanitizers about stack switches.  Nothing of this remains in other builds.
 * The functions must be inlined: between TSan's switch and the real one no function may be entered or left. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define RT_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define RT_TSAN 1
#endif
#ifdef RT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#ifdef RT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(RT_ASAN) || defined(RT_TSAN)
#define RT_STACK_BYTES ((size_t)256 << 10) /* instrumented frames are several times larger */
#else
#define RT_STACK_BYTES ((size_t)64 << 10)
#endif

/* One side of a switch: a fiber or the loop's own stack. */
struct san {
	void *fake;      /* ASan's fake stack while switched away */
	const void *low; /* of the stack */
	size_t bytes;
	void *tsan;
};

#define SAN_INLINE __attribute__((always_inline)) static inline

SAN_INLINE void san_begin(struct san *s, void *low, size_t bytes)
{
	*s = (struct san){.low = low, .bytes = bytes};
#ifdef RT_ASAN
	__asan_unpoison_memory_region(low, bytes);
#endif
#ifdef RT_TSAN
	s->tsan = __tsan_create_fiber(0);
#endif
}

SAN_INLINE void san_end(struct san *s)
{
#ifdef RT_TSAN
	if (s->tsan)
		__tsan_destroy_fiber(s->tsan);
#endif
	s->tsan = NULL;
}

SAN_INLINE void san_thread(struct san *s)
{
#ifdef RT_TSAN
	s->tsan = __tsan_get_current_fiber();
#endif
}

/* Right before the switch; last: from will not run again. */
SAN_INLINE void san_leave(struct san *from, struct san *to, bool last)
{
#ifdef RT_ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &from->fake, to->low, to->bytes);
#endif
#ifdef RT_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* Right after it, on the stack of self; from (may be NULL) learns where its stack is. */
SAN_INLINE void san_arrive(struct san *self, struct san *from)
{
#ifdef RT_ASAN
	__sanitizer_finish_switch_fiber(self->fake, from ? &from->low : NULL, from ? &from->bytes : NULL);
#endif
}

/* Pointers on fiber stacks keep what they point to from being reported as leaked. */
SAN_INLINE void san_map(void *p, size_t n)
{
#ifdef RT_ASAN
	__lsan_register_root_region(p, n);
#endif
}

SAN_INLINE void san_unmap(void *p, size_t n)
{
#ifdef RT_ASAN
	__lsan_unregister_root_region(p, n);
	__asan_unpoison_memory_region(p, n);
#endif
}
