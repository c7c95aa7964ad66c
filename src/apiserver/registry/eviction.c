/* pods/NAME/eviction: a delete that disruption budgets may refuse. */
#include "api/pod.h"
#include "api/selector.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/handlers.h"
#include "gen/ids.h"
#include "gen/policy_v1.h"

#define DISRUPTED_MAX 2000 /* Pods a budget waits for; above that something is stuck (upstream's MaxDisruptedPodSize) */

typedef struct policy_v1_PodDisruptionBudget budget_t;

static int too_many(struct err *e, int retry_after_s, struct str why)
{
	err_set(e, ERR_TOO_MANY_REQUESTS, "Cannot evict pod as it would violate the pod's disruption budget.");
	e->retry_after_s = retry_after_s;
	return err_cause(e, "DisruptionBudget", (struct str){0}, "%.*s", STR_F(why));
}

static bool covers(struct request *r, const budget_t *b, const struct core_v1_Pod *p)
{
	struct selector s;
	return b->spec.selector && !selector_of(r->arena, b->spec.selector, &s, NULL) && selector_matches(&s, &p->metadata.labels);
}

/* The budgets of the Pod; *ret is the first. */
static int find_budgets(struct request *r, const struct core_v1_Pod *p, budget_t **ret)
{
	struct cache_table *t = cache_table_by_name(server_cache(r->server), "policy", "poddisruptionbudgets");
	struct cache_pin pin;
	struct cache_iter it;
	int n = 0;
	cache_pin(server_cache(r->server), t, &pin);
	cache_seek(&it, &pin, p->metadata.namespace, p->metadata.namespace, STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		budget_t *b = object_decode(o, r->arena, NULL);
		if (!b || !covers(r, b, p))
			continue;
		arena_defer(r->arena, (void (*)(void *))object_unref, object_ref(o));
		if (n++ == 0)
			*ret = b;
	}
	cache_unpin(&pin);
	return n;
}

/* Counts the eviction against the budget. */
static int spend(struct request *r, void *obj, const void *old, void *arg, struct err *e)
{
	budget_t *b = obj;
	struct str pod = *(struct str *)arg, name = b->metadata.name;
	if (b->status.observedGeneration < b->metadata.generation)
		return too_many(e, 10, str_printf(r->arena, "The disruption budget %.*s is still being processed by the server.", STR_F(name)));
	if (b->status.disruptionsAllowed < 0)
		return request_forbidden(r, e, "pdb disruptions allowed is negative");
	if (b->status.disruptedPods.len > DISRUPTED_MAX)
		return request_forbidden(r, e, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
	if (b->status.disruptionsAllowed == 0)
		return too_many(e, 0, str_printf(r->arena, "The disruption budget %.*s needs %d healthy pods and has %d currently", STR_F(name), b->status.desiredHealthy,
			b->status.currentHealthy));
	b->status.disruptionsAllowed--;
	__typeof__(b->status.disruptedPods.items) d = arena_push(r->arena, &b->status.disruptedPods);
	if (!d)
		return err_nomem(e, 0);
	d->key = pod;
	d->value = api_time_sec(r->now);
	return 0;
}

/* Pods that serve nobody may go without asking: finished, not yet running, or not ready under a budget that allows it. */
static bool free_to_go(const struct core_v1_Pod *p) { return pod_finished(p) || str_is(p->status.phase, "Pending") || p->metadata.has_deletionTimestamp; }

static bool unhealthy_may_go(const budget_t *b, const struct core_v1_Pod *p)
{
	if (pod_ready(p))
		return false;
	if (str_is(b->spec.unhealthyPodEvictionPolicy, "AlwaysAllow"))
		return true;
	return b->status.currentHealthy >= b->status.desiredHealthy && b->status.desiredHealthy > 0;
}

static int ask_budget(struct request *r, const struct core_v1_Pod *p, bool dry_run, struct err *e)
{
	budget_t *b = NULL;
	void *stored;
	struct str name = p->metadata.name;
	int n = free_to_go(p) ? 0 : find_budgets(r, p, &b);
	if (n > 1)
		return err_set(e, ERR_UNKNOWN, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
	if (n == 0 || unhealthy_may_go(b, p))
		return 0;
	struct edit ed = {.change = spend, .arg = &name, .ns = p->metadata.namespace, .name = b->metadata.name, .dry_run = dry_run, .manager_sub = "status"};
	return endpoint_edit(r, cache_table_by_name(server_cache(r->server), "policy", "poddisruptionbudgets"), &ed, &stored, e);
}

static void take_options(struct request *r, const struct meta_v1_DeleteOptions *o)
{
	if (!o)
		return;
	r->call.has_grace = o->has_gracePeriodSeconds;
	r->call.grace_s = o->gracePeriodSeconds;
	r->call.dry_run |= o->dryRun.len > 0;
	if (o->preconditions) {
		r->call.pre_uid = o->preconditions->uid;
		r->call.pre_rv = o->preconditions->resourceVersion;
	}
}

static int remove_pod(struct request *r, struct err *e)
{
	struct answer ignored;
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		struct object *cur = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
		if (!cur)
			return request_not_found(r, r->at.name, e);
		arena_defer(r->arena, (void (*)(void *))object_unref, cur);
		int c = delete_run(r, cur, &ignored, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, r->at.name, e);
}

static int check_uid(struct request *r, const struct core_v1_Pod *p, struct err *e)
{
	if (!r->call.pre_uid.p || str_eq(r->call.pre_uid, p->metadata.uid))
		return 0;
	err_set(e, ERR_CONFLICT,
		"Operation cannot be fulfilled on Pod \"%.*s\": the UID in the precondition (%.*s) does not match the UID in record (%.*s). The object might have been deleted and "
		"then recreated", STR_F(p->metadata.name), STR_F(r->call.pre_uid), STR_F(p->metadata.uid));
	err_object(e, (struct str){0}, STR("Pod"), p->metadata.name);
	return -1;
}

int eviction_create(struct request *r, struct err *e)
{
	struct ref body;
	if (options_write(r, "CreateOptions", e) || endpoint_body(r, r->type, &body, e) || meta_namespace(r, body, e))
		return -1;
	struct meta_v1_ObjectMeta *m = obj_meta(body);
	if (!str_eq(m->name, r->at.name))
		return err_set(e, ERR_BAD_REQUEST, "name in URL does not match name in Eviction object");
	if (endpoint_admit(r, body, e))
		return -1;
	struct object *o = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
	if (!o)
		return request_not_found(r, r->at.name, e);
	arena_defer(r->arena, (void (*)(void *))object_unref, o);
	const struct core_v1_Pod *p = object_decode(o, r->arena, e);
	if (!p)
		return -1;
	take_options(r, ((struct policy_v1_Eviction *)body.p)->deleteOptions);
	if (check_uid(r, p, e) || ask_budget(r, p, r->call.dry_run, e) || remove_pod(r, e))
		return -1;
	answer_created_status(r);
	return 0;
}
