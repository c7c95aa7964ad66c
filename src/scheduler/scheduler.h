/* A scheduler over a transport: watches Pods and nodes, binds what fits.  One loop; several schedulers may run in one process. */
#pragma once
#include "client/informer.h"
#include "client/recorder.h"

struct scheduler;
struct scheduler_opts {
	struct transport *transport;
	struct informers *informers; /* shared with other components of the loop */
	struct scope *scope;         /* its fibers live here */
	struct str name;             /* "": default-scheduler */
	struct str host;             /* source of events */
};
struct scheduler *scheduler_new(const struct scheduler_opts *o);
/* Starts its fibers; returns at once. */
void scheduler_start(struct scheduler *s);
/* After its scope ended. */
void scheduler_free(struct scheduler *s);

/* Figures for /metrics and tests. */
struct scheduler_stats {
	uint64_t scheduled, unschedulable, errors;
	size_t active, backoff, gated_or_unschedulable;
};
struct scheduler_stats scheduler_stats(const struct scheduler *s);
