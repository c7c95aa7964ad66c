/* Rows of the kinds that make Pods, and of those that look after them. */
#include "api/condition.h"
#include "apiserver/registry/cells.h"
#include "gen/apps_v1.h"
#include "gen/autoscaling_v2.h"
#include "gen/batch_v1.h"
#include "gen/ids.h"
#include "gen/policy_v1.h"

void deployment_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apps_v1_Deployment *d = obj;
	cell_str(b, d->metadata.name);
	cell_str(b, str_printf(a, "%d/%d", d->status.readyReplicas, d->spec.replicas));
	cell_int(b, d->status.updatedReplicas);
	cell_int(b, d->status.availableReplicas);
	cell_age(b, d->metadata.creationTimestamp, now);
	cell_containers(b, &d->spec.template.spec);
	cell_str(b, selector_text(a, d->spec.selector));
}

void replicaset_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apps_v1_ReplicaSet *s = obj;
	cell_str(b, s->metadata.name);
	cell_int(b, s->spec.replicas);
	cell_int(b, s->status.replicas);
	cell_int(b, s->status.readyReplicas);
	cell_age(b, s->metadata.creationTimestamp, now);
	cell_containers(b, &s->spec.template.spec);
	cell_str(b, selector_text(a, s->spec.selector));
}

void rc_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_ReplicationController *c = obj;
	cell_str(b, c->metadata.name);
	cell_int(b, c->spec.replicas);
	cell_int(b, c->status.replicas);
	cell_int(b, c->status.readyReplicas);
	cell_age(b, c->metadata.creationTimestamp, now);
	if (c->spec.template)
		cell_containers(b, &c->spec.template->spec);
	else
		cell_str(b, STR("")), cell_str(b, STR(""));
	cell_str(b, labels_text(a, &c->spec.selector));
}

void statefulset_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apps_v1_StatefulSet *s = obj;
	cell_str(b, s->metadata.name);
	cell_str(b, str_printf(a, "%d/%d", s->status.readyReplicas, s->spec.replicas));
	cell_age(b, s->metadata.creationTimestamp, now);
	cell_containers(b, &s->spec.template.spec);
}

void daemonset_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apps_v1_DaemonSet *d = obj;
	cell_str(b, d->metadata.name);
	cell_int(b, d->status.desiredNumberScheduled);
	cell_int(b, d->status.currentNumberScheduled);
	cell_int(b, d->status.numberReady);
	cell_int(b, d->status.updatedNumberScheduled);
	cell_int(b, d->status.numberAvailable);
	cell_str(b, labels_text(a, &d->spec.template.spec.nodeSelector));
	cell_age(b, d->metadata.creationTimestamp, now);
	cell_containers(b, &d->spec.template.spec);
	cell_str(b, selector_text(a, d->spec.selector));
}

/* ---- Jobs ---- */

static struct str job_word(const struct batch_v1_Job *j)
{
	static const char *const after_deletion[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
	if (condition_true(T_batch_v1_JobCondition, &j->status.conditions, "Complete"))
		return STR("Complete");
	if (condition_true(T_batch_v1_JobCondition, &j->status.conditions, "Failed"))
		return STR("Failed");
	if (j->metadata.has_deletionTimestamp)
		return STR("Terminating");
	for (size_t i = 0; i < sizeof after_deletion / sizeof after_deletion[0]; i++)
		if (condition_true(T_batch_v1_JobCondition, &j->status.conditions, after_deletion[i]))
			return str_of(after_deletion[i]);
	return STR("Running");
}

static struct str job_completions(struct arena *a, const struct batch_v1_Job *j)
{
	int32_t done = j->status.succeeded, parallel = j->spec.has_parallelism ? j->spec.parallelism : 0;
	if (j->spec.has_completions)
		return str_printf(a, "%d/%d", done, j->spec.completions);
	return parallel > 1 ? str_printf(a, "%d/1 of %d", done, parallel) : str_printf(a, "%d/1", done);
}

static struct str job_duration(struct arena *a, const struct batch_v1_Job *j, wall_t now)
{
	const struct batch_v1_JobCondition *failed = CONDITION(j->status.conditions, "Failed");
	if (!j->status.startTime.set)
		return STR("");
	wall_t end = now;
	if (j->status.completionTime.set)
		end = api_time_wall(j->status.completionTime);
	else if (failed && str_is(failed->status, "True") && failed->lastTransitionTime.set)
		end = api_time_wall(failed->lastTransitionTime);
	return span_text(a, end - api_time_wall(j->status.startTime));
}

void job_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct batch_v1_Job *j = obj;
	cell_str(b, j->metadata.name);
	cell_str(b, job_word(j));
	cell_str(b, job_completions(a, j));
	cell_str(b, job_duration(a, j, now));
	cell_age(b, j->metadata.creationTimestamp, now);
	cell_containers(b, &j->spec.template.spec);
	cell_str(b, selector_text(a, j->spec.selector));
}

void cronjob_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct batch_v1_CronJob *c = obj;
	const struct batch_v1_JobSpec *job = &c->spec.jobTemplate.spec;
	cell_str(b, c->metadata.name);
	cell_str(b, c->spec.schedule);
	cell_or(b, c->spec.timeZone, NONE);
	cell_str(b, !c->spec.has_suspend ? UNSET : c->spec.suspend ? STR("True") : STR("False"));
	cell_int(b, c->status.active.len);
	cell_str(b, c->status.lastScheduleTime.set ? age_text(a, c->status.lastScheduleTime, now) : NONE);
	cell_age(b, c->metadata.creationTimestamp, now);
	cell_containers(b, &job->template.spec);
	cell_str(b, selector_text(a, job->selector));
}

/* ---- autoscaling ---- */

#define METRICS_SHOWN 2

struct reading {
	const struct autoscaling_v2_MetricTarget *target;
	const struct autoscaling_v2_MetricValueStatus *now; /* NULL: not known yet */
	struct str prefix;                                  /* "cpu: " */
};

static struct reading resource_reading(struct arena *a, struct str name, const struct autoscaling_v2_MetricTarget *t, const struct autoscaling_v2_MetricValueStatus *now)
{
	return (struct reading){t, now, str_printf(a, "%.*s: ", STR_F(name))};
}

static struct reading reading_of(struct arena *a, const struct autoscaling_v2_MetricSpec *m, const struct autoscaling_v2_MetricStatus *s)
{
	if (m->resource)
		return resource_reading(a, m->resource->name, &m->resource->target, s && s->resource ? &s->resource->current : NULL);
	if (m->containerResource)
		return resource_reading(a, m->containerResource->name, &m->containerResource->target,
			s && s->containerResource ? &s->containerResource->current : NULL);
	if (m->pods)
		return (struct reading){&m->pods->target, s && s->pods ? &s->pods->current : NULL, STR("")};
	if (m->object)
		return (struct reading){&m->object->target, s && s->object ? &s->object->current : NULL, STR("")};
	if (m->external)
		return (struct reading){&m->external->target, s && s->external ? &s->external->current : NULL, STR("")};
	return (struct reading){.prefix = STR("<unknown type>")};
}

static void put_reading(struct buf *out, const struct reading *r, bool is_pods)
{
	const struct autoscaling_v2_MetricTarget *t = r->target;
	const struct autoscaling_v2_MetricValueStatus *n = r->now;
	buf_str(out, r->prefix);
	if (!t)
		return;
	if (t->averageValue.n)
		buf_printf(out, "%.*s/%.*s%s", STR_F(n && n->averageValue.n ? n->averageValue : UNKNOWN), STR_F(t->averageValue), r->prefix.n || is_pods ? "" : " (avg)");
	else if (t->has_averageUtilization && n && n->has_averageUtilization)
		buf_printf(out, "%d%%/%d%%", n->averageUtilization, t->averageUtilization);
	else if (t->has_averageUtilization)
		buf_printf(out, "<unknown>/%d%%", t->averageUtilization);
	else if (r->prefix.n)
		buf_lit(out, "<unknown>/<auto>");
	else
		buf_printf(out, "%.*s/%.*s", STR_F(n && n->value.n ? n->value : UNKNOWN), STR_F(t->value));
}

static void hpa_targets(struct arena *a, const struct autoscaling_v2_HorizontalPodAutoscaler *h, struct buf *out)
{
	uint32_t n = h->spec.metrics.len;
	for (uint32_t i = 0; i < n && i < METRICS_SHOWN; i++) {
		const struct autoscaling_v2_MetricSpec *m = &h->spec.metrics.items[i];
		struct reading r = reading_of(a, m, i < h->status.currentMetrics.len ? &h->status.currentMetrics.items[i] : NULL);
		if (i)
			buf_lit(out, ", ");
		put_reading(out, &r, m->pods != NULL);
	}
	if (n > METRICS_SHOWN)
		buf_printf(out, " + %u more...", n - METRICS_SHOWN);
}

void hpa_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct autoscaling_v2_HorizontalPodAutoscaler *h = obj;
	BUF(targets);
	hpa_targets(a, h, &targets);
	cell_str(b, h->metadata.name);
	cell_str(b, str_printf(a, "%.*s/%.*s", STR_F(h->spec.scaleTargetRef.kind), STR_F(h->spec.scaleTargetRef.name)));
	cell_text(b, &targets, NONE);
	cell_str(b, h->spec.has_minReplicas ? str_printf(a, "%d", h->spec.minReplicas) : UNSET);
	cell_int(b, h->spec.maxReplicas);
	cell_int(b, h->status.currentReplicas);
	cell_age(b, h->metadata.creationTimestamp, now);
}

/* ---- budgets, revisions ---- */

static void cell_int_or_str(struct arena *a, struct buf *b, bool has, const struct int_or_str *v)
{
	if (!has)
		cell_str(b, STR("N/A"));
	else
		cell_str(b, v->is_str ? v->str : str_printf(a, "%d", v->num));
}

void pdb_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct policy_v1_PodDisruptionBudget *p = obj;
	cell_str(b, p->metadata.name);
	cell_int_or_str(a, b, p->spec.has_minAvailable, &p->spec.minAvailable);
	cell_int_or_str(a, b, p->spec.has_maxUnavailable, &p->spec.maxUnavailable);
	cell_int(b, p->status.disruptionsAllowed);
	cell_age(b, p->metadata.creationTimestamp, now);
}

void controllerrevision_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apps_v1_ControllerRevision *c = obj;
	struct str who = NONE;
	LIST_EACH(o, c->metadata.ownerReferences) {
		struct str group = {0}, version;
		if (!o->controller)
			continue;
		if (!str_cut(o->apiVersion, '/', &group, &version))
			group = STR("");
		who = str_printf(a, "%.*s%s%.*s/%.*s", STR_F(o->kind), group.n ? "." : "", STR_F(group), STR_F(o->name));
		for (size_t i = 0; i < o->kind.n; i++)
			((char *)who.p)[i] |= 0x20;
	}
	cell_str(b, c->metadata.name);
	cell_str(b, who);
	cell_int(b, c->revision);
	cell_age(b, c->metadata.creationTimestamp, now);
}
