#include "codec/json.h"
#include "base/test.h"
#include "gen/apps_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include <math.h>

static void decode_fails(uint16_t type, const char *in, const char *want)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	assert_int_equal(json_decode(a, desc_type(type), str_of(in), NULL, obj_new(a, desc_type(type)), &e), -1);
	assert_string_equal(err_text(&e), want);
	assert_int_equal(e.reason, ERR_BAD_REQUEST);
	arena_free(a);
}

TEST(mismatches_are_worded_as_upstream)
{
	decode_fails(T_core_v1_ConfigMap, "{\"data\":{\"a\":1}}", "json: cannot unmarshal number into Go struct field ConfigMap.data of type string");
	decode_fails(T_core_v1_ConfigMap, "{\"data\":[]}", "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string");
	decode_fails(T_core_v1_ConfigMap, "{\"metadata\":{\"labels\":{\"a\":true}}}",
		"json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string");
	decode_fails(T_core_v1_ConfigMap, "{\"immutable\":\"x\"}", "json: cannot unmarshal string into Go struct field ConfigMap.immutable of type bool");
	decode_fails(T_core_v1_Pod, "{\"status\":[]}", "json: cannot unmarshal array into Go struct field Pod.status of type v1.PodStatus");
	decode_fails(T_core_v1_Pod, "{\"spec\":{\"priority\":99999999999}}",
		"json: cannot unmarshal number 99999999999 into Go struct field PodSpec.spec.priority of type int32");
	decode_fails(T_core_v1_Pod, "{\"spec\":{\"activeDeadlineSeconds\":1e2}}",
		"json: cannot unmarshal number 1e2 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64");
	decode_fails(T_core_v1_Service, "{\"spec\":{\"ports\":[{\"port\":\"x\"}]}}",
		"json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32");
	decode_fails(T_core_v1_ServiceAccount, "{\"secrets\":[\"x\"]}",
		"json: cannot unmarshal string into Go struct field ServiceAccount.secrets of type v1.ObjectReference");
	decode_fails(T_rbac_v1_Role, "{\"rules\":[{\"apiGroups\":\"x\"}]}",
		"json: cannot unmarshal string into Go struct field PolicyRule.rules.apiGroups of type []string");
	decode_fails(T_core_v1_Secret, "{\"data\":{\"a\":1}}", "json: cannot unmarshal number into Go struct field Secret.data of type []uint8");
	decode_fails(T_core_v1_Secret, "{\"data\":{\"a\":\"YWE\"}}", "illegal base64 data at input byte 0");
	decode_fails(T_apiextensions_v1_CustomResourceDefinition,
		"{\"spec\":{\"versions\":[{\"schema\":{\"openAPIV3Schema\":{\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":[\"string\"]}}}}}}}]}}",
		"json: cannot unmarshal array into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.properties.properties.type of type string");
	decode_fails(T_core_v1_ConfigMap, "[]", "json: cannot unmarshal array into Go value of type v1.ConfigMap");
	decode_fails(T_core_v1_Pod, "{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"x\"}}}]}}",
		"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	decode_fails(T_core_v1_Pod, "{\"metadata\":{\"creationTimestamp\":\"yesterday\"}}",
		"parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\"");
	decode_fails(T_coordination_v1_Lease, "{\"spec\":{\"renewTime\":\"2024-01-02T03:04:05Z\"}}",
		"parsing time \"2024-01-02T03:04:05Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"");
	decode_fails(T_core_v1_Service, "{\"spec\":{\"ports\":[{\"targetPort\":1.5}]}}", "json: cannot unmarshal number 1.5 into Go value of type int32");
}

TEST(bad_json_is_told_before_anything_else)
{
	decode_fails(T_core_v1_ConfigMap, "{\"data\":1,", "unexpected end of JSON input");
	decode_fails(T_core_v1_ConfigMap, "{\"data\":1} x", "invalid character 'x' after top-level value");
	decode_fails(T_core_v1_ConfigMap, "", "unexpected end of JSON input");
	decode_fails(T_core_v1_ConfigMap, "{a", "invalid character 'a' looking for beginning of object key string");
	decode_fails(T_core_v1_ConfigMap, "{\"a\" 1}", "invalid character '1' after object key");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":1 2}", "invalid character '2' after object key:value pair");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":[1 2]}", "invalid character '2' after array element");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":nope}", "invalid character 'o' in literal null (expecting 'u')");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":\"\\x\"}", "invalid character 'x' in string escape code");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":\"\n\"}", "invalid character '\\n' in string literal");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":01}", "invalid character '1' after object key:value pair");
	decode_fails(T_core_v1_ConfigMap, "\x81", "invalid character '\\u0081' looking for beginning of value");
	decode_fails(T_core_v1_ConfigMap, "'", "invalid character '\\'' looking for beginning of value");
	decode_fails(T_core_v1_ConfigMap, "{\"a\":1.}", "invalid character '}' after decimal point in numeric literal");
}

/* Found by fuzzing: a text that is absent is one that is empty, also to the undefined-behaviour sanitizer. */
TEST(absent_json_ends_unexpectedly)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *v;
	ERR(whole);
	ERR(parsed);
	assert_int_equal(json_decode(a, desc_type(T_core_v1_ConfigMap), (struct str){0}, NULL, obj_new(a, desc_type(T_core_v1_ConfigMap)), &whole), -1);
	assert_int_equal(json_parse(a, (struct str){0}, NULL, &v, &parsed), -1);
	assert_string_equal(err_text(&whole), "unexpected end of JSON input");
	assert_string_equal(err_text(&parsed), "unexpected end of JSON input");
}

static void collect(void *arg, struct str what) { buf_printf(arg, "%.*s;", STR_F(what)); }

TEST(unknown_and_duplicate_fields_are_complained_about_in_order)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	struct json_opts o = {.flags = JSON_STRICT, .complain = collect, .arg = &b};
	const struct type *t = desc_type(T_core_v1_ConfigMap);
	struct core_v1_ConfigMap *cm = obj_new(a, t);
	assert_ok(json_decode(a, t, STR("{\"metadata\":{\"nope\":1,\"name\":\"a\"},\"data\":{\"k\":\"1\",\"k\":\"2\"},\"extra\":{},\"Data\":{}}"), &o, cm, &e), &e);
	assert_str(buf_view(&b), "unknown field \"metadata.nope\";duplicate field \"data.k\";unknown field \"extra\";unknown field \"Data\";");
	assert_str(str_map_get((struct str_map *)&cm->data, STR("k")), "2");
	buf_clear(&b);
	assert_ok(json_decode(a, desc_type(T_core_v1_Pod), STR("{\"spec\":{\"containers\":[{},{\"x\":1}]}}"), &o, obj_new(a, desc_type(T_core_v1_Pod)), &e), &e);
	assert_str(buf_view(&b), "unknown field \"spec.containers[1].x\";");
	arena_free(a);
}

TEST(null_empty_and_absent_are_kept_apart)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	const struct type *t = desc_type(T_core_v1_Pod);
	struct core_v1_Pod *pod = obj_new(a, t);
	assert_ok(json_decode(a, t, STR("{\"spec\":{\"containers\":[],\"volumes\":null,\"priority\":0,\"runtimeClassName\":\"\",\"overhead\":{\"cpu\":null}}}"), NULL, pod, &e), &e);
	assert_ptr_equal(pod->spec.containers.items, LIST_EMPTY);
	assert_null(pod->spec.volumes.items);
	assert_true(pod->spec.has_priority);
	json_encode(&b, (struct ref){t, pod});
	assert_str(buf_view(&b), "{\"metadata\":{},\"spec\":{\"containers\":[],\"priority\":0,\"runtimeClassName\":\"\",\"overhead\":{\"cpu\":\"0\"}},\"status\":{}}");
	arena_free(a);
}

TEST(strings_are_unescaped_and_escaped)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	struct value *v;
	assert_ok(json_parse(a, STR("\"\\u00e9\\ud83d\\ude00\\ud800x\\n\\/\\\"\xff\""), NULL, &v, &e), &e);
	assert_str(v->s, "\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx\n/\"\xef\xbf\xbd");
	json_string(&b, STR("<a&b>\x01\b\f\n\"\\ \xe2\x80\xa8 \xc3\xa9 \xff long enough for the wide loop"));
	assert_str(buf_view(&b), "\"\\u003ca\\u0026b\\u003e\\u0001\\b\\f\\n\\\"\\\\ \\u2028 \xc3\xa9 \\ufffd long enough for the wide loop\"");
	arena_free(a);
}

TEST(doubles_print_in_the_shortest_form)
{
	static const struct {
		double d;
		const char *text;
	} cases[] = {{0, "0"}, {0.1, "0.1"}, {100, "100"}, {1e21, "1e+21"}, {1e20, "100000000000000000000"}, {1e-6, "0.000001"}, {1e-7, "1e-7"},
		{-1.5, "-1.5"}, {1.0 / 3, "0.3333333333333333"}, {5e-324, "5e-324"}, {123456789.125, "123456789.125"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		BUF(b);
		json_double(&b, cases[i].d);
		assert_str(buf_view(&b), cases[i].text);
	}
}

TEST(values_keep_order_and_numbers)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	struct value *v;
	struct str in = STR("{\"b\":[1,2.5,-3,1e3,true,null,{}],\"a\":\"x\",\"c\":[]}");
	assert_ok(json_parse(a, in, NULL, &v, &e), &e);
	json_write(&b, v);
	assert_str(buf_view(&b), "{\"b\":[1,2.5,-3,1000,true,null,{}],\"a\":\"x\",\"c\":[]}");
	buf_clear(&b);
	json_write_pretty(&b, value_get(v, STR("b")), 2);
	assert_str(buf_view(&b), "[\n  1,\n  2.5,\n  -3,\n  1000,\n  true,\n  null,\n  {}\n]");
	arena_free(a);
}

TEST(many_members_find_their_duplicates)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(in);
	BUF(said);
	struct json_opts o = {.flags = JSON_STRICT, .complain = collect, .arg = &said};
	struct value *v;
	buf_lit(&in, "{");
	for (int i = 0; i < 5000; i++)
		buf_printf(&in, "\"k%d\":%d,", i, i);
	buf_lit(&in, "\"k77\":1}");
	assert_ok(json_parse(a, buf_view(&in), &o, &v, &e), &e);
	assert_int_equal(v->object.len, 5000);
	assert_int_equal(value_get(v, STR("k77"))->i, 1);
	assert_str(buf_view(&said), "duplicate field \"k77\";");
	arena_free(a);
}

TEST(the_type_is_seen_without_decoding)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct str version, kind;
	assert_ok(json_peek_type(STR("{\"spec\":{\"kind\":1},\"kind\":\"Pod\",\"apiVersion\":\"v1\"}"), &version, &kind, a, &e), &e);
	assert_str(version, "v1");
	assert_str(kind, "Pod");
	assert_int_equal(json_peek_type(STR("{"), &version, &kind, a, &e), -1);
	assert_string_equal(err_text(&e), "couldn't get version/kind; json parse error: unexpected end of JSON input");
	assert_int_equal(json_peek_type(STR("[]"), &version, &kind, a, &e), -1);
	assert_string_equal(err_text(&e), "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
		"struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }");
	assert_int_equal(json_peek_type(STR("{\"kind\":5}"), &version, &kind, a, &e), -1);
	assert_string_equal(err_text(&e), "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string");
	arena_free(a);
}

static struct str nested(struct arena *a, const char *open, const char *close, int n)
{
	BUF(b);
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%s", open);
	buf_printf(&b, "1");
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%s", close);
	return buf_take(&b, a);
}

TEST(deep_nesting_is_refused)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct value *v;
	assert_int_equal(json_parse(a, nested(a, "[", "]", JSON_NEST_MAX), NULL, &v, &e), 0);
	assert_int_equal(json_parse(a, nested(a, "[", "]", JSON_NEST_MAX + 1), NULL, &v, &e), -1);
	assert_string_equal(err_text(&e), "exceeded max depth");
	assert_int_equal(json_parse(a, nested(a, "{\"a\":[", "]}", 1000000), NULL, &v, &e), -1);
	struct str raw = str_printf(a, "{\"data\":%.*s}", STR_F(nested(a, "[", "]", 9000)));
	const struct type *t = desc_type(T_apps_v1_ControllerRevision);
	assert_ok(json_decode(a, t, raw, NULL, obj_new(a, t), &e), &e);
	arena_free(a);
}

TEST(a_spent_budget_is_an_error)
{
	struct budget small = {.max = 3 * ARENA_CHUNK};
	struct arena *a = arena_new(&small), *b = arena_new(NULL);
	ERR(e);
	struct value *v;
	BUF(in);
	buf_lit(&in, "[");
	for (int i = 0; i < 20000; i++)
		buf_lit(&in, "[1],");
	buf_lit(&in, "1]");
	assert_int_equal(json_parse(a, buf_view(&in), NULL, &v, &e), -1);
	arena_free(a);
	arena_free(b);
}

TEST(a_bounded_buffer_fails_quietly)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	b.max = 40;
	const struct type *t = desc_type(T_core_v1_ConfigMap);
	void *cm = obj_new(a, t);
	assert_ok(json_decode(a, t, STR("{\"kind\":\"ConfigMap\",\"data\":{\"a\":\"0123456789012345678901234567890123456789\"}}"), NULL, cm, &e), &e);
	json_encode(&b, (struct ref){t, cm});
	assert_true(b.failed);
	arena_free(a);
}

TEST(extensions_keep_their_spaces_when_asked)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct type *t = desc_type(T_apps_v1_ControllerRevision);
	static const struct json_opts keep = {.flags = JSON_KEEP_SPACES};
	struct apps_v1_ControllerRevision *c = obj_new(a, t);
	ERR(e);
	BUF(out);
	assert_ok(json_decode(a, t, STR("{\"data\":{\"a\": \"b \\\" c\", \"d\": [1, 2]}}"), &keep, c, &e), &e);
	assert_str(c->data, "{\"a\": \"b \\\" c\", \"d\": [1, 2]}");
	json_encode(&out, (struct ref){t, c});
	assert_true(str_find(buf_view(&out), STR("\"data\":{\"a\":\"b \\\" c\",\"d\":[1,2]}")) > 0);
}
