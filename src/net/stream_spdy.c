/* Streams over SPDY/3.1: each pipe is a SPDY stream that its opener describes in headers (streamType, port, requestID). */
#include "net/stream_impl.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WRITE_STEP 32768u
#define READ_STEP 16384u
#define REFUSED 3 /* RST_STREAM: REFUSED_STREAM */
#define CANCEL 5
#define OPEN_TIMEOUT (30 * NS_S) /* for the peer's SYN_REPLY, as upstream */

static int lock(struct stream_conn *c, mono_t deadline)
{
	while (c->writing) {
		int e = cond_wait(&c->write_cond, deadline);
		if (e < 0)
			return e;
	}
	c->writing = true;
	return 0;
}

static void unlock(struct stream_conn *c)
{
	c->writing = false;
	cond_wake(&c->write_cond);
}

static int send_buf(struct stream_conn *c, const struct buf *b, mono_t deadline)
{
	int e = b->failed ? -ENOMEM : lock(c, deadline);
	if (e < 0)
		return e;
	ssize_t n = duplex_write(c->d, b->p, b->n, deadline);
	unlock(c);
	return n < 0 ? (int)n : 0;
}

/* Header blocks are compressed in the order in which they are sent, so the lock is held over both. */
static int send_headers(struct stream_conn *c, enum spdy_type type, uint32_t id, const struct spdy_header *v, uint32_t n)
{
	BUF(b);
	int e = lock(c, MONO_NEVER);
	if (e < 0)
		return e;
	ssize_t k = -ENOMEM;
	if (spdy_put_headers(&c->spdy, &b, type, 0, id, v, n) == 0)
		k = duplex_write(c->d, b.p, b.n, MONO_NEVER);
	unlock(c);
	return k < 0 ? (int)k : 0;
}

static int spdy_start(struct stream_conn *c)
{
	c->next_id = c->server ? 2 : 1;
	return spdy_init(&c->spdy);
}

/* Reading */

static enum stream_type type_of(struct str name)
{
	for (int t = 0; t < STREAM_TYPES; t++)
		if (str_is(name, stream_type_name((enum stream_type)t)))
			return (enum stream_type)t;
	return STREAM_TYPES;
}

static int refuse(struct stream_conn *c, uint32_t id)
{
	BUF(b);
	spdy_put_reset(&b, id, REFUSED);
	return send_buf(c, &b, MONO_NEVER);
}

static int on_open(struct stream_conn *c, const struct spdy_frame *f)
{
	uint64_t port = 0, request = 0;
	enum stream_type type = type_of(spdy_header(f, STR("streamtype")));
	bool numbers = !c->want.port_forward || (str_u64(spdy_header(f, STR("port")), &port) == 0 && port > 0 && port <= 65535);
	if ((f->stream & 1) != (c->server ? 1u : 0u) || f->stream <= c->last_id)
		return -EPROTO;
	c->last_id = f->stream;
	(void)!str_u64(spdy_header(f, STR("requestid")), &request);
	struct stream *s = type < STREAM_TYPES && numbers ? stream_new(c, f->stream, type) : NULL;
	if (!s)
		return refuse(c, f->stream);
	s->port = (uint16_t)port;
	s->request = spdy_header(f, STR("requestid")).n ? (uint32_t)request : f->stream; /* old clients send none */
	s->answered = true;
	s->eof = f->flags & SPDY_FIN;
	return send_headers(c, SPDY_SYN_REPLY, f->stream, NULL, 0);
}

static int on_data(struct stream_conn *c, const struct spdy_frame *f)
{
	struct stream *s = stream_by_id(c, f->stream);
	if (!s || s->eof)
		return 0;
	int e = 0;
	if (f->data.n)
		e = stream_push(s, f->data);
	if (e == 0 && (f->flags & SPDY_FIN) && (s = stream_by_id(c, f->stream))) /* it may have been released meanwhile */
		stream_push_end(s, false);
	return e;
}

static int on_ping(struct stream_conn *c, const struct spdy_frame *f)
{
	BUF(b);
	if ((f->stream & 1) != (c->server ? 1u : 0u))
		return 0; /* the answer to one of ours */
	spdy_put_ping(&b, f->stream);
	return send_buf(c, &b, MONO_NEVER);
}

static int on_frame(struct stream_conn *c, const struct spdy_frame *f)
{
	struct stream *s = NULL;
	if (f->type == SPDY_SYN_REPLY || f->type == SPDY_RST_STREAM || f->type == SPDY_HEADERS)
		s = stream_by_id(c, f->stream);
	switch (f->type) {
	case SPDY_SYN_STREAM: return on_open(c, f);
	case SPDY_DATA: return on_data(c, f);
	case SPDY_PING: return on_ping(c, f);
	case SPDY_GOAWAY: c->goaway = true; return 0;
	default: break;
	}
	if (!s)
		return 0;
	s->answered |= f->type == SPDY_SYN_REPLY;
	cond_wake_all(&c->changed);
	if (f->type == SPDY_RST_STREAM || (f->flags & SPDY_FIN))
		stream_push_end(s, f->type == SPDY_RST_STREAM);
	return 0;
}

static int take_frames(struct stream_conn *c, struct arena *a, struct buf *in)
{
	size_t off = 0;
	for (;;) {
		struct spdy_frame f;
		arena_reset(a);
		ssize_t n = spdy_parse(&c->spdy, a, in->p + off, in->n - off, &f);
		int e = n < 0 ? -EPROTO : n > 0 ? on_frame(c, &f) : 0;
		if (e < 0)
			return e;
		if (n == 0)
			break;
		off += n;
	}
	buf_consume(in, off);
	return 0;
}

static int spdy_run(struct stream_conn *c)
{
	BUF(in);
	struct arena *a = arena_new(NULL);
	ssize_t e = 0;
	while (e == 0) {
		char *p = buf_room(&in, READ_STEP);
		e = p ? duplex_read(c->d, p, READ_STEP, MONO_NEVER) : -ENOMEM;
		if (e == 0)
			e = -EPIPE;
		else if (e > 0) {
			in.n += e;
			e = take_frames(c, a, &in);
		}
	}
	arena_free(a);
	return (int)e;
}

/* Writing */

static uint32_t describe(struct stream_conn *c, struct stream *s, uint32_t request, char text[2][16], struct spdy_header v[3])
{
	v[0] = (struct spdy_header){STR("streamtype"), str_of(stream_type_name(s->type))};
	if (!c->want.port_forward)
		return 1;
	snprintf(text[0], 16, "%u", s->port);
	snprintf(text[1], 16, "%u", request);
	v[1] = (struct spdy_header){STR("port"), str_of(text[0])};
	v[2] = (struct spdy_header){STR("requestid"), str_of(text[1])};
	return 3;
}

static int spdy_open(struct stream_conn *c, struct stream *s, uint32_t request)
{
	char text[2][16];
	struct spdy_header v[3];
	mono_t deadline = rt_now() + OPEN_TIMEOUT;
	int e = c->goaway || c->over ? -EPIPE : 0;
	s->id = c->next_id;
	s->request = request;
	c->next_id += 2;
	if (e == 0)
		e = send_headers(c, SPDY_SYN_STREAM, s->id, v, describe(c, s, request, text, v));
	while (e == 0 && !s->answered && !s->dead && !c->over)
		e = cond_wait(&c->changed, deadline);
	return e < 0 ? e : s->answered && !s->dead ? 0 : -EPIPE;
}

static int spdy_write(struct stream *s, const void *p, size_t n, mono_t deadline)
{
	for (size_t at = 0; at < n;) {
		BUF(b);
		size_t k = n - at < WRITE_STEP ? n - at : WRITE_STEP;
		spdy_put_data_head(&b, s->id, 0, k);
		buf_put(&b, (const char *)p + at, k);
		int e = send_buf(s->conn, &b, deadline);
		if (e < 0)
			return e;
		if (s->dead)
			return -EPIPE;
		at += k;
	}
	return 0;
}

static int spdy_half_close(struct stream *s)
{
	BUF(b);
	spdy_put_data_head(&b, s->id, SPDY_FIN, 0);
	return send_buf(s->conn, &b, MONO_NEVER);
}

static void spdy_reset(struct stream *s)
{
	BUF(b);
	spdy_put_reset(&b, s->id, CANCEL);
	(void)!send_buf(s->conn, &b, rt_now() + NS_S);
}

static void spdy_finish(struct stream_conn *c)
{
	struct stream *s;
	BUF(b);
	list_each(s, &c->streams, node)
		if (!s->ended && !s->dead)
			spdy_put_data_head(&b, s->id, SPDY_FIN, 0);
	spdy_put_goaway(&b, c->last_id);
	if (!c->over || c->error == -ECANCELED)
		(void)!send_buf(c, &b, rt_now() + NS_S);
	duplex_close(c->d);
}

const struct framing spdy_framing = {spdy_start, spdy_run, spdy_open, spdy_write, spdy_half_close, spdy_reset, spdy_finish};
