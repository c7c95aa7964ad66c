/* Real connections through real rules, in namespaces of the test's own. */
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "os/nft.h"
#include "os/spawn.h"
#include "os/test_ns.h"
#include "proxy/proxy.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <poll.h>
#include <stdio.h>

#define PODS 2

/*  client (10.99.0.9) -- 10.99.0.10 host 10.244.0.1 -- pods 10.244.0.11, .12 */
struct net {
	int back, pods[PODS], client, listeners[PODS];
	struct plan_policy policy;
	struct helper *helper;
	struct proxy *proxy;
};

static void up(const char *name)
{
	ERR(e);
	assert_ok(net_link_set(name, &(struct net_link_change){.mask = NET_SET_UP}, &e), &e);
}

static void address(const char *link, const char *cidr)
{
	struct net_ip ip = test_ip(cidr);
	ERR(e);
	assert_ok(net_addr_add(link, &ip, &e), &e);
}

static void route(const char *dst, const char *via, const char *link)
{
	struct net_route r = {.dst = test_ip(dst)};
	ERR(e);
	if (via)
		r.via = test_ip(via);
	snprintf(r.link, sizeof r.link, "%s", link);
	assert_ok(net_route_add(&r, &e), &e);
}

static void enter(int ns)
{
	ERR(e);
	assert_ok(netns_enter(ns, &e), &e);
}

/* A namespace with one interface towards the host, where everything is routed. */
static int attach(int host, const char *name, const char *ip, const char *gateway)
{
	struct net_link_new l = {.kind = "veth", .peer = "eth0"};
	ERR(e);
	char cidr[40];
	int ns = netns_new(&e);
	l.peer_netns = ns;
	snprintf(l.name, sizeof l.name, "%s", name);
	assert_ok(net_link_add(&l, &e), &e);
	up(name);
	enter(ns);
	up("lo"), up("eth0");
	snprintf(cidr, sizeof cidr, "%s/32", ip);
	address("eth0", cidr);
	route(gateway, NULL, "eth0");
	route("0.0.0.0/0", gateway, "eth0");
	enter(host);
	route(ip, NULL, name);
	return ns;
}

static int listen_on(int ns, int host, const char *ip, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;
	enter(ns);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 16), 0);
	enter(host);
	return fd;
}

static void setup(struct net *n)
{
	static const char *const ips[PODS] = {"10.244.0.11", "10.244.0.12"};
	ERR(e);
	*n = (struct net){.back = test_own_net()};
	int host = netns_self(&e);
	assert_ok(sysctl_set("net.ipv4.ip_forward", "1", &e), &e);
	address("lo", "10.99.0.10/32");
	address("lo", "10.244.0.1/32");
	for (int i = 0; i < PODS; i++) {
		char name[16];
		snprintf(name, sizeof name, "pod%d", i);
		n->pods[i] = attach(host, name, ips[i], "10.244.0.1");
		n->listeners[i] = listen_on(n->pods[i], host, ips[i], 8080);
	}
	n->client = attach(host, "outside", "10.99.0.9", "10.99.0.10");
	route("10.96.0.0/16", NULL, "outside"); /* so that the host has a way for service addresses before they are rewritten */
	close(host);
	plan_policy_node(&n->policy, NULL);
	n->helper = helper_direct(&n->policy);
	struct proxy_opts o = {.node_name = STR("n"), .node_ips = {test_ip("10.99.0.10")}, .local = PROXY_LOCAL_CIDR, .local_cidrs = {test_ip("10.244.0.0/16")},
		.open_forward = true, .helper = n->helper};
	n->proxy = proxy_new(&o, &e);
	assert_non_null(n->proxy);
	proxy_set_synced(n->proxy);
}

static void teardown(struct net *n)
{
	proxy_free(n->proxy);
	helper_free(n->helper);
	for (int i = 0; i < PODS; i++)
		close(n->listeners[i]), close(n->pods[i]);
	close(n->client);
	test_leave_net(n->back);
}

static void service(struct net *n, const char *ip, int node_port)
{
	struct core_v1_ServicePort port = {.protocol = STR("TCP"), .port = 80, .nodePort = node_port};
	struct core_v1_Service s = {.metadata = {.name = STR("web"), .namespace = STR("demo")}, .spec = {.clusterIP = str_of(ip), .type = STR("NodePort")}};
	s.spec.ports.items = &port, s.spec.ports.len = 1;
	proxy_service_set(n->proxy, &s);
}

/* The mask says which Pods are ready. */
static void endpoints(struct net *n, unsigned ready)
{
	static struct str ips[PODS] = {STR_INIT("10.244.0.11"), STR_INIT("10.244.0.12")};
	struct discovery_v1_Endpoint eps[PODS];
	struct str_pair label = {STR("kubernetes.io/service-name"), STR("web")};
	struct discovery_v1_EndpointPort port = {.name = STR(""), .protocol = STR("TCP"), .port = 8080, .has_port = true};
	struct discovery_v1_EndpointSlice s = {.metadata = {.name = STR("web-1"), .namespace = STR("demo")}, .addressType = STR("IPv4")};
	for (int i = 0; i < PODS; i++) {
		eps[i] = (struct discovery_v1_Endpoint){.nodeName = STR("n"), .conditions = {.has_ready = true, .ready = (ready >> i) & 1, .has_serving = true, .serving = (ready >> i) & 1}};
		eps[i].addresses.items = &ips[i], eps[i].addresses.len = 1;
	}
	s.metadata.labels.items = &label, s.metadata.labels.len = 1;
	s.ports.items = &port, s.ports.len = 1;
	s.endpoints.items = eps, s.endpoints.len = PODS;
	proxy_slice_set(n->proxy, &s);
}

static void sync_(struct net *n)
{
	ERR(e);
	assert_ok(proxy_sync(n->proxy, &e), &e);
}

/* Connects from the namespace (-1: the host); 0 or the errno after at most a second. */
static int reach(int ns, const char *ip, uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int error = ETIMEDOUT;
	socklen_t len = sizeof error;
	ERR(e);
	int host = netns_self(&e);
	if (ns >= 0)
		enter(ns);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, ip, &sa.sin_addr);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) && errno != EINPROGRESS)
		error = errno;
	else if (poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(fd);
	enter(host);
	close(host);
	return error;
}

/* Takes the waiting connection of a Pod; its client's address, or "" without one. */
static const char *taken(struct net *n, int pod)
{
	static char text[INET_ADDRSTRLEN];
	struct sockaddr_in sa;
	socklen_t len = sizeof sa;
	int fd = accept4(n->listeners[pod], (struct sockaddr *)&sa, &len, SOCK_CLOEXEC);
	if (fd < 0)
		return "";
	close(fd);
	return inet_ntop(AF_INET, &sa.sin_addr, text, sizeof text);
}

static void serving(struct net *n, int node_port, int pods)
{
	setup(n);
	service(n, "10.96.0.50", node_port);
	endpoints(n, pods);
	sync_(n);
}

TEST(proxy_a_service_answers_the_host_other_pods_and_itself)
{
	struct net n;
	serving(&n, 30080, 1);
	assert_int_equal(reach(-1, "10.96.0.50", 80), 0);
	assert_string_not_equal(taken(&n, 0), "");
	assert_int_equal(reach(n.pods[1], "10.96.0.50", 80), 0);
	assert_string_equal(taken(&n, 0), "10.244.0.12"); /* between Pods nothing is masqueraded */
	assert_int_equal(reach(n.pods[0], "10.96.0.50", 80), 0);
	assert_string_not_equal(taken(&n, 0), "10.244.0.11"); /* to itself it is */
	teardown(&n);
}

TEST(proxy_a_node_port_answers_from_outside_with_masquerade)
{
	struct net n;
	serving(&n, 30080, 2);
	assert_int_equal(reach(n.client, "10.99.0.10", 30080), 0);
	assert_string_equal(taken(&n, 1), "10.99.0.10");
	assert_int_equal(reach(-1, "10.99.0.10", 30080), 0);
	assert_string_not_equal(taken(&n, 1), "");
	assert_int_equal(reach(-1, "127.0.0.1", 30080), ECONNREFUSED);
	teardown(&n);
}

TEST(proxy_only_ready_endpoints_get_connections)
{
	struct net n;
	serving(&n, 0, 3);
	int hits[PODS] = {0};
	for (int i = 0; i < 40; i++) {
		assert_int_equal(reach(-1, "10.96.0.50", 80), 0);
		for (int k = 0; k < PODS; k++)
			hits[k] += taken(&n, k)[0] != 0;
	}
	assert_int_equal(hits[0] + hits[1], 40);
	assert_true(hits[0] > 0 && hits[1] > 0);
	endpoints(&n, 2);
	sync_(&n);
	for (int i = 0; i < 10; i++)
		assert_int_equal(reach(-1, "10.96.0.50", 80), 0);
	assert_string_equal(taken(&n, 0), "");
	endpoints(&n, 0);
	sync_(&n);
	assert_int_equal(reach(-1, "10.96.0.50", 80), ECONNREFUSED);
	assert_int_equal(reach(n.pods[0], "10.96.0.50", 80), ECONNREFUSED);
	proxy_service_delete(n.proxy, STR("demo"), STR("web"));
	proxy_slice_delete(n.proxy, STR("demo"), STR("web-1"));
	sync_(&n);
	struct proxy_status st;
	proxy_status(n.proxy, &st);
	assert_int_equal(st.services + st.slices + st.endpoints, 0);
	teardown(&n);
}

static void nft(const char *script)
{
	const char *argv[] = {"nft", script, NULL};
	struct spawn_opts o = {.path = "nft", .argv = argv};
	struct spawn_output out;
	ERR(e);
	assert_ok(spawn_capture(&o, STR(""), 1000, MONO_NEVER, &out, &e), &e);
	assert_int_equal(out.status, 0);
	spawn_output_fini(&out);
}

static int our_rules(void)
{
	uint64_t handles[8];
	ERR(e);
	int n = nft_rules_find(NFPROTO_IPV4, "filter", "FORWARD", STR("c8s pod traffic"), handles, 8, &e);
	assert_true(n >= 0);
	return n;
}

TEST(proxy_opens_a_forward_chain_that_docker_closed)
{
	struct net n;
	ERR(e);
	serving(&n, 0, 1);
	nft("add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
	assert_int_equal(reach(n.pods[1], "10.96.0.50", 80), ETIMEDOUT);
	sync_(&n);
	assert_int_equal(our_rules(), 2);
	assert_int_equal(reach(n.pods[1], "10.96.0.50", 80), 0);
	sync_(&n);
	assert_int_equal(our_rules(), 2);
	assert_ok(proxy_cleanup(n.helper, &e), &e);
	assert_int_equal(our_rules(), 0);
	assert_false(nft_chain_exists(NFPROTO_IPV4, "kube-proxy", "services"));
	teardown(&n);
}

TEST(proxy_writes_everything_anew_after_somebody_took_the_table)
{
	struct net n;
	ERR(e);
	serving(&n, 0, 1);
	nft("delete table ip kube-proxy");
	endpoints(&n, 3);
	assert_int_equal(proxy_sync(n.proxy, &e), -1);
	sync_(&n);
	assert_int_equal(reach(-1, "10.96.0.50", 80), 0);
	teardown(&n);
}

static void feed_while_running(void *arg)
{
	struct net *n = arg;
	struct proxy_status st;
	service(n, "10.96.0.50", 0);
	endpoints(n, 1);
	for (int i = 0; i < 1000; i++) {
		proxy_status(n->proxy, &st);
		if (st.syncs && st.oldest_pending == MONO_NEVER)
			break;
		assert_int_equal(fiber_sleep(NS_MS), 0);
	}
	assert_int_equal(st.syncs, 1);
	/* A burst becomes one sync more; deletes may hit Services that are just being programmed. */
	for (int i = 0; i < 200; i++) {
		endpoints(n, (unsigned)i % 4);
		if (i % 50 == 49)
			proxy_service_delete(n->proxy, STR("demo"), STR("web")), service(n, "10.96.0.51", 0);
		if (i % 20 == 0)
			assert_int_equal(fiber_sleep(NS_MS), 0);
	}
	assert_int_equal(fiber_sleep(300 * NS_MS), 0);
	proxy_status(n->proxy, &st);
	assert_true(st.syncs >= 2 && st.syncs <= 5 && st.failures == 0);
	assert_true(proxy_healthy(n->proxy));
}

static void run_proxy(void *arg)
{
	struct net *n = arg;
	assert_int_equal(proxy_run(n->proxy), -ECANCELED);
}

static void both(void *arg)
{
	struct scope s;
	scope_init(&s, NULL);
	assert_non_null(fiber_spawn(&s, "proxy", run_proxy, arg));
	feed_while_running(arg);
	scope_fini(&s);
}

TEST(proxy_run_gathers_changes_and_follows_them)
{
	struct net n;
	setup(&n);
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", both, &n), 0);
	rt_free(rt);
	assert_int_equal(reach(-1, "10.96.0.51", 80), 0);
	teardown(&n);
}
