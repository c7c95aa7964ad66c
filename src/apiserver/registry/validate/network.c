/* Ingress, NetworkPolicy, IPAddress, ServiceCIDR, EndpointSlice. */
#include "apiserver/registry/validate/network.h"
#include "apiserver/registry/validate/validate.h"

#include "api/ip.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include "gen/networking_v1.h"

static const struct rule no_changes[] = {END};

bool check_cidr(struct check *k, struct str path, struct str text)
{
	struct cidr c;
	if (cidr_parse(text, false, &c)) {
		bad_string(k, path, text, BAD_CIDR);
		return false;
	}
	if (!ip_eq(cidr_network(c).ip, c.ip)) {
		bad_string(k, path, text, "must not have bits set beyond the prefix length");
		return false;
	}
	return true;
}

/* ---- Ingress ---- */

static void check_group(struct check *k, struct str path, const void *value) { bad_wrong(k, path, *(const struct str *)value, name_dns1123_subdomain(*(const struct str *)value)); }
static const struct rule object_rules[] = {CALL("apiGroup", check_group), FORMAT_NEED("kind", name_path_segment), FORMAT_NEED("name", name_path_segment), END};

static void check_backend(struct check *k, struct str path, const struct networking_v1_IngressBackend *b)
{
	struct str service = at(k, path, "service"), port = at(k, service, "port");
	if (b->resource && b->service) {
		bad_string(k, path, STR(""), "cannot set both resource and service backends");
	} else if (b->resource) {
		check_rules(k, at(k, path, "resource"), T_core_v1_TypedLocalObjectReference, b->resource, object_rules);
	} else if (!b->service) {
		bad_string(k, path, STR(""), "resource or service backend is required");
	} else {
		const struct networking_v1_ServiceBackendPort *p = &b->service->port;
		if (!b->service->name.n)
			bad_required(k, at(k, service, "name"), NULL);
		else
			bad_wrong(k, at(k, service, "name"), b->service->name, name_dns1123_label(b->service->name));
		if (p->name.n && p->number)
			bad_string(k, path, STR(""), "cannot set both port name & port number");
		else if (p->name.n)
			bad_wrong(k, at(k, port, "name"), p->name, name_port(p->name));
		else if (p->number)
			check_port(k, at(k, port, "number"), p->number);
		else
			bad_required(k, path, "port name or number is required");
	}
}

static const char *const not_in_paths[] = {"//", "/./", "/../", "%2f", "%2F", NULL}, *const not_at_end[] = {"/..", "/.", NULL};

static void check_http_path(struct check *k, struct str path, const struct networking_v1_HTTPIngressPath *p)
{
	struct str here = at(k, path, "path");
	if (!p->pathType.p) {
		bad_required(k, at(k, path, "pathType"), "pathType must be specified");
		return;
	}
	if (one_of(p->pathType, CHOICES("Exact", "Prefix"))) {
		if (!p->path.n || p->path.p[0] != '/')
			bad_string(k, here, p->path, "must be an absolute path");
		for (size_t i = 0; p->path.n && not_in_paths[i]; i++)
			if (str_find(p->path, str_of(not_in_paths[i])) >= 0)
				bad_string(k, here, p->path, str_z(k->a, str_printf(k->a, "must not contain '%s'", not_in_paths[i])));
		for (size_t i = 0; p->path.n && not_at_end[i]; i++)
			if (str_has_suffix(p->path, str_of(not_at_end[i])))
				bad_string(k, here, p->path, str_z(k->a, str_printf(k->a, "cannot end with '%s'", not_at_end[i])));
	} else if (str_is(p->pathType, "ImplementationSpecific")) {
		if (p->path.n && p->path.p[0] != '/')
			bad_string(k, here, p->path, "must be an absolute path");
	} else {
		bad_choice(k, at(k, path, "pathType"), p->pathType, CHOICES("Exact", "ImplementationSpecific", "Prefix"));
	}
	check_backend(k, at(k, path, "backend"), &p->backend);
}

static void check_host(struct check *k, struct str path, struct str host)
{
	struct ip ip;
	if (!host.n)
		return;
	if (ip_parse(host, true, &ip) == 0)
		bad_string(k, path, host, "must be a DNS name, not an IP address");
	if (str_index(host, '*', 0) >= 0)
		bad_wrong(k, path, host, name_wildcard_dns1123_subdomain(host));
	else
		bad_wrong(k, path, host, name_dns1123_subdomain(host));
}

static void check_ingress_rule(struct check *k, struct str path, const struct networking_v1_IngressRule *r)
{
	const struct networking_v1_HTTPIngressRuleValue *h = r->ingressRuleValue.http;
	struct str paths = at(k, path, "http.paths");
	check_host(k, at(k, path, "host"), r->host);
	if (h && !h->paths.len)
		bad_required(k, paths, NULL);
	for (uint32_t i = 0; h && i < h->paths.len; i++)
		check_http_path(k, at_index(k, paths, i), &h->paths.items[i]);
}

static void check_tls(struct check *k, struct str path, const struct networking_v1_IngressTLS *t)
{
	for (uint32_t i = 0; i < t->hosts.len; i++) {
		struct str here = at_index(k, at(k, path, "hosts"), i), host = t->hosts.items[i];
		bad_wrong(k, here, host, str_index(host, '*', 0) >= 0 ? name_wildcard_dns1123_subdomain(host) : name_dns1123_subdomain(host));
	}
	if (t->secretName.n)
		bad_wrong(k, at(k, path, "secretName"), t->secretName, name_dns1123_subdomain(t->secretName));
}

static void check_ingress(struct check *k, const struct networking_v1_Ingress *g)
{
	const struct networking_v1_IngressSpec *s = &g->spec;
	if (!s->defaultBackend && !s->rules.len)
		bad_value(k, STR("spec"), STR("null"), "either `defaultBackend` or `rules` must be specified");
	if (s->defaultBackend)
		check_backend(k, STR("spec.defaultBackend"), s->defaultBackend);
	for (uint32_t i = 0; i < s->rules.len; i++)
		check_ingress_rule(k, at_index(k, STR("spec.rules"), i), &s->rules.items[i]);
	for (uint32_t i = 0; i < s->tls.len; i++)
		check_tls(k, at_index(k, STR("spec.tls"), i), &s->tls.items[i]);
	if (s->ingressClassName.p)
		bad_wrong(k, STR("spec.ingressClassName"), s->ingressClassName, name_dns1123_subdomain(s->ingressClassName));
}

void validate_ingress(struct request *r, const void *obj, struct err *e)
{
	const struct networking_v1_Ingress *g = obj;
	struct str key = STR("kubernetes.io/ingress.class"), given = str_map_get(&g->metadata.annotations, key);
	CHECK(k);
	check_ingress(k, g);
	if (str_map_has(&g->metadata.annotations, key) && g->spec.ingressClassName.p && !str_eq(given, g->spec.ingressClassName))
		bad_string(k, str_printf(r->arena, "annotations.%.*s", STR_F(key)), given, "must match `ingressClassName` when both are specified");
}

void validate_ingress_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_ingress(k, obj);
}

void validate_ingress_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct networking_v1_Ingress *g = obj;
	CHECK(k);
	for (uint32_t i = 0; i < g->status.loadBalancer.ingress.len; i++)
		check_lb_point(k, at_index(k, STR("status.loadBalancer.ingress"), i), g->status.loadBalancer.ingress.items[i].ip, g->status.loadBalancer.ingress.items[i].hostname);
}

/* ---- IngressClass ---- */

static void check_class_scope(struct check *k, struct str path, const void *value)
{
	const struct networking_v1_IngressClassParametersReference *p = value;
	bool ns = str_is(p->scope, "Namespace"), cluster = str_is(p->scope, "Cluster");
	if (!p->scope.p)
		bad_required(k, at(k, path, "scope"), NULL);
	else if (!ns && !cluster)
		bad_choice(k, at(k, path, "scope"), p->scope, CHOICES("Cluster", "Namespace"));
	else if (ns && !p->namespace.p)
		bad_required(k, at(k, path, "namespace"), "`parameters.scope` is set to 'Namespace'");
	else if (ns)
		bad_wrong(k, at(k, path, "namespace"), p->namespace, name_dns1123_label(p->namespace));
	else if (p->namespace.p)
		bad_forbidden(k, at(k, path, "namespace"), "`parameters.scope` is set to 'Cluster'");
}
static const struct rule class_parameters[] = {CALL("apiGroup", check_group), FORMAT_NEED("kind", name_path_segment), FORMAT_NEED("name", name_path_segment),
	WITH(check_class_scope), END};
static const struct rule class_rules[] = {LONG("spec.controller", 250), FORMAT_NEED("spec.controller", name_domain_prefixed_path),
	SUB("spec.parameters", class_parameters), END};
static const struct rule class_same[] = {SAME("spec.controller"), END};
RULES_NEW(validate_ingressclass, T_networking_v1_IngressClass, class_rules)

void validate_ingressclass_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_changes(k, STR(""), T_networking_v1_IngressClass, obj, old, class_same);
	check_rules(k, STR(""), T_networking_v1_IngressClass, obj, class_rules);
}

/* ---- NetworkPolicy ---- */

static void check_policy_port(struct check *k, struct str path, const void *value)
{
	const struct networking_v1_NetworkPolicyPort *p = value;
	struct str end = at(k, path, "endPort");
	if (p->protocol.p)
		check_choice(k, at(k, path, "protocol"), p->protocol, CHOICES("TCP", "UDP", "SCTP"));
	if (p->has_port && !p->port.is_str) {
		check_port(k, at(k, path, "port"), p->port.num);
		if (p->has_endPort && p->endPort < p->port.num)
			bad_number(k, end, p->endPort, "must be greater than or equal to `port`");
		if (p->has_endPort)
			check_port(k, end, p->endPort);
	} else if (p->has_port) {
		if (p->has_endPort)
			bad_number(k, end, p->endPort, "may not be specified when `port` is non-numeric");
		check_port_or_name(k, at(k, path, "port"), &p->port);
	} else if (p->has_endPort) {
		bad_number(k, end, p->endPort, "may not be specified when `port` is not specified");
	}
}

static void check_ip_block(struct check *k, struct str path, const struct networking_v1_IPBlock *b)
{
	struct cidr all, part;
	if (!b->cidr.n) {
		bad_required(k, at(k, path, "cidr"), NULL);
		return;
	}
	check_cidr(k, at(k, path, "cidr"), b->cidr);
	if (cidr_parse(b->cidr, true, &all))
		return;
	for (uint32_t i = 0; i < b->except.len; i++) {
		struct str here = at_index(k, at(k, path, "except"), i);
		check_cidr(k, here, b->except.items[i]);
		if (cidr_parse(b->except.items[i], true, &part))
			continue;
		if (part.bits <= all.bits || part.ip.v4 != all.ip.v4 || !cidr_contains(cidr_network(all), cidr_network(part).ip))
			bad_string(k, here, b->except.items[i], "must be a strict subset of `cidr`");
	}
}

static void check_peer(struct check *k, struct str path, const void *value)
{
	const struct networking_v1_NetworkPolicyPeer *p = value;
	check_selector(k, at(k, path, "podSelector"), p->podSelector);
	check_selector(k, at(k, path, "namespaceSelector"), p->namespaceSelector);
	if (p->ipBlock)
		check_ip_block(k, at(k, path, "ipBlock"), p->ipBlock);
	if (!p->podSelector && !p->namespaceSelector && !p->ipBlock)
		bad_required(k, path, "must specify a peer");
	else if (p->ipBlock && (p->podSelector || p->namespaceSelector))
		bad_forbidden(k, path, "may not specify both ipBlock and another peer");
}

static void check_policy_types(struct check *k, struct str path, const void *value)
{
	const str_list_t *l = value;
	if (l->len > 2) {
		bad_value(k, path, json_strings(k, l), "may not specify more than two policyTypes");
		return;
	}
	for (uint32_t i = 0; i < l->len; i++)
		check_choice(k, at_index(k, path, i), l->items[i], CHOICES("Ingress", "Egress"));
}

static const struct rule policy_port[] = {WITH(check_policy_port), END}, policy_peer[] = {WITH(check_peer), END};
static const struct rule ingress_rule[] = {EACH("ports", policy_port), EACH("from", policy_peer), END}, egress_rule[] = {EACH("ports", policy_port), EACH("to", policy_peer), END};
static const struct rule networkpolicy_rules[] = {SELECTOR("spec.podSelector"), EACH("spec.ingress", ingress_rule), EACH("spec.egress", egress_rule),
	CALL("spec.policyTypes", check_policy_types), END};
RULES_NEW(validate_networkpolicy, T_networking_v1_NetworkPolicy, networkpolicy_rules)
RULES_CHANGE(validate_networkpolicy_update, T_networking_v1_NetworkPolicy, networkpolicy_rules, no_changes)

/* ---- IPAddress, ServiceCIDR ---- */

void validate_name_ip(struct str name, bool prefix, struct err *e)
{
	struct ip ip;
	BUF(canonical);
	if (ip_parse(name, false, &ip) == 0) {
		ip_write(&canonical, ip);
		if (!str_eq(buf_view(&canonical), name))
			err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": must be in canonical form (\"%.*s\")", STR_F(name),
				STR_F(buf_view(&canonical)));
		return;
	}
	bool legacy = ip_parse(name, true, &ip) == 0;
	err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name),
		legacy ? "must not have leading 0s" : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

static void check_parent(struct check *k, struct str path, const void *value)
{
	const struct networking_v1_ParentReference *p = value;
	if (!p) {
		bad_required(k, path, NULL);
		return;
	}
	if (p->group.n)
		bad_wrong(k, at(k, path, "group"), p->group, name_dns1123_subdomain(p->group));
	if (!p->resource.n)
		bad_required(k, at(k, path, "resource"), NULL);
	else
		bad_wrong(k, at(k, path, "resource"), p->resource, name_path_segment(p->resource));
	if (!p->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	else
		bad_wrong(k, at(k, path, "name"), p->name, name_path_segment(p->name));
	if (p->namespace.n)
		bad_wrong(k, at(k, path, "namespace"), p->namespace, name_path_segment(p->namespace));
}
static const struct rule ipaddress_rules[] = {CALL_ALWAYS("spec.parentRef", check_parent), END}, ipaddress_same[] = {SAME("spec.parentRef"), END};
RULES_NEW(validate_ipaddress, T_networking_v1_IPAddress, ipaddress_rules)
RULES_CHANGE(validate_ipaddress_update, T_networking_v1_IPAddress, no_changes, ipaddress_same)

static void check_cidr_list(struct check *k, struct str path, const void *value)
{
	const str_list_t none = {0}, *l = value ? value : &none;
	struct cidr a, b;
	if (!l->len) {
		bad_required(k, path, "at least one CIDR required");
		return;
	}
	if (l->len > 2) {
		bad_value(k, path, json_strings(k, l), "may only hold up to 2 values");
		return;
	}
	for (uint32_t i = 0; i < l->len; i++)
		check_cidr(k, at_index(k, path, i), l->items[i]);
	if (l->len == 2 && !cidr_parse(l->items[0], true, &a) && !cidr_parse(l->items[1], true, &b) && a.ip.v4 == b.ip.v4)
		bad_value(k, path, json_strings(k, l), "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64");
}
static const struct rule servicecidr_rules[] = {CALL_ALWAYS("spec.cidrs", check_cidr_list), END};
RULES_NEW(validate_servicecidr, T_networking_v1_ServiceCIDR, servicecidr_rules)

void validate_servicecidr_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const str_list_t *now = &((const struct networking_v1_ServiceCIDR *)obj)->spec.cidrs, *old = &((const struct networking_v1_ServiceCIDR *)old_)->spec.cidrs;
	CHECK(k);
	bool added = now->len == 2 && old->len == 1; /* a second family may be */
	if (!added && now->len != old->len) {
		bad_value(k, STR("spec.cidrs"), json_strings(k, now), IMMUTABLE);
		return;
	}
	for (uint32_t i = 0; i < old->len; i++)
		if (!str_eq(now->items[i], old->items[i]))
			bad_string(k, at_index(k, STR("spec.cidrs"), i), now->items[i], IMMUTABLE);
	if (added)
		check_cidr_list(k, STR("spec.cidrs"), now);
}

/* ---- EndpointSlice ---- */

#define ENDPOINTS_MAX 1000 /* as upstream, like the next three */
#define ADDRESSES_MAX 100
#define TOPOLOGY_MAX 16
#define SLICE_PORTS_MAX 20000
#define HINTS_MAX 8

static void check_slice_address(struct check *k, struct str path, struct str type, const str_list_t *l, uint32_t i, const struct discovery_v1_EndpointSlice *old)
{
	struct str here = at_index(k, path, i), text = l->items[i];
	uint32_t before = k->e->ncauses;
	struct ip ip;
	if (str_is(type, "FQDN")) {
		bad_wrong(k, here, text, name_dns1123_subdomain(text));
		return;
	}
	if (!old)
		check_ip(k, here, text);
	if (k->e->ncauses > before || ip_parse(text, true, &ip))
		return;
	struct str canonical = ip_text(k->a, ip);
	if (!old && !str_eq(canonical, text))
		bad_string(k, here, text, str_z(k->a, str_printf(k->a, "must be in canonical form (\"%.*s\")", STR_F(canonical))));
	if (ip.v4 != str_is(type, "IPv4"))
		bad_string(k, path, text, ip.v4 ? "must be an IPv6 address" : "must be an IPv4 address");
	check_special_ip(k, here, text);
}

static void check_hints(struct check *k, struct str path, const struct discovery_v1_EndpointHints *h)
{
	struct str zones = at(k, path, "forZones"), nodes = at(k, path, "forNodes");
	if (h->forZones.len > HINTS_MAX)
		bad_many(k, zones, h->forZones.len, HINTS_MAX);
	for (uint32_t i = 0; i < h->forZones.len; i++) {
		struct str here = at(k, at_index(k, zones, i), "name"), name = h->forZones.items[i].name;
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(name, h->forZones.items[j].name)) {
				bad_duplicate(k, at_index(k, zones, i), name);
				break;
			}
		bad_wrong(k, here, name, name_label_value(name));
	}
	if (h->forNodes.len > HINTS_MAX)
		bad_many(k, nodes, h->forNodes.len, HINTS_MAX);
	for (uint32_t i = 0; i < h->forNodes.len; i++)
		bad_wrong(k, at(k, at_index(k, nodes, i), "name"), h->forNodes.items[i].name, name_dns1123_subdomain(h->forNodes.items[i].name));
}

static void check_endpoint(struct check *k, struct str path, const struct discovery_v1_Endpoint *p, struct str type, const struct discovery_v1_EndpointSlice *old)
{
	struct str addresses = at(k, path, "addresses");
	if (!p->addresses.len)
		bad_required(k, addresses, "must contain at least 1 address");
	else if (p->addresses.len > ADDRESSES_MAX)
		bad_many(k, addresses, p->addresses.len, ADDRESSES_MAX);
	for (uint32_t i = 0; i < p->addresses.len; i++)
		check_slice_address(k, addresses, type, &p->addresses, i, old);
	if (p->nodeName.p)
		bad_wrong(k, at(k, path, "nodeName"), p->nodeName, name_dns1123_subdomain(p->nodeName));
	if (p->deprecatedTopology.len > TOPOLOGY_MAX)
		bad_many(k, at(k, path, "deprecatedTopology"), p->deprecatedTopology.len, TOPOLOGY_MAX);
	check_labels(k, at(k, path, "deprecatedTopology"), &p->deprecatedTopology);
	if (p->hostname.p)
		bad_wrong(k, at(k, path, "hostname"), p->hostname, name_dns1123_label(p->hostname));
	if (p->hints)
		check_hints(k, at(k, path, "hints"), p->hints);
}

static void check_slice_ports(struct check *k, const discovery_v1_EndpointPort_list_t *l)
{
	if (l->len > SLICE_PORTS_MAX)
		bad_many(k, STR("ports"), l->len, SLICE_PORTS_MAX);
	for (uint32_t i = 0; l->len <= SLICE_PORTS_MAX && i < l->len; i++) {
		const struct discovery_v1_EndpointPort *p = &l->items[i];
		struct str here = at_index(k, STR("ports"), i);
		if (p->name.n)
			bad_wrong(k, at(k, here, "name"), p->name, name_dns1123_label(p->name));
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(p->name, l->items[j].name)) {
				bad_duplicate(k, at(k, here, "name"), p->name);
				break;
			}
		if (!p->protocol.p)
			bad_required(k, at(k, here, "protocol"), NULL);
		else
			check_choice(k, at(k, here, "protocol"), p->protocol, CHOICES("SCTP", "TCP", "UDP"));
		if (p->appProtocol.p)
			bad_wrong(k, at(k, here, "appProtocol"), p->appProtocol, name_qualified(p->appProtocol));
	}
}

static void check_slice(struct check *k, const struct discovery_v1_EndpointSlice *s, const struct discovery_v1_EndpointSlice *old)
{
	if (!s->addressType.n)
		bad_required(k, STR("addressType"), NULL);
	else if (!one_of(s->addressType, CHOICES("FQDN", "IPv4", "IPv6")))
		bad_choice(k, STR("addressType"), s->addressType, CHOICES("FQDN", "IPv4", "IPv6"));
	if (s->endpoints.len > ENDPOINTS_MAX)
		bad_many(k, STR("endpoints"), s->endpoints.len, ENDPOINTS_MAX);
	bool known = one_of(s->addressType, CHOICES("FQDN", "IPv4", "IPv6"));
	for (uint32_t i = 0; known && s->endpoints.len <= ENDPOINTS_MAX && i < s->endpoints.len; i++)
		check_endpoint(k, at_index(k, STR("endpoints"), i), &s->endpoints.items[i], s->addressType, old);
	check_slice_ports(k, &s->ports);
	if (old && !str_eq(s->addressType, old->addressType))
		bad_string(k, STR("addressType"), s->addressType, IMMUTABLE);
}

void validate_endpointslice(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_slice(k, obj, NULL);
}

void validate_endpointslice_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_slice(k, obj, old);
}
