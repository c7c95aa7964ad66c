#include "api/pod.h"
#include "api/condition.h"

/* ---- resources ---- */

typedef const struct str_map *(*pick_fn)(const struct core_v1_ResourceRequirements *r);
static const struct str_map *pick_requests(const struct core_v1_ResourceRequirements *r) { return &r->requests; }
static const struct str_map *pick_limits(const struct core_v1_ResourceRequirements *r) { return &r->limits; }

static bool is_pod_level(struct str name) { return str_is(name, "cpu") || str_is(name, "memory") || str_has_prefix(name, STR("hugepages-")); }

/* Init containers run one at a time, each beside the sidecars started before it; sidecars stay. */
static struct amounts container_sum(struct arena *a, const struct core_v1_PodSpec *s, pick_fn pick)
{
	struct amounts sum = {0}, sidecars = {0}, peak = {0};
	LIST_EACH(c, s->containers) {
		struct amounts own = amounts_of(a, pick(&c->resources));
		amounts_add_all(a, &sum, &own);
	}
	LIST_EACH(c, s->initContainers) {
		struct amounts own = amounts_of(a, pick(&c->resources)), now = {0};
		if (container_is_sidecar(c))
			amounts_add_all(a, &sidecars, &own);
		else
			amounts_add_all(a, &now, &own);
		amounts_add_all(a, &now, &sidecars);
		amounts_raise_all(a, &peak, &now);
	}
	amounts_add_all(a, &sum, &sidecars);
	amounts_raise_all(a, &sum, &peak);
	return sum;
}

static struct amounts pod_sum(struct arena *a, const struct core_v1_PodSpec *s, pick_fn pick)
{
	struct amounts sum = container_sum(a, s, pick);
	const struct str_map *own = s->resources ? pick(s->resources) : NULL;
	for (uint32_t i = 0; own && i < own->len; i++)
		if (is_pod_level(own->items[i].key))
			amounts_set(a, &sum, own->items[i].key, amount_parse(own->items[i].key, own->items[i].value));
	return sum;
}

struct amounts pod_requests(struct arena *a, const struct core_v1_PodSpec *s)
{
	struct amounts sum = pod_sum(a, s, pick_requests), overhead = amounts_of(a, &s->overhead);
	amounts_add_all(a, &sum, &overhead);
	return sum;
}

struct amounts pod_limits(struct arena *a, const struct core_v1_PodSpec *s)
{
	struct amounts sum = pod_sum(a, s, pick_limits), overhead = amounts_of(a, &s->overhead);
	for (uint32_t i = 0; i < overhead.len; i++)
		if (amounts_get(&sum, overhead.items[i].name))
			amounts_add(a, &sum, overhead.items[i].name, overhead.items[i].value);
	return sum;
}

/* ---- quality of service ---- */

enum { CPU, MEMORY, COUNTED };
/* Sums of the two resources that count, and whether every container limits both. */
struct qos {
	int64_t requests[COUNTED], limits[COUNTED];
	bool all_limited;
};

static int counted(struct str name) { return str_is(name, "cpu") ? CPU : str_is(name, "memory") ? MEMORY : COUNTED; }

/* Adds what is above zero; returns which resources had something. */
static unsigned add_counted(int64_t sums[COUNTED], const struct str_map *m)
{
	unsigned seen = 0;
	for (uint32_t i = 0; i < m->len; i++) {
		int k = counted(m->items[i].key);
		int64_t v = k == COUNTED ? 0 : amount_parse(m->items[i].key, m->items[i].value);
		if (v <= 0)
			continue;
		sums[k] += v;
		seen |= 1u << k;
	}
	return seen;
}

static void add_requirements(struct qos *q, const struct core_v1_ResourceRequirements *r)
{
	add_counted(q->requests, &r->requests);
	if (add_counted(q->limits, &r->limits) != (1u << CPU | 1u << MEMORY))
		q->all_limited = false;
}

static bool has_pod_level(const struct core_v1_PodSpec *s)
{
	bool any = false;
	for (uint32_t i = 0; s->resources && i < s->resources->requests.len; i++)
		any |= is_pod_level(s->resources->requests.items[i].key);
	for (uint32_t i = 0; s->resources && i < s->resources->limits.len; i++)
		any |= is_pod_level(s->resources->limits.items[i].key);
	return any;
}

struct str pod_qos(const struct core_v1_PodSpec *s)
{
	struct qos q = {.all_limited = true};
	if (has_pod_level(s)) {
		add_requirements(&q, s->resources);
	} else {
		LIST_EACH(c, s->containers)
			add_requirements(&q, &c->resources);
		LIST_EACH(c, s->initContainers)
			add_requirements(&q, &c->resources);
	}
	if (!q.requests[CPU] && !q.requests[MEMORY] && !q.limits[CPU] && !q.limits[MEMORY])
		return STR("BestEffort");
	bool equal = q.requests[CPU] == q.limits[CPU] && q.requests[MEMORY] == q.limits[MEMORY];
	return q.all_limited && equal ? STR("Guaranteed") : STR("Burstable");
}

/* ---- state ---- */

static const struct core_v1_PodCondition *ready_condition(const struct core_v1_Pod *p) { return CONDITION(p->status.conditions, "Ready"); }

bool pod_ready(const struct core_v1_Pod *p)
{
	const struct core_v1_PodCondition *c = ready_condition(p);
	return c && str_is(c->status, "True");
}

bool pod_available(const struct core_v1_Pod *p, int32_t min_ready_s, wall_t now)
{
	const struct core_v1_PodCondition *c = ready_condition(p);
	if (!pod_ready(p))
		return false;
	return min_ready_s == 0 || (c->lastTransitionTime.set && api_time_wall(c->lastTransitionTime) + min_ready_s * NS_S <= now);
}

bool pod_finished(const struct core_v1_Pod *p) { return str_is(p->status.phase, "Succeeded") || str_is(p->status.phase, "Failed"); }
bool pod_active(const struct core_v1_Pod *p) { return !pod_finished(p) && !p->metadata.has_deletionTimestamp; }

bool pod_static(const struct core_v1_Pod *p)
{
	struct str source = str_map_get(&p->metadata.annotations, STR("kubernetes.io/config.source"));
	return str_map_has(&p->metadata.annotations, STR("kubernetes.io/config.mirror")) || (source.p && !str_is(source, "api"));
}

bool pod_critical(const struct core_v1_Pod *p)
{
	const int32_t system_critical = 2000000000; /* lowest priority of the system-… classes */
	return pod_static(p) || (p->spec.has_priority && p->spec.priority >= system_critical);
}

int32_t pod_restarts(const struct core_v1_Pod *p)
{
	int32_t n = 0;
	LIST_EACH(c, p->status.containerStatuses)
		n += c->restartCount;
	return n;
}

int32_t pod_deletion_cost(const struct core_v1_Pod *p)
{
	int64_t n;
	struct str s = str_map_get(&p->metadata.annotations, STR("controller.kubernetes.io/pod-deletion-cost"));
	return str_i64(s, &n) == 0 && n >= INT32_MIN && n <= INT32_MAX ? (int32_t)n : 0;
}

/* ---- containers and ports ---- */

const struct core_v1_Container *pod_container(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(c, s->containers)
		if (str_eq(c->name, name))
			return c;
	LIST_EACH(c, s->initContainers)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

bool pod_has_container(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(c, s->ephemeralContainers)
		if (str_eq(c->ephemeralContainerCommon.name, name))
			return true;
	return pod_container(s, name) != NULL;
}

const struct core_v1_ContainerStatus *pod_container_status(const struct core_v1_Pod *p, struct str name)
{
	LIST_EACH(c, p->status.containerStatuses)
		if (str_eq(c->name, name))
			return c;
	LIST_EACH(c, p->status.initContainerStatuses)
		if (str_eq(c->name, name))
			return c;
	LIST_EACH(c, p->status.ephemeralContainerStatuses)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

static int named_port(const struct core_v1_Container *c, struct str name, struct str protocol)
{
	LIST_EACH(p, c->ports)
		if (str_eq(p->name, name) && str_eq(p->protocol, protocol))
			return p->containerPort;
	return -1;
}

int pod_port(const struct core_v1_Pod *p, const struct int_or_str *port, struct str protocol)
{
	int n = port->is_str ? -1 : port->num;
	LIST_EACH(c, p->spec.containers)
		if (n < 0 && port->is_str)
			n = named_port(c, port->str, protocol);
	LIST_EACH(c, p->spec.initContainers)
		if (n < 0 && port->is_str && container_is_sidecar(c))
			n = named_port(c, port->str, protocol);
	return n;
}

/* ---- tolerations ---- */

bool toleration_matches(const struct core_v1_Toleration *t, const struct core_v1_Taint *taint)
{
	if ((t->effect.n && !str_eq(t->effect, taint->effect)) || (t->key.n && !str_eq(t->key, taint->key)))
		return false;
	if (str_is(t->operator, "Exists"))
		return true;
	return (!t->operator.n || str_is(t->operator, "Equal")) && str_eq(t->value, taint->value);
}

bool pod_tolerates(const struct core_v1_PodSpec *s, const struct core_v1_Taint *t)
{
	LIST_EACH(x, s->tolerations)
		if (toleration_matches(x, t))
			return true;
	return false;
}
