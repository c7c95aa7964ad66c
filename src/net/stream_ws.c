/* Channels in WebSocket messages: a byte of channel number, then data; in the base64 forms a digit, then base64.
 * v5 adds {255, channel} for a half-close. */
#include "net/stream_impl.h"
#include "base/enc.h"
#include <errno.h>
#include <stdlib.h>

#define WRITE_STEP 32768u
#define CLOSE_SIGNAL 255

static int make(struct stream_conn *c, enum stream_type type)
{
	return stream_new(c, type, type) ? 0 : -1; /* the channels' numbers are the types' values */
}

static int greet(struct stream *s, struct str data)
{
	return s->conn->framing->write(s, data.p, data.n, rt_now() + 10 * NS_S);
}

/* Two channels per port; the server says which port first. */
static int start_ports(struct stream_conn *c)
{
	for (uint32_t i = 0; i < c->want.nports * 2; i++) {
		struct stream *s = stream_new(c, i, i % 2 ? STREAM_ERROR : STREAM_DATA);
		if (!s)
			return -1;
		const char port[2] = {(char)c->ports[i / 2], (char)(c->ports[i / 2] >> 8)};
		s->port = c->ports[i / 2];
		s->request = i / 2;
		s->skip = c->server ? 0 : 2;
		if (c->server && greet(s, str_n(port, 2)) < 0)
			return -1;
	}
	return 0;
}

static int start_exec(struct stream_conn *c)
{
	const struct stream_want *w = &c->want;
	bool err = w->err && !w->tty;
	int bad = make(c, STREAM_ERROR);
	bad |= w->in ? make(c, STREAM_STDIN) : 0;
	bad |= w->out ? make(c, STREAM_STDOUT) : 0;
	bad |= err ? make(c, STREAM_STDERR) : 0;
	bad |= w->tty ? make(c, STREAM_RESIZE) : 0;
	if (bad || !c->server)
		return bad;
	/* An empty message tells the client that the connection stands. */
	return greet(stream_by_id(c, w->out ? STREAM_STDOUT : err ? STREAM_STDERR : STREAM_ERROR), STR(""));
}

static int ws_start(struct stream_conn *c)
{
	c->base64 = str_find(str_of(c->protocol), STR("base64")) >= 0;
	return c->want.port_forward ? start_ports(c) : start_exec(c);
}

static int deliver(struct stream_conn *c, uint8_t channel, struct str data)
{
	BUF(plain);
	struct stream *s = stream_by_id(c, channel);
	if (!s || s->eof)
		return 0;
	if (c->base64) {
		if (dec_base64(&plain, data) < 0)
			return -EPROTO;
		data = buf_view(&plain);
	}
	return data.n ? stream_push(s, data) : 0;
}

static void close_signal(struct stream_conn *c, uint8_t channel)
{
	struct stream *s = stream_by_id(c, channel);
	if (s)
		stream_push_end(s, false);
}

static int ws_run(struct stream_conn *c)
{
	enum ws_kind kind;
	struct str m;
	int e = 0;
	while (e == 0 && (e = ws_read(c->ws, &kind, &m, MONO_NEVER)) == 0) {
		if (!m.n)
			continue;
		uint8_t channel = (uint8_t)m.p[0];
		if (channel == CLOSE_SIGNAL && m.n >= 2 && strncmp(c->protocol, "v5.", 3) == 0)
			close_signal(c, (uint8_t)m.p[1]);
		else
			e = deliver(c, c->base64 ? channel - '0' : channel, str_sub(m, 1, m.n));
	}
	return e;
}

static int write_base64(struct stream *s, struct str data, mono_t deadline)
{
	BUF(text);
	char channel = (char)('0' + s->id);
	enc_base64(&text, data);
	return ws_write(s->conn->ws, WS_TEXT, str_n(&channel, 1), buf_view(&text), deadline);
}

static int write_some(struct stream *s, struct str data, mono_t deadline)
{
	char channel = (char)s->id;
	if (s->conn->base64)
		return write_base64(s, data, deadline);
	return ws_write(s->conn->ws, WS_BINARY, str_n(&channel, 1), data, deadline);
}

static int ws_stream_write(struct stream *s, const void *p, size_t n, mono_t deadline)
{
	size_t at = 0;
	do {
		size_t k = n - at < WRITE_STEP ? n - at : WRITE_STEP;
		int e = write_some(s, str_n((const char *)p + at, k), deadline);
		if (e < 0)
			return e;
		at += k;
	} while (at < n);
	return 0;
}

static int ws_half_close(struct stream *s)
{
	const char m[2] = {(char)CLOSE_SIGNAL, (char)s->id};
	if (s->conn->server || strncmp(s->conn->protocol, "v5.", 3) != 0)
		return 0;
	return ws_write(s->conn->ws, WS_BINARY, str_n(m, 2), STR(""), MONO_NEVER);
}

static void ws_reset(struct stream *s)
{
}

static void ws_finish(struct stream_conn *c)
{
	ws_close(c->ws, 1000);
}

static int ws_open(struct stream_conn *c, struct stream *s, uint32_t request)
{
	return -ENOTSUP;
}

const struct framing ws_framing = {ws_start, ws_run, ws_open, ws_stream_write, ws_half_close, ws_reset, ws_finish};

/* Messages as bytes, for SPDY inside of a WebSocket. */

struct ws_dx {
	struct duplex d;
	struct ws *ws;
	struct str rest;
	bool eof;
};

static ssize_t dx_read(struct duplex *d, void *p, size_t n, mono_t deadline)
{
	struct ws_dx *x = container_of(d, struct ws_dx, d);
	enum ws_kind kind;
	while (!x->rest.n && !x->eof) {
		int e = ws_read(x->ws, &kind, &x->rest, deadline);
		if (e < 0 && e != -EPIPE)
			return e;
		x->eof = e == -EPIPE;
	}
	n = n < x->rest.n ? n : x->rest.n;
	if (n)
		memcpy(p, x->rest.p, n);
	x->rest = str_sub(x->rest, n, x->rest.n);
	return (ssize_t)n;
}

static ssize_t dx_write(struct duplex *d, const void *p, size_t n, mono_t deadline)
{
	int e = ws_write(container_of(d, struct ws_dx, d)->ws, WS_BINARY, STR(""), str_n(p, n), deadline);
	return e < 0 ? e : (ssize_t)n;
}

static int dx_shutdown(struct duplex *d)
{
	return 0; /* a WebSocket has no half-close; SPDY says it in its frames */
}

static void dx_close(struct duplex *d)
{
	struct ws_dx *x = container_of(d, struct ws_dx, d);
	ws_close(x->ws, 1000);
	free(x);
}

static const struct duplex_ops dx_ops = {dx_read, dx_write, dx_shutdown, dx_close};

struct duplex *ws_duplex(struct ws *w)
{
	struct ws_dx *x = calloc(1, sizeof *x);
	if (!x) {
		ws_close(w, 1011);
		return NULL;
	}
	x->d.ops = &dx_ops;
	x->ws = w;
	return &x->d;
}
