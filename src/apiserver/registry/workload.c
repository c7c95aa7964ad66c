/* Kinds that make Pods: generations, selectors, scale. */
#include "apiserver/registry/cells.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/apps_v1.h"
#include "gen/batch_v1.h"
#include "gen/ids.h"

bool str_map_equal(const struct str_map *a, const struct str_map *b)
{
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i].key, b->items[i].key) || !str_eq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

void generation_after(struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, bool changed) { m->generation = old->generation + changed; }

/* A rollout's cause may lie in an annotation: those count, too. */
static void deployment_update(struct request *r, void *obj, const void *old_)
{
	struct apps_v1_Deployment *d = obj;
	const struct apps_v1_Deployment *old = old_;
	generation_after(&d->metadata, &old->metadata, !str_map_equal(&d->metadata.annotations, &old->metadata.annotations));
}

static const char *const deployment_keeps[] = {"metadata.labels", NULL};

const struct strategy deployment_strategy = {
	.group = "apps", .resource = "deployments", .has_generation = true, .status_keeps = deployment_keeps, .prepare_update = deployment_update,
	.validate = validate_deployment, .warn = warn_deployment, .validate_update = validate_deployment_update, .validate_status = validate_deployment_status, .cells = deployment_cells,
	.scale_spec = "spec.replicas", .scale_status = "status.replicas", .scale_selector = "spec.selector",
};

static const char *const replicas_field[] = {"status.replicas", NULL};

const struct strategy replicaset_strategy = {
	.group = "apps", .resource = "replicasets", .meta_again = 1, .has_generation = true, .selectable = replicas_field,
	.validate = validate_replicaset, .warn = warn_replicaset, .validate_update = validate_replicaset_update, .validate_status = validate_replicaset_status, .cells = replicaset_cells,
	.scale_spec = "spec.replicas", .scale_status = "status.replicas", .scale_selector = "spec.selector",
};
const struct strategy rc_strategy = {
	.group = "", .resource = "replicationcontrollers", .meta_again = 1, .has_generation = true, .orphan_by_default = true, .selectable = replicas_field,
	.validate = validate_rc, .warn = warn_rc, .validate_update = validate_rc_update, .validate_status = validate_rc_status, .cells = rc_cells,
	.scale_spec = "spec.replicas", .scale_status = "status.replicas", .scale_selector = "spec.selector",
};
const struct strategy statefulset_strategy = {
	.group = "apps", .resource = "statefulsets", .has_generation = true, .validate_name = validate_name_label,
	.validate = validate_statefulset, .warn = warn_statefulset, .validate_update = validate_statefulset_update, .validate_status = validate_statefulset_status, .cells = statefulset_cells,
	.scale_spec = "spec.replicas", .scale_status = "status.replicas", .scale_selector = "spec.selector",
};

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

/* Internally it is a number. */
static void daemonset_internal(struct arena *a, void *obj)
{
	struct apps_v1_DaemonSet *d = obj;
	if (!str_map_has(&d->metadata.annotations, STR(TEMPLATE_GENERATION)))
		str_map_set(a, &d->metadata.annotations, STR(TEMPLATE_GENERATION), STR("0"));
}

static void daemonset_create(struct request *r, void *obj)
{
	struct apps_v1_DaemonSet *d = obj;
	str_map_set(r->arena, &d->metadata.annotations, STR(TEMPLATE_GENERATION), STR("1"));
}

/* The number of the template goes on with each change of the template. */
static void daemonset_update(struct request *r, void *obj, const void *old_)
{
	static const struct str key = STR_INIT(TEMPLATE_GENERATION);
	struct apps_v1_DaemonSet *d = obj;
	const struct apps_v1_DaemonSet *old = old_;
	int64_t n = 0;
	struct str was = str_map_get(&old->metadata.annotations, key);
	if (!was.n || str_i64(was, &n))
		return;
	if (!obj_equal_at(desc_type(T_core_v1_PodTemplateSpec), &d->spec.template, &old->spec.template))
		n++;
	str_map_set(r->arena, &d->metadata.annotations, key, str_printf(r->arena, "%lld", (long long)n));
}

const struct strategy daemonset_strategy = {
	.group = "apps", .resource = "daemonsets", .meta_again = 1, .has_generation = true, .internal = daemonset_internal, .prepare_create = daemonset_create, .prepare_update = daemonset_update,
	.validate = validate_daemonset, .warn = warn_daemonset, .validate_update = validate_daemonset_update, .validate_status = validate_daemonset_status, .cells = daemonset_cells,
};
const struct strategy controllerrevision_strategy = {
	.group = "apps", .resource = "controllerrevisions", .meta_again = 1, .validate = validate_controllerrevision, .validate_update = validate_controllerrevision_update,
	.cells = controllerrevision_cells,
};

/* ---- Job: its selector is made from its uid ---- */

static void set_label(struct arena *a, struct str_map *m, struct str key, struct str value)
{
	if (!str_map_has(m, key))
		str_map_set(a, m, key, value);
}

static const char *const job_label_keys[] = {"batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"};

static void job_selector(struct request *r, struct batch_v1_Job *j)
{
	struct str_map *labels = &j->spec.template.metadata.labels;
	for (size_t i = 0; i < 4; i++)
		set_label(r->arena, labels, str_of(job_label_keys[i]), i % 2 ? j->metadata.name : j->metadata.uid);
	if (!j->spec.selector)
		j->spec.selector = obj_make(r->arena, meta_v1_LabelSelector);
	set_label(r->arena, &j->spec.selector->matchLabels, STR("batch.kubernetes.io/controller-uid"), j->metadata.uid);
}

static void job_create(struct request *r, void *obj)
{
	struct batch_v1_Job *j = obj;
	bool shared = str_map_equal(&j->metadata.labels, &j->spec.template.metadata.labels); /* by default it has its template's labels */
	if (j->spec.has_manualSelector && j->spec.manualSelector)
		return;
	job_selector(r, j);
	if (shared)
		LIST_EACH(l, j->spec.template.metadata.labels)
			str_map_set(r->arena, &j->metadata.labels, l->key, l->value);
}

static const char *const job_fields[] = {"status.successful", NULL};
static const char *const job_fields_at[ARRAY_LEN(job_fields)] = {"status.succeeded"};

const struct strategy job_strategy = {
	.group = "batch", .resource = "jobs", .meta_again = 1, .meta_checked_once = true, .has_generation = true, .orphan_by_default = true,
	.orphan_warning = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
			  "propagationPolicy=Orphan to suppress this warning",
	.selectable = job_fields, .selectable_at = job_fields_at,
	.prepare_create = job_create, .validate = validate_job, .validate_update = validate_job_update, .validate_status = validate_job_status, .warn = warn_job,
	.cells = job_cells,
};
const struct strategy cronjob_strategy = {
	.group = "batch", .resource = "cronjobs", .has_generation = true, .validate = validate_cronjob, .validate_update = validate_cronjob_update, .warn = warn_cronjob,
	.cells = cronjob_cells,
};
