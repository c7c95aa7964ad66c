/* Addresses and prefixes as values: see netlink.h. */
#include "os/netlink.h"
#include <arpa/inet.h>

static uint8_t full_length(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

int net_ip_parse(struct str s, struct net_ip *ret)
{
	struct net_ip ip = {0};
	struct str text, length;
	char z[INET6_ADDRSTRLEN];
	uint64_t n;
	bool has_length = str_cut(s, '/', &text, &length);
	if (text.n >= sizeof z)
		return -1;
	memcpy(z, text.p, text.n);
	z[text.n] = 0;
	ip.family = memchr(z, ':', text.n) ? AF_INET6 : AF_INET;
	if (!text.n || inet_pton(ip.family, z, ip.ip) != 1)
		return -1;
	ip.prefix = full_length(ip.family);
	if (has_length && (str_u64(length, &n) || n > ip.prefix))
		return -1;
	if (has_length)
		ip.prefix = (uint8_t)n;
	*ret = ip;
	return 0;
}

void net_ip_put(struct buf *out, const struct net_ip *ip)
{
	char z[INET6_ADDRSTRLEN];
	if (ip->family && inet_ntop(ip->family, ip->ip, z, sizeof z))
		buf_str(out, str_of(z));
}

void net_cidr_put(struct buf *out, const struct net_ip *ip)
{
	net_ip_put(out, ip);
	buf_char(out, '/');
	buf_u64(out, ip->prefix);
}

bool net_ip_eq(const struct net_ip *a, const struct net_ip *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, a->family == AF_INET ? 4 : 16);
}

int net_ip_cmp(const struct net_ip *a, const struct net_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	int r = memcmp(a->ip, b->ip, a->family == AF_INET ? 4 : 16);
	return r ? r : (int)a->prefix - (int)b->prefix;
}

bool net_contains(const struct net_ip *net, const struct net_ip *ip)
{
	if (net->family != ip->family || !net->family)
		return false;
	unsigned whole = net->prefix / 8, rest = net->prefix % 8;
	if (memcmp(net->ip, ip->ip, whole))
		return false;
	uint8_t mask = (uint8_t)(0xff00 >> rest);
	return !rest || ((net->ip[whole] ^ ip->ip[whole]) & mask) == 0;
}
