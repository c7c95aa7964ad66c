/* Pods: what the server fills in, who may change what. */
#include "api/condition.h"
#include "api/pod.h"
#include "apiserver/registry/cells.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/ids.h"

/* The first is indexed for watches: every kubelet watches its own Pods. */
static const char *const selectable[] = {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase",
	"status.podIP", "status.podIPs", "status.nominatedNodeName", NULL};
static const struct selector_name old_names[] = {{"v1", "spec.host", "spec.nodeName"}, {0}};
/* Upstream lets status.podIPs be asked for, and finds nothing. */
static const char *const selectable_at[ARRAY_LEN(selectable)] = {[6] = "status.podIPs.ip", [7] = ""};

static void gate_condition(struct request *r, struct core_v1_Pod *p)
{
	if (!p->spec.schedulingGates.len)
		return;
	struct core_v1_PodCondition c = {.type = STR("PodScheduled"), .status = STR("False"), .reason = STR("SchedulingGated"),
		.message = STR("Scheduling is blocked due to non-empty scheduling gates"), .lastTransitionTime = api_time_sec(rt_wall())};
	condition_put(r->arena, T_core_v1_PodCondition, &p->status.conditions, &c);
}

/* ---- matchLabelKeys of affinity terms: the values are taken from the new Pod's labels ---- */

static void require(struct arena *a, struct meta_v1_LabelSelector *s, struct str key, const char *op, struct str value)
{
	struct meta_v1_LabelSelectorRequirement *q = arena_push(a, &s->matchExpressions);
	struct str *v = q ? arena_push(a, &q->values) : NULL;
	if (!v)
		return;
	q->key = key;
	q->operator = str_of(op);
	*v = value;
}

static void apply_keys(struct arena *a, const struct str_map *labels, struct core_v1_PodAffinityTerm *t)
{
	if (!t->labelSelector)
		return;
	LIST_EACH(k, t->matchLabelKeys)
		if (str_map_has(labels, *k))
			require(a, t->labelSelector, *k, "In", str_map_get(labels, *k));
	LIST_EACH(k, t->mismatchLabelKeys)
		if (str_map_has(labels, *k))
			require(a, t->labelSelector, *k, "NotIn", str_map_get(labels, *k));
}

static void apply_affinity_keys(struct arena *a, struct core_v1_Pod *p)
{
	const struct str_map *l = &p->metadata.labels;
	struct core_v1_Affinity *f = p->spec.affinity;
	if (f && f->podAffinity) {
		LIST_EACH(t, f->podAffinity->requiredDuringSchedulingIgnoredDuringExecution)
			apply_keys(a, l, t);
		LIST_EACH(t, f->podAffinity->preferredDuringSchedulingIgnoredDuringExecution)
			apply_keys(a, l, &t->podAffinityTerm);
	}
	if (f && f->podAntiAffinity) {
		LIST_EACH(t, f->podAntiAffinity->requiredDuringSchedulingIgnoredDuringExecution)
			apply_keys(a, l, t);
		LIST_EACH(t, f->podAntiAffinity->preferredDuringSchedulingIgnoredDuringExecution)
			apply_keys(a, l, &t->podAffinityTerm);
	}
}

static void apply_spread_keys(struct arena *a, struct core_v1_Pod *p)
{
	LIST_EACH(c, p->spec.topologySpreadConstraints)
		LIST_EACH(k, c->matchLabelKeys)
			if (c->labelSelector && str_map_has(&p->metadata.labels, *k))
				require(a, c->labelSelector, *k, "In", str_map_get(&p->metadata.labels, *k));
}

/* The member of a gate that is off. */
static void drop_signals(core_v1_Container_list_t *l)
{
	LIST_EACH(c, *l) {
		if (!c->lifecycle)
			continue;
		c->lifecycle->stopSignal = (struct str){0};
		if (!c->lifecycle->postStart && !c->lifecycle->preStop)
			c->lifecycle = NULL;
	}
}

/* Less than none is the least. */
static void mend_grace(struct core_v1_Pod *p)
{
	if (p->spec.has_terminationGracePeriodSeconds && p->spec.terminationGracePeriodSeconds < 0)
		p->spec.terminationGracePeriodSeconds = 1;
}

static void prepare_create(struct request *r, void *obj)
{
	struct core_v1_Pod *p = obj;
	bool known;
	p->status = (struct core_v1_PodStatus){.phase = STR("Pending"), .qosClass = p->status.qosClass.n ? p->status.qosClass : pod_qos(&p->spec)};
	mend_grace(p);
	if (!desc_gate_default(STR("ContainerStopSignals"), &known)) {
		drop_signals(&p->spec.containers);
		drop_signals(&p->spec.initContainers);
	}
	gate_condition(r, p);
	apply_affinity_keys(r->arena, p);
	apply_spread_keys(r->arena, p);
}

static void mend_ips(struct arena *a, struct core_v1_Pod *p)
{
	struct str first = p->status.podIP;
	p->status.podIPs = (__typeof__(p->status.podIPs)){0};
	((struct core_v1_PodIP *)arena_push(a, &p->status.podIPs))->ip = first;
}

/* Old kubelets send owners back broken. */
static const char *const status_keeps[] = {"metadata.deletionTimestamp", "metadata.ownerReferences", NULL};

/* The class of service is settled at creation. */
static void prepare_status(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Pod *p = obj;
	const struct core_v1_Pod *old = old_;
	/* The single address counts when the two disagree. */
	if (p->status.podIP.n && p->status.podIPs.len && !str_eq(p->status.podIP, p->status.podIPs.items[0].ip))
		mend_ips(r->arena, p);
	if (!p->status.qosClass.n)
		p->status.qosClass = old->status.qosClass.n ? old->status.qosClass : pod_qos(&p->spec);
}

/* Seconds of grace: what is asked for, else the Pod's own; none when there is nothing to stop. */
static int64_t grace(struct request *r, const void *obj, int64_t asked)
{
	const struct core_v1_Pod *p = obj;
	int64_t s = asked >= 0 ? asked : p->spec.has_terminationGracePeriodSeconds ? p->spec.terminationGracePeriodSeconds : 0;
	if (!p->spec.nodeName.n || pod_finished(p))
		return 0;
	return s < 0 ? 1 : s;
}

const struct strategy pod_strategy = {
	.group = "", .resource = "pods", .status_in_create = true, .meta_again = 1, .returns_object_on_delete = true, .has_generation = true, .status_keeps = status_keeps,
	.selectable = selectable, .selector_names = old_names, .selectable_at = selectable_at, .prepare_create = prepare_create, .prepare_status = prepare_status,
	.validate = validate_pod, .validate_update = validate_pod_update, .validate_status = validate_pod_status, .warn = warn_pod,
	.cells = pod_cells, .row_conditions = pod_row_conditions, .grace = grace,
};
static void template_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_PodTemplate *t = obj;
	const struct core_v1_PodTemplate *old = old_;
	generation_after(&t->metadata, &old->metadata, !obj_equal_at(desc_type(T_core_v1_PodTemplateSpec), &t->template, &old->template));
}

const struct strategy podtemplate_strategy = {
	.group = "", .resource = "podtemplates", .returns_object_on_delete = true, .has_generation = true, .prepare_update = template_update,
	.validate = validate_podtemplate, .warn = warn_podtemplate, .validate_update = validate_podtemplate_update, .cells = podtemplate_cells,
};
