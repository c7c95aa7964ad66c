#include "rt/impl.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local struct loop *current;

/* Not inlined: a simulated fiber must see the loop that runs it now. */
__attribute__((noinline)) struct loop *loop_self(void)
{
	return current;
}

struct loop *loop_enter(struct loop *l)
{
	struct loop *before = current;
	current = l;
	return before;
}

struct rt *loop_rt(struct loop *l)
{
	return l->rt;
}

const char *loop_name(const struct loop *l)
{
	return l->name;
}

static void loop_lists_init(struct loop *l)
{
	struct list *heads[] = {&l->turns, &l->ready, &l->yielded, &l->fibers, &l->slabs, &l->warm, &l->cold};
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		list_init(heads[i]);
}

struct loop *loop_new(struct rt *rt, const char *name)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->rt = rt;
	l->id = 1 + atomic_fetch_add(&rt->loops_made, 1);
	snprintf(l->name, sizeof l->name, "%s", name ? name : "loop");
	loop_lists_init(l);
	l->now = rt->ops->now(rt);
	if (rt->ops->open(l) == 0)
		return l;
	free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	heap_fini(&l->timers); /* timers in their owners' memory read as idle afterwards */
	while (list_pop(&l->turns))
		;
	fdset_free(l);
	l->rt->ops->close(l);
	stack_free_all(l);
	free(l);
}

void loop_run(struct loop *l)
{
	l->rt->ops->run(l);
}

int loop_start(struct loop *l)
{
	return l->rt->ops->start(l);
}

void loop_join(struct loop *l)
{
	l->rt->ops->join(l);
}

static void stop_arrived(struct post *p)
{
	struct loop *l = container_of(p, struct loop, stop_post);
	l->stopping = true;
	fibers_cancel(l);
}

void loop_stop(struct loop *l)
{
	if (atomic_exchange(&l->stop_asked, true))
		return;
	l->stop_post.fn = stop_arrived;
	loop_post(l, &l->stop_post);
}

bool loop_ended(struct loop *l)
{
	return l->stopping && !l->nfibers && !l->lookups && list_empty(&l->turns) && l->rt->ops->inbox_empty(l);
}

bool loop_busy(const struct loop *l)
{
	return !list_empty(&l->ready) || !list_empty(&l->yielded) || !list_empty(&l->turns);
}

mono_t loop_next(const struct loop *l)
{
	struct heap_node *n = heap_min(&l->timers);
	return n ? n->key : MONO_NEVER;
}

void loop_post(struct loop *to, struct post *p)
{
	to->rt->ops->post(to, p);
}

static void run_posts(struct loop *l)
{
	for (struct post *p = l->rt->ops->take(l), *next; p; p = next) {
		next = p->next; /* fn may free or post p again */
		loop_trace(l, "post", 0);
		p->fn(p);
	}
}

/* At most those that are there at the beginning: one that is set again to now must wait for the next turn. */
static void run_timers(struct loop *l)
{
	for (size_t n = l->timers.n; n && loop_next(l) <= l->now; n--) {
		struct timer *t = container_of(heap_min(&l->timers), struct timer, node);
		heap_remove(&l->timers, &t->node);
		loop_trace(l, "timer", 0);
		t->fn(t);
	}
}

static void run_turn_ends(struct loop *l)
{
	struct list now, *n;
	if (list_empty(&l->turns))
		return;
	list_init(&now); /* what is added meanwhile belongs to the next turn */
	while ((n = list_pop(&l->turns)))
		list_push(&now, n);
	while ((n = list_pop(&now))) {
		struct turn *t = list_entry(n, struct turn, node);
		t->fn(t);
	}
}

void loop_turn(struct loop *l)
{
	run_posts(l);
	run_timers(l);
	if (l->poll)
		poll_dispatch(l);
	fibers_run(l);
	run_turn_ends(l);
}

void timer_set(struct timer *t, mono_t when, void (*fn)(struct timer *t))
{
	struct loop *l = loop_self();
	invariant(l && (!timer_active(t) || t->loop == l));
	t->fn = fn;
	t->loop = l;
	if (l->rt->ops->tie)
		l->rt->ops->tie(l);
	heap_remove(&l->timers, &t->node);
	heap_set(&l->timers, &t->node, when > l->now ? when : l->now); /* the past has no order: first set, first run */
}

void timer_cancel(struct timer *t)
{
	if (timer_active(t))
		heap_remove(&t->loop->timers, &t->node);
}

void turn_end(struct turn *t)
{
	struct loop *l = loop_self();
	invariant(l);
	if (!list_linked(&t->node))
		list_push(&l->turns, &t->node);
}

void turn_cancel(struct turn *t)
{
	list_remove(&t->node);
}
