#include "apiserver/test_server.h"
#include <stdio.h>

static void restricted(struct server_opts *o)
{
	o->authorization_modes = STR("Node");
	o->enable_admission = STR("NodeRestriction");
}

static struct str as_node(struct test_server *t, enum verb verb, const char *plural, const char *ns, const char *name, const char *json)
{
	const struct resource *r = res("", plural);
	return do_call_as(t, "system:node:n1", "system:nodes",
		(struct call){.verb = verb, .res = r, .ns = str_of(ns), .name = verb == VERB_CREATE ? STR("") : str_of(name), .body = obj_of(t, r, json)});
}

static void assert_refused(struct str answer, const char *why)
{
	if (!str_has_prefix(answer, STR("! 403")) || !str_has_suffix(answer, str_of(why)))
		fail_msg("%.*s", STR_F(answer));
}

static void own_node(struct test_server *t)
{
	assert_refused(as_node(t, VERB_CREATE, "nodes", "", "n1", "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"node-restriction.kubernetes.io/x\":\"y\",\"z.k8s.io/a\":\"b\"}}}"),
		"is not allowed to set the following labels: node-restriction.kubernetes.io/x, z.k8s.io/a");
	assert_refused(as_node(t, VERB_CREATE, "nodes", "", "n2", "{\"metadata\":{\"name\":\"n2\"}}"), "node \"n1\" is not allowed to modify node \"n2\"");
	assert_str(at_path(t, as_node(t, VERB_CREATE, "nodes", "", "n1", "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"kubernetes.io/os\":\"linux\",\"mine\":\"1\"}}}"), "metadata.name"), "n1");
	assert_refused(as_node(t, VERB_UPDATE, "nodes", "", "n1", "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[]}}"), "node \"n1\" is not allowed to modify taints");
}
TEST(a_node_keeps_to_its_own_object_and_labels) { with_server_options(51, restricted, own_node); }

#define MIRROR "\"annotations\":{\"kubernetes.io/config.mirror\":\"h\"}"

static void mirror_pods(struct test_server *t)
{
	char json[600];
	struct str node = do_create(t, res("", "nodes"), "", "{\"metadata\":{\"name\":\"n1\"}}");
	do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"default\"}}");
	const char *spec = "\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}";
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"p\"},%s}", spec);
	assert_refused(as_node(t, VERB_CREATE, "pods", "default", "p", json), "can only create mirror pods");
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"p\"," MIRROR "},%s}", spec);
	assert_refused(as_node(t, VERB_CREATE, "pods", "default", "p", json), "node \"n1\" can only create pods with an owner reference set to itself");
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"p\"," MIRROR ",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\",\"uid\":\"%.*s\","
		"\"controller\":true}]},%s}", STR_F(at_path(t, node, "metadata.uid")), spec);
	assert_str(at_path(t, as_node(t, VERB_CREATE, "pods", "default", "p", json), "metadata.name"), "p");
	snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"q\"," MIRROR ",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\",\"uid\":\"%.*s\","
		"\"controller\":true}]},\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"envFrom\":[{\"secretRef\":{\"name\":\"s\"}}]}]}}",
		STR_F(at_path(t, node, "metadata.uid")));
	assert_refused(as_node(t, VERB_CREATE, "pods", "default", "q", json), "node \"n1\" can not create pods that reference secrets");
}
TEST(a_node_makes_mirror_pods_alone) { with_server_options(52, restricted, mirror_pods); }
