/* Informer events keep the node table and the queue; one fiber takes Pods from the queue, one after another, and decides; binding and status
 * writes go on in fibers of their own, so that a slow server does not hold up the next decision. */
#include "scheduler/scheduler.h"

#include "api/meta.h"
#include "base/log.h"
#include "client/call.h"
#include "codec/json.h"
#include "scheduler/framework.h"
#include "scheduler/sched_queue.h"

#include <stdio.h>
#include <stdlib.h>

/* Writes under way at once; more would only queue in the server. */
#define WRITES_MAX 64

enum attempt { ATTEMPT_ERROR, ATTEMPT_SCHEDULED, ATTEMPT_UNSCHEDULABLE, ATTEMPTS };
static const char *const attempt_names[] = {"error", "scheduled", "unschedulable"};

/* Found once: scheduling counts in them all the time.  NULL: nothing is counted. */
struct scheduler_counts {
	double *attempts[ATTEMPTS];
	struct series *duration[ATTEMPTS], *algorithm, *tries, *filter[2], *score; /* filter: without and with a node found */
};
struct scheduler {
	struct scheduler_opts o;
	struct scope scope;
	struct recorder *recorder;
	struct informer *pods, *node_inf;
	struct informer_handler pod_handler, node_handler;
	struct nodes nodes;
	struct map known;             /* key -> pod_info of Pods that are bound or assumed */
	struct sched_queue queue;
	struct cond writes_done;
	uint32_t writes;
	const struct resource *pod_res, *node_res;
	struct scheduler_counts count;
};

/* ---- What the informers say ---- */

static void forget(struct scheduler *s, struct str key)
{
	struct pod_info *p = map_get(&s->known, key);
	if (!p)
		return;
	map_del(&s->known, key);
	nodes_remove_pod(&s->nodes, p);
	pod_info_free(p);
}

static void remember(struct scheduler *s, struct pod_info *p)
{
	forget(s, p->key);
	map_set(&s->known, p->key, p);
	nodes_add_pod(&s->nodes, p);
}

static const char *gate_of(const struct core_v1_Pod *p)
{
	const char *why = NULL;
	for (size_t i = 0; i < nplugins && !why; i++)
		why = plugins[i]->pre_enqueue ? plugins[i]->pre_enqueue(p) : NULL;
	return why;
}

static void pod_left(struct scheduler *s, struct str key)
{
	bool held = map_has(&s->known, key);
	forget(s, key);
	sched_queue_drop(&s->queue, key);
	if (held)
		sched_queue_move_all(&s->queue, "AssignedPodDelete");
}

static void pod_waits(struct scheduler *s, struct str key, const struct core_v1_Pod *p, bool changed)
{
	struct pod_info *known = map_get(&s->known, key);
	if (known && known->assumed && str_eq(known->uid, p->metadata.uid))
		return; /* our binding is on its way */
	forget(s, key);
	if (str_eq(p->spec.schedulerName, s->o.name) && !meta_deleting(&p->metadata))
		sched_queue_put(&s->queue, key, p->metadata.uid, p->spec.priority, gate_of(p) != NULL, changed);
	else
		sched_queue_drop(&s->queue, key);
}

/* A status write alone must not wake a Pod that waits: only the spec, labels and annotations count. */
static bool pod_changed(const struct core_v1_Pod *old, const struct core_v1_Pod *cur)
{
	return old->metadata.generation != cur->metadata.generation || old->metadata.labels.len != cur->metadata.labels.len;
}

static void on_pod(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct scheduler *s = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *p = cur ? informer_decode(s->pods, a, cur) : NULL;
	struct str key = cur ? cur->key : old->key;
	if (!p || pod_finished(p)) {
		pod_left(s, key);
	} else if (p->spec.nodeName.n) {
		remember(s, pod_info_new(p));
		sched_queue_drop(&s->queue, key);
	} else {
		struct core_v1_Pod *before = old ? informer_decode(s->pods, a, old) : NULL;
		pod_waits(s, key, p, before && pod_changed(before, p));
	}
}

static void on_node(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct scheduler *s = arg;
	struct arena *mem = arena_new(NULL);
	struct core_v1_Node *n = cur ? informer_decode(s->node_inf, mem, cur) : NULL;
	if (n) {
		nodes_set(&s->nodes, n, mem);
	} else {
		nodes_remove(&s->nodes, (cur ? cur : old)->name);
		arena_free(mem);
	}
	sched_queue_move_all(&s->queue, !cur ? "NodeDelete" : old ? "NodeUpdate" : "NodeAdd");
}

/* ---- Counting ---- */

static double seconds(nsec_t span) { return (double)span / NS_S; }

static void find_counts(struct scheduler *s)
{
	struct scheduler_counts *n = &s->count;
	struct metric_set *m = s->o.metrics;
	struct str profile = s->o.name;
	for (int i = 0; i < ATTEMPTS; i++) {
		n->attempts[i] = metric_counter(m, M_scheduler_schedule_attempts_total, LABELS(profile, str_of(attempt_names[i])));
		n->duration[i] = metric_histogram(m, M_scheduler_scheduling_attempt_duration_seconds, LABELS(profile, str_of(attempt_names[i])));
	}
	for (int i = 0; i < 2; i++)
		n->filter[i] = metric_histogram(m, M_scheduler_framework_extension_point_duration_seconds,
			LABELS(STR("Filter"), profile, i ? STR("Success") : STR("Unschedulable")));
	n->score = metric_histogram(m, M_scheduler_framework_extension_point_duration_seconds, LABELS(STR("Score"), profile, STR("Success")));
	n->algorithm = metric_histogram(m, M_scheduler_scheduling_algorithm_duration_seconds, NULL);
	n->tries = metric_histogram(m, M_scheduler_pod_scheduling_attempts, NULL);
}

static void count_attempt(struct scheduler *s, const struct sched_entry *e, enum attempt result)
{
	mono_t now = rt_now_exact();
	char tries[12];
	metric_add(s->count.attempts[result], 1);
	metric_observe(s->count.duration[result], seconds(now - e->popped));
	if (result != ATTEMPT_SCHEDULED)
		return;
	snprintf(tries, sizeof tries, e->attempts >= 15 ? "15+" : "%u", e->attempts);
	metric_observe(s->count.tries, e->attempts);
	metric_observe(metric_histogram(s->o.metrics, M_scheduler_pod_scheduling_sli_duration_seconds, LABELS(str_of(tries))), seconds(now - e->added));
}

static void count_decision(struct scheduler *s, const struct cycle *c, bool found)
{
	metric_observe(s->count.filter[found], seconds(c->filtered));
	if (c->scored)
		metric_observe(s->count.score, seconds(c->scored));
	if (found)
		metric_observe(s->count.algorithm, seconds(c->filtered + c->scored));
}

/* ---- Writes ---- */

struct write {
	struct scheduler *s;
	struct arena *mem;
	struct core_v1_Pod *pod;
	struct sched_entry *entry;
	struct str node, message;
};

static struct write *write_new(struct scheduler *s, struct arena *a, struct core_v1_Pod *pod, struct sched_entry *e)
{
	struct write *w = arena_make(a, struct write);
	*w = (struct write){.s = s, .mem = a, .pod = pod, .entry = e};
	return w;
}

static void write_done(struct write *w)
{
	struct scheduler *s = w->s;
	arena_free(w->mem);
	s->writes--;
	cond_wake(&s->writes_done);
}

static void event(struct scheduler *s, struct core_v1_Pod *pod, const char *type, const char *reason, struct str text)
{
	struct core_v1_ObjectReference about = {0};
	recorder_ref((struct ref){desc_type(s->pod_res->type), pod}, &about);
	recorder_event(s->recorder, &about, type, reason, "%.*s", STR_F(text));
}

static int post_binding(struct write *w, struct err *e)
{
	struct core_v1_Binding b = {.metadata = {.name = w->pod->metadata.name, .namespace = w->pod->metadata.namespace, .uid = w->pod->metadata.uid},
		.target = {.kind = STR("Node"), .name = w->node}};
	struct ref answer;
	struct call c = {.verb = VERB_CREATE, .res = w->s->pod_res, .sub = STR("binding"), .ns = b.metadata.namespace, .name = b.metadata.name,
		.body = {type_by_name(STR("core/v1.Binding")), &b}};
	return w->s->o.transport->ops->call(w->s->o.transport, &c, w->mem, &answer, e);
}

static void bind_fiber(void *arg)
{
	struct write *w = arg;
	struct scheduler *s = w->s;
	ERR(e);
	if (post_binding(w, &e) == 0) {
		count_attempt(s, w->entry, ATTEMPT_SCHEDULED);
		event(s, w->pod, "Normal", "Scheduled",
			str_printf(w->mem, "Successfully assigned %.*s to %.*s", STR_F(meta_key(w->mem, &w->pod->metadata)), STR_F(w->node)));
		sched_queue_done(&s->queue, w->entry);
	} else {
		struct str key = meta_key(w->mem, &w->pod->metadata);
		struct pod_info *p = map_get(&s->known, key);
		log_warn("binding %.*s to %.*s failed: %s", STR_F(key), STR_F(w->node), err_text(&e));
		count_attempt(s, w->entry, ATTEMPT_ERROR);
		if (p && p->assumed)
			forget(s, key);
		sched_queue_retry(&s->queue, w->entry);
	}
	write_done(w);
}

static void put_condition(struct buf *out, struct write *w)
{
	buf_lit(out, "{\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":");
	json_string(out, w->message);
	buf_lit(out, ",\"lastProbeTime\":null,\"lastTransitionTime\":\"");
	time_rfc3339(out, rt_wall() / NS_S, 0, 0);
	buf_printf(out, "\",\"observedGeneration\":%lld}]}}", (long long)w->pod->metadata.generation);
}

/* The transition time stays when the Pod was unschedulable before. */
static bool condition_is_new(const struct core_v1_Pod *p, struct str message)
{
	LIST_EACH(c, p->status.conditions)
		if (str_is(c->type, "PodScheduled"))
			return !str_is(c->status, "False") || !str_eq(c->message, message);
	return true;
}

static void report_fiber(void *arg)
{
	struct write *w = arg;
	struct scheduler *s = w->s;
	ERR(e);
	event(s, w->pod, "Warning", "FailedScheduling", w->message);
	if (condition_is_new(w->pod, w->message)) {
		BUF(patch);
		put_condition(&patch, w);
		if (!client_patch(s->o.transport, w->mem, s->pod_res, w->pod->metadata.namespace, w->pod->metadata.name, "status", PATCH_STRATEGIC,
			    buf_view(&patch), &e) && !err_is(&e, ERR_NOT_FOUND))
			log_warn("status of pod %.*s: %s", STR_F(w->pod->metadata.name), err_text(&e));
	}
	sched_queue_unschedulable(&s->queue, w->entry);
	write_done(w);
}

/* Starts a fiber for a write, waiting for a free place; the fiber owns w. */
static void write_start(struct write *w, const char *name, void (*fn)(void *))
{
	struct scheduler *s = w->s;
	while (s->writes >= WRITES_MAX)
		if (cond_wait(&s->writes_done, MONO_NEVER) < 0)
			break;
	s->writes++;
	if (!fiber_spawn(&s->scope, name, fn, w))
		fn(w); /* no fiber to be had: here, then */
}

/* ---- Decisions ---- */

static void assume(struct scheduler *s, const struct core_v1_Pod *pod, struct str node)
{
	struct core_v1_Pod placed = *pod;
	placed.spec.nodeName = node;
	struct pod_info *p = pod_info_new(&placed);
	p->assumed = true;
	remember(s, p);
}

static void decide(struct scheduler *s, struct write *w)
{
	struct pod_info *info = pod_info_new(w->pod);
	struct cycle *c = arena_make(w->mem, struct cycle);
	*c = (struct cycle){.arena = w->mem, .pod = w->pod, .info = info, .nodes = &s->nodes};
	struct node_info *n = framework_select(c, &w->message);
	pod_info_free(info);
	count_decision(s, c, n);
	if (n) {
		w->node = str_dup(w->mem, n->name);
		assume(s, w->pod, w->node);
		write_start(w, "bind", bind_fiber);
	} else {
		count_attempt(s, w->entry, ATTEMPT_UNSCHEDULABLE);
		write_start(w, "unschedulable", report_fiber);
	}
}

static void schedule_one(struct scheduler *s, struct sched_entry *e)
{
	struct arena *a = arena_new(NULL);
	struct core_v1_Pod *pod = informer_object(s->pods, a, e->key);
	if (!pod || !str_eq(pod->metadata.uid, e->uid) || pod->spec.nodeName.n) {
		arena_free(a);
		sched_queue_done(&s->queue, e);
		return;
	}
	decide(s, write_new(s, a, pod, e));
}

static void schedule_fiber(void *arg)
{
	struct scheduler *s = arg;
	struct sched_entry *e;
	if (informer_wait_synced(s->pods, MONO_NEVER) < 0 || informer_wait_synced(s->node_inf, MONO_NEVER) < 0)
		return;
	while (sched_queue_pop(&s->queue, &e) == 0) {
		schedule_one(s, e);
		if (rt_breathe() < 0)
			return;
	}
}

struct scheduler *scheduler_new(const struct scheduler_opts *o)
{
	struct scheduler *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->o = *o;
	if (!s->o.name.n)
		s->o.name = STR("default-scheduler");
	s->pod_res = client_resource("", "v1", "pods");
	s->node_res = client_resource("", "v1", "nodes");
	scope_init(&s->scope, o->scope);
	sched_queue_init(&s->queue);
	s->queue.metrics = o->metrics;
	find_counts(s);
	cond_init(&s->writes_done);
	s->pod_handler = (struct informer_handler){.fn = on_pod, .arg = s};
	s->node_handler = (struct informer_handler){.fn = on_node, .arg = s};
	return s;
}

void scheduler_start(struct scheduler *s)
{
	s->recorder = recorder_new(s->o.transport, &s->scope, "default-scheduler", s->o.host);
	s->node_inf = informers_get(s->o.informers, &(struct informer_opts){.res = s->node_res});
	s->pods = informers_get(s->o.informers, &(struct informer_opts){.res = s->pod_res});
	informer_add_handler(s->node_inf, &s->node_handler);
	informer_add_handler(s->pods, &s->pod_handler);
	if (!fiber_spawn(&s->scope, "schedule", schedule_fiber, s))
		bug("no fiber for the scheduler");
}

void scheduler_metrics(const struct scheduler *s, struct metric_set *to)
{
	const struct { const char *queue; size_t n; } rows[] = {{"active", s->queue.active.n}, {"backoff", s->queue.backoff.n}, {"gated", s->queue.gated},
		{"unschedulable", s->queue.waiting.n}};
	const struct map_entry *e;
	size_t assumed = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		metric_put(to, M_scheduler_pending_pods, LABELS(str_of(rows[i].queue)), (double)rows[i].n);
	for (size_t i = 0; (e = map_next(&s->known, &i));)
		assumed += ((const struct pod_info *)e->value)->assumed;
	metric_put(to, M_scheduler_cache_size, LABELS(STR("assumed_pods")), (double)assumed);
	metric_put(to, M_scheduler_cache_size, LABELS(STR("nodes")), s->nodes.n);
	metric_put(to, M_scheduler_cache_size, LABELS(STR("pods")), (double)s->known.n);
}

static struct str unit_of(struct str resource)
{
	if (str_is(resource, "cpu"))
		return STR("cores");
	if (str_is(resource, "memory") || str_is(resource, "storage") || str_is(resource, "ephemeral-storage") || str_has_prefix(resource, STR("hugepages-")))
		return STR("bytes");
	return STR("integer");
}

static void put_amounts(struct metric_set *to, enum metric m, const struct core_v1_Pod *p, struct amounts v)
{
	char priority[16] = "";
	if (p->spec.has_priority)
		snprintf(priority, sizeof priority, "%d", p->spec.priority);
	LIST_EACH(x, v) {
		struct str unit = unit_of(x->name);
		const struct str *values = LABELS(p->metadata.namespace, p->spec.nodeName, p->metadata.name, str_of(priority), x->name, p->spec.schedulerName, unit);
		metric_put(to, m, values, str_is(unit, "cores") ? (double)x->value / 1000 : (double)x->value);
	}
}

void scheduler_resource_metrics(const struct scheduler *s, struct metric_set *to)
{
	size_t i = 0;
	for (const struct informer_item *it; s->pods && (it = informer_next(s->pods, (struct str){0}, &i));) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		const struct core_v1_Pod *p = informer_decode(s->pods, a, it);
		if (!p || pod_finished(p))
			continue;
		put_amounts(to, M_kube_pod_resource_request, p, pod_requests(a, &p->spec));
		put_amounts(to, M_kube_pod_resource_limit, p, pod_limits(a, &p->spec));
	}
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	size_t i = 0;
	sched_queue_fini(&s->queue);
	for (struct map_entry *e; (e = map_next(&s->known, &i));)
		pod_info_free(e->value);
	map_fini(&s->known);
	nodes_fini(&s->nodes);
	recorder_free(s->recorder);
	free(s);
}
