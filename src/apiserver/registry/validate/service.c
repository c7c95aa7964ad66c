/* Services. */
#include "api/ip.h"
#include "apiserver/registry/validate/network.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

typedef struct core_v1_Service service_t;
typedef struct core_v1_ServiceSpec spec_t;
#define ONLY_LB "may only be used when `type` is 'LoadBalancer'"
#define AFFINITY_MAX_S 86400
#define CLUSTER_IPS_MAX 2

static bool is_headless(const spec_t *s) { return s->clusterIPs.len == 1 && str_is(s->clusterIPs.items[0], "None"); }
static bool is_lb(const spec_t *s) { return str_is(s->type, "LoadBalancer"); }
static bool is_external_name(const spec_t *s) { return str_is(s->type, "ExternalName"); }

void check_port_or_name(struct check *k, struct str path, const struct int_or_str *p)
{
	if (p->is_str)
		bad_wrong(k, path, p->str, name_port(p->str));
	else
		check_port(k, path, p->num);
}

/* ---- ports ---- */

static void check_service_port(struct check *k, struct str path, const spec_t *s, uint32_t i)
{
	const struct core_v1_ServicePort *p = &s->ports.items[i];
	if (s->ports.len > 1 && !p->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	else if (p->name.n) {
		bad_wrong(k, at(k, path, "name"), p->name, name_dns1123_label(p->name));
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(p->name, s->ports.items[j].name)) {
				bad_duplicate(k, at(k, path, "name"), p->name);
				break;
			}
	}
	check_port(k, at(k, path, "port"), p->port);
	if (!p->protocol.n)
		bad_required(k, at(k, path, "protocol"), NULL);
	else
		check_choice(k, at(k, path, "protocol"), p->protocol, CHOICES("SCTP", "TCP", "UDP"));
	check_port_or_name(k, at(k, path, "targetPort"), &p->targetPort);
	if (p->appProtocol.p)
		bad_wrong(k, at(k, path, "appProtocol"), p->appProtocol, name_qualified(p->appProtocol));
}

/* What ports differ in, as upstream shows it. */
static struct str port_key(struct check *k, const struct core_v1_ServicePort *p)
{
	return str_printf(k->a, "{\"Name\":\"\",\"Protocol\":\"%.*s\",\"AppProtocol\":null,\"Port\":%d,\"TargetPort\":0,\"NodePort\":0}", STR_F(p->protocol), p->port);
}

/* Node ports are allocated: a second one of a number is refused there. */
static void check_ports_once(struct check *k, const spec_t *s)
{
	struct str ports = STR("spec.ports");
	for (uint32_t i = 1; i < s->ports.len; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct core_v1_ServicePort *a = &s->ports.items[i], *b = &s->ports.items[j];
			if (a->port == b->port && str_eq(a->protocol, b->protocol)) {
				bad_duplicate_raw(k, at_index(k, ports, i), port_key(k, a));
				break;
			}
		}
}

/* ---- by type ---- */

static void check_external_name(struct check *k, const spec_t *s)
{
	bool dot = s->externalName.n && s->externalName.p[s->externalName.n - 1] == '.';
	struct str name = str_sub(s->externalName, 0, s->externalName.n - dot);
	if (s->clusterIPs.len)
		bad_forbidden(k, STR("spec.clusterIPs"), "may not be set for ExternalName services");
	if (s->ipFamilies.len)
		bad_forbidden(k, STR("spec.ipFamilies"), "may not be set for ExternalName services");
	if (s->ipFamilyPolicy.n)
		bad_forbidden(k, STR("spec.ipFamilyPolicy"), "may not be set for ExternalName services");
	if (name.n)
		bad_wrong(k, STR("spec.externalName"), name, name_dns1123_subdomain(name));
	else
		bad_required(k, STR("spec.externalName"), NULL);
}

static void check_by_type(struct check *k, const spec_t *s)
{
	if (is_lb(s)) {
		if (is_headless(s))
			bad_string(k, STR("spec.clusterIPs[0]"), STR("None"), "may not be set to 'None' for LoadBalancer services");
	} else if (str_is(s->type, "NodePort")) {
		if (is_headless(s))
			bad_string(k, STR("spec.clusterIPs[0]"), STR("None"), "may not be set to 'None' for NodePort services");
	} else if (is_external_name(s)) {
		check_external_name(k, s);
	}
}

static void check_affinity(struct check *k, const spec_t *s)
{
	const struct core_v1_SessionAffinityConfig *c = s->sessionAffinityConfig;
	struct str path = STR("spec.sessionAffinityConfig");
	if (!s->sessionAffinity.n)
		bad_required(k, STR("spec.sessionAffinity"), NULL);
	else
		check_choice(k, STR("spec.sessionAffinity"), s->sessionAffinity, CHOICES("ClientIP", "None"));
	if (str_is(s->sessionAffinity, "None") && c)
		bad_forbidden(k, path, "must not be set when session affinity is None");
	if (!str_is(s->sessionAffinity, "ClientIP"))
		return;
	if (!c)
		bad_required(k, path, "when session affinity type is ClientIP");
	else if (!c->clientIP)
		bad_required(k, at(k, path, "clientIP"), "when session affinity type is ClientIP");
	else if (!c->clientIP->has_timeoutSeconds)
		bad_required(k, at(k, path, "clientIP.timeoutSeconds"), "when session affinity type is ClientIP");
	else if (c->clientIP->timeoutSeconds <= 0 || c->clientIP->timeoutSeconds > AFFINITY_MAX_S)
		bad_number(k, at(k, path, "clientIP.timeoutSeconds"), c->clientIP->timeoutSeconds, "must be greater than 0 and less than 86400");
}

/* ---- cluster IPs and families ---- */

static void check_families(struct check *k, const spec_t *s)
{
	for (uint32_t i = 0; i < s->ipFamilies.len; i++) {
		struct str here = at_index(k, STR("spec.ipFamilies"), i);
		check_choice(k, here, s->ipFamilies.items[i], CHOICES("IPv4", "IPv6"));
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(s->ipFamilies.items[i], s->ipFamilies.items[j])) {
				bad_duplicate(k, here, s->ipFamilies.items[i]);
				break;
			}
	}
	if (s->ipFamilyPolicy.n)
		check_choice(k, STR("spec.ipFamilyPolicy"), s->ipFamilyPolicy, CHOICES("PreferDualStack", "RequireDualStack", "SingleStack"));
}

static bool check_cluster_ip_values(struct check *k, const spec_t *s)
{
	uint32_t before = k->e->ncauses, wrong;
	for (uint32_t i = 0; i < s->clusterIPs.len; i++) {
		struct str ip = s->clusterIPs.items[i];
		if (i == 0 && str_is(ip, "None")) {
			if (s->clusterIPs.len > 1)
				bad_value(k, STR("spec.clusterIPs"), json_strings(k, &s->clusterIPs), "'None' must be the first and only value");
			continue;
		}
		check_ip(k, at_index(k, STR("spec.clusterIPs"), i), ip);
	}
	wrong = k->e->ncauses - before;
	if (s->clusterIPs.len > CLUSTER_IPS_MAX)
		bad_value(k, STR("spec.clusterIPs"), json_strings(k, &s->clusterIPs), "may only hold up to 2 values");
	return !wrong;
}

static void check_cluster_ips(struct check *k, const spec_t *s)
{
	struct str path = STR("spec.clusterIPs");
	struct ip a, b;
	if (is_external_name(s))
		return;
	if (s->clusterIP.n && !s->clusterIPs.len)
		bad_required(k, path, NULL);
	else if (!s->clusterIP.n && s->clusterIPs.len)
		bad_value(k, path, json_strings(k, &s->clusterIPs), "must be empty when `clusterIP` is not specified");
	else if (s->clusterIP.n && s->clusterIPs.len && !str_eq(s->clusterIP, s->clusterIPs.items[0]))
		bad_value(k, path, json_strings(k, &s->clusterIPs), "first value must match `clusterIP`");
	check_families(k, s);
	if (!check_cluster_ip_values(k, s))
		return;
	if (s->clusterIPs.len == 2 && !ip_parse(s->clusterIPs.items[0], true, &a) && !ip_parse(s->clusterIPs.items[1], true, &b) && a.v4 == b.v4)
		bad_value(k, path, json_strings(k, &s->clusterIPs), "may specify no more than one IP for each IP family");
	for (uint32_t i = 0; i < s->clusterIPs.len && i < s->ipFamilies.len; i++)
		if (!ip_parse(s->clusterIPs.items[i], true, &a) && a.v4 != str_is(s->ipFamilies.items[i], "IPv4"))
			bad_string(k, at_index(k, path, i), s->clusterIPs.items[i],
				str_z(k->a, str_printf(k->a, "expected an %.*s value as indicated by `ipFamilies[%u]`", STR_F(s->ipFamilies.items[i]), i)));
}

/* ---- from outside ---- */

#define RANGES_KEY "service.beta.kubernetes.io/load-balancer-source-ranges"

/* The annotation counts where the field is empty. */
static void check_ranges_annotation(struct check *k, const service_t *s)
{
	const struct str_map *m = &s->metadata.annotations;
	struct str path = at_key(k, STR("metadata.annotations"), STR(RANGES_KEY)), rest = str_trim(str_map_get(m, STR(RANGES_KEY))), one;
	if (s->spec.loadBalancerSourceRanges.len || !str_map_has(m, STR(RANGES_KEY)))
		return;
	if (!is_lb(&s->spec))
		bad_forbidden(k, path, ONLY_LB);
	while (rest.n && str_next(&rest, ',', &one))
		check_cidr(k, path, str_trim(one));
}

#define TOPOLOGY_MODE "service.kubernetes.io/topology-mode"
#define TOPOLOGY_HINTS "service.kubernetes.io/topology-aware-hints"

static void check_topology(struct check *k, const struct str_map *m)
{
	struct str mode = str_map_get(m, STR(TOPOLOGY_MODE));
	if (str_map_has(m, STR(TOPOLOGY_MODE)) && str_map_has(m, STR(TOPOLOGY_HINTS)) && !str_eq(mode, str_map_get(m, STR(TOPOLOGY_HINTS))))
		bad_string(k, at_key(k, STR("metadata.annotations"), STR(TOPOLOGY_MODE)), mode, "must match annotations[" TOPOLOGY_HINTS "] when both are specified");
}

static void check_ranges(struct check *k, const spec_t *s)
{
	struct str path = STR("spec.LoadBalancerSourceRanges"); /* as upstream spells it */
	if (s->loadBalancerSourceRanges.len && !is_lb(s))
		bad_forbidden(k, path, ONLY_LB);
	for (uint32_t i = 0; i < s->loadBalancerSourceRanges.len; i++)
		check_cidr(k, at_index(k, path, i), str_trim(s->loadBalancerSourceRanges.items[i]));
}

static void check_outside(struct check *k, const spec_t *s)
{
	bool outside = is_lb(s) || str_is(s->type, "NodePort") || (str_is(s->type, "ClusterIP") && s->externalIPs.len);
	struct str path = STR("spec.externalTrafficPolicy"), health = STR("spec.healthCheckNodePort");
	if (!outside && s->externalTrafficPolicy.n)
		bad_string(k, path, s->externalTrafficPolicy, "may only be set for externally-accessible services");
	else if (outside && !s->externalTrafficPolicy.n)
		bad_required(k, path, NULL);
	else if (outside)
		check_choice(k, path, s->externalTrafficPolicy, CHOICES("Cluster", "Local"));
	if (s->healthCheckNodePort && !(is_lb(s) && str_is(s->externalTrafficPolicy, "Local")))
		bad_number(k, health, s->healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
	else if (s->healthCheckNodePort)
		check_port(k, health, s->healthCheckNodePort);
}

static void check_lb_class(struct check *k, const spec_t *s)
{
	if (s->loadBalancerClass.p && !is_lb(s))
		bad_forbidden(k, STR("spec.loadBalancerClass"), ONLY_LB);
	else if (s->loadBalancerClass.p)
		bad_wrong(k, STR("spec.loadBalancerClass"), s->loadBalancerClass, name_qualified(s->loadBalancerClass));
}

static const struct rule service_types[] = {ENUM_NEED("type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"), END};
static const struct rule service_last[] = {ENUM("internalTrafficPolicy", "Cluster", "Local"), ENUM("trafficDistribution", "PreferClose", "PreferSameZone", "PreferSameNode"), END};
static const struct rule service_selector[] = {LABELS("selector"), END};

static void check_external_ips(struct check *k, const spec_t *s)
{
	for (uint32_t i = 0; i < s->externalIPs.len; i++) {
		struct str here = at_index(k, STR("spec.externalIPs"), i);
		uint32_t before = k->e->ncauses;
		check_ip(k, here, s->externalIPs.items[i]);
		if (k->e->ncauses == before)
			check_special_ip(k, here, s->externalIPs.items[i]);
	}
}

static void check_service(struct check *k, const service_t *service)
{
	const spec_t *s = &service->spec;
	struct str ports = STR("spec.ports");
	check_topology(k, &service->metadata.annotations);
	if (!s->ports.len && !is_headless(s) && !is_external_name(s))
		bad_required(k, ports, NULL);
	check_by_type(k, s);
	for (uint32_t i = 0; i < s->ports.len; i++)
		check_service_port(k, at_index(k, ports, i), s, i);
	check_rules(k, STR("spec"), T_core_v1_ServiceSpec, s, service_selector);
	check_affinity(k, s);
	check_cluster_ips(k, s);
	check_external_ips(k, s);
	check_rules(k, STR("spec"), T_core_v1_ServiceSpec, s, service_types);
	for (uint32_t i = 0; i < s->ports.len && str_is(s->type, "ClusterIP"); i++)
		if (s->ports.items[i].nodePort)
			bad_forbidden(k, at(k, at_index(k, ports, i), "nodePort"), "may not be used when `type` is 'ClusterIP'");
	check_ports_once(k, s);
	check_ranges(k, s);
	check_ranges_annotation(k, service);
	if (s->has_allocateLoadBalancerNodePorts && !is_lb(s))
		bad_forbidden(k, STR("spec.allocateLoadBalancerNodePorts"), ONLY_LB);
	check_lb_class(k, s);
	check_outside(k, s);
	check_rules(k, STR("spec"), T_core_v1_ServiceSpec, s, service_last);
}

void validate_service(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_service(k, obj);
}

/* ---- updates ---- */

#define ONCE "may not change once set"

static bool is_single(const spec_t *s) { return str_is(s->ipFamilyPolicy, "SingleStack"); }

/* The first element stays; the second may come, and go with a policy that says so. */
static void check_kept(struct check *k, const spec_t *s, struct str path, const str_list_t *now, const str_list_t *old, const char *unset, const char *release)
{
	struct str shown = json_strings(k, now);
	if (now->len < old->len && !s->clusterIPs.len)
		bad_value(k, at_index(k, path, 0), shown, unset);
	for (uint32_t i = 0; i < now->len && i < old->len && (i == 0 || now->len == old->len); i++)
		if (!str_eq(now->items[i], old->items[i]))
			bad_value(k, at_index(k, path, i), shown, ONCE);
	if (now->len < old->len && now->len == 1 && !is_single(s))
		bad_string(k, STR("spec.ipFamilyPolicy"), s->ipFamilyPolicy, release);
}

static void check_addresses_kept(struct check *k, const spec_t *now, const spec_t *old)
{
	if (is_external_name(now) || is_external_name(old) || (is_headless(now) && is_headless(old)))
		return;
	check_kept(k, now, STR("spec.clusterIPs"), &now->clusterIPs, &old->clusterIPs, "primary clusterIP can not be unset",
		"must be set to 'SingleStack' when releasing the secondary clusterIP");
	if (is_headless(now) == is_headless(old))
		check_kept(k, now, STR("spec.ipFamilies"), &now->ipFamilies, &old->ipFamilies, "primary ipFamily can not be unset",
			"must be set to 'SingleStack' when releasing the secondary ipFamily");
}

void validate_service_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const spec_t *now = &((const service_t *)obj)->spec, *old = &((const service_t *)old_)->spec;
	bool local = is_lb(now) && str_is(now->externalTrafficPolicy, "Local"), was = is_lb(old) && str_is(old->externalTrafficPolicy, "Local");
	CHECK(k);
	check_addresses_kept(k, now, old);
	if (is_lb(now) && is_lb(old) && (!str_eq(now->loadBalancerClass, old->loadBalancerClass) || !now->loadBalancerClass.p != !old->loadBalancerClass.p))
		bad_string(k, STR("spec.loadBalancerClass"), now->loadBalancerClass, ONCE);
	check_lb_class(k, now); /* and once more below, as upstream */
	if (local && was && now->healthCheckNodePort != old->healthCheckNodePort)
		bad_forbidden(k, STR("spec.healthCheckNodePort"), IMMUTABLE);
	check_service(k, obj);
}

void check_lb_point(struct check *k, struct str path, struct str ip, struct str hostname)
{
	struct ip parsed;
	if (ip.n)
		check_ip(k, at(k, path, "ip"), ip);
	if (!hostname.n)
		return;
	bad_wrong(k, at(k, path, "hostname"), hostname, name_dns1123_subdomain(hostname));
	if (ip_parse(hostname, true, &parsed) == 0)
		bad_string(k, at(k, path, "hostname"), hostname, "must be a DNS name, not an IP address");
}

void validate_service_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const service_t *s = obj;
	struct str path = STR("status.loadBalancer.ingress");
	CHECK(k);
	if (!is_lb(&s->spec) && s->status.loadBalancer.ingress.len) {
		bad_forbidden(k, path, "may only be used when `spec.type` is 'LoadBalancer'");
		return;
	}
	for (uint32_t i = 0; i < s->status.loadBalancer.ingress.len; i++) {
		const struct core_v1_LoadBalancerIngress *g = &s->status.loadBalancer.ingress.items[i];
		struct str here = at_index(k, path, i), mode = at(k, here, "ipMode");
		if (g->ip.n)
			check_ip(k, at(k, here, "ip"), g->ip);
		if (g->ip.n && !g->ipMode.p)
			bad_required(k, mode, "must be specified when `ip` is set");
		else if (!g->ip.n && g->ipMode.p)
			bad_forbidden(k, mode, "may not be specified when `ip` is not set");
		else if (g->ipMode.p)
			check_choice(k, mode, g->ipMode, CHOICES("Proxy", "VIP"));
		check_lb_point(k, here, STR(""), g->hostname);
	}
}
