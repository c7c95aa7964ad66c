/* A set of series: metrics with their labels and values.  One per loop, and one into which a scrape adds them all. */
#pragma once
#include "apiserver/metrics.h"
#include "base/buf.h"
#include "base/map.h"

#define METRIC_SERIES_MAX 8192 /* labels come from the tables of resources, so this is never reached unless something is wrong */

struct metric_set {
	struct map series;
	double dropped; /* where series beyond the bound count */
};
void metric_set_fini(struct metric_set *s);
double *metric_set_counter(struct metric_set *s, enum metric m, struct str labels);
void metric_set_observe(struct metric_set *s, enum metric m, struct str labels, double value);
void metric_set_merge(struct metric_set *to, const struct metric_set *from);
/* In the text format of Prometheus. */
void metric_set_write(const struct metric_set *s, struct buf *out);
void metric_number(struct buf *out, double v);
