#include "os/signals.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
	struct io io;
	void (*fn)(void *arg, int sig);
	void *arg;
	bool busy, dead; /* fn may free the watcher: then readable does */
};

void signals_block(void)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, SIGQUIT};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		sigaddset(&set, all[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void release(struct signals *s)
{
	io_del(&s->io);
	close(s->io.fd);
	free(s);
}

static void readable(struct io *io, uint32_t events)
{
	struct signals *s = container_of(io, struct signals, io);
	struct signalfd_siginfo info;
	s->busy = true;
	while (!s->dead && read(s->io.fd, &info, sizeof info) == sizeof info)
		s->fn(s->arg, (int)info.ssi_signo);
	s->busy = false;
	if (s->dead)
		release(s);
}

struct signals *signals_watch(const int *list, void (*fn)(void *, int), void *arg, struct err *e)
{
	sigset_t set;
	struct signals *s = calloc(1, sizeof *s);
	if (!s)
		return err_nomem(e, sizeof *s), NULL;
	sigemptyset(&set);
	for (; *list; list++)
		sigaddset(&set, *list);
	*s = (struct signals){.io = {.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = readable}, .fn = fn, .arg = arg};
	int r = s->io.fd < 0 ? -errno : io_add(&s->io, EPOLLIN);
	if (!r)
		return s;
	err_sys(e, r, "watch for signals");
	if (s->io.fd >= 0)
		close(s->io.fd);
	free(s);
	return NULL;
}

void signals_free(struct signals *s)
{
	if (s && s->busy)
		s->dead = true;
	else if (s)
		release(s);
}
