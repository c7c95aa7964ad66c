/* Changes of Pods: what of the spec may be changed, the status, ephemeral containers, resize. */
#include "api/ip.h"
#include "api/pod.h"
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"

typedef struct core_v1_Pod pod_t;

/* False: nothing more can be compared. */
static bool check_container_updates(struct check *k, struct str path, const core_v1_Container_list_t *now, const core_v1_Container_list_t *old)
{
	if (now->len != old->len) {
		bad_forbidden(k, path, "pod updates may not add or remove containers");
		return false;
	}
	for (uint32_t i = 0; i < now->len; i++) {
		struct str image = now->items[i].image, here = at(k, at_index(k, path, i), "image");
		if (!image.n)
			bad_required(k, here, NULL);
		if (str_trim(image).n != image.n)
			bad_string(k, here, image, "must not have leading or trailing whitespace");
	}
	return true;
}

static void check_deadline(struct check *k, const struct core_v1_PodSpec *now, const struct core_v1_PodSpec *old)
{
	struct str path = STR("spec.activeDeadlineSeconds");
	if (!old->has_activeDeadlineSeconds)
		return;
	if (!now->has_activeDeadlineSeconds)
		bad_value(k, path, STR("null"), "must not update from a positive integer to nil value");
	else if (now->activeDeadlineSeconds > old->activeDeadlineSeconds)
		bad_number(k, path, now->activeDeadlineSeconds, "must be less than or equal to previous value");
}

static bool same_toleration(const struct core_v1_Toleration *a, const struct core_v1_Toleration *b)
{
	return str_eq(a->key, b->key) && str_eq(a->operator, b->operator) && str_eq(a->value, b->value) && str_eq(a->effect, b->effect);
}

static void check_tolerations_kept(struct check *k, const core_v1_Toleration_list_t *now, const core_v1_Toleration_list_t *old)
{
	LIST_EACH(o, *old) {
		bool there = false;
		LIST_EACH(n, *now)
			there |= same_toleration(n, o);
		if (!there) {
			bad_forbidden(k, STR("spec.tolerations"), "existing toleration can not be modified except its tolerationSeconds");
			return;
		}
	}
	check_tolerations(k, STR("spec.tolerations"), now);
}

static void check_gates_removed(struct check *k, const core_v1_PodSchedulingGate_list_t *now, const core_v1_PodSchedulingGate_list_t *old)
{
	for (uint32_t i = 0; i < now->len; i++) {
		bool there = false;
		LIST_EACH(o, *old)
			there |= str_eq(o->name, now->items[i].name);
		if (!there)
			bad_forbidden(k, at(k, at_index(k, STR("spec.schedulingGates"), i), "name"), "only deletion is allowed, but found new scheduling gate");
	}
}

/* ---- a gated Pod may be narrowed ---- */

static void check_selector_narrows(struct check *k, struct core_v1_PodSpec *munged, const struct core_v1_PodSpec *old)
{
	LIST_EACH(p, old->nodeSelector)
		if (!str_eq(str_map_get(&munged->nodeSelector, p->key), p->value)) {
			bad_value(k, STR("spec.nodeSelector"), json_text(k, (struct ref){NULL, NULL}), "only additions are allowed (no mutations or deletions)");
			break;
		}
	munged->nodeSelector = old->nodeSelector;
}

static const struct core_v1_NodeSelector *required_nodes(const struct core_v1_PodSpec *s)
{
	return s->affinity && s->affinity->nodeAffinity ? s->affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution : NULL;
}

static bool term_narrows(const struct core_v1_NodeSelectorTerm *now, const struct core_v1_NodeSelectorTerm *old)
{
	if (!old->matchExpressions.len && !old->matchFields.len && (now->matchExpressions.len || now->matchFields.len))
		return false; /* an empty term matches nothing */
	LIST_EACH(q, old->matchExpressions)
		if (!obj_list_has(desc_type(T_core_v1_NodeSelectorRequirement), &now->matchExpressions, q))
			return false;
	LIST_EACH(q, old->matchFields)
		if (!obj_list_has(desc_type(T_core_v1_NodeSelectorRequirement), &now->matchFields, q))
			return false;
	return true;
}

static void check_affinity_narrows(struct check *k, const struct core_v1_PodSpec *now, const struct core_v1_PodSpec *old)
{
	struct str path = STR("spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
	const struct core_v1_NodeSelector *a = required_nodes(now), *b = required_nodes(old);
	if (!b)
		return;
	uint32_t n = a ? a->nodeSelectorTerms.len : 0;
	if (b->nodeSelectorTerms.len && n != b->nodeSelectorTerms.len) {
		bad_value(k, path, STR("[]"), "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
		return;
	}
	for (uint32_t i = 0; i < n && i < b->nodeSelectorTerms.len; i++)
		if (!term_narrows(&a->nodeSelectorTerms.items[i], &b->nodeSelectorTerms.items[i]))
			bad_value(k, at_index(k, path, i), STR("{}"), "only additions are allowed (no mutations or deletions)");
}

static void munge_affinity(struct check *k, struct core_v1_PodSpec *munged, const struct core_v1_PodSpec *old)
{
	check_affinity_narrows(k, munged, old);
	if (!munged->affinity)
		munged->affinity = obj_make(k->a, core_v1_Affinity);
	munged->affinity->nodeAffinity = old->affinity ? old->affinity->nodeAffinity : NULL;
	if (!old->affinity && !munged->affinity->podAffinity && !munged->affinity->podAntiAffinity)
		munged->affinity = NULL;
}

static void munge(struct check *k, struct core_v1_PodSpec *m, const struct core_v1_PodSpec *old)
{
	for (uint32_t i = 0; i < m->containers.len; i++)
		m->containers.items[i].image = old->containers.items[i].image;
	for (uint32_t i = 0; i < m->initContainers.len; i++)
		m->initContainers.items[i].image = old->initContainers.items[i].image;
	m->activeDeadlineSeconds = old->activeDeadlineSeconds;
	m->has_activeDeadlineSeconds = old->has_activeDeadlineSeconds;
	m->tolerations = old->tolerations;
	if (old->has_terminationGracePeriodSeconds && old->terminationGracePeriodSeconds < 0)
		m->terminationGracePeriodSeconds = old->terminationGracePeriodSeconds;
	m->schedulingGates = old->schedulingGates;
	if (old->schedulingGates.len) {
		check_selector_narrows(k, m, old);
		munge_affinity(k, m, old);
	}
}

static const char frozen[] = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
	"`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

void validate_pod_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	check_pod_annotations_update(k, STR("metadata.annotations"), now, old);
	check_pod_spec(k, STR("spec"), &now->spec, &old->spec, &now->metadata, false);
	if (!check_container_updates(k, STR("spec.containers"), &now->spec.containers, &old->spec.containers) ||
	    !check_container_updates(k, STR("spec.initContainers"), &now->spec.initContainers, &old->spec.initContainers))
		return;
	check_deadline(k, &now->spec, &old->spec);
	check_tolerations_kept(k, &now->spec.tolerations, &old->spec.tolerations);
	check_gates_removed(k, &now->spec.schedulingGates, &old->spec.schedulingGates);
	struct core_v1_PodSpec *m = obj_copy(r->arena, (struct ref){desc_type(T_core_v1_PodSpec), (void *)&now->spec});
	if (!m)
		return;
	munge(k, m, &old->spec);
	if (!obj_equal_at(desc_type(T_core_v1_PodSpec), m, &old->spec))
		bad_forbidden(k, STR("spec"), frozen);
}

/* ---- status ---- */

static void check_status_ips(struct check *k, struct str path, const core_v1_PodIP_list_t *l)
{
	unsigned v4 = 0, v6 = 0;
	for (uint32_t i = 0; i < l->len; i++) {
		struct ip ip = {0};
		check_ip(k, at_index(k, path, i), l->items[i].ip);
		if (ip_parse(l->items[i].ip, true, &ip))
			continue;
		v4 += ip.v4;
		v6 += !ip.v4;
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[j].ip, l->items[i].ip)) {
				bad_duplicate(k, at_index(k, path, i), l->items[i].ip);
				break;
			}
	}
	if (v4 > 1 || v6 > 1)
		bad_value(k, path, STR("[]"), "may specify no more than one IP for each IP family");
}

static bool ended(const struct core_v1_ContainerStatus *s) { return s->state.terminated != NULL; }

/* What has ended for good stays so. */
static void check_transitions(struct check *k, struct str path, const core_v1_ContainerStatus_list_t *now, const core_v1_ContainerStatus_list_t *old,
	const struct core_v1_PodSpec *s)
{
	if (str_is(s->restartPolicy, "Always"))
		return;
	LIST_EACH(o, *old) {
		if (!ended(o) || (o->state.terminated->exitCode && str_is(s->restartPolicy, "OnFailure")))
			continue;
		for (uint32_t i = 0; i < now->len; i++)
			if (str_eq(o->name, now->items[i].name) && !ended(&now->items[i]))
				bad_forbidden(k, at(k, at_index(k, path, i), "state"), "may not be transitioned to non-terminated state");
	}
}

static const struct rule status_rules[] = {FORMAT("status.nominatedNodeName", name_dns1123_subdomain), END};

void validate_pod_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	check_rules(k, STR(""), T_core_v1_Pod, now, status_rules);
	check_transitions(k, STR("status.containerStatuses"), &now->status.containerStatuses, &old->status.containerStatuses, &old->spec);
	if (now->spec.restartPolicy.n && old->status.qosClass.n && !str_eq(now->status.qosClass, old->status.qosClass))
		bad_string(k, STR("status.qosClass"), now->status.qosClass, IMMUTABLE);
	check_status_ips(k, STR("status.podIPs"), &now->status.podIPs);
}

/* ---- ephemeral containers ---- */

void validate_pod_ephemeral(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	check_pod_spec(k, STR("spec"), &now->spec, &old->spec, &now->metadata, false);
	LIST_EACH(o, old->spec.ephemeralContainers) {
		const struct core_v1_EphemeralContainer *same = NULL;
		LIST_EACH(n, now->spec.ephemeralContainers)
			if (str_eq(n->ephemeralContainerCommon.name, o->ephemeralContainerCommon.name))
				same = n;
		if (!same)
			bad_forbidden(k, STR("spec.ephemeralContainers"), "existing ephemeral containers may not be removed");
		else if (!obj_equal_at(desc_type(T_core_v1_EphemeralContainer), same, o))
			bad_forbidden(k, STR("spec.ephemeralContainers"), "existing ephemeral containers may not be changed");
	}
}

/* ---- resize ---- */

static bool only_compute(const struct str_map *now, const struct str_map *old)
{
	LIST_EACH(q, *now)
		if (!one_of(q->key, CHOICES("cpu", "memory")) && !str_eq(str_map_get(old, q->key), q->value))
			return false;
	return true;
}

static bool loses(const struct str_map *now, const struct str_map *old)
{
	LIST_EACH(q, *old)
		if (!str_map_has(now, q->key))
			return true;
	return false;
}

static void check_resized(struct check *k, struct str path, const struct core_v1_ResourceRequirements *now, const struct core_v1_ResourceRequirements *old)
{
	if (loses(&now->limits, &old->limits))
		bad_forbidden(k, at(k, path, "limits"), "resource limits cannot be removed");
	if (loses(&now->requests, &old->requests))
		bad_forbidden(k, at(k, path, "requests"), "resource requests cannot be removed");
}

void validate_pod_resize(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	check_pod_spec(k, STR("spec"), &now->spec, &old->spec, &now->metadata, false);
	if (now->spec.containers.len != old->spec.containers.len) {
		bad_forbidden(k, STR("spec.containers"), "containers may not be added or removed on resize");
		return;
	}
	bool compute = true;
	struct core_v1_PodSpec *m = obj_copy(r->arena, (struct ref){desc_type(T_core_v1_PodSpec), (void *)&now->spec});
	for (uint32_t i = 0; m && i < m->containers.len; i++) {
		struct core_v1_Container *c = &m->containers.items[i];
		const struct core_v1_Container *o = &old->spec.containers.items[i];
		check_resized(k, at(k, at_index(k, STR("spec.containers"), i), "resources"), &c->resources, &o->resources);
		compute &= only_compute(&c->resources.limits, &o->resources.limits) && only_compute(&c->resources.requests, &o->resources.requests);
		c->resources = o->resources;
	}
	struct str was = pod_qos(&old->spec), is = pod_qos(&now->spec);
	if (!str_eq(was, is))
		bad_string(k, STR("spec"), is, "Pod QOS Class may not change as a result of resizing");
	if (!compute || (m && !obj_equal_at(desc_type(T_core_v1_PodSpec), m, &old->spec)))
		bad_forbidden(k, STR("spec"), "only cpu and memory resources are mutable");
}
