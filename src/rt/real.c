/* The real runtime: a loop is a thread in epoll_wait.
 *
 * Posts are a stack that any thread pushes to and the loop takes whole.  While the loop sleeps, the stack holds a mark: who replaces
 * the mark writes to the eventfd, so a batch of posts costs one wake-up and a running loop none. */
#include "rt/impl.h"
#include "base/log.h"
#include "base/rand.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct post asleep_mark;

static mono_t real_now(struct rt *rt)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_S + ts.tv_nsec;
}

static wall_t real_wall(struct rt *rt)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS_S + ts.tv_nsec;
}

static void real_random(struct rt *rt, void *p, size_t n)
{
	rand_bytes(p, n);
}

static void poll_free(struct poll *p)
{
	if (p->epfd >= 0)
		close(p->epfd);
	if (p->wakefd >= 0)
		close(p->wakefd);
	free(p);
}

/* Edge-triggered: the counter need never be read. */
static int poll_open(struct poll *p)
{
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	return p->epfd < 0 || p->wakefd < 0 || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->wakefd, &ev) < 0 ? -errno : 0;
}

static int real_open(struct loop *l)
{
	struct poll *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	int r = poll_open(p);
	if (r < 0)
		poll_free(p);
	else
		l->poll = p;
	return r;
}

static void real_close(struct loop *l)
{
	while (atomic_load(&l->poll->posters)) /* someone has posted and is about to wake us */
		sched_yield();
	poll_free(l->poll);
}

static void wake(struct poll *p)
{
	uint64_t one = 1;
	ssize_t n = write(p->wakefd, &one, sizeof one);
	(void)n; /* it cannot fail but for a full counter, which wakes as well */
}

static void real_post(struct loop *to, struct post *p)
{
	struct poll *q = to->poll;
	atomic_fetch_add(&q->posters, 1);
	struct post *head = atomic_load(&q->inbox);
	do
		p->next = head == &asleep_mark ? NULL : head;
	while (!atomic_compare_exchange_weak(&q->inbox, &head, p));
	if (head == &asleep_mark)
		wake(q);
	atomic_fetch_sub(&q->posters, 1);
}

static struct post *real_take(struct loop *l)
{
	struct post *oldest = NULL, *next;
	if (!atomic_load(&l->poll->inbox))
		return NULL;
	struct post *p = atomic_exchange(&l->poll->inbox, NULL);
	for (p = p == &asleep_mark ? NULL : p; p; p = next) {
		next = p->next;
		p->next = oldest;
		oldest = p;
	}
	return oldest;
}

static bool real_inbox_empty(struct loop *l)
{
	return !atomic_load(&l->poll->inbox);
}

static bool fall_asleep(struct loop *l)
{
	struct post *none = NULL;
	return !loop_busy(l) && atomic_compare_exchange_strong(&l->poll->inbox, &none, &asleep_mark);
}

/* How long to wait: -1 for ever. */
static nsec_t sleep_span(struct loop *l)
{
	mono_t next = loop_next(l);
	if (next == MONO_NEVER)
		return -1;
	nsec_t span = next - real_now(l->rt);
	return span > 0 ? span : 0;
}

static int wait_ms(struct poll *p, nsec_t span)
{
	nsec_t ms = span < 0 ? -1 : (span + NS_MS - 1) / NS_MS; /* rounded up: never early */
	return epoll_wait(p->epfd, p->events, LOOP_EVENTS, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

/* By number: older C libraries lack the function, older kernels the call. */
static int wait_ns(struct poll *p, nsec_t span)
{
	struct timespec ts = {span / NS_S, span % NS_S};
	int n = (int)syscall(SYS_epoll_pwait2, p->epfd, p->events, LOOP_EVENTS, &ts, NULL, (size_t)8);
	if (n >= 0 || errno == EINTR)
		return n;
	p->ms_only = true;
	return wait_ms(p, span);
}

void loop_relax(void)
{
	if (loop_self()->poll)
		loop_self()->poll->relaxed = true;
}

static void poll_wait(struct loop *l)
{
	struct poll *p = l->poll;
	if (p->relaxed)
		sched_yield();
	p->relaxed = false;
	nsec_t span = fall_asleep(l) ? sleep_span(l) : 0;
	int n = span <= 0 || p->ms_only ? wait_ms(p, span) : wait_ns(p, span);
	p->n = n > 0 ? n : 0; /* EINTR is a turn without events */
	p->waits++;
}

void poll_dispatch(struct loop *l)
{
	struct poll *p = l->poll;
	for (p->at = 0; p->at < p->n; p->at++) {
		struct io *io = p->events[p->at].data.ptr;
		if (io)
			io->fn(io, p->events[p->at].events);
	}
	p->n = p->at = 0;
}

static void real_run(struct loop *l)
{
	struct loop *before = loop_enter(l);
	l->now = real_now(l->rt);
	while (!loop_ended(l)) {
		poll_wait(l);
		l->now = real_now(l->rt);
		loop_turn(l);
	}
	loop_enter(before);
}

static void *loop_thread(void *arg)
{
	struct loop *l = arg;
	char name[16]; /* the kernel's limit */
	memcpy(name, l->name, sizeof name - 1);
	name[sizeof name - 1] = 0;
	pthread_setname_np(pthread_self(), name);
	real_run(l);
	return NULL;
}

static int real_start(struct loop *l)
{
	return -pthread_create(&l->poll->thread, NULL, loop_thread, l);
}

static void real_join(struct loop *l)
{
	pthread_join(l->poll->thread, NULL);
}

static struct list *real_pick(struct loop *l)
{
	return list_pop(&l->ready);
}

static bool real_slice_over(struct loop *l)
{
	mono_t now = real_now(l->rt);
	if (!l->slice)
		l->slice = now;
	return now - l->slice >= LOOP_SLICE;
}

static void real_free(struct rt *rt)
{
	pool_free(rt->pool);
	free(rt);
}

struct call {
	struct job job;
	void (*fn)(void *arg);
	void *arg;
	struct event done;
};

static void call_run(struct job *j)
{
	struct call *c = container_of(j, struct call, job);
	c->fn(c->arg);
	event_set(&c->done);
}

static void real_job(struct rt *rt, void (*fn)(void *), void *arg)
{
	struct call c = {.job.fn = call_run, .fn = fn, .arg = arg};
	event_init(&c.done);
	if (pool_add(rt->pool, &c.job) == 0)
		event_wait(&c.done);
	else
		rt_on_loop_stack(fn, arg); /* slow, but done */
}

static void real_nap(nsec_t span)
{
	struct timespec ts = {span / NS_S, span % NS_S};
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL); /* woken early is good as well */
}

static const struct rt_ops real_ops = {
	.now = real_now, .wall = real_wall, .random = real_random, .open = real_open, .close = real_close, .run = real_run, .start = real_start,
	.join = real_join, .post = real_post, .take = real_take, .inbox_empty = real_inbox_empty, .pick = real_pick,
	.slice_over = real_slice_over, .job = real_job, .nap = real_nap, .free = real_free,
};

struct rt *rt_new(const struct rt_opts *o)
{
	struct rt *rt = calloc(1, sizeof *rt);
	if (!rt)
		return NULL;
	rt->ops = &real_ops;
	if (rt_opts_fill(&rt->opts, o) == 0 && (rt->pool = pool_new(rt->opts.workers)))
		return rt;
	free(rt);
	return NULL;
}

static int io_ctl(struct io *io, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events | EPOLLET, .data.ptr = io};
	return epoll_ctl(io->loop->poll->epfd, op, io->fd, &ev) < 0 ? -errno : 0;
}

int io_add(struct io *io, uint32_t events)
{
	io->loop = loop_self();
	invariant(io->loop);
	return io->loop->poll ? io_ctl(io, EPOLL_CTL_ADD, events) : -ENOTSUP;
}

int io_mod(struct io *io, uint32_t events)
{
	return io_ctl(io, EPOLL_CTL_MOD, events);
}

void io_del(struct io *io)
{
	if (!io->loop || !io->loop->poll)
		return;
	struct poll *p = io->loop->poll;
	io_ctl(io, EPOLL_CTL_DEL, 0);
	for (int i = p->at; i < p->n; i++) /* an event of this very batch may still be ahead */
		if (p->events[i].data.ptr == io)
			p->events[i].data.ptr = NULL;
	io->loop = NULL;
}
