#include "net/http_client.h"
#include <errno.h>

/* RFC 9110 section 7.6.1, and what this hop decides itself. */
static const struct str hop_headers[] = {
	STR_INIT("connection"), STR_INIT("keep-alive"), STR_INIT("proxy-authenticate"), STR_INIT("proxy-authorization"), STR_INIT("te"), STR_INIT("trailer"),
	STR_INIT("transfer-encoding"), STR_INIT("upgrade"), STR_INIT("content-length"), STR_INIT("host"), STR_INIT("http2-settings"), STR_INIT("date"),
};

static bool in(struct str name, const struct str *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], name))
			return true;
	return false;
}

static ssize_t body_of(void *arg, void *p, size_t n)
{
	return req_body_read(arg, p, n, MONO_NEVER);
}

static int request_headers(struct http_req *q, const struct http_proxy *p, struct http_call *call)
{
	struct http_header *v = arena_array(q->arena, struct http_header, q->nheaders + p->nadd + 1);
	if (!v)
		return -1;
	for (uint32_t i = 0; i < q->nheaders; i++)
		if (!in(q->headers[i].name, hop_headers, ARRAY_LEN(hop_headers)) && !in(q->headers[i].name, p->drop, p->ndrop))
			v[call->nheaders++] = q->headers[i];
	for (uint32_t i = 0; i < p->nadd; i++)
		v[call->nheaders++] = p->add[i];
	call->headers = v;
	return 0;
}

static void answer_headers(struct http_answer *a, struct http_resp *r, bool length)
{
	resp_status(r, a->status);
	for (uint32_t i = 0; i < a->nheaders; i++) {
		struct str name = a->headers[i].name;
		if (!in(name, hop_headers, ARRAY_LEN(hop_headers)) || (length && str_eq(name, STR("content-length"))))
			resp_header(r, name, a->headers[i].value);
	}
}

static int copy_body(struct http_answer *a, struct http_resp *r)
{
	char p[16384];
	ssize_t n;
	resp_flush(r);
	while ((n = http_answer_read(a, p, sizeof p, MONO_NEVER)) > 0)
		if (resp_write(r, p, n) < 0)
			return 0; /* our client has gone */
	if (n < 0)
		resp_abort(r);
	return 0;
}

static int join(struct http_answer *a, struct http_resp *r, struct str protocol, struct err *e)
{
	CLEANUP(duplex_close) struct duplex *backend = http_answer_duplex(a);
	answer_headers(a, r, false);
	CLEANUP(duplex_close) struct duplex *client = resp_upgrade(r, protocol, e);
	if (!client)
		return -1;
	duplex_splice(client, backend);
	return 0;
}

int http_proxy(struct http_client *c, struct http_req *q, struct http_resp *r, const struct http_proxy *p, struct err *e)
{
	struct http_call call = {.method = q->method, .path = p->path, .deadline = p->deadline, .body_length = q->content_length};
	if (request_headers(q, p, &call) < 0)
		return err_nomem(e, 0);
	if (req_header_has(q, STR("connection"), STR("upgrade")))
		call.upgrade = req_header(q, STR("upgrade"));
	else if (q->content_length != 0)
		call.body_read = body_of, call.body_arg = q;
	CLEANUP(http_answer_close) struct http_answer *a = http_call(c, &call, q->arena, e);
	if (!a)
		return -1;
	if (a->status == 101 && http_answer_duplex(a))
		return join(a, r, call.upgrade, e);
	answer_headers(a, r, a->content_length >= 0);
	return copy_body(a, r);
}
