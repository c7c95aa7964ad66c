/* Flags of c8s kubelet: upstream's names; what they say goes over the configuration file. */
#pragma once
#include "cmd/flags.h"
#include "kubelet/kubelet.h"

struct kubelet_flags {
	struct str address, anonymous, token_webhook, authorization, cert_dir, cgroup_driver, cgroup_root, cgroups_per_qos, client_ca, cluster_domain, config, runtime,
		log_files, log_size, fail_cgroup_v1, fail_swap, healthz_address, healthz_port, node_name, kubeconfig, master, max_pods, node_ip, status_frequency, pod_cidr,
		manifests, max_pids, port, read_only_port, resolv_conf, root_dir, runtime_timeout, seccomp, cert, key, cni_conf_dir;
	struct flag_list sysctls, cluster_dns, eviction_hard, labels;
	int64_t verbosity;
	bool register_node;
};
extern const struct usage kubelet_usage;
/* Defaults, then the file, then the flags.  ERR_BAD_REQUEST names the flag. */
int kubelet_flags_apply(struct arena *a, const struct kubelet_flags *f, struct kubelet_config_v1beta1_KubeletConfiguration *c, struct err *e) must_check;
