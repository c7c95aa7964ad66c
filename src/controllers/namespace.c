/* Namespaces on their way out: their content is deleted, Pods first, then the "kubernetes" finalizer is taken off. */
#include "api/condition.h"
#include "api/meta.h"
#include "base/buf.h"
#include "base/log.h"
#include "codec/ops.h"
#include "controllers/controller.h"
#include "controllers/resources.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

/* How soon to look again while something is still there. */
#define AGAIN (1 * NS_S)

struct namespace_controller {
	struct manager *m;
	struct informer *namespaces;
	struct enqueue own;
	struct queue *queue;
	const struct resource *res, *pods;
};
struct tally {
	struct str what;
	uint32_t n;
};
/* What one pass found left. */
struct remains {
	struct arena *a;
	LIST(struct tally) resources, finalizers;
	struct str failure;      /* first error */
};

static void count(struct arena *a, void *list, struct str what, uint32_t n)
{
	LIST(struct tally) *l = list;
	LIST_EACH(t, *l)
		if (str_eq(t->what, what)) {
			t->n += n;
			return;
		}
	struct tally *t = arena_push(a, l);
	if (t)
		*t = (struct tally){what, n};
}

static struct str resource_text(struct arena *a, const struct resource *r)
{
	return str_printf(a, "%.*s.%.*s", STR_F(desc_str(r->plural)), STR_F(desc_str(r->group)));
}

static void count_left(struct remains *left, const struct resource *r, void *list)
{
	const struct field *f;
	struct any_list *items = obj_items((struct ref){desc_type(r->list_type), list}, &f);
	if (items && items->len)
		count(left->a, &left->resources, resource_text(left->a, r), items->len);
	for (uint32_t i = 0; items && i < items->len; i++) {
		const struct meta_v1_ObjectMeta *m = obj_meta((struct ref){field_type(f), list_at(f, items, i)});
		LIST_EACH(fin, m->finalizers)
			count(left->a, &left->finalizers, *fin, 1);
	}
}

static int failed(struct remains *left, const struct resource *r, struct err *e)
{
	if (err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_METHOD_NOT_ALLOWED))
		return 0;
	if (!left->failure.p)
		left->failure = str_printf(left->a, "%.*s: %s", STR_F(resource_text(left->a, r)), err_text(e));
	return -1;
}

static void empty_resource(struct namespace_controller *c, struct remains *left, struct str ns, const struct resource *r)
{
	struct call del = {.verb = VERB_DELETECOLLECTION, .res = r, .ns = ns, .propagation = PROPAGATE_BACKGROUND};
	struct ref answer;
	ERR(e);
	if (c->m->o.transport->ops->call(c->m->o.transport, &del, left->a, &answer, &e) < 0 && failed(left, r, &e) < 0)
		return;
	ERR(e2);
	void *list = client_list(c->m->o.transport, left->a, r, ns, (struct str){0}, &e2);
	if (list)
		count_left(left, r, list);
	else
		(void)failed(left, r, &e2);
}

#define WANTED (1u << VERB_DELETE | 1u << VERB_DELETECOLLECTION | 1u << VERB_LIST)

/* Other objects stay until the last Pod is gone: they may be what it needs to end in order. */
static void empty_namespace(struct namespace_controller *c, struct remains *left, struct str ns)
{
	size_t i = 0;
	empty_resource(c, left, ns, c->pods);
	if (left->resources.len || left->failure.p)
		return;
	for (const struct resource *r; (r = resources_next(&i, WANTED, true));)
		if (r != c->pods)
			empty_resource(c, left, ns, r);
}

/* ---- Status ---- */

static void set(struct arena *a, struct core_v1_Namespace *ns, const char *type, bool bad, const char *reason, struct str message)
{
	struct core_v1_NamespaceCondition c = {.type = str_of(type), .status = bad ? STR("True") : STR("False"), .reason = str_of(reason), .message = message,
		.lastTransitionTime = api_time_sec(rt_wall())};
	condition_put(a, T_core_v1_NamespaceCondition, &ns->status.conditions, &c);
}

static struct str listing(struct arena *a, const char *head, const char *between, const struct tally *v, uint32_t n)
{
	BUF(out);
	buf_printf(&out, "%s", head);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(&out, "%s%.*s %s %u resource instances", i ? ", " : "", STR_F(v[i].what), between, v[i].n);
	return buf_take(&out, a);
}

static int write_status(struct namespace_controller *c, struct arena *a, struct core_v1_Namespace *ns, const struct remains *left, struct err *e)
{
	bool some = left->resources.len, held = left->finalizers.len, broken = left->failure.p;
	set(a, ns, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", STR("All resources successfully discovered"));
	set(a, ns, "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions", STR("All legacy kube types successfully parsed"));
	set(a, ns, "NamespaceDeletionContentFailure", broken, broken ? "ContentDeletionFailed" : "ContentDeleted",
		broken ? str_printf(a, "Failed to delete all resource types, 1 remaining: %.*s", STR_F(left->failure))
		       : STR("All content successfully deleted, may be waiting on finalization"));
	set(a, ns, "NamespaceContentRemaining", some, some ? "SomeResourcesRemain" : "ContentRemoved",
		some ? listing(a, "Some resources are remaining: ", "has", left->resources.items, left->resources.len) : STR("All content successfully removed"));
	set(a, ns, "NamespaceFinalizersRemaining", held, held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
		held ? listing(a, "Some content in the namespace has finalizers remaining: ", "in", left->finalizers.items, left->finalizers.len)
		     : STR("All content-preserving finalizers finished"));
	return client_update_sub(c->m->o.transport, a, c->res, "status", ns, e) || err_is(e, ERR_CONFLICT) ? 0 : -1;
}

static int finalize(struct namespace_controller *c, struct arena *a, struct core_v1_Namespace *ns, struct err *e)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < ns->spec.finalizers.len; i++)
		if (!str_is(ns->spec.finalizers.items[i], "kubernetes"))
			ns->spec.finalizers.items[kept++] = ns->spec.finalizers.items[i];
	ns->spec.finalizers.len = kept;
	return client_update_sub(c->m->o.transport, a, c->res, "finalize", ns, e) || err_is(e, ERR_NOT_FOUND) ? 0 : -1;
}

static int sync_key(void *arg, struct str key, struct err *e)
{
	struct namespace_controller *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Namespace *ns = informer_object(c->namespaces, a, key);
	struct remains left = {.a = a};
	ERR(why);
	if (!ns || !meta_deleting(&ns->metadata) || ns->spec.finalizers.len == 0)
		return 0;
	empty_namespace(c, &left, key);
	if (!left.resources.len && !left.failure.p)
		return finalize(c, a, ns, e);
	queue_add_after(c->queue, key, AGAIN);
	if (write_status(c, a, ns, &left, &why) < 0 && !err_is(&why, ERR_NOT_FOUND))
		log_warn("status of namespace %.*s: %s", STR_F(key), err_text(&why));
	return 0;
}

void namespace_start(struct manager *m)
{
	struct namespace_controller *c = manager_alloc(m, sizeof *c);
	c->m = m;
	c->res = client_resource("", "v1", "namespaces");
	c->pods = client_resource("", "v1", "pods");
	c->queue = manager_queue(m, "namespace");
	c->namespaces = manager_informer(m, "", "v1", "namespaces");
	enqueue_own(&c->own, c->namespaces, c->queue);
	manager_run(m, (struct informer *const[]){c->namespaces, NULL}, c->queue, 4, sync_key, c);
}
