/* Changes in a folder, by inotify: see file.h. */
#include "os/file.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define READS_PER_TURN 16 /* then the loop gets its turn again */

struct dir_watch {
	struct io io;
	struct turn again;
	void (*fn)(void *arg, const char *name, uint32_t mask);
	void *arg;
	bool busy, dead; /* fn may free the watch: then drain does */
};

static void deliver(struct dir_watch *w, const char *p, ssize_t n)
{
	for (ssize_t at = 0; at < n && !w->dead;) {
		const struct inotify_event *ev = (const void *)(p + at);
		at += (ssize_t)(sizeof *ev + ev->len);
		w->fn(w->arg, ev->len ? ev->name : "", ev->mask);
	}
}

static void release(struct dir_watch *w)
{
	turn_cancel(&w->again);
	io_del(&w->io);
	close(w->io.fd);
	free(w);
}

static void drain(struct dir_watch *w)
{
	_Alignas(struct inotify_event) char p[4096];
	ssize_t n = 1;
	w->busy = true;
	for (int i = 0; i < READS_PER_TURN && n > 0 && !w->dead; i++) {
		n = read(w->io.fd, p, sizeof p);
		deliver(w, p, n);
	}
	w->busy = false;
	if (w->dead)
		release(w);
	else if (n > 0)
		turn_end(&w->again);
}

static void readable(struct io *io, uint32_t events)
{
	drain(container_of(io, struct dir_watch, io));
}

static void drain_again(struct turn *t)
{
	drain(container_of(t, struct dir_watch, again));
}

struct dir_watch *dir_watch_new(const char *path, uint32_t mask, void (*fn)(void *, const char *, uint32_t), void *arg, struct err *e)
{
	struct dir_watch *w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(e, sizeof *w), NULL;
	*w = (struct dir_watch){.io = {.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .fn = readable}, .again.fn = drain_again, .fn = fn, .arg = arg};
	int r = w->io.fd < 0 ? -errno : 0;
	if (!r && inotify_add_watch(w->io.fd, path, mask | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0)
		r = -errno;
	if (!r)
		r = io_add(&w->io, EPOLLIN);
	if (!r)
		return w;
	err_sys(e, r, "watch %s", path);
	if (w->io.fd >= 0)
		close(w->io.fd);
	free(w);
	return NULL;
}

void dir_watch_free(struct dir_watch *w)
{
	if (w && w->busy)
		w->dead = true;
	else if (w)
		release(w);
}
