#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>

static void run(void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

#define NUM(n) ((void *)(intptr_t)(n))

static void fill(void *arg)
{
	struct chan c;
	void *v;
	assert_int_equal(chan_init(&c, 3), 0);
	assert_int_equal(chan_try_recv(&c, &v), -EAGAIN);
	for (int round = 0; round < 5; round++) {
		for (intptr_t i = 1; i <= 3; i++)
			assert_int_equal(chan_try_send(&c, NUM(i)), 0);
		assert_int_equal(chan_try_send(&c, NUM(4)), -EAGAIN);
		assert_int_equal(chan_send(&c, NUM(4), rt_now_exact() + NS_MS), -ETIME);
		for (intptr_t i = 1; i <= 3; i++) {
			assert_int_equal(chan_recv(&c, &v, MONO_NEVER), 0);
			assert_ptr_equal(v, NUM(i));
		}
		assert_int_equal(chan_recv(&c, &v, rt_now_exact() + NS_MS), -ETIME);
		assert_int_equal(chan_try_send(&c, NUM(9)), 0); /* moves the ring on */
		assert_int_equal(chan_try_recv(&c, &v), 0);
	}
	chan_fini(&c);
}

TEST(chan_holds_its_limit_in_order)
{
	run(fill, NULL);
}

static void produce(void *arg)
{
	struct chan *c = arg;
	for (intptr_t i = 0; i < 1000; i++)
		assert_int_equal(chan_send(c, NUM(i), MONO_NEVER), 0);
	chan_close(c);
	assert_int_equal(chan_send(c, NULL, MONO_NEVER), -EPIPE);
	assert_int_equal(chan_try_send(c, NULL), -EPIPE);
}

static void consume(void *arg)
{
	struct chan c;
	struct scope s;
	void *v;
	intptr_t n = 0;
	scope_init(&s, NULL);
	assert_int_equal(chan_init(&c, 4), 0);
	assert_non_null(fiber_spawn(&s, "produce", produce, &c));
	while (chan_recv(&c, &v, MONO_NEVER) == 0) {
		assert_ptr_equal(v, NUM(n++));
		assert_true(c.len <= 4);
	}
	assert_int_equal(n, 1000);
	assert_int_equal(chan_recv(&c, &v, MONO_NEVER), -EPIPE);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	scope_fini(&s);
	chan_fini(&c);
}

TEST(chan_blocks_the_sender_and_gives_the_rest_after_close)
{
	run(consume, NULL);
}

static void recv_one(void *arg)
{
	void *v;
	struct chan *c = arg;
	assert_int_equal(chan_recv(c, &v, MONO_NEVER), -ECANCELED);
}

static void cancel_receiver(void *arg)
{
	struct chan c;
	struct scope s;
	void *v;
	scope_init(&s, NULL);
	assert_int_equal(chan_init(&c, 1), 0);
	assert_non_null(fiber_spawn(&s, "recv", recv_one, &c));
	assert_int_equal(fiber_yield(), 0);
	scope_fini(&s);
	assert_int_equal(chan_try_send(&c, NUM(1)), 0);
	fiber_cancel(fiber_self());
	assert_int_equal(chan_recv(&c, &v, MONO_NEVER), -ECANCELED);
	assert_int_equal(chan_send(&c, v, MONO_NEVER), -ECANCELED);
	assert_int_equal(chan_try_recv(&c, &v), 0);
	chan_fini(&c);
}

TEST(chan_recv_is_cancelled_and_can_still_be_drained)
{
	run(cancel_receiver, NULL);
}

static void recv_end(void *arg)
{
	void *v;
	struct chan *c = arg;
	assert_int_equal(chan_recv(c, &v, MONO_NEVER), -EPIPE);
}

static void close_waited(void *arg)
{
	struct chan c;
	struct scope s;
	scope_init(&s, NULL);
	assert_int_equal(chan_init(&c, 1), 0);
	for (int i = 0; i < 3; i++)
		assert_non_null(fiber_spawn(&s, "recv", recv_end, &c));
	assert_int_equal(fiber_yield(), 0);
	chan_close(&c);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	scope_fini(&s);
	chan_fini(&c);
}

TEST(chan_close_wakes_all_receivers)
{
	run(close_waited, NULL);
}
