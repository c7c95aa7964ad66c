#include "base/test.h"
#include <sys/stat.h>

TEST(test_tmpdir_is_a_new_directory_each_time)
{
	struct stat st;
	const char *a = test_tmpdir(), *b = test_tmpdir();
	assert_string_not_equal(a, b);
	assert_int_equal(stat(a, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
}
