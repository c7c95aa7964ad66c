#include "os/netlink.h"
#include "os/fd.h"
#include "os/file.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <time.h>

#define REQUEST_MAX 1024

/* One request to rtnetlink under construction. */
struct request {
	_Alignas(struct nlmsghdr) char p[REQUEST_MAX];
	struct nlmsghdr *h;
};

static void *begin(struct request *q, uint16_t type, uint16_t flags, size_t extra)
{
	q->h = mnl_nlmsg_put_header(q->p);
	q->h->nlmsg_type = type;
	q->h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	q->h->nlmsg_seq = (uint32_t)time(NULL);
	return mnl_nlmsg_put_extra_header(q->h, extra);
}

static struct mnl_socket *open_socket(int *ret_errno)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (s && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0)
		return s;
	*ret_errno = errno;
	if (s)
		mnl_socket_close(s);
	return NULL;
}

/* Sends and hands every answer to each (may be NULL); 0 or -errno. */
static int talk(struct request *q, mnl_cb_t each, void *arg)
{
	_Alignas(struct nlmsghdr) char answer[32768];
	int r = 0, error = 0;
	struct mnl_socket *s = open_socket(&error);
	if (!s)
		return -error;
	if (mnl_socket_sendto(s, q->h, q->h->nlmsg_len) < 0)
		r = -errno;
	for (int more = 1; !r && more > 0;) {
		ssize_t n = mnl_socket_recvfrom(s, answer, sizeof answer);
		more = n < 0 ? -1 : mnl_cb_run(answer, (size_t)n, q->h->nlmsg_seq, mnl_socket_get_portid(s), each, arg);
		if (more < 0 && errno != EINTR)
			r = -errno;
		else if (more < 0)
			more = 1;
	}
	mnl_socket_close(s);
	return r;
}

int net_link_index(const char *name)
{
	return (int)if_nametoindex(name);
}

static void copy_name(char *to, size_t cap, const char *from)
{
	snprintf(to, cap, "%s", from);
}

/* A dump under way. */
struct dump {
	struct arena *a;
	union {
		struct net_link_list *links;
		struct net_addr_list *addrs;
		struct net_route_list *routes;
	};
};

static void parse_kind(const struct nlattr *info, struct net_link *l)
{
	const struct nlattr *at;
	mnl_attr_for_each_nested(at, info)
		if (mnl_attr_get_type(at) == IFLA_INFO_KIND)
			copy_name(l->kind, sizeof l->kind, mnl_attr_get_str(at));
}

static void link_attr(const struct nlattr *at, struct net_link *l)
{
	switch (mnl_attr_get_type(at)) {
	case IFLA_IFNAME: copy_name(l->name, sizeof l->name, mnl_attr_get_str(at)); break;
	case IFLA_MTU: l->mtu = mnl_attr_get_u32(at); break;
	case IFLA_MASTER: l->master = (int)mnl_attr_get_u32(at); break;
	case IFLA_LINK: l->peer = (int)mnl_attr_get_u32(at); break;
	case IFLA_LINKINFO: parse_kind(at, l); break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(at) == sizeof l->mac)
			memcpy(l->mac, mnl_attr_get_payload(at), sizeof l->mac);
	}
}

static int on_link(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *at;
	struct net_link *l = arena_push(d->a, d->links);
	if (!l)
		return errno = ENOMEM, MNL_CB_ERROR;
	l->index = m->ifi_index;
	l->flags = m->ifi_flags;
	mnl_attr_for_each(at, h, sizeof *m)
		link_attr(at, l);
	return MNL_CB_OK;
}

int net_links(struct arena *a, struct net_link_list *ret, struct err *e)
{
	struct net_link_list list = {0};
	struct dump d = {.a = a, .links = &list};
	struct request q;
	struct ifinfomsg *m = begin(&q, RTM_GETLINK, NLM_F_DUMP, sizeof *m);
	m->ifi_family = AF_UNSPEC;
	int r = talk(&q, on_link, &d);
	if (r)
		return err_sys(e, r, "list the interfaces");
	*ret = list;
	return 0;
}

static void ip_attr(const struct nlattr *at, uint8_t family, struct net_ip *ip)
{
	size_t n = family == AF_INET ? 4 : 16;
	if (mnl_attr_get_payload_len(at) < n)
		return;
	ip->family = family;
	ip->prefix = (uint8_t)(n * 8);
	memcpy(ip->ip, mnl_attr_get_payload(at), n);
}

static int on_addr(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *at;
	struct net_addr *ad = arena_push(d->a, d->addrs);
	if (!ad)
		return errno = ENOMEM, MNL_CB_ERROR;
	ad->link = (int)m->ifa_index;
	ad->scope = m->ifa_scope;
	ad->flags = m->ifa_flags;
	mnl_attr_for_each(at, h, sizeof *m) {
		int type = mnl_attr_get_type(at);
		/* On point-to-point links IFA_ADDRESS is the peer, IFA_LOCAL ours. */
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !ad->ip.family))
			ip_attr(at, m->ifa_family, &ad->ip);
		else if (type == IFA_FLAGS)
			ad->flags = mnl_attr_get_u32(at);
	}
	ad->ip.prefix = m->ifa_prefixlen;
	return MNL_CB_OK;
}

int net_addrs(struct arena *a, struct net_addr_list *ret, struct err *e)
{
	struct net_addr_list list = {0};
	struct dump d = {.a = a, .addrs = &list};
	struct request q;
	struct ifaddrmsg *m = begin(&q, RTM_GETADDR, NLM_F_DUMP, sizeof *m);
	m->ifa_family = AF_UNSPEC;
	int r = talk(&q, on_addr, &d);
	if (r)
		return err_sys(e, r, "list the addresses");
	*ret = list;
	return 0;
}

static void name_of(int index, char name[16])
{
	char z[IF_NAMESIZE];
	copy_name(name, 16, if_indextoname((unsigned)index, z) ? z : "");
}

static void route_attr(const struct nlattr *at, const struct rtmsg *m, struct net_route *r)
{
	switch (mnl_attr_get_type(at)) {
	case RTA_DST: ip_attr(at, m->rtm_family, &r->dst); break;
	case RTA_GATEWAY: ip_attr(at, m->rtm_family, &r->via); break;
	case RTA_PREFSRC: ip_attr(at, m->rtm_family, &r->src); break;
	case RTA_OIF: name_of((int)mnl_attr_get_u32(at), r->link); break;
	case RTA_PRIORITY: r->metric = mnl_attr_get_u32(at); break;
	case RTA_TABLE: r->table = mnl_attr_get_u32(at); break;
	}
}

static int on_route(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *at;
	struct net_route route = {.dst.family = m->rtm_family, .table = m->rtm_table, .scope = m->rtm_scope, .protocol = m->rtm_protocol};
	mnl_attr_for_each(at, h, sizeof *m)
		route_attr(at, m, &route);
	route.dst.prefix = m->rtm_dst_len;
	if (route.table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	struct net_route *slot = arena_push(d->a, d->routes);
	if (!slot)
		return errno = ENOMEM, MNL_CB_ERROR;
	*slot = route;
	return MNL_CB_OK;
}

int net_routes(struct arena *a, int family, struct net_route_list *ret, struct err *e)
{
	struct net_route_list list = {0};
	struct dump d = {.a = a, .routes = &list};
	struct request q;
	struct rtmsg *m = begin(&q, RTM_GETROUTE, NLM_F_DUMP, sizeof *m);
	m->rtm_family = (unsigned char)family;
	int r = talk(&q, on_route, &d);
	if (r)
		return err_sys(e, r, "list the routes");
	*ret = list;
	return 0;
}

/* The first usable address of a family on a link (0: on any that is up). */
static const struct net_addr *global_addr(const struct net_addr_list *addrs, const struct net_link_list *links, int family, int link)
{
	for (uint32_t i = 0; i < addrs->len; i++) {
		const struct net_addr *ad = &addrs->items[i];
		if (ad->ip.family != family || ad->scope != RT_SCOPE_UNIVERSE || (link && ad->link != link))
			continue;
		for (uint32_t k = 0; k < links->len; k++)
			if (links->items[k].index == ad->link && (links->items[k].flags & IFF_UP) && !(links->items[k].flags & IFF_LOOPBACK))
				return ad;
	}
	return NULL;
}

static const struct net_route *default_route(const struct net_route_list *routes)
{
	const struct net_route *best = NULL;
	for (uint32_t i = 0; i < routes->len; i++)
		if (routes->items[i].dst.prefix == 0 && routes->items[i].link[0] && (!best || routes->items[i].metric < best->metric))
			best = &routes->items[i];
	return best;
}

int net_default_addr(int family, struct net_ip *ret, char link[16], struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct net_link_list links;
	struct net_addr_list addrs;
	struct net_route_list routes;
	if (net_links(a, &links, e) || net_addrs(a, &addrs, e) || net_routes(a, family, &routes, e))
		return -1;
	const struct net_route *def = default_route(&routes);
	const struct net_addr *ad = def ? global_addr(&addrs, &links, family, net_link_index(def->link)) : NULL;
	if (!ad)
		ad = global_addr(&addrs, &links, family, 0);
	if (!ad)
		return err_set(e, ERR_NOT_FOUND, "no interface that is up has a global %s address", family == AF_INET ? "IPv4" : "IPv6");
	*ret = ad->ip;
	if (def && def->src.family && net_link_index(def->link) == ad->link) {
		*ret = def->src;
		ret->prefix = ad->ip.prefix;
	}
	if (link)
		name_of(ad->link, link);
	return 0;
}

/* Kinds other than veth that need words of their own. */
static void put_vxlan(struct request *q, const struct net_link_new *l)
{
	struct nlattr *data = mnl_attr_nest_start(q->h, IFLA_INFO_DATA);
	mnl_attr_put_u32(q->h, IFLA_VXLAN_ID, l->vni);
	mnl_attr_put_u16(q->h, IFLA_VXLAN_PORT, (uint16_t)(l->port << 8 | l->port >> 8));
	mnl_attr_put_u8(q->h, IFLA_VXLAN_LEARNING, 0);
	mnl_attr_nest_end(q->h, data);
}

static void put_veth(struct request *q, const struct net_link_new *l)
{
	struct nlattr *data = mnl_attr_nest_start(q->h, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(q->h, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(q->h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(q->h, IFLA_IFNAME, l->peer);
	if (l->mtu)
		mnl_attr_put_u32(q->h, IFLA_MTU, l->mtu);
	if (l->peer_netns)
		mnl_attr_put_u32(q->h, IFLA_NET_NS_FD, (uint32_t)l->peer_netns);
	mnl_attr_nest_end(q->h, peer);
	mnl_attr_nest_end(q->h, data);
}

int net_link_add(const struct net_link_new *l, struct err *e)
{
	struct request q;
	begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(q.h, IFLA_IFNAME, l->name);
	if (l->mtu)
		mnl_attr_put_u32(q.h, IFLA_MTU, l->mtu);
	struct nlattr *info = mnl_attr_nest_start(q.h, IFLA_LINKINFO);
	mnl_attr_put_strz(q.h, IFLA_INFO_KIND, l->kind);
	if (!strcmp(l->kind, "veth"))
		put_veth(&q, l);
	else if (!strcmp(l->kind, "vxlan"))
		put_vxlan(&q, l);
	mnl_attr_nest_end(q.h, info);
	int r = talk(&q, NULL, NULL);
	return r ? err_sys(e, r, "make the %s interface %s", l->kind, l->name) : 0;
}

int net_link_del(const char *name, struct err *e)
{
	struct request q;
	begin(&q, RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(q.h, IFLA_IFNAME, name);
	int r = talk(&q, NULL, NULL);
	return r && r != -ENODEV ? err_sys(e, r, "delete the interface %s", name) : 0;
}

/* Bridge ports take their own message family. */
static int set_hairpin(int index, bool on)
{
	struct request q;
	struct ifinfomsg *m = begin(&q, RTM_SETLINK, NLM_F_ACK, sizeof *m);
	m->ifi_family = AF_BRIDGE;
	m->ifi_index = index;
	struct nlattr *port = mnl_attr_nest_start(q.h, IFLA_PROTINFO);
	mnl_attr_put_u8(q.h, IFLA_BRPORT_MODE, on);
	mnl_attr_nest_end(q.h, port);
	return talk(&q, NULL, NULL);
}

static void put_change(struct request *q, struct ifinfomsg *m, const struct net_link_change *c)
{
	if (c->mask & (NET_SET_UP | NET_SET_DOWN))
		m->ifi_change = IFF_UP, m->ifi_flags = c->mask & NET_SET_UP ? IFF_UP : 0;
	if (c->mask & NET_SET_MTU)
		mnl_attr_put_u32(q->h, IFLA_MTU, c->mtu);
	if (c->mask & NET_SET_MASTER)
		mnl_attr_put_u32(q->h, IFLA_MASTER, c->master[0] ? (uint32_t)net_link_index(c->master) : 0);
	if (c->mask & NET_SET_NAME)
		mnl_attr_put_strz(q->h, IFLA_IFNAME, c->name);
	if (c->mask & NET_SET_NETNS)
		mnl_attr_put_u32(q->h, IFLA_NET_NS_FD, (uint32_t)c->netns);
}

int net_link_set(const char *name, const struct net_link_change *c, struct err *e)
{
	struct request q;
	int index = net_link_index(name);
	if (!index)
		return err_sys(e, ENODEV, "interface %s", name);
	if ((c->mask & NET_SET_MASTER) && c->master[0] && !net_link_index(c->master))
		return err_sys(e, ENODEV, "interface %s", c->master);
	struct ifinfomsg *m = begin(&q, RTM_NEWLINK, NLM_F_ACK, sizeof *m);
	m->ifi_index = index;
	put_change(&q, m, c);
	int r = talk(&q, NULL, NULL);
	if (!r && (c->mask & NET_SET_HAIRPIN))
		r = set_hairpin(index, c->hairpin);
	return r ? err_sys(e, r, "change the interface %s", name) : 0;
}

static size_t ip_bytes(const struct net_ip *ip)
{
	return ip->family == AF_INET ? 4 : 16;
}

static int change_addr(uint16_t type, uint16_t flags, const char *link, const struct net_ip *ip)
{
	struct request q;
	int index = net_link_index(link);
	if (!index)
		return -ENODEV;
	struct ifaddrmsg *m = begin(&q, type, (uint16_t)(flags | NLM_F_ACK), sizeof *m);
	*m = (struct ifaddrmsg){.ifa_family = ip->family, .ifa_prefixlen = ip->prefix, .ifa_index = (uint32_t)index};
	/* A freshly made address must be usable at once. */
	if (ip->family == AF_INET6)
		m->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(q.h, IFA_LOCAL, ip_bytes(ip), ip->ip);
	mnl_attr_put(q.h, IFA_ADDRESS, ip_bytes(ip), ip->ip);
	return talk(&q, NULL, NULL);
}

int net_addr_add(const char *link, const struct net_ip *ip, struct err *e)
{
	int r = change_addr(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, ip);
	return r && r != -EEXIST ? err_sys(e, r, "add an address to %s", link) : 0;
}

int net_addr_del(const char *link, const struct net_ip *ip, struct err *e)
{
	int r = change_addr(RTM_DELADDR, 0, link, ip);
	return r && r != -EADDRNOTAVAIL && r != -ENODEV ? err_sys(e, r, "remove an address from %s", link) : 0;
}

static int change_route(uint16_t type, uint16_t flags, const struct net_route *r)
{
	struct request q;
	struct rtmsg *m = begin(&q, type, (uint16_t)(flags | NLM_F_ACK), sizeof *m);
	*m = (struct rtmsg){.rtm_family = r->dst.family, .rtm_dst_len = r->dst.prefix, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST,
		.rtm_protocol = r->protocol ? r->protocol : RTPROT_STATIC};
	m->rtm_scope = r->scope ? r->scope : r->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (type == RTM_DELROUTE)
		m->rtm_scope = RT_SCOPE_NOWHERE, m->rtm_protocol = r->protocol;
	if (r->dst.prefix)
		mnl_attr_put(q.h, RTA_DST, ip_bytes(&r->dst), r->dst.ip);
	if (r->via.family)
		mnl_attr_put(q.h, RTA_GATEWAY, ip_bytes(&r->via), r->via.ip);
	if (r->src.family)
		mnl_attr_put(q.h, RTA_PREFSRC, ip_bytes(&r->src), r->src.ip);
	if (r->metric)
		mnl_attr_put_u32(q.h, RTA_PRIORITY, r->metric);
	if (r->table)
		mnl_attr_put_u32(q.h, RTA_TABLE, r->table);
	if (r->link[0]) {
		int index = net_link_index(r->link);
		if (!index)
			return -ENODEV;
		mnl_attr_put_u32(q.h, RTA_OIF, (uint32_t)index);
	}
	return talk(&q, NULL, NULL);
}

static int route_error(int r, const struct net_route *route, const char *what, struct err *e)
{
	BUF(b);
	net_cidr_put(&b, &route->dst);
	return err_sys(e, r, "%s the route to %s", what, buf_z(&b));
}

int net_route_add(const struct net_route *route, struct err *e)
{
	int r = change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
	return r ? route_error(r, route, "add", e) : 0;
}

int net_route_del(const struct net_route *route, struct err *e)
{
	int r = change_route(RTM_DELROUTE, 0, route);
	return r && r != -ESRCH && r != -ENODEV ? route_error(r, route, "delete", e) : 0;
}
