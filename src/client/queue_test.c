#include "base/test.h"
#include "client/queue.h"
#include "base/err.h"
#include "rt/sim.h"
#include <errno.h>

static void simulate(void (*fn)(void *), void *arg)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 7});
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void expect_key(struct queue *q, const char *want)
{
	struct str key;
	assert_int_equal(queue_get(q, &key, rt_now()), 0);
	assert_str(key, want);
}

static void expect_none(struct queue *q)
{
	struct str key;
	assert_int_equal(queue_get(q, &key, rt_now() + 1), -ETIME);
}

static void waiting_once(void *arg)
{
	struct queue *q = queue_new("test");
	queue_add(q, STR("a"));
	queue_add(q, STR("b"));
	queue_add(q, STR("a"));
	assert_int_equal(queue_len(q), 2);
	expect_key(q, "a");
	expect_key(q, "b");
	expect_none(q);
	queue_done(q, STR("a"));
	queue_done(q, STR("b"));
	expect_none(q);
	queue_free(q);
}

TEST(queue_holds_a_waiting_key_once)
{
	simulate(waiting_once, NULL);
}

static void added_in_work(void *arg)
{
	struct queue *q = queue_new("test");
	queue_add(q, STR("a"));
	expect_key(q, "a");
	queue_add(q, STR("a"));
	queue_add(q, STR("a"));
	expect_none(q);
	queue_done(q, STR("a"));
	expect_key(q, "a");
	queue_done(q, STR("a"));
	expect_none(q);
	queue_free(q);
}

TEST(queue_gives_a_key_again_that_was_added_while_in_work)
{
	simulate(added_in_work, NULL);
}

static void delays(void *arg)
{
	struct queue *q = queue_new("test");
	mono_t start = rt_now();
	struct str key;
	queue_add_after(q, STR("late"), 10 * NS_S);
	queue_add_after(q, STR("soon"), 5 * NS_S);
	queue_add_after(q, STR("late"), 2 * NS_S);
	queue_add_after(q, STR("late"), 20 * NS_S);
	assert_int_equal(queue_len(q), 0);
	assert_int_equal(queue_get(q, &key, MONO_NEVER), 0);
	assert_str(key, "late");
	assert_int_equal(rt_now() - start, 2 * NS_S);
	queue_done(q, key);
	assert_int_equal(queue_get(q, &key, MONO_NEVER), 0);
	assert_str(key, "soon");
	assert_int_equal(rt_now() - start, 5 * NS_S);
	queue_done(q, key);
	assert_int_equal(queue_get(q, &key, start + 60 * NS_S), -ETIME);
	queue_free(q);
}

TEST(queue_earliest_delay_wins)
{
	simulate(delays, NULL);
}

static nsec_t next_pause(struct queue *q)
{
	mono_t start = rt_now();
	struct str key;
	queue_add_limited(q, STR("a"));
	assert_int_equal(queue_get(q, &key, MONO_NEVER), 0);
	queue_done(q, key);
	return rt_now() - start;
}

static void limits(void *arg)
{
	struct queue *q = queue_new("test");
	nsec_t want = 5 * NS_MS;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(next_pause(q), want);
		want = want * 2 < 1000 * NS_S ? want * 2 : 1000 * NS_S;
	}
	assert_int_equal(queue_retries(q, STR("a")), 30);
	queue_forget(q, STR("a"));
	assert_int_equal(queue_retries(q, STR("a")), 0);
	assert_int_equal(next_pause(q), 5 * NS_MS);
	queue_free(q);
}

TEST(queue_backs_off_per_key_up_to_a_limit)
{
	simulate(limits, NULL);
}

static void down(void *arg)
{
	struct queue *q = queue_new("test");
	struct str key;
	queue_add(q, STR("a"));
	queue_shutdown(q);
	queue_add(q, STR("b"));
	queue_add_after(q, STR("c"), NS_S);
	expect_key(q, "a");
	queue_done(q, STR("a"));
	assert_int_equal(queue_get(q, &key, MONO_NEVER), -EPIPE);
	queue_free(q);
}

TEST(queue_gives_what_is_left_after_shutdown)
{
	simulate(down, NULL);
}

struct controller {
	int calls, active, worst, fail;
};

static int work(void *arg, struct str key, struct err *e)
{
	struct controller *c = arg;
	c->calls++;
	if (++c->active > c->worst)
		c->worst = c->active;
	int r = fiber_sleep(NS_S);
	c->active--;
	if (r < 0 || c->fail-- > 0)
		return err_set(e, ERR_INTERNAL, "not yet");
	return 0;
}

static void workers(void *arg)
{
	struct controller c = {.fail = 2};
	struct queue *q = queue_new("test");
	struct scope s;
	scope_init(&s, NULL);
	queue_run(q, &s, 3, work, &c);
	for (char k = 'a'; k < 'k'; k++)
		queue_add(q, str_n(&k, 1));
	assert_int_equal(fiber_sleep(NS_MIN), 0);
	assert_int_equal(c.calls, 12);
	assert_int_equal(c.worst, 3);
	queue_add(q, STR("x"));
	assert_int_equal(fiber_sleep(NS_MS), 0);
	scope_fini(&s);
	assert_int_equal(c.active, 0);
	queue_free(q);
}

TEST(queue_workers_share_keys_and_retry_failures)
{
	simulate(workers, NULL);
}

static void cancelled_first(void *arg)
{
	struct queue *q = arg;
	struct str key;
	if (queue_get(q, &key, MONO_NEVER) == 0)
		queue_done(q, key);
	assert_int_equal(queue_get(q, &key, MONO_NEVER), -ECANCELED);
}

static void second(void *arg)
{
	struct queue *q = arg;
	struct str key;
	assert_int_equal(queue_get(q, &key, rt_now() + NS_S), 0);
	queue_done(q, key);
}

static void lost_wakeups(void *arg)
{
	struct queue *q = queue_new("test");
	struct fiber *first = fiber_spawn(NULL, "first", cancelled_first, q);
	assert_int_equal(fiber_yield(), 0);
	fiber_spawn(NULL, "second", second, q);
	assert_int_equal(fiber_yield(), 0);
	queue_add(q, STR("a"));
	fiber_cancel(first); /* too late: it has been woken for "a" */
	queue_add(q, STR("b"));
	assert_int_equal(fiber_sleep(2 * NS_S), 0);
	assert_int_equal(queue_len(q), 0);
	queue_free(q);
}

TEST(queue_key_is_not_lost_with_a_cancelled_worker)
{
	simulate(lost_wakeups, NULL);
}
