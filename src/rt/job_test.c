#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>
#include <unistd.h>

static void run_opts(const struct rt_opts *o, void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(o);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void where(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	assert_null(loop_self());
}

static void elsewhere(void *arg)
{
	pthread_t t = pthread_self();
	rt_job(where, &t);
	assert_false(pthread_equal(t, pthread_self()));
	fiber_cancel(fiber_self());
	t = pthread_self();
	rt_job(where, &t); /* runs to its end although the fiber is cancelled */
	assert_false(pthread_equal(t, pthread_self()));
}

TEST(job_runs_on_another_thread)
{
	run_opts(NULL, elsewhere, NULL);
	pthread_t t;
	memset(&t, 0, sizeof t);
	rt_job(where, &t);
	assert_true(pthread_equal(t, pthread_self()));
}

static _Atomic int running, most;

static void be_counted(void *arg)
{
	int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
	while (seen < now && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	usleep(2000);
	atomic_fetch_sub(&running, 1);
}

static void one_job(void *arg)
{
	rt_job(be_counted, NULL);
	++*(int *)arg;
}

static void many_jobs(void *arg)
{
	int done = 0;
	struct scope s;
	scope_init(&s, NULL);
	for (int i = 0; i < 40; i++)
		assert_non_null(fiber_spawn(&s, "job", one_job, &done));
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(done, 40);
	assert_int_equal(atomic_load(&most), 3);
	assert_int_equal(pool_threads(loop_rt(loop_self())->pool), 3);
	scope_fini(&s);
}

TEST(jobs_share_the_limited_threads)
{
	atomic_store(&most, 0);
	run_opts(&(struct rt_opts){.workers = 3}, many_jobs, NULL);
}

static void nothing(void *arg)
{
}

static void get_idle(void *arg)
{
	struct pool *p = loop_rt(loop_self())->pool;
	assert_int_equal(pool_threads(p), 0);
	pool_set_idle(p, 5 * NS_MS);
	for (int i = 0; i < 3; i++)
		rt_job(nothing, NULL);
	assert_in_range(pool_threads(p), 1, 3); /* one may still be on its way back to idleness */
	for (int i = 0; i < 1000 && pool_threads(p); i++)
		assert_int_equal(fiber_sleep(5 * NS_MS), 0);
	assert_int_equal(pool_threads(p), 0);
	rt_job(nothing, NULL);
}

TEST(job_threads_start_on_demand_and_leave_when_idle)
{
	run_opts(NULL, get_idle, NULL);
}
