/* Docker sets the policy of iptables' FORWARD chain to drop, and an accept in a table of ours does not undo a drop in another: so the accepting rules
 * stand at the head of that very chain, marked by a comment.  Written as iptables-nft writes its own, so that iptables -S shows them. */
#include "proxy/model.h"
#include <arpa/inet.h>
#include <linux/netfilter.h>

#define COMMENT "c8s pod traffic"

static const struct nft_table filter[PROXY_FAMILIES] = {{NFPROTO_IPV4, STR_INIT("filter"), {0}}, {NFPROTO_IPV6, STR_INIT("filter"), {0}}};

static void put_rule(struct arena *a, struct nft_batch *b, int f, enum nft_field field, const struct net_ip *cidr)
{
	struct nft_chain scratch = {0};
	struct nft_stmt stmts[] = {
		{.kind = NFT_S_ADDR, .fields = {field}, .nfields = 1, .ips = (struct net_ip *)cidr, .nips = 1},
		{.kind = NFT_S_COUNTER},
		{.kind = NFT_S_VERDICT, .verdict = {.kind = NFT_V_ACCEPT}},
	};
	const struct nft_rule *r = nft_chain_rule(a, &scratch, stmts, ARRAY_LEN(stmts), STR(COMMENT));
	if (r)
		nft_batch_insert_rule(b, &filter[f], STR("FORWARD"), r);
}

static int add_family(struct plan *p, int f, const struct net_ip *cidr, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	struct str bytes;
	put_rule(a, b, f, NFT_F_SADDR, cidr);
	put_rule(a, b, f, NFT_F_DADDR, cidr);
	if (nft_batch_bytes(b, &bytes, e))
		return -1;
	plan_nft_once(p, filter[f].family, "filter", "FORWARD", COMMENT, 2, bytes);
	return 0;
}

int forward_open(const struct proxy_opts *o, struct err *e)
{
	CLEANUP(plan_free) struct plan *p = plan_new();
	for (int f = 0; f < PROXY_FAMILIES && o->local == PROXY_LOCAL_CIDR; f++)
		if (o->node_ips[f].family && o->local_cidrs[f].family && add_family(p, f, &o->local_cidrs[f], e))
			return -1;
	return plan_len(p) && helper_run(o->helper, p, NULL, e) ? err_wrap(e, "let Pod traffic through FORWARD") : 0;
}

int forward_close(struct helper *h, struct err *e)
{
	CLEANUP(plan_free) struct plan *p = plan_new();
	for (int f = 0; f < PROXY_FAMILIES; f++)
		plan_nft_forget(p, filter[f].family, "filter", "FORWARD", COMMENT);
	return helper_run(h, p, NULL, e);
}
