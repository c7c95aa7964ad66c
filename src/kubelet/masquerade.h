/* Packets from Pods to the world leave under the node's address: one rule for all Pods of the node, in tables of its own.
 *
 * The bridge plug-in would do the same with a chain per Pod, at the price of six runs of iptables whenever a Pod ends. */
#pragma once
#include "kubelet/cni_conf.h"

#define CNI_TABLE "c8s" /* in the families ip and ip6 */

/* Adds a step to the plan that makes the tables what the configuration asks for; once more changes nothing. */
int cni_masquerade(struct plan *p, const struct cni_conf *c, struct err *e) must_check;
