#include "kubelet/impl.h"
#include "base/version.h"
#include "net/addr.h"
#include <ifaddrs.h>
#include <arpa/inet.h>
#include <net/if.h>

#define FIRST_ANSWER (60 * NS_S) /* the runtime may start together with us */

static struct kubelet_opts copied(struct arena *a, const struct kubelet_opts *o)
{
	struct kubelet_opts c = *o;
	struct str *texts[] = {&c.node_name, &c.node_ip, &c.root_dir, &c.cert_dir, &c.cni_conf_dir, &c.runtime_endpoint, &c.version};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = str_dup(a, *texts[i]);
	c.node_labels = (struct str_map){0};
	LIST_EACH(l, o->node_labels)
		str_map_set(a, &c.node_labels, str_dup(a, l->key), str_dup(a, l->value));
	if (!c.cert_dir.n)
		c.cert_dir = str_printf(a, "%.*s/pki", STR_F(c.root_dir));
	if (!c.version.n)
		c.version = STR(KUBERNETES_VERSION);
	return c;
}

/* The first address of an interface that is up and leads out. */
static struct str own_address(struct arena *a)
{
	struct ifaddrs *list = NULL;
	struct str found = STR("127.0.0.1");
	if (getifaddrs(&list))
		return found;
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		char text[INET_ADDRSTRLEN];
		bool fits = i->ifa_addr && i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK) &&
			strncmp(i->ifa_name, "cni", 3) != 0 && strncmp(i->ifa_name, "docker", 6) != 0;
		if (!fits)
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text, sizeof text);
		found = str_dup(a, str_of(text));
		break;
	}
	freeifaddrs(list);
	return found;
}

static int check(const struct kubelet_opts *o, struct err *e)
{
	if (!o->node_name.n)
		return err_set(e, ERR_INVALID, "a node name is needed");
	if (!o->root_dir.n || o->root_dir.p[0] != '/')
		return err_set(e, ERR_INVALID, "the root directory must be an absolute path");
	if (!o->runtime_endpoint.n && !o->config->containerRuntimeEndpoint.n)
		return err_set(e, ERR_INVALID, "no container runtime: set --container-runtime-endpoint, such as unix:///run/containerd/containerd.sock");
	return 0;
}

static int own_helper(struct kubelet *k, struct err *e)
{
	const char **roots = arena_alloc(k->mem, 2 * sizeof *roots);
	struct plan_policy *policy = arena_make(k->mem, struct plan_policy);
	roots[0] = str_z(k->mem, k->o.root_dir);
	plan_policy_node(policy, roots);
	k->helper = helper_direct(policy);
	k->own_helper = true;
	return k->helper ? 0 : err_nomem(e, 0);
}

static int init(struct kubelet *k, struct err *e)
{
	struct str endpoint = k->o.runtime_endpoint.n ? k->o.runtime_endpoint : k->cfg->containerRuntimeEndpoint;
	char *url = str_z(k->mem, endpoint.p[0] == '/' ? str_printf(k->mem, "unix://%.*s", STR_F(endpoint)) : endpoint);
	if (file_mkdirs(str_z(k->mem, k->o.root_dir), 0750, e) || machine_facts(k->mem, &k->machine, e))
		return -1;
	k->helper = k->o.helper;
	if (!k->helper && own_helper(k, e))
		return -1;
	k->cgroups = cgroups_get();
	k->node_ip = k->o.node_ip.n ? k->o.node_ip : own_address(k->mem);
	k->cri = cri_new(url, k->cfg->runtimeRequestTimeout, k->o.metrics, e);
	return k->cri ? 0 : -1;
}

struct kubelet *kubelet_new(const struct kubelet_opts *o, struct err *e)
{
	if (check(o, e))
		return NULL;
	struct arena *mem = arena_new(NULL);
	struct kubelet *k = arena_make(mem, struct kubelet);
	k->mem = mem;
	k->o = copied(mem, o);
	k->cfg = obj_copy(mem, (struct ref){desc_type(T_kubelet_config_v1beta1_KubeletConfiguration), o->config});
	k->t = o->transport;
	k->started = rt_wall();
	k->images_stale = true;
	cond_init(&k->node_wake);
	cond_init(&k->check_wake);
	list_init(&k->log_readers);
	if (init(k, e)) {
		kubelet_free(k);
		return NULL;
	}
	return k;
}

static int runtime_version(struct kubelet *k, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cri_v1_VersionRequest req = {STR("0.1.0")};
	struct cri_v1_VersionResponse resp = {0};
	if (cri_call(k->cri, a, CRI_VERSION, &req, &resp, 2 * NS_S, e))
		return -1;
	k->runtime_name = str_dup(k->mem, resp.runtime_name);
	k->runtime_version = str_dup(k->mem, resp.runtime_version);
	return 0;
}

static int await_runtime(struct kubelet *k, struct err *e)
{
	mono_t end = rt_now() + FIRST_ANSWER;
	nsec_t pause = 10 * NS_MS;
	for (int r; (r = runtime_version(k, e)) != 0; pause = pause * 2 < NS_S ? pause * 2 : NS_S) {
		if (rt_now() > end)
			return err_wrap(e, "the container runtime does not answer");
		err_fini(e);
		if (fiber_sleep(pause))
			return err_set(e, ERR_SERVICE_UNAVAILABLE, "cancelled");
	}
	return 0;
}

static void starting_event(struct kubelet *k)
{
	struct core_v1_ObjectReference about = {.kind = STR("Node"), .name = k->o.node_name, .uid = k->o.node_name};
	recorder_event(k->rec, &about, "Normal", "Starting", "Starting kubelet.");
}

int kubelet_start(struct kubelet *k, struct scope *s, struct err *e)
{
	k->scope = s;
	if (await_runtime(k, e) || resources_qos_cgroups(k, e))
		return -1;
	if (k->t) {
		k->rec = recorder_new(k->t, s, "kubelet", k->o.node_name);
		starting_event(k);
	}
	report_start(k);
	node_start(k);
	if (source_start(k, e) || (k->cfg->enableServer && server_start(k, e)))
		return -1;
	exits_start(k);
	rotate_start(k);
	return 0;
}

void kubelet_free(struct kubelet *k)
{
	if (!k)
		return;
	server_stop(k);
	dir_watch_free(k->manifests);
	informers_free(k->informers);
	recorder_free(k->rec);
	queue_free(k->status_q);
	exits_free(k);
	map_fini(&k->objects);
	map_fini(&k->pods);
	cri_free(k->cri);
	if (k->own_helper)
		helper_free(k->helper);
	buf_fini(&k->not_ready_why);
	arena_free(k->images_mem);
	arena_free(k->mem);
}
