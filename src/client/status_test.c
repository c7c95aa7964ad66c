#include "base/arena.h"
#include "base/test.h"
#include "client/status.h"
#include "schema/reflect.h"

TEST(status_goes_to_an_error_and_back)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct meta_v1_Status s, back;
	err_set(&e, ERR_INVALID, "Pod \"p\" is invalid");
	err_object(&e, STR(""), STR("Pod"), STR("p"));
	err_cause(&e, "FieldValueRequired", STR("spec.x"), "Required value");
	e.retry_after_s = 3;
	status_of_err(a, &e, &s);
	assert_str(s.status, "Failure");
	assert_str(s.reason, "Invalid");
	assert_int_equal(s.code, 422);
	ERR(f);
	assert_int_equal(status_to_err(&s, &f), -1);
	status_of_err(a, &f, &back);
	assert_str(back.message, "Pod \"p\" is invalid");
	assert_str(back.details->name, "p");
	assert_str(back.details->causes.items[0].field, "spec.x");
	assert_str(back.details->causes.items[0].reason, "FieldValueRequired");
	assert_int_equal(back.details->retryAfterSeconds, 3);
	assert_int_equal(back.code, 422);
}

TEST(status_without_details_stays_without)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct meta_v1_Status s;
	err_set(&e, ERR_UNAUTHORIZED, "Unauthorized");
	status_of_err(a, &e, &s);
	assert_null(s.details);
	assert_int_equal(s.code, 401);
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
