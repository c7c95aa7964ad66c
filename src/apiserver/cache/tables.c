/* The table of every stored resource, and where its keys lie: upstream's layout, so that an etcd can be taken over. */
#include "apiserver/cache/impl.h"
#include "apiserver/strategy.h"
#include "base/log.h"
#include <stdlib.h>

/* Resources whose keys do not begin with their plural.  By group, plural. */
static const struct {
	const char *group, *plural, *path;
} odd_paths[] = {
	{"", "endpoints", "services/endpoints"},
	{"", "nodes", "minions"},
	{"", "replicationcontrollers", "controllers"},
	{"", "services", "services/specs"},
	{"apiextensions.k8s.io", "customresourcedefinitions", "apiextensions.k8s.io/customresourcedefinitions"},
	{"apiregistration.k8s.io", "apiservices", "apiregistration.k8s.io/apiservices"},
	{"networking.k8s.io", "ingresses", "ingress"},
};

static struct str prefix_of(struct arena *a, struct str group, struct str plural)
{
	for (size_t i = 0; i < ARRAY_LEN(odd_paths); i++)
		if (str_is(group, odd_paths[i].group) && str_is(plural, odd_paths[i].plural))
			return str_printf(a, "/registry/%s/", odd_paths[i].path);
	return str_printf(a, "/registry/%.*s/", STR_F(plural));
}

static bool steps(const struct field *m, bool lists)
{
	return m && m->tag && !(m->flags & FIELD_FLATTENED) && (m->card == ONE || (lists && m->card == LIST_OF && m->kind == K_MESSAGE));
}

/* Tags of the members of the path `at`; ntags stays 0 when it leads to something that is no plain value, or (unless lists) through lists. */
static struct field_path field_path(const struct type *t, const char *path, const char *at, bool lists)
{
	struct field_path f = {.path = str_of(path)};
	struct str rest = str_of(at), name;
	const struct field *m = NULL;
	uint32_t tags[FIELD_PATH_MAX];
	unsigned n = 0;
	while (str_next(&rest, '.', &name)) {
		m = t ? field_by_name(t, name, false) : NULL;
		if (!steps(m, lists) || n == FIELD_PATH_MAX)
			return f;
		tags[n++] = m->tag;
		t = m->kind == K_MESSAGE ? field_type(m) : NULL;
	}
	if (m && m->card == ONE && (m->kind == K_STRING || m->kind == K_BOOL || m->kind == K_INT32 || m->kind == K_INT64)) {
		memcpy(f.tags, tags, n * sizeof tags[0]);
		f.ntags = (uint8_t)n;
		f.kind = m->kind;
	}
	return f;
}

static void table_fields(struct arena *a, struct cache_table *t)
{
	const char *const *paths = t->strategy->selectable, *const *at = t->strategy->selectable_at;
	if (!paths)
		return;
	while (paths[t->nfields])
		t->nfields++;
	t->impl->fields = arena_array(a, struct field_path, t->nfields);
	for (uint32_t i = 0; i < t->nfields; i++)
		t->impl->fields[i] = at && at[i] ? field_path(t->type, paths[i], at[i], true) : field_path(t->type, paths[i], paths[i], false);
}

/* Readers reach it until the next roots are published. */
void cache_bury(void *cache, void (*fn)(void *), void *p)
{
	struct cache *c = cache;
	if (c->ndead == c->cap_dead) {
		c->cap_dead = c->cap_dead ? c->cap_dead * 2 : 64;
		c->dead = reallocarray(c->dead, c->cap_dead, sizeof *c->dead);
		if (!c->dead)
			bug("out of memory");
	}
	c->dead[c->ndead++] = (struct retired){fn, p, 0};
}

static struct cache_table *table_new(struct cache *c, const struct resource *r, struct str prefix)
{
	struct arena *a = c->arena;
	struct cache_table *t = arena_make(a, struct cache_table);
	*t = (struct cache_table){.cache = c, .prefix = prefix, .res = r, .type = desc_type(r->storage_type), .namespaced = r->namespaced};
	t->strategy = strategy_of(desc_str(t->type->group), desc_str(r->plural));
	t->impl = arena_make(a, struct cache_table_impl);
	t->impl->tree = (struct otree){.version = 1, .retire = cache_bury, .arg = c};
	t->json_head = (uint32_t)(sizeof("{\"kind\":\"\",\"apiVersion\":\"\",") - 1 + desc_str(t->type->kind).n + desc_str(t->type->api_version).n);
	ring_init(&t->impl->ring, &c->epoch, c->opts.ring_bytes, c->opts.ring_age);
	table_fields(a, t);
	return t;
}

static struct cache_table *table_with(struct cache *c, struct str prefix)
{
	for (size_t i = 0; i < c->ntables; i++)
		if (str_eq(c->tables[i]->prefix, prefix))
			return c->tables[i];
	return NULL;
}

static int by_prefix(const void *a, const void *b)
{
	return str_cmp((*(struct cache_table *const *)a)->prefix, (*(struct cache_table *const *)b)->prefix);
}

int tables_make(struct cache *c)
{
	size_t n = desc_resources();
	c->tables = arena_array(c->arena, struct cache_table *, n);
	c->by_resource = arena_array(c->arena, struct cache_table *, n);
	for (size_t i = 0; i < n; i++) {
		const struct resource *r = desc_resource(i);
		if (!r->storage_type)
			continue;
		struct str prefix = prefix_of(c->arena, desc_str(desc_type(r->storage_type)->group), desc_str(r->plural));
		struct cache_table *t = table_with(c, prefix);
		if (!t)
			c->tables[c->ntables++] = t = table_new(c, r, prefix);
		c->by_resource[i] = t;
	}
	qsort(c->tables, c->ntables, sizeof *c->tables, by_prefix);
	return 0;
}

void tables_free(struct cache *c)
{
	for (size_t i = 0; i < c->ntables; i++) {
		struct cache_table_impl *t = c->tables[i]->impl;
		otree_free(&t->tree);
		ring_fini(&t->ring);
		for (size_t l = 0; l < c->opts.nloops; l++)
			hub_free(atomic_load(&t->hubs[l]));
	}
}

struct cache_table *table_of_key(struct cache *c, struct str key, struct str *ret_rest)
{
	size_t lo = 0, hi = c->ntables; /* the last prefix at or before the key: none is a prefix of another */
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (str_cmp(c->tables[mid]->prefix, key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || !str_has_prefix(key, c->tables[lo - 1]->prefix))
		return NULL;
	*ret_rest = str_sub(key, c->tables[lo - 1]->prefix.n, key.n);
	return c->tables[lo - 1];
}

struct cache_table *cache_table(struct cache *c, const struct resource *r) { return c->by_resource[r - desc_resource(0)]; }

struct cache_table *cache_table_by_name(struct cache *c, const char *group, const char *plural)
{
	struct str g = str_of(group), p = str_of(plural);
	for (size_t i = 0; i < desc_resources(); i++) {
		const struct resource *r = desc_resource(i);
		if (c->by_resource[i] && str_eq(desc_str(r->plural), p) && str_eq(desc_str(r->group), g))
			return c->by_resource[i];
	}
	return NULL;
}

struct str cache_key(struct arena *a, const struct cache_table *t, struct str ns, struct str name)
{
	if (!t->namespaced)
		return str_printf(a, "%.*s%.*s", STR_F(t->prefix), STR_F(name));
	return str_printf(a, "%.*s%.*s/%.*s", STR_F(t->prefix), STR_F(ns), STR_F(name));
}
