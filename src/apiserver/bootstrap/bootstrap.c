/* Objects that every cluster has: made when they are missing. */
#include "apiserver/request.h"
#include "apiserver/server.h"
#include "gen/core_v1.h"

static int make_namespace(struct transport *t, struct str name, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Namespace *ns = obj_make(a, core_v1_Namespace);
	struct call c = {.verb = VERB_CREATE, .res = resource_by_name(STR(""), STR("v1"), STR("namespaces")), .body = {type_by_name(STR("core/v1.Namespace")), ns}};
	struct ref ret;
	ns->metadata.name = name;
	obj_set_type(c.body);
	if (t->ops->call(t, &c, a, &ret, e) == 0 || err_is(e, ERR_ALREADY_EXISTS)) {
		err_fini(e);
		return 0;
	}
	return err_wrap(e, "namespace %.*s", STR_F(name));
}

static int make_all(struct server *s, void *state, struct err *e)
{
	static const struct str names[] = {STR_INIT("default"), STR_INIT("kube-node-lease"), STR_INIT("kube-public"), STR_INIT("kube-system")};
	struct transport *t = inproc_transport(s, NULL);
	int done = 0;
	for (size_t i = 0; !done && i < ARRAY_LEN(names); i++)
		done = make_namespace(t, names[i], e);
	t->ops->free(t);
	return done;
}

const struct server_part bootstrap_part = {.post_start = make_all};
