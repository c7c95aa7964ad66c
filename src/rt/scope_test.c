#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>

static void run(void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void wait_long(void *arg)
{
	*(int *)arg = fiber_sleep(NS_HOUR);
}

static void wait_short(void *arg)
{
	*(int *)arg = fiber_sleep(2 * NS_MS);
}

static void tree(void *arg)
{
	struct scope parent, child;
	int a = 1, b = 1;
	scope_init(&parent, NULL);
	scope_init(&child, &parent);
	assert_non_null(fiber_spawn(&parent, "a", wait_long, &a));
	assert_non_null(fiber_spawn(&child, "b", wait_long, &b));
	assert_int_equal(scope_join(&parent, rt_now() + NS_MS), -ETIME);
	scope_cancel(&parent);
	assert_true(child.cancelled);
	assert_int_equal(scope_join(&parent, MONO_NEVER), 0);
	assert_int_equal(a, -ECANCELED);
	assert_int_equal(b, -ECANCELED);
	scope_fini(&child);
	scope_fini(&parent);
}

TEST(scope_cancels_its_fibers_and_children)
{
	run(tree, NULL);
}

static void children(void *arg)
{
	struct scope parent, child;
	int a = 1, b = 1;
	scope_init(&parent, NULL);
	scope_init(&child, &parent);
	assert_non_null(fiber_spawn(&parent, "a", wait_short, &a));
	assert_non_null(fiber_spawn(&child, "b", wait_long, &b));
	assert_int_equal(fiber_sleep(5 * NS_MS), 0);
	scope_cancel(&child);
	assert_int_equal(scope_join(&parent, MONO_NEVER), 0);
	assert_int_equal(a, 0);
	assert_int_equal(b, -ECANCELED);
	assert_false(parent.cancelled);
	scope_fini(&parent);
	assert_null(child.parent);
	scope_fini(&child);
}

TEST(scope_join_waits_for_children_and_cancel_spares_the_parent)
{
	run(children, NULL);
}

static void born_cancelled(void *arg)
{
	struct scope s, child;
	int a = 1;
	scope_init(&s, NULL);
	scope_cancel(&s);
	scope_init(&child, &s);
	assert_non_null(fiber_spawn(&child, "a", wait_long, &a));
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(a, -ECANCELED);
	scope_fini(&child);
	scope_fini(&s);
}

TEST(scope_cancelled_before_the_spawn_cancels_the_fiber)
{
	run(born_cancelled, NULL);
}

static void fini_when_cancelled(void *arg)
{
	struct scope s;
	int a = 1;
	scope_init(&s, NULL);
	assert_non_null(fiber_spawn(&s, "a", wait_long, &a));
	assert_int_equal(fiber_yield(), 0);
	fiber_cancel(fiber_self());
	assert_int_equal(scope_join(&s, MONO_NEVER), -ECANCELED);
	assert_int_equal(a, 1);
	scope_fini(&s);
	assert_int_equal(a, -ECANCELED);
}

TEST(scope_fini_waits_in_a_cancelled_fiber_too)
{
	run(fini_when_cancelled, NULL);
}
