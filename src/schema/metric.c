#include "schema/metric.h"

#include "base/log.h"
#include "schema/tables.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 1024 /* of a series: its labels as text */

enum metric_type { COUNTER, GAUGE, HISTOGRAM };
static const char *const type_names[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

/* The key is the number of the metric and its labels as they are written. */
struct series {
	enum metric metric;
	struct str labels;
	double value;      /* or the sum of a histogram */
	uint64_t *buckets; /* nbounds and one more; not cumulated */
	char key[];
};

static const struct metric_desc *desc_of(enum metric m) { return &desc_metric_table[m]; }
static const double *bounds_of(const struct metric_desc *d) { return &desc_metric_bounds[d->bounds]; }

void metric_set_fini(struct metric_set *s)
{
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&s->series, &i));) {
		free(((struct series *)e->value)->buckets);
		free(e->value);
	}
	map_fini(&s->series);
}

/* ---- finding ---- */

struct key {
	char p[KEY_MAX];
	size_t n;
	bool full;
};

static void put(struct key *k, const char *p, size_t n)
{
	k->full |= n > sizeof k->p - k->n;
	if (k->full)
		return;
	if (n)
		memcpy(k->p + k->n, p, n);
	k->n += n;
}

static void put_value(struct key *k, struct str v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' || v.p[i] == '"' || v.p[i] == '\n')
			put(k, "\\", 1);
		put(k, v.p[i] == '\n' ? "n" : v.p + i, 1);
	}
}

static void put_labels(struct key *k, struct str names, const struct str *values)
{
	const char *before = "";
	for (struct str name; str_next(&names, ',', &name); before = ",", values++) {
		put(k, before, strlen(before));
		put(k, name.p, name.n);
		put(k, "=\"", 2);
		put_value(k, *values);
		put(k, "\"", 1);
	}
}

static struct series *series_new(enum metric m, struct str key)
{
	struct series *n = calloc(1, sizeof *n + key.n);
	const struct metric_desc *d = desc_of(m);
	if (!n || (d->type == HISTOGRAM && !(n->buckets = calloc(d->nbounds + 1u, sizeof *n->buckets))))
		bug("out of memory");
	memcpy(n->key, key.p, key.n);
	n->metric = m;
	n->labels = str_n(n->key + sizeof m, key.n - sizeof m);
	return n;
}

static struct series *find_key(struct metric_set *s, enum metric m, struct str key)
{
	struct series *n = map_get(&s->series, key);
	if (n || s->series.n >= (s->max ? s->max : METRIC_SERIES_MAX))
		return n;
	n = series_new(m, key);
	map_set(&s->series, str_n(n->key, key.n), n);
	return n;
}

static struct series *find(struct metric_set *s, enum metric m, const struct str *values)
{
	struct key k = {.n = 0};
	put(&k, (const char *)&m, sizeof m);
	if (values)
		put_labels(&k, desc_str(desc_of(m)->labels), values);
	return k.full ? NULL : find_key(s, m, str_n(k.p, k.n));
}

double *metric_counter(struct metric_set *s, enum metric m, const struct str *values)
{
	struct series *n = s ? find(s, m, values) : NULL;
	return n ? &n->value : s ? &s->dropped : NULL;
}

struct series *metric_histogram(struct metric_set *s, enum metric m, const struct str *values) { return s ? find(s, m, values) : NULL; }

void metric_put(struct metric_set *s, enum metric m, const struct str *values, double v)
{
	if (s)
		*metric_counter(s, m, values) = v;
}

static unsigned bucket_of(const struct metric_desc *d, double value)
{
	unsigned i = 0;
	while (i < d->nbounds && value > bounds_of(d)[i])
		i++;
	return i;
}

void metric_observe(struct series *h, double value)
{
	if (!h)
		return;
	h->value += value;
	h->buckets[bucket_of(desc_of(h->metric), value)]++;
}

void metric_merge(struct metric_set *to, const struct metric_set *from)
{
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&from->series, &i));) {
		const struct series *f = e->value;
		struct series *t = find_key(to, f->metric, str_n(f->key, sizeof f->metric + f->labels.n));
		if (!t)
			return;
		t->value += f->value;
		for (unsigned b = 0; f->buckets && b <= desc_of(f->metric)->nbounds; b++)
			t->buckets[b] += f->buckets[b];
	}
}

/* ---- text ---- */

/* The shortest decimal that reads back; in exponent form from 1e+06 and below 1e-04, as Go writes %g. */
static void put_number(struct buf *out, double v)
{
	char text[40];
	int digits = 0;
	if (isinf(v) || isnan(v)) {
		buf_str(out, isnan(v) ? STR("NaN") : v > 0 ? STR("+Inf") : STR("-Inf"));
		return;
	}
	do
		snprintf(text, sizeof text, "%.*e", digits, v);
	while (strtod(text, NULL) != v && ++digits < 17);
	int exponent = v == 0 ? 0 : atoi(strchr(text, 'e') + 1);
	if (exponent >= -4 && (exponent < 6 || v == 0))
		snprintf(text, sizeof text, "%.*f", digits > exponent ? digits - exponent : 0, v);
	buf_str(out, str_of(text));
}

static void line(struct buf *out, const char *name, const char *suffix, struct str labels, const char *le, double v)
{
	buf_printf(out, "%s%s", name, suffix);
	if (labels.n || le)
		buf_printf(out, "{%.*s%s", STR_F(labels), labels.n && le ? "," : "");
	if (le)
		buf_printf(out, "le=\"%s\"", le);
	buf_str(out, labels.n || le ? STR("} ") : STR(" "));
	put_number(out, v);
	buf_char(out, '\n');
}

static void histogram(struct buf *out, const struct metric_desc *d, const struct series *s)
{
	const char *name = desc_z(d->name);
	uint64_t sum = 0;
	for (unsigned i = 0; i <= d->nbounds; i++) {
		BUF(le);
		put_number(&le, i < d->nbounds ? bounds_of(d)[i] : INFINITY);
		sum += s->buckets[i];
		line(out, name, "_bucket", s->labels, buf_z(&le), (double)sum);
	}
	line(out, name, "_sum", s->labels, NULL, s->value);
	line(out, name, "_count", s->labels, NULL, (double)sum);
}

static int by_labels(const void *x, const void *y)
{
	const struct series *a = *(struct series *const *)x, *b = *(struct series *const *)y;
	return a->metric != b->metric ? (int)a->metric - (int)b->metric : str_cmp(a->labels, b->labels);
}

void metric_write(const struct metric_set *s, struct buf *out)
{
	struct map_entry *e;
	struct series **all = calloc(s->series.n + 1, sizeof(struct series *));
	size_t n = 0;
	if (!all)
		bug("out of memory");
	for (size_t i = 0; (e = map_next(&s->series, &i));)
		all[n++] = e->value;
	qsort(all, n, sizeof(struct series *), by_labels);
	for (size_t i = 0; i < n; i++) {
		const struct metric_desc *d = desc_of(all[i]->metric);
		const char *name = desc_z(d->name);
		if (!i || all[i - 1]->metric != all[i]->metric)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, desc_z(d->help), name, type_names[d->type]);
		if (d->type == HISTOGRAM)
			histogram(out, d, all[i]);
		else
			line(out, name, "", all[i]->labels, NULL, all[i]->value);
	}
	free(all);
}
