/* Counters and histograms, written in Prometheus' text form. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"

#define HISTOGRAM_BUCKETS 14 /* upstream's for runtime operations: 5 ms * 2.5^i */
struct histogram {
	uint64_t count, bucket[HISTOGRAM_BUCKETS];
	double sum;
};
void histogram_add(struct histogram *h, nsec_t span);
/* labels: `a="b"` or "". */
void histogram_put(struct buf *out, const char *name, const char *labels, const struct histogram *h);
void metric_head(struct buf *out, const char *name, const char *type, const char *help);
