/* The server's side of HTTP/2.  nghttp2 frames, counts and judges; bodies are pulled from the responses' queues when the socket has room, so that
 * a DATA frame is copied once, into the record that is encrypted. */
#include "net/server.h"
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#define RESET_RATE 100        /* resets a second that refill the budget */
#define INPUT_CHUNK 16384
#define INPUT_TURN (256u << 10) /* read from one connection before the others have their turn */
#define HOLD_WINDOW (32 << 10)  /* a connection with less room to send is not held: its window updates are awaited */

struct h2 {
	struct hconn *c;
	nghttp2_session *session;
	struct list dirty;
	mono_t pinged;        /* 0: no ping is out */
	mono_t quiet_at;      /* the last look that found nothing but window updates */
	bool asked;           /* this look found something else */
};

static struct h2 *h2_of(struct hconn *c)
{
	return c->state;
}

static struct http_resp *resp_of(nghttp2_session *s, int32_t id)
{
	return nghttp2_session_get_stream_user_data(s, id);
}

/* Output */

static ssize_t on_send(nghttp2_session *s, const uint8_t *p, size_t n, int flags, void *arg)
{
	struct h2 *h = arg;
	if (!sock_room(&h->c->sock)) {
		sock_more(&h->c->sock);
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	sock_put(&h->c->sock, p, n);
	return (ssize_t)n;
}

static void h2_wake(struct hconn *c, struct http_resp *r);

/* A body that has not ended is submitted piece by piece: nghttp2 is done with what there is after one frame, and need not ask again to learn that
 * there is no more. */
static ssize_t on_pull(nghttp2_session *s, int32_t id, uint8_t *buf, size_t max, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http_resp *r = source->ptr;
	size_t n = r->out.bytes;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n <= max)
		*flags |= NGHTTP2_DATA_FLAG_EOF | (r->ended ? 0 : NGHTTP2_DATA_FLAG_NO_END_STREAM);
	r->paused = n <= max && !r->ended;
	return (ssize_t)(n < max ? n : max);
}

static int on_send_data(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *head, size_t n, nghttp2_data_source *source, void *arg)
{
	struct h2 *h = arg;
	struct http_resp *r = source->ptr;
	if (!sock_room(&h->c->sock)) {
		sock_more(&h->c->sock);
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	sock_put(&h->c->sock, head, 9);
	resp_put(r, &h->c->sock, n);
	r->unqueued = r->paused;
	if (r->unqueued && (r->out.bytes || r->ended)) /* came after the pull */
		h2_wake(h->c, r);
	return 0;
}

/* A value that no other answer has: in the dynamic table it would push out what repeats, and every look-up walks all values of a name. */
static uint8_t nv_flags(struct str name)
{
	return str_eq(name, STR("audit-id")) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

static nghttp2_nv nv(struct str name, struct str value)
{
	return (nghttp2_nv){(uint8_t *)name.p, (uint8_t *)value.p, name.n, value.n, nv_flags(name)};
}

/* Hop-by-hop headers have no place in HTTP/2. */
static bool is_hop(struct str name)
{
	return str_eq(name, STR("connection")) || str_eq(name, STR("transfer-encoding")) || str_eq(name, STR("keep-alive"));
}

static int submit_head(struct h2 *h, struct http_resp *r, const nghttp2_nv *v, size_t n, bool bare)
{
	nghttp2_data_provider body = {.source.ptr = r, .read_callback = on_pull};
	if (r->unqueued)
		return nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, r->id, NULL, v, n, NULL);
	return nghttp2_submit_response(h->session, r->id, v, n, bare ? NULL : &body);
}

static void submit(struct h2 *h, struct http_resp *r)
{
	char code[12];
	resp_start(r);
	nghttp2_nv *v = arena_array(r->q.arena, nghttp2_nv, r->out_headers.len + 1);
	if (!v) {
		nghttp2_submit_rst_stream(h->session, 0, r->id, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	size_t n = 0;
	code[0] = (char)('0' + r->status / 100 % 10);
	code[1] = (char)('0' + r->status / 10 % 10);
	code[2] = (char)('0' + r->status % 10);
	v[n++] = nv(STR(":status"), str_n(code, 3));
	for (uint32_t i = 0; i < r->out_headers.len; i++)
		if (!is_hop(r->out_headers.items[i].name))
			v[n++] = nv(r->out_headers.items[i].name, r->out_headers.items[i].value);
	bool none = resp_no_body(r) || (r->ended && !r->out.bytes);
	r->unqueued = !none && !r->out.bytes;
	if (submit_head(h, r, v, n, none) != 0)
		nghttp2_submit_rst_stream(h->session, 0, r->id, NGHTTP2_INTERNAL_ERROR);
}

static void submit_more(struct h2 *h, struct http_resp *r)
{
	r->unqueued = false;
	if (nghttp2_submit_data(h->session, NGHTTP2_FLAG_END_STREAM, r->id, &(nghttp2_data_provider){.source.ptr = r, .read_callback = on_pull}) != 0)
		nghttp2_submit_rst_stream(h->session, 0, r->id, NGHTTP2_INTERNAL_ERROR);
}

static void h2_flush(struct hconn *c)
{
	struct h2 *h = h2_of(c);
	struct list *n;
	while ((n = list_pop(&h->dirty))) {
		struct http_resp *r = list_entry(n, struct http_resp, dirty);
		if (!r->started)
			submit(h, r);
		else if (r->unqueued)
			submit_more(h, r);
	}
	if (nghttp2_session_send(h->session) != 0)
		sock_fail(&c->sock, -EPROTO);
	else if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
		sock_shutdown(&c->sock);
	if (!list_empty(&h->dirty))
		sock_more(&c->sock);
}

static void h2_wake(struct hconn *c, struct http_resp *r)
{
	struct h2 *h = h2_of(c);
	if (!r->flushing && !r->ended)
		return;
	if (!list_linked(&r->dirty))
		list_push(&h->dirty, &r->dirty);
	sock_kick(&c->sock);
}

static void h2_abort(struct hconn *c, struct http_resp *r)
{
	nghttp2_submit_rst_stream(h2_of(c)->session, 0, r->id, NGHTTP2_INTERNAL_ERROR);
	sock_kick(&c->sock);
}

static void h2_consumed(struct hconn *c, struct http_resp *r, size_t n)
{
	if (n == 0)
		return;
	nghttp2_session_consume(h2_of(c)->session, r->id, n);
	sock_kick(&c->sock);
}

/* Input */

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h = arg;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* Handlers of streams that were reset may still be ending: they count too. */
	struct http_resp *r = h->c->streams < 2 * h->c->server->opts.limits.streams ? resp_new(h->c) : NULL;
	if (!r) {
		nghttp2_submit_rst_stream(s, 0, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
		return 0;
	}
	r->id = frame->hd.stream_id;
	r->q.proto = 20;
	h->c->server->stats.streams++;
	nghttp2_session_set_stream_user_data(s, r->id, r);
	return 0;
}

static void pseudo(struct http_resp *r, struct str name, struct str value)
{
	if (str_eq(name, STR(":method")))
		r->q.method = value;
	else if (str_eq(name, STR(":path")))
		resp_set_target(r, value);
	else if (str_eq(name, STR(":authority")))
		r->q.host = value;
}

static void add_header(struct http_resp *r, struct str name, struct str value)
{
	if (r->q.nheaders == r->cap_headers) {
		uint32_t cap = r->cap_headers ? r->cap_headers * 2 : 12;
		r->headers = arena_grow(r->q.arena, r->headers, r->cap_headers * sizeof *r->headers, cap * sizeof *r->headers);
		if (!r->headers) {
			r->q.nheaders = r->cap_headers = 0;
			r->refused = true;
			return;
		}
		r->cap_headers = cap;
		r->q.headers = r->headers;
	}
	r->headers[r->q.nheaders++] = (struct http_header){name, value};
	uint64_t length;
	if (str_eq(name, STR("content-length")) && str_u64(value, &length) == 0 && length <= INT64_MAX)
		r->q.content_length = (int64_t)length;
	else if (!r->q.host.n && str_eq(name, STR("host")))
		r->q.host = value;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t nname, const uint8_t *value, size_t nvalue,
	uint8_t flags, void *arg)
{
	struct h2 *h = arg;
	const struct http_limits *l = &h->c->server->opts.limits;
	struct http_resp *r = resp_of(s, frame->hd.stream_id);
	if (!r || frame->headers.cat != NGHTTP2_HCAT_REQUEST || r->refused)
		return 0;
	r->header_bytes += nname + nvalue + 32;
	char *p = r->header_bytes <= l->header_bytes && r->q.nheaders < l->header_count ? arena_text(r->q.arena, nname + nvalue) : NULL;
	if (!p) {
		r->refused = true;
		return 0;
	}
	memcpy(p, name, nname);
	memcpy(p + nname, value, nvalue);
	if (name[0] == ':')
		pseudo(r, str_n(p, nname), str_n(p + nname, nvalue));
	else
		add_header(r, str_n(p, nname), str_n(p + nname, nvalue));
	return 0;
}

static void headers_done(struct http_resp *r, bool end)
{
	r->in_end = end;
	if (end && r->q.content_length < 0)
		r->q.content_length = 0;
	if (r->refused)
		resp_refuse(r, 431, NULL);
	else
		resp_dispatch(r);
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct h2 *h = arg;
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct http_resp *r = frame->hd.stream_id ? resp_of(s, frame->hd.stream_id) : NULL;
	h->asked |= frame->hd.type != NGHTTP2_WINDOW_UPDATE;
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
		h->pinged = 0;
	if (!r)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		headers_done(r, end);
	else if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) && end)
		resp_input_end(r, 0);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct http_resp *r = resp_of(s, id);
	if (r && !r->sent_end)
		resp_input(r, str_n(p, n));
	else
		nghttp2_session_consume(s, id, n);
	return 0;
}

/* An answer given before the whole request was read: the client need not send the rest (RFC 9113 section 8.1). */
static int on_sent(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	bool data = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
	struct http_resp *r = data && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ? resp_of(s, frame->hd.stream_id) : NULL;
	if (!r)
		return 0;
	r->sent_end = true;
	if (!r->in_end)
		nghttp2_submit_rst_stream(s, 0, r->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg)
{
	struct h2 *h = arg;
	struct http_resp *r = resp_of(s, id);
	if (!r)
		return 0;
	if (r->in.n > r->in_off)
		nghttp2_session_consume_connection(s, r->in.n - r->in_off);
	h->c->server->stats.streams--;
	resp_let_go(r);
	return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
	nghttp2_session_callbacks *cb = NULL;
	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

static nghttp2_option *options(const struct http_limits *l)
{
	nghttp2_option *o = NULL;
	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, l->control_queue);
	nghttp2_option_set_max_continuations(o, l->continuations);
	nghttp2_option_set_stream_reset_rate_limit(o, l->resets, RESET_RATE);
	return o;
}

static int h2_open(struct hconn *c)
{
	const struct http_limits *l = &c->server->opts.limits;
	struct h2 *h = calloc(1, sizeof *h);
	nghttp2_session_callbacks *cb = callbacks();
	nghttp2_option *o = options(l);
	if (!h || !cb || !o || nghttp2_session_server_new2(&h->session, cb, h, o) != 0)
		goto out;
	h->c = c;
	list_init(&h->dirty);
	c->state = h;
	nghttp2_settings_entry s[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->stream_window},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->header_bytes}};
	nghttp2_submit_settings(h->session, 0, s, ARRAY_LEN(s));
	nghttp2_session_set_local_window_size(h->session, 0, 0, (int32_t)l->conn_window);
	sock_kick(&c->sock);
	h = NULL;
out:
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(o);
	free(h);
	return c->state ? 0 : -1;
}

/* The peer sends no more: what it asked for before is not answered either, as with Go's server. */
static void input_ended(struct hconn *c)
{
	sock_fail(&c->sock, -ECONNRESET);
}

/* Watchers acknowledge every few kilobytes, each time in a record of its own.  While that is all they say, and there is room to send, they are
 * let talk first, and listened to at intervals when they go on.  A connection that waits for an answer is never held. */
static void hold_if_quiet(struct h2 *h, bool heard)
{
	struct hconn *c = h->c;
	bool watched = c->watches && c->watches == c->streams;
	if (!heard || h->asked || !watched || nghttp2_session_get_remote_window_size(h->session) < HOLD_WINDOW)
		return;
	if (c->sock.held || rt_now() - h->quiet_at < SOCK_HOLD)
		sock_hold(&c->sock);
	else
		loop_relax();
	h->quiet_at = rt_now();
}

static void h2_readable(struct hconn *c)
{
	struct h2 *h = h2_of(c);
	uint8_t in[INPUT_CHUNK];
	h->asked = false;
	for (size_t sum = 0; sum < INPUT_TURN;) {
		ssize_t n = sock_read(&c->sock, in, sizeof in);
		if (n == -EAGAIN) {
			hold_if_quiet(h, sum > 0);
			goto out;
		}
		if (n <= 0) {
			input_ended(c);
			return;
		}
		c->active = rt_now();
		sum += n;
		if (nghttp2_session_mem_recv(h->session, in, n) < 0) {
			c->server->stats.protocol_errors++;
			sock_fail(&c->sock, -EPROTO);
			return;
		}
	}
	sock_resume(&c->sock);
out:
	if (nghttp2_session_want_write(h->session) || !nghttp2_session_want_read(h->session))
		sock_kick(&c->sock);
}

static void h2_drain(struct hconn *c)
{
	struct h2 *h = h2_of(c);
	nghttp2_submit_goaway(h->session, 0, nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
	sock_kick(&c->sock);
}

static void cut_stalled(struct h2 *h, mono_t now, mono_t *next)
{
	const struct http_limits *l = &h->c->server->opts.limits;
	struct http_resp *r;
	list_each(r, &h->c->resps, node) {
		if (!r->attached || !r->ended || !r->out.bytes)
			continue;
		if (now - r->progress >= l->write_timeout) {
			h->c->server->stats.cut_slow++;
			nghttp2_submit_rst_stream(h->session, 0, r->id, NGHTTP2_CANCEL);
			sock_kick(&h->c->sock);
		} else if (r->progress + l->write_timeout < *next)
			*next = r->progress + l->write_timeout;
	}
}

static void h2_check(struct hconn *c, mono_t now, mono_t *next)
{
	struct h2 *h = h2_of(c);
	const struct http_limits *l = &c->server->opts.limits;
	cut_stalled(h, now, next);
	if (!c->streams)
		return;
	if (h->pinged && now - h->pinged >= l->ping_timeout) {
		sock_fail(&c->sock, -ETIMEDOUT);
		return;
	}
	if (!h->pinged && now - c->active >= l->ping_after) {
		h->pinged = now;
		nghttp2_submit_ping(h->session, 0, NULL);
		sock_kick(&c->sock);
	}
	mono_t at = h->pinged ? h->pinged + l->ping_timeout : c->active + l->ping_after;
	if (at < *next)
		*next = at;
}

static void h2_free(struct hconn *c)
{
	struct h2 *h = h2_of(c);
	if (h)
		nghttp2_session_del(h->session);
	free(h);
	c->state = NULL;
}

const struct hproto h2_proto = {
	.open = h2_open, .readable = h2_readable, .flush = h2_flush, .wake = h2_wake, .consumed = h2_consumed, .abort = h2_abort, .drain = h2_drain,
	.check = h2_check, .free = h2_free,
};
