/* The nftables mode: what the kernel is to hold, as data; see model.h and upstream's KEP-3866.
 *
 * The frame is the same for all Services: base chains, sets and verdict maps keyed by address, protocol and port.  A Service adds
 * elements to the maps and chains of its own:
 *
 *   service-HASH-ns/name/proto/port    endpoints for traffic that may go anywhere
 *   local-...                          endpoints on this node (traffic policy Local)
 *   external-...                       what comes from outside: masquerades or takes short cuts, then goes to one of the above
 *   firewall-...                       load balancer source ranges
 *   endpoint-HASH-...__address/port    with session affinity: remembers the client in affinity-..., then rewrites */
#include "proxy/model.h"
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <openssl/sha.h>
#include <stdio.h>

#define NAME_MAX_BYTES 240      /* of a chain without its prefix: nftables allows 256 in all */
#define HASH_CHARS 8
#define AFFINITY_SET_SIZE 65535
#define REJECT_CHAIN "reject-chain"

/* ---- small words ---- */

static struct nft_stmt verdict(enum nft_verdict_kind k, struct str chain)
{
	return (struct nft_stmt){.kind = NFT_S_VERDICT, .verdict = {k, chain}};
}

static struct nft_stmt jump(const char *chain)
{
	return verdict(NFT_V_JUMP, str_of(chain));
}

static struct nft_stmt go(struct str chain)
{
	return verdict(NFT_V_GOTO, chain);
}

static struct nft_stmt in_set(enum nft_field f, const char *set)
{
	return (struct nft_stmt){.kind = NFT_S_LOOKUP, .fields = {f}, .nfields = 1, .name = str_of(set)};
}

/* address . protocol . port, or without the address. */
static struct nft_stmt vmap(bool addr, const char *map)
{
	if (addr)
		return (struct nft_stmt){.kind = NFT_S_VMAP, .fields = {NFT_F_DADDR, NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 3, .name = str_of(map)};
	return (struct nft_stmt){.kind = NFT_S_VMAP, .fields = {NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 2, .name = str_of(map)};
}

static struct nft_stmt addr(enum nft_field f, const struct net_ip *ips, size_t n, bool invert)
{
	return (struct nft_stmt){.kind = NFT_S_ADDR, .fields = {f}, .nfields = 1, .ips = (struct net_ip *)ips, .nips = (uint32_t)n, .invert = invert};
}

static struct nft_stmt simple(enum nft_stmt_kind k, uint32_t num)
{
	return (struct nft_stmt){.kind = k, .num = num};
}

static struct nft_stmt fib_local(enum nft_field f)
{
	return (struct nft_stmt){.kind = NFT_S_FIB_LOCAL, .fields = {f}, .nfields = 1};
}

#define RULE(a, c, comment, ...) \
	nft_chain_rule(a, c, (struct nft_stmt[]){__VA_ARGS__}, sizeof((struct nft_stmt[]){__VA_ARGS__}) / sizeof(struct nft_stmt), str_of(comment))

static uint32_t mark_of(const struct frame *f)
{
	return f->opts->masquerade_mark ? f->opts->masquerade_mark : 1u << PROXY_MASQUERADE_BIT;
}

static struct nft_stmt mark(const struct frame *f)
{
	return simple(NFT_S_MARK_OR, mark_of(f));
}

static enum nft_type addr_type(const struct frame *f)
{
	return f->family == NFPROTO_IPV6 ? NFT_T_IPV6 : NFT_T_IPV4;
}

static int which(const struct frame *f)
{
	return f->family == NFPROTO_IPV6 ? PROXY_V6 : PROXY_V4;
}

/* Traffic of this node's Pods, or the opposite; false when it cannot be told. */
static bool local_traffic(const struct frame *f, bool invert, struct nft_stmt *ret)
{
	const struct proxy_opts *o = f->opts;
	const struct net_ip *cidr = &o->local_cidrs[which(f)];
	if (o->local == PROXY_LOCAL_CIDR && cidr->family) {
		*ret = addr(NFT_F_SADDR, cidr, 1, invert);
		return true;
	}
	if (o->local != PROXY_LOCAL_BRIDGE && o->local != PROXY_LOCAL_PREFIX)
		return false;
	*ret = (struct nft_stmt){.kind = NFT_S_IIFNAME, .name = o->local_interface, .invert = invert};
	return true;
}

/* ---- the frame ---- */

void nftables_table(struct nft_table *ret, int family)
{
	*ret = (struct nft_table){family, STR("kube-proxy"), STR("rules for kube-proxy")};
}

static void add_set(struct arena *a, struct nft_part *p, const char *name, const char *comment, struct nft_set like)
{
	struct nft_set *s = arena_push(a, &p->sets);
	if (!s)
		return;
	*s = like;
	s->name = str_of(name);
	s->comment = str_of(comment);
}

static void frame_sets(struct arena *a, const struct frame *f, struct nft_part *p)
{
	enum nft_type t = addr_type(f);
	struct nft_set ips = {.key = {t}, .nkey = 1};
	struct nft_set by_addr = {.key = {t, NFT_T_PROTO, NFT_T_PORT}, .nkey = 3, .data = {NFT_T_VERDICT}, .ndata = 1};
	struct nft_set by_port = {.key = {NFT_T_PROTO, NFT_T_PORT}, .nkey = 2, .data = {NFT_T_VERDICT}, .ndata = 1};
	add_set(a, p, "hairpin-connections", "service hairpin connections", (struct nft_set){.key = {t, t, NFT_T_PROTO, NFT_T_PORT}, .nkey = 4});
	add_set(a, p, "cluster-ips", "Active ClusterIPs", ips);
	if (!f->nodeport_all)
		add_set(a, p, "nodeport-ips", "IPs that accept NodePort traffic", ips);
	add_set(a, p, "no-endpoint-services", "vmap to drop or reject packets to services with no endpoints", by_addr);
	add_set(a, p, "no-endpoint-nodeports", "vmap to drop or reject packets to service nodeports with no endpoints", by_port);
	add_set(a, p, "firewall-ips", "destinations that are subject to LoadBalancerSourceRanges", by_addr);
	add_set(a, p, "service-ips", "ClusterIP, ExternalIP and LoadBalancer IP traffic", by_addr);
	add_set(a, p, "service-nodeports", "NodePort traffic", by_port);
	for (size_t i = 0; i < f->nnodeport_ips; i++) {
		struct nft_elem *e = nft_part_elem(a, p, STR("nodeport-ips"));
		if (e)
			e->key = (struct nft_key){.v = {{t, f->nodeport_ips[i], 0}}, .n = 1};
	}
}

static struct nft_chain *base_chain(struct arena *a, struct nft_part *p, const char *name, const char *type, enum nft_hook hook, int32_t priority)
{
	struct nft_chain *c = nft_part_chain(a, p, str_of(name));
	if (c)
		c->base = true, c->type = type, c->hook = hook, c->priority = priority;
	return c;
}

/* Filter chains look at the first packet of a connection only: later ones follow conntrack. */
static void filter_chain(struct arena *a, struct nft_part *p, const char *name, enum nft_hook hook, int32_t priority, const char *first, const char *second)
{
	struct nft_chain *c = base_chain(a, p, name, "filter", hook, priority);
	RULE(a, c, "", simple(NFT_S_CT_STATE_NEW, 0), jump(first));
	if (second)
		RULE(a, c, "", simple(NFT_S_CT_STATE_NEW, 0), jump(second));
}

static void frame_base_chains(struct arena *a, struct nft_part *p)
{
	filter_chain(a, p, "filter-prerouting-pre-dnat", NFT_H_PREROUTING, -110, "firewall-check", NULL);
	filter_chain(a, p, "filter-output-pre-dnat", NFT_H_OUTPUT, -110, "firewall-check", NULL);
	filter_chain(a, p, "filter-input", NFT_H_INPUT, 0, "nodeport-endpoints-check", "service-endpoints-check");
	filter_chain(a, p, "filter-forward", NFT_H_FORWARD, 0, "service-endpoints-check", "cluster-ips-check");
	filter_chain(a, p, "filter-output", NFT_H_OUTPUT, 0, "service-endpoints-check", "cluster-ips-check");
	RULE(a, base_chain(a, p, "nat-prerouting", "nat", NFT_H_PREROUTING, -100), "", jump("services"));
	RULE(a, base_chain(a, p, "nat-output", "nat", NFT_H_OUTPUT, -100), "", jump("services"));
	RULE(a, base_chain(a, p, "nat-postrouting", "nat", NFT_H_POSTROUTING, 100), "", jump("masquerading"));
}

static struct net_ip *loopback(struct arena *a, const struct frame *f)
{
	struct net_ip *ip = arena_make(a, struct net_ip);
	if (f->family == NFPROTO_IPV6)
		*ip = (struct net_ip){.family = AF_INET6, .prefix = 128, .ip = {[15] = 1}};
	else
		*ip = (struct net_ip){.family = AF_INET, .prefix = 8, .ip = {127}};
	return ip;
}

/* Node ports never answer on loopback here: that would need route_localnet, which opens loopback services to the network. */
static void nodeport_rules(struct arena *a, const struct frame *f, struct nft_chain *check, struct nft_chain *services)
{
	struct nft_stmt not_loopback = addr(NFT_F_DADDR, loopback(a, f), 1, true);
	if (f->nodeport_all) {
		RULE(a, check, "", not_loopback, vmap(false, "no-endpoint-nodeports"));
		RULE(a, services, "", fib_local(NFT_F_DADDR), not_loopback, vmap(false, "service-nodeports"));
		return;
	}
	RULE(a, check, "", in_set(NFT_F_DADDR, "nodeport-ips"), vmap(false, "no-endpoint-nodeports"));
	RULE(a, services, "", in_set(NFT_F_DADDR, "nodeport-ips"), vmap(false, "service-nodeports"));
}

/* What goes to a cluster address from outside the cluster must come back through this node. */
static void masquerade_rule(struct arena *a, const struct frame *f, struct nft_chain *services)
{
	struct nft_stmt outside;
	if (f->opts->masquerade_all)
		RULE(a, services, "masquerade all clusterIP traffic", in_set(NFT_F_DADDR, "cluster-ips"), mark(f));
	else if (local_traffic(f, true, &outside))
		RULE(a, services, "masquerade clusterIP traffic from outside cluster", in_set(NFT_F_DADDR, "cluster-ips"), outside, mark(f));
}

static void unused_ips(struct arena *a, const struct frame *f, struct nft_chain *c)
{
	const struct proxy_opts *o = f->opts;
	struct net_ip *nets = arena_array(a, struct net_ip, o->nservice_cidrs + 1);
	size_t n = 0;
	for (size_t i = 0; nets && i < o->nservice_cidrs; i++)
		if (o->service_cidrs[i].family == (f->family == NFPROTO_IPV6 ? AF_INET6 : AF_INET))
			nets[n++] = o->service_cidrs[i];
	RULE(a, c, "Reject traffic to invalid ports of ClusterIPs", in_set(NFT_F_DADDR, "cluster-ips"), verdict(NFT_V_REJECT, (struct str){0}));
	if (n)
		RULE(a, c, "Drop traffic to unallocated ClusterIPs", addr(NFT_F_DADDR, nets, n, false), verdict(NFT_V_DROP, (struct str){0}));
}

static void frame_chains(struct arena *a, const struct frame *f, struct nft_part *p)
{
	struct nft_chain *c = nft_part_chain(a, p, STR("nodeport-endpoints-check"));
	struct nft_chain services = {.name = STR("services"), .hook = NFT_H_NONE};
	masquerade_rule(a, f, &services);
	RULE(a, &services, "", vmap(true, "service-ips"));
	nodeport_rules(a, f, c, &services);
	RULE(a, nft_part_chain(a, p, STR("service-endpoints-check")), "", vmap(true, "no-endpoint-services"));
	RULE(a, nft_part_chain(a, p, STR("firewall-check")), "", vmap(true, "firewall-ips"));
	if ((c = nft_part_chain(a, p, services.name)))
		*c = services;
	c = nft_part_chain(a, p, STR("masquerading"));
	RULE(a, c, "", simple(NFT_S_MARK_TEST, mark_of(f)), simple(NFT_S_MARK_XOR, mark_of(f)), simple(NFT_S_MASQUERADE, 0));
	struct nft_stmt hairpin = {.kind = NFT_S_LOOKUP, .fields = {NFT_F_SADDR, NFT_F_DADDR, NFT_F_L4PROTO, NFT_F_DPORT}, .nfields = 4, .name = STR("hairpin-connections")};
	RULE(a, c, "", simple(NFT_S_CT_STATUS_DNAT, 0), hairpin, simple(NFT_S_MASQUERADE, 0));
	unused_ips(a, f, nft_part_chain(a, p, STR("cluster-ips-check")));
	c = nft_part_chain(a, p, STR(REJECT_CHAIN));
	if (c)
		c->comment = STR("helper for @no-endpoint-services / @no-endpoint-nodeports");
	RULE(a, c, "", verdict(NFT_V_REJECT, (struct str){0}));
}

void nftables_frame(struct arena *a, const struct frame *f, struct nft_part *ret)
{
	*ret = (struct nft_part){0};
	frame_sets(a, f, ret);
	frame_base_chains(a, ret);
	frame_chains(a, f, ret);
}

/* ---- a Service ---- */

/* One port of a Service in one family, with its names and endpoints. */
struct work {
	struct arena *a;
	const struct frame *f;
	const struct svc *s;
	const struct svc_port *p;
	struct nft_part *out;
	struct str path;           /* "ns/name/tcp/port" */
	struct str label;          /* "ns/name:port", the comment of elements */
	struct str base;           /* of chain names */
	struct endpoint_choice ep;
};

static const char *proto_word(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "udp" : proto == IPPROTO_SCTP ? "sctp" : "tcp";
}

/* The first characters of the name's SHA-256 in base 32, so that cut names stay different. */
static struct str hashed(struct arena *a, struct str name)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char sum[SHA256_DIGEST_LENGTH];
	char hash[HASH_CHARS];
	SHA256((const unsigned char *)name.p, name.n, sum);
	for (int i = 0; i < HASH_CHARS; i++) {
		unsigned bits = (unsigned)sum[i * 5 / 8] << 8 | sum[i * 5 / 8 + 1];
		hash[i] = digits[bits >> (11 - i * 5 % 8) & 31];
	}
	struct str full = str_printf(a, "%.*s-%.*s", HASH_CHARS, hash, STR_F(name));
	return full.n > NAME_MAX_BYTES ? str_printf(a, "%.*s...", NAME_MAX_BYTES - 3, full.p) : full;
}

static struct str prefixed(const struct work *w, const char *prefix, struct str base)
{
	return str_printf(w->a, "%s-%.*s", prefix, STR_F(base));
}

/* Colons are no part of chain names. */
static struct str endpoint_base(const struct work *w, const struct endpoint *e)
{
	BUF(b);
	net_ip_put(&b, &e->ip);
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] == ':')
			b.p[i] = '.';
	return hashed(w->a, str_printf(w->a, "%.*s__%.*s/%u", STR_F(w->path), STR_F(buf_view(&b)), e->port));
}

static struct nft_value ip_value(const struct work *w, const struct net_ip *ip)
{
	return (struct nft_value){addr_type(w->f), *ip, 0};
}

static struct nft_value num_value(enum nft_type t, uint32_t n)
{
	return (struct nft_value){t, {0}, n};
}

/* An element of one of the verdict maps; ip NULL: node ports. */
static void add_verdict(struct work *w, const char *map, const struct net_ip *ip, struct nft_verdict v, bool commented)
{
	struct nft_elem *e = nft_part_elem(w->a, w->out, str_of(map));
	if (!e)
		return;
	struct nft_key *k = &e->key;
	if (ip)
		k->v[k->n++] = ip_value(w, ip);
	k->v[k->n++] = num_value(NFT_T_PROTO, w->p->proto);
	k->v[k->n++] = num_value(NFT_T_PORT, ip ? w->p->port : w->p->node_port);
	e->verdict = v;
	if (commented)
		e->comment = w->label;
}

static struct nft_verdict to_chain(struct str chain)
{
	return (struct nft_verdict){NFT_V_GOTO, chain};
}

/* Nobody at all answers: refuse.  Only nobody here, and the policy says Local: drop, the load balancer's health checks will notice. */
static struct nft_verdict no_endpoints(const struct work *w)
{
	return w->ep.any ? (struct nft_verdict){.kind = NFT_V_DROP} : to_chain(STR(REJECT_CHAIN));
}

static bool in_family(const struct work *w, const struct net_ip *ip)
{
	return ip->family == (w->f->family == NFPROTO_IPV6 ? AF_INET6 : AF_INET);
}

static void cluster_ip(struct work *w, const struct net_ip *ip, struct str chain, bool has)
{
	struct nft_elem *e = nft_part_elem(w->a, w->out, STR("cluster-ips"));
	if (e)
		e->key = (struct nft_key){.v = {ip_value(w, ip)}, .n = 1};
	if (has)
		add_verdict(w, "service-ips", ip, to_chain(chain), false);
	else
		add_verdict(w, "no-endpoint-services", ip, no_endpoints(w), true);
}

static bool has_firewall(const struct work *w)
{
	bool ranges = false;
	for (uint32_t i = 0; i < w->s->spec->source_ranges.len; i++)
		ranges |= in_family(w, &w->s->spec->source_ranges.items[i]);
	return ranges && w->s->spec->lb_ips.len;
}

static void external_ips(struct work *w, const struct ip_list *ips, bool lb, bool has)
{
	for (uint32_t i = 0; i < ips->len; i++) {
		const struct net_ip *ip = &ips->items[i];
		if (!in_family(w, ip))
			continue;
		if (w->ep.any)
			add_verdict(w, "service-ips", ip, to_chain(prefixed(w, "external", w->base)), false);
		if (lb && has_firewall(w))
			add_verdict(w, "firewall-ips", ip, to_chain(prefixed(w, "firewall", w->base)), false);
		if (!has)
			add_verdict(w, "no-endpoint-services", ip, no_endpoints(w), true);
	}
}

static void node_port(struct work *w, bool has)
{
	if (!w->p->node_port)
		return;
	if (w->ep.any)
		add_verdict(w, "service-nodeports", NULL, to_chain(prefixed(w, "external", w->base)), false);
	if (!has)
		add_verdict(w, "no-endpoint-nodeports", NULL, no_endpoints(w), true);
}

/* Only endpoints on this node: the client's address is kept, but for what starts here, which may also go to any endpoint. */
static void external_local(struct work *w, struct nft_chain *c)
{
	struct str service = prefixed(w, "service", w->base);
	struct nft_stmt pods;
	if (local_traffic(w->f, false, &pods))
		RULE(w->a, c, "short-circuit pod traffic", pods, go(service));
	RULE(w->a, c, "masquerade local traffic", fib_local(NFT_F_SADDR), mark(w->f));
	RULE(w->a, c, "short-circuit local traffic", fib_local(NFT_F_SADDR), go(service));
}

static void external_chain(struct work *w, bool has)
{
	bool local = w->s->spec->external_local;
	if (!w->ep.any || !svc_external(w->s->spec, w->p))
		return;
	struct nft_chain *c = nft_part_chain(w->a, w->out, prefixed(w, "external", w->base));
	if (local)
		external_local(w, c);
	else
		RULE(w->a, c, "masquerade", mark(w->f));
	if (has)
		RULE(w->a, c, "", go(prefixed(w, local ? "local" : "service", w->base)));
}

static void firewall_chain(struct work *w)
{
	const struct ip_list *r = &w->s->spec->source_ranges;
	struct net_ip *ips = has_firewall(w) ? arena_array(w->a, struct net_ip, r->len) : NULL;
	size_t n = 0;
	for (uint32_t i = 0; ips && i < r->len; i++)
		if (in_family(w, &r->items[i]))
			ips[n++] = r->items[i];
	if (n)
		RULE(w->a, nft_part_chain(w->a, w->out, prefixed(w, "firewall", w->base)), "", addr(NFT_F_SADDR, ips, n, true), verdict(NFT_V_DROP, (struct str){0}));
}

static struct nft_stmt l4proto(const struct work *w)
{
	return simple(NFT_S_L4PROTO, w->p->proto);
}

/* A client that was seen goes to the endpoint that it had. */
static void affinity_rules(struct work *w, struct nft_chain *c, const struct endpoint_list *eps)
{
	struct str *chains = arena_array(w->a, struct str, eps->len);
	for (uint32_t i = 0; chains && i < eps->len; i++) {
		struct str base = endpoint_base(w, &eps->items[i]);
		struct nft_stmt seen = {.kind = NFT_S_LOOKUP, .fields = {NFT_F_SADDR}, .nfields = 1, .name = prefixed(w, "affinity", base)};
		chains[i] = prefixed(w, "endpoint", base);
		RULE(w->a, c, "", seen, go(chains[i]));
	}
	if (chains)
		RULE(w->a, c, "", {.kind = NFT_S_VMAP_NUMGEN, .chains = chains, .ntargets = eps->len});
}

static void balance_rule(struct work *w, struct nft_chain *c, const struct endpoint_list *eps)
{
	struct nft_key *targets = arena_array(w->a, struct nft_key, eps->len);
	for (uint32_t i = 0; targets && i < eps->len; i++)
		targets[i] = (struct nft_key){.v = {ip_value(w, &eps->items[i].ip), num_value(NFT_T_PORT, eps->items[i].port)}, .n = 2};
	if (targets)
		RULE(w->a, c, "", l4proto(w), {.kind = NFT_S_DNAT_NUMGEN, .targets = targets, .ntargets = eps->len});
}

static void policy_chain(struct work *w, const char *prefix, const struct endpoint_list *eps)
{
	if (!eps->len)
		return;
	struct nft_chain *c = nft_part_chain(w->a, w->out, prefixed(w, prefix, w->base));
	if (w->s->spec->affinity_s)
		affinity_rules(w, c, eps);
	else
		balance_rule(w, c, eps);
}

static void endpoint_chain(struct work *w, const struct endpoint *e)
{
	struct str base = endpoint_base(w, e), set = prefixed(w, "affinity", base);
	struct nft_set *s = arena_push(w->a, &w->out->sets);
	if (s)
		*s = (struct nft_set){.name = set, .key = {addr_type(w->f)}, .nkey = 1, .size = AFFINITY_SET_SIZE, .flags = NFT_SET_F_DYNAMIC | NFT_SET_F_TIMEOUT,
			.timeout_ms = (uint64_t)w->s->spec->affinity_s * 1000};
	struct nft_chain *c = nft_part_chain(w->a, w->out, prefixed(w, "endpoint", base));
	RULE(w->a, c, "", {.kind = NFT_S_UPDATE, .fields = {NFT_F_SADDR}, .nfields = 1, .name = set});
	RULE(w->a, c, "", l4proto(w), {.kind = NFT_S_DNAT, .to = {ip_value(w, &e->ip), num_value(NFT_T_PORT, e->port)}});
}

/* A Pod that reaches itself through its Service must be masqueraded, or it would answer itself directly. */
static void hairpin(struct work *w, const struct endpoint *e)
{
	struct nft_elem *el = nft_part_elem(w->a, w->out, STR("hairpin-connections"));
	if (el)
		el->key = (struct nft_key){.v = {ip_value(w, &e->ip), ip_value(w, &e->ip), num_value(NFT_T_PROTO, w->p->proto), num_value(NFT_T_PORT, e->port)}, .n = 4};
}

static void endpoints(struct work *w)
{
	for (uint32_t i = 0; i < w->ep.reachable.len; i++) {
		const struct endpoint *e = &w->ep.reachable.items[i];
		if (w->s->spec->affinity_s)
			endpoint_chain(w, e);
		if (e->flags & EP_LOCAL)
			hairpin(w, e);
	}
}

static void one_port(struct work *w, const struct net_ip *ip)
{
	const struct svc_spec *s = w->s->spec;
	struct endpoint_list all;
	endpoints_of(w->a, w->s, w->p, ip->family, &all);
	endpoints_choose(w->a, s, w->p, &all, w->f->opts->node_name, w->f->opts->zone, &w->ep);
	bool internal = w->ep.any && (!s->internal_local || w->ep.local.len);
	bool external = w->ep.any && (!s->external_local || w->ep.local.len);
	cluster_ip(w, ip, prefixed(w, s->internal_local ? "local" : "service", w->base), internal);
	external_ips(w, &s->external_ips, false, external);
	external_ips(w, &s->lb_ips, true, external);
	node_port(w, external);
	external_chain(w, external);
	firewall_chain(w);
	if (svc_uses_cluster(s, w->p))
		policy_chain(w, "service", &w->ep.cluster);
	if (svc_uses_local(s, w->p))
		policy_chain(w, "local", &w->ep.local);
	endpoints(w);
}

void nftables_svc(struct arena *a, const struct frame *f, const struct svc *s, struct nft_part *ret)
{
	*ret = (struct nft_part){0};
	for (uint32_t i = 0; s->spec && i < s->spec->cluster_ips.len; i++)
		for (uint32_t k = 0; k < s->spec->nports; k++) {
			struct work w = {.a = a, .f = f, .s = s, .p = &s->spec->ports[k], .out = ret};
			if (!in_family(&w, &s->spec->cluster_ips.items[i]))
				continue;
			w.path = str_printf(a, "%s/%s/%.*s", s->key, proto_word(w.p->proto), STR_F(w.p->name));
			w.label = w.p->name.n ? str_printf(a, "%s:%.*s", s->key, STR_F(w.p->name)) : str_of(s->key);
			w.base = hashed(a, w.path);
			one_port(&w, &s->spec->cluster_ips.items[i]);
		}
}
