/* The smaller kinds of the core group. */
#include "apiserver/registry/validate/network.h"
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"

#include "api/ip.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"
#include "schema/quantity.h"
#include "schema/value.h"

#define DATA_MAX (1 << 20) /* of a ConfigMap or Secret, as upstream */

/* ---- ConfigMap ---- */

static size_t check_keys(struct check *k, const char *field, const struct str_map *m)
{
	size_t total = 0;
	LIST_EACH(p, *m) {
		bad_wrong(k, at_key(k, str_of(field), p->key), p->key, name_config_map_key(p->key));
		total += p->value.n;
	}
	return total;
}

static void check_configmap(struct check *k, const struct core_v1_ConfigMap *c)
{
	size_t total = check_keys(k, "data", &c->data);
	LIST_EACH(p, c->data)
		if (str_map_has(&c->binaryData, p->key))
			bad_string(k, at_key(k, STR("data"), p->key), p->key, "duplicate of key present in binaryData");
	total += check_keys(k, "binaryData", &c->binaryData);
	if (total > DATA_MAX)
		bad_long(k, STR("[]"), DATA_MAX); /* how upstream writes a path without members */
}

void validate_configmap(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_configmap(k, obj);
}

#define WHEN_IMMUTABLE "field is immutable when `immutable` is set"
static const struct rule configmap_frozen[] = {FROZEN("immutable", WHEN_IMMUTABLE), FROZEN("data", WHEN_IMMUTABLE), FROZEN("binaryData", WHEN_IMMUTABLE), END};
static const struct rule secret_frozen[] = {FROZEN("immutable", WHEN_IMMUTABLE), FROZEN("data", WHEN_IMMUTABLE), END};

void validate_configmap_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct core_v1_ConfigMap *old = old_;
	CHECK(k);
	if (old->has_immutable && old->immutable)
		check_changes(k, STR(""), T_core_v1_ConfigMap, obj, old, configmap_frozen);
	check_configmap(k, obj);
}

/* ---- Secret ---- */

static void need_key(struct check *k, const struct str_map *m, const char *key)
{
	if (!str_map_has(m, str_of(key)))
		bad_required(k, at_key(k, STR("data"), str_of(key)), NULL);
}

static void check_docker(struct check *k, const struct str_map *m, const char *key)
{
	struct value *v;
	ERR(e);
	need_key(k, m, key);
	if (str_map_has(m, str_of(key)) && json_parse(k->a, str_map_get(m, str_of(key)), NULL, &v, &e))
		bad_value(k, at_key(k, STR("data"), str_of(key)), STR("\"<secret contents redacted>\""), "must be JSON");
}

static void check_secret_type(struct check *k, const struct core_v1_Secret *s)
{
	static const struct { const char *type, *key; bool docker; } needs[] = {
		{"kubernetes.io/dockercfg", ".dockercfg", true}, {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", true},
		{"kubernetes.io/tls", "tls.crt", false}, {"kubernetes.io/tls", "tls.key", false},
	};
	struct str account = STR("kubernetes.io/service-account.name");
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (str_is(s->type, needs[i].type))
			(needs[i].docker ? check_docker : need_key)(k, &s->data, needs[i].key);
	if (str_is(s->type, "kubernetes.io/ssh-auth") && !str_map_get(&s->data, STR("ssh-privatekey")).n)
		bad_required(k, STR("data[ssh-privatekey]"), NULL);
	if (str_is(s->type, "kubernetes.io/service-account-token") && !str_map_get(&s->metadata.annotations, account).n)
		bad_required(k, at_key(k, STR("metadata.annotations"), account), NULL);
	if (str_is(s->type, "kubernetes.io/basic-auth") && !str_map_has(&s->data, STR("username")) && !str_map_has(&s->data, STR("password"))) {
		need_key(k, &s->data, "username");
		need_key(k, &s->data, "password");
	}
}

static void check_secret(struct check *k, const struct core_v1_Secret *s)
{
	if (check_keys(k, "data", &s->data) > DATA_MAX)
		bad_long(k, STR("data"), DATA_MAX);
	check_secret_type(k, s);
}

void validate_secret(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_secret(k, obj);
}

void validate_secret_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct core_v1_Secret *s = obj, *old = old_;
	CHECK(k);
	check_immutable_str(k, STR("type"), s->type, old->type);
	if (old->has_immutable && old->immutable)
		check_changes(k, STR(""), T_core_v1_Secret, s, old, secret_frozen);
	check_secret(k, s);
}

/* ---- Endpoints ---- */

void check_special_ip(struct check *k, struct str path, struct str text)
{
	struct ip ip;
	if (str_is(k->r->user.name, "system:apiserver")) /* the server's own endpoint may be any that it was told to advertise */
		return;
	if (ip_parse(text, true, &ip)) {
		bad_string(k, path, text, "must be a valid IP address");
		return;
	}
	if (ip_is_unspecified(ip))
		bad_string(k, path, text, ip.v4 ? "may not be unspecified (0.0.0.0)" : "may not be unspecified (::)");
	if (ip_is_loopback(ip))
		bad_string(k, path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
	if (ip_is_link_local(ip))
		bad_string(k, path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
	if (ip_is_link_local_multicast(ip))
		bad_string(k, path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

static void check_endpoint_address(struct check *k, struct str path, const void *value)
{
	const struct core_v1_EndpointAddress *a = value;
	check_ip(k, at(k, path, "ip"), a->ip);
	if (a->hostname.n)
		bad_wrong(k, at(k, path, "hostname"), a->hostname, name_dns1123_label(a->hostname));
	if (a->nodeName.p)
		bad_wrong(k, at(k, path, "nodeName"), a->nodeName, name_dns1123_subdomain(a->nodeName));
	check_special_ip(k, at(k, path, "ip"), a->ip);
}
static const struct rule endpoint_address[] = {WITH(check_endpoint_address), END};

static void check_endpoint_port(struct check *k, struct str path, const struct core_v1_EndpointPort *p, bool name_needed)
{
	if (name_needed && !p->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	else if (p->name.n)
		bad_wrong(k, at(k, path, "name"), p->name, name_dns1123_label(p->name));
	check_port(k, at(k, path, "port"), p->port);
	if (!p->protocol.n)
		bad_required(k, at(k, path, "protocol"), NULL);
	else
		check_choice(k, at(k, path, "protocol"), p->protocol, CHOICES("SCTP", "TCP", "UDP"));
	if (p->appProtocol.p)
		bad_wrong(k, at(k, path, "appProtocol"), p->appProtocol, name_qualified(p->appProtocol));
}

static const struct rule subset_rules[] = {EACH("addresses", endpoint_address), EACH("notReadyAddresses", endpoint_address), END};

static void check_subset(struct check *k, struct str path, const void *value)
{
	const struct core_v1_EndpointSubset *s = value;
	if (!s->addresses.len && !s->notReadyAddresses.len)
		bad_required(k, path, "must specify `addresses` or `notReadyAddresses`");
	check_rules(k, path, T_core_v1_EndpointSubset, s, subset_rules);
	for (uint32_t i = 0; i < s->ports.len; i++)
		check_endpoint_port(k, at_index(k, at(k, path, "ports"), i), &s->ports.items[i], s->ports.len > 1);
}

static const struct rule endpoints_rules[] = {EACH("subsets", ((const struct rule[]){WITH(check_subset), END})), END}, no_changes[] = {END};
RULES_NEW(validate_endpoints, T_core_v1_Endpoints, endpoints_rules)
RULES_CHANGE(validate_endpoints_update, T_core_v1_Endpoints, endpoints_rules, no_changes)

/* ---- LimitRange ---- */

static const char *const limit_types[] = {"Pod", "Container", "PersistentVolumeClaim", NULL};

static void check_limit_type(struct check *k, struct str path, struct str type)
{
	struct wrong w = name_qualified(type);
	bad_wrong(k, path, type, w);
	if (!w.n && str_index(type, '/', 0) < 0 && !one_of(type, limit_types))
		bad_string(k, path, type, "must be a standard limit type or fully qualified");
}

static void check_limit_names(struct check *k, struct str path, const char *field, const struct str_map *m, struct str type)
{
	LIST_EACH(q, *m) {
		struct str here = at_key(k, at(k, path, field), q->key);
		(one_of(type, CHOICES("Pod", "Container")) ? check_container_resource : check_resource_name)(k, here, q->key);
	}
}

struct bound {
	const char *name, *label;
	const struct str_map *map;
};

/* Told at `here`, where `shown` stands: low is not above high. */
static void check_order(struct check *k, struct str path, struct str key, const struct bound *low, const struct bound *high, const struct bound *here, const struct bound *shown)
{
	struct quantity a = quantity_of(str_map_get(low->map, key)), b = quantity_of(str_map_get(high->map, key));
	if (!str_map_has(low->map, key) || !str_map_has(high->map, key) || quantity_cmp(&a, &b) <= 0)
		return;
	bad_string(k, at_key(k, at(k, path, here->name), key), str_map_get(shown->map, key), str_z(k->a, str_printf(k->a, "%s value %.*s is greater than %s value %.*s",
		low->label, STR_F(str_map_get(low->map, key)), high->label, STR_F(str_map_get(high->map, key)))));
}

static void check_ratio(struct check *k, struct str path, struct str key, const struct core_v1_LimitRangeItem *l)
{
	struct str text = str_map_get(&l->maxLimitRequestRatio, key), here = at_key(k, at(k, path, "maxLimitRequestRatio"), key);
	struct quantity ratio = quantity_of(text), one = quantity_int(1, QUANTITY_DECIMAL_SI);
	struct quantity min = quantity_of(str_map_get(&l->min, key)), max = quantity_of(str_map_get(&l->max, key));
	if (!str_map_has(&l->maxLimitRequestRatio, key))
		return;
	if (quantity_cmp(&ratio, &one) < 0)
		bad_string(k, here, text, str_z(k->a, str_printf(k->a, "ratio %.*s is less than 1", STR_F(text))));
	double most = quantity_double(&min) > 0 ? quantity_double(&max) / quantity_double(&min) : 0;
	if (str_map_has(&l->min, key) && str_map_has(&l->max, key) && quantity_double(&ratio) > most)
		bad_string(k, here, text, str_z(k->a, str_printf(k->a, "ratio %.*s is greater than max/min = %f", STR_F(text), most)));
}

static void check_limit_key(struct check *k, struct str path, struct str key, const struct core_v1_LimitRangeItem *l)
{
	const struct bound min = {"min", "min", &l->min}, max = {"max", "max", &l->max}, def = {"default", "default", &l->default_},
		req = {"defaultRequest", "default request", &l->defaultRequest}, lim = {"default", "default limit", &l->default_};
	check_order(k, path, key, &min, &max, &min, &min);
	check_order(k, path, key, &min, &req, &req, &req);
	check_order(k, path, key, &req, &max, &req, &req);
	check_order(k, path, key, &req, &lim, &req, &req);
	check_order(k, path, key, &min, &def, &def, &min);
	check_order(k, path, key, &def, &max, &def, &max);
	check_ratio(k, path, key, l);
	struct str a = str_map_get(&l->default_, key), b = str_map_get(&l->defaultRequest, key);
	struct quantity qa = quantity_of(a), qb = quantity_of(b);
	if (!resource_overcommit_allowed(key) && a.n && b.n && quantity_cmp(&qa, &qb))
		bad_string(k, at_key(k, at(k, path, "defaultRequest"), key), b, str_z(k->a, str_printf(k->a, "default value %.*s must equal to defaultRequest value %.*s in %.*s",
			STR_F(a), STR_F(b), STR_F(key))));
}

static void check_limit(struct check *k, struct str path, const struct core_v1_LimitRangeItem *l)
{
	check_limit_names(k, path, "max", &l->max, l->type);
	check_limit_names(k, path, "min", &l->min, l->type);
	if (str_is(l->type, "Pod")) {
		if (l->default_.len)
			bad_forbidden(k, at(k, path, "default"), "may not be specified when `type` is 'Pod'");
		if (l->defaultRequest.len)
			bad_forbidden(k, at(k, path, "defaultRequest"), "may not be specified when `type` is 'Pod'");
	} else {
		check_limit_names(k, path, "default", &l->default_, l->type);
		check_limit_names(k, path, "defaultRequest", &l->defaultRequest, l->type);
	}
	if (str_is(l->type, "PersistentVolumeClaim") && !str_map_has(&l->min, STR("storage")) && !str_map_has(&l->max, STR("storage")))
		bad_required(k, at(k, path, "limits"), "either minimum or maximum storage value is required, but neither was provided");
	check_limit_names(k, path, "maxLimitRequestRatio", &l->maxLimitRequestRatio, l->type);
	struct str_map keys = {0};
	const struct str_map *all[] = {&l->max, &l->min, &l->default_, &l->defaultRequest, &l->maxLimitRequestRatio};
	for (size_t i = 0; i < 5; i++)
		LIST_EACH(q, *all[i])
			str_map_set(k->a, &keys, q->key, STR(""));
	LIST_EACH(q, keys)
		check_limit_key(k, path, q->key, l);
}

static void check_limits(struct check *k, struct str path, const void *value)
{
	const struct core_v1_LimitRange *l = value;
	for (uint32_t i = 0; i < l->spec.limits.len; i++) {
		struct str here = at_index(k, STR("spec.limits"), i), type = l->spec.limits.items[i].type;
		check_limit_type(k, at(k, here, "type"), type);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(type, l->spec.limits.items[j].type)) {
				bad_duplicate(k, at(k, here, "type"), type);
				break;
			}
		check_limit(k, here, &l->spec.limits.items[i]);
	}
}

static const struct rule limitrange_rules[] = {WITH(check_limits), END};
RULES_NEW(validate_limitrange, T_core_v1_LimitRange, limitrange_rules)
RULES_CHANGE(validate_limitrange_update, T_core_v1_LimitRange, limitrange_rules, no_changes)

/* ---- ResourceQuota ---- */

static const char *const scopes[] = {"BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating", "VolumeAttributesClass", NULL};

static const char *const pod_quota[] = {"cpu", "limits.cpu", "limits.memory", "memory", "pods", "requests.cpu", "requests.memory", NULL};

static bool is_quota_resource(struct str n)
{
	static const char *const other[] = {"configmaps", "ephemeral-storage", "limits.ephemeral-storage", "persistentvolumeclaims", "replicationcontrollers",
		"requests.ephemeral-storage", "requests.storage", "resourcequotas", "secrets", "services", "services.loadbalancers", "services.nodeports", NULL};
	return one_of(n, pod_quota) || one_of(n, other) || str_has_prefix(n, STR("hugepages-")) || str_has_prefix(n, STR("requests.hugepages-"));
}

static void check_quota_amounts(struct check *k, struct str path, const struct str_map *m)
{
	LIST_EACH(q, *m) {
		struct str here = at_key(k, path, q->key);
		check_resource_name(k, here, q->key);
		if (str_index(q->key, '/', 0) < 0 && !is_quota_resource(q->key))
			bad_string(k, here, q->key, "must be a standard resource for quota");
		check_quantity_value(k, here, q->key, q->value);
	}
}

/* Resources that are not counted by the API server itself go with any scope, known or not. */
static bool scope_allows(struct str scope, struct str resource)
{
	if (!is_quota_resource(resource) || !one_of(scope, scopes))
		return true;
	if (str_is(scope, "BestEffort"))
		return str_is(resource, "pods");
	if (str_is(scope, "VolumeAttributesClass"))
		return one_of(resource, CHOICES("persistentvolumeclaims", "requests.storage"));
	return one_of(resource, pod_quota);
}

static void check_scope_pairs(struct check *k, struct str path, const struct core_v1_ResourceQuotaSpec *s, const str_list_t *used)
{
	static const char *const pairs[][2] = {{"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"}};
	for (size_t i = 0; i < 2; i++) {
		bool a = false, b = false;
		LIST_EACH(c, *used) {
			a |= str_is(*c, pairs[i][0]);
			b |= str_is(*c, pairs[i][1]);
		}
		if (a && b)
			bad_value(k, path, json_strings(k, &s->scopes), "conflicting scopes");
	}
}

static void check_scopes(struct check *k, const struct core_v1_ResourceQuotaSpec *s)
{
	struct str path = STR("spec.scopes");
	LIST_EACH(c, s->scopes) {
		if (!one_of(*c, scopes))
			bad_value(k, path, json_strings(k, &s->scopes), "unsupported scope");
		LIST_EACH(q, s->hard)
			if (!scope_allows(*c, q->key))
				bad_value(k, path, json_strings(k, &s->scopes), "unsupported scope applied to resource");
	}
	check_scope_pairs(k, path, s, &s->scopes);
}

static void check_scope_values(struct check *k, struct str path, const struct core_v1_ScopedResourceSelectorRequirement *q)
{
	if (one_of(q->operator, CHOICES("In", "NotIn"))) {
		if (!q->values.len)
			bad_required(k, at(k, path, "values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
	} else if (one_of(q->operator, CHOICES("Exists", "DoesNotExist"))) {
		if (q->values.len)
			bad_value(k, at(k, path, "values"), json_strings(k, &q->values), "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
	} else {
		bad_string(k, at(k, path, "operator"), q->operator, "not a valid selector operator");
	}
}

/* The paths lack the index, as upstream's. */
static void check_scope_terms(struct check *k, const struct core_v1_ResourceQuotaSpec *s)
{
	struct str path = STR("spec.scopeSelector.matchExpressions"), *name;
	str_list_t used = {0};
	LIST_EACH(q, s->scopeSelector->matchExpressions) {
		if (!one_of(q->scopeName, scopes))
			bad_string(k, at(k, path, "scopeName"), q->scopeName, "unsupported scope");
		LIST_EACH(h, s->hard)
			if (!scope_allows(q->scopeName, h->key))
				bad_value(k, path, json_text(k, (struct ref){desc_type(T_core_v1_ScopeSelector), s->scopeSelector}), "unsupported scope applied to resource");
		if (one_of(q->scopeName, CHOICES("BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity")) && !str_is(q->operator, "Exists"))
			bad_string(k, at(k, path, "operator"), q->operator, "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
				"ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
		check_scope_values(k, path, q);
		if ((name = arena_push(k->a, &used)))
			*name = q->scopeName;
	}
	check_scope_pairs(k, path, s, &used);
}

static void check_quota(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ResourceQuota *q = value;
	check_quota_amounts(k, STR("spec.hard"), &q->spec.hard);
	check_scopes(k, &q->spec);
	if (q->spec.scopeSelector)
		check_scope_terms(k, &q->spec);
}

static const struct rule quota_rules[] = {WITH(check_quota), END};
RULES_NEW(validate_quota, T_core_v1_ResourceQuota, quota_rules)

static bool all_among(const str_list_t *l, const str_list_t *among)
{
	LIST_EACH(s, *l) {
		bool found = false;
		LIST_EACH(t, *among)
			found |= str_eq(*s, *t);
		if (!found)
			return false;
	}
	return true;
}

void validate_quota_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct core_v1_ResourceQuota *q = obj, *old = old_;
	CHECK(k);
	check_quota(k, STR(""), q);
	if (!all_among(&q->spec.scopes, &old->spec.scopes) || !all_among(&old->spec.scopes, &q->spec.scopes))
		bad_value(k, STR("spec.scopes"), json_strings(k, &q->spec.scopes), IMMUTABLE);
}

void validate_quota_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct core_v1_ResourceQuota *q = obj;
	CHECK(k);
	check_quota_amounts(k, STR("status.hard"), &q->status.hard);
	check_quota_amounts(k, STR("status.used"), &q->status.used);
}

/* ---- Namespace ---- */

static void check_finalizer(struct check *k, struct str path, struct str f)
{
	bad_wrong(k, path, f, name_qualified(f));
	if (str_index(f, '/', 0) < 0 && !one_of(f, CHOICES("kubernetes", "orphan", "foregroundDeletion")))
		bad_string(k, path, f, "name is neither a standard finalizer name nor is it fully qualified");
}

static void check_finalizers(struct check *k, struct str path, const void *value)
{
	LIST_EACH(f, *(const str_list_t *)value)
		check_finalizer(k, path, *f);
}

static void check_finalizers_by_index(struct check *k, struct str path, const void *value)
{
	const str_list_t *l = value;
	for (uint32_t i = 0; i < l->len; i++)
		check_finalizer(k, at_index(k, path, i), l->items[i]);
}

static const struct rule namespace_rules[] = {CALL("spec.finalizers", check_finalizers), END}, finalize_rules[] = {CALL("spec.finalizers", check_finalizers_by_index), END};
RULES_NEW(validate_namespace, T_core_v1_Namespace, namespace_rules)
RULES_CHANGE(validate_namespace_finalize, T_core_v1_Namespace, finalize_rules, no_changes)

void validate_namespace_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct core_v1_Namespace *n = obj;
	CHECK(k);
	bool going = n->metadata.has_deletionTimestamp;
	if (!going && !str_is(n->status.phase, "Active"))
		bad_string(k, STR("status.Phase"), n->status.phase, "may only be 'Active' if `deletionTimestamp` is empty");
	if (going && !str_is(n->status.phase, "Terminating"))
		bad_string(k, STR("status.Phase"), n->status.phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
}

/* ---- Node ---- */

static bool taint_before(const core_v1_Taint_list_t *l, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(l->items[i].key, l->items[j].key) && str_eq(l->items[i].effect, l->items[j].effect))
			return true;
	return false;
}

static void check_taints(struct check *k, const core_v1_Taint_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_Taint *t = &l->items[i];
		struct str path = at_index(k, STR("metadata.taints"), i); /* as upstream says */
		struct wrong w = name_label_value(t->value);
		bad_wrong(k, at(k, path, "key"), t->key, name_qualified(t->key));
		if (w.n)
			bad_string(k, at(k, path, "value"), t->value, str_z(k->a, wrong_join(k->a, w)));
		if (!t->effect.n)
			bad_required(k, at(k, path, "effect"), NULL);
		else
			check_choice(k, at(k, path, "effect"), t->effect, CHOICES("NoSchedule", "PreferNoSchedule", "NoExecute"));
		if (taint_before(l, i))
			err_cause(k->e, "FieldValueDuplicate", path, "Duplicate value: %.*s: taints must be unique by key and effect pair",
				STR_F(json_text(k, (struct ref){desc_type(T_core_v1_Taint), (void *)t})));
	}
}

static void check_cidrs(struct check *k, struct str path, const str_list_t *l)
{
	unsigned v4 = 0, v6 = 0;
	bool parsed = true;
	for (uint32_t i = 0; i < l->len; i++) {
		struct cidr c = {0};
		check_cidr(k, at_index(k, path, i), l->items[i]);
		parsed &= cidr_parse(l->items[i], true, &c) == 0;
		v4 += c.ip.v4;
		v6 += !c.ip.v4;
	}
	if (!parsed && l->len > 1)
		err_cause(k->e, "InternalError", path, "Internal error: invalid PodCIDRs. failed to check with dual stack");
	if (l->len > 1 && (!parsed || v4 != 1 || v6 != 1))
		bad_value(k, path, json_strings(k, l), "may specify no more than one CIDR for each IP family");
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[i], l->items[j])) {
				bad_duplicate(k, at_index(k, path, i), l->items[i]);
				break;
			}
}

static void check_node_resources(struct check *k, const struct core_v1_Node *n)
{
	LIST_EACH(q, n->status.capacity)
		check_quantity_value(k, at(k, STR("status.capacity"), str_z(k->a, q->key)), q->key, q->value);
	LIST_EACH(q, n->status.allocatable)
		check_quantity_value(k, at(k, STR("status.allocatable"), str_z(k->a, q->key)), q->key, q->value);
}

static void check_node(struct check *k, const struct core_v1_Node *n)
{
	check_taints(k, &n->spec.taints);
	check_node_resources(k, n);
	check_cidrs(k, STR("spec.podCIDRs"), &n->spec.podCIDRs);
}

void validate_node(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_node(k, obj);
}

static void check_addresses_once(struct check *k, const core_v1_NodeAddress_list_t *l)
{
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[j].type, l->items[i].type) && str_eq(l->items[j].address, l->items[i].address)) {
				bad_duplicate_raw(k, at_index(k, STR("status.addresses"), i),
					str_printf(k->a, "{\"Type\":\"%.*s\",\"Address\":\"%.*s\"}", STR_F(l->items[i].type), STR_F(l->items[i].address)));
				break;
			}
}

static void check_cidrs_kept(struct check *k, const str_list_t *now, const str_list_t *old)
{
	uint32_t changed = old->len && now->len != old->len;
	for (uint32_t i = 0; i < old->len && now->len == old->len; i++)
		changed += !str_eq(now->items[i], old->items[i]);
	while (changed--)
		bad_forbidden(k, STR("spec.podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
}

static const struct rule config_names[] = {FORMAT_NEED("namespace", name_dns1123_label), FORMAT_NEED("name", name_dns1123_subdomain),
	FORMAT_NEED("kubeletConfigKey", name_config_map_key), END};
static const struct rule config_spec[] = {FORBID("uid", "uid must not be set in spec"), FORBID("resourceVersion", "resourceVersion must not be set in spec"), END};

static void check_config(struct check *k, const struct core_v1_NodeConfigSource *c)
{
	struct str path = STR("spec.configSource");
	if (c->configMap) {
		check_rules(k, at(k, path, "configMap"), T_core_v1_ConfigMapNodeConfigSource, c->configMap, config_spec);
		check_rules(k, at(k, path, "configMap"), T_core_v1_ConfigMapNodeConfigSource, c->configMap, config_names);
	} else {
		bad_value(k, path, STR("{\"ConfigMap\":null}"), "exactly one reference subfield must be non-nil");
	}
}

static void check_node_change(struct check *k, const struct core_v1_Node *n, const struct core_v1_Node *old)
{
	check_node_resources(k, n);
	check_addresses_once(k, &n->status.addresses);
	check_cidrs_kept(k, &n->spec.podCIDRs, &old->spec.podCIDRs);
	if (old->spec.providerID.n && !str_eq(n->spec.providerID, old->spec.providerID))
		bad_forbidden(k, STR("spec.providerID"), "node updates may not change providerID except from \"\" to valid");
	if (n->spec.configSource)
		check_config(k, n->spec.configSource);
	check_taints(k, &n->spec.taints);
	if (!str_eq(n->spec.externalID, old->spec.externalID))
		bad_forbidden(k, STR("spec.externalID"), "may not be updated");
}

/* As a new one, and as a changed one. */
void validate_node_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_node(k, obj);
	check_node_change(k, obj, old);
}

void validate_node_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_node_change(k, obj, old);
}
