#include "api/convert.h"
#include "base/err.h"
#include "base/test.h"
#include "codec/json.h"
#include "gen/ids.h"

static struct ref decode(struct arena *a, uint16_t type, const char *json)
{
	struct ref o = {desc_type(type), obj_new(a, desc_type(type))};
	ERR(e);
	assert_ok(json_decode(a, o.type, str_of(json), NULL, o.p, &e), &e);
	return o;
}

static struct str text(struct arena *a, struct ref o)
{
	BUF(out);
	json_encode(&out, o);
	return buf_take(&out, a);
}

#define HPA2(spec) "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":{\"name\":\"h\"},\"spec\":{\"scaleTargetRef\":{\"kind\":\"D\",\"name\":\"x\"},\"maxReplicas\":3" spec "},\"status\":{\"desiredReplicas\":0}}"

TEST(autoscaler_v2_survives_v1)
{
	const char *v2 = HPA2(",\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":60}}},"
			      "{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":\"rps\"},\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"1k\"}}},"
			      "{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":50}}}],"
			      "\"behavior\":{\"scaleDown\":{\"selectPolicy\":\"Disabled\",\"policies\":[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]}}");
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref o = decode(a, T_autoscaling_v2_HorizontalPodAutoscaler, v2);
	struct ref old = convert_to(a, o, desc_type(T_autoscaling_v1_HorizontalPodAutoscaler));
	struct str v1 = text(a, old);
	assert_true(str_find(v1, STR("\"targetCPUUtilizationPercentage\":50")) > 0);
	assert_true(str_find(v1, STR("[{\\\"type\\\":\\\"Resource\\\",\\\"resource\\\":{\\\"name\\\":\\\"memory\\\",\\\"targetAverageUtilization\\\":60}},")) > 0);
	assert_true(str_find(v1, STR("\\\"ScaleDown\\\":{\\\"StabilizationWindowSeconds\\\":null,\\\"SelectPolicy\\\":\\\"Disabled\\\"")) > 0);
	assert_str(text(a, convert_to(a, old, o.type)), str_z(a, text(a, o)));
}

TEST(bad_annotations_of_v1_are_dropped)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref o = decode(a, T_autoscaling_v1_HorizontalPodAutoscaler, "{\"metadata\":{\"name\":\"h\",\"annotations\":{\"autoscaling.alpha.kubernetes.io/metrics\":\"[5\","
			      "\"autoscaling.alpha.kubernetes.io/behavior\":\"[]\"}},\"spec\":{\"scaleTargetRef\":{\"kind\":\"D\",\"name\":\"x\"},\"maxReplicas\":3}}");
	struct ref want = decode(a, T_autoscaling_v2_HorizontalPodAutoscaler, HPA2(",\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{"
		"\"type\":\"Utilization\",\"averageUtilization\":80}}}]")); /* what stands for no metric at all */
	assert_str(text(a, convert_to(a, o, want.type)), str_z(a, text(a, want)));
}

TEST(events_change_their_names)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref o = decode(a, T_core_v1_Event, "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\"},\"message\":\"m\",\"count\":3,\"source\":{\"component\":\"c\"}}");
	struct ref n = convert_to(a, o, desc_type(T_events_v1_Event));
	struct str t = text(a, n);
	assert_true(str_find(t, STR("\"regarding\":{\"kind\":\"Pod\",\"name\":\"p\"},\"note\":\"m\"")) > 0);
	assert_true(str_find(t, STR("\"deprecatedCount\":3")) > 0);
	struct str back = text(a, convert_to(a, n, o.type));
	assert_true(str_find(back, STR("\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\"}")) > 0);
	assert_true(str_find(back, STR("\"count\":3")) > 0);
}
