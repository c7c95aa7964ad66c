#include "controllers/backends.h"

#include "api/ip.h"
#include "api/meta.h"
#include "api/selector.h"
#include "codec/ops.h"
#include "gen/ids.h"

#include <stdlib.h>

bool backends_headless(const struct core_v1_Service *svc)
{
	return str_is(svc->spec.clusterIP, "None");
}

unsigned backends_families(const struct core_v1_Service *svc)
{
	unsigned f = 0;
	LIST_EACH(x, svc->spec.ipFamilies)
		f |= str_is(*x, "IPv6") ? 2 : 1;
	if (!f)
		f = str_index(svc->spec.clusterIP, ':', 0) >= 0 ? 2 : 1;
	return f;
}

/* ---- One Pod ---- */

static bool address_of(const struct core_v1_Pod *p, bool v6, struct str *ret)
{
	LIST_EACH(ip, p->status.podIPs)
		if ((str_index(ip->ip, ':', 0) >= 0) == v6) {
			*ret = ip->ip;
			return true;
		}
	*ret = p->status.podIP;
	return p->status.podIPs.len == 0 && ret->n && (str_index(*ret, ':', 0) >= 0) == v6;
}

static void put_ports(struct arena *a, const struct core_v1_Service *svc, const struct core_v1_Pod *p, discovery_v1_EndpointPort_list_t *out)
{
	LIST_EACH(sp, svc->spec.ports)
	{
		int n = pod_port(p, &sp->targetPort, sp->protocol);
		struct discovery_v1_EndpointPort *ep = n > 0 ? arena_push(a, out) : NULL;
		if (ep)
			*ep = (struct discovery_v1_EndpointPort){.name = sp->name.p ? sp->name : STR(""), .protocol = sp->protocol, .appProtocol = sp->appProtocol,
				.port = n, .has_port = true};
	}
}

static struct core_v1_ObjectReference *target(struct arena *a, const struct core_v1_Pod *p)
{
	struct core_v1_ObjectReference *r = obj_make(a, core_v1_ObjectReference);
	r->kind = STR("Pod");
	r->namespace = p->metadata.namespace;
	r->name = p->metadata.name;
	r->uid = p->metadata.uid;
	return r;
}

static struct str zone_of(struct arena *a, struct informer *nodes, struct str node)
{
	const struct core_v1_Node *n = node.n ? informer_object(nodes, a, node) : NULL;
	struct str zone = n ? meta_label(&n->metadata, "topology.kubernetes.io/zone") : (struct str){0};
	return zone.n ? zone : (struct str){0};
}

static struct discovery_v1_Endpoint endpoint(struct arena *a, const struct core_v1_Service *svc, const struct core_v1_Pod *p, struct str ip, struct informer *nodes)
{
	bool serving = pod_ready(p), terminating = meta_deleting(&p->metadata);
	struct discovery_v1_Endpoint e = {.targetRef = target(a, p), .nodeName = p->spec.nodeName, .zone = zone_of(a, nodes, p->spec.nodeName)};
	struct str *addr = arena_push(a, &e.addresses);
	if (addr)
		*addr = ip;
	if (p->spec.hostname.n && str_eq(p->spec.subdomain, svc->metadata.name))
		e.hostname = p->spec.hostname;
	e.conditions = (struct discovery_v1_EndpointConditions){.ready = svc->spec.publishNotReadyAddresses || (serving && !terminating), .serving = serving,
		.terminating = terminating, .has_ready = true, .has_serving = true, .has_terminating = true};
	return e;
}

/* ---- Groups ---- */

static struct backend_group *group_of(struct arena *a, struct backend_groups *g, bool v6, discovery_v1_EndpointPort_list_t ports)
{
	for (uint32_t i = 0; i < g->len; i++)
		if (g->items[i].v6 == v6 && obj_list_equal(desc_type(T_discovery_v1_EndpointPort), &g->items[i].ports, &ports))
			return &g->items[i];
	struct backend_group *n = arena_push(a, g);
	if (n)
		*n = (struct backend_group){.v6 = v6, .ports = ports};
	return n;
}

static bool counts(const struct core_v1_Pod *p)
{
	return !pod_finished(p) && p->status.podIP.n;
}

static void add_pod(struct arena *a, const struct core_v1_Service *svc, const struct core_v1_Pod *p, bool v6, struct informer *nodes, struct backend_groups *g)
{
	struct str ip;
	discovery_v1_EndpointPort_list_t ports = {0};
	if (!address_of(p, v6, &ip))
		return;
	put_ports(a, svc, p, &ports);
	struct backend_group *grp = group_of(a, g, v6, ports);
	struct discovery_v1_Endpoint *e = grp ? arena_push(a, &grp->endpoints) : NULL;
	if (e)
		*e = endpoint(a, svc, p, ip, nodes);
}

static int by_name(const void *x, const void *y)
{
	return str_cmp((*(struct core_v1_Pod *const *)x)->metadata.name, (*(struct core_v1_Pod *const *)y)->metadata.name);
}

void backends_find(struct arena *a, const struct core_v1_Service *svc, struct informer *pods, struct informer *nodes, struct backend_groups *ret)
{
	struct selector sel = selector_of_map(a, &svc->spec.selector);
	LIST(struct core_v1_Pod *) v = {0};
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_next(pods, svc->metadata.namespace, &i));) {
		struct core_v1_Pod *p = informer_decode(pods, a, it);
		bool bound = p && (p->spec.nodeName.n || svc->spec.publishNotReadyAddresses);
		if (bound && counts(p) && selector_matches(&sel, &p->metadata.labels))
			*(struct core_v1_Pod **)arena_push(a, &v) = p;
	}
	if (v.len)
		qsort(v.items, v.len, sizeof *v.items, by_name);
	for (int family = 0; family < 2; family++)
		for (uint32_t k = 0; backends_families(svc) & 1u << family && k < v.len; k++)
			add_pod(a, svc, v.items[k], family == 1, nodes, ret);
}

/* ---- Events ---- */

static void queue_services(struct service_watch *w, struct arena *a, const struct core_v1_Pod *p)
{
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_next(w->services, p->metadata.namespace, &i));) {
		const struct core_v1_Service *s = informer_decode(w->services, a, it);
		struct selector sel = s ? selector_of_map(a, &s->spec.selector) : (struct selector){.nothing = true};
		if (s && s->spec.selector.len && selector_matches(&sel, &p->metadata.labels))
			queue_add(w->queue, it->key);
	}
}

static void pod_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct service_watch *w = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Pod *was = old ? informer_decode(w->pods, a, old) : NULL, *now = cur ? informer_decode(w->pods, a, cur) : NULL;
	if (was && (!now || !obj_equal_at(desc_type(T_meta_v1_ObjectMeta), &was->metadata, &now->metadata)))
		queue_services(w, a, was);
	if (now)
		queue_services(w, a, now);
}

void service_watch_start(struct service_watch *w, struct manager *m, struct queue *q)
{
	w->queue = q;
	w->services = manager_informer(m, "", "v1", "services");
	w->pods = manager_informer(m, "", "v1", "pods");
	enqueue_own(&w->on_service, w->services, q);
	w->on_pod = (struct informer_handler){.fn = pod_event, .arg = w};
	informer_add_handler(w->pods, &w->on_pod);
}
