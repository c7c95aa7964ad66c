/* The rules of each kind, as hooks of its strategy. */
#pragma once
#include "apiserver/strategy.h"

typedef void hook_new(struct request *r, const void *obj, struct err *e);
typedef void hook_change(struct request *r, const void *obj, const void *old, struct err *e);
typedef void hook_warn(struct request *r, const void *obj, const void *old);
typedef void hook_name(struct str name, bool prefix, struct err *e);
typedef int hook_allocate(struct request *r, void *obj, const void *old, struct err *e);

/* escalation.c */
hook_allocate escalation_of_role, escalation_of_clusterrole, escalation_of_binding;
/* names.c */
hook_name validate_name_label, validate_name_service, validate_name_path;
/* rbac.c */
hook_new validate_role, validate_clusterrole, validate_rolebinding, validate_clusterrolebinding;
hook_change validate_role_update, validate_clusterrole_update, validate_rolebinding_update, validate_clusterrolebinding_update;

/* core.c, service.c, apps.c, batch.c, network.c */
hook_new validate_configmap, validate_controllerrevision, validate_cronjob, validate_daemonset, validate_deployment, validate_endpoints,
	validate_endpointslice, validate_ingress, validate_ingressclass, validate_job, validate_limitrange, validate_networkpolicy, validate_node,
	validate_quota, validate_rc, validate_replicaset, validate_secret, validate_service, validate_statefulset, validate_namespace, validate_ipaddress,
	validate_servicecidr;
hook_change validate_configmap_update, validate_controllerrevision_update, validate_cronjob_update, validate_daemonset_status,
	validate_daemonset_update, validate_deployment_status, validate_deployment_update, validate_endpoints_update, validate_endpointslice_update,
	validate_ingress_update, validate_ingressclass_update, validate_job_update, validate_limitrange_update, validate_namespace_finalize,
	validate_networkpolicy_update, validate_node_status, validate_node_update, validate_quota_update, validate_rc_status, validate_rc_update, validate_replicaset_status,
	validate_replicaset_update, validate_secret_update, validate_service_status, validate_service_update, validate_statefulset_status,
	validate_statefulset_update, validate_quota_status, validate_namespace_status, validate_ingress_status, validate_ipaddress_update,
	validate_servicecidr_update;
hook_name validate_name_ip;

/* scaling.c, storage.c */
hook_new validate_hpa, validate_pdb, validate_priorityclass, validate_runtimeclass, validate_lease, validate_event, validate_csr, validate_storageclass,
	validate_csidriver, validate_csinode, validate_csistoragecapacity, validate_volumeattachment, validate_volumeattributesclass;
hook_change validate_admission_policy_status, validate_hpa_update, validate_hpa_status, validate_pdb_update, validate_pdb_status, validate_priorityclass_update, validate_runtimeclass_update,
	validate_lease_update, validate_event_update, validate_csr_update, validate_csr_approval, validate_csr_status, validate_storageclass_update,
	validate_csidriver_update, validate_csinode_update, validate_csistoragecapacity_update, validate_volumeattachment_update,
	validate_volumeattributesclass_update;
hook_name validate_name_driver;

/* warn.c */
hook_warn warn_pod, warn_deployment, warn_replicaset, warn_daemonset, warn_statefulset, warn_rc, warn_podtemplate, warn_job, warn_cronjob, warn_service,
	warn_endpointslice, warn_ingress, warn_serviceaccount, warn_secret, warn_csidriver, warn_pvc, warn_pv, warn_quota;

/* flow.c */
hook_new validate_flowschema, validate_prioritylevel;
hook_change validate_flowschema_update, validate_flowschema_status, validate_prioritylevel_update, validate_prioritylevel_status;

/* pod_spec.c, pod_update.c, claim.c */
hook_new validate_pod, validate_podtemplate, validate_pvc, validate_pv;
hook_change validate_job_status, validate_pod_update, validate_pod_status, validate_pod_ephemeral, validate_pod_resize, validate_podtemplate_update, validate_pvc_update, validate_pvc_status,
	validate_pv_update, validate_pv_status;

#define validate_namespace_update NULL

/* ../csr.c */
void csr_create(struct request *r, void *obj);
void csr_update(struct request *r, void *obj, const void *old);
void csr_stamp(struct request *r, void *obj, const void *old);

/* names.c */
void validate_name_label(struct str name, bool prefix, struct err *e);
void validate_name_path(struct str name, bool prefix, struct err *e);
void validate_name_service(struct str name, bool prefix, struct err *e);
