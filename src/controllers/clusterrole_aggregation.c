/* ClusterRoles with an aggregation rule hold the rules of all ClusterRoles that it selects: admin, edit and view grow with what is installed. */
#include "controllers/controller.h"

#include "api/selector.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/ids.h"
#include "gen/rbac_v1.h"

#include <stdlib.h>

#define MANAGER "clusterrole-aggregation-controller"

struct aggregation {
	struct manager *m;
	struct informer *roles;
	struct informer_handler on_role;
	struct queue *queue;
	const struct resource *res;
};

/* Any role may be part of any other that aggregates. */
static void role_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct aggregation *g = arg;
	queue_add(g->queue, STR("all"));
}

struct role_list {
	struct rbac_v1_ClusterRole **items;
	uint32_t len, cap;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp((*(struct rbac_v1_ClusterRole *const *)a)->metadata.name, (*(struct rbac_v1_ClusterRole *const *)b)->metadata.name);
}

static struct role_list all_roles(struct aggregation *g, struct arena *a)
{
	struct role_list l = {0};
	const struct informer_item *it;
	for (size_t i = 0; (it = informer_next(g->roles, STR(""), &i));) {
		struct rbac_v1_ClusterRole *r = informer_decode(g->roles, a, it);
		struct rbac_v1_ClusterRole **slot = r ? arena_push(a, &l) : NULL;
		if (slot)
			*slot = r;
	}
	qsort(l.items, l.len, sizeof *l.items, by_name);
	return l;
}

static void add_rules(struct arena *a, rbac_v1_PolicyRule_list_t *to, const rbac_v1_PolicyRule_list_t *from)
{
	LIST_EACH(r, *from) {
		struct rbac_v1_PolicyRule *slot = obj_list_has(desc_type(T_rbac_v1_PolicyRule), to, r) ? NULL : arena_push(a, to);
		if (slot)
			*slot = *r;
	}
}

static int collect(struct arena *a, const struct role_list *all, const struct rbac_v1_ClusterRole *role, rbac_v1_PolicyRule_list_t *ret, struct err *e)
{
	LIST_EACH(s, role->aggregationRule->clusterRoleSelectors) {
		struct selector sel = {0};
		if (selector_of(a, s, &sel, e))
			return -1;
		LIST_EACH(other, *all)
			if (!str_eq((*other)->metadata.name, role->metadata.name) && selector_matches(&sel, &(*other)->metadata.labels))
				add_rules(a, ret, &(*other)->rules);
	}
	return 0;
}

static int apply_rules(struct aggregation *g, struct arena *a, struct str name, const rbac_v1_PolicyRule_list_t *rules, struct err *e)
{
	BUF(patch);
	buf_lit(&patch, "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{\"name\":");
	json_string(&patch, name);
	buf_lit(&patch, "},\"rules\":[");
	LIST_EACH(r, *rules) {
		buf_str(&patch, r == rules->items ? STR("") : STR(","));
		json_encode(&patch, (struct ref){desc_type(T_rbac_v1_PolicyRule), r});
	}
	buf_lit(&patch, "]}");
	struct call c = {.verb = VERB_PATCH, .res = g->res, .name = name, .patch_type = PATCH_APPLY, .patch = buf_take(&patch, a), .field_manager = STR(MANAGER), .force = true};
	return client_call(g->m->o.transport, a, &c, e) ? 0 : -1;
}

static int sync_one(struct aggregation *g, struct arena *a, const struct role_list *all, const struct rbac_v1_ClusterRole *role, struct err *e)
{
	rbac_v1_PolicyRule_list_t rules = {0};
	ERR(why);
	if (collect(a, all, role, &rules, e))
		return -1;
	if (obj_list_equal(desc_type(T_rbac_v1_PolicyRule), &rules, &role->rules) || apply_rules(g, a, role->metadata.name, &rules, &why) == 0 || err_is(&why, ERR_NOT_FOUND))
		return 0;
	err_fini(e);
	err_move(e, &why);
	return -1;
}

static int sync_all(void *arg, struct str key, struct err *e)
{
	struct aggregation *g = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct role_list all = all_roles(g, a);
	int rc = 0;
	LIST_EACH(role, all)
		if ((*role)->aggregationRule && !(*role)->metadata.has_deletionTimestamp && sync_one(g, a, &all, *role, e))
			rc = -1; /* the others are not kept waiting */
	return rc;
}

void clusterrole_aggregation_start(struct manager *m)
{
	struct aggregation *g = manager_alloc(m, sizeof *g);
	*g = (struct aggregation){.m = m, .res = client_resource("rbac.authorization.k8s.io", "v1", "clusterroles"), .queue = manager_queue(m, "ClusterRoleAggregator")};
	g->roles = manager_informer(m, "rbac.authorization.k8s.io", "v1", "clusterroles");
	g->on_role = (struct informer_handler){.fn = role_event, .arg = g};
	informer_add_handler(g->roles, &g->on_role);
	queue_add(g->queue, STR("all"));
	manager_run(m, (struct informer *const[]){g->roles, NULL}, g->queue, 1, sync_all, g);
}
