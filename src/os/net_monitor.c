/* News of interfaces, addresses and routes: see netlink.h. */
#include "os/netlink.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct net_monitor {
	struct io io;
	uint32_t what;
	void (*fn)(void *arg, uint32_t what);
	void *arg;
};

static uint32_t groups(uint32_t what)
{
	return (what & NET_LINKS ? RTMGRP_LINK : 0) | (what & NET_ADDRS ? RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR : 0) |
		(what & NET_ROUTES ? RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE : 0);
}

static uint32_t kind_of(const struct nlmsghdr *h)
{
	if (h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR)
		return NET_ADDRS;
	return h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE ? NET_ROUTES : NET_LINKS;
}

static void readable(struct io *io, uint32_t events)
{
	struct net_monitor *m = container_of(io, struct net_monitor, io);
	_Alignas(struct nlmsghdr) char p[8192];
	uint32_t what = 0;
	for (;;) {
		ssize_t n = recv(io->fd, p, sizeof p, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS)
			what |= m->what; /* news were lost: everything may have changed */
		else if (n <= 0)
			break;
		for (struct nlmsghdr *h = (void *)p; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n))
			what |= kind_of(h);
	}
	if (what & m->what)
		m->fn(m->arg, what & m->what);
}

struct net_monitor *net_monitor_new(uint32_t what, void (*fn)(void *, uint32_t), void *arg, struct err *e)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = groups(what)};
	struct net_monitor *m = calloc(1, sizeof *m);
	if (!m)
		return err_nomem(e, sizeof *m), NULL;
	*m = (struct net_monitor){.io = {.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), .fn = readable}, .what = what,
		.fn = fn, .arg = arg};
	int r = m->io.fd < 0 || bind(m->io.fd, (struct sockaddr *)&sa, sizeof sa) ? -errno : io_add(&m->io, EPOLLIN);
	if (!r)
		return m;
	err_sys(e, r, "listen for changes of the network");
	if (m->io.fd >= 0)
		close(m->io.fd);
	free(m);
	return NULL;
}

void net_monitor_free(struct net_monitor *m)
{
	if (!m)
		return;
	io_del(&m->io);
	close(m->io.fd);
	free(m);
}
