#include "base/test.h"
#include "client/call.h"
#include "client/elect.h"
#include "client/fake.h"
#include "gen/coordination_v1.h"
#include "rt/sim.h"
#include <errno.h>

#define CANDIDATES 3

struct election;
struct candidate {
	struct election *of;
	struct str name;
	struct fake_faults faults;
	struct transport *t;
	bool leads, unreachable;
	int terms;
};
struct election {
	struct fake *fake;
	struct scope scope;
	struct candidate c[CANDIDATES];
	int leaders, worst;
	bool release;
};

static struct elect_opts opts(const struct candidate *c)
{
	return (struct elect_opts){.ns = STR("kube-system"), .name = STR("boss"), .identity = c->name};
}

static void lead(struct candidate *c, struct elect *el)
{
	struct election *of = c->of;
	c->leads = true;
	c->terms++;
	if (++of->leaders > of->worst)
		of->worst = of->leaders;
	(void)!elect_hold(el);
	c->leads = false;
	of->leaders--;
}

static void campaign(void *arg)
{
	struct candidate *c = arg;
	struct elect_opts o = opts(c);
	struct elect *el = elect_new(c->t, &o);
	while (elect_acquire(el) == 0)
		lead(c, el);
	if (c->of->release) {
		fiber_shield_begin();
		elect_release(el);
		fiber_shield_end();
	}
	elect_free(el);
}

/* A transport that is cut off while its candidate is unreachable. */
struct cut {
	struct transport t;
	struct candidate *c;
	struct transport *real;
};

static int cut_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct cut *x = container_of(t, struct cut, t);
	if (x->c->unreachable)
		return transport_failed(e, ECONNREFUSED, "call");
	if (fiber_sleep((nsec_t)rt_random_below(200 * NS_MS)) < 0)
		return transport_failed(e, ECANCELED, "call");
	return transport_call(x->real, c, a, ret, e);
}

static void cut_free(struct transport *t)
{
	struct cut *x = container_of(t, struct cut, t);
	transport_free(x->real);
	free(x);
}

static struct transport *cut_new(struct candidate *c)
{
	static const struct transport_ops ops = {.call = cut_call, .free = cut_free};
	struct cut *x = calloc(1, sizeof *x);
	*x = (struct cut){.t.ops = &ops, .c = c, .real = fake_transport(c->of->fake)};
	return &x->t;
}

static void election_init(struct election *el)
{
	static const char *const names[CANDIDATES] = {"a", "b", "c"};
	*el = (struct election){.fake = fake_new()};
	scope_init(&el->scope, NULL);
	for (int i = 0; i < CANDIDATES; i++) {
		el->c[i] = (struct candidate){.of = el, .name = str_of(names[i])};
		el->c[i].t = cut_new(&el->c[i]);
		fiber_spawn(&el->scope, "campaign", campaign, &el->c[i]);
	}
}

static void election_fini(struct election *el)
{
	scope_fini(&el->scope);
	for (int i = 0; i < CANDIDATES; i++)
		transport_free(el->c[i].t);
	fake_free(el->fake);
}

static struct candidate *leader(struct election *el)
{
	for (int i = 0; i < CANDIDATES; i++)
		if (el->c[i].leads)
			return &el->c[i];
	return NULL;
}

static struct coordination_v1_LeaseSpec lease(struct election *el, struct arena *a)
{
	CLEANUP(transport_free) struct transport *t = fake_transport(el->fake);
	struct coordination_v1_Lease *l = client_get(t, a, client_resource("coordination.k8s.io", "v1", "leases"), STR("kube-system"), STR("boss"), NULL);
	assert_non_null(l);
	return l->spec;
}

static void simulate(uint64_t seed, void (*fn)(void *))
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = seed});
	assert_int_equal(rt_main(rt, "test", fn, NULL), 0);
	rt_free(rt);
}

static void steady(void *arg)
{
	struct election el;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	election_init(&el);
	assert_int_equal(fiber_sleep(10 * NS_S), 0);
	struct candidate *first = leader(&el);
	assert_non_null(first);
	assert_int_equal(fiber_sleep(NS_HOUR), 0);
	assert_ptr_equal(leader(&el), first);
	assert_int_equal(first->terms, 1);
	struct coordination_v1_LeaseSpec s = lease(&el, a);
	assert_true(str_eq(s.holderIdentity, first->name));
	assert_int_equal(s.leaseDurationSeconds, 15);
	assert_int_equal(s.leaseTransitions, 0);
	assert_true(api_time_wall(s.renewTime) > rt_wall() - 3 * NS_S);
	election_fini(&el);
}

TEST(elect_one_leads_and_stays)
{
	simulate(1, steady);
}

static void partition(void *arg)
{
	struct election el;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	election_init(&el);
	assert_int_equal(fiber_sleep(10 * NS_S), 0);
	struct candidate *first = leader(&el);
	first->unreachable = true;
	assert_int_equal(fiber_sleep(13 * NS_S), 0);
	assert_false(first->leads); /* gave up before the others may begin */
	assert_int_equal(fiber_sleep(20 * NS_S), 0);
	assert_non_null(leader(&el));
	assert_ptr_not_equal(leader(&el), first);
	assert_int_equal(lease(&el, a).leaseTransitions, 1);
	assert_int_equal(el.worst, 1);
	election_fini(&el);
}

TEST(elect_another_takes_over_after_the_lease)
{
	for (uint64_t seed = 1; seed < 20; seed++)
		simulate(seed, partition);
}

static void wall_jumps(void *arg)
{
	struct election el;
	election_init(&el);
	assert_int_equal(fiber_sleep(10 * NS_S), 0);
	struct candidate *first = leader(&el);
	for (int i = 0; i < 20; i++) {
		sim_wall_jump(loop_rt(loop_self()), i % 2 ? NS_HOUR : -NS_HOUR);
		assert_int_equal(fiber_sleep(7 * NS_S), 0);
		assert_ptr_equal(leader(&el), first);
	}
	election_fini(&el);
}

TEST(elect_clocks_of_the_wall_do_not_matter)
{
	simulate(1, wall_jumps);
}

static void released(void *arg)
{
	struct election el;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	election_init(&el);
	el.release = true;
	assert_int_equal(fiber_sleep(10 * NS_S), 0);
	scope_cancel(&el.scope);
	assert_int_equal(scope_join(&el.scope, MONO_NEVER), 0);
	assert_str(lease(&el, a).holderIdentity, "");
	election_fini(&el);
}

TEST(elect_release_gives_the_lease_up)
{
	simulate(1, released);
}

static void chaos(void *arg)
{
	struct election el;
	election_init(&el);
	for (int i = 0; i < 300; i++) {
		struct candidate *c = &el.c[rt_random_below(CANDIDATES)];
		c->unreachable = rt_random_below(3) == 0;
		assert_int_equal(fiber_sleep((nsec_t)rt_random_below(10 * NS_S)), 0);
		assert_true(el.leaders <= 1);
	}
	for (int i = 0; i < CANDIDATES; i++)
		el.c[i].unreachable = false;
	assert_int_equal(fiber_sleep(30 * NS_S), 0);
	assert_int_equal(el.leaders, 1);
	assert_int_equal(el.worst, 1);
	election_fini(&el);
}

TEST(elect_never_two_leaders_at_a_time)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		simulate(seed, chaos);
}
