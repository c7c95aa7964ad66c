/* c8s kubelet. */
#include "base/log.h"
#include "base/version.h"
#include "client/https.h"
#include "cmd/command.h"
#include "cmd/kubelet_flags.h"
#include "os/cgroup.h"
#include "os/proc.h"
#include "os/signals.h"
#include "schema/reflect.h"
#include <ctype.h>
#include <unistd.h>

struct run {
	struct kubelet_flags f;
	struct arena *arena;
	struct rt *rt;
	struct transport *transport;
	struct kubelet *kubelet;
	struct scope scope;
	struct cond stop;
	bool stopping;
	int code;
};

static void signalled(void *arg, int sig)
{
	struct run *r = arg;
	r->stopping = true;
	cond_wake_all(&r->stop);
}

static int connect_api(struct run *r, struct err *e)
{
	struct rest_config rc = {0};
	if (!r->f.kubeconfig.n)
		return 0;
	struct clientcmd_v1_Config *c = kubeconfig_load(r->arena, r->f.kubeconfig, e);
	if (!c || kubeconfig_rest(r->arena, c, &(struct kubeconfig_overrides){0}, &rc, e))
		return -1;
	rc.user_agent = STR("kubelet/c8s");
	r->transport = https_transport_new(r->rt, &rc, e);
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

static int start(struct run *r, struct err *e)
{
	struct kubelet_config_v1beta1_KubeletConfiguration *c = kubelet_config_default(r->arena);
	struct kubelet_opts o = {.node_name = node_name(r), .node_ip = r->f.node_ip, .root_dir = r->f.root_dir, .cert_dir = r->f.cert_dir,
		.cni_conf_dir = r->f.cni_conf_dir, .register_node = r->f.register_node, .config = c, .version = STR(C8S_VERSION)};
	if (kubelet_flags_apply(r->arena, &r->f, c, e) || labels(r, &o.node_labels, e) || check_machine(c, e) || connect_api(r, e))
		return -1;
	o.transport = r->transport;
	o.register_node &= c->registerNode;
	r->kubelet = kubelet_new(&o, e);
	return r->kubelet ? kubelet_start(r->kubelet, &r->scope, e) : -1;
}

static void serve(void *arg)
{
	static const int list[] = {SIGTERM, SIGINT, 0};
	struct run *r = arg;
	ERR(e);
	cond_init(&r->stop);
	scope_init(&r->scope, NULL);
	struct signals *s = signals_watch(list, signalled, r, &e);
	if (!s || start(r, &e))
		r->code = cmd_error("%s", err_text(&e));
	while (!r->code && !r->stopping && cond_wait(&r->stop, MONO_NEVER) == 0)
		;
	log_info("ending; containers go on");
	scope_fini(&r->scope);
	kubelet_free(r->kubelet);
	transport_free(r->transport);
	signals_free(s);
}

static int run(struct run *r)
{
	struct log_opts log = {.fd = 2, .verbosity = (int)r->f.verbosity};
	log_setup(&log);
	signals_block();
	r->rt = rt_new(NULL);
	if (!r->rt || rt_main(r->rt, "kubelet", serve, r))
		return cmd_error("out of memory");
	rt_free(r->rt);
	return r->code;
}

int cmd_kubelet(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct run *r = arena_make(a, struct run);
	struct flag_result res;
	ERR(e);
	r->arena = a;
	if (flags_parse(kubelet_flag_table, kubelet_flag_count, argc, argv, &r->f, a, &res, &e))
		return cmd_error("%s (c8s kubelet --help lists the flags)", err_text(&e));
	if (res.help) {
		printf("Runs the Pods of one node through a container runtime.\n\nUsage: c8s kubelet [FLAGS]\n\n");
		flags_help(kubelet_flag_table, kubelet_flag_count, stdout);
		return 0;
	}
	if (res.nrest)
		return cmd_error("unexpected argument \"%s\" (c8s kubelet --help lists the flags)", res.rest[0]);
	return run(r);
}
