#include "net/sock.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP)
#define HOLD_STEP (SOCK_HOLD / 2) /* held sockets of a loop are looked at together */
#define OUT_CAP (SOCK_GATHER + 3 * SOCK_RECORD) /* one HTTP/2 frame and one record may come after the last look at sock_room */

/* What OpenSSL wants sent goes to the gather buffer in a flush, else (handshake, alerts, key updates) to pend. */
static int bio_write(BIO *b, const char *p, int n)
{
	struct sock *s = BIO_get_data(b);
	if (s->out && s->nout + (size_t)n <= OUT_CAP) {
		memcpy(s->out + s->nout, p, n);
		s->nout += n;
	} else {
		buf_put(&s->pend, p, n);
		sock_kick(s);
	}
	return n;
}

/* -1 and EAGAIN without asking where a short read has told that there is nothing: what comes later is an event of its own. */
static ssize_t read_fd(struct sock *s, void *p, size_t n)
{
	if (s->drained) {
		errno = EAGAIN;
		return -1;
	}
	ssize_t got = read(s->io.fd, p, n);
	s->drained = got > 0 && (size_t)got < n && s->tcp && !s->hup;
	return got;
}

static int bio_read(BIO *b, char *p, int n)
{
	struct sock *s = BIO_get_data(b);
	ssize_t got = read_fd(s, p, n);
	BIO_clear_retry_flags(b);
	if (got > 0)
		s->bytes_in += got;
	else if (got == 0)
		s->eof = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(b);
	return (int)got;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *p)
{
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;
	static int once;
	if (__atomic_load_n(&once, __ATOMIC_ACQUIRE) == 2)
		return method;
	int expected = 0;
	if (__atomic_compare_exchange_n(&once, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sock");
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_ctrl);
		__atomic_store_n(&once, 2, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&once, __ATOMIC_ACQUIRE) != 2)
		;
	return method;
}

static void sock_turn(struct turn *t);
static void sock_event(struct io *io, uint32_t events);

static int attach_ssl(struct sock *s, struct tls *tls, const char *host, struct err *e)
{
	s->ssl = tls_ssl_new(tls, host, e);
	if (!s->ssl)
		return -1;
	BIO *b = BIO_new(bio_method());
	if (!b)
		return err_nomem(e, sizeof *s);
	BIO_set_data(b, s);
	BIO_set_init(b, 1);
	SSL_set_bio(s->ssl, b, b);
	return 0;
}

int sock_init(struct sock *s, int fd, struct tls *tls, const char *host, bool connecting, const struct sock_ops *ops, struct err *e)
{
	int one = 1;
	*s = (struct sock){.io = {.fd = fd, .fn = sock_event}, .ops = ops, .turn.fn = sock_turn, .progress = rt_now()};
	s->tcp = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
	if (tls && attach_ssl(s, tls, host, e) < 0)
		return -1;
	s->state = connecting ? SOCK_CONNECT : tls ? SOCK_HANDSHAKE : SOCK_OPEN;
	int r = io_add(&s->io, EVENTS);
	if (r < 0) {
		SSL_free(s->ssl);
		s->ssl = NULL;
		return err_sys(e, r, "epoll");
	}
	if (!connecting)
		sock_resume(s); /* bytes, or our own hello, may be there already */
	return 0;
}

void sock_fini(struct sock *s)
{
	if (!s->ops)
		return;
	turn_cancel(&s->turn);
	timer_cancel(&s->look);
	io_del(&s->io);
	if (s->ssl && s->state == SOCK_OPEN && !s->error)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* an orderly end keeps the session resumable */
	SSL_free(s->ssl);
	close(s->io.fd);
	buf_fini(&s->pend);
	arena_free(s->peer_arena);
	*s = (struct sock){.state = SOCK_DEAD, .io.fd = -1, .error = s->error ? s->error : -ECANCELED};
}

void sock_kick(struct sock *s)
{
	if (s->ops)
		turn_end(&s->turn);
}

void sock_resume(struct sock *s)
{
	s->in_ready = s->resume = true;
	sock_kick(s);
}

void sock_fail(struct sock *s, int error)
{
	if (s->error || !s->ops)
		return;
	s->error = error;
	s->state = SOCK_DEAD;
	sock_kick(s);
}

bool sock_is_h2(const struct sock *s)
{
	const unsigned char *p = NULL;
	unsigned n = 0;
	if (s->ssl)
		SSL_get0_alpn_selected(s->ssl, &p, &n);
	return n == 2 && memcmp(p, "h2", 2) == 0;
}

/* Records */

static void seal(struct sock *s, const char *p, size_t n)
{
	tls_errors_clear();
	if (SSL_write(s->ssl, p, (int)n) <= 0)
		sock_fail(s, -EPROTO);
}

static void seal_stage(struct sock *s)
{
	if (s->nstage && !s->error)
		seal(s, s->stage, s->nstage);
	s->nstage = 0;
}

static void put_clear(struct sock *s, const char *p, size_t n)
{
	if (s->nout + n <= OUT_CAP) {
		memcpy(s->out + s->nout, p, n);
		s->nout += n;
		return;
	}
	buf_put(&s->pend, s->out, s->nout); /* keeps the order */
	s->nout = 0;
	buf_put(&s->pend, p, n);
}

void sock_put(struct sock *s, const void *data, size_t n)
{
	const char *p = data;
	if (s->error)
		return;
	if (!s->ssl) {
		put_clear(s, p, n);
		return;
	}
	while (n) {
		size_t k = SOCK_RECORD - s->nstage;
		if (!s->nstage && n >= SOCK_RECORD) {
			seal(s, p, k);
		} else {
			k = n < k ? n : k;
			memcpy(s->stage + s->nstage, p, k);
			s->nstage += k;
			if (s->nstage == SOCK_RECORD)
				seal_stage(s);
		}
		p += k;
		n -= k;
	}
}

/* Sending */

/* 1 all sent, 0 the kernel is full, -1 failed. */
static int send_some(struct sock *s, const char *p, size_t n, size_t *ret_sent)
{
	*ret_sent = 0;
	while (*ret_sent < n) {
		ssize_t k = send(s->io.fd, p + *ret_sent, n - *ret_sent, MSG_NOSIGNAL);
		if (k < 0 && errno == ENOTSOCK)
			k = write(s->io.fd, p + *ret_sent, n - *ret_sent);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			return 0;
		if (k < 0) {
			sock_fail(s, -errno);
			return -1;
		}
		*ret_sent += k;
		s->bytes_out += k;
		s->progress = rt_now();
	}
	return 1;
}

static bool send_pend(struct sock *s)
{
	size_t sent;
	if (!sock_blocked(s))
		return true;
	if (s->pend.failed) {
		sock_fail(s, -ENOMEM);
		return false;
	}
	int r = send_some(s, s->pend.p + s->pend_off, s->pend.n - s->pend_off, &sent);
	s->pend_off += sent;
	if (r <= 0)
		return false;
	buf_fini(&s->pend);
	s->pend = (struct buf){0};
	s->pend_off = 0;
	return true;
}

/* Sends the gather buffer; the rest is kept.  False: stop pulling. */
static bool send_out(struct sock *s)
{
	size_t sent = 0;
	seal_stage(s);
	if (s->error)
		return false;
	if (sock_blocked(s)) { /* the gather buffer spilled */
		buf_put(&s->pend, s->out, s->nout);
		s->nout = 0;
		return send_pend(s);
	}
	int r = send_some(s, s->out, s->nout, &sent);
	if (r == 0) {
		s->progress = rt_now();
		buf_put(&s->pend, s->out + sent, s->nout - sent);
	}
	s->nout = 0;
	return r == 1;
}

static void finish_shutdown(struct sock *s)
{
	s->shut_done = true;
	if (s->ssl) {
		tls_errors_clear();
		SSL_shutdown(s->ssl); /* goes to pend */
		send_pend(s);
	}
	shutdown(s->io.fd, SHUT_WR);
}

static void pull(struct sock *s)
{
	char out[OUT_CAP], stage[SOCK_RECORD];
	uint64_t limit = s->bytes_out + SOCK_TURN;
	s->out = out;
	s->stage = stage;
	do {
		s->more = false;
		s->ops->flush(s);
	} while (send_out(s) && s->more && s->bytes_out < limit);
	s->out = s->stage = NULL;
	s->nout = s->nstage = 0;
	if (s->more && !sock_blocked(s))
		sock_kick(s);
	if (s->shut && !s->shut_done && !s->more && !sock_blocked(s) && !s->error)
		finish_shutdown(s);
}

void sock_shutdown(struct sock *s)
{
	if (s->shut)
		return; /* flushes ask again and again: a kick each time would never end */
	s->shut = true;
	sock_kick(s);
}

/* Handshake */

static void handshake_failed(struct sock *s)
{
	long v = SSL_get_verify_result(s->ssl);
	if (v != X509_V_OK && !SSL_is_server(s->ssl))
		snprintf(s->tls_error, sizeof s->tls_error, "certificate verify failed: %s", X509_verify_cert_error_string(v));
	else
		tls_error_text(s->tls_error, sizeof s->tls_error);
	tls_errors_clear();
	send_pend(s); /* the alert */
	sock_fail(s, s->eof ? -ECONNRESET : -EPROTO);
}

static void opened(struct sock *s)
{
	s->state = SOCK_OPEN;
	if (s->ssl) {
		s->in_ready = true; /* the handshake may have read more than its own records */
		s->peer_arena = arena_new(NULL);
		s->peer = tls_peer_of(s->ssl, s->peer_arena);
	}
	s->ops->open(s);
}

static void handshake(struct sock *s)
{
	tls_errors_clear();
	int r = SSL_do_handshake(s->ssl);
	if (r == 1) {
		opened(s);
		return;
	}
	int why = SSL_get_error(s->ssl, r);
	if (why == SSL_ERROR_WANT_READ)
		s->in_ready = false;
	else if (why != SSL_ERROR_WANT_WRITE)
		handshake_failed(s);
}

static void connected(struct sock *s)
{
	int error = 0;
	socklen_t n = sizeof error;
	getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error) {
		sock_fail(s, -error);
		return;
	}
	s->state = s->ssl ? SOCK_HANDSHAKE : SOCK_OPEN;
	if (s->ssl)
		handshake(s);
	else
		opened(s);
}

/* Input */

static ssize_t read_clear(struct sock *s, void *p, size_t n)
{
	ssize_t got;
	do
		got = read_fd(s, p, n);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		s->bytes_in += got;
		return got;
	}
	s->eof |= got == 0;
	if (got < 0 && errno != EAGAIN) {
		sock_fail(s, -errno);
		return s->error;
	}
	return got == 0 ? 0 : -EAGAIN;
}

static ssize_t read_tls(struct sock *s, void *p, size_t n)
{
	tls_errors_clear();
	int got = SSL_read(s->ssl, p, (int)(n > INT32_MAX ? INT32_MAX : n));
	if (got > 0)
		return got;
	int why = SSL_get_error(s->ssl, got);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	sock_fail(s, s->eof || why == SSL_ERROR_SYSCALL ? -ECONNRESET : -EPROTO);
	return s->error;
}

ssize_t sock_read(struct sock *s, void *p, size_t n)
{
	if (s->error)
		return s->error;
	ssize_t got = s->ssl ? read_tls(s, p, n) : read_clear(s, p, n);
	if (got <= 0)
		s->in_ready = false;
	return got;
}

static void look_again(struct timer *t);

/* As the last look asked.  Back in epoll's input, what has come meanwhile is an event. */
static void hold_or_release(struct sock *s)
{
	if (!s->ops || s->error)
		return;
	if (s->hold)
		timer_set(&s->look, (rt_now() / HOLD_STEP + 2) * HOLD_STEP, look_again);
	else
		timer_cancel(&s->look);
	if (s->hold == s->held)
		return;
	int r = io_mod(&s->io, s->hold ? EVENTS & ~(uint32_t)EPOLLIN : EVENTS);
	if (r < 0)
		sock_fail(s, r);
	s->held = s->hold;
}

static void input(struct sock *s)
{
	if (s->state == SOCK_CONNECT)
		connected(s);
	else if (s->state == SOCK_HANDSHAKE)
		handshake(s);
	if (s->state != SOCK_OPEN || !s->in_ready)
		return;
	s->hold = false;
	s->ops->readable(s);
	if (s->hold || s->held)
		hold_or_release(s);
}

static void look_again(struct timer *t)
{
	struct sock *s = container_of(t, struct sock, look);
	s->in_ready = true;
	s->drained = false;
	input(s);
}

static void sock_event(struct io *io, uint32_t events)
{
	struct sock *s = container_of(io, struct sock, io);
	if (s->error)
		return;
	if (events & ~(uint32_t)EPOLLOUT) {
		s->in_ready = true;
		s->drained = false;
		s->hup |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0; /* the end may lie right behind what is read */
	}
	if (s->state < SOCK_OPEN || s->in_ready)
		input(s);
	if (s->ops && (events & EPOLLOUT) && (sock_blocked(s) || s->more))
		sock_kick(s);
}

static void tell(struct sock *s)
{
	if (s->told)
		return;
	s->told = true;
	s->ops->failed(s, s->error);
}

static void sock_turn(struct turn *t)
{
	struct sock *s = container_of(t, struct sock, turn);
	bool resume = s->resume;
	s->resume = false;
	if (s->error) {
		tell(s);
		return;
	}
	if (resume && s->in_ready && s->state != SOCK_CONNECT)
		input(s);
	if (s->ops && s->state >= SOCK_HANDSHAKE && !s->error && send_pend(s) && s->state == SOCK_OPEN)
		pull(s);
	if (s->ops && s->error)
		tell(s);
}
