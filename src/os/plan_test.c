#include "os/test_ns.h"
#include "os/file.h"
#include "os/helper.h"
#include "os/mount.h"
#include "os/nft.h"
#include "os/plan_impl.h"
#include "os/proc.h"
#include "os/spawn.h"
#include <fcntl.h>
#include <linux/netfilter.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
	struct plan_policy policy;
	const char *roots[2], *dir;
	char cgroup[64];
};

static void setup(struct fixture *f)
{
	static const char *const programs[] = {"/bin/", NULL}, *const sysctls[] = {"net.ipv4.conf.*", NULL}, *const tables[] = {"c8s-test", NULL};
	static const char *const cgroups[] = {"/c8s-plan", NULL}, *const sources[] = {"/", NULL};
	if (geteuid())
		skip();
	test_own_mounts();
	f->dir = f->roots[0] = test_tmpdir();
	f->roots[1] = NULL;
	f->policy = (struct plan_policy){.roots = f->roots, .sources = sources, .cgroups = cgroups, .sysctls = sysctls, .tables = tables, .programs = programs, .network = true};
}

static char *in(const struct fixture *f, const char *name)
{
	static char z[4][512];
	static int i;
	i = (i + 1) % 4;
	snprintf(z[i], sizeof z[i], "%s/%s", f->dir, name);
	return z[i];
}

/* A volume as the kubelet makes them. */
static void volume(struct plan *p, const struct fixture *f)
{
	plan_mkdir(p, f->dir, "pod/vol", 0750, 1000, 2000);
	plan_tmpfs(p, f->dir, "pod/vol", 1 << 20, 0777);
	plan_write(p, f->dir, "pod/vol/file", STR("hello"), 0440);
	plan_mkdir(p, f->dir, "pod/bound", 0755, PLAN_KEEP, PLAN_KEEP);
	plan_bind(p, "/", f->dir + 1, f->dir, "pod/bound", PLAN_BIND_RDONLY);
}

TEST(plan_makes_a_volume_and_takes_it_away)
{
	struct fixture f;
	struct stat st;
	ERR(e);
	setup(&f);
	CLEANUP(plan_free) struct plan *p = plan_new(), *q = plan_new();
	volume(p, &f);
	assert_ok(plan_apply(p, &f.policy, NULL, &e), &e);
	assert_true(mount_is_point(in(&f, "pod/vol")) && mount_is_point(in(&f, "pod/bound")));
	assert_int_equal(stat(in(&f, "pod/vol/file"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(open(in(&f, "pod/bound/x"), O_CREAT | O_WRONLY, 0600), -1);
	plan_umount(q, f.dir, "pod/bound");
	plan_umount(q, f.dir, "pod/vol");
	plan_umount(q, f.dir, "pod/nowhere");
	plan_remove(q, f.dir, "pod");
	assert_ok(plan_apply(q, &f.policy, NULL, &e), &e);
	assert_false(file_exists(in(&f, "pod")));
}

TEST(plan_undoes_what_was_done_before_a_failure)
{
	struct fixture f;
	ERR(e);
	setup(&f);
	CLEANUP(plan_free) struct plan *p = plan_new();
	assert_int_equal(mkdir(in(&f, "pod"), 0755), 0);
	volume(p, &f);
	plan_chmod(p, f.dir, "pod/missing", 0700);
	assert_int_equal(plan_apply(p, &f.policy, NULL, &e), -1);
	assert_non_null(strstr(err_text(&e), "step 6: chmod"));
	assert_false(mount_is_point(in(&f, "pod/vol")));
	assert_false(file_exists(in(&f, "pod/vol")));
	assert_false(file_exists(in(&f, "pod/bound")));
	assert_true(file_exists(in(&f, "pod"))); /* was there before */
}

#define REFUSED(f, build)                                                     \
	do {                                                                  \
		CLEANUP(plan_free) struct plan *p = plan_new();               \
		ERR(e);                                                       \
		build;                                                        \
		if (plan_check(p, &(f).policy, &e) == 0)                      \
			fail_msg("was allowed: %s", #build);                  \
	} while (0)

TEST(plan_check_refuses_what_the_policy_does_not_name)
{
	struct fixture f;
	struct cgroup_limits l = {0};
	struct net_link_new bad_name = {.kind = "veth", .name = "a/b"};
	setup(&f);
	REFUSED(f, plan_mkdir(p, "/etc", "x", 0700, 0, 0));
	REFUSED(f, plan_mkdir(p, in(&f, "../x"), "x", 0700, 0, 0));
	REFUSED(f, plan_mkdir(p, f.dir, "../x", 0700, 0, 0));
	REFUSED(f, plan_mkdir(p, f.dir, "", 0700, 0, 0));
	REFUSED(f, plan_umount(p, "/", "proc"));
	REFUSED(f, plan_remove(p, f.dir, "a/../../b"));
	REFUSED(f, plan_bind(p, "/", "a/../b", f.dir, "x", 0));
	REFUSED(f, plan_sysctl(p, "kernel.core_pattern", "|/x"));
	REFUSED(f, plan_sysctl(p, "net.ipv4.confx", "1"));
	REFUSED(f, plan_cgroup_create(p, "/"));
	REFUSED(f, plan_cgroup_kill(p, "/c8s-planet"));
	REFUSED(f, plan_cgroup_limit(p, "/c8s-plan/../x", &l));
	REFUSED(f, plan_netns(p, 0));
	REFUSED(f, plan_link_add(p, &bad_name));
	REFUSED(f, plan_kill(p, 1, 1, 9));
	REFUSED(f, plan_nft(p, STR("xxxx")));
	REFUSED(f, plan_run(p, (const char *[]){"/sbin/reboot", NULL}, NULL, STR(""), 1000));
	REFUSED(f, plan_run(p, (const char *[]){"/bin/../sbin/reboot", NULL}, NULL, STR(""), 1000));
	REFUSED(f, plan_run(p, (const char *[]){"/bin/true", NULL}, (const char *[]){"LD_PRELOAD=/x", NULL}, STR(""), 1000));
	f.policy.network = false;
	REFUSED(f, plan_link_del(p, "eth0"));
	for (int i = 0; i <= PLAN_STEPS_MAX; i += PLAN_STEPS_MAX)
		REFUSED(f, for (int k = 0; k <= PLAN_STEPS_MAX; k++) plan_remove(p, f.dir, "x"));
}

TEST(plan_follows_no_link_that_a_pod_placed)
{
	struct fixture f;
	ERR(e);
	setup(&f);
	assert_int_equal(symlink("/", in(&f, "root")), 0);
	assert_int_equal(mkdir(in(&f, "sub"), 0755), 0);
	assert_int_equal(symlink("../..", in(&f, "sub/up")), 0);
	struct { const char *root, *path; } bad[] = {{f.dir, "root/etc"}, {f.dir, "sub/up/etc"}, {in(&f, "root"), "etc"}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(plan_free) struct plan *p = plan_new();
		plan_tmpfs(p, bad[i].root, bad[i].path, 0, 0700);
		assert_int_equal(plan_apply(p, &f.policy, NULL, &e), -1);
	}
	assert_false(mount_is_point("/etc"));
}

TEST(plan_runs_programs_and_returns_their_output)
{
	struct fixture f;
	struct plan_result r;
	ERR(e);
	setup(&f);
	CLEANUP(plan_free) struct plan *p = plan_new();
	const char *argv[] = {"/bin/sh", "-c", "cat; echo $CNI_COMMAND $HOME; exit 4", NULL}, *env[] = {"CNI_COMMAND=ADD", NULL};
	plan_run(p, argv, env, STR("{}"), 5000);
	assert_ok(plan_apply(p, &f.policy, &r, &e), &e);
	assert_str(buf_view(&r.output), "{}ADD\n");
	assert_int_equal(WEXITSTATUS(r.status), 4);
	plan_result_fini(&r);
}

TEST(plan_works_in_a_lent_network_namespace_and_comes_back)
{
	struct fixture f;
	ERR(e);
	setup(&f);
	int back = test_own_net(), pod = netns_new(&e);
	CLEANUP(plan_free) struct plan *p = plan_new(), *bad = plan_new();
	struct net_link_new veth = {.kind = "veth", .name = "host0", .peer = "eth0", .peer_netns = pod};
	struct net_ip ip = test_ip("10.9.0.2/24");
	plan_link_add(p, &veth);
	plan_netns(p, plan_fd(p, pod));
	plan_addr_add(p, "eth0", &ip);
	plan_link_set(p, "eth0", &(struct net_link_change){.mask = NET_SET_UP});
	plan_netns(p, -1);
	plan_link_set(p, "host0", &(struct net_link_change){.mask = NET_SET_UP});
	assert_ok(plan_apply(p, &f.policy, NULL, &e), &e);
	assert_true(net_link_index("host0") > 0);
	assert_int_equal(net_link_index("eth0"), 0);
	/* Fails inside the other namespace: the new link is undone, and we are at home. */
	snprintf(veth.name, sizeof veth.name, "host1");
	snprintf(veth.peer, sizeof veth.peer, "eth1");
	plan_link_add(bad, &veth);
	plan_netns(bad, plan_fd(bad, pod));
	plan_link_set(bad, "missing", &(struct net_link_change){.mask = NET_SET_UP});
	assert_int_equal(plan_apply(bad, &f.policy, NULL, &e), -1);
	assert_int_equal(net_link_index("host1"), 0);
	assert_true(net_link_index("host0") > 0);
	close(pod);
	test_leave_net(back);
}

TEST(plan_kill_hits_only_the_process_that_was_meant)
{
	struct fixture f;
	const char *argv[] = {"sleep", "100", NULL};
	struct spawn_opts o = {.path = "sleep", .argv = argv, .cgroup = "/c8s-plan/k"};
	struct proc c;
	int status;
	ERR(e);
	setup(&f);
	if (cgroups_get()->version == CGROUP_NONE)
		skip();
	CLEANUP(plan_free) struct plan *make = plan_new(), *p = plan_new(), *stranger = plan_new(), *clean = plan_new();
	struct cgroup_limits l = {.pids_max = 10, .has_pids_max = true};
	plan_cgroup_create(make, "/c8s-plan/k");
	plan_cgroup_limit(make, "/c8s-plan/k", &l);
	assert_ok(plan_apply(make, &f.policy, NULL, &e), &e);
	assert_ok(spawn(&o, &c, &e), &e);
	plan_kill(stranger, getppid(), proc_start_ticks(getppid()), SIGTERM);
	assert_int_equal(plan_apply(stranger, &f.policy, NULL, &e), -1);
	plan_kill(p, c.pid, proc_start_ticks(c.pid) + 1, SIGKILL);
	assert_ok(plan_apply(p, &f.policy, NULL, &e), &e);
	assert_int_equal(proc_wait(&c, rt_now_exact() + 20 * NS_MS, &status), -ETIME);
	plan_cgroup_kill(clean, "/c8s-plan");
	plan_cgroup_remove(clean, "/c8s-plan");
	assert_ok(plan_apply(clean, &f.policy, NULL, &e), &e);
	assert_int_equal(proc_wait(&c, MONO_NEVER, &status), 0);
}

TEST(plan_prints_one_line_per_step)
{
	struct fixture f = {.dir = "/r"};
	BUF(b);
	CLEANUP(plan_free) struct plan *p = plan_new();
	plan_mkdir(p, "/r", "a\nb", 0750, 1, 2);
	plan_write(p, f.dir, "c", STR("secret"), 0400);
	plan_print(p, &b);
	assert_string_equal(buf_z(&b), "mkdir root=\"/r\" path=\"a\\nb\" mode=0750 uid=1 gid=2\nwrite root=\"/r\" path=\"c\" data=(6 bytes) mode=0400\n");
}

TEST(plan_decode_refuses_every_cut_and_takes_the_whole)
{
	struct fixture f = {.dir = "/r"};
	BUF(b);
	BUF(again);
	CLEANUP(plan_free) struct plan *p = plan_new();
	volume(p, &f);
	plan_encode(p, &b);
	for (size_t n = 1; n < b.n; n++) {
		CLEANUP(plan_free) struct plan *q = plan_decode(str_n(b.p, n), NULL, 0, NULL);
		if (q && plan_len(q) >= plan_len(p))
			fail_msg("%zu of %zu bytes were taken", n, b.n);
	}
	CLEANUP(plan_free) struct plan *q = plan_decode(buf_view(&b), NULL, 0, NULL);
	assert_non_null(q);
	plan_encode(q, &again);
	assert_true(str_eq(buf_view(&b), buf_view(&again)));
}

/* ---- the helper ---- */

TEST(helper_carries_out_plans_and_refuses_others)
{
	struct fixture f;
	ERR(e);
	setup(&f);
	CLEANUP(helper_free) struct helper *h = helper_start(&f.policy, &e);
	if (!h)
		fail_msg("%s", err_text(&e));
	CLEANUP(plan_free) struct plan *p = plan_new(), *bad = plan_new();
	plan_mkdir(p, f.dir, "made/by/helper", 0700, 1234, PLAN_KEEP);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	struct stat st;
	assert_int_equal(stat(in(&f, "made/by/helper"), &st), 0);
	assert_int_equal(st.st_uid, 1234);
	plan_mkdir(bad, "/etc", "c8s-test", 0700, 0, 0);
	assert_int_equal(helper_run(h, bad, NULL, &e), -1);
	assert_true(err_is(&e, ERR_FORBIDDEN));
	assert_non_null(strstr(err_text(&e), "step 1: mkdir"));
}

TEST(helper_takes_large_plans_descriptors_and_programs)
{
	struct fixture f;
	struct plan_result r;
	ERR(e);
	setup(&f);
	CLEANUP(helper_free) struct helper *h = helper_start(&f.policy, &e);
	CLEANUP(plan_free) struct plan *p = plan_new(), *net = plan_new(), *run = plan_new();
	size_t n = 300000;
	char *big = malloc(n);
	memset(big, 'x', n);
	plan_write(p, f.dir, "big", str_n(big, n), 0600);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	struct stat st;
	assert_int_equal(stat(in(&f, "big"), &st), 0);
	assert_int_equal(st.st_size, n);
	int pod = netns_new(&e);
	plan_netns(net, plan_fd(net, pod));
	plan_sysctl(net, "net.ipv4.conf.all.forwarding", "1");
	assert_ok(helper_run(h, net, NULL, &e), &e);
	plan_run(run, (const char *[]){"/bin/cat", NULL}, NULL, str_n(big, n), 5000);
	assert_ok(helper_run(h, run, &r, &e), &e);
	assert_int_equal(r.output.n, n);
	plan_result_fini(&r);
	free(big);
	close(pod);
}

struct many { struct helper *h; struct fixture *f; int done; struct scope s; };
static void one_of_many(void *arg)
{
	struct many *m = arg;
	ERR(e);
	char name[32];
	CLEANUP(plan_free) struct plan *p = plan_new();
	snprintf(name, sizeof name, "f%d", m->done++);
	if (m->done % 3 == 0)
		plan_run(p, (const char *[]){"/bin/sleep", "0.02", NULL}, NULL, STR(""), 5000);
	plan_mkdir(p, m->f->dir, name, 0700, 0, 0);
	assert_ok(helper_run(m->h, p, NULL, &e), &e);
}
static void run_many(void *arg)
{
	struct many *m = arg;
	scope_init(&m->s, NULL);
	for (int i = 0; i < 60; i++)
		assert_non_null(fiber_spawn(&m->s, "one", one_of_many, m));
	assert_int_equal(scope_join(&m->s, MONO_NEVER), 0);
	scope_fini(&m->s);
}

TEST(helper_serves_many_fibers_at_once)
{
	struct fixture f;
	uint64_t bytes, inodes;
	ERR(e);
	setup(&f);
	struct many m = {.h = helper_start(&f.policy, &e), .f = &f};
	int shared = helper_share(m.h, &e);
	assert_true(shared >= 0);
	struct helper *other = helper_attach(shared);
	struct rt *rt = rt_new(NULL);
	struct helper *first = STEAL(m.h);
	m.h = other;
	assert_int_equal(rt_main(rt, "test", run_many, &m), 0);
	rt_free(rt);
	assert_ok(file_usage(f.dir, 0, &bytes, &inodes, &e), &e);
	assert_int_equal(inodes, 61);
	helper_free(other);
	helper_free(first);
}

TEST(helper_ends_with_its_last_peer_and_its_end_is_noticed)
{
	struct fixture f;
	ERR(e);
	setup(&f);
	struct helper *h = helper_start(&f.policy, &e);
	pid_t pid = (pid_t)helper_pid(h);
	CLEANUP(plan_free) struct plan *p = plan_new();
	plan_mkdir(p, f.dir, "x", 0700, 0, 0);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	kill(pid, SIGTERM); /* ignored: it must outlive its peers' shutdown */
	assert_ok(helper_run(h, p, NULL, &e), &e);
	kill(pid, SIGKILL);
	assert_int_equal(helper_run(h, p, NULL, &e), -1);
	assert_non_null(strstr(err_text(&e), "helper"));
	helper_free(h);
	h = helper_start(&f.policy, &e);
	pid = (pid_t)helper_pid(h);
	helper_free(h);
	assert_int_equal(kill(pid, 0), -1);
}

TEST(helper_direct_and_dry_run)
{
	struct fixture f;
	char out[256];
	int pipes[2];
	ERR(e);
	setup(&f);
	CLEANUP(helper_free) struct helper *h = helper_direct(&f.policy);
	CLEANUP(plan_free) struct plan *p = plan_new();
	plan_mkdir(p, f.dir, "x", 0700, 0, 0);
	assert_int_equal(pipe(pipes), 0);
	helper_dry_run(h, pipes[1]);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	assert_true(read(pipes[0], out, sizeof out) > 10);
	assert_int_equal(memcmp(out, "mkdir root=", 11), 0);
	assert_false(file_exists(in(&f, "x")));
	helper_dry_run(h, -1);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	assert_true(file_exists(in(&f, "x")));
	close(pipes[0]), close(pipes[1]);
}

TEST(plan_nft_goes_through_the_helper)
{
	struct fixture f;
	struct str bytes;
	ERR(e);
	setup(&f);
	int back = test_own_net();
	CLEANUP(helper_free) struct helper *h = helper_start(&f.policy, &e);
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(plan_free) struct plan *p = plan_new();
	struct nft_table t = {NFPROTO_IPV4, STR("c8s-test"), {0}};
	struct nft_part part = {0};
	struct nft_refs refs = {0};
	nft_part_chain(a, &part, STR("there"));
	nft_batch_reset_table(b, &t);
	nft_batch_begin(b, &t, &refs, NULL, &part);
	nft_batch_end(b, &t, &refs, NULL, &part);
	assert_ok(nft_batch_bytes(b, &bytes, &e), &e);
	plan_nft(p, bytes);
	assert_ok(helper_run(h, p, NULL, &e), &e);
	assert_true(nft_chain_exists(NFPROTO_IPV4, "c8s-test", "there"));
	nft_refs_fini(&refs);
	test_leave_net(back);
}
