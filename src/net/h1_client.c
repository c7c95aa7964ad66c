/* The client's side of HTTP/1.1: one call at a time per connection. */
#include "net/client.h"
#include <errno.h>
#include <stdlib.h>

struct h1c {
	struct buf in, out;
	size_t in_off, out_off, scanned;
	struct answer *a;
	struct h1_body body;
	bool chunked, keep, sent_end;
};

static struct h1c *h1_of(struct cconn *c)
{
	return c->state;
}

static int h1_open(struct cconn *c)
{
	c->state = calloc(1, sizeof(struct h1c));
	c->max_streams = 1;
	return c->state ? 0 : -ENOMEM;
}

static void put_header(struct buf *b, struct str name, struct str value)
{
	buf_str(b, name);
	buf_lit(b, ": ");
	buf_str(b, value);
	buf_lit(b, "\r\n");
}

static void put_body_headers(struct h1c *h, const struct http_call *q)
{
	h->chunked = q->body_read && q->body_length < 0;
	if (h->chunked)
		buf_lit(&h->out, "transfer-encoding: chunked\r\n");
	else if (q->body_read)
		buf_printf(&h->out, "content-length: %lld\r\n", (long long)q->body_length);
	else if (q->body.n || str_is(q->method, "POST") || str_is(q->method, "PUT") || str_is(q->method, "PATCH"))
		buf_printf(&h->out, "content-length: %zu\r\n", q->body.n);
}

/* Bytes that would end a line must not come from a caller's header. */
static bool safe(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == 0)
			return false;
	return true;
}

static int put_head(struct cconn *c, struct h1c *h, const struct http_call *q)
{
	struct str path = q->path.n ? q->path : STR("/");
	if (!safe(path) || !safe(q->method) || str_index(path, ' ', 0) >= 0)
		return -EINVAL;
	buf_str(&h->out, q->method.n ? q->method : STR("GET"));
	buf_char(&h->out, ' ');
	buf_str(&h->out, c->client->base);
	buf_str(&h->out, path);
	buf_lit(&h->out, " HTTP/1.1\r\n");
	put_header(&h->out, STR("host"), q->host.n ? q->host : c->client->authority);
	for (uint32_t i = 0; i < q->nheaders; i++) {
		if (!safe(q->headers[i].name) || !safe(q->headers[i].value))
			return -EINVAL;
		put_header(&h->out, q->headers[i].name, q->headers[i].value);
	}
	if (q->upgrade.n) {
		buf_lit(&h->out, "connection: Upgrade\r\n");
		put_header(&h->out, STR("upgrade"), q->upgrade);
	}
	put_body_headers(h, q);
	buf_lit(&h->out, "\r\n");
	return h->out.failed ? -ENOMEM : 0;
}

static int h1_send(struct cconn *c, struct answer *a, const struct http_call *q)
{
	struct h1c *h = h1_of(c);
	h->a = a;
	h->scanned = 0;
	h->sent_end = !q->body_read;
	int r = put_head(c, h, q);
	if (r < 0) {
		buf_clear(&h->out);
		h->a = NULL;
		return r;
	}
	buf_put(&h->out, q->body.p, q->body.n);
	buf_fini(&a->out);
	a->out = (struct buf){0};
	a->out_end = !q->body_read;
	sock_kick(&c->sock);
	return 0;
}

static void pull_body(struct h1c *h)
{
	struct answer *a = h->a;
	if (!a || h->sent_end)
		return;
	size_t n = a->out.n - a->out_off;
	if (n && h->chunked)
		buf_printf(&h->out, "%zx\r\n", n);
	buf_put(&h->out, a->out.p + a->out_off, n);
	if (n && h->chunked)
		buf_lit(&h->out, "\r\n");
	buf_clear(&a->out);
	a->out_off = 0;
	cond_wake_all(&a->out_cond);
	h->sent_end = a->out_end;
	if (h->sent_end && h->chunked)
		buf_lit(&h->out, "0\r\n\r\n");
}

static void h1_flush(struct cconn *c)
{
	struct h1c *h = h1_of(c);
	if (h->out.n == h->out_off)
		pull_body(h);
	while (h->out.n > h->out_off && sock_room(&c->sock)) {
		size_t n = h->out.n - h->out_off;
		n = n < 32768 ? n : 32768;
		sock_put(&c->sock, h->out.p + h->out_off, n);
		h->out_off += n;
	}
	if (h->out.n > h->out_off) {
		sock_more(&c->sock);
		return;
	}
	buf_clear(&h->out);
	h->out_off = 0;
	if (h->a && !h->sent_end && (h->a->out.n > h->a->out_off || h->a->out_end))
		sock_more(&c->sock);
}

static void h1_more(struct cconn *c, struct answer *a)
{
	sock_kick(&c->sock);
}

static void finished(struct cconn *c, struct h1c *h)
{
	struct answer *a = h->a;
	h->a = NULL;
	bool keep = h->keep && h->sent_end && h->out.n == h->out_off && h->in.n == h->in_off && h->body.kind != H1_TO_END;
	if (keep)
		buf_clear(&h->in), h->in_off = 0;
	answer_end(a, 0);
	if (!keep)
		c->draining = true;
	cconn_release(c, a);
}

static int take_head(struct cconn *c, struct h1c *h)
{
	struct answer *a = h->a;
	struct h1_head head = {0};
	uint64_t length;
	size_t n = h1_head_end(h->in.p + h->in_off, h->in.n - h->in_off, &h->scanned);
	if (!n)
		return h->in.n - h->in_off > ANSWER_HEAD_MAX ? -EMSGSIZE : 0;
	struct str text = str_dup(a->arena, str_n(h->in.p + h->in_off, n));
	h->in_off += n;
	h->scanned = 0;
	if (!text.p || h1_head_parse(a->arena, text, false, ANSWER_HEADERS, &head) != 0)
		return -EPROTO;
	if (head.status < 200 && head.status != 101)
		return 1;
	if (h1_body_init(&h->body, &head, false, a->is_head) != 0)
		return -EPROTO;
	h->keep = head.minor == 1 && !http_headers_have(head.headers, head.nheaders, STR("connection"), STR("close"));
	a->pub = (struct http_answer){.status = head.status, .headers = head.headers, .nheaders = head.nheaders, .proto = 10 + head.minor,
		.content_length = h->body.done ? 0 : -1};
	if (str_u64(h1_header(&head, STR("content-length")), &length) == 0)
		a->pub.content_length = (int64_t)length;
	answer_head(a);
	return 1;
}

static void switched(struct cconn *c, struct h1c *h)
{
	if (!h->a->upgrade) {
		cconn_dead(c, -EPROTO);
		return;
	}
	sock_duplex_input(c->up, h->in.p + h->in_off, h->in.n - h->in_off);
	h->in_off = h->in.n;
	h->a = NULL;
}

static int take_body(struct h1c *h)
{
	struct str data;
	struct answer *a = h->a;
	if (h->in.n == h->in_off || a->in.n - a->in_off >= ANSWER_WINDOW)
		return 0;
	ssize_t n = h1_body_feed(&h->body, h->in.p + h->in_off, h->in.n - h->in_off, &data);
	if (n < 0)
		return -EPROTO;
	h->in_off += n;
	if (data.n)
		answer_data(a, data);
	return n > 0;
}

static void process(struct cconn *c, struct h1c *h)
{
	int r = 1;
	while (r > 0 && h->a) {
		r = h->a->head ? take_body(h) : take_head(c, h);
		if (r < 0) {
			cconn_dead(c, r);
			return;
		}
		if (h->a->head && h->a->pub.status == 101) {
			switched(c, h);
			break;
		}
		if (h->a->head && h->body.done) {
			finished(c, h);
			return; /* the connection may be gone */
		}
	}
	buf_consume(&h->in, h->in_off);
	h->in_off = 0;
}

static void ended(struct cconn *c, struct h1c *h)
{
	if (h->a && h->a->head && h->body.kind == H1_TO_END) {
		h->keep = false;
		finished(c, h);
		return;
	}
	cconn_dead(c, -ECONNRESET);
}

static void h1_readable(struct cconn *c)
{
	char in[16384];
	for (;;) {
		struct h1c *h = h1_of(c);
		if (c->up) {
			sock_duplex_readable(c->up);
			return;
		}
		if (h->a && h->a->head)
			process(c, h);
		if (c->dead || c->sock.error || (h->a && h->a->in.n - h->a->in_off >= ANSWER_WINDOW))
			return;
		ssize_t n = sock_read(&c->sock, in, sizeof in);
		if (n == 0)
			ended(c, h);
		if (n <= 0)
			return;
		c->active = rt_now();
		if (!h->a) { /* nobody asked */
			cconn_dead(c, -EPROTO);
			return;
		}
		buf_put(&h->in, in, n);
		process(c, h);
		if (c->dead)
			return;
	}
}

static void h1_consumed(struct cconn *c, struct answer *a, size_t n)
{
	sock_resume(&c->sock);
}

static void h1_drop(struct cconn *c, struct answer *a)
{
	struct h1c *h = h1_of(c);
	if (h->a != a)
		return;
	h->a = NULL;
	c->draining = true; /* the rest of its body would be in the way */
}

static void h1_ping(struct cconn *c)
{
}

static void h1_free(struct cconn *c)
{
	struct h1c *h = h1_of(c);
	if (!h)
		return;
	buf_fini(&h->in);
	buf_fini(&h->out);
	free(h);
	c->state = NULL;
}

const struct cproto h1_client = {h1_open, h1_readable, h1_flush, h1_send, h1_more, h1_consumed, h1_drop, h1_ping, h1_free};
