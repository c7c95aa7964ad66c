#include "base/test.h"
#include "client/call.h"
#include "client/https_impl.h"
#include "client/informer.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "gen/apps_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "net/http.h"
#include "os/file.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- requests */

static const struct resource *res(const char *group, const char *plural)
{
	return client_resource(group, "v1", plural);
}

static void expect_request(const struct call *c, const char *method, const char *path)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct https_request q;
	ERR(e);
	assert_ok(https_request_build(a, c, c->verb == VERB_WATCH, true, &q, &e), &e);
	assert_string_equal(q.method, method);
	assert_str(q.path, path);
}

TEST(https_paths_and_queries_are_client_gos)
{
	const struct resource *pods = res("", "pods"), *nodes = res("", "nodes"), *sets = res("apps", "replicasets");
	struct core_v1_Pod pod = {.metadata.name = STR("p")};
	expect_request(&(struct call){.verb = VERB_GET, .res = pods, .ns = STR("a"), .name = STR("p"), .resource_version = STR("0")}, "GET",
		"/api/v1/namespaces/a/pods/p?resourceVersion=0");
	expect_request(&(struct call){.verb = VERB_GET, .res = nodes, .name = STR("n"), .sub = STR("status")}, "GET", "/api/v1/nodes/n/status");
	expect_request(&(struct call){.verb = VERB_LIST, .res = sets, .label_selector = STR("a in (b,c)"), .limit = 5, .continue_ = STR("x/y")}, "GET",
		"/apis/apps/v1/replicasets?continue=x%2Fy&labelSelector=a+in+%28b%2Cc%29&limit=5");
	expect_request(&(struct call){.verb = VERB_WATCH, .res = sets, .ns = STR("a"), .name = STR("s"), .bookmarks = true, .timeout_s = 300,
		.send_initial_events = true, .rv_match = STR("NotOlderThan"), .resource_version = STR("7")}, "GET",
		"/apis/apps/v1/namespaces/a/replicasets?allowWatchBookmarks=true&fieldSelector=metadata.name%3Ds&resourceVersion=7"
		"&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=300&watch=true");
	expect_request(&(struct call){.verb = VERB_CREATE, .res = pods, .ns = STR("a"), .body = {desc_type(T_core_v1_Pod), &pod}, .dry_run = true,
		.field_manager = STR("me"), .field_validation = STR("Strict")}, "POST", "/api/v1/namespaces/a/pods?dryRun=All&fieldManager=me&fieldValidation=Strict");
	expect_request(&(struct call){.verb = VERB_CREATE, .res = pods, .ns = STR("a"), .sub = STR("eviction"), .body = {desc_type(T_core_v1_Pod), &pod}},
		"POST", "/api/v1/namespaces/a/pods/p/eviction");
	expect_request(&(struct call){.verb = VERB_PATCH, .res = pods, .ns = STR("a"), .name = STR("p"), .patch_type = PATCH_APPLY, .force = true,
		.patch = STR("{}")}, "PATCH", "/api/v1/namespaces/a/pods/p?force=true");
	expect_request(&(struct call){.verb = VERB_DELETE, .res = nodes, .name = STR("n")}, "DELETE", "/api/v1/nodes/n");
	expect_request(&(struct call){.verb = VERB_DELETECOLLECTION, .res = pods, .ns = STR("a"), .label_selector = STR("x")}, "DELETE",
		"/api/v1/namespaces/a/pods?labelSelector=x");
	expect_request(&(struct call){.verb = VERB_GET, .res = client_resource("rbac.authorization.k8s.io", "v1", "clusterroles"), .name = STR("system:a/b c")},
		"GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:a%2Fb%20c");
}

TEST(https_delete_options_travel_in_the_body)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct https_request q;
	struct call c = {.verb = VERB_DELETE, .res = res("", "pods"), .ns = STR("a"), .name = STR("p"), .has_grace = true, .propagation = PROPAGATE_FOREGROUND,
		.pre_uid = STR("u"), .dry_run = true};
	ERR(e);
	assert_ok(https_request_build(a, &c, false, true, &q, &e), &e);
	assert_str(q.body, "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u\"},"
		"\"propagationPolicy\":\"Foreground\",\"dryRun\":[\"All\"]}");
}

TEST(https_refuses_names_that_change_the_path)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct https_request q;
	assert_int_equal(https_request_build(a, &(struct call){.verb = VERB_GET, .res = res("", "nodes"), .name = STR("..")}, false, true, &q, NULL), -1);
	assert_int_equal(https_request_build(a, &(struct call){.verb = VERB_GET, .res = res("", "nodes")}, false, true, &q, NULL), -1);
}

/* ---- a server of canned answers */

struct site {
	struct http_server *server;
	struct transport *t;
	struct rest_config config;
	struct arena *a;
	char url[64];
	void (*answer)(struct site *s, struct http_req *q, struct http_resp *r);
	int calls;
	struct str auth, groups; /* of the last request */
	int step;
};

static void site_handler(void *arg, struct http_req *q, struct http_resp *r)
{
	struct site *s = arg;
	uint32_t i = 0;
	struct str v;
	s->calls++;
	s->auth = str_dup(s->a, req_header(q, STR("authorization")));
	s->groups = STR("");
	while (req_header_next(q, STR("impersonate-group"), &i, &v))
		s->groups = str_printf(s->a, "%.*s%.*s,", STR_F(s->groups), STR_F(v));
	s->answer(s, q, r);
}

static void site_open(struct site *s)
{
	ERR(e);
	uint16_t port;
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &port, &e);
	assert_true(fd >= 0);
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", port);
	s->server = http_serve(fd, &(struct http_opts){.handler = site_handler, .arg = s}, &e);
	close(fd);
	assert_non_null(s->server);
	s->config.server = str_of(s->url);
	s->t = https_transport_new(loop_rt(loop_self()), &s->config, &e);
	assert_non_null(s->t);
}

struct run {
	struct site *site;
	void (*fn)(struct site *s);
};

static void run_fiber(void *arg)
{
	struct run *r = arg;
	site_open(r->site);
	r->fn(r->site);
	transport_free(r->site->t);
	http_server_free(r->site->server);
	(void)!fiber_sleep(50 * NS_MS); /* connections that were closed hear their peer's end */
}

static void with_site(struct site *s, void (*fn)(struct site *s))
{
	struct rt *rt = rt_new(NULL);
	s->a = arena_new(NULL);
	assert_int_equal(rt_main(rt, "test", run_fiber, &(struct run){s, fn}), 0);
	arena_free(s->a);
	rt_free(rt);
}

static void answer_object(struct http_resp *r, struct ref o, bool pb)
{
	BUF(b);
	obj_set_type(o);
	if (pb)
		pb_envelope_encode(&b, o);
	else
		json_encode(&b, o);
	resp_text(r, 200, pb ? TYPE_OF_PB : TYPE_OF_JSON, buf_view(&b));
}

/* ---- calls */

/* Gives the body back with a uid; speaks protobuf when step is 0, only JSON otherwise. */
static void echo(struct site *s, struct http_req *q, struct http_resp *r)
{
	struct str body, type = req_header(q, STR("content-type"));
	struct core_v1_ConfigMap m = {0};
	struct ref o = {desc_type(T_core_v1_ConfigMap), &m};
	ERR(e);
	assert_ok(req_body(q, 1 << 20, &body, &e), &e);
	if (s->step && !str_is(type, TYPE_OF_JSON)) {
		resp_text(r, 415, "text/plain", STR("JSON, please"));
		return;
	}
	assert_ok(https_decode(q->arena, type, body, &o, &e), &e);
	((struct core_v1_ConfigMap *)o.p)->metadata.uid = STR("u-1");
	answer_object(r, o, s->step == 0);
}

static void create_one(struct site *s)
{
	ERR(e);
	struct core_v1_ConfigMap m = {.metadata.name = STR("m")};
	str_map_set(s->a, &m.data, STR("key"), STR("value"));
	struct core_v1_ConfigMap *made = client_create(s->t, s->a, res("", "configmaps"), STR("a"), &m, &e);
	if (!made)
		fail_msg("%s", err_text(&e));
	assert_str(made->metadata.uid, "u-1");
	assert_str(str_map_get(&made->data, STR("key")), "value");
	assert_false(m.kind.n);
	made = client_create(s->t, s->a, res("", "configmaps"), STR("a"), &m, &e);
	assert_non_null(made);
}

TEST(https_objects_travel_as_protobuf)
{
	struct site s = {.answer = echo};
	with_site(&s, create_one);
	assert_int_equal(s.calls, 2);
}

TEST(https_falls_back_to_json_and_stays_there)
{
	struct site s = {.answer = echo, .step = 1};
	with_site(&s, create_one);
	assert_int_equal(s.calls, 3);
}

static void refuse(struct site *s, struct http_req *q, struct http_resp *r)
{
	if (s->step++ == 0)
		resp_text(r, 409, TYPE_OF_JSON, STR("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"no\",\"reason\":\"AlreadyExists\","
			"\"details\":{\"name\":\"m\",\"kind\":\"configmaps\",\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"bad\",\"field\":\"x\"}]},\"code\":409}"));
	else
		resp_text(r, 502, "text/plain", STR("proxy says no\n"));
}

static void get_twice(struct site *s)
{
	ERR(e);
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	assert_true(err_is(&e, ERR_ALREADY_EXISTS));
	assert_int_equal(e.code, 409);
	assert_str(e.name, "m");
	assert_int_equal(e.ncauses, 1);
	assert_string_equal(e.causes[0].type, "FieldValueInvalid");
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	assert_int_equal(e.code, 502);
	assert_string_equal(err_text(&e), "an error on the server (\"proxy says no\") (GET configmaps m)");
}

TEST(https_errors_are_the_servers_status)
{
	struct site s = {.answer = refuse};
	with_site(&s, get_twice);
}

static void busy(struct site *s, struct http_req *q, struct http_resp *r)
{
	struct core_v1_ConfigMap m = {0};
	if (s->step++ == 0) {
		resp_header(r, STR("retry-after"), STR("1"));
		resp_text(r, 429, "text/plain", STR("later"));
	} else {
		answer_object(r, (struct ref){desc_type(T_core_v1_ConfigMap), &m}, true);
	}
}

static void get_one(struct site *s)
{
	ERR(e);
	if (!client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e))
		fail_msg("%s", err_text(&e));
}

TEST(https_waits_and_tries_again_when_told_to)
{
	struct site s = {.answer = busy};
	with_site(&s, get_one);
	assert_int_equal(s.calls, 2);
}

static void dead_server(struct site *s)
{
	ERR(e);
	http_server_free(s->server);
	s->server = NULL;
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	assert_true(err_is(&e, ERR_SERVICE_UNAVAILABLE));
	assert_int_equal(e.sys, ECONNREFUSED);
}

TEST(https_says_when_nobody_answers)
{
	struct site s = {.answer = echo};
	with_site(&s, dead_server);
}

/* ---- who we are */

static void unauthorized_first(struct site *s, struct http_req *q, struct http_resp *r)
{
	struct core_v1_ConfigMap m = {0};
	if (s->step++ == 0)
		resp_text(r, 401, "text/plain", STR(""));
	else
		answer_object(r, (struct ref){desc_type(T_core_v1_ConfigMap), &m}, true);
}

static void changing_token(struct site *s)
{
	ERR(e);
	const char *path = str_z(s->a, s->config.token_file);
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	assert_true(err_is(&e, ERR_UNAUTHORIZED));
	assert_str(s->auth, "Bearer old");
	assert_str(s->groups, "g1,g2,");
	assert_ok(file_write_atomic(path, STR("new\n"), 0600, &e), &e);
	get_one(s);
	assert_str(s->auth, "Bearer new");
	assert_int_equal(unlink(path), 0);
	https_unauthorized(https_of(s->t));
	get_one(s);
	assert_str(s->auth, "Bearer new"); /* a file that is gone leaves what was read */
}

TEST(https_reads_a_token_file_again)
{
	ERR(e);
	char path[200];
	snprintf(path, sizeof path, "%s/token", test_tmpdir());
	assert_ok(file_write_atomic(path, STR("old\n"), 0600, &e), &e);
	struct str groups[] = {STR("g1"), STR("g2")};
	struct site s = {.answer = unauthorized_first, .config = {.token_file = str_of(path), .as = STR("u"), .as_groups = groups, .nas_groups = 2}};
	with_site(&s, changing_token);
}

static void basic(struct site *s)
{
	get_one(s);
	assert_str(s->auth, "Basic dTpw");
}

TEST(https_sends_a_password)
{
	struct site s = {.answer = unauthorized_first, .step = 1, .config = {.username = STR("u"), .password = STR("p")}};
	with_site(&s, basic);
}

static void plugin_calls(struct site *s)
{
	ERR(e);
	get_one(s);
	get_one(s);
	assert_str(s->auth, "Bearer token-1"); /* kept */
	s->step = 0;
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	get_one(s);
	assert_str(s->auth, "Bearer token-2");
}

static const char plugin_script[] =
	"#!/bin/sh\nn=$(cat \"$COUNT\" 2>/dev/null || echo 0); n=$((n+1)); echo $n >\"$COUNT\"\n"
	"case \"$KUBERNETES_EXEC_INFO\" in *'\"server\":\"http://127.0.0.1:'*) ;; *) exit 3;; esac\n"
	"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"'$1$n'\"}}'\n";

TEST(https_asks_a_plugin_once_until_the_server_refuses)
{
	ERR(e);
	char path[200], count[200];
	const char *folder = test_tmpdir();
	snprintf(path, sizeof path, "%s/login", folder);
	snprintf(count, sizeof count, "%s/count", folder);
	assert_ok(file_write_atomic(path, str_of(plugin_script), 0700, &e), &e);
	struct str args[] = {STR("token-")};
	struct clientcmd_v1_ExecEnvVar env = {.name = STR("COUNT"), .value = str_of(count)};
	struct clientcmd_v1_ExecConfig x = {.command = str_of(path), .apiVersion = STR("client.authentication.k8s.io/v1"), .interactiveMode = STR("Never"),
		.provideClusterInfo = true, .args = {args, 1, 1}, .env = {&env, 1, 1}};
	struct site s = {.answer = unauthorized_first, .step = 1, .config = {.exec = &x}};
	with_site(&s, plugin_calls);
}

static void missing_plugin(struct site *s)
{
	ERR(e);
	assert_null(client_get(s->t, s->a, res("", "configmaps"), STR("a"), STR("m"), &e));
	assert_string_equal(err_text(&e), "getting credentials: exec: executable no-such-plugin not found\n\nbuy it");
	assert_int_equal(s->calls, 0);
}

TEST(https_says_how_to_get_a_missing_plugin)
{
	struct clientcmd_v1_ExecConfig x = {.command = STR("no-such-plugin"), .apiVersion = STR("client.authentication.k8s.io/v1"),
		.interactiveMode = STR("Never"), .installHint = STR("buy it")};
	struct site s = {.answer = echo, .config = {.exec = &x}};
	with_site(&s, missing_plugin);
}

/* ---- watches */

static void put_frame(struct buf *out, const char *type, struct ref o, bool pb)
{
	BUF(object);
	BUF(frame);
	obj_set_type(o);
	if (!pb) {
		json_encode(&object, o);
		buf_printf(out, "{\"type\":\"%s\",\"object\":%.*s}\n", type, STR_F(buf_view(&object)));
		return;
	}
	pb_envelope_encode(&object, o);
	struct meta_v1_WatchEvent ev = {.type = str_of(type), .object = buf_view(&object)};
	pb_encode(&frame, (struct ref){desc_type(T_meta_v1_WatchEvent), &ev});
	for (int i = 24; i >= 0; i -= 8)
		buf_char(out, (char)(frame.n >> i));
	buf_str(out, buf_view(&frame));
}

static void put_map(struct buf *out, const char *type, const char *rev, bool end, bool pb)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_ConfigMap m = {.metadata = {.name = STR("m"), .namespace = STR("a"), .uid = STR("u"), .resourceVersion = str_of(rev)}};
	if (end)
		str_map_set(a, &m.metadata.annotations, STR("k8s.io/initial-events-end"), STR("true"));
	put_frame(out, type, (struct ref){desc_type(T_core_v1_ConfigMap), &m}, pb);
}

static void put_gone(struct buf *out, bool pb)
{
	struct meta_v1_Status st = {.status = STR("Failure"), .reason = STR("Expired"), .code = 410, .message = STR("too old")};
	put_frame(out, "ERROR", (struct ref){desc_type(T_meta_v1_Status), &st}, pb);
}

/* step: bytes per write.  calls: the first watch ends with 410, the second within an event, later ones in order. */
static void watch_pieces(struct site *s, struct http_req *q, struct http_resp *r)
{
	BUF(all);
	bool pb = str_has_prefix(req_header(q, STR("accept")), STR(TYPE_OF_PB)) && s->step != 7;
	resp_header(r, STR("content-type"), pb ? STR(TYPE_OF_PB ";stream=watch") : STR(TYPE_OF_JSON ";stream=watch"));
	put_map(&all, "ADDED", "5", false, pb);
	put_map(&all, "BOOKMARK", "6", true, pb);
	put_map(&all, "DELETED", "7", false, pb);
	if (s->calls == 1)
		put_gone(&all, pb);
	else if (s->calls == 2)
		buf_lit(&all, "{\0\0");
	for (size_t i = 0; i < all.n; i += (size_t)s->step) {
		struct str piece = str_sub(buf_view(&all), i, i + (size_t)s->step);
		resp_write(r, piece.p, piece.n);
		resp_flush(r);
		if (s->step < 5 && fiber_sleep(50 * NS_US) < 0)
			return;
	}
}

static void expect_events(struct watch *w)
{
	struct watch_event ev;
	ERR(e);
	assert_ok(watch_next(w, &ev, rt_now() + NS_MIN, &e), &e);
	assert_int_equal(ev.type, WATCH_ADDED);
	assert_int_equal(ev.rev, 5);
	blob_unref(ev.pb);
	assert_ok(watch_next(w, &ev, rt_now() + NS_MIN, &e), &e);
	assert_true(ev.type == WATCH_BOOKMARK && ev.rev == 6 && ev.initial_end && !ev.pb);
	assert_ok(watch_next(w, &ev, rt_now() + NS_MIN, &e), &e);
	assert_true(ev.type == WATCH_DELETED && ev.rev == 7 && ev.pb);
	blob_unref(ev.pb);
}

static struct watch *watch_new(struct site *s)
{
	ERR(e);
	struct watch *w = transport_watch(s->t, &(struct call){.verb = VERB_WATCH, .res = res("", "configmaps")}, &e);
	if (!w)
		fail_msg("%s", err_text(&e));
	expect_events(w);
	return w;
}

static void watch_thrice(struct site *s)
{
	struct watch_event ev;
	ERR(e);
	struct watch *w = watch_new(s);
	assert_int_equal(watch_next(w, &ev, rt_now() + NS_MIN, &e), -1);
	assert_true(err_is(&e, ERR_EXPIRED));
	watch_close(w);
	w = watch_new(s);
	assert_int_equal(watch_next(w, &ev, rt_now() + NS_MIN, &e), -1);
	assert_int_equal(e.sys, ECONNRESET);
	watch_close(w);
	w = watch_new(s);
	assert_int_equal(watch_next(w, &ev, rt_now() + NS_MIN, &e), 1);
	watch_close(w);
}

TEST(https_watch_reads_frames_in_any_pieces)
{
	for (int n = 1; n < 1000; n = n * 3 + 1) {
		struct site s = {.answer = watch_pieces, .step = n};
		with_site(&s, watch_thrice);
	}
}

TEST(https_watch_reads_json_lines)
{
	struct site s = {.answer = watch_pieces, .step = 7};
	with_site(&s, watch_thrice);
}

static void silent(struct site *s, struct http_req *q, struct http_resp *r)
{
	resp_header(r, STR("content-type"), STR(TYPE_OF_PB ";stream=watch"));
	resp_flush(r);
	(void)!fiber_sleep(NS_MIN);
}

static void watch_waits(struct site *s)
{
	struct watch_event ev;
	ERR(e);
	struct watch *w = transport_watch(s->t, &(struct call){.verb = VERB_WATCH, .res = res("", "configmaps")}, &e);
	assert_non_null(w);
	assert_int_equal(watch_next(w, &ev, rt_now() + 20 * NS_MS, &e), -1);
	assert_int_equal(e.sys, ETIME);
	watch_close(w);
}

TEST(https_watch_gives_up_at_its_deadline)
{
	struct site s = {.answer = silent};
	with_site(&s, watch_waits);
}

/* ---- raw */

static void plain(struct site *s, struct http_req *q, struct http_resp *r)
{
	resp_header(r, STR("warning"), STR("299 - \"old\""));
	if (str_is(q->path, "/logs"))
		resp_text(r, 200, "text/plain", STR("line\n"));
	else
		resp_text(r, 404, "text/plain", STR("404 page not found\n"));
}

static void raw_calls(struct site *s)
{
	struct raw_response r;
	char text[16];
	ERR(e);
	assert_ok(https_raw(s->t, s->a, "GET", STR("/logs?x=1"), "*/*", NULL, STR(""), 100, &r, &e), &e);
	assert_str(r.body, "line\n");
	assert_str(r.warning, "299 - \"old\"");
	assert_ok(https_raw_check(&r, &e), &e);
	assert_ok(https_raw(s->t, s->a, "GET", STR("/x"), "*/*", NULL, STR(""), 100, &r, &e), &e);
	assert_int_equal(https_raw_check(&r, &e), -1);
	assert_true(err_is(&e, ERR_NOT_FOUND));
	struct raw_stream *st = https_stream(s->t, STR("/logs"), "*/*", &e);
	assert_non_null(st);
	assert_int_equal(raw_stream_read(st, text, sizeof text, rt_now() + NS_S), 5);
	assert_int_equal(raw_stream_read(st, text, sizeof text, rt_now() + NS_S), 0);
	raw_stream_close(st);
	assert_null(https_stream(s->t, STR("/x"), "*/*", &e));
}

TEST(https_raw_requests)
{
	struct site s = {.answer = plain};
	with_site(&s, raw_calls);
}

/* ---- streams */

static void serve_exec(struct site *s, struct http_req *q, struct http_resp *r)
{
	struct stream_set set;
	char p[16];
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &(struct stream_want){.in = true, .out = true}, &e);
	assert_non_null(c);
	assert_int_equal(stream_exec_set(c, &set, rt_now() + NS_MIN, &e), 0);
	ssize_t n = stream_read(set.s[STREAM_STDIN], p, sizeof p, rt_now() + NS_MIN);
	assert_int_equal(stream_write(set.s[STREAM_STDOUT], p, (size_t)n, rt_now() + NS_MIN), n);
}

static void exec_streams(struct site *s)
{
	struct stream_set set;
	char p[16];
	ERR(e);
	struct stream_want w = {.in = true, .out = true};
	CLEANUP(stream_conn_close) struct stream_conn *c = https_upgrade(s->t, STR("/exec?command=cat"), STREAM_WEBSOCKET, &w, &e);
	if (!c)
		fail_msg("%s", err_text(&e));
	assert_str(s->auth, "Bearer t");
	assert_int_equal(stream_exec_set(c, &set, rt_now() + NS_MIN, &e), 0);
	assert_int_equal(stream_write(set.s[STREAM_STDIN], "hello", 5, rt_now() + NS_MIN), 5);
	assert_int_equal(stream_read(set.s[STREAM_STDOUT], p, sizeof p, rt_now() + NS_MIN), 5);
	assert_memory_equal(p, "hello", 5);
}

TEST(https_upgrades_to_streams)
{
	struct site s = {.answer = serve_exec, .config = {.token = STR("t")}};
	with_site(&s, exec_streams);
}
