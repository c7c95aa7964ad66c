#include "kubelet/impl.h"

struct kill {
	struct pod *p;
	struct spec *spec;
	struct str id, name;
	int64_t grace_s;
	mono_t until;         /* when the grace is over */
	bool ordered, again;  /* it has its turn among the Pod's containers; another fiber has seen to the hook */
	struct cmem *m;
};

static void pre_stop(struct kill *x)
{
	enum ckind kind;
	const struct core_v1_Container *c = pod_find_container(x->spec->pod, x->name, &kind);
	ERR(e);
	if (x->again || !c || !c->lifecycle || !c->lifecycle->preStop || x->grace_s <= 0 || !hook_run(x->p, c, x->id, c->lifecycle->preStop, x->until, &e))
		return;
	log_warn("%.*s: preStop of %.*s: %s", STR_F(x->p->key), STR_F(x->name), err_text(&e));
	pod_event(x->p, x->name, "Warning", "FailedPreStopHook", "PreStopHook failed");
}

static bool runs(const struct pod *p, struct str name)
{
	const struct cview *v = view_latest(p->view, name);
	return v && v->state == CS_RUNNING;
}

/* Main containers go together; sidecars after them, the last one first. */
static bool may_go(const struct kill *x)
{
	const struct pod *p = x->p;
	enum ckind kind = CK_MAIN;
	bool past = false;
	pod_find_container(p->spec->pod, x->name, &kind);
	if (kind != CK_INIT || !runs(p, x->name))
		return true;
	EACH_MAIN(o, p->spec->pod)
		if (runs(p, o->name))
			return false;
	EACH_INIT(o, p->spec->pod) {
		if (past && runs(p, o->name))
			return false;
		past |= str_eq(o->name, x->name);
	}
	return true;
}

static void wait_turn(const struct kill *x)
{
	while (x->ordered && !may_go(x) && !cond_wait(&x->p->wake, x->until))
		;
}

/* Hooks and waiting leave at least GRACE_MIN_S, where there was as much. */
static int64_t left_of(const struct kill *x)
{
	int64_t left = (x->until - rt_now() + NS_S - 1) / NS_S, least = x->grace_s < GRACE_MIN_S ? x->grace_s : GRACE_MIN_S;
	return left > least ? left : least;
}

static bool stop_fails(struct kill *x)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct cri *cri = x->p->k->cri;
	struct cri_v1_StopContainerRequest req = {x->id, left_of(x)};
	struct cri_v1_StopContainerResponse resp = {0};
	x->m->stopping = true;
	bool failed = cri_call(cri, a, CRI_STOP, &req, &resp, req.timeout * NS_S + cri->timeout, &e) && !cri_not_found(&e);
	x->m->stopping = false;
	if (failed && !fiber_cancelled())
		log_error("%.*s: container %.*s does not stop: %s", STR_F(x->p->key), STR_F(x->name), err_text(&e));
	return failed;
}

static void kill_fiber(void *arg)
{
	struct kill *x = arg;
	pre_stop(x);
	wait_turn(x);
	if (!fiber_cancelled() && stop_fails(x) && fiber_sleep(NS_S))
		log_v(3, "%.*s: its end overtook the stop of %.*s", STR_F(x->p->key), STR_F(x->name));
	x->m->killing = false;
	pod_stale(x->p);
	spec_unref(x->spec);
	free(x);
}

static struct kill *kill_new(struct pod *p, struct cmem *m, struct str id, int64_t grace_s, mono_t until)
{
	struct kill *x = calloc(1, sizeof *x + id.n);
	if (!x)
		bug("out of memory");
	memcpy(x + 1, id.p, id.n);
	*x = (struct kill){.p = p, .spec = spec_ref(p->spec), .id = {(char *)(x + 1), id.n}, .name = m->name, .grace_s = grace_s, .until = until, .m = m};
	return x;
}

static void begin(struct kill *x)
{
	struct pod *p = x->p;
	x->m->killing = true;
	if (fiber_spawn(&p->scope, "kill", kill_fiber, x))
		return;
	x->m->killing = false;
	p->retry_at = rt_now() + NS_S;
	spec_unref(x->spec);
	free(x);
}

static void say(struct pod *p, struct cmem *m, struct str why)
{
	probes_stop_restarts(m);
	pod_event(p, m->name, "Normal", "Killing", "%.*s", STR_F(why));
}

void container_stop(struct pod *p, struct cmem *m, struct str id, int64_t grace_s) { begin(kill_new(p, m, id, grace_s, rt_now() + grace_s * NS_S)); }

void container_kill(struct pod *p, struct str id, struct str name, int64_t grace_s, struct str why)
{
	struct cmem *m = pod_cmem(p, name);
	if (!m || m->killing)
		return;
	say(p, m, why);
	container_stop(p, m, id, grace_s);
}

/* A second request with less time: the runtime obeys the sooner. */
static void kill_one(struct pod *p, const struct cview *c, bool shorter)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cmem *m = pod_cmem(p, c->name);
	if (!m || (m->killing && !shorter))
		return;
	struct kill *x = kill_new(p, m, c->id, p->grace_s, p->kill_at);
	x->ordered = true;
	x->again = m->killing;
	if (!x->again)
		say(p, m, str_printf(a, "Stopping container %.*s", STR_F(c->name)));
	begin(x);
}

void pod_kill_all(struct pod *p)
{
	bool shorter = p->killing && p->grace_s < p->used_grace_s;
	if (!p->killing || shorter)
		p->kill_at = rt_now() + p->grace_s * NS_S;
	p->killing = true;
	p->used_grace_s = p->grace_s;
	LIST_EACH(c, p->view->containers)
		if (c->state == CS_RUNNING)
			kill_one(p, c, shorter);
}
