/* What a Pod asks for and how it fares. */
#pragma once
#include "api/amount.h"
#include "gen/core_v1.h"
#include "schema/reflect.h"

/* The Pod's effective request: containers and sidecars together, or an init container with the sidecars before it if that is more; Pod-level
 * resources replace the sum; plus overhead. */
struct amounts pod_requests(struct arena *a, const struct core_v1_PodSpec *s);
/* The same for limits (overhead is added where there is a limit). */
struct amounts pod_limits(struct arena *a, const struct core_v1_PodSpec *s);
/* "Guaranteed", "Burstable" or "BestEffort", computed from the spec. */
struct str pod_qos(const struct core_v1_PodSpec *s);

bool pod_ready(const struct core_v1_Pod *p);
/* Ready for at least min_ready_s seconds at the wall time now. */
bool pod_available(const struct core_v1_Pod *p, int32_t min_ready_s, wall_t now);
bool pod_finished(const struct core_v1_Pod *p);  /* Succeeded or Failed */
bool pod_active(const struct core_v1_Pod *p);    /* neither finished nor being deleted */
bool pod_static(const struct core_v1_Pod *p);    /* from a manifest, or its mirror */
bool pod_critical(const struct core_v1_Pod *p);
static inline bool container_is_sidecar(const struct core_v1_Container *c) { return str_is(c->restartPolicy, "Always"); }
/* The number of a container port by name or number; -1 when no container has the name. */
int pod_port(const struct core_v1_Pod *p, const struct int_or_str *port, struct str protocol);
/* Container or init container by name. */
const struct core_v1_Container *pod_container(const struct core_v1_PodSpec *s, struct str name);
bool pod_has_container(const struct core_v1_PodSpec *s, struct str name); /* also an ephemeral one */
const struct core_v1_ContainerStatus *pod_container_status(const struct core_v1_Pod *p, struct str name);
bool pod_tolerates(const struct core_v1_PodSpec *s, const struct core_v1_Taint *t);
bool toleration_matches(const struct core_v1_Toleration *t, const struct core_v1_Taint *taint);
/* Sums that the deletion cost, restarts and ages are ranked by. */
int32_t pod_restarts(const struct core_v1_Pod *p);
int32_t pod_deletion_cost(const struct core_v1_Pod *p);
