#include "kubelet/masquerade.h"
#include "os/nft.h"
#include <arpa/inet.h>
#include <linux/netfilter.h>

#define MULTICAST {{.family = AF_INET, .prefix = 4, .ip = {224}}, {.family = AF_INET6, .prefix = 8, .ip = {0xff}}}

static struct nft_stmt addr(enum nft_field f, const struct net_ip *ip, bool invert)
{
	return (struct nft_stmt){.kind = NFT_S_ADDR, .fields = {f}, .nfields = 1, .ips = (struct net_ip *)ip, .nips = 1, .invert = invert};
}

static void family(struct nft_batch *b, const struct net_ip *pods)
{
	static const struct net_ip multicast[] = MULTICAST;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	bool v6 = pods->family == AF_INET6;
	struct nft_table t = {v6 ? NFPROTO_IPV6 : NFPROTO_IPV4, STR(CNI_TABLE), {0}};
	struct nft_part part = {0};
	struct nft_refs refs = {0};
	struct nft_chain *c = nft_part_chain(a, &part, STR("postrouting"));
	*c = (struct nft_chain){.name = c->name, .base = true, .type = "nat", .hook = NFT_H_POSTROUTING, .priority = 100};
	struct nft_stmt stmts[] = {addr(NFT_F_SADDR, pods, false), addr(NFT_F_DADDR, pods, true), addr(NFT_F_DADDR, &multicast[v6], true),
		{.kind = NFT_S_MASQUERADE}};
	nft_chain_rule(a, c, stmts, ARRAY_LEN(stmts), STR("from Pods to the world"));
	nft_batch_reset_table(b, &t);
	nft_batch_begin(b, &t, &refs, NULL, &part);
	nft_batch_end(b, &t, &refs, NULL, &part);
	nft_refs_fini(&refs);
}

int cni_masquerade(struct plan *p, const struct cni_conf *c, struct err *e)
{
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	struct str bytes;
	for (int i = 0; i < CNI_CIDRS_MAX; i++)
		if (c->pod_cidrs[i].family)
			family(b, &c->pod_cidrs[i]);
	if (nft_batch_bytes(b, &bytes, e))
		return -1;
	plan_nft(p, bytes);
	return 0;
}
