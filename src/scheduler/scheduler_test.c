#include "base/test.h"

#include "gen/core_v1.h"
#include "rt/fiber.h"
#include "rt/sim.h"
#include "scheduler/framework.h"
#include "scheduler/sched_queue.h"

static struct core_v1_Node *node_make(struct arena *a, const char *name, const char *cpu)
{
	struct core_v1_Node *n = obj_make(a, core_v1_Node);
	n->metadata.name = str_of(name);
	str_map_set(a, &n->status.allocatable, STR("cpu"), str_of(cpu));
	str_map_set(a, &n->status.allocatable, STR("memory"), STR("1Gi"));
	str_map_set(a, &n->status.allocatable, STR("pods"), STR("110"));
	return n;
}

static struct core_v1_Pod *pod_make(struct arena *a, const char *name, const char *cpu)
{
	struct core_v1_Pod *p = obj_make(a, core_v1_Pod);
	p->metadata.namespace = STR("ns");
	p->metadata.name = str_of(name);
	struct core_v1_Container *c = arena_push(a, &p->spec.containers);
	c->name = STR("c");
	c->image = STR("nginx");
	if (cpu)
		str_map_set(a, &c->resources.requests, STR("cpu"), str_of(cpu));
	return p;
}

static void add_node(struct nodes *t, const char *name, const char *cpu)
{
	struct arena *a = arena_new(NULL);
	nodes_set(t, node_make(a, name, cpu), a);
}

struct attempt {
	struct nodes *t;
	struct core_v1_Pod *pod;
	struct str node, message;
	struct arena *a;
};

static void attempt_fiber(void *arg)
{
	struct attempt *x = arg;
	struct pod_info *info = pod_info_new(x->pod);
	struct cycle *c = arena_make(x->a, struct cycle);
	*c = (struct cycle){.arena = x->a, .pod = x->pod, .info = info, .nodes = x->t};
	struct node_info *n = framework_select(c, &x->message);
	x->node = n ? n->name : (struct str){0};
	pod_info_free(info);
}

static struct attempt attempt(struct arena *a, struct nodes *t, struct core_v1_Pod *pod)
{
	struct attempt x = {.t = t, .pod = pod, .a = a};
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	assert_int_equal(rt_main(rt, "test", attempt_fiber, &x), 0);
	rt_free(rt);
	return x;
}

TEST(a_pod_goes_to_the_node_with_more_room)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nodes t = {0};
	add_node(&t, "small", "1");
	add_node(&t, "large", "8");
	assert_str(attempt(a, &t, pod_make(a, "p", "500m")).node, "large");
	nodes_fini(&t);
}

TEST(what_is_assumed_counts_and_a_node_is_never_over_committed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nodes t = {0};
	struct pod_info *held[4];
	add_node(&t, "n", "2");
	for (int i = 0; i < 4; i++) {
		struct core_v1_Pod *p = pod_make(a, "x", "500m");
		p->metadata.name = str_printf(a, "p%d", i);
		assert_str(attempt(a, &t, p).node, "n");
		p->spec.nodeName = STR("n");
		nodes_add_pod(&t, held[i] = pod_info_new(p));
	}
	struct attempt full = attempt(a, &t, pod_make(a, "late", "1m"));
	assert_null(full.node.p);
	assert_str(full.message, "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
		"1 No preemption victims found for incoming pod.");
	nodes_remove_pod(&t, held[0]);
	assert_str(attempt(a, &t, pod_make(a, "late", "500m")).node, "n");
	for (int i = 0; i < 4; i++)
		pod_info_free(held[i]);
	nodes_fini(&t);
}

TEST(reasons_are_counted_and_sorted)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nodes t = {0};
	add_node(&t, "a", "2");
	add_node(&t, "b", "2");
	struct node_info *b = nodes_get(&t, STR("b"));
	struct core_v1_Taint *taint = arena_push(b->mem, &b->node->spec.taints);
	*taint = (struct core_v1_Taint){.key = STR("dedicated"), .effect = STR("NoSchedule")};
	assert_str(attempt(a, &t, pod_make(a, "p", "5")).message,
		"0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: "
		"0/2 nodes are available: 2 Preemption is not helpful for scheduling.");
	nodes_fini(&t);
}

TEST(pods_of_a_node_that_comes_back_are_counted)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nodes t = {0};
	struct core_v1_Pod *p = pod_make(a, "p", "1500m");
	p->spec.nodeName = STR("n");
	struct pod_info *info = pod_info_new(p);
	nodes_add_pod(&t, info);
	assert_int_equal(t.n, 0);
	add_node(&t, "n", "2");
	assert_int_equal(t.used[COL_CPU][0], 1500);
	nodes_remove(&t, STR("n"));
	add_node(&t, "n", "2");
	assert_int_equal(t.used[COL_CPU][0], 1500);
	nodes_remove_pod(&t, info);
	assert_int_equal(t.used[COL_CPU][0], 0);
	pod_info_free(info);
	nodes_fini(&t);
}

TEST(a_host_port_clashes_with_the_same_one_on_any_address)
{
	struct host_port any = {STR_INIT("0.0.0.0"), STR_INIT("TCP"), 80}, one = {STR_INIT("10.0.0.1"), STR_INIT("TCP"), 80};
	struct host_port two = {STR_INIT("10.0.0.2"), STR_INIT("TCP"), 80}, udp = {STR_INIT("0.0.0.0"), STR_INIT("UDP"), 80};
	assert_true(host_ports_conflict(&any, &one));
	assert_false(host_ports_conflict(&one, &two));
	assert_false(host_ports_conflict(&any, &udp));
}

static void queue_fiber(void *arg)
{
	struct sched_queue q;
	struct sched_entry *e;
	struct metric_set counted = {0};
	sched_queue_init(&q);
	q.metrics = &counted;
	sched_queue_put(&q, STR("low"), STR("1"), 0, false, false);
	sched_queue_put(&q, STR("high"), STR("2"), 10, false, false);
	sched_queue_put(&q, STR("gated"), STR("3"), 99, true, false);
	assert_int_equal(sched_queue_pop(&q, &e), 0);
	assert_str(e->key, "high");
	sched_queue_unschedulable(&q, e);
	assert_int_equal(sched_queue_pop(&q, &e), 0);
	assert_str(e->key, "low");
	sched_queue_done(&q, e);
	mono_t before = rt_now();
	sched_queue_move_all(&q, "NodeAdd"); /* still within its back-off */
	assert_int_equal(sched_queue_pop(&q, &e), 0);
	assert_str(e->key, "high");
	assert_true(rt_now() - before >= SCHED_BACKOFF_MIN);
	sched_queue_drop(&q, STR("high")); /* deleted while in flight */
	sched_queue_retry(&q, e);
	assert_int_equal(q.by_key.n, 1);
	assert_int_equal(q.gated, 1);
	sched_queue_put(&q, STR("gated"), STR("3"), 99, false, true);
	assert_int_equal(sched_queue_pop(&q, &e), 0);
	assert_str(e->key, "gated");
	sched_queue_unschedulable(&q, e);
	before = rt_now();
	assert_int_equal(sched_queue_pop(&q, &e), 0); /* nothing changes: tried again all the same */
	assert_true(rt_now() - before >= SCHED_UNSCHEDULABLE_MAX);
	sched_queue_done(&q, e);
	sched_queue_fini(&q);
	assert_true(*metric_counter(&counted, M_scheduler_queue_incoming_pods_total, LABELS(STR("UnschedulablePodAdd"), STR("active"))) == 2);
	assert_true(*metric_counter(&counted, M_scheduler_queue_incoming_pods_total, LABELS(STR("UnschedulablePodAdd"), STR("gated"))) == 1);
	assert_true(*metric_counter(&counted, M_scheduler_queue_incoming_pods_total, LABELS(STR("NodeAdd"), STR("backoff"))) == 1);
	assert_true(*metric_counter(&counted, M_scheduler_queue_incoming_pods_total, LABELS(STR("UnschedulableTimeout"), STR("active"))) == 1);
	metric_set_fini(&counted);
}

TEST(the_queue_orders_by_priority_backs_off_and_wakes_on_change)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 7});
	assert_int_equal(rt_main(rt, "test", queue_fiber, NULL), 0);
	rt_free(rt);
}
