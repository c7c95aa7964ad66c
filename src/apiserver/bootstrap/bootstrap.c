/* The objects that every new cluster starts with, from schema/bootstrap.json, and the `kubernetes` Service with where this server listens.
 *
 * Objects that exist are left as they are, but for roles and bindings marked autoupdate: rules and subjects that are missing are added, so that an
 * upgraded server can do its work. */
#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/cache.h"
#include "apiserver/object.h"
#include "apiserver/registry/ip_object.h"
#include "apiserver/server.h"

#include "api/ip.h"
#include "api/meta.h"
#include "base/log.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/bootstrap_data.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "gen/ids.h"
#include "gen/networking_v1.h"
#include "gen/rbac_v1.h"

/* Writes under way at once: they share commits. */
#define PARALLEL 32
#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"

/* In the order in which they are made: what others need comes first. */
static const struct {
	const char *key, *group;
} kinds[] = {{"namespaces", ""}, {"clusterroles", "rbac.authorization.k8s.io"}, {"clusterrolebindings", "rbac.authorization.k8s.io"},
	{"roles", "rbac.authorization.k8s.io"}, {"rolebindings", "rbac.authorization.k8s.io"}, {"priorityclasses", "scheduling.k8s.io"},
	{"prioritylevelconfigurations", "flowcontrol.apiserver.k8s.io"}, {"flowschemas", "flowcontrol.apiserver.k8s.io"},
	{"apiservices", "apiregistration.k8s.io"}};

struct boot {
	struct server *s;
	struct user user;
	struct scope scope;
	struct cond done;
	struct err error;      /* the first one */
	uint32_t running;
};
struct make {
	struct boot *b;
	const struct resource *res;
	struct arena *a;
	void *obj;
	const struct meta_v1_ObjectMeta *meta;
};

/* ---- One object ---- */

static bool add_rules(struct arena *a, rbac_v1_PolicyRule_list_t *have, const rbac_v1_PolicyRule_list_t *want)
{
	bool added = false;
	LIST_EACH(r, *want)
		if (!obj_list_has(desc_type(T_rbac_v1_PolicyRule), have, r)) {
			*(struct rbac_v1_PolicyRule *)arena_push(a, have) = *r;
			added = true;
		}
	return added;
}

static bool add_subjects(struct arena *a, rbac_v1_Subject_list_t *have, const rbac_v1_Subject_list_t *want)
{
	bool added = false;
	LIST_EACH(w, *want)
	{
		bool there = false;
		LIST_EACH(h, *have)
			there |= str_eq(h->kind, w->kind) && str_eq(h->name, w->name) && str_eq(h->namespace, w->namespace);
		if (there)
			continue;
		*(struct rbac_v1_Subject *)arena_push(a, have) = *w;
		added = true;
	}
	return added;
}

/* True when something was added to have. */
static bool reconcile(struct make *m, void *have)
{
	struct str plural = desc_str(m->res->plural);
	if (str_is(plural, "clusterroles"))
		return add_rules(m->a, &((struct rbac_v1_ClusterRole *)have)->rules, &((struct rbac_v1_ClusterRole *)m->obj)->rules);
	if (str_is(plural, "roles"))
		return add_rules(m->a, &((struct rbac_v1_Role *)have)->rules, &((struct rbac_v1_Role *)m->obj)->rules);
	if (str_is(plural, "clusterrolebindings"))
		return add_subjects(m->a, &((struct rbac_v1_ClusterRoleBinding *)have)->subjects, &((struct rbac_v1_ClusterRoleBinding *)m->obj)->subjects);
	if (str_is(plural, "rolebindings"))
		return add_subjects(m->a, &((struct rbac_v1_RoleBinding *)have)->subjects, &((struct rbac_v1_RoleBinding *)m->obj)->subjects);
	return false;
}

static int write(struct make *m, enum verb verb, void *obj, struct err *e)
{
	struct ref answer;
	struct call c = {.verb = verb, .res = m->res, .ns = m->meta->namespace, .name = verb == VERB_UPDATE ? m->meta->name : (struct str){0},
		.body = {desc_type(m->res->type), obj}};
	return pipeline_run(m->b->s, &m->b->user, &c, m->a, &answer, e);
}

static int make_object(struct make *m, struct err *e)
{
	struct cache *c = server_cache(m->b->s);
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table(c, m->res), m->meta->namespace, m->meta->name);
	if (!o)
		return write(m, VERB_CREATE, m->obj, e);
	struct rbac_v1_Role *have = object_decode(o, m->a, e); /* all kinds begin with TypeMeta and ObjectMeta */
	if (!have)
		return -1;
	if (!str_is(meta_annotation(&have->metadata, AUTOUPDATE), "true") || !reconcile(m, have))
		return 0;
	return write(m, VERB_UPDATE, have, e);
}

static void make_fiber(void *arg)
{
	struct make *m = arg;
	struct boot *b = m->b;
	ERR(e);
	if (make_object(m, &e) < 0 && !err_is(&e, ERR_ALREADY_EXISTS) && !err_is(&e, ERR_CONFLICT)) {
		err_wrap(&e, "%.*s %.*s", STR_F(desc_str(m->res->plural)), STR_F(m->meta->name));
		if (!b->error.code)
			err_move(&b->error, &e);
	}
	arena_free(m->a);
	b->running--;
	cond_wake(&b->done);
}

static int start_one(struct boot *b, const struct resource *res, const struct value *v, struct err *e)
{
	struct arena *a = arena_new(NULL);
	struct make *m = arena_make(a, struct make);
	*m = (struct make){.b = b, .res = res, .a = a, .obj = obj_new(a, desc_type(res->type))};
	struct ref o = {desc_type(res->type), m->obj};
	if (obj_from_value(a, o.type, v, NULL, m->obj, e) < 0) {
		arena_free(a);
		return -1;
	}
	obj_set_type(o);
	m->meta = obj_meta(o);
	while (b->running >= PARALLEL)
		if (cond_wait(&b->done, MONO_NEVER) < 0)
			break;
	b->running++;
	if (!fiber_spawn(&b->scope, "bootstrap", make_fiber, m))
		make_fiber(m);
	return 0;
}

static const struct resource *preferred(const char *group, const char *plural)
{
	for (size_t i = 0; i < desc_resources(); i++) {
		const struct resource *r = desc_resource(i);
		if (r->on_by_default && str_is(desc_str(r->group), group) && str_is(desc_str(r->plural), plural))
			return r;
	}
	return NULL;
}

static int make_kind(struct boot *b, const struct value *all, size_t i, struct err *e)
{
	const struct value *list = value_get(all, str_of(kinds[i].key));
	const struct resource *res = preferred(kinds[i].group, kinds[i].key);
	for (uint32_t k = 0; res && list && list->type == V_LIST && k < list->list.len; k++)
		if (start_one(b, res, list->list.items[k], e) < 0)
			return -1;
	while (b->running)
		if (cond_wait(&b->done, MONO_NEVER) < 0)
			break;
	if (!b->error.code)
		return 0;
	err_move(e, &b->error);
	return -1;
}

/* ---- The kubernetes Service ---- */

static int ensure(struct boot *b, struct arena *a, const char *group, const char *version, const char *plural, void *obj, bool replace, struct err *e)
{
	const struct resource *res = resource_by_name(str_of(group), str_of(version), str_of(plural));
	struct make m = {.b = b, .res = res, .a = a, .obj = obj, .meta = obj_meta((struct ref){desc_type(res->type), obj})};
	struct cache *c = server_cache(b->s);
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table(c, res), m.meta->namespace, m.meta->name);
	obj_set_type((struct ref){desc_type(res->type), obj});
	if (o && !replace)
		return 0;
	return write(&m, o ? VERB_UPDATE : VERB_CREATE, obj, e);
}

static struct core_v1_Service *service(struct boot *b, struct arena *a, struct cidr range)
{
	struct core_v1_Service *s = obj_make(a, core_v1_Service);
	s->metadata.name = STR("kubernetes");
	s->metadata.namespace = STR("default");
	str_map_set(a, &s->metadata.labels, STR("component"), STR("apiserver"));
	str_map_set(a, &s->metadata.labels, STR("provider"), STR("kubernetes"));
	s->spec.clusterIP = ip_text(a, cidr_at(range, 1));
	*(struct str *)arena_push(a, &s->spec.clusterIPs) = s->spec.clusterIP;
	s->spec.type = STR("ClusterIP");
	s->spec.sessionAffinity = STR("None");
	*(struct core_v1_ServicePort *)arena_push(a, &s->spec.ports) = (struct core_v1_ServicePort){.name = STR("https"), .protocol = STR("TCP"), .port = 443,
		.targetPort = {.num = server_options(b->s)->secure_port}};
	return s;
}

/* Where clients find this server: on this machine when nothing else was said. */
static struct str advertised(const struct server_opts *o) { return o->advertise_address.n ? o->advertise_address : STR("127.0.0.1"); }

static struct core_v1_Endpoints *endpoints(struct boot *b, struct arena *a)
{
	const struct server_opts *o = server_options(b->s);
	struct core_v1_Endpoints *ep = obj_make(a, core_v1_Endpoints);
	ep->metadata.name = STR("kubernetes");
	ep->metadata.namespace = STR("default");
	str_map_set(a, &ep->metadata.labels, STR("endpointslice.kubernetes.io/skip-mirror"), STR("true"));
	struct core_v1_EndpointSubset *sub = arena_push(a, &ep->subsets);
	*(struct core_v1_EndpointAddress *)arena_push(a, &sub->addresses) = (struct core_v1_EndpointAddress){.ip = advertised(o)};
	*(struct core_v1_EndpointPort *)arena_push(a, &sub->ports) = (struct core_v1_EndpointPort){.name = STR("https"), .port = o->secure_port, .protocol = STR("TCP")};
	return ep;
}

static struct discovery_v1_EndpointSlice *slice(struct boot *b, struct arena *a)
{
	const struct server_opts *o = server_options(b->s);
	struct discovery_v1_EndpointSlice *s = obj_make(a, discovery_v1_EndpointSlice);
	s->metadata.name = STR("kubernetes");
	s->metadata.namespace = STR("default");
	str_map_set(a, &s->metadata.labels, STR("kubernetes.io/service-name"), STR("kubernetes"));
	s->addressType = str_index(advertised(o), ':', 0) >= 0 ? STR("IPv6") : STR("IPv4");
	struct discovery_v1_Endpoint *ep = arena_push(a, &s->endpoints);
	*(struct str *)arena_push(a, &ep->addresses) = advertised(o);
	ep->conditions = (struct discovery_v1_EndpointConditions){.ready = true, .has_ready = true};
	*(struct discovery_v1_EndpointPort *)arena_push(a, &s->ports) =
		(struct discovery_v1_EndpointPort){.name = STR("https"), .port = o->secure_port, .has_port = true, .protocol = STR("TCP")};
	return s;
}

/* The ranges of the flag, as an object that others may be added to. */
static struct networking_v1_ServiceCIDR *default_ranges(struct boot *b, struct arena *a)
{
	struct networking_v1_ServiceCIDR *s = obj_make(a, networking_v1_ServiceCIDR);
	struct str rest = server_options(b->s)->service_cluster_ip_range, one;
	s->metadata.name = STR("kubernetes");
	while (str_next(&rest, ',', &one)) {
		struct cidr c;
		struct str *text = cidr_parse(one, false, &c) ? NULL : arena_push(a, &s->spec.cidrs);
		if (text)
			*text = cidr_text(a, cidr_network(c));
	}
	return s;
}

/* Services whose addresses have no IPAddress yet: those of a store that an older server wrote. */
static int make_addresses(struct boot *b, struct arena *a, struct err *e)
{
	struct cache *c = server_cache(b->s);
	struct cache_pin pin;
	struct cache_iter it;
	int rc = 0;
	struct { struct networking_v1_IPAddress **items; uint32_t len, cap; } all = {0};
	cache_pin(c, cache_table_by_name(c, "", "services"), &pin);
	cache_seek(&it, &pin, STR(""), STR(""), STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		const struct core_v1_Service *s = object_decode(o, a, NULL);
		struct ip ip;
		for (uint32_t i = 0; s && i < s->spec.clusterIPs.len; i++)
			if (ip_parse(s->spec.clusterIPs.items[i], true, &ip) == 0)
				*(struct networking_v1_IPAddress **)arena_push(a, &all) = ip_object(a, ip, str_dup(a, s->metadata.namespace), str_dup(a, s->metadata.name));
	}
	cache_unpin(&pin);
	LIST_EACH(o, all)
		if (rc == 0)
			rc = ensure(b, a, "networking.k8s.io", "v1", "ipaddresses", *o, false, e);
	return rc;
}

static int make_service(struct boot *b, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str range, rest;
	struct cidr c;
	str_cut(server_options(b->s)->service_cluster_ip_range, ',', &range, &rest);
	if (cidr_parse(range, false, &c) < 0)
		return err_set(e, ERR_BAD_REQUEST, "--service-cluster-ip-range: \"%.*s\" is no address range", STR_F(range));
	if (ensure(b, a, "networking.k8s.io", "v1", "servicecidrs", default_ranges(b, a), false, e) < 0)
		return err_wrap(e, "the ServiceCIDR of the flags");
	if (ensure(b, a, "", "v1", "services", service(b, a, cidr_network(c)), false, e) < 0)
		return err_wrap(e, "the kubernetes Service");
	if (make_addresses(b, a, e) < 0)
		return err_wrap(e, "the addresses of Services");
	struct ip self;
	if (ip_parse(server_options(b->s)->advertise_address, true, &self) < 0 || ip_is_loopback(self))
		return 0; /* to a Pod that is the Pod itself */
	ERR(why);
	if (ensure(b, a, "", "v1", "endpoints", endpoints(b, a), true, &why) < 0 || ensure(b, a, "discovery.k8s.io", "v1", "endpointslices", slice(b, a), true, &why) < 0)
		log_warn("Pods cannot reach this server as the kubernetes Service, see --advertise-address: %s", err_text(&why));
	return 0;
}

/* ---- The part ---- */

static int run(struct boot *b, const struct value *all, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (make_kind(b, all, i, e) < 0)
			return -1;
	if (authentication_info_publish(b->s, &b->user, e))
		return err_wrap(e, "the authentication settings in kube-system");
	return make_service(b, e);
}

static int bootstrap_post_start(struct server *s, void *state, struct err *e)
{
	static struct str masters = STR_INIT("system:masters");
	struct boot b = {.s = s, .user = {.name = STR("system:apiserver"), .groups = &masters, .ngroups = 1}};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *all;
	if (json_parse(a, str_n(bootstrap_data, bootstrap_data_len), NULL, &all, e) < 0)
		return -1;
	scope_init(&b.scope, NULL);
	cond_init(&b.done);
	int rc = run(&b, all, e);
	scope_fini(&b.scope);
	err_fini(&b.error);
	return rc;
}

static int bootstrap_start(struct server *s, void **ret_state, struct err *e)
{
	return 0;
}

static void bootstrap_stop(struct server *s, void *state)
{
}

const struct server_part bootstrap_part = {.start = bootstrap_start, .post_start = bootstrap_post_start, .stop = bootstrap_stop};
