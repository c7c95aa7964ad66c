/* The closed table of privileged operations: how each is checked, done and undone. */
#include "os/plan_impl.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/nft.h"
#include "os/proc.h"
#include "os/spawn.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define UMOUNT_ROUNDS 64    /* mounts on top of each other at one place */
#define NFT_OWN_RULES_MAX 16 /* of ours in one foreign chain */
#define RUN_ARGS_MAX 64
#define RUN_TIMEOUT_MAX_MS 600000
#define RUN_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *z(const struct step *s, int i)
{
	return s->strs[i].p;
}

/* path is top or lies beneath it. */
static bool beneath(const char *top, const char *path)
{
	size_t n = strlen(top);
	while (n > 1 && top[n - 1] == '/')
		n--;
	if (strncmp(path, top, n))
		return false;
	return n == 1 || path[n] == '/' || !path[n];
}

static const char *allowed_top(const char *const *list, const char *path)
{
	if (path[0] != '/' || (path[1] && !path_is_clean(str_of(path + 1))))
		return NULL;
	for (; list && *list; list++)
		if (beneath(*list, path))
			return *list;
	return NULL;
}

static bool named(const char *const *list, const char *name)
{
	for (; list && *list; list++) {
		size_t n = strlen(*list);
		if (!strcmp(*list, name) || (n && (*list)[n - 1] == '*' && !strncmp(*list, name, n - 1)))
			return true;
	}
	return false;
}

static int forbidden(struct err *e, const char *what)
{
	return err_set(e, ERR_FORBIDDEN, "\"%s\" is not allowed here", what);
}

static int check_place(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	if (!allowed_top(policy->roots, z(s, 0)))
		return forbidden(e, z(s, 0));
	return path_is_clean(s->strs[1]) ? 0 : err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a clean relative path", z(s, 1));
}

static int open_root(const struct act *a, const struct step *s, struct err *e)
{
	return root_open_beneath(allowed_top(a->policy->roots, z(s, 0)), z(s, 0), e);
}

static int open_place(const struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	return root < 0 ? -1 : beneath_open(root, z(s, 1), O_PATH | O_NOFOLLOW, 0, e);
}

/* How many bytes at the front of the path are there already. */
static int64_t existing(int root, const char *path)
{
	char part[PATH_MAX];
	struct stat st;
	int64_t found = 0;
	for (size_t i = 1; i <= strlen(path); i++) {
		if (path[i] != '/' && path[i])
			continue;
		snprintf(part, sizeof part, "%.*s", (int)i, path);
		ERR(e);
		if (beneath_stat(root, part, &st, &e))
			break;
		found = (int64_t)i;
	}
	return found;
}

static int do_mkdir(struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	if (root < 0)
		return -1;
	a->undo = existing(root, z(s, 1));
	return beneath_mkdirs(root, z(s, 1), (mode_t)s->nums[0], (uid_t)s->nums[1], (gid_t)s->nums[2], e);
}

/* Only folders that are still empty: what others put into them stays. */
static void undo_mkdir(struct act *a, const struct step *s)
{
	char part[PATH_MAX];
	FD(root) = open_root(a, s, NULL);
	snprintf(part, sizeof part, "%s", z(s, 1));
	for (size_t n = strlen(part); root >= 0 && (int64_t)n > a->undo;) {
		part[n] = 0;
		char *slash = strrchr(part, '/');
		size_t up = slash ? (size_t)(slash - part) : 0;
		char dir[PATH_MAX];
		snprintf(dir, sizeof dir, "%.*s", (int)up, part);
		FD(fd) = beneath_open(root, up ? dir : ".", O_RDONLY | O_DIRECTORY, 0, NULL);
		if (fd < 0 || unlinkat(fd, slash ? slash + 1 : part, AT_REMOVEDIR))
			return;
		n = up;
	}
}

static int do_chown(struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	return root < 0 ? -1 : beneath_chown(root, z(s, 1), (uid_t)s->nums[0], (gid_t)s->nums[1], s->nums[2] != 0, e);
}

static int do_chmod(struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	return root < 0 ? -1 : beneath_chmod(root, z(s, 1), (mode_t)s->nums[0], e);
}

static int do_write(struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	return root < 0 ? -1 : beneath_write(root, z(s, 1), s->strs[2], (mode_t)s->nums[0], e);
}

static int do_remove(struct act *a, const struct step *s, struct err *e)
{
	FD(root) = open_root(a, s, e);
	return root < 0 ? -1 : beneath_remove(root, z(s, 1), e);
}

static int do_tmpfs(struct act *a, const struct step *s, struct err *e)
{
	FD(at) = open_place(a, s, e);
	return at < 0 ? -1 : mount_tmpfs(at, (uint64_t)s->nums[0], (uint32_t)s->nums[1], MS_NOSUID | MS_NODEV, e);
}

static void undo_mount(struct act *a, const struct step *s)
{
	FD(at) = open_place(a, s, NULL);
	if (at >= 0)
		(void)!mount_detach(at, NULL);
}

static unsigned long mount_flags(int64_t f)
{
	return (f & PLAN_BIND_RDONLY ? MS_RDONLY : 0) | (f & PLAN_BIND_NOSUID ? MS_NOSUID : 0) | (f & PLAN_BIND_NODEV ? MS_NODEV : 0) |
		(f & PLAN_BIND_NOEXEC ? MS_NOEXEC : 0);
}

static int check_bind(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	if (check_place(s, p, policy, e))
		return -1;
	if (!allowed_top(policy->sources, z(s, 2)))
		return forbidden(e, z(s, 2));
	if (s->strs[3].n && !path_is_clean(s->strs[3]))
		return err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a clean relative path", z(s, 3));
	return 0;
}

/* Beneath "/" an absolute link is an ordinary one; beneath any other root it would lead out and is refused. */
static int open_source(const struct act *a, const struct step *s, struct err *e)
{
	const char *rel = s->strs[3].n ? z(s, 3) : ".";
	FD(root) = root_open_beneath(allowed_top(a->policy->sources, z(s, 2)), z(s, 2), e);
	if (root < 0)
		return -1;
	if (strcmp(z(s, 2), "/"))
		return beneath_open(root, rel, O_PATH, 0, e);
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, root, rel, &how, sizeof how);
	return fd >= 0 ? fd : err_sys(e, errno, "open /%s", rel);
}

static int do_bind(struct act *a, const struct step *s, struct err *e)
{
	int64_t f = s->nums[0];
	FD(source) = open_source(a, s, e);
	if (source < 0)
		return -1;
	FD(at) = open_place(a, s, e);
	if (at < 0 || mount_bind(source, at, (f & PLAN_BIND_REC) != 0, mount_flags(f), e))
		return -1;
	if (!(f & (PLAN_BIND_SLAVE | PLAN_BIND_SHARED)))
		return 0;
	FD(top) = open_place(a, s, e);
	if (top >= 0 && !mount_propagation(top, (f & PLAN_BIND_SLAVE ? MS_SLAVE : MS_SHARED) | (f & PLAN_BIND_REC ? MS_REC : 0), e))
		return 0;
	undo_mount(a, s);
	return -1;
}

static int do_remount(struct act *a, const struct step *s, struct err *e)
{
	FD(at) = open_place(a, s, e);
	return at < 0 ? -1 : mount_remount(at, mount_flags(s->nums[0]), e);
}

static int do_umount(struct act *a, const struct step *s, struct err *e)
{
	for (int i = 0; i < UMOUNT_ROUNDS; i++) {
		ERR(own);
		FD(at) = open_place(a, s, &own);
		if (at < 0)
			return own.sys == ENOENT ? 0 : err_hand(e, &own);
		if (mount_detach(at, &own))
			return own.sys == EINVAL ? 0 : err_hand(e, &own);
	}
	return err_sys(e, EBUSY, "unmount %s/%s", z(s, 0), z(s, 1));
}

static int check_sysctl(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	return named(policy->sysctls, z(s, 0)) ? 0 : forbidden(e, z(s, 0));
}

static int do_sysctl(struct act *a, const struct step *s, struct err *e)
{
	return sysctl_set(z(s, 0), z(s, 1), e);
}

static int check_cgroup(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	return allowed_top(policy->cgroups, z(s, 0)) ? 0 : forbidden(e, z(s, 0));
}

static int check_limits(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	if (s->strs[1].n != sizeof(struct cgroup_limits))
		return err_set(e, ERR_BAD_REQUEST, "limits of the wrong size");
	return check_cgroup(s, p, policy, e);
}

static int do_cgroup_create(struct act *a, const struct step *s, struct err *e)
{
	a->undo = !cgroup_exists(cgroups_get(), z(s, 0));
	return cgroup_create(cgroups_get(), z(s, 0), e);
}

static void undo_cgroup_create(struct act *a, const struct step *s)
{
	if (a->undo)
		(void)!cgroup_remove(cgroups_get(), z(s, 0), NULL);
}

static int do_cgroup_limit(struct act *a, const struct step *s, struct err *e)
{
	struct cgroup_limits l;
	memcpy(&l, s->strs[1].p, sizeof l);
	for (size_t i = 0; i < ARRAY_LEN(l.hugetlb); i++)
		l.hugetlb[i].size[sizeof l.hugetlb[i].size - 1] = 0;
	return cgroup_limit(cgroups_get(), z(s, 0), &l, e);
}

static int do_cgroup_add(struct act *a, const struct step *s, struct err *e)
{
	return cgroup_add(cgroups_get(), z(s, 0), (pid_t)s->nums[0], e);
}

static int do_cgroup_kill(struct act *a, const struct step *s, struct err *e)
{
	return cgroup_exists(cgroups_get(), z(s, 0)) ? cgroup_kill(cgroups_get(), z(s, 0), e) : 0;
}

static int do_cgroup_remove(struct act *a, const struct step *s, struct err *e)
{
	return cgroup_remove(cgroups_get(), z(s, 0), e);
}

static int check_net(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	return policy->network ? 0 : forbidden(e, "network");
}

static bool has_fd(const struct plan *p, int64_t index)
{
	return index >= 0 && index < p->nfds;
}

static int check_netns(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	if (s->nums[0] != -1 && !has_fd(p, s->nums[0]))
		return err_set(e, ERR_BAD_REQUEST, "descriptor %lld was not lent", (long long)s->nums[0]);
	return check_net(s, p, policy, e);
}

static int do_netns(struct act *a, const struct step *s, struct err *e)
{
	if (a->home < 0 && (a->home = netns_self(e)) < 0)
		return -1;
	return netns_enter(s->nums[0] < 0 ? a->home : a->plan->fds[s->nums[0]], e);
}

/* A name from foreign bytes: short, printable, no path. */
static bool link_name(const char name[16], bool empty_ok)
{
	if (!memchr(name, 0, 16) || (!name[0] && !empty_ok))
		return false;
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p == '/' || *p == 0x7f)
			return false;
	return true;
}

static int wrong_struct(struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "malformed");
}

static int check_link_add(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	struct net_link_new l;
	if (s->strs[0].n != sizeof l)
		return wrong_struct(e);
	memcpy(&l, s->strs[0].p, sizeof l);
	if (!link_name(l.name, false) || !link_name(l.peer, true) || !link_name(l.kind, false) || (l.peer_netns && !has_fd(p, l.peer_netns - 1)))
		return wrong_struct(e);
	return check_net(s, p, policy, e);
}

static int do_link_add(struct act *a, const struct step *s, struct err *e)
{
	struct net_link_new l;
	memcpy(&l, s->strs[0].p, sizeof l);
	l.peer_netns = l.peer_netns ? a->plan->fds[l.peer_netns - 1] : 0;
	return net_link_add(&l, e);
}

static void undo_link_add(struct act *a, const struct step *s)
{
	struct net_link_new l;
	memcpy(&l, s->strs[0].p, sizeof l);
	(void)!net_link_del(l.name, NULL);
}

static int do_link_del(struct act *a, const struct step *s, struct err *e)
{
	return net_link_del(z(s, 0), e);
}

static int check_link_set(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	struct net_link_change c;
	if (s->strs[1].n != sizeof c)
		return wrong_struct(e);
	memcpy(&c, s->strs[1].p, sizeof c);
	if (!link_name(c.master, true) || !link_name(c.name, true) || (c.mask & NET_SET_NETNS && !has_fd(p, c.netns - 1)))
		return wrong_struct(e);
	return check_net(s, p, policy, e);
}

static int do_link_set(struct act *a, const struct step *s, struct err *e)
{
	struct net_link_change c;
	memcpy(&c, s->strs[1].p, sizeof c);
	c.netns = c.mask & NET_SET_NETNS ? a->plan->fds[c.netns - 1] : 0;
	return net_link_set(z(s, 0), &c, e);
}

static bool sane_ip(const struct net_ip *ip, bool none_ok)
{
	if (!ip->family)
		return none_ok;
	return (ip->family == AF_INET && ip->prefix <= 32) || (ip->family == AF_INET6 && ip->prefix <= 128);
}

static int check_addr(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	struct net_ip ip;
	if (s->strs[1].n != sizeof ip)
		return wrong_struct(e);
	memcpy(&ip, s->strs[1].p, sizeof ip);
	return sane_ip(&ip, false) ? check_net(s, p, policy, e) : wrong_struct(e);
}

static int do_addr_add(struct act *a, const struct step *s, struct err *e)
{
	struct net_ip ip;
	memcpy(&ip, s->strs[1].p, sizeof ip);
	return net_addr_add(z(s, 0), &ip, e);
}

static int do_addr_del(struct act *a, const struct step *s, struct err *e)
{
	struct net_ip ip;
	memcpy(&ip, s->strs[1].p, sizeof ip);
	return net_addr_del(z(s, 0), &ip, e);
}

static void undo_addr_add(struct act *a, const struct step *s)
{
	(void)!do_addr_del(a, s, NULL);
}

static int check_route(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	struct net_route r;
	if (s->strs[0].n != sizeof r)
		return wrong_struct(e);
	memcpy(&r, s->strs[0].p, sizeof r);
	if (!sane_ip(&r.dst, false) || !sane_ip(&r.via, true) || !sane_ip(&r.src, true) || !link_name(r.link, true))
		return wrong_struct(e);
	return check_net(s, p, policy, e);
}

static int do_route_add(struct act *a, const struct step *s, struct err *e)
{
	struct net_route r;
	memcpy(&r, s->strs[0].p, sizeof r);
	return net_route_add(&r, e);
}

static int do_route_del(struct act *a, const struct step *s, struct err *e)
{
	struct net_route r;
	memcpy(&r, s->strs[0].p, sizeof r);
	return net_route_del(&r, e);
}

static void undo_route_add(struct act *a, const struct step *s)
{
	(void)!do_route_del(a, s, NULL);
}

static int check_nft(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	return nft_bytes_check(s->strs[0], policy->tables, e);
}

static int do_nft(struct act *a, const struct step *s, struct err *e)
{
	return nft_send(s->strs[0], e);
}

/* Both the chain and what is sent must be allowed; a comment is what tells our rules from theirs. */
static int check_foreign_chain(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	char both[256];
	snprintf(both, sizeof both, "%.100s/%.100s", z(s, 0), z(s, 1));
	if (!s->strs[2].n || !named(policy->tables, both))
		return forbidden(e, both);
	return s->op == PLAN_NFT_ONCE ? nft_bytes_check(s->strs[3], policy->tables, e) : 0;
}

static int forget_rules(const struct step *s, const uint64_t *handles, int n, struct err *e)
{
	struct nft_table t = {.family = (int)s->nums[0], .name = s->strs[0]};
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	struct str bytes;
	for (int i = 0; i < n; i++)
		nft_batch_delete_rule(b, &t, s->strs[1], handles[i]);
	return n == 0 ? 0 : nft_batch_bytes(b, &bytes, e) || nft_send(bytes, e) ? -1 : 0;
}

static int do_nft_forget(struct act *a, const struct step *s, struct err *e)
{
	uint64_t handles[NFT_OWN_RULES_MAX];
	int family = (int)s->nums[0];
	if (!nft_chain_exists(family, z(s, 0), z(s, 1)))
		return 0;
	int n = nft_rules_find(family, z(s, 0), z(s, 1), s->strs[2], handles, NFT_OWN_RULES_MAX, e);
	return n < 0 ? -1 : forget_rules(s, handles, n, e);
}

static int do_nft_once(struct act *a, const struct step *s, struct err *e)
{
	uint64_t handles[NFT_OWN_RULES_MAX];
	int family = (int)s->nums[0];
	if (!nft_chain_exists(family, z(s, 0), z(s, 1)))
		return 0;
	int n = nft_rules_find(family, z(s, 0), z(s, 1), s->strs[2], handles, NFT_OWN_RULES_MAX, e);
	if (n < 0 || n == s->nums[1])
		return n < 0 ? -1 : 0;
	return forget_rules(s, handles, n, e) ? -1 : nft_send(s->strs[3], e);
}

static int check_kill(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	if (s->nums[0] <= 1 || s->nums[2] < 1 || s->nums[2] >= NSIG || !policy->cgroups)
		return forbidden(e, "kill");
	return 0;
}

/* By pidfd, so that the process that was looked at is the one that is hit. */
static int do_kill(struct act *a, const struct step *s, struct err *e)
{
	struct proc p;
	BUF(group);
	ERR(own);
	if (proc_open((pid_t)s->nums[0], &p, &own))
		return own.sys == ESRCH ? 0 : err_hand(e, &own);
	int r = 0;
	if (proc_start_ticks(p.pid) == (uint64_t)s->nums[1]) {
		if (cgroup_of_pid(cgroups_get(), p.pid, &group, &own))
			r = -ESRCH;
		else
			r = allowed_top(a->policy->cgroups, buf_z(&group)) ? proc_kill(&p, (int)s->nums[2]) : -EPERM;
	}
	proc_close(&p);
	return r && r != -ESRCH ? err_sys(e, r, "process %lld", (long long)s->nums[0]) : 0;
}

/* A list of NUL-terminated strings; the number of entries, or -1. */
static int split_list(struct str in, const char **ret, int max)
{
	int n = 0;
	while (in.n) {
		const char *end = memchr(in.p, 0, in.n);
		if (!end || n == max - 1)
			return -1;
		ret[n++] = in.p;
		in = str_n(end + 1, in.n - (size_t)(end + 1 - in.p));
	}
	ret[n] = NULL;
	return n;
}

static bool allowed_program(const char *const *list, const char *path)
{
	if (path[0] != '/' || !path_is_clean(str_of(path + 1)))
		return false;
	for (; list && *list; list++) {
		size_t n = strlen(*list);
		bool folder = n && (*list)[n - 1] == '/';
		if (folder ? !strncmp(path, *list, n) && !strchr(path + n, '/') : !strcmp(path, *list))
			return true;
	}
	return false;
}

/* Only CNI's variables: anything else (LD_PRELOAD, PATH) could change which code runs. */
static int check_run(const struct step *s, const struct plan *p, const struct plan_policy *policy, struct err *e)
{
	const char *argv[RUN_ARGS_MAX], *env[RUN_ARGS_MAX];
	int argc = split_list(s->strs[0], argv, RUN_ARGS_MAX), vars = split_list(s->strs[1], env, RUN_ARGS_MAX - 1);
	if (argc < 1 || vars < 0 || s->nums[0] < 1 || s->nums[0] > RUN_TIMEOUT_MAX_MS)
		return wrong_struct(e);
	for (int i = 0; i < vars; i++)
		if (strncmp(env[i], "CNI_", 4))
			return forbidden(e, env[i]);
	return allowed_program(policy->programs, argv[0]) ? 0 : forbidden(e, argv[0]);
}

static int do_run(struct act *a, const struct step *s, struct err *e)
{
	const char *argv[RUN_ARGS_MAX], *env[RUN_ARGS_MAX];
	struct spawn_opts o = {.argv = argv, .env = env};
	struct spawn_output out;
	split_list(s->strs[0], argv, RUN_ARGS_MAX);
	int vars = split_list(s->strs[1], env, RUN_ARGS_MAX - 1);
	env[vars] = RUN_PATH;
	env[vars + 1] = NULL;
	o.path = argv[0];
	if (spawn_capture(&o, s->strs[2], PLAN_OUTPUT_MAX / 2, rt_now_exact() + s->nums[0] * NS_MS, &out, e))
		return -1;
	if (a->ret) {
		a->ret->status = out.status;
		buf_str(&a->ret->output, buf_view(&out.out));
		if (out.status)
			buf_str(&a->ret->output, buf_view(&out.err));
	}
	spawn_output_fini(&out);
	return 0;
}

#define PLACE .check = check_place, .strs = {"root", "path"}
static const struct op ops[PLAN_OPS] = {
	[PLAN_MKDIR] = {"mkdir", 2, 3, 0, PLACE, .nums = {"mode", "uid", "gid"}, .apply = do_mkdir, .undo = undo_mkdir},
	[PLAN_CHOWN] = {"chown", 2, 3, 0, PLACE, .nums = {"uid", "gid", "recursive"}, .apply = do_chown},
	[PLAN_CHMOD] = {"chmod", 2, 1, 0, PLACE, .nums = {"mode"}, .apply = do_chmod},
	[PLAN_WRITE] = {"write", 3, 1, 4, {"root", "path", "data"}, {"mode"}, check_place, do_write},
	[PLAN_REMOVE] = {"remove", 2, 0, 0, PLACE, .apply = do_remove},
	[PLAN_TMPFS] = {"mount tmpfs", 2, 2, 0, PLACE, .nums = {"size", "mode"}, .apply = do_tmpfs, .undo = undo_mount},
	[PLAN_BIND] = {"mount bind", 4, 1, 0, {"root", "path", "source-root", "source"}, {"flags"}, check_bind, do_bind, undo_mount},
	[PLAN_REMOUNT] = {"remount", 2, 1, 0, PLACE, .nums = {"flags"}, .apply = do_remount},
	[PLAN_UMOUNT] = {"umount", 2, 0, 0, PLACE, .apply = do_umount},
	[PLAN_SYSCTL] = {"sysctl", 2, 0, 0, {"name", "value"}, {0}, check_sysctl, do_sysctl},
	[PLAN_CGROUP_CREATE] = {"cgroup create", 1, 0, 0, {"path"}, {0}, check_cgroup, do_cgroup_create, undo_cgroup_create},
	[PLAN_CGROUP_LIMIT] = {"cgroup limit", 2, 0, 2, {"path", "limits"}, {0}, check_limits, do_cgroup_limit},
	[PLAN_CGROUP_ADD] = {"cgroup add", 1, 1, 0, {"path"}, {"pid"}, check_cgroup, do_cgroup_add},
	[PLAN_CGROUP_KILL] = {"cgroup kill", 1, 0, 0, {"path"}, {0}, check_cgroup, do_cgroup_kill},
	[PLAN_CGROUP_REMOVE] = {"cgroup remove", 1, 0, 0, {"path"}, {0}, check_cgroup, do_cgroup_remove},
	[PLAN_NETNS] = {"netns", 0, 1, 0, {0}, {"fd"}, check_netns, do_netns},
	[PLAN_LINK_ADD] = {"link add", 1, 0, 1, {"link"}, {0}, check_link_add, do_link_add, undo_link_add},
	[PLAN_LINK_DEL] = {"link del", 1, 0, 0, {"name"}, {0}, check_net, do_link_del},
	[PLAN_LINK_SET] = {"link set", 2, 0, 2, {"name", "change"}, {0}, check_link_set, do_link_set},
	[PLAN_ADDR_ADD] = {"addr add", 2, 0, 2, {"link", "address"}, {0}, check_addr, do_addr_add, undo_addr_add},
	[PLAN_ADDR_DEL] = {"addr del", 2, 0, 2, {"link", "address"}, {0}, check_addr, do_addr_del},
	[PLAN_ROUTE_ADD] = {"route add", 1, 0, 1, {"route"}, {0}, check_route, do_route_add, undo_route_add},
	[PLAN_ROUTE_DEL] = {"route del", 1, 0, 1, {"route"}, {0}, check_route, do_route_del},
	[PLAN_NFT] = {"nft", 1, 0, 1, {"batch"}, {0}, check_nft, do_nft},
	[PLAN_NFT_ONCE] = {"nft once", 4, 2, 8, {"table", "chain", "comment", "batch"}, {"family", "count"}, check_foreign_chain, do_nft_once},
	[PLAN_NFT_FORGET] = {"nft forget", 3, 1, 0, {"table", "chain", "comment"}, {"family"}, check_foreign_chain, do_nft_forget},
	[PLAN_KILL] = {"kill", 0, 3, 0, {0}, {"pid", "start", "signal"}, check_kill, do_kill},
	[PLAN_RUN] = {"run", 3, 1, 7, {"argv", "env", "input"}, {"timeout-ms"}, check_run, do_run},
};

const struct op *plan_op_row(unsigned op)
{
	return op < PLAN_OPS ? &ops[op] : NULL;
}

void plan_policy_node(struct plan_policy *ret, const char *const *roots)
{
	static const char *const sources[] = {"/", NULL};
	static const char *const cgroups[] = {"/kubepods", "/kubepods.slice", "/system.c8s", NULL};
	static const char *const sysctls[] = {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.*", "net.ipv6.conf.*",
		"net.netfilter.nf_conntrack_*", "net.bridge.bridge-nf-call-*", "vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
		"kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes", "net.ipv4.vs.*", NULL};
	static const char *const tables[] = {"kube-proxy", "c8s", "filter/FORWARD", NULL};
	static const char *const programs[] = {"/usr/lib/cni/", "/opt/cni/bin/", NULL};
	*ret = (struct plan_policy){.roots = roots, .sources = sources, .cgroups = cgroups, .sysctls = sysctls, .tables = tables, .programs = programs, .network = true};
}
