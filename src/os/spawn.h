/* Processes: clone3 with a pidfd, into a cgroup where v2 allows it (on v1: stopped, placed, released).
 *
 * The child starts with default signal handlers, an empty signal mask, no descriptor beyond those named (close_range), and its own environment.
 * Signals are blocked in this program before the first thread (signals.h), so nothing here depends on SIGCHLD: ends are seen by the pidfd. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "rt/fiber.h"
#include <sys/types.h>

#define SPAWN_NULL 0      /* /dev/null */
#define SPAWN_INHERIT (-1)

struct spawn_opts {
	const char *path;              /* absolute, or a name looked up in PATH; NULL: fn */
	const char *const *argv;       /* ends with NULL; argv[0] as given */
	const char *const *env;        /* ends with NULL; NULL: the caller's environment */
	/* Instead of a program: runs in the child, which ends with its value.  Only while this process has one thread. */
	int (*fn)(void *arg);
	void *arg;
	int in, out, err;              /* SPAWN_NULL, SPAWN_INHERIT or a descriptor */
	const int *pass;               /* these become 3, 4, ... in the child */
	int npass;
	const char *cgroup;            /* path such as "/kubepods/x", made before; NULL: the caller's */
	int netns;                     /* fd of a network namespace to enter; 0: the caller's */
	uint32_t uid, gid;             /* 0: unchanged */
	int parent_death_sig;          /* 0: outlive the parent */
	bool session;                  /* setsid */
	bool no_new_privs;
};
struct proc {
	pid_t pid;
	int pidfd; /* -1: none */
};
#define PROC_NONE ((struct proc){0, -1})
/* The error says why exec failed too (ENOENT, EACCES: path named). */
int spawn(const struct spawn_opts *o, struct proc *ret, struct err *e) must_check;
/* Waits for the end and reaps: status as waitpid.  0, -ETIME, -ECANCELED, -ECHILD.  Off a loop it blocks. */
int proc_wait(struct proc *p, mono_t deadline, int *ret_status) must_check;
int proc_kill(const struct proc *p, int sig); /* 0 or -errno; never hits a reused pid */
/* SIGTERM, after `grace` SIGKILL; reaps.  Waits, also in a cancelled fiber. */
int proc_stop(struct proc *p, nsec_t grace, int *ret_status);
void proc_close(struct proc *p); /* forgets it */
/* A handle on a process that is not our child: proc_wait then waits without a status (0). */
int proc_open(pid_t pid, struct proc *ret, struct err *e) must_check;
/* "exit status 3", "signal: killed" as Go prints them. */
void proc_status_put(struct buf *out, int status);

/* Runs a program to its end with input on stdin, capturing up to limit bytes of each output (more is read and dropped, .truncated).
 * Waits.  Past the deadline it is killed (with its process group) and -1 with ETIME in e->sys is returned. */
struct spawn_output {
	struct buf out, err;
	int status;
	bool truncated;
};
int spawn_capture(const struct spawn_opts *o, struct str input, size_t limit, mono_t deadline, struct spawn_output *ret, struct err *e) must_check;
void spawn_output_fini(struct spawn_output *o);
