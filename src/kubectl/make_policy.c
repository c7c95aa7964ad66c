/* create role, clusterrole, their bindings, quota, poddisruptionbudget, priorityclass. */
#include "kubectl/make.h"
#include "kubectl/mapping.h"
#include "kubectl/walk.h"
#include <stdio.h>
#include <unistd.h>

#define RBAC "rbac.authorization.k8s.io"

static const char *const resource_verbs[] = {"get", "delete", "list", "create", "update", "patch", "watch", "proxy", "deletecollection", "use", "bind", "escalate",
	"impersonate", "approve", "sign", "attest", "*", NULL};
static const char *const url_verbs[] = {"get", "put", "post", "head", "options", "delete", "patch", "*", NULL};

static bool one_of(const char *const *v, struct str s)
{
	for (; *v; v++)
		if (str_is(s, *v))
			return true;
	return false;
}

/* ---- rules */

/* Verbs once each; "*" stands for all. */
static struct value *verbs_of(struct ctl *c)
{
	struct value *list = value_new(c->a, V_LIST);
	LIST_EACH(v, *opt_list(c, "verb")) {
		bool there = false;
		EACH_ITEM(x, list)
			there |= str_eq((*x)->s, *v);
		if (str_is(*v, "*")) {
			list->list.len = 0;
			value_push(c->a, list, value_str(c->a, *v));
			break;
		}
		if (!there)
			value_push(c->a, list, value_str(c->a, *v));
	}
	return list;
}

static struct value *rule_for(struct make *m, struct value *rules, struct str group, struct value *verbs)
{
	EACH_ITEM(r, rules)
		if (str_eq(text_of(item_at(value_get(*r, STR("apiGroups")), 0)), group))
			return *r;
	struct value *names = opt_list(m->c, "resource-name")->len ? doc_list(m->c, opt_list(m->c, "resource-name")) : NULL;
	value_push(m->c->a, rules, doc(m->c, "{'verbs': %v, 'apiGroups': [%s], 'resources': [], 'resourceNames': %v}", verbs, group, names));
	return item_at(rules, list_len(rules) - 1);
}

static int add_resource(struct make *m, struct value *rules, struct str word, struct value *verbs, struct err *e)
{
	struct ctl *c = m->c;
	struct str name, sub, group = STR("");
	bool has_sub = str_cut(word, '/', &name, &sub);
	if (!str_is(name, "*")) {
		const struct mapping *k = mapping_find(c, name, e);
		if (!k)
			return -1;
		name = k->resource;
		group = k->group.n ? k->group : STR("");
	}
	struct value *r = rule_for(m, rules, group, verbs);
	value_push(c->a, value_get(r, STR("resources")), value_str(c->a, has_sub ? str_printf(c->a, "%.*s/%.*s", STR_F(name), STR_F(sub)) : name));
	return 0;
}

/* What is not there is told without "error:", as upstream does. */
static int unknown_resource(struct ctl *c, struct err *e)
{
	if (e->sys > 0)
		return -1;
	dprintf(STDERR_FILENO, "%s\n", err_text(e));
	err_fini(e);
	c->code = 1;
	return -1;
}

static int check_verbs(struct ctl *c, const str_list_t *urls, struct err *e)
{
	LIST_EACH(v, *opt_list(c, "verb")) {
		if (urls && urls->len && !one_of(url_verbs, *v))
			return err_set(e, ERR_BAD_REQUEST, "invalid verb: '%.*s' for nonResourceURL", STR_F(*v));
		if (opt_list(c, "resource")->len && !one_of(resource_verbs, *v))
			ctl_warn(c, str_printf(c->a, "'%.*s' is not a standard resource verb", STR_F(*v)));
	}
	return 0;
}

static int add_rules(struct make *m, const str_list_t *urls, struct err *e)
{
	struct ctl *c = m->c;
	const str_list_t *resources = opt_list(c, "resource");
	struct value *rules = value_new(c->a, V_LIST), *verbs = verbs_of(c);
	if (!list_len(verbs))
		return err_set(e, ERR_BAD_REQUEST, "at least one verb must be specified");
	if (!resources->len && !(urls && urls->len))
		return err_set(e, ERR_BAD_REQUEST, "at least one resource must be specified");
	if (check_verbs(c, urls, e) != 0)
		return -1;
	LIST_EACH(r, *resources)
		if (add_resource(m, rules, *r, verbs, e) != 0)
			return unknown_resource(c, e);
	if (urls && urls->len)
		value_push(c->a, rules, doc(c, "{'nonResourceURLs': %v, 'verbs': %v}", doc_list(c, urls), verbs));
	value_set(c->a, m->obj, STR("rules"), rules);
	return 0;
}

int make_role(struct make *m, struct err *e)
{
	m->obj = doc(m->c, "{'apiVersion': '" RBAC "/v1', 'kind': 'Role', 'metadata': {'name': %s}}", m->name);
	return add_rules(m, NULL, e);
}

int make_clusterrole(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	struct value *labels;
	struct str aggregation = opt(c, "aggregation-rule");
	m->obj = doc(c, "{'apiVersion': '" RBAC "/v1', 'kind': 'ClusterRole', 'metadata': {'name': %s}}", m->name);
	if (!aggregation.n)
		return add_rules(m, opt_list(c, "non-resource-url"), e);
	if (make_labels(c, aggregation, &labels, e) != 0)
		return -1;
	value_set(c->a, m->obj, STR("aggregationRule"), doc(c, "{'clusterRoleSelectors': [{'matchLabels': %v}]}", labels));
	value_set(c->a, m->obj, STR("rules"), value_new(c->a, V_NULL));
	return 0;
}

/* ---- bindings */

static int add_subjects(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	static const char *const kinds[][2] = {{"user", "User"}, {"group", "Group"}};
	struct value *subjects = value_new(c->a, V_LIST);
	struct str ns, name;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		LIST_EACH(s, *opt_list(c, kinds[i][0]))
			value_push(c->a, subjects, doc(c, "{'apiGroup': '" RBAC "', 'kind': %s, 'name': %s}", str_of(kinds[i][1]), *s));
	LIST_EACH(s, *opt_list(c, "serviceaccount")) {
		if (!str_cut(*s, ':', &ns, &name) || !ns.n || !name.n)
			return err_set(e, ERR_BAD_REQUEST, "serviceaccount must be <namespace>:<name>");
		value_push(c->a, subjects, doc(c, "{'kind': 'ServiceAccount', 'name': %s, 'namespace': %s}", name, ns));
	}
	if (list_len(subjects))
		value_set(c->a, m->obj, STR("subjects"), subjects);
	return 0;
}

int make_rolebinding(struct make *m, struct err *e)
{
	struct str role = opt(m->c, "role"), cluster = opt(m->c, "clusterrole");
	if (!role.n == !cluster.n)
		return err_set(e, ERR_BAD_REQUEST, "exactly one of clusterrole or role must be specified");
	m->obj = doc(m->c, "{'apiVersion': '" RBAC "/v1', 'kind': 'RoleBinding', 'metadata': {'name': %s}, 'roleRef': {'apiGroup': '" RBAC "', 'kind': %s, 'name': %s}}",
		m->name, role.n ? STR("Role") : STR("ClusterRole"), role.n ? role : cluster);
	return add_subjects(m, e);
}

int make_clusterrolebinding(struct make *m, struct err *e)
{
	m->obj = doc(m->c, "{'apiVersion': '" RBAC "/v1', 'kind': 'ClusterRoleBinding', 'metadata': {'name': %s}, 'roleRef': {'apiGroup': '" RBAC "', 'kind': "
		"'ClusterRole', 'name': %s}}", m->name, opt(m->c, "clusterrole"));
	return add_subjects(m, e);
}

/* ---- limits */

int make_quota(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	struct str rest = opt(c, "hard"), piece, key, value;
	struct value *hard = value_new(c->a, V_OBJECT), *scopes = NULL;
	while (rest.n && str_next(&rest, ',', &piece)) {
		if (!str_cut(piece, '=', &key, &value))
			return err_set(e, ERR_BAD_REQUEST, "Invalid argument syntax %.*s, expected <resource>=<value>", STR_F(piece));
		value_set(c->a, hard, key, value_str(c->a, value));
	}
	rest = opt(c, "scopes");
	while (rest.n && str_next(&rest, ',', &piece)) {
		scopes = scopes ? scopes : value_new(c->a, V_LIST);
		value_push(c->a, scopes, value_str(c->a, piece));
	}
	m->obj = doc(c, "{'apiVersion': 'v1', 'kind': 'ResourceQuota', 'metadata': {'name': %s}, 'spec': {'hard': %v, 'scopes': %v}, 'status': {}}", m->name,
		map_len(hard) ? hard : NULL, scopes);
	return 0;
}

/* A number or a percentage. */
static struct value *amount(struct ctl *c, struct str s)
{
	int64_t n;
	if (!s.n)
		return NULL;
	return str_i64(s, &n) == 0 ? value_int(c->a, n) : value_str(c->a, s);
}

int make_pdb(struct make *m, struct err *e)
{
	struct ctl *c = m->c;
	struct value *labels, *min = amount(c, opt(c, "min-available")), *max = amount(c, opt(c, "max-unavailable"));
	if (!opt(c, "selector").n)
		return err_set(e, ERR_BAD_REQUEST, "a selector must be specified");
	if (!min && !max)
		return err_set(e, ERR_BAD_REQUEST, "one of min-available or max-unavailable must be specified");
	if (min && max)
		return err_set(e, ERR_BAD_REQUEST, "min-available and max-unavailable cannot be both specified");
	if (make_labels(c, opt(c, "selector"), &labels, e) != 0)
		return -1;
	m->obj = doc(c, "{'apiVersion': 'policy/v1', 'kind': 'PodDisruptionBudget', 'metadata': {'name': %s}, 'spec': {'minAvailable': %v, 'maxUnavailable': %v, "
		"'selector': {'matchLabels': %v}}, 'status': {'currentHealthy': 0, 'desiredHealthy': 0, 'disruptionsAllowed': 0, 'expectedPods': 0}}", m->name, min, max, labels);
	return 0;
}

int make_priorityclass(struct make *m, struct err *e)
{
	(void)e;
	struct ctl *c = m->c;
	struct str description = opt(c, "description");
	m->obj = doc(c, "{'apiVersion': 'scheduling.k8s.io/v1', 'kind': 'PriorityClass', 'metadata': {'name': %s}, 'value': %d, 'description': %s, 'globalDefault': %v, "
		"'preemptionPolicy': %s}", m->name, opt_int(c, "value"), description.n ? description : (struct str){0},
		opt_on(c, "global-default") ? value_bool(c->a, true) : NULL, opt(c, "preemption-policy"));
	return 0;
}
