#include "base/regex.h"
#include "base/test.h"

CLEANUP_FN(regex_free, struct regex *)

TEST(regex_find_and_full_differ)
{
	ERR(e);
	CLEANUP(regex_free) struct regex *r = regex_new(STR("[a-z]+"), &e);
	assert_true(regex_find(r, STR("1abc2")));
	assert_false(regex_full(r, STR("1abc2")));
	assert_true(regex_full(r, STR("abc")));
	assert_false(regex_find(r, (struct str){0}));
}

TEST(regex_groups_gives_parts_and_absent_ones)
{
	ERR(e);
	struct str g[4];
	CLEANUP(regex_free) struct regex *r = regex_new(STR("(a)|(b)(c)?"), &e);
	assert_int_equal(regex_groups(r, STR("xb"), g, 4), 4);
	assert_str(g[0], "b");
	assert_null(g[1].p);
	assert_str(g[2], "b");
	assert_null(g[3].p);
	assert_int_equal(regex_groups(r, STR("xa"), g, 1), 4);
	assert_int_equal(regex_groups(r, STR("z"), g, 4), 0);
}

TEST(regex_bad_pattern_is_a_bad_request)
{
	ERR(e);
	assert_null(regex_new(STR("(a"), &e));
	assert_true(err_is(&e, ERR_BAD_REQUEST));
	assert_null(regex_new(STR("(a)\\1"), NULL));
}
