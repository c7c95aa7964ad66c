#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

struct gate {
	struct cond cond;
	int passed, gone;
};

static void pass(void *arg)
{
	struct gate *g = arg;
	int r = cond_wait(&g->cond, MONO_NEVER);
	g->passed += r == 0;
	g->gone++;
}

static void wake_some(void *arg)
{
	struct gate g = {0};
	struct scope s;
	cond_init(&g.cond);
	scope_init(&s, NULL);
	cond_wake(&g.cond);
	for (int i = 0; i < 4; i++)
		assert_non_null(fiber_spawn(&s, "pass", pass, &g));
	assert_int_equal(fiber_yield(), 0);
	cond_wake(&g.cond);
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(g.passed, 1);
	cond_wake_all(&g.cond);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(g.passed, 4);
	scope_fini(&s);
}

TEST(cond_wakes_one_or_all)
{
	run(wake_some, NULL);
}

static void time_out(void *arg)
{
	struct cond c;
	cond_init(&c);
	mono_t deadline = rt_now_exact() + 2 * NS_MS;
	assert_int_equal(cond_wait(&c, deadline), -ETIME);
	assert_true(rt_now_exact() >= deadline);
	assert_true(list_empty(&c.waiters));
	assert_int_equal(cond_wait(&c, rt_now()), -ETIME);
}

TEST(cond_wait_ends_at_its_deadline)
{
	run(time_out, NULL);
}

/* A wake-up that was given is not taken back by a cancellation in the same turn. */
static void wake_then_cancel(void *arg)
{
	struct gate g = {0};
	cond_init(&g.cond);
	struct fiber *f = fiber_spawn(NULL, "pass", pass, &g);
	assert_int_equal(fiber_yield(), 0);
	cond_wake(&g.cond);
	fiber_cancel(f);
	while (!g.gone)
		assert_int_equal(fiber_yield(), 0);
	assert_int_equal(g.passed, 1);
}

TEST(cond_wake_wins_over_a_later_cancel)
{
	run(wake_then_cancel, NULL);
}

static void *set_later(void *arg)
{
	usleep(2000);
	event_set(arg);
	return NULL;
}

static void wait_for_thread(void *arg)
{
	struct event ev;
	pthread_t t;
	event_init(&ev);
	assert_int_equal(pthread_create(&t, NULL, set_later, &ev), 0);
	fiber_cancel(fiber_self());
	event_wait(&ev);
	assert_true(ev.set);
	pthread_join(t, NULL);
}

TEST(event_is_set_by_another_thread_and_not_cancellable)
{
	run(wait_for_thread, NULL);
}
