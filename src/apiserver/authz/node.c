#include "apiserver/authz/node.h"

#include "apiserver/authz/rbac.h"
#include "apiserver/cache.h"
#include "apiserver/strategy.h"
#include "gen/core_v1.h"

#define NODE_PREFIX "system:node:"

bool node_of_user(const struct user *u, struct str *ret_name)
{
	if (!str_has_prefix(u->name, STR(NODE_PREFIX)) || !user_in_group(u, STR("system:nodes")))
		return false;
	*ret_name = str_sub(u->name, sizeof NODE_PREFIX - 1, u->name.n);
	return ret_name->n > 0;
}

/* ---- What Pods name ---- */

struct need {
	struct str name;
	enum { NEED_SECRET, NEED_CONFIG_MAP, NEED_CLAIM, NEED_ACCOUNT } what;
};

static bool env_names(const struct core_v1_Container *c, const struct need *n)
{
	LIST_EACH(f, c->envFrom)
	{
		if (n->what == NEED_SECRET && f->secretRef && str_eq(f->secretRef->localObjectReference.name, n->name))
			return true;
		if (n->what == NEED_CONFIG_MAP && f->configMapRef && str_eq(f->configMapRef->localObjectReference.name, n->name))
			return true;
	}
	LIST_EACH(v, c->env)
	{
		const struct core_v1_EnvVarSource *s = v->valueFrom;
		if (s && n->what == NEED_SECRET && s->secretKeyRef && str_eq(s->secretKeyRef->localObjectReference.name, n->name))
			return true;
		if (s && n->what == NEED_CONFIG_MAP && s->configMapKeyRef && str_eq(s->configMapKeyRef->localObjectReference.name, n->name))
			return true;
	}
	return false;
}

static bool projected_names(const struct core_v1_ProjectedVolumeSource *p, const struct need *n)
{
	LIST_EACH(s, p->sources)
	{
		if (n->what == NEED_SECRET && s->secret && str_eq(s->secret->localObjectReference.name, n->name))
			return true;
		if (n->what == NEED_CONFIG_MAP && s->configMap && str_eq(s->configMap->localObjectReference.name, n->name))
			return true;
	}
	return false;
}

static bool volume_names(const struct core_v1_Volume *v, const struct core_v1_Pod *p, const struct need *n)
{
	const struct core_v1_VolumeSource *s = &v->volumeSource;
	if (s->projected && projected_names(s->projected, n))
		return true;
	if (n->what == NEED_SECRET)
		return (s->secret && str_eq(s->secret->secretName, n->name)) || (s->csi && s->csi->nodePublishSecretRef && str_eq(s->csi->nodePublishSecretRef->name, n->name));
	if (n->what == NEED_CONFIG_MAP)
		return s->configMap && str_eq(s->configMap->localObjectReference.name, n->name);
	if (n->what != NEED_CLAIM)
		return false;
	if (s->persistentVolumeClaim)
		return str_eq(s->persistentVolumeClaim->claimName, n->name);
	/* The claim of an ephemeral volume is POD-VOLUME. */
	size_t k = p->metadata.name.n;
	return s->ephemeral && n->name.n == k + 1 + v->name.n && str_has_prefix(n->name, p->metadata.name) && n->name.p[k] == '-' && str_has_suffix(n->name, v->name);
}

static bool pod_names(const struct core_v1_Pod *p, const struct need *n)
{
	if (n->what == NEED_ACCOUNT)
		return str_eq(p->spec.serviceAccountName, n->name);
	LIST_EACH(s, p->spec.imagePullSecrets)
		if (n->what == NEED_SECRET && str_eq(s->name, n->name))
			return true;
	LIST_EACH(v, p->spec.volumes)
		if (volume_names(v, p, n))
			return true;
	LIST_EACH(c, p->spec.containers)
		if (env_names(c, n))
			return true;
	LIST_EACH(c, p->spec.initContainers)
		if (env_names(c, n))
			return true;
	return false;
}

static bool bound_here(const struct object *o, struct str node)
{
	const char *const *names = o->table->strategy->selectable;
	for (size_t i = 0; names && names[i]; i++)
		if (str_is(str_of(names[i]), "spec.nodeName"))
			return str_eq(o->fields[i], node);
	return false;
}

/* Some Pod on the node names the object. */
static bool node_needs(struct server *s, struct str node, struct str ns, const struct need *n)
{
	struct cache_pin pin;
	struct cache_iter it;
	bool found = false;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	cache_pin(server_cache(s), cache_table_by_name(server_cache(s), "", "pods"), &pin);
	cache_seek(&it, &pin, ns, ns, (struct str){0}, false);
	for (struct object *o; !found && (o = cache_next(&it));) {
		if (!bound_here(o, node))
			continue;
		ERR(e);
		const struct core_v1_Pod *p = object_decode(o, a, &e);
		found = p && pod_names(p, n);
		arena_reset(a);
	}
	cache_unpin(&pin);
	return found;
}

/* A volume whose claim some Pod on the node names. */
static bool node_needs_volume(struct server *s, struct str node, struct str name)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(object_unref) struct object *o = cache_lookup(server_cache(s), cache_table_by_name(server_cache(s), "", "persistentvolumes"), (struct str){0}, name);
	ERR(e);
	const struct core_v1_PersistentVolume *pv = o ? object_decode(o, a, &e) : NULL;
	const struct core_v1_ObjectReference *c = pv ? pv->spec.claimRef : NULL;
	return c && node_needs(s, node, c->namespace, &(struct need){c->name, NEED_CLAIM});
}

/* ---- Rules ---- */

static bool verb_in(const struct attrs *at, const char *list)
{
	struct str rest = str_of(list), v;
	while (str_next(&rest, ' ', &v))
		if (str_eq(v, at->verb))
			return true;
	return false;
}

static enum decision no(struct buf *reason, const char *why)
{
	if (reason)
		buf_printf(reason, "%s", why);
	return DECISION_NO_OPINION;
}

static enum decision referenced(struct server *s, const struct attrs *at, struct str node, struct need n, const char *verbs, struct buf *reason)
{
	if (!verb_in(at, verbs) || at->sub.n)
		return no(reason, "can only read resources of this type");
	if (!at->name.n)
		return no(reason, "No Object name found");
	n.name = at->name;
	return node_needs(s, node, at->ns, &n) ? DECISION_ALLOW : no(reason, "no relationship found between node and this object");
}

static enum decision own_lease(const struct attrs *at, struct str node, struct buf *reason)
{
	if (!verb_in(at, "get create update patch delete") || at->sub.n)
		return no(reason, "can only get, create, update, patch, or delete a node lease");
	if (!str_is(at->ns, "kube-node-lease"))
		return no(reason, "can only access leases in the \"kube-node-lease\" system namespace");
	if (!str_is(at->verb, "create") && !str_eq(at->name, node))
		return no(reason, "can only access node lease with the same name as the requesting node");
	return DECISION_ALLOW;
}

static enum decision own_csinode(const struct attrs *at, struct str node, struct buf *reason)
{
	if (!verb_in(at, "get create update patch delete") || at->sub.n)
		return no(reason, "can only get, create, update, patch, or delete a CSINode");
	if (!str_is(at->verb, "create") && !str_eq(at->name, node))
		return no(reason, "can only access CSINode with the same name as the requesting node");
	return DECISION_ALLOW;
}

static enum decision own_node(const struct attrs *at, struct str node, struct buf *reason)
{
	if (verb_in(at, "get list watch") && !at->sub.n && !str_eq(at->name, node))
		return no(reason, "node can only get/list/watch its own Node object");
	return DECISION_NO_OPINION; /* the rest is in the node role's rules, narrowed by NodeRestriction */
}

/* Lists and watches of Pods must be limited to the node's own. */
static enum decision own_pods(struct server *s, const struct attrs *at, struct str node, struct buf *reason)
{
	if (!verb_in(at, "get list watch") || at->sub.n)
		return DECISION_NO_OPINION;
	if (!str_is(at->verb, "get")) {
		struct str want = str_n("spec.nodeName=", 14), f = at->field_selector;
		if (str_has_prefix(f, want) && str_eq(str_sub(f, 14, f.n), node))
			return DECISION_ALLOW;
		return no(reason, "can only list/watch pods with spec.nodeName field selector");
	}
	CLEANUP(object_unref) struct object *o = cache_lookup(server_cache(s), cache_table_by_name(server_cache(s), "", "pods"), at->ns, at->name);
	return !o || bound_here(o, node) ? DECISION_ALLOW : no(reason, "no relationship found between node and this object");
}

static bool deny_rest(const struct attrs *at, struct str node, enum decision d)
{
	bool nodes = str_is(at->resource, "nodes") && verb_in(at, "get list watch") && !at->sub.n && !str_eq(at->name, node);
	return d == DECISION_NO_OPINION && nodes;
}

static enum decision by_kind(struct server *s, const struct attrs *at, struct str node, struct buf *reason, bool *ret_final)
{
	*ret_final = true;
	if (!at->group.n && str_is(at->resource, "secrets"))
		return referenced(s, at, node, (struct need){.what = NEED_SECRET}, "get list watch", reason);
	if (!at->group.n && str_is(at->resource, "configmaps"))
		return referenced(s, at, node, (struct need){.what = NEED_CONFIG_MAP}, "get list watch", reason);
	if (!at->group.n && str_is(at->resource, "persistentvolumeclaims") && !at->sub.n)
		return referenced(s, at, node, (struct need){.what = NEED_CLAIM}, "get", reason);
	if (!at->group.n && str_is(at->resource, "persistentvolumes"))
		return str_is(at->verb, "get") && node_needs_volume(s, node, at->name) ? DECISION_ALLOW : no(reason, "no relationship found between node and this object");
	if (!at->group.n && str_is(at->resource, "serviceaccounts") && str_is(at->sub, "token")) {
		struct need n = {at->name, NEED_ACCOUNT};
		return str_is(at->verb, "create") && node_needs(s, node, at->ns, &n) ? DECISION_ALLOW : no(reason, "no relationship found between node and this object");
	}
	if (str_is(at->group, "coordination.k8s.io") && str_is(at->resource, "leases"))
		return own_lease(at, node, reason);
	if (str_is(at->group, "storage.k8s.io") && str_is(at->resource, "csinodes"))
		return own_csinode(at, node, reason);
	*ret_final = false;
	if (!at->group.n && str_is(at->resource, "pods"))
		return own_pods(s, at, node, reason);
	if (!at->group.n && str_is(at->resource, "nodes")) {
		enum decision d = own_node(at, node, reason);
		*ret_final = deny_rest(at, node, d);
		return d;
	}
	return DECISION_NO_OPINION;
}

/* Everything else a node may do stands in the bootstrap ClusterRole system:node. */
static enum decision by_role(struct server *s, const struct attrs *at)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(object_unref) struct object *o =
		cache_lookup(server_cache(s), cache_table_by_name(server_cache(s), "rbac.authorization.k8s.io", "clusterroles"), (struct str){0}, STR("system:node"));
	ERR(e);
	const struct rbac_v1_ClusterRole *role = o ? object_decode(o, a, &e) : NULL;
	if (role)
		LIST_EACH(rule, role->rules)
			if (rbac_rule_allows(rule, at))
				return DECISION_ALLOW;
	return DECISION_NO_OPINION;
}

enum decision node_decide(struct server *s, const struct attrs *at, struct buf *reason)
{
	struct str node;
	bool final = false;
	if (!node_of_user(at->user, &node))
		return DECISION_NO_OPINION;
	enum decision d = at->is_resource ? by_kind(s, at, node, reason, &final) : DECISION_NO_OPINION;
	return d != DECISION_NO_OPINION || final ? d : by_role(s, at);
}
