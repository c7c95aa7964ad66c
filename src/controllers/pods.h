/* What controllers of Pods share: whose Pods are whose, which go first, making and deleting them. */
#pragma once
#include "api/pod.h"
#include "api/condition.h"
#include "api/selector.h"
#include "controllers/controller.h"

struct pod_list {
	struct core_v1_Pod **items;
	uint32_t len, cap;
};
/* Index of Pods: "owner/UID" of the controller, "orphan/NAMESPACE" without one. */
size_t pods_index(struct arena *a, void *pod, struct str *keys, size_t n);
/* The Pods that the owner controls, after adopting matching orphans and releasing those that match no longer.  Unless `adopt`, writes nothing. */
int pods_claim(struct manager *m, struct arena *a, struct informer *pods, struct ref owner, const struct selector *sel, bool adopt,
	struct pod_list *ret, struct err *e) must_check;
/* Sorts so that the Pods to delete first come first, as upstream ranks them (unscheduled, pending, not ready, deletion cost, doubled-up nodes,
 * youngest, most restarts). */
void pods_rank(struct pod_list *v, wall_t now);
/* True of an error that says that the namespace ends: then nothing can be made in it, and there is nothing to try again or to complain about. */
bool pods_namespace_ends(const struct err *e);
/* Create or delete one, with the owner's event. */
int pods_create(struct manager *m, struct arena *a, struct ref owner, const struct core_v1_PodTemplateSpec *t, struct err *e) must_check;
int pods_delete(struct manager *m, struct arena *a, struct ref owner, const struct core_v1_Pod *p, struct err *e) must_check;
/* An index of Pods by node: "node/NAME". */
size_t pods_node_index(struct arena *a, void *obj, struct str *keys, size_t n);
