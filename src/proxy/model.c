#include "proxy/model.h"
#include "base/log.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "schema/reflect.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define LABEL_PROXY_NAME "service.kubernetes.io/service-proxy-name"
#define LABEL_SERVICE_NAME "kubernetes.io/service-name"
#define LABEL_HEADLESS "service.kubernetes.io/headless"

void model_init(struct model *m)
{
	*m = (struct model){0};
	list_init(&m->dirty);
}

static void svc_free(struct svc *s)
{
	for (int f = 0; f < PROXY_FAMILIES; f++)
		free(s->applied[f]);
	free(s->spec);
	free(s->key);
	free(s);
}

void model_fini(struct model *m)
{
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&m->slices, &i));)
		free(e->value);
	for (size_t i = 0; (e = map_next(&m->svcs, &i));)
		svc_free(e->value);
	map_fini(&m->slices);
	map_fini(&m->svcs);
}

void model_mark(struct model *m, struct svc *s)
{
	if (!list_linked(&s->dirty))
		list_push(&m->dirty, &s->dirty);
}

static void *must(void *p)
{
	if (!p)
		abort(); /* small and fixed in number per object */
	return p;
}

/* "ns/name" on the heap; *ret_ns and *ret_name point into it. */
static char *make_key(struct str ns, struct str name, struct str *ret_ns, struct str *ret_name)
{
	char *z = must(malloc(ns.n + name.n + 2));
	snprintf(z, ns.n + name.n + 2, "%.*s/%.*s", STR_F(ns), STR_F(name));
	*ret_ns = str_n(z, ns.n);
	*ret_name = str_n(z + ns.n + 1, name.n);
	return z;
}

struct svc *model_svc(struct model *m, struct str ns, struct str name)
{
	struct str own_ns, own_name;
	char *key = make_key(ns, name, &own_ns, &own_name);
	struct svc *s = map_get(&m->svcs, str_of(key));
	if (s) {
		free(key);
	} else {
		s = must(calloc(1, sizeof *s));
		s->key = key, s->ns = own_ns, s->name = own_name;
		map_set(&m->svcs, str_of(key), s);
	}
	model_mark(m, s);
	return s;
}

void model_reap(struct model *m, struct svc *s)
{
	if (s->busy || s->spec || s->slices || s->applied[PROXY_V4] || s->applied[PROXY_V6])
		return;
	list_remove(&s->dirty);
	map_del(&m->svcs, str_of(s->key));
	svc_free(s);
}

/* ---- one block for everything: first measured, then filled ---- */

struct bump { char *at, *end; };

static void *take(struct bump *b, size_t n)
{
	char *p = b->at;
	b->at += (n + 7) & ~(size_t)7;
	invariant(b->at <= b->end);
	return p;
}

static struct str take_str(struct bump *b, struct str s)
{
	if (!s.p)
		return s;
	char *p = take(b, s.n);
	if (s.n)
		memcpy(p, s.p, s.n);
	return str_n(p, s.n);
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static uint8_t proto_of(struct str s)
{
	if (str_is(s, "UDP"))
		return IPPROTO_UDP;
	return str_is(s, "SCTP") ? IPPROTO_SCTP : IPPROTO_TCP;
}

static void add_ip(struct ip_list *l, struct str text)
{
	if (!net_ip_parse(str_trim(text), &l->items[l->len]))
		l->len++;
}

static void take_ips(struct bump *b, struct ip_list *l, const str_list_t *from)
{
	*l = (struct ip_list){take(b, from->len * sizeof(struct net_ip)), 0};
	LIST_EACH(s, *from)
		add_ip(l, *s);
}

/* Of a load balancer that delivers to the address itself; with mode Proxy it delivers to node ports (KEP-1860). */
static void take_lb_ips(struct bump *b, struct ip_list *l, const struct core_v1_LoadBalancerStatus *st)
{
	*l = (struct ip_list){take(b, st->ingress.len * sizeof(struct net_ip)), 0};
	LIST_EACH(i, st->ingress)
		if (i->ip.n && (!i->ipMode.p || str_is(i->ipMode, "VIP")))
			add_ip(l, i->ip);
}

/* clusterIP alone is what old writers set. */
static void take_cluster_ips(struct bump *b, struct ip_list *l, const struct core_v1_ServiceSpec *spec)
{
	*l = (struct ip_list){take(b, (spec->clusterIPs.len + 1) * sizeof(struct net_ip)), 0};
	LIST_EACH(s, spec->clusterIPs)
		add_ip(l, *s);
	if (!spec->clusterIPs.len)
		add_ip(l, spec->clusterIP);
}

static size_t service_bytes(const struct core_v1_Service *o)
{
	const struct core_v1_ServiceSpec *s = &o->spec;
	size_t ips = s->clusterIPs.len + 1 + s->externalIPs.len + s->loadBalancerSourceRanges.len + o->status.loadBalancer.ingress.len;
	size_t n = padded(sizeof(struct svc_spec)) + padded(s->ports.len * sizeof(struct svc_port)) + ips * sizeof(struct net_ip) + 4 * 8;
	LIST_EACH(p, s->ports)
		n += padded(p->name.n);
	return n;
}

static uint32_t affinity_of(const struct core_v1_ServiceSpec *s)
{
	if (!str_is(s->sessionAffinity, "ClientIP"))
		return 0;
	const struct core_v1_SessionAffinityConfig *c = s->sessionAffinityConfig;
	return c && c->clientIP && c->clientIP->has_timeoutSeconds ? (uint32_t)c->clientIP->timeoutSeconds : PROXY_AFFINITY_S;
}

static void take_ports(struct bump *b, struct svc_spec *s, const struct core_v1_ServiceSpec *from)
{
	s->ports = take(b, from->ports.len * sizeof *s->ports);
	LIST_EACH(p, from->ports)
		s->ports[s->nports++] = (struct svc_port){take_str(b, p->name), proto_of(p->protocol), (uint16_t)p->port, (uint16_t)p->nodePort};
}

static struct svc_spec *make_spec(const struct core_v1_Service *o)
{
	size_t n = service_bytes(o);
	char *block = must(calloc(1, n));
	struct bump b = {block, block + n};
	struct svc_spec *s = take(&b, sizeof *s);
	take_ports(&b, s, &o->spec);
	take_cluster_ips(&b, &s->cluster_ips, &o->spec);
	take_ips(&b, &s->external_ips, &o->spec.externalIPs);
	take_ips(&b, &s->source_ranges, &o->spec.loadBalancerSourceRanges);
	take_lb_ips(&b, &s->lb_ips, &o->status.loadBalancer);
	s->affinity_s = affinity_of(&o->spec);
	s->external_local = str_is(o->spec.externalTrafficPolicy, "Local");
	s->internal_local = str_is(o->spec.internalTrafficPolicy, "Local");
	s->health_port = (uint16_t)(str_is(o->spec.type, "LoadBalancer") && s->external_local ? o->spec.healthCheckNodePort : 0);
	return s;
}

static bool is_ours(const struct core_v1_Service *o)
{
	const struct core_v1_ServiceSpec *s = &o->spec;
	return s->clusterIP.n && !str_is(s->clusterIP, "None") && !str_is(s->type, "ExternalName") && !str_map_has(&o->metadata.labels, STR(LABEL_PROXY_NAME));
}

void model_set_service(struct model *m, const struct core_v1_Service *o)
{
	if (!is_ours(o)) {
		model_delete_service(m, o->metadata.namespace, o->metadata.name);
		return;
	}
	struct svc *s = model_svc(m, o->metadata.namespace, o->metadata.name);
	free(s->spec);
	s->spec = make_spec(o);
	m->health_generation++;
}

void model_delete_service(struct model *m, struct str ns, struct str name)
{
	struct svc *s = model_svc(m, ns, name);
	free(STEAL(s->spec));
	m->health_generation++;
	model_reap(m, s);
}

/* ---- slices ---- */

static size_t hint_bytes(const struct discovery_v1_Endpoint *e)
{
	size_t n = 0;
	if (!e->hints)
		return 0;
	LIST_EACH(z, e->hints->forZones)
		n += z->name.n + 1;
	LIST_EACH(z, e->hints->forNodes)
		n += z->name.n + 1;
	return n + 16;
}

static size_t slice_bytes(const struct discovery_v1_EndpointSlice *o)
{
	size_t n = padded(sizeof(struct slice)) + padded(o->metadata.namespace.n + o->metadata.name.n + 2);
	n += padded(o->ports.len * sizeof(struct slice_port)) + padded(o->endpoints.len * sizeof(struct slice_endpoint));
	LIST_EACH(p, o->ports)
		n += padded(p->name.n);
	LIST_EACH(e, o->endpoints)
		n += hint_bytes(e);
	return n;
}

/* Appends a name to the joined list that is being built at the end of the block. */
static void join(struct str *list, char *at, struct str name)
{
	if (list->p)
		at[list->n] = ',';
	size_t from = list->p ? list->n + 1 : 0;
	memcpy(at + from, name.p, name.n);
	*list = str_n(at, from + name.n);
}

static void take_hints(struct bump *b, struct slice_endpoint *to, const struct discovery_v1_EndpointHints *h)
{
	if (!h)
		return;
	LIST_EACH(z, h->forZones)
		join(&to->zones, b->at, z->name);
	take(b, to->zones.n);
	LIST_EACH(z, h->forNodes)
		join(&to->nodes, b->at, z->name);
	take(b, to->nodes.n);
}

/* Unset conditions read as ready and serving (discovery/v1). */
static uint8_t flags_of(const struct model *m, const struct discovery_v1_Endpoint *e)
{
	const struct discovery_v1_EndpointConditions *c = &e->conditions;
	bool ready = !c->has_ready || c->ready, serving = !c->has_serving || c->serving, terminating = c->has_terminating && c->terminating;
	return (uint8_t)((ready ? EP_READY : 0) | (serving ? EP_SERVING : 0) | (terminating ? EP_TERMINATING : 0) |
		(e->nodeName.n && str_eq(e->nodeName, m->node_name) ? EP_LOCAL : 0));
}

static struct slice *make_slice(const struct model *m, const struct discovery_v1_EndpointSlice *o)
{
	size_t n = slice_bytes(o);
	char *block = must(calloc(1, n));
	struct bump b = {block, block + n};
	struct slice *s = take(&b, sizeof *s);
	size_t key = o->metadata.namespace.n + o->metadata.name.n + 2;
	char *z = take(&b, key);
	snprintf(z, key, "%.*s/%.*s", STR_F(o->metadata.namespace), STR_F(o->metadata.name));
	s->key = str_of(z);
	s->family = str_is(o->addressType, "IPv6") ? AF_INET6 : AF_INET;
	s->ports = take(&b, o->ports.len * sizeof *s->ports);
	s->endpoints = take(&b, o->endpoints.len * sizeof *s->endpoints);
	LIST_EACH(p, o->ports)
		if (p->has_port)
			s->ports[s->nports++] = (struct slice_port){take_str(&b, p->name), proto_of(p->protocol), (uint16_t)p->port};
	/* Of an endpoint's addresses only the first is used, as the API says. */
	LIST_EACH(e, o->endpoints) {
		struct slice_endpoint *to = &s->endpoints[s->nendpoints];
		if (!e->addresses.len || net_ip_parse(e->addresses.items[0], &to->ip))
			continue;
		to->flags = flags_of(m, e);
		take_hints(&b, to, e->hints);
		s->nendpoints++;
	}
	return s;
}

static void unlink_slice(struct model *m, struct slice *sl)
{
	struct slice **at = &sl->svc->slices;
	while (*at != sl)
		at = &(*at)->next;
	*at = sl->next;
	m->nendpoints -= sl->nendpoints;
	model_mark(m, sl->svc);
}

static void link_slice(struct model *m, struct svc *s, struct slice *sl)
{
	struct slice **at = &s->slices;
	while (*at && str_cmp((*at)->key, sl->key) < 0)
		at = &(*at)->next;
	sl->svc = s;
	sl->next = *at;
	*at = sl;
	m->nendpoints += sl->nendpoints;
}

static void drop_slice(struct model *m, struct str key)
{
	struct slice *old = map_del(&m->slices, key);
	if (!old)
		return;
	struct svc *s = old->svc;
	unlink_slice(m, old);
	free(old);
	model_reap(m, s);
}

void model_set_slice(struct model *m, const struct discovery_v1_EndpointSlice *o)
{
	struct str service = str_map_get(&o->metadata.labels, STR(LABEL_SERVICE_NAME));
	bool skip = !service.n || str_map_has(&o->metadata.labels, STR(LABEL_PROXY_NAME)) || str_map_has(&o->metadata.labels, STR(LABEL_HEADLESS)) ||
		str_is(o->addressType, "FQDN");
	if (skip) {
		model_delete_slice(m, o->metadata.namespace, o->metadata.name);
		return;
	}
	/* The Service first, so that it lives on when the old slice was its last trace. */
	struct slice *sl = make_slice(m, o);
	struct svc *s = model_svc(m, o->metadata.namespace, service);
	struct slice *old = map_del(&m->slices, sl->key);
	link_slice(m, s, sl);
	if (old) {
		struct svc *was = old->svc;
		unlink_slice(m, old);
		free(old);
		model_reap(m, was);
	}
	map_set(&m->slices, sl->key, sl);
	m->health_generation++;
}

void model_delete_slice(struct model *m, struct str ns, struct str name)
{
	struct str own_ns, own_name;
	char *key = make_key(ns, name, &own_ns, &own_name);
	drop_slice(m, str_of(key));
	free(key);
	m->health_generation++;
}
