/* EndpointSlices of Services with a selector. */
#include "api/meta.h"
#include "base/log.h"
#include "codec/ops.h"
#include "controllers/backends.h"
#include "gen/ids.h"

#define PER_SLICE 100 /* --max-endpoints-per-slice */
#define LABEL_SERVICE "kubernetes.io/service-name"
#define LABEL_MANAGER "endpointslice.kubernetes.io/managed-by"
#define MANAGER "endpointslice-controller.k8s.io"
#define LABEL_HEADLESS "service.kubernetes.io/headless"

struct slice_controller {
	struct manager *m;
	struct service_watch watch;
	struct informer *slices, *nodes;
	struct informer_handler on_slice;
	struct queue *queue;
	const struct resource *res;
};
struct slices {
	struct discovery_v1_EndpointSlice **items;
	uint32_t len, cap;
};
struct pass {
	struct slice_controller *c;
	struct arena *a;
	struct core_v1_Service *svc;
	struct slices have;
	bool *used;        /* of have: belongs to a group */
	struct backend_groups groups;
};

static size_t slice_index(struct arena *a, void *obj, struct str *keys, size_t n)
{
	const struct discovery_v1_EndpointSlice *s = obj;
	struct str svc = meta_label(&s->metadata, LABEL_SERVICE);
	if (!svc.n || n == 0 || !str_is(meta_label(&s->metadata, LABEL_MANAGER), MANAGER))
		return 0;
	keys[0] = str_printf(a, "service/%.*s/%.*s", STR_F(s->metadata.namespace), STR_F(svc));
	return 1;
}

/* Somebody else touched a slice of ours. */
static void slice_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct slice_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct discovery_v1_EndpointSlice *s = informer_decode(c->slices, a, cur ? cur : old);
	struct str svc = s ? meta_label(&s->metadata, LABEL_SERVICE) : (struct str){0};
	if (svc.n && str_is(meta_label(&s->metadata, LABEL_MANAGER), MANAGER))
		queue_add(c->queue, str_printf(a, "%.*s/%.*s", STR_F(s->metadata.namespace), STR_F(svc)));
}

/* ---- Labels and metadata ---- */

static void want_labels(struct pass *p, struct str_map *out)
{
	LIST_EACH(l, p->svc->metadata.labels)
		str_map_set(p->a, out, l->key, l->value);
	str_map_set(p->a, out, STR(LABEL_SERVICE), p->svc->metadata.name);
	str_map_set(p->a, out, STR(LABEL_MANAGER), STR(MANAGER));
	if (backends_headless(p->svc))
		str_map_set(p->a, out, STR(LABEL_HEADLESS), STR(""));
	else
		str_map_del(out, STR(LABEL_HEADLESS));
}

static bool put_labels(struct pass *p, struct discovery_v1_EndpointSlice *s)
{
	struct str_map want = {0};
	want_labels(p, &want);
	bool same = want.len == s->metadata.labels.len;
	for (uint32_t i = 0; same && i < want.len; i++)
		same = str_eq(str_map_get((struct str_map *)&s->metadata.labels, want.items[i].key), want.items[i].value);
	if (!same)
		memcpy(&s->metadata.labels, &want, sizeof want);
	return !same;
}

static struct discovery_v1_EndpointSlice *slice_new(struct pass *p, bool v6, const discovery_v1_EndpointPort_list_t *ports)
{
	struct discovery_v1_EndpointSlice *s = obj_make(p->a, discovery_v1_EndpointSlice);
	struct ref owner = {desc_type(T_core_v1_Service), p->svc};
	obj_set_type((struct ref){desc_type(T_discovery_v1_EndpointSlice), s});
	obj_set_type(owner);
	s->metadata.generateName = str_printf(p->a, "%.*s-", STR_F(p->svc->metadata.name));
	s->metadata.namespace = p->svc->metadata.namespace;
	owner_set(p->a, &s->metadata, owner_ref(owner));
	s->addressType = v6 ? STR("IPv6") : STR("IPv4");
	s->ports = *ports;
	put_labels(p, s);
	return s;
}

/* ---- Writing ---- */

static int write_slice(struct pass *p, struct discovery_v1_EndpointSlice *s, struct err *e)
{
	struct transport *t = p->c->m->o.transport;
	ERR(why);
	if (s->metadata.name.n ? client_update(t, p->a, p->c->res, s, &why) : client_create(t, p->a, p->c->res, s->metadata.namespace, s, &why))
		return 0;
	if (err_is(&why, ERR_NOT_FOUND) || (err_is(&why, ERR_FORBIDDEN) && !s->metadata.name.n))
		return 0;
	err_move(e, &why);
	return -1;
}

static int delete_slice(struct pass *p, const struct discovery_v1_EndpointSlice *s, struct err *e)
{
	ERR(why);
	if (client_delete(p->c->m->o.transport, p->a, p->c->res, s->metadata.namespace, s->metadata.name, s->metadata.uid, &why) == 0 || err_is(&why, ERR_NOT_FOUND))
		return 0;
	err_move(e, &why);
	return -1;
}

/* ---- Filling slices ---- */

static struct discovery_v1_Endpoint *find(discovery_v1_Endpoint_list_t *l, const struct discovery_v1_Endpoint *e)
{
	LIST_EACH(x, *l)
		if (x->targetRef && e->targetRef && str_eq(x->targetRef->uid, e->targetRef->uid))
			return x;
	return NULL;
}

/* Keeps in the slice what is still wanted, in its present form; placed marks what found its place. */
static bool refresh(struct discovery_v1_EndpointSlice *s, struct backend_group *g, bool *placed)
{
	bool changed = false;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->endpoints.len; i++) {
		struct discovery_v1_Endpoint *want = find(&g->endpoints, &s->endpoints.items[i]);
		if (!want || placed[want - g->endpoints.items]) {
			changed = true;
			continue;
		}
		placed[want - g->endpoints.items] = true;
		changed |= !obj_equal_at(desc_type(T_discovery_v1_Endpoint), &s->endpoints.items[i], want);
		s->endpoints.items[kept++] = *want;
	}
	s->endpoints.len = kept;
	return changed;
}

static bool fill(struct arena *a, struct discovery_v1_EndpointSlice *s, struct backend_group *g, bool *placed)
{
	bool changed = false;
	for (uint32_t i = 0; i < g->endpoints.len && s->endpoints.len < PER_SLICE; i++) {
		struct discovery_v1_Endpoint *slot = placed[i] ? NULL : arena_push(a, &s->endpoints);
		if (!slot)
			continue;
		*slot = g->endpoints.items[i];
		placed[i] = changed = true;
	}
	return changed;
}

static uint32_t unplaced(const struct backend_group *g, const bool *placed)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->endpoints.len; i++)
		n += !placed[i];
	return n;
}

static bool belongs(const struct discovery_v1_EndpointSlice *s, const struct backend_group *g)
{
	return str_is(s->addressType, "IPv6") == g->v6 && obj_list_equal(desc_type(T_discovery_v1_EndpointPort), &s->ports, &g->ports);
}

static bool wanted_by_group(const struct pass *p, const struct discovery_v1_EndpointSlice *s)
{
	for (uint32_t i = 0; i < p->groups.len; i++)
		if (belongs(s, &p->groups.items[i]))
			return true;
	return false;
}

/* A slice that no group wants any more takes another's place: one write instead of two, and no moment without endpoints. */
static struct discovery_v1_EndpointSlice *spare(struct pass *p, bool v6)
{
	for (uint32_t i = 0; i < p->have.len; i++) {
		struct discovery_v1_EndpointSlice *s = p->have.items[i];
		if (p->used[i] || meta_deleting(&s->metadata) || str_is(s->addressType, "IPv6") != v6 || wanted_by_group(p, s))
			continue;
		p->used[i] = true;
		s->endpoints.len = 0;
		put_labels(p, s);
		return s;
	}
	return NULL;
}

static int reconcile_group(struct pass *p, struct backend_group *g, struct err *e)
{
	bool *placed = arena_array(p->a, bool, g->endpoints.len + 1), *changed = arena_array(p->a, bool, p->have.len + 1);
	for (uint32_t i = 0; i < p->have.len; i++)
		if (belongs(p->have.items[i], g) && !meta_deleting(&p->have.items[i]->metadata)) {
			p->used[i] = true;
			changed[i] = refresh(p->have.items[i], g, placed);
			changed[i] |= put_labels(p, p->have.items[i]);
		} else {
			changed[i] = false;
		}
	for (uint32_t i = 0; i < p->have.len; i++) {
		struct discovery_v1_EndpointSlice *s = p->have.items[i];
		if (!p->used[i] || !belongs(s, g))
			continue;
		changed[i] |= fill(p->a, s, g, placed);
		bool idle = s->endpoints.len == 0 && g->endpoints.len > 0;
		if ((idle ? delete_slice(p, s, e) : changed[i] ? write_slice(p, s, e) : 0) < 0)
			return -1;
	}
	while (unplaced(g, placed)) {
		struct discovery_v1_EndpointSlice *s = spare(p, g->v6);
		if (s)
			s->ports = g->ports;
		else
			s = slice_new(p, g->v6, &g->ports);
		fill(p->a, s, g, placed);
		if (write_slice(p, s, e) < 0)
			return -1;
	}
	return 0;
}

/* A Service without Pods keeps one empty slice per family, so that clients see that it was looked after. */
static int placeholder(struct pass *p, bool v6, struct err *e)
{
	for (uint32_t i = 0; i < p->have.len; i++) {
		struct discovery_v1_EndpointSlice *s = p->have.items[i];
		if (p->used[i] || str_is(s->addressType, "IPv6") != v6)
			continue;
		p->used[i] = true;
		bool changed = s->endpoints.len > 0 || s->ports.len > 0;
		changed |= put_labels(p, s);
		s->endpoints.len = s->ports.len = 0;
		return changed ? write_slice(p, s, e) : 0;
	}
	return write_slice(p, slice_new(p, v6, &(discovery_v1_EndpointPort_list_t){0}), e);
}

static bool has_family(const struct backend_groups *g, bool v6)
{
	for (uint32_t i = 0; i < g->len; i++)
		if (g->items[i].v6 == v6)
			return true;
	return false;
}

/* Where the Service wants its traffic to go: to its own zone, or node. */
static void put_hints(struct pass *p, struct backend_groups *g)
{
	bool node = str_is(p->svc->spec.trafficDistribution, "PreferSameNode");
	if (!node && !str_is(p->svc->spec.trafficDistribution, "PreferClose") && !str_is(p->svc->spec.trafficDistribution, "PreferSameZone"))
		return;
	for (uint32_t i = 0; i < g->len; i++)
		LIST_EACH(e, g->items[i].endpoints) {
			if (!e->conditions.ready || (!e->zone.n && !(node && e->nodeName.n)))
				continue;
			e->hints = obj_make(p->a, discovery_v1_EndpointHints);
			if (e->zone.n)
				arena_push(p->a, &e->hints->forZones)->name = e->zone;
			if (node && e->nodeName.n)
				arena_push(p->a, &e->hints->forNodes)->name = e->nodeName;
		}
}

static int reconcile(struct pass *p, struct err *e)
{
	struct backend_groups *g = &p->groups;
	backends_find(p->a, p->svc, p->c->watch.pods, p->c->nodes, g);
	put_hints(p, g);
	for (uint32_t i = 0; i < g->len; i++)
		if (reconcile_group(p, &g->items[i], e) < 0)
			return -1;
	for (int family = 0; family < 2; family++)
		if (backends_families(p->svc) & 1u << family && !has_family(g, family == 1) && placeholder(p, family == 1, e) < 0)
			return -1;
	for (uint32_t i = 0; i < p->have.len; i++)
		if (!p->used[i] && delete_slice(p, p->have.items[i], e) < 0)
			return -1;
	return 0;
}

static void load(struct pass *p, struct str key)
{
	struct str index = str_printf(p->a, "service/%.*s", STR_F(key));
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_by_index(p->c->slices, index, &i));) {
		struct discovery_v1_EndpointSlice *s = informer_decode(p->c->slices, p->a, it);
		if (s)
			*(struct discovery_v1_EndpointSlice **)arena_push(p->a, &p->have) = s;
	}
	p->used = arena_array(p->a, bool, p->have.len + 1);
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct slice_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct pass p = {.c = c, .a = a, .svc = informer_object(c->watch.services, a, key)};
	if (!p.svc || meta_deleting(&p.svc->metadata) || !p.svc->spec.selector.len || str_is(p.svc->spec.type, "ExternalName"))
		return 0; /* slices of a deleted Service go with it by owner reference */
	load(&p, key);
	return reconcile(&p, e);
}

void endpointslice_start(struct manager *m)
{
	struct slice_controller *c = manager_alloc(m, sizeof *c);
	c->m = m;
	c->res = client_resource("discovery.k8s.io", "v1", "endpointslices");
	c->queue = manager_queue(m, "endpoint_slice");
	service_watch_start(&c->watch, m, c->queue);
	c->slices = manager_informer(m, "discovery.k8s.io", "v1", "endpointslices");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	informer_add_index(c->slices, slice_index);
	c->on_slice = (struct informer_handler){.fn = slice_event, .arg = c};
	informer_add_handler(c->slices, &c->on_slice);
	manager_run(m, (struct informer *const[]){c->watch.services, c->watch.pods, c->slices, c->nodes, NULL}, c->queue, 5, sync_key, c);
}
