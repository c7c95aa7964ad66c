/* Pods and their templates: what the files pod_*.c share. */
#pragma once
#include "apiserver/registry/validate/rules.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

struct pod_check {
	struct check *k;
	const struct core_v1_PodSpec *spec;
	const struct meta_v1_ObjectMeta *meta; /* of the Pod or the template */
	const struct core_v1_PodSpec *old;     /* on update, or NULL */
	bool is_template;
	bool *known;                          /* of each volume: nothing is wrong with it */
};

/* pod_spec.c */
void check_pod_spec(struct check *k, struct str path, const struct core_v1_PodSpec *s, const struct core_v1_PodSpec *old, const struct meta_v1_ObjectMeta *m, bool template);
/* A whole template: labels, annotations, spec; what workloads forbid. */
void check_template(struct check *k, struct str path, const struct core_v1_PodTemplateSpec *t, const struct core_v1_PodTemplateSpec *old);
/* Of a Pod, new or changed: annotations, spec, what templates may hold and Pods not. */
void check_pod(struct check *k, const struct core_v1_Pod *p, const struct core_v1_Pod *old);
void check_overhead(struct check *k, struct str path, const void *value);
void check_tolerations(struct check *k, struct str path, const core_v1_Toleration_list_t *l);
void check_annotations(struct check *k, struct str path, const struct str_map *m);
/* pod_annotations.c */
/* That what annotations and fields say of seccomp and AppArmor agrees. */
void check_profiles_agree(struct check *k, struct str path, const struct str_map *annotations, const struct core_v1_PodSpec *s);
void check_pod_annotations(struct check *k, struct str path, const struct str_map *m, const struct core_v1_PodSpec *s);
void check_pod_annotations_update(struct check *k, struct str path, const struct core_v1_Pod *now, const struct core_v1_Pod *old);
void check_pod_os(struct check *k, struct str path, const struct core_v1_PodSpec *s);
/* pod_container.c */
void check_containers(struct pod_check *p, struct str path);
void check_init_containers(struct pod_check *p, struct str path);
void check_image_padding(struct check *k, struct str path, struct str image);
void check_ephemeral_containers(struct pod_check *p, struct str path);
/* pod_env.c */
void check_env(struct check *k, struct str path, const core_v1_EnvVar_list_t *l);
void check_env_from(struct check *k, struct str path, const core_v1_EnvFromSource_list_t *l);
void check_downward_items(struct check *k, struct str path, const core_v1_DownwardAPIVolumeFile_list_t *l);
/* pod_probe.c */
void check_probes(struct pod_check *p, struct str path, const struct core_v1_Container *c);
void check_lifecycle(struct pod_check *p, struct str path, const struct core_v1_Lifecycle *l);
/* pod_volume.c */
void check_volumes(struct pod_check *p, struct str path);
/* Relative, without '..' and without a first part that begins so. */
void check_bottom_path(struct check *k, struct str path, struct str v);
void check_mounts(struct pod_check *p, struct str path, const struct core_v1_Container *c);
/* Of a member of a volume. */
const struct rule *pod_volume_rules(const char *source);
struct wrong name_driver(struct str s);
/* NULL also when something is wrong with the volume. */
const struct core_v1_Volume *pod_volume(const struct pod_check *p, struct str name);
const char *volume_source_path(const char *source, bool second);
void check_flex_options(struct check *k, struct str path, const void *value);
bool iscsi_name_known(struct str s);
bool iscsi_name_valid(struct str s);
#define DRIVER_MAX 63 /* of the name of a CSI driver, as upstream */
/* resources.c */
void check_requirements(struct check *k, struct str path, const struct core_v1_ResourceRequirements *r, const core_v1_PodResourceClaim_list_t *claims);
void check_pod_resources(struct pod_check *p, struct str path);
bool resource_overcommit_allowed(struct str name);
void check_container_resource(struct check *k, struct str path, struct str name);
void check_resource_name(struct check *k, struct str path, struct str name);
bool resource_is_standard_container(struct str name);
bool resource_is_native(struct str name);
bool resource_is_integer(struct str name);
bool resource_is_extended(struct str name);
void check_quantity_value(struct check *k, struct str path, struct str resource, struct str q);
/* pod_affinity.c */
void check_affinity(struct check *k, struct str path, const struct core_v1_Affinity *a);
void check_node_selector(struct check *k, struct str path, const struct core_v1_NodeSelector *s);
void check_spread(struct check *k, struct str path, const core_v1_TopologySpreadConstraint_list_t *l);
/* pod_windows.c */
extern const struct rule windows_rules[]; /* of windowsOptions */
void check_host_process(struct check *k, struct str path, const struct core_v1_PodSpec *s);
/* pod_security.c */
void check_security(struct pod_check *p, struct str path, const struct core_v1_SecurityContext *s);
void check_pod_security(struct pod_check *p, struct str path, const struct core_v1_PodSecurityContext *s);
/* claim.c: what claims and claim templates share. */
void check_claim_spec(struct check *k, struct str path, const struct core_v1_PersistentVolumeClaimSpec *s);
