/* Which strategy a kind has.  To add one: its row here, in order of group, then resource; kinds without a row get the generic one. */
#include "apiserver/registry/registry.h"

static const struct strategy generic = {0};

static const struct strategy *const strategies[] = {
	&componentstatus_strategy, &configmap_strategy, &endpoints_strategy, &event_strategy, &limitrange_strategy, &namespace_strategy, &node_strategy, &pvc_strategy, &pv_strategy,
	&pod_strategy, &podtemplate_strategy, &rc_strategy, &quota_strategy, &secret_strategy, &serviceaccount_strategy, &service_strategy,
	/* admissionregistration.k8s.io */
	&mutating_policy_strategy, &mutating_policy_binding_strategy, &mutating_webhooks_strategy, &validating_policy_strategy,
	&validating_policy_binding_strategy, &validating_webhooks_strategy,
	&crd_strategy, &apiservice_strategy,
	&controllerrevision_strategy, &daemonset_strategy, &deployment_strategy, &replicaset_strategy, &statefulset_strategy,
	&hpa_strategy, &scale_strategy, &cronjob_strategy, &job_strategy, &csr_strategy, &lease_strategy, &endpointslice_strategy,
	/* flowcontrol.apiserver.k8s.io, networking.k8s.io */
	&flowschema_strategy, &prioritylevel_strategy,
	&ingressclass_strategy, &ingress_strategy, &ipaddress_strategy, &networkpolicy_strategy, &servicecidr_strategy,
	&runtimeclass_strategy, &pdb_strategy,
	/* rbac.authorization.k8s.io, resource.k8s.io */
	&clusterrolebinding_strategy, &clusterrole_strategy, &rolebinding_strategy, &role_strategy,
	&deviceclass_strategy, &resourceclaim_strategy, &resourceclaimtemplate_strategy, &resourceslice_strategy,
	&priorityclass_strategy,
	/* storage.k8s.io */
	&csidriver_strategy, &csinode_strategy, &csistoragecapacity_strategy, &storageclass_strategy, &volumeattachment_strategy,
	&volumeattributesclass_strategy,
};

static int order(const struct strategy *s, struct str group, struct str resource)
{
	int c = str_cmp(str_of(s->group), group);
	return c ? c : str_cmp(str_of(s->resource), resource);
}

const struct strategy *strategy_of(struct str group, struct str resource)
{
	size_t lo = 0, hi = ARRAY_LEN(strategies);
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = order(strategies[mid], group, resource);
		if (c == 0)
			return strategies[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return &generic;
}
