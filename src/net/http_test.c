#include "net/test_net.h"
#include "net/websocket.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct site {
	int cancelled, closed;
	struct http_out *out;
	struct str cn, orgs;
	bool verified;
	int calls;
};

static void watch_closed(void *arg)
{
	struct site *s = arg;
	s->closed++;
	s->out = NULL;
}

static const struct http_out_ops watch_ops = {.closed = watch_closed};

static void serve_watch(struct site *s, struct http_resp *r)
{
	s->out = resp_detach(r, &watch_ops, s);
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("event"));
	for (int i = 0; i < 3; i++) {
		http_out_static(s->out, STR("<"));
		http_out_blob(s->out, b, 0, b->n);
		http_out_copy(s->out, ">", 1);
	}
}

static void serve_echo(struct http_req *q, struct http_resp *r)
{
	char p[5000];
	ssize_t n;
	resp_flush(r);
	while ((n = req_body_read(q, p, sizeof p, MONO_NEVER)) > 0)
		resp_write(r, p, n);
}

static void serve_upgrade(struct http_req *q, struct http_resp *r)
{
	char p[5000];
	ssize_t n;
	CLEANUP(duplex_close) struct duplex *d = resp_upgrade(r, STR("echo"), NULL);
	while (d && (n = duplex_read(d, p, sizeof p, MONO_NEVER)) > 0)
		assert_int_equal(duplex_write(d, p, n, MONO_NEVER), n);
}

static void serve_who(struct http_req *q, struct http_resp *r)
{
	struct str s = str_printf(q->arena, "%d %d %.*s", q->peer->present, q->peer->verified, STR_F(q->peer->common_name));
	for (uint32_t i = 0; i < q->peer->norgs; i++)
		s = str_printf(q->arena, "%.*s,%.*s", STR_F(s), STR_F(q->peer->orgs[i]));
	resp_text(r, 200, "text/plain", s);
}

static void serve_big(struct http_req *q, struct http_resp *r)
{
	CLEANUP(blob_unref) struct blob *b = blob_new(100000);
	memset(b->p, 'b', b->n);
	for (int i = 0; i < 50; i++)
		if (resp_write_blob(r, b, 0, b->n) < 0)
			return;
}

static void serve_whole(struct http_req *q, struct http_resp *r)
{
	struct str body;
	ERR(e);
	if (req_body(q, 1000000, &body, &e) < 0)
		resp_text(r, e.code, "text/plain", str_of(err_text(&e)));
	else
		resp_text(r, 201, "text/plain", str_printf(q->arena, "%zu", body.n));
}

static void site(void *arg, struct http_req *q, struct http_resp *r)
{
	struct site *s = arg;
	s->calls++;
	if (str_is(q->path, "/watch"))
		serve_watch(s, r);
	else if (str_is(q->path, "/echo"))
		serve_echo(q, r);
	else if (str_is(q->path, "/whole"))
		serve_whole(q, r);
	else if (str_is(q->path, "/upgrade"))
		serve_upgrade(q, r);
	else if (str_is(q->path, "/who"))
		serve_who(q, r);
	else if (str_is(q->path, "/big"))
		serve_big(q, r);
	else if (str_is(q->path, "/abort"))
		resp_write(r, "x", 1), resp_flush(r), resp_abort(r);
	else if (str_is(q->path, "/sleep"))
		s->cancelled += fiber_sleep(10 * NS_S) == -ECANCELED;
	else
		resp_text(r, 404, "text/plain", str_printf(q->arena, "no %.*s?%.*s", STR_F(q->path), STR_F(q->query)));
}

/* Each test runs over cleartext and TLS, HTTP/1.1 and HTTP/2. */
struct setup {
	struct site site;
	struct http_server *server;
	struct http_client *client;
	struct arena *a;
	char url[64];
	int proto;
	struct err e;
};
struct matrix {
	void (*fn)(struct setup *s);
	struct http_limits limits;
};

static void run_one(struct matrix *m, bool tls, bool h2)
{
	struct setup s = {.proto = h2 ? 20 : 11, .a = arena_new(NULL)};
	s.server = net_serve(&(struct http_opts){.handler = site, .arg = &s.site, .limits = m->limits}, tls, s.url);
	struct tls *t = tls ? net_client_tls(true) : NULL;
	s.client = http_client_new(&(struct http_client_opts){.url = s.url, .tls = t, .http2_prior = h2, .http1_only = !h2}, &s.e);
	assert_non_null(s.client);
	tls_unref(t);
	m->fn(&s);
	http_client_free(s.client);
	http_server_free(s.server);
	arena_free(s.a);
	err_fini(&s.e);
}

static void run_matrix(void *arg)
{
	for (int i = 0; i < 4; i++)
		run_one(arg, i & 1, i & 2);
}

static void everywhere(void (*fn)(struct setup *s))
{
	struct matrix m = {.fn = fn};
	net_run(run_matrix, &m);
}

static struct http_answer *call(struct setup *s, const char *method, const char *path, struct str body)
{
	struct http_answer *r = http_call(s->client, &(struct http_call){.method = str_of(method), .path = str_of(path), .body = body}, s->a, &s->e);
	if (!r)
		fail_msg("%s: %s", path, err_text(&s->e));
	assert_int_equal(r->proto, s->proto);
	return r;
}

static struct str text_of(struct setup *s, struct http_answer *r)
{
	struct str body = {0};
	assert_ok(http_answer_all(r, 10 << 20, &body, MONO_NEVER, &s->e), &s->e);
	return body;
}

static struct str fetch(struct setup *s, const char *method, const char *path, struct str body, int want)
{
	struct http_answer *r = call(s, method, path, body);
	assert_int_equal(r->status, want);
	struct str text = text_of(s, r);
	http_answer_close(r);
	return text;
}

static void simple(struct setup *s)
{
	for (int i = 0; i < 20; i++)
		assert_str(fetch(s, "GET", "/a%20b?x=1&y", STR(""), 404), "no /a%20b?x=1&y");
	struct http_stats st;
	http_server_stats(s->server, &st);
	assert_int_equal(st.accepted, 1); /* the connection is kept */
	struct http_answer *r = call(s, "HEAD", "/a", STR(""));
	assert_int_equal(r->content_length, 6);
	assert_int_equal(text_of(s, r).n, 0);
	http_answer_close(r);
}
TEST(http_requests_are_answered_and_connections_kept) { everywhere(simple); }

static void bodies(struct setup *s)
{
	struct str big = str_n(arena_alloc(s->a, 3000000), 3000000);
	assert_int_equal(fetch(s, "POST", "/echo", big, 200).n, big.n);
	assert_str(fetch(s, "PUT", "/whole", str_sub(big, 0, 1000000), 201), "1000000");
	assert_str(fetch(s, "PUT", "/whole", STR("x"), 201), "1");
	assert_str(fetch(s, "PUT", "/whole", STR(""), 201), "0");
	fetch(s, "PUT", "/whole", big, 413);
	assert_str(fetch(s, "PUT", "/whole", STR("abc"), 201), "3");
	assert_int_equal(fetch(s, "GET", "/big", STR(""), 200).n, 5000000);
}
TEST(http_bodies_of_any_size_go_both_ways) { everywhere(bodies); }

struct source {
	int left;
};

static ssize_t give(void *arg, void *p, size_t n)
{
	struct source *src = arg;
	if (src->left == 0)
		return 0;
	src->left--;
	int r = fiber_sleep(NS_MS);
	memset(p, 's', 10000);
	return r < 0 ? r : 10000;
}

static void streamed(struct setup *s)
{
	struct source src = {.left = 20};
	struct http_answer *r = http_call(s->client, &(struct http_call){.method = STR("POST"), .path = STR("/echo"), .body_read = give, .body_arg = &src, .body_length = -1}, s->a, &s->e);
	assert_non_null(r);
	assert_int_equal(text_of(s, r).n, 200000);
	http_answer_close(r);
	assert_str(fetch(s, "PUT", "/whole", STR("abc"), 201), "3");
}
TEST(http_request_bodies_may_come_as_a_stream) { everywhere(streamed); }

static void watches(struct setup *s)
{
	struct http_answer *r = call(s, "GET", "/watch", STR(""));
	char p[100];
	size_t n = 0;
	while (n < 21) {
		ssize_t k = http_answer_read(r, p + n, sizeof p - n, rt_now() + NS_S);
		assert_true(k > 0);
		n += k;
	}
	assert_str(str_n(p, n), "<event><event><event>");
	assert_int_equal(http_out_queued(s->site.out), 0);
	http_out_static(s->site.out, STR("bye"));
	http_out_end(s->site.out);
	assert_str(text_of(s, r), "bye");
	http_answer_close(r);
	assert_int_equal(s->site.closed, 0);
	r = call(s, "GET", "/watch", STR(""));
	http_answer_close(r);
	for (int i = 0; i < 10000 && !s->site.closed; i++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
	assert_int_equal(s->site.closed, 1);
}
TEST(http_watches_are_pushed_ended_and_told_of_the_peers_end) { everywhere(watches); }

static void cancels(struct setup *s)
{
	assert_str(fetch(s, "PUT", "/whole", STR("abc"), 201), "3"); /* the connection is there: the time is the call's */
	struct http_answer *r = http_call(s->client, &(struct http_call){.path = STR("/sleep"), .deadline = rt_now() + 300 * NS_MS}, s->a, &s->e);
	assert_null(r);
	assert_int_equal(s->e.reason, ERR_TIMEOUT);
	for (int i = 0; i < 10000 && !s->site.cancelled; i++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
	assert_int_equal(s->site.cancelled, 1);
	assert_str(fetch(s, "PUT", "/whole", STR("abc"), 201), "3");
}
TEST(http_a_call_given_up_cancels_its_handler) { everywhere(cancels); }

static void aborts(struct setup *s)
{
	struct http_answer *r = http_call(s->client, &(struct http_call){.path = STR("/abort")}, s->a, &s->e);
	struct str body;
	if (r)
		assert_int_equal(http_answer_all(r, 100, &body, MONO_NEVER, &s->e), -1);
	assert_int_equal(s->e.reason, ERR_SERVICE_UNAVAILABLE);
	http_answer_close(r);
}
TEST(http_an_aborted_answer_is_an_error_at_the_client) { everywhere(aborts); }

static int status_as(uint32_t uid, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str path = str_printf(a, "%s/sock", test_tmpdir());
	int fd = listen_unix(path.p, 0600, e);
	struct http_server *s = http_serve(fd, &(struct http_opts){.handler = site, .arg = &(struct site){0}, .one_user = true, .uid = uid}, e);
	struct http_client *c = http_client_new(&(struct http_client_opts){.url = str_printf(a, "unix://%s", path.p).p, .http2_prior = true}, e);
	struct http_answer *r = http_call(c, &(struct http_call){.path = STR("/who")}, a, e);
	int status = r ? r->status : -1;
	http_answer_close(r);
	http_client_free(c);
	http_server_free(s);
	close(fd);
	return status;
}

static void one_user(void *arg)
{
	ERR(e);
	assert_int_equal(status_as(getuid(), &e), 200);
	assert_int_equal(status_as(getuid() + 1, &e), -1);
	assert_int_equal(e.code, 503);
}
TEST(http_a_socket_of_one_user_refuses_others) { net_run(one_user, NULL); }

static void upgrades(struct setup *s)
{
	char p[100];
	if (s->proto == 20)
		return;
	struct http_answer *r = http_call(s->client, &(struct http_call){.path = STR("/upgrade"), .upgrade = STR("echo")}, s->a, &s->e);
	if (!r)
		fail_msg("%s", err_text(&s->e));
	assert_int_equal(r->status, 101);
	struct duplex *d = http_answer_duplex(r);
	http_answer_close(r);
	assert_int_equal(duplex_write(d, "hello", 5, MONO_NEVER), 5);
	assert_int_equal(duplex_read_all(d, p, 5, MONO_NEVER), 0);
	assert_memory_equal(p, "hello", 5);
	struct str big = str_n(arena_alloc(s->a, 100000), 100000);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(duplex_write(d, big.p, big.n, MONO_NEVER), big.n);
		for (int j = 0; j < 1000; j++)
			assert_int_equal(duplex_read_all(d, p, 100, MONO_NEVER), 0);
	}
	assert_int_equal(duplex_shutdown(d), 0);
	assert_int_equal(duplex_read(d, p, 1, MONO_NEVER), 0);
	duplex_close(d);
}
TEST(http_upgrades_give_a_two_way_stream_with_half_close) { everywhere(upgrades); }

static void identity(struct setup *s)
{
	struct str who = fetch(s, "GET", "/who", STR(""), 200);
	if (strncmp(s->url, "https", 5) == 0)
		assert_str(who, "1 1 alice,devs,ops");
	else
		assert_str(who, "0 0 ");
}
TEST(http_the_client_certificate_is_known_to_the_handler) { everywhere(identity); }

struct many {
	struct setup *s;
	int *done;
	bool busy;
};

static void one_of_many(void *arg)
{
	struct many *m = arg;
	struct arena *a = arena_new(NULL);
	ERR(e);
	struct str body = {0};
	for (int i = 0; i < 20; i++) {
		struct http_answer *r = http_call(m->s->client, &(struct http_call){.path = STR("/big")}, a, &e);
		if (!r)
			fail_msg("%s", err_text(&e));
		assert_ok(http_answer_all(r, 10 << 20, &body, MONO_NEVER, &e), &e);
		assert_int_equal(body.n, 5000000);
		http_answer_close(r);
		arena_reset(a);
	}
	++*m->done;
	arena_free(a);
}

static void parallel(struct setup *s)
{
	int done = 0;
	struct many m = {s, &done};
	struct scope scope;
	scope_init(&scope, NULL);
	for (int i = 0; i < 8; i++)
		assert_non_null(fiber_spawn(&scope, "one", one_of_many, &m));
	assert_int_equal(scope_join(&scope, MONO_NEVER), 0);
	scope_fini(&scope);
	assert_int_equal(done, 8);
}
TEST(http_many_large_answers_at_once) { everywhere(parallel); }

static void drained(struct setup *s)
{
	fetch(s, "GET", "/x", STR(""), 404);
	assert_int_equal(http_drain(s->server, rt_now() + 3 * NS_S), 0);
}
TEST(http_draining_ends_idle_connections) { everywhere(drained); }

/* Raw requests over a socketpair. */

static struct str raw(struct setup *s, struct str request)
{
	int fd[2];
	char *p = arena_text(s->a, 10000);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(http_serve_fd(s->server, fd[0], NULL), 0);
	struct duplex *d = duplex_of_fd(fd[1]);
	assert_true(duplex_write(d, request.p, request.n, MONO_NEVER) >= 0);
	size_t n = 0;
	for (;;) {
		ssize_t k = duplex_read(d, p + n, 10000 - n, rt_now() + 3 * NS_S);
		if (k == -ETIME)
			fail_msg("no answer to %.*s", STR_F(request));
		if (k <= 0)
			break;
		n += k;
	}
	duplex_close(d);
	return str_n(p, n);
}

static const struct { const char *request, *want; } bad[] = {
	{"GARBAGE\r\n\r\n", "HTTP/1.1 400"},
	{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"}, /* no Host */
	{"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", "HTTP/1.1 400"},
	{"GET / HTTP/1.1\r\nhost: x\r\nexpect: more\r\n\r\n", "HTTP/1.1 417"},
	{"GET / HTTP/2.0\r\nhost: x\r\n\r\n", "HTTP/1.1 505"},
	{"GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n", "HTTP/1.1 400"},
	{"GET / HTTP/1.1\r\nhost : x\r\n\r\n", "HTTP/1.1 400"},
	{"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.1 400"},
	{"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "HTTP/1.1 400"},
	{"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\n", "HTTP/1.1 400"},
	{"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501"},
	{"POST /whole HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 500"},
	{"GET /q HTTP/1.0\r\n\r\n", "HTTP/1.1 404"},
	{"GET http://h/q HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "HTTP/1.1 404"},
	{"POST /whole HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nab", "HTTP/1.1 100"},
	{"POST /whole HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: 1\r\n\r\n", "HTTP/1.1 201"},
};

static void raws(struct setup *s)
{
	if (strncmp(s->url, "https", 5) == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str got = raw(s, str_of(bad[i].request));
		if (!str_has_prefix(got, str_of(bad[i].want)))
			fail_msg("%s gave %.*s", bad[i].request, STR_F(got));
	}
	struct str two = raw(s, STR("GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
	assert_true(str_find(two, STR("no /1?")) > 0 && str_find(two, STR("no /2?")) > 0); /* pipelined */
}
TEST(http1_refuses_what_can_be_read_in_two_ways) { everywhere(raws); }

static void slow(struct setup *s)
{
	if (strncmp(s->url, "https", 5) == 0)
		return;
	assert_true(str_has_prefix(raw(s, STR("GET / HT")), STR("HTTP/1.1 408")));
	assert_true(str_has_prefix(raw(s, STR("PUT /whole HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nab")), STR("HTTP/1.1 504")));
	assert_int_equal(raw(s, STR("")).n, 0);
}
TEST(http_slow_writers_are_cut)
{
	struct matrix m = {.fn = slow, .limits = {.header_timeout = 30 * NS_MS, .body_timeout = 30 * NS_MS, .idle_timeout = 300 * NS_MS, .handshake_timeout = 200 * NS_MS}};
	net_run(run_matrix, &m);
}

static void slow_reader(struct setup *s)
{
	int fd[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	if (strncmp(s->url, "https", 5) == 0)
		return;
	assert_int_equal(http_serve_fd(s->server, fd[0], NULL), 0);
	assert_true(write(fd[1], "GET /big HTTP/1.1\r\nhost: x\r\n\r\n", 31) > 0);
	struct http_stats st = {0};
	for (int i = 0; i < 300 && !st.cut_slow; i++) {
		assert_int_equal(fiber_sleep(NS_MS), 0);
		http_server_stats(s->server, &st);
	}
	assert_true(st.cut_slow > 0);
	close(fd[1]);
}
TEST(http_slow_readers_are_cut)
{
	struct matrix m = {.fn = slow_reader, .limits = {.write_timeout = 50 * NS_MS}};
	net_run(run_matrix, &m);
}

TEST(http_queries_are_decoded)
{
	struct arena *a = arena_new(NULL);
	struct str rest = STR("a=1&b=x%20y+z&&c&bad=%zz&d=%2F"), n, v;
	const char *want[] = {"a", "1", "b", "x y z", "c", "", "d", "/"};
	for (int i = 0; i < 8; i += 2) {
		assert_true(query_next(a, &rest, &n, &v));
		assert_str(n, want[i]);
		assert_str(v, want[i + 1]);
	}
	assert_false(query_next(a, &rest, &n, &v));
	arena_free(a);
}
