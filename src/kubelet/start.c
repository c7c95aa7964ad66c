/* What a Pod still lacks: folders, cgroup, volumes, sandbox, init containers, containers.  Each call takes the steps that are possible now. */
#include "kubelet/impl.h"
#include "gen/node_v1.h"

/* An ephemeral container is a container without a few members, in the same order: pod_find_container casts. */
_Static_assert(offsetof(struct core_v1_EphemeralContainerCommon, image) == offsetof(struct core_v1_Container, image), "layout");
_Static_assert(offsetof(struct core_v1_EphemeralContainerCommon, volumeMounts) == offsetof(struct core_v1_Container, volumeMounts), "layout");
_Static_assert(offsetof(struct core_v1_EphemeralContainerCommon, tty) == offsetof(struct core_v1_Container, tty), "layout");

#define RUNTIME_AGAIN (100 * NS_MS) /* while the runtime is not ready */

static void set_waiting(struct cmem *m, const char *reason, struct str message)
{
	m->wait_reason = (char *)reason;
	buf_clear(&m->wait_message);
	buf_str(&m->wait_message, message);
}

static bool folders(struct pod *p, struct arena *a)
{
	static const char *const parts[] = {"volumes", "plugins", "containers"};
	ERR(e);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (file_mkdirs(str_z(a, str_printf(a, "%.*s/%s", STR_F(pod_dir(a, p)), parts[i])), 0750, &e))
			break;
	if (!e.code && !file_mkdirs(str_z(a, pod_log_dir(a, p)), 0755, &e))
		return true;
	log_error("%.*s: %s", STR_F(p->key), err_text(&e));
	p->retry_at = rt_now() + RETRY_AFTER;
	return false;
}

static bool prepare(struct pod *p, struct arena *a)
{
	ERR(e);
	if (!p->dirs_ready && !(p->dirs_ready = folders(p, a)))
		return false;
	if (!p->cgroup_ready && resources_pod_cgroup(p, &e)) {
		pod_event(p, STR(""), "Warning", "FailedCreatePodContainer", "unable to ensure pod container exists: %s", err_text(&e));
		p->retry_at = rt_now() + RETRY_AFTER;
		return false;
	}
	p->cgroup_ready = true;
	if (!p->volumes_ready && !p->volumes_busy)
		volumes_begin(p);
	return true;
}

/* ---- sandbox */
static void ips_of(struct pod *p, const struct cri_v1_PodSandboxStatus *s)
{
	p->nips = 0;
	if (p->spec->pod->spec.hostNetwork)
		p->ips[p->nips++] = p->k->node_ip;
	else if (s->network && s->network->ip.n)
		p->ips[p->nips++] = str_dup(p->mem, s->network->ip);
	if (!p->spec->pod->spec.hostNetwork && s->network)
		LIST_EACH(ip, s->network->additional_ips)
			if (p->nips < ARRAY_LEN(p->ips))
				p->ips[p->nips++] = str_dup(p->mem, ip->ip);
	p->ip = p->nips ? p->ips[0] : (struct str){0};
}

static bool sandbox_address(struct pod *p, struct arena *a, struct str id)
{
	ERR(e);
	struct cri_v1_PodSandboxStatusRequest req = {id, false};
	struct cri_v1_PodSandboxStatusResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_SANDBOX_STATUS, &req, &resp, 0, &e) || !resp.status)
		return false;
	ips_of(p, resp.status);
	return true;
}

static void sandbox_gone(struct pod *p, struct arena *a, const struct sview *s)
{
	ERR(e);
	struct cri_v1_StopPodSandboxRequest req = {s->id};
	struct cri_v1_StopPodSandboxResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_STOP_SANDBOX, &req, &resp, 0, &e))
		log_warn("%.*s: dead sandbox: %s", STR_F(p->key), err_text(&e));
	if (p->sandbox_ready)
		pod_event(p, STR(""), "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
	p->sandbox_ready = false;
}

/* What the Pod's RuntimeClass calls for; absent without one. */
static int handler_of(struct pod *p, struct arena *a, struct str *ret, struct err *e)
{
	struct str name = p->spec->pod->spec.runtimeClassName;
	*ret = (struct str){0};
	if (!name.n)
		return 0;
	if (!p->k->t)
		return err_set(e, ERR_SERVICE_UNAVAILABLE, "no API server to ask for RuntimeClass \"%.*s\"", STR_F(name));
	struct node_v1_RuntimeClass *c = client_get(p->k->t, a, client_resource("node.k8s.io", "v1", "runtimeclasses"), (struct str){0}, name, e);
	if (!c)
		return err_wrap(e, "failed to get RuntimeClass %.*s", STR_F(name));
	*ret = c->handler;
	return 0;
}

static int sandbox_request(struct pod *p, struct arena *a, uint32_t attempt, struct cri_v1_RunPodSandboxRequest *req, struct err *e)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	if (s->has_hostUsers && !s->hostUsers)
		return err_set(e, ERR_INVALID, "user namespaces are not supported on this node");
	req->config = sandbox_config(p, a, attempt, e);
	return req->config ? handler_of(p, a, &req->runtime_handler, e) : -1;
}

/* Not cut short when the Pod is deleted: the runtime would go on for a while, in a cgroup that has been removed by then. */
static bool sandbox_run(struct pod *p, struct arena *a, uint32_t attempt)
{
	ERR(e);
	struct cri_v1_RunPodSandboxRequest req = {0};
	struct cri_v1_RunPodSandboxResponse resp = {0};
	metric_add(metric_counter(p->k->o.metrics, M_kubelet_started_pods_total, NULL), 1);
	if (sandbox_request(p, a, attempt, &req, &e) || cri_call(p->k->cri, a, CRI_RUN_SANDBOX, &req, &resp, 2 * p->k->cri->timeout, &e)) {
		metric_add(metric_counter(p->k->o.metrics, M_kubelet_started_pods_errors_total, NULL), 1);
		pod_event(p, STR(""), "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", err_text(&e));
		p->retry_at = rt_now() + RETRY_AFTER;
		return false;
	}
	struct sview *s = arena_push(p->view->mem, &p->view->sandboxes);
	memmove(p->view->sandboxes.items + 1, p->view->sandboxes.items, (p->view->sandboxes.len - 1) * sizeof *s);
	p->view->sandboxes.items[0] = (struct sview){str_dup(p->view->mem, resp.pod_sandbox_id), attempt, true, rt_wall()};
	return true;
}

static bool sandbox(struct pod *p, struct arena *a)
{
	const struct sview *s = view_sandbox(p->view);
	uint32_t attempt = s ? s->attempt + 1 : 0;
	if (s && s->ready && p->sandbox_ready)
		return true;
	if (s && !s->ready)
		sandbox_gone(p, a, s);
	if ((!s || !s->ready) && !p->k->runtime_ready) {
		p->retry_at = rt_now() + RUNTIME_AGAIN;
		return false;
	}
	if ((!s || !s->ready) && !sandbox_run(p, a, attempt))
		return false;
	p->sandbox_ready = sandbox_address(p, a, view_sandbox(p->view)->id);
	if (p->sandbox_ready)
		report(p);
	else
		p->retry_at = rt_now() + NS_S;
	return p->sandbox_ready;
}

/* ---- containers */
static void failed(struct pod *p, struct cmem *m, const char *reason, struct str message, struct str event)
{
	set_waiting(m, reason, message);
	pod_event(p, m->name, "Warning", "Failed", "Error: %.*s", STR_F(event));
	if (m->retry_at <= rt_now())
		m->retry_at = rt_now() + RETRY_AFTER;
}

/* Keeps the last dead attempt for logs --previous; older ones go. */
static void forget_attempts(struct pod *p, struct arena *a, struct str name, uint32_t attempt)
{
	LIST_EACH(c, p->view->containers) {
		ERR(e);
		struct cri_v1_RemoveContainerRequest req = {c->id};
		struct cri_v1_RemoveContainerResponse resp = {0};
		if (str_eq(c->name, name) && c->attempt + 1 < attempt && c->state == CS_EXITED && cri_call(p->k->cri, a, CRI_REMOVE, &req, &resp, 0, &e))
			log_warn("%.*s: an old container stays: %s", STR_F(p->key), err_text(&e));
	}
}

static void running(struct pod *p, struct cmem *m, struct str id)
{
	m->wait_reason = NULL;
	m->id = str_dup(p->mem, id);
	m->started = m->ready = false;
	m->retry_at = 0;
	p->stale = p->dirty = true;
}

struct post_start {
	struct pod *p;
	const struct core_v1_Container *c;
	struct str id;
	struct err e;
	bool failed;
};

static void post_start_run(void *arg)
{
	struct post_start *x = arg;
	x->failed = hook_run(x->p, x->c, x->id, x->c->lifecycle->postStart, rt_now() + 10 * NS_MIN, &x->e);
}

static void post_start(struct pod *p, const struct core_v1_Container *c, struct cmem *m, struct str id)
{
	struct post_start x = {.p = p, .c = c, .id = id};
	if (c->lifecycle && c->lifecycle->postStart && pod_run(p, post_start_run, &x) && x.failed) {
		pod_event(p, m->name, "Warning", "FailedPostStartHook", "PostStartHook failed");
		container_kill(p, id, m->name, p->spec->pod->spec.terminationGracePeriodSeconds, STR("FailedPostStartHook"));
		set_waiting(m, "PostStartHookError", x.e.message);
	}
	err_fini(&x.e);
}

static bool create(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, uint32_t attempt, const struct cri_v1_Image *image,
	struct str *ret_id)
{
	ERR(e);
	struct cri_v1_CreateContainerRequest req = {view_sandbox(p->view)->id, container_config(p, a, c, attempt, image->id, image, &e), NULL};
	struct cri_v1_CreateContainerResponse resp = {0};
	if (!req.config) {
		failed(p, m, "CreateContainerConfigError", e.message, e.message);
		return false;
	}
	req.sandbox_config = sandbox_config(p, a, view_sandbox(p->view)->attempt, &e);
	if (!req.sandbox_config || cri_call(p->k->cri, a, CRI_CREATE, &req, &resp, 0, &e)) {
		failed(p, m, "CreateContainerError", cri_error_text(&e), cri_error_text(&e));
		return false;
	}
	pod_event(p, m->name, "Normal", "Created", "Container created");
	*ret_id = resp.container_id;
	return true;
}

static bool main_runs(const struct pod *p, struct str name)
{
	const struct cview *v = view_latest(p->view, name);
	const struct cmem *m = map_get(&p->cmems, name);
	return (v && v->state != CS_CREATED) || (m && m->id.n);
}

/* The last of the containers began for the first time. */
static void note_started(struct pod *p)
{
	bool all = !p->started;
	EACH_MAIN(c, p->spec->pod)
		all = all && main_runs(p, c->name);
	if (!all)
		return;
	p->started = true;
	metric_observe(metric_histogram(p->k->o.metrics, M_kubelet_pod_start_duration_seconds, NULL), (double)(rt_wall() - p->seen) / NS_S);
}

static bool try_start(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, uint32_t attempt)
{
	ERR(e);
	struct cri_v1_Image *image;
	struct str id;
	if (image_ensure(p, a, c, m, &image, &e) || !create(p, a, c, m, attempt, image, &id))
		return false;
	struct cri_v1_StartContainerRequest req = {id};
	struct cri_v1_StartContainerResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_START, &req, &resp, 0, &e)) {
		failed(p, m, "RunContainerError", cri_error_text(&e), cri_error_text(&e));
		p->stale = p->dirty = true;
		return false;
	}
	running(p, m, id);
	if (!attempt)
		note_started(p);
	pod_event(p, m->name, "Normal", "Started", "Container started");
	forget_attempts(p, a, c->name, attempt);
	post_start(p, c, m, id);
	return true;
}

static void start(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, uint32_t attempt)
{
	static const char *const types[] = {[CK_INIT] = "init_container", [CK_MAIN] = "container", [CK_EPHEMERAL] = "ephemeral_container"};
	struct str type = str_of(types[m->kind]);
	metric_add(metric_counter(p->k->o.metrics, M_kubelet_started_containers_total, LABELS(type)), 1);
	if (!try_start(p, a, c, m, attempt))
		metric_add(metric_counter(p->k->o.metrics, M_kubelet_started_containers_errors_total, LABELS(str_of(m->wait_reason ? m->wait_reason : ""), type)), 1);
}

/* True: it is too early for another attempt. */
static bool paused(struct pod *p, struct arena *a, struct cmem *m, const struct cview *v)
{
	nsec_t max = 300 * NS_S;
	mono_t now = rt_now(), ended = now - (rt_wall() - v->finished);
	if (p->k->cfg->crashLoopBackOff.has_maxContainerRestartPeriod)
		max = p->k->cfg->crashLoopBackOff.maxContainerRestartPeriod;
	nsec_t left = pause_left(&m->crash, ended, now, max);
	if (!left) {
		pause_next(&m->crash, ended, now, PAUSE_MIN < max ? PAUSE_MIN : max, max);
		return false;
	}
	BUF(span);
	duration_put(&span, m->crash.span);
	pod_event(p, m->name, "Warning", "BackOff", "Back-off restarting failed container %.*s in pod %.*s", STR_F(m->name), STR_F(p->full));
	set_waiting(m, "CrashLoopBackOff", str_printf(a, "back-off %s restarting failed container=%.*s pod=%.*s", buf_z(&span), STR_F(m->name), STR_F(p->full)));
	m->retry_at = now + left;
	return true;
}

static void consider(struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct cview *v)
{
	struct cmem *m = pod_cmem(p, c->name);
	if (!m || m->retry_at > rt_now() || m->killing || p->next || p->gone)
		return;
	if (v && v->state == CS_UNKNOWN) {
		container_kill(p, v->id, m->name, p->spec->pod->spec.terminationGracePeriodSeconds, STR("What the container does is unknown"));
		return;
	}
	if (v && v->state == CS_EXITED && !m->renew && paused(p, a, m, v))
		return;
	start(p, a, c, m, v ? v->attempt + 1 : 0);
}

static const struct cview *current(const struct pod *p, struct str name)
{
	const struct cview *v = view_latest(p->view, name);
	const struct sview *s = view_sandbox(p->view);
	return v && s && str_eq(v->sandbox, s->id) ? v : NULL;
}

static bool outdated(struct arena *a, const struct core_v1_Container *c, const struct cview *v)
{
	return v->hash.n && !str_eq(v->hash, container_hash(a, c));
}

static bool renewal_due(struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct cview *v)
{
	struct cmem *m = pod_cmem(p, c->name);
	if (!m || !m->renew)
		return false;
	m->renew = outdated(a, c, v);
	p->dirty |= !m->renew; /* it may be over then */
	return m->renew;
}

static void keep(struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct cview *v)
{
	struct cmem *m = pod_cmem(p, c->name);
	if (!m || m->killing)
		return;
	m->renew = outdated(a, c, v);
	if (!m->renew) {
		probes_start(p, c, m, v->id);
		return;
	}
	container_kill(p, v->id, m->name, p->spec->pod->spec.terminationGracePeriodSeconds,
		str_printf(a, "Container %.*s definition changed, will be restarted", STR_F(m->name)));
}

static bool main_began(const struct pod *p)
{
	EACH_MAIN(c, p->spec->pod)
		if (current(p, c->name))
			return true;
	return false;
}

/* A sidecar holds the next one back until it has started. */
static bool sidecar(struct pod *p, struct arena *a, const struct core_v1_Container *c)
{
	const struct cview *v = current(p, c->name);
	struct cmem *m = pod_cmem(p, c->name);
	if (!v || v->state != CS_RUNNING) {
		consider(p, a, c, view_latest(p->view, c->name));
		return false;
	}
	keep(p, a, c, v);
	return m && m->started;
}

static bool init_done(struct pod *p, struct arena *a, const struct core_v1_Container *c)
{
	const struct cview *v = current(p, c->name);
	if (v && v->state == CS_EXITED && v->exit_code == 0)
		return true;
	if (!v || (v->state != CS_RUNNING && v->state != CS_EXITED) || (v->state == CS_EXITED && restart_wanted(p->spec->pod, c, v->exit_code, true)))
		consider(p, a, c, view_latest(p->view, c->name));
	return false;
}

/* True: containers may start. */
static bool inits(struct pod *p, struct arena *a)
{
	bool began = main_began(p);
	EACH_INIT(c, p->spec->pod) {
		if (container_is_sidecar(c) ? !sidecar(p, a, c) && !began : !began && !init_done(p, a, c))
			return false;
	}
	return true;
}

static void mains(struct pod *p, struct arena *a)
{
	EACH_MAIN(c, p->spec->pod) {
		const struct cview *v = view_latest(p->view, c->name), *cur = current(p, c->name);
		if (cur && cur->state == CS_RUNNING)
			keep(p, a, c, cur);
		else if (!v || v->state == CS_UNKNOWN || v->state == CS_CREATED || renewal_due(p, a, c, v) ||
			restart_wanted(p->spec->pod, c, v->exit_code, false))
			consider(p, a, c, v);
	}
}

static void ephemerals(struct pod *p, struct arena *a)
{
	LIST_EACH(x, p->spec->pod->spec.ephemeralContainers) {
		enum ckind kind;
		const struct core_v1_Container *c = pod_find_container(p->spec->pod, x->ephemeralContainerCommon.name, &kind);
		if (c && !view_latest(p->view, c->name))
			consider(p, a, c, NULL);
	}
}

void pod_start_step(struct pod *p, struct arena *a)
{
	if (p->retry_at > rt_now() || !prepare(p, a) || !sandbox(p, a) || !p->volumes_ready)
		return;
	ephemerals(p, a);
	if (inits(p, a))
		mains(p, a);
}
