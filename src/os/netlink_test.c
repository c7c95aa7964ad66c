#include "os/test_ns.h"
#include "rt/fiber.h"
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

TEST(net_ip_parses_and_prints)
{
	static const char *const good[][2] = {{"10.0.0.1", "10.0.0.1/32"}, {"10.0.0.0/24", "10.0.0.0/24"}, {"fd00::1", "fd00::1/128"}, {"::/0", "::/0"}};
	static const char *const bad[] = {"", "/", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/x", "fd00::/129", "10.0.0.1 ", "a.b.c.d"};
	struct net_ip ip;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		BUF(b);
		assert_int_equal(net_ip_parse(str_of(good[i][0]), &ip), 0);
		net_cidr_put(&b, &ip);
		assert_str(buf_view(&b), good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(net_ip_parse(str_of(bad[i]), &ip), -1);
}

static bool contains(const char *net, const char *ip)
{
	struct net_ip n = test_ip(net), i = test_ip(ip);
	return net_contains(&n, &i);
}

TEST(net_contains_compares_the_prefix_only)
{
	assert_true(contains("10.1.0.0/20", "10.1.15.255"));
	assert_false(contains("10.1.0.0/20", "10.1.16.0"));
	assert_true(contains("0.0.0.0/0", "1.2.3.4"));
	assert_false(contains("0.0.0.0/0", "::1"));
	assert_true(contains("fd00:1::/33", "fd00:1:7fff::1"));
	assert_false(contains("fd00:1::/33", "fd00:1:8000::1"));
}

/* An interface that is up, with an address; its other end is up too. */
static void wire(const char *name, const char *addr)
{
	struct net_link_new l = {.kind = "veth"};
	struct net_link_change up = {.mask = NET_SET_UP};
	struct net_ip ip = test_ip(addr);
	ERR(e);
	snprintf(l.name, sizeof l.name, "%s", name);
	snprintf(l.peer, sizeof l.peer, "%sx", name);
	assert_ok(net_link_add(&l, &e), &e);
	assert_ok(net_link_set(l.name, &up, &e), &e);
	assert_ok(net_link_set(l.peer, &up, &e), &e);
	assert_ok(net_addr_add(name, &ip, &e), &e);
	assert_ok(net_addr_add(name, &ip, &e), &e);
}

TEST(net_default_addr_follows_the_default_route)
{
	int back = test_own_net();
	struct net_ip ip;
	char link[16];
	ERR(e);
	assert_int_equal(net_default_addr(AF_INET, &ip, link, &e), -1);
	wire("d0", "10.1.0.5/24");
	wire("d1", "10.2.0.5/24");
	assert_ok(net_default_addr(AF_INET, &ip, link, &e), &e);
	assert_string_equal(link, "d0");
	struct net_route def = {.dst = test_ip("0.0.0.0/0"), .via = test_ip("10.2.0.1"), .link = "d1"};
	assert_ok(net_route_add(&def, &e), &e);
	assert_ok(net_default_addr(AF_INET, &ip, link, &e), &e);
	assert_string_equal(link, "d1");
	struct net_ip want = test_ip("10.2.0.5");
	assert_true(net_ip_eq(&ip, &want));
	assert_ok(net_route_del(&def, &e), &e);
	assert_ok(net_route_del(&def, &e), &e);
	test_leave_net(back);
}

static const struct net_link *find(const struct net_link_list *l, const char *name)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (!strcmp(l->items[i].name, name))
			return &l->items[i];
	return NULL;
}

TEST(net_links_bridge_and_veth_into_another_namespace)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct net_link_list links;
	ERR(e);
	int back = test_own_net(), other = netns_new(&e);
	struct net_link_new bridge = {.kind = "bridge", .name = "br0", .mtu = 1400}, veth = {.kind = "veth", .name = "v0", .peer = "eth0", .mtu = 1400, .peer_netns = other};
	struct net_link_change port = {.mask = NET_SET_UP | NET_SET_MASTER | NET_SET_HAIRPIN, .master = "br0", .hairpin = true};
	assert_ok(net_link_add(&bridge, &e), &e);
	assert_int_equal(net_link_add(&bridge, &e), -1);
	assert_int_equal(e.sys, EEXIST);
	assert_ok(net_link_add(&veth, &e), &e);
	assert_ok(net_link_set("v0", &port, &e), &e);
	assert_ok(net_links(a, &links, &e), &e);
	const struct net_link *v = find(&links, "v0"), *b = find(&links, "br0");
	assert_true(v && b && v->master == b->index && (v->flags & IFF_UP));
	assert_string_equal(b->kind, "bridge");
	assert_int_equal(b->mtu, 1400);
	assert_null(find(&links, "eth0"));
	assert_ok(netns_enter(other, &e), &e);
	assert_true(net_link_index("eth0") > 0);
	assert_ok(net_link_del("eth0", &e), &e);
	assert_ok(net_link_del("eth0", &e), &e);
	close(other);
	test_leave_net(back);
}

TEST(net_routes_list_what_was_added)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct net_route_list routes;
	int back = test_own_net();
	bool found = false;
	ERR(e);
	wire("d0", "10.1.0.5/24");
	struct net_route r = {.dst = test_ip("10.9.0.0/16"), .via = test_ip("10.1.0.9"), .link = "d0", .metric = 7};
	assert_ok(net_route_add(&r, &e), &e);
	assert_ok(net_route_add(&r, &e), &e);
	assert_ok(net_routes(a, AF_INET, &routes, &e), &e);
	for (uint32_t i = 0; i < routes.len; i++)
		found |= net_ip_eq(&routes.items[i].dst, &r.dst) && routes.items[i].dst.prefix == 16 && net_ip_eq(&routes.items[i].via, &r.via) && routes.items[i].metric == 7;
	assert_true(found);
	test_leave_net(back);
}

TEST(net_forwarding_is_turned_on_in_this_namespace)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int back = test_own_net();
	struct str s;
	ERR(e);
	assert_ok(sysctl_set("net.ipv4.ip_forward", "0", &e), &e);
	assert_ok(net_forwarding(true, false, &e), &e);
	assert_ok(sysctl_get(a, "net.ipv4.ip_forward", &s, &e), &e);
	assert_str(s, "1");
	assert_int_equal(sysctl_set("net/../../../etc/x", "1", &e), -1);
	test_leave_net(back);
}

struct news { uint32_t what; };
static void on_news(void *arg, uint32_t what)
{
	((struct news *)arg)->what |= what;
}
static void monitor(void *arg)
{
	struct news *n = arg;
	ERR(e);
	struct net_monitor *m = net_monitor_new(NET_LINKS | NET_ADDRS, on_news, n, &e);
	assert_non_null(m);
	wire("d7", "10.3.0.1/24");
	for (int i = 0; i < 1000 && n->what != (NET_LINKS | NET_ADDRS); i++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
	net_monitor_free(m);
}

TEST(net_monitor_hears_of_links_and_addresses)
{
	struct news n = {0};
	int back = test_own_net();
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", monitor, &n), 0);
	rt_free(rt);
	assert_int_equal(n.what, NET_LINKS | NET_ADDRS);
	test_leave_net(back);
}
