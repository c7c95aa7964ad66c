#include "base/test.h"
#include "kubelet/pause.h"

#define MAX (300 * NS_S)

TEST(the_first_restart_is_immediate_the_second_waits_ten_seconds_after_the_exit)
{
	struct pause p = {0};
	mono_t t = 1000 * NS_S;
	assert_int_equal(pause_left(&p, t, t, MAX), 0);
	pause_next(&p, t, t, 10 * NS_S, MAX);
	assert_int_equal(pause_left(&p, t + NS_S, t + NS_S, MAX), 10 * NS_S);
	assert_int_equal(pause_left(&p, t + NS_S, t + 4 * NS_S, MAX), 7 * NS_S);
	assert_int_equal(pause_left(&p, t + NS_S, t + 11 * NS_S, MAX), 0);
}

TEST(pauses_double_up_to_the_maximum)
{
	struct pause p = {0};
	mono_t t = 1000 * NS_S;
	nsec_t want[] = {10, 20, 40, 80, 160, 300, 300};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		pause_next(&p, t, t, 10 * NS_S, MAX);
		assert_int_equal(p.span, want[i] * NS_S);
		t += p.span;
	}
}

TEST(a_clock_that_was_set_back_makes_no_pause_longer)
{
	struct pause p = {0};
	mono_t t = 1000 * NS_S;
	pause_next(&p, t, t, 10 * NS_S, MAX);
	assert_int_equal(pause_left(&p, t + 300 * NS_S, t + NS_S, MAX), 10 * NS_S);
}

TEST(a_long_good_run_is_a_new_beginning)
{
	struct pause p = {0};
	mono_t t = 1000 * NS_S;
	pause_next(&p, t, t, 10 * NS_S, MAX);
	pause_next(&p, t, t, 10 * NS_S, MAX);
	t += 2 * MAX + NS_S;
	assert_int_equal(pause_left(&p, t, t, MAX), 0);
	pause_next(&p, t, t, 10 * NS_S, MAX);
	assert_int_equal(p.span, 10 * NS_S);
}
