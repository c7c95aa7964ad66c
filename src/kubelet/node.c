/* The Node object and its Lease. */
#include "kubelet/node.h"
#include "gen/coordination_v1.h"

#define LOOK_EVERY (10 * NS_S)
#define REPORT_EVERY (5 * NS_MIN)
#define LOOK_FIRST (20 * NS_MS) /* until the node is ready for the first time */
#define LEASE_NS STR("kube-node-lease")
#define LEASE_CALL_S 10

void node_changed(struct kubelet *k) { cond_wake_all(&k->node_wake); }

/* ---- how the runtime fares */
static void runtime_condition(struct kubelet *k, const struct cri_v1_RuntimeCondition *c, struct buf *why)
{
	if (str_is(c->type, "RuntimeReady"))
		k->runtime_ready = c->status;
	else if (str_is(c->type, "NetworkReady"))
		k->network_ready = c->status;
	if (!c->status)
		buf_printf(why, "%scontainer runtime %s not ready: %.*s=false reason:%.*s message:%.*s", why->n ? ", " : "",
			str_is(c->type, "NetworkReady") ? "network" : "is", STR_F(c->type), STR_F(c->reason), STR_F(c->message));
}

void node_look_at_runtime(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(why);
	struct cri_v1_StatusRequest req = {false};
	struct cri_v1_StatusResponse resp = {0};
	if (cri_call(k->cri, a, CRI_STATUS, &req, &resp, 0, &e)) {
		k->runtime_ready = k->network_ready = false;
		buf_printf(&why, "container runtime is down: %s", err_text(&e));
	} else if (resp.status) {
		LIST_EACH(c, resp.status->conditions)
			runtime_condition(k, c, &why);
	}
	if (!k->runtime_ready || !k->network_ready) {
		buf_clear(&k->not_ready_why);
		buf_str(&k->not_ready_why, buf_view(&why));
	}
}

/* ---- writing */
static struct str status_patch(struct arena *a, const struct core_v1_NodeStatus *st)
{
	BUF(out);
	struct value *root = value_new(a, V_OBJECT);
	value_set(a, root, STR("status"), obj_to_value(a, (struct ref){desc_type(T_core_v1_NodeStatus), (void *)st}));
	json_write(&out, root);
	return buf_take(&out, a);
}

static void learn(struct kubelet *k, const struct core_v1_Node *n)
{
	if (!str_eq(k->node_uid, n->metadata.uid))
		k->node_uid = str_dup(k->mem, n->metadata.uid);
	LIST_EACH(l, n->metadata.labels)
		if (!str_eq(str_map_get(&k->node_labels_seen, l->key), l->value))
			str_map_set(k->mem, &k->node_labels_seen, str_dup(k->mem, l->key), str_dup(k->mem, l->value));
	if (n->spec.podCIDR.n && !str_eq(k->pod_cidr, n->spec.podCIDR)) {
		k->pod_cidr = str_dup(k->mem, n->spec.podCIDR);
		node_network(k);
	}
}

static int status_write(struct kubelet *k, struct core_v1_NodeStatus *st, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Node *n = client_patch(k->t, a, client_resource("", "v1", "nodes"), (struct str){0}, k->o.node_name, "status", PATCH_STRATEGIC,
		status_patch(a, st), e);
	if (!n)
		return -1;
	learn(k, n);
	k->node_written = rt_now();
	return 0;
}

static struct core_v1_Node *node_object(struct kubelet *k, struct arena *a)
{
	struct core_v1_Node *n = arena_make(a, struct core_v1_Node);
	n->metadata.name = k->o.node_name;
	node_labels(k, a, &n->metadata.labels);
	str_map_set(a, &n->metadata.annotations, STR("volumes.kubernetes.io/controller-managed-attach-detach"), STR("true"));
	n->spec.taints = k->cfg->registerWithTaints;
	n->spec.providerID = k->cfg->providerID;
	n->status = *node_status(k, a, NULL);
	return n;
}

/* A node that is there already keeps what others set; ours is set again. */
static int adopt_change(struct arena *a, void *obj, void *arg, struct err *e)
{
	struct kubelet *k = arg;
	struct core_v1_Node *n = obj;
	bool same = true;
	struct str_map want = {0};
	node_labels(k, a, &want);
	LIST_EACH(l, want) {
		same &= str_eq(str_map_get(&n->metadata.labels, l->key), l->value);
		str_map_set(a, &n->metadata.labels, l->key, l->value);
	}
	learn(k, n);
	return same;
}

static int enroll(struct kubelet *k, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct resource *nodes = client_resource("", "v1", "nodes");
	ERR(x);
	struct core_v1_Node *n = k->o.register_node ? client_create(k->t, a, nodes, (struct str){0}, node_object(k, a), &x) : NULL;
	if (n) {
		learn(k, n);
		log_info("node %.*s is registered", STR_F(k->o.node_name));
		return 0;
	}
	if (x.code && !err_is(&x, ERR_ALREADY_EXISTS))
		return err_move(e, &x), -1;
	return client_modify(k->t, nodes, NULL, (struct str){0}, k->o.node_name, adopt_change, k, e);
}

static bool same_but_times(struct arena *a, const struct core_v1_NodeStatus *x, const struct core_v1_NodeStatus *y)
{
	const struct type *t = desc_type(T_core_v1_NodeStatus);
	struct core_v1_NodeStatus *c = obj_copy(a, (struct ref){t, (void *)x});
	for (uint32_t i = 0; i < c->conditions.len && i < y->conditions.len; i++)
		c->conditions.items[i].lastHeartbeatTime = y->conditions.items[i].lastHeartbeatTime;
	return obj_equal_at(t, c, y);
}

static void ready_event(struct kubelet *k, bool ready)
{
	struct core_v1_ObjectReference about = {.kind = STR("Node"), .name = k->o.node_name, .uid = k->o.node_name};
	if (k->node_ready == ready)
		return;
	k->node_ready = ready;
	log_info("node %.*s is %s", STR_F(k->o.node_name), ready ? "ready" : "not ready");
	recorder_event(k->rec, &about, "Normal", ready ? "NodeReady" : "NodeNotReady", "Node %.*s status is now: %s", STR_F(k->o.node_name), ready ? "NodeReady" : "NodeNotReady");
}

static struct arena *look_and_write(struct kubelet *k, struct arena *old_mem, struct core_v1_NodeStatus **st)
{
	struct arena *mem = arena_new(NULL);
	ERR(e);
	node_look_at_runtime(k);
	node_images(k);
	struct core_v1_NodeStatus *now = node_status(k, mem, *st);
	bool same = *st && same_but_times(mem, *st, now);
	if (same && rt_now() - k->node_written < REPORT_EVERY) {
		arena_free(mem);
		return old_mem;
	}
	if (status_write(k, now, &e)) {
		log_error("status of the node: %s", err_text(&e));
		arena_free(mem);
		return old_mem;
	}
	now = obj_copy(mem, (struct ref){desc_type(T_core_v1_NodeStatus), now});
	arena_free(old_mem);
	*st = now;
	ready_event(k, k->runtime_ready && k->network_ready);
	return mem;
}

static void node_fiber(void *arg)
{
	struct kubelet *k = arg;
	struct arena *mem = NULL;
	struct core_v1_NodeStatus *st = NULL;
	nsec_t pause = LOOK_FIRST;
	for (ERR(e); enroll(k, &e); err_fini(&e)) {
		log_error("the node cannot be registered: %s", err_text(&e));
		if (fiber_sleep(pause = pause * 2 < 7 * NS_S ? pause * 2 : 7 * NS_S))
			return;
	}
	k->registered = true;
	if (!k->pod_cidr.n)
		node_network(k);
	for (pause = LOOK_FIRST; !fiber_cancelled();) {
		mem = look_and_write(k, mem, &st);
		pause = k->node_ready ? LOOK_EVERY : pause * 2 < NS_S ? pause * 2 : NS_S;
		if (cond_wait(&k->node_wake, rt_now() + pause) == -ECANCELED)
			break;
	}
	arena_free(mem);
}

/* ---- lease */
static struct coordination_v1_Lease *lease_new(struct kubelet *k, struct arena *a)
{
	struct coordination_v1_Lease *l = arena_make(a, struct coordination_v1_Lease);
	l->metadata.name = k->o.node_name;
	l->metadata.namespace = LEASE_NS;
	struct meta_v1_OwnerReference *r = arena_push(a, &l->metadata.ownerReferences);
	*r = (struct meta_v1_OwnerReference){.apiVersion = STR("v1"), .kind = STR("Node"), .name = k->o.node_name, .uid = k->node_uid};
	return l;
}

/* The last answer, which the next renewal changes: so that is one call. */
struct held {
	struct arena *mem;
	struct coordination_v1_Lease *lease;
};

/* A call that hangs must leave time for others before the lease ends. */
static struct coordination_v1_Lease *lease_call(struct kubelet *k, struct arena *a, enum verb verb, struct coordination_v1_Lease *body, struct err *e)
{
	const struct resource *res = client_resource("coordination.k8s.io", "v1", "leases");
	int32_t span = k->cfg->nodeLeaseDurationSeconds;
	struct call c = {.verb = verb, .res = res, .ns = LEASE_NS, .timeout_s = span < LEASE_CALL_S ? span : LEASE_CALL_S};
	if (verb != VERB_CREATE)
		c.name = k->o.node_name;
	if (body)
		c.body = (struct ref){desc_type(res->type), body};
	return client_call(k->t, a, &c, e);
}

static int lease_renew(struct kubelet *k, struct held *h, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL), *old = STEAL(h->mem);
	struct coordination_v1_Lease *l = STEAL(h->lease);
	enum verb verb = VERB_UPDATE;
	ERR(x);
	(void)old; /* l lives in it */
	if (!l && !(l = lease_call(k, a, VERB_GET, NULL, &x))) {
		if (!err_is(&x, ERR_NOT_FOUND))
			return err_move(e, &x), -1;
		verb = VERB_CREATE;
		l = lease_new(k, a);
	}
	l->spec.holderIdentity = k->o.node_name;
	l->spec.leaseDurationSeconds = k->cfg->nodeLeaseDurationSeconds;
	l->spec.has_leaseDurationSeconds = l->spec.has_renewTime = true;
	l->spec.renewTime = api_time_of(rt_wall());
	l = lease_call(k, a, verb, l, e);
	if (l)
		*h = (struct held){STEAL(a), l};
	return l ? 0 : -1;
}

static void lease_fiber(void *arg)
{
	struct kubelet *k = arg;
	nsec_t every = k->cfg->nodeLeaseDurationSeconds * NS_S / 4, pause = 200 * NS_MS;
	struct held held = {0};
	while (!k->registered)
		if (fiber_sleep(20 * NS_MS))
			return;
	for (int r = 0; !r;) {
		ERR(e);
		bool bad = lease_renew(k, &held, &e);
		if (bad)
			log_warn("lease of the node: %s", err_text(&e));
		pause = !bad ? 200 * NS_MS : pause * 2 < 7 * NS_S ? pause * 2 : 7 * NS_S;
		r = fiber_sleep(bad ? pause : every);
	}
	arena_free(held.mem);
}

/* Without an API server only the runtime is looked at. */
static void alone_fiber(void *arg)
{
	struct kubelet *k = arg;
	node_network(k);
	do
		node_look_at_runtime(k);
	while (!fiber_sleep(k->runtime_ready && k->network_ready ? LOOK_EVERY : 100 * NS_MS));
}

void node_start(struct kubelet *k)
{
	bool ok = k->t ? fiber_spawn(k->scope, "node", node_fiber, k) && fiber_spawn(k->scope, "lease", lease_fiber, k) : fiber_spawn(k->scope, "node", alone_fiber, k) != NULL;
	if (!ok)
		log_error("no fiber left for the node's status");
}
