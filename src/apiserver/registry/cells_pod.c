/* The row of a Pod: one word for how it fares, as `kubectl get pods` shows it. */
#include "api/condition.h"
#include "api/pod.h"
#include "apiserver/registry/cells.h"
#include "gen/ids.h"

struct look {
	const struct core_v1_Pod *pod;
	struct arena *a;
	struct str reason;
	uint32_t total, ready;
	int64_t restarts;
	struct api_time last;   /* when a container last ended before a restart */
	bool running, failed;
};

static void add_restarts(struct look *l, const struct core_v1_ContainerStatus *c)
{
	l->restarts += c->restartCount;
	const struct core_v1_ContainerStateTerminated *t = c->lastState.terminated;
	if (t && t->finishedAt.set && (!l->last.set || api_time_wall(t->finishedAt) > api_time_wall(l->last)))
		l->last = t->finishedAt;
}

static struct str ended(struct arena *a, const char *prefix, const struct core_v1_ContainerStateTerminated *t)
{
	if (t->reason.n)
		return str_printf(a, "%s%.*s", prefix, STR_F(t->reason));
	if (t->signal)
		return str_printf(a, "%sSignal:%d", prefix, t->signal);
	return str_printf(a, "%sExitCode:%d", prefix, t->exitCode);
}

static bool is_sidecar(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(c, s->initContainers)
		if (str_eq(c->name, name) && container_is_sidecar(c))
			return true;
	return false;
}

/* What holds the Pod up at an init container; absent when it has done its part. */
static struct str init_reason(struct look *l, const struct core_v1_ContainerStatus *c, uint32_t i, bool sidecar)
{
	const struct core_v1_ContainerState *s = &c->state;
	if (s->terminated && s->terminated->exitCode == 0)
		return (struct str){0};
	if (sidecar && c->has_started && c->started) {
		l->ready += c->ready;
		return (struct str){0};
	}
	if (s->terminated)
		return ended(l->a, "Init:", s->terminated);
	if (s->waiting && s->waiting->reason.n && !str_is(s->waiting->reason, "PodInitializing"))
		return str_printf(l->a, "Init:%.*s", STR_F(s->waiting->reason));
	return str_printf(l->a, "Init:%u/%u", i, l->pod->spec.initContainers.len);
}

/* True while init containers are at work; sidecars' restarts go to *side. */
static bool look_at_init(struct look *l, struct look *side)
{
	const struct core_v1_Pod *p = l->pod;
	for (uint32_t i = 0; i < p->status.initContainerStatuses.len; i++) {
		const struct core_v1_ContainerStatus *c = &p->status.initContainerStatuses.items[i];
		bool sidecar = is_sidecar(&p->spec, c->name);
		add_restarts(l, c);
		if (sidecar)
			add_restarts(side, c);
		struct str why = init_reason(l, c, i, sidecar);
		if (why.p) {
			l->reason = why;
			return true;
		}
	}
	return false;
}

static void look_at_container(struct look *l, const struct core_v1_ContainerStatus *c)
{
	const struct core_v1_ContainerState *s = &c->state;
	add_restarts(l, c);
	if (s->waiting && s->waiting->reason.n) {
		l->reason = s->waiting->reason;
	} else if (s->terminated) {
		/* A failure says more than a success. */
		if (s->terminated->exitCode || !l->failed)
			l->reason = ended(l->a, "", s->terminated);
		l->failed |= s->terminated->exitCode != 0;
	} else if (c->ready && s->running) {
		l->running = true;
		l->ready++;
	}
}

static bool phase_ended(const struct core_v1_Pod *p) { return str_is(p->status.phase, "Succeeded") || str_is(p->status.phase, "Failed"); }

static void look_at_deletion(struct look *l)
{
	const struct core_v1_Pod *p = l->pod;
	if (!p->metadata.has_deletionTimestamp)
		return;
	if (str_is(p->status.reason, "NodeLost"))
		l->reason = STR("Unknown");
	else if (!phase_ended(p))
		l->reason = STR("Terminating");
}

static void look_at(struct look *l)
{
	const struct core_v1_Pod *p = l->pod;
	struct look side = {0};
	l->reason = p->status.reason.n ? p->status.reason : p->status.phase;
	LIST_EACH(c, p->status.conditions)
		if (str_is(c->type, "PodScheduled") && str_is(c->reason, "SchedulingGated"))
			l->reason = c->reason;
	l->total = p->spec.containers.len;
	LIST_EACH(c, p->spec.initContainers)
		l->total += container_is_sidecar(c);
	if (!look_at_init(l, &side) || condition_true(T_core_v1_PodCondition, &p->status.conditions, "Initialized")) {
		l->restarts = side.restarts;
		l->last = side.last;
		for (uint32_t i = p->status.containerStatuses.len; i-- > 0;)
			look_at_container(l, &p->status.containerStatuses.items[i]);
		if (str_is(l->reason, "Completed") && l->running)
			l->reason = condition_true(T_core_v1_PodCondition, &p->status.conditions, "Ready") ? STR("Running") : STR("NotReady");
	}
	look_at_deletion(l);
}

static struct str gates_text(struct arena *a, const struct core_v1_Pod *p)
{
	uint32_t open = 0;
	LIST_EACH(g, p->spec.readinessGates)
		open += str_is(condition_status(T_core_v1_PodCondition, &p->status.conditions, g->conditionType), "True");
	return p->spec.readinessGates.len ? str_printf(a, "%u/%u", open, p->spec.readinessGates.len) : NONE;
}

void pod_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_Pod *p = obj;
	struct look l = {.pod = p, .a = a};
	look_at(&l);
	cell_str(b, p->metadata.name);
	cell_str(b, str_printf(a, "%u/%u", l.ready, l.total));
	cell_str(b, l.reason);
	if (l.restarts && l.last.set)
		cell_str(b, str_printf(a, "%lld (%.*s ago)", (long long)l.restarts, STR_F(age_text(a, l.last, now))));
	else
		cell_str(b, str_printf(a, "%lld", (long long)l.restarts));
	cell_age(b, p->metadata.creationTimestamp, now);
	cell_or(b, p->status.podIPs.len ? p->status.podIPs.items[0].ip : p->status.podIP, NONE);
	cell_or(b, p->spec.nodeName, NONE);
	cell_or(b, p->status.nominatedNodeName, NONE);
	cell_str(b, gates_text(a, p));
}

/* kubectl paints rows of finished Pods by these. */
void pod_row_conditions(const void *obj, struct buf *b)
{
	const struct core_v1_Pod *p = obj;
	bool failed = str_is(p->status.phase, "Failed");
	if (!phase_ended(p))
		return;
	buf_printf(b, ",\"conditions\":[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"%s\",\"message\":\"%s\"}]", failed ? "Failed" : "Succeeded",
		failed ? "The pod failed." : "The pod has completed successfully.");
}
