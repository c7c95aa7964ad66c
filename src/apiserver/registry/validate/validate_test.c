/* What is refused, and where: one row per rule worth guarding. */
#include "base/test.h"

#include "apiserver/registry/validate/rules.h"
#include "apiserver/registry/validate/schedule.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/json.h"
#include "gen/ids.h"

struct row {
	hook_new *check;
	uint16_t type;
	const char *json;
	const char *causes; /* "path: type; path: type", "" when it is fine */
};

#define POD(spec) "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\"," spec "}}"
#define C(more) "\"containers\":[{\"name\":\"c\",\"image\":\"a\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\"" more "}]"

static const struct row rows[] = {
	{validate_pod, T_core_v1_Pod, POD(C("")), ""},
	{validate_pod, T_core_v1_Pod, POD("\"containers\":[]"), "spec.containers: FieldValueRequired"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"env\":[{\"name\":\"a=b\"}]")), "spec.containers[0].env[0].name: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]")), "spec.containers[0].volumeMounts[0].name: FieldValueNotFound"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"resources\":{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"1\"}}")), "spec.containers[0].resources.requests: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"volumes\":[{\"name\":\"v\",\"emptyDir\":{},\"hostPath\":{\"path\":\"/\"}}]"), "spec.volumes[0].hostPath: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"tolerations\":[{\"operator\":\"Equal\"}]"), "spec.tolerations[0].operator: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"hostAliases\":[{\"ip\":\"\"}]"), "spec.hostAliases[0].ip: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"securityContext\":{\"privileged\":false}") ",\"os\":{\"name\":\"windows\"},\"hostPID\":true"),
		"spec.hostPID: FieldValueForbidden; spec.containers[0].securityContext.privileged: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"hostNetwork\":true,\"hostnameOverride\":\"a_\""),
		"spec.hostnameOverride: FieldValueInvalid; spec.hostnameOverride: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.mirror\":\"x\",\"controller.kubernetes.io/pod-deletion-cost\":\"x\"}},\"spec\":{"
		"\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\"," C("") "}}",
		"metadata.annotations[kubernetes.io/config.mirror]: FieldValueInvalid; metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: FieldValueInvalid"},
	{validate_pv, T_core_v1_PersistentVolume, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"1\"},\"persistentVolumeReclaimPolicy\":\"Retain\","
		"\"iscsi\":{\"targetPortal\":\"p\",\"iqn\":\"x\",\"lun\":300}}}", "spec.iscsi.iqn: FieldValueInvalid; spec.iscsi.lun: FieldValueInvalid"},
	{validate_pv, T_core_v1_PersistentVolume, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"1\"},\"persistentVolumeReclaimPolicy\":\"Retain\","
		"\"csi\":{\"driver\":\"d\",\"volumeHandle\":\"h\",\"nodePublishSecretRef\":{\"name\":\"s\"}}}}", "spec.csi.nodePublishSecretRef.namespace: FieldValueRequired"},
	{validate_configmap, T_core_v1_ConfigMap, "{\"data\":{\"a b\":\"\"}}", "data[a b]: FieldValueInvalid"},
	{validate_secret, T_core_v1_Secret, "{\"type\":\"kubernetes.io/tls\"}", "data[tls.crt]: FieldValueRequired; data[tls.key]: FieldValueRequired"},
	{validate_service, T_core_v1_Service, "{\"spec\":{\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\"}}", "spec.ports: FieldValueRequired"},
	{validate_networkpolicy, T_networking_v1_NetworkPolicy, "{\"spec\":{\"policyTypes\":[\"Both\"]}}", "spec.policyTypes[0]: FieldValueNotSupported"},
	{validate_csistoragecapacity, T_storage_v1_CSIStorageCapacity, "{\"storageClassName\":\"a\",\"capacity\":\"-1\"}", "capacity: FieldValueInvalid"},
	{validate_csinode, T_storage_v1_CSINode, "{\"spec\":{\"drivers\":[{\"name\":\"d\",\"nodeID\":\"n\"},{\"name\":\"d\",\"nodeID\":\"n\"}]}}", "spec.drivers[1].name: FieldValueDuplicate"},
};

#define JOB(spec) "{\"metadata\":{\"name\":\"j\"},\"spec\":{\"completions\":3,\"completionMode\":\"Indexed\",\"manualSelector\":true,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":" \
	"{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"Never\",\"dnsPolicy\":\"ClusterFirst\"," C("") "}}," spec "}}"

static const struct row job_rows[] = {
	{validate_job, T_batch_v1_Job, JOB("\"successPolicy\":{\"rules\":[{\"succeededIndexes\":\"0,2\",\"succeededCount\":2}]}"), ""},
	{validate_job, T_batch_v1_Job, JOB("\"successPolicy\":{\"rules\":[{\"succeededIndexes\":\"2,0-1\"},{\"succeededIndexes\":\"0-3\"},{\"succeededIndexes\":\"a\"}]}"),
		"spec.successPolicy.rules[0].succeededIndexes: FieldValueInvalid; spec.successPolicy.rules[1].succeededIndexes: FieldValueInvalid; "
		"spec.successPolicy.rules[2].succeededIndexes: FieldValueInvalid"},
	{validate_job, T_batch_v1_Job, JOB("\"podFailurePolicy\":{\"rules\":[{\"action\":\"FailJob\",\"onExitCodes\":{\"containerName\":\"z\",\"operator\":\"In\",\"values\":[3,1,3]}}]}"),
		"spec.podFailurePolicy.rules[0].onExitCodes.containerName: FieldValueInvalid; spec.podFailurePolicy.rules[0].onExitCodes.values[2]: FieldValueDuplicate; "
		"spec.podFailurePolicy.rules[0].onExitCodes.values: FieldValueInvalid"},
};

#define VOLUMES(v) POD(C("") ",\"volumes\":[" v "]")

/* One row for each rule that once differed from upstream's. */
static const struct row fixed_rows[] = {
	{validate_pod, T_core_v1_Pod, POD(C(",\"volumeMounts\":[{\"name\":\"A\",\"mountPath\":\"/v\"}]") ",\"volumes\":[{\"name\":\"A\",\"emptyDir\":{}}]"),
		"spec.volumes[0].name: FieldValueInvalid; spec.containers[0].volumeMounts[0].name: FieldValueNotFound"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"nfs\":{\"server\":\"s\"}}"),
		"spec.volumes[0].nfs.path: FieldValueRequired; spec.volumes[0].nfs.path: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"gcePersistentDisk\":{}},{\"name\":\"w\",\"secret\":{\"secretName\":\"s\"},\"cephfs\":{\"monitors\":[\"m\"]}}"),
		"spec.volumes[0].persistentDisk.pdName: FieldValueRequired; spec.volumes[1].cephFS: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"configMap\":{\"name\":\"c\"},\"persistentVolumeClaim\":{\"claimName\":\"c\"}}"),
		"spec.volumes[0].configMap: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"csi\":{\"driver\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"nodePublishSecretRef\":{\"name\":\"A\"}}}"),
		"spec.volumes[0].csi.driver: FieldValueTooLong; spec.volumes[0].csi.name: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"iscsi\":{\"targetPortal\":\"p\",\"iqn\":\"iqn.2001-4.com:x\",\"initiatorName\":\"eui.1\"}}"),
		"spec.volumes[0].iscsi.iqn: FieldValueInvalid; spec.volumes[0].iscsi.initiatorname: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"iscsi\":{\"targetPortal\":\"p\",\"iqn\":\"iqn.2001-04.com.example:x\"}},{\"name\":\"w\",\"azureDisk\":{\"diskName\":\"d\",\"diskURI\":\"u\",\"kind\":\"Managed\"}}"),
		"spec.volumes[1].azureDisk.diskURI: FieldValueNotSupported"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"flexVolume\":{\"driver\":\"d\",\"options\":{\"a.k8s.io/b\":\"\"}}},{\"name\":\"w\",\"storageos\":{}}"),
		"spec.volumes[0].flexVolume.options[a.k8s.io/b]: FieldValueInvalid; spec.volumes[1].storageos.volumeName: FieldValueRequired"},
	{validate_pod, T_core_v1_Pod, VOLUMES("{\"name\":\"v\",\"ephemeral\":{\"volumeClaimTemplate\":{\"metadata\":{\"name\":\"x\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1\"}}}}}},"
		"{\"name\":\"w\",\"persistentVolumeClaim\":{\"claimName\":\"p-v\"}}"),
		"spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: FieldValueForbidden; spec.volumes[1].persistentVolumeClaim.claimName: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}],\"volumeDevices\":[{\"name\":\"v\",\"devicePath\":\"/d\"},{\"name\":\"z\",\"devicePath\":\"\"}]")
		",\"volumes\":[{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]"),
		"spec.containers[0].volumeMounts[0].name: FieldValueInvalid; spec.containers[0].volumeDevices[0].name: FieldValueInvalid; "
		"spec.containers[0].volumeDevices[1].name: FieldValueNotFound; spec.containers[0].volumeDevices[1].devicePath: FieldValueRequired"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"env\":[{\"name\":\"a\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"spec.nodeName['a']\"}}},"
		"{\"name\":\"b\",\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v2\",\"fieldPath\":\"metadata.name\"}}}],\"envFrom\":[{\"secretRef\":{}}]")),
		"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: FieldValueInvalid; spec.containers[0].env[1].valueFrom.fieldRef.fieldPath: FieldValueInvalid; "
		"spec.containers[0].envFrom[0].secretRef.name: FieldValueRequired"},
	{validate_pod, T_core_v1_Pod, POD("\"containers\":[{\"name\":\"c\",\"image\":\" a\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"\"}]"),
		"spec.containers[0].imagePullPolicy: FieldValueRequired; spec.containers[0].image: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"resources\":{\"claims\":[{\"name\":\"g\",\"request\":\"a\"},{\"name\":\"g\"}]}") ",\"resourceClaims\":[{\"name\":\"g\",\"resourceClaimName\":\"g\"}]"),
		"spec.containers[0].resources.claims[1]: FieldValueDuplicate"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"affinity\":{\"nodeAffinity\":{\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1,\"preference\":{\"matchExpressions\":["
		"{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b c\"]}]}}]},\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":\"z\",\"matchLabelKeys\":[\"a b\"]}]}}"),
		"spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"os\":{\"name\":\"plan9\"}"), "spec.os: FieldValueNotSupported"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"schedulingGates\":[{\"name\":\"g\"}],\"nodeName\":\"n\",\"runtimeClassName\":\"\""),
		"spec.runtimeClassName: FieldValueInvalid; spec.nodeName: FieldValueForbidden"},
	{validate_pod, T_core_v1_Pod, POD(C(",\"securityContext\":{\"windowsOptions\":{\"runAsUserName\":\"\",\"hostProcess\":true}}")),
		"spec.containers[0].securityContext.windowsOptions.runAsUserName: FieldValueInvalid; spec.hostNetwork: FieldValueInvalid"},
	{validate_pod, T_core_v1_Pod, POD(C("") ",\"securityContext\":{\"sysctls\":[{\"name\":\"A\"},{\"name\":\"A\"}],\"supplementalGroupsPolicy\":\"x\",\"appArmorProfile\":{\"type\":\"Localhost\",\"localhostProfile\":\" \"}}"),
		"spec.securityContext.sysctls[0].name: FieldValueInvalid; spec.securityContext.sysctls[1].name: FieldValueInvalid; "
		"spec.securityContext.appArmorProfile.localhostProfile: FieldValueInvalid; spec.securityContext.supplementalGroupsPolicy: FieldValueNotSupported"},
	{validate_pod, T_core_v1_Pod, "{\"metadata\":{\"name\":\"p\",\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/c\":\"unconfined\",\"container.seccomp.security.alpha.kubernetes.io/c\":\"x\"}},"
		"\"spec\":{\"restartPolicy\":\"Always\",\"dnsPolicy\":\"ClusterFirst\"," C(",\"securityContext\":{\"appArmorProfile\":{\"type\":\"RuntimeDefault\"}}") "}}",
		"metadata.annotations.container.seccomp.security.alpha.kubernetes.io/c: FieldValueInvalid; spec.containers[0].securityContext.appArmorProfile.type: FieldValueForbidden"},
	{validate_pv, T_core_v1_PersistentVolume, "{\"spec\":{\"accessModes\":[\"x\",\"ReadWriteOncePod\"],\"capacity\":{\"storage\":\"-1\"},\"volumeAttributesClassName\":\"\",\"hostPath\":{\"path\":\"//\"},"
		"\"persistentVolumeReclaimPolicy\":\"Recycle\"}}",
		"spec.accessModes: FieldValueNotSupported; spec.capacity[storage]: FieldValueInvalid; spec.capacity[storage]: FieldValueInvalid; "
		"spec.persistentVolumeReclaimPolicy: FieldValueForbidden; spec.volumeAttributesClassName: FieldValueRequired; spec.csi: FieldValueRequired"},
	{validate_pvc, T_core_v1_PersistentVolumeClaim, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1\"}},"
		"\"dataSourceRef\":{\"kind\":\"PersistentVolumeClaim\",\"name\":\"a\",\"namespace\":\"A\"}}}", "spec.dataSourceRef.namespace: FieldValueInvalid"},
	{validate_quota, T_core_v1_ResourceQuota, "{\"spec\":{\"hard\":{\"storage\":\"1\",\"services\":\"1\",\"count/x.y\":\"1\"},\"scopes\":[\"Terminating\"],\"scopeSelector\":{\"matchExpressions\":["
		"{\"scopeName\":\"Odd\",\"operator\":\"In\"}]}}}",
		"spec.hard[storage]: FieldValueInvalid; spec.scopes: FieldValueInvalid; spec.scopeSelector.matchExpressions.scopeName: FieldValueInvalid; "
		"spec.scopeSelector.matchExpressions.values: FieldValueRequired"},
	{validate_limitrange, T_core_v1_LimitRange, "{\"spec\":{\"limits\":[{\"type\":\"Container\",\"default\":{\"example.com/gpu\":\"2\",\"a.b.c/d e\":\"1\"},\"defaultRequest\":{\"example.com/gpu\":\"1\"}}]}}",
		"spec.limits[0].default[a.b.c/d e]: FieldValueInvalid; spec.limits[0].default[a.b.c/d e]: FieldValueInvalid; spec.limits[0].defaultRequest[example.com/gpu]: FieldValueInvalid"},
	{validate_node, T_core_v1_Node, "{\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"NoSchedule\"},{\"key\":\"a\",\"effect\":\"NoSchedule\"}],\"podCIDRs\":[\"10.0.0.0/24\",\"10.0.1.0/24\"]},\"status\":{\"capacity\":{\"cpu\":\"-1\"}}}",
		"metadata.taints[1]: FieldValueDuplicate; status.capacity.cpu: FieldValueInvalid; spec.podCIDRs: FieldValueInvalid"},
	{validate_namespace, T_core_v1_Namespace, "{\"spec\":{\"finalizers\":[\"odd\"]}}", "spec.finalizers: FieldValueInvalid"},
	{validate_secret, T_core_v1_Secret, "{\"type\":\"kubernetes.io/ssh-auth\",\"data\":{\"ssh-privatekey\":\"\"}}", "data[ssh-privatekey]: FieldValueRequired"},
	{validate_service, T_core_v1_Service, "{\"spec\":{\"type\":\"LoadBalancer\",\"sessionAffinity\":\"None\",\"externalTrafficPolicy\":\"Cluster\",\"ports\":[{\"port\":10250,\"protocol\":\"TCP\",\"targetPort\":1}],"
		"\"loadBalancerSourceRanges\":[\" 10.0.0.1/8\"]}}", "spec.LoadBalancerSourceRanges[0]: FieldValueInvalid"},
	{validate_deployment, T_apps_v1_Deployment, "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b c\"}},\"strategy\":{\"type\":\"Recreate\"}}}",
		"spec.selector.matchLabels: FieldValueInvalid; spec.selector: FieldValueInvalid"},
	{validate_statefulset, T_apps_v1_StatefulSet, "{\"spec\":{\"podManagementPolicy\":\"Parallel\",\"updateStrategy\":{\"type\":\"OnDelete\"},\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]},"
		"\"template\":{\"spec\":{\"restartPolicy\":\"Always\"}}}}", "spec.selector.matchExpressions[0].values: FieldValueRequired; spec.selector: FieldValueInvalid"},
	{validate_runtimeclass, T_node_v1_RuntimeClass, "{\"handler\":\"h\",\"overhead\":{\"podFixed\":{\"gpu\":\"1\"}},\"scheduling\":{\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\"},{\"key\":\"a\",\"operator\":\"Exists\"}]}}",
		"overhead.limits[gpu]: FieldValueInvalid; overhead.limits[gpu]: FieldValueInvalid; scheduling.tolerations[1]: FieldValueDuplicate"},
	{validate_ingress, T_networking_v1_Ingress, "{\"spec\":{\"rules\":[{\"http\":{\"paths\":[{\"path\":\"/\"}]}}],\"defaultBackend\":{\"resource\":{\"apiGroup\":\"A\",\"kind\":\"a/b\",\"name\":\"n\"}}}}",
		"spec.defaultBackend.resource.apiGroup: FieldValueInvalid; spec.defaultBackend.resource.kind: FieldValueInvalid; spec.rules[0].http.paths[0].pathType: FieldValueRequired"},
	{validate_ingressclass, T_networking_v1_IngressClass, "{\"spec\":{\"parameters\":{\"kind\":\"k\",\"name\":\"n\",\"scope\":\"Cluster\"}}}", "spec.controller: FieldValueRequired"},
	{validate_networkpolicy, T_networking_v1_NetworkPolicy, "{\"spec\":{\"ingress\":[{\"from\":[{\"ipBlock\":{\"cidr\":\"10.0.0.1/8\",\"except\":[\"11.0.0.0/16\"]}}]}]}}",
		"spec.ingress[0].from[0].ipBlock.cidr: FieldValueInvalid; spec.ingress[0].from[0].ipBlock.except[0]: FieldValueInvalid"},
};

/* ---- changes ---- */

static const struct {
	hook_change *check;
	uint16_t type;
	const char *old, *now, *causes;
} change_rows[] = {
	{validate_pod_update, T_core_v1_Pod, POD(C("")), POD(C("") ",\"activeDeadlineSeconds\":-1,\"hostname\":\"h\""),
		"spec.activeDeadlineSeconds: FieldValueInvalid; spec.activeDeadlineSeconds: FieldValueInvalid"},
	{validate_pod_status, T_core_v1_Pod, "{\"spec\":{\"restartPolicy\":\"Never\"},\"status\":{\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{\"exitCode\":0}}}]}}",
		"{\"spec\":{\"restartPolicy\":\"Never\"},\"status\":{\"conditions\":[{\"type\":\"a b\"}],\"hostIP\":\"1.1.1.1\",\"hostIPs\":[{\"ip\":\"1.1.1.2\"}],"
		"\"podIPs\":[{\"ip\":\"1.1.1.3\"},{\"ip\":\"1.1.1.3\"}],\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"running\":{}}}]}}",
		"metadata.conditions[0].Type: FieldValueInvalid; status.initContainerStatuses[0].state: FieldValueForbidden; status.podIPs: FieldValueInvalid; "
		"status.podIPs[1]: FieldValueDuplicate; status.hostIPs[0].ip: FieldValueInvalid"},
	{validate_pod_resize, T_core_v1_Pod, "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}},\"spec\":{}}", "{\"spec\":{}}", "[]: FieldValueForbidden"},
	{validate_pod_ephemeral, T_core_v1_Pod, "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}},\"spec\":{}}", "{\"spec\":{}}", "[]: FieldValueForbidden"},
	{validate_replicaset_update, T_apps_v1_ReplicaSet, "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b c\"}}}}", "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b c\"}}}}",
		"spec.selector.matchLabels: FieldValueInvalid; spec.selector: FieldValueInvalid; spec.selector.matchLabels: FieldValueInvalid; spec.selector: FieldValueInvalid"},
	{validate_node_update, T_core_v1_Node, "{}", "{\"spec\":{\"taints\":[{\"key\":\"a\"}],\"externalID\":\"x\"}}",
		"metadata.taints[0].effect: FieldValueRequired; metadata.taints[0].effect: FieldValueRequired; spec.externalID: FieldValueForbidden"},
	{validate_quota_update, T_core_v1_ResourceQuota, "{\"spec\":{\"scopes\":[\"Terminating\",\"PriorityClass\"]}}", "{\"spec\":{\"scopes\":[\"PriorityClass\",\"Terminating\"]}}", ""},
	{validate_namespace_status, T_core_v1_Namespace, "{}", "{\"status\":{\"phase\":\"Terminating\"}}", "status.Phase: FieldValueInvalid"},
	{validate_pvc_update, T_core_v1_PersistentVolumeClaim, "{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"2\"}},\"volumeAttributesClassName\":\"a\"},\"status\":{\"capacity\":{\"storage\":\"2\"}}}",
		"{\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1\"}},\"volumeMode\":\"Block\"}}",
		"spec: FieldValueForbidden; spec.resources.requests.storage: FieldValueForbidden; volumeMode: FieldValueInvalid; spec.volumeAttributesClassName: FieldValueForbidden"},
	{validate_service_update, T_core_v1_Service, "{\"spec\":{\"type\":\"ClusterIP\",\"clusterIPs\":[\"10.0.0.1\",\"fd00::1\"],\"clusterIP\":\"10.0.0.1\",\"ipFamilies\":[\"IPv4\",\"IPv6\"]}}",
		"{\"spec\":{\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\",\"ports\":[{\"port\":1,\"targetPort\":1,\"protocol\":\"TCP\"}],\"clusterIPs\":[\"10.0.0.1\"],\"clusterIP\":\"10.0.0.1\",\"ipFamilies\":[\"IPv4\"],"
		"\"ipFamilyPolicy\":\"PreferDualStack\",\"loadBalancerClass\":\"x\"}}",
		"spec.ipFamilyPolicy: FieldValueInvalid; spec.ipFamilyPolicy: FieldValueInvalid; spec.loadBalancerClass: FieldValueForbidden; spec.loadBalancerClass: FieldValueForbidden"},
	{validate_ingressclass_update, T_networking_v1_IngressClass, "{\"spec\":{\"controller\":\"a.b/c\"}}", "{\"spec\":{\"controller\":\"x\"}}",
		"spec.controller: FieldValueInvalid; spec.controller: FieldValueInvalid"},
	{validate_servicecidr_update, T_networking_v1_ServiceCIDR, "{\"spec\":{\"cidrs\":[\"10.0.0.0/24\"]}}", "{\"spec\":{\"cidrs\":[]}}", "spec.cidrs: FieldValueInvalid"},
};

static struct str causes_text(struct arena *a, const struct err *e)
{
	BUF(out);
	for (uint32_t i = 0; i < e->ncauses; i++)
		buf_printf(&out, "%s%.*s: %s", i ? "; " : "", STR_F(e->causes[i].field), e->causes[i].type);
	return buf_take(&out, a);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct request *r = arena_make(a, struct request);
		void *obj = obj_new(a, desc_type(rows[i].type));
		ERR(e);
		r->arena = a;
		assert_ok(json_decode(a, desc_type(rows[i].type), str_of(rows[i].json), NULL, obj, &e), &e);
		rows[i].check(r, obj, &e);
		struct str got = causes_text(a, &e);
		if (!str_is(got, rows[i].causes))
			fail_msg("%s\n  gives \"%.*s\"\n  want  \"%s\"", rows[i].json, STR_F(got), rows[i].causes);
	}
}

TEST(objects_are_refused_where_they_are_wrong)
{
	check_rows(rows, ARRAY_LEN(rows));
	check_rows(job_rows, ARRAY_LEN(job_rows));
	check_rows(fixed_rows, ARRAY_LEN(fixed_rows));
}

TEST(changes_are_refused_where_they_are_wrong)
{
	for (size_t i = 0; i < ARRAY_LEN(change_rows); i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct request *r = arena_make(a, struct request);
		const struct type *t = desc_type(change_rows[i].type);
		void *old = obj_new(a, t), *now = obj_new(a, t);
		ERR(e);
		r->arena = a;
		assert_ok(json_decode(a, t, str_of(change_rows[i].old), NULL, old, &e), &e);
		assert_ok(json_decode(a, t, str_of(change_rows[i].now), NULL, now, &e), &e);
		change_rows[i].check(r, now, old, &e);
		struct str got = causes_text(a, &e);
		if (!str_is(got, change_rows[i].causes))
			fail_msg("%s\n  gives \"%.*s\"\n  want  \"%s\"", change_rows[i].now, STR_F(got), change_rows[i].causes);
	}
}

TEST(schedules_are_parsed_as_cron_does)
{
	static const struct { const char *text; bool fine; } list[] = {{"*/5 * * * *", true}, {"0 0 1,15 jan-jun mon", true}, {"@hourly", true}, {"@every 1h", true},
		{"* * * *", false}, {"61 * * * *", false}, {"*/0 * * * *", false}, {"5-1 * * * *", false}, {"@fortnightly", false}, {"", false}};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if ((schedule_wrong(a, str_of(list[i].text)).n == 0) != list[i].fine)
			fail_msg("\"%s\"", list[i].text);
}

TEST(changes_are_seen_by_path)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *x = obj_new(a, desc_type(T_core_v1_ConfigMap)), *y = obj_new(a, desc_type(T_core_v1_ConfigMap));
	ERR(e);
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"1\"}}"), NULL, x, &e), &e);
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"1\"},\"binaryData\":{}}"), NULL, y, &e), &e);
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "data"));
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "binaryData"));
	assert_true(same_at(T_core_v1_ConfigMap, x, y, "immutable"));
	assert_ok(json_decode(a, desc_type(T_core_v1_ConfigMap), STR("{\"data\":{\"a\":\"2\"},\"immutable\":true}"), NULL, y, &e), &e);
	assert_false(same_at(T_core_v1_ConfigMap, x, y, "data"));
	assert_false(same_at(T_core_v1_ConfigMap, x, y, "immutable"));
}
