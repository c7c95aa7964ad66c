#include "base/test.h"
#include "client/call.h"
#include "client/fake.h"
#include "gen/core_v1.h"
#include "rt/sim.h"
#include <stdio.h>

struct office {
	struct fake *fake;
	struct transport *t;
	struct arena *a;
	struct err e;
};

static const struct resource *maps(void)
{
	return client_resource("", "v1", "configmaps");
}

static struct core_v1_ConfigMap *make(struct office *o, const char *name)
{
	struct core_v1_ConfigMap m = {.metadata.name = str_of(name)}, *made = client_create(o->t, o->a, maps(), STR("a"), &m, &o->e);
	if (!made)
		fail_msg("%s", err_text(&o->e));
	return made;
}

struct run {
	void (*fn)(struct office *o);
};

static void run_fiber(void *arg)
{
	struct office o = {.fake = fake_new(), .a = arena_new(NULL)};
	o.t = fake_transport(o.fake);
	((struct run *)arg)->fn(&o);
	transport_free(o.t);
	fake_free(o.fake);
	arena_free(o.a);
	err_fini(&o.e);
}

static void in_office(void (*fn)(struct office *o))
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 5});
	assert_int_equal(rt_main(rt, "test", run_fiber, &(struct run){fn}), 0);
	rt_free(rt);
}

static void life(struct office *o)
{
	struct core_v1_ConfigMap *m = make(o, "m");
	assert_null(client_create(o->t, o->a, maps(), STR("a"), m, &o->e));
	assert_true(err_is(&o->e, ERR_ALREADY_EXISTS));
	assert_string_equal(err_text(&o->e), "configmaps \"m\" already exists");
	str_map_set(o->a, &m->data, STR("k"), STR("v"));
	struct core_v1_ConfigMap *new = client_update(o->t, o->a, maps(), m, &o->e);
	assert_non_null(new);
	str_map_set(o->a, &m->data, STR("k"), STR("other"));
	assert_null(client_update(o->t, o->a, maps(), m, &o->e)); /* m is the old version */
	assert_true(err_is(&o->e, ERR_CONFLICT));
	new = client_patch(o->t, o->a, maps(), STR("a"), STR("m"), NULL, PATCH_MERGE, STR("{\"data\":{\"k\":null,\"x\":\"y\"}}"), &o->e);
	assert_non_null(new);
	assert_int_equal(new->data.len, 1);
	assert_int_equal(client_delete(o->t, o->a, maps(), STR("a"), STR("m"), STR("wrong"), &o->e), -1);
	assert_true(err_is(&o->e, ERR_CONFLICT));
	assert_int_equal(client_delete(o->t, o->a, maps(), STR("a"), STR("m"), new->metadata.uid, &o->e), 0);
	assert_null(client_get(o->t, o->a, maps(), STR("a"), STR("m"), &o->e));
	assert_string_equal(err_text(&o->e), "configmaps \"m\" not found");
}

TEST(call_life_of_an_object)
{
	in_office(life);
}

static int append(struct arena *a, void *obj, void *arg, struct err *e)
{
	struct core_v1_ConfigMap *m = obj;
	struct office *o = arg;
	struct str was = str_map_get(&m->data, STR("log"));
	if (was.n < 3) { /* somebody else is faster, three times */
		ERR(e2);
		struct core_v1_ConfigMap *other = client_get(o->t, a, maps(), STR("a"), STR("m"), &e2);
		str_map_set(a, &other->data, STR("log"), str_printf(a, "%.*sx", STR_F(was)));
		assert_non_null(client_update(o->t, a, maps(), other, &e2));
	}
	str_map_set(a, &m->data, STR("log"), str_printf(a, "%.*sy", STR_F(was)));
	return 0;
}

static int refuse(struct arena *a, void *obj, void *arg, struct err *e)
{
	return *(int *)arg < 0 ? err_set(e, ERR_INTERNAL, "no") : *(int *)arg;
}

static void modifies(struct office *o)
{
	make(o, "m");
	assert_ok(client_modify(o->t, maps(), NULL, STR("a"), STR("m"), append, o, &o->e), &o->e);
	struct core_v1_ConfigMap *m = client_get(o->t, o->a, maps(), STR("a"), STR("m"), &o->e);
	assert_str(str_map_get(&m->data, STR("log")), "xxxy");
	uint64_t updates = fake_calls(o->fake, VERB_UPDATE);
	assert_ok(client_modify(o->t, maps(), NULL, STR("a"), STR("m"), refuse, &(int){1}, &o->e), &o->e);
	assert_int_equal(client_modify(o->t, maps(), NULL, STR("a"), STR("m"), refuse, &(int){-1}, &o->e), -1);
	assert_int_equal(fake_calls(o->fake, VERB_UPDATE), updates);
}

TEST(call_modify_tries_again_after_conflicts)
{
	in_office(modifies);
}

struct walk {
	struct office *o;
	int n, compact_at;
	char last[16];
	bool disorder;
};

static int visit(void *obj, void *arg, struct err *e)
{
	const struct core_v1_ConfigMap *m = obj;
	struct walk *w = arg;
	char name[16];
	snprintf(name, sizeof name, "%.*s", STR_F(m->metadata.name));
	w->disorder |= strcmp(name, w->last) <= 0;
	memcpy(w->last, name, sizeof name);
	if (++w->n == w->compact_at) {
		make(w->o, "zz");
		fake_compact(w->o->fake);
	}
	return w->n == 41 ? err_set(e, ERR_INTERNAL, "enough") : 0;
}

static void pages(struct office *o)
{
	struct call c = {.res = maps(), .ns = STR("a"), .limit = 7};
	struct walk w = {.o = o};
	char name[16];
	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "m%02d", i);
		make(o, name);
	}
	assert_ok(client_each(o->t, &c, visit, &w, &o->e), &o->e);
	assert_int_equal(w.n, 25);
	assert_false(w.disorder);
	assert_int_equal(fake_calls(o->fake, VERB_LIST), 4);
	w = (struct walk){.o = o, .compact_at = 10};
	assert_ok(client_each(o->t, &c, visit, &w, &o->e), &o->e);
	assert_int_equal(w.n, 14 + 26); /* two pages, then all of it again */
}

TEST(call_each_reads_pages_and_survives_an_expired_one)
{
	in_office(pages);
}

static void statuses(struct office *o)
{
	const struct resource *pods = client_resource("", "v1", "pods");
	struct core_v1_Pod p = {.metadata.name = STR("p"), .spec.nodeName = STR("n")}, *q = client_create(o->t, o->a, pods, STR("a"), &p, &o->e);
	q->spec.nodeName = STR("other");
	q->status.phase = STR("Running");
	q = client_update_sub(o->t, o->a, pods, "status", q, &o->e);
	assert_str(q->spec.nodeName, "n");
	assert_str(q->status.phase, "Running");
	q->status.phase = STR("Failed");
	q->spec.hostNetwork = true;
	q = client_update(o->t, o->a, pods, q, &o->e);
	assert_true(q->spec.hostNetwork);
	assert_str(q->status.phase, "Running");
	assert_int_equal(q->metadata.generation, 2);
	assert_int_equal(client_delete(o->t, o->a, pods, STR("a"), STR("p"), (struct str){0}, &o->e), 0);
	q = client_get(o->t, o->a, pods, STR("a"), STR("p"), &o->e);
	assert_true(q->metadata.deletionTimestamp.set); /* the kubelet has yet to end it */
	struct call now = {.verb = VERB_DELETE, .res = pods, .ns = STR("a"), .name = STR("p"), .has_grace = true};
	assert_non_null(client_call(o->t, o->a, &now, &o->e));
	assert_null(client_get(o->t, o->a, pods, STR("a"), STR("p"), NULL));
}

TEST(call_status_and_spec_are_written_apart)
{
	in_office(statuses);
}
