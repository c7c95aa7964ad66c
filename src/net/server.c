/* Listening, connections and their deadlines.
 *
 * A connection has one timer, set lazily: it is armed for the earliest thing that could be due and looks again then, so that traffic never
 * touches the heap of timers. */
#include "net/server.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_TURN 64              /* connections taken per turn, so that other loops on the same descriptor get some */
#define ACCEPT_RETRY (100 * NS_MS)  /* out of descriptors */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static const struct http_limits defaults = {
	.header_bytes = 1u << 20, .header_count = 256, .streams = 250, .resets = 1000, .control_queue = 1000, .continuations = 64,
	.stream_window = 256u << 10, .conn_window = 4u << 20, .queued = 1u << 20, .connections = 16384,
	.handshake_timeout = 10 * NS_S, .header_timeout = 32 * NS_S, .body_timeout = 30 * NS_S, .idle_timeout = 90 * NS_S,
	.write_timeout = 60 * NS_S, .ping_after = 30 * NS_S, .ping_timeout = 15 * NS_S,
};

#define DEFAULT(l, name) ((l)->name ? (void)0 : (void)((l)->name = defaults.name))

static void fill_limits(struct http_limits *l)
{
	DEFAULT(l, header_bytes), DEFAULT(l, header_count), DEFAULT(l, streams), DEFAULT(l, resets), DEFAULT(l, control_queue);
	DEFAULT(l, continuations), DEFAULT(l, stream_window), DEFAULT(l, conn_window), DEFAULT(l, queued), DEFAULT(l, connections);
	DEFAULT(l, handshake_timeout), DEFAULT(l, header_timeout), DEFAULT(l, body_timeout), DEFAULT(l, idle_timeout);
	DEFAULT(l, write_timeout), DEFAULT(l, ping_after), DEFAULT(l, ping_timeout);
}

struct str server_date(struct http_server *s)
{
	int64_t now = rt_wall() / NS_S;
	if (now != s->date_s) {
		struct tm tm;
		time_t t = now;
		gmtime_r(&t, &tm);
		strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		s->date_s = now;
	}
	return str_of(s->date);
}

/* Ends */

static void hconn_free(struct hconn *c)
{
	struct http_server *s = c->server;
	timer_cancel(&c->timer);
	if (c->proto)
		c->proto->free(c);
	list_remove(&c->node);
	s->nconns--;
	s->stats.connections--;
	cond_wake_all(&s->changed);
	free(c);
}

void hconn_dead(struct hconn *c)
{
	if (!c->dead) {
		c->dead = true;
		sock_fini(&c->sock);
		timer_cancel(&c->timer);
		c->streams++; /* stays until all are told */
		struct http_resp *r;
		list_each(r, &c->resps, node)
			resp_let_go(r);
		if (c->proto)
			c->proto->free(c);
		c->streams--;
	}
	if (c->streams == 0)
		hconn_free(c);
}

/* Deadlines */

static void conn_timer(struct timer *t);

static void arm(struct hconn *c, mono_t at)
{
	if (at != MONO_NEVER && (!timer_active(&c->timer) || at < c->timer.node.key))
		timer_set(&c->timer, at, conn_timer);
}

static void earlier(mono_t *next, mono_t at)
{
	if (at < *next)
		*next = at;
}

static bool due(mono_t now, mono_t at, mono_t *next)
{
	if (now >= at)
		return true;
	earlier(next, at);
	return false;
}

static bool too_old(struct hconn *c, mono_t now, mono_t *next)
{
	const struct http_limits *l = &c->server->opts.limits;
	if (!c->proto && due(now, c->accepted + l->handshake_timeout, next))
		return true;
	if (sock_blocked(&c->sock) && due(now, c->sock.progress + l->write_timeout, next)) {
		c->server->stats.cut_slow++;
		return true;
	}
	if (c->proto && !c->streams && (c->draining || c->sock.shut))
		return due(now, c->active + NS_S, next) && !sock_blocked(&c->sock);
	return c->proto && !c->streams && due(now, c->active + l->idle_timeout, next);
}

static void conn_check(struct hconn *c)
{
	mono_t now = rt_now(), next = MONO_NEVER;
	if (c->dead)
		return;
	if (too_old(c, now, &next)) {
		sock_fail(&c->sock, -ETIMEDOUT);
		return;
	}
	if (c->proto)
		c->proto->check(c, now, &next);
	arm(c, next);
}

static void conn_timer(struct timer *t)
{
	conn_check(container_of(t, struct hconn, timer));
}

void hconn_check_soon(struct hconn *c)
{
	if (!c->dead)
		conn_check(c);
}

/* The socket */

static struct hconn *conn_of(struct sock *s)
{
	return container_of(s, struct hconn, sock);
}

static void choose(struct hconn *c, const struct hproto *p)
{
	c->proto = p;
	c->active = rt_now();
	if (p->open(c) < 0)
		sock_fail(&c->sock, -ENOMEM);
	if (c->server->draining)
		c->draining = true;
	conn_check(c);
}

static void conn_open(struct sock *s)
{
	struct hconn *c = conn_of(s);
	if (s->ssl)
		choose(c, sock_is_h2(s) ? &h2_proto : &h1_proto);
}

/* In clear the first bytes tell; they are only looked at. */
static bool sniff(struct hconn *c)
{
	char p[sizeof PREFACE - 1];
	ssize_t n = recv(c->sock.io.fd, p, sizeof p, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			sock_fail(&c->sock, n == 0 ? -ECONNRESET : -errno);
		return false;
	}
	if (memcmp(p, PREFACE, n) != 0)
		choose(c, &h1_proto);
	else if (n == sizeof p)
		choose(c, &h2_proto);
	return c->proto;
}

static void conn_readable(struct sock *s)
{
	struct hconn *c = conn_of(s);
	if (c->proto || sniff(c))
		c->proto->readable(c);
}

static void conn_flush(struct sock *s)
{
	struct hconn *c = conn_of(s);
	if (c->proto)
		c->proto->flush(c);
}

static void conn_failed(struct sock *s, int error)
{
	struct hconn *c = conn_of(s);
	if (s->ssl && !c->proto)
		c->server->stats.handshake_errors++;
	hconn_dead(c);
}

static const struct sock_ops conn_ops = {conn_open, conn_readable, conn_flush, conn_failed};

static int add_conn(struct http_server *s, int fd, const struct addr *remote, struct err *e)
{
	struct hconn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return err_nomem(e, sizeof *c);
	}
	c->server = s;
	c->accepted = c->active = rt_now();
	c->id = ++s->next_id;
	c->remote = *remote;
	list_init(&c->resps);
	if (sock_init(&c->sock, fd, s->opts.tls, NULL, false, &conn_ops, e) < 0) {
		sock_fini(&c->sock);
		free(c);
		return -1;
	}
	list_push(&s->conns, &c->node);
	s->nconns++;
	s->stats.accepted++;
	s->stats.connections++;
	arm(c, c->accepted + s->opts.limits.handshake_timeout);
	return 0;
}

int http_serve_fd(struct http_server *s, int fd, struct err *e)
{
	struct addr a = {.n = sizeof a.ss};
	if (getpeername(fd, (struct sockaddr *)&a.ss, &a.n) < 0)
		a.n = 0;
	return add_conn(s, fd, &a, e);
}

/* Listening */

static void accept_some(struct http_server *s);

static void accept_turn(struct turn *t)
{
	accept_some(container_of(t, struct http_server, accept_again));
}

static void accept_retry(struct timer *t)
{
	accept_some(container_of(t, struct http_server, retry));
}

static bool welcome(const struct http_server *s, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	if (s->nconns >= s->opts.limits.connections)
		return false;
	return !s->opts.one_user || (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == s->opts.uid);
}

static void accept_some(struct http_server *s)
{
	for (int i = 0; i < ACCEPT_TURN; i++) {
		struct addr a = {.n = sizeof a.ss};
		int fd = s->draining ? -1 : accept4(s->listen.fd, (struct sockaddr *)&a.ss, &a.n, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (s->draining || (fd < 0 && errno == EAGAIN))
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			timer_set(&s->retry, rt_now() + ACCEPT_RETRY, accept_retry);
			return;
		}
		if (fd >= 0 && !welcome(s, fd))
			close(fd);
		else if (fd >= 0)
			(void)!add_conn(s, fd, &a, NULL);
	}
	s->accept_again.fn = accept_turn;
	turn_end(&s->accept_again);
}

static void listen_ready(struct io *io, uint32_t events)
{
	accept_some(container_of(io, struct http_server, listen));
}

static int start_listening(struct http_server *s, int fd, struct err *e)
{
	int listens = 0;
	socklen_t n = sizeof listens;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) < 0 || !listens)
		return err_set(e, ERR_BAD_REQUEST, "descriptor %d is no listening socket", fd);
	s->listen = (struct io){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .fn = listen_ready};
	if (s->listen.fd < 0)
		return err_sys(e, errno, "listening socket");
	int r = io_add(&s->listen, EPOLLIN | EPOLLEXCLUSIVE);
	if (r < 0) {
		close(s->listen.fd);
		return err_sys(e, r, "listening socket");
	}
	return 0;
}

struct http_server *http_serve(int listen_fd, const struct http_opts *o, struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);
	if (!s) {
		err_nomem(e, sizeof *s);
		return NULL;
	}
	s->opts = *o;
	s->listen.fd = -1;
	fill_limits(&s->opts.limits);
	list_init(&s->conns);
	list_init(&s->spare);
	scope_init(&s->scope, NULL);
	cond_init(&s->changed);
	if (listen_fd >= 0 && start_listening(s, listen_fd, e) < 0) {
		free(s);
		return NULL;
	}
	tls_ref(s->opts.tls);
	return s;
}

static void stop_listening(struct http_server *s)
{
	s->draining = true;
	timer_cancel(&s->retry);
	turn_cancel(&s->accept_again);
	if (s->listen.fd < 0)
		return;
	io_del(&s->listen);
	close(s->listen.fd);
	s->listen.fd = -1;
}

int http_drain(struct http_server *s, mono_t deadline)
{
	struct hconn *c;
	stop_listening(s);
	list_each(c, &s->conns, node) {
		c->draining = true;
		if (!c->proto)
			sock_fail(&c->sock, -ECONNABORTED);
		else
			c->proto->drain(c);
		hconn_check_soon(c);
	}
	while (s->nconns) {
		int e = cond_wait(&s->changed, deadline);
		if (e < 0)
			return e;
	}
	return 0;
}

void http_server_free(struct http_server *s)
{
	struct hconn *c;
	struct list *n;
	if (!s)
		return;
	stop_listening(s);
	list_each(c, &s->conns, node)
		sock_fail(&c->sock, -ECONNABORTED);
	fiber_shield_begin();
	scope_cancel(&s->scope);
	while (s->nconns || s->scope.live)
		(void)!cond_wait(&s->changed, rt_now() + NS_S);
	fiber_shield_end();
	scope_fini(&s->scope);
	while ((n = list_pop(&s->spare))) {
		struct http_resp *r = list_entry(n, struct http_resp, node);
		arena_free(r->q.arena);
		free(r);
	}
	tls_unref(s->opts.tls);
	free(s);
}

void http_server_stats(const struct http_server *s, struct http_stats *ret)
{
	*ret = s->stats;
}
