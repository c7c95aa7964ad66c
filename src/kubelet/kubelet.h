/* A kubelet on the calling loop.  Several may run in one process (tests), each with its own node name and root folder. */
#pragma once
#include "client/transport.h"
#include "os/helper.h"
#include "gen/kubelet_config_v1beta1.h"

struct metric_set;

struct kubelet_opts {
	struct transport *transport;      /* NULL: static Pods only */
	struct helper *helper;            /* for mounts and cgroups; NULL: done in this process */
	struct str node_name;
	struct str node_ip;               /* absent: the address of the default route */
	struct str root_dir;              /* /var/lib/kubelet */
	struct str cert_dir;              /* absent: root_dir/pki */
	struct str cni_conf_dir;          /* absent: somebody else configures the network; else a bridge is configured here once podCIDR is known */
	struct str_map node_labels;
	bool register_node;
	struct metric_set *metrics;       /* where it counts; outlives it.  NULL: it does not */
	/* Everything else is upstream's component configuration, defaults filled in (kubelet_config_default). */
	struct kubelet_config_v1beta1_KubeletConfiguration *config;
	struct str runtime_endpoint;      /* overrides the configuration's */
	struct str version;               /* "v1.36.3" */
};
struct kubelet;

/* A configuration with upstream's defaults, and one read from a file over them. */
struct kubelet_config_v1beta1_KubeletConfiguration *kubelet_config_default(struct arena *a);
int kubelet_config_read(struct arena *a, const char *file, struct kubelet_config_v1beta1_KubeletConfiguration *c, struct err *e) must_check;
/* NULL when the options make no sense: the error says which.  Strings are copied; transport and helper must outlive it. */
struct kubelet *kubelet_new(const struct kubelet_opts *o, struct err *e);
/* Runs in fibers of s, until that is cancelled; containers go on then.  Waits until the runtime answers for the first time. */
int kubelet_start(struct kubelet *k, struct scope *s, struct err *e) must_check;
void kubelet_free(struct kubelet *k); /* after s ended; NULL is fine */
