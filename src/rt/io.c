/* Every call tries first and waits only when told to, so a descriptor is registered once, edge-triggered, and no edge can be missed:
 * an event that comes while nobody waits is seen by the next attempt. */
#include "rt/impl.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define FD_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP)
#define CONNECT_RETRY NS_MS /* a unix socket with a full backlog cannot be polled */

struct fdwait {
	struct io io;
	struct list readers, writers, watchers; /* watchers hear of every event */
};
struct fdset {
	struct fdwait **v; /* by descriptor */
	int n;
};

static void fd_ready(struct io *io, uint32_t events)
{
	struct fdwait *w = container_of(io, struct fdwait, io);
	waiters_wake(&w->watchers, 0);
	if (events & ~(uint32_t)EPOLLOUT)
		waiters_wake(&w->readers, 0);
	if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		waiters_wake(&w->writers, 0);
}

static int fdset_grow(struct loop *l, int fd)
{
	if (!l->fds && !(l->fds = calloc(1, sizeof *l->fds)))
		return -ENOMEM;
	struct fdset *s = l->fds;
	if (fd < s->n)
		return 0;
	int n = fd + 64;
	struct fdwait **v = realloc(s->v, (size_t)n * sizeof *v);
	if (!v)
		return -ENOMEM;
	memset(v + s->n, 0, (size_t)(n - s->n) * sizeof *v);
	s->v = v;
	s->n = n;
	return 0;
}

static struct fdwait *fdwait_find(struct loop *l, int fd)
{
	return l->fds && fd >= 0 && fd < l->fds->n ? l->fds->v[fd] : NULL;
}

static int fdwait_add(struct loop *l, int fd, struct fdwait **ret)
{
	int r = fdset_grow(l, fd);
	if (r < 0)
		return r;
	struct fdwait *w = calloc(1, sizeof *w);
	if (!w)
		return -ENOMEM;
	w->io = (struct io){.fd = fd, .fn = fd_ready};
	list_init(&w->readers);
	list_init(&w->writers);
	list_init(&w->watchers);
	r = io_add(&w->io, FD_EVENTS);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = l->fds->v[fd] = w;
	return 0;
}

static int fdwait_get(int fd, struct fdwait **ret)
{
	struct loop *l = loop_self();
	*ret = fdwait_find(l, fd);
	return *ret ? 0 : fdwait_add(l, fd, ret);
}

static void fdwait_drop(struct loop *l, struct fdwait *w)
{
	l->fds->v[w->io.fd] = NULL;
	io_del(&w->io);
	waiters_wake(&w->readers, -EBADF);
	waiters_wake(&w->writers, -EBADF);
	waiters_wake(&w->watchers, -EBADF);
	free(w);
}

void rt_close(int fd)
{
	struct loop *l = loop_self();
	struct fdwait *w = l ? fdwait_find(l, fd) : NULL;
	if (w)
		fdwait_drop(l, w);
}

/* The loop dies; fibers that still wait die with it. */
void fdset_free(struct loop *l)
{
	for (int i = 0; l->fds && i < l->fds->n; i++)
		free(l->fds->v[i]);
	if (l->fds)
		free(l->fds->v);
	free(l->fds);
	l->fds = NULL;
}

static int wait_readable(int fd, mono_t deadline)
{
	struct fdwait *w;
	int r = fdwait_get(fd, &w);
	return r < 0 ? r : fiber_park(&w->readers, deadline, PARK_CANCELLABLE);
}

static int wait_writable(int fd, mono_t deadline)
{
	struct fdwait *w;
	int r = fdwait_get(fd, &w);
	return r < 0 ? r : fiber_park(&w->writers, deadline, PARK_CANCELLABLE);
}

static int wait_any(int fd, mono_t deadline)
{
	struct fdwait *w;
	int r = fdwait_get(fd, &w);
	return r < 0 ? r : fiber_park(&w->watchers, deadline, PARK_CANCELLABLE);
}

ssize_t rt_read(int fd, void *p, size_t n, mono_t deadline)
{
	int r = rt_breathe();
	while (r == 0) {
		ssize_t got = read(fd, p, n);
		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			r = wait_readable(fd, deadline);
		else if (errno != EINTR)
			return -errno;
	}
	return r;
}

ssize_t rt_write(int fd, const void *p, size_t n, mono_t deadline)
{
	struct iovec iov = {(void *)p, n};
	return rt_writev(fd, &iov, 1, deadline);
}

/* A peer that went away is an error, not a signal; only sockets know the flag. */
static ssize_t write_some(int fd, struct iovec *iov, int n)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
	ssize_t r = sendmsg(fd, &m, MSG_NOSIGNAL);
	if (r < 0 && errno == ENOTSOCK)
		r = writev(fd, iov, n);
	return r < 0 ? -errno : r;
}

static void iov_advance(struct iovec **iov, int *n, size_t done)
{
	while (*n && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		++*iov;
		--*n;
	}
	if (*n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

ssize_t rt_writev(int fd, struct iovec *iov, int n, mono_t deadline)
{
	ssize_t total = 0;
	int r = rt_breathe();
	iov_advance(&iov, &n, 0);
	while (n && r == 0) {
		ssize_t put = write_some(fd, iov, n < IOV_MAX ? n : IOV_MAX);
		if (put >= 0) {
			total += put;
			iov_advance(&iov, &n, (size_t)put);
		} else if (put == -EAGAIN) {
			r = wait_writable(fd, deadline);
		} else if (put != -EINTR) {
			return put;
		}
	}
	return r < 0 ? r : total;
}

int rt_accept(int fd, struct sockaddr_storage *ret_peer, mono_t deadline)
{
	struct sockaddr_storage peer;
	int r = rt_breathe();
	while (r == 0) {
		socklen_t n = sizeof peer;
		int got = accept4(fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (got >= 0) {
			if (ret_peer)
				*ret_peer = peer;
			return got;
		}
		if (errno == EAGAIN)
			r = wait_readable(fd, deadline);
		else if (errno != EINTR && errno != ECONNABORTED)
			return -errno;
	}
	return r;
}

static int socket_error(int fd)
{
	int e = 0;
	socklen_t n = sizeof e;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0 ? -errno : -e;
}

static int connect_fd(int fd, const struct sockaddr *sa, socklen_t n, mono_t deadline)
{
	int r = rt_breathe();
	while (r == 0 && connect(fd, sa, n) < 0) {
		if (errno == EAGAIN)
			r = rt_now() < deadline ? fiber_sleep(CONNECT_RETRY) : -ETIME;
		else if (errno != EINPROGRESS && errno != EINTR && errno != EALREADY)
			return -errno;
		else
			return (r = rt_wait_fd(fd, POLLOUT, deadline)) < 0 ? r : socket_error(fd);
	}
	return r;
}

int rt_connect(const struct sockaddr *sa, socklen_t n, int type, mono_t deadline)
{
	int fd = socket(sa->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = connect_fd(fd, sa, n, deadline);
	if (r == 0)
		return fd;
	rt_close(fd);
	close(fd);
	return r;
}

int rt_wait_fd(int fd, uint32_t events, mono_t deadline)
{
	int r = rt_breathe();
	while (r == 0) {
		struct pollfd p = {.fd = fd, .events = (short)events};
		int n = poll(&p, 1, 0);
		if (n > 0)
			return p.revents & POLLNVAL ? -EBADF : p.revents;
		r = wait_any(fd, deadline);
	}
	return r;
}
