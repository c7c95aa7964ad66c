/* Figures of cgroups: see cgroup.h. */
#include "os/cgroup.h"
#include "os/file.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define STATS_FILE_MAX (64u << 10)
#define V1_UNLIMITED ((uint64_t)1 << 60) /* v1 writes "no limit" as the largest page-aligned number */

/* One line of a table of figures: where it stands in which file. */
struct figure {
	enum cgroup_controller controller;
	const char *file, *key; /* key NULL: the file is the number */
	size_t offset;
	uint64_t scale;
};
#define FIG(c, file, key, member, scale) {c, file, key, offsetof(struct cgroup_stats, member), scale}

static const struct figure v2[] = {
	FIG(CGROUP_CPU, "cpu.stat", "usage_usec", cpu_usage_ns, 1000),
	FIG(CGROUP_CPU, "cpu.stat", "user_usec", cpu_user_ns, 1000),
	FIG(CGROUP_CPU, "cpu.stat", "system_usec", cpu_system_ns, 1000),
	FIG(CGROUP_CPU, "cpu.stat", "nr_periods", cpu_periods, 1),
	FIG(CGROUP_CPU, "cpu.stat", "nr_throttled", cpu_throttled_periods, 1),
	FIG(CGROUP_CPU, "cpu.stat", "throttled_usec", cpu_throttled_ns, 1000),
	FIG(CGROUP_MEMORY, "memory.current", NULL, memory_usage, 1),
	FIG(CGROUP_MEMORY, "memory.peak", NULL, memory_peak, 1),
	FIG(CGROUP_MEMORY, "memory.max", NULL, memory_limit, 1),
	FIG(CGROUP_MEMORY, "memory.swap.current", NULL, memory_swap, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "anon", memory_rss, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "file", memory_cache, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "file_mapped", memory_mapped_file, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "inactive_file", memory_working_set, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "pgfault", page_faults, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "pgmajfault", major_page_faults, 1),
	FIG(CGROUP_MEMORY, "memory.events", "oom_kill", oom_kills, 1),
	FIG(CGROUP_PIDS, "pids.current", NULL, pids, 1),
	FIG(CGROUP_PIDS, "pids.max", NULL, pids_limit, 1),
};
static const struct figure v1[] = {
	FIG(CGROUP_CPUACCT, "cpuacct.usage", NULL, cpu_usage_ns, 1),
	FIG(CGROUP_CPUACCT, "cpuacct.usage_user", NULL, cpu_user_ns, 1),
	FIG(CGROUP_CPUACCT, "cpuacct.usage_sys", NULL, cpu_system_ns, 1),
	FIG(CGROUP_CPU, "cpu.stat", "nr_periods", cpu_periods, 1),
	FIG(CGROUP_CPU, "cpu.stat", "nr_throttled", cpu_throttled_periods, 1),
	FIG(CGROUP_CPU, "cpu.stat", "throttled_time", cpu_throttled_ns, 1),
	FIG(CGROUP_MEMORY, "memory.usage_in_bytes", NULL, memory_usage, 1),
	FIG(CGROUP_MEMORY, "memory.max_usage_in_bytes", NULL, memory_peak, 1),
	FIG(CGROUP_MEMORY, "memory.limit_in_bytes", NULL, memory_limit, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_swap", memory_swap, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_rss", memory_rss, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_cache", memory_cache, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_mapped_file", memory_mapped_file, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_inactive_file", memory_working_set, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_pgfault", page_faults, 1),
	FIG(CGROUP_MEMORY, "memory.stat", "total_pgmajfault", major_page_faults, 1),
	FIG(CGROUP_MEMORY, "memory.oom_control", "oom_kill", oom_kills, 1),
	FIG(CGROUP_PIDS, "pids.current", NULL, pids, 1),
	FIG(CGROUP_PIDS, "pids.max", NULL, pids_limit, 1),
};

static uint64_t number(struct str s)
{
	uint64_t v = 0;
	s = str_trim(s);
	if (str_is(s, "max"))
		return CGROUP_MAX;
	return str_u64(s, &v) ? 0 : v;
}

static uint64_t lookup(struct str text, const char *key)
{
	struct str line, name, value;
	while (str_next(&text, '\n', &line))
		if (str_cut(line, ' ', &name, &value) && str_is(name, key))
			return number(value);
	return 0;
}

/* Consecutive rows of one file read it once. */
static struct str read_figures(struct arena *a, const struct cgroups *c, const char *path, const struct figure *f)
{
	char file[PATH_MAX];
	struct str text = {0};
	ERR(e);
	int n = snprintf(file, sizeof file, "%s/%s/%s", c->dirs[f->controller], path, f->file);
	if (n >= (int)sizeof file || !(c->controllers & 1u << f->controller) || file_read(a, file, STATS_FILE_MAX, &text, &e))
		return (struct str){0};
	return text;
}

int cgroup_stats(const struct cgroups *c, const char *path, struct cgroup_stats *ret, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct figure *f = c->version == CGROUP_V2 ? v2 : v1;
	size_t n = c->version == CGROUP_V2 ? ARRAY_LEN(v2) : ARRAY_LEN(v1);
	struct cgroup_stats s = {0};
	struct str text = {0};
	if (!cgroup_exists(c, path))
		return err_sys(e, ENOENT, "cgroup %s", path);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(f[i].file, f[i - 1].file))
			text = read_figures(a, c, path, &f[i]);
		*(uint64_t *)((char *)&s + f[i].offset) = (f[i].key ? lookup(text, f[i].key) : number(text)) * f[i].scale;
	}
	/* The table left the inactive file pages there. */
	s.memory_working_set = s.memory_usage > s.memory_working_set ? s.memory_usage - s.memory_working_set : 0;
	if (s.memory_limit >= V1_UNLIMITED)
		s.memory_limit = CGROUP_MAX;
	*ret = s;
	return 0;
}
