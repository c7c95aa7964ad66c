/* Endpoints of Services with a selector: the older form, which clients still read. */
#include "api/meta.h"
#include "codec/ops.h"
#include "controllers/backends.h"
#include "gen/ids.h"

#define CAPACITY 1000 /* addresses in one object, as upstream */
#define LABEL_MANAGER "endpoints.kubernetes.io/managed-by"
#define LABEL_HEADLESS "service.kubernetes.io/headless"

struct endpoints_controller {
	struct manager *m;
	struct service_watch watch;
	struct informer *endpoints, *nodes;
	struct enqueue own;
	struct queue *queue;
	const struct resource *res;
};

static void put_labels(struct arena *a, const struct core_v1_Service *svc, struct str_map *out)
{
	LIST_EACH(l, svc->metadata.labels)
		str_map_set(a, out, l->key, l->value);
	str_map_set(a, out, STR(LABEL_MANAGER), STR("endpoint-controller"));
	if (backends_headless(svc))
		str_map_set(a, out, STR(LABEL_HEADLESS), STR(""));
	else
		str_map_del(out, STR(LABEL_HEADLESS));
}

static void put_address(struct arena *a, struct core_v1_EndpointSubset *s, const struct discovery_v1_Endpoint *e)
{
	struct core_v1_EndpointAddress *slot = e->conditions.ready ? arena_push(a, &s->addresses) : arena_push(a, &s->notReadyAddresses);
	if (slot)
		*slot = (struct core_v1_EndpointAddress){.ip = e->addresses.items[0], .hostname = e->hostname, .nodeName = e->nodeName, .targetRef = e->targetRef};
}

/* Terminating Pods are in slices only, and so are those that have none of the Service's ports. */
static void put_subset(struct arena *a, const struct core_v1_Service *svc, struct core_v1_Endpoints *out, const struct backend_group *g, uint32_t *room)
{
	struct core_v1_EndpointSubset s = {0};
	if (svc->spec.ports.len && !g->ports.len)
		return;
	LIST_EACH(e, g->endpoints)
		if (!e->conditions.terminating && *room > 0) {
			put_address(a, &s, e);
			--*room;
		}
	if (s.addresses.len + s.notReadyAddresses.len == 0)
		return;
	LIST_EACH(p, g->ports)
	{
		struct core_v1_EndpointPort *slot = arena_push(a, &s.ports);
		if (slot)
			*slot = (struct core_v1_EndpointPort){.name = p->name, .protocol = p->protocol, .appProtocol = p->appProtocol, .port = p->port};
	}
	struct core_v1_EndpointSubset *slot = arena_push(a, &out->subsets);
	if (slot)
		*slot = s;
}

static struct core_v1_Endpoints *wanted(struct endpoints_controller *c, struct arena *a, const struct core_v1_Service *svc, const struct core_v1_Endpoints *had)
{
	struct core_v1_Endpoints *ep = obj_make(a, core_v1_Endpoints);
	struct backend_groups g = {0};
	uint32_t room = CAPACITY;
	if (had)
		*ep = *had;
	obj_set_type((struct ref){desc_type(T_core_v1_Endpoints), ep});
	ep->metadata.name = svc->metadata.name;
	ep->metadata.namespace = svc->metadata.namespace;
	memset(&ep->metadata.labels, 0, sizeof ep->metadata.labels);
	put_labels(a, svc, (struct str_map *)&ep->metadata.labels);
	memset(&ep->subsets, 0, sizeof ep->subsets);
	backends_find(a, svc, c->watch.pods, c->nodes, &g);
	bool v6 = !(backends_families(svc) & 1) || (svc->spec.ipFamilies.len && str_is(svc->spec.ipFamilies.items[0], "IPv6"));
	for (uint32_t i = 0; i < g.len; i++)
		if (g.items[i].v6 == v6)
			put_subset(a, svc, ep, &g.items[i], &room);
	return ep;
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct endpoints_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Service *svc = informer_object(c->watch.services, a, key);
	const struct core_v1_Endpoints *had = informer_object(c->endpoints, a, key);
	struct transport *t = c->m->o.transport;
	ERR(why);
	int rc = 0;
	if (!svc) {
		bool ours = had && str_is(meta_label(&had->metadata, LABEL_MANAGER), "endpoint-controller");
		rc = ours ? client_delete(t, a, c->res, had->metadata.namespace, had->metadata.name, had->metadata.uid, &why) : 0;
	} else if (!meta_deleting(&svc->metadata) && svc->spec.selector.len && !str_is(svc->spec.type, "ExternalName")) {
		struct core_v1_Endpoints *want = wanted(c, a, svc, had);
		if (had && obj_equal_at(desc_type(T_core_v1_Endpoints), had, want))
			return 0;
		rc = (had ? client_update(t, a, c->res, want, &why) : client_create(t, a, c->res, svc->metadata.namespace, want, &why)) ? 0 : -1;
	}
	if (rc == 0 || err_is(&why, ERR_NOT_FOUND) || (svc && !had && err_is(&why, ERR_FORBIDDEN)))
		return 0;
	err_move(e, &why);
	return -1;
}

void endpoints_start(struct manager *m)
{
	struct endpoints_controller *c = manager_alloc(m, sizeof *c);
	c->m = m;
	c->res = client_resource("", "v1", "endpoints");
	c->queue = manager_queue(m, "endpoint");
	service_watch_start(&c->watch, m, c->queue);
	c->endpoints = manager_informer(m, "", "v1", "endpoints");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	enqueue_own(&c->own, c->endpoints, c->queue);
	manager_run(m, (struct informer *const[]){c->watch.services, c->watch.pods, c->endpoints, c->nodes, NULL}, c->queue, 5, sync_key, c);
}
