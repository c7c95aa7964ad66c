#include "base/test.h"
#include "client/call.h"
#include "client/fake.h"
#include "client/recorder.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "rt/sim.h"
#include <errno.h>

struct desk {
	struct fake *fake;
	struct transport *t;
	struct scope scope;
	struct recorder *r;
	struct arena *a;
	struct core_v1_ObjectReference pod;
};

static void desk_init(struct desk *d)
{
	*d = (struct desk){.fake = fake_new(), .a = arena_new(NULL)};
	struct core_v1_Pod pod = {.metadata = {.name = STR("p"), .namespace = STR("a"), .uid = STR("u"), .resourceVersion = STR("7")}};
	d->t = fake_transport(d->fake);
	scope_init(&d->scope, NULL);
	d->r = recorder_new(d->t, &d->scope, "tester", STR("host"));
	recorder_ref((struct ref){desc_type(T_core_v1_Pod), &pod}, &d->pod);
}

static void desk_fini(struct desk *d)
{
	scope_fini(&d->scope);
	recorder_free(d->r);
	transport_free(d->t);
	fake_free(d->fake);
	arena_free(d->a);
}

static core_v1_Event_list_t events(struct desk *d)
{
	ERR(e);
	struct core_v1_EventList *l = client_list(d->t, d->a, client_resource("", "v1", "events"), STR("a"), (struct str){0}, &e);
	assert_non_null(l);
	return l->items;
}

static void settle(void)
{
	assert_int_equal(fiber_sleep(10 * NS_MS), 0);
}

static void simulate(void (*fn)(void *))
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 5});
	assert_int_equal(rt_main(rt, "test", fn, NULL), 0);
	rt_free(rt);
}

static void one(void *arg)
{
	struct desk d;
	desk_init(&d);
	recorder_event(d.r, &d.pod, "Normal", "Started", "Started container %s", "c");
	settle();
	assert_int_equal(events(&d).len, 1);
	struct core_v1_Event *ev = events(&d).items;
	assert_str(ev->message, "Started container c");
	assert_str(ev->reason, "Started");
	assert_str(ev->type, "Normal");
	assert_str(ev->involvedObject.kind, "Pod");
	assert_str(ev->involvedObject.apiVersion, "v1");
	assert_str(ev->involvedObject.resourceVersion, "7");
	assert_str(ev->source.component, "tester");
	assert_str(ev->source.host, "host");
	assert_true(str_has_prefix(ev->metadata.name, STR("p.")));
	assert_int_equal(ev->count, 1);
	desk_fini(&d);
}

TEST(recorder_writes_an_event)
{
	simulate(one);
}

static void again(void *arg)
{
	struct desk d;
	desk_init(&d);
	for (int i = 0; i < 5; i++) {
		recorder_event(d.r, &d.pod, "Warning", "BackOff", "again");
		assert_int_equal(fiber_sleep(NS_S), 0);
	}
	assert_int_equal(events(&d).len, 1);
	struct core_v1_Event *ev = events(&d).items;
	assert_int_equal(ev->count, 5);
	assert_int_equal(ev->lastTimestamp.sec - ev->firstTimestamp.sec, 4);
	desk_fini(&d);
}

TEST(recorder_counts_the_same_event)
{
	simulate(again);
}

static void expired(void *arg)
{
	struct desk d;
	ERR(e);
	desk_init(&d);
	recorder_event(d.r, &d.pod, "Normal", "Pulled", "x");
	settle();
	assert_ok(client_delete(d.t, d.a, client_resource("", "v1", "events"), STR("a"), events(&d).items->metadata.name, (struct str){0}, &e), &e);
	recorder_event(d.r, &d.pod, "Normal", "Pulled", "x");
	settle();
	assert_int_equal(events(&d).len, 1);
	assert_int_equal(events(&d).items->count, 1);
	desk_fini(&d);
}

TEST(recorder_begins_anew_when_the_event_expired)
{
	simulate(expired);
}

static void similar(void *arg)
{
	struct desk d;
	desk_init(&d);
	for (int i = 0; i < 20; i++)
		recorder_event(d.r, &d.pod, "Warning", "Failed", "attempt %d", i);
	settle();
	assert_int_equal(events(&d).len, 10); /* nine, and one for the other eleven */
	int combined = 0;
	LIST_EACH(ev, events(&d))
		if (str_has_prefix(ev->message, STR("(combined from similar events): attempt "))) {
			combined++;
			assert_int_equal(ev->count, 11);
			assert_true(str_has_suffix(ev->message, STR(" 19")));
		}
	assert_int_equal(combined, 1);
	desk_fini(&d);
}

TEST(recorder_combines_similar_events)
{
	simulate(similar);
}

static void spam(void *arg)
{
	struct desk d;
	desk_init(&d);
	for (int i = 0; i < 100; i++)
		recorder_event(d.r, &d.pod, "Warning", "Same", "x");
	settle();
	assert_int_equal(events(&d).items->count, 25);
	assert_int_equal(fiber_sleep(10 * NS_MIN), 0);
	for (int i = 0; i < 100; i++)
		recorder_event(d.r, &d.pod, "Warning", "Same", "x");
	settle();
	assert_int_equal(events(&d).items->count, 27);
	desk_fini(&d);
}

TEST(recorder_limits_events_per_object)
{
	simulate(spam);
}

static int unreachable(void *arg, const struct call *c, struct err *e)
{
	int *left = arg;
	return c->verb == VERB_CREATE && (*left)-- > 0 ? transport_failed(e, ECONNREFUSED, "call") : 0;
}

static void retries(void *arg)
{
	struct desk d;
	int left = 3;
	desk_init(&d);
	fake_set_faults(d.fake, &(struct fake_faults){.before = unreachable, .arg = &left});
	recorder_event(d.r, &d.pod, "Normal", "Started", "x");
	assert_int_equal(fiber_sleep(NS_MIN), 0);
	assert_int_equal(events(&d).len, 1);
	assert_int_equal(events(&d).items->firstTimestamp.sec, rt_wall() / NS_S - 60); /* when it happened, not when it was written */
	left = 1 << 20;
	for (int i = 0; i < 300; i++)
		recorder_event(d.r, &d.pod, "Normal", "Started", "dropped beyond the queue");
	desk_fini(&d);
}

TEST(recorder_tries_again_while_nobody_answers)
{
	simulate(retries);
}
