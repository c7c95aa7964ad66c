/* The scheduling framework: extension points and the table of plug-ins.
 *
 * To add a plug-in: one struct in a file plugins_*.c and its row in plugins.c; the order of rows is the order of filters, weights as upstream's
 * default profile.  A filter returns NULL when the Pod fits, or a static reason; several reasons per node go through cycle_reason.
 * A plug-in keeps no state of its own: what it works out once per Pod goes into the cycle. */
#pragma once
#include "scheduler/nodes.h"

#define SCORE_MAX 100
#define REASONS_MAX 64 /* different reasons in one message */

enum fit { FIT, UNSCHEDULABLE, UNRESOLVABLE /* preemption cannot help */ };

struct reason {
	struct str text;
	uint32_t nodes;
};
struct cycle {
	struct arena *arena;          /* of this attempt */
	const struct core_v1_Pod *pod;
	const struct pod_info *info;
	struct nodes *nodes;
	struct reason reasons[REASONS_MAX];
	uint32_t nreasons, unresolvable, resolvable;
	str_list_t failed_plugins;    /* for re-queueing */
	bool prefers_affinity, prefers_taints;
	nsec_t filtered, scored;      /* what these extension points took; scored is 0 when there was nothing to choose */
};
/* Counts a reason for one node. */
void cycle_reason(struct cycle *c, struct str text);

struct plugin {
	const char *name;
	int weight;                   /* of its score */
	/* Before the queue: NULL lets it in, else the reason why it waits. */
	const char *(*pre_enqueue)(const struct core_v1_Pod *p);
	enum fit (*filter)(struct cycle *c, const struct node_info *n);
	/* 0 to SCORE_MAX after normalizing. */
	int64_t (*score)(struct cycle *c, const struct node_info *n);
	void (*normalize)(struct cycle *c, int64_t *scores, uint32_t n);
};
extern const struct plugin *const plugins[];
extern const size_t nplugins;
/* Scales the highest score to SCORE_MAX; reverse: the highest becomes 0. */
void normalize_scores(int64_t *scores, uint32_t n, bool reverse);

/* The best node for the Pod, or NULL: then *ret_message says why in upstream's words (in the cycle's arena). */
struct node_info *framework_select(struct cycle *c, struct str *ret_message);
