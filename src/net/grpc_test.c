#include "net/grpc.h"
#include "net/test_net.h"
#include <stdio.h>
#include <unistd.h>

/* A server of raw frames is enough to test the client: trailers are what HTTP/2 servers of this room do not send, so errors come in the head. */
static void serve(void *arg, struct http_req *q, struct http_resp *r)
{
	struct str body;
	resp_header(r, STR("content-type"), STR("application/grpc"));
	if (str_is(q->path, "/fails")) {
		resp_header(r, STR("grpc-status"), STR("5"));
		resp_header(r, STR("grpc-message"), STR("no%20such"));
		return;
	}
	if (str_is(q->path, "/sleeps"))
		(void)!fiber_sleep(NS_S);
	assert_int_equal(req_body(q, 1 << 20, &body, NULL), 0);
	resp_header(r, STR("grpc-status"), STR("0"));
	resp_write(r, body.p, body.n);
}

static void calls(void *arg)
{
	char url[300];
	ERR(e);
	struct arena *a = arena_new(NULL);
	struct str got;
	enum grpc_code code = GRPC_OK;
	const char *dir = test_tmpdir();
	struct str path = str_printf(a, "%s/s", dir);
	int fd = listen_unix(str_z(a, path), 0600, &e);
	assert_true(fd >= 0);
	struct http_server *s = http_serve(fd, &(struct http_opts){.handler = serve}, &e);
	close(fd);
	snprintf(url, sizeof url, "unix://%.*s", STR_F(path));
	struct grpc_client *c = grpc_client_new(&(struct grpc_opts){.url = url}, &e);
	assert_non_null(c);
	assert_ok(grpc_call_raw(c, "/echo", STR("message"), &got, a, MONO_NEVER, &code, &e), &e);
	assert_str(got, "message");
	assert_int_equal(grpc_call_raw(c, "/fails", STR(""), &got, a, MONO_NEVER, &code, &e), -1);
	assert_int_equal(code, GRPC_NOT_FOUND);
	assert_int_equal(e.reason, ERR_NOT_FOUND);
	assert_string_equal(err_text(&e), "rpc error: code = NotFound desc = no such");
	assert_int_equal(grpc_call_raw(c, "/sleeps", STR(""), &got, a, rt_now() + 20 * NS_MS, &code, &e), -1);
	assert_int_equal(code, GRPC_DEADLINE_EXCEEDED);
	http_server_free(s);
	assert_int_equal(grpc_call_raw(c, "/echo", STR("x"), &got, a, MONO_NEVER, &code, &e), -1);
	assert_int_equal(code, GRPC_UNAVAILABLE);
	fd = listen_unix(str_z(a, path), 0600, &e);
	s = http_serve(fd, &(struct http_opts){.handler = serve}, &e);
	close(fd);
	assert_ok(grpc_call_raw(c, "/echo", STR("again"), &got, a, MONO_NEVER, &code, &e), &e); /* a new connection */
	assert_str(got, "again");
	grpc_client_free(c);
	http_server_free(s);
	arena_free(a);
}
TEST(grpc_calls_give_messages_statuses_and_reconnect) { net_run(calls, NULL); }

/* A real runtime, where there is one. */
static const char *endpoint(void)
{
	const char *url = getenv("CONTAINER_RUNTIME_ENDPOINT");
	return url && *url ? url : "unix:///run/containerd/containerd.sock";
}

static void containerd(void *arg)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct str got;
	enum grpc_code code = GRPC_OK;
	struct grpc_client *c = grpc_client_new(&(struct grpc_opts){.url = endpoint()}, &e);
	assert_ok(grpc_call_raw(c, "/runtime.v1.RuntimeService/Version", STR(""), &got, a, rt_now() + 10 * NS_S, &code, &e), &e);
	assert_true(str_find(got, STR("containerd")) >= 0);
	assert_int_equal(grpc_call_raw(c, "/runtime.v1.RuntimeService/ContainerStatus", STR("\x0a\x04none"), &got, a, rt_now() + 10 * NS_S, &code, &e), -1);
	assert_int_equal(code, GRPC_NOT_FOUND);
	grpc_client_free(c);
	arena_free(a);
}
TEST(grpc_talks_to_containerd)
{
	if (access(endpoint() + strlen("unix://"), R_OK | W_OK) < 0)
		skip();
	net_run(containerd, NULL);
}
