/* Counting at the stages of requests, and /metrics. */
#include "apiserver/metrics.h"

#include "apiserver/cache/impl.h"
#include "apiserver/discovery/impl.h"
#include "apiserver/discovery/metric_set.h"
#include "apiserver/endpoint/watch.h"
#include "apiserver/server_impl.h"
#include "os/proc.h"
#include "store/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LABELS_MAX 768

/* What every request counts. */
enum common { READING, WRITING, AUTHENTICATED, UNAUTHENTICATED, ALLOWED, DENIED, COMMON };
static const struct {
	enum metric metric;
	struct str labels;
} commons[COMMON] = {
	[READING] = {METRIC_INFLIGHT, STR_INIT("request_kind=\"readOnly\"")}, [WRITING] = {METRIC_INFLIGHT, STR_INIT("request_kind=\"mutating\"")},
	[AUTHENTICATED] = {METRIC_AUTHENTICATION, STR_INIT("result=\"success\"")}, [UNAUTHENTICATED] = {METRIC_AUTHENTICATION, STR_INIT("result=\"failure\"")},
	[ALLOWED] = {METRIC_AUTHORIZATION, STR_INIT("result=\"allowed\"")}, [DENIED] = {METRIC_AUTHORIZATION, STR_INIT("result=\"denied\"")},
};

/* What tells requests for resources apart in the labels, and the series of such requests.  Compared as bytes. */
struct sort {
	const struct resource *res;
	const struct subresource *sub;
	uint16_t code, verb;
	bool applied, named, in_ns, dry_run;
};
struct sort_series {
	struct sort sort;
	double *requests;
	struct series *duration, *sizes; /* found when there is something to observe */
};
#define SORTS 128 /* remembered per loop: what a cluster asks for all day */

/* The series of an admission plug-in's hook or of a kind of transaction, told apart by addresses of constants. */
struct timed {
	uintptr_t key[3];
	struct series *duration;
	double *count;
};
#define TIMED 256 /* remembered per loop: plug-ins by operations, and what is stored all day */

struct loop_metrics {
	struct metric_set set;
	double *commons[COMMON];
	struct series *expiration;
	struct sort_series sorts[SORTS];
	struct timed timed[TIMED];
};
struct metrics {
	struct loop_metrics *loops; /* in the order of server_opts.loops */
	size_t n;
};

struct metrics *metrics_new(struct server *s)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->n = server_options(s)->nloops;
	m->loops = calloc(m->n, sizeof *m->loops);
	if (m->loops)
		return m;
	free(m);
	return NULL;
}

void metrics_free(struct metrics *m)
{
	for (size_t i = 0; m && i < m->n; i++)
		metric_set_fini(&m->loops[i].set);
	if (m)
		free(m->loops);
	free(m);
}

/* The current loop's; NULL before the part has started. */
static struct loop_metrics *here(const struct server *s)
{
	const struct discovery *d = server_part(s, PART_DISCOVERY);
	const struct server_opts *o = server_options(s);
	for (size_t i = 0; d && i < o->nloops; i++)
		if (o->loops[i] == loop_self())
			return &d->metrics->loops[i];
	return NULL;
}

double *metric_counter(struct server *s, enum metric m, struct str labels) { return metric_set_counter(&here(s)->set, m, labels); }

void metric_add(struct server *s, enum metric m, struct str labels, double by)
{
	struct loop_metrics *l = here(s);
	if (l)
		*metric_set_counter(&l->set, m, labels) += by;
}

void metric_observe(struct server *s, enum metric m, struct str labels, double value)
{
	struct loop_metrics *l = here(s);
	if (l)
		series_observe(metric_set_histogram(&l->set, m, labels), value);
}

static void add_common(struct server *s, enum common c, double by)
{
	struct loop_metrics *l = here(s);
	if (!l)
		return;
	if (!l->commons[c])
		l->commons[c] = metric_set_counter(&l->set, commons[c].metric, commons[c].labels);
	*l->commons[c] += by;
}

/* ---- labels ---- */

struct labels {
	char p[LABELS_MAX];
	size_t n;
};

static void label(struct labels *l, const char *name, struct str value)
{
	size_t n = strlen(name), start = l->n ? l->n + 1 : 0;
	char *to = l->p + start;
	if (start + n + value.n + 4 > sizeof l->p)
		return;
	if (l->n)
		l->p[l->n] = ',';
	memcpy(to, name, n);
	memcpy(to + n, "=\"", 2);
	if (value.n)
		memcpy(to + n + 2, value.p, value.n);
	to[n + 2 + value.n] = '"';
	l->n = start + n + value.n + 3;
}

static struct str text_of(const struct labels *l) { return str_n(l->p, l->n); }
static double seconds_since(mono_t began) { return (double)(rt_now_exact() - began) / NS_S; }

/* What a request is about, in the words of upstream's labels. */
struct about {
	struct str group, version, resource, sub, scope, verb, dry_run;
};

static const char *const verbs[VERBS] = {[VERB_GET] = "GET", [VERB_LIST] = "LIST", [VERB_WATCH] = "WATCH", [VERB_CREATE] = "POST", [VERB_UPDATE] = "PUT",
	[VERB_PATCH] = "PATCH", [VERB_DELETE] = "DELETE", [VERB_DELETECOLLECTION] = "DELETECOLLECTION"};

static bool about_resource(const struct request *r, struct about *a)
{
	if (!r->res || r->call.verb >= VERBS)
		return false;
	bool apply = r->call.verb == VERB_PATCH && r->applied;
	bool named = r->has_name || r->call.verb == VERB_CREATE;
	*a = (struct about){.group = desc_str(r->res->group), .version = desc_str(r->res->version), .resource = desc_str(r->res->plural),
		.sub = r->sub ? desc_str(r->sub->name) : STR(""), .scope = named ? STR("resource") : r->at.ns.n ? STR("namespace") : STR("cluster"),
		.verb = apply ? STR("APPLY") : str_of(verbs[r->call.verb]), .dry_run = r->call.dry_run ? STR("All") : STR("")};
	return true;
}

static bool about_path(const struct request *r, struct about *a)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
	const struct path_handler *h = r->at.is_resource ? NULL : path_handler(r->at.path);
	if (!h)
		return false;
	*a = (struct about){.sub = str_of(h->path), .verb = STR("other")};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_is(r->http->method, methods[i]))
			a->verb = str_of(methods[i]);
	return true;
}

static void about_labels(struct labels *l, const struct about *a, bool dry_run)
{
	label(l, "component", STR("apiserver"));
	if (dry_run)
		label(l, "dry_run", a->dry_run);
	label(l, "group", a->group);
	label(l, "resource", a->resource);
	label(l, "scope", a->scope);
	label(l, "subresource", a->sub);
	label(l, "verb", a->verb);
	label(l, "version", a->version);
}

/* ---- stages ---- */

static bool reads(const struct request *r) { return str_is(r->at.verb, "get") || str_is(r->at.verb, "list") || str_is(r->at.verb, "watch"); }

static void add_inflight(struct request *r, double by)
{
	if (!r->watch)
		add_common(r->server, reads(r) ? READING : WRITING, by);
}

void metrics_begin(struct request *r) { add_inflight(r, 1); }

static double *requests_of(struct loop_metrics *m, const struct about *a, int code)
{
	struct labels l = {.n = 0};
	char text[16];
	snprintf(text, sizeof text, "%d", code);
	label(&l, "code", str_of(text));
	about_labels(&l, a, true);
	return metric_set_counter(&m->set, METRIC_REQUESTS, text_of(&l));
}

static struct series *histogram_of(struct loop_metrics *m, enum metric metric, const struct about *a, bool dry_run)
{
	struct labels l = {.n = 0};
	about_labels(&l, a, dry_run);
	return metric_set_histogram(&m->set, metric, text_of(&l));
}

/* Where the series of such requests are remembered; what stood there makes way. */
static struct sort_series *remembered(struct loop_metrics *m, const struct request *r)
{
	struct sort s;
	memset(&s, 0, sizeof s); /* with the gaps */
	s.res = r->res;
	s.sub = r->sub;
	s.code = (uint16_t)resp_code(r->resp);
	s.verb = (uint16_t)r->call.verb;
	s.applied = r->applied;
	s.named = r->has_name;
	s.in_ns = r->at.ns.n;
	s.dry_run = r->call.dry_run;
	struct sort_series *at = &m->sorts[((uintptr_t)s.res / sizeof *s.res * 31 + (uintptr_t)s.sub / sizeof *s.sub * 7 + s.verb * 5u + s.code) % SORTS];
	if (memcmp(&at->sort, &s, sizeof s) != 0)
		*at = (struct sort_series){.sort = s};
	return at;
}

static void count_request(struct loop_metrics *m, struct request *r, const struct about *a, struct sort_series *s)
{
	if (!s->requests)
		s->requests = requests_of(m, a, resp_code(r->resp));
	++*s->requests;
	if (r->watch)
		return;
	if (!s->duration)
		s->duration = histogram_of(m, METRIC_REQUEST_DURATION, a, true);
	series_observe(s->duration, seconds_since(r->start));
	if (!reads(r))
		return;
	if (!s->sizes)
		s->sizes = histogram_of(m, METRIC_RESPONSE_SIZES, a, false);
	series_observe(s->sizes, (double)resp_bytes(r->resp));
}

void metrics_end(struct request *r)
{
	struct about a;
	struct loop_metrics *m = here(r->server);
	add_inflight(r, -1);
	if (m && about_resource(r, &a))
		count_request(m, r, &a, remembered(m, r));
	else if (m && about_path(r, &a))
		count_request(m, r, &a, &(struct sort_series){.requests = NULL});
}

void metrics_authenticated(struct request *r, bool ok)
{
	const struct tls_peer *p = r->http->peer;
	struct loop_metrics *m = here(r->server);
	add_common(r->server, ok ? AUTHENTICATED : UNAUTHENTICATED, 1);
	if (!ok || !p->verified || !m)
		return;
	if (!m->expiration)
		m->expiration = metric_set_histogram(&m->set, METRIC_CERTIFICATE_EXPIRATION, STR(""));
	series_observe(m->expiration, (double)(p->not_after - r->now / NS_S));
}

void metrics_authorized(struct request *r, bool ok) { add_common(r->server, ok ? ALLOWED : DENIED, 1); }

static struct timed *timed_at(struct loop_metrics *m, struct timed want)
{
	uint64_t h = 0;
	for (size_t i = 0; i < ARRAY_LEN(want.key); i++)
		h = (h ^ want.key[i]) * 0x9E3779B97F4A7C15u;
	struct timed *t = &m->timed[(h >> 32) % TIMED];
	if (memcmp(t->key, want.key, sizeof t->key) != 0)
		*t = want;
	return t;
}

void metrics_admitted(struct request *r, const char *plugin, const char *operation, const char *type, bool ok, nsec_t took)
{
	struct loop_metrics *m = here(r->server);
	struct labels l = {.n = 0};
	if (!m)
		return;
	struct timed *t = timed_at(m, (struct timed){.key = {(uintptr_t)plugin, (uintptr_t)operation, (uintptr_t)type << 1 | ok}});
	if (!t->duration) {
		label(&l, "name", str_of(plugin));
		label(&l, "operation", str_of(operation));
		label(&l, "rejected", ok ? STR("false") : STR("true"));
		label(&l, "type", str_of(type));
		t->duration = metric_set_histogram(&m->set, METRIC_ADMISSION_DURATION, text_of(&l));
	}
	series_observe(t->duration, (double)took / NS_S);
}

void metrics_stored(struct request *r, const char *operation, mono_t began)
{
	struct loop_metrics *m = here(r->server);
	struct labels l = {.n = 0};
	if (!m)
		return;
	struct timed *t = timed_at(m, (struct timed){.key = {(uintptr_t)r->res, (uintptr_t)operation}});
	if (!t->count) {
		label(&l, "group", r->res ? desc_str(r->res->group) : STR(""));
		label(&l, "operation", str_of(operation));
		label(&l, "resource", r->res ? desc_str(r->res->plural) : STR(""));
		t->duration = metric_set_histogram(&m->set, METRIC_STORE_DURATION, text_of(&l));
		t->count = metric_set_counter(&m->set, METRIC_STORE_REQUESTS, text_of(&l));
	}
	series_observe(t->duration, seconds_since(began));
	++*t->count;
}

double *metrics_watch_events(struct request *r)
{
	struct labels l = {.n = 0};
	label(&l, "group", desc_str(r->res->group));
	label(&l, "resource", desc_str(r->res->plural));
	label(&l, "version", desc_str(r->res->version));
	return metric_counter(r->server, METRIC_WATCH_EVENTS, text_of(&l));
}

/* ---- what is known at the time of asking only ---- */

static void set(struct metric_set *to, enum metric m, struct str labels, double v) { *metric_set_counter(to, m, labels) = v; }

static void process_facts(struct metric_set *to)
{
	struct process_facts p;
	struct rlimit files;
	nsec_t cpu;
	if (proc_cpu(getpid(), &cpu, NULL) == 0)
		set(to, METRIC_CPU_SECONDS, STR(""), (double)cpu / NS_S);
	if (proc_facts(getpid(), &p, NULL) == 0) {
		set(to, METRIC_RESIDENT_MEMORY, STR(""), (double)p.resident);
		set(to, METRIC_VIRTUAL_MEMORY, STR(""), (double)p.virtual_);
		set(to, METRIC_OPEN_FDS, STR(""), (double)p.open_fds);
		set(to, METRIC_START_TIME, STR(""), (double)p.started / NS_S);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		set(to, METRIC_MAX_FDS, STR(""), (double)files.rlim_cur);
}

static void feature_facts(struct metric_set *to)
{
	static const char *const stages[] = {[GATE_ALPHA] = "ALPHA", [GATE_BETA] = "BETA", [GATE_GA] = "", [GATE_DEPRECATED] = "DEPRECATED"};
	const struct gate *g;
	size_t n = desc_gates(&g);
	for (size_t i = 0; i < n; i++) {
		struct labels l = {.n = 0};
		label(&l, "name", desc_str(g[i].name));
		label(&l, "stage", str_of(stages[g[i].stage]));
		set(to, METRIC_FEATURES, text_of(&l), g[i].on);
	}
}

static size_t objects_in(struct cache *c, const struct cache_table *t)
{
	struct cache_pin p;
	struct cache_iter it;
	cache_pin(c, t, &p);
	cache_seek(&it, &p, STR(""), STR(""), STR(""), false);
	size_t n = cache_count(&it);
	cache_unpin(&p);
	return n;
}

static void object_facts(struct server *s, struct metric_set *to)
{
	struct cache *c = server_cache(s);
	for (size_t i = 0; i < c->ntables; i++) {
		const struct cache_table *t = c->tables[i];
		struct labels both = {.n = 0}, one = {.n = 0};
		struct str group = desc_str(t->res->group), plural = desc_str(t->res->plural);
		char name[160];
		double n = (double)objects_in(c, t);
		snprintf(name, sizeof name, "%.*s%s%.*s", STR_F(plural), group.n ? "." : "", STR_F(group));
		label(&one, "resource", str_of(name));
		label(&both, "group", group);
		label(&both, "resource", plural);
		set(to, METRIC_STORAGE_OBJECTS, text_of(&one), n);
		set(to, METRIC_RESOURCE_OBJECTS, text_of(&both), n);
		(void)!rt_breathe();
	}
}

static void store_facts(struct server *s, struct metric_set *to)
{
	struct store_status st;
	struct labels l = {.n = 0};
	store_status(server_store(s), &st);
	label(&l, "storage_cluster_id", STR("etcd-0"));
	set(to, METRIC_STORAGE_SIZE, text_of(&l), (double)st.db_bytes);
}

/* ---- scraping ---- */

static void count_watch(const struct wire_watch *w, struct metric_set *to)
{
	struct about a;
	struct labels l = {.n = 0};
	struct request r = *w->r;
	r.call.verb = VERB_WATCH;
	if (!about_resource(&r, &a))
		return;
	about_labels(&l, &a, false);
	++*metric_set_counter(to, METRIC_LONGRUNNING, text_of(&l));
}

/* On each loop in turn, so that none is read while it counts. */
static void gather_here(struct server *s, struct server_loop *l, void *arg)
{
	struct metric_set *to = arg;
	struct http_stats st;
	struct wire_watch *w;
	metric_set_merge(to, &here(s)->set);
	list_each(w, &l->watches, node)
		count_watch(w, to);
	for (size_t i = 0; i < SERVER_LISTENERS_MAX; i++)
		if (l->http[i]) {
			http_server_stats(l->http[i], &st);
			*metric_set_counter(to, METRIC_TLS_ERRORS, STR("")) += (double)st.handshake_errors;
		}
}

static int answer_set(struct request *r, const struct metric_set *set)
{
	BUF(out);
	metric_set_write(set, &out);
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(&out, r->arena),
		.content_type = STR("text/plain; version=0.0.4; charset=utf-8; escaping=underscores")};
	return 0;
}

int metrics_handle(struct request *r, struct err *e)
{
	struct metric_set all = {0};
	int failed = server_each_loop(r->server, gather_here, &all, e);
	if (!failed) {
		*metric_set_counter(&all, METRIC_AUDIT_EVENTS, STR("")) += 0;
		process_facts(&all);
		feature_facts(&all);
		object_facts(r->server, &all);
		store_facts(r->server, &all);
		set(&all, METRIC_BUILD_INFO, version_labels(r->arena), 1);
		failed = answer_set(r, &all);
	}
	metric_set_fini(&all);
	return failed;
}

int slis_handle(struct request *r, struct err *e)
{
	struct metric_set all = {0};
	(void)e;
	health_series(r->server, &all);
	int failed = answer_set(r, &all);
	metric_set_fini(&all);
	return failed;
}
