/* Aggregated discovery: all groups with their resources in one document, made once. */
#include "apiserver/discovery/impl.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "codec/yaml.h"
#include "gen/apidiscovery_v2.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include <stdlib.h>

#define DOC_TYPE ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

struct aggregated {
	struct {
		struct blob *json, *pb, *yaml;
		struct str etag;
	} docs[2]; /* groups, core */
	struct arena *arena;
};

/* ---- the document ---- */

/* Empty group and version stand for the resource's own. */
static struct meta_v1_GroupVersionKind *response_kind(struct arena *a, struct str group, struct str version, uint32_t kind)
{
	struct meta_v1_GroupVersionKind *k = obj_make(a, meta_v1_GroupVersionKind);
	*k = (struct meta_v1_GroupVersionKind){.group = group.p ? group : STR(""), .version = version.p ? version : STR(""), .kind = desc_str(kind)};
	return k;
}

static void fill_sub(struct arena *a, struct apidiscovery_v2_APISubresourceDiscovery *d, const struct resource *res, const struct subresource *sub)
{
	bool own = sub->group == res->group && sub->version == res->version;
	struct str none = {0};
	d->subresource = desc_str(sub->name);
	d->responseKind = response_kind(a, own ? none : desc_str(sub->group), own ? none : desc_str(sub->version), sub->kind);
	d->verbs = verbs_list(a, sub->verbs);
}

static void fill_resource(struct arena *a, struct apidiscovery_v2_APIResourceDiscovery *d, const struct resource *res)
{
	d->resource = desc_str(res->plural);
	d->responseKind = response_kind(a, desc_str(res->response_group), desc_str(res->response_version), res->kind);
	d->scope = res->namespaced ? STR("Namespaced") : STR("Cluster");
	d->singularResource = desc_str(res->singular);
	d->verbs = verbs_list(a, res->verbs);
	d->shortNames = words_list(a, res->short_names, res->nshort);
	d->categories = words_list(a, res->categories, res->ncategories);
	for (unsigned i = 0; i < res->nsub; i++)
		if (resource_sub(res, i)->on_by_default)
			fill_sub(a, arena_push(a, &d->subresources), res, resource_sub(res, i));
}

static void fill_version(struct arena *a, struct apidiscovery_v2_APIVersionDiscovery *d, const struct group_version *v)
{
	d->version = desc_str(v->version);
	d->freshness = STR("Current");
	for (size_t i = 0; i < desc_resources(); i++) {
		const struct resource *res = desc_resource(i);
		if (res->on_by_default && res->group == v->group && res->version == v->version)
			fill_resource(a, arena_push(a, &d->resources), res);
	}
}

static void fill_group(struct arena *a, struct apidiscovery_v2_APIGroupDiscovery *d, struct str group)
{
	const struct group_version *v;
	if (group.n)
		d->metadata.name = group;
	for (size_t i = 0; version_next(group, &i, &v);)
		fill_version(a, arena_push(a, &d->versions), v);
}

struct apidiscovery_v2_APIGroupDiscoveryList *aggregated_list(struct arena *a, bool core)
{
	struct apidiscovery_v2_APIGroupDiscoveryList *l = obj_make(a, apidiscovery_v2_APIGroupDiscoveryList);
	struct str group;
	obj_set_type((struct ref){desc_type(T_apidiscovery_v2_APIGroupDiscoveryList), l});
	if (core)
		fill_group(a, arena_push(a, &l->items), STR(""));
	for (size_t i = 0; !core && group_next(&i, &group);)
		fill_group(a, arena_push(a, &l->items), group);
	return l;
}

/* ---- its forms ---- */

static struct blob *encoded(void (*encode)(struct buf *out, struct ref o), struct ref o, bool newline)
{
	BUF(out);
	encode(&out, o);
	if (newline)
		buf_char(&out, '\n');
	return blob_copy(buf_view(&out));
}

struct aggregated *aggregated_new(void)
{
	struct arena *keep = arena_new(NULL);
	struct aggregated *g = arena_make(keep, struct aggregated);
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	g->arena = keep;
	for (int core = 0; core < 2; core++) {
		struct ref o = {desc_type(T_apidiscovery_v2_APIGroupDiscoveryList), aggregated_list(a, core)};
		g->docs[core].json = encoded(json_encode, o, true);
		g->docs[core].pb = encoded(pb_envelope_encode, o, false);
		g->docs[core].yaml = encoded(yaml_encode, o, false);
		g->docs[core].etag = doc_etag(keep, blob_str(g->docs[core].json));
	}
	return g;
}

void aggregated_free(struct aggregated *g)
{
	if (!g)
		return;
	for (int core = 0; core < 2; core++) {
		blob_unref(g->docs[core].json);
		blob_unref(g->docs[core].pb);
		blob_unref(g->docs[core].yaml);
	}
	arena_free(g->arena);
}

int aggregated_handle(struct request *r, bool core)
{
	const struct aggregated *g = ((struct discovery *)server_part(r->server, PART_DISCOVERY))->aggregated;
	struct doc d = {.etag = g->docs[core].etag, .cache_control = STR("public"), .vary = STR("Accept")};
	if (!accept_discovery(r))
		return 1;
	switch (r->accept.media) {
	case MEDIA_PB:
		d.body = g->docs[core].pb;
		break;
	case MEDIA_YAML:
		d.body = g->docs[core].yaml;
		break;
	default:
		d.body = g->docs[core].json;
	}
	d.type = str_printf(r->arena, "%s" DOC_TYPE, media_name(r->accept.media));
	return doc_send(r, &d);
}
