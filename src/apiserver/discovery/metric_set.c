#include "apiserver/discovery/metric_set.h"

#include "base/log.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BOUNDS_MAX 24

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };

static const struct family {
	const char *name;
	enum metric_kind kind;
	const char *help;
	double bounds[BOUNDS_MAX]; /* of a histogram; those after the first do not repeat 0 */
	unsigned nbounds;
} families[METRICS] = {
#define SECONDS {.005, .025, .05, .1, .2, .4, .6, .8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60}, 23
	[METRIC_ADMISSION_DURATION] = {"apiserver_admission_controller_admission_duration_seconds", HISTOGRAM, "[STABLE] Time in one admission plug-in.",
		{.005, .025, .1, .5, 1, 2.5}, 6},
	[METRIC_AUDIT_EVENTS] = {"apiserver_audit_event_total", COUNTER, "[ALPHA] Audit events sent to a backend."},
	[METRIC_CERTIFICATE_EXPIRATION] = {"apiserver_client_certificate_expiration_seconds", HISTOGRAM, "[ALPHA] What is left of the life of client certificates in use.",
		{0, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000}, 14},
	[METRIC_INFLIGHT] = {"apiserver_current_inflight_requests", GAUGE, "[STABLE] Requests being served, long-running ones apart."},
	[METRIC_FLOW_DISPATCHED] = {"apiserver_flowcontrol_dispatched_requests_total", COUNTER, "[BETA] Requests by what flow control takes them for."},
	[METRIC_LONGRUNNING] = {"apiserver_longrunning_requests", GAUGE, "[STABLE] Watches that are open."},
	[METRIC_REQUEST_DURATION] = {"apiserver_request_duration_seconds", HISTOGRAM, "[STABLE] Time to serve a request.", SECONDS},
	[METRIC_REQUESTS] = {"apiserver_request_total", COUNTER, "[STABLE] Requests by what they asked for and the code of their answer."},
	[METRIC_RESOURCE_OBJECTS] = {"apiserver_resource_objects", GAUGE, "[ALPHA] Stored objects."},
	[METRIC_RESPONSE_SIZES] = {"apiserver_response_sizes", HISTOGRAM, "[STABLE] Bytes of answers to reading requests.", {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}, 7},
	[METRIC_STORAGE_OBJECTS] = {"apiserver_storage_objects", GAUGE, "[STABLE] Stored objects (apiserver_resource_objects takes its place)."},
	[METRIC_STORAGE_SIZE] = {"apiserver_storage_size_bytes", GAUGE, "[STABLE] Bytes of the store on disk."},
	[METRIC_TLS_ERRORS] = {"apiserver_tls_handshake_errors_total", COUNTER, "[ALPHA] TLS handshakes that failed."},
	[METRIC_WATCH_EVENTS] = {"apiserver_watch_events_total", COUNTER, "[ALPHA] Events sent to watchers."},
	[METRIC_AUTHENTICATION] = {"authentication_attempts", COUNTER, "[ALPHA] Requests by whether their credentials were taken."},
	[METRIC_AUTHORIZATION] = {"authorization_attempts_total", COUNTER, "[ALPHA] Requests by whether they were allowed."},
	[METRIC_STORE_DURATION] = {"etcd_request_duration_seconds", HISTOGRAM, "[ALPHA] Time until a transaction of the store is durable.", SECONDS},
	[METRIC_STORE_REQUESTS] = {"etcd_requests_total", COUNTER, "[ALPHA] Transactions of the store."},
	[METRIC_BUILD_INFO] = {"kubernetes_build_info", GAUGE, "[BETA] 1, labelled with what this program is."},
	[METRIC_FEATURES] = {"kubernetes_feature_enabled", GAUGE, "[BETA] Feature gates: 1 is on."},
	[METRIC_HEALTH] = {"kubernetes_healthcheck", GAUGE, "[STABLE] Health checks: 1 is well."},
	[METRIC_HEALTH_TOTAL] = {"kubernetes_healthchecks_total", COUNTER, "[STABLE] Results of health checks."},
	[METRIC_CPU_SECONDS] = {"process_cpu_seconds_total", COUNTER, "Processor time spent, user and system."},
	[METRIC_MAX_FDS] = {"process_max_fds", GAUGE, "File descriptors that may be open."},
	[METRIC_OPEN_FDS] = {"process_open_fds", GAUGE, "File descriptors that are open."},
	[METRIC_RESIDENT_MEMORY] = {"process_resident_memory_bytes", GAUGE, "Memory that is resident."},
	[METRIC_START_TIME] = {"process_start_time_seconds", GAUGE, "When the process began, since 1970."},
	[METRIC_VIRTUAL_MEMORY] = {"process_virtual_memory_bytes", GAUGE, "Address space in use."},
#undef SECONDS
};
static const char *const kind_names[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

/* The key is the number of the metric and its labels. */
struct series {
	enum metric metric;
	struct str labels;
	double value; /* or the sum of a histogram */
	uint64_t *buckets; /* nbounds and one more; not cumulated */
	char key[];
};

void metric_set_fini(struct metric_set *s)
{
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&s->series, &i));) {
		free(((struct series *)e->value)->buckets);
		free(e->value);
	}
	map_fini(&s->series);
}

static struct series *series_new(enum metric m, struct str key)
{
	struct series *n = calloc(1, sizeof *n + key.n);
	unsigned buckets = families[m].nbounds + 1;
	if (!n || (families[m].kind == HISTOGRAM && !(n->buckets = calloc(buckets, sizeof *n->buckets))))
		bug("out of memory");
	memcpy(n->key, key.p, key.n);
	n->metric = m;
	n->labels = str_n(n->key + 1, key.n - 1);
	return n;
}

static struct series *find(struct metric_set *s, enum metric m, struct str labels)
{
	char key[1024];
	if (labels.n >= sizeof key)
		return NULL;
	key[0] = (char)(m + 1);
	if (labels.n)
		memcpy(key + 1, labels.p, labels.n);
	struct str k = str_n(key, labels.n + 1);
	struct series *n = map_get(&s->series, k);
	if (n || s->series.n >= METRIC_SERIES_MAX)
		return n;
	n = series_new(m, k);
	map_set(&s->series, str_n(n->key, k.n), n);
	return n;
}

double *metric_set_counter(struct metric_set *s, enum metric m, struct str labels)
{
	struct series *n = find(s, m, labels);
	return n ? &n->value : &s->dropped;
}

static unsigned bucket_of(const struct family *f, double value)
{
	unsigned i = 0;
	while (i < f->nbounds && value > f->bounds[i])
		i++;
	return i;
}

struct series *metric_set_histogram(struct metric_set *s, enum metric m, struct str labels)
{
	return find(s, m, labels);
}

void series_observe(struct series *h, double value)
{
	if (!h)
		return;
	h->value += value;
	h->buckets[bucket_of(&families[h->metric], value)]++;
}

void metric_set_merge(struct metric_set *to, const struct metric_set *from)
{
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&from->series, &i));) {
		const struct series *f = e->value;
		struct series *t = find(to, f->metric, f->labels);
		if (!t)
			return;
		t->value += f->value;
		for (unsigned b = 0; f->buckets && b <= families[f->metric].nbounds; b++)
			t->buckets[b] += f->buckets[b];
	}
}

/* ---- text ---- */

/* The shortest decimal that reads back; in exponent form from 1e+06 and below 1e-04, as Go writes %g. */
void metric_number(struct buf *out, double v)
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
	if (exponent >= -4 && exponent < 21 && (exponent < 6 || v == 0))
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
	metric_number(out, v);
	buf_char(out, '\n');
}

static void histogram(struct buf *out, const struct family *f, const struct series *s)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i <= f->nbounds; i++) {
		BUF(le);
		metric_number(&le, i < f->nbounds ? f->bounds[i] : INFINITY);
		sum += s->buckets[i];
		line(out, f->name, "_bucket", s->labels, buf_z(&le), (double)sum);
	}
	line(out, f->name, "_sum", s->labels, NULL, s->value);
	line(out, f->name, "_count", s->labels, NULL, (double)sum);
}

static int by_labels(const void *x, const void *y)
{
	const struct series *a = *(struct series *const *)x, *b = *(struct series *const *)y;
	return a->metric != b->metric ? (int)a->metric - (int)b->metric : str_cmp(a->labels, b->labels);
}

void metric_set_write(const struct metric_set *s, struct buf *out)
{
	struct map_entry *e;
	struct series **all = calloc(s->series.n + 1, sizeof(struct series *));
	size_t n = 0;
	if (!all)
		bug("out of memory");
	for (size_t i = 0; (e = map_next(&s->series, &i));)
		all[n++] = e->value;
	qsort(all, n, sizeof *all, by_labels);
	for (size_t i = 0; i < n; i++) {
		const struct family *f = &families[all[i]->metric];
		if (!i || all[i - 1]->metric != all[i]->metric)
			buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kind_names[f->kind]);
		if (f->kind == HISTOGRAM)
			histogram(out, f, all[i]);
		else
			line(out, f->name, "", all[i]->labels, NULL, all[i]->value);
	}
	free(all);
}
