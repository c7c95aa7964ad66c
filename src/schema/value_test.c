#include "base/test.h"
#include "schema/value.h"

TEST(members_are_set_replaced_deleted_and_sorted)
{
	struct arena *a = arena_new(NULL);
	struct value *o = value_new(a, V_OBJECT);
	value_set(a, o, STR("b"), value_int(a, 1));
	value_set(a, o, STR("a"), value_str(a, STR("x")));
	value_set(a, o, STR("b"), value_int(a, 2));
	struct value *copy = value_copy(a, o);
	assert_true(value_eq(copy, o));
	value_sort(copy);
	assert_str(copy->object.items[0].key, "a");
	assert_true(value_eq(copy, o));
	assert_int_equal(value_get(o, STR("b"))->i, 2);
	assert_true(value_del(o, STR("b")));
	assert_false(value_eq(copy, o));
	assert_null(value_get(o, STR("b")));
	arena_free(a);
}

TEST(one_equals_one_point_zero)
{
	struct arena *a = arena_new(NULL);
	struct value *d = value_new(a, V_DOUBLE);
	d->d = 1.0;
	assert_true(value_eq(d, value_int(a, 1)));
	assert_false(value_eq(value_bool(a, true), value_int(a, 1)));
	arena_free(a);
}
