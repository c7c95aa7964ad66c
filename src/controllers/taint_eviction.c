/* Pods on nodes with NoExecute taints: deleted at once, or when their tolerations run out. */
#include "api/meta.h"
#include "api/node.h"
#include "base/buf.h"
#include "controllers/controller.h"
#include "controllers/pods.h"
#include "gen/ids.h"

struct taint_eviction {
	struct manager *m;
	struct informer *nodes, *pods;
	struct informer_handler on_node, on_pod;
	struct queue *queue;
	const struct resource *res;
	struct map waiting; /* Pods that have to go at some time: key -> since when, in the pointer itself; never 0 */
};

/* How long a Pod bears a taint: MONO_NEVER if for ever, 0 if not at all.  The shortest of the tolerations counts. */
static nsec_t tolerated_for(const struct core_v1_Pod *p, const struct core_v1_Taint *t)
{
	nsec_t least = -1;
	LIST_EACH(tol, p->spec.tolerations)
	{
		if (!toleration_matches(tol, t))
			continue;
		nsec_t span = !tol->has_tolerationSeconds ? MONO_NEVER : tol->tolerationSeconds > 0 ? tol->tolerationSeconds * NS_S : 0;
		least = least < 0 || span < least ? span : least;
	}
	return least < 0 ? 0 : least;
}

/* By the taint that it bears for the shortest time. */
static nsec_t time_to_go(const struct core_v1_Node *n, const struct core_v1_Pod *p)
{
	nsec_t least = MONO_NEVER;
	LIST_EACH(t, n->spec.taints)
	{
		nsec_t left = str_is(t->effect, "NoExecute") ? tolerated_for(p, t) : MONO_NEVER;
		least = left < least ? left : least;
	}
	return least;
}

static void event(struct taint_eviction *c, const struct core_v1_Pod *p, const char *what, struct str key)
{
	struct core_v1_ObjectReference about = {0};
	recorder_ref((struct ref){desc_type(T_core_v1_Pod), (void *)p}, &about);
	recorder_event(manager_recorder(c->m), &about, "Normal", "TaintManagerEviction", "%s %.*s", what, STR_F(key));
}

static struct str disruption(struct arena *a, const struct core_v1_Pod *p)
{
	BUF(out);
	buf_lit(&out, "{\"status\":{\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"DeletionByTaintManager\","
		      "\"message\":\"Taint manager: deleting due to NoExecute taint\",\"lastTransitionTime\":\"");
	time_rfc3339(&out, rt_wall() / NS_S, 0, 0);
	buf_printf(&out, "\",\"observedGeneration\":%lld}]}}", (long long)p->metadata.generation);
	return buf_take(&out, a);
}

/* late: how long ago it was due. */
static void count(struct taint_eviction *c, nsec_t late)
{
	metric_add(metric_counter(c->m->o.metrics, M_taint_eviction_controller_pod_deletions_total, NULL), 1);
	metric_observe(metric_histogram(c->m->o.metrics, M_taint_eviction_controller_pod_deletion_duration_seconds, NULL), (double)late / NS_S);
}

static int evict(struct taint_eviction *c, struct arena *a, const struct core_v1_Pod *p, struct str key, mono_t due, struct err *e)
{
	const struct meta_v1_ObjectMeta *m = &p->metadata;
	event(c, p, "Marking for deletion Pod", key);
	if (!client_patch(c->m->o.transport, a, c->res, m->namespace, m->name, "status", PATCH_STRATEGIC, disruption(a, p), e))
		return err_is(e, ERR_NOT_FOUND) ? 0 : -1;
	if (client_delete(c->m->o.transport, a, c->res, m->namespace, m->name, m->uid, e) < 0)
		return err_is(e, ERR_NOT_FOUND) ? 0 : -1;
	count(c, rt_now_exact() - due);
	return 0;
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct taint_eviction *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Pod *p = informer_object(c->pods, a, key);
	const struct core_v1_Node *n = p && p->spec.nodeName.n ? informer_object(c->nodes, a, p->spec.nodeName) : NULL;
	bool waited = map_has(&c->waiting, key);
	if (!n || meta_deleting(&p->metadata)) {
		map_del(&c->waiting, key);
		return 0;
	}
	nsec_t span = time_to_go(n, p);
	if (span == MONO_NEVER) {
		if (waited)
			event(c, p, "Cancelling deletion of Pod", key);
		map_del(&c->waiting, key);
		return 0;
	}
	mono_t since = waited ? (mono_t)(intptr_t)map_get(&c->waiting, key) : rt_now();
	if (rt_now() < since + span) {
		map_set_dup(&c->waiting, key, (void *)(intptr_t)since);
		queue_add_after(c->queue, key, since + span - rt_now());
		return 0;
	}
	map_del(&c->waiting, key);
	return evict(c, a, p, key, since + span, e);
}

static void pod_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct taint_eviction *c = arg;
	queue_add(c->queue, (cur ? cur : old)->key);
}

/* Status writes of a node come every few seconds: only its taints count. */
static bool same_taints(const struct core_v1_Node *x, const struct core_v1_Node *y)
{
	if (x->spec.taints.len != y->spec.taints.len)
		return false;
	for (uint32_t i = 0; i < x->spec.taints.len; i++) {
		const struct core_v1_Taint *s = &x->spec.taints.items[i], *t = &y->spec.taints.items[i];
		if (!str_eq(s->key, t->key) || !str_eq(s->value, t->value) || !str_eq(s->effect, t->effect))
			return false;
	}
	return true;
}

static void node_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct taint_eviction *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Node *was = old ? informer_decode(c->nodes, a, old) : NULL, *now = cur ? informer_decode(c->nodes, a, cur) : NULL;
	size_t i = 0;
	if (!now || (was ? same_taints(was, now) : !now->spec.taints.len))
		return;
	for (const struct informer_item *it; (it = informer_by_index(c->pods, str_printf(a, "node/%.*s", STR_F(cur->name)), &i));)
		queue_add(c->queue, it->key);
}

static void forget_all(void *arg)
{
	struct taint_eviction *c = arg;
	map_fini(&c->waiting);
}

void taint_eviction_start(struct manager *m)
{
	struct taint_eviction *c = manager_alloc(m, sizeof *c);
	c->m = m;
	arena_defer(m->mem, forget_all, c);
	c->res = client_resource("", "v1", "pods");
	c->queue = manager_queue(m, "noexec_taint_pod");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	c->pods = manager_informer(m, "", "v1", "pods");
	informer_add_index(c->pods, pods_node_index);
	c->on_node = (struct informer_handler){.fn = node_event, .arg = c};
	c->on_pod = (struct informer_handler){.fn = pod_event, .arg = c};
	informer_add_handler(c->nodes, &c->on_node);
	informer_add_handler(c->pods, &c->on_pod);
	manager_run(m, (struct informer *const[]){c->nodes, c->pods, NULL}, c->queue, 4, sync_key, c);
}
