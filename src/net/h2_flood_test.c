/* What hostile HTTP/2 peers send: each flood ends its own connection, and the server serves on. */
#include "base/buf.h"
#include "net/http.h"
#include "net/test_net.h"

#include <errno.h>
#include <sys/socket.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum frame { DATA, HEADERS, RST_STREAM = 3, SETTINGS, PING = 6, GOAWAY, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4 };
static const struct str get = STR_INIT("\x82\x87\x84\x41\x01x"); /* GET, https, /, authority x */

static void answer(void *arg, struct http_req *q, struct http_resp *r)
{
	(void)arg, (void)q;
	resp_text(r, 200, "text/plain", STR("ok"));
}

static void frame(struct buf *b, enum frame type, uint8_t flags, uint32_t stream, struct str body)
{
	const unsigned char head[9] = {body.n >> 16, body.n >> 8, body.n, type, flags, stream >> 24, stream >> 16, stream >> 8, stream};
	buf_put(b, head, sizeof head);
	buf_str(b, body);
}

struct flood {
	const char *name;
	void (*more)(struct buf *b, uint32_t i); /* the i-th piece */
	unsigned pieces;
	bool may_stall; /* the server stops reading while its answers are not read: bounded too */
};

static void resets(struct buf *b, uint32_t i)
{
	frame(b, HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, get);
	frame(b, RST_STREAM, 0, 2 * i + 1, STR("\0\0\0\x08"));
}

static void continuations(struct buf *b, uint32_t i)
{
	frame(b, i ? CONTINUATION : HEADERS, 0, 1, i ? STR("") : get);
}

static void large_headers(struct buf *b, uint32_t i)
{
	static char field[6 + 127 + 127 + 123 * 128];
	memcpy(field, "\x00\x01y\x7f\xff\x7b", 6); /* y: a value of 127 + 127 + 123 * 128 bytes */
	memset(field + 6, 'z', sizeof field - 6);
	frame(b, i ? CONTINUATION : HEADERS, 0, 1, i ? str_n(field, sizeof field) : get);
}

static void pings(struct buf *b, uint32_t i) { frame(b, PING, 0, 0, STR("12345678")); }
static void settings(struct buf *b, uint32_t i) { frame(b, SETTINGS, 0, 0, STR("")); }
static void zero_data(struct buf *b, uint32_t i) { frame(b, DATA, 0, 2 * i + 1, STR("")); } /* of streams that are not open */

static const struct flood floods[] = {
	{"rapid reset", resets, 5000}, {"continuation", continuations, 5000}, {"large headers", large_headers, 200},
	{"ping", pings, 50000, true}, {"settings", settings, 50000, true}, {"data without a stream", zero_data, 10},
};

/* Sends all of it and reads little; whether the peer ended the connection. */
static bool is_cut(struct http_server *s, const struct flood *f)
{
	int fd[2];
	char in[4096];
	BUF(b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(http_serve_fd(s, fd[0], NULL), 0);
	struct duplex *d = duplex_of_fd(fd[1]);
	buf_lit(&b, PREFACE);
	frame(&b, SETTINGS, 0, 0, STR(""));
	ssize_t n = 1;
	for (uint32_t i = 0; i < f->pieces && n >= 0; i++) {
		f->more(&b, i);
		if (b.n < 16384 && i + 1 < f->pieces)
			continue;
		n = duplex_write(d, b.p, b.n, rt_now() + NS_S);
		buf_clear(&b);
	}
	while (n > 0)
		n = duplex_read(d, in, sizeof in, rt_now() + 3 * NS_S);
	duplex_close(d);
	return n != -ETIME || f->may_stall;
}

static void flooded(void *arg)
{
	char url[64];
	struct http_server *s = net_serve(&(struct http_opts){.handler = answer}, false, url);
	for (size_t i = 0; i < ARRAY_LEN(floods); i++)
		if (!is_cut(s, &floods[i]))
			fail_msg("%s: the connection lives", floods[i].name);
	http_server_free(s);
}
TEST(h2_floods_end_their_connection) { net_run(flooded, NULL); }
