/* describe: accounts, roles, quotas and other kinds that only say what holds. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"
#include <stdlib.h>

#define TEXT(o, path) STR_F(value_path_str(o, path))

static void put_labels(struct describe *d)
{
	describe_map(d, 0, "Labels", value_path(d->obj, "metadata.labels"));
	describe_annotations(d, 0, value_path(d->obj, "metadata.annotations"));
}

static void put_name(struct describe *d) { describe_line(d, 0, "Name:\t%.*s", TEXT(d->obj, "metadata.name")); }

/* ---- ServiceAccount */

static bool is_missing(struct describe *d, struct str secret)
{
	ERR(e);
	return !rest_get(d->c, str_printf(d->c->a, "/api/v1/namespaces/%.*s/secrets/%.*s", TEXT(d->obj, "metadata.namespace"), STR_F(secret)), &e) && err_is(&e, ERR_NOT_FOUND);
}

int describe_serviceaccount(struct describe *d, struct err *e)
{
	const struct value *list = value_path(d->obj, "imagePullSecrets");
	describe_head(d);
	put_labels(d);
	if (!list_len(list))
		describe_line(d, 0, "Image pull secrets:\t<none>");
	EACH_ITEM(x, list) {
		struct str name = value_path_str(*x, "name");
		describe_line(d, 0, "%s\t%.*s%s", x == list->list.items ? "Image pull secrets:" : "                   ", STR_F(name), is_missing(d, name) ? " (not found)" : "");
	}
	return describe_events(d, e);
}

/* ---- Roles: their rules taken apart into single resources, with the verbs of equal ones joined */

struct policy {
	struct str resource; /* "deployments.apps/scale"; absent with a URL */
	struct str url, name, verbs, key;
};
typedef struct { struct policy *items; uint32_t len, cap; } policies_t;

static struct str one_resource(struct ctl *c, struct str resource, struct str group)
{
	struct str head, sub;
	bool has_sub = str_cut(resource, '/', &head, &sub);
	return str_printf(c->a, "%.*s%s%.*s%s%.*s", STR_F(has_sub ? head : resource), group.n ? "." : "", STR_F(group), has_sub ? "/" : "", STR_F(has_sub ? sub : STR("")));
}

static void add(struct ctl *c, policies_t *l, struct policy p, struct str verb)
{
	LIST_EACH(x, *l)
		if (!p.url.p && str_eq(x->key, p.key)) {
			x->verbs = str_printf(c->a, "%.*s %.*s", STR_F(x->verbs), STR_F(verb));
			return;
		}
	p.verbs = verb;
	struct policy *slot = arena_push(c->a, l);
	if (slot)
		*slot = p;
}

static void add_resource(struct ctl *c, policies_t *l, const struct value *rule, struct str group, struct str resource)
{
	const struct value *verbs = value_get(rule, STR("verbs")), *names = value_get(rule, STR("resourceNames"));
	struct policy p = {.resource = one_resource(c, resource, group)};
	EACH_ITEM(v, verbs) {
		EACH_ITEM(n, names) {
			p.name = text_of(*n);
			p.key = str_printf(c->a, "%.*s\n%.*s\n=%.*s", STR_F(group), STR_F(resource), STR_F(p.name));
			add(c, l, p, text_of(*v));
		}
		p.key = str_printf(c->a, "%.*s\n%.*s", STR_F(group), STR_F(resource));
		if (!list_len(names))
			add(c, l, p, text_of(*v));
	}
}

static void take_apart(struct ctl *c, policies_t *l, const struct value *rule)
{
	const struct value *groups = value_get(rule, STR("apiGroups")), *resources = value_get(rule, STR("resources")), *urls = value_get(rule, STR("nonResourceURLs"));
	const struct value *verbs = value_get(rule, STR("verbs"));
	EACH_ITEM(g, groups)
		EACH_ITEM(r, resources)
			add_resource(c, l, rule, text_of(*g), text_of(*r));
	EACH_ITEM(u, urls)
		EACH_ITEM(v, verbs)
			add(c, l, (struct policy){.url = text_of(*u), .key = text_of(*u)}, text_of(*v));
}

static int by_text(const void *x, const void *y)
{
	const struct policy *a = x, *b = y;
	int c = str_cmp(a->verbs, b->verbs);
	/* As upstream's texts compare: the end of a word counts as ']'. */
	return c ? c : strcmp(a->key.p, b->key.p);
}

/* "GROUP],Resources:[RESOURCE],ResourceNames:[NAME],NonResourceURLs:[URL]", after the verbs. */
static void set_order(struct ctl *c, struct policy *p)
{
	struct str group = {0}, resource = {0}, rest = p->key, name;
	if (!p->url.p && str_cut(rest, '\n', &group, &rest))
		resource = str_cut(rest, '\n', &resource, &name) ? resource : rest;
	p->verbs = str_printf(c->a, "%.*s]", STR_F(p->verbs));
	p->key = str_printf(c->a, "%.*s],Resources:[%.*s],ResourceNames:[%.*s],NonResourceURLs:[%.*s]", STR_F(group), STR_F(resource), STR_F(p->name), STR_F(p->url));
}

int describe_role(struct describe *d, struct err *e)
{
	const struct value *rules = value_get(d->obj, STR("rules"));
	policies_t l = {0};
	(void)e;
	put_name(d);
	put_labels(d);
	describe_line(d, 0, "PolicyRule:");
	describe_line(d, 1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
	describe_line(d, 1, "---------\t-----------------\t--------------\t-----");
	EACH_ITEM(r, rules)
		take_apart(d->c, &l, *r);
	LIST_EACH(p, l)
		set_order(d->c, p);
	if (l.len)
		qsort(l.items, l.len, sizeof *l.items, by_text);
	LIST_EACH(p, l)
		describe_line(d, 1, "%.*s\t[%.*s]\t[%.*s]\t[%.*s", STR_F(p->resource), STR_F(p->url), STR_F(p->name), STR_F(p->verbs));
	return 0;
}

int describe_rolebinding(struct describe *d, struct err *e)
{
	const struct value *subjects = value_get(d->obj, STR("subjects"));
	(void)e;
	put_name(d);
	put_labels(d);
	describe_line(d, 0, "Role:");
	describe_line(d, 1, "Kind:\t%.*s", TEXT(d->obj, "roleRef.kind"));
	describe_line(d, 1, "Name:\t%.*s", TEXT(d->obj, "roleRef.name"));
	describe_line(d, 0, "Subjects:");
	describe_line(d, 1, "Kind\tName\tNamespace");
	describe_line(d, 1, "----\t----\t---------");
	EACH_ITEM(s, subjects)
		describe_line(d, 1, "%.*s\t%.*s\t%.*s", TEXT(*s, "kind"), TEXT(*s, "name"), TEXT(*s, "namespace"));
	return 0;
}

/* ---- ResourceQuota, LimitRange */

static void put_scopes(struct describe *d)
{
	BUF(b);
	const struct value *list = value_path(d->obj, "spec.scopes");
	EACH_ITEM(x, list)
		buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_F(text_of(*x)));
	if (b.n)
		describe_line(d, 0, "Scopes:\t%.*s", STR_F(buf_view(&b)));
}

int describe_quota(struct describe *d, struct err *e)
{
	const struct value *hard = value_path(d->obj, "status.hard"), *used = value_path(d->obj, "status.used");
	(void)e;
	describe_head(d);
	put_scopes(d);
	describe_line(d, 0, "Resource\tUsed\tHard");
	describe_line(d, 0, "--------\t----\t----");
	EACH_MEMBER(m, hard) {
		struct str now = text_of(value_get(used, m->key));
		describe_line(d, 0, "%.*s\t%.*s\t%.*s", STR_F(m->key), STR_F(now.n ? now : STR("0")), STR_F(text_of(m->value)));
	}
	return 0;
}

static const char *const bounds[] = {"min", "max", "defaultRequest", "default", "maxLimitRequestRatio"};

static void put_limit(struct describe *d, const struct value *item, struct str resource)
{
	BUF(b);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		struct str v = text_of(value_get(value_get(item, str_of(bounds[i])), resource));
		buf_printf(&b, "\t%.*s", STR_F(v.n ? v : STR("-")));
	}
	describe_line(d, 0, "%.*s\t%.*s%.*s", TEXT(item, "type"), STR_F(resource), STR_F(buf_view(&b)));
}

int describe_limitrange(struct describe *d, struct err *e)
{
	const struct value *limits = value_path(d->obj, "spec.limits");
	(void)e;
	describe_head(d);
	describe_line(d, 0, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
	describe_line(d, 0, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
	EACH_ITEM(item, limits) {
		struct value *names = value_new(d->c->a, V_OBJECT);
		for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
			const struct value *map = value_get(*item, str_of(bounds[i]));
			EACH_MEMBER(m, map)
				value_set(d->c->a, names, m->key, m->value);
		}
		value_sort_members(names);
		EACH_MEMBER(m, names)
			put_limit(d, *item, m->key);
	}
	return 0;
}

/* ---- PodDisruptionBudget, PriorityClass */

static struct str scalar(struct ctl *c, const struct value *v)
{
	BUF(b);
	if (v)
		jsonpath_write_value(&b, v);
	return buf_take(&b, c->a);
}

int describe_budget(struct describe *d, struct err *e)
{
	static const char *const counts[][2] = {{"Allowed disruptions", "status.disruptionsAllowed"}, {"Current", "status.currentHealthy"}, {"Desired", "status.desiredHealthy"},
		{"Total", "status.expectedPods"}};
	const struct value *o = d->obj, *least = value_path(o, "spec.minAvailable"), *most = value_path(o, "spec.maxUnavailable"), *selector = value_path(o, "spec.selector");
	describe_head(d);
	if (least || most)
		describe_line(d, 0, "%s:\t%.*s", least ? "Min available" : "Max unavailable", STR_F(scalar(d->c, least ? least : most)));
	describe_line(d, 0, "Selector:\t%.*s", STR_F(selector ? describe_selector(d->c, selector) : STR("<unset>")));
	describe_line(d, 0, "Status:");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		describe_line(d, 2, "%s:\t%lld", counts[i][0], (long long)int_of(value_path(o, counts[i][1]), 0));
	return describe_events(d, e);
}

int describe_priorityclass(struct describe *d, struct err *e)
{
	const struct value *o = d->obj, *annotations = value_path(o, "metadata.annotations");
	BUF(b);
	EACH_MEMBER(m, annotations)
		buf_printf(&b, "%s%.*s=%.*s", b.n ? "," : "", STR_F(m->key), STR_F(text_of(m->value)));
	put_name(d);
	describe_line(d, 0, "Value:\t%lld", (long long)int_of(value_get(o, STR("value")), 0));
	describe_line(d, 0, "GlobalDefault:\t%s", is_true(value_get(o, STR("globalDefault"))) ? "true" : "false");
	describe_line(d, 0, "PreemptionPolicy:\t%.*s", TEXT(o, "preemptionPolicy"));
	describe_line(d, 0, "Description:\t%.*s", TEXT(o, "description"));
	describe_line(d, 0, "Annotations:\t%.*s", STR_F(b.n ? buf_view(&b) : STR("<none>")));
	return describe_events(d, e);
}
