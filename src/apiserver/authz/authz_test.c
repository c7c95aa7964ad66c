#include "apiserver/test_server.h"
#include <stdio.h>

#define RBAC "rbac.authorization.k8s.io"
#define AUTHZ "authorization.k8s.io"

static void with_rbac(struct server_opts *o) { o->authorization_modes = STR("Node,RBAC"); o->enable_admission = STR("NodeRestriction"); }

static void grant(struct test_server *t, const char *user, const char *rules)
{
	char json[900];
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"r\"},\"rules\":%s}", rules);
	assert_true(at_path(t, do_create(t, res(RBAC, "roles"), "default", json), "metadata.uid").n > 0);
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"apiGroup\":\"" RBAC "\",\"kind\":\"Role\",\"name\":\"r\"},"
		"\"subjects\":[{\"kind\":\"User\",\"name\":\"%s\",\"apiGroup\":\"" RBAC "\"}]}", user);
	assert_true(at_path(t, do_create(t, res(RBAC, "rolebindings"), "default", json), "metadata.uid").n > 0);
}

static struct str create_as(struct test_server *t, const char *user, const char *group, const struct resource *r, const char *ns, const char *json)
{
	return do_call_as(t, user, group, (struct call){.verb = VERB_CREATE, .res = r, .ns = str_of(ns), .body = obj_of(t, r, json)});
}

static struct str eve_makes(struct test_server *t, const char *json) { return create_as(t, "eve", "g", res(RBAC, "roles"), "default", json); }

static void escalation(struct test_server *t)
{
	grant(t, "eve", "[{\"apiGroups\":[\"" RBAC "\"],\"resources\":[\"roles\"],\"verbs\":[\"create\",\"update\"]},"
		"{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]},"
		"{\"apiGroups\":[\"" RBAC "\"],\"resources\":[\"roles\"],\"resourceNames\":[\"big\"],\"verbs\":[\"escalate\"]}]");
	struct str own = eve_makes(t, "{\"metadata\":{\"name\":\"own\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]}");
	assert_str(at_path(t, own, "metadata.name"), "own");
	const char *all = "{\"metadata\":{\"name\":\"big\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\",\"list\",\"watch\"]}]}";
	assert_str(eve_makes(t, all), "! 403 roles." RBAC " \"big\" is forbidden: user \"eve\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n"
		"{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}");
	assert_str(at_path(t, eve_makes(t, "{\"metadata\":{\"name\":\"big\"},\"rules\":[]}"), "rules"), "null"); /* as it will be read */
	/* The name in the grant counts where the request has a name. */
	struct call put = {.verb = VERB_UPDATE, .res = res(RBAC, "roles"), .ns = STR("default"), .name = STR("big"), .body = obj_of(t, res(RBAC, "roles"), all)};
	assert_true(at_path(t, do_call_as(t, "eve", "g", put), "rules").n > 10);
}
TEST(nobody_grants_what_he_has_not_got) { with_server_options(31, with_rbac, escalation); }

static void aggregation(struct test_server *t)
{
	do_create(t, res(RBAC, "clusterroles"), "", "{\"metadata\":{\"name\":\"m\"},\"rules\":[{\"apiGroups\":[\"" RBAC "\"],\"resources\":[\"clusterroles\"],\"verbs\":[\"create\"]}]}");
	do_create(t, res(RBAC, "clusterrolebindings"), "", "{\"metadata\":{\"name\":\"m\"},\"roleRef\":{\"apiGroup\":\"" RBAC "\",\"kind\":\"ClusterRole\",\"name\":\"m\"},"
		"\"subjects\":[{\"kind\":\"User\",\"name\":\"eve\"}]}");
	assert_str(create_as(t, "eve", "g", res(RBAC, "clusterroles"), "", "{\"metadata\":{\"name\":\"a\"},\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchLabels\":{\"x\":\"y\"}}]}}"),
		"! 403 clusterroles." RBAC " \"a\" is forbidden: must have cluster-admin privileges to use the aggregationRule");
}
TEST(an_aggregation_rule_needs_all_rights) { with_server_options(32, with_rbac, aggregation); }

static void broken_reference(struct test_server *t)
{
	do_create(t, res(RBAC, "rolebindings"), "default", "{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"apiGroup\":\"" RBAC "\",\"kind\":\"ClusterRole\",\"name\":\"gone\"},"
		"\"subjects\":[{\"kind\":\"User\",\"name\":\"bob\"}]}");
	struct call c = {.verb = VERB_GET, .res = res("", "pods"), .ns = STR("default"), .name = STR("p")};
	assert_str(do_call_as(t, "bob", "g", c), "! 403 pods \"p\" is forbidden: User \"bob\" cannot get resource \"pods\" in API group \"\" in the namespace \"default\": "
		"RBAC: clusterrole." RBAC " \"gone\" not found");
}
TEST(a_refusal_names_roles_that_are_missing) { with_server_options(33, with_rbac, broken_reference); }

static void apply_creates(struct test_server *t)
{
	grant(t, "bob", "[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"verbs\":[\"patch\"]}]");
	struct call c = {.verb = VERB_PATCH, .res = res("", "configmaps"), .ns = STR("default"), .name = STR("a"), .patch_type = PATCH_APPLY, .field_manager = STR("m"),
		.patch = STR("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}")};
	assert_str(do_call_as(t, "bob", "g", c), "! 403 configmaps \"a\" is forbidden: User \"bob\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\"");
	do_create(t, res("", "configmaps"), "default", "{\"metadata\":{\"name\":\"a\"}}");
	assert_str(at_path(t, do_call_as(t, "bob", "g", c), "metadata.name"), "a");
}
TEST(an_apply_that_creates_needs_the_right_to) { with_server_options(34, with_rbac, apply_creates); }

/* ---- nodes ---- */

static struct str node_lists(struct test_server *t, const char *plural, const char *fields)
{
	struct str none = {0}, text;
	struct str g = STR("system:nodes");
	struct user u = {.name = STR("system:node:n1"), .groups = &g, .ngroups = 1};
	struct transport *was = t->t;
	t->t = inproc_transport(t->server, &u);
	text = do_list(t, (struct call){.res = res("", plural), .field_selector = str_of(fields)}, &none);
	t->t->ops->free(t->t);
	t->t = was;
	return text;
}

static struct str node_gets(struct test_server *t, const char *group, const char *plural, const char *ns, const char *name)
{
	return do_call_as(t, "system:node:n1", "system:nodes", (struct call){.verb = VERB_GET, .res = res(group, plural), .ns = str_of(ns), .name = str_of(name)});
}

static void nodes(struct test_server *t)
{
	assert_str(node_lists(t, "pods", "spec.nodeName=n1,status.phase=Running"), "");
	assert_str(node_lists(t, "pods", "spec.nodeName=n2"), "! 403 pods is forbidden: User \"system:node:n1\" cannot list resource \"pods\" in API group \"\" at the cluster scope: "
		"can only list/watch pods with spec.nodeName field selector");
	assert_true(str_has_suffix(node_lists(t, "nodes", ""), STR("node 'n1' cannot read all nodes, only its own Node object")));
	assert_str(node_lists(t, "nodes", "metadata.name=n1"), "");
	assert_true(str_has_suffix(node_lists(t, "secrets", ""), STR("can only read namespaced object of this type")));
	assert_str(node_gets(t, "", "nodes", "", "n1"), "! 404 nodes \"n1\" not found");
	assert_true(str_has_suffix(node_gets(t, "", "nodes", "", "n2"), STR("node 'n1' cannot read 'n2', only its own Node object")));
	assert_true(str_has_suffix(node_gets(t, "", "configmaps", "default", "c"), STR("no relationship found between node 'n1' and this object")));
	assert_true(str_has_suffix(node_gets(t, "storage.k8s.io", "volumeattachments", "", "v"), STR("no relationship found between node 'n1' and this object")));
}
TEST(a_node_sees_its_own_alone) { with_server_options(35, with_rbac, nodes); }

static void references(struct test_server *t)
{
	do_create(t, res("", "secrets"), "default", "{\"metadata\":{\"name\":\"s\"}}");
	assert_true(str_has_prefix(node_gets(t, "", "secrets", "default", "s"), STR("! 403")));
	do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"default\"}}");
	struct str pod = do_create(t, res("", "pods"), "default", "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],"
		"\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]}}");
	assert_true(at_path(t, pod, "metadata.uid").n > 0);
	assert_str(at_path(t, node_gets(t, "", "secrets", "default", "s"), "metadata.name"), "s");
	assert_str(at_path(t, node_gets(t, "", "pods", "default", "p"), "metadata.name"), "p");
}
TEST(a_node_reads_what_its_pods_name) { with_server_options(36, with_rbac, references); }

static void leases(struct test_server *t)
{
	const struct resource *r = res("coordination.k8s.io", "leases");
	do_create(t, res("", "namespaces"), "", "{\"metadata\":{\"name\":\"kube-node-lease\"}}");
	assert_str(at_path(t, create_as(t, "system:node:n1", "system:nodes", r, "kube-node-lease", "{\"metadata\":{\"name\":\"n1\"}}"), "metadata.name"), "n1");
	assert_str(create_as(t, "system:node:n1", "system:nodes", r, "kube-node-lease", "{\"metadata\":{\"name\":\"n2\"}}"),
		"! 403 leases.coordination.k8s.io \"n2\" is forbidden: can only access node lease with the same name as the requesting node");
}
TEST(a_node_makes_no_lease_of_another) { with_server_options(37, with_rbac, leases); }

/* ---- reviews ---- */

static struct str review(struct test_server *t, const char *spec)
{
	char json[600];
	snprintf(json, sizeof json, "{\"spec\":%s}", spec);
	return do_create(t, res(AUTHZ, "subjectaccessreviews"), "", json);
}

static void reviews(struct test_server *t)
{
	struct str own = review(t, "{\"user\":\"system:node:n1\",\"groups\":[\"system:nodes\"],\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\","
		"\"fieldSelector\":{\"requirements\":[{\"key\":\"spec.nodeName\",\"operator\":\"In\",\"values\":[\"n1\"]}]}}}");
	assert_str(at_path(t, own, "status"), "{\"allowed\":true}");
	struct str odd = review(t, "{\"user\":\"zoe\",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\",\"labelSelector\":{\"requirements\":"
		"[{\"key\":\"a\",\"operator\":\"Near\"},{\"key\":\"b\",\"operator\":\"Exists\"}]}}}");
	assert_str(at_path(t, odd, "status.evaluationError"), "spec.resourceAttributes.labelSelector partially ignored due to parse error");
	assert_str(review(t, "{\"user\":\"zoe\",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\",\"labelSelector\":{}}}"),
		"! 422 .authorization.k8s.io \"\" is invalid: spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is "
		"specified, requirements or rawSelector is required");
}
TEST(access_reviews_look_at_selectors) { with_server_options(38, with_rbac, reviews); }

static void own_rules(struct test_server *t)
{
	grant(t, "eve", "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]},{\"nonResourceURLs\":[],\"apiGroups\":[\"apps\"],\"resources\":[\"*\"],\"verbs\":[\"list\"]}]");
	struct str all = create_as(t, "eve", "nobody", res(AUTHZ, "selfsubjectrulesreviews"), "", "{\"spec\":{\"namespace\":\"default\"}}");
	assert_true(str_has_prefix(all, STR("! 403"))); /* only system:authenticated may ask */
	all = create_as(t, "eve", "system:authenticated", res(AUTHZ, "selfsubjectrulesreviews"), "", "{\"spec\":{\"namespace\":\"default\"}}");
	assert_str(at_path(t, all, "spec"), "{}");
	assert_true(str_find(at_path(t, all, "status.resourceRules"), STR("{\"verbs\":[\"list\"],\"apiGroups\":[\"apps\"],\"resources\":[\"*\"]}")) >= 0);
	all = create_as(t, "system:node:n1", "system:nodes", res(AUTHZ, "selfsubjectrulesreviews"), "", "{\"spec\":{\"namespace\":\"default\"}}");
	assert_true(str_has_prefix(all, STR("! 403")));
}
TEST(a_rules_review_lists_every_rule) { with_server_options(39, with_rbac, own_rules); }
