#include "apiserver/test_server.h"

static struct str names(struct test_server *t, const char *version, const char *plural, const char *selector)
{
	const char *group = str_is(STR("events"), plural) && str_find(str_of(version), STR("events")) == 0 ? "events.k8s.io" : "";
	struct call c = {.res = res(group, plural), .ns = STR("default"), .field_selector = str_of(selector)};
	return do_list(t, c, NULL);
}

static void versions(struct test_server *t)
{
	do_create(t, res("", "events"), "default",
		"{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"p\"},\"reportingComponent\":\"c\",\"type\":\"Normal\"}");
	assert_str(names(t, "v1", "events", "involvedObject.name=p"), "e");
	assert_str(names(t, "events.k8s.io/v1", "events", "regarding.name=p,reportingController=c,type=Normal"), "e");
	assert_str(names(t, "events.k8s.io/v1", "events", "involvedObject.name=p"), "! 400 field label not supported: involvedObject.name");
	assert_str(names(t, "events.k8s.io/v1", "events", "source=c"), "! 400 field label not supported: source");
	assert_str(names(t, "v1", "events", "regarding.name=p"), "! 400 field label not supported: regarding.name");
}
TEST(field_selectors_use_the_names_of_the_version) { with_server(21, versions); }

static void old_names(struct test_server *t)
{
	do_create(t, res("", "serviceaccounts"), "default", "{\"metadata\":{\"name\":\"default\"}}");
	do_create(t, res("", "pods"), "default", "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}");
	assert_str(names(t, "v1", "pods", "spec.host=n"), "a");
	assert_str(names(t, "v1", "pods", "spec.nodeName=n"), "a");
	struct call nodes = {.res = res("", "nodes"), .field_selector = STR("metadata.namespace=x")};
	assert_str(do_list(t, nodes, NULL), "! 400 field label not supported: metadata.namespace");
}
TEST(old_names_of_selectable_fields_work) { with_server(22, old_names); }
