/* A scheduler over a transport: watches Pods and nodes, binds what fits.  One loop; several schedulers may run in one process. */
#pragma once
#include "client/informer.h"
#include "client/recorder.h"
#include "schema/metric.h"

struct scheduler;
struct scheduler_opts {
	struct transport *transport;
	struct informers *informers; /* shared with other components of the loop */
	struct scope *scope;         /* its fibers live here */
	struct str name;             /* "": default-scheduler */
	struct str host;             /* source of events */
	struct metric_set *metrics;  /* where it counts; outlives it.  NULL: it does not */
};
struct scheduler *scheduler_new(const struct scheduler_opts *o);
/* Starts its fibers; returns at once. */
void scheduler_start(struct scheduler *s);
/* After its scope ended. */
void scheduler_free(struct scheduler *s);

/* Adds what is known at a scrape only to what was counted in scheduler_opts.metrics. */
void scheduler_metrics(const struct scheduler *s, struct metric_set *to);
/* What each Pod asks for, and its limits (/metrics/resources). */
void scheduler_resource_metrics(const struct scheduler *s, struct metric_set *to);
