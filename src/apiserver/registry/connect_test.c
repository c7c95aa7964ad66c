#include "apiserver/test_server.h"
#include "net/stream.h"
#include "os/file.h"
#include "pki/cert.h"
#include "rt/io.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define POD "/api/v1/namespaces/default/pods/p"

/* A kubelet that shows what it was asked, and by whom. */
struct fake {
	const char *dir;     /* of the keys */
	char asked[400], by[40];
	struct event go;     /* the follower has read the first line */
	struct http_server *http;
	uint16_t port;
};
static struct fake fake;

/* ---- keys: one CA for both sides ---- */

static const char *file_in(char path[300], const char *name)
{
	snprintf(path, 300, "%s/%s", fake.dir, name);
	return path;
}

static void write_pair(const char *name, const struct pki_cert *c, const struct pki_key *k)
{
	char path[300], file[100];
	BUF(cert);
	BUF(key);
	ERR(e);
	pki_cert_pem(c, &cert);
	pki_key_pem(k, &key);
	snprintf(file, sizeof file, "%s.crt", name);
	assert_ok(pki_write_file(file_in(path, file), buf_view(&cert), 0600, &e), &e);
	snprintf(file, sizeof file, "%s.key", name);
	assert_ok(pki_write_file(file_in(path, file), buf_view(&key), 0600, &e), &e);
}

static void issue(const char *name, const char *cn, unsigned usages, const struct pki_cert *ca, const struct pki_key *ca_key)
{
	static const struct ipaddr here = {.family = 4, .b = {127, 0, 0, 1}};
	ERR(e);
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(&e);
	struct pki_spec s = {.common_name = str_of(cn), .ips = &here, .nips = 1, .usages = usages, .now = time(NULL), .valid_s = PKI_CERT_S};
	CLEANUP(pki_cert_free) struct pki_cert *c = pki_cert_new(k, &s, ca, ca_key, &e);
	assert_non_null(c);
	write_pair(name, c, k);
}

static void make_keys(void)
{
	ERR(e);
	CLEANUP(pki_key_free) struct pki_key *k = pki_key_new(&e);
	struct pki_spec s = {.common_name = STR("ca"), .now = time(NULL), .valid_s = PKI_CA_S};
	CLEANUP(pki_cert_free) struct pki_cert *ca = pki_ca_new(k, &s, &e);
	assert_non_null(ca);
	write_pair("ca", ca, k);
	issue("kubelet", "kubelet", PKI_SERVER, ca, k);
	issue("client", "kube-apiserver-kubelet-client", PKI_CLIENT, ca, k);
}

static void with_kubelet_client(struct server_opts *o)
{
	static char ca[300], cert[300], key[300];
	o->kubelet_ca_file = str_of(file_in(ca, "ca.crt"));
	o->kubelet_client_cert_file = str_of(file_in(cert, "client.crt"));
	o->kubelet_client_key_file = str_of(file_in(key, "client.key"));
}

/* ---- what it answers ---- */

static void say(struct http_resp *r, const char *text)
{
	resp_write(r, text, strlen(text));
	resp_flush(r);
}

static void serve_log(struct fake *f, struct http_req *q, struct http_resp *r)
{
	if (str_find(q->query, STR("previous")) >= 0) {
		resp_text(r, 400, "text/plain", STR("previous terminated container \"c\" in pod \"p\" not found"));
		return;
	}
	say(r, "one\n");
	if (str_find(q->query, STR("follow")) >= 0)
		event_wait(&f->go);
	say(r, "two\n");
}

/* Any upgrade that is not understood here: the bytes come back. */
static void echo(struct http_req *q, struct http_resp *r)
{
	char p[100];
	ssize_t n;
	ERR(e);
	CLEANUP(duplex_close) struct duplex *d = resp_upgrade(r, req_header(q, STR("upgrade")), &e);
	while (d && (n = duplex_read(d, p, sizeof p, rt_now() + 5 * NS_S)) > 0)
		if (duplex_write(d, p, (size_t)n, rt_now() + 5 * NS_S) < 0)
			return;
}

static void serve_exec(struct http_req *q, struct http_resp *r)
{
	struct stream_want w = {.in = true, .out = true};
	struct stream_set set;
	char p[100];
	ssize_t n;
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &w, &e);
	if (!c || stream_exec_set(c, &set, rt_now() + 5 * NS_S, &e))
		return;
	while ((n = stream_read(set.s[STREAM_STDIN], p, sizeof p, rt_now() + 5 * NS_S)) > 0)
		if (stream_write(set.s[STREAM_STDOUT], p, (size_t)n, MONO_NEVER) < 0)
			return;
	assert_true(stream_write(set.s[STREAM_ERROR], "{\"status\":\"Success\"}", 20, MONO_NEVER) > 0);
	assert_int_equal(stream_half_close(set.s[STREAM_ERROR]), 0);
}

static void kubelet(void *arg, struct http_req *q, struct http_resp *r)
{
	struct fake *f = arg;
	snprintf(f->asked, sizeof f->asked, "%.*s %.*s%s%.*s", STR_F(q->method), STR_F(q->path), q->query.n ? "?" : "", STR_F(q->query));
	snprintf(f->by, sizeof f->by, "%.*s", STR_F(q->peer->common_name));
	if (str_has_prefix(q->path, STR("/containerLogs/")))
		serve_log(f, q, r);
	else if (str_find(q->query, STR("command=raw")) >= 0 || str_has_prefix(q->path, STR("/portForward/")))
		echo(q, r);
	else if (str_has_prefix(q->path, STR("/exec/")))
		serve_exec(q, r);
	else
		resp_text(r, 200, "text/plain", str_printf(q->arena, "ok%.*s", STR_F(req_header(q, STR("cookie")))));
}

static void start_kubelet(void)
{
	char cert[300], key[300], ca[300];
	ERR(e);
	struct tls_server_opts o = {.cert.file = file_in(cert, "kubelet.crt"), .key.file = file_in(key, "kubelet.key"), .client_ca.file = file_in(ca, "ca.crt")};
	CLEANUP(tls_unref) struct tls *tls = tls_server_new(&o, &e);
	if (!tls)
		fail_msg("%s", err_text(&e));
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &fake.port, &e);
	assert_true(fd >= 0);
	fake.http = http_serve(fd, &(struct http_opts){.tls = tls, .handler = kubelet, .arg = &fake}, &e);
	assert_non_null(fake.http);
	event_init(&fake.go);
	close(fd);
}

static void make_objects(struct test_server *t)
{
	char json[400];
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"n\"},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"}],"
		"\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":%u}}}}", fake.port);
	assert_true(at_path(t, do_create(t, res("", "nodes"), "", json), "metadata.uid").n > 0);
	do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"default\"}}");
	assert_true(at_path(t, do_create(t, res("", "pods"), "default", "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"),
		"metadata.uid").n > 0);
}

static void (*body)(struct test_server *t);

static void run(struct test_server *t)
{
	start_kubelet();
	make_objects(t);
	body(t);
	http_server_free(fake.http);
	(void)!fiber_sleep(50 * NS_MS); /* connections that were closed hear their peer's end */
}

static void with_kubelet(void (*fn)(struct test_server *t))
{
	body = fn;
	fake.dir = test_tmpdir();
	make_keys();
	with_server_options(0, with_kubelet_client, run);
}

static struct http_client *client(struct test_server *t)
{
	char url[300];
	ERR(e);
	snprintf(url, sizeof url, "unix://%s", test_socket(t));
	struct http_client *c = http_client_new(&(struct http_client_opts){.url = url, .http1_only = true}, &e);
	assert_non_null(c);
	return c;
}

/* ---- logs ---- */

static void logs(struct test_server *t)
{
	struct str text = wire(t, "GET", POD "/log?tailLines=5&timestamps=true&sinceTime=2024-05-01T10%3A00%3A00Z&limitBytes=100", "", "");
	assert_true(str_find(text, STR("200 OK")) >= 0 && str_find(text, STR("one\n")) >= 0 && str_find(text, STR("two\n")) >= 0);
	assert_true(str_find(text, STR("content-type: text/plain")) >= 0 || str_find(text, STR("Content-Type: text/plain")) >= 0);
	assert_string_equal(fake.asked, "GET /containerLogs/default/p/c?limitBytes=100&sinceTime=2024-05-01T10%3A00%3A00Z&tailLines=5&timestamps=true");
	assert_string_equal(fake.by, "kube-apiserver-kubelet-client");
	text = wire(t, "GET", POD "/log?previous=true", "", "");
	assert_true(str_find(text, STR("400 Bad Request")) >= 0);
	assert_true(str_find(text, STR("\"message\":\"previous terminated container \\\"c\\\" in pod \\\"p\\\" not found\",\"reason\":\"BadRequest\"")) >= 0);
	text = wire(t, "GET", POD "/log?container=x", "", "");
	assert_true(str_find(text, STR("container x is not valid for pod p")) >= 0);
}
TEST(logs_come_from_the_kubelet_of_the_pod) { with_kubelet(logs); }

static void following(struct test_server *t)
{
	char p[100];
	ERR(e);
	CLEANUP(http_client_free) struct http_client *c = client(t);
	CLEANUP(http_answer_close) struct http_answer *a = http_call(c, &(struct http_call){.path = STR(POD "/log?follow=true")}, t->a, &e);
	assert_non_null(a);
	assert_int_equal(http_answer_read(a, p, sizeof p, rt_now() + 5 * NS_S), 4); /* while the kubelet has more to say */
	assert_memory_equal(p, "one\n", 4);
	event_set(&fake.go);
	assert_int_equal(http_answer_read(a, p, sizeof p, rt_now() + 5 * NS_S), 4);
	assert_memory_equal(p, "two\n", 4);
	assert_int_equal(http_answer_read(a, p, sizeof p, rt_now() + 5 * NS_S), 0);
}
TEST(followed_logs_are_not_held_back) { with_kubelet(following); }

/* ---- streams ---- */

static void talk_raw(struct test_server *t, const char *path, const char *asked)
{
	char p[8];
	ERR(e);
	CLEANUP(http_client_free) struct http_client *c = client(t);
	struct http_call q = {.method = STR("POST"), .path = str_of(path), .upgrade = STR("SPDY/3.1")};
	CLEANUP(http_answer_close) struct http_answer *a = http_call(c, &q, t->a, &e);
	assert_non_null(a);
	assert_int_equal(a->status, 101);
	CLEANUP(duplex_close) struct duplex *d = http_answer_duplex(a);
	assert_int_equal(duplex_write(d, "\x80\x03 ping", 7, rt_now() + 5 * NS_S), 7);
	assert_int_equal(duplex_read_all(d, p, 7, rt_now() + 5 * NS_S), 0);
	assert_memory_equal(p, "\x80\x03 ping", 7);
	assert_string_equal(fake.asked, asked);
}

static void spliced(struct test_server *t)
{
	talk_raw(t, POD "/exec?command=raw&command=-x&stdin=true&stdout=true", "POST /exec/default/p/c?command=raw&command=-x&input=1&output=1");
	talk_raw(t, POD "/portforward", "POST /portForward/default/p");
}
TEST(spdy_goes_through_as_bytes) { with_kubelet(spliced); }

static void joined(struct test_server *t)
{
	struct stream_want w = {.in = true, .out = true};
	struct stream_set set;
	char p[30];
	ERR(e);
	CLEANUP(http_client_free) struct http_client *c = client(t);
	struct http_call q = {.method = STR("GET"), .path = STR(POD "/exec?command=cat&stdin=true&stdout=true")};
	CLEANUP(stream_conn_close) struct stream_conn *s = stream_dial(c, &q, STREAM_WEBSOCKET, &w, &e);
	if (!s)
		fail_msg("%s", err_text(&e));
	assert_string_equal(stream_conn_protocol(s), "v5.channel.k8s.io");
	assert_ok(stream_exec_set(s, &set, rt_now() + 5 * NS_S, &e), &e);
	assert_int_equal(stream_write(set.s[STREAM_STDIN], "hello", 5, rt_now() + 5 * NS_S), 5);
	assert_int_equal(stream_read(set.s[STREAM_STDOUT], p, sizeof p, rt_now() + 5 * NS_S), 5);
	assert_memory_equal(p, "hello", 5);
	assert_int_equal(stream_half_close(set.s[STREAM_STDIN]), 0);
	assert_int_equal(stream_read(set.s[STREAM_ERROR], p, sizeof p, rt_now() + 5 * NS_S), 20);
	assert_memory_equal(p, "{\"status\":\"Success\"}", 20);
	assert_string_equal(fake.asked, "POST /exec/default/p/c?command=cat&input=1&output=1");
}
TEST(a_websocket_is_joined_to_the_kubelets_streams) { with_kubelet(joined); }

#define DEAD "dial tcp 127.0.0.1:1: connect: connection refused"

/* Port 1 is nobody's. */
static void unreachable(struct test_server *t)
{
	struct stream_want w = {.out = true};
	struct stream_set set;
	char p[1000];
	ERR(e);
	do_create(t, res("", "nodes"), "", "{\"metadata\":{\"name\":\"dead\"},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"}],"
		"\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":1}}}}");
	do_create(t, res("", "pods"), "default", "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"nodeName\":\"dead\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}");
	struct str text = wire(t, "GET", "/api/v1/namespaces/default/pods/q/log", "", "");
	assert_true(str_find(text, STR("\"message\":\"Get \\\"https://127.0.0.1:1/containerLogs/default/q/c\\\": " DEAD "\",\"code\":500")) >= 0);
	CLEANUP(http_client_free) struct http_client *c = client(t);
	struct http_call q = {.method = STR("GET"), .path = STR("/api/v1/namespaces/default/pods/q/exec?command=x&stdout=true")};
	CLEANUP(stream_conn_close) struct stream_conn *s = stream_dial(c, &q, STREAM_WEBSOCKET, &w, &e);
	if (!s)
		fail_msg("%s", err_text(&e));
	assert_ok(stream_exec_set(s, &set, rt_now() + 5 * NS_S, &e), &e);
	ssize_t n = stream_read(set.s[STREAM_ERROR], p, sizeof p, rt_now() + 5 * NS_S);
	assert_true(n > 0);
	assert_true(str_find(str_n(p, (size_t)n), STR("\"message\":\"Internal error occurred: error sending request: Post \\\"https://127.0.0.1:1/exec/default/q/c?command=x\\u0026output=1\\\": " DEAD)) >= 0);
}
TEST(an_unreachable_kubelet_is_told_as_upstream_tells_it) { with_kubelet(unreachable); }

/* ---- proxies ---- */

static void proxied(struct test_server *t)
{
	char port[100];
	struct str text = wire(t, "GET", "/api/v1/nodes/n/proxy/stats/a%20b/c/?x=1", "Cookie: secret\r\n", "");
	assert_true(str_has_suffix(text, STR("ok")));
	assert_string_equal(fake.asked, "GET /stats/a%20b/c/?x=1");
	assert_string_equal(fake.by, "kube-apiserver-kubelet-client");
	text = wire(t, "GET", "/api/v1/nodes/n/proxy?x=1", "", "");
	assert_true(str_find(text, STR("301 Moved")) >= 0 && str_find(text, STR("ocation: /api/v1/nodes/n/proxy/?x=1")) >= 0);
	snprintf(port, sizeof port, "/api/v1/nodes/http:n:%u/proxy/x", fake.port - 1);
	assert_true(str_find(wire(t, "GET", port, "", ""), STR("address not allowed")) >= 0); /* loopback is the API server's own machine */
	assert_true(str_find(wire(t, "GET", "/api/v1/nodes/m/proxy/x", "", ""), STR("nodes \\\"m\\\" not found")) >= 0);
}
TEST(a_node_proxy_reaches_the_kubelet) { with_kubelet(proxied); }
