/* Rows of the service network: Services, Endpoints, slices, Ingresses, policies. */
#include "apiserver/registry/cells.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "gen/ids.h"
#include "gen/networking_v1.h"

#define SHOWN_MAX 3 /* addresses, hosts or ports; the rest is "+ n more..." */

static void join(struct buf *out, struct str s)
{
	if (out->n)
		buf_char(out, ',');
	buf_str(out, s);
}

static void put_more(struct buf *out, uint32_t n)
{
	if (n > SHOWN_MAX)
		buf_printf(out, " + %u more...", n - SHOWN_MAX);
}

/* ---- Services ---- */

static void balancer_addresses(struct arena *a, const struct core_v1_LoadBalancerStatus *s, struct buf *out)
{
	struct str *v = arena_array(a, struct str, s->ingress.len + 1);
	size_t n = 0;
	LIST_EACH(i, s->ingress)
		if (i->ip.n || i->hostname.n)
			v[n++] = i->ip.n ? i->ip : i->hostname;
	cells_put_set(out, v, n);
}

static void external_ips(struct arena *a, const struct core_v1_Service *s, struct buf *out)
{
	if (str_is(s->spec.type, "ExternalName")) {
		buf_str(out, s->spec.externalName);
		return;
	}
	bool lb = str_is(s->spec.type, "LoadBalancer");
	if (lb)
		balancer_addresses(a, &s->status.loadBalancer, out);
	LIST_EACH(ip, s->spec.externalIPs)
		join(out, *ip);
	if (!out->n)
		buf_str(out, lb ? STR("<pending>") : NONE);
}

static void service_ports(const struct core_v1_Service *s, struct buf *out)
{
	LIST_EACH(p, s->spec.ports) {
		buf_printf(out, "%s%d", out->n ? "," : "", p->port);
		if (p->nodePort > 0)
			buf_printf(out, ":%d", p->nodePort);
		buf_printf(out, "/%.*s", STR_F(p->protocol));
	}
}

void service_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_Service *s = obj;
	BUF(external);
	BUF(ports);
	external_ips(a, s, &external);
	service_ports(s, &ports);
	cell_str(b, s->metadata.name);
	cell_str(b, s->spec.type);
	cell_or(b, s->spec.clusterIPs.len ? s->spec.clusterIPs.items[0] : s->spec.clusterIP, NONE);
	cell_text(b, &external, NONE);
	cell_text(b, &ports, NONE);
	cell_age(b, s->metadata.creationTimestamp, now);
	cell_str(b, labels_text(a, &s->spec.selector));
}

/* ---- Endpoints ---- */

static void put_endpoint(struct buf *out, uint32_t *n, struct str ip, int32_t port)
{
	if ((*n)++ >= SHOWN_MAX)
		return;
	bool v6 = str_index(ip, ':', 0) >= 0;
	buf_printf(out, "%s%s%.*s%s", out->n ? "," : "", v6 && port ? "[" : "", STR_F(ip), v6 && port ? "]" : "");
	if (port)
		buf_printf(out, ":%d", port);
}

static void subset_text(const struct core_v1_EndpointSubset *s, struct buf *out, uint32_t *n)
{
	LIST_EACH(p, s->ports)
		LIST_EACH(ad, s->addresses)
			put_endpoint(out, n, ad->ip, p->port);
	if (!s->ports.len)
		LIST_EACH(ad, s->addresses)
			put_endpoint(out, n, ad->ip, 0);
}

void endpoints_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_Endpoints *e = obj;
	BUF(text);
	uint32_t n = 0;
	LIST_EACH(s, e->subsets)
		subset_text(s, &text, &n);
	put_more(&text, n);
	cell_str(b, e->metadata.name);
	cell_text(b, &text, e->subsets.len ? STR("") : NONE);
	cell_age(b, e->metadata.creationTimestamp, now);
}

static void slice_ports(const struct discovery_v1_EndpointSlice *s, struct buf *out)
{
	uint32_t n = 0;
	LIST_EACH(p, s->ports) {
		if (n++ >= SHOWN_MAX)
			continue;
		if (p->has_port)
			buf_printf(out, "%s%d", out->n ? "," : "", p->port);
		else
			join(out, p->name.n ? p->name : STR("*"));
	}
	put_more(out, n);
}

static void slice_addresses(const struct discovery_v1_EndpointSlice *s, struct buf *out)
{
	uint32_t n = 0;
	LIST_EACH(e, s->endpoints)
		LIST_EACH(ad, e->addresses)
			if (n++ < SHOWN_MAX)
				join(out, *ad);
	put_more(out, n);
}

void endpointslice_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct discovery_v1_EndpointSlice *s = obj;
	BUF(ports);
	BUF(addresses);
	slice_ports(s, &ports);
	slice_addresses(s, &addresses);
	cell_str(b, s->metadata.name);
	cell_str(b, s->addressType);
	cell_text(b, &ports, UNSET);
	cell_text(b, &addresses, UNSET);
	cell_age(b, s->metadata.creationTimestamp, now);
}

/* ---- Ingress ---- */

static void ingress_hosts(const struct networking_v1_Ingress *g, struct buf *out)
{
	uint32_t n = 0;
	bool more = false;
	LIST_EACH(r, g->spec.rules) {
		more |= n == SHOWN_MAX; /* with or without a host */
		if (!more && r->host.n) {
			join(out, r->host);
			n++;
		}
	}
	if (more)
		put_more(out, g->spec.rules.len);
}

static void ingress_addresses(struct arena *a, const struct networking_v1_Ingress *g, struct buf *out)
{
	struct str *v = arena_array(a, struct str, g->status.loadBalancer.ingress.len + 1);
	size_t n = 0;
	LIST_EACH(i, g->status.loadBalancer.ingress)
		if (i->ip.n || i->hostname.n)
			v[n++] = i->ip.n ? i->ip : i->hostname;
	cells_put_set(out, v, n);
}

void ingress_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct networking_v1_Ingress *g = obj;
	BUF(hosts);
	BUF(addresses);
	ingress_hosts(g, &hosts);
	ingress_addresses(a, g, &addresses);
	cell_str(b, g->metadata.name);
	cell_or(b, g->spec.ingressClassName, NONE);
	cell_text(b, &hosts, STR("*"));
	cell_text(b, &addresses, STR(""));
	cell_str(b, g->spec.tls.len ? STR("80, 443") : STR("80"));
	cell_age(b, g->metadata.creationTimestamp, now);
}

void ingressclass_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct networking_v1_IngressClass *c = obj;
	const struct networking_v1_IngressClassParametersReference *p = c->spec.parameters;
	BUF(params);
	if (p)
		buf_printf(&params, "%.*s%s%.*s/%.*s", STR_F(p->kind), p->apiGroup.n ? "." : "", STR_F(p->apiGroup), STR_F(p->name));
	cell_str(b, c->metadata.name);
	cell_str(b, c->spec.controller);
	cell_text(b, &params, NONE);
	cell_age(b, c->metadata.creationTimestamp, now);
}

void networkpolicy_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct networking_v1_NetworkPolicy *p = obj;
	cell_str(b, p->metadata.name);
	cell_str(b, selector_text(a, &p->spec.podSelector));
	cell_age(b, p->metadata.creationTimestamp, now);
}
