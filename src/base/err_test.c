#include "base/arena.h"
#include "base/err.h"
#include "base/test.h"
#include <errno.h>

TEST(err_set_fills_code_and_returns_minus_one)
{
	ERR(e);
	assert_int_equal(err_set(&e, ERR_NOT_FOUND, "%s \"%s\" not found", "pods", "a"), -1);
	assert_int_equal(e.code, 404);
	assert_string_equal(err_text(&e), "pods \"a\" not found");
	assert_int_equal(err_set(NULL, ERR_GONE, "x"), -1);
}

TEST(err_set_may_use_the_text_it_replaces)
{
	ERR(e);
	err_set(&e, ERR_NOT_FOUND, "first");
	err_set(&e, ERR_CONFLICT, "second after %s", err_text(&e));
	assert_string_equal(err_text(&e), "second after first");
	assert_true(err_is(&e, ERR_CONFLICT));
}

TEST(err_sys_takes_either_sign)
{
	ERR(e);
	err_sys(&e, -ENOENT, "open %s", "/x");
	assert_string_equal(err_text(&e), "open /x: No such file or directory");
	assert_int_equal(e.sys, ENOENT);
	err_sys(&e, EACCES, "open");
	assert_int_equal(e.sys, EACCES);
	assert_int_equal(e.code, 500);
	assert_string_equal(err_reason_name(e.reason), "");
}

TEST(err_wrap_keeps_reason_and_causes)
{
	ERR(e);
	err_cause(&e, "FieldValueRequired", STR("spec.name"), "Required value");
	err_cause(&e, "FieldValueInvalid", STR("spec.n"), "must be %d", 1);
	err_wrap(&e, "create %s", "pod");
	assert_string_equal(err_text(&e), "create pod: spec.name: Required value");
	assert_int_equal(e.code, 422);
	assert_int_equal(e.ncauses, 2);
	assert_str(e.causes[1].message, "must be 1");
}

TEST(err_copy_is_independent_and_move_empties)
{
	ERR(a);
	ERR(b);
	ERR(c);
	err_cause(&a, "FieldValueInvalid", STR("f"), "bad");
	err_object(&a, STR("apps"), STR("Deployment"), STR("web"));
	err_copy(&b, &a);
	err_move(&c, &a);
	assert_true(err_is(&a, ERR_NONE) && !a.mem);
	err_fini(&c);
	assert_str(b.causes[0].field, "f");
	assert_str(b.kind, "Deployment");
	assert_string_equal(err_text(&a), "");
}

TEST(err_object_may_come_from_the_error_itself)
{
	ERR(e);
	err_object(&e, STR("g"), STR("k"), STR("n"));
	err_object(&e, e.name, e.group, e.kind);
	assert_str(e.group, "n");
	assert_str(e.name, "k");
}

TEST(err_reasons_have_names_and_codes_and_parse_back)
{
	for (int r = ERR_UNAUTHORIZED; r < ERR_SYSTEM; r++) {
		assert_true(err_reason_code((enum err_reason)r) >= 400);
		assert_int_equal(err_reason_parse(str_of(err_reason_name((enum err_reason)r))), r);
	}
	assert_int_equal(err_reason_parse(STR("")), ERR_UNKNOWN);
	assert_int_equal(err_reason_parse(STR("Nonsense")), ERR_UNKNOWN);
}
