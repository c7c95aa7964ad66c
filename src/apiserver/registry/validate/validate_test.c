/* What is refused, and where: one row per rule worth guarding. */
#include "base/test.h"

#include "apiserver/registry/validate/rules.h"
#include "apiserver/registry/validate/schedule.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/json.h"
#include "gen/ids.h"

struct row {
	hook_new *check;
	uint16_t type;
	const char *json;
	const char *causes; /* "path: type; path: type", "" when it is fine */
};

#define POD(spec) "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\"," spec "}}"
#define C(more) "\"containers\":[{\"name\":\"c\",\"image\":\"a\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\"" more "}]"

static const struct row rows[] = {
	{validate_pod, T_core_v1_Pod, POD(C("")), ""},
	{validate_pod, T_core_v1_Pod, POD("\"containers\":[]"), "spec.containers: FieldValueRequired"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"env\":[{\"name\":\"a=b\"}]")), "spec.containers[0].env[0].name: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]")), "spec.containers[0].volumeMounts[0].name: FieldValueNotFound"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"resources\":{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"1\"}}")), "spec.containers[0].resources.requests: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"volumes\":[{\"name\":\"v\",\"emptyDir\":{},\"hostPath\":{\"path\":\"/\"}}]"), "spec.volumes[0].hostPath: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"tolerations\":[{\"operator\":\"Equal\"}]"), "spec.tolerations[0].operator: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"hostAliases\":[{\"ip\":\"\"}]"), "spec.hostAliases[0].ip: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"securityContext\":{\"privileged\":false}") ",\"os\":{\"name\":\"windows\"},\"hostPID\":true"),
		"spec.hostPID: FieldValueForbidden; spec.containers[0].securityContext.privileged: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"hostNetwork\":true,\"hostnameOverride\":\"a_\""),
		"spec.hostnameOverride: FieldValueInvalid; spec.hostnameOverride: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.mirror\":\"x\",\"controller.kubernetes.io/pod-deletion-cost\":\"x\"}},\"spec\":{"
		"\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\"," C("") "}}",
		"metadata.annotations[kubernetes.io/config.mirror]: FieldValueInvalid; metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: FieldValueInvalid"},
	{validate_pv, T_core_v1_PersistentVolume, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"1\"},\"persistentVolumeReclaimPolicy\":\"Retain\","
		"\"iscsi\":{\"targetPortal\":\"p\",\"iqn\":\"x\",\"lun\":300}}}", "spec.iscsi.iqn: FieldValueInvalid; spec.iscsi.lun: FieldValueInvalid"},
	{validate_pv, T_core_v1_PersistentVolume, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"1\"},\"persistentVolumeReclaimPolicy\":\"Retain\","
		"\"csi\":{\"driver\":\"d\",\"volumeHandle\":\"h\",\"nodePublishSecretRef\":{\"name\":\"s\"}}}}", "spec.csi.nodePublishSecretRef.namespace: FieldValueRequired"},
	{validate_configmap, T_core_v1_ConfigMap, "{\"data\":{\"a b\":\"\"}}", "data[a b]: FieldValueInvalid"},
	{validate_secret, T_core_v1_Secret, "{\"type\":\"kubernetes.io/tls\"}", "data[tls.crt]: FieldValueRequired; data[tls.key]: FieldValueRequired"},
	{validate_service, T_core_v1_Service, "{\"spec\":{\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\"}}", "spec.ports: FieldValueRequired"},
	{validate_networkpolicy, T_networking_v1_NetworkPolicy, "{\"spec\":{\"policyTypes\":[\"Both\"]}}", "spec.policyTypes[0]: FieldValueNotSupported"},
	{validate_csistoragecapacity, T_storage_v1_CSIStorageCapacity, "{\"storageClassName\":\"a\",\"capacity\":\"-1\"}", "capacity: FieldValueInvalid"},
	{validate_csinode, T_storage_v1_CSINode, "{\"spec\":{\"drivers\":[{\"name\":\"d\",\"nodeID\":\"n\"},{\"name\":\"d\",\"nodeID\":\"n\"}]}}", "spec.drivers[1].name: FieldValueDuplicate"},
};

#define JOB(spec) "{\"metadata\":{\"name\":\"j\"},\"spec\":{\"completions\":3,\"completionMode\":\"Indexed\",\"manualSelector\":true,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":" \
	"{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"Never\",\"dnsPolicy\":\"ClusterFirst\"," C("") "}}," spec "}}"

static const struct row job_rows[] = {
	{validate_job, T_batch_v1_Job, JOB("\"successPolicy\":{\"rules\":[{\"succeededIndexes\":\"0,2\",\"succeededCount\":2}]}"), ""},
	{validate_job, T_batch_v1_Job, JOB("\"successPolicy\":{\"rules\":[{\"succeededIndexes\":\"2,0-1\"},{\"succeededIndexes\":\"0-3\"},{\"succeededIndexes\":\"a\"}]}"),
		"spec.successPolicy.rules[0].succeededIndexes: FieldValueInvalid; spec.successPolicy.rules[1].succeededIndexes: FieldValueInvalid; "
		"spec.successPolicy.rules[2].succeededIndexes: FieldValueInvalid"},
	{validate_job, T_batch_v1_Job, JOB("\"podFailurePolicy\":{\"rules\":[{\"action\":\"FailJob\",\"onExitCodes\":{\"containerName\":\"z\",\"operator\":\"In\",\"values\":[3,1,3]}}]}"),
		"spec.podFailurePolicy.rules[0].onExitCodes.containerName: FieldValueInvalid; spec.podFailurePolicy.rules[0].onExitCodes.values[2]: FieldValueDuplicate; "
		"spec.podFailurePolicy.rules[0].onExitCodes.values: FieldValueInvalid"},
};

static struct str causes_text(struct arena *a, const struct err *e)
{
	BUF(out);
	for (uint32_t i = 0; i < e->ncauses; i++)
		buf_printf(&out, "%s%.*s: %s", i ? "; " : "", STR_F(e->causes[i].field), e->causes[i].type);
	return buf_take(&out, a);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct request *r = arena_make(a, struct request);
		void *obj = obj_new(a, desc_type(rows[i].type));
		ERR(e);
		r->arena = a;
		assert_ok(json_decode(a, desc_type(rows[i].type), str_of(rows[i].json), NULL, obj, &e), &e);
		rows[i].check(r, obj, &e);
		struct str got = causes_text(a, &e);
		if (!str_is(got, rows[i].causes))
			fail_msg("%s\n  gives \"%.*s\"\n  want  \"%s\"", rows[i].json, STR_F(got), rows[i].causes);
	}
}

TEST(objects_are_refused_where_they_are_wrong)
{
	check_rows(rows, ARRAY_LEN(rows));
	check_rows(job_rows, ARRAY_LEN(job_rows));
}

TEST(schedules_are_parsed_as_cron_does)
{
	static const struct { const char *text; bool fine; } list[] = {{"*/5 * * * *", true}, {"0 0 1,15 jan-jun mon", true}, {"@hourly", true}, {"@every 1h", true},
		{"* * * *", false}, {"61 * * * *", false}, {"*/0 * * * *", false}, {"5-1 * * * *", false}, {"@fortnightly", false}, {"", false}};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if ((schedule_wrong(a, str_of(list[i].text)).n == 0) != list[i].fine)
			fail_msg("\"%s\"", list[i].text);
}

TEST(changes_are_seen_by_path)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *x = obj_new(a, desc_type(T_core_v1_ConfigMap)), *y = obj_new(a, desc_type(T_core_v1_ConfigMap));
	ERR(e);
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"1\"}}"), NULL, x, &e), &e);
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"1\"},\"binaryData\":{}}"), NULL, y, &e), &e);
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "data"));
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "binaryData"));
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "immutable"));
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"2\"},\"immutable\":true}"), NULL, y, &e), &e);
	assert_false(same_at(T_core_v1_ConfigMap, x, y, "data"));
	assert_false(same_at(T_core_v1_ConfigMap, x, y, "immutable"));
}
