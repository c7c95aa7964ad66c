#include "net/sock.h"
#include "net/test_net.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#define STEPS 200 /* of a millisecond, until something must have happened */

struct pair {
	struct sock server; /* hears only of what the test tells it */
	SSL *client;
	struct buf got;
};

static void on_open(struct sock *s) {}
static void on_flush(struct sock *s) {}
static void on_failed(struct sock *s, int error) {}

static void on_readable(struct sock *s)
{
	struct pair *p = container_of(s, struct pair, server);
	char in[256];
	for (ssize_t n; (n = sock_read(s, in, sizeof in)) > 0;)
		buf_put(&p->got, in, (size_t)n);
}

static const struct sock_ops ops = {on_open, on_readable, on_flush, on_failed};

static void pair_init(struct pair *p, struct tls *server, struct tls *client)
{
	int fd[2];
	*p = (struct pair){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(sock_init(&p->server, fd[0], server, NULL, false, &ops, NULL), 0);
	io_del(&p->server.io);
	p->client = tls_ssl_new(client, "127.0.0.1", NULL);
	SSL_set_fd(p->client, fd[1]);
}

static void pair_fini(struct pair *p)
{
	close(SSL_get_fd(p->client));
	SSL_free(p->client);
	(void)!io_add(&p->server.io, EPOLLIN);
	sock_fini(&p->server);
	buf_fini(&p->got);
}

/* The client's last handshake record and its first bytes arrive between epoll's look at the descriptor, which saw only room to write, and the read. */
static void early_bytes(void *arg)
{
	struct pair p;
	struct tls *server = net_server_tls(), *client = net_client_tls(false);
	pair_init(&p, server, client);
	for (int i = 0; i < STEPS && SSL_do_handshake(p.client) != 1; i++) {
		p.server.io.fn(&p.server.io, EPOLLIN);
		(void)!fiber_sleep(NS_MS);
	}
	assert_int_equal(p.server.state, SOCK_HANDSHAKE);
	assert_false(p.server.in_ready);
	assert_int_equal(SSL_write(p.client, "early", 5), 5);
	p.server.io.fn(&p.server.io, EPOLLOUT);
	(void)!fiber_sleep(NS_MS);
	assert_int_equal(p.server.state, SOCK_OPEN);
	assert_true(str_is(buf_view(&p.got), "early"));
	pair_fini(&p);
	tls_unref(server);
	tls_unref(client);
}

TEST(sock_bytes_behind_the_handshake_are_read_at_once) { net_run(early_bytes, NULL); }

/* ---- ending ---- */

struct ender {
	struct sock sock;
	unsigned flushes;
};

static void shut_again(struct sock *s)
{
	container_of(s, struct ender, sock)->flushes++;
	sock_shutdown(s);
}

static const struct sock_ops ending = {on_open, on_readable, shut_again, on_failed};

static void ends_once(void *arg)
{
	struct ender e = {0};
	int fd[2];
	char end;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(sock_init(&e.sock, fd[0], NULL, NULL, false, &ending, NULL), 0);
	sock_kick(&e.sock);
	for (int i = 0; i < STEPS && read(fd[1], &end, 1) != 0; i++)
		(void)!fiber_sleep(NS_MS);
	(void)!fiber_sleep(5 * NS_MS);
	assert_int_equal(read(fd[1], &end, 1), 0);
	assert_true(e.flushes && e.flushes < 5);
	close(fd[1]);
	sock_fini(&e.sock);
}

TEST(sock_a_shut_one_comes_to_rest) { net_run(ends_once, NULL); }

/* ---- holding ---- */

struct dribble {
	struct sock sock;
	int peer;
	size_t bytes;
	unsigned looks;
};

static void hold_what_dribbles(struct sock *s)
{
	struct dribble *d = container_of(s, struct dribble, sock);
	size_t before = d->bytes;
	char in[256];
	for (ssize_t n; (n = sock_read(s, in, sizeof in)) > 0;)
		d->bytes += (size_t)n;
	d->looks++;
	if (d->bytes > before)
		sock_hold(s);
}

static const struct sock_ops holding = {on_open, hold_what_dribbles, on_flush, on_failed};

static void dribble_init(struct dribble *d)
{
	uint16_t port = 0;
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &port, NULL);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*d = (struct dribble){.peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	assert_int_equal(connect(d->peer, (struct sockaddr *)&to, sizeof to), 0);
	int here = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(fd);
	assert_int_equal(sock_init(&d->sock, here, NULL, NULL, false, &holding, NULL), 0);
}

static void wait_for(const struct dribble *d, size_t bytes, bool held)
{
	for (int i = 0; i < STEPS && (d->bytes < bytes || d->sock.held != held); i++)
		(void)!fiber_sleep(NS_MS);
	assert_int_equal(d->bytes, bytes);
	assert_int_equal(d->sock.held, held);
}

static void held(void *arg)
{
	struct dribble d;
	dribble_init(&d);
	for (size_t round = 1; round < 4; round++) {
		assert_int_equal(write(d.peer, "x", 1), 1);
		for (int i = 0; i < STEPS && !d.sock.held; i++)
			(void)!fiber_yield();
		unsigned looks = d.looks;
		assert_int_equal(write(d.peer, "y", 1), 1);
		for (int i = 0; i < 3; i++)
			(void)!fiber_yield(); /* no event: at most the timer's look */
		assert_in_range(d.looks, looks, looks + 1);
		wait_for(&d, 2 * round, false); /* a look that finds nothing is the last */
	}
	unsigned looks = d.looks;
	(void)!fiber_sleep(5 * SOCK_HOLD);
	assert_int_equal(d.looks, looks);
	assert_int_equal(close(d.peer), 0); /* the end is heard */
	for (int i = 0; i < STEPS && d.looks == looks; i++)
		(void)!fiber_sleep(NS_MS);
	assert_int_not_equal(d.looks, looks);
	sock_fini(&d.sock);
}

TEST(sock_a_held_peer_is_heard_at_intervals_and_an_idle_one_never_wakes) { net_run(held, NULL); }
