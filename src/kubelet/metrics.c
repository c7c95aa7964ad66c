#include "kubelet/metrics.h"
#include "codec/json.h"

void histogram_add(struct histogram *h, nsec_t span)
{
	double s = (double)span / 1e9, bound = 0.005;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++, bound *= 2.5)
		h->bucket[i] += s <= bound;
	h->sum += s;
	h->count++;
}

void metric_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void histogram_put(struct buf *out, const char *name, const char *labels, const struct histogram *h)
{
	const char *comma = *labels ? "," : "";
	double bound = 0.005;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++, bound *= 2.5)
		buf_printf(out, "%s_bucket{%s%sle=\"%.10g\"} %llu\n", name, labels, comma, bound, (unsigned long long)h->bucket[i]);
	buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)h->count);
	buf_printf(out, "%s_sum{%s} %.9g\n%s_count{%s} %llu\n", name, labels, h->sum, name, labels, (unsigned long long)h->count);
}
