/* Groups, versions and resources, each as a document of its own: what clients before aggregated discovery ask for. */
#include "apiserver/discovery/impl.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"

static bool is_version_of(const struct group_version *v, struct str group) { return v->on_by_default && str_eq(desc_str(v->group), group); }

bool version_next(struct str group, size_t *i, const struct group_version **ret)
{
	while (*i < desc_group_versions()) {
		const struct group_version *v = desc_group_version((*i)++);
		if (is_version_of(v, group))
			return *ret = v, true;
	}
	return false;
}

static bool is_first_of_group(size_t i)
{
	struct str group = desc_str(desc_group_version(i)->group);
	for (size_t j = 0; j < i; j++)
		if (is_version_of(desc_group_version(j), group))
			return false;
	return desc_group_version(i)->on_by_default;
}

bool group_next(size_t *i, struct str *ret)
{
	for (; *i < desc_group_versions(); ++*i) {
		*ret = desc_str(desc_group_version(*i)->group);
		if (ret->n && is_first_of_group(*i))
			return ++*i, true;
	}
	return false;
}

bool group_served(struct str group)
{
	size_t i = 0;
	const struct group_version *v;
	return version_next(group, &i, &v);
}

bool group_version_served(struct str group, struct str version)
{
	size_t i = 0;
	const struct group_version *v;
	while (version_next(group, &i, &v))
		if (str_eq(desc_str(v->version), version))
			return true;
	return false;
}

/* ---- groups ---- */

static struct str group_version_text(struct arena *a, struct str group, struct str version)
{
	return group.n ? str_printf(a, "%.*s/%.*s", STR_F(group), STR_F(version)) : version;
}

static void fill_group(struct arena *a, struct meta_v1_APIGroup *g, struct str group)
{
	size_t i = 0;
	const struct group_version *v;
	g->name = group;
	while (version_next(group, &i, &v)) {
		struct meta_v1_GroupVersionForDiscovery *d = arena_push(a, &g->versions);
		d->version = desc_str(v->version);
		d->groupVersion = group_version_text(a, group, d->version);
		if (v->preferred || g->versions.len == 1)
			g->preferredVersion = *d;
	}
}

struct meta_v1_APIGroup *groups_one(struct arena *a, struct str group)
{
	struct meta_v1_APIGroup *g = obj_make(a, meta_v1_APIGroup);
	obj_set_type((struct ref){desc_type(T_meta_v1_APIGroup), g});
	fill_group(a, g, group);
	return g;
}

struct meta_v1_APIGroupList *groups_list(struct arena *a)
{
	struct meta_v1_APIGroupList *l = obj_make(a, meta_v1_APIGroupList);
	struct str group;
	obj_set_type((struct ref){desc_type(T_meta_v1_APIGroupList), l});
	for (size_t i = 0; group_next(&i, &group);)
		fill_group(a, arena_push(a, &l->groups), group);
	return l;
}

/* ---- resources ---- */

/* By name, as documents list them. */
static const struct {
	enum verb verb;
	const char *name;
} verb_names[] = {
	{VERB_CREATE, "create"}, {VERB_DELETE, "delete"}, {VERB_DELETECOLLECTION, "deletecollection"}, {VERB_GET, "get"},
	{VERB_LIST, "list"},     {VERB_PATCH, "patch"},   {VERB_UPDATE, "update"},                     {VERB_WATCH, "watch"},
};

str_list_t verbs_list(struct arena *a, uint16_t verbs)
{
	str_list_t l = {.items = LIST_EMPTY};
	struct { struct str *items; uint32_t len, cap; } out = {0};
	for (size_t i = 0; i < ARRAY_LEN(verb_names); i++)
		if (verbs & 1u << verb_names[i].verb)
			*arena_push(a, &out) = str_of(verb_names[i].name);
	if (out.len)
		l.items = out.items;
	l.len = out.len;
	return l;
}

str_list_t words_list(struct arena *a, uint32_t first, uint16_t n)
{
	str_list_t l = {0};
	const uint32_t *v = desc_strings(first);
	for (uint16_t i = 0; i < n; i++)
		*arena_push(a, &l) = desc_str(v[i]);
	return l;
}

static void fill_resource(struct arena *a, struct meta_v1_APIResource *d, const struct resource *res)
{
	*d = (struct meta_v1_APIResource){.name = desc_str(res->plural), .singularName = desc_str(res->singular), .namespaced = res->namespaced,
		.kind = desc_str(res->kind), .group = desc_str(res->response_group), .version = desc_str(res->response_version),
		.shortNames = words_list(a, res->short_names, res->nshort), .categories = words_list(a, res->categories, res->ncategories),
		.storageVersionHash = desc_str(res->storage_hash)};
	d->verbs.items = verbs_list(a, res->verbs);
}

/* The group version of a body is named where it is another than the resource's. */
static void fill_sub(struct arena *a, struct meta_v1_APIResource *d, const struct resource *res, const struct subresource *sub)
{
	bool own = sub->group == res->group && sub->version == res->version;
	*d = (struct meta_v1_APIResource){.name = str_printf(a, "%s/%s", desc_z(res->plural), desc_z(sub->name)), .singularName = STR(""),
		.namespaced = res->namespaced, .kind = desc_str(sub->kind)};
	if (!own) {
		d->group = desc_str(sub->group);
		d->version = desc_str(sub->version);
	}
	d->verbs.items = verbs_list(a, sub->verbs);
}

static bool is_served_in(const struct resource *res, struct str group, struct str version)
{
	return res->on_by_default && str_eq(desc_str(res->group), group) && str_eq(desc_str(res->version), version);
}

struct meta_v1_APIResourceList *groups_resources(struct arena *a, struct str group, struct str version)
{
	struct meta_v1_APIResourceList *l = obj_make(a, meta_v1_APIResourceList);
	obj_set_type((struct ref){desc_type(T_meta_v1_APIResourceList), l});
	if (!group.n)
		l->apiVersion = (struct str){0}; /* the core group's documents have none */
	l->groupVersion = group_version_text(a, group, version);
	l->resources.items = LIST_EMPTY;
	meta_v1_APIResource_list_t out = {0};
	for (size_t i = 0; i < desc_resources(); i++) {
		const struct resource *res = desc_resource(i);
		if (!is_served_in(res, group, version))
			continue;
		fill_resource(a, arena_push(a, &out), res);
		for (unsigned j = 0; j < res->nsub; j++)
			if (resource_sub(res, j)->on_by_default)
				fill_sub(a, arena_push(a, &out), res, resource_sub(res, j));
	}
	if (out.len)
		l->resources = out;
	return l;
}

/* ---- handlers ---- */

static int resources_handle(struct request *r, struct str group, struct str version, struct err *e)
{
	if (!group_version_served(group, version))
		return route_missing(e);
	if (route_check(r, NEGOTIATE_ROUTER_TYPES, e) || accept_plain(r, e))
		return -1;
	return answer_ref(r, T_meta_v1_APIResourceList, groups_resources(r->arena, group, version));
}

static int versions_handle(struct request *r, struct err *e)
{
	const struct server_opts *o = server_options(r->server);
	struct meta_v1_APIVersions *v = obj_make(r->arena, meta_v1_APIVersions);
	if (aggregated_handle(r, true) == 0)
		return 0;
	if (route_check(r, NEGOTIATE_ROUTER_TYPES, e) || accept_plain(r, e))
		return -1;
	v->kind = STR("APIVersions");
	*arena_push(r->arena, &v->versions) = STR("v1");
	struct meta_v1_ServerAddressByClientCIDR *c = arena_push(r->arena, &v->serverAddressByClientCIDRs);
	c->clientCIDR = STR("0.0.0.0/0");
	c->serverAddress = o->advertise_address.n ? str_printf(r->arena, "%.*s:%d", STR_F(o->advertise_address), o->secure_port) : r->http->host;
	return answer_ref(r, T_meta_v1_APIVersions, v);
}

/* What follows the first segments of the path, without the slashes around it. */
static struct str below(const struct request *r, size_t prefix)
{
	struct str rest = str_sub(r->at.path, prefix, r->at.path.n);
	while (rest.n && rest.p[0] == '/')
		rest = str_sub(rest, 1, rest.n);
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	return rest;
}

int api_handle(struct request *r, struct err *e)
{
	struct str version = below(r, strlen("/api"));
	return version.n ? resources_handle(r, STR(""), version, e) : versions_handle(r, e);
}

static int groups_handle(struct request *r, struct err *e)
{
	if (aggregated_handle(r, false) == 0)
		return 0;
	return accept_plain(r, e) ? -1 : answer_ref(r, T_meta_v1_APIGroupList, groups_list(r->arena));
}

int apis_handle(struct request *r, struct err *e)
{
	struct str group, version;
	str_cut(below(r, strlen("/apis")), '/', &group, &version);
	if (!group.n)
		return groups_handle(r, e);
	if (!group_served(group))
		return route_no_page(r);
	if (version.n)
		return resources_handle(r, group, version, e);
	return accept_plain(r, e) ? -1 : answer_ref(r, T_meta_v1_APIGroup, groups_one(r->arena, group));
}
