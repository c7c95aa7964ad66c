/* A runtime (struct rt) is a clock, a source of randomness, worker threads and a set of loops; real, or simulated (rt/sim.h).
 * A loop is one thread's event loop: posts from other threads, timers, file descriptors, and ready fibers, in that order per turn.
 *
 * Everything in a component runs on one loop and needs no locks.  Unless a function says "any thread", call it on the loop's own thread.
 * Callbacks run on the loop's own stack, must not block and should take less than 1 ms.
 * Two runtimes may exist in one process; the current loop (loop_self) is thread-local. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"

struct rt;
struct loop;

struct rt_opts {
	int workers;          /* job threads at most; 0: 4 */
	int fibers_max;       /* per loop; 0: 4096.  fiber_spawn fails beyond it */
	size_t stack_bytes;   /* 0: 64 KiB (256 KiB under sanitizers) */
};
struct rt *rt_new(const struct rt_opts *o); /* real; o may be NULL */
void rt_free(struct rt *rt);                /* all loops must have been freed */
bool rt_is_sim(const struct rt *rt);

/* Clocks and randomness of the current loop's runtime (off a loop: of the system). */
mono_t rt_now(void);   /* cached per turn of the loop: cheap */
mono_t rt_now_exact(void);
wall_t rt_wall(void);
void rt_random(void *p, size_t n);
uint64_t rt_random_below(uint64_t n);
/* A fresh UUID text (v4). */
void rt_uuid(char out[37]);

struct loop *loop_new(struct rt *rt, const char *name);
void loop_free(struct loop *l);
struct loop *loop_self(void); /* NULL off a loop */
struct rt *loop_rt(struct loop *l);
const char *loop_name(const struct loop *l);
/* Runs until loop_stop; fibers that still live are cancelled and waited for before it returns.  Simulated loops are run by sim_run. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread */
/* What comes next is cheaper in company and can wait: other threads that want this processor go first, once, before the current loop looks for events. */
void loop_relax(void);
/* Runs the loop on a thread of its own, named as the loop; loop_join waits for its end.  Simulated: only registers it. */
int loop_start(struct loop *l) must_check;
void loop_join(struct loop *l);

/* A message to a loop: the node belongs to the receiver until fn ran.  Posts of one sender arrive in order. */
struct post {
	struct post *next;
	void (*fn)(struct post *p);
};
void loop_post(struct loop *to, struct post *p); /* any thread; wakes the loop at most once per batch */

/* Timers: zeroed is idle.  fn runs on the loop; the timer may be set again or freed inside. */
struct timer {
	struct heap_node node;
	void (*fn)(struct timer *t);
	struct loop *loop;
};
void timer_set(struct timer *t, mono_t when, void (*fn)(struct timer *t));
void timer_cancel(struct timer *t);
static inline bool timer_active(const struct timer *t) { return t->node.at != 0; }

/* Readiness of a descriptor, for state machines (connections).  Edge-triggered: read or write until EAGAIN.  Real runtime only. */
struct io {
	int fd;
	void (*fn)(struct io *io, uint32_t events); /* EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP */
	struct loop *loop;
};
int io_add(struct io *io, uint32_t events) must_check; /* 0 or -errno */
int io_mod(struct io *io, uint32_t events) must_check;
void io_del(struct io *io); /* before the fd is closed; fn is not called afterwards */

/* Runs fn once at the end of the current turn (to gather writes). Zeroed is idle. */
struct turn {
	struct list node;
	void (*fn)(struct turn *t);
};
void turn_end(struct turn *t);
void turn_cancel(struct turn *t);
