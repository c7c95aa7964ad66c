#include "base/blob.h"
#include "base/test.h"

TEST(blob_lives_until_the_last_reference)
{
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("bytes"));
	struct blob *other = blob_ref(b);
	assert_int_equal(b->refs, 2);
	blob_unref(other);
	assert_str(blob_str(b), "bytes");
	blob_unref(NULL);
	assert_null(blob_str(NULL).p);
}

TEST(blob_too_large_is_null)
{
	assert_null(blob_new(SIZE_MAX));
	assert_null(blob_new(SIZE_MAX / 2 + 1));
}
