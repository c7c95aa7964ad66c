#include "codec/managed_entries.h"

static struct fieldset *set_of(struct arena *a, const char *path)
{
	struct fieldset *s = fieldset_new(a);
	fieldset_put_path(a, s, path);
	return s;
}

static struct managers decoded(struct arena *a, const struct meta_v1_ObjectMeta *m)
{
	struct managers all = {0};
	ERR(ignored);
	if (managers_decode(a, &m->managedFields, &all, &ignored))
		return (struct managers){0};
	return all;
}

static bool owns(struct arena *a, const struct manager *m, const struct fieldset *s) { return !fieldset_empty(fieldset_intersection(a, m->set, s)); }

void managed_scale_view(struct arena *a, const struct meta_v1_ObjectMeta *parent, const char *path, struct meta_v1_ObjectMeta *scale)
{
	struct managers all = decoded(a, parent), view = {0};
	struct fieldset *replicas = set_of(a, path);
	for (uint32_t i = 0; i < all.len; i++) {
		const struct manager *m = &all.items[i];
		struct manager *x = owns(a, m, replicas) ? managers_add(a, &view, m->name, m->applied, STR("autoscaling/v1"), m->subresource) : NULL;
		if (!x)
			continue;
		x->time = m->time;
		manager_set(x, set_of(a, "spec.replicas"));
	}
	managers_encode(a, &view, &scale->managedFields);
}

/* Who no longer owns the replicas in the Scale loses them in the parent.  Updaters come back under the Scale's version, so they lose theirs to
 * an entry without a time. */
void managed_scale_merge(struct arena *a, struct meta_v1_ObjectMeta *parent, struct str api_version, const char *path, const struct meta_v1_ObjectMeta *scale)
{
	struct managers all = decoded(a, parent), view = decoded(a, scale);
	struct fieldset *replicas = set_of(a, path), *shown = set_of(a, "spec.replicas");
	for (uint32_t i = 0; i < all.len; i++) {
		struct manager *m = &all.items[i];
		if (owns(a, m, replicas) && !managers_find(&view, m->name, m->applied, m->api_version, m->subresource))
			manager_set(m, fieldset_difference(a, m->set, replicas));
	}
	managers_prune(&all);
	for (uint32_t i = 0; i < view.len; i++) {
		const struct manager *v = &view.items[i];
		if (!owns(a, v, shown))
			continue;
		struct manager *m = managers_find(&all, v->name, v->applied, api_version, v->subresource);
		if (!m)
			m = managers_add(a, &all, v->name, v->applied, api_version, v->subresource);
		if (m)
			manager_set(m, m->set ? fieldset_union(a, m->set, replicas) : replicas);
	}
	managers_encode(a, &all, &parent->managedFields);
}
