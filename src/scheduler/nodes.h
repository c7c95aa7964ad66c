/* The scheduler's picture of the nodes: what each can hold and what its Pods, bound or just assumed, already take.
 *
 * The two resources that almost every Pod asks for, and the number of Pods, stand in columns, so that filter and score run over thousands of
 * nodes in straight loops.  The rest is per node.  Loop-local. */
#pragma once
#include "api/pod.h"
#include "base/map.h"
#include "gen/core_v1.h"

enum { COL_CPU, COL_MEMORY, COL_EPHEMERAL, COL_PODS, COLS };

struct host_port {
	struct str ip, protocol;
	int32_t port;
};
/* What is remembered of a Pod: one allocation. */
struct pod_info {
	struct str key;               /* "ns/name" */
	struct str uid, node;         /* node: where it is counted, or "" */
	int64_t cols[COLS];           /* requests; cpu in millicores, bytes */
	int64_t nonzero[2];           /* cpu and memory, with upstream's defaults for scoring where none is asked for */
	struct amounts other;         /* further resources */
	struct host_port *ports;
	uint32_t nports;
	bool assumed;                 /* bound by us, not yet seen */
	struct arena *mem;
};
struct node_info {
	struct str name;
	struct core_v1_Node *node;    /* in mem */
	struct arena *mem;
	struct amounts alloc_other, used_other;
	struct map pods;              /* key -> pod_info */
	uint32_t row;                 /* in the columns */
	bool known;                   /* false: only Pods name it, the Node object is not there */
};
struct nodes {
	struct map by_name;
	struct node_info **rows;
	int64_t *alloc[COLS], *used[COLS], *used_nonzero[2];
	uint32_t n, cap;              /* rows: nodes that exist */
	uint32_t start;               /* where the next search begins */
};
void nodes_fini(struct nodes *t);
struct node_info *nodes_get(struct nodes *t, struct str name);
/* Takes over mem, in which node lives. */
void nodes_set(struct nodes *t, struct core_v1_Node *node, struct arena *mem);
void nodes_remove(struct nodes *t, struct str name);
/* Counts p on its node; the table does not own p. */
void nodes_add_pod(struct nodes *t, struct pod_info *p);
void nodes_remove_pod(struct nodes *t, struct pod_info *p);

struct pod_info *pod_info_new(const struct core_v1_Pod *pod);
void pod_info_free(struct pod_info *p);
bool host_ports_conflict(const struct host_port *a, const struct host_port *b);
