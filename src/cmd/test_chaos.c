/* What goes wrong in a cluster, by the seed: to its server, and at the same time to the rest. */
#include "base/list.h"
#include "cmd/test_cluster.h"
#include "store/store.h"
#include <stdio.h>

#define BETWEEN (5 * NS_S)
#define LASTING (30 * NS_S)
#define JUMP (10 * NS_MIN) /* of the wall clock */

static uint64_t draw(struct cluster *c, uint64_t n)
{
	return sim_random(c->rt) % n;
}

static void last(struct cluster *c)
{
	(void)!fiber_sleep((nsec_t)draw(c, LASTING));
}

static struct link *any_link(struct cluster *c)
{
	struct link *l, *taken = NULL;
	uint64_t k = 1 + draw(c, c->up.made - 1); /* the first is the test's own */
	list_each(l, &c->up.links, node)
		if (l->id == k)
			taken = l;
	return taken;
}

static void slow_disk(struct cluster *c)
{
	kv_disk_set(c->disk, &(struct kv_disk_faults){.sync_delay = NS_S, .seed = draw(c, UINT64_MAX)});
	last(c);
	kv_disk_set(c->disk, &(struct kv_disk_faults){0});
}

static void full_disk(struct cluster *c)
{
	struct store_status st;
	store_status(c->store, &st);
	kv_disk_set(c->disk, &(struct kv_disk_faults){.max_bytes = st.db_bytes + 4096 + draw(c, 1 << 16)});
	last(c);
	kv_disk_set(c->disk, &(struct kv_disk_faults){0});
}

static void power_cut(struct cluster *c)
{
	cluster_reboot(c, draw(c, 2) ? 1 + draw(c, 1000) : 0);
}

static void partition(struct cluster *c)
{
	struct link *l = any_link(c);
	l->cut = true;
	last(c);
	last(c);
	l->cut = false;
}

static void bad_wire(struct cluster *c)
{
	struct link *l = any_link(c);
	l->lost_pct = 1 + (uint32_t)draw(c, 60);
	l->delay_max = (nsec_t)draw(c, 3 * NS_S);
	last(c);
	l->lost_pct = 0;
	l->delay_max = 0;
}

static void cut_watches(struct cluster *c)
{
	uplink_cut_watches(&c->up);
}

static void split(struct cluster *c)
{
	struct link *l;
	bool cut[64] = {0};
	list_each(l, &c->up.links, node)
		if (l->id && l->id < ARRAY_LEN(cut) && draw(c, 2))
			l->cut = cut[l->id] = true;
	last(c);
	list_each(l, &c->up.links, node)
		if (l->id < ARRAY_LEN(cut) && cut[l->id])
			l->cut = false;
}

static void crash_controllers(struct cluster *c)
{
	control_stop(c);
	last(c);
	control_start(c);
}

static void crash_scheduler(struct cluster *c)
{
	scheduling_stop(c);
	last(c);
	scheduling_start(c);
}

static void crash_node(struct cluster *c)
{
	struct hollow *h = &c->nodes[draw(c, HOLLOW_NODES)];
	hollow_stop(h);
	last(c);
	last(c);
	hollow_start(h);
}

static void jump_clock(struct cluster *c)
{
	sim_wall_jump(c->rt, (nsec_t)draw(c, 2 * JUMP) - JUMP);
}

struct fault {
	const char *name;
	void (*fn)(struct cluster *c);
};
/* Those of one table come one after the other. */
static const struct fault of_server[] = {{"slow disk", slow_disk}, {"full disk", full_disk}, {"power cut", power_cut}, {"power cut", power_cut}};
static const struct fault of_rest[] = {{"partition", partition}, {"split", split}, {"bad wire", bad_wire}, {"bad wire", bad_wire}, {"cut watches", cut_watches},
	{"controllers crash", crash_controllers}, {"scheduler crashes", crash_scheduler}, {"node crashes", crash_node}, {"clock jumps", jump_clock}};

static void chaos(struct cluster *c, const struct fault *faults, size_t n)
{
	while (!c->calm && fiber_sleep((nsec_t)draw(c, BETWEEN)) == 0) {
		const struct fault *f = &faults[draw(c, n)];
		sim_trace(c->rt, f->name, 0);
		if (getenv("C8S_TEST_LOG"))
			printf("%8.1f s: fault: %s\n", (double)rt_now() / NS_S, f->name);
		if (!c->calm)
			f->fn(c);
	}
}

static void server_chaos(void *arg)
{
	chaos(arg, of_server, ARRAY_LEN(of_server));
}

static void rest_chaos(void *arg)
{
	chaos(arg, of_rest, ARRAY_LEN(of_rest));
}

void chaos_start(struct cluster *c)
{
	if (c->calm)
		return;
	assert_non_null(fiber_spawn(&c->faults, "server chaos", server_chaos, c));
	assert_non_null(fiber_spawn(&c->faults, "rest chaos", rest_chaos, c));
}
