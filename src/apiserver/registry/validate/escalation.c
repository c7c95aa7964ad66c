/* Nobody hands out what he has not got: roles and bindings are refused unless their author holds every permission in them, or may escalate or bind. */
#include "apiserver/authz/rbac.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/ids.h"

struct held {
	struct arena *a;
	struct { const struct rbac_v1_PolicyRule **items; uint32_t len, cap; } rules;
};

static bool add_held(void *arg, const struct rbac_v1_PolicyRule *rule)
{
	struct held *h = arg;
	const struct rbac_v1_PolicyRule **p = arena_push(h->a, &h->rules);
	if (p)
		*p = rule;
	return p != NULL;
}

static bool has(const str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_is(*x, "*") || str_eq(*x, s))
			return true;
	return false;
}

static bool is_one_of(const str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_eq(*x, s))
			return true;
	return false;
}

/* "pods/log" is covered by "*", by itself, and by "log" of every resource. */
static bool has_resource(const str_list_t *l, struct str s)
{
	struct str head, sub;
	if (has(l, s))
		return true;
	if (!str_cut(s, '/', &head, &sub))
		return false;
	LIST_EACH(x, *l)
		if (str_has_prefix(*x, STR("*/")) && str_eq(str_sub(*x, 2, x->n), sub))
			return true;
	return false;
}

static bool has_url(const str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_eq(*x, s) || (x->n && x->p[x->n - 1] == '*' && str_has_prefix(s, str_sub(*x, 0, x->n - 1))))
			return true;
	return false;
}

struct one {
	struct str verb, group, resource, name, url;
};

static bool covers(const struct rbac_v1_PolicyRule *h, const struct one *q)
{
	if (!has(&h->verbs, q->verb))
		return false;
	if (q->url.p)
		return has_url(&h->nonResourceURLs, q->url);
	if (!has(&h->apiGroups, q->group) || !has_resource(&h->resources, q->resource))
		return false;
	return !h->resourceNames.len || (q->name.p && is_one_of(&h->resourceNames, q->name));
}

static bool held(const struct held *h, const struct one *q)
{
	LIST_EACH(r, h->rules)
		if (covers(*r, q))
			return true;
	return false;
}

static bool names_held(const struct held *h, const struct rbac_v1_PolicyRule *p, struct one q)
{
	LIST_EACH(n, p->resourceNames) {
		q.name = *n;
		if (!held(h, &q))
			return false;
	}
	return p->resourceNames.len || held(h, &q);
}

static bool resources_held(const struct held *h, const struct rbac_v1_PolicyRule *p, struct str verb)
{
	LIST_EACH(g, p->apiGroups)
		LIST_EACH(res, p->resources)
			if (!names_held(h, p, (struct one){.verb = verb, .group = *g, .resource = *res}))
				return false;
	return true;
}

/* A rule is taken apart into single permissions. */
static bool rule_held(const struct held *h, const struct rbac_v1_PolicyRule *p)
{
	LIST_EACH(v, p->verbs) {
		LIST_EACH(u, p->nonResourceURLs)
			if (!held(h, &(struct one){.verb = *v, .url = *u}))
				return false;
		if (!resources_held(h, p, *v))
			return false;
	}
	return true;
}

/* ---- the refusal, in upstream's words ---- */

static void put_list(struct buf *b, const char *name, const str_list_t *l)
{
	if (!l->len)
		return;
	buf_printf(b, "%s%s:[", b->p[b->n - 1] == '{' ? "" : ", ", name);
	LIST_EACH(s, *l)
		buf_printf(b, "%s\"%.*s\"", s == l->items ? "" : " ", STR_F(*s));
	buf_char(b, ']');
}

static void put_rule(struct buf *b, const struct rbac_v1_PolicyRule *p)
{
	buf_lit(b, "\n{");
	put_list(b, "APIGroups", &p->apiGroups);
	put_list(b, "Resources", &p->resources);
	put_list(b, "ResourceNames", &p->resourceNames);
	put_list(b, "NonResourceURLs", &p->nonResourceURLs);
	put_list(b, "Verbs", &p->verbs);
	buf_char(b, '}');
}

static int refuse(struct request *r, struct buf *missing, struct err *e)
{
	BUF(groups);
	for (size_t i = 0; i < r->user.ngroups; i++)
		buf_printf(&groups, "%s\"%.*s\"", i ? " " : "", STR_F(r->user.groups[i]));
	return request_forbidden(r, e, "user \"%.*s\" (groups=[%.*s]) is attempting to grant RBAC permissions not currently held:%.*s", STR_F(r->user.name),
		STR_F(buf_view(&groups)), STR_F(buf_view(missing)));
}

static int confirm(struct request *r, const rbac_v1_PolicyRule_list_t *rules, struct str ns, struct err *e)
{
	struct held h = {.a = r->arena};
	BUF(missing);
	rbac_each_rule(authz_rbac(r->server), &r->user, ns, add_held, &h);
	LIST_EACH(p, *rules)
		if (!rule_held(&h, p))
			put_rule(&missing, p);
	return missing.n ? refuse(r, &missing, e) : 0;
}

static bool trusted(const struct request *r) { return r->privileged_loopback || user_in_group(&r->user, STR("system:masters")); }

static bool may(struct request *r, const char *verb, struct str resource, struct str name)
{
	struct attrs at = {.user = &r->user, .verb = str_of(verb), .is_resource = true, .group = STR("rbac.authorization.k8s.io"), .version = STR("v1"),
		.resource = resource, .ns = r->at.ns, .name = name};
	return authz_decide(r->server, &at, NULL) == DECISION_ALLOW;
}

static bool same_rules(const void *a, const void *b, size_t offset)
{
	const rbac_v1_PolicyRule_list_t *x = (const void *)((const char *)a + offset), *y = (const void *)((const char *)b + offset);
	if (x->len != y->len)
		return false;
	for (uint32_t i = 0; i < x->len; i++)
		if (!obj_equal_at(desc_type(T_rbac_v1_PolicyRule), &x->items[i], &y->items[i]))
			return false;
	return true;
}

int escalation_of_role(struct request *r, void *obj, const void *old, struct err *e)
{
	const struct rbac_v1_Role *o = obj;
	if (trusted(r) || (old && same_rules(obj, old, offsetof(struct rbac_v1_Role, rules))) || may(r, "escalate", r->at.resource, o->metadata.name))
		return 0;
	return confirm(r, &o->rules, o->metadata.namespace, e);
}

/* With an aggregation rule anything may come in. */
static const rbac_v1_PolicyRule_list_t *everything(void)
{
	static struct str star[] = {STR_INIT("*")};
	static struct rbac_v1_PolicyRule all[] = {
		{.verbs = {star, 1, 1}, .apiGroups = {star, 1, 1}, .resources = {star, 1, 1}},
		{.verbs = {star, 1, 1}, .nonResourceURLs = {star, 1, 1}},
	};
	static const rbac_v1_PolicyRule_list_t list = {all, 2, 2};
	return &list;
}

int escalation_of_clusterrole(struct request *r, void *obj, const void *old_, struct err *e)
{
	const struct rbac_v1_ClusterRole *o = obj, *old = old_;
	bool aggregates = o->aggregationRule && !(old && old->aggregationRule);
	bool same = old && same_rules(obj, old, offsetof(struct rbac_v1_ClusterRole, rules));
	if (trusted(r) || (same && !aggregates) || may(r, "escalate", r->at.resource, o->metadata.name))
		return 0;
	if (aggregates && confirm(r, everything(), STR(""), e))
		return -1;
	return confirm(r, &o->rules, STR(""), e);
}

static int role_missing(const char *resource, struct str name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "%s.rbac.authorization.k8s.io \"%.*s\" not found", resource, STR_F(name));
	err_object(e, STR("rbac.authorization.k8s.io"), str_of(resource), name);
	return -1;
}

/* Roles and ClusterRoles both have their rules behind the metadata. */
static int rules_of(struct request *r, const struct rbac_v1_RoleRef *f, const rbac_v1_PolicyRule_list_t **ret, struct err *e)
{
	bool cluster = str_is(f->kind, "ClusterRole");
	const char *plural = cluster ? "clusterroles" : "roles";
	struct cache_table *t = cache_table_by_name(server_cache(r->server), "rbac.authorization.k8s.io", plural);
	struct object *o = cache_lookup(server_cache(r->server), t, cluster ? STR("") : r->at.ns, f->name);
	if (!o)
		return role_missing(plural, f->name, e);
	arena_defer(r->arena, (void (*)(void *))object_unref, o);
	const void *p = object_decode(o, r->arena, e);
	if (!p)
		return -1;
	*ret = cluster ? &((const struct rbac_v1_ClusterRole *)p)->rules : &((const struct rbac_v1_Role *)p)->rules;
	return 0;
}

static bool same_binding(const struct rbac_v1_RoleBinding *a, const struct rbac_v1_RoleBinding *b)
{
	struct rbac_v1_RoleBinding x = *a, y = *b;
	x.metadata = y.metadata = (struct meta_v1_ObjectMeta){0};
	return obj_equal_at(desc_type(T_rbac_v1_RoleBinding), &x, &y);
}

int escalation_of_binding(struct request *r, void *obj, const void *old, struct err *e)
{
	const struct rbac_v1_RoleBinding *b = obj;
	const rbac_v1_PolicyRule_list_t *rules;
	struct str plural = str_is(b->roleRef.kind, "ClusterRole") ? STR("clusterroles") : STR("roles");
	if (trusted(r) || (old && same_binding(b, old)) || may(r, "bind", plural, b->roleRef.name))
		return 0;
	return rules_of(r, &b->roleRef, &rules, e) ? -1 : confirm(r, rules, b->metadata.namespace, e);
}
