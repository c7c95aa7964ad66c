/* Services: what a change of type takes away, cluster IPs and node ports. */
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/cells.h"
#include "apiserver/registry/ip_alloc.h"
#include "apiserver/registry/ip_object.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/service.h"
#include "apiserver/registry/validate/validate.h"
#include "base/log.h"
#include "gen/ids.h"
#include <stdlib.h>

typedef struct core_v1_ServiceSpec spec_t;

static bool has_cluster_ip(const spec_t *s) { return !str_is(s->type, "ExternalName"); }
static bool is_balancer(const spec_t *s) { return str_is(s->type, "LoadBalancer"); }
static bool may_have_ports(const spec_t *s) { return str_is(s->type, "NodePort") || is_balancer(s); }
static bool has_node_ports(const spec_t *s)
{
	return str_is(s->type, "NodePort") || (is_balancer(s) && (!s->has_allocateLoadBalancerNodePorts || s->allocateLoadBalancerNodePorts));
}
static bool has_health_port(const spec_t *s) { return is_balancer(s) && str_is(s->externalTrafficPolicy, "Local"); }
static bool is_external(const spec_t *s) { return may_have_ports(s) || (str_is(s->type, "ClusterIP") && s->externalIPs.len); }
bool service_headless(const spec_t *s) { return s->clusterIPs.len && str_is(s->clusterIPs.items[0], "None"); }

static bool same_list(const str_list_t *a, const str_list_t *b)
{
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++)
		if (!str_eq(a->items[i], b->items[i]))
			return false;
	return true;
}

/* ---- prepare ---- */

/* clusterIP and the first of clusterIPs are one thing in two fields: old clients write only the first. */
static void one_ip(struct arena *a, spec_t *s, struct str ip)
{
	s->clusterIPs = (str_list_t){0};
	struct str *p = ip.n ? arena_push(a, &s->clusterIPs) : NULL;
	if (p)
		*p = ip;
}

static void normalize_ips(struct arena *a, spec_t *s, const spec_t *old)
{
	if (!old) {
		if (s->clusterIP.n && !s->clusterIPs.len)
			one_ip(a, s, s->clusterIP);
		return;
	}
	if (str_eq(s->clusterIP, old->clusterIP))
		return;
	if (same_list(&s->clusterIPs, &old->clusterIPs) || (s->clusterIP.n && !s->clusterIPs.len))
		one_ip(a, s, s->clusterIP);
}

static void keep_ports(spec_t *s, const spec_t *old)
{
	LIST_EACH(p, s->ports)
		if (!p->nodePort)
			LIST_EACH(o, old->ports)
				if (o->port == p->port && str_eq(o->protocol, p->protocol))
					p->nodePort = o->nodePort;
}

/* What had been allocated and is not said again stays. */
static void keep_allocated(struct arena *a, spec_t *s, const spec_t *old)
{
	if (has_cluster_ip(old) && has_cluster_ip(s)) {
		if (!s->clusterIP.n)
			s->clusterIP = old->clusterIP;
		if (!s->clusterIPs.len && str_eq(s->clusterIP, old->clusterIP))
			s->clusterIPs = old->clusterIPs;
	}
	if (may_have_ports(old) && may_have_ports(s))
		keep_ports(s, old);
	if (has_health_port(old) && has_health_port(s) && !s->healthCheckNodePort)
		s->healthCheckNodePort = old->healthCheckNodePort;
}

static bool same_ports(const spec_t *s, const spec_t *old)
{
	LIST_EACH(p, s->ports) {
		bool found = !p->nodePort;
		LIST_EACH(o, old->ports)
			found |= o->nodePort == p->nodePort;
		if (!found)
			return false;
	}
	return true;
}

static void drop_addresses(spec_t *s, const spec_t *old)
{
	if (str_eq(s->clusterIP, old->clusterIP) && same_list(&s->clusterIPs, &old->clusterIPs)) {
		s->clusterIP = (struct str){0};
		s->clusterIPs = (str_list_t){0};
	}
	if (same_list(&s->ipFamilies, &old->ipFamilies))
		s->ipFamilies = (str_list_t){0};
	if (str_eq(s->ipFamilyPolicy, old->ipFamilyPolicy))
		s->ipFamilyPolicy = (struct str){0};
}

/* A change of type takes along what only the old type has, unless the client has just changed it. */
static void drop_by_type(spec_t *s, const spec_t *old)
{
	if (has_cluster_ip(old) && !has_cluster_ip(s))
		drop_addresses(s, old);
	if (may_have_ports(old) && !may_have_ports(s) && same_ports(s, old))
		LIST_EACH(p, s->ports)
			p->nodePort = 0;
	if (has_health_port(old) && !has_health_port(s) && s->healthCheckNodePort == old->healthCheckNodePort)
		s->healthCheckNodePort = 0;
	if (is_balancer(old) && !is_balancer(s)) {
		if (s->allocateLoadBalancerNodePorts == old->allocateLoadBalancerNodePorts)
			s->has_allocateLoadBalancerNodePorts = s->allocateLoadBalancerNodePorts = false;
		if (str_eq(s->loadBalancerClass, old->loadBalancerClass))
			s->loadBalancerClass = (struct str){0};
	}
	if (is_external(old) && !is_external(s) && str_eq(s->externalTrafficPolicy, old->externalTrafficPolicy))
		s->externalTrafficPolicy = (struct str){0};
}

static void prepare_create(struct request *r, void *obj)
{
	struct core_v1_Service *s = obj;
	normalize_ips(r->arena, &s->spec, NULL);
}

static void prepare_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Service *s = obj;
	const struct core_v1_Service *old = old_;
	normalize_ips(r->arena, &s->spec, &old->spec);
	keep_allocated(r->arena, &s->spec, &old->spec);
	drop_by_type(&s->spec, &old->spec);
	if (!has_cluster_ip(&s->spec) && has_cluster_ip(&old->spec) && str_eq(s->spec.internalTrafficPolicy, old->spec.internalTrafficPolicy))
		s->spec.internalTrafficPolicy = (struct str){0};
}

/* ---- families ---- */

#define V4 STR("IPv4")
#define V6 STR("IPv6")
static struct str family(bool v6) { return v6 ? V6 : V4; }
static bool is_v6(struct str family) { return str_is(family, "IPv6"); }

static void add_family(struct arena *a, spec_t *s, struct str f)
{
	struct str *p = arena_push(a, &s->ipFamilies);
	if (p)
		*p = f;
}

/* Their endpoints are somebody else's: both families are fine. */
static void families_of_plain_headless(struct arena *a, const struct allocator *al, spec_t *s)
{
	if (!s->ipFamilies.len)
		add_family(a, s, family(allocator_v6(al, 0)));
	if (s->ipFamilies.len == 1 && !str_is(s->ipFamilyPolicy, "SingleStack"))
		add_family(a, s, family(!is_v6(s->ipFamilies.items[0])));
	if (!s->ipFamilyPolicy.n)
		s->ipFamilyPolicy = STR("RequireDualStack");
}

static struct str json_of_list(struct arena *a, const str_list_t *l)
{
	BUF(b);
	buf_char(&b, '[');
	LIST_EACH(s, *l)
		buf_printf(&b, "%s\"%.*s\"", s == l->items ? "" : ",", STR_F(*s));
	buf_char(&b, ']');
	return buf_take(&b, a);
}

static void families_of_ips(struct arena *a, const struct allocator *al, spec_t *s, struct err *e)
{
	for (uint32_t i = 0; i < s->clusterIPs.len && !service_headless(s); i++) {
		bool v6 = str_index(s->clusterIPs.items[i], ':', 0) >= 0;
		if (i < s->ipFamilies.len)
			continue;
		if (allocator_range(al, v6) < 0)
			err_cause(e, "FieldValueInvalid", str_printf(a, "spec.clusterIPs[%u]", i), "Invalid value: %.*s: %s is not configured on this cluster",
				STR_F(json_of_list(a, &s->clusterIPs)), v6 ? "IPv6" : "IPv4");
		else
			add_family(a, s, family(v6));
	}
}

static void check_families(struct arena *a, const struct allocator *al, const spec_t *s, struct err *e)
{
	bool single = str_is(s->ipFamilyPolicy, "SingleStack");
	struct str field = STR("spec.ipFamilyPolicy");
	if (single && (s->ipFamilies.len == 2 || s->clusterIPs.len == 2))
		err_cause(e, "FieldValueInvalid", field,
			"Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
	if (str_is(s->ipFamilyPolicy, "RequireDualStack") && allocator_ranges(al) < 2)
		err_cause(e, "FieldValueInvalid", field, "Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services");
	for (uint32_t i = 0; i < s->ipFamilies.len && !(i && allocator_ranges(al) < 2); i++)
		if (allocator_range(al, is_v6(s->ipFamilies.items[i])) < 0)
			err_cause(e, "FieldValueInvalid", str_printf(a, "spec.ipFamilies[%u]", i), "Invalid value: \"%.*s\": not configured on this cluster",
				STR_F(s->ipFamilies.items[i]));
}

/* A client that narrows the policy drops the second family and address, as it may. */
static void narrow(spec_t *s, const spec_t *old)
{
	if (!old || !str_is(s->ipFamilyPolicy, "SingleStack") || str_is(old->ipFamilyPolicy, "SingleStack"))
		return;
	if (s->ipFamilies.len == 2 && same_list(&s->ipFamilies, &old->ipFamilies))
		s->ipFamilies.len = 1;
	if (s->clusterIPs.len == 2 && same_list(&s->clusterIPs, &old->clusterIPs))
		s->clusterIPs.len = 1;
}

static void init_families(struct arena *a, const struct allocator *al, spec_t *s, const spec_t *old, struct err *e)
{
	if (!has_cluster_ip(s))
		return;
	narrow(s, old);
	if (service_headless(s) && !s->selector.len) {
		families_of_plain_headless(a, al, s);
		return;
	}
	if (!s->ipFamilyPolicy.n)
		s->ipFamilyPolicy = s->clusterIPs.len == 2 || s->ipFamilies.len == 2 ? STR("RequireDualStack") : STR("SingleStack");
	families_of_ips(a, al, s, e);
	if (e->ncauses)
		return;
	if (!s->ipFamilies.len)
		add_family(a, s, family(allocator_v6(al, 0)));
	check_families(a, al, s, e);
	if (!e->ncauses && s->ipFamilies.len == 1 && allocator_ranges(al) == 2 && !str_is(s->ipFamilyPolicy, "SingleStack"))
		add_family(a, s, family(!is_v6(s->ipFamilies.items[0])));
}

/* ---- allocation ---- */

#define NEXT_TRIES 32 /* addresses that IPAddress objects of others may hold, before an allocation gives up */

struct take {
	struct request *r;
	struct allocator *al;
	struct core_v1_Service *service;
	spec_t *spec;
	const spec_t *old;
	struct { struct ip *items; uint32_t len, cap; } ips;     /* taken by this request */
	struct { int *items; uint32_t len, cap; } ports;
};

static void drop_ip(struct request *r, struct allocator *al, struct ip ip, const struct meta_v1_ObjectMeta *service)
{
	if (!r->call.dry_run)
		ip_object_delete(r, ip, service->namespace, service->name);
	allocator_drop_ip(al, ip);
}

static void undo(struct take *t)
{
	LIST_EACH(ip, t->ips)
		drop_ip(t->r, t->al, *ip, &t->service->metadata);
	LIST_EACH(p, t->ports)
		allocator_drop_port(t->al, *p);
}

/* Makes the address, which the allocator has given, the Service's for all to see. */
static enum taken took_ip(struct take *t, struct ip ip, struct err *e)
{
	const struct meta_v1_ObjectMeta *m = &t->service->metadata;
	ERR(why);
	if (!t->r->call.dry_run && ip_object_create(t->r, ip, m->namespace, m->name, &why) < 0) {
		allocator_drop_ip(t->al, ip);
		bool exists = err_is(&why, ERR_ALREADY_EXISTS);
		if (!exists)
			err_move(e, &why);
		return exists ? TAKEN_ALREADY : TAKEN_FAILED;
	}
	struct ip *p = arena_push(t->r->arena, &t->ips);
	if (p)
		*p = ip;
	return TAKEN_OK;
}

static void took_port(struct take *t, int port)
{
	int *p = arena_push(t->r->arena, &t->ports);
	if (p)
		*p = port;
}

/* keep may be NULL. */
static bool keeps_ip(const spec_t *keep, struct str ip) { return keep && str_list_has(&keep->clusterIPs, ip); }

static const char *const taken_text[] = {"", "provided IP is already allocated", "the provided network does not match the current range", "range is full"};

static void ip_failed(struct take *t, struct str ip, enum taken why, struct err *e)
{
	str_list_t one = {&ip, 1, 1};
	err_cause(e, "FieldValueInvalid", STR("spec.clusterIPs"), "Invalid value: %.*s: failed to allocate IP %.*s: %s",
		STR_F(json_of_list(t->r->arena, &one)), STR_F(ip), taken_text[why]);
}

static int take_given(struct take *t, struct str text, struct err *e)
{
	struct ip ip;
	if (keeps_ip(t->old, text))
		return 0;
	enum taken got = ip_parse(text, true, &ip) ? TAKEN_OUTSIDE : allocator_take_ip(t->al, ip);
	if (got == TAKEN_OK)
		got = took_ip(t, ip, e);
	if (got != TAKEN_OK && got != TAKEN_FAILED)
		ip_failed(t, text, got, e);
	return got == TAKEN_OK ? 0 : -1;
}

static int take_next(struct take *t, bool v6, struct err *e)
{
	struct ip ip;
	int range = allocator_range(t->al, v6);
	enum taken got = TAKEN_ALREADY;
	for (int i = 0; i < NEXT_TRIES && got == TAKEN_ALREADY; i++) {
		if (range < 0 || allocator_next_ip(t->al, (unsigned)range, &ip) != TAKEN_OK)
			return err_set(e, ERR_INTERNAL, "Internal error occurred: failed to allocate a serviceIP: range is full");
		got = took_ip(t, ip, e);
	}
	if (got == TAKEN_ALREADY)
		return err_set(e, ERR_INTERNAL, "Internal error occurred: failed to allocate a serviceIP: the addresses tried are taken");
	if (got != TAKEN_OK)
		return -1;
	struct str *p = arena_push(t->r->arena, &t->spec->clusterIPs);
	if (p)
		*p = ip_text(t->r->arena, ip);
	return 0;
}

static int take_ips(struct take *t, struct err *e)
{
	spec_t *s = t->spec;
	if (!has_cluster_ip(s) || service_headless(s))
		return 0;
	/* The list may be the old object's. */
	str_list_t given = s->clusterIPs;
	s->clusterIPs = (str_list_t){0};
	LIST_EACH(ip, given) {
		struct str *p = arena_push(t->r->arena, &s->clusterIPs);
		if (p)
			*p = *ip;
		if (take_given(t, *ip, e))
			return -1;
	}
	for (uint32_t i = s->clusterIPs.len; i < s->ipFamilies.len; i++)
		if (take_next(t, is_v6(s->ipFamilies.items[i]), e))
			return -1;
	s->clusterIP = s->clusterIPs.len ? s->clusterIPs.items[0] : (struct str){0};
	return 0;
}

static bool had_port(const struct take *t, int port)
{
	if (t->old && t->old->healthCheckNodePort == port)
		return true;
	if (t->old)
		LIST_EACH(p, t->old->ports)
			if (p->nodePort == port)
				return true;
	return false;
}

/* Ports of one Service may share a node port when their protocols differ. */
static bool shared_port(const struct take *t, uint32_t i)
{
	const struct core_v1_ServicePort *v = t->spec->ports.items;
	for (uint32_t j = 0; j < i; j++)
		if (v[j].nodePort == v[i].nodePort)
			return !str_eq(v[j].protocol, v[i].protocol);
	return false;
}

static void port_failed(struct take *t, uint32_t i, enum taken why, struct err *e)
{
	struct str field = str_printf(t->r->arena, "spec.ports[%u].nodePort", i);
	int port = t->spec->ports.items[i].nodePort;
	if (why == TAKEN_OUTSIDE)
		err_cause(e, "FieldValueInvalid", field, "Invalid value: %d: provided port is not in the valid range. The range of valid ports is %.*s", port,
			STR_F(allocator_port_range(t->al)));
	else
		err_cause(e, "FieldValueInvalid", field, "Invalid value: %d: provided port is already allocated", port);
}

static int take_port(struct take *t, uint32_t i, struct err *e)
{
	struct core_v1_ServicePort *p = &t->spec->ports.items[i];
	int port = p->nodePort;
	if (port && (had_port(t, port) || shared_port(t, i)))
		return 0;
	enum taken got = port ? allocator_take_port(t->al, port) : allocator_next_port(t->al, &port);
	if (got == TAKEN_FULL)
		return err_set(e, ERR_INTERNAL, "Internal error occurred: failed to allocate a nodePort: range is full");
	if (got != TAKEN_OK)
		return port_failed(t, i, got, e), -1;
	took_port(t, port);
	p->nodePort = port;
	return 0;
}

/* A port without a number takes the one that another protocol has at the same service port. */
static void share_ports(spec_t *s)
{
	LIST_EACH(p, s->ports)
		if (!p->nodePort)
			LIST_EACH(o, s->ports)
				if (o->nodePort && o->port == p->port && !str_eq(o->protocol, p->protocol))
					p->nodePort = o->nodePort;
}

static int take_ports(struct take *t, struct err *e)
{
	for (uint32_t i = 0; may_have_ports(t->spec) && i < t->spec->ports.len; i++) {
		share_ports(t->spec);
		if ((has_node_ports(t->spec) || t->spec->ports.items[i].nodePort) && take_port(t, i, e))
			return -1;
	}
	return 0;
}

static int health_failed(int port, enum taken why, struct err *e)
{
	const char *text = why == TAKEN_ALREADY ? "provided port is already allocated" : "provided port is not in the valid range";
	err_set(e, ERR_INTERNAL, "Internal error occurred: failed to allocate requested HealthCheck NodePort %d: %s", port, text);
	return err_cause(e, "", (struct str){0}, "failed to allocate requested HealthCheck NodePort %d: %s", port, text);
}

static int take_health_port(struct take *t, struct err *e)
{
	int port = t->spec->healthCheckNodePort;
	if (!has_health_port(t->spec) || (port && had_port(t, port)))
		return 0;
	enum taken got = port ? allocator_take_port(t->al, port) : allocator_next_port(t->al, &port);
	if (got != TAKEN_OK)
		return health_failed(port, got, e);
	took_port(t, port);
	t->spec->healthCheckNodePort = port;
	return 0;
}

static int allocate(struct request *r, void *obj, const void *old_, struct err *e)
{
	struct core_v1_Service *s = obj;
	const struct core_v1_Service *old = old_;
	struct take t = {.r = r, .al = server_part(r->server, PART_REGISTRY), .service = s, .spec = &s->spec, .old = old ? &old->spec : NULL};
	ERR(found);
	init_families(r->arena, t.al, t.spec, t.old, &found);
	int c = found.ncauses ? -1 : take_ips(&t, &found) || take_ports(&t, &found) || take_health_port(&t, &found) ? -1 : 0;
	if (c || r->call.dry_run)
		undo(&t);
	if (!c)
		return 0;
	c = err_is(&found, ERR_INVALID) ? invalid_end(r, desc_type(T_core_v1_Service), s->metadata.name, &found) : c;
	err_move(e, &found);
	return c;
}

static bool keeps_port(const spec_t *keep, int port)
{
	if (!keep)
		return false;
	LIST_EACH(p, keep->ports)
		if (p->nodePort == port)
			return true;
	return keep->healthCheckNodePort == port;
}

static void release_ips(struct request *r, const struct core_v1_Service *drop, const spec_t *keep)
{
	struct ip ip;
	LIST_EACH(t, drop->spec.clusterIPs)
		if (!keeps_ip(keep, *t) && ip_parse(*t, true, &ip) == 0)
			drop_ip(r, server_part(r->server, PART_REGISTRY), ip, &drop->metadata);
}

static void release_ports(struct allocator *al, const spec_t *drop, const spec_t *keep)
{
	LIST_EACH(p, drop->ports)
		if (p->nodePort && !keeps_port(keep, p->nodePort))
			allocator_drop_port(al, p->nodePort);
	if (drop->healthCheckNodePort && !keeps_port(keep, drop->healthCheckNodePort))
		allocator_drop_port(al, drop->healthCheckNodePort);
}

/* Gives back what `old` holds and `obj` does not. */
static void release(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_Service *keep = obj, *drop = old;
	if (r->call.dry_run || !drop)
		return;
	release_ips(r, drop, keep ? &keep->spec : NULL);
	release_ports(server_part(r->server, PART_REGISTRY), &drop->spec, keep ? &keep->spec : NULL);
}

static const char *const selectable[] = {"spec.clusterIP", "spec.type", NULL};

const struct strategy service_strategy = {
	.group = "", .resource = "services", .meta_again = 1, .allow_create_on_update = true, .returns_object_on_delete = true, .selectable = selectable,
	.validate_name = validate_name_service, .prepare_create = prepare_create, .prepare_update = prepare_update,
	.validate = validate_service, .validate_update = validate_service_update, .validate_status = validate_service_status, .warn = warn_service,
	.allocate = allocate, .release = release, .cells = service_cells,
};

/* ---- state ---- */

static void note_service(struct allocator *al, const struct core_v1_Service *s)
{
	struct ip ip;
	LIST_EACH(t, s->spec.clusterIPs)
		if (!str_is(*t, "None") && ip_parse(*t, true, &ip) == 0 && allocator_take_ip(al, ip) == TAKEN_ALREADY)
			log_warn("cluster IP %.*s of service %.*s/%.*s is taken twice", STR_F(*t), STR_F(s->metadata.namespace), STR_F(s->metadata.name));
	LIST_EACH(p, s->spec.ports)
		if (p->nodePort)
			(void)allocator_take_port(al, p->nodePort);
	if (s->spec.healthCheckNodePort)
		(void)allocator_take_port(al, s->spec.healthCheckNodePort);
}

static void note_all(struct server *sv, struct allocator *al)
{
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(server_cache(sv), cache_table_by_name(server_cache(sv), "", "services"), &pin);
	cache_seek(&it, &pin, STR(""), STR(""), STR(""), false);
	for (struct object *o; (o = cache_next(&it));) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		const struct core_v1_Service *s = object_decode(o, a, NULL);
		if (s)
			note_service(al, s);
	}
	cache_unpin(&pin);
}

static int start(struct server *sv, void **ret_state, struct err *e)
{
	const struct server_opts *o = server_options(sv);
	struct allocator *al = allocator_new(o->service_cluster_ip_range, o->service_node_port_range, e);
	if (!al)
		return -1;
	note_all(sv, al);
	*ret_state = al;
	return 0;
}

static void stop(struct server *sv, void *state) { allocator_free(state); }

const struct server_part registry_part = {.start = start, .stop = stop};
