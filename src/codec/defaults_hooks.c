#include "base/scope.h"
#include "codec/defaults_rules.h"
#include "gen/apiextensions_v1.h"
#include "gen/autoscaling_v2.h"
#include "gen/batch_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "schema/quantity.h"

/* ---- resources ---- */

static void add_missing(struct arena *a, struct str_map *to, const struct str_map *from)
{
	for (uint32_t i = 0; i < from->len; i++)
		if (!str_map_has(to, from->items[i].key))
			str_map_set(a, to, from->items[i].key, from->items[i].value);
}

/* Only texts with a fraction or a suffix below milli can need it. */
static bool may_be_finer(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(".nuEe", s.p[i]))
			return true;
	return false;
}

void defaults_round(struct defaulting *d, struct str_map *resources)
{
	for (uint32_t i = 0; i < resources->len; i++) {
		struct str *v = &resources->items[i].value;
		struct quantity q;
		if (!may_be_finer(*v) || quantity_parse(*v, &q) != QUANTITY_OK || quantity_round_up(&q, -3))
			continue;
		*v = quantity_str(d->a, &q);
	}
}

static void add_amount(struct arena *a, struct str_map *sum, struct str name, struct str amount)
{
	struct str had = str_map_get(sum, name);
	struct quantity q = quantity_of(amount);
	if (had.p)
		q = quantity_add(quantity_of(had), q);
	str_map_set(a, sum, name, quantity_str(a, &q));
}

/* What a Pod may ask for as a whole. */
static bool is_pod_level(struct str name) { return str_is(name, "cpu") || str_is(name, "memory") || str_has_prefix(name, STR("hugepages-")); }

static void raise_amounts(struct arena *a, struct str_map *sum, const struct str_map *least)
{
	for (uint32_t i = 0; i < least->len; i++) {
		struct str had = str_map_get(sum, least->items[i].key);
		struct quantity x = quantity_of(had), y = quantity_of(least->items[i].value);
		if (!had.p || quantity_cmp(&x, &y) < 0)
			str_map_set(a, sum, least->items[i].key, least->items[i].value);
	}
}

static void add_amounts(struct arena *a, struct str_map *sum, const struct str_map *more)
{
	for (uint32_t i = 0; i < more->len; i++)
		add_amount(a, sum, more->items[i].key, more->items[i].value);
}

/* Requests of the containers together: init containers run one at a time, each beside the sidecars before it. */
static struct str_map container_requests(struct arena *a, const struct core_v1_PodSpec *s)
{
	struct str_map sum = {0}, sidecars = {0}, peak = {0};
	LIST_EACH(c, s->containers)
		add_amounts(a, &sum, &c->resources.requests);
	LIST_EACH(c, s->initContainers) {
		struct str_map now = {0};
		if (str_is(c->restartPolicy, "Always"))
			add_amounts(a, &sidecars, &c->resources.requests);
		else
			add_amounts(a, &now, &c->resources.requests);
		add_amounts(a, &now, &sidecars);
		raise_amounts(a, &peak, &now);
	}
	add_amounts(a, &sum, &sidecars);
	raise_amounts(a, &sum, &peak);
	return sum;
}

static void default_pod_requests(struct arena *a, struct core_v1_PodSpec *s)
{
	if (!s->resources || !s->resources->limits.len)
		return;
	struct str_map *requests = &s->resources->requests, sum = container_requests(a, s);
	for (uint32_t i = 0; i < sum.len; i++)
		if (is_pod_level(sum.items[i].key) && !str_map_has(requests, sum.items[i].key))
			str_map_set(a, requests, sum.items[i].key, sum.items[i].value);
	for (uint32_t i = 0; i < s->resources->limits.len; i++)
		if (is_pod_level(s->resources->limits.items[i].key) && !str_map_has(requests, s->resources->limits.items[i].key))
			str_map_set(a, requests, s->resources->limits.items[i].key, s->resources->limits.items[i].value);
}

/* ---- Pods ---- */

static void requests_from_limits(struct arena *a, core_v1_Container_list_t *l)
{
	LIST_EACH(c, *l)
		add_missing(a, &c->resources.requests, &c->resources.limits);
}

static void host_ports(core_v1_Container_list_t *l)
{
	LIST_EACH(c, *l)
		LIST_EACH(p, c->ports)
			if (!p->hostPort)
				p->hostPort = p->containerPort;
}

static void default_pod(struct defaulting *d, struct ref o)
{
	struct core_v1_Pod *p = o.p;
	requests_from_limits(d->a, &p->spec.containers);
	requests_from_limits(d->a, &p->spec.initContainers);
	default_pod_requests(d->a, &p->spec);
	if (p->spec.hostNetwork) {
		host_ports(&p->spec.containers);
		host_ports(&p->spec.initContainers);
	}
}

/* Both names of the service account are written, whichever was given. */
static void default_pod_spec(struct defaulting *d, struct ref o)
{
	struct core_v1_PodSpec *s = o.p;
	if (!s->serviceAccountName.n)
		s->serviceAccountName = s->serviceAccount;
	s->serviceAccount = s->serviceAccountName;
}

static bool is_tag(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] | 0x20;
		bool word = (c >= 'a' && c <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '_';
		if (!word && (i == 0 || (s.p[i] != '.' && s.p[i] != '-')))
			return false;
	}
	return s.n > 0 && s.n <= 128;
}

/* Lower case letters and digits, with single separators in between. */
static bool is_path_component(struct str s)
{
	bool separated = true;
	for (size_t i = 0; i < s.n; i++) {
		bool word = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
		bool again = i && s.p[i] == s.p[i - 1] && (s.p[i] == '-' || (s.p[i] == '_' && (i < 2 || s.p[i - 2] != '_')));
		if (!word && ((separated && !again) || !strchr("._-", s.p[i]) || !s.p[i]))
			return false;
		separated = !word;
	}
	return s.n && !separated;
}

static bool is_domain(struct str s)
{
	bool host = str_index(s, '.', 0) >= 0 || str_index(s, ':', 0) >= 0 || str_is(s, "localhost");
	for (size_t i = 0; !host && i < s.n; i++)
		host = s.p[i] >= 'A' && s.p[i] <= 'Z';
	return host;
}

static bool is_repository(struct str s)
{
	struct str first, rest, piece;
	if (str_cut(s, '/', &first, &rest) && is_domain(first))
		s = rest;
	if (!s.n || s.n > 255)
		return false;
	while (str_next(&s, '/', &piece))
		if (!is_path_component(piece))
			return false;
	return true;
}

/* An image without tag and digest means its latest. */
static bool is_latest(struct str image)
{
	struct str digest, repository;
	bool pinned = str_cut(image, '@', &repository, &digest);
	ptrdiff_t slash = str_rindex(repository, '/'), colon = str_rindex(repository, ':');
	if (colon <= slash)
		return !pinned && is_repository(repository);
	struct str tag = str_sub(repository, (size_t)colon + 1, repository.n);
	return str_is(tag, "latest") && is_tag(tag) && is_repository(str_sub(repository, 0, (size_t)colon));
}

static void pull_policy(struct str image, struct str *policy)
{
	if (!policy->n)
		*policy = is_latest(image) ? STR("Always") : STR("IfNotPresent");
}

/* Containers and ephemeral containers have these two members in common by name. */
static void default_container(struct defaulting *d, struct ref o)
{
	const struct field *image = field_by_name(o.type, STR("image"), false), *policy = field_by_name(o.type, STR("imagePullPolicy"), false);
	pull_policy(*(struct str *)field_at(o.p, image), field_at(o.p, policy));
}

static void default_image_volume(struct defaulting *d, struct ref o)
{
	struct core_v1_ImageVolumeSource *s = o.p;
	pull_policy(s->reference, &s->pullPolicy);
}

static void default_volume(struct defaulting *d, struct ref o)
{
	struct core_v1_Volume *v = o.p;
	const struct type *t = desc_type(T_core_v1_VolumeSource);
	for (unsigned i = 0; i < t->nfields; i++)
		if (field_present(&v->volumeSource, type_field(t, i)))
			return;
	v->volumeSource.emptyDir = obj_make(d->a, core_v1_EmptyDirVolumeSource);
}

/* ---- the rest of core ---- */

static void default_service(struct defaulting *d, struct ref o)
{
	struct core_v1_ServiceSpec *s = &((struct core_v1_Service *)o.p)->spec;
	LIST_EACH(p, s->ports)
		if (p->targetPort.is_str ? !p->targetPort.str.n : !p->targetPort.num)
			p->targetPort = (struct int_or_str){.num = p->port};
	if (str_is(s->sessionAffinity, "None"))
		s->sessionAffinityConfig = NULL;
	if (s->externalIPs.len && str_is(s->type, "ClusterIP") && !s->externalTrafficPolicy.n)
		s->externalTrafficPolicy = STR("Cluster");
	if (!str_is(s->type, "LoadBalancer"))
		return;
	LIST_EACH(i, ((struct core_v1_Service *)o.p)->status.loadBalancer.ingress)
		if (i->ip.n && !i->ipMode.p)
			i->ipMode = STR("VIP");
}

static void default_namespace(struct defaulting *d, struct ref o)
{
	struct core_v1_Namespace *n = o.p;
	if (n->metadata.name.n)
		str_map_set(d->a, &n->metadata.labels, STR("kubernetes.io/metadata.name"), n->metadata.name);
}

static void default_node(struct defaulting *d, struct ref o)
{
	struct core_v1_NodeStatus *s = &((struct core_v1_Node *)o.p)->status;
	if (!s->allocatable.items && s->capacity.items)
		add_missing(d->a, &s->allocatable, &s->capacity);
}

static void default_limits(struct defaulting *d, struct ref o)
{
	struct core_v1_LimitRangeItem *i = o.p;
	if (!str_is(i->type, "Container"))
		return;
	add_missing(d->a, &i->default_, &i->max);
	add_missing(d->a, &i->defaultRequest, &i->default_);
	add_missing(d->a, &i->defaultRequest, &i->min);
}

/* stringData is a way to write only. */
static void default_secret(struct defaulting *d, struct ref o)
{
	struct core_v1_Secret *s = o.p;
	for (uint32_t i = 0; i < s->stringData.len; i++)
		str_map_set(d->a, &s->data, s->stringData.items[i].key, s->stringData.items[i].value.p ? s->stringData.items[i].value : STR(""));
	memset(&s->stringData, 0, sizeof s->stringData);
}

/* ---- workloads ---- */

static void labels_from(struct arena *a, struct str_map *to, const struct str_map *labels)
{
	if (!to->len && labels->len)
		add_missing(a, to, labels);
}

static void default_replication_controller(struct defaulting *d, struct ref o)
{
	struct core_v1_ReplicationController *r = o.p;
	if (!r->spec.template)
		return;
	labels_from(d->a, &r->spec.selector, &r->spec.template->metadata.labels);
	labels_from(d->a, &r->metadata.labels, &r->spec.template->metadata.labels);
}

static void default_job(struct defaulting *d, struct ref o)
{
	struct batch_v1_Job *j = o.p;
	struct batch_v1_JobSpec *s = &j->spec;
	if (!s->has_completions && !s->has_parallelism)
		s->completions = 1, s->has_completions = true;
	if (!s->has_parallelism)
		s->parallelism = 1, s->has_parallelism = true;
	labels_from(d->a, &j->metadata.labels, &s->template.metadata.labels);
}

/* ---- autoscaling ---- */

static void add_policy(struct arena *a, struct autoscaling_v2_HPAScalingRules *r, struct str type, int32_t value)
{
	struct autoscaling_v2_HPAScalingPolicy *p = arena_push(a, &r->policies);
	if (p)
		*p = (struct autoscaling_v2_HPAScalingPolicy){.type = type, .value = value, .periodSeconds = 15};
}

static struct autoscaling_v2_HPAScalingRules *scaling_rules(struct arena *a, struct autoscaling_v2_HPAScalingRules *r, bool up)
{
	if (!r)
		r = obj_make(a, autoscaling_v2_HPAScalingRules);
	if (!r->selectPolicy.p)
		r->selectPolicy = STR("Max");
	if (up && !r->has_stabilizationWindowSeconds)
		r->has_stabilizationWindowSeconds = true; /* 0 */
	if (r->policies.items)
		return r;
	if (up)
		add_policy(a, r, STR("Pods"), 4);
	add_policy(a, r, STR("Percent"), 100);
	return r;
}

static void default_autoscaler(struct defaulting *d, struct ref o)
{
	struct autoscaling_v2_HorizontalPodAutoscalerSpec *s = &((struct autoscaling_v2_HorizontalPodAutoscaler *)o.p)->spec;
	if (!s->metrics.len) {
		struct autoscaling_v2_ResourceMetricSource *cpu = obj_make(d->a, autoscaling_v2_ResourceMetricSource);
		*cpu = (struct autoscaling_v2_ResourceMetricSource){
			.name = STR("cpu"), .target = {.type = STR("Utilization"), .averageUtilization = 80, .has_averageUtilization = true}};
		s->metrics.items = NULL, s->metrics.cap = 0;
		struct autoscaling_v2_MetricSpec *m = arena_push(d->a, &s->metrics);
		if (m)
			*m = (struct autoscaling_v2_MetricSpec){.type = STR("Resource"), .resource = cpu};
	}
	if (s->behavior) {
		s->behavior->scaleUp = scaling_rules(d->a, s->behavior->scaleUp, true);
		s->behavior->scaleDown = scaling_rules(d->a, s->behavior->scaleDown, false);
	}
}

/* ---- others ---- */

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_text(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
	return (struct str){p, s.n};
}

static void stored_version(struct arena *a, struct apiextensions_v1_CustomResourceDefinition *c)
{
	if (c->status.storedVersions.len)
		return;
	LIST_EACH(v, c->spec.versions) {
		if (!v->storage)
			continue;
		c->status.storedVersions.items = NULL, c->status.storedVersions.cap = 0;
		struct str *s = arena_push(a, &c->status.storedVersions);
		if (s)
			*s = v->name;
		return;
	}
}

static void default_definition(struct defaulting *d, struct ref o)
{
	struct apiextensions_v1_CustomResourceDefinition *c = o.p;
	struct apiextensions_v1_CustomResourceDefinitionNames *n = &c->spec.names;
	if (!n->singular.n && n->kind.n && n->kind.n <= ARENA_FIXED_MAX)
		n->singular = lower(d->a, n->kind);
	if (!n->listKind.n && n->kind.n)
		n->listKind = str_printf(d->a, "%.*sList", STR_F(n->kind));
	stored_version(d->a, c);
}

static void default_taint(struct defaulting *d, struct ref o)
{
	const struct field *f = field_by_name(o.type, STR("timeAdded"), false);
	if (d->now && !field_present(o.p, f))
		*(struct api_time *)field_mutable(d->a, o.p, f) = api_time_sec(d->now);
}

const struct hook default_hooks[] = {
	{"core/v1.Pod", default_pod},
	{"core/v1.PodSpec", default_pod_spec},
	{"core/v1.Container", default_container},
	{"core/v1.EphemeralContainer", default_container},
	{"core/v1.ImageVolumeSource", default_image_volume},
	{"core/v1.Volume", default_volume},
	{"core/v1.Service", default_service},
	{"core/v1.Namespace", default_namespace},
	{"core/v1.Node", default_node},
	{"core/v1.LimitRangeItem", default_limits},
	{"core/v1.Secret", default_secret},
	{"core/v1.ReplicationController", default_replication_controller},
	{"batch/v1.Job", default_job},
	{"autoscaling/v2.HorizontalPodAutoscaler", default_autoscaler},
	{"apiextensions/v1.CustomResourceDefinition", default_definition},
	{"resource/v1.DeviceTaint", default_taint},
	{"resource/v1beta1.DeviceTaint", default_taint},
	{"resource/v1beta2.DeviceTaint", default_taint},
	{"resource/v1alpha3.DeviceTaint", default_taint},
};
const size_t default_hooks_len = ARRAY_LEN(default_hooks);
