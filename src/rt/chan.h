/* Bounded channels of pointers between fibers and callbacks of one loop (for other loops: loop_post).
 * The creator names the limit and what happens when it is reached: block the sender, or refuse (-EAGAIN). */
#pragma once
#include "rt/fiber.h"

struct chan {
	void **ring;
	uint32_t cap, head, len;
	bool closed;
	struct cond readable, writable;
};
int chan_init(struct chan *c, uint32_t cap) must_check; /* 0 or -ENOMEM */
void chan_fini(struct chan *c); /* nobody may wait on it; what is left in it is the caller's to drain first */
int chan_send(struct chan *c, void *v, mono_t deadline) must_check; /* waits; -EPIPE when closed */
int chan_try_send(struct chan *c, void *v) must_check;              /* -EAGAIN when full, -EPIPE when closed */
int chan_recv(struct chan *c, void **ret, mono_t deadline) must_check; /* waits; -EPIPE when closed and empty */
/* Does not wait, also in a cancelled fiber (to drain): -EAGAIN when empty, -EPIPE when closed and empty. */
int chan_try_recv(struct chan *c, void **ret) must_check;
void chan_close(struct chan *c); /* receivers still get what is queued */
