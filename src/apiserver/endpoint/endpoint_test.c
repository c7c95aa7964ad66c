#include "apiserver/test_server.h"
#include <stdio.h>

static const struct resource *cms(void) { return res("", "configmaps"); }

static void lifecycle(struct test_server *t)
{
	struct str made = do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
	assert_true(at_path(t, made, "metadata.uid").n == 36);
	assert_str(at_path(t, made, "metadata.namespace"), "default");
	assert_str(do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\"}}"), "! 409 configmaps \"a\" already exists");
	assert_true(str_eq(do_get(t, cms(), "default", "a"), made));
	struct str changed = do_update(t, cms(), "default", "a", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}");
	assert_str(at_path(t, changed, "data.k"), "w");
	assert_true(str_eq(at_path(t, changed, "metadata.uid"), at_path(t, made, "metadata.uid")));
	struct str same = do_update(t, cms(), "default", "a", "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}");
	assert_true(str_eq(at_path(t, same, "metadata.resourceVersion"), at_path(t, changed, "metadata.resourceVersion")));
	assert_str(at_path(t, do_delete(t, cms(), "default", "a"), "status"), "Success");
	assert_str(do_get(t, cms(), "default", "a"), "! 404 configmaps \"a\" not found");
}
TEST(an_object_is_made_changed_and_deleted) { with_server(1, lifecycle); }

static void stale(struct test_server *t)
{
	struct str made = do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\"}}");
	char json[200];
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%.*s\"},\"data\":{\"k\":\"1\"}}", STR_F(at_path(t, made, "metadata.resourceVersion")));
	assert_str(at_path(t, do_update(t, cms(), "default", "a", json), "data.k"), "1");
	json[strlen(json) - 4] = '2';
	assert_str(do_update(t, cms(), "default", "a", json),
		"! 409 Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again");
}
TEST(a_stale_update_is_a_conflict) { with_server(2, stale); }

static void finalizers(struct test_server *t)
{
	do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x.io/f\"]}}");
	assert_true(at_path(t, do_delete(t, cms(), "default", "a"), "metadata.deletionTimestamp").n > 0);
	assert_true(at_path(t, do_get(t, cms(), "default", "a"), "metadata.deletionTimestamp").n > 0);
	do_patch(t, cms(), "default", "a", PATCH_MERGE, "{\"metadata\":{\"finalizers\":null}}");
	assert_str(do_get(t, cms(), "default", "a"), "! 404 configmaps \"a\" not found");
}
TEST(the_last_finalizer_removes_a_deleted_object) { with_server(3, finalizers); }

static void make_five(struct test_server *t)
{
	for (char c = 'a'; c <= 'e'; c++) {
		char json[100];
		snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"%c\",\"labels\":{\"odd\":\"%d\"}}}", c, c % 2);
		do_create(t, cms(), "default", json);
	}
}

static void paging(struct test_server *t)
{
	struct str token, odd;
	make_five(t);
	struct call c = {.res = cms(), .ns = STR("default"), .limit = 2};
	assert_str(do_list(t, c, &token), "a b+");
	do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"bb\"}}"); /* not to be seen by the pages that follow */
	do_delete(t, cms(), "default", "d");
	c.continue_ = token;
	assert_str(do_list(t, c, &token), "c d+");
	c.continue_ = token;
	assert_str(do_list(t, c, &token), "e");
	c = (struct call){.res = cms(), .ns = STR("default"), .limit = 2, .label_selector = STR("odd=1")};
	assert_str(do_list(t, c, &odd), "a c+");
	c.continue_ = odd;
	assert_str(do_list(t, c, NULL), "e");
	c = (struct call){.res = cms(), .ns = STR("default"), .field_selector = STR("metadata.name!=b")};
	assert_str(do_list(t, c, NULL), "a bb c e");
}
TEST(pages_show_one_revision) { with_server(4, paging); }

static void revisions(struct test_server *t)
{
	struct str rv = at_path(t, do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\"}}"), "metadata.resourceVersion");
	do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"b\"}}");
	struct call c = {.res = cms(), .ns = STR("default"), .resource_version = rv, .rv_match = STR("Exact")};
	assert_str(do_list(t, c, NULL), "a");
	c.rv_match = STR("NotOlderThan");
	assert_str(do_list(t, c, NULL), "a b");
	c.rv_match = (struct str){0};
	assert_str(do_list(t, c, NULL), "a b");
	c.limit = 5; /* exact, with a limit and no match */
	assert_str(do_list(t, c, NULL), "a");
	c = (struct call){.res = cms(), .ns = STR("default"), .resource_version = STR("0"), .limit = 1};
	assert_str(do_list(t, c, NULL), "a b");
	c.resource_version = STR("99999");
	assert_true(str_has_prefix(do_list(t, c, NULL), STR("! 504 Timeout: Too large resource version: 99999")));
}
TEST(lists_are_served_at_the_revision_asked_for) { with_server(5, revisions); }

static void invalid(struct test_server *t)
{
	assert_str(do_create(t, cms(), "default", "{}"), "! 422 ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required");
	struct str bad = do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"-\"},\"finalizers\":[\"f\"]}}");
	assert_true(str_has_prefix(bad, STR("! 422 ConfigMap \"a\" is invalid: [metadata.labels: Invalid value: \"-\": ")));
	assert_true(str_find(bad, STR("metadata.finalizers[0]: Invalid value: \"f\": name is neither a standard finalizer name nor is it fully qualified]")) > 0);
}
TEST(metadata_is_validated_in_upstreams_words) { with_server(6, invalid); }

static struct str body_of(struct str answer)
{
	ptrdiff_t at = str_find(answer, STR("\r\n\r\n"));
	return at < 0 ? answer : str_trim(str_sub(answer, (size_t)at + 4, answer.n));
}

#define AGENT "User-Agent: test\r\n"

static void both_ways(struct test_server *t)
{
	struct str sent = wire(t, "POST", "/api/v1/namespaces/default/configmaps?fieldManager=m", AGENT "Content-Type: application/json\r\n",
		"{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"1\"}},\"data\":{\"k\":\"<&>\"}}");
	assert_true(str_has_prefix(sent, STR("HTTP/1.1 201 ")));
	assert_true(str_eq(body_of(sent), do_get(t, cms(), "default", "a")));
	assert_true(str_eq(body_of(wire(t, "GET", "/api/v1/namespaces/default/configmaps/a", AGENT, "")), do_get(t, cms(), "default", "a")));
	struct str patched = wire(t, "PATCH", "/api/v1/namespaces/default/configmaps/a", AGENT "Content-Type: application/merge-patch+json\r\n", "{\"data\":{\"k\":\"w\"}}");
	assert_true(str_eq(body_of(patched), do_get(t, cms(), "default", "a")));
	struct call list = {.verb = VERB_LIST, .res = cms(), .ns = STR("default")};
	assert_true(str_eq(body_of(wire(t, "GET", "/api/v1/namespaces/default/configmaps", AGENT, "")), do_call(t, list)));
	struct str missing = wire(t, "GET", "/api/v1/namespaces/default/configmaps/none", AGENT, "");
	assert_true(str_has_prefix(missing, STR("HTTP/1.1 404 ")));
	assert_str(at_path(t, body_of(missing), "message"), "configmaps \"none\" not found");
}
TEST(wire_and_in_process_calls_give_equal_objects) { with_server(0, both_ways); }

static void routes(struct test_server *t)
{
	static const struct {
		const char *method, *path, *status;
	} v[] = {
		{"GET", "/apis/nope/v1/things", "404 "},
		{"GET", "/apis/apps/v9/deployments", "404 "},
		{"GET", "/api/v1/gadgets", "404 "},
		{"POST", "/api/v1/namespaces/default/configmaps/a", "405 "},
		{"HEAD", "/api/v1/namespaces", "405 "},
		{"POST", "/api/v1/watch/namespaces", "405 "},
		{"GET", "/api/v1/watch", "500 "},
		{"GET", "/api/v1/namespaces/default/nodes", "404 "},
		{"GET", "/api/v1/namespaces/default", "200 "},
		{"PUT", "/api/v1/configmaps", "405 "},
	};
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		struct str a = wire(t, v[i].method, v[i].path, AGENT, "");
		if (!str_has_prefix(str_sub(a, 9, a.n), str_of(v[i].status)))
			fail_msg("%s %s: %.*s", v[i].method, v[i].path, 20, a.p);
	}
}
TEST(paths_and_methods_without_a_route_are_refused_as_upstream) { with_server(0, routes); }

static void watching(struct test_server *t)
{
	struct call c = {.verb = VERB_WATCH, .res = cms(), .ns = STR("default"), .label_selector = STR("l=1")};
	struct watch_event ev;
	ERR(e);
	do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"l\":\"1\"}}}");
	struct watch *w = t->t->ops->watch(t->t, &c, &e);
	assert_non_null(w);
	do_create(t, cms(), "default", "{\"metadata\":{\"name\":\"b\"}}");
	do_patch(t, cms(), "default", "a", PATCH_MERGE, "{\"metadata\":{\"labels\":{\"l\":\"2\"}}}");
	do_patch(t, cms(), "default", "b", PATCH_MERGE, "{\"metadata\":{\"labels\":{\"l\":\"1\"}}}");
	do_delete(t, cms(), "default", "b");
	static const enum watch_type want[] = {WATCH_ADDED, WATCH_DELETED, WATCH_ADDED, WATCH_DELETED};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_ok(t->t->ops->watch_next(w, &ev, rt_now() + NS_S, &e), &e);
		assert_int_equal(ev.type, want[i]);
		blob_unref(ev.pb);
	}
	assert_int_equal(t->t->ops->watch_next(w, &ev, rt_now() + NS_S, &e), -1);
	t->t->ops->watch_close(w);
}
TEST(a_watch_follows_objects_into_and_out_of_its_selection) { with_server(7, watching); }
