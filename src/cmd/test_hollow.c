/* The hollow kubelet. */
#include "api/condition.h"
#include "api/meta.h"
#include "client/call.h"
#include "client/informer.h"
#include "cmd/test_cluster.h"
#include "gen/coordination_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

#include <errno.h>

#define HEARTBEAT (10 * NS_S)
#define AGAIN NS_S /* after something failed */

static const struct resource *nodes(void) { return client_resource("", "v1", "nodes"); }
static const struct resource *pods(void) { return client_resource("", "v1", "pods"); }
static const struct resource *leases(void) { return client_resource("coordination.k8s.io", "v1", "leases"); }

/* ---- The Node and its Lease ---- */

static void put_ready(struct arena *a, struct core_v1_Node *n)
{
	struct api_time now = api_time_sec(rt_wall());
	struct core_v1_NodeCondition ready = {.type = STR("Ready"), .status = STR("True"), .reason = STR("KubeletReady"), .lastHeartbeatTime = now,
		.lastTransitionTime = now};
	condition_put(a, T_core_v1_NodeCondition, &n->status.conditions, &ready);
}

static bool register_node(struct hollow *h, struct arena *a)
{
	ERR(e);
	struct core_v1_Node *n = obj_make(a, core_v1_Node);
	n->metadata.name = h->name;
	str_map_set(a, &n->status.capacity, STR("cpu"), STR("2"));
	str_map_set(a, &n->status.capacity, STR("memory"), STR("1Gi"));
	str_map_set(a, &n->status.capacity, STR("pods"), STR("110"));
	n->status.allocatable = n->status.capacity;
	put_ready(a, n);
	return client_create(&h->process.link.base, a, nodes(), (struct str){0}, n, &e) || err_is(&e, ERR_ALREADY_EXISTS);
}

static void renew(struct hollow *h, struct coordination_v1_Lease *l)
{
	l->spec.holderIdentity = h->name;
	l->spec.renewTime = api_time_of(rt_wall());
	l->spec.has_renewTime = true;
}

static bool renew_lease(struct hollow *h, struct arena *a)
{
	ERR(e);
	struct str ns = STR("kube-node-lease");
	struct transport *t = &h->process.link.base;
	struct coordination_v1_Lease *l = client_get(t, a, leases(), ns, h->name, &e);
	if (l) {
		renew(h, l);
		return client_update(t, a, leases(), l, &e);
	}
	if (!err_is(&e, ERR_NOT_FOUND))
		return false;
	l = obj_make(a, coordination_v1_Lease);
	l->metadata.namespace = ns;
	l->metadata.name = h->name;
	renew(h, l);
	return client_create(t, a, leases(), ns, l, NULL);
}

static bool report_ready(struct hollow *h, struct arena *a)
{
	ERR(e);
	struct core_v1_Node *n = client_get(&h->process.link.base, a, nodes(), (struct str){0}, h->name, &e);
	if (!n)
		return err_is(&e, ERR_NOT_FOUND) && register_node(h, a);
	if (condition_true(T_core_v1_NodeCondition, &n->status.conditions, "Ready"))
		return true;
	put_ready(a, n);
	return client_update_sub(&h->process.link.base, a, nodes(), "status", n, &e);
}

static bool heartbeat(struct hollow *h)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (rt_now() < h->heartbeat)
		return true;
	if (!report_ready(h, a) || !renew_lease(h, a))
		return false;
	h->heartbeat = rt_now() + HEARTBEAT;
	return true;
}

/* ---- Its Pods ---- */

static bool end_pod(struct hollow *h, struct arena *a, const struct core_v1_Pod *p)
{
	ERR(e);
	const struct meta_v1_ObjectMeta *m = &p->metadata;
	struct call c = {.verb = VERB_DELETE, .res = pods(), .ns = m->namespace, .name = m->name, .has_grace = true, .pre_uid = m->uid};
	return client_call(&h->process.link.base, a, &c, &e) || err_is(&e, ERR_NOT_FOUND) || err_is(&e, ERR_CONFLICT);
}

static void put_condition(struct arena *a, struct core_v1_Pod *p, const char *type)
{
	struct core_v1_PodCondition c = {.type = str_of(type), .status = STR("True"), .lastTransitionTime = api_time_sec(rt_wall())};
	condition_put(a, T_core_v1_PodCondition, &p->status.conditions, &c);
}

static bool run_pod(struct hollow *h, struct arena *a, struct core_v1_Pod *p)
{
	ERR(e);
	if (str_is(p->status.phase, "Running") && condition_true(T_core_v1_PodCondition, &p->status.conditions, "Ready"))
		return true;
	if (!p->status.podIP.n) {
		p->status.podIP = str_printf(a, "10.200.%d.%d", h->index, ++h->next_ip);
		arena_push(a, &p->status.podIPs)->ip = p->status.podIP;
	}
	p->status.phase = STR("Running");
	put_condition(a, p, "Initialized");
	put_condition(a, p, "ContainersReady");
	put_condition(a, p, "Ready");
	return client_update_sub(&h->process.link.base, a, pods(), "status", p, &e) || err_is(&e, ERR_NOT_FOUND);
}

/* Starting and stopping take a while: false until then. */
static bool tend(struct hollow *h, struct arena *a, struct core_v1_Pod *p)
{
	bool at_rest = str_is(p->status.phase, "Running") && !meta_deleting(&p->metadata);
	if (!at_rest && sim_random(h->c->rt) % 4)
		return false;
	return meta_deleting(&p->metadata) ? end_pod(h, a, p) : run_pod(h, a, p);
}

static bool tend_all(struct hollow *h)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	LIST(struct str) keys = {0};
	size_t i = 0;
	bool ok = true;
	for (const struct informer_item *it; (it = informer_next(h->pods, (struct str){0}, &i));)
		*(struct str *)arena_push(a, &keys) = str_dup(a, it->key);
	LIST_EACH(k, keys)
	{
		struct core_v1_Pod *p = informer_object(h->pods, a, *k);
		ok &= !p || tend(h, a, p);
	}
	return ok;
}

static void work(void *arg)
{
	struct hollow *h = arg;
	for (int rc = 0; rc != -ECANCELED;) {
		bool alive = heartbeat(h), tended = tend_all(h);
		rc = cond_wait(&h->news, rt_now() + (alive && tended ? HEARTBEAT : AGAIN));
	}
}

static void on_pod(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	cond_wake(&((struct hollow *)arg)->news);
}

void hollow_init(struct hollow *h, struct cluster *c, int index)
{
	h->c = c;
	h->index = index;
	h->name = str_printf(c->mem, "node-%d", index);
	process_init(&h->process, c);
}

void hollow_start(struct hollow *h)
{
	process_start(&h->process);
	cond_init(&h->news);
	h->heartbeat = 0;
	h->pods = informers_get(h->process.informers, &(struct informer_opts){.res = pods(), .field_selector = str_printf(h->c->mem, "spec.nodeName=%.*s", STR_F(h->name))});
	h->on_pod = (struct informer_handler){.fn = on_pod, .arg = h};
	informer_add_handler(h->pods, &h->on_pod);
	assert_non_null(fiber_spawn(&h->process.scope, "hollow", work, h));
}

void hollow_stop(struct hollow *h)
{
	process_stop(&h->process);
	process_free(&h->process);
}
