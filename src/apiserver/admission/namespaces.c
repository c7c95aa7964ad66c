/* NamespaceLifecycle: nothing is made in a namespace that is missing or going; some namespaces stay. */
#include "apiserver/admission/plugins.h"

static const char *const immortal[] = {"default", "kube-system", "kube-public"};

static int check_delete(struct admit *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(immortal); i++)
		if (str_is(a->name, immortal[i]))
			return request_forbidden(a->request, e, "this namespace may not be deleted");
	return 0;
}

/* Reviews ask about a namespace; they make nothing in it. */
static bool exempt(const struct admit *a)
{
	return admit_is(a, "authorization.k8s.io", "localsubjectaccessreviews", "") || admit_is(a, "authentication.k8s.io", "selfsubjectreviews", "");
}

static int check_create(struct admit *a, struct err *e)
{
	struct cache *c = server_cache(a->request->server);
	CLEANUP(object_unref) struct object *ns = cache_lookup(c, cache_table_by_name(c, "", "namespaces"), (struct str){0}, a->ns);
	if (!ns) {
		err_set(e, ERR_NOT_FOUND, "namespaces \"%.*s\" not found", STR_F(a->ns));
		err_object(e, STR(""), STR("namespaces"), a->ns);
		return -1;
	}
	if (!ns->deleting)
		return 0;
	admit_forbidden(a, e, "unable to create new content in namespace %.*s because it is being terminated", STR_F(a->ns));
	err_cause(e, "NamespaceTerminating", STR("metadata.namespace"), "namespace %.*s is being terminated", STR_F(a->ns));
	return -1;
}

static int lifecycle(struct admit *a, struct err *e)
{
	if (admit_is(a, "", "namespaces", ""))
		return a->op == ADMIT_DELETE ? check_delete(a, e) : 0;
	if (a->op != ADMIT_CREATE || !a->ns.n || exempt(a))
		return 0;
	return check_create(a, e);
}

const struct admission_plugin plugin_namespace_lifecycle = {
	.name = "NamespaceLifecycle", .by_default = true, .ops = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, .admit = lifecycle};
