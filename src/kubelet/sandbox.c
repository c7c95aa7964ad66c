/* RunPodSandbox's request. */
#include "kubelet/impl.h"

static int32_t protocol_of(struct str s) { return str_is(s, "UDP") ? 1 : str_is(s, "SCTP") ? 2 : 0; }

static void ports_of(struct arena *a, const struct core_v1_Container *c, struct cri_v1_PodSandboxConfig *cfg)
{
	LIST_EACH(p, c->ports) {
		struct cri_v1_PortMapping *m = arena_push(a, &cfg->port_mappings);
		*m = (struct cri_v1_PortMapping){.host_ip = p->hostIP, .protocol = protocol_of(p->protocol), .container_port = p->containerPort, .host_port = p->hostPort};
	}
}

static void pod_ports(struct arena *a, const struct core_v1_Pod *o, struct cri_v1_PodSandboxConfig *cfg)
{
	EACH_MAIN(c, o)
		ports_of(a, c, cfg);
	EACH_INIT(c, o)
		if (container_is_sidecar(c))
			ports_of(a, c, cfg);
}

static void copy_map(struct arena *a, struct str_map *to, const struct str_map *from)
{
	LIST_EACH(m, *from)
		str_map_set(a, to, m->key, m->value);
}

static void names(struct pod *p, struct arena *a, struct cri_v1_PodSandboxConfig *cfg)
{
	const struct meta_v1_ObjectMeta *m = &p->spec->pod->metadata;
	copy_map(a, &cfg->labels, &m->labels);
	str_map_set(a, &cfg->labels, STR("io.kubernetes.pod.name"), p->name);
	str_map_set(a, &cfg->labels, STR("io.kubernetes.pod.namespace"), p->ns);
	str_map_set(a, &cfg->labels, STR("io.kubernetes.pod.uid"), p->uid);
	copy_map(a, &cfg->annotations, &m->annotations);
}

static void linux_part(struct pod *p, struct arena *a, struct cri_v1_PodSandboxConfig *cfg)
{
	struct cri_v1_LinuxPodSandboxConfig *l = cfg->linux_ = arena_make(a, struct cri_v1_LinuxPodSandboxConfig);
	l->cgroup_parent = resources_cgroup_parent(a, p);
	l->resources = resources_sandbox(a, p);
	l->overhead = arena_make(a, struct cri_v1_LinuxContainerResources);
	const struct core_v1_PodSecurityContext *sc = p->spec->pod->spec.securityContext;
	if (sc)
		LIST_EACH(s, sc->sysctls)
			str_map_set(a, &l->sysctls, s->name, s->value);
	security_sandbox(a, p, l);
}

struct cri_v1_PodSandboxConfig *sandbox_config(struct pod *p, struct arena *a, uint32_t attempt, struct err *e)
{
	const struct core_v1_Pod *o = p->spec->pod;
	struct cri_v1_PodSandboxConfig *cfg = arena_make(a, struct cri_v1_PodSandboxConfig);
	cfg->metadata = arena_make(a, struct cri_v1_PodSandboxMetadata);
	*cfg->metadata = (struct cri_v1_PodSandboxMetadata){.name = p->name, .uid = p->uid, .namespace = p->ns, .attempt = attempt};
	cfg->log_directory = pod_log_dir(a, p);
	cfg->dns_config = dns_config(p, a, e);
	if (!cfg->dns_config)
		return NULL;
	if (!o->spec.hostNetwork) {
		struct str domain, host = pod_hostname(a, o, &domain, p->k->cfg->clusterDomain);
		bool fqdn = o->spec.has_setHostnameAsFQDN && o->spec.setHostnameAsFQDN && domain.n;
		cfg->hostname = fqdn ? str_printf(a, "%.*s.%.*s", STR_F(host), STR_F(domain)) : host;
		pod_ports(a, o, cfg);
	}
	names(p, a, cfg);
	linux_part(p, a, cfg);
	return cfg;
}
