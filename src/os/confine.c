#include "os/confine.h"
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PASSWD_LINE_MAX 1024

/* What neither filter allows.  A list of refusals, not of permissions: libraries change which harmless calls they make from one release to
 * the next, and a refused futex is an outage. */
static const char *const never[] = {
	"acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "finit_module", "get_kernel_syms", "init_module",
	"ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "migrate_pages", "move_pages", "nfsservctl",
	"open_by_handle_at", "perf_event_open", "personality", "process_vm_writev", "ptrace", "query_module", "quotactl", "reboot",
	"request_key", "settimeofday", "stime", "swapoff", "swapon", "syslog", "uselib", "userfaultfd", "vm86", "vm86old", "adjtimex",
};
/* A control plane reads and writes files and sockets: it starts no program and enters no namespace. */
static const char *const not_in_control_plane[] = {
	"chroot", "execve", "execveat", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "pivot_root",
	"setns", "umount", "umount2", "unshare", "mknod", "mknodat", "pidfd_getfd", "process_vm_readv", "sethostname", "setdomainname",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "name_to_handle_at", "fanotify_init",
};

static int refuse(scmp_filter_ctx ctx, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		if (nr == __NR_SCMP_ERROR)
			continue; /* unknown on this architecture: nothing to refuse */
		int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
		if (r && r != -EDOM)
			return r;
	}
	return 0;
}

/* Raw and packet sockets forge what others trust. */
static int refuse_sockets(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, 17 /* AF_PACKET */));
	return r ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, 3 /* SOCK_RAW */));
}

static int install_filter(enum confine_filter f)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	int r = refuse(ctx, never, sizeof never / sizeof *never);
	if (!r && f == CONFINE_CONTROL_PLANE)
		r = refuse(ctx, not_in_control_plane, sizeof not_in_control_plane / sizeof *not_in_control_plane);
	if (!r && f == CONFINE_CONTROL_PLANE)
		r = refuse_sockets(ctx);
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

static int set_limits(const struct confine_opts *o, struct err *e)
{
	struct rlimit r;
	if (o->nofile && !getrlimit(RLIMIT_NOFILE, &r)) {
		r.rlim_cur = o->nofile < r.rlim_max ? o->nofile : r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r))
			return err_sys(e, errno, "set the limit of open files");
	}
	if (o->no_core && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}))
		return err_sys(e, errno, "turn core dumps off");
	return 0;
}

/* Bounding set first, while CAP_SETPCAP is still there. */
static int drop_bounding(const struct confine_opts *o, struct err *e)
{
	for (int c = 0; o->drop_caps && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (!(o->keep_caps >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) && errno != EPERM)
			return err_sys(e, errno, "drop capabilities");
	return 0;
}

static int keep(cap_t to, uint64_t keep_caps)
{
	int r = 0;
	for (cap_value_t c = 0; !r && c <= CAP_LAST_CAP; c++)
		if (keep_caps >> c & 1)
			r = cap_set_flag(to, CAP_PERMITTED, 1, &c, CAP_SET) || cap_set_flag(to, CAP_EFFECTIVE, 1, &c, CAP_SET);
	return r;
}

static int set_caps(const struct confine_opts *o, struct err *e)
{
	if (!o->drop_caps)
		return 0;
	cap_t caps = cap_init();
	int r = !caps || keep(caps, o->keep_caps) || cap_set_proc(caps);
	int error = errno;
	cap_free(caps);
	if (r && o->keep_caps && error == EPERM)
		return 0;
	return r ? err_sys(e, error, "drop capabilities") : 0;
}

/* The kernel forgets the death signal when the user changes. */
static int set_user(const struct confine_opts *o, struct err *e)
{
	int death_signal = 0;
	pid_t parent = getppid();
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	if (o->gid && (setgroups(0, NULL) || setresgid(o->gid, o->gid, o->gid)))
		return err_sys(e, errno, "become group %u", o->gid);
	if (o->uid && o->keep_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return err_sys(e, errno, "keep capabilities");
	if (o->uid && setresuid(o->uid, o->uid, o->uid))
		return err_sys(e, errno, "become user %u", o->uid);
	if (death_signal && prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
		return err_sys(e, errno, "keep the parent's death signal");
	return death_signal && getppid() != parent ? err_set(e, ERR_SYSTEM, "the parent process has ended") : 0;
}

int confine(const struct confine_opts *o, struct err *e)
{
	if (set_limits(o, e) || drop_bounding(o, e) || set_user(o, e) || set_caps(o, e))
		return -1;
	if ((o->no_new_privs || o->filter) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_sys(e, errno, "set no_new_privs");
	/* After the user change, which resets it. */
	if (o->no_core && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return err_sys(e, errno, "turn core dumps off");
	int r = o->filter ? install_filter(o->filter) : 0;
	return r ? err_sys(e, r, "install the system call filter") : 0;
}

/* The file itself: name service modules have no place in a static helper and may ask the network. */
int confine_user(const char *name, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e)
{
	char line[PASSWD_LINE_MAX];
	size_t n = strlen(name);
	unsigned uid, gid;
	int found = 0;
	FILE *f = fopen("/etc/passwd", "re");
	while (f && !found && fgets(line, sizeof line, f))
		found = !strncmp(line, name, n) && line[n] == ':' && sscanf(line + n, ":%*[^:]:%u:%u", &uid, &gid) == 2;
	if (f)
		fclose(f);
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no user %s in /etc/passwd", name);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

static struct { char *at; size_t room; } title; /* where ps looks: one place per process */

void proc_title_init(int argc, char **argv)
{
	char *end = argc > 0 ? argv[0] + strlen(argv[0]) + 1 : NULL;
	for (int i = 1; i < argc; i++)
		if (argv[i] == end)
			end = argv[i] + strlen(argv[i]) + 1;
	title.at = argc > 0 ? argv[0] : NULL;
	title.room = argc > 0 ? (size_t)(end - argv[0]) : 0;
}

void proc_title(const char *text)
{
	prctl(PR_SET_NAME, text, 0, 0, 0);
	if (!title.room)
		return;
	size_t n = strlen(text) < title.room - 1 ? strlen(text) : title.room - 1;
	memset(title.at, 0, title.room);
	memcpy(title.at, text, n);
}
