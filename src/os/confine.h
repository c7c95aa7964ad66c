/* What a process gives up before it reads foreign bytes.
 * Order inside confine(): limits, groups and user, capabilities, no_new_privs, core dumps, seccomp.  There is no way back. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum confine_filter {
	CONFINE_NO_FILTER,
	CONFINE_CONTROL_PLANE, /* no exec, no mount, no namespaces, no ptrace, no modules, no raw sockets: files, sockets, memory, threads */
	CONFINE_NODE,          /* refuses what even a node never does: modules, kexec, ptrace of others, keyrings, bpf, reboot, swap, clock */
};
struct confine_opts {
	uint32_t uid, gid;           /* 0: keep */
	bool drop_caps;              /* every capability, bounding set included */
	uint64_t keep_caps;          /* except these: bits 1 << CAP_...  Without root there is nothing to keep, and that is no error */
	bool no_new_privs;
	enum confine_filter filter;  /* implies no_new_privs; a refused call returns EPERM */
	bool no_core;                /* RLIMIT_CORE 0 and PR_SET_DUMPABLE 0 */
	uint64_t nofile;             /* RLIMIT_NOFILE soft limit, up to the hard one; 0: keep */
};
/* Before the process has threads (user and filter are per process from then on).  A death signal of the parent stays set. */
int confine(const struct confine_opts *o, struct err *e) must_check;
/* uid and gid of a user by name from /etc/passwd. */
int confine_user(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e) must_check;
/* The name that ps shows: argv is overwritten in place with title (cut to what fits), and the thread name is set.
 * Remember argv first thing in main: proc_title_init(argc, argv). */
void proc_title_init(int argc, char **argv);
void proc_title(const char *title);
