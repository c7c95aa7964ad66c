/* The server's side of HTTP/1.1: one request at a time per connection, pipelined ones wait in the buffer. */
#include "net/server.h"
#include "net/sock_duplex.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PIPELINE_MAX 65536       /* bytes of next requests taken while one runs */
#define DISCARD_MAX (256u << 10) /* unread body swallowed to keep the connection, as Go does */
#define STEP 32768u              /* one chunk, or one piece of a body, between two looks at the room */

struct h1 {
	struct hconn *c;
	struct buf in;
	size_t in_off, scanned;
	struct http_resp *r;     /* the request that is being answered */
	struct h1_body body;     /* of it */
	uint64_t discarded;
	struct buf head;         /* to send before anything else */
	bool close, chunked, discarding, eof, expects;
	uint64_t body_sent;
	const char *why;         /* the request is refused, when the code does not say */
	mono_t head_since;       /* first byte of an unfinished head; 0: none */
	struct sock_duplex *up;  /* after an upgrade */
};

static struct h1 *h1_of(struct hconn *c)
{
	return c->state;
}

static size_t buffered(const struct h1 *h)
{
	return h->in.n - h->in_off;
}

/* Requests */

static uint32_t count_headers(const struct h1_head *head, struct str name)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < head->nheaders; i++)
		n += str_eq(head->headers[i].name, name);
	return n;
}

static int check_expect(struct h1 *h, const struct h1_head *head)
{
	struct str expect = h1_header(head, STR("expect"));
	h->expects = str_eq_fold(expect, STR("100-continue")) && !h->body.done;
	return expect.n && !str_eq_fold(expect, STR("100-continue")) ? 417 : 0;
}

static int to_request(struct h1 *h, struct http_resp *r, const struct h1_head *head)
{
	r->q.method = head->method;
	r->q.headers = head->headers;
	r->q.nheaders = head->nheaders;
	r->q.proto = 10 + head->minor;
	r->q.host = h1_header(head, STR("host"));
	resp_set_target(r, head->target);
	h->close = head->minor == 0 ? !http_headers_have(head->headers, head->nheaders, STR("connection"), STR("keep-alive"))
		: http_headers_have(head->headers, head->nheaders, STR("connection"), STR("close"));
	uint32_t hosts = count_headers(head, STR("host"));
	if (hosts > 1 || (head->minor == 1 && !hosts)) {
		h->why = hosts ? NULL : "missing required Host header";
		return 400;
	}
	int bad = h1_body_init(&h->body, head, true, false);
	r->q.content_length = h->body.kind == H1_CHUNKED ? -1 : (int64_t)h->body.left;
	return bad ? bad : check_expect(h, head);
}

/* In the words of Go's server. */
static void refuse_text(struct h1 *h, int code)
{
	if (code == 417) {
		resp_status(h->r, code);
		resp_end(h->r);
	} else if (code == 501) {
		resp_text(h->r, code, "text/plain; charset=utf-8", STR("Unsupported transfer encoding"));
	} else {
		resp_refuse(h->r, code, code == 505 ? "unsupported protocol version" : h->why);
	}
}

static void refuse(struct h1 *h, int code)
{
	h->close = true;
	h->body = (struct h1_body){.done = true};
	h->r->in_end = true;
	resp_header(h->r, STR("connection"), STR("close"));
	h->c->server->stats.protocol_errors++;
	refuse_text(h, code);
}

static bool new_resp(struct h1 *h)
{
	h->r = resp_new(h->c);
	h->chunked = h->discarding = h->expects = false;
	h->discarded = h->body_sent = 0;
	h->why = NULL;
	h->head_since = 0;
	h->scanned = 0;
	if (!h->r)
		sock_fail(&h->c->sock, -ENOMEM);
	return h->r;
}

static void begin_request(struct h1 *h, size_t n)
{
	struct h1_head head = {0};
	if (!new_resp(h))
		return;
	struct http_resp *r = h->r;
	struct str text = str_dup(r->q.arena, str_n(h->in.p + h->in_off, n));
	h->in_off += n;
	r->q.proto = 11;
	int bad = text.p ? h1_head_parse(r->q.arena, text, true, h->c->server->opts.limits.header_count, &head) : 431;
	if (!bad)
		bad = to_request(h, r, &head);
	if (bad) {
		refuse(h, bad);
		return;
	}
	if (h->body.done)
		resp_input_end(r, 0);
	resp_dispatch(r);
}

/* True when a request began. */
static bool take_head(struct h1 *h)
{
	while (buffered(h) && (h->in.p[h->in_off] == '\r' || h->in.p[h->in_off] == '\n')) /* empty lines before a request */
		h->in_off++;
	if (!buffered(h) || h->eof)
		return false;
	size_t n = h1_head_end(h->in.p + h->in_off, buffered(h), &h->scanned);
	if (n && n <= h->c->server->opts.limits.header_bytes) {
		begin_request(h, n);
		return true;
	}
	if (n || buffered(h) > h->c->server->opts.limits.header_bytes) {
		h->in_off = h->in.n;
		if (new_resp(h))
			refuse(h, 431);
		return false;
	}
	if (!h->head_since) {
		h->head_since = rt_now();
		hconn_check_soon(h->c);
	}
	return false;
}

static void bad_body(struct h1 *h)
{
	h->close = true;
	h->body.done = true;
	h->in_off = h->in.n;
	h->c->server->stats.protocol_errors++;
	resp_input_end(h->r, -EPROTO);
}

static bool window_full(const struct h1 *h)
{
	return h->r->in.n - h->r->in_off >= h->c->server->opts.limits.stream_window;
}

/* False when nothing can be taken now. */
static bool take_body(struct h1 *h)
{
	struct str data;
	if (h->body.done || !buffered(h) || (!h->discarding && window_full(h)))
		return false;
	ssize_t n = h1_body_feed(&h->body, h->in.p + h->in_off, buffered(h), &data);
	if (n < 0) {
		bad_body(h);
		return false;
	}
	h->in_off += n;
	if (h->discarding)
		h->discarded += n;
	else if (data.n)
		resp_input(h->r, data);
	if (h->body.done && !h->discarding)
		resp_input_end(h->r, 0);
	return true;
}

static void let_go(struct h1 *h)
{
	struct http_resp *r = h->r;
	h->r = NULL;
	resp_let_go(r);
}

/* The answer is out: on to the next request, once the rest of the body is gone. */
static bool finish_discard(struct h1 *h)
{
	if (h->discarded > DISCARD_MAX)
		h->close = true;
	if (h->close) {
		sock_shutdown(&h->c->sock);
		h->body.done = true;
	}
	if (!h->body.done)
		return false;
	h->discarding = false;
	let_go(h);
	hconn_check_soon(h->c);
	return true;
}

static void compact(struct h1 *h)
{
	if (h->in_off == h->in.n)
		buf_fini(&h->in), h->in = (struct buf){0};
	else if (h->in_off)
		buf_consume(&h->in, h->in_off);
	h->in_off = 0;
}

static void process(struct h1 *h)
{
	bool again = true;
	while (again && !h->up && !h->c->sock.error && !h->c->dead) {
		if (!h->r)
			again = !h->close && take_head(h);
		else if (h->discarding && finish_discard(h))
			again = true;
		else
			again = take_body(h);
	}
	if (h->up && buffered(h)) {
		sock_duplex_input(h->up, h->in.p + h->in_off, buffered(h));
		h->in_off = h->in.n;
	}
	compact(h);
}

static bool want_input(const struct h1 *h)
{
	if (!h->r)
		return true;
	return h->body.done ? buffered(h) < PIPELINE_MAX : h->discarding || !window_full(h);
}

static void peer_ended(struct h1 *h)
{
	h->eof = true;
	if (h->r && h->r->ended && h->r->in_end) {
		h->close = true; /* lets a short answer still go out */
		return;
	}
	sock_fail(&h->c->sock, -ECONNRESET);
}

static void h1_readable(struct hconn *c)
{
	struct h1 *h = h1_of(c);
	char in[16384];
	if (h->up) {
		sock_duplex_readable(h->up);
		return;
	}
	process(h);
	while (!h->up && !c->sock.error && want_input(h)) {
		ssize_t n = sock_read(&c->sock, in, sizeof in);
		if (n == 0)
			peer_ended(h);
		if (n <= 0)
			return;
		if (h->close && !h->r) /* a closing connection is read only so that the kernel does not reset it */
			continue;
		c->active = rt_now();
		buf_put(&h->in, in, n);
		process(h);
	}
}

/* Responses */

static void put_head(struct h1 *h, int code)
{
	buf_printf(&h->head, "HTTP/1.1 %d %s\r\n", code, http_reason(code));
	for (uint32_t i = 0; i < h->r->out_headers.len; i++) {
		buf_str(&h->head, h->r->out_headers.items[i].name);
		buf_lit(&h->head, ": ");
		buf_str(&h->head, h->r->out_headers.items[i].value);
		buf_lit(&h->head, "\r\n");
	}
}

/* More of the request is to come than is worth swallowing: the client must know that this connection ends. */
static bool leaves_body(const struct h1 *h)
{
	return !h->body.done && (h->expects || h->body.kind == H1_CHUNKED || h->body.left > DISCARD_MAX);
}

static void start(struct h1 *h)
{
	struct http_resp *r = h->r;
	if ((h->c->draining || (r->ended && leaves_body(h))) && !h->close) {
		h->close = true;
		resp_header(r, STR("connection"), STR("close"));
	}
	resp_start(r);
	h->chunked = r->length < 0 && r->q.proto == 11 && !resp_no_body(r) && !r->ended;
	if (r->length < 0 && !h->chunked && !resp_no_body(r) && !r->ended)
		h->close = true;
	put_head(h, r->status);
	if (h->chunked)
		buf_lit(&h->head, "transfer-encoding: chunked\r\n");
	buf_lit(&h->head, "\r\n");
}

static void put_body(struct h1 *h, size_t n)
{
	h->body_sent += n;
	resp_put(h->r, &h->c->sock, n);
}

static void put_chunk(struct h1 *h, size_t n)
{
	char line[20];
	int k = snprintf(line, sizeof line, "%zx\r\n", n);
	sock_put(&h->c->sock, line, k);
	put_body(h, n);
	sock_put(&h->c->sock, "\r\n", 2);
}

static void send_body(struct h1 *h)
{
	struct http_resp *r = h->r;
	if (r->started && resp_no_body(r))
		outq_fini(&r->out);
	while (r->out.bytes && sock_room(&h->c->sock)) {
		size_t n = r->out.bytes < STEP ? r->out.bytes : STEP;
		if (h->chunked)
			put_chunk(h, n);
		else
			put_body(h, n);
	}
}

static void finish(struct h1 *h)
{
	struct http_resp *r = h->r;
	if (h->chunked)
		sock_put(&h->c->sock, "0\r\n\r\n", 5);
	if (!resp_no_body(r) && r->length >= 0 && h->body_sent != (uint64_t)r->length)
		h->close = true; /* the handler promised another length: only closing can say so */
	h->discarding = true;
	if (h->expects)
		h->close = true; /* whether the body will come is not known */
	if (finish_discard(h) && !h->close)
		sock_resume(&h->c->sock); /* a pipelined request may wait */
	else if (!h->close)
		sock_resume(&h->c->sock);
}

static void h1_flush(struct hconn *c)
{
	struct h1 *h = h1_of(c);
	struct http_resp *r = h->r;
	if (r && !r->started && (r->flushing || r->ended))
		start(h);
	if (h->head.n) {
		sock_put(&c->sock, h->head.p, h->head.n);
		buf_fini(&h->head);
		h->head = (struct buf){0};
	}
	if (h->up) {
		sock_duplex_flush(h->up);
		return;
	}
	if (!r || !r->started || h->discarding)
		return;
	send_body(h);
	if (r->out.bytes)
		sock_more(&c->sock);
	else if (r->ended)
		finish(h);
}

static void h1_wake(struct hconn *c, struct http_resp *r)
{
	if (r->flushing || r->ended)
		sock_kick(&c->sock);
}

static void h1_consumed(struct hconn *c, struct http_resp *r, size_t n)
{
	struct h1 *h = h1_of(c);
	if (h->expects && !r->started) {
		h->expects = false;
		buf_lit(&h->head, "HTTP/1.1 100 Continue\r\n\r\n");
		sock_kick(&c->sock);
	}
	if (n && !h->body.done)
		sock_resume(&c->sock);
}

static void h1_abort(struct hconn *c, struct http_resp *r)
{
	sock_fail(&c->sock, -ECONNABORTED);
}

static void h1_drain(struct hconn *c)
{
	struct h1 *h = h1_of(c);
	if (!h->r && !h->up)
		sock_shutdown(&c->sock), hconn_check_soon(c);
}

static void h1_check(struct hconn *c, mono_t now, mono_t *next)
{
	struct h1 *h = h1_of(c);
	mono_t at = h->head_since + c->server->opts.limits.header_timeout;
	if (h->r || h->up || !h->head_since)
		return;
	if (now < at) {
		*next = at < *next ? at : *next;
		return;
	}
	h->in_off = h->in.n;
	if (new_resp(h))
		refuse(h, 408);
}

/* Upgrades: the duplex counts as one of the connection's streams, so that its memory stays. */

static void up_gone(struct sock_duplex *d)
{
	struct hconn *c = container_of(d->sock, struct hconn, sock);
	h1_of(c)->up = NULL;
	free(d);
	c->streams--;
	hconn_dead(c);
}

struct duplex *resp_upgrade(struct http_resp *r, struct str protocol, struct err *e)
{
	struct hconn *c = r->conn;
	if (!r->attached || r->started || c->proto != &h1_proto) {
		err_set(e, ERR_BAD_REQUEST, r->attached ? "upgrade needs HTTP/1.1" : "the client has gone");
		return NULL;
	}
	struct h1 *h = h1_of(c);
	h->up = calloc(1, sizeof *h->up);
	if (!h->up) {
		err_nomem(e, sizeof *h->up);
		return NULL;
	}
	sock_duplex_init(h->up, &c->sock, up_gone);
	r->started = r->ended = r->upgraded = true;
	r->status = 101;
	put_head(h, 101);
	buf_lit(&h->head, "connection: Upgrade\r\nupgrade: ");
	buf_str(&h->head, protocol);
	buf_lit(&h->head, "\r\n\r\n");
	c->streams++;
	h->r = NULL;
	r->attached = false; /* the handler still runs, so r stays */
	sock_resume(&c->sock);
	return &h->up->d;
}

static int h1_open(struct hconn *c)
{
	struct h1 *h = calloc(1, sizeof *h);
	if (!h)
		return -1;
	h->c = c;
	c->state = h;
	return 0;
}

static void h1_free(struct hconn *c)
{
	struct h1 *h = h1_of(c);
	if (!h)
		return;
	buf_fini(&h->in);
	buf_fini(&h->head);
	if (h->up)
		sock_duplex_failed(h->up, -ECONNRESET);
	else
		free(h), c->state = NULL;
}

const struct hproto h1_proto = {
	.open = h1_open, .readable = h1_readable, .flush = h1_flush, .wake = h1_wake, .consumed = h1_consumed, .abort = h1_abort, .drain = h1_drain,
	.check = h1_check, .free = h1_free,
};
