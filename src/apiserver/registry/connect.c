/* Requests that end elsewhere: where to, and how they get there.  Logs are in connect_log.c, proxies in connect_proxy.c, streams here.
 *
 * A WebSocket client is joined to the kubelet's SPDY streams (every CRI runtime speaks those); SPDY clients are spliced through as they are. */
#include "apiserver/registry/connect.h"
#include "api/ip.h"
#include "api/meta.h"
#include "api/node.h"
#include "api/pod.h"
#include "codec/json.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "net/stream.h"
#include <errno.h>

#define KUBELET_PORT 10250

/* ---- where to ---- */

void target_fini(struct target *t)
{
	http_client_free(t->client);
	tls_unref(t->tls);
}

int connect_to(struct target *t, const char *scheme, struct str host, int port, struct err *e)
{
	struct str hp = host_port_join(t->r->arena, host, (unsigned)port);
	struct http_client_opts o = {.url = str_printf(t->r->arena, "%s://%.*s", scheme, STR_F(hp)).p, .tls = t->tls, .http1_only = true};
	t->url = str_of(o.url);
	t->client = http_client_new(&o, e);
	return t->client ? 0 : -1;
}

/* As Go tells why there is no connection; NULL: it was something else. */
static const char *dial_text(int sys)
{
	switch (sys) {
	case ECONNREFUSED: return "connect: connection refused";
	case EHOSTUNREACH: return "connect: no route to host";
	case ENETUNREACH: return "connect: network is unreachable";
	case ETIMEDOUT: return "i/o timeout";
	default: return NULL;
	}
}

int connect_not_made(const struct target *t, const char *how, struct err *e)
{
	const char *why = dial_text(e->sys);
	if (!why || !t->url.n)
		return -1;
	struct str place = str_sub(t->url, (size_t)str_find(t->url, STR("://")) + 3, t->url.n), dial = str_printf(t->r->arena, "dial tcp %.*s: %s", STR_F(place), why);
	if (!how)
		return err_set(e, ERR_UNKNOWN, "error dialing backend: %.*s", STR_F(dial));
	struct str text = str_printf(t->r->arena, "%s \"%.*s%.*s\": %.*s", how, STR_F(t->url), STR_F(t->path), STR_F(dial));
	if (!strcmp(how, "Get"))
		return err_set(e, ERR_UNKNOWN, "%.*s", STR_F(text));
	err_set(e, ERR_INTERNAL, "Internal error occurred: error sending request: %.*s", STR_F(text));
	return err_cause(e, "", (struct str){0}, "error sending request: %.*s", STR_F(text));
}

/* The one the API server shows itself to kubelets with; without a CA kubelets are believed. */
static struct tls *kubelet_tls(const struct target *g, struct err *e)
{
	const struct server_opts *o = server_options(g->r->server);
	bool verify = o->kubelet_ca_file.n && !g->unverified;
	struct tls_client_opts t = {.ca.file = verify ? o->kubelet_ca_file.p : NULL, .http1_only = true, .insecure = !verify};
	if (o->kubelet_client_cert_file.n && o->kubelet_client_key_file.n) {
		t.cert.file = o->kubelet_client_cert_file.p;
		t.key.file = o->kubelet_client_key_file.p;
	}
	return tls_client_new(&t, e);
}

const void *connect_look_up(struct request *r, const char *group, const char *plural, struct str ns, struct str name, struct err *e)
{
	struct cache_table *t = cache_table_by_name(server_cache(r->server), group, plural);
	struct object *o = cache_lookup(server_cache(r->server), t, ns, name);
	if (!o)
		return NULL;
	arena_defer(r->arena, (void (*)(void *))object_unref, o);
	return object_decode(o, r->arena, e);
}

static struct str kubelet_host(const struct core_v1_Node *n)
{
	static const char *const types[] = {"InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct str s = node_address(n, types[i]);
		if (s.n)
			return s;
	}
	return n->metadata.name;
}

int connect_node(struct request *r, struct str name, struct node_place *ret, struct err *e)
{
	const struct core_v1_Node *n = connect_look_up(r, "", "nodes", STR(""), name, e);
	if (n) {
		int port = n->status.daemonEndpoints.kubeletEndpoint.Port;
		*ret = (struct node_place){kubelet_host(n), port ? port : KUBELET_PORT};
		return 0;
	}
	err_set(e, ERR_NOT_FOUND, "%s \"%.*s\" not found", desc_z(r->res->plural), STR_F(name)); /* "pods" where the request is for a Pod */
	err_object(e, STR(""), desc_str(r->res->plural), name);
	return -1;
}

int connect_to_kubelet(struct target *t, struct str node, struct err *e)
{
	struct node_place at;
	if (connect_node(t->r, node, &at, e))
		return -1;
	t->tls = kubelet_tls(t, e);
	return t->tls ? connect_to(t, "https", at.host, at.port, e) : -1;
}

/* ---- which container ---- */

static struct str all_containers(struct arena *a, const struct core_v1_PodSpec *s)
{
	BUF(b);
	LIST_EACH(c, s->initContainers)
		buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_F(c->name));
	LIST_EACH(c, s->containers)
		buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_F(c->name));
	LIST_EACH(c, s->ephemeralContainers)
		buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_F(c->ephemeralContainerCommon.name));
	return buf_take(&b, a);
}

int connect_container(struct request *r, const struct core_v1_Pod *p, struct str *ret, struct err *e)
{
	const struct core_v1_PodSpec *s = &p->spec;
	struct str name = p->metadata.name, dflt = meta_annotation(&p->metadata, "kubectl.kubernetes.io/default-container");
	if (query_get(r, STR("container"), ret) && ret->n)
		return pod_has_container(s, *ret) ? 0 : err_set(e, ERR_BAD_REQUEST, "container %.*s is not valid for pod %.*s", STR_F(*ret), STR_F(name));
	if (s->containers.len == 1 && !s->initContainers.len && !s->ephemeralContainers.len)
		return *ret = s->containers.items[0].name, 0;
	if (dflt.n && pod_has_container(s, dflt))
		return *ret = dflt, 0;
	if (s->containers.len == 1)
		return *ret = s->containers.items[0].name, 0;
	return err_set(e, ERR_BAD_REQUEST, "a container name must be specified for pod %.*s, choose one of: [%.*s]", STR_F(name), STR_F(all_containers(r->arena, s)));
}

const struct core_v1_Pod *connect_pod(struct request *r, struct err *e)
{
	const struct core_v1_Pod *p = connect_look_up(r, "", "pods", r->at.ns, r->at.name, e);
	if (!p)
		(void)request_not_found(r, r->at.name, e);
	return p;
}

void connect_put_query(struct buf *b, struct str name, struct str value)
{
	buf_printf(b, "%c%.*s=", str_index(buf_view(b), '?', 0) < 0 ? '?' : '&', STR_F(name));
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.' || c == '~';
		if (plain)
			buf_char(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

int connect_hand_on(struct target *t, struct err *e)
{
	static const struct str drop[] = {STR_INIT("authorization"), STR_INIT("accept-encoding"), STR_INIT("cookie")};
	struct http_proxy p = {.path = t->path, .drop = drop, .ndrop = ARRAY_LEN(drop), .deadline = rt_now() + CONNECT_WAIT};
	return http_proxy(t->client, t->r->http, t->r->resp, &p, e) < 0 ? connect_not_made(t, NULL, e) : 0;
}

/* In process there is no connection to hand on to. */
int connect_need_wire(struct request *r, struct err *e)
{
	return r->http ? 0 : err_set(e, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
}

/* ---- streams ---- */

static bool query_true(struct request *r, const char *name)
{
	struct str v;
	return query_get(r, str_of(name), &v) && bool_of_query(v);
}

#define FORWARD_PORTS_MAX 64 /* ports named in one port-forward request */

static void port_list(struct request *r, struct stream_want *w)
{
	struct str rest = r->http->query, name, value, one;
	uint16_t *ports = arena_array(r->arena, uint16_t, FORWARD_PORTS_MAX);
	while (rest.n && query_next(r->arena, &rest, &name, &value))
		if (str_is(name, "ports"))
			while (w->nports < FORWARD_PORTS_MAX && str_next(&value, ',', &one)) {
				int64_t n;
				if (!str_i64(one, &n) && n > 0 && n < 65536)
					ports[w->nports++] = (uint16_t)n;
			}
	w->ports = ports;
}

/* The client's WebSocket is taken all the same, and its error stream says why nothing follows. */
static int tell_in_stream(struct target *t, const struct stream_want *w, struct err *e)
{
	struct stream_set set;
	struct str why = str_dup(t->r->arena, e->message), lead = STR("Internal error occurred: ");
	if (str_has_prefix(why, lead))
		why = str_sub(why, lead.n, why.n);
	err_set(e, ERR_INTERNAL, "%.*s%.*s", STR_F(lead), STR_F(why));
	err_cause(e, "", (struct str){0}, "%.*s", STR_F(why));
	CLEANUP(stream_conn_close) struct stream_conn *front = stream_accept(t->r->http, t->r->resp, w, e);
	if (!front)
		return -1;
	BUF(json);
	ERR(over);
	json_encode(&json, (struct ref){desc_type(T_meta_v1_Status), status_from_err(t->r->arena, e)});
	if (stream_exec_set(front, &set, rt_now() + CONNECT_WAIT, &over) == 0)
		(void)!stream_write(set.s[STREAM_ERROR], json.p, json.n, rt_now() + CONNECT_WAIT);
	return 0;
}

static int join_streams(struct target *t, const struct stream_want *w, struct err *e)
{
	struct http_call q = {.method = STR("POST"), .path = t->path, .deadline = rt_now() + CONNECT_WAIT};
	CLEANUP(stream_conn_close) struct stream_conn *back = stream_dial(t->client, &q, STREAM_SPDY, w, e);
	if (!back)
		return connect_not_made(t, w->port_forward ? NULL : "Post", e), w->port_forward ? -1 : tell_in_stream(t, w, e);
	CLEANUP(stream_conn_close) struct stream_conn *front = stream_accept(t->r->http, t->r->resp, w, e);
	if (!front)
		return -1;
	ERR(over); /* what goes wrong from here on has been told in the streams */
	(void)stream_bridge(front, back, &over);
	return 0;
}

static bool is_websocket(const struct http_req *q) { return req_header_has(q, STR("upgrade"), STR("websocket")); }

static int stream_to_kubelet(struct request *r, struct str node, struct str path, const struct stream_want *w, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r, .path = path};
	/* A GET that upgrades does what a POST does: it needs the same permission. */
	if (request_authorize(r, STR("create"), e) || connect_to_kubelet(t, node, e))
		return -1;
	return is_websocket(r->http) ? join_streams(t, w, e) : connect_hand_on(t, e);
}

static int no_host(struct request *r, struct err *e) { return err_set(e, ERR_BAD_REQUEST, "pod %.*s does not have a host assigned", STR_F(r->at.name)); }

/* exec and attach: /exec/NS/POD/CONTAINER?command=...&input=1&output=1 */
static int run_in_container(struct request *r, const char *what, struct err *e)
{
	struct str container, rest, name, value;
	struct stream_want w = {query_true(r, "stdin"), query_true(r, "stdout"), query_true(r, "stderr"), query_true(r, "tty")};
	BUF(path);
	if (connect_need_wire(r, e))
		return -1;
	const struct core_v1_Pod *p = connect_pod(r, e);
	if (!p || connect_container(r, p, &container, e))
		return -1;
	if (!p->spec.nodeName.n)
		return no_host(r, e);
	buf_printf(&path, "/%s/%.*s/%.*s/%.*s", what, STR_F(r->at.ns), STR_F(r->at.name), STR_F(container));
	for (rest = r->http->query; rest.n && query_next(r->arena, &rest, &name, &value);)
		if (str_is(name, "command"))
			connect_put_query(&path, name, value);
	static const char *const names[] = {"error", "input", "output", "tty"};
	const bool on[] = {w.err && !w.tty, w.in, w.out, w.tty};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (on[i])
			connect_put_query(&path, str_of(names[i]), STR("1"));
	w.err = w.err && !w.tty;
	return stream_to_kubelet(r, p->spec.nodeName, buf_take(&path, r->arena), &w, e);
}

int pod_exec(struct request *r, struct err *e) { return run_in_container(r, "exec", e); }
int pod_attach(struct request *r, struct err *e) { return run_in_container(r, "attach", e); }

int pod_portforward(struct request *r, struct err *e)
{
	struct stream_want w = {.port_forward = true};
	const struct core_v1_Pod *p = connect_need_wire(r, e) ? NULL : connect_pod(r, e);
	if (!p)
		return -1;
	if (!p->spec.nodeName.n)
		return no_host(r, e);
	port_list(r, &w);
	struct str path = str_printf(r->arena, "/portForward/%.*s/%.*s", STR_F(r->at.ns), STR_F(r->at.name));
	return stream_to_kubelet(r, p->spec.nodeName, path, &w, e);
}
