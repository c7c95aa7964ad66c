#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOG_MESSAGE_MAX ((size_t)64 << 10) /* a line is one write, and must not stall its thread for long */

/* Library initialisation: set once, before there are other threads; only the verbosity may change later. */
static struct log_opts opts = {.fd = 2};
static _Atomic int verbosity;

void log_setup(const struct log_opts *o)
{
	opts = *o;
	if (opts.fd == 0)
		opts.fd = 2;
	atomic_store_explicit(&verbosity, o->verbosity, memory_order_relaxed);
}

void log_set_verbosity(int v) { atomic_store_explicit(&verbosity, v, memory_order_relaxed); }

int log_verbosity(void)
{
	return atomic_load_explicit(&verbosity, memory_order_relaxed);
}

static wall_t now(void)
{
	struct timespec t;
	if (opts.now)
		return opts.now();
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_S + t.tv_nsec;
}

/* Lmmdd hh:mm:ss.uuuuuu thread file:line] */
static void put_header(struct buf *b, char severity, const char *file, int line)
{
	wall_t t = now();
	struct civil c = time_civil(t / NS_S);
	buf_printf(b, "%c%02d%02d %02d:%02d:%02d.%06d %7d %s:%d] ", severity, c.month, c.day, c.hour, c.minute, c.second,
		(int)(t % NS_S / NS_US), (int)gettid(), file, line);
}

static void put_escape(struct buf *b, unsigned char c, bool json)
{
	static const char named[32] = {['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r'};
	if (c < 32 && named[c])
		buf_printf(b, "\\%c", named[c]);
	else
		buf_printf(b, json ? "\\u%04x" : "\\x%02x", c);
}

/* In JSON what is not UTF-8 becomes U+FFFD; in text it passes, as no terminal acts on it. */
static size_t put_plain(struct buf *b, struct str s, bool json)
{
	size_t len = json ? str_rune(s) : 1;
	if (json && len == 0) {
		buf_lit(b, "\\ufffd");
		return 1;
	}
	buf_put(b, s.p, len);
	return len;
}

static void put_message(struct buf *b, struct str s, bool json)
{
	while (s.n) {
		unsigned char c = (unsigned char)s.p[0];
		size_t used = 1;
		if (c < 32 || c == 127)
			put_escape(b, c, json);
		else if (json && (c == '"' || c == '\\'))
			buf_printf(b, "\\%c", c);
		else
			used = put_plain(b, s, json);
		s = str_sub(s, used, s.n);
	}
}

static void put_json(struct buf *b, char severity, const char *file, int line, struct str message)
{
	wall_t t = now();
	buf_printf(b, "{\"ts\":%lld.%06d,\"caller\":\"%s:%d\",\"msg\":\"", (long long)(t / NS_MS), (int)(t % NS_MS), file, line);
	put_message(b, message, true);
	/* Errors carry no verbosity upstream. */
	buf_str(b, severity == 'I' ? STR("\",\"v\":0}") : STR("\"}"));
}

static void write_all(int fd, struct str s)
{
	/* Where logging fails there is nowhere to say so. */
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n <= 0)
			return;
		s = str_sub(s, (size_t)n, s.n);
	}
}

static void log_message(char severity, const char *file, int line, struct str message)
{
	BUF(b);
	if (opts.json) {
		put_json(&b, severity, file, line, message);
	} else {
		put_header(&b, severity, file, line);
		put_message(&b, message, false);
	}
	buf_char(&b, '\n');
	write_all(opts.fd, buf_view(&b));
}

void log_line(char severity, const char *file, int line, const char *fmt, ...)
{
	BUF(message);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);
	log_message(severity, file, line, str_sub(buf_view(&message), 0, LOG_MESSAGE_MAX));
}

void bug_at(const char *file, int line, const char *what)
{
	log_line('F', file, line, "BUG: %s", what);
	abort();
}
