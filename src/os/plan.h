/* Plans: parse everything, check it, then do the privileged part.
 *
 * A plan is a list of steps from a closed table (enum plan_op).  The builders below only append; nothing happens until the plan is checked
 * against a policy (plan_check) and applied in order (plan_apply, usually through helper_run).  When a step fails, the steps before it
 * that can be undone are undone in reverse order: a made directory, mount, cgroup, link, address or route is removed again.  plan_print shows
 * what --dry-run shows.
 *
 * Paths of steps are `root` + `path`: root is absolute and must be (beneath) one of the policy's roots; path is relative and is resolved beneath
 * root by openat2 (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS), so that no link a Pod placed can lead out.
 *
 * To add an operation: a row in `ops[]` of plan.c (name, fields it uses, check, apply, undo), a builder here, a test in plan_test.c.
 * Plans are heap objects of one owner; strings are copied into them.  Builders never fail: a plan that ran out of memory or over a limit is refused by plan_check. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "os/cgroup.h"
#include "os/netlink.h"

#define PLAN_STEPS_MAX 256           /* a Pod needs about 20 */
#define PLAN_BYTES_MAX (16u << 20)   /* encoded; large nft batches */
#define PLAN_FDS_MAX 16              /* in each direction */
#define PLAN_OUTPUT_MAX (1u << 20)   /* captured of a program */

enum plan_op {
	PLAN_MKDIR, PLAN_CHOWN, PLAN_CHMOD, PLAN_WRITE, PLAN_REMOVE, PLAN_TMPFS, PLAN_BIND, PLAN_REMOUNT, PLAN_UMOUNT, PLAN_SYSCTL,
	PLAN_CGROUP_CREATE, PLAN_CGROUP_LIMIT, PLAN_CGROUP_ADD, PLAN_CGROUP_KILL, PLAN_CGROUP_REMOVE, PLAN_NETNS,
	PLAN_LINK_ADD, PLAN_LINK_DEL, PLAN_LINK_SET, PLAN_ADDR_ADD, PLAN_ADDR_DEL, PLAN_ROUTE_ADD, PLAN_ROUTE_DEL, PLAN_NFT, PLAN_NFT_ONCE, PLAN_NFT_FORGET,
	PLAN_KILL, PLAN_RUN,
	PLAN_OPS
};

/* What a caller may ask for.  All lists end with NULL; a NULL list allows nothing.  Pointers must outlive the policy's users. */
struct plan_policy {
	const char *const *roots;    /* folders beneath which files may be made and mounts placed */
	const char *const *sources;  /* folders beneath which bind sources may lie; "/" for hostPath volumes */
	const char *const *cgroups;  /* cgroup paths beneath which all may be done, such as "/kubepods" */
	const char *const *sysctls;  /* full names with dots; a trailing "*" matches any end */
	const char *const *tables;   /* nft tables */
	const char *const *programs; /* absolute paths; a trailing slash allows every program directly in that folder */
	bool network;                /* links, addresses, routes, network namespaces */
};
/* What a node needs: kubelet root, cgroups beneath /kubepods and /system.c8s, the CNI folders, the proxy's tables and sysctls. */
void plan_policy_node(struct plan_policy *ret, const char *const *roots);

struct plan;
struct plan *plan_new(void);
void plan_free(struct plan *p); /* NULL is fine; descriptors given to it stay the caller's */
CLEANUP_FN(plan_free, struct plan *)

#define PLAN_KEEP UINT32_MAX /* uid or gid: leave */
/* Makes the directory and its missing parents beneath root; existing ones are fine and keep owner and mode. */
void plan_mkdir(struct plan *p, const char *root, const char *path, uint32_t mode, uint32_t uid, uint32_t gid);
/* Never follows a link at the end.  recursive does the whole tree without crossing mounts (fsGroup). */
void plan_chown(struct plan *p, const char *root, const char *path, uint32_t uid, uint32_t gid, bool recursive);
void plan_chmod(struct plan *p, const char *root, const char *path, uint32_t mode);
void plan_write(struct plan *p, const char *root, const char *path, struct str data, uint32_t mode); /* atomic */
void plan_remove(struct plan *p, const char *root, const char *path); /* tree; never crosses mounts; absent is fine */
void plan_tmpfs(struct plan *p, const char *root, const char *path, uint64_t size_bytes, uint32_t mode); /* nosuid, nodev; size 0: the kernel's default */
enum plan_bind_flag { PLAN_BIND_RDONLY = 1, PLAN_BIND_REC = 2, PLAN_BIND_NOSUID = 4, PLAN_BIND_NODEV = 8, PLAN_BIND_NOEXEC = 16, PLAN_BIND_SLAVE = 32, PLAN_BIND_SHARED = 64 };
void plan_bind(struct plan *p, const char *source_root, const char *source, const char *root, const char *path, uint32_t flags);
void plan_remount(struct plan *p, const char *root, const char *path, uint32_t flags);
void plan_umount(struct plan *p, const char *root, const char *path); /* all mounts there, detached lazily; none is fine */
void plan_sysctl(struct plan *p, const char *name, const char *value); /* "net.ipv4.ip_forward" */
void plan_cgroup_create(struct plan *p, const char *path);
void plan_cgroup_limit(struct plan *p, const char *path, const struct cgroup_limits *l);
void plan_cgroup_add(struct plan *p, const char *path, int64_t pid);
void plan_cgroup_kill(struct plan *p, const char *path);
void plan_cgroup_remove(struct plan *p, const char *path); /* with its children; processes must be gone */
/* The steps up to the next plan_netns work inside the network namespace open as fds[fd]; -1: back to the helper's own. */
void plan_netns(struct plan *p, int fd);
void plan_link_add(struct plan *p, const struct net_link_new *l); /* descriptors in l and c are lent as with plan_fd */
void plan_link_del(struct plan *p, const char *name);
void plan_link_set(struct plan *p, const char *name, const struct net_link_change *c);
void plan_addr_add(struct plan *p, const char *link, const struct net_ip *addr); /* with its prefix; present is fine */
void plan_addr_del(struct plan *p, const char *link, const struct net_ip *addr);
void plan_route_add(struct plan *p, const struct net_route *r);
void plan_route_del(struct plan *p, const struct net_route *r);
void plan_nft(struct plan *p, struct str messages); /* nft_batch_bytes */
/* Rules of ours in somebody else's chain ("filter/FORWARD" in the policy's tables): the messages are sent unless exactly `count` rules with the comment are
 * there already; others with it are deleted first.  Without the chain nothing is done.  forget deletes them. */
void plan_nft_once(struct plan *p, int family, const char *table, const char *chain, const char *comment, uint32_t count, struct str messages);
void plan_nft_forget(struct plan *p, int family, const char *table, const char *chain, const char *comment);
void plan_kill(struct plan *p, int64_t pid, uint64_t start_ticks, int sig); /* only if its start time still is start_ticks and it is in one of the policy's cgroups */
/* Runs a program to its end (CNI plug-ins): argv and env end with NULL, argv[0] is the absolute path.  env may hold CNI_* only; PATH is the helper's.
 * Its output comes back in plan_result.output, its status in .status; a timeout kills it.  At most one in a plan. */
void plan_run(struct plan *p, const char *const *argv, const char *const *env, struct str input, uint32_t timeout_ms);
/* Lends a descriptor for the time of the plan; returns its index. */
int plan_fd(struct plan *p, int fd);
size_t plan_len(const struct plan *p);
int plan_nfds(const struct plan *p, const int **ret_fds);

/* 0 when every step is well-formed and allowed. */
int plan_check(const struct plan *p, const struct plan_policy *policy, struct err *e) must_check;
/* One line per step. */
void plan_print(const struct plan *p, struct buf *out);
struct plan_result {
	int status;        /* of plan_run, as waitpid; 0 without one */
	struct buf output; /* its standard output; then its standard error if it failed */
};
void plan_result_fini(struct plan_result *r);
/* Checks and applies here and now; blocks.  ret may be NULL.  The error names the step. */
int plan_apply(const struct plan *p, const struct plan_policy *policy, struct plan_result *ret, struct err *e) must_check;
/* The wire form for the helper; decode takes anything and refuses what is not a plan. */
void plan_encode(const struct plan *p, struct buf *out);
struct plan *plan_decode(struct str bytes, const int *fds, int nfds, struct err *e);
