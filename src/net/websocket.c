#include "net/websocket.h"
#include "net/ws_frame.h"
#include "base/enc.h"
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define READ_STEP 16384
#define CLOSE_WAIT NS_S /* for the peer's own close frame */
#define PROTOCOLS_MAX 32

struct ws {
	struct duplex *d;
	bool client, writing, closed_by_peer, close_sent;
	struct buf in;      /* bytes not yet taken apart, from off */
	size_t off;
	struct buf message;
	uint8_t kind;       /* of the message that is being put together; 0: none */
	struct cond write_cond;
};

struct ws *ws_new(struct duplex *d, bool client)
{
	struct ws *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->d = d;
	w->client = client;
	cond_init(&w->write_cond);
	return w;
}

/* Handshake */

static void accept_key(struct str key, struct buf *out)
{
	unsigned char sum[20];
	BUF(b);
	buf_str(&b, key);
	buf_lit(&b, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	EVP_Digest(b.p, b.n, sum, NULL, EVP_sha1(), NULL);
	enc_base64(out, str_n(sum, sizeof sum));
}

bool ws_requested(const struct http_req *q)
{
	return req_header_has(q, STR("connection"), STR("upgrade")) && req_header_has(q, STR("upgrade"), STR("websocket"));
}

static const char *known(const char *const *protocols, struct str name)
{
	for (; protocols && *protocols; protocols++)
		if (str_is(name, *protocols))
			return *protocols;
	return NULL;
}

/* The client's order decides. *ret_offered: it named some. */
static const char *choose(struct http_req *q, const char *const *protocols, bool *ret_offered)
{
	uint32_t i = 0;
	struct str v, piece;
	const char *found = NULL;
	*ret_offered = false;
	while (!found && req_header_next(q, STR("sec-websocket-protocol"), &i, &v))
		while (!found && str_next(&v, ',', &piece)) {
			*ret_offered = true;
			found = known(protocols, str_trim(piece));
		}
	return found;
}

struct ws *ws_accept(struct http_req *q, struct http_resp *r, const char *const *protocols, const char **ret_protocol, struct err *e)
{
	bool offered;
	BUF(accept);
	const char *protocol = choose(q, protocols, &offered);
	struct str key = req_header(q, STR("sec-websocket-key"));
	if (!ws_requested(q) || !key.n || !str_is(q->method, "GET") || !str_is(req_header(q, STR("sec-websocket-version")), "13")) {
		err_set(e, ERR_BAD_REQUEST, "not a WebSocket handshake of version 13");
		return NULL;
	}
	if (offered && !protocol && protocols && *protocols) {
		err_set(e, ERR_FORBIDDEN, "none of the WebSocket protocols that the client offers is known here");
		return NULL;
	}
	accept_key(key, &accept);
	resp_header(r, STR("sec-websocket-accept"), buf_take(&accept, q->arena));
	if (protocol)
		resp_header(r, STR("sec-websocket-protocol"), str_of(protocol));
	struct duplex *d = resp_upgrade(r, STR("websocket"), e);
	struct ws *w = d ? ws_new(d, false) : NULL;
	if (d && !w)
		duplex_close(d);
	if (ret_protocol)
		*ret_protocol = protocol;
	return w;
}

static struct http_call dial_call(const struct http_call *q, const char *const *protocols, struct arena *a, struct str key)
{
	struct str names[PROTOCOLS_MAX];
	size_t n = 0;
	while (protocols && protocols[n] && n < PROTOCOLS_MAX)
		names[n] = str_of(protocols[n]), n++;
	struct http_call call = *q;
	struct http_header *v = arena_array(a, struct http_header, q->nheaders + 3);
	for (uint32_t i = 0; i < q->nheaders; i++)
		v[i] = q->headers[i];
	v[call.nheaders++] = (struct http_header){STR("sec-websocket-version"), STR("13")};
	v[call.nheaders++] = (struct http_header){STR("sec-websocket-key"), key};
	if (n)
		v[call.nheaders++] = (struct http_header){STR("sec-websocket-protocol"), str_join(a, names, n, STR(", "))};
	call.headers = v;
	call.method = STR("GET");
	call.upgrade = STR("websocket");
	return call;
}

static struct ws *dialled(struct http_answer *r, struct str key, const char *const *protocols, const char **ret_protocol, struct err *e)
{
	BUF(want);
	accept_key(key, &want);
	struct str protocol = http_answer_header(r, STR("sec-websocket-protocol"));
	if (r->status != 101) {
		err_set(e, ERR_BAD_REQUEST, "the server refused the WebSocket: %d %s", r->status, http_reason(r->status));
		return NULL;
	}
	if (!str_eq(http_answer_header(r, STR("sec-websocket-accept")), buf_view(&want)) || (protocol.n && !known(protocols, protocol))) {
		duplex_close(http_answer_duplex(r));
		err_set(e, ERR_SERVICE_UNAVAILABLE, "the server's WebSocket handshake is wrong");
		return NULL;
	}
	*ret_protocol = known(protocols, protocol);
	return ws_new(http_answer_duplex(r), true);
}

struct ws *ws_dial(struct http_client *c, const struct http_call *q, const char *const *protocols, const char **ret_protocol, int *ret_status, struct err *e)
{
	unsigned char random[16];
	BUF(key);
	struct arena *a = arena_new(NULL);
	const char *protocol = NULL;
	rt_random(random, sizeof random);
	enc_base64(&key, str_n(random, sizeof random));
	struct http_call call = dial_call(q, protocols, a, buf_view(&key));
	struct http_answer *r = http_call(c, &call, a, e);
	struct ws *w = r ? dialled(r, buf_view(&key), protocols, &protocol, e) : NULL;
	if (ret_status)
		*ret_status = r ? r->status : 0;
	if (ret_protocol)
		*ret_protocol = protocol;
	http_answer_close(r);
	arena_free(a);
	return w;
}

/* Writing */

static int lock(struct ws *w, mono_t deadline)
{
	while (w->writing) {
		int e = cond_wait(&w->write_cond, deadline);
		if (e < 0)
			return e;
	}
	w->writing = true;
	return 0;
}

static void unlock(struct ws *w)
{
	w->writing = false;
	cond_wake(&w->write_cond);
}

static int write_frame(struct ws *w, uint8_t op, struct str head, struct str body, mono_t deadline)
{
	struct ws_frame f = {.fin = true, .op = op, .masked = w->client, .n = head.n + body.n};
	BUF(b);
	char *p = buf_room(&b, WS_HEAD_MAX + head.n + body.n);
	if (!p)
		return -ENOMEM;
	if (w->client)
		rt_random(f.mask, sizeof f.mask);
	size_t n = ws_frame_head(p, &f);
	if (head.n)
		memcpy(p + n, head.p, head.n);
	if (body.n)
		memcpy(p + n + head.n, body.p, body.n);
	if (w->client)
		ws_mask(p + n, head.n + body.n, f.mask, 0);
	int e = lock(w, deadline);
	if (e < 0)
		return e;
	ssize_t k = w->close_sent ? -EPIPE : duplex_write(w->d, p, n + head.n + body.n, deadline);
	w->close_sent |= op == WS_CLOSE;
	unlock(w);
	return k < 0 ? (int)k : 0;
}

int ws_write(struct ws *w, enum ws_kind kind, struct str head, struct str body, mono_t deadline)
{
	return write_frame(w, (uint8_t)kind, head, body, deadline);
}

int ws_ping(struct ws *w)
{
	return write_frame(w, WS_PING, STR(""), STR(""), rt_now() + CLOSE_WAIT);
}

/* Reading */

/* At least n bytes from off on. */
static int fill(struct ws *w, size_t n, mono_t deadline)
{
	while (w->in.n - w->off < n) {
		if (w->off) {
			buf_consume(&w->in, w->off);
			w->off = 0;
		}
		char *p = buf_room(&w->in, READ_STEP);
		if (!p)
			return -ENOMEM;
		ssize_t k = duplex_read(w->d, p, READ_STEP, deadline);
		if (k <= 0)
			return k < 0 ? (int)k : -EPIPE;
		w->in.n += k;
	}
	return 0;
}

static int read_head(struct ws *w, struct ws_frame *f, mono_t deadline)
{
	ssize_t head;
	int e = fill(w, 2, deadline);
	if (e < 0)
		return e;
	while ((head = ws_frame_parse(w->in.p + w->off, w->in.n - w->off, !w->client, f)) == 0) {
		e = fill(w, w->in.n - w->off + 1, deadline);
		if (e < 0)
			return e;
	}
	if (head < 0)
		return -EPROTO;
	if (f->n > WS_MESSAGE_MAX)
		return -EMSGSIZE;
	/* The whole frame, before anything of it is taken: a deadline that passes here loses nothing. */
	e = fill(w, (size_t)head + f->n, deadline);
	if (e < 0)
		return e;
	w->off += head;
	if (f->masked)
		ws_mask(w->in.p + w->off, f->n, f->mask, 0);
	return 0;
}

static int control(struct ws *w, const struct ws_frame *f, struct str payload)
{
	if (f->op == WS_PING)
		return write_frame(w, WS_PONG, payload, STR(""), MONO_NEVER);
	if (f->op == WS_PONG)
		return 0;
	w->closed_by_peer = true;
	(void)!write_frame(w, WS_CLOSE, str_sub(payload, 0, 2), STR(""), rt_now() + CLOSE_WAIT);
	return -EPIPE;
}

/* 1: *ret is a whole message. */
static int data(struct ws *w, const struct ws_frame *f, struct str payload, struct str *ret)
{
	if ((f->op == WS_CONTINUE) != (w->kind != 0))
		return -EPROTO;
	if (w->kind == 0)
		w->kind = f->op;
	if (f->fin && f->op != WS_CONTINUE) {
		*ret = payload; /* in one frame: not copied */
		return 1;
	}
	if (w->message.n + payload.n > WS_MESSAGE_MAX)
		return -EMSGSIZE;
	buf_put(&w->message, payload.p, payload.n);
	*ret = buf_view(&w->message);
	return f->fin;
}

int ws_read(struct ws *w, enum ws_kind *ret_kind, struct str *ret, mono_t deadline)
{
	int r = w->closed_by_peer ? -EPIPE : 0;
	if (w->kind == 0)
		buf_clear(&w->message);
	while (r == 0) {
		struct ws_frame f;
		r = read_head(w, &f, deadline);
		if (r < 0)
			break;
		struct str payload = str_n(w->in.p + w->off, f.n);
		w->off += f.n;
		r = f.op & 8 ? control(w, &f, payload) : data(w, &f, payload, ret);
	}
	if (r < 0)
		return r;
	*ret_kind = w->kind == WS_TEXT ? WS_TEXT : WS_BINARY;
	w->kind = 0;
	return 0;
}

void ws_close(struct ws *w, int code)
{
	if (!w)
		return;
	char text[2] = {(char)(code >> 8), (char)code};
	if (!w->close_sent)
		(void)!write_frame(w, WS_CLOSE, str_n(text, 2), STR(""), rt_now() + CLOSE_WAIT);
	duplex_close(w->d);
	buf_fini(&w->in);
	buf_fini(&w->message);
	free(w);
}
