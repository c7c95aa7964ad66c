/* Keeps a child process running: restart with back-off until cancelled. */
#pragma once
#include "os/spawn.h"

#define SUPERVISE_BACKOFF_MIN (200 * NS_MS)
#define SUPERVISE_BACKOFF_MAX (10 * NS_S)
#define SUPERVISE_RESET (30 * NS_S) /* lived that long: the next delay is the smallest again */

struct supervise_opts {
	const char *name;
	struct spawn_opts spawn;
	nsec_t grace;             /* between SIGTERM and SIGKILL at the end; 0: 10 s */
	bool stop_on_success;     /* exit status 0 ends it */
	/* Told of each start and each end (status as waitpid; delay until the next start, or -1: the last).  May be NULL. */
	void (*started)(void *arg, const struct proc *p);
	void (*ended)(void *arg, int status, nsec_t delay);
	void *arg;
};
/* Waits: runs in its own fiber until that is cancelled (then stops the child and returns -ECANCELED) or the child is not to be restarted (0). */
int supervise(const struct supervise_opts *o);
