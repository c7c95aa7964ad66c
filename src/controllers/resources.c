#include "controllers/resources.h"

/* Group versions come in discovery order, so the first that serves a plural is the preferred one. */
static bool seen_before(size_t at, const struct resource *r)
{
	for (size_t i = 0; i < at; i++) {
		const struct resource *o = desc_resource(i);
		if (o->on_by_default && str_eq(desc_str(o->group), desc_str(r->group)) && str_eq(desc_str(o->plural), desc_str(r->plural)))
			return true;
	}
	return false;
}

const struct resource *resources_next(size_t *i, unsigned verbs, bool namespaced_only)
{
	while (*i < desc_resources()) {
		const struct resource *r = desc_resource((*i)++);
		if (r->on_by_default && (r->verbs & verbs) == verbs && (r->namespaced || !namespaced_only) && !seen_before(*i - 1, r))
			return r;
	}
	return NULL;
}
