#include "apiserver/test_server.h"

#define APPLY "User-Agent: test\r\nContent-Type: application/apply-patch+yaml\r\n"

static void twice(struct test_server *t)
{
	const char *yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: one, k: two}\n";
	struct str a = wire(t, "PATCH", "/api/v1/namespaces/default/configmaps/a?fieldManager=m", APPLY, yaml);
	assert_true(str_find(a, STR("warning: 299 - \"line 4: key \\\"k\\\" already set in map\"")) > 0);
	a = wire(t, "PATCH", "/api/v1/namespaces/default/configmaps/a?fieldManager=m&fieldValidation=Strict", APPLY, yaml);
	assert_true(str_has_prefix(a, STR("HTTP/1.1 400")));
	a = wire(t, "PATCH", "/api/v1/namespaces/default/configmaps/a?fieldManager=m&fieldValidation=Ignore", APPLY, yaml);
	assert_true(str_has_prefix(a, STR("HTTP/1.1 200")) && str_find(a, STR("warning:")) < 0);
}
TEST(keys_set_twice_in_a_configuration_are_told) { with_server(0, twice); }

static void causes(struct test_server *t)
{
	do_create(t, res("", "configmaps"), "default", "{\"metadata\":{\"name\":\"a\"}}");
	struct str a = wire(t, "PATCH", "/api/v1/namespaces/default/configmaps/a", "User-Agent: test\r\nContent-Type: application/merge-patch+json\r\n", "{\"metadata\":{\"uid\":\"x\"}}");
	assert_true(str_find(a, STR("\"message\":\"ConfigMap \\\"a\\\" is invalid: metadata.uid: Invalid value: \\\"x\\\": field is immutable\"")) > 0);
	ptrdiff_t first = str_find(a, STR("\"field\":\"metadata.uid\""));
	assert_true(first > 0 && str_find(str_sub(a, (size_t)first + 5, a.n), STR("\"field\":\"metadata.uid\"")) > 0);
}
TEST(causes_come_twice_and_are_told_once) { with_server(0, causes); }
