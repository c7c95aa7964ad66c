/* Requests that end elsewhere: log, exec, attach and port-forward at the kubelet of the Pod; proxies to nodes, Pods and Services.
 *
 * A WebSocket client is joined to the kubelet's SPDY streams (every CRI runtime speaks those); SPDY clients are spliced through as they are. */
#include "api/ip.h"
#include "api/meta.h"
#include "api/node.h"
#include "api/pod.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/handlers.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "net/stream.h"

#define KUBELET_PORT 10250
#define CONNECT_WAIT (30 * NS_S) /* for the other side's first words */

/* ---- where to ---- */

struct target {
	struct request *r;
	struct str path;       /* with its query */
	struct http_client *client;
	struct tls *tls;
};

static void target_fini(struct target *t)
{
	http_client_free(t->client);
	tls_unref(t->tls);
}
CLEANUP_FN(target_fini, struct target *)

static int connect_to(struct target *t, const char *scheme, struct str host, int port, struct err *e)
{
	struct str hp = host_port_join(t->r->arena, host, (unsigned)port);
	struct http_client_opts o = {.url = str_printf(t->r->arena, "%s://%.*s", scheme, STR_F(hp)).p, .tls = t->tls, .http1_only = true};
	t->client = http_client_new(&o, e);
	return t->client ? 0 : -1;
}

/* The one the API server shows itself to kubelets with; without a CA kubelets are believed. */
static struct tls *kubelet_tls(struct request *r, struct err *e)
{
	const struct server_opts *o = server_options(r->server);
	struct tls_client_opts t = {.ca.file = o->kubelet_ca_file.n ? o->kubelet_ca_file.p : NULL, .http1_only = true, .insecure = !o->kubelet_ca_file.n};
	if (o->kubelet_client_cert_file.n && o->kubelet_client_key_file.n) {
		t.cert.file = o->kubelet_client_cert_file.p;
		t.key.file = o->kubelet_client_key_file.p;
	}
	return tls_client_new(&t, e);
}

static const void *look_up(struct request *r, const char *group, const char *plural, struct str ns, struct str name, struct err *e)
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

static int connect_to_kubelet(struct target *t, struct str node, struct err *e)
{
	const struct core_v1_Node *n = look_up(t->r, "", "nodes", STR(""), node, e);
	if (!n)
		return request_not_found(t->r, node, e);
	int port = n->status.daemonEndpoints.kubeletEndpoint.Port;
	t->tls = kubelet_tls(t->r, e);
	return t->tls ? connect_to(t, "https", kubelet_host(n), port ? port : KUBELET_PORT, e) : -1;
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

static bool has_container(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(c, s->ephemeralContainers)
		if (str_eq(c->ephemeralContainerCommon.name, name))
			return true;
	return pod_container(s, name) != NULL;
}

static int choose_container(struct request *r, const struct core_v1_Pod *p, struct str *ret, struct err *e)
{
	const struct core_v1_PodSpec *s = &p->spec;
	struct str name = p->metadata.name, dflt = meta_annotation(&p->metadata, "kubectl.kubernetes.io/default-container");
	if (query_get(r, STR("container"), ret) && ret->n)
		return has_container(s, *ret) ? 0 : err_set(e, ERR_BAD_REQUEST, "container %.*s is not valid for pod %.*s", STR_F(*ret), STR_F(name));
	if (s->containers.len == 1 && !s->initContainers.len && !s->ephemeralContainers.len)
		return *ret = s->containers.items[0].name, 0;
	if (dflt.n && has_container(s, dflt))
		return *ret = dflt, 0;
	if (s->containers.len == 1)
		return *ret = s->containers.items[0].name, 0;
	return err_set(e, ERR_BAD_REQUEST, "a container name must be specified for pod %.*s, choose one of: [%.*s]", STR_F(name), STR_F(all_containers(r->arena, s)));
}

static const struct core_v1_Pod *the_pod(struct request *r, struct err *e)
{
	const struct core_v1_Pod *p = look_up(r, "", "pods", r->at.ns, r->at.name, e);
	if (!p)
		(void)request_not_found(r, r->at.name, e);
	return p;
}

/* ---- log ---- */

static int bad_option(const char *field, const char *why, struct str v, struct err *e)
{
	err_cause(e, "FieldValueInvalid", str_of(field), "Invalid value: %.*s: %s", STR_F(v), why);
	return -1;
}

struct number { const char *name; int64_t min; const char *why; };
static const struct number log_numbers[] = {
	{"tailLines", 0, "must be greater than or equal to 0"},
	{"limitBytes", 1, "must be greater than 0"},
	{"sinceSeconds", 1, "must be greater than 0"},
};

static void check_numbers(struct request *r, struct err *causes)
{
	for (size_t i = 0; i < ARRAY_LEN(log_numbers); i++) {
		const struct number *n = &log_numbers[i];
		struct str v;
		int64_t x;
		if (query_get(r, str_of(n->name), &v) && !str_i64(v, &x) && x < n->min)
			bad_option(n->name, n->why, v, causes);
	}
}

static int parse_numbers(struct request *r, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(log_numbers); i++) {
		struct str v;
		int64_t x;
		if (query_get(r, str_of(log_numbers[i].name), &v) && str_i64(v, &x))
			return err_set(e, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_F(v));
	}
	return 0;
}

/* The causes become a 422 of PodLogOptions under the Pod's name. */
static int options_invalid(struct request *r, struct err *causes, struct err *e)
{
	if (!causes->ncauses)
		return 0;
	BUF(m);
	for (uint32_t i = 0; i < causes->ncauses; i++)
		buf_printf(&m, "%s%.*s: %.*s", i ? ", " : "", STR_F(causes->causes[i].field), STR_F(causes->causes[i].message));
	bool many = causes->ncauses > 1;
	err_move(e, causes);
	e->message = str_printf(e->mem, "PodLogOptions \"%.*s\" is invalid: %s%.*s%s", STR_F(r->at.name), many ? "[" : "", STR_F(buf_view(&m)), many ? "]" : "");
	err_object(e, (struct str){0}, STR("PodLogOptions"), r->at.name);
	return -1;
}

static int check_log_options(struct request *r, struct err *e)
{
	struct str v, w;
	ERR(causes);
	if (parse_numbers(r, e))
		return -1;
	check_numbers(r, &causes);
	if (query_get(r, STR("sinceSeconds"), &v) && query_get(r, STR("sinceTime"), &w))
		err_cause(&causes, "FieldValueForbidden", STR("[]"), "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
	if (query_get(r, STR("stream"), &v) && !str_is(v, "All"))
		err_cause(&causes, "FieldValueForbidden", STR("stream"), "Forbidden: may not be specified");
	return options_invalid(r, &causes, e);
}

static void put_query(struct buf *b, struct str name, struct str value)
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

/* Hands the options that the kubelet knows on. */
static void log_path(struct request *r, struct str container, struct buf *b)
{
	static const char *const passed[] = {"follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "tailLines", "timestamps"};
	buf_printf(b, "/containerLogs/%.*s/%.*s/%.*s", STR_F(r->at.ns), STR_F(r->at.name), STR_F(container));
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		struct str v;
		if (query_get(r, str_of(passed[i]), &v) && !str_is(v, "false"))
			put_query(b, str_of(passed[i]), v);
	}
}

static int hand_on(struct target *t, struct err *e)
{
	static const struct str drop[] = {STR_INIT("authorization"), STR_INIT("accept-encoding"), STR_INIT("cookie")};
	struct http_proxy p = {.path = t->path, .drop = drop, .ndrop = ARRAY_LEN(drop), .deadline = rt_now() + CONNECT_WAIT};
	return http_proxy(t->client, t->r->http, t->r->resp, &p, e);
}

/* In process there is no connection to hand on to. */
static int need_wire(struct request *r, struct err *e)
{
	return r->http ? 0 : err_set(e, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
}

int pod_log(struct request *r, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	struct str container;
	BUF(path);
	if (need_wire(r, e) || check_log_options(r, e))
		return -1;
	const struct core_v1_Pod *p = the_pod(r, e);
	if (!p || choose_container(r, p, &container, e))
		return -1;
	if (!p->spec.nodeName.n) {
		r->answer = (struct answer){.kind = ANSWER_NONE, .code = 204, .remaining = -1};
		return 0;
	}
	log_path(r, container, &path);
	t->path = buf_take(&path, r->arena);
	return connect_to_kubelet(t, p->spec.nodeName, e) ? -1 : hand_on(t, e);
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

static int join_streams(struct target *t, const struct stream_want *w, struct err *e)
{
	struct http_call q = {.method = STR("POST"), .path = t->path, .deadline = rt_now() + CONNECT_WAIT};
	CLEANUP(stream_conn_close) struct stream_conn *back = stream_dial(t->client, &q, STREAM_SPDY, w, e);
	if (!back)
		return -1;
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
	return is_websocket(r->http) ? join_streams(t, w, e) : hand_on(t, e);
}

static int no_host(struct request *r, struct err *e) { return err_set(e, ERR_BAD_REQUEST, "pod %.*s does not have a host assigned", STR_F(r->at.name)); }

/* exec and attach: /exec/NS/POD/CONTAINER?command=...&input=1&output=1 */
static int run_in_container(struct request *r, const char *what, struct err *e)
{
	struct str container, rest, name, value;
	struct stream_want w = {query_true(r, "stdin"), query_true(r, "stdout"), query_true(r, "stderr"), query_true(r, "tty")};
	BUF(path);
	if (need_wire(r, e))
		return -1;
	const struct core_v1_Pod *p = the_pod(r, e);
	if (!p || choose_container(r, p, &container, e))
		return -1;
	if (!p->spec.nodeName.n)
		return no_host(r, e);
	buf_printf(&path, "/%s/%.*s/%.*s/%.*s", what, STR_F(r->at.ns), STR_F(r->at.name), STR_F(container));
	for (rest = r->http->query; rest.n && query_next(r->arena, &rest, &name, &value);)
		if (str_is(name, "command"))
			put_query(&path, name, value);
	static const char *const names[] = {"input", "output", "error", "tty"};
	const bool on[] = {w.in, w.out, w.err && !w.tty, w.tty};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (on[i])
			put_query(&path, str_of(names[i]), STR("1"));
	w.err = w.err && !w.tty;
	return stream_to_kubelet(r, p->spec.nodeName, buf_take(&path, r->arena), &w, e);
}

int pod_exec(struct request *r, struct err *e) { return run_in_container(r, "exec", e); }
int pod_attach(struct request *r, struct err *e) { return run_in_container(r, "attach", e); }

int pod_portforward(struct request *r, struct err *e)
{
	struct stream_want w = {.port_forward = true};
	const struct core_v1_Pod *p = need_wire(r, e) ? NULL : the_pod(r, e);
	if (!p)
		return -1;
	if (!p->spec.nodeName.n)
		return no_host(r, e);
	port_list(r, &w);
	struct str path = str_printf(r->arena, "/portForward/%.*s/%.*s", STR_F(r->at.ns), STR_F(r->at.name));
	return stream_to_kubelet(r, p->spec.nodeName, path, &w, e);
}

/* ---- proxies ---- */

/* "[scheme:]name[:port]" */
struct place {
	struct str scheme, name, port;
};

static int place_parse(struct str s, struct place *ret)
{
	struct str parts[3], rest = s;
	size_t n = 0;
	while (n < 3 && str_next(&rest, ':', &parts[n]))
		n++;
	if (rest.p || (n == 3 && parts[0].n && !str_is(parts[0], "http") && !str_is(parts[0], "https")))
		return -1;
	*ret = n == 3 ? (struct place){parts[0], parts[1], parts[2]} : n == 2 ? (struct place){STR(""), parts[0], parts[1]} : (struct place){STR(""), s, STR("")};
	return 0;
}

static void proxy_path(struct target *t)
{
	struct str q = t->r->http->query, sub = t->r->sub_path;
	const char *slash = sub.n && sub.p[0] == '/' ? "" : "/";
	t->path = str_printf(t->r->arena, "%s%.*s%s%.*s", slash, STR_F(sub), q.n ? "?" : "", STR_F(q));
}

static int proxy_to(struct request *r, struct str scheme, struct str host, int port, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	bool https = str_is(scheme, "https");
	struct tls_client_opts o = {.insecure = true, .http1_only = true};
	if (https && !(t->tls = tls_client_new(&o, e)))
		return -1;
	proxy_path(t);
	return connect_to(t, https ? "https" : "http", host, port, e) ? -1 : hand_on(t, e);
}

/* No way into the API server's own machine or its neighbours on the link. */
static bool allowed_address(struct str s)
{
	struct ip ip;
	return ip_parse(s, true, &ip) == 0 && !ip_is_loopback(ip) && !ip_is_unspecified(ip) && !ip_is_link_local(ip) && !ip_is_multicast(ip);
}

static int first_port(const struct core_v1_Pod *p)
{
	LIST_EACH(c, p->spec.containers)
		if (c->ports.len)
			return c->ports.items[0].containerPort;
	return 80;
}

int pod_proxy(struct request *r, struct err *e)
{
	struct place at;
	int64_t port = 0;
	if (need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at))
		return err_set(e, ERR_BAD_REQUEST, "invalid pod request \"%.*s\"", STR_F(r->at.name));
	const struct core_v1_Pod *p = look_up(r, "", "pods", r->at.ns, at.name, e);
	if (!p)
		return request_not_found(r, at.name, e);
	struct str ip = p->status.podIPs.len ? p->status.podIPs.items[0].ip : p->status.podIP;
	if (!allowed_address(ip))
		return err_set(e, ERR_BAD_REQUEST, "address not allowed");
	if (!at.port.n)
		port = first_port(p);
	else if (str_i64(at.port, &port))
		port = pod_port(p, &(struct int_or_str){.str = at.port, .is_str = true}, STR("TCP"));
	return proxy_to(r, at.scheme, ip, (int)port, e);
}

int node_proxy(struct request *r, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	struct place at;
	if (need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at))
		return err_set(e, ERR_BAD_REQUEST, "invalid node request \"%.*s\"", STR_F(r->at.name));
	proxy_path(t);
	return connect_to_kubelet(t, at.name, e) ? -1 : hand_on(t, e);
}

/* The name of the Service's port: "" when it has but one without a name. */
static bool service_port_name(const struct core_v1_Service *s, struct str port, struct str *ret)
{
	int64_t n = -1;
	if (!port.n && s->spec.ports.len == 1)
		return *ret = s->spec.ports.items[0].name, true;
	(void)str_i64(port, &n);
	LIST_EACH(p, s->spec.ports)
		if (str_eq(p->name, port) || (n > 0 && p->port == n))
			return *ret = p->name, true;
	return false;
}

struct choice {
	struct str ip;
	int port;
	uint32_t seen;
};

/* Any ready endpoint, each as likely. */
static void choose_endpoint(struct request *r, const struct discovery_v1_EndpointSlice *s, struct str port, struct choice *c)
{
	LIST_EACH(p, s->ports)
		if (str_eq(p->name, port))
			LIST_EACH(ep, s->endpoints)
				if (ep->addresses.len && (!ep->conditions.has_ready || ep->conditions.ready) && rt_random_below(++c->seen) == 0) {
					c->ip = str_dup(r->arena, ep->addresses.items[0]);
					c->port = p->port;
				}
}

static void find_endpoint(struct request *r, const struct core_v1_Service *s, struct str port, struct choice *c)
{
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(server_cache(r->server), cache_table_by_name(server_cache(r->server), "discovery.k8s.io", "endpointslices"), &pin);
	cache_seek(&it, &pin, r->at.ns, r->at.ns, STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		const struct discovery_v1_EndpointSlice *es = object_decode(o, r->arena, NULL);
		if (es && str_eq(meta_label(&es->metadata, "kubernetes.io/service-name"), s->metadata.name))
			choose_endpoint(r, es, port, c);
	}
	cache_unpin(&pin);
}

static int no_endpoints(struct str name, struct err *e)
{
	return err_set(e, ERR_SERVICE_UNAVAILABLE, "no endpoints available for service \"%.*s\"", STR_F(name));
}

int service_proxy(struct request *r, struct err *e)
{
	struct place at;
	struct choice c = {0};
	struct str port;
	if (need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at))
		return err_set(e, ERR_BAD_REQUEST, "invalid service request \"%.*s\"", STR_F(r->at.name));
	const struct core_v1_Service *s = look_up(r, "", "services", r->at.ns, at.name, e);
	if (!s)
		return request_not_found(r, at.name, e);
	if (!service_port_name(s, at.port, &port))
		return err_set(e, ERR_SERVICE_UNAVAILABLE, "no service port \"%.*s\" found for service \"%.*s\"", STR_F(at.port), STR_F(at.name));
	find_endpoint(r, s, port, &c);
	if (!c.seen)
		return no_endpoints(r->at.name, e);
	return allowed_address(c.ip) ? proxy_to(r, at.scheme, c.ip, c.port, e) : err_set(e, ERR_BAD_REQUEST, "address not allowed");
}
