/* Private to kubelet: what the Node says (node_status.c), and its network (cni.c). */
#pragma once
#include "kubelet/impl.h"

void node_labels(struct kubelet *k, struct arena *a, struct str_map *ret);
/* old: the status before, for transition times; may be NULL. */
struct core_v1_NodeStatus *node_status(struct kubelet *k, struct arena *a, const struct core_v1_NodeStatus *old);
void node_look_at_runtime(struct kubelet *k);
/* Lists images again when some came or went. */
void node_images(struct kubelet *k);
/* Tells the runtime the node's range of addresses, and configures the bridge where that is ours to do. */
void node_network(struct kubelet *k);
