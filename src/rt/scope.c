#include "rt/impl.h"
#include "base/log.h"

void scope_init(struct scope *s, struct scope *parent)
{
	*s = (struct scope){.parent = parent, .cancelled = parent && parent->cancelled};
	list_init(&s->fibers);
	list_init(&s->children);
	list_init(&s->waiters);
	if (parent)
		list_push(&parent->children, &s->node);
}

/* live counts the fibers of the whole subtree, so that a join of the parent covers its children. */
void scope_enter(struct scope *s, struct fiber *f)
{
	f->scope = s;
	f->cancelled |= s->cancelled;
	list_push(&s->fibers, &f->in_scope);
	for (; s; s = s->parent)
		s->live++;
}

void scope_leave(struct fiber *f)
{
	list_remove(&f->in_scope);
	for (struct scope *s = f->scope; s; s = s->parent)
		if (--s->live == 0)
			waiters_wake(&s->waiters, 0);
	f->scope = NULL;
}

void scope_cancel(struct scope *s)
{
	struct fiber *f;
	struct scope *child;
	s->cancelled = true;
	list_each(f, &s->fibers, in_scope)
		fiber_cancel(f);
	list_each(child, &s->children, node)
		scope_cancel(child);
}

int scope_join(struct scope *s, mono_t deadline)
{
	int r = 0;
	while (s->live && r == 0)
		r = fiber_park(&s->waiters, deadline, PARK_CANCELLABLE);
	return s->live ? r : 0;
}

void scope_fini(struct scope *s)
{
	struct scope *child;
	scope_cancel(s);
	while (s->live)
		fiber_park(&s->waiters, MONO_NEVER, PARK_FIRM);
	list_each(child, &s->children, node) {
		list_remove(&child->node);
		child->parent = NULL;
	}
	list_remove(&s->node);
}
