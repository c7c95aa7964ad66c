/* Cells of table rows: small writers, and rows described by paths. */
#pragma once
#include "base/buf.h"
#include "schema/reflect.h"

#define NONE STR("<none>")
#define UNSET STR("<unset>")
#define UNKNOWN STR("<unknown>")

/* Each puts its comma unless it is the row's first. */
void cell_str(struct buf *b, struct str s);
void cell_or(struct buf *b, struct str s, struct str otherwise); /* otherwise when s is empty */
void cell_int(struct buf *b, int64_t v);
void cell_bool(struct buf *b, bool v);
void cell_text(struct buf *b, const struct buf *text, struct str otherwise);
/* Time since t in kubectl's short form: "5s", "3m20s", "2d4h". */
void cell_age(struct buf *b, struct api_time t, wall_t now);
struct str age_text(struct arena *a, struct api_time t, wall_t now);
struct str span_text(struct arena *a, nsec_t d);
/* Appends them sorted, each once, with commas; sorts v. */
void cells_put_set(struct buf *out, struct str *v, size_t n);
struct str labels_text(struct arena *a, const struct str_map *m); /* "a=b,c=d" */
struct meta_v1_LabelSelector;
struct str selector_text(struct arena *a, const struct meta_v1_LabelSelector *s);
struct core_v1_PodSpec;
void cell_containers(struct buf *b, const struct core_v1_PodSpec *s); /* two cells: names, images */

/* A row from paths: "metadata.name"; "@age" (or "@age spec.x"); "#spec.webhooks" counts; "path|text" when it is empty. */
void cells_by_path(struct arena *a, uint16_t type, const void *obj, wall_t now, struct buf *b, const char *const *columns);
/* The cells function of a kind whose row needs no more than that. */
#define CELLS_BY_PATH(fn, type, ...)                                                      \
	static void fn(struct arena *a, const void *obj, wall_t now, struct buf *cells)   \
	{                                                                                 \
		static const char *const columns[] = {__VA_ARGS__, NULL};                 \
		cells_by_path(a, type, obj, now, cells, columns);                         \
	}
void pod_row_conditions(const void *obj, struct buf *out);
typedef void cells_fn(struct arena *a, const void *obj, wall_t now, struct buf *cells);
/* cells_pod.c, cells_core.c, cells_workload.c, cells_service.c, cells_misc.c */
cells_fn pod_cells, node_cells, event_cells, quota_cells, pv_cells, pvc_cells, namespace_cells, podtemplate_cells, configmap_cells, secret_cells;
cells_fn service_cells, endpoints_cells, endpointslice_cells, ingress_cells, ingressclass_cells, networkpolicy_cells;
cells_fn deployment_cells, replicaset_cells, rc_cells, statefulset_cells, daemonset_cells, job_cells, cronjob_cells, hpa_cells, pdb_cells;
cells_fn csidriver_cells, attachment_cells, flowschema_cells, prioritylevel_cells, validating_policy_cells, mutating_policy_cells, validating_binding_cells,
	mutating_binding_cells, ipaddress_cells, servicecidr_cells, apiservice_cells;
cells_fn csr_cells, rolebinding_cells, storageclass_cells, controllerrevision_cells, resourceclaim_cells;
