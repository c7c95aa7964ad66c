#include "base/test.h"
#include "rt/impl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

static void drop(int fd)
{
	rt_close(fd);
	close(fd);
}

#define BULK ((size_t)4 << 20)

static void echo(void *arg)
{
	int fd = *(int *)arg;
	char buf[5000];
	ssize_t n;
	while ((n = rt_read(fd, buf, sizeof buf, MONO_NEVER)) > 0)
		assert_int_equal(rt_write(fd, buf, (size_t)n, MONO_NEVER), n);
	assert_int_equal(n, 0);
	drop(fd);
}

static void send_bulk(void *arg)
{
	int fd = *(int *)arg;
	char *p = malloc(BULK);
	for (size_t i = 0; i < BULK; i++)
		p[i] = (char)(i * 7 / 3);
	struct iovec iov[] = {{p, 0}, {p, 10}, {p + 10, BULK / 2}, {p + 10 + BULK / 2, BULK / 2 - 10}, {p, 0}};
	assert_int_equal(rt_writev(fd, iov, 5, MONO_NEVER), BULK);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	free(p);
}

/* One fiber writes, another reads the same descriptor, a third echoes. */
static void both_ways(void *arg)
{
	int fd[2];
	char buf[7000];
	size_t total = 0;
	ssize_t n;
	struct scope s;
	scope_init(&s, NULL);
	pair(fd);
	assert_non_null(fiber_spawn(&s, "echo", echo, &fd[1]));
	assert_non_null(fiber_spawn(&s, "send", send_bulk, &fd[0]));
	while ((n = rt_read(fd[0], buf, sizeof buf, MONO_NEVER)) > 0)
		for (ssize_t i = 0; i < n; i++, total++)
			if (buf[i] != (char)(total * 7 / 3))
				fail_msg("byte %zu differs", total);
	assert_int_equal(n, 0);
	assert_int_equal(total, BULK);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	scope_fini(&s);
	drop(fd[0]);
}

TEST(io_moves_bulk_both_ways)
{
	run(both_ways, NULL);
}

static void deadlines(void *arg)
{
	int fd[2];
	static char buf[1 << 16]; /* too large for a fiber */
	pair(fd);
	mono_t from = rt_now_exact();
	assert_int_equal(rt_read(fd[0], buf, sizeof buf, from + 3 * NS_MS), -ETIME);
	assert_true(rt_now_exact() - from >= 3 * NS_MS);
	ssize_t n;
	do
		n = rt_write(fd[0], buf, sizeof buf, rt_now_exact() + 3 * NS_MS);
	while (n > 0);
	assert_int_equal(n, -ETIME);
	drop(fd[0]);
	drop(fd[1]);
}

TEST(io_deadlines_pass)
{
	run(deadlines, NULL);
}

static void gone(void *arg)
{
	int fd[2];
	pair(fd);
	close(fd[1]);
	assert_int_equal(rt_write(fd[0], "x", 1, MONO_NEVER), -EPIPE); /* and no SIGPIPE */
	drop(fd[0]);
	assert_int_equal(rt_read(fd[0], &fd, 1, MONO_NEVER), -EBADF);
}

TEST(io_errors_are_returned)
{
	run(gone, NULL);
}

struct reading {
	int fd, result;
};

static void read_one(void *arg)
{
	struct reading *r = arg;
	char c;
	r->result = (int)rt_read(r->fd, &c, 1, MONO_NEVER);
}

static void close_read(void *arg)
{
	int fd[2];
	struct scope s;
	scope_init(&s, NULL);
	pair(fd);
	struct reading r = {fd[0], 1}, cancelled = {fd[1], 1};
	assert_non_null(fiber_spawn(&s, "read", read_one, &r));
	assert_int_equal(fiber_yield(), 0);
	rt_close(fd[0]);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(r.result, -EBADF);
	assert_non_null(fiber_spawn(&s, "read", read_one, &cancelled));
	assert_int_equal(fiber_yield(), 0);
	scope_fini(&s);
	assert_int_equal(cancelled.result, -ECANCELED);
	close(fd[0]);
	drop(fd[1]);
}

TEST(io_read_ends_by_close_and_by_cancel)
{
	run(close_read, NULL);
}

static void reuse_number(void *arg)
{
	char c;
	for (int i = 0; i < 20; i++) {
		int fd[2];
		assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
		struct reading r = {fd[0], -1};
		struct scope s;
		scope_init(&s, NULL);
		assert_non_null(fiber_spawn(&s, "read", read_one, &r));
		assert_int_equal(fiber_yield(), 0);
		assert_int_equal(rt_write(fd[1], "x", 1, MONO_NEVER), 1);
		assert_int_equal(scope_join(&s, rt_now_exact() + 10 * NS_S), 0);
		assert_int_equal(r.result, 1);
		scope_fini(&s);
		drop(fd[1]);
		assert_int_equal(rt_read(fd[0], &c, 1, MONO_NEVER), 0);
		drop(fd[0]);
	}
}

TEST(io_descriptor_numbers_may_be_used_again)
{
	run(reuse_number, NULL);
}

static void wait_events(void *arg)
{
	int fd[2];
	pair(fd);
	assert_int_equal(rt_wait_fd(fd[0], POLLIN, rt_now_exact() + 2 * NS_MS), -ETIME);
	assert_int_equal(rt_wait_fd(fd[0], POLLIN | POLLOUT, MONO_NEVER), POLLOUT);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(rt_wait_fd(fd[0], POLLIN, MONO_NEVER), POLLIN);
	drop(fd[0]);
	drop(fd[1]);
	assert_int_equal(rt_wait_fd(fd[0], POLLIN, MONO_NEVER), -EBADF);
}

TEST(rt_wait_fd_returns_the_events)
{
	run(wait_events, NULL);
}

static int listen_on(struct sockaddr *sa, socklen_t *n)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, sa, *n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, sa, n), 0);
	return fd;
}

static void serve(void *arg)
{
	struct sockaddr_storage peer;
	int conn = rt_accept(*(int *)arg, &peer, rt_now_exact() + 10 * NS_S);
	assert_true(conn >= 0);
	echo(&conn);
}

static void hail(struct sockaddr *sa, socklen_t n)
{
	char c = 0;
	int fd = rt_connect(sa, n, SOCK_STREAM, rt_now_exact() + 10 * NS_S);
	assert_true(fd >= 0);
	assert_int_equal(rt_write(fd, "x", 1, MONO_NEVER), 1);
	assert_int_equal(rt_read(fd, &c, 1, rt_now_exact() + 10 * NS_S), 1);
	assert_int_equal(c, 'x');
	drop(fd);
}

static void connect_tcp(void *arg)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof sin;
	struct scope s;
	scope_init(&s, NULL);
	int fd = listen_on((struct sockaddr *)&sin, &n);
	assert_int_equal(rt_accept(fd, NULL, rt_now_exact() + NS_MS), -ETIME);
	assert_non_null(fiber_spawn(&s, "serve", serve, &fd));
	hail((struct sockaddr *)&sin, n);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	scope_fini(&s);
	drop(fd);
	assert_int_equal(rt_connect((struct sockaddr *)&sin, n, SOCK_STREAM, MONO_NEVER), -ECONNREFUSED);
}

TEST(io_connects_over_tcp)
{
	run(connect_tcp, NULL);
}

/* The backlog of a unix socket is full: the connects must wait their turn. */
static void hail_unix(void *arg)
{
	hail(arg, sizeof(struct sockaddr_un));
}

static void connect_unix(void *arg)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t n = sizeof sun;
	struct scope s;
	scope_init(&s, NULL);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s/io.sock", test_tmpdir());
	int fd = listen_on((struct sockaddr *)&sun, &n);
	for (int i = 0; i < 6; i++)
		assert_non_null(fiber_spawn(&s, "hail", hail_unix, &sun));
	assert_int_equal(fiber_sleep(3 * NS_MS), 0);
	for (int i = 0; i < 6; i++)
		assert_non_null(fiber_spawn(&s, "serve", serve, &fd));
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	scope_fini(&s);
	drop(fd);
}

TEST(io_connects_over_unix_sockets_with_a_full_backlog)
{
	run(connect_unix, NULL);
}

static void resolve(void *arg)
{
	struct sockaddr_storage a[4];
	assert_int_equal(rt_resolve("127.0.0.1", "80", a, 4, MONO_NEVER), 1);
	assert_int_equal(((struct sockaddr_in *)a)->sin_port, htons(80));
	assert_int_equal(rt_resolve("::1", "80", a, 4, MONO_NEVER), 1);
	assert_int_equal(a[0].ss_family, AF_INET6);
	assert_true(rt_resolve("localhost", "443", a, 4, MONO_NEVER) >= 1);
	assert_true(rt_resolve("127.0.0.1", "no-such-port", a, 4, MONO_NEVER) < 0);
	assert_int_equal(rt_resolve("localhost", "443", a, 4, rt_now()), -ETIME); /* the loop waits for the answer that nobody wants */
}

TEST(rt_resolve_finds_addresses_and_may_be_left)
{
	run(resolve, NULL);
}
