#include "controllers/deployment.h"

#include "codec/ops.h"
#include "controllers/pods.h"

#include <stdlib.h>

/* ---- Events ---- */

static size_t set_index(struct arena *a, void *obj, struct str *keys, size_t n)
{
	const struct apps_v1_ReplicaSet *rs = obj;
	const struct meta_v1_OwnerReference *o = owner_controller(&rs->metadata);
	if (n == 0)
		return 0;
	keys[0] = o ? str_printf(a, "owner/%.*s", STR_F(o->uid)) : str_printf(a, "orphan/%.*s", STR_F(rs->metadata.namespace));
	return 1;
}

static bool selects(struct deployment_controller *c, struct arena *a, const struct informer_item *it, const struct str_map *labels)
{
	const struct apps_v1_Deployment *d = informer_decode(c->deployments, a, it);
	struct selector sel;
	return d && selector_of(a, d->spec.selector, &sel, NULL) == 0 && selector_matches(&sel, labels);
}

static void orphan_set(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct deployment_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct apps_v1_ReplicaSet *rs = cur ? informer_decode(c->sets, a, cur) : NULL;
	size_t i = 0;
	if (!rs || owner_controller(&rs->metadata))
		return;
	for (const struct informer_item *it; (it = informer_next(c->deployments, rs->metadata.namespace, &i));)
		if (selects(c, a, it, &rs->metadata.labels))
			queue_add(c->queue, it->key);
}

/* Recreate waits for the last Pod to end. */
static void pod_ended(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct deployment_controller *c = arg;
	if (cur)
		return;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Pod *p = informer_decode(c->pods, a, old);
	size_t i = 0;
	if (!p)
		return;
	for (const struct informer_item *it; (it = informer_next(c->deployments, p->metadata.namespace, &i));) {
		const struct apps_v1_Deployment *d = informer_decode(c->deployments, a, it);
		if (d && str_is(d->spec.strategy.type, "Recreate") && selects(c, a, it, &p->metadata.labels))
			queue_add(c->queue, it->key);
	}
}

/* ---- Which ReplicaSets ---- */

static int by_creation(const void *x, const void *y)
{
	const struct apps_v1_ReplicaSet *a = *(struct apps_v1_ReplicaSet *const *)x, *b = *(struct apps_v1_ReplicaSet *const *)y;
	int64_t s = a->metadata.creationTimestamp.sec, t = b->metadata.creationTimestamp.sec;
	return s != t ? (s < t ? -1 : 1) : str_cmp(a->metadata.name, b->metadata.name);
}

static int claim_one(struct rollout *r, struct apps_v1_ReplicaSet *rs, bool owned, struct err *e)
{
	bool fits = selector_matches(&r->sel, &rs->metadata.labels);
	if (owned == fits) {
		if (owned)
			rs_push(r->a, &r->all, rs);
		return 0;
	}
	if (meta_deleting(&r->d->metadata) || (!owned && meta_deleting(&rs->metadata)))
		return 0;
	ERR(why);
	if (owned)
		owner_remove(&rs->metadata, r->d->metadata.uid);
	else
		owner_set(r->a, &rs->metadata, owner_ref(r->ref));
	struct apps_v1_ReplicaSet *now = client_update(r->c->m->o.transport, r->a, r->c->set_res, rs, &why);
	if (now && fits)
		rs_push(r->a, &r->all, now);
	if (now || err_is(&why, ERR_NOT_FOUND))
		return 0;
	err_move(e, &why);
	return -1;
}

static int claim_index(struct rollout *r, struct str index_key, bool owned, struct err *e)
{
	struct rs_list found = {0};
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_by_index(r->c->sets, index_key, &i));)
		rs_push(r->a, &found, informer_decode(r->c->sets, r->a, it));
	for (uint32_t k = 0; k < found.len; k++)
		if (claim_one(r, found.items[k], owned, e) < 0)
			return -1;
	return 0;
}

static int claim_sets(struct rollout *r, struct err *e)
{
	const struct meta_v1_ObjectMeta *m = &r->d->metadata;
	if (claim_index(r, str_printf(r->a, "owner/%.*s", STR_F(m->uid)), true, e) < 0)
		return -1;
	if (claim_index(r, str_printf(r->a, "orphan/%.*s", STR_F(m->namespace)), false, e) < 0)
		return -1;
	if (r->all.len)
		qsort(r->all.items, r->all.len, sizeof *r->all.items, by_creation);
	return 0;
}

/* ---- Sync ---- */

static void note_pause(struct rollout *r)
{
	struct apps_v1_DeploymentCondition *c = CONDITION(r->d->status.conditions, "Progressing");
	bool noted = c && str_is(c->reason, "DeploymentPaused");
	if (!r->d->spec.has_progressDeadlineSeconds || (c && str_is(c->reason, "ProgressDeadlineExceeded")))
		return;
	if (r->d->spec.paused && !noted)
		deployment_condition(r, &r->d->status, "Progressing", "Unknown", "DeploymentPaused", STR("Deployment is paused"));
	else if (!r->d->spec.paused && noted)
		deployment_condition(r, &r->d->status, "Progressing", "Unknown", "DeploymentResumed", STR("Deployment is resumed"));
}

static int step(struct rollout *r, struct err *e)
{
	if (meta_deleting(&r->d->metadata))
		return rollout_find_sets(r, false, e) < 0 ? -1 : rollout_write_status(r, false, e);
	note_pause(r);
	if (!r->d->spec.paused && str_map_has(&r->d->metadata.annotations, STR(ANN_ROLLBACK)))
		return rollout_rollback(r, e);
	if (r->d->spec.paused || rollout_scaling_event(r))
		return rollout_find_sets(r, false, e) < 0 ? -1 : rollout_scale_all(r, e);
	return str_is(r->d->spec.strategy.type, "Recreate") ? rollout_recreate(r, e) : rollout_rolling(r, e);
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct deployment_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct apps_v1_Deployment *d = informer_object(c->deployments, a, key);
	if (!d)
		return 0;
	struct rollout r = {.c = c, .a = a, .d = d, .ref = {desc_type(T_apps_v1_Deployment), d}};
	obj_set_type(r.ref);
	if (selector_of(a, d->spec.selector, &r.sel, e) < 0 || selector_everything(&r.sel))
		return e->code ? -1 : 0;
	if (claim_sets(&r, e) < 0)
		return -1;
	return step(&r, e);
}

void deployment_start(struct manager *m)
{
	struct deployment_controller *c = manager_alloc(m, sizeof *c);
	c->m = m;
	c->res = client_resource("apps", "v1", "deployments");
	c->set_res = client_resource("apps", "v1", "replicasets");
	c->queue = manager_queue(m, "deployment");
	c->deployments = manager_informer(m, "apps", "v1", "deployments");
	c->sets = manager_informer(m, "apps", "v1", "replicasets");
	c->pods = manager_informer(m, "", "v1", "pods");
	informer_add_index(c->sets, set_index);
	enqueue_own(&c->own, c->deployments, c->queue);
	c->by_set = (struct enqueue_owner){.inf = c->sets, .type = desc_type(T_apps_v1_ReplicaSet), .queue = c->queue, .kind = "Deployment"};
	enqueue_owner(&c->by_set);
	c->on_set = (struct informer_handler){.fn = orphan_set, .arg = c};
	informer_add_handler(c->sets, &c->on_set);
	c->on_pod = (struct informer_handler){.fn = pod_ended, .arg = c};
	informer_add_handler(c->pods, &c->on_pod);
	manager_run(m, (struct informer *const[]){c->deployments, c->sets, c->pods, NULL}, c->queue, 5, sync_key, c);
}
