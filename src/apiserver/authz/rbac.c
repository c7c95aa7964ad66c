#include "apiserver/authz/rbac.h"

#include "apiserver/cache.h"
#include "base/map.h"
#include "gen/ids.h"

#include <stdlib.h>

enum { ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS, TABLES };
static const char *const table_names[TABLES] = {"roles", "clusterroles", "rolebindings", "clusterrolebindings"};

/* A subject of a binding, with what it grants. */
struct grant {
	struct grant *next;
	struct str ns;                  /* "" for ClusterRoleBindings */
	struct str binding, role_kind, role_name, subject_text;
	const rbac_v1_PolicyRule_list_t *rules; /* NULL: the role is missing */
};
struct index {
	struct cache_view view;
	struct map by_subject;          /* "u:NAME", "g:NAME", "s:NS:NAME" -> struct grant list, in the view's memory */
};
struct rbac {
	struct server *server;
	struct index *v;                /* one per loop */
};

/* ---- Building ---- */

static const rbac_v1_PolicyRule_list_t *rules_of(struct arena *mem, const struct rbac_v1_RoleRef *ref, struct str ns, struct map *roles)
{
	bool cluster = str_is(ref->kind, "ClusterRole");
	return map_get(roles, cluster ? str_printf(mem, "/%.*s", STR_F(ref->name)) : str_printf(mem, "%.*s/%.*s", STR_F(ns), STR_F(ref->name)));
}

static void add_subject(struct index *x, const struct rbac_v1_Subject *s, struct grant g)
{
	struct arena *mem = x->view.mem;
	struct grant *slot = arena_make(mem, struct grant);
	struct str key;
	if (str_is(s->kind, "ServiceAccount")) {
		struct str ns = s->namespace.n ? s->namespace : g.ns;
		key = str_printf(mem, "s:%.*s:%.*s", STR_F(ns), STR_F(s->name));
		g.subject_text = str_printf(mem, "%.*s \"%.*s/%.*s\"", STR_F(s->kind), STR_F(s->name), STR_F(ns));
	} else {
		key = str_printf(mem, "%c:%.*s", str_is(s->kind, "Group") ? 'g' : 'u', STR_F(s->name));
		g.subject_text = str_printf(mem, "%.*s \"%.*s\"", STR_F(s->kind), STR_F(s->name));
	}
	g.next = map_get(&x->by_subject, key);
	*slot = g;
	map_set(&x->by_subject, key, slot);
}

static void add_binding(struct index *x, struct str ns, struct str name, const struct rbac_v1_RoleRef *ref, const rbac_v1_Subject_list_t *subjects,
	struct map *roles)
{
	struct grant g = {.ns = ns, .binding = name, .role_kind = ref->kind, .role_name = ref->name, .rules = rules_of(x->view.mem, ref, ns, roles)};
	LIST_EACH(s, *subjects)
		add_subject(x, s, g);
}

static void take(struct index *x, int table, void *obj, struct map *roles)
{
	if (table == ROLES) {
		struct rbac_v1_Role *r = obj;
		map_set(roles, str_printf(x->view.mem, "%.*s/%.*s", STR_F(r->metadata.namespace), STR_F(r->metadata.name)), &r->rules);
	} else if (table == CLUSTER_ROLES) {
		struct rbac_v1_ClusterRole *r = obj;
		map_set(roles, str_printf(x->view.mem, "/%.*s", STR_F(r->metadata.name)), &r->rules);
	} else if (table == ROLE_BINDINGS) {
		struct rbac_v1_RoleBinding *b = obj;
		add_binding(x, b->metadata.namespace, b->metadata.name, &b->roleRef, &b->subjects, roles);
	} else {
		struct rbac_v1_ClusterRoleBinding *b = obj;
		add_binding(x, STR(""), b->metadata.name, &b->roleRef, &b->subjects, roles);
	}
}

static void build(struct index *x)
{
	struct map roles = {0};
	map_clear(&x->by_subject);
	for (int t = 0; t < TABLES; t++) {
		struct cache_objects all = cache_view_objects(&x->view, t);
		LIST_EACH(obj, all)
			take(x, t, *obj, &roles);
	}
	map_fini(&roles);
}

static struct index *index_here(struct rbac *r)
{
	struct index *x = &r->v[server_loop_number(r->server)];
	if (cache_view_renew(&x->view))
		build(x);
	return x;
}

struct rbac *rbac_new(struct server *s)
{
	const struct server_opts *o = server_options(s);
	struct rbac *r = calloc(1, sizeof *r);
	struct index *v = calloc(o->nloops, sizeof *v);
	if (!r || !v) {
		free(r);
		free(v);
		return NULL;
	}
	*r = (struct rbac){.server = s, .v = v};
	for (size_t i = 0; i < o->nloops; i++)
		cache_view_init(&v[i].view, server_cache(s), "rbac.authorization.k8s.io", table_names, TABLES);
	return r;
}

/* The loops have ended their requests. */
void rbac_free(struct rbac *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < server_options(r->server)->nloops; i++) {
		map_fini(&r->v[i].by_subject);
		cache_view_fini(&r->v[i].view);
	}
	free(r->v);
	free(r);
}

/* ---- Rules ---- */

/* "pods", "pods/log", "*", "STAR/log" (any resource's log). */
static bool resource_matches(const str_list_t *l, struct str resource, struct str sub)
{
	LIST_EACH(x, *l)
	{
		struct str head, tail;
		if (str_is(*x, "*"))
			return true;
		bool cut = str_cut(*x, '/', &head, &tail);
		if (cut ? sub.n && str_eq(tail, sub) && (str_eq(head, resource) || str_is(head, "*")) : !sub.n && str_eq(head, resource))
			return true;
	}
	return false;
}

static bool path_matches(const str_list_t *l, struct str path)
{
	LIST_EACH(x, *l)
		if (str_matches(path, *x))
			return true;
	return false;
}

bool rbac_rule_allows(const struct rbac_v1_PolicyRule *rule, const struct attrs *at)
{
	if (!rule_names(&rule->verbs, at->verb))
		return false;
	if (!at->is_resource)
		return path_matches(&rule->nonResourceURLs, at->path);
	if (!rule_names(&rule->apiGroups, at->group) || !resource_matches(&rule->resources, at->resource, at->sub))
		return false;
	return rule->resourceNames.len == 0 || (at->name.n && str_list_has(&rule->resourceNames, at->name));
}

/* ---- Questions ---- */

struct question {
	const struct attrs *at;
	struct buf *reason;
	struct buf *broken;             /* gets the references to roles that are missing; NULL: not asked for */
	struct str ns;
	bool anywhere;                  /* in every namespace */
	bool (*fn)(void *arg, const struct rbac_v1_PolicyRule *rule);
	void *arg;
};

static void say_why(const struct question *q, const struct grant *g)
{
	if (!q->reason)
		return;
	buf_printf(q->reason, "RBAC: allowed by %s \"%.*s", g->ns.n ? "RoleBinding" : "ClusterRoleBinding", STR_F(g->binding));
	if (g->ns.n)
		buf_printf(q->reason, "/%.*s", STR_F(g->ns));
	buf_printf(q->reason, "\" of %.*s \"%.*s\" to %.*s", STR_F(g->role_kind), STR_F(g->role_name), STR_F(g->subject_text));
}

/* `clusterrole.rbac.authorization.k8s.io "x" not found`, once each. */
static void say_broken(const struct question *q, const struct grant *g)
{
	BUF(line);
	if (!q->broken)
		return;
	buf_printf(&line, "%s.rbac.authorization.k8s.io \"%.*s\" not found", str_is(g->role_kind, "ClusterRole") ? "clusterrole" : "role", STR_F(g->role_name));
	struct str rest = buf_view(q->broken), one;
	while (rest.n && str_next(&rest, '\n', &one))
		if (str_eq(one, buf_view(&line)))
			return;
	buf_printf(q->broken, "%s%.*s", q->broken->n ? "\n" : "", STR_F(buf_view(&line)));
}

/* True ends the search. */
static bool try_grants(const struct question *q, const struct grant *g, bool cluster)
{
	for (; g; g = g->next) {
		if (cluster != !g->ns.n || (!cluster && !q->anywhere && !str_eq(g->ns, q->ns)))
			continue;
		if (!g->rules) {
			say_broken(q, g);
			continue;
		}
		LIST_EACH(rule, *g->rules)
		{
			if (q->fn ? q->fn(q->arg, rule) : !rbac_rule_allows(rule, q->at))
				continue;
			if (!q->fn)
				say_why(q, g);
			return true;
		}
	}
	return false;
}

static bool try_key(struct index *x, const struct question *q, struct str key, bool cluster)
{
	const struct grant *g = map_get(&x->by_subject, key);
	return g && try_grants(q, g, cluster);
}

#define KEY_MAX 512 /* longer names are looked up from the heap */

static bool try_named(struct index *x, const struct question *q, char kind, struct str name, bool cluster)
{
	char text[KEY_MAX];
	if (name.n + 2 > sizeof text)
		return false; /* no binding can name it: names are shorter */
	text[0] = kind;
	text[1] = ':';
	if (name.n)
		memcpy(text + 2, name.p, name.n);
	return try_key(x, q, str_n(text, name.n + 2), cluster);
}

#define SA_PREFIX "system:serviceaccount:"

static bool try_user(struct index *x, const struct question *q, const struct user *u, bool cluster)
{
	if (try_named(x, q, 'u', u->name, cluster))
		return true;
	if (str_has_prefix(u->name, STR(SA_PREFIX)) && try_named(x, q, 's', str_sub(u->name, sizeof SA_PREFIX - 1, u->name.n), cluster))
		return true;
	for (size_t i = 0; i < u->ngroups; i++)
		if (try_named(x, q, 'g', u->groups[i], cluster))
			return true;
	return false;
}

/* The lines of broken as upstream shows several errors in one. */
static void put_broken(struct buf *reason, struct str broken)
{
	struct str one;
	bool many = str_index(broken, '\n', 0) >= 0, first = true;
	buf_str(reason, many ? STR("RBAC: [") : STR("RBAC: "));
	for (; broken.n && str_next(&broken, '\n', &one); first = false)
		buf_printf(reason, "%s%.*s", first ? "" : ", ", STR_F(one));
	if (many)
		buf_char(reason, ']');
}

enum decision rbac_decide(struct rbac *r, const struct attrs *at, struct buf *reason)
{
	struct index *x = index_here(r);
	BUF(broken);
	struct question q = {.at = at, .reason = reason, .broken = reason ? &broken : NULL, .ns = at->ns};
	if (try_user(x, &q, at->user, true) || (at->ns.n && try_user(x, &q, at->user, false)))
		return DECISION_ALLOW;
	if (broken.n)
		put_broken(reason, buf_view(&broken));
	return DECISION_NO_OPINION;
}

void rbac_each_rule(struct rbac *r, const struct user *u, struct str ns, bool (*fn)(void *arg, const struct rbac_v1_PolicyRule *rule), void *arg)
{
	struct index *x = index_here(r);
	struct question q = {.ns = ns, .fn = fn, .arg = arg};
	if (!try_user(x, &q, u, true) && ns.n)
		try_user(x, &q, u, false);
}

void rbac_each_rule_anywhere(struct rbac *r, const struct user *u, bool (*fn)(void *arg, const struct rbac_v1_PolicyRule *rule), void *arg)
{
	struct index *x = index_here(r);
	struct question q = {.anywhere = true, .fn = fn, .arg = arg};
	if (!try_user(x, &q, u, true))
		try_user(x, &q, u, false);
}
