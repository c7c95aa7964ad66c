#include "apiserver/test_server.h"

#define TABLE "User-Agent: test\r\nAccept: application/json;as=Table;g=meta.k8s.io;v=v1\r\n"

static struct str body(struct test_server *t, const char *method, const char *path, const char *json)
{
	struct str a = wire(t, method, path, TABLE "Content-Type: application/json\r\n", json);
	ptrdiff_t at = str_find(a, STR("\r\n\r\n"));
	return str_trim(str_sub(a, at < 0 ? 0 : (size_t)at + 4, a.n));
}

static void empty(struct test_server *t)
{
	assert_true(str_find(body(t, "GET", "/api/v1/namespaces/default/configmaps", ""), STR("\"rows\":[]")) > 0);
	assert_true(str_find(body(t, "GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", ""), STR("\"rows\":null")) > 0);
}
TEST(empty_tables_have_null_rows_only_from_the_generic_printer) { with_server(0, empty); }

static void objects(struct test_server *t)
{
	assert_true(str_find(body(t, "GET", "/api/v1/namespaces/default?includeObject=None", ""), STR("\"object\":null")) > 0);
	assert_true(str_find(body(t, "GET", "/api/v1/namespaces/default?includeObject=Object", ""), STR("\"object\":{\"kind\":\"Namespace\"")) > 0);
	assert_str(at_path(t, body(t, "GET", "/api/v1/namespaces/default?includeObject=Some", ""), "code"), "400");
}
TEST(rows_of_single_objects_obey_includeObject) { with_server(0, objects); }

static void reviews(struct test_server *t)
{
	struct str a = body(t, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}");
	assert_str(at_path(t, a, "code"), "406");
}
TEST(reviews_have_no_table) { with_server(0, reviews); }

static void components(struct test_server *t)
{
	struct str a = wire(t, "GET", "/api/v1/componentstatuses", "User-Agent: test\r\n", "");
	assert_true(str_find(a, STR("{\"kind\":\"ComponentStatusList\",\"apiVersion\":\"v1\"")) > 0);
}
TEST(lists_that_are_not_stored_have_a_kind) { with_server(0, components); }

static void component_tables(struct test_server *t)
{
	static const char row[] = "{\"cells\":[\"etcd-0\",\"Healthy\",\"ok\",\"\"],\"object\":{\"kind\":\"PartialObjectMetadata\"";
	assert_true(str_find(body(t, "GET", "/api/v1/componentstatuses", ""), str_of(row)) > 0);
	assert_true(str_find(body(t, "GET", "/api/v1/componentstatuses/etcd-0", ""), str_of(row)) > 0);
}
TEST(lists_that_are_not_stored_have_tables) { with_server(0, component_tables); }

static void local_apiservices(struct test_server *t)
{
	struct str a = body(t, "POST", "/apis/apiregistration.k8s.io/v1/apiservices",
		"{\"metadata\":{\"name\":\"v1.x.io\"},\"spec\":{\"group\":\"x.io\",\"version\":\"v1\",\"groupPriorityMinimum\":1000,\"versionPriority\":15}}");
	assert_true(str_find(a, STR("\"cells\":[\"v1.x.io\",\"Local\",\"True\",")) > 0);
}
TEST(local_apiservices_are_available_at_once) { with_server(0, local_apiservices); }
