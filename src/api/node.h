/* Readiness, taints and selection of nodes. */
#pragma once
#include "gen/core_v1.h"
#include "schema/reflect.h"

bool node_ready(const struct core_v1_Node *n);
struct str node_address(const struct core_v1_Node *n, const char *type); /* first of "InternalIP", "Hostname", ...; absent str */
const struct core_v1_Taint *node_taint(const struct core_v1_Node *n, struct str key, struct str effect); /* effect "": any */
/* Adds or updates; false: it was there as it is. */
bool node_taint_add(struct arena *a, struct core_v1_Node *n, struct core_v1_Taint t);
bool node_taint_remove(struct core_v1_Node *n, struct str key, struct str effect);
/* The first taint with one of the effects ("NoSchedule" and "NoExecute" when effects is NULL) that the Pod does not tolerate, or NULL. */
const struct core_v1_Taint *node_untolerated(const struct core_v1_Node *n, const struct core_v1_PodSpec *s, const char *const *effects);
/* nodeSelector and required node affinity.  An empty term matches nothing; a bad operator or number matches nothing. */
bool node_selector_matches(const struct core_v1_NodeSelector *s, const struct core_v1_Node *n);
bool node_selector_term_matches(const struct core_v1_NodeSelectorTerm *t, const struct core_v1_Node *n);
bool node_fits_affinity(const struct core_v1_PodSpec *s, const struct core_v1_Node *n);
bool node_excluded_from_balancers(const struct core_v1_Node *n);
