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

#define validate_configmap NULL
#define validate_configmap_update NULL
#define validate_controllerrevision NULL
#define validate_controllerrevision_update NULL
#define validate_cronjob NULL
#define validate_cronjob_update NULL
#define validate_csr NULL
#define validate_csr_approval NULL
#define validate_daemonset NULL
#define validate_daemonset_status NULL
#define validate_daemonset_update NULL
#define validate_deployment NULL
#define validate_deployment_status NULL
#define validate_deployment_update NULL
#define validate_endpoints NULL
#define validate_endpoints_update NULL
#define validate_endpointslice NULL
#define validate_endpointslice_update NULL
#define validate_event NULL
#define validate_event_update NULL
#define validate_ingress NULL
#define validate_ingress_update NULL
#define validate_ingressclass NULL
#define validate_ingressclass_update NULL
#define validate_job NULL
#define validate_job_status NULL
#define validate_job_update NULL
#define validate_lease NULL
#define validate_lease_update NULL
#define validate_limitrange NULL
#define validate_limitrange_update NULL
#define validate_namespace_finalize NULL
#define validate_namespace_update NULL
#define validate_networkpolicy NULL
#define validate_networkpolicy_update NULL
#define validate_node NULL
#define validate_node_update NULL
#define validate_pdb NULL
#define validate_pdb_status NULL
#define validate_pdb_update NULL
#define validate_pod NULL
#define validate_pod_ephemeral NULL
#define validate_pod_resize NULL
#define validate_pod_status NULL
#define validate_pod_update NULL
#define validate_podtemplate NULL
#define validate_podtemplate_update NULL
#define validate_priorityclass NULL
#define validate_priorityclass_update NULL
#define validate_pv NULL
#define validate_pv_update NULL
#define validate_pvc NULL
#define validate_pvc_status NULL
#define validate_pvc_update NULL
#define validate_quota NULL
#define validate_quota_update NULL
#define validate_rc NULL
#define validate_rc_status NULL
#define validate_rc_update NULL
#define validate_replicaset NULL
#define validate_replicaset_status NULL
#define validate_replicaset_update NULL
#define validate_runtimeclass NULL
#define validate_runtimeclass_update NULL
#define validate_secret NULL
#define validate_secret_update NULL
#define validate_service NULL
#define validate_service_status NULL
#define validate_service_update NULL
#define validate_statefulset NULL
#define validate_statefulset_status NULL
#define validate_statefulset_update NULL
#define validate_storageclass NULL
#define validate_storageclass_update NULL
#define warn_cronjob NULL
#define warn_job NULL
#define warn_pod NULL
#define warn_service NULL

/* ../csr.c */
void csr_create(struct request *r, void *obj);
void csr_update(struct request *r, void *obj, const void *old);
void csr_stamp(struct request *r, void *obj, const void *old);

/* names.c */
void validate_name_label(struct str name, bool prefix, struct err *e);
void validate_name_path(struct str name, bool prefix, struct err *e);
void validate_name_service(struct str name, bool prefix, struct err *e);
