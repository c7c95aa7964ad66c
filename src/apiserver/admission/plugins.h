/* Private to admission/: the plug-ins of the table, and what they share. */
#pragma once
#include "apiserver/admission.h"
#include "apiserver/cache.h"
#include "apiserver/server.h"

extern const struct admission_plugin plugin_namespace_lifecycle, plugin_service_account, plugin_node_restriction, plugin_taint_nodes, plugin_priority,
	plugin_default_toleration_seconds, plugin_storage_protection, plugin_claim_resize, plugin_runtime_class, plugin_default_storage_class, plugin_limit_ranger;

/* The request concerns this resource (and sub-resource, "" for the object itself). */
static inline bool admit_is(const struct admit *a, const char *group, const char *resource, const char *sub)
{
	const struct resource *r = a->request->res;
	return r && str_is(desc_str(r->plural), resource) && str_is(desc_str(r->group), group) && str_is(a->sub, sub);
}
/* An object in the cache, decoded into the request's arena; NULL when it is not there. */
void *admit_lookup(const struct admit *a, const char *group, const char *plural, struct str ns, struct str name);
/* The default among the objects of a kind, which is looked for again only after one of them has changed.  To add one: a number here, its row in table.c. */
enum admit_default { DEFAULT_PRIORITY_CLASS, DEFAULT_STORAGE_CLASS, DEFAULTS };
/* Whether obj is a default, and a better one than best (NULL: there is none yet). */
bool priority_class_is_default(const void *obj, const void *best);
bool storage_class_is_default(const void *obj, const void *best);
/* Decoded into the request's arena; NULL when there is none. */
void *admit_default(const struct admit *a, enum admit_default d);
/* 403 with the name of the object, which a request to create does not have. */
int admit_forbidden(const struct admit *a, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
