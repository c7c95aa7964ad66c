#include "rt/impl.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>

int chan_init(struct chan *c, uint32_t cap)
{
	invariant(cap);
	*c = (struct chan){.ring = calloc(cap, sizeof *c->ring), .cap = cap};
	cond_init(&c->readable);
	cond_init(&c->writable);
	return c->ring ? 0 : -ENOMEM;
}

void chan_fini(struct chan *c)
{
	invariant(!c->ring || (list_empty(&c->readable.waiters) && list_empty(&c->writable.waiters)));
	free(c->ring);
	c->ring = NULL;
}

int chan_try_send(struct chan *c, void *v)
{
	if (c->closed)
		return -EPIPE;
	if (c->len == c->cap)
		return -EAGAIN;
	c->ring[(c->head + (uint64_t)c->len++) % c->cap] = v;
	cond_wake(&c->readable);
	return 0;
}

int chan_send(struct chan *c, void *v, mono_t deadline)
{
	int r = fiber_cancelled() ? -ECANCELED : 0;
	while (r == 0 && (r = chan_try_send(c, v)) == -EAGAIN)
		r = cond_wait(&c->writable, deadline);
	return r;
}

int chan_try_recv(struct chan *c, void **ret)
{
	if (!c->len)
		return c->closed ? -EPIPE : -EAGAIN;
	*ret = c->ring[c->head];
	c->head = (c->head + 1) % c->cap;
	c->len--;
	cond_wake(&c->writable);
	return 0;
}

int chan_recv(struct chan *c, void **ret, mono_t deadline)
{
	int r = fiber_cancelled() ? -ECANCELED : 0;
	while (r == 0 && (r = chan_try_recv(c, ret)) == -EAGAIN)
		r = cond_wait(&c->readable, deadline);
	return r;
}

void chan_close(struct chan *c)
{
	c->closed = true;
	cond_wake_all(&c->readable);
	cond_wake_all(&c->writable);
}
