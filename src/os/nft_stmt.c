/* The statements that rules are made of: how each reads and how the kernel wants it. */
#include "os/nft_impl.h"
#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define CT_STATE_NEW_BIT 8

/* ---- text ---- */

static const char *proto_name(uint32_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : proto == IPPROTO_SCTP ? "sctp" : NULL;
}

static void put_proto(struct buf *out, uint32_t proto)
{
	if (proto_name(proto))
		buf_str(out, str_of(proto_name(proto)));
	else
		buf_u64(out, proto);
}

static void put_net(struct buf *out, const struct net_ip *ip)
{
	if (ip->prefix == (ip->family == AF_INET ? 32 : 128))
		net_ip_put(out, ip);
	else
		net_cidr_put(out, ip);
}

void nft_value_text(struct buf *out, const struct nft_value *v)
{
	if (v->type == NFT_T_IPV4 || v->type == NFT_T_IPV6)
		put_net(out, &v->ip);
	else if (v->type == NFT_T_PROTO)
		put_proto(out, v->num);
	else
		buf_printf(out, v->type == NFT_T_MARK ? "0x%08x" : "%u", v->num);
}

void nft_verdict_text(struct buf *out, const struct nft_verdict *v)
{
	static const char *const words[] = {"", "accept", "drop", "return", "jump", "goto", "reject"};
	buf_str(out, str_of(words[v->kind]));
	if (v->kind == NFT_V_JUMP || v->kind == NFT_V_GOTO)
		buf_printf(out, " %.*s", STR_F(v->chain));
}

static const char *field_name(enum nft_field f, int family)
{
	bool v6 = family == NFPROTO_IPV6;
	switch (f) {
	case NFT_F_SADDR: return v6 ? "ip6 saddr" : "ip saddr";
	case NFT_F_DADDR: return v6 ? "ip6 daddr" : "ip daddr";
	case NFT_F_L4PROTO: return "meta l4proto";
	default: return "th dport";
	}
}

static void put_fields(struct buf *out, int family, const struct nft_stmt *s)
{
	for (int i = 0; i < s->nfields; i++)
		buf_printf(out, "%s%s", i ? " . " : "", field_name(s->fields[i], family));
}

static void text_ct_state(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "ct state new");
}

static void text_ct_status(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "ct status dnat");
}

static void text_verdict(struct buf *out, int family, const struct nft_stmt *s)
{
	nft_verdict_text(out, &s->verdict);
}

static void text_l4proto(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "meta l4proto ");
	put_proto(out, s->num);
}

static void text_addr(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "%s %s%s", field_name(s->fields[0], family), s->invert ? "!= " : "", s->nips > 1 ? "{ " : "");
	for (uint32_t i = 0; i < s->nips; i++) {
		buf_str(out, i ? STR(", ") : STR(""));
		put_net(out, &s->ips[i]);
	}
	if (s->nips > 1)
		buf_lit(out, " }");
}

static void text_lookup(struct buf *out, int family, const struct nft_stmt *s)
{
	put_fields(out, family, s);
	buf_printf(out, " %s@%.*s", s->invert ? "!= " : "", STR_F(s->name));
}

static void text_vmap(struct buf *out, int family, const struct nft_stmt *s)
{
	put_fields(out, family, s);
	buf_printf(out, " vmap @%.*s", STR_F(s->name));
}

static void text_mark_or(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "meta mark set meta mark | 0x%08x", s->num);
}

static void text_mark_xor(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "meta mark set meta mark ^ 0x%08x", s->num);
}

static void text_mark_test(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "meta mark & 0x%08x %s 0x00000000", s->num, s->invert ? "==" : "!=");
}

static void text_masquerade(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "masquerade fully-random");
}

static void text_dnat(struct buf *out, int family, const struct nft_stmt *s)
{
	bool v6 = s->to[0].ip.family == AF_INET6;
	buf_printf(out, "dnat to %s", v6 ? "[" : "");
	net_ip_put(out, &s->to[0].ip);
	buf_printf(out, "%s:%u", v6 ? "]" : "", s->to[1].num);
}

static void text_dnat_numgen(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "dnat %s to numgen random mod %u map { ", family == NFPROTO_IPV6 ? "ip6" : "ip", s->ntargets);
	for (uint32_t i = 0; i < s->ntargets; i++) {
		buf_printf(out, "%s%u : ", i ? ", " : "", i);
		nft_value_text(out, &s->targets[i].v[0]);
		buf_printf(out, " . %u", s->targets[i].v[1].num);
	}
	buf_lit(out, " }");
}

static void text_vmap_numgen(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "numgen random mod %u vmap { ", s->ntargets);
	for (uint32_t i = 0; i < s->ntargets; i++)
		buf_printf(out, "%s%u : goto %.*s", i ? ", " : "", i, STR_F(s->chains[i]));
	buf_lit(out, " }");
}

static void text_update(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "update @%.*s { ", STR_F(s->name));
	put_fields(out, family, s);
	buf_lit(out, " }");
}

static void text_fib_local(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "fib ");
	buf_str(out, s->fields[0] == NFT_F_DADDR ? STR("daddr") : STR("saddr"));
	buf_lit(out, " type local");
}

static void text_iifname(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "iifname %s\"%.*s\"", s->invert ? "!= " : "", STR_F(s->name));
}

static void text_dport(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_printf(out, "th dport %u", s->num);
}

static void text_counter(struct buf *out, int family, const struct nft_stmt *s)
{
	buf_lit(out, "counter");
}

/* ---- encoding ---- */

/* Registers are counted in words of 4 bytes; word 0 is the first register of either size. */
static uint32_t reg(unsigned word)
{
	return NFT_REG32_00 + word;
}

static struct nftnl_expr *add_expr(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *x = nftnl_expr_alloc(name);
	if (!x)
		abort();
	nftnl_rule_add_expr(r, x);
	return x;
}

static void meta_load(struct nftnl_rule *r, uint32_t key, unsigned word)
{
	struct nftnl_expr *x = add_expr(r, "meta");
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, reg(word));
}

static void payload_load(struct nftnl_rule *r, uint32_t base, uint32_t offset, uint32_t len, unsigned word)
{
	struct nftnl_expr *x = add_expr(r, "payload");
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, reg(word));
}

static void compare(struct nftnl_rule *r, uint32_t op, const void *p, uint32_t n)
{
	struct nftnl_expr *x = add_expr(r, "cmp");
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, reg(0));
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, p, n);
}

static void compare_u32(struct nftnl_rule *r, uint32_t op, uint32_t v)
{
	compare(r, op, &v, sizeof v);
}

static void bitwise(struct nftnl_rule *r, const void *mask, const void *xor, uint32_t n)
{
	struct nftnl_expr *x = add_expr(r, "bitwise");
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, reg(0));
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, reg(0));
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, n);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, mask, n);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, xor, n);
}

static void bitwise_u32(struct nftnl_rule *r, uint32_t mask, uint32_t xor)
{
	bitwise(r, &mask, &xor, sizeof mask);
}

static void ct_load(struct nftnl_rule *r, uint32_t key)
{
	struct nftnl_expr *x = add_expr(r, "ct");
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_DREG, reg(0));
}

static uint32_t addr_len(const struct nft_table *t)
{
	return t->family == NFPROTO_IPV6 ? 16 : 4;
}

static void load_addr(struct nftnl_rule *r, const struct nft_table *t, enum nft_field f, unsigned word)
{
	uint32_t n = addr_len(t), first = n == 16 ? 8 : 12;
	payload_load(r, NFT_PAYLOAD_NETWORK_HEADER, f == NFT_F_SADDR ? first : first + n, n, word);
}

/* Loads the fields side by side into the registers. */
static void load_fields(struct nftnl_rule *r, const struct nft_table *t, const struct nft_stmt *s)
{
	unsigned word = 0;
	for (int i = 0; i < s->nfields; i++) {
		bool addr = s->fields[i] == NFT_F_SADDR || s->fields[i] == NFT_F_DADDR;
		if (addr)
			load_addr(r, t, s->fields[i], word);
		else if (s->fields[i] == NFT_F_L4PROTO)
			meta_load(r, NFT_META_L4PROTO, word);
		else
			payload_load(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
		word += addr ? addr_len(t) / 4 : 1;
	}
}

static struct nftnl_expr *lookup(struct nft_batch *b, struct nftnl_rule *r, struct str set)
{
	struct nftnl_expr *x = add_expr(r, "lookup");
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SREG, reg(0));
	nftnl_expr_set_str(x, NFTNL_EXPR_LOOKUP_SET, nft_z(b, set));
	return x;
}

static uint32_t verdict_code(enum nft_verdict_kind k)
{
	static const int codes[] = {NF_ACCEPT, NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO, NF_DROP};
	return (uint32_t)codes[k];
}

static void put_reject(const struct nft_table *t, struct nftnl_rule *r)
{
	struct nftnl_expr *x = add_expr(r, "reject");
	nftnl_expr_set_u32(x, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
	nftnl_expr_set_u8(x, NFTNL_EXPR_REJECT_CODE, t->family == NFPROTO_IPV6 ? 4 : 3); /* port unreachable */
}

static void enc_verdict(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	if (s->verdict.kind == NFT_V_REJECT) {
		put_reject(t, r);
		return;
	}
	struct nftnl_expr *x = add_expr(r, "immediate");
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, verdict_code(s->verdict.kind));
	if (s->verdict.kind == NFT_V_JUMP || s->verdict.kind == NFT_V_GOTO)
		nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, nft_z(b, s->verdict.chain));
}

static void enc_ct_state(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	ct_load(r, NFT_CT_STATE);
	bitwise_u32(r, CT_STATE_NEW_BIT, 0);
	compare_u32(r, NFT_CMP_NEQ, 0);
}

static void enc_ct_status(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	ct_load(r, NFT_CT_STATUS);
	bitwise_u32(r, IPS_DST_NAT, 0);
	compare_u32(r, NFT_CMP_NEQ, 0);
}

static void enc_l4proto(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	uint8_t proto = (uint8_t)s->num;
	meta_load(r, NFT_META_L4PROTO, 0);
	compare(r, NFT_CMP_EQ, &proto, 1);
}

static void make_mask(uint8_t mask[16], unsigned prefix)
{
	memset(mask, 0, 16);
	for (unsigned i = 0; i < prefix; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* Ranges of an interval set: an element where each begins, and one marked as end where it is over; what lies before the first is an end too. */
struct edge { uint8_t ip[16]; bool end; };
struct edges { struct edge v[2 * 64 + 1]; uint32_t n; };
#define RANGES_MAX 64

static int cmp_ip(const void *a, const void *b)
{
	return net_ip_cmp(a, b);
}

/* The first address behind the network; false when it is the last of the address space. */
static bool behind(const struct net_ip *ip, uint32_t n, uint8_t next[16])
{
	uint8_t mask[16];
	make_mask(mask, ip->prefix);
	for (uint32_t i = 0; i < n; i++)
		next[i] = (uint8_t)(ip->ip[i] | (uint8_t)~mask[i]);
	for (uint32_t i = n; i-- > 0;)
		if (++next[i])
			return true;
	return false;
}

/* Sorted and joined, so that overlapping and adjacent networks are one range. */
static void make_edges(struct edges *out, const struct net_ip *ips, uint32_t nips, uint32_t n)
{
	struct net_ip sorted[RANGES_MAX];
	static const uint8_t zero[16];
	uint32_t count = nips < RANGES_MAX ? nips : RANGES_MAX;
	memcpy(sorted, ips, count * sizeof *ips);
	qsort(sorted, count, sizeof *sorted, cmp_ip);
	out->n = 0;
	if (memcmp(sorted[0].ip, zero, n))
		out->v[out->n++] = (struct edge){.end = true};
	for (uint32_t i = 0; i < count; i++) {
		uint8_t next[16] = {0};
		bool bounded = behind(&sorted[i], n, next);
		bool joins = out->n > 0 && out->v[out->n - 1].end && i > 0 && memcmp(sorted[i].ip, out->v[out->n - 1].ip, n) <= 0;
		bool inside = joins && bounded && memcmp(next, out->v[out->n - 1].ip, n) <= 0;
		if (inside)
			continue;
		if (joins)
			out->n--;
		else
			memcpy(out->v[out->n].ip, sorted[i].ip, 16), out->v[out->n++].end = false;
		if (!bounded)
			return;
		memcpy(out->v[out->n].ip, next, 16);
		out->v[out->n++].end = true;
	}
}

static void fill_edge(struct nftnl_set_elem *el, const struct nft_stmt *s, uint32_t i)
{
	struct edges e;
	uint32_t n = s->ips[0].family == AF_INET ? 4 : 16;
	make_edges(&e, s->ips, s->nips, n);
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_KEY, e.v[i].ip, n);
	if (e.v[i].end)
		nftnl_set_elem_set_u32(el, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
}

static void enc_addr_set(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	struct edges e;
	make_edges(&e, s->ips, s->nips, addr_len(t));
	struct nft_anon set = {.key = t->family == NFPROTO_IPV6 ? NFT_T_IPV6 : NFT_T_IPV4, .flags = NFT_SET_INTERVAL, .n = e.n, .fill = fill_edge};
	load_addr(r, t, s->fields[0], 0);
	struct nftnl_expr *x = lookup(b, r, STR("__set%d"));
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SET_ID, nft_batch_anon(b, t, &set, s));
	if (s->invert)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void enc_addr(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	uint8_t mask[16], zero[16] = {0}, want[16];
	uint32_t n = addr_len(t);
	if (s->nips != 1) {
		if (s->nips)
			enc_addr_set(b, t, r, s);
		return;
	}
	load_addr(r, t, s->fields[0], 0);
	make_mask(mask, s->ips->prefix);
	if (s->ips->prefix < n * 8)
		bitwise(r, mask, zero, n);
	for (uint32_t i = 0; i < n; i++)
		want[i] = s->ips->ip[i] & mask[i];
	compare(r, s->invert ? NFT_CMP_NEQ : NFT_CMP_EQ, want, n);
}

static void enc_lookup(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	load_fields(r, t, s);
	struct nftnl_expr *x = lookup(b, r, s->name);
	if (s->invert)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void enc_vmap(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	load_fields(r, t, s);
	nftnl_expr_set_u32(lookup(b, r, s->name), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void mark_change(struct nftnl_rule *r, uint32_t mask, uint32_t xor)
{
	meta_load(r, NFT_META_MARK, 0);
	bitwise_u32(r, mask, xor);
	struct nftnl_expr *x = add_expr(r, "meta");
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_SREG, reg(0));
}

static void enc_mark_or(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	mark_change(r, ~s->num, s->num);
}

static void enc_mark_xor(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	mark_change(r, ~0u, s->num);
}

static void enc_mark_test(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	meta_load(r, NFT_META_MARK, 0);
	bitwise_u32(r, s->num, 0);
	compare_u32(r, s->invert ? NFT_CMP_EQ : NFT_CMP_NEQ, 0);
}

static void enc_masquerade(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	nftnl_expr_set_u32(add_expr(r, "masq"), NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
}

static void immediate(struct nftnl_rule *r, unsigned word, const void *p, uint32_t n)
{
	struct nftnl_expr *x = add_expr(r, "immediate");
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, reg(word));
	nftnl_expr_set(x, NFTNL_EXPR_IMM_DATA, p, n);
}

static void put_dnat(const struct nft_table *t, struct nftnl_rule *r)
{
	struct nftnl_expr *x = add_expr(r, "nat");
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_FAMILY, (uint32_t)t->family);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_ADDR_MIN, reg(0));
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_PROTO_MIN, reg(addr_len(t) / 4));
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED | NF_NAT_RANGE_MAP_IPS);
}

static void enc_dnat(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	uint16_t port = htons((uint16_t)s->to[1].num);
	immediate(r, 0, s->to[0].ip.ip, addr_len(t));
	immediate(r, addr_len(t) / 4, &port, sizeof port);
	put_dnat(t, r);
}

static void numgen(struct nftnl_rule *r, uint32_t mod)
{
	struct nftnl_expr *x = add_expr(r, "numgen");
	nftnl_expr_set_u32(x, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NG_MODULUS, mod);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NG_DREG, reg(0));
}

static void fill_target(struct nftnl_set_elem *el, const struct nft_stmt *s, uint32_t i)
{
	struct nft_raw data;
	nft_raw_key(&data, &s->targets[i]);
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_KEY, &i, sizeof i);
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_DATA, data.p, data.n);
}

static void enc_dnat_numgen(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	struct nft_anon map = {.key = NFT_T_INTEGER, .data = {t->family == NFPROTO_IPV6 ? NFT_T_IPV6 : NFT_T_IPV4, NFT_T_PORT}, .ndata = 2,
		.flags = NFT_SET_MAP, .n = s->ntargets, .fill = fill_target};
	uint32_t id = nft_batch_anon(b, t, &map, s);
	numgen(r, s->ntargets);
	struct nftnl_expr *x = lookup(b, r, STR("__map%d"));
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SET_ID, id);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_DREG, reg(0));
	put_dnat(t, r);
}

/* The chain's name is not copied by the element's setter alone: libnftnl duplicates it, so a stack copy is enough. */
static void fill_goto(struct nftnl_set_elem *el, const struct nft_stmt *s, uint32_t i)
{
	char name[256];
	size_t n = s->chains[i].n < sizeof name ? s->chains[i].n : sizeof name - 1;
	memcpy(name, s->chains[i].p, n);
	name[n] = 0;
	nftnl_set_elem_set(el, NFTNL_SET_ELEM_KEY, &i, sizeof i);
	nftnl_set_elem_set_u32(el, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
	nftnl_set_elem_set_str(el, NFTNL_SET_ELEM_CHAIN, name);
}

static void enc_vmap_numgen(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	struct nft_anon map = {.key = NFT_T_INTEGER, .data = {NFT_T_VERDICT}, .ndata = 1, .flags = NFT_SET_MAP, .n = s->ntargets, .fill = fill_goto};
	uint32_t id = nft_batch_anon(b, t, &map, s);
	numgen(r, s->ntargets);
	struct nftnl_expr *x = lookup(b, r, STR("__map%d"));
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SET_ID, id);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void enc_update(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	load_fields(r, t, s);
	struct nftnl_expr *x = add_expr(r, "dynset");
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_SREG_KEY, reg(0));
	nftnl_expr_set_str(x, NFTNL_EXPR_DYNSET_SET_NAME, nft_z(b, s->name));
}

static void enc_fib_local(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	struct nftnl_expr *x = add_expr(r, "fib");
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, s->fields[0] == NFT_F_DADDR ? NFTA_FIB_F_DADDR : NFTA_FIB_F_SADDR);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, reg(0));
	compare_u32(r, NFT_CMP_EQ, RTN_LOCAL);
}

/* "veth*" compares the bytes before the star, a whole name all 16 with its padding. */
static void enc_iifname(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	char name[16] = {0};
	bool prefix = str_has_suffix(s->name, STR("*"));
	size_t n = s->name.n - prefix < sizeof name - 1 ? s->name.n - prefix : sizeof name - 1;
	memcpy(name, s->name.p, n);
	meta_load(r, NFT_META_IIFNAME, 0);
	compare(r, s->invert ? NFT_CMP_NEQ : NFT_CMP_EQ, name, prefix ? (uint32_t)n : sizeof name);
}

static void enc_dport(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	uint16_t port = htons((uint16_t)s->num);
	payload_load(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	compare(r, NFT_CMP_EQ, &port, sizeof port);
}

static void enc_counter(struct nft_batch *b, const struct nft_table *t, struct nftnl_rule *r, const struct nft_stmt *s)
{
	add_expr(r, "counter");
}

const struct nft_row nft_rows[NFT_STMTS] = {
	[NFT_S_CT_STATE_NEW] = {text_ct_state, enc_ct_state},
	[NFT_S_CT_STATUS_DNAT] = {text_ct_status, enc_ct_status},
	[NFT_S_VERDICT] = {text_verdict, enc_verdict},
	[NFT_S_L4PROTO] = {text_l4proto, enc_l4proto},
	[NFT_S_ADDR] = {text_addr, enc_addr},
	[NFT_S_LOOKUP] = {text_lookup, enc_lookup},
	[NFT_S_VMAP] = {text_vmap, enc_vmap},
	[NFT_S_MARK_OR] = {text_mark_or, enc_mark_or},
	[NFT_S_MARK_XOR] = {text_mark_xor, enc_mark_xor},
	[NFT_S_MARK_TEST] = {text_mark_test, enc_mark_test},
	[NFT_S_MASQUERADE] = {text_masquerade, enc_masquerade},
	[NFT_S_DNAT] = {text_dnat, enc_dnat},
	[NFT_S_DNAT_NUMGEN] = {text_dnat_numgen, enc_dnat_numgen},
	[NFT_S_VMAP_NUMGEN] = {text_vmap_numgen, enc_vmap_numgen},
	[NFT_S_UPDATE] = {text_update, enc_update},
	[NFT_S_FIB_LOCAL] = {text_fib_local, enc_fib_local},
	[NFT_S_IIFNAME] = {text_iifname, enc_iifname},
	[NFT_S_DPORT] = {text_dport, enc_dport},
	[NFT_S_COUNTER] = {text_counter, enc_counter},
};
