/* Pod ranges of nodes, cut from the cluster's range. */
#include "api/ip.h"
#include "base/log.h"
#include "controllers/controller.h"
#include "gen/core_v1.h"

#include <stdlib.h>

#define MASK_V4 24
#define RANGES_MAX (1 << 16) /* a bit each; more nodes than that is beyond what the API serves */

struct node_ipam {
	struct manager *m;
	struct informer *nodes;
	struct enqueue own;
	struct informer_handler on_node;
	struct queue *queue;
	const struct resource *res;
	struct cidr cluster;
	int mask;
	uint32_t n, next;
	uint8_t *used;
};

static int64_t index_of(const struct node_ipam *c, struct str range)
{
	struct cidr r;
	if (cidr_parse(range, false, &r) < 0 || r.bits != c->mask || !cidr_contains(c->cluster, r.ip))
		return -1;
	return (int64_t)(cidr_index(c->cluster, r.ip) >> ((r.ip.v4 ? 32 : 128) - c->mask));
}

static void mark(struct node_ipam *c, struct str range, bool used)
{
	int64_t i = range.n ? index_of(c, range) : -1;
	if (i >= 0 && i < c->n)
		c->used[i] = used;
}

static void node_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct node_ipam *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Node *n = informer_decode(c->nodes, a, cur ? cur : old);
	if (n)
		mark(c, n->spec.podCIDR, cur != NULL);
}

static int take(struct node_ipam *c, uint32_t *ret)
{
	for (uint32_t k = 0; k < c->n; k++) {
		uint32_t i = (c->next + k) % c->n;
		if (c->used[i])
			continue;
		c->used[i] = 1;
		c->next = i + 1;
		*ret = i;
		return 0;
	}
	return -1;
}

static struct str range_text(struct node_ipam *c, struct arena *a, uint32_t i)
{
	struct cidr r = {cidr_at(c->cluster, (uint64_t)i << ((c->cluster.ip.v4 ? 32 : 128) - c->mask)), c->mask};
	return cidr_text(a, r);
}

static int sync_node(void *arg, struct str key, struct err *e)
{
	struct node_ipam *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Node *n = informer_object(c->nodes, a, key);
	uint32_t i;
	if (!n || n->spec.podCIDR.n)
		return 0;
	if (take(c, &i) < 0)
		return err_set(e, ERR_INTERNAL, "no Pod range is left in the cluster CIDR for node %.*s: use a larger --cluster-cidr", STR_F(key));
	struct str range = range_text(c, a, i);
	struct str patch = str_printf(a, "{\"spec\":{\"podCIDR\":\"%.*s\",\"podCIDRs\":[\"%.*s\"]}}", STR_F(range), STR_F(range));
	if (client_patch(c->m->o.transport, a, c->res, (struct str){0}, key, NULL, PATCH_STRATEGIC, patch, e))
		return 0;
	c->used[i] = 0;
	return err_is(e, ERR_NOT_FOUND) ? 0 : -1;
}

void node_ipam_start(struct manager *m)
{
	struct node_ipam *c = manager_alloc(m, sizeof *c);
	if (!m->o.cluster_cidr.n)
		return;
	if (cidr_parse(m->o.cluster_cidr, false, &c->cluster) < 0) {
		log_error("--cluster-cidr %.*s is no address range", STR_F(m->o.cluster_cidr));
		return;
	}
	c->m = m;
	c->cluster = cidr_network(c->cluster);
	c->mask = m->o.node_mask ? m->o.node_mask : c->cluster.ip.v4 ? MASK_V4 : 64;
	int bits = c->mask - c->cluster.bits;
	c->n = bits < 0 ? 0 : bits > 16 ? RANGES_MAX : 1u << bits;
	c->used = manager_alloc(m, c->n + 1);
	c->res = client_resource("", "v1", "nodes");
	c->queue = manager_queue(m, "cidrallocator_node");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	c->on_node = (struct informer_handler){.fn = node_event, .arg = c};
	informer_add_handler(c->nodes, &c->on_node);
	enqueue_own(&c->own, c->nodes, c->queue);
	manager_run(m, (struct informer *const[]){c->nodes, NULL}, c->queue, 1, sync_node, c);
}
