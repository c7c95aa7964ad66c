#include "cmd/address.h"
#include "base/buf.h"
#include "net/addr.h"
#include "os/netlink.h"
#include <sys/socket.h>

static bool is_reachable(struct str address)
{
	struct ipaddr ip;
	return !str_is(address, "0.0.0.0") && !str_is(address, "::") && ipaddr_parse(address, &ip) == 0 && !ipaddr_is_loopback(ip);
}

struct str address_advertised(struct arena *a, struct str bind_address)
{
	struct net_ip ip;
	char link[16];
	BUF(text);
	ERR(e);
	if (is_reachable(bind_address))
		return bind_address;
	if (net_default_addr(AF_INET, &ip, link, &e) < 0)
		return (struct str){0};
	net_ip_put(&text, &ip);
	return buf_take(&text, a);
}
