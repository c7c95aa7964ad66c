#include "rt/impl.h"
#include "base/log.h"
#include <errno.h>

struct fiber *fiber_self(void)
{
	struct loop *l = loop_self();
	return l ? l->current : NULL;
}

size_t loop_fibers(const struct loop *l)
{
	return l->nfibers;
}

/* The two switches: from the loop into a fiber, and back. */
static void enter(struct loop *l, struct fiber *f)
{
	san_thread(&l->san);
	san_leave(&l->san, &f->san, false);
	rt_switch(&l->sp, f->sp, f);
	san_arrive(&l->san, NULL);
}

static void leave(struct fiber *f, bool last)
{
	san_leave(&f->san, &f->loop->san, last);
	rt_switch(&f->sp, f->loop->sp, NULL);
	san_arrive(&f->san, &f->loop->san);
}

static void fiber_main(struct fiber *f)
{
	san_arrive(&f->san, &f->loop->san);
	f->fn(f->arg);
	f->state = FIBER_DONE;
	leave(f, true);
	bug("a fiber that ended was entered");
}

static void fiber_begin(struct fiber *f, const char *name, void (*fn)(void *arg), void *arg)
{
	struct loop *l = f->loop;
	*f = (struct fiber){.loop = l, .stack = f->stack, .stack_bytes = f->stack_bytes, .name = name, .fn = fn, .arg = arg};
	san_begin(&f->san, f->stack, f->stack_bytes);
	f->sp = rt_switch_frame(f->stack + f->stack_bytes, fiber_main);
	f->cancelled = l->stopping;
	f->state = FIBER_READY;
	list_push(&l->fibers, &f->all);
	list_push(&l->ready, &f->node);
	l->nfibers++;
	l->fibers_made++;
}

struct fiber *fiber_spawn(struct scope *s, const char *name, void (*fn)(void *arg), void *arg)
{
	struct loop *l = loop_self();
	invariant(l);
	struct fiber *f = l->nfibers < (size_t)l->rt->opts.fibers_max ? stack_take(l) : NULL;
	if (!f)
		return NULL;
	fiber_begin(f, name, fn, arg);
	if (s)
		scope_enter(s, f);
	return f;
}

static void fiber_end(struct loop *l, struct fiber *f)
{
	f->state = FIBER_FREE;
	list_remove(&f->all);
	l->nfibers--;
	scope_leave(f);
	san_end(&f->san);
	stack_give(l, f);
}

/* Runs what the fiber wanted on this stack; false when it wanted nothing. */
static bool call_here(struct loop *l)
{
	void (*fn)(void *) = l->call;
	struct fiber *f = l->current;
	if (!fn)
		return false;
	l->call = NULL;
	l->current = NULL;
	fn(l->call_arg);
	l->current = f;
	return true;
}

static void resume(struct loop *l, struct fiber *f)
{
	f->state = FIBER_RUNNING;
	l->current = f;
	l->slice = 0;
	do
		enter(l, f);
	while (call_here(l));
	l->current = NULL;
	if (f->state == FIBER_DONE)
		fiber_end(l, f);
}

void fibers_run(struct loop *l)
{
	struct list *n;
	for (int i = 0; i < LOOP_FIBERS_PER_TURN && !list_empty(&l->ready); i++) {
		struct fiber *f = list_entry(l->rt->ops->pick(l), struct fiber, node);
		loop_trace(l, f->name, (uint64_t)f->state);
		resume(l, f);
	}
	while ((n = list_pop(&l->yielded)))
		list_push(&l->ready, n);
}

void fibers_cancel(struct loop *l)
{
	struct fiber *f;
	list_each(f, &l->fibers, all)
		fiber_cancel(f);
}

void rt_on_loop_stack(void (*fn)(void *arg), void *arg)
{
	struct fiber *f = fiber_self();
	if (!f) {
		fn(arg);
		return;
	}
	f->loop->call = fn;
	f->loop->call_arg = arg;
	leave(f, false);
}

static bool stopped_by_cancel(const struct fiber *f)
{
	return f->cancelled && !f->shield;
}

void fiber_wake(struct fiber *f, int result)
{
	if (f->state != FIBER_WAITING)
		return;
	list_remove(&f->node);
	f->state = FIBER_READY;
	f->result = result;
	list_push(&f->loop->ready, &f->node);
}

void waiters_wake(struct list *waiters, int result)
{
	while (!list_empty(waiters))
		fiber_wake(list_entry(waiters->next, struct fiber, node), result);
}

static void timed_out(struct timer *t)
{
	fiber_wake(container_of(t, struct fiber, timer), -ETIME);
}

int fiber_park(struct list *on, mono_t deadline, enum park how)
{
	struct fiber *f = fiber_self();
	invariant(f); /* callbacks and code on the loop's stack must not wait */
	if (how == PARK_CANCELLABLE && stopped_by_cancel(f))
		return -ECANCELED;
	if (deadline <= f->loop->now)
		return -ETIME;
	f->state = FIBER_WAITING;
	f->firm = how == PARK_FIRM || f->shield;
	if (on)
		list_push(on, &f->node);
	if (deadline != MONO_NEVER)
		timer_set(&f->timer, deadline, timed_out);
	leave(f, false);
	timer_cancel(&f->timer);
	return f->result;
}

void fiber_cancel(struct fiber *f)
{
	f->cancelled = true;
	if (!f->firm)
		fiber_wake(f, -ECANCELED);
}

bool fiber_cancelled(void)
{
	struct fiber *f = fiber_self();
	return f && stopped_by_cancel(f);
}

void fiber_shield_begin(void)
{
	fiber_self()->shield++;
}

void fiber_shield_end(void)
{
	struct fiber *f = fiber_self();
	invariant(f->shield);
	f->shield--;
}

int fiber_yield(void)
{
	struct fiber *f = fiber_self();
	invariant(f);
	if (stopped_by_cancel(f))
		return -ECANCELED;
	f->state = FIBER_READY;
	list_push(&f->loop->yielded, &f->node);
	leave(f, false);
	return stopped_by_cancel(f) ? -ECANCELED : 0;
}

int rt_breathe(void)
{
	struct fiber *f = fiber_self();
	if (!f)
		return 0;
	if (stopped_by_cancel(f))
		return -ECANCELED;
	return f->loop->rt->ops->slice_over(f->loop) ? fiber_yield() : 0;
}

int fiber_sleep_until(mono_t when)
{
	struct fiber *f = fiber_self();
	invariant(f);
	if (when <= f->loop->now)
		return fiber_yield();
	int r = fiber_park(NULL, when, PARK_CANCELLABLE);
	return r == -ETIME ? 0 : r;
}

int fiber_sleep(nsec_t span)
{
	mono_t now = rt_now_exact();
	return fiber_sleep_until(span > MONO_NEVER - now ? MONO_NEVER : now + span);
}

void fiber_set_local(void *p)
{
	fiber_self()->local = p;
}

void *fiber_local(void)
{
	struct fiber *f = fiber_self();
	return f ? f->local : NULL;
}

struct first {
	struct post post;
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	int result;
};

static void first_run(void *arg)
{
	struct first *first = arg;
	first->fn(first->arg);
	loop_stop(loop_self());
}

static void first_spawn(struct post *p)
{
	struct first *first = container_of(p, struct first, post);
	if (fiber_spawn(NULL, first->name, first_run, first))
		return;
	first->result = -ENOMEM;
	loop_stop(loop_self());
}

int rt_main(struct rt *rt, const char *name, void (*fn)(void *arg), void *arg)
{
	struct first first = {.post.fn = first_spawn, .name = name, .fn = fn, .arg = arg};
	struct loop *l = loop_new(rt, name);
	if (!l)
		return -ENOMEM;
	loop_post(l, &first.post);
	loop_run(l);
	if (!loop_ended(l))
		first.result = -EDEADLK;
	loop_free(l);
	return first.result;
}
