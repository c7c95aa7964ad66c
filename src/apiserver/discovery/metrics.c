/* Counting at the stages of requests, and /metrics. */
#include "apiserver/metrics.h"

#include "apiserver/cache/impl.h"
#include "apiserver/discovery/impl.h"
#include "apiserver/endpoint/watch.h"
#include "apiserver/server_impl.h"
#include "client/process.h"
#include "store/store.h"
#include <stdio.h>
#include <stdlib.h>

/* What every request counts. */
enum common { READING, WRITING, AUTHENTICATED, UNAUTHENTICATED, ALLOWED, DENIED, COMMON };
static const struct {
	enum metric metric;
	struct str value; /* of its only label */
} commons[COMMON] = {
	[READING] = {M_apiserver_current_inflight_requests, STR_INIT("readOnly")}, [WRITING] = {M_apiserver_current_inflight_requests, STR_INIT("mutating")},
	[AUTHENTICATED] = {M_authentication_attempts, STR_INIT("success")}, [UNAUTHENTICATED] = {M_authentication_attempts, STR_INIT("failure")},
	[ALLOWED] = {M_authorization_attempts_total, STR_INIT("allowed")}, [DENIED] = {M_authorization_attempts_total, STR_INIT("denied")},
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
	struct series *duration, *sli, *sizes; /* found when there is something to observe */
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

double *metrics_counter(struct server *s, enum metric m, const struct str *values)
{
	struct loop_metrics *l = here(s);
	return l ? metric_counter(&l->set, m, values) : NULL;
}

static void add_common(struct server *s, enum common c, double by)
{
	struct loop_metrics *l = here(s);
	if (!l)
		return;
	if (!l->commons[c])
		l->commons[c] = metric_counter(&l->set, commons[c].metric, &commons[c].value);
	*l->commons[c] += by;
}

/* ---- labels ---- */

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

/* In the order of the labels: [code] component [dry_run] group resource scope subresource verb version. */
struct about_values {
	struct str v[9];
};
static struct about_values values_of(const struct about *a, struct str code, bool dry_run)
{
	struct about_values l;
	struct str *to = l.v;
	if (code.n)
		*to++ = code;
	*to++ = STR("apiserver");
	if (dry_run)
		*to++ = a->dry_run;
	const struct str rest[] = {a->group, a->resource, a->scope, a->sub, a->verb, a->version};
	memcpy(to, rest, sizeof rest);
	return l;
}

/* ---- stages ---- */

static bool reads(const struct request *r) { return str_is(r->at.verb, "get") || str_is(r->at.verb, "list") || str_is(r->at.verb, "watch"); }

static void add_inflight(struct request *r, double by)
{
	if (!r->watch)
		add_common(r->server, reads(r) ? READING : WRITING, by);
}

void metrics_begin(struct request *r) { add_inflight(r, 1); }

static double *requests_of(struct metric_set *m, enum metric metric, const struct about *a, int code, bool dry_run)
{
	char text[16];
	snprintf(text, sizeof text, "%d", code);
	return metric_counter(m, metric, values_of(a, str_of(text), dry_run).v);
}

static struct series *histogram_of(struct loop_metrics *m, enum metric metric, const struct about *a, bool dry_run)
{
	return metric_histogram(&m->set, metric, values_of(a, (struct str){0}, dry_run).v);
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
		s->requests = requests_of(&m->set, M_apiserver_request_total, a, resp_code(r->resp), true);
	++*s->requests;
	if (r->watch)
		return;
	if (!s->duration)
		s->duration = histogram_of(m, M_apiserver_request_duration_seconds, a, true);
	if (!s->sli)
		s->sli = histogram_of(m, M_apiserver_request_sli_duration_seconds, a, false);
	double took = seconds_since(r->start);
	metric_observe(s->duration, took);
	metric_observe(s->sli, took);
	if (!reads(r))
		return;
	if (!s->sizes)
		s->sizes = histogram_of(m, M_apiserver_response_sizes, a, false);
	metric_observe(s->sizes, (double)resp_bytes(r->resp));
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
		m->expiration = metric_histogram(&m->set, M_apiserver_client_certificate_expiration_seconds, NULL);
	metric_observe(m->expiration, (double)(p->not_after - r->now / NS_S));
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

void metrics_terminated(struct request *r, int code)
{
	struct about a;
	struct loop_metrics *m = here(r->server);
	if (m && (about_resource(r, &a) || about_path(r, &a)))
		++*requests_of(&m->set, M_apiserver_request_terminations_total, &a, code, false);
}

void metrics_admitted(struct request *r, const char *plugin, const char *operation, const char *type, bool ok, nsec_t took)
{
	struct loop_metrics *m = here(r->server);
	if (!m)
		return;
	struct timed *t = timed_at(m, (struct timed){.key = {(uintptr_t)plugin, (uintptr_t)operation, (uintptr_t)type << 1 | ok}});
	struct str rejected = ok ? STR("false") : STR("true");
	if (!t->duration && plugin)
		t->duration = metric_histogram(&m->set, M_apiserver_admission_controller_admission_duration_seconds,
			LABELS(str_of(plugin), str_of(operation), rejected, str_of(type)));
	else if (!t->duration)
		t->duration = metric_histogram(&m->set, M_apiserver_admission_step_admission_duration_seconds, LABELS(str_of(operation), rejected, str_of(type)));
	metric_observe(t->duration, (double)took / NS_S);
}

void metrics_stored(struct request *r, const char *operation, mono_t began)
{
	struct loop_metrics *m = here(r->server);
	if (!m)
		return;
	struct timed *t = timed_at(m, (struct timed){.key = {(uintptr_t)r->res, (uintptr_t)operation}});
	if (!t->count) {
		const struct str *values = LABELS(r->res ? desc_str(r->res->group) : STR(""), str_of(operation), r->res ? desc_str(r->res->plural) : STR(""));
		t->duration = metric_histogram(&m->set, M_etcd_request_duration_seconds, values);
		t->count = metric_counter(&m->set, M_etcd_requests_total, values);
	}
	metric_observe(t->duration, seconds_since(began));
	++*t->count;
}

double *metrics_watch_events(struct request *r)
{
	return metrics_counter(r->server, M_apiserver_watch_events_total, LABELS(desc_str(r->res->group), desc_str(r->res->plural), desc_str(r->res->version)));
}

void metrics_watch_list(struct request *r, nsec_t took)
{
	struct loop_metrics *m = here(r->server);
	struct str scope = r->at.ns.n ? STR("namespace") : STR("cluster");
	if (m)
		metric_observe(metric_histogram(&m->set, M_apiserver_watch_list_duration_seconds,
			LABELS(desc_str(r->res->group), desc_str(r->res->plural), scope, desc_str(r->res->version))), (double)took / NS_S);
}

/* ---- what is known at the time of asking only ---- */

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
		struct str group = desc_str(t->res->group), plural = desc_str(t->res->plural);
		char name[160];
		double n = (double)objects_in(c, t);
		snprintf(name, sizeof name, "%.*s%s%.*s", STR_F(plural), group.n ? "." : "", STR_F(group));
		metric_put(to, M_apiserver_storage_objects, LABELS(str_of(name)), n);
		metric_put(to, M_apiserver_resource_objects, LABELS(group, plural), n);
		metric_put(to, M_apiserver_storage_events_received_total, LABELS(group, plural), (double)atomic_load(&t->impl->ring.head));
		(void)!rt_breathe();
	}
}

static void store_facts(struct server *s, struct metric_set *to)
{
	struct store_status st;
	store_status(server_store(s), &st);
	metric_put(to, M_apiserver_storage_size_bytes, LABELS(STR("etcd-0")), (double)st.db_bytes);
}

/* ---- scraping ---- */

static void count_watch(const struct wire_watch *w, struct metric_set *to)
{
	struct about a;
	struct request r = *w->r;
	r.call.verb = VERB_WATCH;
	if (about_resource(&r, &a))
		++*metric_counter(to, M_apiserver_longrunning_requests, values_of(&a, (struct str){0}, false).v);
}

/* On each loop in turn, so that none is read while it counts. */
static void gather_here(struct server *s, struct server_loop *l, void *arg)
{
	struct metric_set *to = arg;
	struct http_stats st;
	struct wire_watch *w;
	metric_merge(to, &here(s)->set);
	list_each(w, &l->watches, node)
		count_watch(w, to);
	for (size_t i = 0; i < SERVER_LISTENERS_MAX; i++)
		if (l->http[i]) {
			http_server_stats(l->http[i], &st);
			*metric_counter(to, M_apiserver_tls_handshake_errors_total, NULL) += (double)st.handshake_errors;
		}
	if (s->show && l == s->loops)
		s->show(s->show_arg, to);
}

static int answer_set(struct request *r, const struct metric_set *set)
{
	BUF(out);
	metric_write(set, &out);
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(&out, r->arena), .content_type = STR(METRIC_CONTENT_TYPE)};
	return 0;
}

int metrics_handle(struct request *r, struct err *e)
{
	struct metric_set all = {0};
	int failed = server_each_loop(r->server, gather_here, &all, e);
	if (!failed) {
		process_metrics(&all);
		object_facts(r->server, &all);
		store_facts(r->server, &all);
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
