#include "codec/defaults_rules.h"
#include "base/scope.h"

#define PROBE(t) {t, "timeoutSeconds", "1"}, {t, "periodSeconds", "10"}, {t, "successThreshold", "1"}, {t, "failureThreshold", "3"}
#define CONTAINER(t) {t, "terminationMessagePath", "/dev/termination-log"}, {t, "terminationMessagePolicy", "File"}
#define ROLLING(t, unavailable, surge)                                                                     \
	{t, "spec.replicas", "1"}, {t, "spec.strategy.type", "RollingUpdate"},                             \
	{t, "spec.strategy.rollingUpdate", "{}", .when = "spec.strategy.type", .is = "RollingUpdate"},    \
	{t, "spec.strategy.rollingUpdate.maxUnavailable", unavailable, .when = "spec.strategy.type", .is = "RollingUpdate"}, \
	{t, "spec.strategy.rollingUpdate.maxSurge", surge, .when = "spec.strategy.type", .is = "RollingUpdate"}
#define LIMITS(t, revisions, deadline) {t, "spec.revisionHistoryLimit", revisions}, {t, "spec.progressDeadlineSeconds", deadline}
#define DAEMONS(t, type)                                                                                       \
	{t, "spec.updateStrategy.type", type},                                                                \
	{t, "spec.updateStrategy.rollingUpdate", "{}", .when = "spec.updateStrategy.type", .is = "RollingUpdate"}, \
	{t, "spec.updateStrategy.rollingUpdate.maxUnavailable", "1", .when = "spec.updateStrategy.type", .is = "RollingUpdate"}, \
	{t, "spec.updateStrategy.rollingUpdate.maxSurge", "0", .when = "spec.updateStrategy.type", .is = "RollingUpdate"}, \
	{t, "spec.revisionHistoryLimit", "10"}
#define SETS(t)                                                                                           \
	{t, "spec.podManagementPolicy", "OrderedReady"}, {t, "spec.persistentVolumeClaimRetentionPolicy", "{}"}, \
	{t, "spec.persistentVolumeClaimRetentionPolicy.whenDeleted", "Retain"},                          \
	{t, "spec.persistentVolumeClaimRetentionPolicy.whenScaled", "Retain"}, {t, "spec.replicas", "1"}, {t, "spec.revisionHistoryLimit", "10"}
#define PARTITION(t)                                                                                                \
	{t, "spec.updateStrategy.rollingUpdate", "{}", .when = "spec.updateStrategy.type", .is = ""},              \
	{t, "spec.updateStrategy.type", "RollingUpdate"},                                                          \
	{t, "spec.updateStrategy.rollingUpdate.partition", "0", .when = "spec.updateStrategy.type", .is = "RollingUpdate"}
#define CRON(t) \
	{t, "spec.concurrencyPolicy", "Allow"}, {t, "spec.suspend", "false"}, {t, "spec.successfulJobsHistoryLimit", "3"}, {t, "spec.failedJobsHistoryLimit", "1"}
#define WEBHOOK(t, policy, match, timeout)                                                                             \
	{t, "failurePolicy", policy}, {t, "matchPolicy", match}, {t, "namespaceSelector", "{}"}, {t, "objectSelector", "{}"}, \
	{t, "timeoutSeconds", timeout}
#define MATCH(t) {t, "matchPolicy", "Equivalent"}, {t, "namespaceSelector", "{}"}, {t, "objectSelector", "{}"}
#define RULE(t) {t, "scope", "*"}
#define ROLE_REF(v) {"rbac/" v ".RoleBinding", "roleRef.apiGroup", "rbac.authorization.k8s.io"}, {"rbac/" v ".ClusterRoleBinding", "roleRef.apiGroup", "rbac.authorization.k8s.io"}
#define SUBJECT(v)                                                                                                   \
	{"rbac/" v ".Subject", "apiGroup", "rbac.authorization.k8s.io", .when = "kind", .is = "User"},             \
	{"rbac/" v ".Subject", "apiGroup", "rbac.authorization.k8s.io", .when = "kind", .is = "Group"}
#define QUEUING(v) \
	{"flowcontrol/" v ".QueuingConfiguration", "handSize", "8"}, {"flowcontrol/" v ".QueuingConfiguration", "queues", "64"}, \
	{"flowcontrol/" v ".QueuingConfiguration", "queueLengthLimit", "50"}
#define FLOW(v) {"flowcontrol/" v ".FlowSchema", "spec.matchingPrecedence", "1000"}, QUEUING(v)
#define SHARES(v)                                                                                                     \
	{"flowcontrol/" v ".LimitedPriorityLevelConfiguration", "nominalConcurrencyShares", "30"},                   \
	{"flowcontrol/" v ".LimitedPriorityLevelConfiguration", "lendablePercent", "0"},                             \
	{"flowcontrol/" v ".ExemptPriorityLevelConfiguration", "nominalConcurrencyShares", "0"},                     \
	{"flowcontrol/" v ".ExemptPriorityLevelConfiguration", "lendablePercent", "0"}
#define DRIVER(t)                                                                                                \
	{t, "spec.attachRequired", "true"}, {t, "spec.podInfoOnMount", "false"}, {t, "spec.storageCapacity", "false"}, \
	{t, "spec.fsGroupPolicy", "ReadWriteOnceWithFSType"}, {t, "spec.volumeLifecycleModes", "Persistent"},  \
	{t, "spec.requiresRepublish", "false"}, {t, "spec.seLinuxMount", "false"}
#define CLASS(t) {t, "reclaimPolicy", "Delete"}, {t, "volumeBindingMode", "Immediate"}
/* A request by count; the older form only with a class of its own, else its alternatives speak. */
#define DEVICES(t) {t, "allocationMode", "ExactCount"}, {t, "count", "1", .when = "allocationMode", .is = "ExactCount"}
#define OLD_DEVICES(t)                                                      \
	{t, "allocationMode", "ExactCount", .when = "deviceClassName"},    \
	{t, "count", "1", .when = "allocationMode", .is = "ExactCount"}
#define AFFINITY_S "10800" /* seconds that a client sticks to its endpoint */

const struct rule default_rules[] = {
	{"core/v1.Pod", "spec.enableServiceLinks", "true"},
	{"core/v1.PodSpec", "dnsPolicy", "ClusterFirst"},
	{"core/v1.PodSpec", "restartPolicy", "Always"},
	{"core/v1.PodSpec", "securityContext", "{}"},
	{"core/v1.PodSpec", "terminationGracePeriodSeconds", "30"},
	{"core/v1.PodSpec", "schedulerName", "default-scheduler"},
	CONTAINER("core/v1.Container"),
	CONTAINER("core/v1.EphemeralContainer"),
	PROBE("core/v1.Probe"),
	{"core/v1.HTTPGetAction", "path", "/"},
	{"core/v1.HTTPGetAction", "scheme", "HTTP"},
	{"core/v1.ObjectFieldSelector", "apiVersion", "v1"},
	{"core/v1.SecretVolumeSource", "defaultMode", "420"},
	{"core/v1.ConfigMapVolumeSource", "defaultMode", "420"},
	{"core/v1.DownwardAPIVolumeSource", "defaultMode", "420"},
	{"core/v1.ProjectedVolumeSource", "defaultMode", "420"},
	{"core/v1.ServiceAccountTokenProjection", "expirationSeconds", "3600"},
	{"core/v1.HostPathVolumeSource", "type", ""},
	{"core/v1.PersistentVolume", "spec.persistentVolumeReclaimPolicy", "Retain"},
	{"core/v1.PersistentVolume", "spec.volumeMode", "Filesystem"},
	{"core/v1.PersistentVolume", "status.phase", "Pending"},
	{"core/v1.PersistentVolumeClaim", "status.phase", "Pending"},
	{"core/v1.PersistentVolumeClaimSpec", "volumeMode", "Filesystem"},
	{"core/v1.Namespace", "status.phase", "Active"},
	{"core/v1.Secret", "type", "Opaque"},
	{"core/v1.EndpointPort", "protocol", "TCP"},
	{"core/v1.ReplicationController", "spec.replicas", "1"},
	{"core/v1.Service", "spec.sessionAffinity", "None"},
	{"core/v1.Service", "spec.sessionAffinityConfig.clientIP.timeoutSeconds", AFFINITY_S, .when = "spec.sessionAffinity", .is = "ClientIP", .make = true},
	{"core/v1.Service", "spec.type", "ClusterIP"},
	{"core/v1.Service", "spec.internalTrafficPolicy", "Cluster", .when = "spec.type", .is = "ClusterIP"},
	{"core/v1.Service", "spec.internalTrafficPolicy", "Cluster", .when = "spec.type", .is = "NodePort"},
	{"core/v1.Service", "spec.internalTrafficPolicy", "Cluster", .when = "spec.type", .is = "LoadBalancer"},
	{"core/v1.Service", "spec.externalTrafficPolicy", "Cluster", .when = "spec.type", .is = "NodePort"},
	{"core/v1.Service", "spec.externalTrafficPolicy", "Cluster", .when = "spec.type", .is = "LoadBalancer"},
	{"core/v1.Service", "spec.allocateLoadBalancerNodePorts", "true", .when = "spec.type", .is = "LoadBalancer"},
	{"discovery/v1.EndpointPort", "name", ""},
	{"discovery/v1.EndpointPort", "protocol", "TCP"},
	{"discovery/v1beta1.EndpointPort", "name", ""},
	{"discovery/v1beta1.EndpointPort", "protocol", "TCP"},
	ROLLING("apps/v1.Deployment", "25%", "25%"),
	LIMITS("apps/v1.Deployment", "10", "600"),
	ROLLING("apps/v1beta2.Deployment", "25%", "25%"),
	LIMITS("apps/v1beta2.Deployment", "10", "600"),
	ROLLING("apps/v1beta1.Deployment", "25%", "25%"),
	LIMITS("apps/v1beta1.Deployment", "2", "600"),
	ROLLING("extensions/v1beta1.Deployment", "1", "1"),
	LIMITS("extensions/v1beta1.Deployment", "2147483647", "2147483647"),
	{"apps/v1.ReplicaSet", "spec.replicas", "1"},
	{"apps/v1beta2.ReplicaSet", "spec.replicas", "1"},
	{"extensions/v1beta1.ReplicaSet", "spec.replicas", "1"},
	DAEMONS("apps/v1.DaemonSet", "RollingUpdate"),
	DAEMONS("apps/v1beta2.DaemonSet", "RollingUpdate"),
	DAEMONS("extensions/v1beta1.DaemonSet", "OnDelete"),
	SETS("apps/v1.StatefulSet"), PARTITION("apps/v1.StatefulSet"),
	SETS("apps/v1beta2.StatefulSet"), PARTITION("apps/v1beta2.StatefulSet"),
	{"apps/v1beta1.StatefulSet", "spec.updateStrategy.type", "OnDelete"},
	SETS("apps/v1beta1.StatefulSet"),
	{"batch/v1.Job", "spec.completionMode", "NonIndexed"},
	{"batch/v1.Job", "spec.suspend", "false"},
	{"batch/v1.Job", "spec.manualSelector", "false"},
	{"batch/v1.Job", "spec.backoffLimit", "2147483647", .when = "spec.backoffLimitPerIndex"},
	{"batch/v1.Job", "spec.backoffLimit", "6"},
	{"batch/v1.Job", "spec.podReplacementPolicy", "Failed", .when = "spec.podFailurePolicy"},
	{"batch/v1.Job", "spec.podReplacementPolicy", "TerminatingOrFailed"},
	{"batch/v1.PodFailurePolicyOnPodConditionsPattern", "status", "True"},
	CRON("batch/v1.CronJob"),
	CRON("batch/v1beta1.CronJob"),
	{"autoscaling/v1.HorizontalPodAutoscaler", "spec.minReplicas", "1"},
	{"autoscaling/v2.HorizontalPodAutoscaler", "spec.minReplicas", "1"},
	{"networking/v1.NetworkPolicyPort", "protocol", "TCP"},
	{"networking/v1.NetworkPolicySpec", "policyTypes", "Ingress,Egress", .when = "egress"},
	{"networking/v1.NetworkPolicySpec", "policyTypes", "Ingress"},
	{"networking/v1.IngressClass", "spec.parameters.scope", "Cluster"},
	{"extensions/v1beta1.NetworkPolicyPort", "protocol", "TCP"},
	{"extensions/v1beta1.NetworkPolicySpec", "policyTypes", "Ingress,Egress", .when = "egress"},
	{"extensions/v1beta1.NetworkPolicySpec", "policyTypes", "Ingress"},
	ROLE_REF("v1"), ROLE_REF("v1beta1"), ROLE_REF("v1alpha1"),
	SUBJECT("v1"), SUBJECT("v1beta1"),
	WEBHOOK("admissionregistration/v1.ValidatingWebhook", "Fail", "Equivalent", "10"),
	WEBHOOK("admissionregistration/v1.MutatingWebhook", "Fail", "Equivalent", "10"),
	{"admissionregistration/v1.MutatingWebhook", "reinvocationPolicy", "Never"},
	WEBHOOK("admissionregistration/v1beta1.ValidatingWebhook", "Ignore", "Exact", "30"),
	WEBHOOK("admissionregistration/v1beta1.MutatingWebhook", "Ignore", "Exact", "30"),
	{"admissionregistration/v1beta1.MutatingWebhook", "reinvocationPolicy", "Never"},
	RULE("admissionregistration/v1.RuleWithOperations"),
	RULE("admissionregistration/v1.NamedRuleWithOperations"),
	RULE("admissionregistration/v1beta1.NamedRuleWithOperations"),
	RULE("admissionregistration/v1alpha1.NamedRuleWithOperations"),
	{"admissionregistration/v1.ServiceReference", "port", "443"},
	{"admissionregistration/v1beta1.ServiceReference", "port", "443"},
	{"apiregistration/v1.ServiceReference", "port", "443"},
	{"apiregistration/v1beta1.ServiceReference", "port", "443"},
	{"apiextensions/v1.ServiceReference", "port", "443"},
	{"apiextensions/v1beta1.ServiceReference", "port", "443"},
	{"admissionregistration/v1.ValidatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	{"admissionregistration/v1.MutatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	{"admissionregistration/v1beta1.ValidatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	{"admissionregistration/v1beta1.MutatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	{"admissionregistration/v1alpha1.ValidatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	{"admissionregistration/v1alpha1.MutatingAdmissionPolicy", "spec.failurePolicy", "Fail"},
	MATCH("admissionregistration/v1.MatchResources"),
	MATCH("admissionregistration/v1beta1.MatchResources"),
	MATCH("admissionregistration/v1alpha1.MatchResources"),
	{"apiextensions/v1.CustomResourceDefinition", "spec.conversion.strategy", "None", .when = "spec.conversion", .is = "", .make = true},
	{"apiextensions/v1beta1.CustomResourceDefinition", "spec.scope", "Namespaced"},
	{"apiextensions/v1beta1.CustomResourceDefinition", "spec.conversion.strategy", "None", .when = "spec.conversion", .is = "", .make = true},
	{"apiextensions/v1beta1.CustomResourceDefinition", "spec.preserveUnknownFields", "true"},
	{"authentication/v1.TokenRequest", "spec.expirationSeconds", "3600"},
	FLOW("v1"), FLOW("v1beta1"), FLOW("v1beta2"), FLOW("v1beta3"),
	SHARES("v1"), SHARES("v1beta3"),
	{"flowcontrol/v1beta1.LimitedPriorityLevelConfiguration", "assuredConcurrencyShares", "30"},
	{"flowcontrol/v1beta2.LimitedPriorityLevelConfiguration", "assuredConcurrencyShares", "30"},
	{"scheduling/v1.PriorityClass", "preemptionPolicy", "PreemptLowerPriority"},
	{"scheduling/v1beta1.PriorityClass", "preemptionPolicy", "PreemptLowerPriority"},
	DRIVER("storage/v1.CSIDriver"), DRIVER("storage/v1beta1.CSIDriver"),
	CLASS("storage/v1.StorageClass"), CLASS("storage/v1beta1.StorageClass"),
	DEVICES("resource/v1.ExactDeviceRequest"), DEVICES("resource/v1.DeviceSubRequest"),
	DEVICES("resource/v1beta2.ExactDeviceRequest"), DEVICES("resource/v1beta2.DeviceSubRequest"),
	DEVICES("resource/v1beta1.DeviceSubRequest"), OLD_DEVICES("resource/v1beta1.DeviceRequest"),
	{"certificates/v1beta1.CertificateSigningRequest", "spec.signerName", "kubernetes.io/legacy-unknown"},
	{"certificates/v1beta1.CertificateSigningRequest", "spec.usages", "digital signature,key encipherment"},
	{"certificates/v1beta1.CertificateSigningRequestCondition", "status", "True"},
};
const size_t default_rules_len = ARRAY_LEN(default_rules);
