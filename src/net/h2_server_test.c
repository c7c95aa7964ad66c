/* A connection with watches, as its peer sees it. */
#include "net/server.h"
#include "net/test_net.h"
#include "rt/io.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define UPDATE "\0\0\4\x8\0\0\0\0\0\0\0\0\1"               /* one byte more for the connection */
#define WATCH "\0\0\x9\1\5\0\0\0\1\x82\x87\x04\2/w\x41\1x" /* HEADERS of stream 1 for /w */
#define GET "\0\0\6\1\5\0\0\0\3\x82\x87\x84\x41\1x"         /* of stream 3 for / */

static void unclosed(void *arg) {}
static const struct http_out_ops out_ops = {.closed = unclosed};

struct site {
	struct http_out *watch;
};

static void answer(void *arg, struct http_req *q, struct http_resp *r)
{
	struct site *s = arg;
	if (!str_is(q->path, "/w")) {
		resp_text(r, 200, "text/plain", STR("at once"));
		return;
	}
	s->watch = resp_detach(r, &out_ops, s);
	http_out_static(s->watch, STR("first"));
}

static int dial(const char *url)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = rt_connect((struct sockaddr *)&to, sizeof to, SOCK_STREAM, MONO_NEVER);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
	return fd;
}

static void say(int fd, const char *p, size_t n) { assert_int_equal(rt_write(fd, p, n, rt_now() + NS_S), n); }

/* Reads until the text has come. */
static void hear(int fd, struct buf *in, const char *text)
{
	char p[4096];
	while (str_find(buf_view(in), str_of(text)) < 0) {
		ssize_t n = rt_read(fd, p, sizeof p, rt_now() + 5 * NS_S);
		assert_true(n > 0);
		buf_put(in, p, (size_t)n);
	}
}

static struct hconn *only_conn(struct http_server *s) { return list_entry(s->conns.next, struct hconn, node); }

static void dribble(int fd, const struct hconn *c)
{
	for (int i = 0; i < 1000 && !c->sock.held; i++) {
		say(fd, UPDATE, sizeof UPDATE - 1);
		(void)!fiber_yield();
	}
	assert_true(c->sock.held);
}

static void watched(void *arg)
{
	struct site site = {0};
	char url[64];
	BUF(in);
	struct http_server *s = net_serve(&(struct http_opts){.handler = answer, .arg = &site}, false, url);
	int fd = dial(url);
	say(fd, PREFACE SETTINGS, sizeof PREFACE SETTINGS - 1);
	say(fd, WATCH, sizeof WATCH - 1);
	hear(fd, &in, "first");
	struct hconn *c = only_conn(s);
	assert_int_equal(c->watches, 1);
	dribble(fd, c);
	http_out_static(site.watch, STR("second")); /* goes out all the same */
	hear(fd, &in, "second");
	say(fd, GET, sizeof GET - 1);
	hear(fd, &in, "at once");
	for (int i = 0; i < 100 && c->sock.held; i++)
		(void)!fiber_sleep(NS_MS);
	assert_false(c->sock.held);
	dribble(fd, c);
	http_out_end(site.watch);
	say(fd, UPDATE, sizeof UPDATE - 1);
	for (int i = 0; i < 100 && (c->watches || c->sock.held); i++)
		(void)!fiber_sleep(NS_MS);
	assert_int_equal(c->watches, 0);
	assert_false(c->sock.held);
	rt_close(fd);
	close(fd);
	http_server_free(s);
}
TEST(h2_a_connection_of_watches_is_held_and_answers_all_the_same) { net_run(watched, NULL); }
