#include "kubelet/volume.h"

struct spec *spec_ref(struct spec *s)
{
	s->refs++;
	return s;
}

void spec_unref(struct spec *s)
{
	if (s && !--s->refs)
		arena_free(s->mem);
}

void pod_wake(struct pod *p)
{
	p->dirty = true;
	cond_wake_all(&p->wake);
}

void pod_stale(struct pod *p)
{
	p->stale = true;
	pod_wake(p);
}

struct pod *pod_by_uid(struct kubelet *k, struct str uid) { return map_get(&k->pods, uid); }

struct pod *pod_by_name(struct kubelet *k, struct str ns, struct str name)
{
	struct map_entry *en;
	struct pod *found = NULL;
	for (size_t i = 0; (en = map_next(&k->pods, &i));) {
		struct pod *p = en->value;
		if (str_eq(p->name, name) && str_eq(p->ns, ns) && (!found || found->gone))
			found = p;
	}
	return found;
}

static void cmem_add(struct pod *p, struct str name, enum ckind kind)
{
	if (map_has(&p->cmems, name))
		return;
	struct cmem *m = arena_make(p->mem, struct cmem);
	m->name = str_dup(p->mem, name);
	m->kind = kind;
	map_set(&p->cmems, m->name, m);
}

static void cmems_of_spec(struct pod *p)
{
	struct core_v1_Pod *o = p->spec->pod;
	EACH_INIT(c, o)
		cmem_add(p, c->name, CK_INIT);
	EACH_MAIN(c, o)
		cmem_add(p, c->name, CK_MAIN);
	LIST_EACH(c, o->spec.ephemeralContainers)
		cmem_add(p, c->ephemeralContainerCommon.name, CK_EPHEMERAL);
}

struct cmem *pod_cmem(struct pod *p, struct str name)
{
	struct cmem *m = map_get(&p->cmems, name);
	if (!m)
		cmems_of_spec(p);
	return m ? m : map_get(&p->cmems, name);
}

/* What was ready before a restart of the kubelet stays so until a probe says otherwise. */
static void remember_ready(struct pod *p, struct core_v1_ContainerStatus *s)
{
	struct cmem *m = pod_cmem(p, s->name);
	ptrdiff_t i = str_find(s->containerID, STR("://"));
	if (!m || i < 0 || !s->state.running)
		return;
	m->id = str_dup(p->mem, str_sub(s->containerID, i + 3, s->containerID.n));
	m->ready = s->ready;
	m->started = s->has_started && s->started;
}

static void remember(struct pod *p)
{
	struct core_v1_Pod *o = p->spec->pod;
	LIST_EACH(s, o->status.containerStatuses)
		remember_ready(p, s);
	LIST_EACH(s, o->status.initContainerStatuses)
		remember_ready(p, s);
	p->start_time = o->status.has_startTime ? api_time_wall(o->status.startTime) : 0;
	if (str_is(o->status.phase, "Succeeded") || str_is(o->status.phase, "Failed")) {
		p->status = obj_copy(p->status_mem, (struct ref){desc_type(T_core_v1_PodStatus), &o->status});
		p->over = true;
	}
}

struct pod *pod_new(struct kubelet *k, struct spec *s)
{
	struct arena *mem = arena_new(NULL);
	struct pod *p = arena_make(mem, struct pod);
	struct meta_v1_ObjectMeta *m = &s->pod->metadata;
	p->k = k;
	p->mem = mem;
	p->uid = str_dup(mem, m->uid);
	p->ns = str_dup(mem, m->namespace);
	p->name = str_dup(mem, m->name);
	p->key = str_printf(mem, "%.*s/%.*s", STR_F(p->ns), STR_F(p->name));
	p->full = str_printf(mem, "%.*s_%.*s(%.*s)", STR_F(p->name), STR_F(p->ns), STR_F(p->uid));
	p->spec = s;
	p->stale = true;
	p->seen = rt_wall();
	p->status_mem = arena_new(NULL);
	cond_init(&p->wake);
	cond_init(&p->volumes_wake);
	scope_init(&p->scope, k->scope);
	cmems_of_spec(p);
	remember(p);
	map_set(&k->pods, p->uid, p);
	return p;
}

void pod_free(struct pod *p)
{
	struct map_entry *en;
	objects_release(p);
	for (size_t i = 0; (en = map_next(&p->cmems, &i));) {
		struct cmem *m = en->value;
		buf_fini(&m->wait_message);
		buf_fini(&m->pull_error);
	}
	map_fini(&p->cmems);
	tokens_free(p);
	map_del(&p->k->pods, p->uid);
	view_free(p->view);
	spec_unref(p->spec);
	spec_unref(p->next);
	arena_free(p->status_mem);
	arena_free(p->mem);
}

struct str pod_dir(struct arena *a, const struct pod *p) { return str_printf(a, "%.*s/pods/%.*s", STR_F(p->k->o.root_dir), STR_F(p->uid)); }

struct str pod_log_dir(struct arena *a, const struct pod *p)
{
	return str_printf(a, "%.*s/%.*s_%.*s_%.*s", STR_F(p->k->cfg->podLogsDir), STR_F(p->ns), STR_F(p->name), STR_F(p->uid));
}

void pod_ref(const struct pod *p, struct arena *a, struct core_v1_ObjectReference *ret, struct str container)
{
	enum ckind kind = CK_MAIN;
	recorder_ref((struct ref){desc_type(T_core_v1_Pod), p->spec->pod}, ret);
	if (p->mirror_uid.n)
		ret->uid = p->mirror_uid;
	if (!container.n)
		return;
	pod_find_container(p->spec->pod, container, &kind);
	static const char *const fields[] = {"initContainers", "containers", "ephemeralContainers"};
	ret->fieldPath = str_printf(a, "spec.%s{%.*s}", fields[kind], STR_F(container));
}

void pod_event(struct pod *p, struct str container, const char *type, const char *reason, const char *fmt, ...)
{
	if (!p->k->rec)
		return;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_ObjectReference about = {0};
	pod_ref(p, a, &about, container);
	va_list ap;
	va_start(ap, fmt);
	struct str text = str_vprintf(a, fmt, ap);
	va_end(ap);
	recorder_event(p->k->rec, &about, type, reason, "%.*s", STR_F(text));
}

const struct core_v1_Container *pod_find_container(const struct core_v1_Pod *pod, struct str name, enum ckind *ret_kind)
{
	LIST_EACH(c, pod->spec.initContainers)
		if (str_eq(c->name, name))
			return *ret_kind = CK_INIT, c;
	LIST_EACH(c, pod->spec.containers)
		if (str_eq(c->name, name))
			return *ret_kind = CK_MAIN, c;
	LIST_EACH(c, pod->spec.ephemeralContainers)
		if (str_eq(c->ephemeralContainerCommon.name, name)) /* the common part has the layout of a container: checked in start.c */
			return *ret_kind = CK_EPHEMERAL, (const struct core_v1_Container *)&c->ephemeralContainerCommon;
	return NULL;
}
