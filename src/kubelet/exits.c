/* Where the end of a container is heard of: CRI events where the runtime has them; else a pidfd of its init; a full check behind both. */
#include "kubelet/impl.h"
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

struct exit_watch {
	struct io io;
	struct kubelet *k;
	struct str id, uid; /* behind it */
	bool fired;
};

static struct exit_watch *watch_of(struct kubelet *k, struct str id) { return map_get(&k->exits, id); }
bool exit_watched(struct kubelet *k, struct str id) { return watch_of(k, id) != NULL; }

bool exit_fired(struct kubelet *k, struct str id)
{
	struct exit_watch *w = watch_of(k, id);
	return w && w->fired;
}

static void ended(struct io *io, uint32_t events)
{
	struct exit_watch *w = container_of(io, struct exit_watch, io);
	if (w->fired)
		return;
	w->fired = true;
	io_del(io);
	struct pod *p = pod_by_uid(w->k, w->uid);
	if (p)
		pod_stale(p);
}

void exit_watch(struct pod *p, struct str id, int64_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	struct exit_watch *w = calloc(1, sizeof *w + id.n + p->uid.n);
	if (!w)
		bug("out of memory");
	char *text = (char *)(w + 1);
	memcpy(text, id.p, id.n);
	memcpy(text + id.n, p->uid.p, p->uid.n);
	*w = (struct exit_watch){.k = p->k, .id = {text, id.n}, .uid = {text + id.n, p->uid.n}, .io = {.fd = fd, .fn = ended, .loop = loop_self()}};
	w->fired = fd < 0 || io_add(&w->io, EPOLLIN); /* gone already: then the runtime is asked until it knows */
	map_set(&p->k->exits, w->id, w);
}

static void watch_free(struct exit_watch *w)
{
	if (!w->fired)
		io_del(&w->io);
	if (w->io.fd >= 0)
		close(w->io.fd);
	free(w);
}

void exit_forget(struct kubelet *k, struct str id)
{
	struct exit_watch *w = map_del(&k->exits, id);
	if (w)
		watch_free(w);
}

void exits_free(struct kubelet *k)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&k->exits, &i));)
		watch_free(en->value);
	map_fini(&k->exits);
}

/* ---- events of the runtime */
static void event_seen(struct kubelet *k, const struct cri_v1_ContainerEventResponse *ev)
{
	struct cri_v1_PodSandboxStatus *s = ev->pod_sandbox_status;
	struct pod *p = s && s->metadata ? pod_by_uid(k, s->metadata->uid) : NULL;
	if (p)
		pod_stale(p);
}

/* False: the runtime has no events, or the fiber was cancelled. */
static bool events_follow(struct kubelet *k)
{
	struct cri_v1_GetEventsRequest req = {0};
	ERR(e);
	enum grpc_code code = GRPC_UNKNOWN;
	struct grpc_stream *s = grpc_stream_open(k->cri->grpc, "/runtime.v1.RuntimeService/GetContainerEvents",
		(struct ref){desc_type(T_cri_v1_GetEventsRequest), &req}, MONO_NEVER, &e);
	int r = s ? 1 : -1;
	while (r == 1) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct cri_v1_ContainerEventResponse ev = {0};
		r = grpc_stream_next(s, (struct ref){desc_type(T_cri_v1_ContainerEventResponse), &ev}, a, MONO_NEVER, &code, &e);
		k->cri_events |= r == 1;
		if (r == 1)
			event_seen(k, &ev);
	}
	grpc_stream_close(s);
	k->cri_events = false;
	return code != GRPC_UNIMPLEMENTED && !fiber_cancelled();
}

static void events_fiber(void *arg)
{
	while (events_follow(arg) && !fiber_sleep(NS_S))
		;
}

/* ---- the full check */
static bool known(struct kubelet *k, struct str uid) { return uid.n && pod_by_uid(k, uid); }

/* A sandbox whose Pod is not ours any more: the kubelet was away when it went. */
static void orphan_remove(struct kubelet *k, struct arena *a, struct str id)
{
	ERR(e);
	struct cri_v1_StopPodSandboxRequest stop = {id};
	struct cri_v1_StopPodSandboxResponse stopped = {0};
	struct cri_v1_RemovePodSandboxRequest rm = {id};
	struct cri_v1_RemovePodSandboxResponse removed = {0};
	bool failed = cri_call(k->cri, a, CRI_STOP_SANDBOX, &stop, &stopped, 0, &e) || cri_call(k->cri, a, CRI_REMOVE_SANDBOX, &rm, &removed, 0, &e);
	if (failed && !cri_not_found(&e)) /* its Pod may have ended in between */
		log_error("orphaned sandbox %.*s stays: %s", STR_F(id), err_text(&e));
}

static bool state_differs(const struct pod *p, const struct cri_v1_Container *c)
{
	const struct cview *v = p->view ? view_by_id(p->view, c->id) : NULL;
	return !v || v->state != c->state;
}

static void compare_containers(struct kubelet *k, struct arena *a)
{
	ERR(e);
	struct cri_v1_ListContainersRequest req = {0};
	struct cri_v1_ListContainersResponse resp = {0};
	if (cri_call(k->cri, a, CRI_LIST, &req, &resp, 0, &e))
		return;
	LIST_EACH(c, resp.containers) {
		struct pod *p = pod_by_uid(k, str_map_get(&c->labels, STR("io.kubernetes.pod.uid")));
		if (p && !p->stale && state_differs(p, c))
			pod_stale(p);
	}
}

static void compare_sandboxes(struct kubelet *k, struct arena *a)
{
	ERR(e);
	struct cri_v1_ListPodSandboxRequest req = {0};
	struct cri_v1_ListPodSandboxResponse resp = {0};
	if (cri_call(k->cri, a, CRI_LIST_SANDBOX, &req, &resp, 0, &e))
		return;
	LIST_EACH(s, resp.items) {
		struct str uid = s->metadata ? s->metadata->uid : STR("");
		struct pod *p = pod_by_uid(k, uid);
		const struct sview *v = p ? view_sandbox(p->view) : NULL;
		if (v && str_eq(v->id, s->id) && v->ready != (s->state == 0))
			pod_stale(p);
		if (k->sources_ready && uid.n && !known(k, uid))
			orphan_remove(k, a, s->id);
	}
}

static void check(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	mono_t began = rt_now_exact();
	if (k->relisted)
		metric_observe(metric_histogram(k->o.metrics, M_kubelet_pleg_relist_interval_seconds, NULL), (double)(began - k->relisted) / NS_S);
	k->relisted = began;
	compare_containers(k, a);
	compare_sandboxes(k, a);
	metric_observe(metric_histogram(k->o.metrics, M_kubelet_pleg_relist_duration_seconds, NULL), (double)(rt_now_exact() - began) / NS_S);
	metric_put(k->o.metrics, M_kubelet_pleg_last_seen_seconds, NULL, (double)(rt_wall() / NS_S));
	orphans_clean(k, a);
}

static void check_fiber(void *arg)
{
	struct kubelet *k = arg;
	do
		check(k);
	while (cond_wait(&k->check_wake, rt_now() + RELIST_EVERY) != -ECANCELED);
}

void exits_start(struct kubelet *k)
{
	if (!fiber_spawn(k->scope, "kubelet-events", events_fiber, k) || !fiber_spawn(k->scope, "kubelet-check", check_fiber, k))
		log_error("no fiber left to watch the runtime");
}
