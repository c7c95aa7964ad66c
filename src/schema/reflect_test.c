#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "schema/reflect.h"

TEST(presence_differs_from_zero)
{
	struct arena *a = arena_new(NULL);
	const struct type *t = desc_type(T_core_v1_PodSpec);
	struct core_v1_PodSpec *s = obj_new(a, t);
	const struct field *f = field_by_name(t, STR("terminationGracePeriodSeconds"), false);
	assert_false(field_present(s, f));
	*(int64_t *)field_mutable(a, s, f) = 0;
	assert_true(field_present(s, f));
	assert_false(field_empty(s, f));
	assert_true(s->has_terminationGracePeriodSeconds);
	field_clear(s, f);
	assert_true(field_empty(s, f));
	arena_free(a);
}

TEST(string_maps_stay_sorted)
{
	struct arena *a = arena_new(NULL);
	struct str_map m = {.items = LIST_EMPTY};
	str_map_set(a, &m, STR("b"), STR("2"));
	str_map_set(a, &m, STR("a"), STR("1"));
	str_map_set(a, &m, STR("c"), STR("3"));
	str_map_set(a, &m, STR("b"), STR("x"));
	assert_int_equal(m.len, 3);
	assert_str(m.items[0].key, "a");
	assert_str(str_map_get(&m, STR("b")), "x");
	assert_true(str_map_del(&m, STR("b")));
	assert_false(str_map_del(&m, STR("b")));
	assert_null(str_map_get(&m, STR("b")).p);
	assert_str(str_map_get(&m, STR("c")), "3");
	arena_free(a);
}

TEST(paths_follow_messages)
{
	struct arena *a = arena_new(NULL);
	struct ref o = {desc_type(T_core_v1_Pod), obj_new(a, desc_type(T_core_v1_Pod))};
	struct core_v1_Pod *pod = o.p;
	const struct field *f;
	pod->spec.nodeName = STR("n1");
	assert_str(*(struct str *)obj_path(o, STR("spec.nodeName"), &f), "n1");
	assert_null(obj_path(o, STR("spec.securityContext.runAsUser"), &f));
	assert_non_null(f);
	assert_null(obj_path(o, STR("spec.nope"), &f));
	assert_null(f);
	obj_set_type(o);
	assert_str(pod->apiVersion, "v1");
	assert_str(pod->kind, "Pod");
	arena_free(a);
}
