/* A set of series: metrics with their labels and values.  One per loop, and one into which a scrape adds them all. */
#pragma once
#include "apiserver/metrics.h"
#include "base/buf.h"
#include "base/map.h"

#define METRIC_SERIES_MAX 8192 /* labels come from the tables of resources, so this is never reached unless something is wrong */

#define METRIC_MEMO 256 /* slots; of two keys that meet in one, one is found by its labels each time */

struct series;
/* Stands for the labels of a series: addresses of constants, and numbers.  Equal keys have equal labels. */
struct metric_key {
	enum metric metric;
	uintptr_t words[3];
};
struct metric_set {
	struct map series;
	struct metric_memo *memo; /* series by key, so that labels need not be written each time; NULL before the first */
	double dropped; /* where series beyond the bound count */
};
void metric_set_fini(struct metric_set *s);
double *metric_set_counter(struct metric_set *s, enum metric m, struct str labels);
void metric_set_observe(struct metric_set *s, enum metric m, struct str labels, double value);
/* The series that was remembered for a key, or NULL. */
struct series *metric_set_recall(const struct metric_set *s, const struct metric_key *k);
struct series *metric_set_remember(struct metric_set *s, const struct metric_key *k, struct str labels); /* NULL beyond METRIC_SERIES_MAX */
void series_add(struct series *n, double by); /* NULL is fine */
void series_observe(struct series *n, double value);
void metric_set_merge(struct metric_set *to, const struct metric_set *from);
/* In the text format of Prometheus. */
void metric_set_write(const struct metric_set *s, struct buf *out);
void metric_number(struct buf *out, double v);
