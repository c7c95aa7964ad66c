#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef RT_TSAN
#define MANY 1000 /* TSan knows few thousand threads and fibers at a time */
#else
#define MANY 10000
#endif

static void run_opts(const struct rt_opts *o, void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(o);
	assert_non_null(rt);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void run(void (*fn)(void *), void *arg)
{
	run_opts(NULL, fn, arg);
}

static void append(void *arg)
{
	char *s = arg;
	assert_int_equal(fiber_yield(), 0);
	s[strlen(s)] = 'b';
}

static void spawner(void *arg)
{
	char *s = arg;
	assert_non_null(fiber_self());
	assert_non_null(fiber_spawn(NULL, "append", append, s));
	s[strlen(s)] = 'a';
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(loop_fibers(loop_self()), 1);
	s[strlen(s)] = 'c';
}

TEST(fiber_runs_after_its_spawner_waits)
{
	char s[8] = "";
	run(spawner, s);
	assert_string_equal(s, "abc");
}

static void sleeper(void *arg)
{
	int *result = arg;
	*result = fiber_sleep(NS_HOUR);
}

static void cancel_sleeper(void *arg)
{
	int result = 1, again = 1;
	struct fiber *f = fiber_spawn(NULL, "sleeper", sleeper, &result);
	assert_int_equal(fiber_yield(), 0);
	fiber_cancel(f);
	while (loop_fibers(loop_self()) > 1)
		assert_int_equal(fiber_yield(), 0);
	assert_int_equal(result, -ECANCELED);
	fiber_cancel(fiber_self());
	assert_true(fiber_cancelled());
	assert_int_equal(fiber_sleep(1), -ECANCELED);
	assert_int_equal(fiber_yield(), -ECANCELED);
	assert_int_equal(rt_breathe(), -ECANCELED);
	fiber_shield_begin();
	again = fiber_sleep(NS_MS);
	fiber_shield_end();
	assert_int_equal(again, 0);
	assert_int_equal(fiber_sleep(1), -ECANCELED);
}

TEST(fiber_cancelled_returns_from_every_wait_except_in_a_shield)
{
	run(cancel_sleeper, NULL);
}

static void shielded(void *arg)
{
	int *result = arg;
	fiber_shield_begin();
	result[0] = fiber_sleep(5 * NS_MS);
	fiber_shield_end();
	result[1] = fiber_sleep(5 * NS_MS);
}

static void cancel_shielded(void *arg)
{
	int result[2] = {1, 1};
	struct scope s;
	scope_init(&s, NULL);
	assert_non_null(fiber_spawn(&s, "shielded", shielded, result));
	assert_int_equal(fiber_yield(), 0);
	scope_fini(&s);
	assert_int_equal(result[0], 0);
	assert_int_equal(result[1], -ECANCELED);
}

TEST(fiber_shield_holds_cancellation_back_while_waiting)
{
	run(cancel_shielded, NULL);
}

static void sleep_spans(void *arg)
{
	mono_t from = rt_now_exact();
	assert_int_equal(fiber_sleep(3 * NS_MS), 0);
	assert_true(rt_now_exact() - from >= 3 * NS_MS);
	assert_int_equal(fiber_sleep_until(0), 0);
}

TEST(fiber_sleep_is_never_early)
{
	run(sleep_spans, NULL);
}

static void count(void *arg)
{
	int *n = arg;
	assert_int_equal(fiber_sleep(NS_MS), 0);
	++*n;
}

static void spawn_many(void *arg)
{
	int n = 0;
	struct scope s;
	scope_init(&s, NULL);
	for (int i = 0; i < MANY; i++)
		assert_non_null(fiber_spawn(&s, "count", count, &n));
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(n, MANY);
	scope_fini(&s);
}

TEST(fiber_ten_thousand_live_at_once)
{
	run_opts(&(struct rt_opts){.fibers_max = MANY + 1}, spawn_many, NULL);
}

static void spawn_beyond(void *arg)
{
	struct scope s;
	scope_init(&s, NULL);
	static int results[7]; /* outlives this fiber, as the last one spawned does */
	for (int i = 0; i < 7; i++)
		assert_non_null(fiber_spawn(&s, "sleeper", sleeper, &results[i]));
	assert_null(fiber_spawn(&s, "sleeper", sleeper, results));
	scope_fini(&s);
	assert_non_null(fiber_spawn(NULL, "sleeper", sleeper, results)); /* cancelled when the loop stops */
	assert_int_equal(fiber_yield(), 0);
	fiber_set_local(results);
	assert_ptr_equal(fiber_local(), results);
}

TEST(fiber_spawn_fails_beyond_the_limit)
{
	run_opts(&(struct rt_opts){.fibers_max = 8}, spawn_beyond, NULL);
}

static void leave_one(void *arg)
{
	assert_non_null(fiber_spawn(NULL, "sleeper", sleeper, arg));
}

TEST(fiber_that_outlives_the_stop_is_cancelled)
{
	int result = 1;
	run(leave_one, &result);
	assert_int_equal(result, -ECANCELED);
}

static void on_loop(void *arg)
{
	char big[1 << 20];
	memset(big, 1, sizeof big);
	assert_null(fiber_self());
	*(int *)arg = big[12345];
}

static void use_loop_stack(void *arg)
{
	int n = 0;
	struct fiber *self = fiber_self();
	rt_on_loop_stack(on_loop, &n);
	assert_int_equal(n, 1);
	assert_ptr_equal(fiber_self(), self);
}

TEST(rt_on_loop_stack_has_room)
{
	run(use_loop_stack, NULL);
}

static void deep(void *arg)
{
	volatile char frame[4096];
	frame[0] = 1;
	if (arg)
		deep(arg);
	frame[1] = frame[0];
}

TEST(fiber_stack_overflow_hits_the_guard)
{
	pid_t pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		struct rt *rt = rt_new(NULL);
		_exit(rt_main(rt, "deep", deep, rt) ? 3 : 2);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void other(void *arg)
{
	*(bool *)arg = true;
}

static void spin(void *arg)
{
	bool ran = false;
	assert_non_null(fiber_spawn(NULL, "other", other, &ran));
	mono_t from = rt_now_exact();
	while (!ran && rt_now_exact() - from < 10 * NS_S)
		assert_int_equal(rt_breathe(), 0);
	assert_true(ran);
	assert_true(rt_now_exact() - from >= LOOP_SLICE);
}

TEST(rt_breathe_lets_others_run_after_a_slice)
{
	run(spin, NULL);
}

static long resident_pages(void)
{
	long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2);
	fclose(f);
	return resident;
}

struct filling {
	int filled;
	struct cond emptied;
};

static void fill_stack(void *arg)
{
	struct filling *g = arg;
	volatile char frame[32 << 10];
	for (size_t i = 0; i < sizeof frame; i += 1024)
		frame[i] = 1;
	g->filled++;
	assert_int_equal(cond_wait(&g->emptied, MONO_NEVER), 0);
}

static void fill_stacks(void *arg)
{
	struct filling g = {0};
	struct scope s;
	scope_init(&s, NULL);
	cond_init(&g.emptied);
	for (int i = 0; i < 1000; i++)
		assert_non_null(fiber_spawn(&s, "fill", fill_stack, &g));
	while (g.filled < 1000)
		assert_int_equal(fiber_yield(), 0);
	long during = resident_pages();
	cond_wake_all(&g.emptied);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_true(during - resident_pages() > 900 * 8); /* 32 KiB each */
	scope_fini(&s);
}

TEST(fiber_stacks_give_their_pages_back)
{
#if defined(RT_ASAN) || defined(RT_TSAN)
	skip(); /* shadow memory blurs the figure */
#endif
	run(fill_stacks, NULL);
}
