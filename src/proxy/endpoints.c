/* Which endpoints take which traffic: see model.h. */
#include "proxy/model.h"
#include <arpa/inet.h>
#include <stdlib.h>

bool svc_external(const struct svc_spec *s, const struct svc_port *p)
{
	return p->node_port || s->lb_ips.len || s->external_ips.len;
}

/* Also when only external traffic is local: what comes from this node's Pods takes the short way to any endpoint. */
bool svc_uses_cluster(const struct svc_spec *s, const struct svc_port *p)
{
	return !s->internal_local || svc_external(s, p);
}

bool svc_uses_local(const struct svc_spec *s, const struct svc_port *p)
{
	return s->internal_local || (s->external_local && svc_external(s, p));
}

static struct str text_of(struct arena *a, const struct net_ip *ip, uint16_t port)
{
	BUF(b);
	if (ip->family == AF_INET6)
		buf_char(&b, '[');
	net_ip_put(&b, ip);
	buf_printf(&b, "%s:%u", ip->family == AF_INET6 ? "]" : "", port);
	return buf_take(&b, a);
}

/* One that is there already stays, unless the new one is on this node. */
static void add_endpoint(struct arena *a, struct endpoint_list *l, const struct slice_endpoint *e, uint16_t port)
{
	struct endpoint ep = {e->ip, port, e->flags, text_of(a, &e->ip, port), e->zones, e->nodes};
	for (uint32_t i = 0; i < l->len; i++)
		if (l->items[i].port == port && net_ip_eq(&l->items[i].ip, &ep.ip)) {
			if (ep.flags & EP_LOCAL)
				l->items[i] = ep;
			return;
		}
	struct endpoint *slot = arena_push(a, l);
	if (slot)
		*slot = ep;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(((const struct endpoint *)a)->text, ((const struct endpoint *)b)->text);
}

void endpoints_of(struct arena *a, const struct svc *s, const struct svc_port *p, int family, struct endpoint_list *ret)
{
	*ret = (struct endpoint_list){0};
	for (const struct slice *sl = s->slices; sl; sl = sl->next) {
		if (sl->family != family)
			continue;
		for (uint32_t i = 0; i < sl->nports; i++) {
			if (!str_eq(sl->ports[i].name, p->name) || sl->ports[i].proto != p->proto)
				continue;
			for (uint32_t k = 0; k < sl->nendpoints; k++)
				add_endpoint(a, ret, &sl->endpoints[k], sl->ports[i].port);
		}
	}
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, by_text);
}

static bool hinted(struct str list, struct str name)
{
	struct str part;
	while (str_next(&list, ',', &part))
		if (name.n && str_eq(part, name))
			return true;
	return false;
}

enum topology { TOPOLOGY_NONE, TOPOLOGY_NODE, TOPOLOGY_ZONE };

/* Hints count only if every ready endpoint has some and at least one is for us: a half-written set must not concentrate the load. */
static enum topology topology_of(const struct endpoint_list *all, struct str node, struct str zone)
{
	bool all_nodes = true, all_zones = true, ours_node = false, ours_zone = false;
	for (uint32_t i = 0; i < all->len; i++) {
		const struct endpoint *e = &all->items[i];
		if (!(e->flags & EP_READY))
			continue;
		all_nodes &= e->nodes.p != NULL;
		all_zones &= e->zones.p != NULL;
		ours_node |= hinted(e->nodes, node);
		ours_zone |= hinted(e->zones, zone);
	}
	if (all_nodes && ours_node)
		return TOPOLOGY_NODE;
	return all_zones && ours_zone ? TOPOLOGY_ZONE : TOPOLOGY_NONE;
}

static void push(struct arena *a, struct endpoint_list *l, const struct endpoint *e)
{
	struct endpoint *slot = arena_push(a, l);
	if (slot)
		*slot = *e;
}

static void pick(struct arena *a, const struct endpoint_list *all, uint8_t flags, enum topology t, struct str node, struct str zone, struct endpoint_list *ret)
{
	for (uint32_t i = 0; i < all->len; i++) {
		const struct endpoint *e = &all->items[i];
		bool fits = t == TOPOLOGY_NONE || (t == TOPOLOGY_NODE ? hinted(e->nodes, node) : hinted(e->zones, zone));
		if (fits && (e->flags & flags) == flags)
			push(a, ret, e);
	}
}

/* Ready ones; without any, those that still serve while they terminate (KEP-1669). */
static void pick_with_fallback(struct arena *a, const struct endpoint_list *all, uint8_t where, enum topology t, struct str node, struct str zone,
	struct endpoint_list *ret)
{
	pick(a, all, EP_READY | where, t, node, zone, ret);
	if (!ret->len)
		pick(a, all, EP_SERVING | EP_TERMINATING | where, TOPOLOGY_NONE, node, zone, ret);
}

static bool contains(const struct endpoint_list *l, const struct endpoint *e)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (str_eq(l->items[i].text, e->text))
			return true;
	return false;
}

void endpoints_choose(struct arena *a, const struct svc_spec *s, const struct svc_port *p, const struct endpoint_list *all, struct str node, struct str zone,
	struct endpoint_choice *ret)
{
	*ret = (struct endpoint_choice){0};
	for (uint32_t i = 0; i < all->len; i++) {
		uint8_t f = all->items[i].flags;
		ret->any |= (f & EP_READY) || ((f & EP_SERVING) && (f & EP_TERMINATING));
	}
	if (svc_uses_cluster(s, p))
		pick_with_fallback(a, all, 0, topology_of(all, node, zone), node, zone, &ret->cluster);
	if (svc_uses_local(s, p))
		pick_with_fallback(a, all, EP_LOCAL, TOPOLOGY_NONE, node, zone, &ret->local);
	for (uint32_t i = 0; i < ret->cluster.len; i++)
		push(a, &ret->reachable, &ret->cluster.items[i]);
	for (uint32_t i = 0; i < ret->local.len; i++)
		if (!contains(&ret->cluster, &ret->local.items[i]))
			push(a, &ret->reachable, &ret->local.items[i]);
}

uint32_t svc_local_endpoints(const struct svc *s)
{
	struct ip_list seen = {0};
	uint32_t n = 0, cap = 0;
	for (const struct slice *sl = s->slices; sl; sl = sl->next)
		cap += sl->nendpoints;
	if (!cap || !(seen.items = calloc(cap, sizeof *seen.items)))
		return 0;
	for (const struct slice *sl = s->slices; sl; sl = sl->next)
		for (uint32_t i = 0; i < sl->nendpoints; i++) {
			const struct slice_endpoint *e = &sl->endpoints[i];
			bool known = (e->flags & (EP_READY | EP_LOCAL)) != (EP_READY | EP_LOCAL);
			for (uint32_t k = 0; k < n && !known; k++)
				known = net_ip_eq(&seen.items[k], &e->ip);
			if (!known)
				seen.items[n++] = e->ip;
		}
	free(seen.items);
	return n;
}
