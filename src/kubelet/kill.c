#include "kubelet/impl.h"

struct kill {
	struct pod *p;
	struct spec *spec;
	struct str id, name;
	int64_t grace_s;
	struct cmem *m;
};

/* What preStop leaves of the grace, at least GRACE_MIN_S where there was any. */
static int64_t pre_stop(struct kill *x)
{
	enum ckind kind;
	const struct core_v1_Container *c = pod_find_container(x->spec->pod, x->name, &kind);
	if (!c || !c->lifecycle || !c->lifecycle->preStop || x->grace_s <= 0)
		return x->grace_s;
	ERR(e);
	mono_t began = rt_now();
	if (hook_run(x->p, c, x->id, c->lifecycle->preStop, began + x->grace_s * NS_S, &e)) {
		log_warn("%.*s: preStop of %.*s: %s", STR_F(x->p->key), STR_F(x->name), err_text(&e));
		pod_event(x->p, x->name, "Warning", "FailedPreStopHook", "PreStopHook failed");
	}
	int64_t left = x->grace_s - (rt_now() - began) / NS_S;
	return left > GRACE_MIN_S ? left : x->grace_s < GRACE_MIN_S ? x->grace_s : GRACE_MIN_S;
}

static void kill_fiber(void *arg)
{
	struct kill *x = arg;
	int64_t left = pre_stop(x);
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct cri_v1_StopContainerRequest req = {x->id, left};
	struct cri_v1_StopContainerResponse resp = {0};
	if (!fiber_cancelled() && cri_call(x->p->k->cri, a, CRI_STOP, &req, &resp, left * NS_S + x->p->k->cri->timeout, &e) && !cri_not_found(&e))
		log_error("%.*s: container %.*s does not stop: %s", STR_F(x->p->key), STR_F(x->name), err_text(&e));
	x->m->killing = false;
	pod_stale(x->p);
	spec_unref(x->spec);
	free(x);
}

static struct kill *kill_new(struct pod *p, struct cmem *m, struct str id, int64_t grace_s)
{
	struct kill *x = calloc(1, sizeof *x + id.n);
	if (!x)
		bug("out of memory");
	memcpy(x + 1, id.p, id.n);
	*x = (struct kill){p, spec_ref(p->spec), {(char *)(x + 1), id.n}, m->name, grace_s, m};
	return x;
}

static void kill_start(struct pod *p, struct cmem *m, struct str id, int64_t grace_s)
{
	struct kill *x = kill_new(p, m, id, grace_s);
	m->killing = true;
	if (!fiber_spawn(&p->scope, "kill", kill_fiber, x)) {
		m->killing = false;
		p->retry_at = rt_now() + NS_S;
		spec_unref(x->spec);
		free(x);
	}
}

void container_stop(struct pod *p, struct cmem *m, struct str id, int64_t grace_s) { kill_start(p, m, id, grace_s); }

void container_kill(struct pod *p, struct str id, struct str name, int64_t grace_s, struct str why)
{
	struct cmem *m = pod_cmem(p, name);
	if (!m || m->killing)
		return;
	probes_stop(m);
	pod_event(p, name, "Normal", "Killing", "%.*s", STR_F(why));
	kill_start(p, m, id, grace_s);
}

/* Main containers go together; sidecars after them, the last one first. */
static bool may_go(const struct pod *p, const struct cview *c)
{
	enum ckind kind = CK_MAIN;
	bool past = false;
	pod_find_container(p->spec->pod, c->name, &kind);
	if (kind != CK_INIT)
		return true;
	EACH_MAIN(o, p->spec->pod) {
		const struct cview *v = view_latest(p->view, o->name);
		if (v && v->state == CS_RUNNING)
			return false;
	}
	EACH_INIT(o, p->spec->pod) {
		const struct cview *v = view_latest(p->view, o->name);
		if (past && v && v->state == CS_RUNNING)
			return false;
		past |= str_eq(o->name, c->name);
	}
	return true;
}

static void kill_one(struct pod *p, const struct cview *c, bool shorter, int64_t left)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cmem *m = pod_cmem(p, c->name);
	if (!m || (m->killing && !shorter) || !may_go(p, c))
		return;
	if (m->killing)
		kill_start(p, m, c->id, left); /* a second request with less time: the runtime obeys the sooner */
	else
		container_kill(p, c->id, c->name, left, str_printf(a, "Stopping container %.*s", STR_F(c->name)));
}

void pod_kill_all(struct pod *p)
{
	mono_t now = rt_now();
	bool shorter = p->killing && p->grace_s < p->used_grace_s;
	if (!p->killing || shorter)
		p->kill_at = now + p->grace_s * NS_S;
	p->killing = true;
	p->used_grace_s = p->grace_s;
	int64_t left = (p->kill_at - now + NS_S - 1) / NS_S;
	LIST_EACH(c, p->view->containers)
		if (c->state == CS_RUNNING || c->state == CS_CREATED)
			kill_one(p, c, shorter, left > 0 ? left : 0);
}
