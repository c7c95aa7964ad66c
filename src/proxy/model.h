/* Private to proxy: what is known of Services and EndpointSlices, boiled down to what rules need.
 *
 * Each Service's and each slice's facts are one heap block (strings included), replaced whole when the object changes. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "os/nft.h"
#include "proxy/proxy.h"

struct svc_port { struct str name; uint8_t proto; uint16_t port, node_port; };
/* Lists of addresses hold both families. */
struct ip_list { struct net_ip *items; uint32_t len; };
struct svc_spec {
	struct svc_port *ports;
	uint32_t nports;
	struct ip_list cluster_ips, external_ips, lb_ips, source_ranges;
	uint32_t affinity_s;          /* 0: none */
	uint16_t health_port;
	bool external_local, internal_local;
};

enum ep_flag { EP_READY = 1, EP_SERVING = 2, EP_TERMINATING = 4, EP_LOCAL = 8 };
struct slice_port { struct str name; uint8_t proto; uint16_t port; };
/* Hints as names joined by commas; absent: none. */
struct slice_endpoint { struct net_ip ip; uint8_t flags; struct str zones, nodes; };
struct svc;
struct slice {
	struct str key;               /* "ns/name" */
	struct svc *svc;
	struct slice *next;           /* of the same Service, by key */
	struct slice_port *ports;
	struct slice_endpoint *endpoints;
	uint32_t nports, nendpoints;
	int family;                   /* AF_INET, AF_INET6 */
};
struct svc {
	char *key;                    /* "ns/name" */
	struct str ns, name;          /* in key */
	struct svc_spec *spec;        /* NULL: no such Service (slices may have come first, rules may still be there) */
	struct slice *slices;
	struct nft_part *applied[PROXY_FAMILIES]; /* what the kernel has; NULL: nothing */
	struct list dirty;            /* zeroed: clean */
	bool busy;                    /* being programmed: must stay */
};

struct model {
	struct map svcs, slices;
	struct list dirty;
	struct str node_name;         /* the proxy's */
	uint64_t health_generation;
	size_t nendpoints;
};
void model_init(struct model *m);
void model_fini(struct model *m);
struct svc *model_svc(struct model *m, struct str ns, struct str name); /* made when missing, and marked dirty */
void model_mark(struct model *m, struct svc *s);
/* Frees a Service of which nothing is left. */
void model_reap(struct model *m, struct svc *s);
void model_set_service(struct model *m, const struct core_v1_Service *o);
void model_delete_service(struct model *m, struct str ns, struct str name);
void model_set_slice(struct model *m, const struct discovery_v1_EndpointSlice *o);
void model_delete_slice(struct model *m, struct str ns, struct str name);

/* An endpoint of a Service port. */
struct endpoint { struct net_ip ip; uint16_t port; uint8_t flags; struct str text, zones, nodes; }; /* text: "10.0.0.1:80" */
struct endpoint_list { struct endpoint *items; uint32_t len, cap; };
/* Which endpoints take which traffic (upstream's CategorizeEndpoints: KEP-1669, KEP-2086, KEP-2433, KEP-3015). */
struct endpoint_choice {
	struct endpoint_list cluster, local;
	struct endpoint_list reachable; /* either of them */
	bool any;                       /* somewhere in the cluster one could answer */
};
bool svc_external(const struct svc_spec *s, const struct svc_port *p); /* node port, external or load balancer address */
bool svc_uses_cluster(const struct svc_spec *s, const struct svc_port *p);
bool svc_uses_local(const struct svc_spec *s, const struct svc_port *p);
/* Of one family, sorted by text, without duplicates. */
void endpoints_of(struct arena *a, const struct svc *s, const struct svc_port *p, int family, struct endpoint_list *ret);
void endpoints_choose(struct arena *a, const struct svc_spec *s, const struct svc_port *p, const struct endpoint_list *all, struct str node, struct str zone,
	struct endpoint_choice *ret);
/* Ready endpoints on this node, of all ports and families counted once per address (health check node port). */
uint32_t svc_local_endpoints(const struct svc *s);

/* nftables.c: rules of one family. */
struct frame {
	int family;                   /* NFPROTO_IPV4, NFPROTO_IPV6 */
	const struct proxy_opts *opts;
	const struct net_ip *nodeport_ips; /* of this family; NULL with nodeport_all */
	size_t nnodeport_ips;
	bool nodeport_all;
};
void nftables_table(struct nft_table *ret, int family);
void nftables_frame(struct arena *a, const struct frame *f, struct nft_part *ret);
void nftables_svc(struct arena *a, const struct frame *f, const struct svc *s, struct nft_part *ret);

/* forward.c: our accept rules in FORWARD; a batch is sent through the helper where something is missing. */
int forward_open(const struct proxy_opts *o, struct err *e) must_check;
int forward_close(struct helper *h, struct err *e) must_check;
