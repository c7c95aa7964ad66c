/* The rest of a Pod's spec, Pods and templates as wholes. */
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"

#include "api/ip.h"
#include "gen/meta_v1.h"

#define DNS_SERVERS_MAX 3   /* as upstream */
#define DNS_SEARCHES_MAX 32
#define DNS_SEARCH_TEXT_MAX 2048

static void check_host_network(struct pod_check *p, struct str path)
{
	struct check *k = p->k;
	if (!p->spec->hostNetwork)
		return;
	for (uint32_t i = 0; i < p->spec->containers.len; i++)
		for (uint32_t j = 0; j < p->spec->containers.items[i].ports.len; j++) {
			const struct core_v1_ContainerPort *c = &p->spec->containers.items[i].ports.items[j];
			if (c->hostPort && c->hostPort != c->containerPort)
				bad_number(k, at(k, at_index(k, at(k, at_index(k, at(k, path, "containers"), i), "ports"), j), "hostPort"), c->hostPort,
					"must match `containerPort` when `hostNetwork` is true");
		}
}

#define NOT_WITH_USERS "when `hostUsers` is false"

static void check_host_users(struct pod_check *p, struct str path)
{
	if (!p->spec->has_hostUsers || p->spec->hostUsers)
		return;
	if (p->spec->hostNetwork)
		bad_forbidden(p->k, at(p->k, path, "hostNetwork"), NOT_WITH_USERS);
	if (p->spec->hostPID)
		bad_forbidden(p->k, at(p->k, path, "hostPID"), NOT_WITH_USERS);
	if (p->spec->hostIPC)
		bad_forbidden(p->k, at(p->k, path, "hostIPC"), NOT_WITH_USERS);
}

/* ---- DNS ---- */

static struct wrong name_search(struct str s)
{
	bool dot = s.n > 1 && s.p[s.n - 1] == '.';
	return str_is(s, ".") ? (struct wrong){0} : name_dns1123_subdomain_with_underscore(str_sub(s, 0, s.n - dot));
}

static void check_searches(struct check *k, struct str path, const str_list_t *l)
{
	size_t text = l->len ? l->len - 1 : 0;
	LIST_EACH(s, *l)
		text += s->n;
	if (l->len > DNS_SEARCHES_MAX)
		bad_value(k, path, json_strings(k, l), "must not have more than 32 search paths");
	if (text > DNS_SEARCH_TEXT_MAX)
		bad_value(k, path, json_strings(k, l), "must not have more than 2048 characters (including spaces) in the search list");
	for (uint32_t i = 0; i < l->len; i++)
		bad_wrong(k, at_index(k, path, i), l->items[i], name_search(l->items[i]));
}

static void check_dns(struct pod_check *p, struct str path)
{
	const struct core_v1_PodDNSConfig *d = p->spec->dnsConfig;
	struct check *k = p->k;
	if (str_is(p->spec->dnsPolicy, "None")) {
		if (!d) {
			bad_required(k, path, "must provide `dnsConfig` when `dnsPolicy` is None");
			return;
		}
		if (!d->nameservers.len) {
			bad_required(k, at(k, path, "nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
			return;
		}
	}
	if (!d)
		return;
	if (d->nameservers.len > DNS_SERVERS_MAX)
		bad_value(k, at(k, path, "nameservers"), json_strings(k, &d->nameservers), "must not have more than 3 nameservers");
	for (uint32_t i = 0; i < d->nameservers.len; i++)
		check_ip(k, at_index(k, at(k, path, "nameservers"), i), d->nameservers.items[i]);
	check_searches(k, at(k, path, "searches"), &d->searches);
	for (uint32_t i = 0; i < d->options.len; i++)
		if (!d->options.items[i].name.n)
			bad_required(k, at_index(k, at(k, path, "options"), i), "must not be empty");
}

/* ---- tolerations ---- */

/* One cause for all that is wrong. */
static void check_joined(struct check *k, struct str path, struct str value, struct wrong w)
{
	if (w.n)
		bad_string(k, path, value, str_z(k->a, wrong_join(k->a, w)));
}

static void check_toleration(struct check *k, struct str path, const struct core_v1_Toleration *t)
{
	bool equal = !t->operator.n || str_is(t->operator, "Equal"), exists = str_is(t->operator, "Exists");
	if (t->key.n)
		bad_wrong(k, at(k, path, "key"), t->key, name_qualified(t->key));
	if (!t->key.n && !exists)
		bad_string(k, at(k, path, "operator"), t->operator, "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
	if (t->has_tolerationSeconds && !str_is(t->effect, "NoExecute"))
		bad_string(k, at(k, path, "effect"), t->effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (equal)
		check_joined(k, at(k, path, "operator"), t->value, name_label_value(t->value));
	else if (exists && t->value.n)
		bad_string(k, at(k, path, "operator"), t->value, "value must be empty when `operator` is 'Exists'");
	else if (!exists)
		bad_choice(k, at(k, path, "operator"), t->operator, CHOICES("Equal", "Exists"));
	if (t->effect.n)
		check_choice(k, at(k, path, "effect"), t->effect, CHOICES("NoSchedule", "PreferNoSchedule", "NoExecute"));
}

void check_tolerations(struct check *k, struct str path, const core_v1_Toleration_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++)
		check_toleration(k, at_index(k, path, i), &l->items[i]);
}

/* ---- small lists ---- */

static void check_claim_sources(struct check *k, struct str path, const core_v1_PodResourceClaim_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_PodResourceClaim *c = &l->items[i];
		struct str here = at_index(k, path, i), json = json_text(k, (struct ref){desc_type(T_core_v1_PodResourceClaim), (void *)c});
		bool again = false;
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(c->name, l->items[j].name);
		if (!c->name.n)
			bad_required(k, at(k, here, "name"), NULL);
		else if (again)
			bad_duplicate(k, at(k, here, "name"), c->name);
		else
			bad_wrong(k, at(k, here, "name"), c->name, name_dns1123_label(c->name));
		if (c->resourceClaimName.p && c->resourceClaimTemplateName.p)
			bad_value(k, here, json, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
		if (!c->resourceClaimName.p && !c->resourceClaimTemplateName.p)
			bad_value(k, here, json, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
		if (c->resourceClaimName.p)
			bad_wrong(k, at(k, here, "resourceClaimName"), c->resourceClaimName, name_dns1123_subdomain(c->resourceClaimName));
		if (c->resourceClaimTemplateName.p)
			bad_wrong(k, at(k, here, "resourceClaimTemplateName"), c->resourceClaimTemplateName, name_dns1123_subdomain(c->resourceClaimTemplateName));
	}
}

static void check_gates(struct check *k, struct str path, const core_v1_PodSchedulingGate_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		struct str name = l->items[i].name, here = at_index(k, path, i);
		bad_wrong(k, here, name, name_qualified(name));
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(name, l->items[j].name)) {
				bad_duplicate(k, here, name);
				break;
			}
	}
}

void check_overhead(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ResourceRequirements r = {.limits = *(const struct str_map *)value};
	check_requirements(k, path, &r, NULL);
}

static void check_name(struct check *k, struct str path, const void *value) { bad_wrong(k, path, *(const struct str *)value, name_dns1123_subdomain(*(const struct str *)value)); }

#define HOSTNAME_MAX 64 /* of Linux */

static void check_hostname_override(struct check *k, struct str path, const struct core_v1_PodSpec *s)
{
	if (s->hostnameOverride.n && s->hostNetwork)
		bad_forbidden(k, at(k, path, "hostnameOverride"), "may not be specified when `hostNetwork` is true");
	if (s->hostnameOverride.n && s->has_setHostnameAsFQDN && s->setHostnameAsFQDN)
		bad_forbidden(k, at(k, path, "hostnameOverride"), "may not be specified when `setHostnameAsFQDN` is true");
}

static void check_alias_ip(struct check *k, struct str path, const void *value) { check_ip(k, path, value ? *(const struct str *)value : (struct str){0}); }

static void check_os_name(struct check *k, struct str path, const void *value)
{
	struct str name = ((const struct core_v1_PodOS *)value)->name;
	if (!name.n)
		bad_required(k, at(k, path, "name"), "cannot be empty");
	else
		check_choice(k, path, name, CHOICES("linux", "windows"));
}

static const struct rule alias_rules[] = {CALL_ALWAYS("ip", check_alias_ip), FORMAT_ALWAYS("hostnames", name_dns1123_subdomain), END};
static const struct rule readiness_rules[] = {FORMAT_ALWAYS("conditionType", name_qualified), END};
static const struct rule policies[] = {
	ENUM_NEED("restartPolicy", "Always", "OnFailure", "Never"), ENUM_NEED("dnsPolicy", "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
	LABELS("nodeSelector"), END};
static const struct rule names[] = {
	FORMAT("serviceAccountName", name_dns1123_subdomain), FORMAT("nodeName", name_dns1123_subdomain),
	RANGE("activeDeadlineSeconds", 1, INT32_MAX, "must be between 1 and 2147483647, inclusive"),
	FORMAT("hostname", name_dns1123_label), FORMAT("subdomain", name_dns1123_label), FORMAT("hostnameOverride", name_dns1123_subdomain),
	LONG("hostnameOverride", HOSTNAME_MAX), END};
static const struct rule last[] = {
	EACH("hostAliases", alias_rules), FORMAT("priorityClassName", name_dns1123_subdomain), CALL("runtimeClassName", check_name),
	ENUM("preemptionPolicy", "PreemptLowerPriority", "Never"), CALL("overhead", check_overhead),
	CALL("os", check_os_name), END};

void check_pod_spec(struct check *k, struct str path, const struct core_v1_PodSpec *s, const struct core_v1_PodSpec *old, const struct meta_v1_ObjectMeta *m, bool template)
{
	struct pod_check pc = {.k = k, .spec = s, .meta = m, .old = old, .is_template = template}, *p = &pc;
	check_volumes(p, at(k, path, "volumes"));
	check_claim_sources(k, at(k, path, "resourceClaims"), &s->resourceClaims);
	check_containers(p, at(k, path, "containers"));
	check_init_containers(p, at(k, path, "initContainers"));
	check_ephemeral_containers(p, at(k, path, "ephemeralContainers"));
	check_pod_resources(p, at(k, path, "resources"));
	check_host_network(p, path);
	check_rules(k, path, T_core_v1_PodSpec, s, policies);
	check_pod_security(p, at(k, path, "securityContext"), s->securityContext);
	check_affinity(k, at(k, path, "affinity"), s->affinity);
	check_dns(p, at(k, path, "dnsConfig"));
	check_rules(k, path, T_core_v1_PodSpec, s, ((const struct rule[]){EACH("readinessGates", readiness_rules), END}));
	check_gates(k, at(k, path, "schedulingGates"), &s->schedulingGates);
	check_spread(k, at(k, path, "topologySpreadConstraints"), &s->topologySpreadConstraints);
	check_host_process(k, path, s);
	check_host_users(p, path);
	check_rules(k, path, T_core_v1_PodSpec, s, names);
	check_hostname_override(k, path, s);
	check_tolerations(k, at(k, path, "tolerations"), &s->tolerations);
	check_rules(k, path, T_core_v1_PodSpec, s, last);
	check_pod_os(k, path, s);
}

/* ---- templates ---- */

void check_annotations(struct check *k, struct str path, const struct str_map *m)
{
	size_t total = 0;
	LIST_EACH(p, *m) {
		char low[NAME_DNS1123_SUBDOMAIN_MAX + NAME_QUALIFIED_MAX + 2];
		size_t n = p->key.n < sizeof low ? p->key.n : sizeof low;
		for (size_t i = 0; i < n; i++)
			low[i] = p->key.p[i] >= 'A' && p->key.p[i] <= 'Z' ? (char)(p->key.p[i] + 32) : p->key.p[i];
		bad_wrong(k, path, p->key, name_qualified(str_n(low, n)));
		total += p->key.n + p->value.n;
	}
	if (total > 256 << 10)
		bad_long(k, path, 256 << 10);
}

void check_template(struct check *k, struct str path, const struct core_v1_PodTemplateSpec *t, const struct core_v1_PodTemplateSpec *old)
{
	struct str spec = at(k, path, "spec");
	check_labels(k, at(k, path, "labels"), &t->metadata.labels);
	check_annotations(k, at(k, path, "annotations"), &t->metadata.annotations);
	check_pod_annotations(k, at(k, path, "annotations"), &t->metadata.annotations, &t->spec);
	check_pod_spec(k, spec, &t->spec, old ? &old->spec : NULL, &t->metadata, true);
	check_profiles_agree(k, spec, &t->metadata.annotations, &t->spec);
	if (t->spec.ephemeralContainers.len)
		bad_forbidden(k, at(k, spec, "ephemeralContainers"), "ephemeral containers not allowed in pod template");
}

/* ---- Pods and PodTemplates ---- */

void check_pod(struct check *k, const struct core_v1_Pod *p, const struct core_v1_Pod *old)
{
	check_pod_annotations(k, STR("metadata.annotations"), &p->metadata.annotations, &p->spec);
	check_pod_spec(k, STR("spec"), &p->spec, old ? &old->spec : NULL, &p->metadata, false);
	for (uint32_t i = 0; i < p->spec.containers.len; i++)
		check_image_padding(k, at_index(k, STR("spec.containers"), i), p->spec.containers.items[i].image);
	for (uint32_t i = 0; i < p->spec.initContainers.len; i++)
		check_image_padding(k, at_index(k, STR("spec.initContainers"), i), p->spec.initContainers.items[i].image);
}

void validate_pod(struct request *r, const void *obj, struct err *e)
{
	const struct core_v1_Pod *p = obj;
	CHECK(k);
	check_pod(k, p, NULL);
	if (p->spec.ephemeralContainers.len)
		bad_forbidden(k, STR("spec.ephemeralContainers"), "cannot be set on create");
	if (p->spec.schedulingGates.len && p->spec.nodeName.n)
		bad_forbidden(k, STR("spec.nodeName"), "cannot be set until all schedulingGates have been cleared");
	check_profiles_agree(k, STR("spec"), &p->metadata.annotations, &p->spec);
}

void validate_podtemplate(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_template(k, STR("template"), &((const struct core_v1_PodTemplate *)obj)->template, NULL);
}

void validate_podtemplate_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_template(k, STR("template"), &((const struct core_v1_PodTemplate *)obj)->template, &((const struct core_v1_PodTemplate *)old)->template);
}
