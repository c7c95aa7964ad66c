/*
 * The container that holds a Pod's namespaces: it sleeps, reaps what is left to it, and ends on SIGTERM or SIGINT.
 *
 * Freestanding, so that the image is about a kilobyte: no C library, system calls by hand, no stack worth naming.
 * All signals of interest are blocked and taken one by one, so there is no handler and no race: a signal that is
 * blocked is delivered to the first process of a PID namespace too, where it would be dropped otherwise.
 */
#if defined(__x86_64__)
enum { SYS_rt_sigprocmask = 14, SYS_rt_sigtimedwait = 128, SYS_wait4 = 61, SYS_exit_group = 231 };

static long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
enum { SYS_rt_sigprocmask = 135, SYS_rt_sigtimedwait = 137, SYS_wait4 = 260, SYS_exit_group = 94 };

static long call(long n, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#else
#error "pause: this processor is not supported"
#endif

enum { SIGINT = 2, SIGTERM = 15, SIGCHLD = 17, SIG_BLOCK = 0, WNOHANG = 1 };
#define BIT(sig) (1UL << ((sig) - 1))

__attribute__((noreturn)) void _start(void)
{
	static const unsigned long set = BIT(SIGINT) | BIT(SIGTERM) | BIT(SIGCHLD);
	long sig;

	call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&set, 0, sizeof set);
	do {
		while (call(SYS_wait4, -1, 0, WNOHANG, 0) > 0)
			;
		sig = call(SYS_rt_sigtimedwait, (long)&set, 0, 0, sizeof set);
	} while (sig != SIGINT && sig != SIGTERM);
	for (;;)
		call(SYS_exit_group, 0, 0, 0, 0);
}
