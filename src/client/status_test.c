#include "base/arena.h"
#include "base/test.h"
#include "client/status.h"
#include "schema/reflect.h"

TEST(status_becomes_an_error_with_all_it_says)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct meta_v1_StatusDetails d = {.name = STR("p"), .kind = STR("Pod"), .uid = STR("u"), .retryAfterSeconds = 3};
	struct meta_v1_Status s = {.reason = STR("Invalid"), .code = 422, .message = STR("Pod \"p\" is invalid"), .details = &d};
	*arena_push(a, &d.causes) = (struct meta_v1_StatusCause){.reason = STR("FieldValueRequired"), .field = STR("spec.x"), .message = STR("Required value")};
	err_set(&e, ERR_INTERNAL, "an earlier one is replaced");
	assert_int_equal(status_to_err(&s, &e), -1);
	assert_true(err_is(&e, ERR_INVALID));
	assert_string_equal(err_text(&e), "Pod \"p\" is invalid");
	assert_str(e.name, "p");
	assert_str(e.uid, "u");
	assert_int_equal(e.retry_after_s, 3);
	assert_int_equal(e.ncauses, 1);
	assert_str(e.causes[0].field, "spec.x");
	assert_string_equal(e.causes[0].type, "FieldValueRequired");
}

TEST(status_keeps_the_code_of_an_unknown_reason)
{
	ERR(e);
	struct meta_v1_Status s = {.reason = STR("Teapot"), .code = 418, .message = STR("short and stout")};
	assert_int_equal(status_to_err(&s, &e), -1);
	assert_true(err_is(&e, ERR_UNKNOWN));
	assert_int_equal(e.code, 418);
}

TEST(status_of_a_bare_code_says_what_upstream_says)
{
	ERR(e);
	assert_int_equal(status_of_code(404, "GET", STR("apps"), STR("deployments"), STR("d"), STR("404 page not found"), 0, &e), -1);
	assert_string_equal(err_text(&e), "the server could not find the requested resource (GET deployments.apps d)");
	assert_true(err_is(&e, ERR_NOT_FOUND));
	status_of_code(409, "POST", STR(""), STR("pods"), STR(""), STR(""), 0, &e);
	assert_true(err_is(&e, ERR_ALREADY_EXISTS));
	status_of_code(418, "GET", STR(""), STR("pods"), STR(""), STR(""), 0, &e);
	assert_string_equal(err_text(&e), "the server responded with the status code 418 but did not return more information (GET pods)");
	assert_int_equal(e.code, 418);
}
