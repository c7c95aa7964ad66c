/* Containers: regular, init, ephemeral. */
#include "apiserver/registry/validate/pod.h"

#define RULES_MAX 20       /* restart rules of a container, as upstream */
#define EXIT_CODES_MAX 255 /* of one rule, as upstream */

static bool is_mutable_policy(struct str s) { return one_of(s, CHOICES("NotRequired", "RestartContainer")); }

static void check_resize(struct pod_check *p, struct str path, const core_v1_ContainerResizePolicy_list_t *l)
{
	struct check *k = p->k;
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_ContainerResizePolicy *r = &l->items[i];
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(r->resourceName, l->items[j].resourceName))
				bad_duplicate(k, at_index(k, path, i), r->resourceName);
		if (!r->resourceName.n)
			bad_required(k, path, NULL);
		else
			check_choice(k, path, r->resourceName, CHOICES("cpu", "memory"));
		if (!r->restartPolicy.n)
			bad_required(k, path, NULL);
		else if (!is_mutable_policy(r->restartPolicy))
			bad_choice(k, path, r->restartPolicy, CHOICES("NotRequired", "RestartContainer"));
		if (str_is(p->spec->restartPolicy, "Never") && !str_is(r->restartPolicy, "NotRequired"))
			bad_string(k, path, r->restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
	}
}

static void check_ports(struct check *k, struct str path, const core_v1_ContainerPort_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_ContainerPort *p = &l->items[i];
		struct str here = at_index(k, path, i);
		struct wrong w = p->name.n ? name_port(p->name) : (struct wrong){0};
		bad_wrong(k, at(k, here, "name"), p->name, w);
		for (uint32_t j = 0; j < i && p->name.n && !w.n; j++)
			if (str_eq(p->name, l->items[j].name)) {
				bad_duplicate(k, at(k, here, "name"), p->name);
				break;
			}
		if (!p->containerPort)
			bad_required(k, at(k, here, "containerPort"), NULL);
		else
			check_port(k, at(k, here, "containerPort"), p->containerPort);
		if (p->hostPort)
			check_port(k, at(k, here, "hostPort"), p->hostPort);
		if (!p->protocol.n)
			bad_required(k, at(k, here, "protocol"), NULL);
		else
			check_choice(k, at(k, here, "protocol"), p->protocol, CHOICES("SCTP", "TCP", "UDP"));
	}
}

static void check_restart_rule(struct check *k, struct str path, const struct core_v1_ContainerRestartRule *r)
{
	struct str codes = at(k, path, "exitCodes");
	check_choice(k, at(k, path, "action"), r->action, CHOICES("Restart", "RestartAllContainers"));
	if (!r->exitCodes) {
		bad_required(k, codes, "must be specified");
		return;
	}
	check_choice(k, at(k, codes, "operator"), r->exitCodes->operator, CHOICES("In", "NotIn"));
	if (!r->exitCodes->values.len)
		bad_required(k, at(k, codes, "values"), "must have at least one value");
	if (r->exitCodes->values.len > EXIT_CODES_MAX)
		bad_many(k, at(k, codes, "values"), r->exitCodes->values.len, EXIT_CODES_MAX);
}

static void check_restart(struct check *k, struct str path, const struct core_v1_Container *c)
{
	if (c->restartPolicyRules.len && !c->restartPolicy.n)
		bad_required(k, at(k, path, "restartPolicy"), "must specify restartPolicy when restart rules are used");
	if (c->restartPolicy.p)
		check_choice(k, at(k, path, "restartPolicy"), c->restartPolicy, CHOICES("Always", "Never", "OnFailure"));
	if (c->restartPolicyRules.len > RULES_MAX)
		bad_many(k, at(k, path, "restartPolicyRules"), c->restartPolicyRules.len, RULES_MAX);
	for (uint32_t i = 0; i < c->restartPolicyRules.len; i++)
		check_restart_rule(k, at_index(k, at(k, path, "restartPolicyRules"), i), &c->restartPolicyRules.items[i]);
}

static void check_image(struct pod_check *p, struct str path, const struct core_v1_Container *c)
{
	if (!c->image.n)
		bad_required(p->k, at(p->k, path, "image"), NULL);
}

void check_image_padding(struct check *k, struct str path, struct str image)
{
	if (str_trim(image).n != image.n)
		bad_string(k, at(k, path, "image"), image, "must not have leading or trailing whitespace");
}

static const struct rule common_name[] = {FORMAT_NEED("name", name_dns1123_label), END};

static const struct rule common_policies[] = {ENUM_NEED("terminationMessagePolicy", "File", "FallbackToLogsOnError"), END};

static const struct rule common_pull[] = {ENUM_NEED("imagePullPolicy", "Always", "IfNotPresent", "Never"), END};

static void check_common(struct pod_check *p, struct str path, const struct core_v1_Container *c)
{
	struct check *k = p->k;
	check_rules(k, path, T_core_v1_Container, c, common_name);
	check_image(p, path, c);
	check_rules(k, path, T_core_v1_Container, c, common_policies);
	check_ports(k, at(k, path, "ports"), &c->ports);
	check_env(k, at(k, path, "env"), &c->env);
	check_env_from(k, at(k, path, "envFrom"), &c->envFrom);
	check_mounts(p, path, c);
	check_rules(k, path, T_core_v1_Container, c, common_pull);
	check_requirements(k, at(k, path, "resources"), &c->resources, &p->spec->resourceClaims);
	check_resize(p, at(k, path, "resizePolicy"), &c->resizePolicy);
	check_security(p, at(k, path, "securityContext"), c->securityContext);
}

/* An empty name is one, too. */
static bool has_name(const core_v1_Container_list_t *l, uint32_t n, struct str name)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(l->items[i].name, name))
			return true;
	return false;
}

/* ---- host ports: each address, port and protocol once ---- */


static void check_host_ports(struct check *k, struct str path, const struct core_v1_Container *list, uint32_t n)
{
	str_list_t seen = {0};
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < list[i].ports.len; j++) {
			const struct core_v1_ContainerPort *p = &list[i].ports.items[j];
			if (!p->hostPort)
				continue;
			struct str text = str_printf(k->a, "%.*s/%.*s/%d", STR_F(p->protocol), STR_F(p->hostIP), p->hostPort), *s;
			bool again = false;
			LIST_EACH(t, seen)
				again |= str_eq(*t, text);
			if (again)
				bad_duplicate(k, at(k, at_index(k, at(k, at_index(k, path, i), "ports"), j), "hostPort"), text);
			else if ((s = arena_push(k->a, &seen)))
				*s = text;
		}
}

void check_containers(struct pod_check *p, struct str path)
{
	const core_v1_Container_list_t *l = &p->spec->containers;
	struct check *k = p->k;
	if (!l->len)
		bad_required(k, path, NULL);
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		const struct core_v1_Container *c = &l->items[i];
		check_common(p, here, c);
		if (has_name(l, i, c->name))
			bad_duplicate(k, at(k, here, "name"), c->name);
		if (c->lifecycle)
			check_lifecycle(p, at(k, here, "lifecycle"), c->lifecycle);
		check_probes(p, here, c);
		check_restart(k, here, c);
	}
	check_host_ports(k, path, l->items, l->len);
}

#define ONLY_SIDECAR "may not be set for init containers without restartPolicy=Always"

static const struct rule only_sidecar[] = {FORBID("lifecycle", ONLY_SIDECAR), FORBID("livenessProbe", ONLY_SIDECAR), FORBID("readinessProbe", ONLY_SIDECAR),
	FORBID("startupProbe", ONLY_SIDECAR), END};

static void check_plain_init(struct check *k, struct str path, const struct core_v1_Container *c)
{
	check_rules(k, path, T_core_v1_Container, c, only_sidecar);
}

void check_init_containers(struct pod_check *p, struct str path)
{
	const core_v1_Container_list_t *l = &p->spec->initContainers;
	struct check *k = p->k;
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		const struct core_v1_Container *c = &l->items[i];
		check_common(p, here, c);
		check_restart(k, here, c);
		if (has_name(&p->spec->containers, p->spec->containers.len, c->name) || (c->name.n && has_name(l, i, c->name)))
			bad_duplicate(k, at(k, here, "name"), c->name);
		check_host_ports(k, path, c, 1); /* the path is that of the first, as upstream's */
		if (!str_is(c->restartPolicy, "Always")) {
			check_plain_init(k, here, c);
			continue;
		}
		if (c->lifecycle)
			check_lifecycle(p, at(k, here, "lifecycle"), c->lifecycle);
		check_probes(p, here, c);
	}
}

/* ---- ephemeral containers are laid out as containers, plus a target ---- */

_Static_assert(sizeof(struct core_v1_EphemeralContainerCommon) == sizeof(struct core_v1_Container) &&
	offsetof(struct core_v1_EphemeralContainerCommon, securityContext) == offsetof(struct core_v1_Container, securityContext), "the same members");
#define NOT_EPHEMERAL "cannot be set for an Ephemeral Container"

static void check_no_resources(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ResourceRequirements *r = &((const struct core_v1_Container *)value)->resources;
	if (r->limits.len || r->requests.len || r->claims.len)
		bad_forbidden(k, at(k, path, "resources"), NOT_EPHEMERAL);
}

static const struct rule not_ephemeral[] = {FORBID("ports", NOT_EPHEMERAL), WITH(check_no_resources), FORBID("resizePolicy", NOT_EPHEMERAL),
	FORBID("restartPolicy", NOT_EPHEMERAL), FORBID("restartPolicyRules", NOT_EPHEMERAL), FORBID("livenessProbe", NOT_EPHEMERAL), FORBID("readinessProbe", NOT_EPHEMERAL),
	FORBID("startupProbe", NOT_EPHEMERAL), FORBID("lifecycle", NOT_EPHEMERAL), END};

static void check_ephemeral_forbidden(struct check *k, struct str path, const struct core_v1_Container *c)
{
	check_rules(k, path, T_core_v1_Container, c, not_ephemeral);
	for (uint32_t i = 0; i < c->volumeMounts.len; i++) {
		struct str mount = at_index(k, at(k, path, "volumeMounts"), i);
		if (c->volumeMounts.items[i].subPath.n)
			bad_forbidden(k, at(k, mount, "subPath"), NOT_EPHEMERAL);
		if (c->volumeMounts.items[i].subPathExpr.n)
			bad_forbidden(k, at(k, mount, "subPathExpr"), NOT_EPHEMERAL);
	}
}

static bool any_container(const struct core_v1_PodSpec *s, struct str name)
{
	return has_name(&s->containers, s->containers.len, name) || has_name(&s->initContainers, s->initContainers.len, name);
}

void check_ephemeral_containers(struct pod_check *p, struct str path)
{
	const core_v1_EphemeralContainer_list_t *l = &p->spec->ephemeralContainers;
	struct check *k = p->k;
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		const struct core_v1_Container *c = (const void *)&l->items[i].ephemeralContainerCommon;
		bool again = any_container(p->spec, c->name);
		check_common(p, here, c);
		check_image_padding(k, here, c->image);
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(l->items[j].ephemeralContainerCommon.name, c->name);
		if (again)
			bad_duplicate(k, at(k, here, "name"), c->name);
		if (l->items[i].targetContainerName.n && !any_container(p->spec, l->items[i].targetContainerName))
			bad_not_found(k, at(k, here, "targetContainerName"), l->items[i].targetContainerName);
		check_ephemeral_forbidden(k, here, c);
	}
}
