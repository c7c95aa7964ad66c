#include "api/pod.h"
#include "base/err.h"
#include "base/test.h"
#include "codec/json.h"
#include "gen/ids.h"

static struct core_v1_Pod *pod(struct arena *a, const char *json)
{
	const struct type *t = desc_type(T_core_v1_Pod);
	void *p = obj_new(a, t);
	ERR(e);
	assert_ok(json_decode(a, t, str_of(json), NULL, p, &e), &e);
	return p;
}
#define CONTAINER(requests, limits) "{\"name\":\"c\",\"resources\":{\"requests\":{" requests "},\"limits\":{" limits "}}}"
#define POD(containers) "{\"spec\":{\"containers\":[" containers "]}}"

TEST(quality_of_service)
{
	static const struct {
		const char *pod, *want;
	} cases[] = {
		{POD(CONTAINER("", "")), "BestEffort"},
		{POD(CONTAINER("\"example.com/gpu\":\"1\"", "\"example.com/gpu\":\"1\"")), "BestEffort"},
		{POD(CONTAINER("\"cpu\":\"1\"", "")), "Burstable"},
		{POD(CONTAINER("\"cpu\":\"1\",\"memory\":\"1Gi\"", "\"cpu\":\"1000m\",\"memory\":\"1024Mi\"")), "Guaranteed"},
		{POD(CONTAINER("\"cpu\":\"1\",\"memory\":\"1Gi\"", "\"cpu\":\"2\",\"memory\":\"1Gi\"")), "Burstable"},
		{POD(CONTAINER("\"cpu\":\"1\",\"memory\":\"1Gi\"", "\"cpu\":\"1\",\"memory\":\"1Gi\"") "," CONTAINER("", "")), "Burstable"},
		{"{\"spec\":{\"resources\":{\"requests\":{\"cpu\":\"1\",\"memory\":\"1\"},\"limits\":{\"cpu\":\"1\",\"memory\":\"1\"}},\"containers\":[{\"name\":\"c\"}]}}", "Guaranteed"},
	};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_str(pod_qos(&pod(a, cases[i].pod)->spec), cases[i].want);
}

TEST(requests_count_init_containers_sidecars_and_overhead)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *p = pod(a, "{\"spec\":{\"overhead\":{\"cpu\":\"10m\"},\"initContainers\":["
				       "{\"name\":\"i1\",\"resources\":{\"requests\":{\"cpu\":\"300m\"}}},"
				       "{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"100m\"}}},"
				       "{\"name\":\"i2\",\"resources\":{\"requests\":{\"cpu\":\"500m\",\"memory\":\"1Ki\"}}}],"
				       "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"200m\"}}}]}}");
	struct amounts v = pod_requests(a, &p->spec);
	assert_int_equal(amounts_get(&v, STR("cpu")), 610); /* i2 beside the sidecar, and the overhead */
	assert_int_equal(amounts_get(&v, STR("memory")), 1024);
	assert_str(amount_text(a, STR("cpu"), 610), "610m");
	assert_str(amount_text(a, STR("memory"), 1 << 20), "1Mi");
}

TEST(readiness)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *p = pod(a, "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:10Z\"}]}}");
	assert_true(pod_ready(p) && pod_active(p) && pod_available(p, 0, 0));
	assert_false(pod_available(p, 5, 14 * NS_S));
	assert_true(pod_available(p, 5, 15 * NS_S));
	p->status.phase = STR("Failed");
	assert_true(pod_finished(p) && !pod_active(p));
}

TEST(ports_by_name)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *p = pod(a, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[{\"name\":\"dns\",\"containerPort\":53,\"protocol\":\"UDP\"}]}]}}");
	struct int_or_str dns = {.is_str = true, .str = STR("dns")}, number = {.num = 8};
	assert_int_equal(pod_port(p, &dns, STR("UDP")), 53);
	assert_int_equal(pod_port(p, &dns, STR("TCP")), -1);
	assert_int_equal(pod_port(p, &number, STR("TCP")), 8);
}

TEST(tolerations)
{
	struct core_v1_Taint t = {.key = STR("k"), .value = STR("v"), .effect = STR("NoSchedule")};
	struct core_v1_Toleration all = {.operator = STR("Exists")}, equal = {.key = STR("k"), .value = STR("v")}, other = {.key = STR("k"), .value = STR("w")},
				  effect = {.key = STR("k"), .operator = STR("Exists"), .effect = STR("NoExecute")};
	assert_true(toleration_matches(&all, &t) && toleration_matches(&equal, &t));
	assert_false(toleration_matches(&other, &t) || toleration_matches(&effect, &t));
}
