/* Requests and responses as handlers see them; the protocols below are told by proto->wake and call back through resp_*. */
#include "net/server.h"
#include "base/enc.h"
#include <errno.h>
#include <stdlib.h>

#define SPARES 64            /* responses kept for reuse, each with its first arena chunk */
#define REQUEST_BUDGET (64u << 20)

/* Life */

static struct http_resp *resp_fresh(struct http_server *s)
{
	struct list *n = list_pop(&s->spare);
	if (n) {
		s->nspare--;
		return list_entry(n, struct http_resp, node);
	}
	struct http_resp *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->budget = (struct budget){.parent = s->opts.budget, .max = s->opts.request_budget ? s->opts.request_budget : REQUEST_BUDGET};
	r->q.arena = arena_new(&r->budget);
	return r;
}

struct http_resp *resp_new(struct hconn *c)
{
	struct http_resp *r = resp_fresh(c->server);
	if (!r)
		return NULL;
	struct arena *a = r->q.arena;
	struct budget b = {.parent = r->budget.parent, .max = r->budget.max, .used = r->budget.used};
	*r = (struct http_resp){.conn = c, .server = c->server, .attached = true, .status = 200, .length = -1};
	r->budget.parent = b.parent;
	r->budget.max = b.max;
	r->budget.used = b.used;
	r->q = (struct http_req){.arena = a, .remote = &c->remote, .content_length = -1, .conn_id = c->id, .started = rt_now(),
		.tls = c->sock.ssl != NULL, .peer = c->sock.peer ? c->sock.peer : &tls_peer_none};
	r->progress = r->q.started;
	cond_init(&r->in_cond);
	cond_init(&r->out_cond);
	outq_init(&r->out);
	list_push(&c->resps, &r->node);
	c->streams++;
	return r;
}

static void resp_recycle(struct http_resp *r)
{
	struct http_server *s = r->server;
	if (s->nspare < SPARES && r->q.arena && !r->detached) {
		arena_reset(r->q.arena);
		list_push_front(&s->spare, &r->node);
		s->nspare++;
		return;
	}
	arena_free(r->q.arena);
	free(r);
}

static void resp_maybe_free(struct http_resp *r)
{
	if (r->running || r->attached)
		return;
	struct hconn *c = r->conn;
	list_remove(&r->node);
	list_remove(&r->dirty);
	buf_fini(&r->in);
	outq_fini(&r->out);
	c->streams--;
	c->watches -= r->detached;
	cond_wake_all(&c->server->changed);
	resp_recycle(r);
	if (c->dead)
		hconn_dead(c);
	else if (c->streams == 0)
		hconn_check_soon(c);
}

static void tell_closed(struct http_resp *r)
{
	if (!r->detach.live)
		return;
	r->detach.live = false;
	r->detach.ops->closed(r->detach.arg);
}

void resp_let_go(struct http_resp *r)
{
	if (!r->attached)
		return;
	r->attached = false;
	r->closed = true;
	list_remove(&r->dirty);
	outq_fini(&r->out);
	if (!r->in_end && !r->in_error)
		r->in_error = -ECONNRESET;
	cond_wake_all(&r->in_cond);
	cond_wake_all(&r->out_cond);
	if (r->running && !r->ended && !r->upgraded && r->fiber && !r->detached)
		fiber_cancel(r->fiber);
	tell_closed(r);
	resp_maybe_free(r);
}

static void handle(void *arg)
{
	struct http_resp *r = arg;
	r->server->opts.handler(r->server->opts.arg, &r->q, r);
	r->fiber = NULL;
	if (!r->detached && !r->upgraded)
		resp_end(r);
	r->running = false;
	resp_maybe_free(r);
}

void resp_refuse(struct http_resp *r, int code, const char *why)
{
	r->refused = true;
	resp_text(r, code, "text/plain; charset=utf-8", str_printf(r->q.arena, "%d %s%s%s", code, http_reason(code), why ? ": " : "", why ? why : ""));
}

void resp_dispatch(struct http_resp *r)
{
	r->server->stats.requests++;
	r->conn->requests++;
	r->running = true;
	r->fiber = fiber_spawn(&r->server->scope, "http", handle, r);
	if (r->fiber)
		return;
	r->running = false;
	resp_header(r, STR("retry-after"), STR("1"));
	resp_refuse(r, 429, NULL);
}

void resp_set_target(struct http_resp *r, struct str target)
{
	if (!str_cut(target, '?', &r->q.path, &r->q.query))
		r->q.query = (struct str){0};
	/* An absolute form: what follows the authority. */
	ptrdiff_t scheme = target.n && target.p[0] != '/' ? str_find(r->q.path, STR("://")) : -1;
	if (scheme > 0) {
		ptrdiff_t slash = str_index(r->q.path, '/', scheme + 3);
		r->q.path = slash < 0 ? STR("/") : str_sub(r->q.path, slash, r->q.path.n);
	}
}

/* Request bodies */

void resp_input(struct http_resp *r, struct str data)
{
	buf_put(&r->in, data.p, data.n);
	cond_wake_all(&r->in_cond);
}

void resp_input_end(struct http_resp *r, int error)
{
	if (error)
		r->in_error = error;
	else
		r->in_end = true;
	cond_wake_all(&r->in_cond);
}

static struct http_resp *req_resp(struct http_req *q)
{
	return container_of(q, struct http_resp, q);
}

static int wait_input(struct http_resp *r, mono_t deadline)
{
	mono_t slow = rt_now() + r->server->opts.limits.body_timeout;
	if (!r->wanted) {
		r->wanted = true;
		if (r->attached)
			r->conn->proto->consumed(r->conn, r, 0); /* lets HTTP/1.1 say 100 Continue */
	}
	while (r->in.n == r->in_off && !r->in_end && !r->in_error) {
		int e = cond_wait(&r->in_cond, slow < deadline ? slow : deadline);
		if (e < 0)
			return e;
	}
	return 0;
}

ssize_t req_body_read(struct http_req *q, void *p, size_t n, mono_t deadline)
{
	struct http_resp *r = req_resp(q);
	int e = wait_input(r, deadline);
	if (e < 0)
		return e;
	size_t have = r->in.n - r->in_off;
	if (!have)
		return r->in_end ? 0 : r->in_error;
	n = n < have ? n : have;
	memcpy(p, r->in.p + r->in_off, n);
	r->in_off += n;
	if (r->in_off == r->in.n) {
		buf_clear(&r->in);
		r->in_off = 0;
	}
	if (r->attached)
		r->conn->proto->consumed(r->conn, r, n);
	return (ssize_t)n;
}

static int body_too_large(size_t max, struct err *e)
{
	return err_set(e, ERR_TOO_LARGE, "limit is %zu", max);
}

static int body_broken(ssize_t why, struct err *e)
{
	if (why == -ETIME)
		return err_set(e, ERR_TIMEOUT, "the request body came too slowly");
	return err_set(e, ERR_UNKNOWN, why == -EPROTO ? "malformed chunked encoding" : "unexpected EOF"); /* a 500 without a reason, as upstream */
}

int req_body(struct http_req *q, size_t max, struct str *ret, struct err *e)
{
	if (q->content_length > 0 && (uint64_t)q->content_length > max)
		return body_too_large(max, e);
	size_t cap = q->content_length >= 0 ? (size_t)q->content_length : 4096, n = 0;
	char *p = arena_text(q->arena, cap + 1);
	for (;;) {
		if (!p)
			return err_nomem(e, cap);
		ssize_t got = req_body_read(q, p + n, cap + 1 - n, MONO_NEVER); /* one more than expected: sees the end */
		if (got < 0)
			return body_broken(got, e);
		if (got == 0)
			break;
		n += got;
		if (n > max)
			return body_too_large(max, e);
		if (n > cap) {
			p = arena_grow(q->arena, p, cap + 1, cap * 2 + 1);
			cap *= 2;
		}
	}
	*ret = str_n(p, n);
	return 0;
}

/* Headers */

struct str req_header(const struct http_req *q, struct str name)
{
	for (uint32_t i = 0; i < q->nheaders; i++)
		if (str_eq(q->headers[i].name, name))
			return q->headers[i].value;
	return (struct str){0};
}

bool req_header_next(const struct http_req *q, struct str name, uint32_t *i, struct str *ret)
{
	for (; *i < q->nheaders; ++*i)
		if (str_eq(q->headers[*i].name, name)) {
			*ret = q->headers[(*i)++].value;
			return true;
		}
	return false;
}

bool req_header_has(const struct http_req *q, struct str name, struct str token)
{
	return http_headers_have(q->headers, q->nheaders, name, token);
}

struct http_req *resp_req(struct http_resp *r)
{
	return &r->q;
}

void resp_status(struct http_resp *r, int code)
{
	r->status = code;
}

void resp_header(struct http_resp *r, struct str name, struct str value)
{
	uint64_t length;
	if (r->started)
		return;
	struct http_header *h = arena_push(r->q.arena, &r->out_headers);
	if (!h)
		return;
	*h = (struct http_header){name, value};
	if (str_eq(name, STR("content-length")) && str_u64(value, &length) == 0)
		r->length = (int64_t)length;
}

bool resp_started(const struct http_resp *r)
{
	return r->started;
}

bool resp_no_body(const struct http_resp *r)
{
	return str_eq(r->q.method, STR("HEAD")) || r->status == 204 || r->status == 304;
}

#define HEAD_KNOWN 2048 /* up to here Go's server knows the length of a body that HEAD leaves out; clients compare */

static bool tells_length(const struct http_resp *r)
{
	bool head = str_eq(r->q.method, STR("HEAD"));
	return r->ended && r->length < 0 && r->status != 204 && r->status != 304 && (!head || r->out.bytes <= HEAD_KNOWN);
}

static struct str decimal(struct arena *a, size_t n)
{
	char digits[20], *p = digits + sizeof digits;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return str_dup(a, str_n(p, (size_t)(digits + sizeof digits - p)));
}

void resp_start(struct http_resp *r)
{
	if (tells_length(r))
		resp_header(r, STR("content-length"), decimal(r->q.arena, r->out.bytes));
	resp_header(r, STR("date"), str_dup(r->q.arena, server_date(r->server)));
	r->started = true;
	if (resp_no_body(r))
		outq_fini(&r->out);
}

/* Response bodies */

/* Something to send: at the latest at the end of this turn.  A handler that has not ended yet may still add to a short body, so
 * that its length is known; it is sent when the handler waits for room, flushes or ends. */
static void wake(struct http_resp *r)
{
	if (r->attached)
		r->conn->proto->wake(r->conn, r);
}

static bool cannot_write(const struct http_resp *r)
{
	return !r->attached || r->ended;
}

static int wait_room(struct http_resp *r)
{
	uint32_t max = r->server->opts.limits.queued;
	r->flushing = true;
	wake(r);
	while (r->attached && r->out.bytes > max) {
		int e = cond_wait(&r->out_cond, r->progress + r->server->opts.limits.write_timeout);
		if (e == -ETIME && rt_now() - r->progress >= r->server->opts.limits.write_timeout) {
			r->server->stats.cut_slow++;
			resp_abort(r);
			return -ETIME;
		}
		if (e < 0 && e != -ETIME)
			return e;
	}
	return r->attached ? 0 : -EPIPE;
}

static int wrote(struct http_resp *r, size_t n, int bad)
{
	if (bad < 0) {
		resp_abort(r);
		return -ENOMEM;
	}
	if (r->out.bytes == n)
		r->progress = rt_now();
	r->bytes += n;
	if (r->out.bytes > r->server->opts.limits.queued && fiber_self())
		return wait_room(r);
	if (r->flushing)
		wake(r);
	return 0;
}

int resp_write(struct http_resp *r, const void *p, size_t n)
{
	return cannot_write(r) ? -EPIPE : wrote(r, n, outq_copy(&r->out, p, n));
}

int resp_write_blob(struct http_resp *r, struct blob *b, size_t off, size_t n)
{
	return cannot_write(r) ? -EPIPE : wrote(r, n, outq_push(&r->out, b, b->p + off, n));
}

int resp_writev(struct http_resp *r, const struct http_piece *v, size_t n)
{
	size_t sum = 0;
	int bad = 0;
	if (cannot_write(r))
		return -EPIPE;
	for (size_t i = 0; i < n && bad == 0; i++) {
		bad = outq_push(&r->out, v[i].blob, v[i].p, v[i].n);
		sum += v[i].n;
		if (r->out.bytes > r->server->opts.limits.queued && fiber_self() && i + 1 < n) {
			int e = wrote(r, sum, bad);
			if (e < 0)
				return e;
			sum = 0;
		}
	}
	return wrote(r, sum, bad);
}

int resp_flush(struct http_resp *r)
{
	if (cannot_write(r))
		return -EPIPE;
	r->flushing = true;
	wake(r);
	return 0;
}

int resp_end(struct http_resp *r)
{
	if (cannot_write(r))
		return r->ended ? 0 : -EPIPE;
	r->ended = true;
	wake(r);
	return 0;
}

void resp_abort(struct http_resp *r)
{
	r->ended = true;
	if (r->attached)
		r->conn->proto->abort(r->conn, r);
}

void resp_text(struct http_resp *r, int code, const char *content_type, struct str body)
{
	resp_status(r, code);
	resp_header(r, STR("content-type"), str_of(content_type));
	resp_write(r, body.p, body.n);
	resp_end(r);
}

uint64_t resp_bytes(const struct http_resp *r)
{
	return r->bytes;
}

int resp_code(const struct http_resp *r)
{
	return r->status;
}

void resp_sent(struct http_resp *r, size_t n)
{
	outq_drop(&r->out, n);
	r->progress = rt_now();
	if (r->detach.live) {
		size_t low = r->detach.ops->low ? r->detach.ops->low : 64u << 10;
		if (r->detach.above && r->out.bytes <= low) {
			r->detach.above = false;
			if (r->detach.ops->drained)
				r->detach.ops->drained(r->detach.arg);
		}
	} else if (r->running && r->out.bytes <= r->server->opts.limits.queued / 2) {
		cond_wake_all(&r->out_cond);
	}
}

void resp_put(struct http_resp *r, struct sock *to, size_t n)
{
	while (n) {
		struct str piece = outq_head(&r->out);
		size_t k = piece.n < n ? piece.n : n;
		sock_put(to, piece.p, k);
		n -= k;
		resp_sent(r, k);
	}
}

/* Detached responses */

struct http_out *resp_detach(struct http_resp *r, const struct http_out_ops *ops, void *arg)
{
	if (cannot_write(r))
		return NULL;
	r->detached = r->flushing = true;
	r->conn->watches++;
	r->detach = (struct http_out){r, ops, arg, true, false};
	wake(r);
	return &r->detach;
}

static void pushed(struct http_out *o, size_t n, int bad)
{
	struct http_resp *r = o->r;
	if (bad < 0) {
		sock_fail(&r->conn->sock, -ENOMEM);
		return;
	}
	if (r->out.bytes == n)
		r->progress = rt_now();
	r->bytes += n;
	o->above |= r->out.bytes > (o->ops->low ? o->ops->low : 64u << 10);
	wake(r);
}

void http_out_blob(struct http_out *o, struct blob *b, size_t off, size_t n)
{
	pushed(o, n, outq_push(&o->r->out, b, b->p + off, n));
}

void http_out_static(struct http_out *o, struct str s)
{
	pushed(o, s.n, outq_push(&o->r->out, NULL, s.p, s.n));
}

void http_out_copy(struct http_out *o, const void *p, size_t n)
{
	pushed(o, n, outq_copy(&o->r->out, p, n));
}

size_t http_out_queued(const struct http_out *o)
{
	return o->r->out.bytes;
}

void http_out_end(struct http_out *o)
{
	o->live = false;
	o->r->ended = true;
	wake(o->r);
}

void http_out_abort(struct http_out *o)
{
	o->live = false;
	resp_abort(o->r);
}

/* Query strings */

static struct str unescape(struct arena *a, struct str s, bool *bad)
{
	if (str_index(s, '%', 0) < 0 && str_index(s, '+', 0) < 0)
		return s;
	BUF(b);
	*bad |= dec_percent(&b, s, true) < 0;
	return buf_take(&b, a);
}

bool query_next(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value)
{
	struct str piece, name, value;
	while (str_next(rest, '&', &piece)) {
		bool bad = !piece.n || str_index(piece, ';', 0) >= 0; /* as Go since 1.17 */
		if (bad)
			continue;
		if (!str_cut(piece, '=', &name, &value))
			value = STR("");
		*ret_name = unescape(a, name, &bad);
		*ret_value = unescape(a, value, &bad);
		if (!bad)
			return true;
	}
	return false;
}

static const struct { short code; const char *text; } reasons[] = {
	{100, "Continue"}, {101, "Switching Protocols"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
	{206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
	{308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
	{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
	{412, "Precondition Failed"}, {413, "Request Entity Too Large"}, {414, "Request URI Too Long"}, {415, "Unsupported Media Type"},
	{416, "Requested Range Not Satisfiable"}, {417, "Expectation Failed"}, {422, "Unprocessable Entity"}, {429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
	{503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
};

const char *http_reason(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].code == code)
			return reasons[i].text;
	return "Status";
}
