/* Nodes that do not report: conditions become Unknown, taints follow conditions, Pods of unreachable nodes are marked not ready. */
#include "api/condition.h"
#include "api/meta.h"
#include "api/node.h"
#include "api/pod.h"
#include "base/buf.h"
#include "base/log.h"
#include "controllers/controller.h"
#include "controllers/pods.h"
#include "gen/coordination_v1.h"
#include "gen/ids.h"

#define MONITOR_PERIOD (5 * NS_S)
#define GRACE_PERIOD (50 * NS_S)
#define UNREACHABLE "node.kubernetes.io/unreachable"

struct node_seen {
	mono_t at;          /* when the Lease last moved, on our clock: the node's clock may be wrong */
	struct str renew;   /* its text then */
	struct arena *mem;
};
struct node_lifecycle {
	struct manager *m;
	struct informer *nodes, *leases, *pods;
	struct enqueue own;
	struct queue *queue;
	const struct resource *node_res, *pod_res;
	struct map seen;
};

/* ---- Taints from conditions ---- */

static const struct {
	const char *condition, *status, *taint;
} condition_taints[] = {
	{"Ready", "False", "node.kubernetes.io/not-ready"},
	{"Ready", "Unknown", UNREACHABLE},
	{"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
	{"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
	{"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
	{"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
};

static bool wanted(const struct core_v1_Node *n, size_t row)
{
	const struct core_v1_NodeCondition *c = CONDITION(n->status.conditions, condition_taints[row].condition);
	return c && str_is(c->status, condition_taints[row].status);
}

static bool put_taint(struct arena *a, struct core_v1_Node *n, const char *key, const char *effect, bool on)
{
	if (!on)
		return node_taint_remove(n, str_of(key), str_of(effect));
	if (node_taint(n, str_of(key), str_of(effect)))
		return false;
	return node_taint_add(a, n,
		(struct core_v1_Taint){.key = str_of(key), .effect = str_of(effect), .has_timeAdded = true, .timeAdded = api_time_sec(rt_wall())});
}

static bool put_taints(struct arena *a, struct core_v1_Node *n)
{
	bool changed = put_taint(a, n, "node.kubernetes.io/unschedulable", "NoSchedule", n->spec.unschedulable);
	for (size_t i = 0; i < ARRAY_LEN(condition_taints); i++) {
		bool on = wanted(n, i);
		changed |= put_taint(a, n, condition_taints[i].taint, "NoSchedule", on);
		if (str_is(str_of(condition_taints[i].condition), "Ready"))
			changed |= put_taint(a, n, condition_taints[i].taint, "NoExecute", on);
	}
	return changed;
}

/* ---- The older labels of system and architecture follow the present ones ---- */

static bool put_labels(struct arena *a, struct core_v1_Node *n)
{
	static const struct { const char *from, *to; } rows[] = {
		{"kubernetes.io/os", "beta.kubernetes.io/os"}, {"kubernetes.io/arch", "beta.kubernetes.io/arch"}};
	bool changed = false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str v = meta_label(&n->metadata, rows[i].from);
		if (!str_map_has(&n->metadata.labels, str_of(rows[i].from)) || (str_map_has(&n->metadata.labels, str_of(rows[i].to)) && str_eq(meta_label(&n->metadata, rows[i].to), v)))
			continue;
		str_map_set(a, &n->metadata.labels, str_of(rows[i].to), v);
		changed = true;
	}
	return changed;
}

/* ---- Nodes that fell silent ---- */

static nsec_t silent_for(struct node_lifecycle *c, struct arena *a, struct str name)
{
	const struct coordination_v1_Lease *l = informer_object(c->leases, a, str_printf(a, "kube-node-lease/%.*s", STR_F(name)));
	struct node_seen *s = map_get(&c->seen, name);
	struct str renew = l && l->metadata.resourceVersion.n ? l->metadata.resourceVersion : STR("-");
	if (!s || !str_eq(s->renew, renew)) {
		struct arena *mem = arena_new(NULL);
		struct node_seen *fresh = arena_make(mem, struct node_seen);
		*fresh = (struct node_seen){rt_now(), str_dup(mem, renew), mem};
		map_set_dup(&c->seen, name, fresh);
		if (s)
			arena_free(s->mem);
		s = fresh;
	}
	return rt_now() - s->at;
}

static void make_unknown(struct core_v1_NodeCondition *c)
{
	c->status = STR("Unknown");
	c->reason = STR("NodeStatusUnknown");
	c->message = STR("Kubelet stopped posting node status.");
	c->lastTransitionTime = api_time_sec(rt_wall());
}

static void never_known(struct arena *a, struct core_v1_Node *n, const char *type)
{
	struct core_v1_NodeCondition *c = arena_push(a, &n->status.conditions);
	*c = (struct core_v1_NodeCondition){.type = str_of(type), .status = STR("Unknown"), .reason = STR("NodeStatusNeverUpdated"),
		.message = STR("Kubelet never posted node status."), .lastHeartbeatTime = n->metadata.creationTimestamp, .lastTransitionTime = api_time_sec(rt_wall())};
}

static bool mark_unknown(struct arena *a, struct core_v1_Node *n)
{
	static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
	bool changed = false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct core_v1_NodeCondition *c = CONDITION(n->status.conditions, types[i]);
		if (!c) {
			never_known(a, n, types[i]);
			changed = true;
			continue;
		}
		if (str_is(c->status, "Unknown"))
			continue;
		make_unknown(c);
		changed = true;
	}
	return changed;
}

static struct str not_ready_patch(struct arena *a)
{
	BUF(out);
	buf_lit(&out, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"lastTransitionTime\":\"");
	time_rfc3339(&out, rt_wall() / NS_S, 0, 0);
	buf_lit(&out, "\"}]}}");
	return buf_take(&out, a);
}

/* Endpoints must not point to a node that nobody hears. */
static void mark_pods(struct node_lifecycle *c, struct arena *a, struct str node)
{
	size_t i = 0;
	LIST(struct core_v1_Pod *) v = {0};
	for (const struct informer_item *it; (it = informer_by_index(c->pods, str_printf(a, "node/%.*s", STR_F(node)), &i));) {
		struct core_v1_Pod *p = informer_decode(c->pods, a, it);
		if (p && pod_ready(p))
			*(struct core_v1_Pod **)arena_push(a, &v) = p;
	}
	for (uint32_t k = 0; k < v.len; k++) {
		ERR(e);
		const struct meta_v1_ObjectMeta *m = &v.items[k]->metadata;
		if (!client_patch(c->m->o.transport, a, c->pod_res, m->namespace, m->name, "status", PATCH_STRATEGIC, not_ready_patch(a), &e) && !err_is(&e, ERR_NOT_FOUND))
			log_warn("pod %.*s on silent node %.*s: %s", STR_F(m->name), STR_F(node), err_text(&e));
	}
}

/* ---- Series by zone, as upstream names zones ---- */

static const struct str *zone_of(struct arena *a, const struct core_v1_Node *n)
{
	struct str *v = arena_make(a, struct str);
	struct str region = meta_label(&n->metadata, "topology.kubernetes.io/region"), zone = meta_label(&n->metadata, "topology.kubernetes.io/zone");
	*v = region.n || zone.n ? str_printf(a, "%.*s:%c:%.*s", STR_F(region), 0, STR_F(zone)) : STR("");
	return v;
}

static int check_node(struct node_lifecycle *c, struct arena *a, struct core_v1_Node *n, struct err *e)
{
	if (silent_for(c, a, n->metadata.name) > c->m->o.monitor_grace && mark_unknown(a, n)) {
		struct core_v1_Node *now = client_update_sub(c->m->o.transport, a, c->node_res, "status", n, e);
		if (!now)
			return -1;
		n = now;
		mark_pods(c, a, n->metadata.name);
	}
	bool evicts = node_taint(n, STR(UNREACHABLE), STR("NoExecute")), changed = put_taints(a, n);
	changed |= put_labels(a, n);
	if (changed && !client_update(c->m->o.transport, a, c->node_res, n, e))
		return -1;
	if (!evicts && node_taint(n, STR(UNREACHABLE), STR("NoExecute")))
		metric_add(metric_counter(c->m->o.metrics, M_node_collector_evictions_total, zone_of(a, n)), 1);
	return 0;
}

static int sync_node(void *arg, struct str key, struct err *e)
{
	struct node_lifecycle *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Node *n = informer_object(c->nodes, a, key);
	if (!n) {
		struct node_seen *s = map_del(&c->seen, key);
		if (s)
			arena_free(s->mem);
		return 0;
	}
	return check_node(c, a, n, e);
}

static void monitor_fiber(void *arg)
{
	struct node_lifecycle *c = arg;
	while (fiber_sleep(c->m->o.monitor_period) == 0) {
		size_t i = 0;
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		for (const struct informer_item *it; (it = informer_next(c->nodes, (struct str){0}, &i));)
			if (silent_for(c, a, it->name) > c->m->o.monitor_grace)
				queue_add(c->queue, it->key);
	}
}

static void show(void *arg, struct metric_set *to)
{
	struct node_lifecycle *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_next(c->nodes, (struct str){0}, &i));) {
		const struct core_v1_Node *n = informer_decode(c->nodes, a, it);
		if (!n)
			continue;
		const struct core_v1_NodeCondition *ready = CONDITION(n->status.conditions, "Ready");
		const struct str *zone = zone_of(a, n);
		double *size = metric_counter(to, M_node_collector_zone_size, zone), *unhealthy = metric_counter(to, M_node_collector_unhealthy_nodes_in_zone, zone);
		*size += 1;
		*unhealthy += !ready || !str_is(ready->status, "True");
		metric_put(to, M_node_collector_zone_health, zone, 100 * (*size - *unhealthy) / *size);
		metric_add(metric_counter(c->m->o.metrics, M_node_collector_evictions_total, zone), 0);
	}
}

static void forget_all(void *arg)
{
	struct node_lifecycle *c = arg;
	size_t i = 0;
	for (struct map_entry *e; (e = map_next(&c->seen, &i));)
		arena_free(((struct node_seen *)e->value)->mem);
	map_fini(&c->seen);
}

void node_lifecycle_start(struct manager *m)
{
	struct node_lifecycle *c = manager_alloc(m, sizeof *c);
	c->m = m;
	m->o.monitor_grace = m->o.monitor_grace ? m->o.monitor_grace : GRACE_PERIOD;
	m->o.monitor_period = m->o.monitor_period ? m->o.monitor_period : MONITOR_PERIOD;
	arena_defer(m->mem, forget_all, c);
	c->node_res = client_resource("", "v1", "nodes");
	c->pod_res = client_resource("", "v1", "pods");
	c->queue = manager_queue(m, "node_lifecycle_controller");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	c->leases = manager_informer(m, "coordination.k8s.io", "v1", "leases");
	c->pods = manager_informer(m, "", "v1", "pods");
	informer_add_index(c->pods, pods_node_index);
	enqueue_own(&c->own, c->nodes, c->queue);
	m->show = show;
	m->show_arg = c;
	manager_run(m, (struct informer *const[]){c->nodes, c->leases, c->pods, NULL}, c->queue, 2, sync_node, c);
	manager_when_synced(m, (struct informer *const[]){c->nodes, c->leases, c->pods, NULL}, monitor_fiber, c);
}
