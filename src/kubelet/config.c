/* KubeletConfiguration: upstream's defaults, and files over them. */
#include "kubelet/impl.h"
#include "codec/yaml.h"

#define CONFIG_MAX (1u << 20)

/* As the file that a kubelet without one behaves like; JSON, so that it reads as the thing itself. */
static const char defaults[] =
	"{\"kind\":\"KubeletConfiguration\",\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\"enableServer\":true,\"podLogsDir\":\"/var/log/pods\","
	"\"syncFrequency\":\"1m0s\",\"fileCheckFrequency\":\"20s\",\"httpCheckFrequency\":\"20s\",\"address\":\"0.0.0.0\",\"port\":10250,"
	"\"authentication\":{\"x509\":{},\"webhook\":{\"enabled\":true,\"cacheTTL\":\"2m0s\"},\"anonymous\":{\"enabled\":false}},"
	"\"authorization\":{\"mode\":\"Webhook\",\"webhook\":{\"cacheAuthorizedTTL\":\"5m0s\",\"cacheUnauthorizedTTL\":\"30s\"}},"
	"\"registryPullQPS\":5,\"registryBurst\":10,\"imagePullCredentialsVerificationPolicy\":\"NeverVerifyPreloadedImages\",\"eventRecordQPS\":50,"
	"\"eventBurst\":100,\"enableDebuggingHandlers\":true,\"healthzPort\":10248,\"healthzBindAddress\":\"127.0.0.1\",\"oomScoreAdj\":-999,"
	"\"streamingConnectionIdleTimeout\":\"4h0m0s\",\"nodeStatusUpdateFrequency\":\"10s\",\"nodeStatusReportFrequency\":\"5m0s\","
	"\"nodeLeaseDurationSeconds\":40,\"imageMinimumGCAge\":\"2m0s\",\"imageMaximumGCAge\":\"0s\",\"imageGCHighThresholdPercent\":85,"
	"\"imageGCLowThresholdPercent\":80,\"volumeStatsAggPeriod\":\"1m0s\",\"cgroupsPerQOS\":true,\"cgroupDriver\":\"cgroupfs\","
	"\"cpuManagerPolicy\":\"none\",\"cpuManagerReconcilePeriod\":\"10s\",\"memoryManagerPolicy\":\"None\",\"topologyManagerPolicy\":\"none\","
	"\"topologyManagerScope\":\"container\",\"runtimeRequestTimeout\":\"2m0s\",\"hairpinMode\":\"promiscuous-bridge\",\"maxPods\":110,\"podPidsLimit\":-1,"
	"\"resolvConf\":\"/etc/resolv.conf\",\"cpuCFSQuota\":true,\"cpuCFSQuotaPeriod\":\"100ms\",\"nodeStatusMaxImages\":50,\"maxOpenFiles\":1000000,"
	"\"contentType\":\"application/vnd.kubernetes.protobuf\",\"kubeAPIQPS\":50,\"kubeAPIBurst\":100,\"serializeImagePulls\":true,"
	"\"evictionHard\":{\"imagefs.available\":\"15%\",\"imagefs.inodesFree\":\"5%\",\"memory.available\":\"100Mi\",\"nodefs.available\":\"10%\",\"nodefs.inodesFree\":\"5%\"},"
	"\"evictionPressureTransitionPeriod\":\"5m0s\",\"mergeDefaultEvictionSettings\":false,\"enableControllerAttachDetach\":true,"
	"\"makeIPTablesUtilChains\":true,\"iptablesMasqueradeBit\":14,\"iptablesDropBit\":15,\"failSwapOn\":true,\"memorySwap\":{},\"containerLogMaxSize\":\"10Mi\","
	"\"containerLogMaxFiles\":5,\"containerLogMaxWorkers\":1,\"containerLogMonitorInterval\":\"10s\",\"configMapAndSecretChangeDetectionStrategy\":\"Watch\","
	"\"enforceNodeAllocatable\":[\"pods\"],\"volumePluginDir\":\"/usr/libexec/kubernetes/kubelet-plugins/volume/exec/\",\"logging\":{\"format\":\"text\","
	"\"flushFrequency\":\"5s\",\"verbosity\":0},\"enableSystemLogHandler\":true,\"shutdownGracePeriod\":\"0s\",\"shutdownGracePeriodCriticalPods\":\"0s\","
	"\"enableProfilingHandler\":true,\"enableDebugFlagsHandler\":true,\"seccompDefault\":false,\"memoryThrottlingFactor\":0.9,\"registerNode\":true,"
	"\"localStorageCapacityIsolation\":true,\"containerRuntimeEndpoint\":\"unix:///run/containerd/containerd.sock\",\"failCgroupV1\":true}";

static const struct type *config_type(void) { return desc_type(T_kubelet_config_v1beta1_KubeletConfiguration); }

kubelet_config *kubelet_config_default(struct arena *a)
{
	ERR(e);
	kubelet_config *c = arena_make(a, kubelet_config);
	if (json_decode(a, config_type(), str_of(defaults), NULL, c, &e))
		bug("the default configuration does not decode");
	return c;
}

/* Decoding over what is there keeps what the file leaves out. */
int kubelet_config_read(struct arena *a, const char *file, kubelet_config *c, struct err *e)
{
	struct str text;
	if (file_read(a, file, CONFIG_MAX, &text, e) || yaml_decode_strict(a, text, (struct ref){config_type(), c}, e))
		return err_wrap(e, "%s", file);
	return 0;
}
