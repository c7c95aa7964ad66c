/* One fiber per Pod.  Each round it looks at what is wanted (spec) and what is (view), takes the next step, reports, and waits for news.
 *
 *   running ──finished, deadline, rejected──▶ ending ──nothing runs──▶ stopped (folders and cgroup gone) ──deleted──▶ worker ends
 *      └───────────────deleted───────────────────▲ */
#include "kubelet/admit.h"

#define POLL_FIRST (4 * NS_MS) /* the runtime learns of an exit a little after the kernel */

static bool same_map(const struct str_map *a, const struct str_map *b)
{
	LIST_EACH(kv, *a)
		if (!str_map_has(b, kv->key) || !str_eq(str_map_get(b, kv->key), kv->value))
			return false;
	return a->len == b->len;
}

/* Another image is a new beginning. */
static void forgive(struct pod *p, const struct core_v1_Container *c)
{
	enum ckind kind;
	const struct core_v1_Container *old = pod_find_container(p->spec->pod, c->name, &kind);
	struct cmem *m = pod_cmem(p, c->name);
	if (!old || !m || str_eq(old->image, c->image))
		return;
	m->crash = m->pull = (struct pause){0};
	m->retry_at = 0;
}

static void take_next(struct pod *p)
{
	if (!p->next)
		return;
	const struct meta_v1_ObjectMeta *was = &p->spec->pod->metadata, *is = &p->next->pod->metadata;
	if (!same_map(&was->labels, &is->labels) || !same_map(&was->annotations, &is->annotations))
		volumes_news(p);
	EACH_INIT(c, p->next->pod)
		forgive(p, c);
	EACH_MAIN(c, p->next->pod)
		forgive(p, c);
	spec_unref(p->spec);
	p->spec = p->next;
	p->next = NULL;
}

/* Of a container that is being stopped the runtime's answer to that will tell. */
static bool exit_pending(struct pod *p)
{
	LIST_EACH(c, p->view->containers) {
		const struct cmem *m = pod_cmem(p, c->name);
		if (c->state == CS_RUNNING && exit_fired(p->k, c->id) && !(m && m->stopping))
			return true;
	}
	return false;
}

static void probes_of_ended(struct pod *p)
{
	LIST_EACH(c, p->view->containers) {
		struct cmem *m = pod_cmem(p, c->name);
		if (c->state != CS_RUNNING && m && m->probes_id.n && str_eq(m->probes_id, c->id))
			probes_stop(m);
	}
}

/* False: what runs is not known, and nothing is to be done on account of what ran once. */
static bool observe(struct pod *p)
{
	if (!p->stale && p->view)
		return true;
	ERR(e);
	p->stale = false;
	bool failed = view_refresh(p, &e);
	if (failed && !p->poll_wait)
		log_error("%.*s: the runtime does not say what runs: %s", STR_F(p->key), err_text(&e));
	if (failed || exit_pending(p)) {
		p->poll_wait = p->poll_wait && p->poll_wait < NS_S ? p->poll_wait * 2 : failed ? NS_S : POLL_FIRST;
		p->poll_at = rt_now() + p->poll_wait;
	} else {
		p->poll_wait = p->poll_at = 0;
	}
	p->stale |= failed;
	if (failed)
		return false;
	probes_of_ended(p);
	cond_wake_all(&p->wake); /* containers that wait for others to end */
	return true;
}

static void fail(struct pod *p, const char *reason, struct str message)
{
	p->failed = true;
	p->fail_reason = str_of(reason);
	p->fail_message = str_dup(p->mem, message);
}

/* When activeDeadlineSeconds are over; MONO_NEVER without. */
static mono_t deadline_at(const struct pod *p)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	if (!s->has_activeDeadlineSeconds || !p->start_time || p->over)
		return MONO_NEVER;
	return rt_now() + (p->start_time + s->activeDeadlineSeconds * NS_S - rt_wall());
}

static void judge_deadline(struct pod *p)
{
	if (p->failed || deadline_at(p) > rt_now())
		return;
	struct str why = STR("Pod was active on the node longer than the specified deadline");
	fail(p, "DeadlineExceeded", why);
	pod_event(p, STR(""), "Normal", "DeadlineExceeded", "%.*s", STR_F(why));
}

static int64_t grace_wanted(const struct pod *p)
{
	const struct core_v1_Pod *o = p->spec->pod;
	int64_t s = o->spec.has_terminationGracePeriodSeconds ? o->spec.terminationGracePeriodSeconds : 30;
	if (o->metadata.has_deletionGracePeriodSeconds)
		s = o->metadata.deletionGracePeriodSeconds;
	return s > 0 ? s : 1; /* even then it is asked before it is killed */
}

static void judge(struct pod *p)
{
	if (meta_deleting(&p->spec->pod->metadata) || p->gone)
		p->deleting = true;
	judge_deadline(p);
	if (!p->start_time)
		p->start_time = rt_wall();
	if (!p->over && !p->deleting && !p->failed)
		p->over = pod_phase_final(p);
}

static bool any_running(const struct pod *p)
{
	LIST_EACH(c, p->view->containers)
		if (c->state == CS_RUNNING)
			return true;
	return false;
}

static int sandboxes_stop(struct pod *p, struct arena *a, struct err *e)
{
	LIST_EACH(s, p->view->sandboxes) {
		struct cri_v1_StopPodSandboxRequest req = {s->id};
		struct cri_v1_StopPodSandboxResponse resp = {0};
		if (s->ready && cri_call(p->k->cri, a, CRI_STOP_SANDBOX, &req, &resp, 0, e) && !cri_not_found(e))
			return err_wrap(e, "stop the sandbox");
		err_fini(e);
	}
	return 0;
}

static void sandboxes_remove(struct pod *p, struct arena *a)
{
	LIST_EACH(s, p->view->sandboxes) {
		ERR(e);
		struct cri_v1_RemovePodSandboxRequest req = {s->id};
		struct cri_v1_RemovePodSandboxResponse resp = {0};
		if (cri_call(p->k->cri, a, CRI_REMOVE_SANDBOX, &req, &resp, 0, &e) && !cri_not_found(&e))
			log_error("%.*s: the sandbox stays: %s", STR_F(p->key), err_text(&e));
	}
}

/* Sandbox, volumes and cgroup go; containers' records and logs stay for `kubectl logs` until the Pod is deleted.
 * False: something stays, and so does the Pod; what runs is looked at again before the next attempt. */
static bool stop(struct pod *p, struct arena *a)
{
	ERR(e);
	p->stale = true;
	if (sandboxes_stop(p, a, &e) || volumes_remove(p, &e) || resources_pod_cgroup_remove(p, &e)) {
		log_error("%.*s: %s", STR_F(p->key), err_text(&e));
		p->retry_at = rt_now() + NS_S;
		return false;
	}
	p->stopped = p->dirty = true;
	p->sandbox_ready = p->volumes_ready = p->cgroup_ready = p->dirs_ready = false;
	return true;
}

static int api_delete(struct pod *p, struct arena *a, struct err *e)
{
	struct call c = {.verb = VERB_DELETE, .res = client_resource("", "v1", "pods"), .ns = p->ns, .name = p->name, .has_grace = true,
		.pre_uid = p->is_static ? p->mirror_uid : p->uid};
	struct ref answer = {0};
	if (transport_call(p->k->t, &c, a, &answer, e) == 0 || err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_CONFLICT))
		return 0;
	return -1;
}

static void folders_remove(struct pod *p, struct arena *a)
{
	ERR(e);
	struct str dir = pod_dir(a, p), logs = pod_log_dir(a, p);
	if (file_remove_tree(str_z(a, dir), &e) || file_remove_tree(str_z(a, logs), &e))
		log_error("%.*s: %s", STR_F(p->key), err_text(&e));
}

/* True: nothing of the Pod is left. */
static bool bury(struct pod *p, struct arena *a)
{
	ERR(e);
	bool tell = p->k->t && (!p->gone || (p->is_static && p->mirror_uid.n));
	if (tell && ((!p->gone && report_now(p, &e)) || api_delete(p, a, &e)) && !err_is(&e, ERR_NOT_FOUND)) {
		log_error("%.*s: %s", STR_F(p->key), err_text(&e));
		p->retry_at = rt_now() + NS_S;
		return false;
	}
	sandboxes_remove(p, a);
	folders_remove(p, a);
	return true;
}

static bool end_step(struct pod *p, struct arena *a)
{
	if (!p->ending)
		p->retry_at = 0; /* that was for another attempt to start */
	p->ending = true;
	if (any_running(p)) {
		p->grace_s = grace_wanted(p);
		pod_kill_all(p);
		return false;
	}
	if (!p->stopped)
		report(p); /* the outcome is known before the cleaning up */
	if (p->retry_at > rt_now() || (!p->stopped && !stop(p, a)))
		return false;
	return p->deleting && bury(p, a);
}

/* True: the worker is done. */
static bool look(struct pod *p)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	take_next(p);
	if (!observe(p))
		return false;
	judge(p);
	admit(p);
	if (p->deleting || p->failed || p->over) {
		if (end_step(p, a))
			return true;
	} else {
		report(p);
		pod_start_step(p, a);
	}
	report(p);
	return false;
}

static bool round_of(struct pod *p)
{
	const char *type = p->deleting || p->failed || p->over ? "kill" : !p->synced ? "create" : p->next ? "update" : "sync";
	mono_t began = rt_now_exact();
	bool done = look(p);
	p->synced = true;
	metric_observe(metric_histogram(p->k->o.metrics, M_kubelet_pod_worker_duration_seconds, LABELS(str_of(type))), (double)(rt_now_exact() - began) / NS_S);
	return done;
}

static mono_t sooner(mono_t a, mono_t b) { return b && b < a ? b : a; }

static mono_t next_look(struct pod *p)
{
	mono_t t = sooner(MONO_NEVER, p->poll_at), now = rt_now();
	if (p->retry_at > now)
		t = sooner(t, p->retry_at);
	if (!p->failed && !p->deleting)
		t = sooner(t, deadline_at(p));
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&p->cmems, &i));) {
		struct cmem *m = en->value;
		if (m->retry_at > now)
			t = sooner(t, m->retry_at);
	}
	return t;
}

static void wait_news(struct pod *p)
{
	mono_t until = next_look(p);
	while (!p->dirty && !fiber_cancelled() && rt_now() < until)
		if (cond_wait(&p->wake, until) == -ETIME)
			break;
	if (p->poll_at && p->poll_at <= rt_now())
		p->stale = true;
}

/* The scope of the Pod's other fibers ends first, so that none of them meets a freed Pod. */
static void worker(void *arg)
{
	struct pod *p = arg;
	bool done = false;
	while (!done && !fiber_cancelled()) {
		p->dirty = false;
		done = round_of(p);
		if (!done)
			wait_news(p);
	}
	struct kubelet *k = p->k;
	struct str key = str_dup(p->mem, p->key);
	bool ended = done;
	scope_fini(&p->scope);
	if (ended)
		log_v(2, "%.*s is gone", STR_F(key));
	pod_free(p);
	if (ended)
		source_pod_gone(k);
}

/* ---- calls that the end of the Pod interrupts */
struct aside {
	struct pod *p;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

static void aside_fiber(void *arg)
{
	struct aside *x = arg;
	x->fn(x->arg);
	x->done = true;
	cond_wake_all(&x->p->wake);
}

bool pod_to_end(const struct pod *p) { return p->gone || (p->next && meta_deleting(&p->next->pod->metadata)); }

bool pod_run(struct pod *p, void (*fn)(void *arg), void *arg)
{
	struct aside x = {p, fn, arg, false};
	struct scope scope;
	scope_init(&scope, &p->scope);
	if (!fiber_spawn(&scope, "aside", aside_fiber, &x))
		aside_fiber(&x);
	while (!x.done && !pod_to_end(p) && !cond_wait(&p->wake, MONO_NEVER))
		;
	bool done = x.done;
	scope_fini(&scope);
	p->stale |= !done;
	return done;
}

struct cri_job {
	struct cri *cri;
	struct arena *a;
	enum cri_op op;
	const void *req;
	void *resp;
	nsec_t timeout;
	struct err *e;
	int r;
};

static void cri_job(void *arg)
{
	struct cri_job *j = arg;
	j->r = cri_call(j->cri, j->a, j->op, j->req, j->resp, j->timeout, j->e);
}

int pod_cri_call(struct pod *p, struct arena *a, enum cri_op op, const void *req, void *resp, nsec_t timeout, struct err *e)
{
	struct cri_job j = {p->k->cri, a, op, req, resp, timeout, e, -1};
	pod_run(p, cri_job, &j);
	return j.r;
}

void worker_start(struct pod *p)
{
	p->running = true;
	if (!fiber_spawn(p->k->scope, "pod", worker, p)) {
		log_error("%.*s: no fiber left for it", STR_F(p->key));
		scope_fini(&p->scope);
		pod_free(p);
	}
}
