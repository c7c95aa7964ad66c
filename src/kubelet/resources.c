/* Requests and limits as cgroup settings: of containers, sandboxes, Pods and QoS classes. */
#include "kubelet/impl.h"
#include <dirent.h>

#define PERIOD_US 100000

static struct str CPU = STR_INIT("cpu"), MEMORY = STR_INIT("memory");

static enum cgroup_qos qos_of(const struct core_v1_PodSpec *s)
{
	struct str q = pod_qos(s);
	return str_is(q, "Guaranteed") ? CGROUP_GUARANTEED : str_is(q, "Burstable") ? CGROUP_BURSTABLE : CGROUP_BESTEFFORT;
}

/* The kernel kills the highest first: best effort, then whoever asked for the smallest part of memory. */
static int64_t oom_score(const struct pod *p, const struct core_v1_Container *c, struct arena *a)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	enum cgroup_qos q = qos_of(s);
	if (q == CGROUP_GUARANTEED || pod_critical(p->spec->pod))
		return -997;
	if (q == CGROUP_BESTEFFORT)
		return 1000;
	struct amounts r = amounts_of(a, &c->resources.requests);
	int64_t score = 1000 - (int64_t)((1000.0 * (double)amounts_get(&r, MEMORY)) / (double)p->k->machine.memory_total);
	return score < 3 ? 3 : score > 999 ? 999 : score;
}

/* "hugepages-2048kB" -> "2MB"; every size that the machine has gets a limit, zero unless asked for. */
static void hugepages(struct arena *a, const struct amounts *limits, struct cri_v1_LinuxContainerResources *o)
{
	static const struct { const char *file, *size, *resource; } sizes[] = {
		{"/sys/kernel/mm/hugepages/hugepages-2048kB", "2MB", "hugepages-2Mi"}, {"/sys/kernel/mm/hugepages/hugepages-1048576kB", "1GB", "hugepages-1Gi"}};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		if (!file_exists(sizes[i].file))
			continue;
		struct cri_v1_HugepageLimit *l = arena_push(a, &o->hugepage_limits);
		*l = (struct cri_v1_HugepageLimit){str_of(sizes[i].size), (uint64_t)amounts_get(limits, str_of(sizes[i].resource))};
	}
}

static void cpu(const struct kubelet *k, const struct amounts *req, const struct amounts *lim, struct cri_v1_LinuxContainerResources *o)
{
	int64_t ask = amounts_has(req, CPU) ? amounts_get(req, CPU) : amounts_get(lim, CPU), max = amounts_get(lim, CPU);
	o->cpu_shares = (int64_t)cgroup_shares(ask);
	o->cpu_period = PERIOD_US;
	if (max && k->cfg->cpuCFSQuota)
		o->cpu_quota = cgroup_quota_us(max, PERIOD_US);
}

struct cri_v1_LinuxContainerResources *resources_container(struct arena *a, const struct pod *p, const struct core_v1_Container *c)
{
	struct cri_v1_LinuxContainerResources *o = arena_make(a, struct cri_v1_LinuxContainerResources);
	struct amounts req = amounts_of(a, &c->resources.requests), lim = amounts_of(a, &c->resources.limits);
	cpu(p->k, &req, &lim, o);
	o->memory_limit_in_bytes = amounts_get(&lim, MEMORY);
	o->memory_swap_limit_in_bytes = o->memory_limit_in_bytes;
	o->oom_score_adj = oom_score(p, c, a);
	hugepages(a, &lim, o);
	if (p->k->cgroups->version == CGROUP_V2 && !p->k->cfg->singleProcessOOMKill)
		str_map_set(a, &o->unified, STR("memory.oom.group"), STR("1"));
	return o;
}

struct cri_v1_LinuxContainerResources *resources_sandbox(struct arena *a, const struct pod *p)
{
	struct cri_v1_LinuxContainerResources *o = arena_make(a, struct cri_v1_LinuxContainerResources);
	struct amounts req = pod_requests(a, &p->spec->pod->spec), lim = pod_limits(a, &p->spec->pod->spec);
	cpu(p->k, &req, &lim, o);
	o->memory_limit_in_bytes = amounts_get(&lim, MEMORY);
	return o;
}

static enum cgroup_driver driver_of(const struct kubelet *k) { return str_is(k->cfg->cgroupDriver, "systemd") ? CGROUP_DRIVER_SYSTEMD : CGROUP_DRIVER_CGROUPFS; }

static struct str cgroup_path(struct arena *a, const struct kubelet *k, enum cgroup_qos q, struct str uid)
{
	BUF(out);
	struct str root = str_is(k->cfg->cgroupRoot, "/") ? STR("") : k->cfg->cgroupRoot;
	cgroup_pod_path(&out, driver_of(k), root, q, uid);
	return str_dup(a, str_of(buf_z(&out)));
}

struct str resources_cgroup_parent(struct arena *a, const struct pod *p)
{
	BUF(out);
	if (!p->k->cfg->cgroupsPerQOS)
		return (struct str){0};
	cgroup_parent_name(&out, driver_of(p->k), cgroup_path(a, p->k, qos_of(&p->spec->pod->spec), p->uid));
	return buf_take(&out, a);
}

/* A limit of the Pod holds only when all its containers have one. */
static bool all_limited(const struct core_v1_PodSpec *s, struct str resource)
{
	if (s->resources && str_map_has(&s->resources->limits, resource))
		return true;
	LIST_EACH(c, s->containers)
		if (!str_map_has(&c->resources.limits, resource))
			return false;
	LIST_EACH(c, s->initContainers)
		if (!str_map_has(&c->resources.limits, resource))
			return false;
	return true;
}

static struct cgroup_limits pod_cgroup_limits(struct arena *a, const struct pod *p)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	struct amounts req = pod_requests(a, s), lim = pod_limits(a, s);
	struct cgroup_limits l = {.cpu_shares = cgroup_shares(amounts_get(&req, CPU)), .has_cpu_shares = true};
	if (p->k->cfg->cpuCFSQuota && all_limited(s, CPU)) {
		l.has_cpu_quota = true;
		l.cpu_quota_us = cgroup_quota_us(amounts_get(&lim, CPU), PERIOD_US);
	}
	if (all_limited(s, MEMORY)) {
		l.has_memory_max = true;
		l.memory_max = (uint64_t)amounts_get(&lim, MEMORY);
	}
	if (p->k->cfg->podPidsLimit > 0) {
		l.has_pids_max = true;
		l.pids_max = (uint64_t)p->k->cfg->podPidsLimit;
	}
	return l;
}

struct str resources_cgroup_path(struct arena *a, const struct pod *p) { return cgroup_path(a, p->k, qos_of(&p->spec->pod->spec), p->uid); }

int resources_pod_cgroup(struct pod *p, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(plan_free) struct plan *plan = plan_new();
	if (!p->k->cfg->cgroupsPerQOS)
		return 0;
	char *path = str_z(a, cgroup_path(a, p->k, qos_of(&p->spec->pod->spec), p->uid));
	struct cgroup_limits l = pod_cgroup_limits(a, p);
	plan_cgroup_create(plan, path);
	plan_cgroup_limit(plan, path, &l);
	return helper_run(p->k->helper, plan, NULL, e);
}

int resources_pod_cgroup_remove(struct pod *p, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(plan_free) struct plan *plan = plan_new();
	char *path = str_z(a, cgroup_path(a, p->k, qos_of(&p->spec->pod->spec), p->uid));
	if (!p->k->cfg->cgroupsPerQOS || !cgroup_exists(p->k->cgroups, path))
		return 0;
	plan_cgroup_kill(plan, path);
	plan_cgroup_remove(plan, path);
	return helper_run(p->k->helper, plan, NULL, e);
}

/* Burstable Pods together weigh as much as they ask for; best effort ones next to nothing. */
static int64_t burstable_request(struct kubelet *k, struct arena *a)
{
	struct map_entry *en;
	int64_t sum = 0;
	for (size_t i = 0; (en = map_next(&k->pods, &i));) {
		struct pod *p = en->value;
		struct amounts req = pod_requests(a, &p->spec->pod->spec);
		if (!p->over && qos_of(&p->spec->pod->spec) == CGROUP_BURSTABLE)
			sum += amounts_get(&req, CPU);
	}
	return sum;
}

int resources_qos_cgroups(struct kubelet *k, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(plan_free) struct plan *plan = plan_new();
	if (!k->cfg->cgroupsPerQOS)
		return 0;
	const char *top = str_z(a, cgroup_path(a, k, CGROUP_GUARANTEED, (struct str){0}));
	const char *burst = str_z(a, cgroup_path(a, k, CGROUP_BURSTABLE, (struct str){0}));
	const char *best = str_z(a, cgroup_path(a, k, CGROUP_BESTEFFORT, (struct str){0}));
	struct cgroup_limits all = {.has_cpu_shares = true, .cpu_shares = cgroup_shares((int64_t)k->machine.cpus * 1000)};
	struct cgroup_limits some = {.has_cpu_shares = true, .cpu_shares = cgroup_shares(burstable_request(k, a))};
	struct cgroup_limits least = {.has_cpu_shares = true, .cpu_shares = 2};
	plan_cgroup_create(plan, top);
	plan_cgroup_limit(plan, top, &all);
	plan_cgroup_create(plan, burst);
	plan_cgroup_limit(plan, burst, &some);
	plan_cgroup_create(plan, best);
	plan_cgroup_limit(plan, best, &least);
	return helper_run(k->helper, plan, NULL, e);
}

/* ---- resourceFieldRef */
static int64_t node_amount(const struct kubelet *k, struct str name)
{
	return str_is(name, "cpu") ? (int64_t)k->machine.cpus * 1000 : str_is(name, "memory") ? (int64_t)k->machine.memory_total : 0;
}

static int64_t wanted_amount(struct arena *a, const struct kubelet *k, const struct core_v1_Container *c, bool limit, struct str name)
{
	struct amounts req = amounts_of(a, &c->resources.requests), lim = amounts_of(a, &c->resources.limits);
	const struct amounts *v = limit ? &lim : &req;
	if (amounts_has(v, name))
		return amounts_get(v, name);
	return limit ? node_amount(k, name) : amounts_get(&lim, name);
}

struct str resource_field(struct arena *a, const struct kubelet *k, const struct core_v1_Pod *pod, struct str container, struct str resource, struct str divisor,
	struct err *e)
{
	enum ckind kind;
	struct str how, name;
	const struct core_v1_Container *c = pod_find_container(pod, container, &kind);
	if (!c || !str_cut(resource, '.', &how, &name)) {
		err_set(e, ERR_INVALID, "container %.*s not found", STR_F(container));
		return (struct str){0};
	}
	int64_t v = wanted_amount(a, k, c, str_is(how, "limits"), name), d = divisor.n ? amount_parse(name, divisor) : 0;
	if (!d)
		d = str_is(name, "cpu") ? 1000 : 1;
	return str_printf(a, "%lld", (long long)((v + d - 1) / d));
}
