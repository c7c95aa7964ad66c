#include "api/meta.h"
#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

TEST(owners)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_ConfigMap owner = {.metadata = {.name = STR("o"), .uid = STR("u1")}};
	struct meta_v1_ObjectMeta m = {0};
	assert_null(owner_controller(&m));
	owner_set(a, &m, owner_ref((struct ref){desc_type(T_core_v1_ConfigMap), &owner}));
	owner_set(a, &m, owner_ref((struct ref){desc_type(T_core_v1_ConfigMap), &owner}));
	assert_int_equal(m.ownerReferences.len, 1);
	assert_str(owner_controller(&m)->apiVersion, "v1");
	assert_true(owner_controls(STR("u1"), &m));
	assert_true(owner_remove(&m, STR("u1")) && !owner_remove(&m, STR("u1")));
}

TEST(finalizers)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct meta_v1_ObjectMeta m = {.finalizers = {.items = LIST_EMPTY}};
	assert_true(finalizer_add(a, &m, STR("f")) && !finalizer_add(a, &m, STR("f")));
	assert_true(finalizer_has(&m, STR("f")));
	assert_true(finalizer_remove(&m, STR("f")) && !finalizer_remove(&m, STR("f")));
}

TEST(keys)
{
	struct str ns, name;
	assert_int_equal(meta_key_split(STR("a/b"), &ns, &name), 0);
	assert_true(str_is(ns, "a") && str_is(name, "b"));
	assert_int_equal(meta_key_split(STR("b"), &ns, &name), 0);
	assert_true(!ns.n && str_is(name, "b"));
	assert_int_equal(meta_key_split(STR("a/b/c"), &ns, &name), -1);
}
