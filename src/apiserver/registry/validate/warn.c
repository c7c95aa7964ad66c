/* Warnings: what is accepted, and yet not what the author meant. */
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"

#include "api/ip.h"
#include "codec/ops.h"
#include "gen/apps_v1.h"
#include "gen/batch_v1.h"
#include "gen/discovery_v1.h"
#include "gen/meta_v1.h"
#include "gen/networking_v1.h"
#include "gen/storage_v1.h"
#include "schema/quantity.h"

struct warned {
	struct request *r;
	struct check k; /* for paths */
};
#define WARN(w, path, fmt, ...) request_warn((w)->r, "%.*s" fmt, STR_F(path), ##__VA_ARGS__)

/* ---- volumes ---- */

static const struct { const char *source, *why; } old_sources[] = {
	{"photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"}, {"gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
	{"scaleIO", "deprecated in v1.16, non-functional in v1.22+"}, {"flocker", "deprecated in v1.22, non-functional in v1.25+"},
	{"storageos", "deprecated in v1.22, non-functional in v1.25+"}, {"quobyte", "deprecated in v1.22, non-functional in v1.25+"},
	{"glusterfs", "deprecated in v1.25, non-functional in v1.26+"}, {"cephfs", "deprecated in v1.28, non-functional in v1.31+"},
	{"rbd", "deprecated in v1.28, non-functional in v1.31+"},
};

struct item {
	struct str path;
	const char *source;
};
struct items {
	struct item *items;
	uint32_t len, cap;
};

static void add_item(struct warned *w, struct items *l, struct str path, const char *source)
{
	struct item *i = path.n ? arena_push(w->r->arena, l) : NULL;
	if (i)
		*i = (struct item){path, source};
}

static void add_keys(struct warned *w, struct items *l, const core_v1_KeyToPath_list_t *keys, const char *source)
{
	LIST_EACH(p, *keys)
		add_item(w, l, p->path, source);
}

static void add_projection(struct warned *w, struct items *l, const struct core_v1_VolumeProjection *s)
{
	if (s->secret)
		add_keys(w, l, &s->secret->items, "Secret");
	if (s->configMap)
		add_keys(w, l, &s->configMap->items, "ConfigMap");
	if (s->downwardAPI)
		LIST_EACH(f, s->downwardAPI->items)
			add_item(w, l, f->path, "DownwardAPI");
	if (s->serviceAccountToken)
		add_item(w, l, s->serviceAccountToken->path, "ServiceAccountToken");
	if (s->clusterTrustBundle)
		add_item(w, l, s->clusterTrustBundle->path, "ClusterTrustBundle");
}

/* One inside the other, or the same. */
static bool overlap(struct str a, struct str b)
{
	struct str shorter = a.n < b.n ? a : b, longer = a.n < b.n ? b : a;
	return str_has_prefix(longer, shorter) && (longer.n == shorter.n || longer.p[shorter.n] == '/');
}

static void warn_projected(struct warned *w, const struct core_v1_Volume *v)
{
	const struct core_v1_ProjectedVolumeSource *p = v->volumeSource.projected;
	struct items l = {0};
	bool empty = !p->sources.len;
	LIST_EACH(s, p->sources) {
		add_projection(w, &l, s);
		empty |= !s->secret && !s->configMap && !s->downwardAPI && !s->serviceAccountToken && !s->clusterTrustBundle && !s->podCertificate;
	}
	if (empty)
		request_warn(w->r, "volume \"%.*s\" (Projected) has no sources provided", STR_F(v->name));
	for (uint32_t i = 1; i < l.len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (overlap(l.items[i].path, l.items[j].path)) {
				request_warn(w->r, "volume \"%.*s\" (Projected): overlapping paths: \"%.*s\" (%s) with \"%.*s\" (%s)", STR_F(v->name),
					STR_F(l.items[j].path), l.items[j].source, STR_F(l.items[i].path), l.items[i].source);
				break;
			}
}

static void warn_overlaps(struct warned *w, const struct core_v1_Volume *v)
{
	struct items l = {0};
	const char *kind = v->volumeSource.secret ? "Secret" : v->volumeSource.configMap ? "ConfigMap" : "DownwardAPI";
	if (v->volumeSource.secret)
		add_keys(w, &l, &v->volumeSource.secret->items, kind);
	if (v->volumeSource.configMap)
		add_keys(w, &l, &v->volumeSource.configMap->items, kind);
	if (v->volumeSource.downwardAPI)
		LIST_EACH(f, v->volumeSource.downwardAPI->items)
			add_item(w, &l, f->path, kind);
	for (uint32_t i = 1; i < l.len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (overlap(l.items[i].path, l.items[j].path)) {
				request_warn(w->r, "volume \"%.*s\" (%s): overlapping paths: \"%.*s\" with \"%.*s\"", STR_F(v->name), kind, STR_F(l.items[j].path),
					STR_F(l.items[i].path));
				break;
			}
}

static void warn_claim_size(struct warned *w, struct str path, const struct core_v1_PersistentVolumeClaimSpec *s)
{
	struct str text = str_map_get(&s->resources.requests, STR("storage"));
	struct quantity v = quantity_of(text), whole = quantity_int(quantity_value(&v), v.format);
	if (quantity_cmp(&v, &whole))
		WARN(w, path, ".resources.requests[storage]: fractional byte value \"%.*s\" is invalid, must be an integer", STR_F(text));
}

static void warn_volume(struct warned *w, struct str path, const struct core_v1_Volume *v)
{
	for (size_t i = 0; i < sizeof old_sources / sizeof *old_sources; i++)
		if (field_present(v, field_by_name(desc_type(T_core_v1_Volume), str_of(old_sources[i].source), false)))
			WARN(w, path, ".%s: %s", old_sources[i].source, old_sources[i].why);
	if (v->volumeSource.projected)
		warn_projected(w, v);
	warn_overlaps(w, v);
	if (v->volumeSource.ephemeral && v->volumeSource.ephemeral->volumeClaimTemplate)
		warn_claim_size(w, at(&w->k, path, "ephemeral.volumeClaimTemplate.spec"), &v->volumeSource.ephemeral->volumeClaimTemplate->spec);
}

/* ---- containers ---- */

static void warn_amounts(struct warned *w, struct str path, const struct str_map *m)
{
	LIST_EACH(q, *m) {
		if (!one_of(q->key, CHOICES("memory", "ephemeral-storage")))
			continue;
		struct quantity v = quantity_of(q->value), whole = quantity_int(quantity_value(&v), v.format);
		if (quantity_cmp(&v, &whole))
			WARN(w, path, "[%.*s]: fractional byte value \"%.*s\" is invalid, must be an integer", STR_F(q->key), STR_F(q->value));
	}
}

static void warn_env(struct warned *w, struct str path, const core_v1_EnvVar_list_t *l)
{
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[i].name, l->items[j].name)) {
				/* A variable that adds to what it was before is meant so. */
				struct str use = str_printf(w->r->arena, "$(%.*s)", STR_F(l->items[i].name));
				if (l->items[i].valueFrom || str_eq(l->items[i].value, use) || str_find(l->items[i].value, use) < 0)
					WARN(w, path, ".env[%u]: hides previous definition of \"%.*s\", which may be dropped when using apply", i, STR_F(l->items[i].name));
				break;
			}
}

/* ---- ports, of all containers together ---- */

struct port_at {
	struct str path;
	const struct core_v1_ContainerPort *port;
};
struct ports {
	struct port_at *items;
	uint32_t len, cap;
};

static void add_ports(struct warned *w, struct ports *l, struct str path, const core_v1_ContainerPort_list_t *ports)
{
	for (uint32_t i = 0; i < ports->len; i++) {
		struct port_at *p = arena_push(w->r->arena, l);
		if (p)
			*p = (struct port_at){at_index(&w->k, at(&w->k, path, "ports"), i), &ports->items[i]};
	}
}

static const char *port_clash(const struct core_v1_ContainerPort *a, const struct core_v1_ContainerPort *b)
{
	if (a->containerPort != b->containerPort || !str_eq(a->protocol, b->protocol))
		return NULL;
	if (a->hostPort == b->hostPort && str_eq(a->hostIP, b->hostIP))
		return "duplicate";
	if (!a->hostPort || !b->hostPort)
		return "overlapping";
	return a->hostPort == b->hostPort && !a->hostIP.n != !b->hostIP.n ? "dangerously ambiguous" : NULL;
}

static void warn_ports(struct warned *w, const struct ports *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct port_at *p = &l->items[i];
		if (p->port->hostIP.n && !p->port->hostPort)
			WARN(w, p->path, ": hostIP set without hostPort: {Name:%.*s HostPort:0 ContainerPort:%d Protocol:%.*s HostIP:%.*s}", STR_F(p->port->name), p->port->containerPort,
				STR_F(p->port->protocol), STR_F(p->port->hostIP));
		for (uint32_t j = 0; j < i; j++)
			if (port_clash(p->port, l->items[j].port))
				WARN(w, p->path, ": %s port definition with %.*s", port_clash(p->port, l->items[j].port), STR_F(l->items[j].path));
	}
}

static void warn_port_names(struct warned *w, const struct ports *l)
{
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i && l->items[i].port->name.n; j++)
			if (str_eq(l->items[i].port->name, l->items[j].port->name)) {
				WARN(w, l->items[i].path, ": duplicate port name \"%.*s\" with %.*s, services and probes that select ports by name will use %.*s", STR_F(l->items[i].port->name),
					STR_F(l->items[j].path), STR_F(l->items[j].path));
				break;
			}
}

static void warn_all_ports(struct warned *w, struct str path, const struct core_v1_PodSpec *s)
{
	struct ports all = {0}, lasting = {0};
	for (uint32_t i = 0; i < s->initContainers.len; i++) {
		struct str here = at_index(&w->k, at(&w->k, path, "initContainers"), i);
		add_ports(w, &all, here, &s->initContainers.items[i].ports);
		if (str_is(s->initContainers.items[i].restartPolicy, "Always"))
			add_ports(w, &lasting, here, &s->initContainers.items[i].ports);
	}
	for (uint32_t i = 0; i < s->containers.len; i++) {
		add_ports(w, &all, at_index(&w->k, at(&w->k, path, "containers"), i), &s->containers.items[i].ports);
		add_ports(w, &lasting, at_index(&w->k, at(&w->k, path, "containers"), i), &s->containers.items[i].ports);
	}
	warn_ports(w, &all);
	warn_port_names(w, &lasting);
}

static void warn_containers(struct warned *w, struct str path, const core_v1_Container_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_Container *c = &l->items[i];
		struct str here = at_index(&w->k, path, i);
		warn_amounts(w, at(&w->k, here, "resources.limits"), &c->resources.limits);
		warn_amounts(w, at(&w->k, here, "resources.requests"), &c->resources.requests);
		warn_env(w, here, &c->env);
	}
}

/* ---- labels of nodes that have had their day ---- */

static const struct { const char *key, *why; } old_labels[] = {
	{"beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"}, {"beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"},
	{"failure-domain.beta.kubernetes.io/region", "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"},
	{"failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"},
	{"beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"},
};

static const char *old_label(struct str key)
{
	for (size_t i = 0; i < sizeof old_labels / sizeof *old_labels; i++)
		if (str_is(key, old_labels[i].key))
			return old_labels[i].why;
	return NULL;
}

/* Where values are not checked they may be none that a label can have. */
static void warn_values(struct warned *w, struct str path, const str_list_t *values)
{
	for (uint32_t i = 0; i < values->len; i++) {
		struct wrong wr = name_label_value(values->items[i]);
		for (unsigned j = 0; j < wr.n; j++)
			WARN(w, path, "[%u]: %.*s is invalid, %s", i, STR_F(values->items[i]), wr.v[j]);
	}
}

static void warn_term(struct warned *w, struct str path, const struct core_v1_NodeSelectorTerm *t, bool any_value)
{
	for (uint32_t i = 0; i < t->matchExpressions.len; i++) {
		const struct core_v1_NodeSelectorRequirement *q = &t->matchExpressions.items[i];
		if (old_label(q->key))
			WARN(w, path, ".matchExpressions[%u].key: %.*s is %s", i, STR_F(q->key), old_label(q->key));
		if (any_value)
			warn_values(w, at(&w->k, at_index(&w->k, at(&w->k, path, "matchExpressions"), i), "values"), &q->values);
	}
}

static void warn_node_affinity(struct warned *w, struct str path, const struct core_v1_NodeAffinity *a)
{
	const struct core_v1_NodeSelector *q = a->requiredDuringSchedulingIgnoredDuringExecution;
	struct str required = at(&w->k, path, "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
	for (uint32_t i = 0; q && i < q->nodeSelectorTerms.len; i++)
		warn_term(w, at_index(&w->k, required, i), &q->nodeSelectorTerms.items[i], false);
	for (uint32_t i = 0; i < a->preferredDuringSchedulingIgnoredDuringExecution.len; i++)
		warn_term(w, at(&w->k, at_index(&w->k, at(&w->k, path, "preferredDuringSchedulingIgnoredDuringExecution"), i), "preference"),
			&a->preferredDuringSchedulingIgnoredDuringExecution.items[i].preference, true);
}

#define NO_SELECTOR ".labelSelector: a null labelSelector results in matching no pod"

static void warn_pod_affinity(struct warned *w, struct str path, const struct core_v1_PodAffinity *a)
{
	struct str required = at(&w->k, path, "requiredDuringSchedulingIgnoredDuringExecution"), preferred = at(&w->k, path, "preferredDuringSchedulingIgnoredDuringExecution");
	for (uint32_t i = 0; i < a->requiredDuringSchedulingIgnoredDuringExecution.len; i++)
		if (!a->requiredDuringSchedulingIgnoredDuringExecution.items[i].labelSelector)
			WARN(w, at_index(&w->k, required, i), NO_SELECTOR);
	for (uint32_t i = 0; i < a->preferredDuringSchedulingIgnoredDuringExecution.len; i++)
		if (!a->preferredDuringSchedulingIgnoredDuringExecution.items[i].podAffinityTerm.labelSelector)
			WARN(w, at_index(&w->k, preferred, i), ".podAffinityTerm" NO_SELECTOR);
}

static void warn_placing(struct warned *w, struct str path, const struct core_v1_PodSpec *s)
{
	struct str affinity = at(&w->k, path, "affinity");
	LIST_EACH(p, s->nodeSelector)
		if (old_label(p->key))
			WARN(w, path, ".nodeSelector[%.*s]: %s", STR_F(p->key), old_label(p->key));
	if (s->affinity && s->affinity->nodeAffinity)
		warn_node_affinity(w, at(&w->k, affinity, "nodeAffinity"), s->affinity->nodeAffinity);
	for (uint32_t i = 0; i < s->topologySpreadConstraints.len; i++) {
		const struct core_v1_TopologySpreadConstraint *c = &s->topologySpreadConstraints.items[i];
		struct str here = at_index(&w->k, at(&w->k, path, "topologySpreadConstraints"), i);
		if (old_label(c->topologyKey))
			WARN(w, here, ".topologyKey: %.*s is %s", STR_F(c->topologyKey), old_label(c->topologyKey));
		if (!c->labelSelector)
			WARN(w, here, NO_SELECTOR);
	}
}

/* ---- the Pod ---- */

static const struct { const char *key, *why; } old_annotations[] = {
	{"scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead"},
	{"security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"},
	{"security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"},
};

#define SECCOMP_POD "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP "container.seccomp.security.alpha.kubernetes.io/"
#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"
#define SECCOMP_WHY "non-functional in v1.27+; use the \"seccompProfile\" field instead"
#define APPARMOR_WHY "deprecated since v1.30; use the \"appArmorProfile\" field instead"

/* Old annotations of security without the fields that have come for them. */
static void warn_profiles(struct warned *w, struct str path, const core_v1_Container_list_t *l, const struct str_map *m, const struct core_v1_PodSpec *s)
{
	LIST_EACH(c, *l) {
		struct str seccomp = str_printf(w->r->arena, SECCOMP "%.*s", STR_F(c->name)), apparmor = str_printf(w->r->arena, APPARMOR "%.*s", STR_F(c->name));
		bool pod_profile = s->securityContext && s->securityContext->appArmorProfile, profile = pod_profile || (c->securityContext && c->securityContext->appArmorProfile);
		if (str_map_has(m, seccomp) && !(c->securityContext && c->securityContext->seccompProfile))
			WARN(w, path, "[%.*s]: " SECCOMP_WHY, STR_F(seccomp));
		if (str_map_has(m, apparmor) && !profile)
			WARN(w, path, "[%.*s]: " APPARMOR_WHY, STR_F(apparmor));
	}
}

static void warn_old_profiles(struct warned *w, struct str path, const struct str_map *m, const struct core_v1_PodSpec *s)
{
	if (str_map_has(m, STR(SECCOMP_POD)) && !(s->securityContext && s->securityContext->seccompProfile))
		WARN(w, path, "[" SECCOMP_POD "]: " SECCOMP_WHY);
	warn_profiles(w, path, &s->initContainers, m, s);
	warn_profiles(w, path, &s->containers, m, s);
}

static void warn_annotations(struct warned *w, struct str path, const struct str_map *m)
{
	for (size_t i = 0; i < sizeof old_annotations / sizeof *old_annotations; i++)
		LIST_EACH(p, *m)
			if (str_is(p->key, old_annotations[i].key))
				WARN(w, path, "[%.*s]: %s", STR_F(p->key), old_annotations[i].why);
}

static void warn_lists(struct warned *w, struct str path, const struct core_v1_PodSpec *s)
{
	for (uint32_t i = 1; i < s->hostAliases.len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(s->hostAliases.items[i].ip, s->hostAliases.items[j].ip)) {
				WARN(w, path, ".hostAliases[%u].ip: duplicate ip \"%.*s\"", i, STR_F(s->hostAliases.items[i].ip));
				break;
			}
	for (uint32_t i = 0; i < s->imagePullSecrets.len; i++) {
		struct str name = s->imagePullSecrets.items[i].name;
		bool again = false;
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(name, s->imagePullSecrets.items[j].name);
		if (!name.n)
			WARN(w, path, ".imagePullSecrets[%u].name: invalid empty name \"\"", i);
		if (again)
			WARN(w, path, ".imagePullSecrets[%u].name: duplicate name \"%.*s\"", i, STR_F(name));
	}
}

static void warn_pod_spec(struct request *r, struct str path, const struct core_v1_PodSpec *s, struct str meta, const struct str_map *annotations)
{
	struct warned all = {.r = r, .k = {.a = r->arena, .r = r}}, *w = &all;
	warn_placing(w, path, s);
	warn_annotations(w, at(&w->k, meta, "annotations"), annotations);
	for (uint32_t i = 0; i < s->volumes.len; i++)
		warn_volume(w, at_index(&w->k, at(&w->k, path, "volumes"), i), &s->volumes.items[i]);
	warn_lists(w, path, s);
	warn_amounts(w, at(&w->k, path, "overhead"), &s->overhead);
	warn_containers(w, at(&w->k, path, "initContainers"), &s->initContainers);
	warn_containers(w, at(&w->k, path, "containers"), &s->containers);
	warn_old_profiles(w, at(&w->k, meta, "annotations"), annotations, s);
	warn_all_ports(w, path, s);
	if (s->has_terminationGracePeriodSeconds && s->terminationGracePeriodSeconds < 0)
		WARN(w, path, ".terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1");
	if (s->affinity && s->affinity->podAffinity)
		warn_pod_affinity(w, at(&w->k, path, "affinity.podAffinity"), s->affinity->podAffinity);
	if (s->affinity && s->affinity->podAntiAffinity)
		warn_pod_affinity(w, at(&w->k, path, "affinity.podAntiAffinity"), (const struct core_v1_PodAffinity *)(const void *)s->affinity->podAntiAffinity);
}

static void warn_hostname(struct request *r, const char *what, struct str name)
{
	struct wrong wr = name_dns1123_label(name);
	if (wr.n)
		request_warn(r, "metadata.name: this is used in %s hostname, which can result in surprising behavior; a DNS label is recommended: [%.*s]", what,
			STR_F(wrong_join(r->arena, wr)));
}

void warn_pod(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_Pod *p = obj;
	if (old)
		return;
	warn_hostname(r, "the Pod's", p->metadata.name);
	warn_pod_spec(r, STR("spec"), &p->spec, STR("metadata"), &p->metadata.annotations);
}

/* Of a kind with a template at offset t: again only when the generation went up. */
static void warn_template(struct request *r, struct str path, const struct core_v1_PodTemplateSpec *t, const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old)
{
	struct check k = {.a = r->arena, .r = r};
	if (t && (!old || old->generation != m->generation))
		warn_pod_spec(r, at(&k, path, "spec"), &t->spec, at(&k, path, "metadata"), &t->metadata.annotations);
}

#define WARN_TEMPLATE(name, type, member, path) \
	void name(struct request *r, const void *obj, const void *old) \
	{ \
		const struct type *o = obj; \
		warn_template(r, STR(path), member, &o->metadata, old ? &((const struct type *)old)->metadata : NULL); \
	}
WARN_TEMPLATE(warn_deployment, apps_v1_Deployment, &o->spec.template, "spec.template")
WARN_TEMPLATE(warn_replicaset, apps_v1_ReplicaSet, &o->spec.template, "spec.template")
WARN_TEMPLATE(warn_daemonset, apps_v1_DaemonSet, &o->spec.template, "spec.template")
WARN_TEMPLATE(warn_statefulset, apps_v1_StatefulSet, &o->spec.template, "spec.template")
WARN_TEMPLATE(warn_rc, core_v1_ReplicationController, o->spec.template, "spec.template")
WARN_TEMPLATE(warn_podtemplate, core_v1_PodTemplate, &o->template, "template")

void warn_job(struct request *r, const void *obj, const void *old)
{
	const struct batch_v1_Job *j = obj;
	if (!old)
		warn_hostname(r, "Pod", j->metadata.name);
	warn_template(r, STR("spec.template"), &j->spec.template, &j->metadata, old ? &((const struct batch_v1_Job *)old)->metadata : NULL);
}

void warn_cronjob(struct request *r, const void *obj, const void *old)
{
	const struct batch_v1_CronJob *c = obj;
	if (!old)
		warn_hostname(r, "Pod", c->metadata.name);
	warn_template(r, STR("spec.jobTemplate.spec.template"), &c->spec.jobTemplate.spec.template, &c->metadata, old ? &((const struct batch_v1_CronJob *)old)->metadata : NULL);
}

/* ---- other kinds ---- */

void warn_service(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_Service *s = obj, *was = old;
	const struct core_v1_ServiceSpec *p = &s->spec;
	if (str_map_has(&s->metadata.annotations, STR("service.kubernetes.io/topology-aware-hints")))
		request_warn(r, "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead");
	if (str_is(p->clusterIP, "None") && p->loadBalancerIP.n)
		request_warn(r, "spec.loadBalancerIP is ignored when spec.clusterIP is set to None");
	if (str_is(p->clusterIP, "None") && str_is(p->sessionAffinity, "ClientIP"))
		request_warn(r, "spec.SessionAffinity is ignored for headless services");
	if (p->externalName.n && !str_is(p->type, "ExternalName"))
		request_warn(r, "spec.externalName is ignored when spec.type is not \"ExternalName\"");
	if (p->externalIPs.len && str_is(p->clusterIP, "None"))
		request_warn(r, "spec.externalIPs is ignored for headless services");
	else if (p->externalIPs.len && !(was && was->spec.externalIPs.len))
		request_warn(r, "spec.externalIPs is deprecated and may no longer be implemented in some clusters");
	if (str_is(p->trafficDistribution, "PreferClose") && !(was && str_is(was->spec.trafficDistribution, "PreferClose")))
		request_warn(r, "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
}

void warn_endpointslice(struct request *r, const void *obj, const void *old)
{
	if (str_is(((const struct discovery_v1_EndpointSlice *)obj)->addressType, "FQDN"))
		request_warn(r, "spec.addressType: FQDN endpoints are deprecated");
}

void warn_ingress(struct request *r, const void *obj, const void *old)
{
	const struct networking_v1_Ingress *g = obj;
	if (!old && str_map_has(&g->metadata.annotations, STR("kubernetes.io/ingress.class")))
		request_warn(r, "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead");
}

void warn_serviceaccount(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_ServiceAccount *s = obj, *was = old;
	struct str key = STR("kubernetes.io/enforce-mountable-secrets");
	if (str_map_has(&s->metadata.annotations, key) && !(was && str_map_has(&was->metadata.annotations, key)))
		request_warn(r, "metadata.annotations[%.*s]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets", STR_F(key));
}

void warn_secret(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_Secret *s = obj;
	if (!str_is(s->type, "kubernetes.io/tls") || (old && obj_equal_at(desc_type(T_core_v1_Secret), obj, old)))
		return;
	if (str_find(str_map_get(&s->data, STR("tls.crt")), STR("-----BEGIN ")) < 0)
		request_warn(r, "tls: failed to find any PEM data in certificate input");
}

void warn_csidriver(struct request *r, const void *obj, const void *old)
{
	const struct storage_v1_CSIDriver *d = obj;
	if (!old && d->spec.tokenRequests.len && !d->spec.has_serviceAccountTokenInSecrets)
		request_warn(r, "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes");
}

#define CLASS_ANNOTATION "volume.beta.kubernetes.io/storage-class"

static void warn_class(struct request *r, const struct str_map *m)
{
	if (str_map_has(m, STR(CLASS_ANNOTATION)))
		request_warn(r, "metadata.annotations[" CLASS_ANNOTATION "]: deprecated since v1.8; use \"storageClassName\" attribute instead");
}

void warn_pvc(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_PersistentVolumeClaim *c = obj;
	struct warned w = {.r = r, .k = {.a = r->arena, .r = r}};
	warn_class(r, &c->metadata.annotations);
	warn_claim_size(&w, STR("spec"), &c->spec);
}

void warn_pv(struct request *r, const void *obj, const void *old)
{
	const struct core_v1_PersistentVolume *v = obj;
	warn_class(r, &v->metadata.annotations);
	if (str_is(v->spec.persistentVolumeReclaimPolicy, "Recycle"))
		request_warn(r, "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.");
	for (size_t i = 0; i < sizeof old_sources / sizeof *old_sources; i++) {
		const struct field *f = field_by_name(desc_type(T_core_v1_PersistentVolumeSpec), str_of(old_sources[i].source), false);
		if (f && field_present(&v->spec, f))
			request_warn(r, "spec.%s: %s", old_sources[i].source, old_sources[i].why);
	}
}

void warn_quota(struct request *r, const void *obj, const void *old)
{
	static const struct { const char *request, *bare, *limit; } pairs[] = {{"requests.cpu", "cpu", "limits.cpu"}, {"requests.memory", "memory", "limits.memory"},
		{"requests.storage", NULL, "limits.storage"}, {"requests.ephemeral-storage", NULL, "limits.ephemeral-storage"}};
	const struct str_map *m = &((const struct core_v1_ResourceQuota *)obj)->spec.hard;
	for (size_t i = 0; !old && i < ARRAY_LEN(pairs); i++) {
		bool bare = !str_map_has(m, str_of(pairs[i].request)) && pairs[i].bare;
		const char *name = bare ? pairs[i].bare : pairs[i].request;
		struct str a = str_map_get(m, str_of(name)), b = str_map_get(m, str_of(pairs[i].limit));
		struct quantity qa = quantity_of(a), qb = quantity_of(b);
		if (a.n && b.n && quantity_cmp(&qa, &qb) > 0)
			request_warn(r, "ResourceQuota %s (%.*s) should be less than %s (%.*s)", name, STR_F(a), pairs[i].limit, STR_F(b));
	}
}
