#include "apiserver/test_server.h"

#define AGENT "User-Agent: test\r\n"
#define JOBS "/apis/batch/v1/namespaces/default/jobs"

static void make(struct test_server *t)
{
	do_create(t, res("batch", "jobs"), "default",
		"{\"metadata\":{\"name\":\"j\"},\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}");
}

static bool warns(struct str answer) { return str_find(answer, STR("warning: 299 - \"child pods are preserved by default")) > 0; }

static void choices(struct test_server *t)
{
	make(t);
	struct str a = wire(t, "DELETE", JOBS "/j", AGENT, "");
	assert_true(warns(a) && str_find(a, STR("\"finalizers\":[\"orphan\"]")) > 0);
	assert_true(warns(wire(t, "DELETE", JOBS, AGENT, ""))); /* though the finalizer has settled it */
	assert_false(warns(wire(t, "DELETE", JOBS "/j?propagationPolicy=Orphan", AGENT, "")));
	assert_false(warns(wire(t, "DELETE", JOBS "/j?propagationPolicy=Background", AGENT, "")));
}
TEST(deleting_a_job_warns_when_its_pods_stay_without_being_asked) { with_server(0, choices); }
