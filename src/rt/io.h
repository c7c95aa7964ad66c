/* Blocking calls for fibers over non-blocking descriptors.  All wait; all return a count or 0, or -errno (-ECANCELED, -ETIME included).
 * One fiber may read while another writes the same descriptor.  The real runtime only. */
#pragma once
#include "rt/fiber.h"
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

ssize_t rt_read(int fd, void *p, size_t n, mono_t deadline) must_check;  /* 0 at the end */
ssize_t rt_write(int fd, const void *p, size_t n, mono_t deadline) must_check; /* all of it, or an error */
ssize_t rt_writev(int fd, struct iovec *iov, int n, mono_t deadline) must_check; /* all of it; iov is changed */
int rt_accept(int fd, struct sockaddr_storage *ret_peer, mono_t deadline) must_check; /* CLOEXEC, non-blocking */
int rt_connect(const struct sockaddr *sa, socklen_t n, int type, mono_t deadline) must_check; /* a new connected fd */
/* Waits until one of the poll(2) events is there; returns the events. */
int rt_wait_fd(int fd, uint32_t events, mono_t deadline) must_check;
/* Forgets the loop's state about fd; call before close(2) of a descriptor that was used with the functions above. */
void rt_close(int fd);
/* Resolves a host name and port on a worker thread; up to n addresses; returns how many or -errno. */
int rt_resolve(const char *host, const char *port, struct sockaddr_storage *ret, int n, mono_t deadline) must_check;
