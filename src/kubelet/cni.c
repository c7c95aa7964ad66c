/* The node's network, where nobody else configures it: a bridge with host-local addresses, port mappings, and the runtime told of the range. */
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
		found |= str_has_suffix(str_of(en->d_name), STR(".conflist")) && strcmp(en->d_name, "10-c8s.conflist") != 0;
	if (d)
		closedir(d);
	return found;
}

static struct str conflist(struct arena *a, struct str range)
{
	return str_printf(a,
		"{\n"
		"  \"cniVersion\": \"0.4.0\",\n"
		"  \"name\": \"c8s\",\n"
		"  \"plugins\": [\n"
		"    {\"type\": \"bridge\", \"bridge\": \"cni0\", \"isGateway\": true, \"ipMasq\": true, \"hairpinMode\": true, \"promiscMode\": false,\n"
		"     \"ipam\": {\"type\": \"host-local\", \"ranges\": [[{\"subnet\": \"%.*s\"}]], \"routes\": [{\"dst\": \"0.0.0.0/0\"}]}},\n"
		"    {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}, \"snat\": true}\n"
		"  ]\n"
		"}\n", STR_F(range));
}

static void write_conf(struct kubelet *k, struct arena *a, struct str range)
{
	ERR(e);
	char *dir = str_z(a, k->o.cni_conf_dir), *file = str_z(a, str_printf(a, "%s/10-c8s.conflist", dir));
	struct str now, want = conflist(a, range);
	if (configured(dir) || (file_exists(file) && file_read(a, file, OBJECT_BYTES, &now, &e) == 0 && str_eq(now, want)))
		return;
	if (file_mkdirs(dir, 0755, &e) || file_write_atomic(file, want, 0644, &e))
		log_error("network configuration: %s", err_text(&e));
}

static void forward(struct kubelet *k)
{
	ERR(e);
	CLEANUP(plan_free) struct plan *plan = plan_new();
	plan_sysctl(plan, "net.ipv4.ip_forward", "1");
	if (helper_run(k->helper, plan, NULL, &e))
		log_warn("packets of Pods may not be forwarded: %s", err_text(&e));
}

void node_network(struct kubelet *k)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str range = k->pod_cidr.n ? k->pod_cidr : k->cfg->podCIDR.n ? k->cfg->podCIDR : RANGE_DEFAULT;
	if (k->o.cni_conf_dir.n) {
		write_conf(k, a, range);
		forward(k);
	}
	tell_runtime(k, a, range);
}
