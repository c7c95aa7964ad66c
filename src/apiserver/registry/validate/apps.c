/* Workloads: ReplicationController, ReplicaSet, Deployment, DaemonSet, StatefulSet, ControllerRevision. */
#include "api/selector.h"
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/apps_v1.h"
#include "gen/meta_v1.h"

#define MISMATCH "`selector` does not match template `labels`"

static void check_always(struct check *k, struct str path, const struct core_v1_PodTemplateSpec *t)
{
	if (!str_is(t->spec.restartPolicy, "Always"))
		bad_choice(k, at(k, path, "spec.restartPolicy"), t->spec.restartPolicy, CHOICES("Always"));
}

static void check_no_deadline(struct check *k, struct str path, const struct core_v1_PodTemplateSpec *t, const char *why)
{
	if (t->spec.has_activeDeadlineSeconds)
		bad_forbidden(k, at(k, path, "spec.activeDeadlineSeconds"), why);
}

/* The selector of a workload against its template's labels; absent matches nothing.  False: it is none. */
static bool check_matches(struct check *k, struct str path, const struct meta_v1_LabelSelector *s, const struct core_v1_PodTemplateSpec *t)
{
	struct selector parsed;
	ERR(e);
	bool empty = s && !s->matchLabels.len && !s->matchExpressions.len;
	if (selector_of(k->a, s, &parsed, &e))
		return false;
	if (!empty && !selector_matches(&parsed, &t->metadata.labels))
		bad_value(k, at(k, path, "metadata.labels"), json_map(k, &t->metadata.labels), MISMATCH);
	return true;
}

static void check_empty_selector(struct check *k, const struct meta_v1_LabelSelector *s, const char *why)
{
	if (s && !s->matchLabels.len && !s->matchExpressions.len)
		bad_value(k, STR("spec.selector"), STR("{}"), why);
}

static void check_at_most(struct check *k, const char *field, int64_t have, int64_t max, const char *why)
{
	if (have > max)
		bad_number(k, at(k, STR("status"), field), have, why);
}

/* An absent count is 0. */
static void check_collisions(struct check *k, bool has, int32_t now, bool had, int32_t old)
{
	if (had && (!has || now < old))
		bad_number(k, STR("status.collisionCount"), now, "cannot be decremented");
}

#define OVER_REPLICAS "cannot be greater than status.replicas"
#define OVER_READY "cannot be greater than readyReplicas"

/* ---- ReplicationController ---- */

static const struct rule rc_numbers[] = {NOT_NEG("minReadySeconds"), END};
static const struct rule rc_replicas[] = {NOT_NEG("replicas"), END};

static bool selects(const struct str_map *s, const struct str_map *labels)
{
	LIST_EACH(p, *s)
		if (!str_map_has(labels, p->key) || !str_eq(str_map_get(labels, p->key), p->value))
			return false;
	return true;
}

static void check_rc(struct check *k, const struct core_v1_ReplicationControllerSpec *s, const struct core_v1_ReplicationControllerSpec *old)
{
	struct str path = STR("spec.template");
	const struct core_v1_PodTemplateSpec *t = s->template;
	check_rules(k, STR("spec"), T_core_v1_ReplicationControllerSpec, s, rc_numbers);
	if (!s->selector.len)
		bad_required(k, STR("spec.selector"), NULL);
	check_rules(k, STR("spec"), T_core_v1_ReplicationControllerSpec, s, rc_replicas);
	if (!t) {
		bad_required(k, path, NULL);
		return;
	}
	if (s->selector.len && !selects(&s->selector, &t->metadata.labels))
		bad_value(k, at(k, path, "metadata.labels"), json_map(k, &t->metadata.labels), MISMATCH);
	check_template(k, path, t, old ? old->template : NULL);
	check_always(k, path, t);
	check_no_deadline(k, path, t, "activeDeadlineSeconds in ReplicationController is not Supported");
}

void validate_rc(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_rc(k, &((const struct core_v1_ReplicationController *)obj)->spec, NULL);
}

void validate_rc_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_rc(k, &((const struct core_v1_ReplicationController *)obj)->spec, NULL);
	check_rc(k, &((const struct core_v1_ReplicationController *)obj)->spec, &((const struct core_v1_ReplicationController *)old)->spec);
}

static const struct rule replica_status[] = {NOT_NEG("replicas"), NOT_NEG("fullyLabeledReplicas"), NOT_NEG("readyReplicas"), NOT_NEG("availableReplicas"),
	NOT_NEG("observedGeneration"), END};

static void check_replica_status(struct check *k, int64_t replicas, int64_t labeled, int64_t ready, int64_t available)
{
	check_at_most(k, "fullyLabeledReplicas", labeled, replicas, OVER_REPLICAS);
	check_at_most(k, "readyReplicas", ready, replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", available, replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", available, ready, OVER_READY);
}

void validate_rc_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct core_v1_ReplicationControllerStatus *s = &((const struct core_v1_ReplicationController *)obj)->status;
	CHECK(k);
	check_rules(k, STR("status"), T_core_v1_ReplicationControllerStatus, s, replica_status);
	check_replica_status(k, s->replicas, s->fullyLabeledReplicas, s->readyReplicas, s->availableReplicas);
}

/* ---- ReplicaSet ---- */

/* What ReplicaSets and Deployments say in the same words. */
static void check_replicated(struct check *k, const struct meta_v1_LabelSelector *s, const struct core_v1_PodTemplateSpec *t, const struct core_v1_PodTemplateSpec *old)
{
	struct str path = STR("spec.template");
	if (!s)
		bad_required(k, STR("spec.selector"), NULL);
	check_selector(k, STR("spec.selector"), s);
	check_empty_selector(k, s, "empty selector is invalid for deployment");
	if (!check_matches(k, path, s, t)) { /* what is no selector is told once more */
		bad_value(k, STR("spec.selector"), json_text(k, (struct ref){desc_type(T_meta_v1_LabelSelector), (void *)s}), "invalid label selector");
		return;
	}
	check_template(k, path, t, old);
	check_always(k, path, t);
	check_no_deadline(k, path, t, "activeDeadlineSeconds in ReplicaSet is not Supported");
}

static const struct rule rs_numbers[] = {NOT_NEG("replicas"), NOT_NEG("minReadySeconds"), END};

static void check_rs(struct check *k, const struct apps_v1_ReplicaSetSpec *s, const struct apps_v1_ReplicaSetSpec *old)
{
	check_rules(k, STR("spec"), T_apps_v1_ReplicaSetSpec, s, rs_numbers);
	check_replicated(k, s->selector, &s->template, old ? &old->template : NULL);
}

static const struct rule selector_same[] = {SAME("selector"), END};

void validate_replicaset(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_rs(k, &((const struct apps_v1_ReplicaSet *)obj)->spec, NULL);
}

void validate_replicaset_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_ReplicaSetSpec *s = &((const struct apps_v1_ReplicaSet *)obj)->spec, *old = &((const struct apps_v1_ReplicaSet *)old_)->spec;
	CHECK(k);
	check_rs(k, s, old); /* as a new one and as a changed one */
	check_rs(k, s, old);
	check_changes(k, STR("spec"), T_apps_v1_ReplicaSetSpec, s, old, selector_same);
}

void validate_replicaset_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct apps_v1_ReplicaSetStatus *s = &((const struct apps_v1_ReplicaSet *)obj)->status;
	CHECK(k);
	check_rules(k, STR("status"), T_apps_v1_ReplicaSetStatus, s, replica_status);
	check_replica_status(k, s->replicas, s->fullyLabeledReplicas, s->readyReplicas, s->availableReplicas);
}

/* ---- Deployment ---- */

static bool zero(const struct int_or_str *v) { return v->is_str ? str_is(v->str, "0%") : v->num == 0; }

static void check_rolling(struct check *k, struct str path, const struct apps_v1_RollingUpdateDeployment *u)
{
	check_int_or_percent(k, at(k, path, "maxUnavailable"), &u->maxUnavailable);
	check_int_or_percent(k, at(k, path, "maxSurge"), &u->maxSurge);
	if (zero(&u->maxUnavailable) && zero(&u->maxSurge))
		bad_value(k, at(k, path, "maxUnavailable"), u->maxUnavailable.is_str ? str_printf(k->a, "\"%.*s\"", STR_F(u->maxUnavailable.str)) : STR("0"),
			"may not be 0 when `maxSurge` is 0");
	check_percent_max(k, at(k, path, "maxUnavailable"), &u->maxUnavailable);
}

static void check_strategy(struct check *k, struct str path, const struct apps_v1_DeploymentStrategy *s)
{
	if (str_is(s->type, "Recreate")) {
		if (s->rollingUpdate)
			bad_forbidden(k, at(k, path, "rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'");
	} else if (!str_is(s->type, "RollingUpdate")) {
		bad_choice(k, at(k, path, "type"), s->type, CHOICES("Recreate", "RollingUpdate"));
	} else if (!s->rollingUpdate) {
		bad_required(k, at(k, path, "rollingUpdate"), "this should be defaulted and never be nil");
	} else {
		check_rolling(k, at(k, path, "rollingUpdate"), s->rollingUpdate);
	}
}

static const struct rule deployment_first[] = {NOT_NEG("replicas"), END};
static const struct rule deployment_last[] = {NOT_NEG("minReadySeconds"), NOT_NEG("revisionHistoryLimit"), NOT_NEG("progressDeadlineSeconds"), END};

static void check_deployment(struct check *k, const struct apps_v1_DeploymentSpec *s, const struct apps_v1_DeploymentSpec *old)
{
	check_rules(k, STR("spec"), T_apps_v1_DeploymentSpec, s, deployment_first);
	check_replicated(k, s->selector, &s->template, old ? &old->template : NULL);
	check_strategy(k, STR("spec.strategy"), &s->strategy);
	check_rules(k, STR("spec"), T_apps_v1_DeploymentSpec, s, deployment_last);
	if (s->has_progressDeadlineSeconds && s->progressDeadlineSeconds <= s->minReadySeconds)
		bad_number(k, STR("spec.progressDeadlineSeconds"), s->progressDeadlineSeconds, "must be greater than minReadySeconds");
}

void validate_deployment(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_deployment(k, &((const struct apps_v1_Deployment *)obj)->spec, NULL);
}

void validate_deployment_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_DeploymentSpec *s = &((const struct apps_v1_Deployment *)obj)->spec, *old = &((const struct apps_v1_Deployment *)old_)->spec;
	CHECK(k);
	check_deployment(k, s, old);
	check_changes(k, STR("spec"), T_apps_v1_DeploymentSpec, s, old, selector_same);
}

static const struct rule deployment_status[] = {NOT_NEG("observedGeneration"), NOT_NEG("replicas"), NOT_NEG("updatedReplicas"), NOT_NEG("readyReplicas"),
	NOT_NEG("availableReplicas"), NOT_NEG("unavailableReplicas"), NOT_NEG("terminatingReplicas"), NOT_NEG("collisionCount"), END};

void validate_deployment_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_DeploymentStatus *s = &((const struct apps_v1_Deployment *)obj)->status, *old = &((const struct apps_v1_Deployment *)old_)->status;
	CHECK(k);
	check_rules(k, STR("status"), T_apps_v1_DeploymentStatus, s, deployment_status);
	check_at_most(k, "updatedReplicas", s->updatedReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "readyReplicas", s->readyReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", s->availableReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", s->availableReplicas, s->readyReplicas, OVER_READY);
	check_collisions(k, s->has_collisionCount, s->collisionCount, old->has_collisionCount, old->collisionCount);
}

/* ---- DaemonSet ---- */

static void check_daemon_rolling(struct check *k, struct str path, const struct apps_v1_RollingUpdateDaemonSet *u)
{
	bool unavailable = !zero(&u->maxUnavailable), surge = u->has_maxSurge && !zero(&u->maxSurge);
	check_int_or_percent(k, at(k, path, "maxUnavailable"), &u->maxUnavailable);
	check_percent_max(k, at(k, path, "maxUnavailable"), &u->maxUnavailable);
	if (u->has_maxSurge) {
		check_int_or_percent(k, at(k, path, "maxSurge"), &u->maxSurge);
		check_percent_max(k, at(k, path, "maxSurge"), &u->maxSurge);
	}
	if (unavailable && surge)
		bad_number(k, at(k, path, "maxSurge"), u->maxSurge.num, "may not be set when maxUnavailable is non-zero");
	if (!unavailable && !surge)
		bad_required(k, at(k, path, "maxUnavailable"), "cannot be 0 when maxSurge is 0");
}

static void check_daemon_strategy(struct check *k, struct str path, const struct apps_v1_DaemonSetUpdateStrategy *s)
{
	if (str_is(s->type, "OnDelete"))
		return;
	if (!str_is(s->type, "RollingUpdate"))
		bad_choice(k, path, s->type, CHOICES("RollingUpdate", "OnDelete"));
	else if (!s->rollingUpdate)
		bad_required(k, at(k, path, "rollingUpdate"), NULL);
	else
		check_daemon_rolling(k, at(k, path, "rollingUpdate"), s->rollingUpdate);
}

static const struct rule daemon_numbers[] = {NOT_NEG("minReadySeconds"), END};
static const struct rule daemon_history[] = {NOT_NEG("revisionHistoryLimit"), END};

static void check_daemonset(struct check *k, const struct apps_v1_DaemonSetSpec *s, const struct apps_v1_DaemonSetSpec *old)
{
	struct str path = STR("spec.template");
	check_selector(k, STR("spec.selector"), s->selector);
	check_matches(k, path, s->selector, &s->template);
	check_empty_selector(k, s->selector, "empty selector is invalid for daemonset");
	check_template(k, path, &s->template, old ? &old->template : NULL);
	check_always(k, path, &s->template);
	check_no_deadline(k, path, &s->template, "activeDeadlineSeconds in DaemonSet is not Supported");
	check_rules(k, STR("spec"), T_apps_v1_DaemonSetSpec, s, daemon_numbers);
	check_daemon_strategy(k, STR("spec.updateStrategy"), &s->updateStrategy);
	check_rules(k, STR("spec"), T_apps_v1_DaemonSetSpec, s, daemon_history);
}

void validate_daemonset(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_daemonset(k, &((const struct apps_v1_DaemonSet *)obj)->spec, NULL);
}

void validate_daemonset_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_DaemonSetSpec *s = &((const struct apps_v1_DaemonSet *)obj)->spec, *old = &((const struct apps_v1_DaemonSet *)old_)->spec;
	CHECK(k);
	check_daemonset(k, s, old); /* as a new one and as a changed one */
	check_daemonset(k, s, old);
	check_changes(k, STR("spec"), T_apps_v1_DaemonSetSpec, s, old, selector_same);
}

static const struct rule daemon_status[] = {NOT_NEG("currentNumberScheduled"), NOT_NEG("numberMisscheduled"), NOT_NEG("desiredNumberScheduled"), NOT_NEG("numberReady"),
	NOT_NEG("observedGeneration"), NOT_NEG("updatedNumberScheduled"), NOT_NEG("numberAvailable"), NOT_NEG("numberUnavailable"), NOT_NEG("collisionCount"), END};

void validate_daemonset_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_DaemonSetStatus *s = &((const struct apps_v1_DaemonSet *)obj)->status, *old = &((const struct apps_v1_DaemonSet *)old_)->status;
	CHECK(k);
	check_rules(k, STR("status"), T_apps_v1_DaemonSetStatus, s, daemon_status);
	check_collisions(k, s->has_collisionCount, s->collisionCount, old->has_collisionCount, old->collisionCount);
}

/* ---- StatefulSet ---- */

static void check_set_strategy(struct check *k, struct str path, const struct apps_v1_StatefulSetUpdateStrategy *s)
{
	const struct apps_v1_RollingUpdateStatefulSetStrategy *u = s->rollingUpdate;
	if (!s->type.n)
		bad_required(k, path, NULL);
	else if (!one_of(s->type, CHOICES("OnDelete", "RollingUpdate")))
		bad_value(k, path, json_text(k, (struct ref){desc_type(T_apps_v1_StatefulSetUpdateStrategy), (void *)s}), "must be 'RollingUpdate' or 'OnDelete'");
	else if (str_is(s->type, "OnDelete") && u)
		bad_value(k, at(k, path, "rollingUpdate"), json_text(k, (struct ref){desc_type(T_apps_v1_RollingUpdateStatefulSetStrategy), (void *)u}),
			"only allowed for updateStrategy 'RollingUpdate'");
	else if (u) {
		check_not_negative(k, at(k, path, "rollingUpdate.partition"), u->partition);
		if (u->has_maxUnavailable) {
			check_int_or_percent(k, at(k, path, "rollingUpdate.maxUnavailable"), &u->maxUnavailable);
			if (zero(&u->maxUnavailable))
				bad_number(k, at(k, path, "rollingUpdate.maxUnavailable"), 0, "cannot be 0");
			check_percent_max(k, at(k, path, "rollingUpdate.maxUnavailable"), &u->maxUnavailable);
		}
	}
}

static const struct rule retention[] = {ENUM_ALWAYS("whenDeleted", "Delete", "Retain"), ENUM_ALWAYS("whenScaled", "Delete", "Retain"), END};
static const struct rule ordinals[] = {NOT_NEG("start"), END};
static const struct rule set_first[] = {SUB("persistentVolumeClaimRetentionPolicy", retention), NOT_NEG("replicas"), NOT_NEG("minReadySeconds"), SUB("ordinals", ordinals), END};

static void check_statefulset(struct check *k, const struct apps_v1_StatefulSetSpec *s, const struct apps_v1_StatefulSetSpec *old)
{
	struct str path = STR("spec.template");
	if (!s->podManagementPolicy.n)
		bad_required(k, STR("spec.podManagementPolicy"), NULL);
	else if (!one_of(s->podManagementPolicy, CHOICES("OrderedReady", "Parallel")))
		bad_string(k, STR("spec.podManagementPolicy"), s->podManagementPolicy, "must be 'OrderedReady' or 'Parallel'");
	check_set_strategy(k, STR("spec.updateStrategy"), &s->updateStrategy);
	check_rules(k, STR("spec"), T_apps_v1_StatefulSetSpec, s, set_first);
	if (s->serviceName.n && !old)
		bad_wrong(k, STR("spec.serviceName"), s->serviceName, name_dns1123_label(s->serviceName));
	if (!s->selector)
		bad_required(k, STR("spec.selector"), NULL);
	check_selector(k, STR("spec.selector"), s->selector);
	check_empty_selector(k, s->selector, "empty selector is invalid for statefulset");
	/* The rest of the template is judged when Pods are made of it: its volumes come with the claims. */
	if (check_matches(k, path, s->selector, &s->template)) {
		check_labels(k, at(k, path, "labels"), &s->template.metadata.labels);
		check_annotations(k, at(k, path, "annotations"), &s->template.metadata.annotations);
		check_pod_annotations(k, at(k, path, "annotations"), &s->template.metadata.annotations, &s->template.spec);
	} else {
		bad_value(k, STR("spec.selector"), json_text(k, (struct ref){desc_type(T_meta_v1_LabelSelector), s->selector}), "");
	}
	check_always(k, path, &s->template);
	check_no_deadline(k, path, &s->template, "activeDeadlineSeconds in StatefulSet is not Supported");
	if (s->has_revisionHistoryLimit)
		check_not_negative(k, STR("spec.revisionHistoryLimit"), s->revisionHistoryLimit);
}

void validate_statefulset(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_statefulset(k, &((const struct apps_v1_StatefulSet *)obj)->spec, NULL);
}

static const char set_frozen[] = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
	"'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

void validate_statefulset_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_StatefulSetSpec *s = &((const struct apps_v1_StatefulSet *)obj)->spec, *old = &((const struct apps_v1_StatefulSet *)old_)->spec;
	struct apps_v1_StatefulSetSpec m = *s;
	CHECK(k);
	check_statefulset(k, s, old);
	m.replicas = old->replicas, m.has_replicas = old->has_replicas;
	m.template = old->template;
	m.updateStrategy = old->updateStrategy;
	m.minReadySeconds = old->minReadySeconds;
	m.ordinals = old->ordinals;
	m.revisionHistoryLimit = old->revisionHistoryLimit, m.has_revisionHistoryLimit = old->has_revisionHistoryLimit;
	m.persistentVolumeClaimRetentionPolicy = old->persistentVolumeClaimRetentionPolicy;
	if (!obj_equal_at(desc_type(T_apps_v1_StatefulSetSpec), &m, old))
		bad_forbidden(k, STR("spec"), set_frozen);
}

static const struct rule set_status[] = {NOT_NEG("replicas"), NOT_NEG("readyReplicas"), NOT_NEG("currentReplicas"), NOT_NEG("updatedReplicas"), NOT_NEG("availableReplicas"),
	NOT_NEG("observedGeneration"), NOT_NEG("collisionCount"), END};

void validate_statefulset_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_StatefulSetStatus *s = &((const struct apps_v1_StatefulSet *)obj)->status, *old = &((const struct apps_v1_StatefulSet *)old_)->status;
	CHECK(k);
	check_rules(k, STR("status"), T_apps_v1_StatefulSetStatus, s, set_status);
	check_at_most(k, "readyReplicas", s->readyReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "currentReplicas", s->currentReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "updatedReplicas", s->updatedReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", s->availableReplicas, s->replicas, OVER_REPLICAS);
	check_at_most(k, "availableReplicas", s->availableReplicas, s->readyReplicas, "cannot be greater than status.readyReplicas");
	check_collisions(k, s->has_collisionCount, s->collisionCount, old->has_collisionCount, old->collisionCount);
}

/* ---- ControllerRevision: the data is compared as it was sent ---- */

static void check_revision(struct check *k, const struct apps_v1_ControllerRevision *c)
{
	if (!c->data.n || str_is(c->data, "null"))
		bad_required(k, STR("data"), "data is mandatory");
	else if (c->data.p[0] != '{')
		bad_required(k, STR("data"), "data must be a valid JSON object");
	check_not_negative(k, STR("revision"), c->revision);
}

void validate_controllerrevision(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_revision(k, obj);
}

void validate_controllerrevision_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct apps_v1_ControllerRevision *c = obj, *old = old_;
	CHECK(k);
	check_revision(k, c);
	if (!str_eq(c->data, old->data))
		bad_value(k, STR("data"), c->data, IMMUTABLE);
}
