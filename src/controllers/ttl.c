/* How long a kubelet may keep Secrets and ConfigMaps, by the size of the cluster: an annotation of its node. */
#include "api/meta.h"
#include "controllers/controller.h"
#include "gen/core_v1.h"

#define TTL_KEY "node.alpha.kubernetes.io/ttl"

struct ttl {
	struct manager *m;
	struct informer *nodes;
	struct enqueue own;
	struct queue *queue;
	const struct resource *res;
	size_t step; /* of the table */
};
/* A step up is taken above .most, a step down below the former step's .least: no flapping in between.  As upstream's. */
static const struct { size_t least, most; int seconds; } steps[] = {
	{0, 100, 0}, {90, 500, 15}, {450, 1000, 30}, {900, 2000, 60}, {1800, SIZE_MAX, 300},
};

static int seconds(struct ttl *c)
{
	size_t n = informer_count(c->nodes);
	while (n > steps[c->step].most)
		c->step++;
	while (n < steps[c->step].least)
		c->step--;
	return steps[c->step].seconds;
}

static int sync_node(void *arg, struct str key, struct err *e)
{
	struct ttl *c = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Node *n = informer_object(c->nodes, a, key);
	struct str want = str_printf(a, "%d", seconds(c));
	if (!n || str_eq(meta_annotation(&n->metadata, TTL_KEY), want))
		return 0;
	struct str patch = str_printf(a, "{\"metadata\":{\"annotations\":{\"" TTL_KEY "\":\"%.*s\"}}}", STR_F(want));
	return client_patch(c->m->o.transport, a, c->res, (struct str){0}, key, NULL, PATCH_STRATEGIC, patch, e) || err_is(e, ERR_NOT_FOUND) ? 0 : -1;
}

void ttl_start(struct manager *m)
{
	struct ttl *c = manager_alloc(m, sizeof *c);
	c->m = m;
	c->res = client_resource("", "v1", "nodes");
	c->queue = manager_queue(m, "ttlcontroller");
	c->nodes = manager_informer(m, "", "v1", "nodes");
	enqueue_own(&c->own, c->nodes, c->queue);
	manager_run(m, (struct informer *const[]){c->nodes, NULL}, c->queue, 1, sync_node, c);
}
