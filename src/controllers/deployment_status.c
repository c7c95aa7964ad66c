/* What a Deployment reports of itself. */
#include "controllers/deployment.h"

#include "codec/ops.h"

#define REASON_AVAILABLE "NewReplicaSetAvailable"
#define REASON_TIMED_OUT "ProgressDeadlineExceeded"

static void drop_condition(struct apps_v1_DeploymentStatus *st, const char *type)
{
	struct apps_v1_DeploymentCondition *c = CONDITION(st->conditions, type);
	if (!c)
		return;
	uint32_t at = (uint32_t)(c - st->conditions.items);
	memmove(c, c + 1, (--st->conditions.len - at) * sizeof *c);
}

/* Appends; the caller has dropped the former one. */
static void put_condition(struct rollout *r, struct apps_v1_DeploymentStatus *st, struct apps_v1_DeploymentCondition c)
{
	struct apps_v1_DeploymentCondition *slot = arena_push(r->a, &st->conditions);
	if (slot)
		*slot = c;
}

static struct apps_v1_DeploymentCondition fresh(const char *type, const char *status, const char *reason, struct str message)
{
	struct api_time now = api_time_sec(rt_wall());
	return (struct apps_v1_DeploymentCondition){.type = str_of(type), .status = str_of(status), .reason = str_of(reason), .message = message,
		.lastUpdateTime = now, .lastTransitionTime = now};
}

/* Same status and reason: nothing changes, times included.  Same status: the transition time stays. */
void deployment_condition(struct rollout *r, struct apps_v1_DeploymentStatus *st, const char *type, const char *status, const char *reason, struct str message)
{
	struct apps_v1_DeploymentCondition c = fresh(type, status, reason, message), *had = CONDITION(st->conditions, type);
	if (had && str_eq(had->status, c.status) && str_eq(had->reason, c.reason))
		return;
	if (had && str_eq(had->status, c.status))
		c.lastTransitionTime = had->lastTransitionTime;
	drop_condition(st, type);
	put_condition(r, st, c);
}

bool deployment_complete(const struct apps_v1_Deployment *d, const struct apps_v1_DeploymentStatus *st)
{
	int32_t want = d->spec.replicas;
	return st->updatedReplicas == want && st->replicas == want && st->availableReplicas == want && st->observedGeneration >= d->metadata.generation;
}

static bool progressing(const struct apps_v1_DeploymentStatus *was, const struct apps_v1_DeploymentStatus *now)
{
	return now->updatedReplicas > was->updatedReplicas || now->replicas - now->updatedReplicas < was->replicas - was->updatedReplicas ||
		now->readyReplicas > was->readyReplicas || now->availableReplicas > was->availableReplicas;
}

static nsec_t time_left(const struct apps_v1_Deployment *d, const struct apps_v1_DeploymentCondition *c)
{
	return api_time_wall(c->lastUpdateTime) + d->spec.progressDeadlineSeconds * NS_S - rt_wall();
}

static bool timed_out(const struct apps_v1_Deployment *d, const struct apps_v1_DeploymentStatus *st)
{
	const struct apps_v1_DeploymentCondition *c = CONDITION(st->conditions, "Progressing");
	if (!c || str_is(c->reason, REASON_AVAILABLE))
		return false;
	return str_is(c->reason, REASON_TIMED_OUT) || time_left(d, c) < 0;
}

static struct str about(struct rollout *r, const char *what)
{
	return r->next ? str_printf(r->a, "ReplicaSet \"%.*s\" %s", STR_F(r->next->metadata.name), what)
		       : str_printf(r->a, "Deployment \"%.*s\" %s", STR_F(r->d->metadata.name), what);
}

/* Every step forward renews the deadline, so the update time moves although the status stays. */
static void note_step(struct rollout *r, struct apps_v1_DeploymentStatus *st)
{
	struct apps_v1_DeploymentCondition c = fresh("Progressing", "True", "ReplicaSetUpdated", about(r, "is progressing."));
	struct apps_v1_DeploymentCondition *had = CONDITION(st->conditions, "Progressing");
	if (had && str_eq(had->status, c.status))
		c.lastTransitionTime = had->lastTransitionTime;
	drop_condition(st, "Progressing");
	put_condition(r, st, c);
}

static void note_progress(struct rollout *r, struct apps_v1_DeploymentStatus *st)
{
	const struct apps_v1_DeploymentCondition *c = CONDITION(st->conditions, "Progressing");
	if (!r->d->spec.has_progressDeadlineSeconds) {
		drop_condition(st, "Progressing");
		return;
	}
	if (st->replicas == st->updatedReplicas && c && str_is(c->reason, REASON_AVAILABLE))
		return;
	if (deployment_complete(r->d, st))
		deployment_condition(r, st, "Progressing", "True", REASON_AVAILABLE, about(r, "has successfully progressed."));
	else if (progressing(&r->d->status, st))
		note_step(r, st);
	else if (timed_out(r->d, st))
		deployment_condition(r, st, "Progressing", "False", REASON_TIMED_OUT, about(r, "has timed out progressing."));
}

static void note_failure(struct rollout *r, struct apps_v1_DeploymentStatus *st)
{
	const struct apps_v1_ReplicaSetCondition *bad = NULL;
	for (uint32_t i = 0; i < r->all.len && !bad; i++)
		bad = CONDITION(r->all.items[i]->status.conditions, "ReplicaFailure");
	if (r->next && CONDITION(r->next->status.conditions, "ReplicaFailure"))
		bad = CONDITION(r->next->status.conditions, "ReplicaFailure");
	if (!bad) {
		drop_condition(st, "ReplicaFailure");
		return;
	}
	deployment_condition(r, st, "ReplicaFailure", "True", str_z(r->a, bad->reason), bad->message);
}

static void count(struct rollout *r, struct apps_v1_DeploymentStatus *st)
{
	st->replicas = st->readyReplicas = st->availableReplicas = st->terminatingReplicas = 0;
	for (uint32_t i = 0; i < r->all.len; i++) {
		const struct apps_v1_ReplicaSetStatus *s = &r->all.items[i]->status;
		st->replicas += s->replicas;
		st->readyReplicas += s->readyReplicas;
		st->availableReplicas += s->availableReplicas;
		st->terminatingReplicas += s->has_terminatingReplicas ? s->terminatingReplicas : 0;
	}
	st->has_terminatingReplicas = true;
	st->updatedReplicas = r->next ? r->next->status.replicas : 0;
	int32_t missing = rs_sum_spec(&r->all) - st->availableReplicas;
	st->unavailableReplicas = missing > 0 ? missing : 0;
	st->observedGeneration = r->d->metadata.generation;
}

static void note_available(struct rollout *r, struct apps_v1_DeploymentStatus *st)
{
	if (st->availableReplicas >= r->d->spec.replicas - rollout_max_unavailable(r->d))
		deployment_condition(r, st, "Available", "True", "MinimumReplicasAvailable", STR("Deployment has minimum availability."));
	else
		deployment_condition(r, st, "Available", "False", "MinimumReplicasUnavailable", STR("Deployment does not have minimum availability."));
}

/* Nothing else may wake a stuck rollout in time for its deadline. */
static void come_back_for_deadline(struct rollout *r, const struct apps_v1_DeploymentStatus *st)
{
	const struct apps_v1_DeploymentCondition *c = CONDITION(st->conditions, "Progressing");
	if (!r->d->spec.has_progressDeadlineSeconds || !c || str_is(c->reason, REASON_TIMED_OUT) || deployment_complete(r->d, st))
		return;
	nsec_t left = time_left(r->d, c) + NS_S;
	queue_add_after(r->c->queue, meta_key(r->a, &r->d->metadata), left > NS_S ? left : NS_S);
}

int rollout_write_status(struct rollout *r, bool progress, struct err *e)
{
	/* What the server has, to tell what changed: r->d->status may carry conditions of this sync already. */
	const struct apps_v1_Deployment *was = informer_object(r->c->deployments, r->a, meta_key(r->a, &r->d->metadata));
	struct apps_v1_Deployment next = *r->d;
	memset(&next.status, 0, sizeof next.status);
	obj_copy_into(r->a, desc_type(T_apps_v1_DeploymentStatus), &next.status, &r->d->status);
	/* A set that was just made is only in r->all when it was found; r->next may be newer than its copy there. */
	for (uint32_t i = 0; r->next && i < r->all.len; i++)
		if (str_eq(r->all.items[i]->metadata.uid, r->next->metadata.uid))
			r->all.items[i] = r->next;
	count(r, &next.status);
	note_available(r, &next.status);
	if (progress) {
		note_progress(r, &next.status);
		note_failure(r, &next.status);
		come_back_for_deadline(r, &next.status);
	}
	if (was && obj_equal_at(desc_type(T_apps_v1_DeploymentStatus), &next.status, &was->status))
		return 0;
	return client_update_sub(r->c->m->o.transport, r->a, r->c->res, "status", &next, e) ? 0 : -1;
}
