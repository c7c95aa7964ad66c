/* TaintNodesByCondition and NodeRestriction. */
#include "apiserver/admission/plugins.h"

#include "api/meta.h"
#include "api/node.h"
#include "apiserver/authz/node.h"
#include "codec/ops.h"
#include "gen/authentication_v1.h"
#include "gen/coordination_v1.h"
#include "gen/ids.h"
#include "gen/resource_v1.h"
#include "gen/storage_v1.h"

#define MIRROR "kubernetes.io/config.mirror"

static int taint_new_node(struct admit *a, struct err *e)
{
	struct core_v1_Taint t = {.key = STR("node.kubernetes.io/not-ready"), .effect = STR("NoSchedule")};
	if (admit_is(a, "", "nodes", ""))
		node_taint_add(a->request->arena, a->obj, t);
	return 0;
}

const struct admission_plugin plugin_taint_nodes = {.name = "TaintNodesByCondition", .by_default = true, .ops = ADMIT_CREATE, .admit = taint_new_node};

/* ---- NodeRestriction ---- */

/* A mirror Pod belongs to its node and to nobody else. */
static int check_owner(struct admit *a, const struct core_v1_Pod *p, struct str node, struct err *e)
{
	const struct meta_v1_OwnerReference *o = p->metadata.ownerReferences.items;
	if (p->metadata.ownerReferences.len > 1)
		return admit_forbidden(a, e, "node \"%.*s\" can only create pods with a single owner reference set to itself", STR_F(node));
	if (!p->metadata.ownerReferences.len || !str_is(o->apiVersion, "v1") || !str_is(o->kind, "Node") || !str_eq(o->name, node))
		return admit_forbidden(a, e, "node \"%.*s\" can only create pods with an owner reference set to itself", STR_F(node));
	if (!o->has_controller || !o->controller)
		return admit_forbidden(a, e, "node \"%.*s\" can only create pods with a controller owner reference set to itself", STR_F(node));
	if (o->has_blockOwnerDeletion && o->blockOwnerDeletion)
		return admit_forbidden(a, e, "node \"%.*s\" must not set blockOwnerDeletion on an owner reference", STR_F(node));
	const struct core_v1_Node *n = admit_lookup(a, "", "nodes", (struct str){0}, node);
	if (!n)
		return admit_forbidden(a, e, "nodes \"%.*s\" not found", STR_F(node));
	if (!str_eq(n->metadata.uid, o->uid))
		return admit_forbidden(a, e, "node %.*s UID mismatch: expected %.*s got %.*s", STR_F(node), STR_F(o->uid), STR_F(n->metadata.uid));
	return 0;
}

static bool env_refers(const struct core_v1_Container *c, bool secrets)
{
	LIST_EACH(f, c->envFrom)
		if (secrets ? f->secretRef != NULL : f->configMapRef != NULL)
			return true;
	LIST_EACH(v, c->env)
		if (v->valueFrom && (secrets ? v->valueFrom->secretKeyRef != NULL : v->valueFrom->configMapKeyRef != NULL))
			return true;
	return false;
}

static bool volume_refers(const struct core_v1_VolumeSource *v, bool secrets)
{
	if (secrets ? v->secret || (v->csi && v->csi->nodePublishSecretRef) : v->configMap != NULL)
		return true;
	if (v->projected)
		LIST_EACH(s, v->projected->sources)
			if (secrets ? s->secret != NULL : s->configMap != NULL)
				return true;
	return false;
}

static bool refers(const struct core_v1_PodSpec *s, bool secrets)
{
	if (secrets && s->imagePullSecrets.len)
		return true;
	LIST_EACH(c, s->initContainers)
		if (env_refers(c, secrets))
			return true;
	LIST_EACH(c, s->containers)
		if (env_refers(c, secrets))
			return true;
	LIST_EACH(v, s->volumes)
		if (volume_refers(&v->volumeSource, secrets))
			return true;
	return false;
}

static bool claims_volume(const struct core_v1_PodSpec *s)
{
	LIST_EACH(v, s->volumes)
		if (v->volumeSource.persistentVolumeClaim)
			return true;
	return false;
}

static int check_pod_create(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Pod *p = a->obj;
	const struct { bool has; const char *what; } never[] = {
		{p->spec.serviceAccountName.n > 0, "a service account"}, {refers(&p->spec, true), "secrets"}, {refers(&p->spec, false), "configmaps"},
		{claims_volume(&p->spec), "persistentvolumeclaims"}, {p->spec.resourceClaims.len > 0, "resourceclaims"},
	};
	if (!str_map_has(&p->metadata.annotations, STR(MIRROR)))
		return admit_forbidden(a, e, "pod does not have \"" MIRROR "\" annotation, node \"%.*s\" can only create mirror pods", STR_F(node));
	if (!str_eq(p->spec.nodeName, node))
		return admit_forbidden(a, e, "node \"%.*s\" can only create pods with spec.nodeName set to itself", STR_F(node));
	if (check_owner(a, p, node, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (never[i].has)
			return admit_forbidden(a, e, "node \"%.*s\" can not create pods that reference %s", STR_F(node), never[i].what);
	return 0;
}

static bool same_labels(const struct core_v1_Pod *x, const struct core_v1_Pod *y)
{
	struct meta_v1_ObjectMeta a = {.labels = x->metadata.labels}, b = {.labels = y->metadata.labels};
	return obj_equal_at(desc_type(T_meta_v1_ObjectMeta), &a, &b);
}

static int check_pod(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Pod *had = a->old;
	bool evicts = str_is(a->sub, "eviction");
	if (a->op == ADMIT_CREATE && !a->sub.n)
		return check_pod_create(a, node, e);
	if (evicts)
		had = admit_lookup(a, "", "pods", a->ns, a->name);
	if (a->op == ADMIT_UPDATE && !a->sub.n)
		return admit_forbidden(a, e, "unexpected operation \"UPDATE\", node \"%.*s\" can only create and delete mirror pods", STR_F(node));
	if (had && !str_eq(had->spec.nodeName, node))
		return admit_forbidden(a, e, "node \"%.*s\" can only %s pods with spec.nodeName set to itself", STR_F(node),
			a->op == ADMIT_DELETE ? "delete" : evicts ? "evict" : "update pod status for");
	if (a->op == ADMIT_UPDATE && had && !same_labels(a->obj, had))
		return admit_forbidden(a, e, "node \"%.*s\" cannot update labels through pod status", STR_F(node));
	return 0;
}

/* Labels that a kubelet may set on its own node: those of the kubelet itself, and none of the restricted prefix. */
static bool label_allowed(struct str key)
{
	static const char *const own[] = {"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os",
		"beta.kubernetes.io/arch", "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
		"failure-domain.kubernetes.io/region", "failure-domain.kubernetes.io/zone", "topology.kubernetes.io/region", "topology.kubernetes.io/zone"};
	struct str prefix, name;
	if (!str_cut(key, '/', &prefix, &name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (str_is(key, own[i]))
			return true;
	if (str_is(prefix, "kubelet.kubernetes.io") || str_has_suffix(prefix, STR(".kubelet.kubernetes.io")) || str_is(prefix, "node.kubernetes.io") ||
		str_has_suffix(prefix, STR(".node.kubernetes.io")))
		return true;
	return !str_is(prefix, "kubernetes.io") && !str_has_suffix(prefix, STR(".kubernetes.io")) && !str_is(prefix, "k8s.io") && !str_has_suffix(prefix, STR(".k8s.io"));
}

static void forbidden_labels(struct arena *a, const struct core_v1_Node *now, const struct core_v1_Node *had, str_list_t *ret)
{
	LIST_EACH(l, now->metadata.labels)
		if ((!had || !str_map_has(&had->metadata.labels, l->key) || !str_eq(str_map_get(&had->metadata.labels, l->key), l->value)) && !label_allowed(l->key))
			*(struct str *)arena_push(a, ret) = l->key;
	if (had)
		LIST_EACH(l, had->metadata.labels)
			if (!str_map_has(&now->metadata.labels, l->key) && !label_allowed(l->key))
				*(struct str *)arena_push(a, ret) = l->key;
}

static int check_labels(struct admit *a, const struct core_v1_Node *now, const struct core_v1_Node *had, struct str node, struct err *e)
{
	str_list_t keys = {0};
	struct arena *mem = a->request->arena;
	forbidden_labels(mem, now, had, &keys);
	if (!keys.len)
		return 0;
	return admit_forbidden(a, e, had ? "is not allowed to modify labels: %.*s" : "is not allowed to set the following labels: %.*s",
		STR_F(str_join(mem, keys.items, keys.len, STR(", "))));
}

static bool same_taints(const struct core_v1_Node *x, const struct core_v1_Node *y)
{
	struct core_v1_NodeSpec a = {.taints = x->spec.taints}, b = {.taints = y->spec.taints};
	return obj_equal_at(desc_type(T_core_v1_NodeSpec), &a, &b);
}

static bool same_owners(const struct core_v1_Node *x, const struct core_v1_Node *y)
{
	struct meta_v1_ObjectMeta a = {.ownerReferences = x->metadata.ownerReferences}, b = {.ownerReferences = y->metadata.ownerReferences};
	return obj_equal_at(desc_type(T_meta_v1_ObjectMeta), &a, &b);
}

static int check_node_update(struct admit *a, const struct core_v1_Node *now, const struct core_v1_Node *had, struct str node, struct err *e)
{
	if (now->spec.configSource && !had->spec.configSource)
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to update configSource to a new non-nil configSource", STR_F(node));
	if (!str_is(a->sub, "status") && !same_taints(now, had))
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to modify taints", STR_F(node));
	if (!same_owners(now, had))
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to modify ownerReferences", STR_F(node));
	return check_labels(a, now, had, node, e);
}

static int check_node(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Node *now = a->obj, *had = a->old;
	struct str name = a->name.n ? a->name : now ? now->metadata.name : (struct str){0};
	if (now && !had && now->spec.configSource)
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to create pods with a non-nil configSource", STR_F(node));
	if (now && (had ? check_node_update(a, now, had, node, e) : check_labels(a, now, NULL, node, e)))
		return -1;
	return str_eq(name, node) ? 0 : admit_forbidden(a, e, "node \"%.*s\" is not allowed to modify node \"%.*s\"", STR_F(node), STR_F(name));
}

/* The Pod asks for a token of this audience: in a projected volume, or by the driver of one of its CSI volumes. */
static bool asks_for_audience(struct admit *a, const struct core_v1_Pod *p, struct str audience)
{
	LIST_EACH(v, p->spec.volumes) {
		if (v->volumeSource.projected)
			LIST_EACH(s, v->volumeSource.projected->sources)
				if (s->serviceAccountToken && str_eq(s->serviceAccountToken->audience, audience))
					return true;
		const struct storage_v1_CSIDriver *d = v->volumeSource.csi ? admit_lookup(a, "storage.k8s.io", "csidrivers", (struct str){0}, v->volumeSource.csi->driver) : NULL;
		if (d)
			LIST_EACH(t, d->spec.tokenRequests)
				if (str_eq(t->audience, audience))
					return true;
	}
	return false;
}

static int check_token(struct admit *a, struct str node, struct err *e)
{
	const struct authentication_v1_TokenRequest *t = a->obj;
	const struct authentication_v1_BoundObjectReference *b = t ? t->spec.boundObjectRef : NULL;
	if (!b || !str_is(b->apiVersion, "v1") || !str_is(b->kind, "Pod") || !b->name.n)
		return admit_forbidden(a, e, "node requested token not bound to a pod");
	if (!b->uid.n)
		return admit_forbidden(a, e, "node requested token with a pod binding without a uid");
	const struct core_v1_Pod *p = admit_lookup(a, "", "pods", a->ns, b->name);
	if (!p) {
		err_set(e, ERR_NOT_FOUND, "pods \"%.*s\" not found", STR_F(b->name));
		err_object(e, STR(""), STR("pods"), b->name);
		return -1;
	}
	if (!str_eq(p->metadata.uid, b->uid))
		return admit_forbidden(a, e, "the UID in the bound object reference (%.*s) does not match the UID in record. The object might have been deleted and then recreated",
			STR_F(b->uid));
	if (!str_eq(p->spec.nodeName, node))
		return admit_forbidden(a, e, "node requested token bound to a pod scheduled on a different node");
	if (t->spec.audiences.len > 1)
		return admit_forbidden(a, e, "node may only request 0 or 1 audiences");
	struct str audience = t->spec.audiences.len ? t->spec.audiences.items[0] : STR("");
	if (audience.n && !asks_for_audience(a, p, audience))
		return admit_forbidden(a, e, "audience \"%.*s\" not found in pod spec volume", STR_F(audience));
	return 0;
}

/* Objects that a node may make for itself alone. */
static int check_lease(struct admit *a, struct str node, struct err *e)
{
	const struct coordination_v1_Lease *l = a->obj;
	if (!str_is(a->ns, "kube-node-lease"))
		return admit_forbidden(a, e, "can only access leases in the \"kube-node-lease\" system namespace");
	if (!str_eq(l && a->op == ADMIT_CREATE ? l->metadata.name : a->name, node))
		return admit_forbidden(a, e, "can only access node lease with the same name as the requesting node");
	return 0;
}

static int check_csinode(struct admit *a, struct str node, struct err *e)
{
	const struct storage_v1_CSINode *n = a->obj;
	if (!str_eq(n && a->op == ADMIT_CREATE ? n->metadata.name : a->name, node))
		return admit_forbidden(a, e, "can only access CSINode with the same name as the requesting node");
	return 0;
}

static int check_slice(struct admit *a, struct str node, struct err *e)
{
	const struct resource_v1_ResourceSlice *s = a->obj, *old = a->old;
	if (a->op == ADMIT_CREATE && !str_eq(s->spec.nodeName, node))
		return admit_forbidden(a, e, "can only create ResourceSlice with the same NodeName as the requesting node");
	if (old && !str_eq(old->spec.nodeName, node))
		return admit_forbidden(a, e, "can only %s ResourceSlice with the same NodeName as the requesting node", a->op == ADMIT_DELETE ? "delete" : "update");
	return 0;
}

static const struct {
	const char *group, *resource, *sub;
	int (*check)(struct admit *a, struct str node, struct err *e);
} restricted[] = {
	{"", "nodes", NULL, check_node},
	{"", "pods", NULL, check_pod},
	{"", "serviceaccounts", "token", check_token},
	{"coordination.k8s.io", "leases", NULL, check_lease},
	{"resource.k8s.io", "resourceslices", NULL, check_slice},
	{"storage.k8s.io", "csinodes", NULL, check_csinode},
};

static int restrict_node(struct admit *a, struct err *e)
{
	struct str node;
	if (!node_of_user(&a->request->user, &node) || !a->request->res)
		return 0;
	struct str group = desc_str(a->request->res->group), res = desc_str(a->request->res->plural);
	for (size_t i = 0; i < ARRAY_LEN(restricted); i++)
		if (str_is(group, restricted[i].group) && str_is(res, restricted[i].resource) && (!restricted[i].sub || str_is(a->sub, restricted[i].sub)))
			return restricted[i].check(a, node, e);
	return 0;
}

const struct admission_plugin plugin_node_restriction = {
	.name = "NodeRestriction", .by_default = false, .ops = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE, .admit = restrict_node};
