/* The scheduling queue: Pods ready to be tried (by priority, then age), Pods backing off, and Pods that wait for the cluster to change.
 * Loop-local.  The queue owns its entries; an entry taken out with sched_queue_pop goes back with one of the other calls. */
#pragma once
#include "base/map.h"
#include "rt/fiber.h"
#include "schema/metric.h"

#define SCHED_BACKOFF_MIN (1 * NS_S)
#define SCHED_BACKOFF_MAX (10 * NS_S)
#define SCHED_UNSCHEDULABLE_MAX (5 * NS_MIN) /* tried again at the latest */

enum sched_place { SCHED_NOWHERE, SCHED_ACTIVE, SCHED_BACKOFF, SCHED_WAITING, SCHED_GATED, SCHED_IN_FLIGHT };
struct sched_entry {
	struct heap_node node;      /* in the active or the back-off heap, or waiting by deadline */
	struct str key, uid;
	int32_t priority;
	mono_t added, popped;
	uint32_t attempts;
	enum sched_place place;
	bool moved;                 /* the cluster changed while it was in flight */
	mono_t backoff_until;
};
struct sched_queue {
	struct map by_key;
	struct heap active, backoff, waiting;
	struct cond ready;
	struct timer timer;
	bool closed;
	size_t gated;
	struct metric_set *metrics; /* NULL: nothing is counted */
};
void sched_queue_init(struct sched_queue *q);
void sched_queue_fini(struct sched_queue *q);
/* A new or changed Pod; gated Pods wait until the next change of theirs. */
void sched_queue_put(struct sched_queue *q, struct str key, struct str uid, int32_t priority, bool gated, bool changed);
void sched_queue_drop(struct sched_queue *q, struct str key);
int sched_queue_pop(struct sched_queue *q, struct sched_entry **ret) must_check; /* waits; -ECANCELED, -EPIPE */
void sched_queue_unschedulable(struct sched_queue *q, struct sched_entry *e); /* until something changes */
void sched_queue_retry(struct sched_queue *q, struct sched_entry *e);         /* after its back-off (errors) */
void sched_queue_done(struct sched_queue *q, struct sched_entry *e);          /* scheduled */
/* The cluster changed so that waiting Pods might fit now.  event: as upstream names what happened. */
void sched_queue_move_all(struct sched_queue *q, const char *event);
