#include "api/ip.h"

static int width(struct ip ip) { return ip.v4 ? 32 : 128; }
static int first_byte(struct ip ip) { return ip.v4 ? 12 : 0; }

static int parse_v4(struct str s, bool legacy, uint8_t out[4])
{
	struct str piece;
	int n = 0;
	while (str_next(&s, '.', &piece)) {
		uint64_t v;
		if (n == 4 || !piece.n || piece.n > 3 || str_u64(piece, &v) || v > 255 || (!legacy && piece.n > 1 && piece.p[0] == '0'))
			return -1;
		out[n++] = (uint8_t)v;
	}
	return n == 4 ? 0 : -1;
}

static int hex_group(struct str s, uint16_t *ret)
{
	unsigned v = 0;
	if (!s.n || s.n > 4)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] | 0x20;
		int d = s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (d < 0)
			return -1;
		v = v << 4 | (unsigned)d;
	}
	*ret = (uint16_t)v;
	return 0;
}

/* Groups between colons, the last may be an IPv4 address.  Returns how many bytes were written, or -1. */
static int parse_groups(struct str s, uint8_t *out, int room)
{
	struct str piece;
	int n = 0;
	if (!s.n)
		return 0;
	while (str_next(&s, ':', &piece)) {
		uint16_t g;
		if (str_index(piece, '.', 0) >= 0 && !s.p)
			return n + 4 > room || parse_v4(piece, false, out + n) ? -1 : n + 4;
		if (n + 2 > room || hex_group(piece, &g))
			return -1;
		out[n++] = (uint8_t)(g >> 8);
		out[n++] = (uint8_t)g;
	}
	return n;
}

static int parse_v6(struct str s, uint8_t out[16])
{
	uint8_t tail[16];
	ptrdiff_t gap = str_find(s, STR("::"));
	memset(out, 0, 16);
	if (gap < 0)
		return parse_groups(s, out, 16) == 16 ? 0 : -1;
	int head = parse_groups(str_sub(s, 0, (size_t)gap), out, 14);
	int n = head < 0 ? -1 : parse_groups(str_sub(s, (size_t)gap + 2, s.n), tail, 14 - head);
	if (n < 0)
		return -1;
	memcpy(out + 16 - n, tail, (size_t)n);
	return 0;
}

static bool is_mapped(const uint8_t b[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, 0xff};
	return memcmp(b, prefix, 12) == 0;
}

int ip_parse(struct str s, bool legacy, struct ip *ret)
{
	struct ip ip = {.set = true};
	if (str_index(s, ':', 0) < 0) {
		ip = ip_v4(0, 0, 0, 0);
		if (parse_v4(s, legacy, ip.b + 12))
			return -1;
	} else {
		if (parse_v6(s, ip.b))
			return -1;
		ip.v4 = is_mapped(ip.b);
		if (ip.v4 && !legacy)
			return -1;
	}
	*ret = ip;
	return 0;
}

int cidr_parse(struct str s, bool legacy, struct cidr *ret)
{
	struct str ip, bits;
	struct cidr c;
	uint64_t n;
	if (!str_cut(s, '/', &ip, &bits) || ip_parse(ip, legacy, &c.ip) || !bits.n || bits.n > 3 || str_u64(bits, &n))
		return -1;
	if (n > (uint64_t)width(c.ip) || (!legacy && bits.n > 1 && bits.p[0] == '0'))
		return -1;
	c.bits = (int)n;
	*ret = c;
	return 0;
}

static unsigned group(const uint8_t *b, int i) { return (unsigned)b[i * 2] << 8 | b[i * 2 + 1]; }

/* The longest run of two or more zero groups, the first of equals; its length is returned. */
static int zero_run(const uint8_t *b, int *at)
{
	int best = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && !group(b, i + n))
			n++;
		if (n > best)
			best = n, *at = i;
	}
	return best > 1 ? best : 0;
}

static void write_v6(struct buf *out, const uint8_t *b)
{
	int at = -1, run = zero_run(b, &at);
	for (int i = 0; i < 8; i++) {
		if (run && i == at) {
			buf_lit(out, "::");
			i += run - 1;
			continue;
		}
		if (i && !(run && i == at + run))
			buf_char(out, ':');
		buf_printf(out, "%x", group(b, i));
	}
}

void ip_write(struct buf *out, struct ip ip)
{
	if (!ip.set)
		return;
	if (ip.v4)
		buf_printf(out, "%d.%d.%d.%d", ip.b[12], ip.b[13], ip.b[14], ip.b[15]);
	else
		write_v6(out, ip.b);
}

struct str ip_text(struct arena *a, struct ip ip)
{
	BUF(b);
	ip_write(&b, ip);
	return buf_take(&b, a);
}

void cidr_write(struct buf *out, struct cidr c)
{
	ip_write(out, c.ip);
	buf_printf(out, "/%d", c.bits);
}

struct str cidr_text(struct arena *a, struct cidr c)
{
	BUF(b);
	cidr_write(&b, c);
	return buf_take(&b, a);
}

int ip_cmp(struct ip x, struct ip y)
{
	if (x.set != y.set)
		return x.set ? 1 : -1;
	return memcmp(x.b, y.b, 16);
}

bool ip_is_loopback(struct ip ip)
{
	static const uint8_t one[16] = {[15] = 1};
	return ip.v4 ? ip.b[12] == 127 : memcmp(ip.b, one, 16) == 0;
}

bool ip_is_unspecified(struct ip ip)
{
	static const uint8_t zero[16];
	return ip.set && memcmp(ip.b + first_byte(ip), zero, ip.v4 ? 4 : 16) == 0;
}

bool ip_is_link_local(struct ip ip) { return ip.v4 ? ip.b[12] == 169 && ip.b[13] == 254 : ip.b[0] == 0xfe && (ip.b[1] & 0xc0) == 0x80; }
bool ip_is_multicast(struct ip ip) { return ip.v4 ? (ip.b[12] & 0xf0) == 0xe0 : ip.b[0] == 0xff; }

bool ip_is_link_local_multicast(struct ip ip)
{
	return ip.v4 ? ip.b[12] == 224 && !ip.b[13] && !ip.b[14] : ip.b[0] == 0xff && (ip.b[1] & 0x0f) == 2;
}

struct cidr cidr_network(struct cidr c)
{
	int keep = c.bits + 128 - width(c.ip);
	for (int i = 0; i < 16; i++) {
		int bits = keep - i * 8;
		c.ip.b[i] &= bits >= 8 ? 0xff : bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
	}
	return c;
}

bool cidr_contains(struct cidr c, struct ip ip)
{
	return ip.set && ip.v4 == c.ip.v4 && ip_eq(cidr_network((struct cidr){ip, c.bits}).ip, cidr_network(c).ip);
}

bool cidr_overlaps(struct cidr x, struct cidr y) { return x.bits <= y.bits ? cidr_contains(x, y.ip) : cidr_contains(y, x.ip); }

int64_t cidr_size(struct cidr c)
{
	int host = width(c.ip) - c.bits;
	return host >= 63 ? INT64_MAX : (int64_t)1 << host;
}

struct ip cidr_at(struct cidr c, uint64_t n)
{
	struct ip ip = cidr_network(c).ip;
	for (int i = 15; i >= 0 && n; i--) {
		n += ip.b[i];
		ip.b[i] = (uint8_t)n;
		n >>= 8;
	}
	return ip;
}

uint64_t cidr_index(struct cidr c, struct ip ip)
{
	struct ip base = cidr_network(c).ip;
	uint64_t x = 0, y = 0;
	for (int i = 8; i < 16; i++) {
		x = x << 8 | ip.b[i];
		y = y << 8 | base.b[i];
	}
	return x - y;
}

void ip_reverse_name(struct buf *out, struct ip ip)
{
	for (int i = 15; i >= first_byte(ip); i--) {
		if (ip.v4)
			buf_printf(out, "%d.", ip.b[i]);
		else
			buf_printf(out, "%x.%x.", ip.b[i] & 15, ip.b[i] >> 4);
	}
	buf_printf(out, ip.v4 ? "in-addr.arpa." : "ip6.arpa.");
}
