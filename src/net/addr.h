/* IP addresses, host:port texts, and listening sockets.  (Ranges, and the forms the API allows: api/ip.h.) */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <netinet/in.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address; IPv4 lies in the first 4 bytes. */
struct ipaddr {
	uint8_t family; /* 0 (none), 4 or 6 */
	uint8_t b[16];
};
#define IP_TEXT 46
/* As Go's netip.ParseAddr: no leading zeros in IPv4, no zone, no brackets; -1 when s is none.  IPv4-mapped IPv6 becomes IPv4. */
int ipaddr_parse(struct str s, struct ipaddr *ret) must_check;
struct str ipaddr_text(struct ipaddr ip, char out[IP_TEXT]); /* canonical (RFC 5952) */
bool ipaddr_eq(struct ipaddr a, struct ipaddr b);
int ipaddr_cmp(struct ipaddr a, struct ipaddr b);
bool ipaddr_is_loopback(struct ipaddr ip);

/* "host:port", "[::1]:port", ":port"; host may come out empty.  -1 without a port. */
int host_port_split(struct str s, struct str *ret_host, struct str *ret_port) must_check;
/* Brackets around IPv6. */
struct str host_port_join(struct arena *a, struct str host, unsigned port);

struct addr {
	struct sockaddr_storage ss;
	socklen_t n;
};
struct addr addr_of_ip(struct ipaddr ip, uint16_t port);
struct ipaddr addr_ip(const struct addr *a); /* family 0 for unix sockets */
uint16_t addr_port(const struct addr *a);
#define ADDR_TEXT 120
struct str addr_text(const struct addr *a, char out[ADDR_TEXT]); /* "10.0.0.1:443", "[::1]:443", "unix:/path" or "@" */

/* Non-blocking, CLOEXEC listening sockets.  ip.family 0: all addresses, IPv6 and IPv4.  port 0: any; ret_port (may be NULL) tells which.
 * The fd, or -1 with a message that says what to do (address in use, permission). */
int listen_tcp(struct ipaddr ip, uint16_t port, uint16_t *ret_port, struct err *e);
/* Replaces a stale socket file; refuses when someone answers on it.  mode such as 0600. */
int listen_unix(const char *path, unsigned mode, struct err *e);
