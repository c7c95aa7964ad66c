#include "os/cgroup.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define FILE_MAX_BYTES (1u << 20)
#define DEPTH_MAX 32       /* of cgroups within cgroups */
#define KILL_ROUNDS 100    /* processes may fork while they are killed one by one */

/* Names as in the mount options of v1. */
static const char *const names[CGROUP_CONTROLLERS] = {
	[CGROUP_CPU] = "cpu", [CGROUP_CPUACCT] = "cpuacct", [CGROUP_CPUSET] = "cpuset", [CGROUP_MEMORY] = "memory", [CGROUP_PIDS] = "pids",
	[CGROUP_HUGETLB] = "hugetlb", [CGROUP_IO] = "blkio", [CGROUP_FREEZER] = "freezer", [CGROUP_DEVICES] = "devices", [CGROUP_SYSTEMD] = "name=systemd",
};
#define V2_NEEDED (1u << CGROUP_CPU | 1u << CGROUP_MEMORY | 1u << CGROUP_PIDS)

static enum cgroup_controller by_name(struct str name, enum cgroup_version v)
{
	if (v == CGROUP_V2 && str_is(name, "io"))
		return CGROUP_IO;
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		if (str_is(name, names[i]))
			return (enum cgroup_controller)i;
	return CGROUP_CONTROLLERS;
}

static bool set_dir(struct cgroups *c, enum cgroup_controller i, struct str dir)
{
	if (i == CGROUP_CONTROLLERS || dir.n >= sizeof c->dirs[i] || (c->controllers & 1u << i))
		return false;
	memcpy(c->dirs[i], dir.p, dir.n);
	c->dirs[i][dir.n] = 0;
	c->controllers |= 1u << i;
	return true;
}

/* The super block's options name the controllers of a v1 mount; they stand at the end of the line, which mount_table leaves out. */
static void detect_v1(struct arena *a, struct cgroups *c)
{
	struct str rest, line, f, dir, options, opt;
	if (file_read(a, "/proc/self/mounts", FILE_MAX_BYTES, &rest, NULL))
		return;
	while (str_next(&rest, '\n', &line)) {
		if (!str_next(&line, ' ', &f) || !str_next(&line, ' ', &dir) || !str_next(&line, ' ', &f) || !str_is(f, "cgroup"))
			continue;
		if (!str_next(&line, ' ', &options))
			continue;
		while (str_next(&options, ',', &opt))
			if (set_dir(c, by_name(opt, CGROUP_V1), dir))
				c->version = CGROUP_V1;
	}
}

static void detect_v2(struct arena *a, struct cgroups *c)
{
	struct mount_list list;
	struct str text, name;
	if (mount_table(a, "/", &list, NULL))
		return;
	for (uint32_t i = 0; i < list.len; i++) {
		struct cgroups found = {0};
		if (!str_is(list.items[i].type, "cgroup2"))
			continue;
		struct str path = str_printf(a, "%.*s/cgroup.controllers", STR_F(list.items[i].path));
		if (file_read(a, path.p ? str_z(a, path) : "", FILE_MAX_BYTES, &text, NULL))
			continue;
		for (struct str rest = str_trim(text); str_next(&rest, ' ', &name);)
			set_dir(&found, by_name(name, CGROUP_V2), list.items[i].path);
		if ((found.controllers & V2_NEEDED) != V2_NEEDED)
			continue;
		set_dir(&found, CGROUP_CPUACCT, list.items[i].path);
		set_dir(&found, CGROUP_FREEZER, list.items[i].path);
		found.version = CGROUP_V2;
		*c = found;
		return;
	}
}

int cgroups_detect(struct cgroups *ret, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cgroups c = {0};
	detect_v2(a, &c);
	if (c.version == CGROUP_NONE)
		detect_v1(a, &c);
	*ret = c;
	return c.version == CGROUP_NONE ? err_set(e, ERR_SYSTEM, "no cgroup hierarchy is mounted") : 0;
}

static struct cgroups detected;
static void detect_once(void)
{
	if (cgroups_detect(&detected, NULL))
		detected.version = CGROUP_NONE;
}

const struct cgroups *cgroups_get(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, detect_once);
	return &detected;
}

#define HYBRID "/sys/fs/cgroup/unified"

struct path { char z[PATH_MAX]; };

/* The folder of path in a controller's hierarchy, with a file's name if there is one; -1 when it is too long or leads out. */
static int make_path(struct path *p, const char *dir, const char *path, const char *file)
{
	while (*path == '/')
		path++;
	if (*path && !path_is_clean(str_of(path)))
		return -1;
	int n = snprintf(p->z, sizeof p->z, "%s%s%s%s%s", dir, *path ? "/" : "", path, file ? "/" : "", file ? file : "");
	return n < (int)sizeof p->z ? 0 : -1;
}

static int bad_path(const char *path, struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a cgroup path", path);
}

/* Each different hierarchy once: *i runs over the controllers. */
static const char *next_dir(const struct cgroups *c, int *i)
{
	while (*i < CGROUP_CONTROLLERS) {
		const char *dir = c->dirs[(*i)++];
		bool seen = !dir[0];
		for (int k = 0; k < *i - 1 && !seen; k++)
			seen = !strcmp(dir, c->dirs[k]);
		if (!seen)
			return dir;
	}
	return NULL;
}

static int poke(const char *dir, const char *path, const char *file, const char *text, struct err *e)
{
	struct path p;
	if (make_path(&p, dir, path, file))
		return bad_path(path, e);
	return file_poke(p.z, str_of(text), e);
}

static int poke_u64(const struct cgroups *c, enum cgroup_controller i, const char *path, const char *file, uint64_t v, const char *max, struct err *e)
{
	char text[24];
	if (!(c->controllers & 1u << i))
		return 0;
	snprintf(text, sizeof text, "%llu", (unsigned long long)v);
	return poke(c->dirs[i], path, file, v == CGROUP_MAX ? max : text, e);
}

/* A new cpuset on v1 is empty and takes no process until it has its parent's. */
static void inherit_cpuset(const char *dir, const char *at)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct path parent, own;
	struct str text;
	const char *slash = strrchr(at, '/');
	char up[PATH_MAX];
	snprintf(up, sizeof up, "%.*s", slash ? (int)(slash - at) : 0, at);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!make_path(&parent, dir, up, files[i]) && !make_path(&own, dir, at, files[i]) && !file_read(a, parent.z, 4096, &text, NULL))
			(void)!file_poke(own.z, text, NULL);
}

/* v2: a group's children have the controllers that it passes on. */
static int pass_controllers(const struct cgroups *c, const char *dir, const char *at, struct err *e)
{
	static const enum cgroup_controller passed[] = {CGROUP_CPU, CGROUP_CPUSET, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_HUGETLB, CGROUP_IO};
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		char text[16];
		const char *name = passed[i] == CGROUP_IO ? "io" : names[passed[i]];
		snprintf(text, sizeof text, "+%s", name);
		if (!(c->controllers & 1u << passed[i]) || !poke(dir, at, "cgroup.subtree_control", text, e))
			continue;
		if (V2_NEEDED & 1u << passed[i])
			return err_wrap(e, "pass controller %s to the children of /%s", name, at);
	}
	return 0;
}

/* Makes every missing level of path in one hierarchy. */
static int create_in(const struct cgroups *c, const char *dir, const char *path, struct err *e)
{
	struct path p;
	char at[CGROUP_PATH_MAX] = "";
	struct str rest = str_of(path + strspn(path, "/")), part;
	while (str_next(&rest, '/', &part)) {
		size_t n = strlen(at);
		if (c->version == CGROUP_V2 && pass_controllers(c, dir, at, e))
			return -1;
		snprintf(at + n, sizeof at - n, "%s%.*s", n ? "/" : "", STR_F(part));
		if (make_path(&p, dir, at, NULL))
			return bad_path(path, e);
		if (mkdir(p.z, 0755) == 0) {
			if (c->version == CGROUP_V1 && !strcmp(dir, c->dirs[CGROUP_CPUSET]))
				inherit_cpuset(dir, at);
		} else if (errno != EEXIST) {
			return err_sys(e, errno, "make cgroup %s", p.z);
		}
	}
	return 0;
}

int cgroup_create(const struct cgroups *c, const char *path, struct err *e)
{
	struct path p;
	const char *dir;
	if (strlen(path) >= CGROUP_PATH_MAX || make_path(&p, "", path, NULL))
		return bad_path(path, e);
	for (int i = 0; (dir = next_dir(c, &i));)
		if (create_in(c, dir, path, e))
			return -1;
	return 0;
}

bool cgroup_exists(const struct cgroups *c, const char *path)
{
	struct path p;
	enum cgroup_controller i = c->controllers & 1u << CGROUP_MEMORY ? CGROUP_MEMORY : CGROUP_CPU;
	return !make_path(&p, c->dirs[i], path, NULL) && file_exists(p.z);
}

static int limit_cpu(const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	uint64_t period = l->cpu_period_us ? l->cpu_period_us : 100000;
	char text[64];
	if (l->has_cpu_shares && c->version == CGROUP_V2 && poke_u64(c, CGROUP_CPU, path, "cpu.weight", cgroup_weight(l->cpu_shares), "", e))
		return -1;
	if (l->has_cpu_shares && c->version == CGROUP_V1 && poke_u64(c, CGROUP_CPU, path, "cpu.shares", l->cpu_shares, "", e))
		return -1;
	if (!l->has_cpu_quota)
		return 0;
	snprintf(text, sizeof text, l->cpu_quota_us > 0 ? "%lld" : c->version == CGROUP_V2 ? "max" : "-1", (long long)l->cpu_quota_us);
	if (c->version == CGROUP_V2) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof text - n, " %llu", (unsigned long long)period);
		return poke(c->dirs[CGROUP_CPU], path, "cpu.max", text, e);
	}
	/* The kernel compares quota and period of parent and child: without quota any period is fine. */
	if (poke_u64(c, CGROUP_CPU, path, "cpu.cfs_period_us", period, "", e))
		return -1;
	return poke(c->dirs[CGROUP_CPU], path, "cpu.cfs_quota_us", text, e);
}

static int limit_memory(const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	bool v2 = c->version == CGROUP_V2;
	if (l->has_memory_max && poke_u64(c, CGROUP_MEMORY, path, v2 ? "memory.max" : "memory.limit_in_bytes", l->memory_max, v2 ? "max" : "-1", e))
		return -1;
	if (v2 && l->has_memory_min && poke_u64(c, CGROUP_MEMORY, path, "memory.min", l->memory_min, "max", e))
		return -1;
	if (v2 && l->has_memory_high && poke_u64(c, CGROUP_MEMORY, path, "memory.high", l->memory_high, "max", e))
		return -1;
	return 0;
}

static int limit_hugetlb(const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	for (int i = 0; i < l->nhugetlb && i < (int)ARRAY_LEN(l->hugetlb); i++) {
		char file[48];
		snprintf(file, sizeof file, c->version == CGROUP_V2 ? "hugetlb.%.7s.max" : "hugetlb.%.7s.limit_in_bytes", l->hugetlb[i].size);
		if (poke_u64(c, CGROUP_HUGETLB, path, file, l->hugetlb[i].limit, c->version == CGROUP_V2 ? "max" : "-1", e))
			return -1;
	}
	return 0;
}

int cgroup_limit(const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e)
{
	if (limit_cpu(c, path, l, e) || limit_memory(c, path, l, e))
		return -1;
	if (l->has_pids_max && poke_u64(c, CGROUP_PIDS, path, "pids.max", l->pids_max, "max", e))
		return -1;
	return limit_hugetlb(c, path, l, e);
}

int cgroup_add(const struct cgroups *c, const char *path, pid_t pid, struct err *e)
{
	const char *dir;
	char text[16];
	snprintf(text, sizeof text, "%d", (int)pid);
	for (int i = 0; (dir = next_dir(c, &i));)
		if (poke(dir, path, "cgroup.procs", text, e))
			return -1;
	return 0;
}

int cgroup_open(const struct cgroups *c, const char *path)
{
	struct path p;
	if (c->version != CGROUP_V2 || make_path(&p, c->dirs[CGROUP_CPU], path, NULL))
		return -1;
	return open(p.z, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

struct pids { struct { pid_t *items; uint32_t len, cap; } list; };

static int add_procs(struct arena *a, const char *dir, const char *path, struct pids *out, struct err *e)
{
	struct path p;
	struct str rest, line;
	int64_t pid;
	ERR(own);
	if (make_path(&p, dir, path, "cgroup.procs"))
		return bad_path(path, e);
	if (file_read(a, p.z, FILE_MAX_BYTES, &rest, &own))
		return own.sys == ENOENT || own.sys == ENODEV ? 0 : err_hand(e, &own);
	while (str_next(&rest, '\n', &line)) {
		if (str_i64(line, &pid))
			continue;
		pid_t *slot = arena_push(a, &out->list);
		if (!slot)
			return err_nomem(e, sizeof *slot);
		*slot = (pid_t)pid;
	}
	return 0;
}

struct str_list { struct str *items; uint32_t len, cap; };

static int children_in(struct arena *a, const char *dir, const char *path, struct str_list *out, struct err *e)
{
	struct path p;
	struct dirent *d;
	if (make_path(&p, dir, path, NULL))
		return bad_path(path, e);
	DIR *open = opendir(p.z);
	if (!open)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", p.z);
	while ((d = readdir(open))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		struct str *slot = arena_push(a, out);
		if (slot)
			*slot = str_dup(a, str_of(d->d_name));
	}
	closedir(open);
	return 0;
}

/* Calls fn for path and all groups beneath, children first. */
static int each_beneath(struct arena *a, const char *dir, const char *path, int depth, int (*fn)(void *arg, const char *dir, const char *path, struct err *e),
	void *arg, struct err *e)
{
	struct str_list kids = {0};
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_SYSTEM, "cgroups below %s are nested too deeply", path);
	if (children_in(a, dir, path, &kids, e))
		return -1;
	for (uint32_t i = 0; i < kids.len; i++) {
		struct str sub = str_printf(a, "%s/%.*s", path, STR_F(kids.items[i]));
		if (!sub.p)
			return err_nomem(e, PATH_MAX);
		if (each_beneath(a, dir, str_z(a, sub), depth + 1, fn, arg, e))
			return -1;
	}
	return fn(arg, dir, path, e);
}

struct collect { struct arena *a; struct pids pids; };
static int collect_procs(void *arg, const char *dir, const char *path, struct err *e)
{
	struct collect *c = arg;
	return add_procs(c->a, dir, path, &c->pids, e);
}

/* The hierarchy that is asked about processes. */
static const char *main_dir(const struct cgroups *c)
{
	int i = 0;
	return c->controllers & 1u << CGROUP_MEMORY ? c->dirs[CGROUP_MEMORY] : next_dir(c, &i);
}

int cgroup_procs(struct arena *a, const struct cgroups *c, const char *path, bool beneath, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct collect all = {.a = a};
	const char *dir = main_dir(c);
	if (!dir)
		return err_set(e, ERR_SYSTEM, "no cgroup hierarchy is mounted");
	if (beneath ? each_beneath(a, dir, path, 0, collect_procs, &all, e) : collect_procs(&all, dir, path, e))
		return -1;
	*ret = all.pids.list.items;
	*ret_n = all.pids.list.len;
	return 0;
}

int cgroup_children(struct arena *a, const struct cgroups *c, const char *path, struct str **ret, size_t *ret_n, struct err *e)
{
	struct str_list list = {0};
	const char *dir = main_dir(c);
	if (!dir || children_in(a, dir, path, &list, e))
		return dir ? -1 : err_set(e, ERR_SYSTEM, "no cgroup hierarchy is mounted");
	*ret = list.items;
	*ret_n = list.len;
	return 0;
}

/* Kills what is there until a look finds nobody, so that a fork between look and kill does not escape. */
static int kill_each(const struct cgroups *c, const char *path, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (int round = 0; round < KILL_ROUNDS; round++) {
		pid_t *pids;
		size_t n;
		arena_reset(a);
		if (cgroup_procs(a, c, path, true, &pids, &n, e))
			return -1;
		if (!n)
			return 0;
		for (size_t i = 0; i < n; i++)
			kill(pids[i], SIGKILL);
		nanosleep(&(struct timespec){.tv_nsec = round < 10 ? 1000000 : 10000000}, NULL);
	}
	return err_sys(e, EBUSY, "kill the processes of cgroup %s", path);
}

int cgroup_kill(const struct cgroups *c, const char *path, struct err *e)
{
	struct path p;
	if (path[strspn(path, "/")] == 0 || make_path(&p, "", path, NULL))
		return bad_path(path, e);
	if (c->version == CGROUP_V2 && !make_path(&p, c->dirs[CGROUP_CPU], path, "cgroup.kill") && file_exists(p.z) && file_poke(p.z, STR("1"), e))
		return -1;
	return kill_each(c, path, e);
}

static int remove_one(void *arg, const char *dir, const char *path, struct err *e)
{
	struct path p;
	if (make_path(&p, dir, path, NULL))
		return bad_path(path, e);
	if (rmdir(p.z) && errno != ENOENT)
		return err_sys(e, errno, "remove cgroup %s", p.z);
	return 0;
}

int cgroup_remove(const struct cgroups *c, const char *path, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir;
	if (path[strspn(path, "/")] == 0)
		return bad_path(path, e);
	for (int i = 0; (dir = next_dir(c, &i));)
		if (each_beneath(a, dir, path, 0, remove_one, NULL, e))
			return -1;
	if (c->version == CGROUP_V1 && file_exists(HYBRID)) /* runc makes groups there too where both versions are mounted */
		return each_beneath(a, HYBRID, path, 0, remove_one, NULL, e);
	return 0;
}

int cgroup_of_pid(const struct cgroups *c, pid_t pid, struct buf *out, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	char file[32];
	struct str rest, line, id, list, name, path;
	snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);
	if (file_read(a, file, FILE_MAX_BYTES, &rest, e))
		return -1;
	while (str_next(&rest, '\n', &line)) {
		if (!str_cut(line, ':', &id, &line) || !str_cut(line, ':', &list, &path))
			continue;
		bool hit = c->version == CGROUP_V2 && str_is(id, "0");
		while (c->version == CGROUP_V1 && !hit && str_next(&list, ',', &name))
			hit = str_is(name, "memory");
		if (hit)
			return buf_str(out, path), 0;
	}
	return err_set(e, ERR_NOT_FOUND, "process %d is in no cgroup", (int)pid);
}
