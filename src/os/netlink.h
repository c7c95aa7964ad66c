/* Interfaces, addresses, routes and network namespaces, by rtnetlink (libmnl).
 *
 * Everything works in the calling thread's network namespace and blocks for a round trip to the kernel (well below 1 ms).
 * Changes are privileged: components go through plan.h. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rt/loop.h"

struct net_ip {
	uint8_t family;  /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;  /* length; 32 or 128 for an address alone */
	uint8_t ip[16];  /* network order; IPv4 in the first four */
};
int net_ip_parse(struct str s, struct net_ip *ret) must_check; /* "10.0.0.1", "10.0.0.0/24", "fd00::1/64"; -1: none of these */
void net_ip_put(struct buf *out, const struct net_ip *ip);     /* address only */
void net_cidr_put(struct buf *out, const struct net_ip *ip);   /* address/prefix */
bool net_ip_eq(const struct net_ip *a, const struct net_ip *b); /* family and address */
int net_ip_cmp(const struct net_ip *a, const struct net_ip *b); /* by family, address bytes, prefix */
bool net_contains(const struct net_ip *net, const struct net_ip *ip);

struct net_link {
	int index, master, peer;   /* 0: none */
	uint32_t mtu, flags;       /* IFF_UP, IFF_LOOPBACK, ... */
	char name[16], kind[16];   /* kind: "veth", "bridge", "" */
	uint8_t mac[6];
};
struct net_addr {
	int link;
	uint32_t flags;            /* IFA_F_* */
	uint8_t scope;             /* RT_SCOPE_* */
	struct net_ip ip;
};
struct net_route {
	struct net_ip dst, via, src; /* dst.family decides; prefix 0: the default route */
	char link[16];
	uint32_t table, metric;    /* table 0: main */
	uint8_t scope, protocol;
};
struct net_link_list { struct net_link *items; uint32_t len, cap; };
struct net_addr_list { struct net_addr *items; uint32_t len, cap; };
struct net_route_list { struct net_route *items; uint32_t len, cap; };
int net_links(struct arena *a, struct net_link_list *ret, struct err *e) must_check;
int net_addrs(struct arena *a, struct net_addr_list *ret, struct err *e) must_check;
int net_routes(struct arena *a, int family, struct net_route_list *ret, struct err *e) must_check; /* main table */
int net_link_index(const char *name); /* 0: none */
/* The address that the host would use towards the world: source of the default route, else the first global address that is up.
 * As upstream's ChooseHostInterface. */
int net_default_addr(int family, struct net_ip *ret, char link[16], struct err *e) must_check;

struct net_link_new {
	char kind[16];             /* "bridge", "veth", "dummy", "vxlan" */
	char name[16], peer[16];   /* peer: veth */
	uint32_t mtu;              /* 0: default */
	uint32_t vni;              /* vxlan */
	uint16_t port;             /* vxlan */
	int peer_netns;            /* fd; 0: same namespace */
};
enum net_link_mask { NET_SET_UP = 1, NET_SET_DOWN = 2, NET_SET_MASTER = 4, NET_SET_MTU = 8, NET_SET_HAIRPIN = 16, NET_SET_NETNS = 32, NET_SET_NAME = 64 };
struct net_link_change {
	uint32_t mask;
	char master[16], name[16]; /* master "": none */
	uint32_t mtu;
	bool hairpin;
	int netns;                 /* fd */
};
int net_link_add(const struct net_link_new *l, struct err *e) must_check; /* EEXIST in e->sys when there */
int net_link_del(const char *name, struct err *e) must_check;             /* absent is fine */
int net_link_set(const char *name, const struct net_link_change *c, struct err *e) must_check;
int net_addr_add(const char *link, const struct net_ip *ip, struct err *e) must_check; /* present is fine */
int net_addr_del(const char *link, const struct net_ip *ip, struct err *e) must_check; /* absent is fine */
int net_route_add(const struct net_route *r, struct err *e) must_check;   /* replaces one of the same dst and metric */
int net_route_del(const struct net_route *r, struct err *e) must_check;   /* absent is fine */

/* Tells of changes of links, addresses or routes: fn on the current loop, once per burst (reread what you need). */
struct net_monitor;
enum net_monitor_what { NET_LINKS = 1, NET_ADDRS = 2, NET_ROUTES = 4 };
struct net_monitor *net_monitor_new(uint32_t what, void (*fn)(void *arg, uint32_t what), void *arg, struct err *e);
void net_monitor_free(struct net_monitor *m);

/* Sysctls by their dotted name; those below net. are the calling thread's namespace's. */
int sysctl_set(const char *name, const char *value, struct err *e) must_check;
int sysctl_get(struct arena *a, const char *name, struct str *ret, struct err *e) must_check;
int net_forwarding(bool v4, bool v6, struct err *e) must_check; /* turns forwarding on where it is off */

/* A new, empty network namespace without a process: its descriptor, or -1.  It lives as long as somebody holds it. */
int netns_new(struct err *e) must_check;
int netns_open(const char *path, struct err *e) must_check;
/* The calling thread enters it; the way back is an fd of netns_self taken before. */
int netns_enter(int fd, struct err *e) must_check;
int netns_self(struct err *e) must_check;
