#include "apiserver/test_server.h"
#include "base/log.h"

static bool says(struct str text, const char *what) { return str_find(text, str_of(what)) >= 0; }

static void show_flags(struct server_opts *o) { o->flags = STR("secure-port=6443\n"); }

static void pages(struct test_server *t)
{
	assert_true(says(wire(t, "GET", "/statusz", "", ""), "\"reason\":\"NotAcceptable\",\"code\":406"));
	struct str text = wire(t, "GET", "/statusz", "Accept: text/plain\r\n", "");
	assert_true(says(text, "apiserver statusz\n") && says(text, "Binary version: "));
	assert_true(says(wire(t, "GET", "/flagz", "Accept: text/plain;q=0.9\r\n", ""), "\nsecure-port=6443\n"));
	assert_true(says(wire(t, "GET", "/debug/pprof/", "", ""), "text/html; charset=utf-8"));
	assert_true(says(wire(t, "GET", "/debug/pprof/cmdline", "", ""), "404 Not Found"));
}
TEST(pages_for_people_are_plain_text) { with_server_options(0, show_flags, pages); }

static void verbosity(struct test_server *t)
{
	int was = log_verbosity();
	assert_true(says(wire(t, "PUT", "/debug/flags/v", "", "\"0\""), "strconv.ParseUint: parsing \"\\\"0\\\"\": invalid syntax"));
	assert_true(says(wire(t, "PUT", "/debug/flags/v", "", "3"), "successfully set klog.logging.verbosity to 3"));
	assert_int_equal(log_verbosity(), 3);
	log_set_verbosity(was);
	assert_true(says(wire(t, "GET", "/debug/flags/v", "", ""), "406 Not Acceptable"));
}
TEST(the_logs_verbosity_changes_while_running) { with_server(0, verbosity); }
