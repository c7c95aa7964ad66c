#include "kubelet/log.h"
#include "os/file.h"
#include "rt/fiber.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define LINE_MAX_BYTES (1u << 20)   /* the runtimes cut at 16 KiB; more is no log */
#define LOOK_AGAIN (5 * NS_S)       /* a follower looks, should a notice have been missed */
#define SETTLES NS_S                /* so long a runtime may still write to the old file after it has opened the new one: a pipe's worth of lines */

int log_line_parse(struct str line, struct log_line_view *ret)
{
	struct str tag, rest;
	struct log_line_view v;
	if (!str_cut(line, ' ', &v.time, &rest) || !str_cut(rest, ' ', &v.stream, &rest))
		return -1;
	if (!str_is(v.stream, "stdout") && !str_is(v.stream, "stderr"))
		return -1;
	str_cut(rest, ' ', &tag, &v.text);
	str_cut(tag, ':', &tag, &(struct str){0});
	if (!str_is(tag, "F") && !str_is(tag, "P"))
		return -1;
	v.partial = str_is(tag, "P");
	*ret = v;
	return 0;
}

/* ---- reading from the end */
static off_t start_of_tail(int fd, int64_t lines)
{
	char buf[4096];
	off_t at = lseek(fd, 0, SEEK_END), end = at;
	if (lines <= 0)
		return at;
	while (at > 0) {
		size_t n = at < (off_t)sizeof buf ? (size_t)at : sizeof buf;
		if (pread(fd, buf, n, at - (off_t)n) != (ssize_t)n)
			return 0;
		for (size_t i = n; i-- > 0;) {
			off_t pos = at - (off_t)n + (off_t)i;
			if (buf[i] == '\n' && pos + 1 < end && --lines == 0)
				return pos + 1;
		}
		at -= (off_t)n;
	}
	return 0;
}

int file_tail(struct arena *a, const char *path, size_t max, struct str *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -1;
	}
	off_t from = st.st_size > (off_t)max ? st.st_size - (off_t)max : 0;
	char *p = arena_alloc(a, max + 1);
	ssize_t n = p ? pread(fd, p, max, from) : -1;
	close(fd);
	if (n < 0)
		return -1;
	*ret = str_n(p, (size_t)n);
	return 0;
}

struct str log_last_lines(struct arena *a, const char *path, int lines, size_t max)
{
	BUF(out);
	struct log_line_view v;
	struct str text, line;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (struct str){0};
	off_t from = start_of_tail(fd, lines), size = lseek(fd, 0, SEEK_END);
	close(fd);
	if (size - from > (off_t)(4 * CHUNK))
		from = size - (off_t)(4 * CHUNK);
	if (size <= from || file_tail(a, path, (size_t)(size - from), &text))
		return (struct str){0};
	while (str_next(&text, '\n', &line))
		if (log_line_parse(line, &v) == 0) {
			buf_str(&out, v.text);
			if (!v.partial)
				buf_char(&out, '\n');
		}
	struct str all = buf_take(&out, a);
	return all.n > max ? str_sub(all, all.n - max, all.n) : all;
}

/* ---- copying */
struct copy {
	const struct log_want *w;
	const struct log_sink *s;
	struct buf in;
	int64_t left;          /* of limitBytes */
	bool middle, stopped;  /* middle: the last text went on */
	int fd;
	mono_t grew;           /* when the file last had more, or was seen to be set aside */
	bool aside;            /* and the runtime has opened the next */
};

static bool too_old(const struct copy *c, struct str time)
{
	int64_t sec;
	int32_t ns;
	if (!c->w->has_since || time_parse_rfc3339(time, &sec, &ns))
		return false;
	return sec < c->w->since_s || (sec == c->w->since_s && ns < c->w->since_ns);
}

static void put(struct copy *c, struct buf *out, struct str s)
{
	if (c->w->has_limit && (int64_t)s.n > c->left)
		s.n = (size_t)(c->left > 0 ? c->left : 0);
	c->left -= (int64_t)s.n;
	buf_str(out, s);
}

static void one_line(struct copy *c, struct buf *out, struct str line)
{
	struct log_line_view v;
	if (log_line_parse(line, &v) || too_old(c, v.time) || (c->w->stream.n && !str_eq(c->w->stream, v.stream)))
		return;
	if (c->w->timestamps && !c->middle) {
		put(c, out, v.time);
		put(c, out, STR(" "));
	}
	put(c, out, v.text);
	if (!v.partial)
		put(c, out, STR("\n"));
	c->middle = v.partial;
}

static void lines(struct copy *c)
{
	BUF(out);
	size_t used = 0;
	for (char *nl; used < c->in.n && (nl = memchr(c->in.p + used, '\n', c->in.n - used)); used = (size_t)(nl - c->in.p) + 1)
		one_line(c, &out, str_n(c->in.p + used, (size_t)(nl - c->in.p) - used));
	buf_consume(&c->in, used);
	if (c->in.n > LINE_MAX_BYTES)
		buf_clear(&c->in);
	if (out.n && c->s->write(c->s->arg, buf_view(&out)))
		c->stopped = true;
	if (c->w->has_limit && c->left <= 0)
		c->stopped = true;
}

/* To the present end of the file. */
static void drain(struct copy *c)
{
	ssize_t n = 1;
	while (!c->stopped && n > 0) {
		char *p = buf_room(&c->in, CHUNK);
		n = p ? read(c->fd, p, CHUNK) : -1;
		if (n > 0) {
			c->in.n += (size_t)n;
			c->grew = rt_now();
			lines(c);
		}
		rt_breathe();
	}
}

struct follower {
	struct cond *changed;
	bool dirty;
};

static void noticed(void *arg, const char *name, uint32_t mask)
{
	struct follower *f = arg;
	f->dirty = true;
	cond_wake_all(f->changed);
}

static void wait_change(struct follower *f, nsec_t most)
{
	mono_t until = rt_now() + most;
	if (!f->dirty)
		(void)!cond_wait(f->changed, until);
	f->dirty = false;
}

static int name_order(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

void log_asides(struct arena *a, const char *path, str_list_t *ret)
{
	char *dir = str_z(a, str_of(path)), *slash = strrchr(dir, '/');
	*slash = 0;
	struct str prefix = str_printf(a, "%s.", slash + 1);
	DIR *d = opendir(dir);
	for (struct dirent *en; d && (en = readdir(d));)
		if (str_has_prefix(str_of(en->d_name), prefix))
			*arena_push(a, ret) = str_printf(a, "%s/%s", dir, en->d_name);
	if (d)
		closedir(d);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, name_order);
}

/* The file that came after the one with number ours: a slow reader may be several rotations behind. */
static const char *file_after(struct arena *a, const char *path, ino_t ours)
{
	str_list_t old = {0};
	struct stat st;
	log_asides(a, path, &old);
	for (uint32_t i = 0; i < old.len; i++)
		if (stat(str_z(a, old.items[i]), &st) == 0 && st.st_ino == ours)
			return i + 1 < old.len ? str_z(a, old.items[i + 1]) : path;
	return old.len ? str_z(a, old.items[0]) : path; /* ours is gone already, and what was before it */
}

static bool settled(struct copy *c)
{
	if (!c->aside)
		c->grew = rt_now();
	c->aside = true;
	return rt_now() - c->grew >= SETTLES;
}

enum next { NEXT_NONE, NEXT_LATER, NEXT_OPEN };

/* After a rotation the name leads to another file: reads the old one to its end and goes on to the next. */
static enum next reopen(struct copy *c, const char *path)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct stat now, ours;
	if (stat(path, &now) || fstat(c->fd, &ours) || now.st_ino == ours.st_ino)
		return NEXT_NONE;
	drain(c);
	const char *next = file_after(a, path, ours.st_ino);
	if (next == path && !settled(c))
		return NEXT_LATER;
	int fd = open(next, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || strcmp(next, file_after(a, path, ours.st_ino)) != 0) { /* rotated again meanwhile */
		if (fd >= 0)
			close(fd);
		return fd >= 0 ? NEXT_OPEN : NEXT_NONE;
	}
	close(c->fd);
	c->fd = fd;
	c->aside = false;
	return NEXT_OPEN;
}

static int follow(struct copy *c, const char *path, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct follower f = {.changed = c->s->news};
	char *dir = str_z(a, str_of(path)), *slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	struct dir_watch *watch = dir_watch_new(dir, DIR_WATCH_CHANGES | IN_MODIFY, noticed, &f, e);
	if (!watch)
		return -1;
	while (!c->stopped && !fiber_cancelled()) {
		bool over = c->s->over(c->s->arg);
		enum next next;
		while ((next = reopen(c, path)) == NEXT_OPEN && !c->stopped)
			drain(c);
		drain(c);
		if (over && next != NEXT_LATER)
			break;
		if (!c->stopped)
			wait_change(&f, next == NEXT_LATER ? SETTLES / 4 : LOOK_AGAIN);
	}
	dir_watch_free(watch);
	return 0;
}

int log_copy(const char *path, const struct log_want *w, const struct log_sink *s, struct err *e)
{
	struct copy c = {.w = w, .s = s, .left = w->limit_bytes, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (c.fd < 0)
		return err_sys(e, errno, "%s", path);
	lseek(c.fd, w->has_tail ? start_of_tail(c.fd, w->tail) : 0, SEEK_SET);
	drain(&c);
	int r = w->follow && !c.stopped ? follow(&c, path, e) : 0;
	close(c.fd);
	buf_fini(&c.in);
	return r;
}
