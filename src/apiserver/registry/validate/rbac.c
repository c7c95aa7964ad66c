/* Roles and bindings: their rules, and that nobody hands out what he has not got. */
#include "apiserver/registry/validate/field.h"
#include "apiserver/registry/validate/validate.h"
#include "gen/ids.h"
#include "gen/rbac_v1.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

static void check_rule(struct check *k, struct str path, const struct rbac_v1_PolicyRule *p, bool namespaced)
{
	struct str urls = at(k, path, "nonResourceURLs");
	if (!p->verbs.len)
		bad_required(k, at(k, path, "verbs"), "verbs must contain at least one value");
	if (p->nonResourceURLs.len) {
		if (namespaced)
			bad_value(k, urls, json_strings(k, &p->nonResourceURLs), "namespaced rules cannot apply to non-resource URLs");
		if (p->apiGroups.len || p->resources.len || p->resourceNames.len)
			bad_value(k, urls, json_strings(k, &p->nonResourceURLs), "rules cannot apply to both regular resources and non-resource URLs");
		return;
	}
	if (!p->apiGroups.len)
		bad_required(k, at(k, path, "apiGroups"), "resource rules must supply at least one api group");
	if (!p->resources.len)
		bad_required(k, at(k, path, "resources"), "resource rules must supply at least one resource");
}

static void check_rules(struct check *k, const rbac_v1_PolicyRule_list_t *rules, bool namespaced)
{
	for (uint32_t i = 0; i < rules->len; i++)
		check_rule(k, at_index(k, STR("rules"), i), &rules->items[i], namespaced);
}

void validate_role(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_rules(k, &((const struct rbac_v1_Role *)obj)->rules, true);
}

void validate_role_update(struct request *r, const void *obj, const void *old, struct err *e) { validate_role(r, obj, e); }

static void check_aggregation(struct check *k, const struct rbac_v1_AggregationRule *g)
{
	struct str path = STR("aggregationRule.clusterRoleSelectors");
	if (!g->clusterRoleSelectors.len)
		bad_required(k, path, "at least one clusterRoleSelector required if aggregationRule is non-nil");
	for (uint32_t i = 0; i < g->clusterRoleSelectors.len; i++) {
		uint32_t before = k->e->ncauses;
		check_selector(k, at_index(k, path, i), &g->clusterRoleSelectors.items[i]);
		if (k->e->ncauses > before)
			bad_value(k, at_index(k, path, i), STR("null"), "invalid label selector.");
	}
}

void validate_clusterrole(struct request *r, const void *obj, struct err *e)
{
	const struct rbac_v1_ClusterRole *c = obj;
	CHECK(k);
	check_rules(k, &c->rules, false);
	if (c->aggregationRule)
		check_aggregation(k, c->aggregationRule);
}

void validate_clusterrole_update(struct request *r, const void *obj, const void *old, struct err *e) { validate_clusterrole(r, obj, e); }

/* ---- bindings ---- */

static void check_role_ref(struct check *k, const struct rbac_v1_RoleRef *f, const char *const *kinds)
{
	check_choice(k, STR("roleRef.apiGroup"), f->apiGroup, LIST_OF_CHOICES(RBAC_GROUP));
	check_choice(k, STR("roleRef.kind"), f->kind, kinds);
	if (!f->name.n)
		bad_required(k, STR("roleRef.name"), NULL);
	else
		bad_wrong(k, STR("roleRef.name"), f->name, name_path_segment(f->name));
}

static void check_subject(struct check *k, struct str path, const struct rbac_v1_Subject *s, bool namespaced)
{
	bool account = str_is(s->kind, "ServiceAccount");
	if (!s->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	if (account && s->name.n)
		bad_wrong(k, at(k, path, "name"), s->name, name_dns1123_subdomain(s->name));
	if (account && s->apiGroup.n)
		bad_choice(k, at(k, path, "apiGroup"), s->apiGroup, LIST_OF_CHOICES(""));
	if (account && !namespaced && !s->namespace.n)
		bad_required(k, at(k, path, "namespace"), NULL);
	if (str_is(s->kind, "User") || str_is(s->kind, "Group"))
		check_choice(k, at(k, path, "apiGroup"), s->apiGroup, LIST_OF_CHOICES(RBAC_GROUP));
	else if (!account)
		bad_choice(k, at(k, path, "kind"), s->kind, LIST_OF_CHOICES("ServiceAccount", "User", "Group"));
}

static void check_binding(struct check *k, const struct rbac_v1_RoleBinding *b, bool namespaced)
{
	check_role_ref(k, &b->roleRef, namespaced ? LIST_OF_CHOICES("Role", "ClusterRole") : LIST_OF_CHOICES("ClusterRole"));
	for (uint32_t i = 0; i < b->subjects.len; i++)
		check_subject(k, at_index(k, STR("subjects"), i), &b->subjects.items[i], namespaced);
}

static void check_ref_change(struct check *k, const struct rbac_v1_RoleRef *now, const struct rbac_v1_RoleRef *old)
{
	if (!str_eq(now->apiGroup, old->apiGroup) || !str_eq(now->kind, old->kind) || !str_eq(now->name, old->name))
		bad_value(k, STR("roleRef"),
			str_printf(k->a, "{\"APIGroup\":\"%.*s\",\"Kind\":\"%.*s\",\"Name\":\"%.*s\"}", STR_F(now->apiGroup), STR_F(now->kind), STR_F(now->name)),
			"cannot change roleRef");
}

void validate_rolebinding(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_binding(k, obj, true);
}

void validate_rolebinding_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_binding(k, obj, true);
	check_ref_change(k, &((const struct rbac_v1_RoleBinding *)obj)->roleRef, &((const struct rbac_v1_RoleBinding *)old)->roleRef);
}

/* ClusterRoleBindings are laid out as RoleBindings. */
void validate_clusterrolebinding(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_binding(k, obj, false);
}

void validate_clusterrolebinding_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_binding(k, obj, false);
	check_ref_change(k, &((const struct rbac_v1_RoleBinding *)obj)->roleRef, &((const struct rbac_v1_RoleBinding *)old)->roleRef);
}
