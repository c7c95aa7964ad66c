/* c8s kube-proxy: Services and EndpointSlices from informers into the proxy. */
#include "base/log.h"
#include "client/call.h"
#include "client/https.h"
#include "client/informer.h"
#include "cmd/command.h"
#include "cmd/flags.h"
#include "cmd/part.h"
#include "cmd/serving.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "net/addr.h"
#include "os/helper.h"
#include "os/netlink.h"
#include "os/plan.h"
#include "proxy/proxy.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define RANGES_MAX 4

struct opts {
	struct str kubeconfig, master, metrics_address, node_name, mode, cluster_cidr, local_mode, bridge, service_ranges;
	int64_t verbosity, masquerade_bit;
	bool masquerade_all, cleanup;
	nsec_t min_sync, resync;
};
#define AT(member) offsetof(struct opts, member)

static const struct flag flags[] = {
	{"bind-address", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cleanup", 0, FLAG_BOOL, AT(cleanup), "false", "take every rule of an earlier run away, and end"},
	{"cluster-cidr", 0, FLAG_STRING, AT(cluster_cidr), NULL, "range of the Pods' addresses; traffic from elsewhere is masqueraded"},
	{"detect-local-mode", 0, FLAG_STRING, AT(local_mode), "ClusterCIDR", "how traffic of this node's Pods is told: ClusterCIDR or BridgeInterface"},
	{"hostname-override", 0, FLAG_STRING, AT(node_name), NULL, "name of the node (the host name when empty)"},
	{"iptables-min-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"kubeconfig", 0, FLAG_STRING, AT(kubeconfig), NULL, "how to reach the API server"},
	{"masquerade-all", 0, FLAG_BOOL, AT(masquerade_all), "false", "masquerade all traffic to Services"},
	{"master", 0, FLAG_STRING, AT(master), NULL, "address of the API server, instead of the kubeconfig's; unix:///PATH needs no certificate"},
	{"metrics-bind-address", 0, FLAG_STRING, AT(metrics_address), "127.0.0.1:10249", "address and port of /metrics, in plain HTTP; empty: none"},
	{"nftables-masquerade-bit", 0, FLAG_INT, AT(masquerade_bit), "14", "bit of the packet mark that asks for masquerading"},
	{"nftables-min-sync-period", 0, FLAG_DURATION, AT(min_sync), "1s", "changes within this time are written together"},
	{"nftables-sync-period", 0, FLAG_DURATION, AT(resync), "30s", "how often the rules are checked without a change"},
	{"pod-bridge-interface", 0, FLAG_STRING, AT(bridge), NULL, "bridge of the node's Pods, with --detect-local-mode=BridgeInterface"},
	{"proxy-mode", 0, FLAG_STRING, AT(mode), "nftables", "nftables (the other modes are not there yet)"},
	{"service-cluster-ip-range", 0, FLAG_STRING, AT(service_ranges), NULL, "ranges of Service addresses; unused ones in them are refused"},
	{"v", 'v', FLAG_INT, AT(verbosity), "0", "verbosity of the log"},
};

static const struct flag_group groups[] = {{"Flags", flags, ARRAY_LEN(flags), 0}};
const struct usage kube_proxy_usage = {.name = "kube-proxy", .arguments = "--kubeconfig FILE [FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Keeps this node's packet rules in step with the cluster's Services."};

struct run {
	struct part part;
	struct opts o;
	struct arena *mem;
	struct transport *transport;
	struct plan_policy policy;
	struct helper *helper, *own_helper;
	struct proxy *proxy;
	struct informers *informers;
	struct informer *services, *slices;
	struct informer_handler on_service, on_slice;
	struct scope scope;
	struct metric_set metrics;
	struct serving *serving;
	int code;
};

/* ---- Events ---- */

static void service_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct run *r = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_Service *s = cur ? informer_decode(r->services, a, cur) : NULL;
	if (s)
		proxy_service_set(r->proxy, s);
	else
		proxy_service_delete(r->proxy, (cur ? cur : old)->ns, (cur ? cur : old)->name);
}

static void slice_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct run *r = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct discovery_v1_EndpointSlice *s = cur ? informer_decode(r->slices, a, cur) : NULL;
	if (s)
		proxy_slice_set(r->proxy, s);
	else
		proxy_slice_delete(r->proxy, (cur ? cur : old)->ns, (cur ? cur : old)->name);
}

static void proxy_fiber(void *arg)
{
	struct run *r = arg;
	if (informer_wait_synced(r->services, MONO_NEVER) < 0 || informer_wait_synced(r->slices, MONO_NEVER) < 0)
		return;
	proxy_set_synced(r->proxy);
	proxy_run(r->proxy);
}

/* ---- Set-up ---- */

static struct str node_name(struct run *r)
{
	char host[256] = "";
	if (r->o.node_name.n)
		return r->o.node_name;
	gethostname(host, sizeof host - 1);
	for (char *c = host; *c; c++)
		*c = (char)tolower(*c);
	return str_dup(r->mem, str_of(host));
}

static int connect_api(struct run *r, struct err *e)
{
	struct rest_config rc = {0};
	struct clientcmd_v1_Config *c = kubeconfig_load(r->mem, r->o.kubeconfig, e);
	if (!c || kubeconfig_rest(r->mem, c, &(struct kubeconfig_overrides){.server = r->o.master}, &rc, e))
		return -1;
	rc.user_agent = STR("kube-proxy/c8s");
	rc.metrics = &r->metrics;
	r->transport = https_transport_new(r->part.rt, &rc, e);
	return r->transport ? 0 : -1;
}

static int ranges(struct str list, struct net_ip *v, size_t *n, struct err *e)
{
	for (struct str item; list.n && str_next(&list, ',', &item) && *n < RANGES_MAX;)
		if (net_ip_parse(item, &v[(*n)++]) < 0)
			return err_set(e, ERR_BAD_REQUEST, "\"%.*s\" is no address range", STR_F(item));
	return 0;
}

static int local_traffic(struct run *r, struct proxy_opts *p, struct err *e)
{
	struct net_ip v[RANGES_MAX];
	size_t n = 0;
	if (str_is(r->o.local_mode, "BridgeInterface")) {
		p->local = PROXY_LOCAL_BRIDGE;
		p->local_interface = r->o.bridge;
		return 0;
	}
	if (ranges(r->o.cluster_cidr, v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		p->local = PROXY_LOCAL_CIDR;
		p->local_cidrs[v[i].family == AF_INET ? PROXY_V4 : PROXY_V6] = v[i];
	}
	return 0;
}

static void own_addresses(struct proxy_opts *p)
{
	static const int families[] = {AF_INET, AF_INET6};
	for (int i = 0; i < PROXY_FAMILIES; i++) {
		char link[16];
		ERR(e);
		if (net_default_addr(families[i], &p->node_ips[i], link, &e) < 0)
			p->node_ips[i].family = 0;
	}
	/* A machine without a network still has its own Services. */
	if (!p->node_ips[PROXY_V4].family && !p->node_ips[PROXY_V6].family)
		(void)(net_ip_parse(STR("127.0.0.1"), &p->node_ips[PROXY_V4]) == 0);
}

static void make_helper(struct run *r)
{
	r->helper = r->part.helper;
	if (r->helper)
		return;
	plan_policy_node(&r->policy, NULL);
	r->helper = r->own_helper = helper_direct(&r->policy);
}

static int make_proxy(struct run *r, struct err *e)
{
	struct net_ip service[RANGES_MAX];
	struct proxy_opts p = {.node_name = node_name(r), .service_cidrs = service, .masquerade_mark = 1u << r->o.masquerade_bit, .masquerade_all = r->o.masquerade_all,
		.open_forward = true, .metrics = &r->metrics, .min_sync = r->o.min_sync, .resync = r->o.resync};
	make_helper(r);
	p.helper = r->helper;
	own_addresses(&p);
	if (local_traffic(r, &p, e) < 0 || ranges(r->o.service_ranges, service, &p.nservice_cidrs, e) < 0)
		return -1;
	r->proxy = proxy_new(&p, e);
	return r->proxy ? 0 : -1;
}

static void show(void *arg, struct metric_set *to) { metric_merge(to, &((struct run *)arg)->metrics); }

/* As upstream's, it works without: another one of this machine may have the port. */
static void serve_metrics(struct run *r)
{
	struct serving_opts o = {.name = "kube-proxy", .plain = true, .show = show, .arg = r};
	struct str port;
	ERR(e);
	if (!r->o.metrics_address.n)
		return;
	if (host_port_split(r->o.metrics_address, &o.bind_address, &port) == 0 && str_i64(port, &o.port) == 0)
		r->serving = serving_start(&o, &e);
	if (!r->serving)
		log_warn("--metrics-bind-address %.*s: %s", STR_F(r->o.metrics_address), e.code ? err_text(&e) : "no address with a port");
}

static int start(struct part *p, struct err *e)
{
	struct run *r = container_of(p, struct run, part);
	scope_init(&r->scope, NULL);
	if (connect_api(r, e) < 0 || make_proxy(r, e) < 0)
		return -1;
	r->informers = informers_new(r->transport, &r->scope);
	r->services = informers_get(r->informers, &(struct informer_opts){.res = client_resource("", "v1", "services")});
	r->slices = informers_get(r->informers, &(struct informer_opts){.res = client_resource("discovery.k8s.io", "v1", "endpointslices")});
	r->on_service = (struct informer_handler){.fn = service_event, .arg = r};
	r->on_slice = (struct informer_handler){.fn = slice_event, .arg = r};
	informer_add_handler(r->services, &r->on_service);
	informer_add_handler(r->slices, &r->on_slice);
	serve_metrics(r);
	return fiber_spawn(&r->scope, "proxy", proxy_fiber, r) ? 0 : err_nomem(e, 0);
}

static void stop(struct part *p)
{
	struct run *r = container_of(p, struct run, part);
	serving_stop(r->serving);
	scope_fini(&r->scope);
	proxy_free(r->proxy);
	if (r->informers)
		informers_free(r->informers);
	transport_free(r->transport);
	metric_set_fini(&r->metrics);
	helper_free(r->own_helper);
}

static void clean(void *arg)
{
	struct run *r = arg;
	ERR(e);
	make_helper(r);
	if (proxy_cleanup(r->helper, &e))
		r->code = cmd_error("%s", err_text(&e));
	helper_free(r->own_helper);
}

static int check(const struct opts *o)
{
	if (!o->kubeconfig.n && !o->cleanup)
		return cmd_error("--kubeconfig is needed");
	if (!str_is(o->mode, "nftables"))
		return cmd_error("--proxy-mode %.*s is not there yet: use nftables", STR_F(o->mode));
	return geteuid() ? cmd_error("packet rules need root: use sudo") : -1;
}

int proxy_part_new(int argc, char **argv, struct arena *a, struct part **ret)
{
	struct run *r = arena_make(a, struct run);
	int code = usage_parse(&kube_proxy_usage, argc, argv, &r->o, a);
	if (code < 0)
		code = check(&r->o);
	if (code >= 0)
		return code;
	r->mem = a;
	r->part = (struct part){.name = "kube-proxy", .start = start, .stop = stop};
	log_setup(&(struct log_opts){.fd = 2, .verbosity = (int)r->o.verbosity});
	*ret = &r->part;
	return -1;
}

static int clean_up(struct run *r)
{
	struct rt *rt = rt_new(NULL);
	if (!rt || rt_main(rt, "kube-proxy", clean, r))
		return cmd_error("out of memory");
	rt_free(rt);
	return r->code;
}

int cmd_kube_proxy(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct part *p;
	int code = proxy_part_new(argc, argv, a, &p);
	if (code >= 0)
		return code;
	struct run *r = container_of(p, struct run, part);
	return r->o.cleanup ? clean_up(r) : parts_run("kube-proxy", &p, 1);
}
