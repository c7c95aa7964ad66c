#include "rt/impl.h"
#include "base/log.h"

void cond_init(struct cond *c)
{
	list_init(&c->waiters);
}

int cond_wait(struct cond *c, mono_t deadline)
{
	return fiber_park(&c->waiters, deadline, PARK_CANCELLABLE);
}

void cond_wake(struct cond *c)
{
	if (!list_empty(&c->waiters))
		fiber_wake(list_entry(c->waiters.next, struct fiber, node), 0);
}

void cond_wake_all(struct cond *c)
{
	waiters_wake(&c->waiters, 0);
}

static void event_arrived(struct post *p)
{
	struct event *ev = container_of(p, struct event, post);
	ev->set = true;
	cond_wake_all(&ev->cond);
}

void event_init(struct event *ev)
{
	*ev = (struct event){.post.fn = event_arrived, .loop = loop_self()};
	invariant(ev->loop);
	cond_init(&ev->cond);
}

void event_set(struct event *ev)
{
	loop_post(ev->loop, &ev->post);
}

void event_wait(struct event *ev)
{
	while (!ev->set)
		fiber_park(&ev->cond.waiters, MONO_NEVER, PARK_FIRM);
}
