#include "base/test.h"
#include "codec/fieldset_tree.h"
#include "codec/json.h"
#include "gen/ids.h"

static struct fieldset *set(struct arena *a, const char *json)
{
	ERR(e);
	struct fieldset *s = fieldset_parse(a, str_of(json), &e);
	if (!s)
		fail_msg("%s", err_text(&e));
	return s;
}

static struct str text(struct arena *a, const struct fieldset *s)
{
	BUF(out);
	fieldset_write(&out, s);
	return buf_take(&out, a);
}

static struct ref object(struct arena *a, uint16_t type, const char *json)
{
	struct ref o = {desc_type(type), obj_new(a, desc_type(type))};
	ERR(e);
	assert_ok(json_decode(a, o.type, str_of(json), NULL, o.p, &e), &e);
	return o;
}

TEST(sets_read_back_as_written)
{
	static const char *const texts[] = {"{}", "{\"f:a\":{}}", "{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:x\":{}}}}",
		"{\"f:l\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:x\":{}},\"v:\\\"s\\\"\":{},\"i:3\":{}}}"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_str(text(a, set(a, texts[i])), texts[i]);
}

TEST(order_is_names_then_keys_then_values)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(text(a, set(a, "{\"i:1\":{},\"v:\\\"b\\\"\":{},\"v:10\":{},\"v:9\":{},\"k:{\\\"n\\\":10}\":{},\"k:{\\\"n\\\":9}\":{},\"f:b\":{},\"f:a\":{}}")),
		"{\"f:a\":{},\"f:b\":{},\"k:{\\\"n\\\":9}\":{},\"k:{\\\"n\\\":10}\":{},\"v:9\":{},\"v:10\":{},\"v:\\\"b\\\"\":{},\"i:1\":{}}");
}

TEST(broken_sets_are_refused)
{
	static const char *const texts[] = {"", "[]", "{", "{\"f:a\"}", "{\"f:a\":1}", "{\"f:a\":{},}"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		ERR(e);
		assert_null(fieldset_parse(a, str_of(texts[i]), &e));
	}
}

TEST(operations)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct fieldset *x = set(a, "{\"f:a\":{\".\":{},\"f:b\":{}},\"f:c\":{}}"), *y = set(a, "{\"f:a\":{\"f:b\":{},\"f:d\":{}}}");
	assert_str(text(a, fieldset_union(a, x, y)), "{\"f:a\":{\".\":{},\"f:b\":{},\"f:d\":{}},\"f:c\":{}}");
	assert_str(text(a, fieldset_intersection(a, x, y)), "{\"f:a\":{\"f:b\":{}}}");
	assert_str(text(a, fieldset_difference(a, x, y)), "{\"f:a\":{},\"f:c\":{}}");
	assert_true(fieldset_empty(fieldset_difference(a, x, x)));
	assert_true(fieldset_equal(x, fieldset_union(a, x, x)));
	assert_str(text(a, fieldset_exclude(a, x, set(a, "{\"f:a\":{}}"))), "{\"f:c\":{}}");
}

TEST(compare_finds_what_came_changed_and_went)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref x = object(a, T_core_v1_Pod, "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"1\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"args\":[\"x\"]}]}}");
	struct ref y = object(a, T_core_v1_Pod, "{\"metadata\":{\"labels\":{\"a\":\"2\"}},\"spec\":{\"containers\":[{\"name\":\"d\",\"image\":\"i\"},{\"name\":\"c\",\"image\":\"j\"}]}}");
	struct fieldset *changed, *removed;
	fieldset_compare(a, x, y, &changed, &removed);
	assert_str(text(a, changed), "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\"f:image\":{}},"
				    "\"k:{\\\"name\\\":\\\"d\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},\"f:resources\":{}}}}}");
	assert_str(text(a, removed), "{\"f:metadata\":{\"f:labels\":{\"f:b\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\"f:args\":{}}}}}");
}

TEST(atomic_values_are_one_leaf)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref x = object(a, T_core_v1_Service, "{\"spec\":{\"selector\":{\"a\":\"1\"}}}"), y = object(a, T_core_v1_Service, "{\"spec\":{\"selector\":{\"b\":\"1\"}}}");
	struct fieldset *changed, *removed;
	fieldset_compare(a, x, y, &changed, &removed);
	assert_str(text(a, changed), "{\"f:spec\":{\"f:selector\":{}}}");
}

TEST(a_granular_member_of_an_atomic_type_is_taken_apart)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref y = object(a, T_core_v1_PersistentVolume, "{\"spec\":{\"claimRef\":{\"namespace\":\"n\"}}}");
	assert_true(str_find(text(a, fieldset_of(a, y)), STR("\"f:claimRef\":{\"f:namespace\":{}}")) > 0);
}

TEST(key_defaults_are_part_of_the_key)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref y = object(a, T_core_v1_Service, "{\"spec\":{\"ports\":[{\"port\":80}]}}");
	assert_str(text(a, fieldset_of(a, y)), "{\"f:metadata\":{},\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{},\"f:targetPort\":{}}}},"
					      "\"f:status\":{\"f:loadBalancer\":{}}}");
}

TEST(absent_and_empty_texts_are_equal)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref x = object(a, T_apps_v1_StatefulSet, "{\"spec\":{}}"), y = object(a, T_apps_v1_StatefulSet, "{\"spec\":{\"serviceName\":\"\"}}");
	struct fieldset *changed, *removed;
	fieldset_compare(a, x, y, &changed, &removed);
	assert_true(fieldset_empty(changed) && fieldset_empty(removed));
}

TEST(keys_that_come_twice_are_owned_once_and_alone)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref x = object(a, T_core_v1_Pod, "{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}");
	struct ref y = object(a, T_core_v1_Pod, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\"},{\"name\":\"A\"}]}]}}");
	struct fieldset *changed, *removed;
	fieldset_compare(a, x, y, &changed, &removed);
	assert_str(text(a, changed), "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\"f:env\":{\".\":{},\"k:{\\\"name\\\":\\\"A\\\"}\":{},"
				    "\"k:{\\\"name\\\":\\\"B\\\"}\":{\".\":{},\"f:name\":{}}}}}}}");
}
