#include "kubelet/masquerade.h"
#include "os/helper.h"
#include "os/test_ns.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>

/*  Pod 10.244.3.2 -- 10.244.3.1 node 192.0.2.1 -- 192.0.2.2 world, which knows no way to Pods */
struct net {
	int back, node, pod, world;
};

static void enter(int ns)
{
	ERR(e);
	assert_ok(netns_enter(ns, &e), &e);
}

static void interface(const char *name, const char *cidr)
{
	struct net_ip ip = test_ip(cidr);
	ERR(e);
	assert_ok(net_link_set(name, &(struct net_link_change){.mask = NET_SET_UP}, &e), &e);
	assert_ok(net_addr_add(name, &ip, &e), &e);
}

static int attach(int node, const char *name, const char *here, const char *there)
{
	struct net_link_new l = {.kind = "veth", .peer = "eth0"};
	ERR(e);
	int ns = netns_new(&e);
	l.peer_netns = ns;
	snprintf(l.name, sizeof l.name, "%s", name);
	assert_ok(net_link_add(&l, &e), &e);
	interface(name, here);
	enter(ns);
	interface("eth0", there);
	enter(node);
	return ns;
}

static void setup(struct net *n)
{
	struct net_route r = {.dst = test_ip("0.0.0.0/0"), .via = test_ip("10.244.3.1"), .link = "eth0"};
	ERR(e);
	n->back = test_own_net();
	n->node = netns_self(&e);
	n->pod = attach(n->node, "pod", "10.244.3.1/24", "10.244.3.2/24");
	n->world = attach(n->node, "world", "192.0.2.1/24", "192.0.2.2/24");
	assert_ok(sysctl_set("net.ipv4.ip_forward", "1", &e), &e);
	enter(n->pod);
	assert_ok(net_route_add(&r, &e), &e);
	enter(n->node);
}

static int udp(int ns, int node, const char *bound)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(bound ? 7000 : 0)};
	enter(ns);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bound)
		inet_pton(AF_INET, bound, &sa.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	enter(node);
	return fd;
}

/* As whom the Pod's packet arrives; 0: not within some seconds.  A fresh link may lose the first ones. */
static uint32_t seen(const struct net *n, int ns, const char *ip)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7000)}, from = {0};
	socklen_t len = sizeof from;
	char byte = 'x';
	int out = udp(n->pod, n->node, NULL), in = udp(ns, n->node, ip);
	inet_pton(AF_INET, ip, &to.sin_addr);
	int got = 0;
	for (int i = 0; i < 100 && !got; i++) {
		assert_int_equal(sendto(out, &byte, 1, 0, (struct sockaddr *)&to, sizeof to), 1);
		got = poll(&(struct pollfd){.fd = in, .events = POLLIN}, 1, 50);
	}
	if (got)
		assert_int_equal(recvfrom(in, &byte, 1, 0, (struct sockaddr *)&from, &len), 1);
	close(out), close(in);
	return ntohl(from.sin_addr.s_addr);
}

TEST(masquerade_hides_pods_from_the_world_but_not_from_their_node)
{
	const char *tables[] = {CNI_TABLE, NULL};
	struct plan_policy policy = {.tables = tables};
	struct cni_conf c = {.pod_cidrs = {test_ip("10.244.3.0/24"), test_ip("fd00:3::/64")}};
	struct net n;
	ERR(e);
	setup(&n);
	assert_int_equal(seen(&n, n.world, "192.0.2.2"), 0x0af40302);
	CLEANUP(helper_free) struct helper *h = helper_direct(&policy);
	for (int again = 0; again < 2; again++) {
		CLEANUP(plan_free) struct plan *p = plan_new();
		assert_ok(cni_masquerade(p, &c, &e), &e);
		assert_ok(helper_run(h, p, NULL, &e), &e);
	}
	assert_int_equal(seen(&n, n.world, "192.0.2.2"), 0xc0000201);
	assert_int_equal(seen(&n, n.node, "10.244.3.1"), 0x0af40302);
	close(n.pod), close(n.world), close(n.node);
	test_leave_net(n.back);
}
