/* Kinds of the smaller groups: mostly a row of flags and a row of columns. */
#include "apiserver/registry/cells.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/admissionregistration_v1.h"
#include "gen/apiregistration_v1.h"
#include "gen/autoscaling_v1.h"
#include "gen/autoscaling_v2.h"
#include "gen/discovery_v1.h"
#include "gen/ids.h"
#include "gen/policy_v1.h"

static const char *const whole_metadata[] = {"metadata", NULL};

/* ---- coordination, discovery, policy, autoscaling ---- */

CELLS_BY_PATH(lease_cells, T_coordination_v1_Lease, "metadata.name", "spec.holderIdentity", "@age")
const struct strategy lease_strategy = {
	.group = "coordination.k8s.io", .resource = "leases", .allow_create_on_update = true, .unconditional_update_forbidden = true,
	.validate = validate_lease, .validate_update = validate_lease_update, .cells = lease_cells,
};

/* Everything but annotations counts. */
static void drop_topology(struct discovery_v1_EndpointSlice *s)
{
	LIST_EACH(p, s->endpoints)
		p->deprecatedTopology = (struct str_map){0};
}

static void endpointslice_create(struct request *r, void *obj) { drop_topology(obj); }

static bool has_topology(const struct discovery_v1_EndpointSlice *s)
{
	LIST_EACH(p, s->endpoints)
		if (p->deprecatedTopology.len)
			return true;
	return false;
}

static void endpointslice_update(struct request *r, void *obj, const void *old_)
{
	struct discovery_v1_EndpointSlice *s = obj;
	const struct discovery_v1_EndpointSlice *old = old_;
	if (!has_topology(old))
		drop_topology(s);
	struct discovery_v1_EndpointSlice a = *s, b = *old;
	a.metadata = b.metadata = (struct meta_v1_ObjectMeta){0};
	a.metadata.labels = s->metadata.labels;
	b.metadata.labels = old->metadata.labels;
	generation_after(&s->metadata, &old->metadata, !obj_equal_at(desc_type(T_discovery_v1_EndpointSlice), &a, &b));
}

const struct strategy endpointslice_strategy = {
	.group = "discovery.k8s.io", .resource = "endpointslices", .meta_again = 1, .meta_checked_once = true, .has_generation = true, .prepare_create = endpointslice_create, .prepare_update = endpointslice_update,
	.validate = validate_endpointslice, .warn = warn_endpointslice, .validate_update = validate_endpointslice_update, .cells = endpointslice_cells,
};

/* The controller has to look at it first: until then nothing may be evicted. */
static void pdb_create(struct request *r, void *obj)
{
	struct policy_v1_PodDisruptionBudget *p = obj;
	p->status = (struct policy_v1_PodDisruptionBudgetStatus){0};
}
const struct strategy pdb_strategy = {
	.group = "policy", .resource = "poddisruptionbudgets", .meta_checked_once = true, .has_generation = true, .unconditional_update_forbidden = true, .prepare_create = pdb_create,
	.validate = validate_pdb, .validate_update = validate_pdb_update, .validate_status = validate_pdb_status, .cells = pdb_cells,
};
/* The first version has a goal even when none is sent, unless its metrics stand in the annotation. */
#define CPU_DEFAULT 80

static void hpa_default(struct request *r, struct ref o)
{
	struct autoscaling_v1_HorizontalPodAutoscaler *h = o.p;
	if (o.type->index != T_autoscaling_v1_HorizontalPodAutoscaler || h->spec.has_targetCPUUtilizationPercentage ||
	    str_map_has(&h->metadata.annotations, STR("autoscaling.alpha.kubernetes.io/metrics")))
		return;
	h->spec.targetCPUUtilizationPercentage = CPU_DEFAULT;
	h->spec.has_targetCPUUtilizationPercentage = true;
}

const struct strategy hpa_strategy = {
	.group = "autoscaling", .resource = "horizontalpodautoscalers", .after_default = hpa_default, .validate = validate_hpa, .validate_update = validate_hpa_update,
	.validate_status = validate_hpa_status, .cells = hpa_cells,
};

CELLS_BY_PATH(scale_cells, T_autoscaling_v1_Scale, "metadata.name", "spec.replicas", "status.replicas", "@age")
/* Not a resource: what /scale of many shows. */
const struct strategy scale_strategy = {.group = "autoscaling", .resource = "scales", .cells = scale_cells};

/* ---- RBAC ---- */

const struct strategy role_strategy = {
	.group = "rbac.authorization.k8s.io", .resource = "roles", .meta_again = 1, .allow_create_on_update = true, .validate_name = validate_name_path,
	.validate = validate_role, .validate_update = validate_role_update, .allocate = escalation_of_role,
};
const struct strategy clusterrole_strategy = {
	.group = "rbac.authorization.k8s.io", .resource = "clusterroles", .meta_again = 1, .allow_create_on_update = true, .validate_name = validate_name_path,
	.validate = validate_clusterrole, .validate_update = validate_clusterrole_update, .allocate = escalation_of_clusterrole,
};
const struct strategy rolebinding_strategy = {
	.group = "rbac.authorization.k8s.io", .resource = "rolebindings", .meta_again = 1, .allow_create_on_update = true, .validate_name = validate_name_path,
	.validate = validate_rolebinding, .validate_update = validate_rolebinding_update, .allocate = escalation_of_binding, .cells = rolebinding_cells,
};
const struct strategy clusterrolebinding_strategy = {
	.group = "rbac.authorization.k8s.io", .resource = "clusterrolebindings", .meta_again = 1, .allow_create_on_update = true, .validate_name = validate_name_path,
	.validate = validate_clusterrolebinding, .validate_update = validate_clusterrolebinding_update, .allocate = escalation_of_binding,
	.cells = rolebinding_cells,
};

/* ---- networking ---- */

const struct strategy ingress_strategy = {
	.group = "networking.k8s.io", .resource = "ingresses", .meta_again = 1, .has_generation = true, .validate = validate_ingress, .warn = warn_ingress, .validate_update = validate_ingress_update,
	.validate_status = validate_ingress_status,
	.cells = ingress_cells,
};
const struct strategy ingressclass_strategy = {
	.group = "networking.k8s.io", .resource = "ingressclasses", .meta_again = 1, .has_generation = true, .validate = validate_ingressclass,
	.validate_update = validate_ingressclass_update, .cells = ingressclass_cells,
};
const struct strategy networkpolicy_strategy = {
	.group = "networking.k8s.io", .resource = "networkpolicies", .has_generation = true, .validate = validate_networkpolicy,
	.validate_update = validate_networkpolicy_update, .cells = networkpolicy_cells,
};
const struct strategy ipaddress_strategy = {
	.group = "networking.k8s.io", .resource = "ipaddresses", .validate_name = validate_name_ip, .validate = validate_ipaddress, .validate_update = validate_ipaddress_update,
	.cells = ipaddress_cells,
};
const struct strategy servicecidr_strategy = {
	.group = "networking.k8s.io", .resource = "servicecidrs", .status_keeps = whole_metadata, .returns_object_on_delete = true, .validate = validate_servicecidr,
	.validate_update = validate_servicecidr_update, .cells = servicecidr_cells,
};

/* ---- node, scheduling ---- */

CELLS_BY_PATH(runtimeclass_cells, T_node_v1_RuntimeClass, "metadata.name", "handler", "@age")
const struct strategy runtimeclass_strategy = {
	.group = "node.k8s.io", .resource = "runtimeclasses", .allow_create_on_update = true, .unconditional_update_forbidden = true,
	.validate = validate_runtimeclass, .validate_update = validate_runtimeclass_update, .cells = runtimeclass_cells,
};
CELLS_BY_PATH(priorityclass_cells, T_scheduling_v1_PriorityClass, "metadata.name", "value", "globalDefault", "@age", "preemptionPolicy")
const struct strategy priorityclass_strategy = {
	.group = "scheduling.k8s.io", .resource = "priorityclasses", .has_generation = true, .validate = validate_priorityclass,
	.validate_update = validate_priorityclass_update, .cells = priorityclass_cells,
};

/* ---- storage ---- */

const struct strategy storageclass_strategy = {
	.group = "storage.k8s.io", .resource = "storageclasses", .returns_object_on_delete = true, .validate = validate_storageclass,
	.validate_update = validate_storageclass_update, .cells = storageclass_cells,
};
const struct strategy csidriver_strategy = {
	.group = "storage.k8s.io", .resource = "csidrivers", .validate_name = validate_name_driver, .validate = validate_csidriver, .warn = warn_csidriver,
	.validate_update = validate_csidriver_update, .returns_object_on_delete = true, .unconditional_update_forbidden = true, .cells = csidriver_cells,
};
CELLS_BY_PATH(csinode_cells, T_storage_v1_CSINode, "metadata.name", "#spec.drivers", "@age")
const struct strategy csinode_strategy = {
	.group = "storage.k8s.io", .resource = "csinodes", .meta_again = 1, .validate = validate_csinode, .validate_update = validate_csinode_update,
	 .meta_checked_once = true, .returns_object_on_delete = true, .unconditional_update_forbidden = true, .cells = csinode_cells,
};
const struct strategy csistoragecapacity_strategy = {
	.group = "storage.k8s.io", .resource = "csistoragecapacities", .validate = validate_csistoragecapacity,
	.validate_update = validate_csistoragecapacity_update, .unconditional_update_forbidden = true,
};
const struct strategy volumeattachment_strategy = {
	.group = "storage.k8s.io", .resource = "volumeattachments", .meta_again = 1, .meta_checked_once = true, .status_keeps = whole_metadata, .validate = validate_volumeattachment,
	.validate_update = validate_volumeattachment_update, .returns_object_on_delete = true, .unconditional_update_forbidden = true,
	.cells = attachment_cells,
};
CELLS_BY_PATH(attributesclass_cells, T_storage_v1_VolumeAttributesClass, "metadata.name", "driverName", "@age")
const struct strategy volumeattributesclass_strategy = {
	.group = "storage.k8s.io", .resource = "volumeattributesclasses", .validate = validate_volumeattributesclass,
	.validate_update = validate_volumeattributesclass_update, .returns_object_on_delete = true, .cells = attributesclass_cells,
};

/* ---- dynamic resources ---- */

CELLS_BY_PATH(deviceclass_cells, T_resource_v1_DeviceClass, "metadata.name", "@age")
const struct strategy deviceclass_strategy = {
	.group = "resource.k8s.io", .resource = "deviceclasses", .returns_object_on_delete = true, .has_generation = true, .cells = deviceclass_cells,
};
const struct strategy resourceclaim_strategy = {
	.group = "resource.k8s.io", .resource = "resourceclaims", .status_keeps = whole_metadata, .returns_object_on_delete = true, .cells = resourceclaim_cells,
};
CELLS_BY_PATH(claimtemplate_cells, T_resource_v1_ResourceClaimTemplate, "metadata.name", "@age")
const struct strategy resourceclaimtemplate_strategy = {
	.group = "resource.k8s.io", .resource = "resourceclaimtemplates", .returns_object_on_delete = true, .cells = claimtemplate_cells,
};
CELLS_BY_PATH(slice_cells, T_resource_v1_ResourceSlice, "metadata.name", "spec.nodeName|<unset>", "spec.driver", "spec.pool.name", "@age")
static const char *const slice_fields[] = {"spec.nodeName", "spec.driver", NULL};
const struct strategy resourceslice_strategy = {
	.group = "resource.k8s.io", .resource = "resourceslices", .returns_object_on_delete = true, .has_generation = true, .selectable = slice_fields,
	.cells = slice_cells,
};

/* ---- admission, flow control, extensions ---- */

/* Webhook configurations have no spec: their lists count. */
static void validating_webhooks_update(struct request *r, void *obj, const void *old_)
{
	struct admissionregistration_v1_ValidatingWebhookConfiguration *w = obj;
	const struct admissionregistration_v1_ValidatingWebhookConfiguration *old = old_;
	struct admissionregistration_v1_ValidatingWebhookConfiguration a = *w, b = *old;
	a.metadata = b.metadata = (struct meta_v1_ObjectMeta){0};
	generation_after(&w->metadata, &old->metadata, !obj_equal_at(desc_type(T_admissionregistration_v1_ValidatingWebhookConfiguration), &a, &b));
}
static void mutating_webhooks_update(struct request *r, void *obj, const void *old_)
{
	struct admissionregistration_v1_MutatingWebhookConfiguration *w = obj;
	const struct admissionregistration_v1_MutatingWebhookConfiguration *old = old_;
	struct admissionregistration_v1_MutatingWebhookConfiguration a = *w, b = *old;
	a.metadata = b.metadata = (struct meta_v1_ObjectMeta){0};
	generation_after(&w->metadata, &old->metadata, !obj_equal_at(desc_type(T_admissionregistration_v1_MutatingWebhookConfiguration), &a, &b));
}

CELLS_BY_PATH(mutating_webhooks_cells, T_admissionregistration_v1_MutatingWebhookConfiguration, "metadata.name", "#webhooks", "@age")
CELLS_BY_PATH(validating_webhooks_cells, T_admissionregistration_v1_ValidatingWebhookConfiguration, "metadata.name", "#webhooks", "@age")

#define ADMISSION .group = "admissionregistration.k8s.io", .meta_again = 1, .meta_checked_once = true, .has_generation = true, .unconditional_update_forbidden = true
const struct strategy mutating_webhooks_strategy = {
	ADMISSION, .resource = "mutatingwebhookconfigurations", .prepare_update = mutating_webhooks_update, .cells = mutating_webhooks_cells};
const struct strategy validating_webhooks_strategy = {
	ADMISSION, .resource = "validatingwebhookconfigurations", .prepare_update = validating_webhooks_update, .cells = validating_webhooks_cells};
const struct strategy mutating_policy_strategy = {ADMISSION, .resource = "mutatingadmissionpolicies", .cells = mutating_policy_cells};
const struct strategy validating_policy_strategy = {ADMISSION, .resource = "validatingadmissionpolicies", .validate_status = validate_admission_policy_status, .status_keeps = whole_metadata, .cells = validating_policy_cells};
const struct strategy mutating_policy_binding_strategy = {ADMISSION, .resource = "mutatingadmissionpolicybindings", .cells = mutating_binding_cells};
const struct strategy validating_policy_binding_strategy = {ADMISSION, .resource = "validatingadmissionpolicybindings", .cells = validating_binding_cells};

const struct strategy flowschema_strategy = {
	.group = "flowcontrol.apiserver.k8s.io", .resource = "flowschemas", .meta_again = 1, .validate = validate_flowschema, .validate_update = validate_flowschema_update,
	.validate_status = validate_flowschema_status, .status_keeps = whole_metadata, .meta_checked_once = true, .has_generation = true, .cells = flowschema_cells};
const struct strategy prioritylevel_strategy = {
	.group = "flowcontrol.apiserver.k8s.io", .resource = "prioritylevelconfigurations", .meta_again = 1, .validate = validate_prioritylevel, .validate_update = validate_prioritylevel_update,
	.validate_status = validate_prioritylevel_status, .status_keeps = whole_metadata, .meta_checked_once = true, .has_generation = true, .cells = prioritylevel_cells};
static void warn_crd(struct request *r, const void *obj, const void *old)
{
	if (!old)
		request_warn(r, "this server does not serve custom resources yet: the definition is stored, and nothing else");
}

const struct strategy crd_strategy = {
	.group = "apiextensions.k8s.io", .resource = "customresourcedefinitions", .warn = warn_crd, .status_keeps = whole_metadata, .has_generation = true, .returns_object_on_delete = true};

/* What this server answers itself is there from the start. */
static void apiservice_create(struct request *r, void *obj)
{
	struct apiregistration_v1_APIService *s = obj;
	if (s->spec.service)
		return;
	struct apiregistration_v1_APIServiceCondition *c = arena_push(r->arena, &s->status.conditions);
	*c = (struct apiregistration_v1_APIServiceCondition){.type = STR("Available"), .status = STR("True"), .reason = STR("Local"),
		.message = STR("Local APIServices are always available"), .lastTransitionTime = api_time_sec(r->now)};
}

const struct strategy apiservice_strategy = {
	.group = "apiregistration.k8s.io", .resource = "apiservices", .meta_again = 1, .validate_name = validate_name_path, .prepare_create = apiservice_create, .cells = apiservice_cells};

/* ---- certificates ---- */

static const char *const csr_resets[] = {"spec", NULL}; /* it cannot change after creation */
static const char *const csr_fields[] = {"spec.signerName", NULL};
const struct strategy csr_strategy = {
	.group = "certificates.k8s.io", .resource = "certificatesigningrequests", .meta_again = 1, .resets = csr_resets, .validate_name = validate_name_path, .selectable = csr_fields, .prepare_create = csr_create,
	.prepare_update = csr_update, .prepare_status = csr_stamp, .validate = validate_csr, .validate_update = validate_csr_update,
	.validate_status = validate_csr_status, .cells = csr_cells,
};
