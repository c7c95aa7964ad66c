/* /exec, /attach and /portForward: the runtime serves them on a URL of its own, known to us alone; SPDY goes through as it is, WebSockets are translated. */
#include "kubelet/server.h"
#include "net/http_client.h"
#include "net/stream.h"

#define DIAL (30 * NS_S)

/* "http://127.0.0.1:4321/exec/token" in base and path. */
static struct http_client *client_to(struct route *t, struct str url, struct str *ret_path, struct err *e)
{
	struct arena *a = t->q->arena;
	ptrdiff_t scheme = str_find(url, STR("://"));
	ptrdiff_t slash = scheme < 0 ? -1 : str_index(url, '/', (size_t)scheme + 3);
	if (slash < 0)
		return err_set(e, ERR_INTERNAL, "the runtime gave no usable URL"), NULL;
	*ret_path = str_sub(url, (size_t)slash, url.n);
	return http_client_new(&(struct http_client_opts){.url = str_z(a, str_sub(url, 0, (size_t)slash)), .http1_only = true}, e);
}

/* What the client wants, and what the runtime has. */
struct ends {
	struct stream_want front, back;
};

static int translate(struct route *t, struct http_client *c, struct str path, const struct ends *w, struct err *e)
{
	struct http_call q = {.method = STR("POST"), .path = path, .deadline = rt_now() + DIAL};
	CLEANUP(stream_conn_close) struct stream_conn *back = stream_dial(c, &q, STREAM_SPDY, &w->back, e);
	CLEANUP(stream_conn_close) struct stream_conn *front = back ? stream_accept(t->q, t->r, &w->front, e) : NULL;
	return front ? stream_bridge(front, back, e) : -1;
}

static void join(struct route *t, struct str url, const struct ends *w)
{
	ERR(e);
	struct str path;
	static const struct str drop[] = {STR_INIT("authorization")};
	CLEANUP(http_client_free) struct http_client *c = client_to(t, url, &path, &e);
	bool spdy = req_header_has(t->q, STR("upgrade"), STR("SPDY/3.1")) && w->front.tty == w->back.tty;
	struct http_proxy px = {.path = path, .drop = drop, .ndrop = 1, .deadline = rt_now() + DIAL};
	int r = !c ? -1 : spdy ? http_proxy(c, t->q, t->r, &px, &e) : translate(t, c, path, w, &e);
	if (r && !resp_started(t->r))
		route_error(t, e.code >= 400 && e.code < 500 ? e.code : 502, "%s", err_text(&e));
}

static bool on(const struct route *t, const char *a, const char *b)
{
	struct str v = route_param(t, a), w = route_param(t, b);
	return str_is(v, "1") || str_is(v, "true") || str_is(w, "1") || str_is(w, "true");
}

static struct stream_want wants(const struct route *t)
{
	struct stream_want w = {.in = on(t, "input", "stdin"), .out = on(t, "output", "stdout"), .err = on(t, "error", "stderr"), .tty = on(t, "tty", "tty")};
	w.err &= !w.tty;
	return w;
}

static struct pod *running(struct route *t, struct str *ret_id)
{
	struct str name;
	struct pod *p = route_pod(t, &name);
	const struct cview *v = p ? view_latest(p->view, name) : NULL;
	if (p && (!v || v->state != CS_RUNNING)) {
		route_error(t, 404, "container not found (\"%.*s\")", STR_F(name));
		return NULL;
	}
	if (p)
		*ret_id = str_dup(t->q->arena, v->id);
	return p;
}

static bool must_upgrade(struct route *t)
{
	if (!stream_requested(t->q))
		route_error(t, 400, "Upgrade request required");
	return stream_requested(t->q);
}

static void answer(struct route *t, int failed, struct err *e, struct str url, const struct ends *w)
{
	if (failed)
		route_error(t, cri_not_found(e) ? 404 : 500, "%s", err_text(e));
	else
		join(t, url, w);
}

void serve_exec(struct route *t)
{
	ERR(e);
	struct cri_v1_ExecRequest req = {0};
	struct cri_v1_ExecResponse resp = {0};
	struct ends w = {wants(t), wants(t)};
	struct str rest = t->q->query, key, value;
	if (!must_upgrade(t) || !running(t, &req.container_id))
		return;
	while (query_next(t->q->arena, &rest, &key, &value))
		if (str_is(key, "command"))
			*arena_push(t->q->arena, &req.cmd) = value.p ? value : STR("");
	req.tty = w.back.tty;
	req.stdin = w.back.in;
	req.stdout = w.back.out;
	req.stderr = w.back.err;
	answer(t, cri_call(t->k->cri, t->q->arena, CRI_EXEC, &req, &resp, 0, &e), &e, resp.url, &w);
}

/* Whether a process has a terminal was settled when it started: a client without one gets its output all the same, and no errors. */
static bool has_tty(const struct pod *p, struct route *t)
{
	struct str name;
	enum ckind kind;
	const struct core_v1_Container *c = route_pod(t, &name) && p->spec ? pod_find_container(p->spec->pod, name, &kind) : NULL;
	return c && c->tty;
}

void serve_attach(struct route *t)
{
	ERR(e);
	struct cri_v1_AttachRequest req = {0};
	struct cri_v1_AttachResponse resp = {0};
	struct ends w = {wants(t), wants(t)};
	struct pod *p = must_upgrade(t) ? running(t, &req.container_id) : NULL;
	if (!p)
		return;
	w.back.tty = req.tty = has_tty(p, t);
	w.back.err = req.stderr = w.back.err && !req.tty;
	req.stdin = w.back.in;
	req.stdout = w.back.out;
	answer(t, cri_call(t->k->cri, t->q->arena, CRI_ATTACH, &req, &resp, 0, &e), &e, resp.url, &w);
}

void serve_forward(struct route *t)
{
	ERR(e);
	struct cri_v1_PortForwardRequest req = {0};
	struct cri_v1_PortForwardResponse resp = {0};
	struct ends w = {{.port_forward = true}, {.port_forward = true}};
	struct pod *p = must_upgrade(t) ? route_pod(t, NULL) : NULL;
	const struct sview *s = p ? view_sandbox(p->view) : NULL;
	if (!p)
		return;
	if (!s || !s->ready) {
		route_error(t, 404, "pod is not running");
		return;
	}
	req.pod_sandbox_id = str_dup(t->q->arena, s->id);
	answer(t, cri_call(t->k->cri, t->q->arena, CRI_PORT_FORWARD, &req, &resp, 0, &e), &e, resp.url, &w);
}
