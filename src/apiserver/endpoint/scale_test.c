#include "apiserver/test_server.h"

static const char *const deployment = "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
				      "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}";

static struct str scale(struct test_server *t, enum patch_type type, const char *manager, bool force, const char *patch)
{
	struct call c = {.verb = VERB_PATCH, .res = res("apps", "deployments"), .ns = STR("default"), .name = STR("d"), .sub = STR("scale"), .patch_type = type,
		.patch = str_of(patch), .field_manager = str_of(manager), .force = force};
	return do_call(t, c);
}

static void owners(struct test_server *t)
{
	do_create(t, res("apps", "deployments"), "default", deployment);
	assert_str(at_path(t, scale(t, PATCH_MERGE, "hand", false, "{\"spec\":{\"replicas\":3}}"), "spec.replicas"), "3");
	struct str d = do_get(t, res("apps", "deployments"), "default", "d");
	ptrdiff_t hand = str_find(d, STR("\"manager\":\"hand\""));
	assert_true(hand > 0 && str_find(d, STR("\"subresource\":\"scale\"")) > hand);
	assert_true(str_find(d, STR("\"fieldsV1\":{\"f:spec\":{\"f:replicas\":{}}},\"subresource\":\"scale\"")) > 0);
	struct str other = scale(t, PATCH_APPLY, "hpa", false, "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":5}}");
	assert_true(str_has_prefix(other, STR("! 409 Apply failed with 1 conflict: conflict with \"hand\"")));
	other = scale(t, PATCH_APPLY, "hpa", true, "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":5}}");
	assert_str(at_path(t, other, "spec.replicas"), "5");
	d = do_get(t, res("apps", "deployments"), "default", "d");
	assert_true(str_find(d, STR("\"manager\":\"hand\"")) < 0 && str_find(d, STR("\"manager\":\"hpa\"")) > 0);
}
TEST(replicas_belong_to_who_scales) { with_server(23, owners); }

static void status(struct test_server *t)
{
	do_create(t, res("apps", "deployments"), "default", deployment);
	struct call c = {.verb = VERB_PATCH, .res = res("apps", "deployments"), .ns = STR("default"), .name = STR("d"), .sub = STR("status"), .patch_type = PATCH_MERGE,
		.field_manager = STR("m"), .patch = STR("{\"metadata\":{\"labels\":{\"x\":\"1\"},\"annotations\":{\"y\":\"2\"}},\"spec\":{\"replicas\":9},\"status\":{\"replicas\":1}}")};
	struct str d = do_call(t, c);
	assert_false(at_path(t, d, "metadata.labels.x").p);
	assert_str(at_path(t, d, "metadata.annotations.y"), "2");
	assert_str(at_path(t, d, "spec.replicas"), "2");
	assert_true(str_find(d, STR("{\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:y\":{}}},\"f:status\":{\"f:replicas\":{}}}")) > 0);
}
TEST(status_leaves_the_spec_and_the_labels) { with_server(24, status); }

static void template_generation(struct test_server *t)
{
	struct str d = do_create(t, res("apps", "daemonsets"), "default", "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":"
		"{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}");
	assert_true(str_find(d, STR("\"annotations\":{\"deprecated.daemonset.template.generation\":\"1\"}")) > 0);
	assert_true(str_find(d, STR("\"f:annotations\":{\".\":{},\"f:deprecated.daemonset.template.generation\":{}}")) > 0);
}
TEST(what_the_internal_form_adds_is_the_writers) { with_server(25, template_generation); }
