#include "os/proc.h"
#include "os/file.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PROC_FILE_MAX (1u << 20)

static struct str read_proc(struct arena *a, const char *path)
{
	struct str s = {0};
	ERR(e);
	return file_read(a, path, PROC_FILE_MAX, &s, &e) ? (struct str){0} : s;
}

/* The next word of *rest, with any number of spaces before it. */
static struct str word(struct str *rest)
{
	struct str w;
	while (str_next(rest, ' ', &w))
		if (w.n)
			return w;
	return (struct str){0};
}

/* The number behind "key:" in text of the form of /proc/meminfo; 0 when there is none. */
static uint64_t number_of(struct str text, const char *key)
{
	struct str line, head, tail;
	uint64_t v = 0;
	while (str_next(&text, '\n', &line)) {
		if (!str_cut(line, ':', &head, &tail) || !str_is(head, key))
			continue;
		struct str rest = str_trim(tail);
		if (str_u64(word(&rest), &v))
			v = 0;
		break;
	}
	return v;
}

/* A value of /etc/os-release, without quotes. */
static struct str release_of(struct str text, const char *key)
{
	struct str line, head, tail;
	while (str_next(&text, '\n', &line)) {
		if (!str_cut(line, '=', &head, &tail) || !str_is(head, key))
			continue;
		if (tail.n >= 2 && (tail.p[0] == '"' || tail.p[0] == '\''))
			return str_sub(tail, 1, tail.n - 1);
		return tail;
	}
	return (struct str){0};
}

static uint64_t huge_pages(struct arena *a, const char *size, uint64_t bytes)
{
	uint64_t n;
	struct str path = str_printf(a, "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages", size);
	return str_u64(str_trim(read_proc(a, str_z(a, path))), &n) ? 0 : n * bytes;
}

int machine_memory(uint64_t *ret_total, uint64_t *ret_available, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str text = read_proc(a, "/proc/meminfo");
	uint64_t total = number_of(text, "MemTotal");
	if (!total)
		return err_set(e, ERR_SYSTEM, "/proc/meminfo has no MemTotal");
	*ret_total = total << 10;
	*ret_available = number_of(text, "MemAvailable") << 10;
	return 0;
}

static void memory_facts(struct arena *a, struct machine *m)
{
	struct str text = read_proc(a, "/proc/meminfo");
	m->memory_total = number_of(text, "MemTotal") << 10;
	m->memory_available = number_of(text, "MemAvailable") << 10;
	m->swap_total = number_of(text, "SwapTotal") << 10;
	m->swap_free = number_of(text, "SwapFree") << 10;
	m->huge_2mi = huge_pages(a, "2048kB", 2u << 20);
	m->huge_1gi = huge_pages(a, "1048576kB", 1u << 30);
}

static const char *go_architecture(const char *machine)
{
	if (!strcmp(machine, "x86_64"))
		return "amd64";
	return strcmp(machine, "aarch64") ? machine : "arm64";
}

static void kernel_facts(struct arena *a, struct machine *m)
{
	struct utsname u;
	if (uname(&u))
		return;
	m->kernel_version = str_dup(a, str_of(u.release));
	m->hostname = str_dup(a, str_of(u.nodename));
	m->architecture = str_dup(a, str_of(go_architecture(u.machine)));
}

static void identity_facts(struct arena *a, struct machine *m)
{
	m->boot_id = str_trim(read_proc(a, "/proc/sys/kernel/random/boot_id"));
	m->machine_id = str_trim(read_proc(a, "/etc/machine-id"));
	if (!m->machine_id.n)
		m->machine_id = str_trim(read_proc(a, "/var/lib/dbus/machine-id"));
	m->system_uuid = str_trim(read_proc(a, "/sys/class/dmi/id/product_uuid"));
	if (!m->system_uuid.n)
		m->system_uuid = m->machine_id;
}

static wall_t boot_time(struct arena *a)
{
	struct str text = read_proc(a, "/proc/stat"), line;
	int64_t s = 0;
	while (str_next(&text, '\n', &line))
		if (str_has_prefix(line, STR("btime ")) && !str_i64(str_trim(str_sub(line, 6, line.n)), &s))
			break;
	return s * NS_S;
}

int machine_facts(struct arena *a, struct machine *ret, struct err *e)
{
	struct machine m = {.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN)};
	memory_facts(a, &m);
	if (!m.memory_total)
		return err_set(e, ERR_SYSTEM, "/proc/meminfo has no MemTotal: is /proc mounted?");
	kernel_facts(a, &m);
	identity_facts(a, &m);
	struct str release = read_proc(a, "/etc/os-release");
	m.os_image = release_of(release, "PRETTY_NAME");
	m.os_id = release_of(release, "ID");
	m.booted = boot_time(a);
	*ret = m;
	return 0;
}

int fs_stats(const char *path, struct fs_stats *ret, struct err *e)
{
	struct statvfs v;
	if (statvfs(path, &v))
		return err_sys(e, errno, "file system of %s", path);
	*ret = (struct fs_stats){.capacity = v.f_blocks * v.f_frsize, .available = v.f_bavail * v.f_frsize, .used = (v.f_blocks - v.f_bfree) * v.f_frsize,
		.inodes = v.f_files, .inodes_free = v.f_ffree, .dev = v.f_fsid};
	return 0;
}

struct str fs_device(struct arena *a, uint64_t dev)
{
	char path[64];
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/uevent", major((dev_t)dev), minor((dev_t)dev));
	struct str text = read_proc(a, path), line;
	while (text.n && str_next(&text, '\n', &line))
		if (str_has_prefix(line, STR("DEVNAME=")))
			return str_printf(a, "/dev/%.*s", STR_F(str_sub(line, 8, line.n)));
	return STR("");
}

/* What stands behind the name in /proc/PID/stat (which may hold spaces and brackets): field 3 and on. */
static struct str stat_fields(struct arena *a, pid_t pid)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	struct str s = read_proc(a, path);
	ptrdiff_t at = str_rindex(s, ')');
	return at < 0 ? (struct str){0} : str_sub(s, (size_t)at + 2, s.n);
}

/* Field number n of stat, as proc(5) counts them. */
static uint64_t stat_field(struct str fields, int n)
{
	uint64_t v = 0;
	struct str w = {0};
	for (int i = 3; i <= n; i++)
		w = word(&fields);
	return str_u64(w, &v) ? 0 : v;
}

uint64_t proc_start_ticks(pid_t pid)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	return stat_field(stat_fields(a, pid), 22);
}

static nsec_t ticks_ns(uint64_t ticks)
{
	return (nsec_t)(ticks * (uint64_t)(NS_S / sysconf(_SC_CLK_TCK)));
}

int proc_cpu(pid_t pid, nsec_t *ret, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str fields = stat_fields(a, pid);
	if (!fields.n)
		return err_sys(e, ESRCH, "process %d", (int)pid);
	*ret = ticks_ns(stat_field(fields, 14) + stat_field(fields, 15));
	return 0;
}

static uint64_t count_fds(pid_t pid)
{
	char path[32];
	uint64_t n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

int proc_facts(pid_t pid, struct process_facts *ret, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str fields = stat_fields(a, pid);
	if (!fields.n)
		return err_sys(e, ESRCH, "process %d", (int)pid);
	*ret = (struct process_facts){.resident = stat_field(fields, 24) * (uint64_t)sysconf(_SC_PAGESIZE), .virtual_ = stat_field(fields, 23),
		.open_fds = count_fds(pid), .started = boot_time(a) + ticks_ns(stat_field(fields, 22))};
	return 0;
}

int proc_pss(pid_t pid, uint64_t *ret_bytes, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	char path[40];
	struct str s;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	if (file_read(a, path, PROC_FILE_MAX, &s, e))
		return -1;
	*ret_bytes = number_of(s, "Pss") << 10;
	return 0;
}

int machine_cpu(nsec_t *ret, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str text = read_proc(a, "/proc/stat"), line;
	uint64_t v, busy = 0;
	if (!str_next(&text, '\n', &line) || !str_has_prefix(line, STR("cpu ")))
		return err_set(e, ERR_SYSTEM, "/proc/stat is not readable");
	word(&line);
	/* user nice system idle iowait irq softirq steal; guest time is within user. */
	for (int i = 0; i < 8; i++)
		if (!str_u64(word(&line), &v) && i != 3 && i != 4)
			busy += v;
	*ret = ticks_ns(busy);
	return 0;
}

/* "NAME: bytes packets errs drop fifo frame compressed multicast", then the same without frame and multicast for what goes out. */
static bool read_link(struct str line, struct link_stats *ret)
{
	struct str head, tail;
	uint64_t v[12];
	if (!str_cut(line, ':', &head, &tail))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (str_u64(word(&tail), &v[i]))
			return false;
	*ret = (struct link_stats){str_trim(head), {v[0], v[1], v[2], v[3]}, {v[8], v[9], v[10], v[11]}};
	return true;
}

size_t proc_links(struct arena *a, pid_t pid, struct link_stats **ret)
{
	struct { struct link_stats *items; uint32_t len, cap; } all = {0};
	struct link_stats l;
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/net/dev", (int)pid);
	struct str text = read_proc(a, path), line;
	while (text.n && str_next(&text, '\n', &line))
		if (read_link(line, &l))
			*(struct link_stats *)arena_push(a, &all) = l;
	*ret = all.items;
	return all.len;
}

int machine_psi(const char *what, struct psi *ret_some, struct psi *ret_full)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	char path[64], kind[8];
	struct psi p, found[2] = {0};
	unsigned long long total;
	snprintf(path, sizeof path, "/proc/pressure/%s", what);
	struct str text = read_proc(a, path), line;
	if (!text.n)
		return -1;
	while (str_next(&text, '\n', &line)) {
		if (sscanf(str_z(a, line), "%7s avg10=%lf avg60=%lf avg300=%lf total=%llu", kind, &p.avg10, &p.avg60, &p.avg300, &total) != 5)
			continue;
		p.total_us = total;
		found[!strcmp(kind, "full")] = p;
	}
	*ret_some = found[0];
	*ret_full = found[1];
	return 0;
}
