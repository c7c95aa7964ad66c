/* Two-way byte streams for fibers: upgraded HTTP connections, sockets, pairs in memory.
 *
 * One fiber may read while another writes.  All calls wait and return a count or 0, or -errno (-ECANCELED, -ETIME, -EPIPE, -ECONNRESET).
 * The limit of unsent bytes is DUPLEX_OUT_MAX: writers wait beyond it. */
#pragma once
#include "rt/fiber.h"
#include <sys/types.h>

#define DUPLEX_OUT_MAX (256u << 10) /* a slow reader holds this much of us and no more */

struct duplex;
struct duplex_ops {
	ssize_t (*read)(struct duplex *d, void *p, size_t n, mono_t deadline); /* 0 at the end */
	ssize_t (*write)(struct duplex *d, const void *p, size_t n, mono_t deadline); /* all of it */
	int (*shutdown)(struct duplex *d); /* no more writes from us; the peer reads to the end */
	void (*close)(struct duplex *d);   /* frees; what was written before still leaves, in the background */
};
struct duplex {
	const struct duplex_ops *ops;
};
static inline ssize_t duplex_read(struct duplex *d, void *p, size_t n, mono_t deadline) { return d->ops->read(d, p, n, deadline); }
/* Exactly n bytes; -EPIPE when the stream ends before. */
int duplex_read_all(struct duplex *d, void *p, size_t n, mono_t deadline) must_check;
static inline ssize_t duplex_write(struct duplex *d, const void *p, size_t n, mono_t deadline) { return d->ops->write(d, p, n, deadline); }
static inline int duplex_shutdown(struct duplex *d) { return d->ops->shutdown(d); }
void duplex_close(struct duplex *d); /* NULL is fine */
/* Takes over a connected, non-blocking socket (or another pollable fd). */
struct duplex *duplex_of_fd(int fd);
/* Two ends in memory, for tests and in-process streams. */
void duplex_pair(struct duplex **ret_a, struct duplex **ret_b);
/* Copies both ways, with half-closes, until both directions ended or one failed; closes neither.  0, or the first -errno. */
int duplex_splice(struct duplex *a, struct duplex *b);
CLEANUP_FN(duplex_close, struct duplex *)
