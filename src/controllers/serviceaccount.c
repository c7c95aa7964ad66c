/* What every namespace gets: the default ServiceAccount, and the bundle that Pods verify the API server with. */
#include "controllers/controller.h"

#include "api/meta.h"
#include "codec/ops.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

#define CA_NAME "kube-root-ca.crt"
#define CA_KEY "ca.crt"
#define CA_NOTE_KEY "kubernetes.io/description"
/* Clients compare it: as the reference writes it. */
#define CA_NOTE                                                                                                                             \
	"Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or " \
	"kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."

/* One object of a fixed name per namespace. */
struct per_namespace {
	struct manager *m;
	struct informer *namespaces, *objects;
	struct informer_handler on_namespace, on_object;
	struct queue *queue;
	const struct resource *res;
	const char *name;
	void *(*want)(struct per_namespace *p, struct arena *a, void *had); /* NULL: fine as it is */
};

static void namespace_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct per_namespace *p = arg;
	if (cur)
		queue_add(p->queue, cur->name);
}

static void object_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct per_namespace *p = arg;
	const struct informer_item *it = cur ? cur : old;
	if (str_is(it->name, p->name) && (old || !cur))
		queue_add(p->queue, it->ns);
}

static int sync_namespace(void *arg, struct str name, struct err *e)
{
	struct per_namespace *p = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Namespace *ns = informer_object(p->namespaces, a, name);
	if (!ns || !str_is(ns->status.phase, "Active"))
		return 0;
	void *had = informer_object(p->objects, a, str_printf(a, "%.*s/%s", STR_F(name), p->name));
	void *want = p->want(p, a, had);
	ERR(why);
	if (!want || (had ? client_update(p->m->o.transport, a, p->res, want, &why) : client_create(p->m->o.transport, a, p->res, name, want, &why)))
		return 0;
	if (err_is(&why, ERR_ALREADY_EXISTS) || err_is(&why, ERR_NOT_FOUND) || (err_is(&why, ERR_FORBIDDEN) && !had))
		return 0; /* made meanwhile, or the namespace is going */
	err_move(e, &why);
	return -1;
}

static struct per_namespace *per_namespace_start(struct manager *m, const char *queue, const char *plural, const char *name,
	void *(*want)(struct per_namespace *, struct arena *, void *))
{
	struct per_namespace *p = manager_alloc(m, sizeof *p);
	*p = (struct per_namespace){.m = m, .name = name, .want = want, .res = client_resource("", "v1", plural), .queue = manager_queue(m, queue)};
	p->namespaces = manager_informer(m, "", "v1", "namespaces");
	p->objects = manager_informer(m, "", "v1", plural);
	p->on_namespace = (struct informer_handler){.fn = namespace_event, .arg = p};
	p->on_object = (struct informer_handler){.fn = object_event, .arg = p};
	informer_add_handler(p->namespaces, &p->on_namespace);
	informer_add_handler(p->objects, &p->on_object);
	manager_run(m, (struct informer *const[]){p->namespaces, p->objects, NULL}, p->queue, 1, sync_namespace, p);
	return p;
}

static void *want_account(struct per_namespace *p, struct arena *a, void *had)
{
	if (had)
		return NULL;
	struct core_v1_ServiceAccount *sa = obj_make(a, core_v1_ServiceAccount);
	obj_set_type((struct ref){desc_type(T_core_v1_ServiceAccount), sa});
	sa->metadata.name = str_of(p->name);
	return sa;
}

void serviceaccount_start(struct manager *m)
{
	per_namespace_start(m, "serviceaccount", "serviceaccounts", "default", want_account);
}

static void *want_bundle(struct per_namespace *p, struct arena *a, void *had)
{
	struct core_v1_ConfigMap *cm = had;
	if (cm && cm->data.len == 1 && str_eq(str_map_get(&cm->data, STR(CA_KEY)), p->m->o.root_ca_pem) && str_map_has(&cm->metadata.annotations, STR(CA_NOTE_KEY)))
		return NULL;
	if (!cm) {
		cm = obj_make(a, core_v1_ConfigMap);
		obj_set_type((struct ref){desc_type(T_core_v1_ConfigMap), cm});
		cm->metadata.name = str_of(p->name);
	}
	cm->data = (__typeof__(cm->data)){0};
	str_map_set(a, &cm->data, STR(CA_KEY), p->m->o.root_ca_pem);
	str_map_set(a, &cm->metadata.annotations, STR(CA_NOTE_KEY), STR(CA_NOTE));
	return cm;
}

void root_ca_start(struct manager *m)
{
	if (m->o.root_ca_pem.n)
		per_namespace_start(m, "root_ca_cert_publisher", "configmaps", CA_NAME, want_bundle);
}
