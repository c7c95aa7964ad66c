/* The documents, compared with what the reference answered. */
#include "base/test.h"

#include "apiserver/discovery/impl.h"
#include "apiserver/discovery/openapi.h"
#include "base/buf.h"
#include "codec/json.h"
#include "gen/ids.h"
#include "os/file.h"
#include "schema/value.h"
#include <zlib.h>

/* The body of a recorded step. */
static struct value *recorded(struct arena *a, const char *file, const char *step)
{
	struct str text;
	struct value *steps;
	ERR(e);
	if (!test_shared()) {
		arena_free(a);
		skip();
	}
	struct str path = str_printf(a, "%s/vectors/recorded/discovery/%s.json", test_shared(), file);
	assert_ok(file_read(a, str_z(a, path), 16 << 20, &text, &e), &e);
	assert_ok(json_parse(a, text, NULL, &steps, &e), &e);
	for (uint32_t i = 0; i < steps->list.len; i++)
		if (str_is(value_path_str(steps->list.items[i], "step"), step))
			return value_get(steps->list.items[i], STR("body"));
	fail_msg("%s has no step %s", file, step);
	return NULL;
}

static void assert_same(struct arena *a, uint16_t type, void *obj, const struct value *want)
{
	struct value *got = obj_to_value(a, (struct ref){desc_type(type), obj});
	if (value_eq(got, want))
		return;
	BUF(out);
	json_write(&out, got);
	fail_msg("differs: %s", buf_z(&out));
}

/* Of a list, those named as in another one. */
static void keep_named(struct arena *a, struct value *list, const struct value *like, const char *path)
{
	struct value *kept = value_new(a, V_LIST);
	for (uint32_t i = 0; i < list->list.len; i++)
		for (uint32_t j = 0; j < like->list.len; j++)
			if (str_eq(value_path_str(list->list.items[i], path), value_path_str(like->list.items[j], path)))
				value_push(a, kept, list->list.items[i]);
	*list = *kept;
}

TEST(groups_are_listed_as_recorded)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *want = recorded(a, "groups", "groups");
	struct value *got = obj_to_value(a, (struct ref){desc_type(T_meta_v1_APIGroupList), groups_list(a)});
	keep_named(a, value_get(got, STR("groups")), value_get(want, STR("groups")), "name");
	assert_true(value_eq(got, want));
}

TEST(one_group_is_as_recorded)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_same(a, T_meta_v1_APIGroup, groups_one(a, STR("autoscaling")), recorded(a, "group-a", "autoscaling"));
}

TEST(resources_are_listed_as_recorded)
{
	static const char *const groups[] = {"certificates.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "networking.k8s.io"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		assert_same(a, T_meta_v1_APIResourceList, groups_resources(a, str_of(groups[i]), STR("v1")),
			recorded(a, "resources-b", str_z(a, str_printf(a, "%s-v1", groups[i]))));
}

TEST(aggregated_core_is_as_recorded)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_same(a, T_apidiscovery_v2_APIGroupDiscoveryList, aggregated_list(a, true), recorded(a, "aggregated-core", "v2"));
}

TEST(aggregated_groups_are_as_recorded)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *want = recorded(a, "aggregated-groups-a", "v2");
	struct value *got = obj_to_value(a, (struct ref){desc_type(T_apidiscovery_v2_APIGroupDiscoveryList), aggregated_list(a, false)});
	keep_named(a, value_get(got, STR("items")), value_get(want, STR("items")), "metadata.name");
	assert_true(value_eq(got, want));
}

TEST(what_is_off_by_default_is_not_served)
{
	assert_true(group_version_served(STR("apps"), STR("v1")));
	assert_false(group_version_served(STR("resource.k8s.io"), STR("v1alpha3")));
	assert_false(group_served(STR("internal.apiserver.k8s.io")));
	assert_false(group_served(STR("fruit.example")));
}

static struct str unpacked(struct arena *a, const struct openapi_form *f)
{
	char *p = arena_text(a, f->n);
	z_stream z = {.next_in = (unsigned char *)f->packed, .avail_in = f->packed_n, .next_out = (unsigned char *)p, .avail_out = f->n};
	assert_int_equal(inflateInit2(&z, -MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, f->n);
	inflateEnd(&z);
	assert_int_equal(crc32(0, (unsigned char *)p, f->n), f->crc32);
	return str_n(p, f->n);
}

TEST(openapi_documents_are_json_with_the_hash_that_their_url_shows)
{
	for (unsigned i = 0; i < openapi_docs_len; i++) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct value *v;
		ERR(e);
		struct str text = unpacked(a, &openapi_docs[i].json);
		unpacked(a, &openapi_docs[i].pb);
		assert_ok(json_parse(a, text, NULL, &v, &e), &e);
		assert_str(doc_etag(a, text), str_z(a, str_printf(a, "\"%s\"", openapi_docs[i].hash)));
	}
}

/* Texts apart, of which ours has none. */
static void drop_descriptions(struct value *v)
{
	struct value *d = value_get(v, STR("description"));
	if (d && d->type == V_STRING)
		value_del(v, STR("description"));
	for (uint32_t i = 0; v->type == V_OBJECT && i < v->object.len; i++)
		drop_descriptions(v->object.items[i].value);
	for (uint32_t i = 0; v->type == V_LIST && i < v->list.len; i++)
		drop_descriptions(v->list.items[i]);
}

TEST(definitions_of_openapi_v2_are_as_recorded)
{
	static const char *const names[] = {"io.k8s.api.core.v1.ConfigMap", "io.k8s.api.core.v1.ServicePort", "io.k8s.api.apps.v1.DeploymentStrategy",
		"io.k8s.apimachinery.pkg.api.resource.Quantity"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *want = recorded(a, "openapi-v2", "json"), *got;
	ERR(e);
	assert_ok(json_parse(a, unpacked(a, &openapi_docs[0].json), NULL, &got, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct value *w = value_get(want, str_printf(a, "/definitions/%s", names[i]));
		struct value *g = value_get(value_get(got, STR("definitions")), str_of(names[i]));
		drop_descriptions(w);
		drop_descriptions(g);
		assert_non_null(g);
		assert_true(value_eq(g, w));
	}
}
