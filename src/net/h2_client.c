/* The client's side of HTTP/2. */
#include "net/client.h"
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

static nghttp2_session *session(struct cconn *c)
{
	return c->state;
}

static struct answer *answer_of(nghttp2_session *s, int32_t id)
{
	return nghttp2_session_get_stream_user_data(s, id);
}

static ssize_t on_send(nghttp2_session *s, const uint8_t *p, size_t n, int flags, void *arg)
{
	struct cconn *c = arg;
	if (!sock_room(&c->sock)) {
		sock_more(&c->sock);
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	sock_put(&c->sock, p, n);
	return (ssize_t)n;
}

static ssize_t on_pull(nghttp2_session *s, int32_t id, uint8_t *p, size_t max, uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct answer *a = source->ptr;
	size_t n = a->out.n - a->out_off;
	if (n > max)
		n = max;
	else if (a->out_end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0) {
		a->out_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n)
		memcpy(p, a->out.p + a->out_off, n);
	a->out_off += n;
	if (a->out_off == a->out.n) {
		buf_clear(&a->out);
		a->out_off = 0;
		cond_wake_all(&a->out_cond);
	}
	return (ssize_t)n;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t nname, const uint8_t *value, size_t nvalue,
	uint8_t flags, void *arg)
{
	struct answer *a = answer_of(s, frame->hd.stream_id);
	uint64_t v;
	if (!a)
		return 0;
	if (nname == 7 && memcmp(name, ":status", 7) == 0) {
		a->pub.status = str_u64(str_n(value, nvalue), &v) == 0 ? (int)v : 0;
		return 0;
	}
	a->head_bytes += nname + nvalue + 32;
	if (a->head_bytes > ANSWER_HEAD_MAX || a->pub.nheaders >= ANSWER_HEADERS)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	answer_header(a, str_n(name, nname), str_n(value, nvalue), a->head);
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct cconn *c = arg;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->draining = true;
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
		c->pinged = 0;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		c->max_streams = nghttp2_session_get_remote_settings(s, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	struct answer *a = frame->hd.stream_id ? answer_of(s, frame->hd.stream_id) : NULL;
	if (!a)
		return 0;
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (frame->hd.type == NGHTTP2_HEADERS && !a->head && a->pub.status >= 200)
		answer_head(a);
	else if (frame->hd.type == NGHTTP2_HEADERS && !a->head)
		a->pub.nheaders = 0; /* 1xx */
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && end)
		answer_end(a, 0);
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *arg)
{
	struct answer *a = answer_of(s, id);
	if (a)
		answer_data(a, str_n(p, n));
	else
		nghttp2_session_consume(s, id, n);
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *arg)
{
	struct answer *a = answer_of(s, id);
	if (!a)
		return 0;
	a->refused = code == NGHTTP2_REFUSED_STREAM;
	if (!a->eof)
		answer_end(a, code == NGHTTP2_NO_ERROR && a->head ? 0 : -ECONNRESET);
	if (a->in.n > a->in_off)
		nghttp2_session_consume_connection(s, a->in.n - a->in_off);
	cconn_release(arg, a);
	return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
	nghttp2_session_callbacks *cb = NULL;
	if (nghttp2_session_callbacks_new(&cb) != 0)
		return NULL;
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

static int h2_open(struct cconn *c)
{
	nghttp2_session *s = NULL;
	nghttp2_option *o = NULL;
	nghttp2_session_callbacks *cb = callbacks();
	c->max_streams = 100;
	if (cb && nghttp2_option_new(&o) == 0) {
		nghttp2_option_set_no_auto_window_update(o, 1);
		nghttp2_option_set_no_closed_streams(o, 1);
		if (nghttp2_session_client_new2(&s, cb, c, o) == 0) {
			nghttp2_settings_entry v[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, ANSWER_WINDOW}};
			nghttp2_submit_settings(s, 0, v, ARRAY_LEN(v));
			nghttp2_session_set_local_window_size(s, 0, 0, CONN_WINDOW);
		}
	}
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(o);
	c->state = s;
	sock_kick(&c->sock);
	return s ? 0 : -ENOMEM;
}

static nghttp2_nv nv(struct str name, struct str value)
{
	return (nghttp2_nv){(uint8_t *)name.p, (uint8_t *)value.p, name.n, value.n, NGHTTP2_NV_FLAG_NONE};
}

static nghttp2_nv *request_headers(struct cconn *c, struct answer *a, const struct http_call *q, size_t *ret_n)
{
	struct http_client *cl = c->client;
	struct str path = q->path.n ? q->path : STR("/");
	nghttp2_nv *v = arena_array(a->arena, nghttp2_nv, q->nheaders + 5);
	size_t n = 0;
	if (!v)
		return NULL;
	v[n++] = nv(STR(":method"), q->method.n ? q->method : STR("GET"));
	v[n++] = nv(STR(":scheme"), cl->tls ? STR("https") : STR("http"));
	v[n++] = nv(STR(":authority"), q->host.n ? q->host : cl->authority);
	v[n++] = nv(STR(":path"), cl->base.n ? str_printf(a->arena, "%.*s%.*s", STR_F(cl->base), STR_F(path)) : path);
	for (uint32_t i = 0; i < q->nheaders; i++)
		v[n++] = nv(q->headers[i].name, q->headers[i].value);
	if (q->body.n && !q->body_read)
		v[n++] = nv(STR("content-length"), str_printf(a->arena, "%zu", q->body.n));
	*ret_n = n;
	return v;
}

static int h2_send(struct cconn *c, struct answer *a, const struct http_call *q)
{
	size_t n;
	nghttp2_nv *v = request_headers(c, a, q, &n);
	if (!v)
		return -ENOMEM;
	nghttp2_data_provider body = {.source.ptr = a, .read_callback = on_pull};
	a->id = nghttp2_submit_request(session(c), NULL, v, n, a->has_body ? &body : NULL, a);
	if (a->id < 0)
		return a->id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? -EAGAIN : -ENOMEM;
	a->pub.proto = 20;
	sock_kick(&c->sock);
	return 0;
}

static void h2_more(struct cconn *c, struct answer *a)
{
	if (a->out_deferred)
		nghttp2_session_resume_data(session(c), a->id);
	a->out_deferred = false;
	sock_kick(&c->sock);
}

static void h2_flush(struct cconn *c)
{
	if (nghttp2_session_send(session(c)) != 0)
		sock_fail(&c->sock, -EPROTO);
	else if (!nghttp2_session_want_read(session(c)) && !nghttp2_session_want_write(session(c)))
		sock_fail(&c->sock, -ECONNRESET);
}

static void h2_readable(struct cconn *c)
{
	uint8_t in[16384];
	ssize_t n;
	while (!c->dead && (n = sock_read(&c->sock, in, sizeof in)) != -EAGAIN) {
		if (n <= 0) {
			sock_fail(&c->sock, -ECONNRESET);
			return;
		}
		c->active = rt_now();
		if (nghttp2_session_mem_recv(session(c), in, n) < 0) {
			sock_fail(&c->sock, -EPROTO);
			return;
		}
	}
	if (!c->dead && (nghttp2_session_want_write(session(c)) || !nghttp2_session_want_read(session(c))))
		sock_kick(&c->sock);
}

static void h2_consumed(struct cconn *c, struct answer *a, size_t n)
{
	nghttp2_session_consume(session(c), a->id, n);
	if (nghttp2_session_want_write(session(c)))
		sock_kick(&c->sock);
}

static void h2_drop(struct cconn *c, struct answer *a)
{
	if (a->in.n > a->in_off)
		nghttp2_session_consume_connection(session(c), a->in.n - a->in_off);
	nghttp2_session_set_stream_user_data(session(c), a->id, NULL);
	nghttp2_submit_rst_stream(session(c), 0, a->id, NGHTTP2_CANCEL);
	sock_kick(&c->sock);
}

static void h2_ping(struct cconn *c)
{
	nghttp2_submit_ping(session(c), 0, NULL);
	sock_kick(&c->sock);
}

static void h2_free(struct cconn *c)
{
	nghttp2_session_del(session(c));
	c->state = NULL;
}

const struct cproto h2_client = {h2_open, h2_readable, h2_flush, h2_send, h2_more, h2_consumed, h2_drop, h2_ping, h2_free};
