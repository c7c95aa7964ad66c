/* Fibers: sequential code on a loop that reads top to bottom and blocks only itself.
 *
 * A fiber never migrates.  Stacks are guarded, pooled, and their pages given back when idle.  Every call marked "waits" switches to the loop;
 * it returns 0 (or a count) or -errno: -ECANCELED when the fiber was cancelled (from then on every waiting call returns it at once, except
 * inside fiber_shield), -ETIME when a deadline passed.  errno does not survive a switch.  Scope cleanup handlers must not wait.
 *
 * A scope owns fibers: cancelling it cancels them and all child scopes; scope_join waits for their end.  A fiber without a scope belongs to its loop.
 * Deadlines are absolute mono_t; MONO_NEVER waits for ever. */
#pragma once
#include "rt/loop.h"

struct fiber;

struct scope {
	struct scope *parent;
	struct list fibers, children, node;
	uint32_t live;
	bool cancelled;
	struct list waiters; /* of scope_join */
};
void scope_init(struct scope *s, struct scope *parent); /* parent may be NULL */
void scope_cancel(struct scope *s);
int scope_join(struct scope *s, mono_t deadline); /* waits */
/* Cancels and joins (also in a cancelled fiber). */
void scope_fini(struct scope *s);

/* Starts fn(arg) as a fiber of this loop; it runs in this turn after the caller next waits.  name is for traces and must be static.
 * NULL when the loop has its maximum of fibers or memory is short: the caller answers 429, retries or queues. */
struct fiber *fiber_spawn(struct scope *s, const char *name, void (*fn)(void *arg), void *arg);
/* Makes a loop, runs fn(arg) as its first fiber and stops the loop when that ends; for programs and tests, real and simulated.
 * 0, -ENOMEM, or (simulated) -EDEADLK when nothing will ever happen again although fn has not ended. */
int rt_main(struct rt *rt, const char *name, void (*fn)(void *arg), void *arg) must_check;
struct fiber *fiber_self(void); /* NULL on the loop's own stack */
void fiber_cancel(struct fiber *f);
bool fiber_cancelled(void);     /* of the current fiber */
int fiber_sleep(nsec_t span) must_check;        /* waits */
int fiber_sleep_until(mono_t when) must_check;  /* waits */
/* The loop's thread sleeps, whatever is posted to it: for a loop of one busy fiber that is better off with much at once.  False in the simulator:
 * it did not. */
bool rt_nap(nsec_t span);
/* Lets other ready work run if this fiber has held the loop for more than its slice (about 1 ms); cheap otherwise.  For long loops. */
int rt_breathe(void);
int fiber_yield(void); /* always lets others run once */
/* Between begin and end, cancellation is held back (for short cleanup that must wait). */
void fiber_shield_begin(void);
void fiber_shield_end(void);
/* Per-fiber pointer, for the request or reconcile that it serves. */
void fiber_set_local(void *p);
void *fiber_local(void);
/* Calls fn(arg) on the loop's own (large) stack, for deep library code: TLS handshakes, YAML, RE2.  fn must not wait.
 * On the loop's stack already, or off a loop: a plain call. */
void rt_on_loop_stack(void (*fn)(void *arg), void *arg);
size_t loop_fibers(const struct loop *l);

/* A condition: fibers of one loop wait for it, any callback or fiber of that loop wakes them.  Zeroed is invalid: cond_init. */
struct cond {
	struct list waiters;
};
void cond_init(struct cond *c);
int cond_wait(struct cond *c, mono_t deadline) must_check; /* waits; 0 when woken; may wake spuriously: test in a loop */
void cond_wake(struct cond *c);     /* the first waiter */
void cond_wake_all(struct cond *c);

/* A one-shot event across threads: a fiber waits, another thread (or loop) sets.  Valid until event_wait returned. */
struct event {
	struct post post;
	struct loop *loop;
	struct cond cond;
	bool set;
};
void event_init(struct event *ev);               /* on the waiting loop */
void event_set(struct event *ev);                /* any thread, once */
void event_wait(struct event *ev);               /* waits, not cancellable: what sets it must be bounded */
