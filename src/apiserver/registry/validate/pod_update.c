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

/* False: nothing more is compared. */
static bool check_deadline(struct check *k, const struct core_v1_PodSpec *now, const struct core_v1_PodSpec *old)
{
	struct str path = STR("spec.activeDeadlineSeconds");
	if (!now->has_activeDeadlineSeconds) {
		if (old->has_activeDeadlineSeconds)
			bad_value(k, path, STR("null"), "must not update from a positive integer to nil value");
		return true;
	}
	if (now->activeDeadlineSeconds < 0 || now->activeDeadlineSeconds > INT32_MAX)
		bad_number(k, path, now->activeDeadlineSeconds, "must be between 0 and 2147483647, inclusive");
	else if (old->has_activeDeadlineSeconds && now->activeDeadlineSeconds > old->activeDeadlineSeconds)
		bad_number(k, path, now->activeDeadlineSeconds, "must be less than or equal to previous value");
	else
		return true;
	return false;
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
			bad_forbidden(k, at(k, at_index(k, STR("spec.schedulingGates"), i), "name"),
				str_z(k->a, str_printf(k->a, "only deletion is allowed, but found new scheduling gate '%.*s'", STR_F(now->items[i].name))));
	}
}

/* ---- a gated Pod may be narrowed ---- */

static void check_selector_narrows(struct check *k, struct core_v1_PodSpec *munged, const struct core_v1_PodSpec *old)
{
	LIST_EACH(p, old->nodeSelector)
		if (!str_eq(str_map_get(&munged->nodeSelector, p->key), p->value)) {
			bad_value(k, STR("spec.nodeSelector"), json_map(k, &munged->nodeSelector), "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
			break;
		}
	munged->nodeSelector = old->nodeSelector;
}

static const struct core_v1_NodeSelector *required_nodes(const struct core_v1_PodSpec *s)
{
	return s->affinity && s->affinity->nodeAffinity ? s->affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution : NULL;
}

static bool begins_with(const core_v1_NodeSelectorRequirement_list_t *l, const core_v1_NodeSelectorRequirement_list_t *first)
{
	for (uint32_t i = 0; i < first->len; i++)
		if (i >= l->len || !obj_equal_at(desc_type(T_core_v1_NodeSelectorRequirement), &l->items[i], &first->items[i]))
			return false;
	return true;
}

static bool term_narrows(const struct core_v1_NodeSelectorTerm *now, const struct core_v1_NodeSelectorTerm *old)
{
	if (!old->matchExpressions.len && !old->matchFields.len && (now->matchExpressions.len || now->matchFields.len))
		return false; /* an empty term matches nothing */
	return begins_with(&now->matchExpressions, &old->matchExpressions) && begins_with(&now->matchFields, &old->matchFields);
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
	if (old->has_terminationGracePeriodSeconds && old->terminationGracePeriodSeconds < 0 && m->terminationGracePeriodSeconds == 1)
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
	check_pod(k, now, old);
	check_pod_annotations_update(k, STR("metadata.annotations"), now, old);
	if (!check_container_updates(k, STR("spec.containers"), &now->spec.containers, &old->spec.containers) ||
	    !check_container_updates(k, STR("spec.initContainers"), &now->spec.initContainers, &old->spec.initContainers))
		return;
	if (!check_deadline(k, &now->spec, &old->spec))
		return;
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

/* Each a struct of one string; podIPs or hostIPs. */
_Static_assert(sizeof(struct core_v1_PodIP) == sizeof(struct core_v1_HostIP), "both hold an address");

static bool one_per_family(const core_v1_PodIP_list_t *l)
{
	unsigned v4 = 0, v6 = 0;
	for (uint32_t i = 0; i < l->len; i++) {
		struct ip ip = {0};
		if (ip_parse(l->items[i].ip, true, &ip))
			return false;
		v4 += ip.v4;
		v6 += !ip.v4;
	}
	return v4 <= 1 && v6 <= 1;
}

static void check_ips_once(struct check *k, struct str path, const core_v1_PodIP_list_t *l)
{
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[j].ip, l->items[i].ip)) {
				bad_duplicate_raw(k, at_index(k, path, i), str_printf(k->a, "{\"IP\":\"%.*s\"}", STR_F(l->items[i].ip)));
				break;
			}
}

static void check_families(struct check *k, struct str path, const core_v1_PodIP_list_t *l)
{
	BUF(shown);
	if (l->len < 2 || one_per_family(l))
		return;
	for (uint32_t i = 0; i < l->len; i++)
		buf_printf(&shown, "%c{\"IP\":\"%.*s\"}", i ? ',' : '[', STR_F(l->items[i].ip));
	buf_char(&shown, ']');
	bad_value(k, path, buf_view(&shown), "may specify no more than one IP for each IP family");
}

static void check_status_ips(struct check *k, const struct core_v1_PodStatus *s)
{
	const core_v1_PodIP_list_t *hosts = (const void *)&s->hostIPs;
	struct str pod_ips = STR("status.podIPs"), host_ips = STR("status.hostIPs");
	for (uint32_t i = 0; i < s->podIPs.len; i++)
		check_ip(k, at_index(k, pod_ips, i), s->podIPs.items[i].ip);
	check_families(k, pod_ips, &s->podIPs);
	check_ips_once(k, pod_ips, &s->podIPs);
	if (hosts->len && !str_eq(s->hostIP, hosts->items[0].ip))
		bad_string(k, at(k, at_index(k, host_ips, 0), "ip"), hosts->items[0].ip, "must be equal to `hostIP`");
	for (uint32_t i = 0; i < hosts->len; i++)
		check_ip(k, at_index(k, host_ips, i), hosts->items[i].ip);
	check_ips_once(k, host_ips, hosts);
	check_families(k, host_ips, hosts);
}

static bool ended(const struct core_v1_ContainerStatus *s) { return s->state.terminated != NULL; }

static bool is_sidecar(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(c, s->initContainers)
		if (str_eq(c->name, name))
			return str_is(c->restartPolicy, "Always");
	return false;
}

/* What has ended for good stays so.  The index is that of the old status, as upstream's. */
static void check_transitions(struct check *k, struct str path, const core_v1_ContainerStatus_list_t *now, const core_v1_ContainerStatus_list_t *old,
	const struct core_v1_PodSpec *s, struct str policy)
{
	for (uint32_t i = 0; !str_is(policy, "Always") && i < old->len; i++) {
		const struct core_v1_ContainerStatus *o = &old->items[i];
		if (!ended(o) || (o->state.terminated->exitCode && str_is(policy, "OnFailure")) || (s && is_sidecar(s, o->name)))
			continue;
		LIST_EACH(n, *now)
			if (str_eq(o->name, n->name) && !ended(n))
				bad_forbidden(k, at(k, at_index(k, path, i), "state"), "may not be transitioned to non-terminated state");
	}
}

static void check_conditions(struct check *k, const core_v1_PodCondition_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (!one_of(l->items[i].type, CHOICES("PodScheduled", "Ready", "Initialized")))
			bad_wrong(k, at(k, at_index(k, STR("metadata.conditions"), i), "Type"), l->items[i].type, name_qualified(l->items[i].type));
}

static void check_claim_statuses(struct check *k, const pod_t *p)
{
	const core_v1_PodResourceClaimStatus_list_t *l = &p->status.resourceClaimStatuses;
	for (uint32_t i = 0; i < l->len; i++) {
		struct str path = at(k, at_index(k, STR("status.resourceClaimStatuses"), i), "name"), name = l->items[i].name, claim = l->items[i].resourceClaimName;
		bool known = false, again = false;
		LIST_EACH(c, p->spec.resourceClaims)
			known |= str_eq(c->name, name);
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(l->items[j].name, name);
		if (!known)
			bad_string(k, path, name, "must match the name of an entry in `spec.resourceClaims`");
		if (again)
			bad_duplicate(k, path, name);
		if (claim.p)
			bad_wrong(k, path, claim, name_dns1123_subdomain(claim));
	}
}

void validate_pod_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	const struct core_v1_PodStatus *s = &now->status, *o = &old->status;
	CHECK(k);
	check_pod_annotations_update(k, STR("metadata.annotations"), now, old);
	check_conditions(k, &s->conditions);
	if (s->nominatedNodeName.n && !str_eq(s->nominatedNodeName, o->nominatedNodeName))
		bad_wrong(k, STR("status.nominatedNodeName"), s->nominatedNodeName, name_dns1123_subdomain(s->nominatedNodeName));
	if (now->spec.restartPolicy.n && o->qosClass.n && !str_eq(s->qosClass, o->qosClass))
		bad_string(k, STR("status.qosClass"), s->qosClass, IMMUTABLE);
	check_transitions(k, STR("status.containerStatuses"), &s->containerStatuses, &o->containerStatuses, NULL, old->spec.restartPolicy);
	check_transitions(k, STR("status.initContainerStatuses"), &s->initContainerStatuses, &o->initContainerStatuses, &old->spec, old->spec.restartPolicy);
	check_transitions(k, STR("status.ephemeralContainerStatuses"), &s->ephemeralContainerStatuses, &o->ephemeralContainerStatuses, NULL, STR("Never"));
	check_claim_statuses(k, now);
	check_status_ips(k, s);
}

/* ---- ephemeral containers ---- */

/* A Pod that stands in a kubelet's folder; what cannot be done to it. */
static bool is_static(struct check *k, const pod_t *p, const char *why)
{
	if (!str_map_has(&p->metadata.annotations, STR("kubernetes.io/config.mirror")))
		return false;
	bad_forbidden(k, STR("[]"), why); /* how upstream writes a path without members */
	return true;
}

void validate_pod_ephemeral(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	if (is_static(k, old, "static pods do not support ephemeral containers"))
		return;
	check_pod(k, now, old);
	check_pod_annotations_update(k, STR("metadata.annotations"), now, old);
	LIST_EACH(o, old->spec.ephemeralContainers) {
		const struct core_v1_EphemeralContainer *same = NULL;
		struct str name = o->ephemeralContainerCommon.name;
		LIST_EACH(n, now->spec.ephemeralContainers)
			if (str_eq(n->ephemeralContainerCommon.name, name))
				same = n;
		if (!same)
			bad_forbidden(k, STR("spec.ephemeralContainers"), str_z(k->a, str_printf(k->a, "existing ephemeral containers \"%.*s\" may not be removed\n", STR_F(name))));
		else if (!obj_equal_at(desc_type(T_core_v1_EphemeralContainer), same, o))
			bad_forbidden(k, STR("spec.ephemeralContainers"), str_z(k->a, str_printf(k->a, "existing ephemeral containers \"%.*s\" may not be changed\n", STR_F(name))));
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
	if (loses(&now->requests, &old->requests))
		bad_forbidden(k, at(k, path, "requests"), "resource requests cannot be removed");
	if (loses(&now->limits, &old->limits))
		bad_forbidden(k, at(k, path, "limits"), "resource limits cannot be removed");
}

static bool compute_only(const struct core_v1_ResourceRequirements *now, const struct core_v1_ResourceRequirements *old)
{
	return only_compute(&now->limits, &old->limits) && only_compute(&now->requests, &old->requests) && only_compute(&old->limits, &now->limits) &&
	       only_compute(&old->requests, &now->requests);
}

/* The running kubelet tells the resources that its containers have, or cannot resize. */
static bool resizable(const pod_t *p)
{
	LIST_EACH(c, p->status.containerStatuses)
		if (c->state.running)
			return c->resources != NULL;
	return true;
}

/* Takes the resources that may differ from the old ones.  Of init containers only sidecars may. */
static void check_resized_list(struct check *k, core_v1_Container_list_t *now, const core_v1_Container_list_t *old, bool init)
{
	for (uint32_t i = 0; i < now->len && i < old->len; i++) {
		struct core_v1_Container *c = &now->items[i];
		bool sidecar = str_is(c->restartPolicy, "Always"), compute = compute_only(&c->resources, &old->items[i].resources);
		if (!init || sidecar)
			c->resources.limits = compute ? old->items[i].resources.limits : c->resources.limits, c->resources.requests = compute ? old->items[i].resources.requests : c->resources.requests;
		if (!obj_equal_at(desc_type(T_core_v1_Container), c, &old->items[i]))
			bad_forbidden(k, STR("spec"), !init ? "only cpu and memory resources are mutable" : sidecar ? "only cpu and memory resources for sidecar containers are mutable" :
				"resources for non-sidecar init containers are immutable");
	}
}

static void check_resources_kept(struct check *k, const pod_t *now, const pod_t *old)
{
	for (uint32_t i = 0; i < old->spec.initContainers.len && i < now->spec.initContainers.len; i++)
		if (str_is(old->spec.initContainers.items[i].restartPolicy, "Always"))
			check_resized(k, at(k, at_index(k, STR("spec.initContainers"), i), "resources"), &now->spec.initContainers.items[i].resources, &old->spec.initContainers.items[i].resources);
	for (uint32_t i = 0; i < old->spec.containers.len && i < now->spec.containers.len; i++)
		check_resized(k, at(k, at_index(k, STR("spec.containers"), i), "resources"), &now->spec.containers.items[i].resources, &old->spec.containers.items[i].resources);
}

void validate_pod_resize(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pod_t *now = obj, *old = old_;
	CHECK(k);
	if (is_static(k, old, "static pods cannot be resized"))
		return;
	if (old->spec.os && str_is(old->spec.os->name, "windows")) {
		bad_forbidden(k, STR("[]"), "windows pods cannot be resized");
		return;
	}
	check_pod(k, now, old);
	if (now->spec.containers.len != old->spec.containers.len) {
		bad_forbidden(k, STR("spec.containers"), "containers may not be added or removed on resize");
		return;
	}
	struct core_v1_PodSpec *m = obj_copy(r->arena, (struct ref){desc_type(T_core_v1_PodSpec), (void *)&now->spec});
	if (!m)
		return;
	struct str is = pod_qos(&now->spec);
	if (!str_eq(pod_qos(&old->spec), is))
		bad_string(k, STR("spec"), is, "Pod QOS Class may not change as a result of resizing");
	if (!resizable(old))
		bad_forbidden(k, STR("spec"), "Pod running on node without support for resize");
	check_resources_kept(k, now, old);
	check_resized_list(k, &m->containers, &old->spec.containers, false);
	check_resized_list(k, &m->initContainers, &old->spec.initContainers, true);
	m->resources = old->spec.resources;
	if (!e->ncauses && !obj_equal_at(desc_type(T_core_v1_PodSpec), m, &old->spec))
		bad_forbidden(k, STR("spec"), "only cpu and memory resources are mutable");
}
