/* For os tests: namespaces of their own, so that nothing of the machine changes; without the right to make them, the test is skipped. */
#pragma once
#include "base/test.h"
#include "os/netlink.h"
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

/* The whole test program leaves for mounts of its own; they end with it. */
static inline void test_own_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip();
}
/* A fresh network namespace with loopback up; test_leave_net goes back. */
static inline int test_own_net(void)
{
	ERR(e);
	int back = netns_self(&e), fresh = netns_new(&e);
	if (back < 0 || fresh < 0 || netns_enter(fresh, &e)) {
		if (geteuid() == 0)
			fail_msg("%s", err_text(&e));
		skip();
	}
	close(fresh);
	struct net_link_change up = {.mask = NET_SET_UP};
	assert_ok(net_link_set("lo", &up, &e), &e);
	return back;
}
static inline void test_leave_net(int back)
{
	ERR(e);
	assert_ok(netns_enter(back, &e), &e);
	close(back);
}
static inline struct net_ip test_ip(const char *z)
{
	struct net_ip ip;
	if (net_ip_parse(str_of(z), &ip))
		fail_msg("%s is no address", z);
	return ip;
}
