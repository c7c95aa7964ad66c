/* Names and amounts of resources: of containers, Pods, quotas. */
#include "apiserver/registry/validate/pod.h"

#include "schema/quantity.h"

static const char *const standard[] = {"cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
	"limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "storage",
	"requests.storage", "services.nodeports", "services.loadbalancers", NULL};
static const char *const counted[] = {"pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports",
	"services.loadbalancers", NULL};

static bool is_huge(struct str n) { return str_has_prefix(n, STR("hugepages-")); }
bool resource_is_native(struct str n) { return str_index(n, '/', 0) < 0 || str_find(n, STR("kubernetes.io/")) >= 0; }
bool resource_overcommit_allowed(struct str n) { return resource_is_native(n) && !is_huge(n); }

bool resource_is_standard_container(struct str n) { return one_of(n, CHOICES("cpu", "memory", "ephemeral-storage")) || is_huge(n); }

bool resource_is_extended(struct str n)
{
	char text[NAME_DNS1123_SUBDOMAIN_MAX + NAME_QUALIFIED_MAX + 16];
	if (resource_is_native(n) || str_has_prefix(n, STR("requests.")) || n.n > sizeof text - 16)
		return false;
	memcpy(text, "requests.", 9);
	memcpy(text + 9, n.p, n.n);
	return !name_qualified(str_n(text, n.n + 9)).n;
}

bool resource_is_integer(struct str n) { return one_of(n, counted) || resource_is_extended(n); }

void check_resource_name(struct check *k, struct str path, struct str n)
{
	struct wrong w = name_qualified(n);
	bad_wrong(k, path, n, w);
	if (!w.n && str_index(n, '/', 0) < 0 && !one_of(n, standard) && !is_huge(n) && !str_has_prefix(n, STR("requests.hugepages-")))
		bad_string(k, path, n, "must be a standard resource type or fully qualified");
}

void check_container_resource(struct check *k, struct str path, struct str n)
{
	check_resource_name(k, path, n);
	if (str_index(n, '/', 0) < 0) {
		if (!resource_is_standard_container(n))
			bad_string(k, path, n, "must be a standard resource for containers");
	} else if (!resource_is_native(n) && !resource_is_extended(n)) {
		bad_string(k, path, n, "doesn't follow extended resource name standard");
	}
}

void check_quantity_value(struct check *k, struct str path, struct str resource, struct str text)
{
	struct quantity q = quantity_of(text);
	if (quantity_sign(&q) < 0)
		bad_string(k, path, text, NOT_NEGATIVE);
	if (resource_is_integer(resource) && quantity_milli_value(&q) % 1000)
		bad_string(k, path, text, "must be an integer");
}

static void check_huge(struct check *k, struct str path, struct str n, struct str text)
{
	struct quantity unit, q = quantity_of(text);
	bool known = quantity_parse(str_sub(n, 10, n.n), &unit) == QUANTITY_OK && quantity_sign(&unit) > 0;
	if (known && quantity_value(&q) % quantity_value(&unit) == 0)
		return;
	bad_string(k, path, text, str_z(k->a, str_printf(k->a, "%.*s is not positive integer multiple of %.*s", STR_F(text), STR_F(n))));
}

static void check_within(struct check *k, struct str path, struct str n, struct str request, const struct str_map *limits)
{
	struct str limit = str_map_get(limits, n), requests = at(k, path, "requests");
	struct quantity q = quantity_of(request), l = quantity_of(limit);
	if (!str_map_has(limits, n)) {
		if (!resource_overcommit_allowed(n))
			bad_required(k, at(k, path, "limits"), "Limit must be set for non overcommitable resources");
	} else if (quantity_cmp(&q, &l) && !resource_overcommit_allowed(n)) {
		bad_string(k, requests, request, str_z(k->a, str_printf(k->a, "must be equal to %.*s limit of %.*s", STR_F(n), STR_F(limit))));
	} else if (quantity_cmp(&q, &l) > 0) {
		bad_string(k, requests, request, str_z(k->a, str_printf(k->a, "must be less than or equal to %.*s limit of %.*s", STR_F(n), STR_F(limit))));
	}
}

static bool any_huge(const struct str_map *m)
{
	LIST_EACH(q, *m)
		if (is_huge(q->key))
			return true;
	return false;
}

static bool any_compute(const struct str_map *m) { return str_map_has(m, STR("cpu")) || str_map_has(m, STR("memory")); }

/* A claim is named once as a whole, or once for each of its requests. */
static void check_claim_once(struct check *k, struct str path, const core_v1_ResourceClaim_list_t *l, uint32_t i)
{
	struct str name = l->items[i].name, request = l->items[i].request;
	bool whole = false, same = false, part = false;
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(name, l->items[j].name)) {
			whole |= !l->items[j].request.n;
			part |= l->items[j].request.n > 0;
			same |= str_eq(request, l->items[j].request);
		}
	if (!whole && request.n)
		bad_wrong(k, at(k, path, "request"), request, name_dns1123_label(request));
	if (whole || (!request.n && part))
		bad_duplicate(k, path, name);
	else if (same)
		bad_duplicate(k, path, str_printf(k->a, "%.*s/%.*s", STR_F(name), STR_F(request)));
}

static void bad_unknown_claim(struct check *k, struct str path, struct str name, const core_v1_PodResourceClaim_list_t *known)
{
	BUF(b);
	for (uint32_t i = 0; known && i < known->len; i++)
		buf_printf(&b, "%s%.*s", i ? ", " : ": ", STR_F(known->items[i].name));
	if (!buf_view(&b).n)
		buf_lit(&b, " which is empty");
	err_cause(k->e, "FieldValueNotFound", path, "Not found: \"%.*s\": must be one of the names in pod.spec.resourceClaims%.*s", STR_F(name), STR_F(buf_view(&b)));
}

static void check_claims(struct check *k, struct str path, const core_v1_ResourceClaim_list_t *l, const core_v1_PodResourceClaim_list_t *known)
{
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		bool found = false;
		if (!l->items[i].name.n) {
			bad_required(k, here, NULL);
			continue;
		}
		check_claim_once(k, here, l, i);
		for (uint32_t j = 0; known && j < known->len; j++)
			found |= str_eq(known->items[j].name, l->items[i].name);
		if (!found)
			bad_unknown_claim(k, here, l->items[i].name, known);
	}
}

static void check_amounts(struct check *k, struct str path, const struct core_v1_ResourceRequirements *r, void (*check_name)(struct check *k, struct str path, struct str n))
{
	LIST_EACH(q, r->limits) {
		struct str here = at_key(k, at(k, path, "limits"), q->key);
		check_name(k, here, q->key);
		check_quantity_value(k, here, q->key, q->value);
		if (is_huge(q->key))
			check_huge(k, here, q->key, q->value);
	}
	LIST_EACH(q, r->requests) {
		struct str here = at_key(k, at(k, path, "requests"), q->key);
		check_name(k, here, q->key);
		check_quantity_value(k, here, q->key, q->value);
		check_within(k, path, q->key, q->value, &r->limits);
		if (is_huge(q->key))
			check_huge(k, here, q->key, q->value);
	}
	if ((any_huge(&r->limits) || any_huge(&r->requests)) && !any_compute(&r->limits) && !any_compute(&r->requests))
		bad_forbidden(k, path, "HugePages require cpu or memory");
}

void check_requirements(struct check *k, struct str path, const struct core_v1_ResourceRequirements *r, const core_v1_PodResourceClaim_list_t *claims)
{
	check_amounts(k, path, r, check_container_resource);
	check_claims(k, at(k, path, "claims"), &r->claims, claims);
}

/* ---- resources of the whole Pod ---- */

static bool pod_level(struct str n) { return one_of(n, CHOICES("cpu", "memory")) || is_huge(n); }

static void check_pod_level(struct check *k, struct str path, struct str n)
{
	uint32_t before = k->e->ncauses;
	check_resource_name(k, path, n);
	if (k->e->ncauses == before && !pod_level(n))
		bad_choice(k, path, n, CHOICES("cpu", "hugepages-", "memory"));
}

static struct quantity sum_of(const struct core_v1_PodSpec *s, struct str n)
{
	struct quantity sum = quantity_int(0, QUANTITY_DECIMAL_SI);
	LIST_EACH(c, s->containers)
		if (str_map_has(&c->resources.requests, n))
			sum = quantity_add(sum, quantity_of(str_map_get(&c->resources.requests, n)));
	LIST_EACH(c, s->initContainers)
		if (str_is(c->restartPolicy, "Always") && str_map_has(&c->resources.requests, n))
			sum = quantity_add(sum, quantity_of(str_map_get(&c->resources.requests, n)));
	return sum;
}

static void check_aggregate(struct check *k, struct str path, const struct core_v1_PodSpec *s)
{
	LIST_EACH(q, s->resources->requests) {
		struct quantity sum = sum_of(s, q->key), have = quantity_of(q->value);
		if (pod_level(q->key) && quantity_cmp(&sum, &have) > 0)
			bad_string(k, at_key(k, at(k, path, "requests"), q->key), q->value,
				str_z(k->a, str_printf(k->a, "must be greater than or equal to aggregate container requests of %.*s", STR_F(quantity_str(k->a, &sum)))));
	}
}

static void check_container_limits(struct check *k, struct str path, const struct core_v1_PodSpec *s)
{
	for (uint32_t i = 0; i < s->containers.len; i++)
		LIST_EACH(own, s->containers.items[i].resources.limits) {
			struct str limit = str_map_get(&s->resources->limits, own->key);
			struct quantity q = quantity_of(own->value), most = quantity_of(limit);
			if (limit.n && quantity_cmp(&q, &most) > 0)
				bad_string(k, at(k, at_key(k, at_index(k, at(k, path, "containers"), i), own->key), "limits"), own->value,
					str_z(k->a, str_printf(k->a, "must be less than or equal to pod limits of %.*s", STR_F(limit))));
		}
}

void check_pod_resources(struct pod_check *p, struct str path)
{
	const struct core_v1_ResourceRequirements *r = p->spec->resources;
	if (!r)
		return;
	if (r->claims.len)
		bad_forbidden(p->k, at(p->k, path, "claims"), "claims cannot be set for Resources at pod-level");
	check_amounts(p->k, path, r, check_pod_level);
	check_claims(p->k, at(p->k, path, "claims"), &r->claims, &p->spec->resourceClaims);
	check_aggregate(p->k, path, p->spec);
	check_container_limits(p->k, path, p->spec);
}
