#include "apiserver/flow.h"

#include "apiserver/cache.h"
#include "apiserver/metrics.h"
#include "apiserver/server_impl.h"
#include "base/map.h"
#include "gen/flowcontrol_v1.h"
#include "net/http.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FLOW_GROUP "flowcontrol.apiserver.k8s.io"
#define SA_PREFIX "system:serviceaccount:"

enum { SCHEMAS, LEVELS, TABLES };
static const char *const table_names[TABLES] = {"flowschemas", "prioritylevelconfigurations"};

struct level {
	struct str name, uid;
	uint64_t dispatched;
};
struct schema {
	const struct flowcontrol_v1_FlowSchema *object;
	struct str level_uid;
	uint64_t *dispatched;           /* of its level */
	double *metric;                 /* of schema and level, as what follows; all found by the first request */
	double *executing[FLOW_GAUGES];
};
struct index {
	struct cache_view view;
	struct schema *schemas;         /* by precedence, then name; in the view's memory */
	size_t n;
	struct map dispatched;          /* level name -> uint64_t; outlives the view's memory */
	struct arena *counters;
};
struct flow_state {
	struct index *v;                /* one per loop */
	_Atomic int seated;             /* requests that count against the limit */
};

static int by_precedence(const void *a, const void *b)
{
	const struct flowcontrol_v1_FlowSchema *x = ((const struct schema *)a)->object, *y = ((const struct schema *)b)->object;
	if (x->spec.matchingPrecedence != y->spec.matchingPrecedence)
		return x->spec.matchingPrecedence < y->spec.matchingPrecedence ? -1 : 1;
	return str_cmp(x->metadata.name, y->metadata.name);
}

static void build(struct index *x)
{
	struct cache_objects schemas = cache_view_objects(&x->view, SCHEMAS), levels = cache_view_objects(&x->view, LEVELS);
	x->schemas = arena_array(x->view.mem, struct schema, schemas.len + 1);
	x->n = schemas.len;
	for (uint32_t i = 0; i < schemas.len; i++) {
		x->schemas[i] = (struct schema){.object = schemas.items[i]};
		for (uint32_t k = 0; k < levels.len; k++) {
			const struct flowcontrol_v1_PriorityLevelConfiguration *l = levels.items[k];
			if (str_eq(l->metadata.name, x->schemas[i].object->spec.priorityLevelConfiguration.name))
				x->schemas[i].level_uid = l->metadata.uid;
		}
	}
	qsort(x->schemas, x->n, sizeof *x->schemas, by_precedence);
}

static struct index *index_here(struct server *s)
{
	struct flow_state *f = server_part(s, PART_FLOW);
	struct index *x = f ? &f->v[server_loop_number(s)] : NULL;
	if (x && cache_view_renew(&x->view))
		build(x);
	return x;
}

/* ---- matching ---- */

static bool named(struct str pattern, struct str s) { return str_is(pattern, "*") || str_eq(pattern, s); }

static bool subject_matches(const struct flowcontrol_v1_Subject *s, const struct user *u)
{
	struct str ns, name;
	if (s->user)
		return named(s->user->name, u->name);
	if (s->group)
		return str_is(s->group->name, "*") || user_in_group(u, s->group->name);
	if (!s->serviceAccount || !str_has_prefix(u->name, STR(SA_PREFIX)) || !str_cut(str_sub(u->name, sizeof SA_PREFIX - 1, u->name.n), ':', &ns, &name))
		return false;
	return str_eq(s->serviceAccount->namespace, ns) && named(s->serviceAccount->name, name);
}

static bool resource_named(const str_list_t *l, const struct attrs *at)
{
	struct str head, tail;
	LIST_EACH(x, *l) {
		if (str_is(*x, "*"))
			return true;
		bool cut = str_cut(*x, '/', &head, &tail);
		if (cut ? at->sub.n && str_eq(head, at->resource) && str_eq(tail, at->sub) : !at->sub.n && str_eq(*x, at->resource))
			return true;
	}
	return false;
}

static bool resource_matches(const struct flowcontrol_v1_ResourcePolicyRule *p, const struct attrs *at)
{
	return rule_names(&p->verbs, at->verb) && rule_names(&p->apiGroups, at->group) && resource_named(&p->resources, at) && (at->ns.n ? rule_names(&p->namespaces, at->ns) : p->clusterScope);
}

static bool path_matches(const struct flowcontrol_v1_NonResourcePolicyRule *p, const struct attrs *at)
{
	if (!rule_names(&p->verbs, at->verb))
		return false;
	LIST_EACH(x, p->nonResourceURLs)
		if (str_matches(at->path, *x))
			return true;
	return false;
}

static bool asks_for(const struct flowcontrol_v1_PolicyRulesWithSubjects *rule, const struct attrs *at)
{
	if (at->is_resource) {
		LIST_EACH(p, rule->resourceRules)
			if (resource_matches(p, at))
				return true;
		return false;
	}
	LIST_EACH(p, rule->nonResourceRules)
		if (path_matches(p, at))
			return true;
	return false;
}

static bool schema_matches(const struct schema *s, const struct request *r)
{
	LIST_EACH(rule, s->object->spec.rules) {
		if (!asks_for(rule, &r->at))
			continue;
		LIST_EACH(subject, rule->subjects)
			if (subject_matches(subject, &r->user))
				return true;
	}
	return false;
}

/* NULL: none matches (not even catch-all).  Gone when the fiber has waited. */
static struct schema *classify(const struct index *x, const struct request *r)
{
	for (size_t i = 0; x && i < x->n; i++)
		if (schema_matches(&x->schemas[i], r))
			return &x->schemas[i];
	return NULL;
}

/* ---- counting ---- */

static uint64_t *counter(struct index *x, struct str level)
{
	uint64_t *n = map_get(&x->dispatched, level);
	if (n)
		return n;
	if (!x->counters)
		x->counters = arena_new(NULL);
	n = arena_make(x->counters, uint64_t);
	map_set(&x->dispatched, str_dup(x->counters, level), n);
	return n;
}

static struct str level_of(const struct schema *s) { return s->object->spec.priorityLevelConfiguration.name; }

static void find_counters(struct request *r, struct index *x, struct schema *s)
{
	const struct str *values = LABELS(s->object->metadata.name, level_of(s));
	s->dispatched = counter(x, level_of(s));
	s->metric = metrics_counter(r->server, M_apiserver_flowcontrol_dispatched_requests_total, values);
	s->executing[0] = metrics_counter(r->server, M_apiserver_flowcontrol_current_executing_requests, values);
	s->executing[1] = metrics_counter(r->server, M_apiserver_flowcontrol_current_executing_seats, values); /* each has one */
}

static void count(struct request *r, struct index *x, struct schema *s)
{
	if (!s->metric)
		find_counters(r, x, s);
	++*s->dispatched;
	++*s->metric;
	for (int i = 0; i < FLOW_GAUGES; i++)
		++*(r->executing[i] = s->executing[i]);
	resp_header(r->resp, STR("x-kubernetes-pf-flowschema-uid"), str_dup(r->arena, s->object->metadata.uid));
	resp_header(r->resp, STR("x-kubernetes-pf-prioritylevel-uid"), str_dup(r->arena, s->level_uid));
}

static bool long_running(const struct request *r)
{
	static const char *const subs[] = {"attach", "exec", "log", "portforward", "proxy"};
	for (size_t i = 0; i < ARRAY_LEN(subs); i++)
		if (str_is(r->at.sub, subs[i]))
			return true;
	return r->watch;
}

static bool take_seat(struct request *r)
{
	struct flow_state *f = server_part(r->server, PART_FLOW);
	const struct server_opts *o = server_options(r->server);
	int limit = o->max_in_flight + o->max_mutating_in_flight;
	r->seated = atomic_fetch_add(&f->seated, 1) < limit || !limit;
	if (!r->seated)
		atomic_fetch_sub(&f->seated, 1);
	return r->seated;
}

void flow_leave(struct request *r)
{
	struct flow_state *f = server_part(r->server, PART_FLOW);
	if (r->seated)
		atomic_fetch_sub(&f->seated, 1);
	r->seated = false;
	for (int i = 0; i < FLOW_GAUGES; i++)
		metric_add(r->executing[i], -1);
}

static void reject(struct request *r, const struct schema *s)
{
	if (s)
		metric_add(metrics_counter(r->server, M_apiserver_flowcontrol_rejected_requests_total,
			LABELS(s->object->metadata.name, level_of(s), STR("concurrency-limit"))), 1);
}

bool flow_enter(struct request *r)
{
	struct index *x = index_here(r->server);
	struct schema *s = classify(x, r);
	bool exempt = s && str_is(level_of(s), "exempt");
	if (!long_running(r) && !exempt && !take_seat(r)) {
		reject(r, s);
		return false;
	}
	if (s)
		count(r, x, s);
	return true;
}

/* ---- showing ---- */

struct dump {
	struct arena *a;
	struct { struct level *items; uint32_t len, cap; } levels;
};

static void add_here(struct server *s, struct server_loop *l, void *arg)
{
	struct dump *d = arg;
	struct index *x = index_here(s);
	for (uint32_t i = 0; x && i < d->levels.len; i++) {
		const uint64_t *n = map_get(&x->dispatched, d->levels.items[i].name);
		d->levels.items[i].dispatched += n ? *n : 0;
	}
}

static void list_levels(struct server *s, struct dump *d)
{
	struct flow_state *f = server_part(s, PART_FLOW);
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(server_cache(s), f->v->view.of[LEVELS].table, &pin);
	cache_seek(&it, &pin, (struct str){0}, (struct str){0}, (struct str){0}, false);
	for (struct object *o; (o = cache_next(&it));) {
		struct level *l = arena_push(d->a, &d->levels);
		if (l)
			*l = (struct level){.name = str_dup(d->a, o->name)};
	}
	cache_unpin(&pin);
}

void flow_dump_levels(struct server *s, struct buf *out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct dump d = {.a = a};
	ERR(e);
	list_levels(s, &d);
	(void)!server_each_loop(s, add_here, &d, &e);
	buf_lit(out, "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, "
		"CancelledRequests\n");
	LIST_EACH(l, d.levels)
		buf_printf(out, "%.*s, 0, true, false, 0, 0, %llu, 0, 0, 0\n", STR_F(l->name), (unsigned long long)l->dispatched);
}

/* ---- the part ---- */

static int flow_start(struct server *s, void **ret_state, struct err *e)
{
	const struct server_opts *o = server_options(s);
	struct flow_state *f = calloc(1, sizeof *f);
	struct index *v = calloc(o->nloops, sizeof *v);
	if (!f || !v) {
		free(f);
		free(v);
		return err_nomem(e, sizeof *f);
	}
	f->v = v;
	for (size_t i = 0; i < o->nloops; i++)
		cache_view_init(&v[i].view, server_cache(s), FLOW_GROUP, table_names, TABLES);
	*ret_state = f;
	return 0;
}

static void flow_stop(struct server *s, void *state)
{
	struct flow_state *f = state;
	for (size_t i = 0; i < server_options(s)->nloops; i++) {
		map_fini(&f->v[i].dispatched);
		cache_view_fini(&f->v[i].view);
		arena_free(f->v[i].counters);
	}
	free(f->v);
	free(f);
}

const struct server_part flow_part = {.start = flow_start, .stop = flow_stop};
