#include "cmd/part.h"
#include "base/log.h"
#include "cmd/command.h"
#include "os/signals.h"
#include "os/spawn.h"

#include <errno.h>

struct running {
	struct part *const *parts;
	size_t n, started;
	struct scope scope;
	struct cond stop;
	bool stopping;
	int code;
};

static void end(struct running *r, int code)
{
	r->code = r->stopping ? r->code : code;
	r->stopping = true;
	cond_wake_all(&r->stop);
}

static void signalled(void *arg, int sig)
{
	end(arg, 0);
}

/* Without its helper a node can do nothing: a new process gets a new one. */
static void watch_helper(void *arg)
{
	struct running *r = arg;
	struct proc p;
	ERR(e);
	if (proc_open((pid_t)helper_pid(r->parts[0]->helper), &p, &e) == 0 && proc_wait(&p, MONO_NEVER, NULL) == -ECANCELED) {
		proc_close(&p);
		return;
	}
	log_error("the privileged helper has ended");
	end(r, 1);
}

static void start_fiber(void *arg)
{
	struct running *r = arg;
	ERR(e);
	while (r->started < r->n && !r->stopping) {
		struct part *p = r->parts[r->started++];
		if (p->start(p, &e) < 0) {
			if (!fiber_cancelled())
				end(r, cmd_error("%s: %s", p->name, err_text(&e)));
			return;
		}
	}
}

static void serve(void *arg)
{
	static const int list[] = {SIGTERM, SIGINT, 0};
	struct running *r = arg;
	ERR(e);
	cond_init(&r->stop);
	scope_init(&r->scope, NULL);
	for (size_t i = 0; i < r->n; i++)
		r->parts[i]->rt = loop_rt(loop_self());
	struct signals *watch = signals_watch(list, signalled, r, &e);
	if (!watch)
		end(r, cmd_error("%s", err_text(&e)));
	if (r->parts[0]->helper)
		fiber_spawn(&r->scope, "helper", watch_helper, r);
	fiber_spawn(&r->scope, "start", start_fiber, r);
	while (!r->stopping)
		if (cond_wait(&r->stop, MONO_NEVER) < 0)
			break;
	scope_fini(&r->scope);
	while (r->started)
		r->parts[r->started - 1]->stop(r->parts[r->started - 1]), r->started--;
	signals_free(watch);
}

int parts_run(const char *title, struct part *const *parts, size_t n)
{
	struct running r = {.parts = parts, .n = n};
	signals_block();
	struct rt *rt = rt_new(NULL);
	if (!rt || rt_main(rt, title, serve, &r))
		return cmd_error("out of memory");
	rt_free(rt);
	return r.code;
}
