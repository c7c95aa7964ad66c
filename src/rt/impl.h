/* Private to rt: what the files of this room share.
 *
 * rt.c      clocks and randomness, by way of the backend's ops
 * loop.c    the turn: posts, timers, descriptors, fibers, turn ends; the same code in both backends
 * real.c    the real backend: epoll, wake-ups, loop threads       sim.c  the simulated one
 * fiber.c   fibers and waiting      stack.c  their stacks         switch.c  the context switch
 * scope.c, cond.c, chan.c, io.c, resolve.c, job.c: on top of these */
#pragma once
#include "rt/chan.h"
#include "rt/io.h"
#include "rt/job.h"
#include "rt/sim.h"
#include "rt/san.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#define RT_WORKERS 4
#define RT_FIBERS_MAX 4096
#define LOOP_SLICE NS_MS          /* a fiber that held the loop so long lets others run at its next rt_breathe */
#define LOOP_FIBERS_PER_TURN 256  /* then descriptors and timers get their chance */
#define LOOP_EVENTS 128           /* descriptors per epoll_wait */

/* What differs between the real and the simulated runtime. */
struct rt_ops {
	bool simulated;
	mono_t (*now)(struct rt *rt);
	wall_t (*wall)(struct rt *rt);
	void (*random)(struct rt *rt, void *p, size_t n);
	int (*open)(struct loop *l); /* the backend's part of a loop; 0 or -errno */
	void (*close)(struct loop *l);
	void (*run)(struct loop *l);
	int (*start)(struct loop *l);
	void (*join)(struct loop *l);
	void (*post)(struct loop *to, struct post *p);
	struct post *(*take)(struct loop *l);  /* the posts that are due, in order */
	bool (*inbox_empty)(struct loop *l);
	struct list *(*pick)(struct loop *l);  /* takes one of the ready fibers (there is one) */
	bool (*slice_over)(struct loop *l);
	void (*tie)(struct loop *l);           /* before a timer is set: how it stands among timers of the same instant; may be NULL */
	void (*job)(struct rt *rt, void (*fn)(void *), void *arg); /* on a fiber */
	void (*nap)(nsec_t span);              /* may be NULL */
	void (*trace)(struct loop *l, const char *what, uint64_t v); /* may be NULL */
	void (*free)(struct rt *rt);
};

struct rt {
	const struct rt_ops *ops;
	struct rt_opts opts; /* defaults filled in */
	_Atomic uint32_t loops_made;
	struct pool *pool;   /* real */
	struct sim *sim;     /* simulated */
};
int rt_opts_fill(struct rt_opts *out, const struct rt_opts *in);

struct poll;     /* real.c */
struct sim_loop; /* sim.c */
struct fdset;    /* io.c */

struct loop {
	struct rt *rt;
	char name[32];
	uint32_t id;
	mono_t now;              /* of this turn */
	mono_t slice;            /* when the running fiber first breathed; 0: not yet */
	struct heap timers;
	struct list turns;

	struct list ready, yielded; /* fibers; yielded ones run in the next turn */
	struct list fibers;      /* all that live */
	size_t nfibers, fibers_made;
	struct fiber *current;
	void *sp;                /* of the loop's own stack while a fiber runs */
	struct san san;
	void (*call)(void *arg); /* what a fiber wants run on the loop's own stack */
	void *call_arg;

	struct list slabs, warm, cold; /* stacks: mappings; free ones with pages; free ones without */
	size_t nwarm;

	struct post stop_post;
	_Atomic bool stop_asked;
	bool stopping;
	uint32_t lookups;        /* jobs that will still post to this loop although no fiber waits */

	struct poll *poll;       /* real */
	struct sim_loop *sim;    /* simulated */
	struct fdset *fds;       /* descriptors that fibers wait for; made on first use */
};

/* Makes l the current loop of this thread and returns the one before. */
struct loop *loop_enter(struct loop *l);
void loop_turn(struct loop *l);
bool loop_busy(const struct loop *l);   /* has work for another turn at once */
bool loop_ended(struct loop *l);        /* asked to stop, and nothing is left to wait for */
mono_t loop_next(const struct loop *l); /* the earliest timer or MONO_NEVER */
static inline void loop_trace(struct loop *l, const char *what, uint64_t v)
{
	if (l->rt->ops->trace)
		l->rt->ops->trace(l, what, v);
}

enum fiber_state { FIBER_FREE, FIBER_READY, FIBER_RUNNING, FIBER_WAITING, FIBER_DONE };
/* free -> ready -> running -> waiting -> ready; running -> ready (yield); running -> done -> free. */
struct fiber {
	struct loop *loop;
	void *sp;
	struct san san;
	char *stack;             /* lowest usable byte */
	size_t stack_bytes;
	const char *name;
	void (*fn)(void *arg);
	void *arg, *local;
	struct scope *scope;
	struct list all;         /* in loop->fibers */
	struct list in_scope;
	struct list node;        /* free, ready, or among waiters */
	struct timer timer;      /* deadline of the current wait */
	enum fiber_state state;
	int result;              /* of the wait */
	uint32_t shield;
	bool cancelled;
	bool firm;               /* the current wait is not cancellable */
};

struct fiber *stack_take(struct loop *l);       /* NULL when memory is short */
void stack_give(struct loop *l, struct fiber *f);
void stack_free_all(struct loop *l);
void rt_switch(void **save_sp, void *to_sp, void *arg);
/* The first stack pointer of a fiber that begins at entry(arg), arg as given to its first rt_switch. */
void *rt_switch_frame(char *top, void (*entry)(struct fiber *f));

enum park { PARK_CANCELLABLE, PARK_FIRM };
/* The one place where fibers wait.  Queues the current fiber on `on` (may be NULL) until fiber_wake or the deadline: 0, -ETIME, -ECANCELED
 * or whatever the waker said. */
int fiber_park(struct list *on, mono_t deadline, enum park how);
void fiber_wake(struct fiber *f, int result);
void waiters_wake(struct list *waiters, int result); /* all of them */
void fibers_run(struct loop *l);
void fibers_cancel(struct loop *l);
void scope_enter(struct scope *s, struct fiber *f);
void scope_leave(struct fiber *f);

/* real.c */
struct poll {
	int epfd, wakefd;
	pthread_t thread;
	_Atomic(struct post *) inbox; /* newest first; asleep_mark while the loop sleeps */
	_Atomic uint32_t posters;     /* threads inside loop_post: loop_free waits for them */
	int n, at;                    /* events: how many, the one in work */
	uint64_t waits;               /* calls of epoll_wait that returned */
	bool ms_only;                 /* the kernel has no epoll_pwait2 */
	bool relaxed;                 /* loop_relax */
	struct epoll_event events[LOOP_EVENTS];
};
void poll_dispatch(struct loop *l);

/* io.c */
void fdset_free(struct loop *l);

/* job.c: the pool of worker threads */
struct job {
	struct list node;
	void (*fn)(struct job *j);
};
struct pool *pool_new(int threads_max);
void pool_free(struct pool *p); /* waits for all jobs */
/* Any thread; -errno when no thread could be had: the caller runs it. */
int pool_add(struct pool *p, struct job *j) must_check;
int pool_threads(struct pool *p);
void pool_set_idle(struct pool *p, nsec_t idle);
