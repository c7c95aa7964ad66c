/* For *_test.c files: TEST(name) { ... } defines a test; the build finds them by name and runs each file's tests in one program per room.
 * cmocka's assertions are available; assert_str compares a struct str with a literal. */
#pragma once
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/str.h"

#define TEST(name) void name(void **test_state_ __attribute__((unused)))
#define assert_str(s, z)                                                                  \
	do {                                                                              \
		struct str got_ = (s), want_ = str_of(z);                                 \
		if (!str_eq(got_, want_))                                                 \
			fail_msg("got \"%.*s\", want \"%.*s\"", STR_F(got_), STR_F(want_)); \
	} while (0)
#define assert_ok(call, e)                                              \
	do {                                                            \
		if ((call) != 0)                                        \
			fail_msg("%s failed: %s", #call, err_text(e)); \
	} while (0)
/* Directory of shared facts and vectors (C8S_SHARED), or NULL: then skip(). */
const char *test_shared(void);
/* A fresh temporary directory, removed when the test program ends. */
const char *test_tmpdir(void);
