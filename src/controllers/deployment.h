/* Deployments, private to deployment*.c: one rollout step per sync, over the ReplicaSets that a Deployment controls. */
#pragma once
#include "api/condition.h"
#include "api/meta.h"
#include "api/pod.h"
#include "api/selector.h"
#include "controllers/controller.h"
#include "gen/apps_v1.h"
#include "gen/ids.h"

#define ANN_REVISION "deployment.kubernetes.io/revision"
#define ANN_HISTORY "deployment.kubernetes.io/revision-history"
#define ANN_ROLLBACK "deprecated.deployment.rollback.to"
#define ANN_DESIRED "deployment.kubernetes.io/desired-replicas"
#define ANN_MAX "deployment.kubernetes.io/max-replicas"
#define LABEL_HASH "pod-template-hash"

struct deployment_controller {
	struct manager *m;
	struct informer *deployments, *sets, *pods;
	struct enqueue own;
	struct enqueue_owner by_set;
	struct informer_handler on_set, on_pod;
	struct queue *queue;
	const struct resource *res, *set_res;
};
struct rs_list {
	struct apps_v1_ReplicaSet **items;
	uint32_t len, cap;
};
/* One sync of one Deployment: everything lives in the arena. */
struct rollout {
	struct deployment_controller *c;
	struct arena *a;
	struct apps_v1_Deployment *d; /* a working copy; status is written at the end */
	struct ref ref;
	struct rs_list all;           /* by creation */
	struct apps_v1_ReplicaSet *next; /* of the present template; NULL while it does not exist */
	struct rs_list old;           /* the others */
	bool collided;                /* collisionCount was raised */
	struct selector sel;
};
void rs_push(struct arena *a, struct rs_list *l, struct apps_v1_ReplicaSet *rs);
int32_t rs_sum_spec(const struct rs_list *l);
int32_t rs_sum_available(const struct rs_list *l);
int32_t rollout_max_surge(const struct apps_v1_Deployment *d);
int32_t rollout_max_unavailable(const struct apps_v1_Deployment *d);
int64_t rs_revision(const struct meta_v1_ObjectMeta *m);
bool same_template(const struct core_v1_PodTemplateSpec *a, const struct core_v1_PodTemplateSpec *b);

/* deployment_sets.c */
int rollout_find_sets(struct rollout *r, bool create, struct err *e) must_check;
/* Writes replicas and the scale annotations when they differ; *ret_scaled says whether replicas changed. */
int rollout_scale(struct rollout *r, struct apps_v1_ReplicaSet **rs, int32_t replicas, bool *ret_scaled, struct err *e) must_check;
/* The template of the revision that the annotation names. */
int rollout_rollback(struct rollout *r, struct err *e);
int rollout_cleanup(struct rollout *r, struct err *e) must_check; /* revisionHistoryLimit */
/* deployment_scale.c */
bool rollout_scaling_event(const struct rollout *r);
int rollout_scale_all(struct rollout *r, struct err *e) must_check; /* paused or resized: in proportion */
int rollout_rolling(struct rollout *r, struct err *e) must_check;
int rollout_recreate(struct rollout *r, struct err *e) must_check;
/* deployment_status.c */
bool deployment_complete(const struct apps_v1_Deployment *d, const struct apps_v1_DeploymentStatus *st);
int rollout_write_status(struct rollout *r, bool progress, struct err *e) must_check;
void deployment_condition(struct rollout *r, struct apps_v1_DeploymentStatus *st, const char *type, const char *status, const char *reason, struct str message);
