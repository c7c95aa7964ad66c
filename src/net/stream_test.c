#include "net/stream.h"
#include "net/spdy.h"
#include "net/test_net.h"
#include "net/websocket.h"
#include <errno.h>
#include <stdio.h>

#define BIG 5000000

/* A kubelet-like server: /exec echoes stdin to stdout, tells resizes on stderr... and ends with a status on the error stream;
 * /portforward echoes each flow; /bridge joins to the same server's /exec or /portforward over SPDY. */
struct site {
	struct http_client *self;
	bool tty, ports;
	char protocol[64];
};

static void end_with(struct stream_set *set, const char *status)
{
	assert_true(stream_write(set->s[STREAM_ERROR], status, strlen(status), MONO_NEVER) >= 0);
	assert_int_equal(stream_half_close(set->s[STREAM_ERROR]), 0);
}

static void serve_exec(struct site *site, struct http_req *q, struct http_resp *r)
{
	struct stream_want w = {.in = true, .out = true, .err = !site->tty, .tty = site->tty};
	struct stream_set set;
	char p[10000];
	ssize_t n;
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &w, &e);
	if (!c) {
		resp_text(r, e.code, "text/plain", str_of(err_text(&e)));
		return;
	}
	strcpy(site->protocol, stream_conn_protocol(c));
	if (stream_exec_set(c, &set, rt_now() + 5 * NS_S, &e) < 0)
		return;
	if (site->tty) {
		uint16_t width = 0, height = 0;
		assert_int_equal(stream_resize_read(set.s[STREAM_RESIZE], &width, &height, MONO_NEVER), 1);
		n = snprintf(p, sizeof p, "%ux%u", width, height);
		assert_int_equal(stream_write(set.s[STREAM_STDOUT], p, n, MONO_NEVER), n);
	}
	while ((n = stream_read(set.s[STREAM_STDIN], p, sizeof p, MONO_NEVER)) > 0) {
		bool quit = n >= 4 && memcmp(p + n - 4, "quit", 4) == 0; /* v4 WebSockets cannot close stdin */
		if (stream_write(set.s[STREAM_STDOUT], p, n, MONO_NEVER) < 0)
			return;
		if (quit)
			break;
	}
	if (set.s[STREAM_STDERR])
		assert_int_equal(stream_write(set.s[STREAM_STDERR], "done", 4, MONO_NEVER), 4);
	end_with(&set, "{\"status\":\"Success\"}");
}

static void serve_flow(void *arg)
{
	struct stream_pair p = *(struct stream_pair *)arg;
	char b[5000];
	ssize_t n;
	if (p.port == 9) {
		assert_true(stream_write(p.error, "refused", 7, MONO_NEVER) > 0);
		(void)!stream_half_close(p.error);
		(void)!stream_half_close(p.data);
		return;
	}
	while ((n = stream_read(p.data, b, sizeof b, MONO_NEVER)) > 0)
		if (stream_write(p.data, b, n, MONO_NEVER) < 0)
			return;
	(void)!stream_half_close(p.data);
	(void)!stream_half_close(p.error);
}

static void serve_ports(struct site *site, struct http_req *q, struct http_resp *r)
{
	ERR(e);
	struct stream_pair p;
	struct scope scope;
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &(struct stream_want){.port_forward = true}, &e);
	if (!c) {
		resp_text(r, e.code, "text/plain", str_of(err_text(&e)));
		return;
	}
	scope_init(&scope, NULL);
	while (stream_pair_next(c, &p, MONO_NEVER, &e) == 0) {
		assert_non_null(fiber_spawn(&scope, "flow", serve_flow, &p));
		assert_int_equal(fiber_yield(), 0);
	}
	scope_fini(&scope);
}

static void serve_bridge(struct site *site, struct http_req *q, struct http_resp *r)
{
	ERR(e);
	struct stream_want w = {.in = true, .out = true, .err = !site->tty, .tty = site->tty, .port_forward = site->ports};
	struct http_call call = {.path = site->ports ? STR("/portforward") : STR("/exec")};
	CLEANUP(stream_conn_close) struct stream_conn *backend = stream_dial(site->self, &call, STREAM_SPDY, &w, &e);
	if (!backend) {
		resp_text(r, 502, "text/plain", str_of(err_text(&e)));
		return;
	}
	CLEANUP(stream_conn_close) struct stream_conn *client = stream_accept(q, r, &w, &e);
	assert_non_null(client);
	assert_int_equal(stream_bridge(client, backend, &e), 0);
}

/* A backend of one flow that has the last word, as a web server has. */
static void serve_last_word(struct http_req *q, struct http_resp *r)
{
	struct stream_pair p;
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &(struct stream_want){.port_forward = true}, &e);
	assert_non_null(c);
	assert_ok(stream_pair_next(c, &p, rt_now() + 5 * NS_S, &e), &e);
	assert_true(stream_write(p.data, "bye", 3, MONO_NEVER) > 0);
	(void)!stream_half_close(p.data);
	(void)!stream_half_close(p.error);
	(void)!stream_conn_wait(c, rt_now() + 5 * NS_S);
}

static void bridge_to(struct site *site, const char *path, const struct stream_want *w, struct http_req *q, struct http_resp *r)
{
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *backend = stream_dial(site->self, &(struct http_call){.path = str_of(path)}, STREAM_SPDY, w, &e);
	assert_non_null(backend);
	CLEANUP(stream_conn_close) struct stream_conn *client = stream_accept(q, r, w, &e);
	assert_non_null(client);
	assert_int_equal(stream_bridge(client, backend, &e), 0);
}

static void handler(void *arg, struct http_req *q, struct http_resp *r)
{
	struct site *s = arg;
	if (str_is(q->path, "/exec"))
		serve_exec(s, q, r);
	else if (str_is(q->path, "/portforward"))
		serve_ports(s, q, r);
	else if (str_is(q->path, "/bridge"))
		serve_bridge(s, q, r);
	else if (str_is(q->path, "/last-word"))
		serve_last_word(q, r);
	else if (str_is(q->path, "/bridge-last-word"))
		bridge_to(s, "/last-word", &(struct stream_want){.port_forward = true, .ports = (const uint16_t[]){80}, .nports = 1}, q, r);
	else if (str_is(q->path, "/nows") && ws_requested(q))
		resp_text(r, 403, "text/plain", STR("no WebSocket here"));
	else if (str_is(q->path, "/nows"))
		serve_exec(s, q, r);
	else
		resp_text(r, 404, "text/plain", STR(""));
}

struct setup {
	struct site site;
	struct http_server *server;
	struct http_client *client;
	struct arena *a;
	struct err e;
	void (*fn)(struct setup *s);
	bool tls;
};

static void run_setup(void *arg)
{
	struct setup *s = arg;
	char url[64];
	s->a = arena_new(NULL);
	s->server = net_serve(&(struct http_opts){.handler = handler, .arg = &s->site}, s->tls, url);
	struct tls *t = s->tls ? net_client_tls(false) : NULL;
	s->client = http_client_new(&(struct http_client_opts){.url = url, .tls = t}, &s->e);
	s->site.self = http_client_new(&(struct http_client_opts){.url = url, .tls = t}, &s->e);
	tls_unref(t);
	s->fn(s);
	http_client_free(s->client);
	http_server_free(s->server);
	http_client_free(s->site.self);
	arena_free(s->a);
	err_fini(&s->e);
}

static void with_server(void (*fn)(struct setup *s))
{
	for (int tls = 0; tls < 2; tls++) {
		struct setup s = {.fn = fn, .tls = tls};
		net_run(run_setup, &s);
	}
}

static struct stream_conn *dial(struct setup *s, const char *path, enum stream_framing f, const struct stream_want *w)
{
	struct stream_conn *c = stream_dial(s->client, &(struct http_call){.path = str_of(path)}, f, w, &s->e);
	if (!c)
		fail_msg("%s: %s", path, err_text(&s->e));
	return c;
}

static size_t read_all(struct stream *s, char *p, size_t max)
{
	size_t n = 0;
	ssize_t k;
	while (n < max && (k = stream_read(s, p + n, max - n, rt_now() + 5 * NS_S)) > 0)
		n += k;
	return n;
}

struct feed {
	struct stream *to;
	bool quit;
};

static void feed(void *arg)
{
	struct feed *f = arg;
	char p[50000];
	for (size_t i = 0; i < sizeof p; i++)
		p[i] = (char)('a' + i % 20);
	for (int i = 0; i < BIG / 50000; i++)
		assert_int_equal(stream_write(f->to, p, sizeof p, MONO_NEVER), sizeof p);
	if (f->quit)
		assert_int_equal(stream_write(f->to, "quit", 4, MONO_NEVER), 4);
	assert_int_equal(stream_half_close(f->to), 0);
}

static void exec_echo(struct setup *s, const char *path, enum stream_framing f)
{
	struct stream_want w = {.in = true, .out = true, .err = true};
	struct stream_set set;
	struct stream_conn *c = dial(s, path, f, &w);
	assert_ok(stream_exec_set(c, &set, MONO_NEVER, &s->e), &s->e);
	struct feed feeding = {set.s[STREAM_STDIN], false};
	assert_non_null(fiber_spawn(NULL, "feed", feed, &feeding));
	char *p = arena_text(s->a, BIG), text[100];
	assert_int_equal(read_all(set.s[STREAM_STDOUT], p, BIG), BIG);
	for (size_t i = 0; i < BIG; i++)
		if (p[i] != (char)('a' + i % 50000 % 20))
			fail_msg("byte %zu is wrong", i);
	assert_int_equal(read_all(set.s[STREAM_STDERR], text, 100), 4);
	size_t n = read_all(set.s[STREAM_ERROR], text, 100);
	assert_str(str_n(text, n), "{\"status\":\"Success\"}");
	assert_int_equal(stream_conn_error(c), 0);
	stream_conn_close(c);
}

static void execs(struct setup *s)
{
	exec_echo(s, "/exec", STREAM_WEBSOCKET);
	assert_string_equal(s->site.protocol, "v5.channel.k8s.io");
	exec_echo(s, "/exec", STREAM_SPDY);
	assert_string_equal(s->site.protocol, "v4.channel.k8s.io");
	exec_echo(s, "/exec", STREAM_BOTH);
	exec_echo(s, "/nows", STREAM_BOTH); /* falls back */
	exec_echo(s, "/bridge", STREAM_WEBSOCKET);
	exec_echo(s, "/bridge", STREAM_SPDY);
}
TEST(stream_exec_carries_5_mb_with_half_close_in_every_framing) { with_server(execs); }

static void tty_over(struct setup *s, const char *path, enum stream_framing f)
{
	struct stream_want w = {.in = true, .out = true, .err = true, .tty = true};
	struct stream_set set;
	char p[100];
	struct stream_conn *c = dial(s, path, f, &w);
	assert_ok(stream_exec_set(c, &set, MONO_NEVER, &s->e), &s->e);
	assert_null(set.s[STREAM_STDERR]);
	assert_int_equal(stream_resize_write(set.s[STREAM_RESIZE], 132, 43), 0);
	assert_int_equal(read_all(set.s[STREAM_STDOUT], p, 6), 6);
	assert_str(str_n(p, 6), "132x43");
	assert_int_equal(stream_half_close(set.s[STREAM_STDIN]), 0);
	assert_int_equal(read_all(set.s[STREAM_ERROR], p, 100), 20);
	stream_conn_close(c);
}

static void ttys(struct setup *s)
{
	s->site.tty = true;
	tty_over(s, "/exec", STREAM_WEBSOCKET);
	tty_over(s, "/exec", STREAM_SPDY);
	tty_over(s, "/bridge", STREAM_WEBSOCKET);
}
TEST(stream_resizes_reach_the_other_side) { with_server(ttys); }

struct flow {
	struct setup *s;
	struct stream_conn *c;
	int *done;
	int n;
};

static void one_flow(void *arg)
{
	struct flow f = *(struct flow *)arg;
	struct stream_pair p;
	char b[3000];
	assert_ok(stream_pair_open(f.c, 8080, &p, &f.s->e), &f.s->e);
	for (int i = 0; i < 50; i++) {
		memset(b, 'a' + f.n, sizeof b);
		assert_int_equal(stream_write(p.data, b, sizeof b, MONO_NEVER), sizeof b);
		assert_int_equal(read_all(p.data, b, sizeof b), sizeof b);
		assert_int_equal(b[100], 'a' + f.n);
	}
	assert_int_equal(stream_half_close(p.data), 0);
	assert_int_equal(read_all(p.data, b, 1), 0);
	assert_int_equal(read_all(p.error, b, 1), 0);
	stream_release(p.data);
	stream_release(p.error);
	++*f.done;
}

static void flows_over(struct setup *s, const char *path, enum stream_framing f)
{
	struct scope scope;
	struct stream_pair p;
	char b[100];
	int done = 0;
	struct stream_conn *c = dial(s, path, f, &(struct stream_want){.port_forward = true});
	scope_init(&scope, NULL);
	for (int i = 0; i < 10; i++) {
		struct flow flow = {s, c, &done, i};
		assert_non_null(fiber_spawn(&scope, "flow", one_flow, &flow));
		assert_int_equal(fiber_yield(), 0);
	}
	assert_int_equal(scope_join(&scope, MONO_NEVER), 0);
	scope_fini(&scope);
	assert_int_equal(done, 10);
	assert_ok(stream_pair_open(c, 9, &p, &s->e), &s->e);
	assert_int_equal(read_all(p.error, b, 100), 7);
	assert_str(str_n(b, 7), "refused");
	stream_conn_close(c);
}

static void flows(struct setup *s)
{
	s->site.ports = true;
	flows_over(s, "/portforward", STREAM_SPDY);
	flows_over(s, "/portforward", STREAM_WEBSOCKET); /* SPDY in WebSocket messages */
	flows_over(s, "/bridge", STREAM_WEBSOCKET);
}
TEST(stream_port_forward_runs_flows_in_parallel) { with_server(flows); }

static void refusals(struct setup *s)
{
	struct stream_want w = {.in = true, .out = true};
	assert_null(stream_dial(s->client, &(struct http_call){.path = STR("/none")}, STREAM_BOTH, &w, &s->e));
	assert_int_equal(s->e.code, 404);
	struct http_answer *r = http_call(s->client, &(struct http_call){.path = STR("/exec")}, s->a, &s->e);
	assert_int_equal(r->status, 400);
	http_answer_close(r);
	/* The client vanishes in the middle. */
	struct stream_conn *c = dial(s, "/exec", STREAM_SPDY, &(struct stream_want){.in = true, .out = true, .err = true});
	stream_conn_close(c);
}
TEST(stream_refusals_are_errors) { with_server(refusals); }

static struct ws *dial_v4(struct setup *s, const char *path)
{
	static const char *const offer[] = {"v4.channel.k8s.io", NULL};
	const char *protocol;
	struct ws *ws = ws_dial(s->client, &(struct http_call){.path = str_of(path)}, offer, &protocol, NULL, &s->e);
	assert_non_null(ws);
	return ws;
}

static void backend_ends_first(struct setup *s)
{
	enum ws_kind kind;
	struct str m;
	struct ws *ws = dial_v4(s, "/bridge-last-word");
	for (int i = 0; i < 2; i++) /* each channel's port */
		assert_int_equal(ws_read(ws, &kind, &m, rt_now() + 5 * NS_S), 0);
	assert_int_equal(ws_read(ws, &kind, &m, rt_now() + 5 * NS_S), 0);
	assert_str(str_sub(m, 1, m.n), "bye");
	assert_int_equal(ws_read(ws, &kind, &m, rt_now() + 5 * NS_S), -EPIPE);
	ws_close(ws, 1000);
}
TEST(stream_websocket_closes_when_its_flows_have_ended) { with_server(backend_ends_first); }

/* Frames by hand: what a WebSocket of v4 base64 looks like. */
static void base64(struct setup *s)
{
	static const char *const offer[] = {"v4.base64.channel.k8s.io", NULL};
	const char *protocol;
	enum ws_kind kind;
	struct str m;
	struct ws *ws = ws_dial(s->client, &(struct http_call){.path = STR("/exec")}, offer, &protocol, NULL, &s->e);
	assert_non_null(ws);
	assert_string_equal(protocol, offer[0]);
	assert_int_equal(ws_read(ws, &kind, &m, MONO_NEVER), 0);
	assert_str(m, "1"); /* the greeting */
	assert_int_equal(ws_write(ws, WS_TEXT, STR("0"), STR("cXVpdA=="), MONO_NEVER), 0);
	assert_int_equal(ws_read(ws, &kind, &m, MONO_NEVER), 0);
	assert_int_equal(kind, WS_TEXT);
	assert_str(m, "1cXVpdA==");
	ws_close(ws, 1000);
}
TEST(stream_base64_channels_are_text) { with_server(base64); }

TEST(spdy_headers_survive_both_directions)
{
	struct spdy a, b;
	struct spdy_frame f;
	struct arena *arena = arena_new(NULL);
	assert_int_equal(spdy_init(&a), 0);
	assert_int_equal(spdy_init(&b), 0);
	for (uint32_t i = 1; i < 20; i += 2) {
		BUF(out);
		struct spdy_header v[] = {{STR_INIT("streamtype"), STR_INIT("data")}, {STR_INIT("port"), STR_INIT("80")}};
		assert_int_equal(spdy_put_headers(&a, &out, SPDY_SYN_STREAM, 0, i, v, 2), 0);
		for (size_t n = 0; n < out.n; n++)
			assert_int_equal(spdy_parse(&b, arena, out.p, n, &f), 0);
		assert_int_equal(spdy_parse(&b, arena, out.p, out.n, &f), out.n);
		assert_int_equal(f.stream, i);
		assert_str(spdy_header(&f, STR("port")), "80");
	}
	spdy_fini(&a);
	spdy_fini(&b);
	arena_free(arena);
}
