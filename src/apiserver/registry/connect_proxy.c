/* Proxies to nodes, Pods and Services. */
#include "apiserver/registry/connect.h"
#include "api/ip.h"
#include "api/meta.h"
#include "api/pod.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"

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

/* A page's own relative links work only under a path that ends with a slash.  True: answered. */
static bool sent_to_slash(struct request *r)
{
	struct str q = r->http->query;
	bool reads = str_is(r->http->method, "GET") || str_is(r->http->method, "HEAD");
	if (r->sub_path.n || !reads || str_has_suffix(r->at.path, STR("/")) || req_header(r->http, STR("upgrade")).n)
		return false;
	resp_header(r->resp, STR("location"), str_printf(r->arena, "%.*s/%s%.*s", STR_F(r->at.path), q.n ? "?" : "", STR_F(q)));
	r->answer = (struct answer){.kind = ANSWER_NONE, .code = 301, .remaining = -1};
	return true;
}

static int proxy_to(struct request *r, struct str scheme, struct str host, int port, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	bool https = str_is(scheme, "https");
	if (sent_to_slash(r))
		return 0;
	struct tls_client_opts o = {.insecure = true, .http1_only = true};
	if (https && !(t->tls = tls_client_new(&o, e)))
		return -1;
	proxy_path(t);
	return connect_to(t, https ? "https" : "http", host, port, e) ? -1 : connect_hand_on(t, e);
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
	if (connect_need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at))
		return err_set(e, ERR_BAD_REQUEST, "invalid pod request \"%.*s\"", STR_F(r->at.name));
	const struct core_v1_Pod *p = connect_look_up(r, "", "pods", r->at.ns, at.name, e);
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

/* The kubelet's port gets the API server's credentials; other ports of the node do not. */
int node_proxy(struct request *r, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	struct node_place node;
	struct place at;
	int64_t port = 0;
	if (connect_need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at) || (at.port.n && str_i64(at.port, &port)))
		return err_set(e, ERR_BAD_REQUEST, "invalid node request \"%.*s\"", STR_F(r->at.name));
	if (connect_node(r, at.name, &node, e))
		return -1;
	if (at.port.n && port != node.port)
		return allowed_address(node.host) ? proxy_to(r, at.scheme, node.host, (int)port, e) : err_set(e, ERR_BAD_REQUEST, "address not allowed");
	if (sent_to_slash(r))
		return 0;
	proxy_path(t);
	return connect_to_kubelet(t, at.name, e) ? -1 : connect_hand_on(t, e);
}

static int service_missing(struct str name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "services \"%.*s\" not found", STR_F(name));
	err_object(e, STR(""), STR("services"), name);
	return -1;
}

/* The name of the port with this number. */
static int port_name(struct request *r, struct str service, int64_t number, struct str *ret, struct err *e)
{
	const struct core_v1_Service *s = connect_look_up(r, "", "services", r->at.ns, service, e);
	if (!s)
		return service_missing(service, e);
	LIST_EACH(p, s->spec.ports)
		if (p->port == number) {
			*ret = p->name;
			return 0;
		}
	return err_set(e, ERR_SERVICE_UNAVAILABLE, "no service port %lld found for service \"%.*s\"", (long long)number, STR_F(service));
}

struct choice {
	struct str ip;
	int port;
	uint32_t seen, slices;
};

/* An address that is not a Pod's own could be anything: whoever writes endpoints must not reach it through us. */
static bool is_pods(struct request *r, const struct discovery_v1_Endpoint *ep)
{
	const struct core_v1_ObjectReference *t = ep->targetRef;
	ERR(e);
	if (!t || !str_is(t->kind, "Pod") || !str_eq(t->namespace, r->at.ns))
		return false;
	const struct core_v1_Pod *p = connect_look_up(r, "", "pods", t->namespace, t->name, &e);
	if (!p)
		return false;
	LIST_EACH(ip, p->status.podIPs)
		if (str_eq(ip->ip, ep->addresses.items[0]))
			return true;
	return str_eq(p->status.podIP, ep->addresses.items[0]);
}

/* Any ready endpoint, each as likely. */
static void choose_endpoint(struct request *r, const struct discovery_v1_EndpointSlice *s, struct str port, struct choice *c)
{
	LIST_EACH(p, s->ports)
		if (str_eq(p->name, port))
			LIST_EACH(ep, s->endpoints)
				if (ep->addresses.len && (!ep->conditions.has_ready || ep->conditions.ready) && is_pods(r, ep) && rt_random_below(++c->seen) == 0) {
					c->ip = str_dup(r->arena, ep->addresses.items[0]);
					c->port = p->port;
				}
}

static void find_endpoint(struct request *r, struct str service, struct str port, struct choice *c)
{
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(server_cache(r->server), cache_table_by_name(server_cache(r->server), "discovery.k8s.io", "endpointslices"), &pin);
	cache_seek(&it, &pin, r->at.ns, r->at.ns, STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		const struct discovery_v1_EndpointSlice *es = object_decode(o, r->arena, NULL);
		if (!es || !str_eq(meta_label(&es->metadata, "kubernetes.io/service-name"), service))
			continue;
		c->slices++;
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
	int64_t number;
	if (connect_need_wire(r, e))
		return -1;
	if (place_parse(r->at.name, &at))
		return err_set(e, ERR_BAD_REQUEST, "invalid service request \"%.*s\"", STR_F(r->at.name));
	if (at.port.n && str_i64(at.port, &number) == 0 && port_name(r, at.name, number, &at.port, e))
		return -1;
	find_endpoint(r, at.name, at.port, &c);
	if (!c.slices)
		return service_missing(at.name, e);
	if (!c.seen)
		return no_endpoints(r->at.name, e);
	return allowed_address(c.ip) ? proxy_to(r, at.scheme, c.ip, c.port, e) : err_set(e, ERR_BAD_REQUEST, "address not allowed");
}
