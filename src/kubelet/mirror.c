/* Mirror Pods: how static Pods show in the API. */
#include "kubelet/impl.h"

#define PAUSE_MAX (16 * NS_S)

struct mirror_job {
	struct kubelet *k;
	struct str ns, name, uid; /* behind it */
};

static struct mirror_job *job_new(struct kubelet *k, struct str ns, struct str name, struct str uid)
{
	struct mirror_job *j = calloc(1, sizeof *j + ns.n + name.n + uid.n);
	if (!j)
		bug("out of memory");
	char *t = (char *)(j + 1);
	memcpy(t, ns.p, ns.n);
	memcpy(t + ns.n, name.p, name.n);
	memcpy(t + ns.n + name.n, uid.p, uid.n);
	*j = (struct mirror_job){k, {t, ns.n}, {t + ns.n, name.n}, {t + ns.n + name.n, uid.n}};
	return j;
}

static void begin(struct kubelet *k, void (*fn)(void *), struct mirror_job *j)
{
	if (!k->t || !fiber_spawn(k->scope, "mirror", fn, j))
		free(j);
}

static void owner(struct kubelet *k, struct arena *a, struct meta_v1_ObjectMeta *m)
{
	if (!k->node_uid.n)
		return;
	struct meta_v1_OwnerReference *r = arena_push(a, &m->ownerReferences);
	*r = (struct meta_v1_OwnerReference){.apiVersion = STR("v1"), .kind = STR("Node"), .name = k->o.node_name, .uid = k->node_uid, .controller = true, .has_controller = true};
}

static int create(struct pod *p, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod *o = obj_copy(a, (struct ref){desc_type(T_core_v1_Pod), p->spec->pod});
	o->metadata.uid = o->metadata.resourceVersion = (struct str){0};
	str_map_set(a, &o->metadata.annotations, STR("kubernetes.io/config.mirror"), p->uid);
	owner(p->k, a, &o->metadata);
	return client_create(p->k->t, a, client_resource("", "v1", "pods"), p->ns, o, e) ? 0 : -1;
}

/* Until it is there, or the static Pod is gone.  The name may be taken for a while by the mirror of what the manifest was before. */
static void make_fiber(void *arg)
{
	struct mirror_job *j = arg;
	nsec_t pause = NS_S / 2;
	for (struct pod *p; (p = pod_by_uid(j->k, j->uid)) && !p->gone && !p->mirror_uid.n;) {
		ERR(e);
		int r = j->k->registered ? create(p, &e) : -1;
		pause = j->k->registered && pause < PAUSE_MAX ? pause * 2 : pause;
		if (!r || fiber_sleep(pause))
			break;
		if (e.code && !err_is(&e, ERR_ALREADY_EXISTS))
			log_warn("mirror of %.*s: %s", STR_F(j->name), err_text(&e));
	}
	free(j);
}

void mirror_make(struct pod *p) { begin(p->k, make_fiber, job_new(p->k, p->ns, p->name, p->uid)); }

static void remove_fiber(void *arg)
{
	struct mirror_job *j = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct ref answer = {0};
	struct call c = {.verb = VERB_DELETE, .res = client_resource("", "v1", "pods"), .ns = j->ns, .name = j->name, .has_grace = true, .pre_uid = j->uid};
	if (transport_call(j->k->t, &c, a, &answer, &e) && !err_is(&e, ERR_NOT_FOUND))
		log_warn("mirror Pod %.*s stays: %s", STR_F(j->name), err_text(&e));
	free(j);
}

void mirror_orphan(struct kubelet *k, struct str ns, struct str name, struct str uid) { begin(k, remove_fiber, job_new(k, ns, name, uid)); }

/* After the first list: mirrors of manifests that went while the kubelet was away. */
void mirrors_check(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct informer_item *it;
	for (size_t i = 0; (it = informer_next(k->pod_inf, (struct str){0}, &i));) {
		struct core_v1_Pod *o = informer_decode(k->pod_inf, a, it);
		struct str hash = o ? meta_annotation(&o->metadata, "kubernetes.io/config.mirror") : (struct str){0};
		if (hash.n && !pod_by_uid(k, hash))
			mirror_orphan(k, o->metadata.namespace, o->metadata.name, o->metadata.uid);
	}
}
