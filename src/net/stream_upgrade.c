#include "net/stream_impl.h"
#include <errno.h>

#define TUNNEL "SPDY/3.1+portforward.k8s.io"
#define PORT_FORWARD "portforward.k8s.io"

static const char *const ws_exec[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io", NULL};
static const char *const ws_ports[] = {TUNNEL, "v4.channel.k8s.io", "v4.base64.channel.k8s.io", NULL};
static const char *const ws_tunnel[] = {TUNNEL, NULL};
static const char *const ws_v5[] = {"v5.channel.k8s.io", NULL};
static const char *const ws_v5_v4[] = {"v5.channel.k8s.io", "v4.channel.k8s.io", NULL};
static const char *const spdy_exec[] = {"v4.channel.k8s.io", NULL};
static const char *const spdy_ports[] = {PORT_FORWARD, NULL};

static bool spdy_requested(const struct http_req *q)
{
	return req_header_has(q, STR("connection"), STR("upgrade")) && req_header_has(q, STR("upgrade"), STR("spdy/3.1"));
}

bool stream_requested(const struct http_req *q)
{
	return ws_requested(q) || spdy_requested(q);
}

static struct stream_conn *started(struct stream_conn *c, struct err *e)
{
	if (c && stream_conn_start(c) == 0)
		return c;
	err_set(e, ERR_TOO_MANY_REQUESTS, "streams cannot be started: memory or fibers are short, or the peer has gone");
	return NULL;
}

/* SPDY over d. */
static struct stream_conn *spdy_conn(struct duplex *d, bool server, const char *protocol, const struct stream_want *w, struct err *e)
{
	struct stream_conn *c = d ? stream_conn_new(&spdy_framing, server, protocol, w) : NULL;
	if (!c)
		duplex_close(d);
	else
		c->d = d;
	return started(c, e);
}

static struct stream_conn *ws_conn(struct ws *ws, bool server, const char *protocol, const struct stream_want *w, struct err *e)
{
	if (protocol && str_is(str_of(TUNNEL), protocol))
		return spdy_conn(ws_duplex(ws), server, PORT_FORWARD, w, e);
	struct stream_conn *c = stream_conn_new(&ws_framing, server, protocol, w);
	if (!c)
		ws_close(ws, 1011);
	else
		c->ws = ws;
	return started(c, e);
}

/* Server */

static struct stream_conn *accept_ws(struct http_req *q, struct http_resp *r, const struct stream_want *w, struct err *e)
{
	const char *protocol = NULL;
	struct ws *ws = ws_accept(q, r, w->port_forward ? ws_ports : ws_exec, &protocol, e);
	return ws ? ws_conn(ws, true, protocol, w, e) : NULL;
}

static const char *choose(struct http_req *q, const char *const *known)
{
	uint32_t i = 0;
	struct str v, piece;
	while (req_header_next(q, STR("x-stream-protocol-version"), &i, &v))
		while (str_next(&v, ',', &piece))
			for (const char *const *k = known; *k; k++)
				if (str_is(str_trim(piece), *k))
					return *k;
	return NULL;
}

struct stream_conn *stream_accept(struct http_req *q, struct http_resp *r, const struct stream_want *w, struct err *e)
{
	if (ws_requested(q))
		return accept_ws(q, r, w, e);
	if (!spdy_requested(q)) {
		err_set(e, ERR_BAD_REQUEST, "Upgrade request required");
		return NULL;
	}
	const char *const *known = w->port_forward ? spdy_ports : spdy_exec;
	const char *protocol = choose(q, known);
	if (!protocol) {
		resp_header(r, STR("x-accepted-stream-protocol-versions"), str_of(known[0]));
		err_set(e, ERR_FORBIDDEN, "none of the stream protocols that the client offers is known here; known: %s", known[0]);
		return NULL;
	}
	resp_header(r, STR("x-stream-protocol-version"), str_of(protocol));
	struct duplex *d = resp_upgrade(r, STR("SPDY/3.1"), e);
	return d ? spdy_conn(d, true, protocol, w, e) : NULL;
}

/* Client */

static struct stream_conn *dial_ws(struct http_client *c, const struct http_call *q, const char *const *offer, const struct stream_want *w, bool *ret_refused, struct err *e)
{
	const char *protocol = NULL;
	int status = 0;
	struct ws *ws = ws_dial(c, q, offer, &protocol, &status, e);
	*ret_refused = !ws && status;
	if (ws && !protocol) {
		*ret_refused = true;
		ws_close(ws, 1002);
		err_set(e, ERR_BAD_REQUEST, "the server chose no stream protocol");
		return NULL;
	}
	return ws ? ws_conn(ws, false, protocol, w, e) : NULL;
}

static struct stream_conn *dialled_spdy(struct http_answer *r, const char *want, const struct stream_want *w, struct err *e)
{
	struct str body = {0};
	if (r->status != 101) {
		ERR(ignored);
		(void)!http_answer_all(r, 4096, &body, rt_now() + NS_S, &ignored);
		err_set(e, ERR_BAD_REQUEST, "unable to upgrade connection: %.*s", STR_F(body.n ? body : str_of(http_reason(r->status))));
		if (e)
			e->code = r->status;
		return NULL;
	}
	struct duplex *d = http_answer_duplex(r);
	if (!str_is(http_answer_header(r, STR("x-stream-protocol-version")), want)) {
		duplex_close(d);
		err_set(e, ERR_BAD_REQUEST, "the server does not speak %s", want);
		return NULL;
	}
	return spdy_conn(d, false, want, w, e);
}

static struct stream_conn *dial_spdy(struct http_client *c, const struct http_call *q, const struct stream_want *w, struct err *e)
{
	const char *want = w->port_forward ? PORT_FORWARD : spdy_exec[0];
	struct arena *a = arena_new(NULL);
	struct http_call call = *q;
	struct http_header *v = arena_array(a, struct http_header, q->nheaders + 1);
	for (uint32_t i = 0; i < q->nheaders; i++)
		v[i] = q->headers[i];
	v[call.nheaders++] = (struct http_header){STR("x-stream-protocol-version"), str_of(want)};
	call.headers = v;
	call.method = STR("POST");
	call.upgrade = STR("SPDY/3.1");
	struct http_answer *r = http_call(c, &call, a, e);
	struct stream_conn *conn = r ? dialled_spdy(r, want, w, e) : NULL;
	http_answer_close(r);
	arena_free(a);
	return conn;
}

struct stream_conn *stream_dial(struct http_client *c, const struct http_call *q, enum stream_framing f, const struct stream_want *w, struct err *e)
{
	bool refused = false;
	if (f == STREAM_SPDY)
		return dial_spdy(c, q, w, e);
	const char *const *offer = w->port_forward ? (w->nports ? ws_v5_v4 + 1 : ws_tunnel) : f == STREAM_BOTH ? ws_v5 : ws_v5_v4;
	struct stream_conn *conn = dial_ws(c, q, offer, w, &refused, e);
	return !conn && refused && f == STREAM_BOTH ? dial_spdy(c, q, w, e) : conn;
}
