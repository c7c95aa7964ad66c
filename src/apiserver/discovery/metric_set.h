/* A set of series: metrics with their labels and values.  One per loop, and one into which a scrape adds them all. */
#pragma once
#include "apiserver/metrics.h"
#include "base/buf.h"
#include "base/map.h"

#define METRIC_SERIES_MAX 8192 /* labels come from the tables of resources, so this is never reached unless something is wrong */

struct series;
struct metric_set {
	struct map series;
	double dropped; /* where series beyond the bound count */
};
void metric_set_fini(struct metric_set *s);
/* Both stay until metric_set_fini; a histogram beyond the bound is NULL. */
double *metric_set_counter(struct metric_set *s, enum metric m, struct str labels);
struct series *metric_set_histogram(struct metric_set *s, enum metric m, struct str labels);
void series_observe(struct series *h, double value); /* NULL is fine */
void metric_set_merge(struct metric_set *to, const struct metric_set *from);
/* In the text format of Prometheus. */
void metric_set_write(const struct metric_set *s, struct buf *out);
void metric_number(struct buf *out, double v);
