/* c8s kube-controller-manager. */
#include "api/ip.h"
#include "client/account.h"
#include "cmd/command.h"
#include "cmd/component.h"
#include "controllers/controller.h"
#include "os/file.h"
#include "pki/cert.h"

#include <stddef.h>

#define CA_MAX (1u << 20)
#define ACCOUNT_NAMESPACE "kube-system"

struct opts {
	struct component_flags c;
	struct str cluster_cidr, root_ca, sa_key;
	struct flag_list controllers;
	int64_t mask, mask_v4, mask_v6;
	bool allocate, accounts;
	nsec_t grace, period;
};
#define AT(member) offsetof(struct opts, member)

static const struct flag flags[] = {
	{"allocate-node-cidrs", 0, FLAG_BOOL, AT(allocate), "false", "cut a Pod range for every node from --cluster-cidr"},
	{"allow-untagged-cloud", 0, FLAG_IGNORED, 0, "false", ""},
	{"attach-detach-reconcile-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cidr-allocator-type", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cloud-config", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cloud-provider", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-cidr", 0, FLAG_STRING, AT(cluster_cidr), NULL, "ranges that the nodes' Pod ranges are cut from"},
	{"cluster-name", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-duration", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kube-apiserver-client-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kube-apiserver-client-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kubelet-client-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kubelet-client-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kubelet-serving-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-kubelet-serving-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-legacy-unknown-cert-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"cluster-signing-legacy-unknown-key-file", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-cron-job-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-daemonset-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-deployment-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-device-taint-eviction-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-endpoint-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-ephemeralvolume-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-gc-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-horizontal-pod-autoscaler-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-job-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-namespace-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-rc-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-replicaset-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-resource-quota-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-resourceclaim-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-service-endpoint-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-service-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-serviceaccount-token-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-statefulset-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-ttl-after-finished-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"concurrent-validating-admission-policy-status-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"configure-cloud-routes", 0, FLAG_IGNORED, 0, "false", ""},
	{"controller-shutdown-timeout", 0, FLAG_IGNORED, 0, NULL, ""},
	{"controller-start-interval", 0, FLAG_IGNORED, 0, NULL, ""},
	{"controllers", 0, FLAG_LIST, AT(controllers), "*", "which controllers run: * for all that are on by default, a name for one more, -name for one less"},
	{"disable-attach-detach-reconcile-sync", 0, FLAG_IGNORED, 0, "false", ""},
	{"disable-force-detach-on-timeout", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-dynamic-provisioning", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-garbage-collector", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-hostpath-provisioner", 0, FLAG_IGNORED, 0, "false", ""},
	{"enable-leader-migration", 0, FLAG_IGNORED, 0, "false", ""},
	{"endpoint-updates-batch-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"endpointslice-updates-batch-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"external-cloud-volume-plugin", 0, FLAG_IGNORED, 0, NULL, ""},
	{"flex-volume-plugin-dir", 0, FLAG_IGNORED, 0, NULL, ""},
	{"horizontal-pod-autoscaler-cpu-initialization-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"horizontal-pod-autoscaler-downscale-stabilization", 0, FLAG_IGNORED, 0, NULL, ""},
	{"horizontal-pod-autoscaler-initial-readiness-delay", 0, FLAG_IGNORED, 0, NULL, ""},
	{"horizontal-pod-autoscaler-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"horizontal-pod-autoscaler-tolerance", 0, FLAG_IGNORED, 0, NULL, ""},
	{"large-cluster-size-threshold", 0, FLAG_IGNORED, 0, NULL, ""},
	{"leader-migration-config", 0, FLAG_IGNORED, 0, NULL, ""},
	{"legacy-service-account-token-clean-up-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"max-endpoints-per-slice", 0, FLAG_IGNORED, 0, NULL, ""},
	{"min-resync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"mirroring-concurrent-service-endpoint-syncs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"mirroring-endpointslice-updates-batch-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"mirroring-max-endpoints-per-subset", 0, FLAG_IGNORED, 0, NULL, ""},
	{"namespace-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"node-cidr-mask-size", 0, FLAG_INT, AT(mask), "0", "prefix length of a node's Pod range (IPv4: 24, IPv6: 64)"},
	{"node-cidr-mask-size-ipv4", 0, FLAG_INT, AT(mask_v4), "0", "prefix length of a node's IPv4 range"},
	{"node-cidr-mask-size-ipv6", 0, FLAG_INT, AT(mask_v6), "0", "prefix length of a node's IPv6 range"},
	{"node-eviction-rate", 0, FLAG_IGNORED, 0, NULL, ""},
	{"node-monitor-grace-period", 0, FLAG_DURATION, AT(grace), "50s", "silence after which a node is taken for lost"},
	{"node-monitor-period", 0, FLAG_DURATION, AT(period), "5s", "how often the nodes are looked at"},
	{"node-startup-grace-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"node-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-increment-timeout-nfs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-minimum-timeout-hostpath", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-minimum-timeout-nfs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-pod-template-filepath-hostpath", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-pod-template-filepath-nfs", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pv-recycler-timeout-increment-hostpath", 0, FLAG_IGNORED, 0, NULL, ""},
	{"pvclaimbinder-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"resource-quota-sync-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"root-ca-file", 0, FLAG_STRING, AT(root_ca), NULL, "CA certificates that Pods verify the API server with: published in every namespace"},
	{"route-reconciliation-period", 0, FLAG_IGNORED, 0, NULL, ""},
	{"secondary-node-eviction-rate", 0, FLAG_IGNORED, 0, NULL, ""},
	{"service-account-private-key-file", 0, FLAG_STRING, AT(sa_key), NULL, "key that signs the tokens of service account Secrets"},
	{"service-cluster-ip-range", 0, FLAG_IGNORED, 0, NULL, ""},
	{"terminated-pod-gc-threshold", 0, FLAG_IGNORED, 0, NULL, ""},
	{"unhealthy-zone-threshold", 0, FLAG_IGNORED, 0, NULL, ""},
	{"use-service-account-credentials", 0, FLAG_BOOL, AT(accounts), "false", "let every controller act as its own service account"},
};
/* Those of the shared ones that have a default of their own. */
static const struct flag defaults[] = {
	{"leader-elect-resource-name", 0, FLAG_STRING, AT(c.lock_name), "kube-controller-manager", "name of the lease"},
	{"secure-port", 0, FLAG_INT, AT(c.port), "10257", "port to serve HTTPS on; 0: none"},
};
static const struct flag_group groups[] = {
	{"Controllers", flags, ARRAY_LEN(flags), 0}, {"Instance", defaults, ARRAY_LEN(defaults), 0}, COMPONENT_GROUPS(offsetof(struct opts, c)),
};
const struct usage kube_controller_manager_usage = {
	.name = "kube-controller-manager", .arguments = "[FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Runs the controllers, which bring what is there to what is wanted.",
};

struct running {
	struct opts o;
	struct component c;
	struct informers *informers;
	struct manager *manager;
};

static struct transport *transport_for(void *arg, const char *account, struct err *e)
{
	struct running *r = arg;
	struct account_opts o = {.by = r->c.transport, .c = &r->c.rest, .ns = STR(ACCOUNT_NAMESPACE), .name = str_of(account),
		.user_agent = str_printf(r->c.mem, "kube-controller-manager/c8s %s", account)};
	return account_transport_new(r->c.rt, &o, e);
}

static int check_range(struct running *r, struct manager_opts *m, struct err *e)
{
	struct cidr range;
	struct str rest = r->o.cluster_cidr, first = {0};
	if (!r->o.allocate)
		return 0;
	(void)str_next(&rest, ',', &first);
	if (cidr_parse(first, false, &range) < 0)
		return err_set(e, ERR_BAD_REQUEST, "--allocate-node-cidrs needs --cluster-cidr, and \"%.*s\" is no address range", STR_F(first));
	m->cluster_cidr = first;
	m->node_mask = (int)(range.ip.v4 ? r->o.mask_v4 : r->o.mask_v6);
	if (!m->node_mask)
		m->node_mask = (int)r->o.mask;
	int most = range.ip.v4 ? 32 : 128;
	if (m->node_mask && (m->node_mask < range.bits || m->node_mask > most))
		return err_set(e, ERR_BAD_REQUEST, "--node-cidr-mask-size wants a number from %d to %d for --cluster-cidr %.*s", range.bits, most, STR_F(first));
	return 0;
}

static int check_key(struct running *r, struct err *e)
{
	if (!r->o.sa_key.n)
		return 0;
	CLEANUP(pki_key_free) struct pki_key *key = pki_key_load(str_z(r->c.mem, r->o.sa_key), e);
	return key ? 0 : err_wrap(e, "--service-account-private-key-file");
}

static int start(struct component *c, struct scope *scope, struct err *e)
{
	struct running *r = c->arg;
	struct manager_opts m = {.transport = c->transport, .metrics = &c->metrics, .scope = scope, .host = c->host, .arg = r, .monitor_grace = r->o.grace, .monitor_period = r->o.period,
		.controllers = str_join(c->mem, r->o.controllers.items, r->o.controllers.len, STR(","))};
	if (r->o.accounts)
		m.transport_for = transport_for;
	if (r->o.root_ca.n && file_read(c->mem, str_z(c->mem, r->o.root_ca), CA_MAX, &m.root_ca_pem, e) < 0)
		return err_wrap(e, "--root-ca-file");
	if (check_range(r, &m, e) < 0 || check_key(r, e) < 0)
		return -1;
	r->informers = m.informers = informers_new(c->transport, scope);
	r->manager = manager_new(&m);
	return manager_start(r->manager, e);
}

static void stop(struct component *c)
{
	struct running *r = c->arg;
	manager_free(r->manager);
	if (r->informers)
		informers_free(r->informers);
}

static void show(struct component *c, struct metric_set *to)
{
	struct running *r = c->arg;
	if (r->manager)
		manager_metrics(r->manager, to);
}

int cmd_kube_controller_manager(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct running *r = arena_make(a, struct running);
	int code = usage_parse(&kube_controller_manager_usage, argc, argv, &r->o, a);
	if (code >= 0)
		return code;
	r->c = (struct component){.name = "kube-controller-manager", .f = &r->o.c, .mem = a, .start = start, .stop = stop, .show = show, .arg = r};
	return component_main(&r->c);
}
