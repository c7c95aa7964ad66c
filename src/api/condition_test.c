#include "api/condition.h"
#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

TEST(conditions_keep_their_time_while_the_status_stays)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	core_v1_PodCondition_list_t l = {0};
	struct core_v1_PodCondition c = {.type = STR("Ready"), .status = STR("True"), .lastTransitionTime = {.sec = 1, .set = true}};
	assert_true(condition_put(a, T_core_v1_PodCondition, &l, &c));
	c.lastTransitionTime.sec = 2;
	assert_false(condition_put(a, T_core_v1_PodCondition, &l, &c));
	assert_int_equal(CONDITION(l, "Ready")->lastTransitionTime.sec, 1);
	c.status = STR("False");
	assert_true(condition_put(a, T_core_v1_PodCondition, &l, &c));
	assert_int_equal(CONDITION(l, "Ready")->lastTransitionTime.sec, 2);
	assert_false(condition_true(T_core_v1_PodCondition, &l, "Ready"));
	assert_true(condition_remove(T_core_v1_PodCondition, &l, STR("Ready")));
	assert_null(CONDITION(l, "Ready"));
}
