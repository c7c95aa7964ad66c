/* Figures of control groups: /metrics/resource, and /metrics/cadvisor with cAdvisor's names. */
#include "kubelet/server.h"

/* A container, the sandbox, or the Pod as a whole. */
struct figures {
	const struct pod *p;
	const struct cview *c;      /* NULL: not a container */
	struct str name, path;      /* name: as the runtime calls it; absent: the whole Pod */
	struct cgroup_stats s;
	pid_t pid;                  /* of some process, in the Pod's; 0: none */
};
struct gathered { struct figures *items; uint32_t len, cap; };

/* A container's group has its id in its name, whatever the runtime puts around it. */
static void child(struct gathered *to, struct arena *a, const struct pod *p, struct str parent, struct str name)
{
	struct figures f = {.p = p, .path = str_printf(a, "%.*s/%.*s", STR_F(parent), STR_F(name))};
	const struct sview *s = view_sandbox(p->view);
	LIST_EACH(c, p->view->containers)
		if (c->id.n && str_find(name, c->id) >= 0)
			f.c = c;
	if (f.c || (s && s->id.n && str_find(name, s->id) >= 0))
		f.name = f.c ? f.c->id : s->id;
	if (f.name.n && !cgroup_stats(p->k->cgroups, str_z(a, f.path), &f.s, NULL))
		*(struct figures *)arena_push(a, to) = f;
}

static pid_t some_process(struct arena *a, const struct cgroups *c, const char *path)
{
	pid_t *pids;
	size_t n = 0;
	return !cgroup_procs(a, c, path, true, &pids, &n, NULL) && n ? pids[0] : 0;
}

static void gather_pod(struct gathered *to, struct arena *a, const struct pod *p)
{
	const struct cgroups *c = p->k->cgroups;
	struct figures f = {.p = p, .path = resources_cgroup_path(a, p)};
	const char *path = str_z(a, f.path);
	struct str *names;
	size_t n = 0;
	if (!p->view || cgroup_stats(c, path, &f.s, NULL))
		return;
	f.pid = some_process(a, c, path);
	*(struct figures *)arena_push(a, to) = f;
	if (cgroup_children(a, c, path, &names, &n, NULL))
		return;
	for (size_t i = 0; i < n; i++)
		child(to, a, p, f.path, names[i]);
}

typedef void put_fn(struct metric_set *to, struct arena *a, const struct figures *f);

/* Of every Pod in turn, which others may end meanwhile. */
static void each(struct kubelet *k, struct metric_set *to, put_fn *put)
{
	CLEANUP(arena_free) struct arena *mem = arena_new(NULL);
	struct map_entry *en;
	str_list_t uids = {0};
	for (size_t i = 0; (en = map_next(&k->pods, &i));)
		*arena_push(mem, &uids) = str_dup(mem, en->key);
	LIST_EACH(u, uids) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct gathered all = {0};
		struct pod *p = pod_by_uid(k, *u);
		if (p)
			gather_pod(&all, a, p);
		LIST_EACH(f, all)
			put(to, a, f);
		if (rt_breathe())
			return;
	}
}

/* ---- /metrics/resource */
static void put_resource(struct metric_set *to, struct arena *a, const struct figures *f)
{
	double cpu = (double)f->s.cpu_usage_ns / 1e9;
	if (f->c) {
		const struct str *labels = LABELS(f->c->name, f->p->ns, f->p->name);
		metric_put(to, M_container_cpu_usage_seconds_total, labels, cpu);
		metric_put(to, M_container_memory_working_set_bytes, labels, (double)f->s.memory_working_set);
		metric_put(to, M_container_swap_usage_bytes, labels, (double)f->s.memory_swap);
		metric_put(to, M_container_start_time_seconds, labels, (double)f->c->started / 1e9);
	} else if (!f->name.n) {
		const struct str *labels = LABELS(f->p->ns, f->p->name);
		metric_put(to, M_pod_cpu_usage_seconds_total, labels, cpu);
		metric_put(to, M_pod_memory_working_set_bytes, labels, (double)f->s.memory_working_set);
		metric_put(to, M_pod_swap_usage_bytes, labels, (double)f->s.memory_swap);
	}
}

void serve_resource_metrics(struct route *t)
{
	struct metric_set all = {.max = SIZE_MAX};
	struct machine m = {0};
	nsec_t cpu = 0;
	bool failed = machine_cpu(&cpu, NULL) || machine_facts(t->q->arena, &m, NULL);
	if (!failed) {
		metric_put(&all, M_node_cpu_usage_seconds_total, NULL, (double)cpu / 1e9);
		metric_put(&all, M_node_memory_working_set_bytes, NULL, (double)(m.memory_total - m.memory_available));
		metric_put(&all, M_node_swap_usage_bytes, NULL, (double)(m.swap_total - m.swap_free));
	}
	each(t->k, &all, put_resource);
	metric_put(&all, M_resource_scrape_error, NULL, failed);
	metric_put(&all, M_scrape_error, NULL, failed);
	send_metrics(t, &all);
}

/* ---- /metrics/cadvisor */
static const struct {
	enum metric metric;
	size_t offset;
	double scale;
} rows[] = {
#define ROW(metric, member, scale) {M_##metric, offsetof(struct cgroup_stats, member), scale}
	ROW(container_cpu_cfs_periods_total, cpu_periods, 1),
	ROW(container_cpu_cfs_throttled_periods_total, cpu_throttled_periods, 1),
	ROW(container_cpu_cfs_throttled_seconds_total, cpu_throttled_ns, 1e9),
	ROW(container_cpu_system_seconds_total, cpu_system_ns, 1e9),
	ROW(container_cpu_user_seconds_total, cpu_user_ns, 1e9),
	ROW(container_memory_cache, memory_cache, 1),
	ROW(container_memory_mapped_file, memory_mapped_file, 1),
	ROW(container_memory_max_usage_bytes, memory_peak, 1),
	ROW(container_memory_rss, memory_rss, 1),
	ROW(container_memory_swap, memory_swap, 1),
	ROW(container_memory_usage_bytes, memory_usage, 1),
	ROW(cadvisor_container_memory_working_set_bytes, memory_working_set, 1),
	ROW(container_oom_events_total, oom_kills, 1),
	ROW(container_processes, pids, 1),
#undef ROW
};

/* Labels in their order, and room for those that a metric has besides. */
struct who { struct str container, id, image, name, ns, pod; };
#define WHO(w) (w)->container, (w)->id, (w)->image, (w)->name, (w)->ns, (w)->pod

static void put_faults(struct metric_set *to, const struct who *w, const struct cgroup_stats *s)
{
	const struct { const char *type; uint64_t n; } kinds[] = {{"pgfault", s->page_faults}, {"pgmajfault", s->major_page_faults}};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		metric_put(to, M_container_memory_failures_total,
			LABELS(w->container, str_of(kinds[i].type), w->id, w->image, w->name, w->ns, w->pod, STR("hierarchy")), (double)kinds[i].n);
}

static void put_link(struct metric_set *to, const struct who *w, const struct link_stats *l)
{
	const struct { enum metric metric; uint64_t n; } all[] = {
		{M_container_network_receive_bytes_total, l->in.bytes}, {M_container_network_receive_errors_total, l->in.errors},
		{M_container_network_receive_packets_total, l->in.packets}, {M_container_network_receive_packets_dropped_total, l->in.dropped},
		{M_container_network_transmit_bytes_total, l->out.bytes}, {M_container_network_transmit_errors_total, l->out.errors},
		{M_container_network_transmit_packets_total, l->out.packets}, {M_container_network_transmit_packets_dropped_total, l->out.dropped},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		metric_put(to, all[i].metric, LABELS(w->container, w->id, w->image, l->name, w->name, w->ns, w->pod), (double)all[i].n);
}

/* The traffic of the node is not a Pod's. */
static void put_links(struct metric_set *to, struct arena *a, const struct who *w, const struct figures *f)
{
	struct link_stats *links;
	size_t n = f->pid && !f->p->spec->pod->spec.hostNetwork ? proc_links(a, f->pid, &links) : 0;
	for (size_t i = 0; i < n; i++)
		if (!str_is(links[i].name, "lo"))
			put_link(to, w, &links[i]);
}

static void put_cpu(struct metric_set *to, const struct who *w, uint64_t ns)
{
	metric_put(to, M_cadvisor_container_cpu_usage_seconds_total, LABELS(w->container, STR("total"), w->id, w->image, w->name, w->ns, w->pod), (double)ns / 1e9);
}

static void put_cadvisor(struct metric_set *to, struct arena *a, const struct figures *f)
{
	const struct who w = {.container = f->c ? f->c->name : STR(""), .id = f->path, .image = f->c ? f->c->image : STR(""), .name = f->name, .ns = f->p->ns, .pod = f->p->name};
	const struct str *labels = LABELS(WHO(&w));
	put_cpu(to, &w, f->s.cpu_usage_ns);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		metric_put(to, rows[i].metric, labels, (double)*(const uint64_t *)((const char *)&f->s + rows[i].offset) / rows[i].scale);
	put_faults(to, &w, &f->s);
	put_links(to, a, &w, f);
	metric_put(to, M_container_last_seen, labels, (double)(rt_wall() / NS_S));
	metric_put(to, M_container_spec_memory_limit_bytes, labels, f->s.memory_limit == CGROUP_MAX ? 0 : (double)f->s.memory_limit);
	if (f->c)
		metric_put(to, M_cadvisor_container_start_time_seconds, labels, (double)f->c->started / 1e9);
}

/* The machine stands there as the root group. */
static void put_machine(struct metric_set *to, const struct machine *m)
{
	const struct who root = {.id = STR("/")};
	const struct str *labels = LABELS(m->boot_id, m->machine_id, m->system_uuid);
	nsec_t cpu = 0;
	metric_put(to, M_machine_cpu_cores, labels, m->cpus);
	metric_put(to, M_machine_memory_bytes, labels, (double)m->memory_total);
	metric_put(to, M_machine_swap_bytes, labels, (double)m->swap_total);
	if (!machine_cpu(&cpu, NULL))
		put_cpu(to, &root, (uint64_t)cpu);
	metric_put(to, M_cadvisor_container_memory_working_set_bytes, LABELS(WHO(&root)), (double)(m->memory_total - m->memory_available));
}

static void put_disk(struct metric_set *to, struct arena *a, const char *path)
{
	struct fs_stats s;
	if (fs_stats(path, &s, NULL))
		return;
	struct str device = fs_device(a, s.dev);
	const struct str none = STR(""), *labels = LABELS(none, device, STR("/"), none, none, none, none);
	metric_put(to, M_container_fs_usage_bytes, labels, (double)s.used);
	metric_put(to, M_container_fs_limit_bytes, labels, (double)s.capacity);
	metric_put(to, M_container_fs_inodes_total, labels, (double)s.inodes);
	metric_put(to, M_container_fs_inodes_free, labels, (double)s.inodes_free);
}

void serve_cadvisor(struct route *t)
{
	struct metric_set all = {.max = SIZE_MAX};
	struct machine m = {0};
	if (!machine_facts(t->q->arena, &m, NULL))
		put_machine(&all, &m);
	put_disk(&all, t->q->arena, str_z(t->q->arena, t->k->o.root_dir));
	each(t->k, &all, put_cadvisor);
	send_metrics(t, &all);
}
