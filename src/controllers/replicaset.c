/* ReplicaSets: as many Pods of the template as wanted. */
#include "controllers/pods.h"

#include "api/meta.h"
#include "base/log.h"
#include "codec/ops.h"
#include "gen/apps_v1.h"
#include "gen/ids.h"

#include <stdlib.h>

/* Pods made or deleted in one sync; the rest follows when these are seen. */
#define BURST 500

struct replicaset_controller {
	struct manager *m;
	struct informer *sets, *pods;
	struct enqueue own;
	struct enqueue_owner by_pod;
	struct informer_handler orphans;
	struct queue *queue;
	struct expectations expect;
	const struct resource *res;
};

/* ---- Events ---- */

static void pod_seen(void *arg, const struct informer_item *old, const struct informer_item *cur, struct str owner)
{
	struct replicaset_controller *c = arg;
	if (!owner.p)
		return;
	if (!old) {
		expect_created(&c->expect, owner);
		return;
	}
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Pod *p = cur ? informer_decode(c->pods, a, cur) : NULL;
	if (!p || meta_deleting(&p->metadata))
		expect_deleted(&c->expect, owner, old->key);
}

/* An orphan may match a set: all sets of its namespace look. */
static void orphan_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct replicaset_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Pod *p = cur ? informer_decode(c->pods, a, cur) : NULL;
	size_t i = 0;
	if (!p || owner_controller(&p->metadata) || meta_deleting(&p->metadata))
		return;
	for (const struct informer_item *it; (it = informer_next(c->sets, p->metadata.namespace, &i));) {
		const struct apps_v1_ReplicaSet *rs = informer_decode(c->sets, a, it);
		struct selector sel;
		if (rs && selector_of(a, rs->spec.selector, &sel, NULL) == 0 && selector_matches(&sel, &p->metadata.labels))
			queue_add(c->queue, it->key);
	}
}

/* ---- Replicas ---- */

static int create_pods(struct replicaset_controller *c, struct arena *a, struct ref rs, struct str key, int n, struct err *e)
{
	const struct apps_v1_ReplicaSet *set = rs.p;
	n = n > BURST ? BURST : n;
	expect_creates(&c->expect, key, n);
	for (int i = 0; i < n; i++) {
		ERR(why);
		if (pods_create(c->m, a, rs, &set->spec.template, &why) == 0)
			continue;
		for (; i < n; i++)
			expect_created(&c->expect, key); /* these will not come */
		if (pods_namespace_ends(&why))
			return 0;
		err_move(e, &why);
		return -1;
	}
	return 0;
}

static int delete_pods(struct replicaset_controller *c, struct arena *a, struct ref rs, struct str key, struct pod_list *active, uint32_t n, struct err *e)
{
	struct str *keys = arena_array(a, struct str, n);
	int rc = 0;
	n = n > BURST ? BURST : n;
	pods_rank(active, rt_wall());
	for (uint32_t i = 0; i < n; i++)
		keys[i] = meta_key(a, &active->items[i]->metadata);
	expect_deletes_of(&c->expect, key, keys, n);
	for (uint32_t i = 0; i < n; i++)
		if (pods_delete(c->m, a, rs, active->items[i], e) < 0) {
			expect_deleted(&c->expect, key, keys[i]);
			rc = -1;
		}
	return rc;
}

static int manage(struct replicaset_controller *c, struct arena *a, struct ref rs, struct str key, struct pod_list *active, struct err *e)
{
	const struct apps_v1_ReplicaSet *set = rs.p;
	int64_t want = set->spec.replicas, diff = (int64_t)active->len - want;
	if (diff < 0)
		return create_pods(c, a, rs, key, (int)(diff < -BURST ? BURST : -diff), e);
	return diff > 0 ? delete_pods(c, a, rs, key, active, (uint32_t)diff, e) : 0;
}

/* ---- Status ---- */

static bool fully_labeled(const struct apps_v1_ReplicaSet *rs, const struct core_v1_Pod *p)
{
	for (uint32_t i = 0; i < rs->spec.template.metadata.labels.len; i++) {
		const struct str_pair *l = &rs->spec.template.metadata.labels.items[i];
		if (!str_eq(str_map_get(&p->metadata.labels, l->key), l->value))
			return false;
	}
	return true;
}

static void failure_condition(struct arena *a, struct apps_v1_ReplicaSetStatus *st, int64_t diff, const struct err *failed)
{
	const struct apps_v1_ReplicaSetCondition *had = CONDITION(st->conditions, "ReplicaFailure");
	if (failed->code && !had) {
		struct apps_v1_ReplicaSetCondition *n = arena_push(a, &st->conditions);
		*n = (struct apps_v1_ReplicaSetCondition){.type = STR("ReplicaFailure"), .status = STR("True"), .lastTransitionTime = api_time_sec(rt_wall()),
			.reason = diff < 0 ? STR("FailedCreate") : STR("FailedDelete"), .message = str_dup(a, failed->message)};
	} else if (!failed->code && had) {
		uint32_t at = (uint32_t)(had - st->conditions.items);
		memmove(&st->conditions.items[at], &st->conditions.items[at + 1], (--st->conditions.len - at) * sizeof *had);
	}
}

static void count(const struct apps_v1_ReplicaSet *rs, const struct pod_list *active, struct apps_v1_ReplicaSetStatus *st)
{
	st->replicas = (int32_t)active->len;
	st->fullyLabeledReplicas = st->readyReplicas = st->availableReplicas = 0;
	for (uint32_t i = 0; i < active->len; i++) {
		const struct core_v1_Pod *p = active->items[i];
		st->fullyLabeledReplicas += fully_labeled(rs, p);
		st->readyReplicas += pod_ready(p);
		st->availableReplicas += pod_available(p, rs->spec.minReadySeconds, rt_wall());
	}
}

static int write_status(struct replicaset_controller *c, struct arena *a, const struct apps_v1_ReplicaSet *rs, const struct pod_list *active,
	int32_t terminating, const struct err *failed, struct err *e)
{
	struct apps_v1_ReplicaSet next = *rs;
	obj_copy_into(a, desc_type(T_apps_v1_ReplicaSetStatus), &next.status, &rs->status);
	count(rs, active, &next.status);
	next.status.has_terminatingReplicas = true;
	next.status.terminatingReplicas = terminating;
	next.status.observedGeneration = rs->metadata.generation;
	failure_condition(a, &next.status, (int64_t)active->len - rs->spec.replicas, failed);
	if (obj_equal_at(desc_type(T_apps_v1_ReplicaSetStatus), &next.status, &rs->status))
		return 0;
	return client_update_sub(c->m->o.transport, a, c->res, "status", &next, e) ? 0 : -1;
}

/* A Pod becomes available by the passing of time alone. */
static void come_back_for_available(struct replicaset_controller *c, struct str key, const struct apps_v1_ReplicaSet *rs, const struct pod_list *active)
{
	if (rs->spec.minReadySeconds <= 0)
		return;
	for (uint32_t i = 0; i < active->len; i++)
		if (pod_ready(active->items[i]) && !pod_available(active->items[i], rs->spec.minReadySeconds, rt_wall())) {
			queue_add_after(c->queue, key, rs->spec.minReadySeconds * NS_S);
			return;
		}
}

static int32_t split_active(struct arena *a, const struct pod_list *all, struct pod_list *active)
{
	int32_t terminating = 0;
	for (uint32_t i = 0; i < all->len; i++) {
		struct core_v1_Pod *p = all->items[i];
		if (pod_active(p))
			*(struct core_v1_Pod **)arena_push(a, active) = p;
		else
			terminating += !pod_finished(p);
	}
	return terminating;
}

static int sync_set(struct replicaset_controller *c, struct arena *a, struct apps_v1_ReplicaSet *rs, struct str key, struct err *e)
{
	struct ref ref = {desc_type(T_apps_v1_ReplicaSet), rs};
	struct selector sel;
	struct pod_list all = {0}, active = {0};
	ERR(failed);
	obj_set_type(ref);
	if (selector_of(a, rs->spec.selector, &sel, e) < 0 || pods_claim(c->m, a, c->pods, ref, &sel, true, &all, e) < 0)
		return -1;
	int32_t terminating = split_active(a, &all, &active);
	if (expect_met(&c->expect, key) && !meta_deleting(&rs->metadata))
		(void)manage(c, a, ref, key, &active, &failed);
	if (write_status(c, a, rs, &active, terminating, &failed, e) < 0)
		return -1;
	come_back_for_available(c, key, rs, &active);
	if (failed.code == 0)
		return 0;
	err_copy(e, &failed);
	return -1;
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct replicaset_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct apps_v1_ReplicaSet *rs = informer_object(c->sets, a, key);
	if (rs)
		return sync_set(c, a, rs, key, e);
	expect_forget(&c->expect, key);
	return 0;
}

static void forget_all(void *arg)
{
	struct replicaset_controller *c = arg;
	expect_fini(&c->expect);
}

void replicaset_start(struct manager *m)
{
	struct replicaset_controller *c = manager_alloc(m, sizeof *c);
	c->m = m;
	arena_defer(m->mem, forget_all, c);
	c->res = client_resource("apps", "v1", "replicasets");
	c->queue = manager_queue(m, "replicaset");
	c->sets = manager_informer(m, "apps", "v1", "replicasets");
	c->pods = manager_informer(m, "", "v1", "pods");
	informer_add_index(c->pods, pods_index);
	enqueue_own(&c->own, c->sets, c->queue);
	c->by_pod = (struct enqueue_owner){.inf = c->pods, .type = desc_type(T_core_v1_Pod), .queue = c->queue, .kind = "ReplicaSet", .seen = pod_seen, .arg = c};
	enqueue_owner(&c->by_pod);
	c->orphans = (struct informer_handler){.fn = orphan_event, .arg = c};
	informer_add_handler(c->pods, &c->orphans);
	manager_run(m, (struct informer *const[]){c->sets, c->pods, NULL}, c->queue, 5, sync_key, c);
}
