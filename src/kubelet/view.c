#include "kubelet/impl.h"

static struct str_map uid_label(struct arena *a, struct str uid)
{
	struct str_map m = {0};
	str_map_set(a, &m, STR("io.kubernetes.pod.uid"), uid);
	return m;
}

/* By attempts first: the clock may have been set back between two. */
static int later_first(uint32_t attempt_a, int64_t created_a, uint32_t attempt_b, int64_t created_b)
{
	int r = (attempt_b > attempt_a) - (attempt_b < attempt_a);
	return r ? r : (created_b > created_a) - (created_b < created_a);
}

static int sandbox_order(const void *x, const void *y)
{
	const struct sview *a = x, *b = y;
	return later_first(a->attempt, a->created, b->attempt, b->created);
}

static int container_order(const void *x, const void *y)
{
	const struct cview *a = x, *b = y;
	return later_first(a->attempt, a->created, b->attempt, b->created);
}

static int sandboxes_read(struct pod *p, struct view *v, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cri_v1_PodSandboxFilter filter = {.label_selector = uid_label(a, p->uid)};
	struct cri_v1_ListPodSandboxRequest req = {&filter};
	struct cri_v1_ListPodSandboxResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_LIST_SANDBOX, &req, &resp, 0, e))
		return -1;
	LIST_EACH(s, resp.items) {
		struct sview *o = arena_push(v->mem, &v->sandboxes);
		*o = (struct sview){str_dup(v->mem, s->id), s->metadata ? s->metadata->attempt : 0, s->state == 0, s->created_at};
	}
	if (v->sandboxes.len)
		qsort(v->sandboxes.items, v->sandboxes.len, sizeof *v->sandboxes.items, sandbox_order);
	return 0;
}

static void cview_of(struct arena *a, struct cview *o, const struct cri_v1_ContainerStatus *s)
{
	o->state = s->state;
	o->exit_code = s->exit_code;
	o->created = s->created_at;
	o->started = s->started_at;
	o->finished = s->finished_at;
	o->image = str_dup(a, s->image ? s->image->image : STR(""));
	o->image_id = str_dup(a, s->image_ref.n ? s->image_ref : s->image_id);
	o->reason = str_dup(a, s->reason);
	o->message = str_dup(a, s->message);
	o->log_path = str_dup(a, s->log_path);
	o->hash = str_dup(a, str_map_get(&s->annotations, STR("io.kubernetes.container.hash")));
	struct str mount = str_map_get(&s->annotations, STR("io.kubernetes.container.terminationMessagePath"));
	o->message_policy = str_dup(a, str_map_get(&s->annotations, STR("io.kubernetes.container.terminationMessagePolicy")));
	LIST_EACH(m, s->mounts)
		if (mount.n && str_eq(m->container_path, mount))
			o->message_path = str_dup(a, m->host_path);
}

/* The runtime's verbose answer is JSON text of its own; containerd and CRI-O both name the pid so. */
static int64_t pid_of(struct arena *a, const struct cri_v1_ContainerStatusResponse *r)
{
	struct value *v = NULL;
	struct str info = str_map_get(&r->info, STR("info"));
	if (!info.n || json_parse(a, info, NULL, &v, NULL))
		return 0;
	v = value_get(v, STR("pid"));
	return v && v->type == V_INT ? v->i : 0;
}

static int container_read(struct pod *p, struct view *v, struct cview *o, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	bool want_pid = o->state == CS_RUNNING && !p->k->cri_events && !exit_watched(p->k, o->id);
	struct cri_v1_ContainerStatusRequest req = {o->id, want_pid};
	struct cri_v1_ContainerStatusResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_CONTAINER_STATUS, &req, &resp, 0, e))
		return -1;
	if (resp.status)
		cview_of(v->mem, o, resp.status);
	if (o->state == CS_EXITED && !o->message.n)
		o->message = status_message(p, v->mem, o);
	int64_t pid = want_pid ? pid_of(a, &resp) : 0;
	if (pid > 0)
		exit_watch(p, o->id, pid);
	return 0;
}

static void cview_copy(struct arena *a, struct cview *to, const struct cview *from)
{
	*to = *from;
	struct str *texts[] = {&to->name, &to->id, &to->sandbox, &to->image, &to->image_id, &to->reason, &to->message, &to->log_path, &to->message_path,
		&to->message_policy, &to->hash};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = str_dup(a, *texts[i]);
}

static int container_add(struct pod *p, struct view *v, const struct cri_v1_Container *c, struct err *e)
{
	const struct cview *old = p->view ? view_by_id(p->view, c->id) : NULL;
	struct cview o = {.name = str_dup(v->mem, str_map_get(&c->labels, STR("io.kubernetes.container.name"))), .id = str_dup(v->mem, c->id),
		.sandbox = str_dup(v->mem, c->pod_sandbox_id), .attempt = c->metadata ? c->metadata->attempt : 0, .state = c->state, .created = c->created_at};
	if (old && old->state == CS_EXITED && c->state == CS_EXITED) {
		cview_copy(v->mem, &o, old);
	} else if (container_read(p, v, &o, e)) {
		if (!cri_not_found(e))
			return -1;
		err_fini(e);
		return 0;
	}
	if (o.state != CS_RUNNING)
		exit_forget(p->k, o.id);
	struct cview *slot = arena_push(v->mem, &v->containers);
	*slot = o;
	return 0;
}

static int containers_read(struct pod *p, struct view *v, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cri_v1_ContainerFilter filter = {.label_selector = uid_label(a, p->uid)};
	struct cri_v1_ListContainersRequest req = {&filter};
	struct cri_v1_ListContainersResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_LIST, &req, &resp, 0, e))
		return -1;
	LIST_EACH(c, resp.containers)
		if (container_add(p, v, c, e))
			return -1;
	if (v->containers.len)
		qsort(v->containers.items, v->containers.len, sizeof *v->containers.items, container_order);
	return 0;
}

int view_refresh(struct pod *p, struct err *e)
{
	struct arena *mem = arena_new(NULL);
	struct view *v = arena_make(mem, struct view);
	v->mem = mem;
	if (sandboxes_read(p, v, e) || containers_read(p, v, e)) {
		view_free(v);
		return -1;
	}
	view_free(p->view);
	p->view = v;
	log_readers_wake(p->k);
	return 0;
}

void view_free(struct view *v)
{
	if (v)
		arena_free(v->mem);
}

const struct cview *view_latest(const struct view *v, struct str name)
{
	if (v)
		LIST_EACH(c, v->containers)
			if (str_eq(c->name, name))
				return c;
	return NULL;
}

const struct cview *view_before(const struct view *v, const struct cview *c)
{
	for (uint32_t i = (uint32_t)(c - v->containers.items) + 1; i < v->containers.len; i++)
		if (str_eq(v->containers.items[i].name, c->name))
			return &v->containers.items[i];
	return NULL;
}

const struct cview *view_by_id(const struct view *v, struct str id)
{
	LIST_EACH(c, v->containers)
		if (str_eq(c->id, id))
			return c;
	return NULL;
}

const struct sview *view_sandbox(const struct view *v) { return v && v->sandboxes.len ? &v->sandboxes.items[0] : NULL; }
