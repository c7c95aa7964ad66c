#include "os/supervise.h"
#include <errno.h>
#include <sys/wait.h>

#define GRACE (10 * NS_S)

static void tell_ended(const struct supervise_opts *o, int status, nsec_t delay)
{
	if (o->ended)
		o->ended(o->arg, status, delay);
}

/* One life of the child.  0: it ended by itself; otherwise the supervisor was cancelled and the child was stopped. */
static int live(const struct supervise_opts *o, int *ret_status)
{
	struct proc p = PROC_NONE;
	ERR(e);
	if (spawn(&o->spawn, &p, &e)) {
		*ret_status = 127 << 8; /* as a shell says that it could not start it */
		return 0;
	}
	if (o->started)
		o->started(o->arg, &p);
	int r = proc_wait(&p, MONO_NEVER, ret_status);
	if (r)
		proc_stop(&p, o->grace ? o->grace : GRACE, ret_status);
	return r;
}

int supervise(const struct supervise_opts *o)
{
	nsec_t delay = SUPERVISE_BACKOFF_MIN;
	for (;;) {
		int status = 0;
		mono_t began = rt_now();
		int r = live(o, &status);
		bool done = r || (o->stop_on_success && status == 0);
		if (rt_now() - began >= SUPERVISE_RESET)
			delay = SUPERVISE_BACKOFF_MIN;
		tell_ended(o, status, done ? -1 : delay);
		if (done)
			return r;
		r = fiber_sleep(delay);
		if (r)
			return r;
		delay = delay * 2 > SUPERVISE_BACKOFF_MAX ? SUPERVISE_BACKOFF_MAX : delay * 2;
	}
}
