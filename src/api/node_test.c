#include "api/node.h"
#include "base/err.h"
#include "base/test.h"
#include "codec/json.h"
#include "gen/ids.h"

static void *decode(struct arena *a, uint16_t type, const char *json)
{
	void *p = obj_new(a, desc_type(type));
	ERR(e);
	assert_ok(json_decode(a, desc_type(type), str_of(json), NULL, p, &e), &e);
	return p;
}

TEST(node_selection)
{
	static const struct {
		const char *spec;
		bool want;
	} cases[] = {
		{"{}", true}, {"{\"nodeSelector\":{\"zone\":\"a\"}}", true}, {"{\"nodeSelector\":{\"zone\":\"b\"}}", false},
#define TERM(t) "{\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[" t "]}}}}"
		{TERM("{}"), false}, {TERM("{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"a\"]}]}"), true},
		{TERM("{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Gt\",\"values\":[\"4\"]}]}"), true},
		{TERM("{\"matchExpressions\":[{\"key\":\"n\",\"operator\":\"Gt\",\"values\":[\"5\"]}]}"), false},
		{TERM("{\"matchExpressions\":[{\"key\":\"x\",\"operator\":\"DoesNotExist\"}]}"), true},
		{TERM("{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\",\"values\":[\"node\"]}]}"), true},
		{TERM("{},{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"NotIn\",\"values\":[\"node\"]}]}"), false},
	};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Node *n = decode(a, T_core_v1_Node, "{\"metadata\":{\"name\":\"node\",\"labels\":{\"zone\":\"a\",\"n\":\"5\"}}}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (node_fits_affinity(decode(a, T_core_v1_PodSpec, cases[i].spec), n) != cases[i].want)
			fail_msg("%s", cases[i].spec);
}

TEST(taints_come_and_go)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Node *n = decode(a, T_core_v1_Node, "{\"spec\":{\"taints\":[]}}");
	struct core_v1_PodSpec none = {0};
	struct core_v1_Taint t = {.key = STR("k"), .effect = STR("NoSchedule")};
	assert_true(node_taint_add(a, n, t));
	assert_false(node_taint_add(a, n, t));
	assert_non_null(node_untolerated(n, &none, NULL));
	assert_true(node_taint_remove(n, STR("k"), STR("")));
	assert_false(node_taint_remove(n, STR("k"), STR("")));
	assert_null(node_untolerated(n, &none, NULL));
}
