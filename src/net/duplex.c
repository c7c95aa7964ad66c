#include "net/sock_duplex.h"
#include <errno.h>
#include <stdlib.h>

#define IN_MAX (256u << 10)   /* read ahead of the user; then the peer waits */
#define LINGER (5 * NS_S)     /* for the peer to take what was written before a close */
#define FLUSH_STEP 32768u

void duplex_close(struct duplex *d)
{
	if (d)
		d->ops->close(d);
}

int duplex_read_all(struct duplex *d, void *p, size_t n, mono_t deadline)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = duplex_read(d, (char *)p + at, n - at, deadline);
		if (k <= 0)
			return k < 0 ? (int)k : -EPIPE;
		at += k;
	}
	return 0;
}

/* Over a socket */

static struct sock_duplex *of(struct duplex *d)
{
	return container_of(d, struct sock_duplex, d);
}

static size_t waiting_in(const struct sock_duplex *d)
{
	return d->in.n - d->in_off;
}

static size_t waiting_out(const struct sock_duplex *d)
{
	return d->out.n - d->out_off;
}

static ssize_t sd_read(struct duplex *dx, void *p, size_t n, mono_t deadline)
{
	struct sock_duplex *d = of(dx);
	while (!waiting_in(d) && !d->eof && !d->error) {
		int e = cond_wait(&d->in_cond, deadline);
		if (e < 0)
			return e;
	}
	if (!waiting_in(d))
		return d->eof ? 0 : d->error;
	n = n < waiting_in(d) ? n : waiting_in(d);
	memcpy(p, d->in.p + d->in_off, n);
	d->in_off += n;
	if (!waiting_in(d)) {
		bool was_full = d->in.n >= IN_MAX;
		buf_clear(&d->in);
		d->in_off = 0;
		if (was_full && !d->error)
			sock_resume(d->sock);
	}
	return (ssize_t)n;
}

static ssize_t sd_write(struct duplex *dx, const void *p, size_t n, mono_t deadline)
{
	struct sock_duplex *d = of(dx);
	size_t left = n;
	while (left) {
		while (!d->error && !d->shut && waiting_out(d) >= DUPLEX_OUT_MAX) {
			int e = cond_wait(&d->out_cond, deadline);
			if (e < 0)
				return e;
		}
		if (d->error || d->shut)
			return d->error && d->error != -ECONNRESET ? d->error : -EPIPE;
		size_t k = left < DUPLEX_OUT_MAX ? left : DUPLEX_OUT_MAX;
		buf_put(&d->out, (const char *)p + (n - left), k);
		if (d->out.failed)
			return -ENOMEM;
		left -= k;
		sock_kick(d->sock);
	}
	return (ssize_t)n;
}

static int sd_shutdown(struct duplex *dx)
{
	struct sock_duplex *d = of(dx);
	if (d->error)
		return d->error;
	d->shut = true;
	sock_kick(d->sock);
	return 0;
}

static void sd_gone(struct sock_duplex *d)
{
	timer_cancel(&d->linger);
	buf_fini(&d->in);
	buf_fini(&d->out);
	d->gone(d);
}

static void lingered(struct timer *t)
{
	sd_gone(container_of(t, struct sock_duplex, linger));
}

static void sd_close(struct duplex *dx)
{
	struct sock_duplex *d = of(dx);
	d->closed = d->shut = true;
	if (d->error || (d->eof && d->sock->shut_done)) {
		sd_gone(d);
		return;
	}
	buf_clear(&d->in);
	d->in_off = 0;
	timer_set(&d->linger, rt_now() + LINGER, lingered);
	sock_resume(d->sock); /* what still comes is read and dropped: else the kernel would reset the connection */
}

static const struct duplex_ops sock_duplex_ops = {sd_read, sd_write, sd_shutdown, sd_close};

void sock_duplex_init(struct sock_duplex *d, struct sock *sock, void (*gone)(struct sock_duplex *))
{
	*d = (struct sock_duplex){.d.ops = &sock_duplex_ops, .sock = sock, .gone = gone};
	cond_init(&d->in_cond);
	cond_init(&d->out_cond);
}

void sock_duplex_input(struct sock_duplex *d, const char *p, size_t n)
{
	if (!d->closed)
		buf_put(&d->in, p, n);
	cond_wake_all(&d->in_cond);
}

static void sd_ended(struct sock_duplex *d)
{
	d->eof = true;
	cond_wake_all(&d->in_cond);
	if (d->closed && !waiting_out(d) && d->sock->shut_done)
		timer_set(&d->linger, 0, lingered);
}

void sock_duplex_readable(struct sock_duplex *d)
{
	char p[16384];
	while (!d->eof && waiting_in(d) < IN_MAX) {
		ssize_t n = sock_read(d->sock, p, sizeof p);
		if (n == 0)
			sd_ended(d);
		if (n <= 0)
			return;
		sock_duplex_input(d, p, n);
	}
}

void sock_duplex_flush(struct sock_duplex *d)
{
	while (waiting_out(d) && sock_room(d->sock)) {
		size_t n = waiting_out(d) < FLUSH_STEP ? waiting_out(d) : FLUSH_STEP;
		sock_put(d->sock, d->out.p + d->out_off, n);
		d->out_off += n;
	}
	if (waiting_out(d)) {
		sock_more(d->sock);
		return;
	}
	buf_clear(&d->out);
	d->out_off = 0;
	cond_wake_all(&d->out_cond);
	if (d->shut)
		sock_shutdown(d->sock);
	if (d->closed && d->eof)
		timer_set(&d->linger, rt_now() + NS_MS, lingered);
}

void sock_duplex_failed(struct sock_duplex *d, int error)
{
	d->error = error;
	cond_wake_all(&d->in_cond);
	cond_wake_all(&d->out_cond);
	if (d->closed)
		timer_set(&d->linger, 0, lingered);
}

/* A plain descriptor */

struct fd_duplex {
	struct sock_duplex sd;
	struct sock sock;
};

static struct fd_duplex *fd_of(struct sock *s)
{
	return container_of(s, struct fd_duplex, sock);
}

static void fd_open(struct sock *s)
{
}

static void fd_readable(struct sock *s)
{
	sock_duplex_readable(&fd_of(s)->sd);
}

static void fd_flush(struct sock *s)
{
	sock_duplex_flush(&fd_of(s)->sd);
}

static void fd_failed(struct sock *s, int error)
{
	sock_duplex_failed(&fd_of(s)->sd, error);
}

static void fd_gone(struct sock_duplex *sd)
{
	struct fd_duplex *f = container_of(sd, struct fd_duplex, sd);
	sock_fini(&f->sock);
	free(f);
}

static const struct sock_ops fd_ops = {fd_open, fd_readable, fd_flush, fd_failed};

struct duplex *duplex_of_fd(int fd)
{
	struct fd_duplex *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	sock_duplex_init(&f->sd, &f->sock, fd_gone);
	if (sock_init(&f->sock, fd, NULL, NULL, false, &fd_ops, NULL) == 0)
		return &f->sd.d;
	fd_gone(&f->sd);
	return NULL;
}

/* In memory */

struct mem_end {
	struct duplex d;
	struct mem_end *peer; /* NULL when it was closed */
	struct buf in;
	size_t off;
	bool eof, shut;
	struct cond readable, writable; /* writable: the peer may write to us */
};

static struct mem_end *mem_of(struct duplex *d)
{
	return container_of(d, struct mem_end, d);
}

static ssize_t mem_read(struct duplex *d, void *p, size_t n, mono_t deadline)
{
	struct mem_end *m = mem_of(d);
	while (m->in.n == m->off && !m->eof) {
		int e = cond_wait(&m->readable, deadline);
		if (e < 0)
			return e;
	}
	size_t have = m->in.n - m->off;
	n = n < have ? n : have;
	if (n)
		memcpy(p, m->in.p + m->off, n);
	m->off += n;
	if (m->off == m->in.n) {
		buf_clear(&m->in);
		m->off = 0;
		cond_wake_all(&m->writable);
	}
	return (ssize_t)n;
}

static ssize_t mem_write(struct duplex *d, const void *p, size_t n, mono_t deadline)
{
	struct mem_end *m = mem_of(d);
	while (!m->shut && m->peer && m->peer->in.n - m->peer->off > DUPLEX_OUT_MAX) {
		int e = cond_wait(&m->peer->writable, deadline);
		if (e < 0)
			return e;
	}
	if (m->shut || !m->peer)
		return -EPIPE;
	buf_put(&m->peer->in, p, n);
	cond_wake_all(&m->peer->readable);
	return (ssize_t)n;
}

static int mem_shutdown(struct duplex *d)
{
	struct mem_end *m = mem_of(d);
	m->shut = true;
	if (m->peer) {
		m->peer->eof = true;
		cond_wake_all(&m->peer->readable);
	}
	return 0;
}

static void mem_close(struct duplex *d)
{
	struct mem_end *m = mem_of(d);
	mem_shutdown(d);
	if (m->peer) {
		cond_wake_all(&m->writable);
		m->peer->peer = NULL;
	}
	buf_fini(&m->in);
	free(m);
}

static const struct duplex_ops mem_ops = {mem_read, mem_write, mem_shutdown, mem_close};

void duplex_pair(struct duplex **ret_a, struct duplex **ret_b)
{
	struct mem_end *v[2];
	for (int i = 0; i < 2; i++) {
		v[i] = calloc(1, sizeof *v[i]);
		v[i]->d.ops = &mem_ops;
		cond_init(&v[i]->readable);
		cond_init(&v[i]->writable);
	}
	v[0]->peer = v[1];
	v[1]->peer = v[0];
	*ret_a = &v[0]->d;
	*ret_b = &v[1]->d;
}

/* Splicing */

struct half {
	struct duplex *from, *to;
	struct scope *scope;
	int error;
};

static void copy_half(void *arg)
{
	struct half *h = arg;
	BUF(b);
	char *p = buf_room(&b, 32768);
	ssize_t n;
	while ((n = duplex_read(h->from, p, 32768, MONO_NEVER)) > 0)
		if ((n = duplex_write(h->to, p, n, MONO_NEVER)) < 0)
			break;
	if (n == 0)
		n = duplex_shutdown(h->to);
	h->error = (int)n;
	if (n < 0)
		scope_cancel(h->scope);
}

int duplex_splice(struct duplex *a, struct duplex *b)
{
	struct scope scope;
	scope_init(&scope, NULL);
	struct half there = {a, b, &scope}, back = {b, a, &scope};
	if (!fiber_spawn(&scope, "splice", copy_half, &there) || !fiber_spawn(&scope, "splice", copy_half, &back)) {
		scope_fini(&scope);
		return -EAGAIN;
	}
	int e = scope_join(&scope, MONO_NEVER);
	scope_fini(&scope);
	if (e < 0)
		return e;
	return there.error && there.error != -ECANCELED ? there.error : back.error;
}
