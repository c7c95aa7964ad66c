#include "base/test.h"
#include "codec/json.h"
#include "codec/patch.h"
#include "gen/ids.h"

static struct value *doc(struct arena *a, const char *json)
{
	struct value *v;
	ERR(e);
	assert_ok(json_parse(a, str_of(json), NULL, &v, &e), &e);
	return v;
}

static struct str text(struct arena *a, struct value *v)
{
	BUF(out);
	value_sort(v);
	json_write(&out, v);
	return buf_take(&out, a);
}

static struct str json_patched(struct arena *a, const char *json, const char *patch)
{
	ERR(e);
	struct value *v = patch_json_ops(a, doc(a, json), doc(a, patch), &e);
	return v ? text(a, v) : str_dup(a, e.message);
}

TEST(json_patch_is_as_lenient_as_upstream)
{
	static const struct {
		const char *doc, *patch, *want;
	} cases[] = {
		{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":2}]", "{\"a\":1,\"b\":2}"},
		{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":null}"},
		{"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":2}]", "{\"a\":1,\"b\":2}"},
		{"{\"a\":{\"b\":1}}", "[{\"op\":\"replace\",\"path\":\"a/b\",\"value\":2}]", "{\"a\":{\"b\":1},\"b\":2}"},
		{"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]", "{\"a\":1}"},
		{"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", "{\"a\":1}"},
		{"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", "testing value /a failed: test failed"},
		{"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", "{\"a\":[1]}"},
		{"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9,2]}"},
		{"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":9}]", "{\"a\":[1,2,9]}"},
		{"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/9\",\"value\":9}]",
			"error in add for path: '/a/9': Unable to access invalid index: 9: invalid index referenced"},
		{"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value"},
		{"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/x/y\",\"value\":1}]", "add operation does not apply: doc is missing path: \"/x/y\": missing value"},
		{"{\"a/b\":{\"c~d\":1}}", "[{\"op\":\"move\",\"from\":\"/a~1b/c~0d\",\"path\":\"/e\"}]", "{\"a/b\":{},\"e\":1}"},
		{"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/c/b\",\"value\":2}]", "{\"a\":{\"b\":1},\"c\":{\"b\":2}}"},
		{"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"z\":1}}]", "{\"z\":1}"},
		{"{\"a\":1}", "[{\"op\":\"merge\",\"path\":\"/a\"}]", "Unexpected kind: merge"},
	};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_str(json_patched(a, cases[i].doc, cases[i].patch), cases[i].want);
}

TEST(json_patch_errors_are_upstreams_answers)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	assert_null(patch_json(a, doc(a, "{}"), STR("{}"), &e));
	assert_int_equal(e.code, 400);
	assert_str(e.message, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp");
	assert_null(patch_json(a, doc(a, "{}"), STR("[{\"op\":\"remove\",\"path\":\"/x\"}]"), &e));
	assert_int_equal(e.code, 422);
	assert_str(e.message, "the server rejected our request due to an error in our request");
	assert_null(patch_json(a, doc(a, "{}"), STR(""), &e));
	assert_str(e.message, "error decoding patch: unexpected end of JSON input");
}

TEST(json_patch_copies_are_bounded)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	BUF(patch);
	buf_lit(&patch, "[{\"op\":\"add\",\"path\":\"/x\",\"value\":\"");
	for (int i = 0; i < 100000; i++)
		buf_char(&patch, 'x');
	buf_lit(&patch, "\"}");
	for (int i = 0; i < 40; i++)
		buf_printf(&patch, ",{\"op\":\"copy\",\"from\":\"/x\",\"path\":\"/y%d\"}", i);
	buf_char(&patch, ']');
	ERR(e);
	assert_null(patch_json_ops(a, doc(a, "{}"), doc(a, buf_z(&patch)), &e));
	assert_true(str_find(e.message, STR("exceeding the limit")) > 0);
}

static struct str merged(struct arena *a, const char *json, const char *patch)
{
	ERR(e);
	struct value *v = patch_merge(a, doc(a, json), doc(a, patch), &e);
	return v ? text(a, v) : str_dup(a, e.message);
}

TEST(merge_patch)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(merged(a, "{\"a\":1,\"b\":{\"c\":1}}", "{\"a\":null,\"b\":{\"d\":2,\"e\":null},\"n\":{\"x\":null,\"y\":1}}"), "{\"b\":{\"c\":1,\"d\":2},\"n\":{\"y\":1}}");
	assert_str(merged(a, "{\"a\":[1,2]}", "{\"a\":[null,{\"x\":null}]}"), "{\"a\":[null,{}]}");
	assert_str(merged(a, "{}", "null"), "Invalid JSON Patch");
	assert_str(merged(a, "{}", "[]"), "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}");
}

TEST(patches_sort_the_objects_on_their_way)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	static const char *const now = "{\"m\":{\"z\":1,\"y\":2},\"b\":{\"d\":1,\"c\":2}}", *const then = "{\"b\":{\"a\":0,\"c\":2,\"d\":1},\"m\":{\"z\":1,\"y\":2}}";
	ERR(e);
	BUF(merge);
	BUF(ops);
	json_write(&merge, patch_merge(a, doc(a, now), doc(a, "{\"b\":{\"a\":0}}"), &e));
	assert_str(buf_view(&merge), then);
	json_write(&ops, patch_json(a, doc(a, now), STR("[{\"op\":\"add\",\"path\":\"/b/a\",\"value\":0}]"), &e));
	assert_str(buf_view(&ops), then);
}

TEST(merge_diff_and_three_way)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(text(a, patch_merge_diff(a, doc(a, "{\"a\":1,\"b\":{\"c\":1},\"l\":[1]}"), doc(a, "{\"b\":{\"c\":2},\"l\":[1],\"n\":1}"))),
		"{\"a\":null,\"b\":{\"c\":2},\"n\":1}");
	assert_str(text(a, patch_merge_three_way(a, doc(a, "{\"gone\":1,\"kept\":1}"), doc(a, "{\"kept\":2}"), doc(a, "{\"gone\":1,\"kept\":1,\"server\":1}"))),
		"{\"gone\":null,\"kept\":2}");
}

static struct str strategic(struct arena *a, const char *json, const char *patch)
{
	ERR(e);
	struct value *v = patch_strategic(a, desc_type(T_apps_v1_Deployment), doc(a, json), doc(a, patch), &e);
	return v ? text(a, v) : str_dup(a, e.message);
}
#define SPEC(containers) "{\"spec\":{\"template\":{\"spec\":{" containers "}}}}"

TEST(strategic_patch_merges_lists_by_key)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(strategic(a, SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]"), SPEC("\"containers\":[{\"name\":\"b\"},{\"name\":\"a\",\"tty\":true}]")),
		SPEC("\"containers\":[{\"name\":\"b\"},{\"image\":\"i\",\"name\":\"a\",\"tty\":true}]"));
	assert_str(strategic(a, SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"), SPEC("\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]")),
		SPEC("\"containers\":[{\"name\":\"b\"}]"));
	assert_str(strategic(a, SPEC("\"containers\":[{\"name\":\"a\"}]"), SPEC("\"containers\":[{\"$patch\":\"replace\"},{\"name\":\"c\"}]")),
		SPEC("\"containers\":[{\"name\":\"c\"}]"));
	assert_str(strategic(a, SPEC("\"tolerations\":[{\"key\":\"a\"}]"), SPEC("\"tolerations\":[{\"key\":\"b\"}]")), SPEC("\"tolerations\":[{\"key\":\"b\"}]"));
}

TEST(strategic_directives)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(strategic(a, "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"$patch\":\"replace\",\"c\":\"3\"}}}"), "{\"metadata\":{\"labels\":{\"c\":\"3\"}}}");
	assert_str(strategic(a, "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"$patch\":\"merge\",\"d\":\"4\"}}}"),
		"unknown patch type: merge in map: map[$patch:merge d:4]");
	assert_str(strategic(a, "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}", "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}"),
		"{\"metadata\":{\"finalizers\":[\"b\"]}}");
	assert_str(strategic(a, "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{}}}}", "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}"),
		"{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}");
	assert_str(strategic(a, "{\"spec\":{\"strategy\":{}}}", "{\"spec\":{\"strategy\":{\"$retainKeys\":\"type\"}}}"), "invalid patch format of retainKeys");
	assert_str(strategic(a, SPEC("\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]"),
			   SPEC("\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"a\"}],\"containers\":[{\"name\":\"c\"}]")),
		SPEC("\"containers\":[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"a\"}]"));
	assert_str(strategic(a, SPEC("\"containers\":[]"), SPEC("\"$setElementOrder/containers\":[{\"name\":\"one\"}],\"containers\":[{\"name\":\"four\"}]")),
		"The order in patch list:\n[map[name:four]]\n doesn't match $setElementOrder list:\n[map[name:one]]\n");
}

/* The patch that leads from one document to another, and where it really leads. */
static struct str there(struct arena *a, const char *from, const char *to, const char *want_patch)
{
	ERR(e);
	struct value *patch = patch_strategic_diff(a, desc_type(T_apps_v1_Deployment), doc(a, from), doc(a, to), &e);
	assert_non_null(patch);
	struct str p = text(a, patch);
	assert_str(p, want_patch);
	return strategic(a, from, str_z(a, p));
}

TEST(strategic_diff_leads_to_its_target)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *to = SPEC("\"containers\":[{\"image\":\"j\",\"name\":\"b\"},{\"image\":\"i\",\"name\":\"c\"}]");
	assert_str(there(a, SPEC("\"containers\":[{\"image\":\"i\",\"name\":\"a\"},{\"image\":\"i\",\"name\":\"b\"}]"), to,
			   SPEC("\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"c\"}],\"containers\":[{\"image\":\"j\",\"name\":\"b\"},"
				"{\"image\":\"i\",\"name\":\"c\"},{\"$patch\":\"delete\",\"name\":\"a\"}]")),
		to);
	assert_str(there(a, "{\"metadata\":{\"labels\":{\"a\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"b\":\"1\"}}}", "{\"metadata\":{\"labels\":{\"a\":null,\"b\":\"1\"}}}"),
		"{\"metadata\":{\"labels\":{\"b\":\"1\"}}}");
	assert_str(there(a, "{\"metadata\":{}}", "{\"metadata\":{}}", "{}"), "{\"metadata\":{}}");
}

TEST(three_way_keeps_what_others_set)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	const char *original = SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"tty\":true}]"), *modified = SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"j\"}]"),
		   *current = SPEC("\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"tty\":true},{\"name\":\"injected\"}],\"dnsPolicy\":\"Default\"");
	struct value *p = patch_strategic_three_way(a, desc_type(T_apps_v1_Deployment), doc(a, original), doc(a, modified), doc(a, current), &e);
	assert_non_null(p);
	assert_str(strategic(a, current, str_z(a, text(a, p))),
		SPEC("\"containers\":[{\"image\":\"j\",\"name\":\"a\"},{\"name\":\"injected\"}],\"dnsPolicy\":\"Default\""));
}
