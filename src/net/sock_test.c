#include "net/sock.h"
#include "net/test_net.h"
#include <errno.h>
#include <fcntl.h>
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
