#include "base/test.h"
#include "codec/defaults.h"
#include "codec/json.h"
#include "schema/value.h"
#include <stdio.h>

static struct value *read_json(struct arena *a, const char *path)
{
	char *text = arena_text(a, 1 << 22);
	FILE *f = fopen(path, "r");
	struct value *v;
	if (!f)
		return NULL;
	size_t n = fread(text, 1, 1 << 22, f);
	fclose(f);
	ERR(e);
	return json_parse(a, str_n(text, n), NULL, &v, &e) ? NULL : v;
}

/* The text that obj_default makes of a document. */
static struct str defaulted(struct arena *a, const char *json)
{
	struct str api, kind;
	BUF(out);
	ERR(e);
	assert_ok(json_peek_type(str_of(json), &api, &kind, a, &e), &e);
	const struct type *t = type_by_api_version(api, kind);
	void *o = obj_new(a, t);
	assert_ok(json_decode(a, t, str_of(json), NULL, o, &e), &e);
	obj_default(a, (struct ref){t, o});
	json_encode(&out, (struct ref){t, o});
	return buf_take(&out, a);
}

static struct value *defaulted_value(struct arena *a, const char *json)
{
	struct value *v;
	ERR(e);
	assert_ok(json_parse(a, defaulted(a, json), NULL, &v, &e), &e);
	return v;
}

TEST(pod_gets_upstream_defaults)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(defaulted(a, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],"
				"\"volumes\":[{\"name\":\"v\"}]}}"),
		"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],\"containers\":["
		"{\"name\":\"c\",\"image\":\"i\",\"resources\":{},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\","
		"\"imagePullPolicy\":\"Always\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
		"\"securityContext\":{},\"schedulerName\":\"default-scheduler\",\"enableServiceLinks\":true},\"status\":{}}");
}

TEST(limits_become_requests_in_pods_only)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *v = defaulted_value(a, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},"
					     "\"requests\":{\"cpu\":\"0.0001\"}}}]}}");
	struct value *c = value_path(v, "spec.containers")->list.items[0];
	assert_str(value_path_str(c, "resources.requests.cpu"), "1m");
	assert_str(value_path_str(c, "resources.requests.memory"), "1Gi");
	v = defaulted_value(a, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}}]}}}}");
	c = value_path(v, "spec.template.spec.containers")->list.items[0];
	assert_null(value_path(c, "resources.requests"));
	assert_str(value_path_str(v, "spec.strategy.rollingUpdate.maxSurge"), "25%");
}

TEST(pull_policy_follows_the_tag)
{
	static const struct {
		const char *image, *policy;
	} cases[] = {{"a", "Always"}, {"a:latest", "Always"}, {"a:1", "IfNotPresent"}, {"r:5000/a", "Always"}, {"r:5000/a/b:v1", "IfNotPresent"},
		{"a@sha256:00", "IfNotPresent"}, {"UPPER", "IfNotPresent"}, {"", "IfNotPresent"}, {"a__b/c-d", "Always"}};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str json = str_printf(a, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}}", cases[i].image);
		struct value *v = defaulted_value(a, str_z(a, json));
		assert_str(value_path_str(value_path(v, "spec.containers")->list.items[0], "imagePullPolicy"), cases[i].policy);
	}
}

TEST(defaulting_twice_changes_nothing)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str once = defaulted(a, "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\",\"spec\":{\"schedule\":\"* * * * *\",\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":{\"containers\":[]}}}}}}");
	assert_str(defaulted(a, str_z(a, once)), str_z(a, once));
}

/* Puts `value` at a path such as "spec.ports[].protocol" of v, in the first element of lists. */
static void put(struct arena *a, struct value *v, struct str path, struct value *value)
{
	struct str name, rest;
	bool more = str_cut(path, '.', &name, &rest), list = str_has_suffix(name, STR("[]"));
	name = list ? str_sub(name, 0, name.n - 2) : name;
	if (!more) {
		value_set(a, v, name, value);
		return;
	}
	struct value *next = value_get(v, name);
	if (!next)
		value_set(a, v, name, next = value_new(a, list ? V_LIST : V_OBJECT));
	if (list) {
		if (!next->list.len)
			value_push(a, next, value_new(a, V_OBJECT));
		next = next->list.items[0];
	}
	put(a, next, rest, value);
}

static void drop(struct value *v, const char *key)
{
	for (uint32_t i = 0; v->type == V_LIST && i < v->list.len; i++)
		drop(v->list.items[i], key);
	if (v->type != V_OBJECT)
		return;
	value_del(v, str_of(key));
	for (uint32_t i = 0; i < v->object.len; i++)
		drop(v->object.items[i].value, key);
}

/* Everything that upstream fills in, from its own probe of each kind. */
static unsigned check_probe(struct arena *a, const struct value *kind, const char *probe, const char *folder)
{
	struct value *rows = value_get(kind, str_of(probe));
	struct str group = value_path_str(kind, "group"), version = value_path_str(kind, "version"), name = value_path_str(kind, "kind");
	const char *path = str_z(a, str_printf(a, "%s/vectors/%s/%.*s.%.*s.%.*s.json", test_shared(), folder, group.n ? (int)group.n : 4,
					     group.n ? group.p : "core", STR_F(version), STR_F(name)));
	struct value *before = read_json(a, path), *after, *want;
	if (!rows || !before)
		return 0;
	BUF(text);
	json_write(&text, before);
	want = value_copy(a, before);
	for (uint32_t i = 0; i < rows->list.len; i++) {
		struct str at = value_path_str(rows->list.items[i], "path");
		if (str_find(at, STR("timeAdded")) < 0)
			put(a, want, at, value_get(rows->list.items[i], STR("value")));
	}
	after = defaulted_value(a, buf_z(&text));
	drop(want, "stringData"), drop(want, "sessionAffinityConfig"); /* the rows tell only what comes, not what goes */
	BUF(got);
	BUF(wanted);
	value_sort(after), value_sort(want);
	json_write(&got, after), json_write(&wanted, want);
	if (!str_eq(buf_view(&got), buf_view(&wanted)))
		print_message("%s\n got %s\nwant %s\n", path, buf_z(&got), buf_z(&wanted));
	return !str_eq(buf_view(&got), buf_view(&wanted));
}

TEST(every_probe_of_upstream_is_met)
{
	if (!test_shared())
		skip();
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *facts = read_json(a, str_z(a, str_printf(a, "%s/schema/defaults.json", test_shared()))), *kinds = value_path(facts, "kinds");
	unsigned wrong = 0;
	assert_non_null(kinds);
	for (uint32_t i = 0; i < kinds->list.len; i++) {
		wrong += check_probe(a, kinds->list.items[i], "zero", "zero");
		wrong += check_probe(a, kinds->list.items[i], "hollow", "hollow");
	}
	assert_int_equal(wrong, 0);
}

TEST(component_configuration_is_filled)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *v = defaulted_value(a, "{\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\"kind\":\"KubeletConfiguration\",\"port\":1,"
					     "\"authentication\":{\"anonymous\":{\"enabled\":true}},\"syncFrequency\":\"5s\"}");
	assert_int_equal(value_path(v, "port")->i, 1);
	assert_true(value_path(v, "authentication.anonymous.enabled")->b && value_path(v, "authentication.webhook.enabled")->b);
	assert_str(value_path_str(v, "syncFrequency"), "5s");
	assert_str(value_path_str(v, "fileCheckFrequency"), "20s");
}
