/* Counters, gauges and histograms by upstream's names, and their text (Prometheus 0.0.4).
 *
 * What a metric is called, its labels and the bounds of its buckets are rows of schema/metrics.json; code names it M_NAME.  To add one: its row.
 * A set holds the series of one loop (or of one scrape), without locks: nobody else may touch it.  Whoever counts often keeps what
 * metric_counter or metric_histogram gave: both stay where they are until metric_set_fini.
 * Everything takes NULL for a set, a counter or a histogram, and counts nothing then. */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "gen/metrics.h"

#define METRIC_SERIES_MAX 8192 /* labels are names of things that are few, so this is never reached unless something is wrong */

struct series;
struct metric_set {
	struct map series;
	size_t max;     /* 0: METRIC_SERIES_MAX; SIZE_MAX for a scrape of what is bounded elsewhere (Pods, containers) */
	double dropped; /* where series beyond the bound count */
};
void metric_set_fini(struct metric_set *s);

/* Values of the metric's labels in their order; absent is "". */
#define LABELS(...) ((const struct str[]){__VA_ARGS__})
/* values: NULL without labels. */
double *metric_counter(struct metric_set *s, enum metric m, const struct str *values);
struct series *metric_histogram(struct metric_set *s, enum metric m, const struct str *values); /* NULL beyond the bound */
void metric_observe(struct series *h, double value);
static inline void metric_add(double *counter, double by)
{
	if (counter)
		*counter += by;
}
/* A value that is known at the time of a scrape only. */
void metric_put(struct metric_set *s, enum metric m, const struct str *values, double v);
void metric_merge(struct metric_set *to, const struct metric_set *from); /* adds */
/* By name, then labels. */
void metric_write(const struct metric_set *s, struct buf *out);
#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
