#include "apiserver/authz/node.h"

#include "apiserver/authz/rbac.h"
#include "apiserver/cache.h"
#include "apiserver/strategy.h"
#include "gen/core_v1.h"
#include "gen/resource_v1.h"
#include "gen/storage_v1.h"

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
	enum { NEED_SECRET, NEED_CONFIG_MAP, NEED_CLAIM, NEED_RESOURCE_CLAIM, NEED_ACCOUNT } what;
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

/* The claims that a Pod uses, made for it or not. */
static bool claim_names(const struct core_v1_Pod *p, const struct need *n)
{
	LIST_EACH(s, p->status.resourceClaimStatuses)
		if (s->resourceClaimName.n && str_eq(s->resourceClaimName, n->name))
			return true;
	LIST_EACH(c, p->spec.resourceClaims)
		if (c->resourceClaimName.n && str_eq(c->resourceClaimName, n->name))
			return true;
	return false;
}

static bool pod_names(const struct core_v1_Pod *p, const struct need *n)
{
	if (n->what == NEED_ACCOUNT)
		return str_eq(p->spec.serviceAccountName, n->name);
	if (n->what == NEED_RESOURCE_CLAIM)
		return claim_names(p, n);
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

/* A question of a node. */
struct ask {
	struct server *s;
	const struct attrs *at;
	struct str node;
	struct buf *reason;
};

static bool verb_in(const struct attrs *at, const char *list)
{
	struct str rest = str_of(list), v;
	while (str_next(&rest, ' ', &v))
		if (str_eq(v, at->verb))
			return true;
	return false;
}

__attribute__((format(printf, 2, 3))) static enum decision no(const struct ask *q, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (q->reason)
		buf_vprintf(q->reason, fmt, ap);
	va_end(ap);
	return DECISION_NO_OPINION;
}

static enum decision unrelated(const struct ask *q) { return no(q, "no relationship found between node '%.*s' and this object", STR_F(q->node)); }

static enum decision needed(const struct ask *q, int what)
{
	struct need n = {q->at->name, what};
	if (!n.name.n)
		return no(q, "No Object name found");
	return node_needs(q->s, q->node, q->at->ns, &n) ? DECISION_ALLOW : unrelated(q);
}

/* Secrets and ConfigMaps: also lists and watches of one by its name. */
static enum decision readable(const struct ask *q, int what)
{
	if (!verb_in(q->at, "get list watch"))
		return no(q, "can only read resources of this type");
	if (q->at->sub.n)
		return no(q, "cannot read subresource");
	if (!q->at->ns.n)
		return no(q, "can only read namespaced object of this type");
	return needed(q, what);
}

static bool only_get(const struct ask *q, enum decision *ret)
{
	if (!verb_in(q->at, "get"))
		return *ret = no(q, "can only get individual resources of this type"), false;
	if (q->at->sub.n)
		return *ret = no(q, "cannot get subresource"), false;
	if (!q->at->name.n)
		return *ret = no(q, "No Object name found"), false;
	return true;
}

static enum decision ask_secret(const struct ask *q) { return readable(q, NEED_SECRET); }
static enum decision ask_config_map(const struct ask *q) { return readable(q, NEED_CONFIG_MAP); }

static enum decision ask_claim(const struct ask *q)
{
	enum decision d;
	if (str_is(q->at->sub, "status"))
		return verb_in(q->at, "update patch") ? needed(q, NEED_CLAIM) : no(q, "can only get/update/patch this type");
	return only_get(q, &d) ? needed(q, NEED_CLAIM) : d;
}

static enum decision ask_volume(const struct ask *q)
{
	enum decision d;
	if (!only_get(q, &d))
		return d;
	return node_needs_volume(q->s, q->node, q->at->name) ? DECISION_ALLOW : unrelated(q);
}

static enum decision ask_resource_claim(const struct ask *q)
{
	enum decision d;
	return only_get(q, &d) ? needed(q, NEED_RESOURCE_CLAIM) : d;
}

/* The object of a kind that names its node itself. */
static const void *named_object(const struct ask *q, struct arena *a, const char *group, const char *plural)
{
	struct cache *c = server_cache(q->s);
	struct object *o = cache_lookup(c, cache_table_by_name(c, group, plural), (struct str){0}, q->at->name);
	ERR(e);
	if (!o)
		return NULL;
	arena_defer(a, (void (*)(void *))object_unref, o);
	return object_decode(o, a, &e);
}

static enum decision ask_attachment(const struct ask *q)
{
	enum decision d;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (!only_get(q, &d))
		return d;
	const struct storage_v1_VolumeAttachment *v = named_object(q, a, "storage.k8s.io", "volumeattachments");
	return v && str_eq(v->spec.nodeName, q->node) ? DECISION_ALLOW : unrelated(q);
}

static enum decision ask_slice(const struct ask *q)
{
	struct str node;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (q->at->sub.n)
		return no(q, "cannot authorize ResourceSlice subresources");
	if (verb_in(q->at, "create"))
		return DECISION_ALLOW; /* NodeRestriction looks at the object */
	if (verb_in(q->at, "watch list deletecollection")) {
		if (q->at->fields && field_selector_requires(q->at->fields, STR("spec.nodeName"), &node) && str_eq(node, q->node))
			return DECISION_ALLOW;
		return no(q, "can only list/watch/deletecollection resourceslices with nodeName field selector");
	}
	if (!verb_in(q->at, "get update patch delete"))
		return no(q, "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection");
	if (!q->at->name.n)
		return no(q, "No Object name found");
	const struct resource_v1_ResourceSlice *s = named_object(q, a, "resource.k8s.io", "resourceslices");
	return s && str_eq(s->spec.nodeName, q->node) ? DECISION_ALLOW : unrelated(q);
}

static enum decision ask_account(const struct ask *q)
{
	struct need n = {q->at->name, NEED_ACCOUNT};
	if (verb_in(q->at, "get") && !q->at->sub.n && n.name.n)
		return needed(q, NEED_ACCOUNT);
	if (!verb_in(q->at, "create") || !n.name.n)
		return no(q, "can only create tokens for individual service accounts");
	if (!str_is(q->at->sub, "token"))
		return no(q, "can only create token subresource of service account");
	return node_needs(q->s, q->node, q->at->ns, &n) ? DECISION_ALLOW : unrelated(q);
}

/* The name is not known when something is created: NodeRestriction looks at it then. */
static bool own_name(const struct ask *q) { return verb_in(q->at, "create") || str_eq(q->at->name, q->node); }

static enum decision ask_lease(const struct ask *q)
{
	if (!verb_in(q->at, "get create update patch delete"))
		return no(q, "can only get, create, update, patch, or delete a node lease");
	if (!str_is(q->at->ns, "kube-node-lease"))
		return no(q, "can only access leases in the \"kube-node-lease\" system namespace");
	return own_name(q) ? DECISION_ALLOW : no(q, "can only access node lease with the same name as the requesting node");
}

static enum decision ask_csinode(const struct ask *q)
{
	if (!verb_in(q->at, "get create update patch delete"))
		return no(q, "can only get, create, update, patch, or delete a CSINode");
	if (q->at->sub.n)
		return no(q, "cannot authorize CSINode subresources");
	return own_name(q) ? DECISION_ALLOW : no(q, "can only access CSINode with the same name as the requesting node");
}

/* A node may read itself before it exists. */
static enum decision ask_node(const struct ask *q)
{
	if (str_is(q->at->sub, "status") && verb_in(q->at, "update patch"))
		return DECISION_ALLOW;
	if (q->at->sub.n)
		return DECISION_NO_OPINION;
	if (verb_in(q->at, "create update patch"))
		return DECISION_ALLOW;
	if (!verb_in(q->at, "get list watch"))
		return DECISION_NO_OPINION;
	if (!q->at->name.n)
		return no(q, "node '%.*s' cannot read all nodes, only its own Node object", STR_F(q->node));
	if (str_eq(q->at->name, q->node))
		return DECISION_ALLOW;
	return no(q, "node '%.*s' cannot read '%.*s', only its own Node object", STR_F(q->node), STR_F(q->at->name));
}

static enum decision pod_here(const struct ask *q)
{
	struct cache *c = server_cache(q->s);
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table_by_name(c, "", "pods"), q->at->ns, q->at->name);
	return o && bound_here(o, q->node) ? DECISION_ALLOW : unrelated(q);
}

/* Lists and watches of Pods must be limited to the node's own. */
static enum decision ask_pod(const struct ask *q)
{
	struct str node;
	if (q->at->sub.n) {
		bool may = str_is(q->at->sub, "status") ? verb_in(q->at, "update patch") : str_is(q->at->sub, "eviction") && verb_in(q->at, "create");
		return may ? DECISION_ALLOW : DECISION_NO_OPINION;
	}
	if (verb_in(q->at, "create delete"))
		return DECISION_ALLOW; /* mirror Pods; NodeRestriction sees to the rest */
	if (verb_in(q->at, "get"))
		return q->at->name.n ? pod_here(q) : no(q, "No Object name found");
	if (!verb_in(q->at, "list watch"))
		return DECISION_NO_OPINION;
	if (q->at->fields && field_selector_requires(q->at->fields, STR("spec.nodeName"), &node) && str_eq(node, q->node))
		return DECISION_ALLOW;
	return q->at->name.n ? pod_here(q) : no(q, "can only list/watch pods with spec.nodeName field selector");
}

/* Resources with rules of their own. */
static const struct {
	const char *group, *resource;
	enum decision (*ask)(const struct ask *q);
} kinds[] = {
	{"", "configmaps", ask_config_map},
	{"", "nodes", ask_node},
	{"", "persistentvolumeclaims", ask_claim},
	{"", "persistentvolumes", ask_volume},
	{"", "pods", ask_pod},
	{"", "secrets", ask_secret},
	{"", "serviceaccounts", ask_account},
	{"coordination.k8s.io", "leases", ask_lease},
	{"resource.k8s.io", "resourceclaims", ask_resource_claim},
	{"resource.k8s.io", "resourceslices", ask_slice},
	{"storage.k8s.io", "csinodes", ask_csinode},
	{"storage.k8s.io", "volumeattachments", ask_attachment},
};

/* Everything else a node may do stands in the bootstrap ClusterRole system:node. */
static enum decision by_role(const struct ask *q)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cache *c = server_cache(q->s);
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table_by_name(c, "rbac.authorization.k8s.io", "clusterroles"), (struct str){0}, STR("system:node"));
	ERR(e);
	const struct rbac_v1_ClusterRole *role = o ? object_decode(o, a, &e) : NULL;
	if (role)
		LIST_EACH(rule, role->rules)
			if (rbac_rule_allows(rule, q->at))
				return DECISION_ALLOW;
	return DECISION_NO_OPINION;
}

enum decision node_decide(struct server *s, const struct attrs *at, struct buf *reason)
{
	struct ask q = {s, at, .reason = reason};
	if (!node_of_user(at->user, &q.node))
		return DECISION_NO_OPINION;
	for (size_t i = 0; at->is_resource && i < ARRAY_LEN(kinds); i++)
		if (str_is(at->group, kinds[i].group) && str_is(at->resource, kinds[i].resource))
			return kinds[i].ask(&q);
	return by_role(&q);
}
