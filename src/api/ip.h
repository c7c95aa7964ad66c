/* Addresses and ranges, as text in upstream's (Go's) form. */
#pragma once
#include "base/buf.h"

struct ip {
	uint8_t b[16]; /* IPv4 as ::ffff:a.b.c.d */
	bool set, v4;
};
struct cidr {
	struct ip ip;  /* as given; cidr_network masks it */
	int bits;      /* of 32 or 128 */
};
/* -1 when s is no address.  With `legacy` leading zeros in IPv4 and IPv4-mapped IPv6 are taken, as the API does for stored objects. */
int ip_parse(struct str s, bool legacy, struct ip *ret) must_check;
int cidr_parse(struct str s, bool legacy, struct cidr *ret) must_check;
void ip_write(struct buf *out, struct ip ip);
struct str ip_text(struct arena *a, struct ip ip);
void cidr_write(struct buf *out, struct cidr c);
struct str cidr_text(struct arena *a, struct cidr c);
static inline struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip){{[10] = 0xff, 0xff, a, b, c, d}, true, true};
}
int ip_cmp(struct ip x, struct ip y);
static inline bool ip_eq(struct ip x, struct ip y) { return ip_cmp(x, y) == 0; }
bool ip_is_loopback(struct ip ip);
bool ip_is_unspecified(struct ip ip);
bool ip_is_link_local(struct ip ip);  /* unicast */
bool ip_is_multicast(struct ip ip);
bool ip_is_link_local_multicast(struct ip ip);
struct cidr cidr_network(struct cidr c);
bool cidr_contains(struct cidr c, struct ip ip);
bool cidr_overlaps(struct cidr x, struct cidr y);
/* Addresses in the range, at most 2^63-1. */
int64_t cidr_size(struct cidr c);
/* The n-th address of the range (0 is the network address); n < cidr_size. */
struct ip cidr_at(struct cidr c, uint64_t n);
/* The index of an address in the range. */
uint64_t cidr_index(struct cidr c, struct ip ip);
/* "4.3.2.1.in-addr.arpa." or the ip6.arpa form. */
void ip_reverse_name(struct buf *out, struct ip ip);
