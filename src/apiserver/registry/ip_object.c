#include "apiserver/registry/ip_object.h"

#include "apiserver/cache.h"
#include "apiserver/object.h"
#include "apiserver/server.h"
#include "apiserver/strategy.h"
#include "base/log.h"
#include "gen/ids.h"
#include "schema/value.h"

static const struct resource *addresses(void) { return resource_by_name(STR("networking.k8s.io"), STR("v1"), STR("ipaddresses")); }

struct networking_v1_IPAddress *ip_object(struct arena *a, struct ip ip, struct str service_ns, struct str service)
{
	struct networking_v1_IPAddress *o = obj_make(a, networking_v1_IPAddress);
	o->metadata.name = ip_text(a, ip);
	str_map_set(a, &o->metadata.labels, STR("ipaddress.kubernetes.io/ip-family"), ip.v4 ? STR("IPv4") : STR("IPv6"));
	str_map_set(a, &o->metadata.labels, STR("ipaddress.kubernetes.io/managed-by"), STR("ipallocator.k8s.io"));
	o->spec.parentRef = obj_make(a, networking_v1_ParentReference);
	*o->spec.parentRef = (struct networking_v1_ParentReference){.resource = STR("services"), .namespace = service_ns, .name = service};
	obj_set_type((struct ref){desc_type(T_networking_v1_IPAddress), o});
	return o;
}

int ip_object_create(struct request *r, struct ip ip, struct str service_ns, struct str service, struct err *e)
{
	struct ref ignored;
	struct call c = {.verb = VERB_CREATE, .res = addresses(),
		.body = {desc_type(T_networking_v1_IPAddress), ip_object(r->arena, ip, service_ns, service)}};
	return endpoint_call(r, &c, &ignored, e);
}

static bool is_parent(struct request *r, struct str name, struct str service_ns, struct str service)
{
	struct cache *c = server_cache(r->server);
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table_by_name(c, "networking.k8s.io", "ipaddresses"), STR(""), name);
	const struct networking_v1_IPAddress *ip = o ? object_decode(o, r->arena, NULL) : NULL;
	const struct networking_v1_ParentReference *p = ip ? ip->spec.parentRef : NULL;
	return p && str_is(p->resource, "services") && str_eq(p->namespace, service_ns) && str_eq(p->name, service);
}

void ip_object_delete(struct request *r, struct ip ip, struct str service_ns, struct str service)
{
	struct ref ignored;
	struct call c = {.verb = VERB_DELETE, .res = addresses(), .name = ip_text(r->arena, ip)};
	ERR(e);
	if (is_parent(r, c.name, service_ns, service) && endpoint_call(r, &c, &ignored, &e) < 0 && !err_is(&e, ERR_NOT_FOUND))
		log_warn("address %.*s of service %.*s/%.*s: %s", STR_F(c.name), STR_F(service_ns), STR_F(service), err_text(&e));
}
