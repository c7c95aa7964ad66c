/* Private to os: descriptors that close with their scope; waiting for one on a fiber or off a loop. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "base/scope.h"
#include <unistd.h>

static inline void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
/* FD(fd) = open(...) closes when the scope ends; fd_steal hands it on. */
#define FD(name) __attribute__((cleanup(fd_cleanup))) int name
static inline int fd_steal(int *fd)
{
	int got = *fd;
	*fd = -1;
	return got;
}
/* Until it is readable: waits on a fiber, blocks elsewhere.  0 or -errno (-ETIME, -ECANCELED). */
int fd_wait(int fd, mono_t deadline) must_check;
/* Closes a descriptor that fd_wait may have seen; *fd is -1 afterwards. */
void fd_drop(int *fd);
/* A sealed, rewound memory file with the content; -errno. */
int fd_memory(const char *name, const void *p, size_t n);
/* Hands a local error to the caller, whose own may hold an earlier one. */
static inline int err_hand(struct err *e, struct err *own)
{
	err_fini(e);
	err_move(e, own);
	return -1;
}
