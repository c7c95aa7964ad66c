#include "os/fd.h"
#include "rt/io.h"
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>

static int block(int fd, mono_t deadline)
{
	for (;;) {
		mono_t left = deadline == MONO_NEVER ? 0 : deadline - rt_now_exact();
		int ms = deadline == MONO_NEVER ? -1 : left <= 0 ? 0 : left > 60 * NS_S ? 60000 : (int)((left + NS_MS - 1) / NS_MS);
		int n = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && deadline != MONO_NEVER && rt_now_exact() >= deadline)
			return -ETIME;
	}
}

int fd_wait(int fd, mono_t deadline)
{
	if (!fiber_self())
		return block(fd, deadline);
	int r = rt_wait_fd(fd, POLLIN, deadline);
	return r < 0 ? r : 0;
}

void fd_drop(int *fd)
{
	if (*fd < 0)
		return;
	if (loop_self())
		rt_close(*fd);
	close(*fd);
	*fd = -1;
}

int fd_memory(const char *name, const void *p, size_t n)
{
	FD(fd) = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < n;) {
		ssize_t k = write(fd, (const char *)p + at, n - at);
		if (k < 0 && errno != EINTR)
			return -errno;
		at += k > 0 ? (size_t)k : 0;
	}
	return lseek(fd, 0, SEEK_SET) ? -errno : fd_steal(&fd);
}
