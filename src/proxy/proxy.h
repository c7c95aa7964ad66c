/* kube-proxy: keeps the node's packet rules in step with Services and EndpointSlices.
 *
 * Feed it from informers (proxy_service_set, proxy_slice_set, the deletes, proxy_set_synced after the first lists), and let proxy_run work in a
 * fiber of the same loop: it gathers changes for min_sync, renders what changed and sends one atomic batch.  Nothing is programmed before both kinds are
 * synced.  Objects are read during the call only; what is needed is copied.
 *
 * The rules are those of upstream's nftables mode: table kube-proxy in families ip and ip6, the same chains, sets and names (KEP-3866), so that
 * other tools find their way and the recorded vectors compare.  All functions belong to the loop that made the proxy. */
#pragma once
#include "os/helper.h"
#include "os/netlink.h"
#include "rt/fiber.h"

struct core_v1_Service;
struct discovery_v1_EndpointSlice;
struct metric_set;

#define PROXY_MASQUERADE_BIT 14
#define PROXY_MIN_SYNC (100 * NS_MS)
#define PROXY_RESYNC (30 * NS_S)     /* at the latest after a failure; also how often the node's addresses and foreign chains are looked at */
#define PROXY_AFFINITY_S 10800       /* sessionAffinityConfig's default */

/* How traffic of Pods on this node is told from the rest (detectLocalMode). */
enum proxy_local { PROXY_LOCAL_NONE, PROXY_LOCAL_CIDR /* ClusterCIDR and NodeCIDR */, PROXY_LOCAL_BRIDGE, PROXY_LOCAL_PREFIX };
enum { PROXY_V4, PROXY_V6, PROXY_FAMILIES };

struct proxy_opts {
	struct str node_name, zone;
	struct net_ip node_ips[PROXY_FAMILIES];     /* primary addresses; family 0: that family is not served */
	enum proxy_local local;
	struct net_ip local_cidrs[PROXY_FAMILIES];  /* with PROXY_LOCAL_CIDR; family 0: none */
	struct str local_interface;                 /* bridge name, or name prefix */
	const struct net_ip *service_cidrs;         /* unused addresses in them are dropped; may be empty */
	size_t nservice_cidrs;
	/* Where node ports answer: networks that hold the node's addresses; none: the primary addresses; length 0: all but loopback. */
	const struct net_ip *nodeport_cidrs;
	size_t nnodeport_cidrs;
	uint32_t masquerade_mark;                   /* 0: 1 << PROXY_MASQUERADE_BIT */
	bool masquerade_all;
	/* Accept Pod traffic in the FORWARD chain of iptables (nf_tables) where it exists: Docker sets its policy to drop. */
	bool open_forward;
	nsec_t min_sync, resync;                    /* 0: the defaults */
	struct helper *helper;
	struct metric_set *metrics;                 /* where it counts; outlives it.  NULL: it does not */
};
struct proxy;
/* Everything in o is copied but helper and metrics. */
struct proxy *proxy_new(const struct proxy_opts *o, struct err *e);
void proxy_free(struct proxy *p); /* the rules stay, as upstream's do */

/* Headless and ExternalName Services and those of another proxy (label service.kubernetes.io/service-proxy-name) are taken as absent. */
void proxy_service_set(struct proxy *p, const struct core_v1_Service *s);
void proxy_service_delete(struct proxy *p, struct str ns, struct str name);
void proxy_slice_set(struct proxy *p, const struct discovery_v1_EndpointSlice *s);
void proxy_slice_delete(struct proxy *p, struct str ns, struct str name);
void proxy_set_synced(struct proxy *p);
/* The node's own addresses, zone or service CIDRs changed (lists are copied). */
void proxy_set_zone(struct proxy *p, struct str zone);
void proxy_set_node_ips(struct proxy *p, const struct net_ip ips[PROXY_FAMILIES]);
void proxy_set_service_cidrs(struct proxy *p, const struct net_ip *cidrs, size_t n);

/* Waits: syncs when needed until cancelled (-ECANCELED). */
int proxy_run(struct proxy *p);
/* Programs everything that changed, now (waits on a fiber).  After a failure the next call writes the tables anew. */
int proxy_sync(struct proxy *p, struct err *e) must_check;

struct proxy_status {
	mono_t last_sync;         /* of the last success; 0: never */
	mono_t oldest_pending;    /* MONO_NEVER: nothing is waiting */
	wall_t last_sync_wall;
	size_t services, slices, endpoints;
	uint64_t syncs, failures, messages;
	nsec_t last_duration;
	bool synced;
};
void proxy_status(const struct proxy *p, struct proxy_status *ret);
/* As upstream's health check: nothing has been waiting for longer than two resync periods. */
bool proxy_healthy(const struct proxy *p);
/* Services with a health check node port: fn(arg, ns, name, port, endpoints that are ready on this node).  generation changes when any of it did. */
void proxy_health_each(const struct proxy *p, void (*fn)(void *arg, struct str ns, struct str name, uint16_t port, uint32_t local_endpoints), void *arg);
uint64_t proxy_health_generation(const struct proxy *p);

/* The table of a family as `nft list table` prints it (normalised: nft.h), from the model. */
void proxy_text(const struct proxy *p, int family, struct buf *out);
/* Takes every rule of ours away (kube-proxy --cleanup). */
int proxy_cleanup(struct helper *h, struct err *e) must_check;
