#include "base/test.h"
#include "os/cgroup.h"
#include "os/file.h"
#include "os/spawn.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static void path_is(enum cgroup_driver d, const char *root, enum cgroup_qos q, const char *uid, const char *want)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	BUF(b);
	cgroup_pod_path(&b, d, str_of(root), q, str_of(uid));
	assert_str(buf_view(&b), want);
	if (uid)
		assert_str(cgroup_pod_uid(a, buf_view(&b)), uid);
}

TEST(cgroup_pod_paths_are_upstreams)
{
	path_is(CGROUP_DRIVER_CGROUPFS, "", CGROUP_BURSTABLE, "a-b", "/kubepods/burstable/poda-b");
	path_is(CGROUP_DRIVER_CGROUPFS, "", CGROUP_GUARANTEED, "a-b", "/kubepods/poda-b");
	path_is(CGROUP_DRIVER_CGROUPFS, "/x", CGROUP_BESTEFFORT, NULL, "/x/kubepods/besteffort");
	path_is(CGROUP_DRIVER_SYSTEMD, "", CGROUP_BURSTABLE, "a-b", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poda_b.slice");
	path_is(CGROUP_DRIVER_SYSTEMD, "", CGROUP_GUARANTEED, "a-b", "/kubepods.slice/kubepods-poda_b.slice");
	path_is(CGROUP_DRIVER_SYSTEMD, "/x", CGROUP_BESTEFFORT, NULL, "/x.slice/x-kubepods.slice/x-kubepods-besteffort.slice");
}

TEST(cgroup_pod_uid_of_other_groups_is_absent)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_null(cgroup_pod_uid(a, STR("/kubepods/burstable")).p);
	assert_null(cgroup_pod_uid(a, STR("/kubepods.slice/kubepods-besteffort.slice")).p);
	assert_null(cgroup_pod_uid(a, STR("/")).p);
}

TEST(cgroup_cpu_arithmetic_is_upstreams)
{
	assert_int_equal(cgroup_shares(0), 2);
	assert_int_equal(cgroup_shares(1000), 1024);
	assert_int_equal(cgroup_shares(1000000000), 262144);
	assert_int_equal(cgroup_weight(2), 1);
	assert_int_equal(cgroup_weight(1024), 39);
	assert_int_equal(cgroup_weight(262144), 10000);
	assert_int_equal(cgroup_quota_us(500, 100000), 50000);
	assert_int_equal(cgroup_quota_us(1, 100000), 1000);
	assert_int_equal(cgroup_quota_us(0, 100000), 0);
}

static const struct cgroups *usable(void)
{
	const struct cgroups *c = cgroups_get();
	if (geteuid() || c->version == CGROUP_NONE)
		skip();
	return c;
}

static const char *fresh(void)
{
	static char z[64];
	static int n;
	snprintf(z, sizeof z, "/c8s-test-%d-%d", (int)getpid(), n++);
	return z;
}

static void read_back(const struct cgroups *c, enum cgroup_controller i, const char *path, const char *file, const char *want)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str s;
	ERR(e);
	if (!(c->controllers & 1u << i))
		return;
	assert_ok(file_read(a, str_z(a, str_printf(a, "%s%s/%s", c->dirs[i], path, file)), 1000, &s, &e), &e);
	assert_str(str_trim(s), want);
}

TEST(cgroup_limits_reach_the_kernel)
{
	const struct cgroups *c = usable();
	const char *path = fresh();
	bool v2 = c->version == CGROUP_V2;
	struct cgroup_limits l = {.cpu_shares = 512, .cpu_quota_us = 50000, .memory_max = 64 << 20, .pids_max = 20, .has_cpu_shares = true,
		.has_cpu_quota = true, .has_memory_max = true, .has_pids_max = true};
	struct cgroup_stats s;
	ERR(e);
	assert_ok(cgroup_create(c, path, &e), &e);
	assert_ok(cgroup_create(c, path, &e), &e);
	assert_true(cgroup_exists(c, path));
	assert_ok(cgroup_limit(c, path, &l, &e), &e);
	read_back(c, CGROUP_CPU, path, v2 ? "cpu.weight" : "cpu.shares", v2 ? "20" : "512");
	read_back(c, CGROUP_CPU, path, v2 ? "cpu.max" : "cpu.cfs_quota_us", v2 ? "50000 100000" : "50000");
	read_back(c, CGROUP_PIDS, path, "pids.max", "20");
	assert_ok(cgroup_stats(c, path, &s, &e), &e);
	assert_int_equal(s.memory_limit, 64 << 20);
	assert_int_equal(s.pids_limit, 20);
	l = (struct cgroup_limits){.cpu_quota_us = -1, .memory_max = CGROUP_MAX, .pids_max = CGROUP_MAX, .has_cpu_quota = true, .has_memory_max = true, .has_pids_max = true};
	assert_ok(cgroup_limit(c, path, &l, &e), &e);
	assert_ok(cgroup_stats(c, path, &s, &e), &e);
	assert_true(s.memory_limit == CGROUP_MAX && s.pids_limit == CGROUP_MAX);
	assert_ok(cgroup_remove(c, path, &e), &e);
	assert_false(cgroup_exists(c, path));
	assert_ok(cgroup_remove(c, path, &e), &e);
}

TEST(cgroup_kill_ends_children_of_children_and_remove_clears_the_tree)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct cgroups *c = usable();
	const char *path = fresh();
	char sub[96];
	static const char *const argv[] = {"sh", "-c", "sleep 100 & sleep 100", NULL};
	struct spawn_opts o = {.path = "/bin/sh", .argv = argv, .cgroup = sub};
	struct proc p;
	struct cgroup_stats s;
	pid_t *pids;
	size_t n = 0;
	int status;
	ERR(e);
	snprintf(sub, sizeof sub, "%s/inner", path);
	assert_ok(cgroup_create(c, sub, &e), &e);
	assert_ok(spawn(&o, &p, &e), &e);
	for (int i = 0; i < 1000 && n < 3; i++, usleep(1000))
		assert_ok(cgroup_procs(a, c, path, true, &pids, &n, &e), &e);
	assert_int_equal(n, 3);
	assert_int_equal(cgroup_remove(c, path, &e), -1);
	assert_int_equal(e.sys, EBUSY);
	assert_ok(cgroup_stats(c, sub, &s, &e), &e);
	assert_true(s.cpu_usage_ns > 0 && s.memory_usage > 0 && s.pids == 3);
	BUF(of);
	assert_ok(cgroup_of_pid(c, p.pid, &of, &e), &e);
	assert_true(str_has_suffix(buf_view(&of), STR("/inner")));
	assert_ok(cgroup_kill(c, path, &e), &e);
	assert_int_equal(proc_wait(&p, MONO_NEVER, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_ok(cgroup_remove(c, path, &e), &e);
	assert_false(cgroup_exists(c, path));
}

TEST(cgroup_paths_cannot_lead_out)
{
	const struct cgroups *c = usable();
	ERR(e);
	assert_int_equal(cgroup_create(c, "/a/../../b", &e), -1);
	assert_int_equal(cgroup_remove(c, "/", &e), -1);
	assert_int_equal(cgroup_kill(c, "", &e), -1);
}
