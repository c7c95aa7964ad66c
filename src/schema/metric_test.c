#include "base/test.h"
#include "schema/metric.h"
#include <stdio.h>

static void shows(const struct metric_set *s, const char *want)
{
	BUF(out);
	metric_write(s, &out);
	if (str_find(buf_view(&out), str_of(want)) < 0)
		fail_msg("no %s in\n%s", want, buf_z(&out));
}

TEST(values_are_escaped_and_keep_the_order_of_the_labels)
{
	struct metric_set s = {0};
	*metric_counter(&s, M_rest_client_requests_total, LABELS(STR("200"), STR("a\\b\"c\nd"), STR("GET"))) += 2;
	shows(&s, "# TYPE rest_client_requests_total counter\nrest_client_requests_total{code=\"200\",host=\"a\\\\b\\\"c\\nd\",method=\"GET\"} 2\n");
	metric_set_fini(&s);
}

TEST(buckets_are_cumulated_and_their_bounds_belong_to_them)
{
	struct metric_set s = {0};
	struct series *h = metric_histogram(&s, M_scheduler_pod_scheduling_attempts, NULL);
	metric_observe(h, 1);
	metric_observe(h, 1.5);
	metric_observe(h, 99);
	shows(&s, "_attempts_bucket{le=\"1\"} 1\n");
	shows(&s, "_attempts_bucket{le=\"2\"} 2\n");
	shows(&s, "_attempts_bucket{le=\"16\"} 2\n");
	shows(&s, "_attempts_bucket{le=\"+Inf\"} 3\n");
	shows(&s, "_attempts_sum 101.5\n");
	shows(&s, "_attempts_count 3\n");
	metric_set_fini(&s);
}

TEST(numbers_are_written_as_go_writes_them)
{
	static const struct { double v; const char *text; } cases[] = {{0, " 0\n"}, {0.1, " 0.1\n"}, {1e-5, " 1e-05\n"}, {999999, " 999999\n"}, {1048576, " 1.048576e+06\n"},
		{1e21, " 1e+21\n"}, {0.0001, " 0.0001\n"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct metric_set s = {0};
		metric_put(&s, M_process_open_fds, NULL, cases[i].v);
		shows(&s, cases[i].text);
		metric_set_fini(&s);
	}
}

TEST(sets_add_up)
{
	struct metric_set a = {0}, b = {0};
	for (int i = 0; i < 2; i++) {
		struct metric_set *s = i ? &b : &a;
		metric_add(metric_counter(s, M_workqueue_adds_total, LABELS(STR("q"))), i + 1);
		metric_observe(metric_histogram(s, M_workqueue_work_duration_seconds, LABELS(STR("q"))), 1);
	}
	metric_add(metric_counter(&b, M_workqueue_adds_total, LABELS(STR("r"))), 7);
	metric_merge(&a, &b);
	shows(&a, "workqueue_adds_total{name=\"q\"} 3\nworkqueue_adds_total{name=\"r\"} 7\n");
	shows(&a, "workqueue_work_duration_seconds_bucket{name=\"q\",le=\"1\"} 2\n");
	shows(&a, "workqueue_work_duration_seconds_bucket{name=\"q\",le=\"0.1\"} 0\n");
	metric_set_fini(&a);
	metric_set_fini(&b);
}

TEST(beyond_the_bound_series_are_dropped_and_counting_goes_on)
{
	struct metric_set s = {0};
	char name[16];
	for (int i = 0; i <= METRIC_SERIES_MAX; i++) {
		snprintf(name, sizeof name, "%d", i);
		*metric_counter(&s, M_workqueue_adds_total, LABELS(str_of(name))) += 1;
	}
	assert_int_equal(s.series.n, METRIC_SERIES_MAX);
	assert_true(s.dropped == 1);
	assert_null(metric_histogram(&s, M_workqueue_work_duration_seconds, LABELS(STR("q"))));
	metric_observe(NULL, 1);
	metric_set_fini(&s);
}

TEST(without_a_set_nothing_is_counted)
{
	metric_add(metric_counter(NULL, M_workqueue_adds_total, LABELS(STR("q"))), 1);
	metric_put(NULL, M_process_open_fds, NULL, 1);
	assert_null(metric_histogram(NULL, M_workqueue_work_duration_seconds, LABELS(STR("q"))));
}
