/* The network configuration list that the container runtime reads (CNI spec 1.0.0), for the distribution's plug-ins in /usr/lib/cni:
 *
 *   bridge     one bridge per node with the Pod CIDR's first address; hairpin, so that a Pod reaches itself through its Service; what leaves for
 *              the world is masquerade.h's
 *   host-local addresses from the node's Pod CIDRs, one per family
 *   portmap    hostPort, with source address kept
 *
 * The file is written atomically and only when it changes: runtimes watch the folder and reload on every write. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "os/plan.h"
#include "os/netlink.h"

#define CNI_CONF_FILE "10-c8s.conflist"
#define CNI_CIDRS_MAX 2

struct cni_conf {
	struct net_ip pod_cidrs[CNI_CIDRS_MAX]; /* of this node; family 0: none */
	struct str network, bridge;             /* absent: "c8s", "cni0" */
	uint32_t mtu;                           /* 0: the kernel's */
	struct str data_dir;                    /* of host-local; absent: its default */
};
/* The JSON text, with a final newline. */
void cni_conf_put(struct buf *out, const struct cni_conf *c);
/* Makes dir if needed and puts CNI_CONF_FILE there, unless it is there already. */
int cni_conf_write(const struct cni_conf *c, const char *dir, struct err *e) must_check;
