#include "codec/ops.h"
#include "base/test.h"
#include "codec/json.h"
#include "gen/autoscaling_v1.h"
#include "gen/core_v1.h"
#include "gen/events_v1.h"
#include "gen/ids.h"

static void *pod(struct arena *a, const char *json)
{
	ERR(e);
	void *p = obj_new(a, desc_type(T_core_v1_Pod));
	assert_ok(json_decode(a, desc_type(T_core_v1_Pod), str_of(json), NULL, p, &e), &e);
	return p;
}

static bool equal(const char *x, const char *y)
{
	struct arena *a = arena_new(NULL);
	bool r = obj_equal_at(desc_type(T_core_v1_Pod), pod(a, x), pod(a, y));
	arena_free(a);
	return r;
}

TEST(equality_is_semantic)
{
	assert_true(equal("{\"spec\":{\"containers\":[]}}", "{\"spec\":{\"containers\":null}}"));
	assert_true(equal("{\"spec\":{\"overhead\":{\"cpu\":\"1000m\"}}}", "{\"spec\":{\"overhead\":{\"cpu\":\"1\"}}}"));
	assert_true(equal("{\"metadata\":{\"name\":\"\"}}", "{}"));
	assert_true(equal("{\"metadata\":{\"creationTimestamp\":\"2024-01-01T01:00:00+01:00\"}}", "{\"metadata\":{\"creationTimestamp\":\"2024-01-01T00:00:00Z\"}}"));
	assert_false(equal("{\"spec\":{\"priority\":0}}", "{}"));
	assert_false(equal("{\"spec\":{\"securityContext\":{}}}", "{}"));
	assert_false(equal("{\"spec\":{\"containers\":[{\"name\":\"a\"}]}}", "{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}"));
	assert_false(equal("{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"b\":\"1\"}}}"));
}

TEST(a_copy_shares_nothing)
{
	struct arena *from = arena_new(NULL), *to = arena_new(NULL);
	struct ref p = {desc_type(T_core_v1_Pod), pod(from, "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"args\":[\"x\"]}],\"securityContext\":{\"runAsUser\":5}}}")};
	struct core_v1_Pod *copy = obj_copy(to, p);
	arena_free(from);
	assert_str(copy->spec.containers.items[0].args.items[0], "x");
	assert_int_equal(copy->spec.securityContext->runAsUser, 5);
	assert_str(copy->metadata.labels.items[0].value, "1");
	arena_free(to);
}

TEST(versions_convert_by_name)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct ref from = {desc_type(T_autoscaling_v1_HorizontalPodAutoscaler), obj_new(a, desc_type(T_autoscaling_v1_HorizontalPodAutoscaler))};
	assert_ok(json_decode(a, from.type, STR("{\"metadata\":{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\"}}}"), NULL, from.p, &e), &e);
	const struct type *t = desc_type(T_autoscaling_v2_HorizontalPodAutoscaler);
	struct ref to = {t, obj_new(a, t)};
	obj_convert(a, from, t, to.p);
	BUF(b);
	json_encode(&b, to);
	assert_str(buf_view(&b), "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":{\"name\":\"h\"},"
		"\"spec\":{\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"\"},\"maxReplicas\":3},\"status\":{\"desiredReplicas\":0,\"currentMetrics\":null}}");
	arena_free(a);
}

TEST(values_of_the_wrong_shape_are_refused_as_upstream_does)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct value *v;
	const struct type *t = desc_type(T_core_v1_Pod);
	assert_ok(json_parse(a, STR("{\"spec\":{\"containers\":\"x\"}}"), NULL, &v, &e), &e);
	assert_int_equal(obj_from_value(a, t, v, NULL, obj_new(a, t), &e), -1);
	assert_string_equal(err_text(&e), "cannot restore slice from string");
	assert_ok(json_parse(a, STR("{\"metadata\":{\"labels\":[]}}"), NULL, &v, &e), &e);
	assert_int_equal(obj_from_value(a, t, v, NULL, obj_new(a, t), &e), -1);
	assert_string_equal(err_text(&e), "cannot restore map from slice");
	arena_free(a);
}
