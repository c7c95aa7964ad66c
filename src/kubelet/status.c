/* PodStatus from what runs. */
#include "kubelet/impl.h"
#include "kubelet/log.h"

#define LOG_MESSAGE_MAX 2048

/* ---- termination messages */
static struct str tail(struct str s, size_t max) { return s.n > max ? str_sub(s, s.n - max, s.n) : s; }

static size_t message_max(const struct pod *p)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	size_t n = s->containers.len + s->initContainers.len + s->ephemeralContainers.len;
	return n * MESSAGE_BYTES > MESSAGE_BYTES_POD ? MESSAGE_BYTES_POD / n : MESSAGE_BYTES;
}

struct str status_message(struct pod *p, struct arena *a, const struct cview *c)
{
	struct str text = {0};
	size_t max = message_max(p);
	if (c->message_path.n && file_tail(a, str_z(a, c->message_path), max, &text) == 0 && text.n)
		return text;
	if (str_is(c->message_policy, "FallbackToLogsOnError") && c->exit_code != 0 && c->log_path.n)
		return tail(log_last_lines(a, str_z(a, c->log_path), MESSAGE_LINES, LOG_MESSAGE_MAX), max < LOG_MESSAGE_MAX ? max : LOG_MESSAGE_MAX);
	return (struct str){0};
}

/* ---- one container */
static struct str full_id(const struct pod *p, struct arena *a, struct str id) { return str_printf(a, "%.*s://%.*s", STR_F(p->k->runtime_name), STR_F(id)); }

static struct api_time at(int64_t ns) { return api_time_sec(ns > 0 ? ns : 0); }

static struct core_v1_ContainerStateTerminated *terminated(const struct pod *p, struct arena *a, const struct cview *c)
{
	struct core_v1_ContainerStateTerminated *t = arena_make(a, struct core_v1_ContainerStateTerminated);
	struct str reason = c->reason.n ? str_dup(a, c->reason) : c->exit_code ? STR("Error") : STR("Completed");
	*t = (struct core_v1_ContainerStateTerminated){.reason = reason, .message = str_dup(a, c->message), .startedAt = at(c->started), .finishedAt = at(c->finished),
		.containerID = full_id(p, a, c->id), .exitCode = c->exit_code};
	return t;
}

static struct core_v1_ContainerStateWaiting *waiting(const struct pod *p, struct arena *a, const struct cmem *m)
{
	struct core_v1_ContainerStateWaiting *w = arena_make(a, struct core_v1_ContainerStateWaiting);
	const char *fresh = p->spec->pod->spec.initContainers.len ? "PodInitializing" : "ContainerCreating";
	w->reason = str_of(m && m->wait_reason ? m->wait_reason : fresh);
	if (m && m->wait_reason && m->wait_message.n)
		w->message = str_dup(a, buf_view((struct buf *)&m->wait_message));
	return w;
}

static bool comes_back(const struct pod *p, const struct core_v1_Container *c, const struct cview *v, const struct cmem *m)
{
	return m && m->kind != CK_EPHEMERAL && !p->deleting && !p->over && !p->failed &&
		(m->renew || (m->wait_reason && restart_wanted(p->spec->pod, c, v->exit_code, m->kind == CK_INIT)));
}

/* Its Pod has ended, and it never ran though its turn had come, or nobody knows what became of it. */
static bool lost(const struct pod *p, const struct cview *v, const struct cmem *m)
{
	if (!p->stopped || !m || m->kind != CK_MAIN || (v && v->state == CS_EXITED))
		return false;
	EACH_INIT(c, p->spec->pod) {
		const struct cview *i = view_latest(p->view, c->name);
		if (!container_is_sidecar(c) && !(i && i->state == CS_EXITED && !i->exit_code))
			return false;
	}
	return true;
}

static struct core_v1_ContainerStateTerminated *unknown_end(struct arena *a)
{
	struct core_v1_ContainerStateTerminated *t = arena_make(a, struct core_v1_ContainerStateTerminated);
	t->reason = STR("ContainerStatusUnknown");
	t->message = STR("The container could not be located when the pod was terminated");
	t->exitCode = 137;
	return t;
}

static void state_of(const struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct cview *v, const struct cmem *m,
	struct core_v1_ContainerStatus *s)
{
	const struct cview *before = v ? view_before(p->view, v) : NULL;
	if (v && v->state == CS_RUNNING) {
		s->state.running = arena_make(a, struct core_v1_ContainerStateRunning);
		s->state.running->startedAt = at(v->started);
	} else if (v && v->state == CS_EXITED && !comes_back(p, c, v, m)) {
		s->state.terminated = terminated(p, a, v);
	} else if (lost(p, v, m)) {
		s->state.terminated = unknown_end(a);
	} else {
		s->state.waiting = waiting(p, a, m);
		before = v && v->state == CS_EXITED ? v : before;
	}
	if (before && before->state == CS_EXITED)
		s->lastState.terminated = terminated(p, a, before);
}

static void flags_of(const struct core_v1_Container *c, const struct cview *v, const struct cmem *m, enum ckind kind, struct core_v1_ContainerStatus *s)
{
	bool runs = v && v->state == CS_RUNNING, known = runs && m && str_eq(m->id, v->id);
	s->has_started = kind != CK_EPHEMERAL;
	if (kind == CK_MAIN || container_is_sidecar(c)) {
		s->started = known ? m->started : runs && !c->startupProbe;
		s->ready = runs && s->started && (known ? m->ready : !c->readinessProbe);
	} else if (kind == CK_INIT) {
		s->started = runs;
		s->ready = v && v->state == CS_EXITED && v->exit_code == 0;
	}
}

static void mounts_of(struct arena *a, const struct core_v1_Container *c, struct core_v1_ContainerStatus *s)
{
	LIST_EACH(m, c->volumeMounts) {
		struct core_v1_VolumeMountStatus *o = arena_push(a, &s->volumeMounts);
		*o = (struct core_v1_VolumeMountStatus){.name = m->name, .mountPath = m->mountPath, .readOnly = m->readOnly};
		if (m->readOnly)
			o->recursiveReadOnly = STR("Disabled");
	}
}

static void resources_of(struct arena *a, const struct core_v1_Container *c, struct core_v1_ContainerStatus *s)
{
	s->resources = arena_make(a, struct core_v1_ResourceRequirements);
	*s->resources = c->resources;
	s->allocatedResources = c->resources.requests;
}

static void container_status(const struct pod *p, struct arena *a, const struct core_v1_Container *c, enum ckind kind, struct core_v1_ContainerStatus *s)
{
	const struct cview *v = view_latest(p->view, c->name);
	const struct cmem *m = pod_cmem((struct pod *)p, c->name);
	s->name = c->name;
	s->image = v && v->image.n ? str_dup(a, v->image) : c->image;
	s->imageID = v ? str_dup(a, v->image_id) : STR("");
	state_of(p, a, c, v, m, s);
	flags_of(c, v, m, kind, s);
	mounts_of(a, c, s);
	if (!v)
		return;
	s->containerID = full_id(p, a, v->id);
	s->restartCount = (int32_t)v->attempt;
	if (kind != CK_EPHEMERAL)
		resources_of(a, c, s);
}

static int by_name(const void *x, const void *y)
{
	const struct core_v1_ContainerStatus *a = x, *b = y;
	return str_cmp(a->name, b->name);
}

static void containers(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	const struct core_v1_Pod *o = p->spec->pod;
	EACH_INIT(c, o)
		container_status(p, a, c, CK_INIT, arena_push(a, &st->initContainerStatuses));
	EACH_MAIN(c, o)
		container_status(p, a, c, CK_MAIN, arena_push(a, &st->containerStatuses));
	LIST_EACH(x, o->spec.ephemeralContainers)
		container_status(p, a, (const struct core_v1_Container *)&x->ephemeralContainerCommon, CK_EPHEMERAL, arena_push(a, &st->ephemeralContainerStatuses));
	if (st->containerStatuses.len)
		qsort(st->containerStatuses.items, st->containerStatuses.len, sizeof *st->containerStatuses.items, by_name);
}

/* ---- phase */
static bool init_failed(const struct pod *p)
{
	EACH_INIT(c, p->spec->pod) {
		const struct cview *v = view_latest(p->view, c->name);
		if (v && v->state == CS_EXITED && v->exit_code && !container_is_sidecar(c) && !restart_wanted(p->spec->pod, c, v->exit_code, true))
			return true;
	}
	return false;
}

bool pod_phase_final(struct pod *p)
{
	if (init_failed(p))
		return true;
	EACH_MAIN(c, p->spec->pod) {
		const struct cview *v = view_latest(p->view, c->name);
		const struct cmem *m = pod_cmem(p, c->name);
		if (!v || v->state != CS_EXITED || (m && m->renew) || restart_wanted(p->spec->pod, c, v->exit_code, false))
			return false;
	}
	return p->spec->pod->spec.containers.len > 0;
}

static bool anything_runs(const struct pod *p)
{
	LIST_EACH(c, p->view->containers)
		if (c->state == CS_RUNNING)
			return true;
	return false;
}

static bool all_good(const struct pod *p)
{
	EACH_MAIN(c, p->spec->pod) {
		const struct cview *v = view_latest(p->view, c->name);
		if (!v || v->exit_code)
			return false;
	}
	return !init_failed(p);
}

static bool inits_pending(const struct core_v1_PodStatus *st)
{
	LIST_EACH(s, st->initContainerStatuses)
		if (!s->ready && !s->state.running)
			return true;
		else if (s->state.running && !s->started)
			return true;
	return false;
}

static struct str phase_alive(const struct pod *p, const struct core_v1_PodStatus *st)
{
	bool began = false;
	LIST_EACH(s, st->containerStatuses) {
		if (s->state.waiting && !s->lastState.terminated)
			return STR("Pending");
		began |= !s->state.waiting || s->lastState.terminated;
	}
	LIST_EACH(c, p->spec->pod->spec.initContainers) {
		const struct cview *v = view_latest(p->view, c->name);
		if (!container_is_sidecar(c) && v && v->state == CS_RUNNING)
			return STR("Pending");
	}
	return began && !(inits_pending(st) && !anything_runs(p)) ? STR("Running") : STR("Pending");
}

static struct str phase_of(const struct pod *p, const struct core_v1_PodStatus *st)
{
	if (anything_runs(p))
		return phase_alive(p, st);
	if (p->failed)
		return STR("Failed");
	if (p->over || (p->deleting && p->stopped))
		return all_good(p) ? STR("Succeeded") : STR("Failed");
	return phase_alive(p, st);
}

/* ---- conditions */
static const struct core_v1_PodCondition *condition_before(const struct pod *p, struct str type)
{
	const struct core_v1_PodStatus *old = p->status ? p->status : &p->spec->pod->status;
	LIST_EACH(c, old->conditions)
		if (str_eq(c->type, type))
			return c;
	return NULL;
}

static struct core_v1_PodCondition *condition_add(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st, const char *type, bool on, const char *reason,
	struct str message)
{
	struct core_v1_PodCondition *c = arena_push(a, &st->conditions);
	const struct core_v1_PodCondition *old = condition_before(p, str_of(type));
	c->type = str_of(type);
	c->status = on ? STR("True") : STR("False");
	c->reason = str_of(reason);
	c->message = message;
	c->observedGeneration = p->spec->pod->metadata.generation;
	c->lastTransitionTime = old && str_eq(old->status, c->status) ? old->lastTransitionTime : api_time_sec(rt_wall());
	return c;
}

static struct str unready(const struct pod *p, struct arena *a, const struct core_v1_PodStatus *st, bool init)
{
	BUF(out);
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	LIST_EACH(c, s->initContainers)
		LIST_EACH(x, st->initContainerStatuses)
			if (str_eq(x->name, c->name) && (init ? container_is_sidecar(c) ? !x->started : !x->ready : container_is_sidecar(c) && !x->ready))
				buf_printf(&out, " %.*s", STR_F(x->name));
	LIST_EACH(c, s->containers)
		LIST_EACH(x, st->containerStatuses)
			if (!init && str_eq(x->name, c->name) && !x->ready)
				buf_printf(&out, " %.*s", STR_F(x->name));
	return out.n ? str_dup(a, str_sub(buf_view(&out), 1, out.n)) : (struct str){0};
}

static void initialized(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	struct str names = unready(p, a, st, true);
	bool done = str_is(st->phase, "Succeeded");
	LIST_EACH(s, st->containerStatuses) /* containers began: the init containers were done once */
		done |= s->state.running || s->lastState.terminated || (s->state.terminated && !init_failed(p));
	if (names.n && !done)
		condition_add(p, a, st, "Initialized", false, "ContainersNotInitialized", str_printf(a, "containers with incomplete status: [%.*s]", STR_F(names)));
	else
		condition_add(p, a, st, "Initialized", true, str_is(st->phase, "Succeeded") ? "PodCompleted" : NULL, (struct str){0});
}

/* The first gate that is shut; absent: all are open. */
static struct str gates_shut(const struct pod *p, struct arena *a)
{
	BUF(out);
	LIST_EACH(g, p->spec->pod->spec.readinessGates) {
		const struct core_v1_PodCondition *found = NULL;
		LIST_EACH(c, p->spec->pod->status.conditions)
			if (str_eq(c->type, g->conditionType))
				found = c;
		if (found && str_is(found->status, "True"))
			continue;
		buf_printf(&out, "%scorresponding condition of pod readiness gate \"%.*s\" %s", out.n ? ", " : "", STR_F(g->conditionType),
			found ? "is not \"True\"" : "does not exist.");
	}
	return out.n ? buf_take(&out, a) : (struct str){0};
}

static void readiness(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	struct str names = unready(p, a, st, false), shut = gates_shut(p, a), why = {0};
	const char *reason = str_is(st->phase, "Succeeded") ? "PodCompleted" : str_is(st->phase, "Failed") ? "PodFailed" : NULL;
	bool ready = !reason && !names.n && st->containerStatuses.len;
	if (!ready && !reason) {
		reason = "ContainersNotReady";
		why = str_printf(a, "containers with unready status: [%.*s]", STR_F(names));
	}
	if (ready && shut.n)
		condition_add(p, a, st, "Ready", false, "ReadinessGatesNotReady", shut);
	else
		condition_add(p, a, st, "Ready", ready, reason, why);
	condition_add(p, a, st, "ContainersReady", ready, reason, why);
}

static void conditions(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	condition_add(p, a, st, "PodReadyToStartContainers", p->sandbox_ready && p->nips && !p->stopped, NULL, (struct str){0});
	initialized(p, a, st);
	readiness(p, a, st);
	condition_add(p, a, st, "PodScheduled", true, NULL, (struct str){0});
}

/* ---- the whole */
static void amounts_put(struct arena *a, const struct amounts *v, struct str_map *ret)
{
	for (uint32_t i = 0; i < v->len; i++)
		str_map_set(a, ret, v->items[i].name, amount_text(a, v->items[i].name, v->items[i].value));
}

static void pod_resources(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	struct amounts req = pod_requests(a, &p->spec->pod->spec), lim = pod_limits(a, &p->spec->pod->spec);
	st->resources = arena_make(a, struct core_v1_ResourceRequirements);
	amounts_put(a, &req, &st->resources->requests);
	amounts_put(a, &lim, &st->resources->limits);
	st->allocatedResources = st->resources->requests;
}

static void addresses(const struct pod *p, struct arena *a, struct core_v1_PodStatus *st)
{
	const struct core_v1_PodStatus *old = &p->spec->pod->status;
	st->hostIP = p->k->node_ip;
	if (st->hostIP.n)
		arena_push(a, &st->hostIPs)->ip = st->hostIP;
	st->podIP = p->ip.n ? p->ip : old->podIP;
	for (uint32_t i = 0; i < p->nips; i++)
		arena_push(a, &st->podIPs)->ip = p->ips[i];
	if (!p->nips)
		st->podIPs = old->podIPs;
}

struct core_v1_PodStatus *status_compute(struct pod *p, struct arena *a)
{
	struct core_v1_PodStatus *st = arena_make(a, struct core_v1_PodStatus);
	st->observedGeneration = p->spec->pod->metadata.generation;
	st->reason = p->fail_reason;
	st->message = p->fail_message;
	st->qosClass = pod_qos(&p->spec->pod->spec);
	st->has_startTime = true;
	st->startTime = api_time_sec(p->start_time);
	if (p->rejected) {
		st->phase = STR("Failed");
		return st;
	}
	addresses(p, a, st);
	containers(p, a, st);
	st->phase = phase_of(p, st);
	conditions(p, a, st);
	pod_resources(p, a, st);
	return st;
}
