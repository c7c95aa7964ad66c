/* c8s kubelet. */
#include "base/log.h"
#include "base/version.h"
#include "client/https.h"
#include "cmd/command.h"
#include "cmd/kubelet_flags.h"
#include "cmd/part.h"
#include "os/cgroup.h"
#include "os/proc.h"
#include "schema/metric.h"
#include "schema/reflect.h"
#include <ctype.h>
#include <unistd.h>

struct run {
	struct part part;
	struct kubelet_flags f;
	struct arena *arena;
	struct transport *transport;
	struct kubelet *kubelet;
	struct metric_set metrics;
	struct scope scope;
};

static int connect_api(struct run *r, struct err *e)
{
	struct rest_config rc = {0};
	if (!r->f.kubeconfig.n)
		return 0;
	struct clientcmd_v1_Config *c = kubeconfig_load(r->arena, r->f.kubeconfig, e);
	if (!c || kubeconfig_rest(r->arena, c, &(struct kubeconfig_overrides){.server = r->f.master}, &rc, e))
		return -1;
	rc.user_agent = STR("kubelet/c8s");
	rc.metrics = &r->metrics;
	r->transport = https_transport_new(r->part.rt, &rc, e);
	return r->transport ? 0 : -1;
}

static struct str node_name(struct run *r)
{
	char host[256] = "";
	if (r->f.node_name.n)
		return r->f.node_name;
	gethostname(host, sizeof host - 1);
	for (char *c = host; *c; c++)
		*c = (char)tolower(*c);
	return str_dup(r->arena, str_of(host));
}

static int labels(struct run *r, struct str_map *ret, struct err *e)
{
	for (uint32_t i = 0; i < r->f.labels.len; i++) {
		struct str key, value;
		if (!str_cut(r->f.labels.items[i], '=', &key, &value) || !key.n)
			return err_set(e, ERR_BAD_REQUEST, "--node-labels wants key=value, not \"%.*s\"", STR_F(r->f.labels.items[i]));
		str_map_set(r->arena, ret, key, value);
	}
	return 0;
}

static int check_machine(const struct kubelet_config_v1beta1_KubeletConfiguration *c, struct err *e)
{
	struct machine m = {0};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (geteuid() != 0)
		return err_set(e, ERR_FORBIDDEN, "a kubelet mounts and makes cgroups, which needs root");
	if (c->failCgroupV1 && cgroups_get()->version == CGROUP_V1)
		return err_set(e, ERR_INVALID, "this machine has cgroup v1; set failCgroupV1: false (--fail-cgroupv1=false) to run on it");
	if (machine_facts(a, &m, e))
		return -1;
	if (c->failSwapOn && m.swap_total)
		return err_set(e, ERR_INVALID, "this machine has swap on; turn it off or set failSwapOn: false (--fail-swap-on=false)");
	return 0;
}

static int start(struct part *p, struct err *e)
{
	struct run *r = container_of(p, struct run, part);
	struct kubelet_config_v1beta1_KubeletConfiguration *c = kubelet_config_default(r->arena);
	struct kubelet_opts o = {.node_name = node_name(r), .node_ip = r->f.node_ip, .root_dir = r->f.root_dir, .cert_dir = r->f.cert_dir,
		.cni_conf_dir = r->f.cni_conf_dir, .helper = p->helper, .register_node = r->f.register_node, .config = c, .version = STR(C8S_VERSION), .metrics = &r->metrics};
	scope_init(&r->scope, NULL);
	if (kubelet_flags_apply(r->arena, &r->f, c, e) || labels(r, &o.node_labels, e) || check_machine(c, e) || connect_api(r, e))
		return -1;
	o.transport = r->transport;
	o.register_node &= c->registerNode;
	r->kubelet = kubelet_new(&o, e);
	return r->kubelet ? kubelet_start(r->kubelet, &r->scope, e) : -1;
}

static void stop(struct part *p)
{
	struct run *r = container_of(p, struct run, part);
	log_info("ending; containers go on");
	scope_fini(&r->scope);
	kubelet_free(r->kubelet);
	transport_free(r->transport);
	metric_set_fini(&r->metrics);
}

struct str kubelet_part_root(const struct part *p)
{
	return container_of(p, struct run, part)->f.root_dir;
}

int kubelet_part_new(int argc, char **argv, struct arena *a, struct part **ret)
{
	struct run *r = arena_make(a, struct run);
	int code = usage_parse(&kubelet_usage, argc, argv, &r->f, a);
	if (code >= 0)
		return code;
	r->arena = a;
	r->part = (struct part){.name = "kubelet", .start = start, .stop = stop};
	log_setup(&(struct log_opts){.fd = 2, .verbosity = (int)r->f.verbosity});
	*ret = &r->part;
	return -1;
}

int cmd_kubelet(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct part *p;
	int code = kubelet_part_new(argc, argv, a, &p);
	return code >= 0 ? code : parts_run("kubelet", &p, 1);
}
