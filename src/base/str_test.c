#include "base/arena.h"
#include "base/test.h"

TEST(str_cut_without_separator_leaves_an_absent_tail)
{
	struct str head, tail;
	assert_false(str_cut(STR("abc"), '/', &head, &tail));
	assert_str(head, "abc");
	assert_null(tail.p);
}
