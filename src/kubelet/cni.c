/* The node's network, where nobody else configures it: the bridge's configuration, and the runtime told of the range. */
#include "kubelet/masquerade.h"
#include "kubelet/node.h"
#include <dirent.h>

#define RANGE_DEFAULT STR("10.244.0.0/24") /* without a controller that hands out ranges */

static void tell_runtime(struct kubelet *k, struct arena *a, struct str range)
{
	ERR(e);
	struct cri_v1_NetworkConfig net = {range};
	struct cri_v1_RuntimeConfig rc = {&net};
	struct cri_v1_UpdateRuntimeConfigRequest req = {&rc};
	struct cri_v1_UpdateRuntimeConfigResponse resp = {0};
	if (cri_call(k->cri, a, CRI_UPDATE_RUNTIME_CONFIG, &req, &resp, 0, &e))
		log_warn("the runtime does not take the node's range of addresses: %s", err_text(&e));
}

static bool configured(const char *dir)
{
	DIR *d = opendir(dir);
	bool found = false;
	for (struct dirent *en; d && (en = readdir(d));)
		found |= str_has_suffix(str_of(en->d_name), STR(".conflist")) && strcmp(en->d_name, CNI_CONF_FILE) != 0;
	if (d)
		closedir(d);
	return found;
}

static int open_ways(struct kubelet *k, const struct cni_conf *c, struct err *e)
{
	CLEANUP(plan_free) struct plan *plan = plan_new();
	plan_sysctl(plan, "net.ipv4.ip_forward", "1");
	return cni_masquerade(plan, c, e) ? -1 : helper_run(k->helper, plan, NULL, e);
}

static void configure(struct kubelet *k, struct arena *a, struct str range)
{
	ERR(e);
	struct cni_conf c = {0};
	const char *dir = str_z(a, k->o.cni_conf_dir);
	if (configured(dir))
		return;
	if (net_ip_parse(range, &c.pod_cidrs[0]))
		log_error("network configuration: \"%.*s\" is no range of addresses", STR_F(range));
	else if (cni_conf_write(&c, dir, &e))
		log_error("network configuration: %s", err_text(&e));
	else if (open_ways(k, &c, &e))
		log_warn("Pods may not reach the world: %s", err_text(&e));
}

void node_network(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str range = k->pod_cidr.n ? k->pod_cidr : k->cfg->podCIDR.n ? k->cfg->podCIDR : RANGE_DEFAULT;
	if (k->o.cni_conf_dir.n)
		configure(k, a, range);
	tell_runtime(k, a, range);
}
