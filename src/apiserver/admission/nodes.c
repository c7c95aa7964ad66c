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

static int check_pod_create(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Pod *p = a->obj;
	if (!str_map_has(&p->metadata.annotations, STR(MIRROR)))
		return admit_forbidden(a, e, "pod does not have \"" MIRROR "\" annotation, node \"%.*s\" can only create mirror pods", STR_F(node));
	if (!str_eq(p->spec.nodeName, node))
		return admit_forbidden(a, e, "node \"%.*s\" can only create pods with spec.nodeName set to itself", STR_F(node));
	LIST_EACH(o, p->metadata.ownerReferences)
		if (!str_is(o->kind, "Node") || !str_eq(o->name, node))
			return admit_forbidden(a, e, "node \"%.*s\" can only create pods with an owner reference set to itself", STR_F(node));
	if (p->spec.serviceAccountName.n)
		return admit_forbidden(a, e, "node \"%.*s\" can not create pods that reference a service account", STR_F(node));
	LIST_EACH(v, p->spec.volumes)
		if (v->volumeSource.secret || v->volumeSource.configMap || v->volumeSource.persistentVolumeClaim)
			return admit_forbidden(a, e, "node \"%.*s\" can not create pods that reference secrets, configmaps or persistentvolumeclaims", STR_F(node));
	return 0;
}

static int check_pod(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Pod *had = a->old;
	if (a->op == ADMIT_CREATE && !a->sub.n)
		return check_pod_create(a, node, e);
	if (!had && a->op == ADMIT_CREATE && str_is(a->sub, "eviction"))
		had = admit_lookup(a, "", "pods", a->ns, a->name);
	if (had && !str_eq(had->spec.nodeName, node))
		return admit_forbidden(a, e, "node \"%.*s\" can only %s pods with spec.nodeName set to itself", STR_F(node),
			a->op == ADMIT_DELETE ? "delete" : str_is(a->sub, "eviction") ? "evict" : "update pod status for");
	if (a->op == ADMIT_UPDATE && str_is(a->sub, "status")) {
		const struct core_v1_Pod *now = a->obj;
		if (!obj_equal_at(desc_type(T_meta_v1_ObjectMeta), &now->metadata, &had->metadata) && now->metadata.labels.len != had->metadata.labels.len)
			return admit_forbidden(a, e, "node \"%.*s\" cannot update labels through pod status", STR_F(node));
	}
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

static int check_labels(struct admit *a, const struct core_v1_Node *now, const struct core_v1_Node *had, struct str node, struct err *e)
{
	LIST_EACH(l, now->metadata.labels)
	{
		bool same = had && str_map_has(&had->metadata.labels, l->key) && str_eq(str_map_get(&had->metadata.labels, l->key), l->value);
		if (!same && !label_allowed(l->key))
			return admit_forbidden(a, e, "is not allowed to %s the following labels: %.*s", had ? "modify" : "set", STR_F(l->key));
	}
	return 0;
}

static int check_node(struct admit *a, struct str node, struct err *e)
{
	const struct core_v1_Node *now = a->obj, *had = a->old;
	struct str name = a->name.n ? a->name : now ? now->metadata.name : (struct str){0};
	if (!str_eq(name, node))
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to modify node \"%.*s\"", STR_F(node), STR_F(name));
	if (a->op == ADMIT_DELETE || !now)
		return 0;
	if (now->spec.configSource && (!had || !had->spec.configSource))
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to update configSource to a new non-nil configSource", STR_F(node));
	if (had && !str_is(a->sub, "status") && !obj_equal_at(desc_type(T_core_v1_NodeSpec), &now->spec, &had->spec) && now->spec.taints.len != had->spec.taints.len)
		return admit_forbidden(a, e, "node \"%.*s\" is not allowed to modify taints", STR_F(node));
	return check_labels(a, now, had, node, e);
}

static int check_token(struct admit *a, struct str node, struct err *e)
{
	const struct authentication_v1_TokenRequest *t = a->obj;
	const struct authentication_v1_BoundObjectReference *b = t ? t->spec.boundObjectRef : NULL;
	if (!b || !str_is(b->kind, "Pod"))
		return admit_forbidden(a, e, "node requested token not bound to a pod");
	if (!b->uid.n)
		return admit_forbidden(a, e, "node requested token with a pod binding without a uid");
	const struct core_v1_Pod *p = admit_lookup(a, "", "pods", a->ns, b->name);
	if (!p || !str_eq(p->metadata.uid, b->uid))
		return admit_forbidden(a, e, "the UID in the bound object reference (%.*s) does not match the UID in record", STR_F(b->uid));
	return str_eq(p->spec.nodeName, node) ? 0 : admit_forbidden(a, e, "node requested token bound to a pod scheduled on a different node");
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
