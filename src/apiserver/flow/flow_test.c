#include "apiserver/test_server.h"
#include <stdio.h>

static bool says(struct str text, const char *what) { return str_find(text, str_of(what)) >= 0; }

/* "SCHEMA LEVEL" by the headers of the answer. */
static struct str taken_for(struct test_server *t, const char *path)
{
	struct str answer = wire(t, "GET", path, "", ""), line, schema = {0}, level = {0};
	for (struct str rest = answer; str_next(&rest, '\n', &line) && str_trim(line).n;) {
		struct str name, value;
		str_cut(line, ':', &name, &value);
		if (str_eq_fold(name, STR("x-kubernetes-pf-flowschema-uid")))
			schema = str_trim(value);
		if (str_eq_fold(name, STR("x-kubernetes-pf-prioritylevel-uid")))
			level = str_trim(value);
	}
	return str_printf(t->a, "%.*s %.*s", STR_F(schema), STR_F(level));
}

static struct str uid_of(struct test_server *t, const char *plural, const char *name)
{
	return at_path(t, do_get(t, res("flowcontrol.apiserver.k8s.io", plural), "", name), "metadata.uid");
}

static struct str pair(struct test_server *t, const char *schema, const char *level)
{
	return str_printf(t->a, "%.*s %.*s", STR_F(uid_of(t, "flowschemas", schema)), STR_F(uid_of(t, "prioritylevelconfigurations", level)));
}

static void classified(struct test_server *t)
{
	/* The wire is anonymous here. */
	assert_true(str_eq(taken_for(t, "/healthz"), pair(t, "probes", "exempt")));
	assert_true(str_eq(taken_for(t, "/api/v1/nodes"), pair(t, "global-default", "global-default")));
	do_create(t, res("flowcontrol.apiserver.k8s.io", "flowschemas"), "", "{\"metadata\":{\"name\":\"mine\"},\"spec\":{\"matchingPrecedence\":7,"
		"\"priorityLevelConfiguration\":{\"name\":\"workload-low\"},\"rules\":[{\"subjects\":[{\"kind\":\"User\",\"user\":{\"name\":\"system:anonymous\"}}],"
		"\"resourceRules\":[{\"verbs\":[\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"nodes\"],\"clusterScope\":true}]}]}}");
	assert_true(str_eq(taken_for(t, "/api/v1/nodes"), pair(t, "mine", "workload-low")));
	assert_true(str_eq(taken_for(t, "/api/v1/nodes/n"), pair(t, "global-default", "global-default"))); /* get is another verb */
	struct str metrics = wire(t, "GET", "/metrics", "", "");
	assert_true(says(metrics, "apiserver_flowcontrol_dispatched_requests_total{flow_schema=\"mine\",priority_level=\"workload-low\"} 1"));
	struct str levels = wire(t, "GET", "/debug/api_priority_and_fairness/dump_priority_levels", "", "");
	assert_true(says(levels, "\nworkload-low, 0, true, false, 0, 0, 1, 0, 0, 0\n"));
}
TEST(requests_are_told_apart_by_flow_schemas) { with_server(0, classified); }

static void no_seat(struct server_opts *o)
{
	o->max_in_flight = -1; /* 0 is no limit */
	o->max_mutating_in_flight = 0;
}

static void full(struct test_server *t)
{
	struct str text = wire(t, "GET", "/api/v1/nodes", "", "");
	assert_true(says(text, "429 Too Many Requests") && says(text, "retry-after: 1") && says(text, "Too many requests, please try again later."));
	assert_true(says(wire(t, "GET", "/healthz", "", ""), "200 OK"));
}
TEST(beyond_the_limit_clients_are_told_to_come_back) { with_server_options(0, no_seat, full); }
