/* What goes wrong in a cluster, by the seed. */
#include "base/list.h"
#include "base/log.h"
#include "cmd/test_cluster.h"
#include "store/store.h"

#define BETWEEN (5 * NS_S)
#define LASTING (30 * NS_S)

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

static void (*const faults[])(struct cluster *c) = {slow_disk, full_disk, power_cut, partition, partition, bad_wire, bad_wire, cut_watches};

static void chaos(void *arg)
{
	struct cluster *c = arg;
	while (!c->calm && fiber_sleep((nsec_t)draw(c, BETWEEN)) == 0) {
		uint64_t k = draw(c, ARRAY_LEN(faults));
		sim_trace(c->rt, "fault", k);
		log_info("fault %llu", (unsigned long long)k);
		if (!c->calm)
			faults[k](c);
	}
}

void chaos_start(struct cluster *c)
{
	if (!c->calm)
		assert_non_null(fiber_spawn(&c->faults, "chaos", chaos, c));
}
