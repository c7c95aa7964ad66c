#include "base/test.h"
#include "client/fake.h"
#include "kubelet/impl.h"
#include "rt/sim.h"

struct node {
	struct fake *fake;
	struct scope scope;
	struct kubelet k;
	struct pod p, q;
	struct arena *a;
};

static void add_pod(struct node *n, struct pod *p, const char *uid)
{
	p->k = &n->k;
	p->uid = str_of(uid);
	p->ns = STR("ns");
	cond_init(&p->wake);
	cond_init(&p->volumes_wake);
	map_set(&n->k.pods, p->uid, p);
}

static void node_init(struct node *n)
{
	*n = (struct node){.fake = fake_new(), .a = arena_new(NULL)};
	scope_init(&n->scope, NULL);
	n->k.t = fake_transport(n->fake);
	n->k.scope = &n->scope;
	add_pod(n, &n->p, "p");
	add_pod(n, &n->q, "q");
}

static void node_fini(struct node *n)
{
	objects_release(&n->p);
	objects_release(&n->q);
	assert_int_equal(n->k.objects.n, 0);
	assert_int_equal(fiber_sleep(NS_S), 0);
	assert_int_equal(fake_watches(n->fake), 0);
	scope_fini(&n->scope);
	map_fini(&n->k.objects);
	map_fini(&n->k.pods);
	transport_free(n->k.t);
	fake_free(n->fake);
	arena_free(n->a);
}

static struct core_v1_ConfigMap *put(struct node *n, const char *colour)
{
	ERR(e);
	struct core_v1_ConfigMap cm = {.metadata = {.name = STR("cm"), .namespace = STR("ns")}};
	const struct resource *res = client_resource("", "v1", "configmaps");
	str_map_set(n->a, &cm.data, STR("colour"), str_of(colour));
	struct core_v1_ConfigMap *old = client_get(n->k.t, n->a, res, STR("ns"), STR("cm"), &e);
	if (old)
		cm.metadata.resourceVersion = old->metadata.resourceVersion;
	void *now = old ? client_update(n->k.t, n->a, res, &cm, &e) : client_create(n->k.t, n->a, res, STR("ns"), &cm, &e);
	assert_non_null(now);
	assert_int_equal(fiber_sleep(NS_S), 0);
	return now;
}

static struct str colour(struct node *n, struct pod *p)
{
	ERR(e);
	struct core_v1_ConfigMap *cm = object_config_map(p, n->a, STR("cm"), &e);
	return cm ? str_map_get(&cm->data, STR("colour")) : STR("none");
}

static void change_is_heard(void *arg)
{
	struct node n;
	node_init(&n);
	put(&n, "green");
	assert_str(colour(&n, &n.p), "green");
	assert_false(n.p.volumes_stale);
	put(&n, "blue");
	assert_true(n.p.volumes_stale);
	assert_false(n.q.volumes_stale);
	assert_str(colour(&n, &n.q), "blue");
	node_fini(&n);
}

static void absent_is_awaited(void *arg)
{
	struct node n;
	struct cmem m = {.name = STR("c"), .wait_reason = "CreateContainerConfigError", .retry_at = MONO_NEVER};
	node_init(&n);
	map_set(&n.p.cmems, m.name, &m);
	assert_str(colour(&n, &n.p), "none");
	put(&n, "green");
	assert_true(n.p.volumes_stale && n.p.dirty);
	assert_int_equal(m.retry_at, 0);
	assert_str(colour(&n, &n.p), "green");
	map_fini(&n.p.cmems);
	node_fini(&n);
}

static void one_watch_serves_all(void *arg)
{
	struct node n;
	node_init(&n);
	put(&n, "green");
	colour(&n, &n.p);
	colour(&n, &n.q);
	assert_int_equal(fake_watches(n.fake), 1);
	objects_release(&n.p);
	put(&n, "blue");
	assert_false(n.p.volumes_stale);
	assert_true(n.q.volumes_stale);
	node_fini(&n);
}

static void simulate(void (*fn)(void *))
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 3});
	assert_int_equal(rt_main(rt, "test", fn, NULL), 0);
	rt_free(rt);
}

TEST(a_changed_config_map_wakes_the_pods_that_use_it) { simulate(change_is_heard); }
TEST(an_object_that_comes_later_is_awaited) { simulate(absent_is_awaited); }
TEST(pods_share_a_watch_until_the_last_is_gone) { simulate(one_watch_serves_all); }
