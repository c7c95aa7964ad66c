/* Nobody hands out what he has not got: roles and bindings are refused unless their author holds every permission in them, or may escalate or bind. */
#include "apiserver/authz/rbac.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/validate/validate.h"
#include "base/enc.h"
#include "codec/ops.h"
#include "gen/ids.h"

#include <stdlib.h>

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

/* "pods/log" is covered by "*", by itself, and by "log" of every resource. */
static bool has_resource(const str_list_t *l, struct str s)
{
	struct str head, sub;
	if (rule_names(l, s))
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
		if (str_matches(s, *x))
			return true;
	return false;
}

struct one {
	struct str verb, group, resource, name, url;
};

static bool covers(const struct rbac_v1_PolicyRule *h, const struct one *q)
{
	if (!rule_names(&h->verbs, q->verb))
		return false;
	if (q->url.p)
		return has_url(&h->nonResourceURLs, q->url);
	if (!rule_names(&h->apiGroups, q->group) || !has_resource(&h->resources, q->resource))
		return false;
	return !h->resourceNames.len || (q->name.p && str_list_has(&h->resourceNames, q->name));
}

static bool held(const struct held *h, const struct one *q)
{
	LIST_EACH(r, h->rules)
		if (covers(*r, q))
			return true;
	return false;
}

/* ---- single permissions ---- */

/* What misses: upstream tells it by group, resource and name, each with its verbs. */
struct missing {
	const struct held *held;
	str_list_t lines;
};

static void add_line(struct missing *m, struct buf *line)
{
	struct str *slot = arena_push(m->held->a, &m->lines);
	if (slot)
		*slot = buf_take(line, m->held->a);
}

static void put_one(struct buf *b, const char *name, struct str s)
{
	buf_printf(b, "%s%s:[", b->n > 1 ? ", " : "", name);
	enc_quote(b, s);
	buf_char(b, ']');
}

/* The line of what q names with the verbs that miss; none when all are held. */
static void check_verbs(struct missing *m, const str_list_t *verbs, struct one q)
{
	BUF(list);
	LIST_EACH(v, *verbs) {
		q.verb = *v;
		if (held(m->held, &q))
			continue;
		buf_str(&list, list.n ? STR(" ") : STR(""));
		enc_quote(&list, *v);
	}
	if (!list.n)
		return;
	BUF(line);
	buf_char(&line, '{');
	put_one(&line, "APIGroups", q.group);
	put_one(&line, "Resources", q.resource);
	if (q.name.p)
		put_one(&line, "ResourceNames", q.name);
	buf_printf(&line, ", Verbs:[%.*s]}", STR_F(buf_view(&list)));
	add_line(m, &line);
}

static void check_resource(struct missing *m, const struct rbac_v1_PolicyRule *p, struct one q)
{
	if (!p->resourceNames.len)
		check_verbs(m, &p->verbs, q);
	LIST_EACH(n, p->resourceNames) {
		q.name = *n;
		check_verbs(m, &p->verbs, q);
	}
}

static void check_url(struct missing *m, const struct rbac_v1_PolicyRule *p, struct str url)
{
	LIST_EACH(v, p->verbs) {
		BUF(line);
		if (held(m->held, &(struct one){.verb = *v, .url = url}))
			continue;
		buf_char(&line, '{');
		put_one(&line, "NonResourceURLs", url);
		put_one(&line, "Verbs", *v);
		buf_char(&line, '}');
		add_line(m, &line);
	}
}

static void check_rule(struct missing *m, const struct rbac_v1_PolicyRule *p)
{
	LIST_EACH(g, p->apiGroups)
		LIST_EACH(res, p->resources)
			check_resource(m, p, (struct one){.group = *g, .resource = *res});
	LIST_EACH(u, p->nonResourceURLs)
		check_url(m, p, *u);
}

/* ---- the refusal, in upstream's words ---- */

/* The object has a name where the request has none yet. */
static int refuse(struct request *r, struct str name, struct err *e, const char *why)
{
	struct str was = r->at.name;
	r->at.name = name;
	request_forbidden(r, e, "%s", why);
	r->at.name = was;
	return -1;
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

static int refuse_missing(struct request *r, struct str name, str_list_t *lines, struct err *e)
{
	BUF(why);
	buf_lit(&why, "user ");
	enc_quote(&why, r->user.name);
	buf_lit(&why, " (groups=[");
	for (size_t i = 0; i < r->user.ngroups; i++) {
		buf_str(&why, i ? STR(" ") : STR(""));
		enc_quote(&why, r->user.groups[i]);
	}
	buf_lit(&why, "]) is attempting to grant RBAC permissions not currently held:");
	qsort(lines->items, lines->len, sizeof *lines->items, by_text);
	for (uint32_t i = 0; i < lines->len; i++)
		if (!i || !str_eq(lines->items[i], lines->items[i - 1]))
			buf_printf(&why, "\n%.*s", STR_F(lines->items[i]));
	return refuse(r, name, e, buf_z(&why));
}

static int confirm(struct request *r, const rbac_v1_PolicyRule_list_t *rules, const struct meta_v1_ObjectMeta *m, struct err *e)
{
	struct held h = {.a = r->arena};
	struct missing miss = {.held = &h};
	rbac_each_rule(authz_rbac(r->server), &r->user, m->namespace, add_held, &h);
	LIST_EACH(p, *rules)
		check_rule(&miss, p);
	return miss.lines.len ? refuse_missing(r, m->name, &miss.lines, e) : 0;
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
	return obj_list_equal(desc_type(T_rbac_v1_PolicyRule), (const char *)a + offset, (const char *)b + offset);
}

int escalation_of_role(struct request *r, void *obj, const void *old, struct err *e)
{
	const struct rbac_v1_Role *o = obj;
	if (trusted(r) || (old && same_rules(obj, old, offsetof(struct rbac_v1_Role, rules))) || may(r, "escalate", r->at.resource, r->at.name))
		return 0;
	return confirm(r, &o->rules, &o->metadata, e);
}

/* With an aggregation rule anything may come in. */
static bool holds_everything(struct request *r)
{
	static struct str star[] = {STR_INIT("*")};
	static const struct rbac_v1_PolicyRule all[] = {
		{.verbs = {star, 1, 1}, .apiGroups = {star, 1, 1}, .resources = {star, 1, 1}},
		{.verbs = {star, 1, 1}, .nonResourceURLs = {star, 1, 1}},
	};
	struct held h = {.a = r->arena};
	struct missing miss = {.held = &h};
	rbac_each_rule(authz_rbac(r->server), &r->user, STR(""), add_held, &h);
	check_rule(&miss, &all[0]);
	check_rule(&miss, &all[1]);
	return !miss.lines.len;
}

int escalation_of_clusterrole(struct request *r, void *obj, const void *old_, struct err *e)
{
	const struct rbac_v1_ClusterRole *o = obj, *old = old_;
	bool aggregates = o->aggregationRule && !(old && old->aggregationRule);
	bool same = old && same_rules(obj, old, offsetof(struct rbac_v1_ClusterRole, rules));
	if (trusted(r) || (same && !aggregates) || may(r, "escalate", r->at.resource, r->at.name))
		return 0;
	if (aggregates && !holds_everything(r))
		return refuse(r, o->metadata.name, e, "must have cluster-admin privileges to use the aggregationRule");
	return confirm(r, &o->rules, &o->metadata, e);
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
	return rules_of(r, &b->roleRef, &rules, e) ? -1 : confirm(r, rules, &b->metadata, e);
}
