/* Figures of cgroups: see cgroup.h. */
#include "os/cgroup.h"
#include "os/file.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define STATS_FILE_MAX (64u << 10)
#define V1_UNLIMITED ((uint64_t)1 << 60) /* v1 writes "no limit" as the largest page-aligned number */

/* Where a figure stands. */
struct place {
	enum cgroup_controller controller;
	const char *file, *key; /* key NULL: the file is the number */
	uint64_t scale;
};
#define AT(member) offsetof(struct cgroup_stats, member)

static const struct figure {
	size_t offset;
	struct place v2, v1;
} figures[] = {
	{AT(cpu_usage_ns), {CGROUP_CPU, "cpu.stat", "usage_usec", 1000}, {CGROUP_CPUACCT, "cpuacct.usage", NULL, 1}},
	{AT(cpu_user_ns), {CGROUP_CPU, "cpu.stat", "user_usec", 1000}, {CGROUP_CPUACCT, "cpuacct.usage_user", NULL, 1}},
	{AT(cpu_system_ns), {CGROUP_CPU, "cpu.stat", "system_usec", 1000}, {CGROUP_CPUACCT, "cpuacct.usage_sys", NULL, 1}},
	{AT(cpu_periods), {CGROUP_CPU, "cpu.stat", "nr_periods", 1}, {CGROUP_CPU, "cpu.stat", "nr_periods", 1}},
	{AT(cpu_throttled_periods), {CGROUP_CPU, "cpu.stat", "nr_throttled", 1}, {CGROUP_CPU, "cpu.stat", "nr_throttled", 1}},
	{AT(cpu_throttled_ns), {CGROUP_CPU, "cpu.stat", "throttled_usec", 1000}, {CGROUP_CPU, "cpu.stat", "throttled_time", 1}},
	{AT(memory_usage), {CGROUP_MEMORY, "memory.current", NULL, 1}, {CGROUP_MEMORY, "memory.usage_in_bytes", NULL, 1}},
	{AT(memory_peak), {CGROUP_MEMORY, "memory.peak", NULL, 1}, {CGROUP_MEMORY, "memory.max_usage_in_bytes", NULL, 1}},
	{AT(memory_limit), {CGROUP_MEMORY, "memory.max", NULL, 1}, {CGROUP_MEMORY, "memory.limit_in_bytes", NULL, 1}},
	{AT(memory_swap), {CGROUP_MEMORY, "memory.swap.current", NULL, 1}, {CGROUP_MEMORY, "memory.stat", "total_swap", 1}},
	{AT(memory_rss), {CGROUP_MEMORY, "memory.stat", "anon", 1}, {CGROUP_MEMORY, "memory.stat", "total_rss", 1}},
	{AT(memory_cache), {CGROUP_MEMORY, "memory.stat", "file", 1}, {CGROUP_MEMORY, "memory.stat", "total_cache", 1}},
	{AT(memory_mapped_file), {CGROUP_MEMORY, "memory.stat", "file_mapped", 1}, {CGROUP_MEMORY, "memory.stat", "total_mapped_file", 1}},
	{AT(memory_working_set), {CGROUP_MEMORY, "memory.stat", "inactive_file", 1}, {CGROUP_MEMORY, "memory.stat", "total_inactive_file", 1}},
	{AT(page_faults), {CGROUP_MEMORY, "memory.stat", "pgfault", 1}, {CGROUP_MEMORY, "memory.stat", "total_pgfault", 1}},
	{AT(major_page_faults), {CGROUP_MEMORY, "memory.stat", "pgmajfault", 1}, {CGROUP_MEMORY, "memory.stat", "total_pgmajfault", 1}},
	{AT(oom_kills), {CGROUP_MEMORY, "memory.events", "oom_kill", 1}, {CGROUP_MEMORY, "memory.oom_control", "oom_kill", 1}},
	{AT(pids), {CGROUP_PIDS, "pids.current", NULL, 1}, {CGROUP_PIDS, "pids.current", NULL, 1}},
	{AT(pids_limit), {CGROUP_PIDS, "pids.max", NULL, 1}, {CGROUP_PIDS, "pids.max", NULL, 1}},
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
static struct str read_figures(struct arena *a, const struct cgroups *c, const char *path, const struct place *f)
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
	struct cgroup_stats s = {0};
	struct str text = {0};
	if (!cgroup_exists(c, path))
		return err_sys(e, ENOENT, "cgroup %s", path);
	const struct place *was = NULL;
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		const struct place *f = c->version == CGROUP_V2 ? &figures[i].v2 : &figures[i].v1;
		if (!was || strcmp(f->file, was->file))
			text = read_figures(a, c, path, f);
		*(uint64_t *)((char *)&s + figures[i].offset) = (f->key ? lookup(text, f->key) : number(text)) * f->scale;
		was = f;
	}
	/* The table left the inactive file pages there. */
	s.memory_working_set = s.memory_usage > s.memory_working_set ? s.memory_usage - s.memory_working_set : 0;
	if (s.memory_limit >= V1_UNLIMITED)
		s.memory_limit = CGROUP_MAX;
	*ret = s;
	return 0;
}
