/* Running a program to its end with its input and outputs: see spawn.h. */
#include "os/spawn.h"
#include "os/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#define CHUNK 16384

struct capture {
	int epoll;           /* readable when any of the others is */
	int ends[2];         /* of its standard output and error; -1: closed */
	size_t limit;
	struct spawn_output *ret;
	bool ended;
};

/* Reads once; at the end of the stream it is forgotten. */
static void drain(struct capture *c, int which)
{
	char chunk[CHUNK];
	struct buf *to = which ? &c->ret->err : &c->ret->out;
	ssize_t n = read(c->ends[which], chunk, sizeof chunk);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(c->ends[which]);
		c->ends[which] = -1;
		return;
	}
	size_t room = c->limit > to->n ? c->limit - to->n : 0;
	c->ret->truncated |= (size_t)n > room;
	buf_put(to, chunk, (size_t)n < room ? (size_t)n : room);
}

/* Handles what is ready now; how many descriptors were. */
static int step(struct capture *c)
{
	struct epoll_event ev[3];
	int n = epoll_wait(c->epoll, ev, (int)ARRAY_LEN(ev), 0);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 < 2)
			drain(c, (int)ev[i].data.u32);
		else
			c->ended = true;
	}
	return n;
}

static bool both_closed(const struct capture *c)
{
	return c->ends[0] < 0 && c->ends[1] < 0;
}

/* Until the program has ended.  Grandchildren may hold the pipes for ever, so after its end only what is there already is read. */
static int follow(struct capture *c, const struct proc *p, mono_t deadline)
{
	int r = 0;
	while (!r && !c->ended) {
		r = fd_wait(c->epoll, deadline);
		if (!r)
			step(c);
	}
	/* The pidfd stays readable and counts too; each read takes something, and at most what the pipes hold is left. */
	for (int i = 0; !r && !both_closed(c) && i < 1024 * 1024 / CHUNK && step(c) > 1; i++)
		;
	return r;
}

static int watch(int epoll, int fd, uint32_t id)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = id};
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* Starts it with our pipes and a memory file as input. */
static int start(struct capture *c, const struct spawn_opts *o, struct str input, struct proc *ret, struct err *e)
{
	struct spawn_opts own = *o;
	int out[2] = {-1, -1}, err[2] = {-1, -1};
	FD(in) = fd_memory("input", input.p, input.n);
	if (in < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
		int error = in < 0 ? -in : errno;
		fd_cleanup(&out[0]), fd_cleanup(&out[1]);
		return err_sys(e, error, "start %s", o->path);
	}
	own.in = in, own.out = out[1], own.err = err[1];
	own.session = true; /* so that all of it can be killed */
	int r = spawn(&own, ret, e);
	close(out[1]), close(err[1]);
	c->ends[0] = out[0], c->ends[1] = err[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	return r;
}

static int watch_all(struct capture *c, const struct proc *p)
{
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		return -errno;
	int r = watch(c->epoll, c->ends[0], 0);
	r = r ? r : watch(c->epoll, c->ends[1], 1);
	return r ? r : watch(c->epoll, p->pidfd, 2);
}

/* Waits for it; past the deadline, or cancelled, its whole session is killed. */
static int finish(struct capture *c, struct proc *p, mono_t deadline)
{
	int r = watch_all(c, p);
	if (!r)
		r = follow(c, p, deadline);
	if (r && kill(-p->pid, SIGKILL))
		proc_kill(p, SIGKILL);
	bool fiber = fiber_self() != NULL;
	if (fiber)
		fiber_shield_begin();
	int w = proc_wait(p, MONO_NEVER, &c->ret->status);
	if (fiber)
		fiber_shield_end();
	return r ? r : w;
}

int spawn_capture(const struct spawn_opts *o, struct str input, size_t limit, mono_t deadline, struct spawn_output *ret, struct err *e)
{
	struct spawn_output got = {0};
	struct capture c = {.epoll = -1, .ends = {-1, -1}, .limit = limit, .ret = &got};
	struct proc p = PROC_NONE;
	int r = start(&c, o, input, &p, e);
	if (!r) {
		r = finish(&c, &p, deadline);
		if (r)
			err_sys(e, r, "run %s", o->path);
	}
	fd_drop(&c.epoll);
	fd_cleanup(&c.ends[0]);
	fd_cleanup(&c.ends[1]);
	if (r || got.out.failed || got.err.failed) {
		spawn_output_fini(&got);
		return r ? -1 : err_nomem(e, limit);
	}
	*ret = got;
	return 0;
}

void spawn_output_fini(struct spawn_output *o)
{
	buf_fini(&o->out);
	buf_fini(&o->err);
}
