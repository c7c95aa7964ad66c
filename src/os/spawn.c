#include "os/spawn.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define EXEC_FAILED 127
#define FDS_MAX 64      /* stdio and passed descriptors */

/* Everything that the child needs, made ready before the clone: in the child only system calls follow. */
struct launch {
	const struct spawn_opts *o;
	char path[PATH_MAX];
	int report;   /* closes on exec; carries errno and stage of what failed */
	int go, go_out; /* v1: the child waits here until it is placed; -1: none */
	pid_t parent;
};
struct failure { int error; char stage[20]; };

static _Noreturn void fail(const struct launch *l, const char *stage)
{
	struct failure f = {.error = errno};
	for (size_t i = 0; stage[i] && i < sizeof f.stage - 1; i++)
		f.stage[i] = stage[i];
	(void)!write(l->report, &f, sizeof f);
	_exit(EXEC_FAILED);
}

static void reset_signals(void)
{
	sigset_t none;
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	for (int s = 1; s < _NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int stdio_source(int want, int std, int null)
{
	if (want == SPAWN_NULL)
		return null;
	return want == SPAWN_INHERIT ? std : want;
}

/* Sources first move above all targets, so that no dup2 overwrites one that is still needed. */
static void place_fds(struct launch *l)
{
	const struct spawn_opts *o = l->o;
	int from[FDS_MAX], n = 3 + o->npass;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		fail(l, "open /dev/null");
	from[0] = stdio_source(o->in, 0, null);
	from[1] = stdio_source(o->out, 1, null);
	from[2] = stdio_source(o->err, 2, null);
	for (int i = 0; i < o->npass; i++)
		from[3 + i] = o->pass[i];
	l->report = fcntl(l->report, F_DUPFD_CLOEXEC, n);
	for (int i = 0; i < n; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, n)) < 0)
			fail(l, "descriptor");
	for (int i = 0; i < n; i++)
		if (dup2(from[i], i) < 0)
			fail(l, "descriptor");
	/* Marked, not closed: the report must reach the parent if exec fails. */
	if (syscall(SYS_close_range, n, ~0u, CLOSE_RANGE_CLOEXEC))
		fail(l, "close_range");
}

/* Bare system calls: the library's forms would wait for the parent's other threads, which are not here. */
static void become_user(const struct launch *l)
{
	const struct spawn_opts *o = l->o;
	if (o->gid && (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, o->gid, o->gid, o->gid)))
		fail(l, "setgid");
	if (o->uid && syscall(SYS_setresuid, o->uid, o->uid, o->uid))
		fail(l, "setuid");
}

/* PDEATHSIG is set after the user changes, which would clear it. */
static void die_with_parent(const struct launch *l)
{
	if (!l->o->parent_death_sig)
		return;
	if (prctl(PR_SET_PDEATHSIG, l->o->parent_death_sig))
		fail(l, "parent death signal");
	if (getppid() != l->parent)
		_exit(EXEC_FAILED);
}

static _Noreturn void child(struct launch *l)
{
	const struct spawn_opts *o = l->o;
	char c;
	/* Its own end of the pipe closed, so that the child ends if the parent dies before it lets go. */
	if (l->go >= 0 && (close(l->go_out) || read(l->go, &c, 1) != 1))
		_exit(EXEC_FAILED);
	reset_signals();
	if (o->session)
		setsid();
	if (o->netns && setns(o->netns, CLONE_NEWNET))
		fail(l, "network namespace");
	place_fds(l);
	become_user(l);
	die_with_parent(l);
	if (o->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail(l, "no_new_privs");
	if (!o->path) {
		/* The descriptors that were only marked would stay open without an exec. */
		syscall(SYS_close_range, 3 + o->npass, ~0u, 0);
		_exit(o->fn(o->arg));
	}
	extern char **environ;
	execve(l->path, (char *const *)o->argv, o->env ? (char *const *)o->env : environ);
	fail(l, "exec");
}

static int find_program(const char *name, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH");
	struct str rest = str_of(dirs ? dirs : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), dir;
	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX ? 0 : -ENAMETOOLONG;
	while (str_next(&rest, ':', &dir)) {
		int n = snprintf(path, PATH_MAX, "%.*s/%s", STR_F(dir), name);
		if (n < PATH_MAX && dir.n && access(path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Clones; in the child it does not return. */
static pid_t clone_child(struct launch *l, int cgroup, int *ret_pidfd)
{
	struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)ret_pidfd, .exit_signal = SIGCHLD};
	if (cgroup >= 0)
		args.flags |= CLONE_INTO_CGROUP, args.cgroup = (uint64_t)cgroup;
	/* No CLONE_VM: the child has a copy, as after fork. */
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		child(l);
	return pid < 0 ? -errno : pid;
}

/* The child's word on what failed, after its end was closed by exec or by the end itself; 0 when it runs. */
static int read_report(int fd, const char *what, struct err *e)
{
	struct failure f;
	ssize_t n;
	do
		n = read(fd, &f, sizeof f);
	while (n < 0 && errno == EINTR);
	if (n != sizeof f)
		return 0;
	f.stage[sizeof f.stage - 1] = 0;
	return strcmp(f.stage, "exec") ? err_sys(e, f.error, "start %s: %s", what, f.stage) : err_sys(e, f.error, "start %s", what);
}

static const char *label(const struct spawn_opts *o)
{
	return o->path ? o->path : "a child process";
}

/* v1: the stopped child is put into its cgroup and released. */
static int place(const struct spawn_opts *o, pid_t pid, int go, struct err *e)
{
	if (go < 0)
		return 0;
	if (cgroup_add(cgroups_get(), o->cgroup, pid, e))
		return err_wrap(e, "start %s", label(o));
	return write(go, "", 1) == 1 ? 0 : err_sys(e, errno, "release %s", label(o));
}

/* Clones with the pipes in place and waits for the exec. */
static int launch(struct launch *l, int cgroup, int report, int go, struct proc *ret, struct err *e)
{
	struct proc p = PROC_NONE;
	p.pid = clone_child(l, cgroup, &p.pidfd);
	close(l->report);
	if (p.pid < 0)
		return err_sys(e, p.pid, "start %s", label(l->o));
	int r = place(l->o, p.pid, go, e);
	if (r)
		proc_kill(&p, SIGKILL);
	else if (l->o->path)
		r = read_report(report, l->o->path, e);
	if (r) {
		waitpid(p.pid, NULL, 0);
		proc_close(&p);
		return -1;
	}
	*ret = p;
	return 0;
}

int spawn(const struct spawn_opts *o, struct proc *ret, struct err *e)
{
	struct launch l = {.o = o, .report = -1, .go = -1, .go_out = -1, .parent = getpid()};
	int report[2], go[2] = {-1, -1};
	int r = o->path ? find_program(o->path, l.path) : 0;
	if (r || o->npass > FDS_MAX - 3)
		return err_sys(e, r ? r : E2BIG, "start %s", label(o));
	FD(cgroup) = o->cgroup ? cgroup_open(cgroups_get(), o->cgroup) : -1;
	bool stopped = o->cgroup && cgroup < 0;
	if (pipe2(report, O_CLOEXEC))
		return err_sys(e, errno, "pipe");
	if (stopped && pipe2(go, O_CLOEXEC)) {
		close(report[0]), close(report[1]);
		return err_sys(e, errno, "pipe");
	}
	FD(report_in) = report[0];
	FD(go_in) = go[0];
	FD(go_out) = go[1];
	l.report = report[1];
	l.go = go_in;
	l.go_out = go_out;
	return launch(&l, cgroup, report_in, go_out, ret, e);
}

int proc_open(pid_t pid, struct proc *ret, struct err *e)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return err_sys(e, errno, "process %d", (int)pid);
	*ret = (struct proc){pid, fd};
	return 0;
}

int proc_kill(const struct proc *p, int sig)
{
	if (p->pidfd < 0)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0) ? -errno : 0;
}

void proc_close(struct proc *p)
{
	fd_drop(&p->pidfd);
	*p = PROC_NONE;
}

/* What is no child of ours has no status to give. */
static int reap(struct proc *p, int *ret_status)
{
	siginfo_t info = {0};
	int r = waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED);
	if (r && errno != ECHILD)
		return -errno;
	int status = 0;
	if (!r)
		status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	if (ret_status)
		*ret_status = status;
	proc_close(p);
	return 0;
}

int proc_wait(struct proc *p, mono_t deadline, int *ret_status)
{
	if (p->pidfd < 0)
		return -ECHILD;
	int r = fd_wait(p->pidfd, deadline);
	return r ? r : reap(p, ret_status);
}

int proc_stop(struct proc *p, nsec_t grace, int *ret_status)
{
	bool fiber = fiber_self() != NULL;
	if (fiber)
		fiber_shield_begin();
	int r = proc_kill(p, SIGTERM);
	r = r ? r : proc_wait(p, rt_now_exact() + grace, ret_status);
	if (r && p->pidfd >= 0) {
		proc_kill(p, SIGKILL);
		r = proc_wait(p, MONO_NEVER, ret_status);
	}
	if (fiber)
		fiber_shield_end();
	return r;
}

void proc_status_put(struct buf *out, int status)
{
	if (WIFEXITED(status)) {
		buf_printf(out, "exit status %d", WEXITSTATUS(status));
		return;
	}
	const char *name = strsignal(WTERMSIG(status));
	buf_lit(out, "signal: ");
	for (const char *p = name ? name : "unknown"; *p; p++)
		buf_char(out, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
	if (WCOREDUMP(status))
		buf_lit(out, " (core dumped)");
}
