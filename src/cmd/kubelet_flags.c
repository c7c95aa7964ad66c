#include "cmd/kubelet_flags.h"
#include "schema/reflect.h"
#include <stddef.h>

#define AT(member) offsetof(struct kubelet_flags, member)

static const struct flag flags[] = {
	{"address", 0, FLAG_STRING, AT(address), NULL, "address to serve on"},
	{"allowed-unsafe-sysctls", 0, FLAG_LIST, AT(sysctls), NULL, "sysctls beyond the safe ones that Pods may set"},
	{"anonymous-auth", 0, FLAG_STRING, AT(anonymous), NULL, "take requests without credentials as system:anonymous"},
	{"application-metrics-count-limit", 0, FLAG_IGNORED, 0, NULL, ""},
	{"authentication-token-webhook", 0, FLAG_STRING, AT(token_webhook), NULL, "let the API server review tokens"},
	{"authentication-token-webhook-cache-ttl", 0, FLAG_IGNORED, 0, NULL, ""},
	{"authorization-mode", 0, FLAG_STRING, AT(authorization), NULL, "AlwaysAllow or Webhook"},
	{"authorization-webhook-cache-authorized-ttl", 0, FLAG_IGNORED, 0, NULL, ""},
	{"authorization-webhook-cache-unauthorized-ttl", 0, FLAG_IGNORED, 0, NULL, ""},
	{"boot-id-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"bootstrap-kubeconfig", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cert-dir", 0, FLAG_STRING, AT(cert_dir), NULL, "folder of the serving certificate, when none is named"},
	{"cgroup-driver", 0, FLAG_STRING, AT(cgroup_driver), NULL, "cgroupfs or systemd"},
	{"cgroup-root", 0, FLAG_STRING, AT(cgroup_root), NULL, "cgroup beneath which Pods get theirs"},
	{"cgroups-per-qos", 0, FLAG_STRING, AT(cgroups_per_qos), NULL, "a cgroup per Pod and class of service"},
	{"client-ca-file", 0, FLAG_STRING, AT(client_ca), NULL, "CA certificates that sign client certificates"},
	{"cloud-provider", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-dns", 0, FLAG_LIST, AT(cluster_dns), NULL, "addresses of the cluster's DNS server"},
	{"cluster-domain", 0, FLAG_STRING, AT(cluster_domain), NULL, "domain of the cluster"},
	{"cni-conf-dir", 0, FLAG_STRING, AT(cni_conf_dir), NULL, "folder to write a bridge network's configuration to, when none is there"},
	{"config", 0, FLAG_STRING, AT(config), NULL, "KubeletConfiguration file; flags win over it"},
	{"config-dir", 0, FLAG_IGNORED, 0, NULL, ""},
	{"container-hints", 0, FLAG_IGNORED, 0, NULL, ""},
	{"container-log-max-files", 0, FLAG_STRING, AT(log_files), NULL, "log files kept per container"},
	{"container-log-max-size", 0, FLAG_STRING, AT(log_size), NULL, "size at which a log is rotated"},
	{"container-runtime-endpoint", 0, FLAG_STRING, AT(runtime), NULL, "socket of the container runtime"},
	{"containerd", 0, FLAG_IGNORED, 0, NULL, ""},
	{"containerd-namespace", 0, FLAG_IGNORED, 0, NULL, ""},
	{"contention-profiling", 0, FLAG_IGNORED, 0, "false", ""},
	{"cpu-cfs-quota", 0, FLAG_IGNORED, 0, "false", ""},
	{"cpu-cfs-quota-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cpu-manager-policy", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cpu-manager-policy-options", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cpu-manager-reconcile-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"enable-controller-attach-detach", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-debugging-handlers", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-load-reader", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-server", 0, FLAG_IGNORED, 0, "false", ""},
	{"enforce-node-allocatable", 0, FLAG_IGNORED, 0, NULL, ""},
	{"event-burst", 0, FLAG_IGNORED, 0, NULL, ""},
	{"event-qps", 0, FLAG_IGNORED, 0, NULL, ""},
	{"event-storage-age-limit", 0, FLAG_IGNORED, 0, NULL, ""},
	{"event-storage-event-limit", 0, FLAG_IGNORED, 0, NULL, ""},
	{"eviction-hard", 0, FLAG_LIST, AT(eviction_hard), NULL, "thresholds below which Pods are evicted"},
	{"eviction-max-pod-grace-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"eviction-minimum-reclaim", 0, FLAG_IGNORED, 0, NULL, ""},
	{"eviction-pressure-transition-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"eviction-soft", 0, FLAG_IGNORED, 0, NULL, ""},
	{"eviction-soft-grace-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"exit-on-lock-contention", 0, FLAG_IGNORED, 0, "false", ""},
	{"experimental-allocatable-ignore-eviction", 0, FLAG_IGNORED, 0, "false", ""},
	{"experimental-mounter-path", 0, FLAG_IGNORED, 0, NULL, ""},
	{"fail-cgroupv1", 0, FLAG_STRING, AT(fail_cgroup_v1), NULL, "refuse to start on cgroup v1"},
	{"fail-swap-on", 0, FLAG_STRING, AT(fail_swap), NULL, "refuse to start with swap"},
	{"feature-gates", 0, FLAG_IGNORED, 0, NULL, ""},
	{"file-check-frequency", 0, FLAG_IGNORED, 0, NULL, ""},
	{"global-housekeeping-interval", 0, FLAG_IGNORED, 0, NULL, ""},
	{"hairpin-mode", 0, FLAG_IGNORED, 0, NULL, ""},
	{"healthz-bind-address", 0, FLAG_STRING, AT(healthz_address), NULL, "address of the health check without TLS"},
	{"healthz-port", 0, FLAG_STRING, AT(healthz_port), NULL, "port of the health check without TLS; 0: none"},
	{"hostname-override", 0, FLAG_STRING, AT(node_name), NULL, "name of the node (the host name when empty)"},
	{"housekeeping-interval", 0, FLAG_IGNORED, 0, NULL, ""},
	{"http-check-frequency", 0, FLAG_IGNORED, 0, NULL, ""},
	{"image-credential-provider-bin-dir", 0, FLAG_IGNORED, 0, NULL, ""},
	{"image-credential-provider-config", 0, FLAG_IGNORED, 0, NULL, ""},
	{"image-gc-high-threshold", 0, FLAG_IGNORED, 0, NULL, ""},
	{"image-gc-low-threshold", 0, FLAG_IGNORED, 0, NULL, ""},
	{"image-service-endpoint", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kernel-memcg-notification", 0, FLAG_IGNORED, 0, "false", ""},
	{"kube-api-burst", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-api-content-type", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-api-qps", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-reserved", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kube-reserved-cgroup", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kubeconfig", 0, FLAG_STRING, AT(kubeconfig), NULL, "how to reach the API server; without it only static Pods run"},
	{"kubelet-cgroups", 0, FLAG_IGNORED, 0, NULL, ""},
	{"local-storage-capacity-isolation", 0, FLAG_IGNORED, 0, "false", ""},
	{"lock-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-cadvisor-usage", 0, FLAG_IGNORED, 0, "false", ""},
	{"log-flush-frequency", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-json-info-buffer-size", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-json-split-stream", 0, FLAG_IGNORED, 0, "false", ""},
	{"log-text-info-buffer-size", 0, FLAG_IGNORED, 0, NULL, ""},
	{"log-text-split-stream", 0, FLAG_IGNORED, 0, "false", ""},
	{"logging-format", 0, FLAG_IGNORED, 0, NULL, ""},
	{"machine-id-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"make-iptables-util-chains", 0, FLAG_IGNORED, 0, "false", ""},
	{"manifest-url", 0, FLAG_IGNORED, 0, NULL, ""},
	{"manifest-url-header", 0, FLAG_IGNORED, 0, NULL, ""},
	{"master", 0, FLAG_STRING, AT(master), NULL, "address of the API server, instead of the kubeconfig's; unix:///PATH needs no certificate"},
	{"max-open-files", 0, FLAG_IGNORED, 0, NULL, ""},
	{"max-pods", 0, FLAG_STRING, AT(max_pods), NULL, "Pods at most"},
	{"maximum-dead-containers", 0, FLAG_IGNORED, 0, NULL, ""},
	{"maximum-dead-containers-per-container", 0, FLAG_IGNORED, 0, NULL, ""},
	{"memory-manager-policy", 0, FLAG_IGNORED, 0, NULL, ""},
	{"minimum-container-ttl-duration", 0, FLAG_IGNORED, 0, NULL, ""},
	{"minimum-image-ttl-duration", 0, FLAG_IGNORED, 0, NULL, ""},
	{"node-ip", 0, FLAG_STRING, AT(node_ip), NULL, "address of the node"},
	{"node-labels", 0, FLAG_LIST, AT(labels), NULL, "labels the node is registered with"},
	{"node-status-max-images", 0, FLAG_IGNORED, 0, NULL, ""},
	{"node-status-update-frequency", 0, FLAG_STRING, AT(status_frequency), NULL, "how often the node's state is looked at"},
	{"oom-score-adj", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pod-cidr", 0, FLAG_STRING, AT(pod_cidr), NULL, "range of the Pods' addresses, without a controller that hands it out"},
	{"pod-manifest-path", 0, FLAG_STRING, AT(manifests), NULL, "folder of static Pods"},
	{"pod-max-pids", 0, FLAG_STRING, AT(max_pids), NULL, "processes per Pod at most"},
	{"pods-per-core", 0, FLAG_IGNORED, 0, NULL, ""},
	{"port", 0, FLAG_STRING, AT(port), NULL, "port to serve HTTPS on"},
	{"protect-kernel-defaults", 0, FLAG_IGNORED, 0, "false", ""},
	{"provider-id", 0, FLAG_IGNORED, 0, NULL, ""},
	{"qos-reserved", 0, FLAG_IGNORED, 0, NULL, ""},
	{"read-only-port", 0, FLAG_STRING, AT(read_only_port), NULL, "not served; taken for compatibility"},
	{"register-node", 0, FLAG_BOOL, AT(register_node), "true", "create the Node object"},
	{"register-with-taints", 0, FLAG_IGNORED, 0, NULL, ""},
	{"registry-burst", 0, FLAG_IGNORED, 0, NULL, ""},
	{"registry-qps", 0, FLAG_IGNORED, 0, NULL, ""},
	{"reserved-cpus", 0, FLAG_IGNORED, 0, NULL, ""},
	{"reserved-memory", 0, FLAG_IGNORED, 0, NULL, ""},
	{"resolv-conf", 0, FLAG_STRING, AT(resolv_conf), NULL, "resolver configuration that Pods inherit"},
	{"root-dir", 0, FLAG_STRING, AT(root_dir), "/var/lib/kubelet", "folder of volumes and state"},
	{"rotate-certificates", 0, FLAG_IGNORED, 0, "false", ""},
	{"rotate-server-certificates", 0, FLAG_IGNORED, 0, "false", ""},
	{"runonce", 0, FLAG_IGNORED, 0, "false", ""},
	{"runtime-cgroups", 0, FLAG_IGNORED, 0, NULL, ""},
	{"runtime-request-timeout", 0, FLAG_STRING, AT(runtime_timeout), NULL, "how long the runtime may take"},
	{"seccomp-default", 0, FLAG_STRING, AT(seccomp), NULL, "RuntimeDefault where a Pod names no profile"},
	{"serialize-image-pulls", 0, FLAG_IGNORED, 0, "false", ""},
	{"storage-driver-buffer-duration", 0, FLAG_IGNORED, 0, NULL, ""},
	{"storage-driver-db", 0, FLAG_IGNORED, 0, NULL, ""},
	{"storage-driver-host", 0, FLAG_IGNORED, 0, NULL, ""},
	{"storage-driver-password", 0, FLAG_IGNORED, 0, NULL, ""},
	{"storage-driver-secure", 0, FLAG_IGNORED, 0, "false", ""},
	{"storage-driver-table", 0, FLAG_IGNORED, 0, NULL, ""},
	{"storage-driver-user", 0, FLAG_IGNORED, 0, NULL, ""},
	{"streaming-connection-idle-timeout", 0, FLAG_IGNORED, 0, NULL, ""},
	{"sync-frequency", 0, FLAG_IGNORED, 0, NULL, ""},
	{"system-cgroups", 0, FLAG_IGNORED, 0, NULL, ""},
	{"system-reserved", 0, FLAG_IGNORED, 0, NULL, ""},
	{"system-reserved-cgroup", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-cert-file", 0, FLAG_STRING, AT(cert), NULL, "serving certificate"},
	{"tls-cipher-suites", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-min-version", 0, FLAG_IGNORED, 0, NULL, ""},
	{"tls-private-key-file", 0, FLAG_STRING, AT(key), NULL, "key of the serving certificate"},
	{"topology-manager-policy", 0, FLAG_IGNORED, 0, NULL, ""},
	{"topology-manager-policy-options", 0, FLAG_IGNORED, 0, NULL, ""},
	{"topology-manager-scope", 0, FLAG_IGNORED, 0, NULL, ""},
	{"v", 'v', FLAG_INT, AT(verbosity), "0", "verbosity of the log"},
	{"vmodule", 0, FLAG_IGNORED, 0, NULL, ""},
	{"volume-plugin-dir", 0, FLAG_IGNORED, 0, NULL, ""},
	{"volume-stats-agg-period", 0, FLAG_IGNORED, 0, NULL, ""},
};
static const struct flag_group groups[] = {{"Flags", flags, ARRAY_LEN(flags), 0}};
const struct usage kubelet_usage = {.name = "kubelet", .arguments = "[FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Runs the Pods of one node through a container runtime."};

typedef struct kubelet_config_v1beta1_KubeletConfiguration config;
enum form { TEXT, NUMBER, LONG, SWITCH, SPAN, TEXTS };
#define CONF(member) offsetof(config, member)

/* Where a flag's text goes in the configuration. */
static const struct {
	const char *flag;
	size_t from, to;
	enum form form;
} targets[] = {
	{"address", AT(address), CONF(address), TEXT}, {"allowed-unsafe-sysctls", AT(sysctls), CONF(allowedUnsafeSysctls), TEXTS},
	{"authorization-mode", AT(authorization), CONF(authorization.mode), TEXT}, {"cgroup-driver", AT(cgroup_driver), CONF(cgroupDriver), TEXT},
	{"cgroup-root", AT(cgroup_root), CONF(cgroupRoot), TEXT}, {"cgroups-per-qos", AT(cgroups_per_qos), CONF(cgroupsPerQOS), SWITCH},
	{"client-ca-file", AT(client_ca), CONF(authentication.x509.clientCAFile), TEXT}, {"cluster-dns", AT(cluster_dns), CONF(clusterDNS), TEXTS},
	{"anonymous-auth", AT(anonymous), CONF(authentication.anonymous.enabled), SWITCH},
	{"authentication-token-webhook", AT(token_webhook), CONF(authentication.webhook.enabled), SWITCH},
	{"cluster-domain", AT(cluster_domain), CONF(clusterDomain), TEXT}, {"container-log-max-files", AT(log_files), CONF(containerLogMaxFiles), NUMBER},
	{"container-log-max-size", AT(log_size), CONF(containerLogMaxSize), TEXT}, {"fail-cgroupv1", AT(fail_cgroup_v1), CONF(failCgroupV1), SWITCH},
	{"container-runtime-endpoint", AT(runtime), CONF(containerRuntimeEndpoint), TEXT}, {"fail-swap-on", AT(fail_swap), CONF(failSwapOn), SWITCH},
	{"healthz-bind-address", AT(healthz_address), CONF(healthzBindAddress), TEXT}, {"healthz-port", AT(healthz_port), CONF(healthzPort), NUMBER},
	{"max-pods", AT(max_pods), CONF(maxPods), NUMBER}, {"node-status-update-frequency", AT(status_frequency), CONF(nodeStatusUpdateFrequency), SPAN},
	{"pod-cidr", AT(pod_cidr), CONF(podCIDR), TEXT}, {"pod-manifest-path", AT(manifests), CONF(staticPodPath), TEXT},
	{"pod-max-pids", AT(max_pids), CONF(podPidsLimit), LONG}, {"port", AT(port), CONF(port), NUMBER}, {"resolv-conf", AT(resolv_conf), CONF(resolvConf), TEXT},
	{"runtime-request-timeout", AT(runtime_timeout), CONF(runtimeRequestTimeout), SPAN}, {"seccomp-default", AT(seccomp), CONF(seccompDefault), SWITCH},
	{"tls-cert-file", AT(cert), CONF(tlsCertFile), TEXT}, {"tls-private-key-file", AT(key), CONF(tlsPrivateKeyFile), TEXT},
};

static int set_number(void *to, enum form form, struct str s)
{
	int64_t v;
	if (str_i64(s, &v) || (form == NUMBER && (v < INT32_MIN || v > INT32_MAX)))
		return -1;
	if (form == NUMBER)
		*(int32_t *)to = (int32_t)v;
	else
		*(int64_t *)to = v;
	return 0;
}

static int set_one(void *to, enum form form, struct str s)
{
	if (form == TEXT)
		return *(struct str *)to = s, 0;
	if (form == SPAN)
		return duration_parse(s, to);
	if (form != SWITCH)
		return set_number(to, form, s);
	*(bool *)to = str_is(s, "true");
	return str_is(s, "true") || str_is(s, "false") ? 0 : -1;
}

static void set_list(struct arena *a, str_list_t *to, const struct flag_list *l)
{
	*to = (str_list_t){0};
	for (uint32_t i = 0; i < l->len; i++)
		*arena_push(a, to) = l->items[i];
}

static int thresholds(struct arena *a, const struct flag_list *l, struct str_map *to, struct err *e)
{
	if (l->len)
		*to = (struct str_map){0};
	for (uint32_t i = 0; i < l->len; i++) {
		struct str name, value;
		if (!str_cut(l->items[i], '<', &name, &value))
			return err_set(e, ERR_BAD_REQUEST, "--eviction-hard wants thresholds such as memory.available<100Mi");
		str_map_set(a, to, name, value);
	}
	return 0;
}

int kubelet_flags_apply(struct arena *a, const struct kubelet_flags *f, config *c, struct err *e)
{
	if (f->config.n && kubelet_config_read(a, str_z(a, f->config), c, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		const void *from = (const char *)f + targets[i].from;
		void *to = (char *)c + targets[i].to;
		if (targets[i].form == TEXTS) {
			if (((const struct flag_list *)from)->len)
				set_list(a, to, from);
			continue;
		}
		struct str s = *(const struct str *)from;
		if (s.p && set_one(to, targets[i].form, s))
			return err_set(e, ERR_BAD_REQUEST, "--%s does not take \"%.*s\"", targets[i].flag, STR_F(s));
	}
	return thresholds(a, &f->eviction_hard, &c->evictionHard, e);
}
