/* HorizontalPodAutoscaler, PodDisruptionBudget, PriorityClass, RuntimeClass, Lease, Event, CertificateSigningRequest. */
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/autoscaling_v2.h"
#include "gen/certificates_v1.h"
#include "gen/coordination_v1.h"
#include "gen/meta_v1.h"
#include "gen/node_v1.h"
#include "gen/policy_v1.h"
#include "gen/scheduling_v1.h"
#include "schema/quantity.h"

static const struct rule no_changes[] = {END};

/* ---- HorizontalPodAutoscaler ---- */

typedef struct autoscaling_v2_HorizontalPodAutoscalerSpec hpa_spec;
#define PERIOD_MAX_S 1800
#define WINDOW_MAX_S 3600

static void check_segment(struct check *k, struct str path, struct str s)
{
	if (!s.n)
		bad_required(k, path, NULL);
	else
		bad_wrong(k, path, s, name_path_segment(s));
}

static unsigned slashes(struct str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

static void check_object(struct check *k, struct str path, const struct autoscaling_v2_CrossVersionObjectReference *o, bool group_needed)
{
	check_segment(k, at(k, path, "kind"), o->kind);
	check_segment(k, at(k, path, "name"), o->name);
	if (slashes(o->apiVersion) > 1)
		bad_string(k, at(k, path, "apiVersion"), o->apiVersion, str_z(k->a, str_printf(k->a, "unexpected GroupVersion string: %.*s", STR_F(o->apiVersion))));
	else if (group_needed && str_index(o->apiVersion, '/', 0) <= 0 && !str_is(o->kind, "ReplicationController"))
		bad_string(k, at(k, path, "apiVersion"), o->apiVersion, "apiVersion must specify API group");
}

static void check_identifier(struct check *k, struct str path, const struct autoscaling_v2_MetricIdentifier *m)
{
	check_segment(k, at(k, path, "name"), m->name);
}

static void check_positive(struct check *k, struct str path, struct str text)
{
	struct quantity q = quantity_of(text);
	if (text.p && quantity_sign(&q) <= 0)
		bad_string(k, path, text, "must be positive");
}

static void check_target(struct check *k, struct str path, const struct autoscaling_v2_MetricTarget *t)
{
	if (!t->type.n)
		bad_required(k, at(k, path, "type"), "must specify a metric target type");
	if (!one_of(t->type, CHOICES("Utilization", "Value", "AverageValue")))
		bad_string(k, at(k, path, "type"), t->type, "must be either Utilization, Value, or AverageValue");
	check_positive(k, at(k, path, "value"), t->value);
	check_positive(k, at(k, path, "averageValue"), t->averageValue);
	if (t->has_averageUtilization && t->averageUtilization < 1)
		bad_number(k, at(k, path, "averageUtilization"), t->averageUtilization, "must be greater than 0");
}

static void check_resource_target(struct check *k, struct str path, const struct autoscaling_v2_MetricTarget *t)
{
	struct str target = at(k, path, "target");
	check_target(k, target, t);
	if (!t->has_averageUtilization && !t->averageValue.p)
		bad_required(k, at(k, target, "averageUtilization"), "must set either a target raw value or a target utilization");
	if (t->has_averageUtilization && t->averageValue.p)
		bad_forbidden(k, at(k, target, "averageValue"), "may not set both a target raw value and a target utilization");
}

static void check_object_source(struct check *k, struct str path, const struct autoscaling_v2_ObjectMetricSource *s)
{
	check_object(k, at(k, path, "describedObject"), &s->describedObject, false);
	check_identifier(k, at(k, path, "metric"), &s->metric);
	check_target(k, at(k, path, "target"), &s->target);
	if (!s->target.value.p && !s->target.averageValue.p)
		bad_required(k, at(k, path, "target.averageValue"), "must set either a target value or averageValue");
}

static void check_external_source(struct check *k, struct str path, const struct autoscaling_v2_ExternalMetricSource *s)
{
	struct str target = at(k, path, "target");
	check_identifier(k, at(k, path, "metric"), &s->metric);
	check_target(k, target, &s->target);
	if (!s->target.value.p && !s->target.averageValue.p)
		bad_required(k, at(k, target, "averageValue"), "must set either a target value for metric or a per-pod target");
	if (s->target.value.p && s->target.averageValue.p)
		bad_forbidden(k, at(k, target, "value"), "may not set both a target value for metric and a per-pod target");
}

static void check_pods_source(struct check *k, struct str path, const struct autoscaling_v2_PodsMetricSource *s)
{
	check_identifier(k, at(k, path, "metric"), &s->metric);
	check_target(k, at(k, path, "target"), &s->target);
	if (!s->target.averageValue.p)
		bad_required(k, at(k, path, "target.averageValue"), "must specify a positive target averageValue");
}

static const char *const metric_types[] = {"ContainerResource", "External", "Object", "Pods", "Resource", NULL};

/* The sources of a metric by their members; the type says which one. */
static void check_metric_sources(struct check *k, struct str path, const struct autoscaling_v2_MetricSpec *m)
{
	const struct { const char *type, *name; const void *value; } sources[] = {{"Object", "object", m->object}, {"Pods", "pods", m->pods},
		{"Resource", "resource", m->resource}, {"ContainerResource", "containerResource", m->containerResource}, {"External", "external", m->external}};
	struct str expected = {0};
	for (size_t i = 0; i < 5; i++)
		if (str_is(m->type, sources[i].type)) {
			expected = str_of(sources[i].name);
			if (!sources[i].value) {
				bad_required(k, at(k, path, sources[i].name), "must populate information for the given metric source");
				return;
			}
		}
	if (!expected.n) {
		bad_choice(k, at(k, path, "type"), m->type, metric_types);
		return;
	}
	for (size_t i = 0; i < 5; i++)
		if (sources[i].value && !str_is(expected, sources[i].name))
			bad_forbidden(k, at(k, path, sources[i].name), "must populate the given metric source only");
}

static void check_metric(struct check *k, struct str path, const struct autoscaling_v2_MetricSpec *m)
{
	if (!m->type.n)
		bad_required(k, at(k, path, "type"), "must specify a metric source type");
	if (!one_of(m->type, metric_types))
		bad_choice(k, at(k, path, "type"), m->type, metric_types);
	if (m->object)
		check_object_source(k, at(k, path, "object"), m->object);
	if (m->external)
		check_external_source(k, at(k, path, "external"), m->external);
	if (m->pods)
		check_pods_source(k, at(k, path, "pods"), m->pods);
	if (m->resource) {
		if (!m->resource->name.n)
			bad_required(k, at(k, path, "resource.name"), "must specify a resource name");
		check_resource_target(k, at(k, path, "resource"), &m->resource->target);
	}
	if (m->containerResource) {
		if (!m->containerResource->name.n)
			bad_required(k, at(k, path, "containerResource.name"), "must specify a resource name");
		if (!m->containerResource->container.n)
			bad_required(k, at(k, path, "containerResource.container"), "must specify a container");
		check_resource_target(k, at(k, path, "containerResource"), &m->containerResource->target);
	}
	check_metric_sources(k, path, m);
}

static void check_scaling_policy(struct check *k, struct str path, const void *value)
{
	const struct autoscaling_v2_HPAScalingPolicy *p = value;
	check_choice(k, at(k, path, "type"), p->type, CHOICES("Percent", "Pods"));
	if (p->value <= 0)
		bad_number(k, at(k, path, "value"), p->value, "must be greater than zero");
	if (p->periodSeconds <= 0)
		bad_number(k, at(k, path, "periodSeconds"), p->periodSeconds, "must be greater than zero");
	if (p->periodSeconds > PERIOD_MAX_S)
		bad_number(k, at(k, path, "periodSeconds"), p->periodSeconds, "must be less than or equal to 1800");
}
static const struct rule scaling_policy[] = {WITH(check_scaling_policy), END};

static void check_window(struct check *k, struct str path, const void *value)
{
	const struct autoscaling_v2_HPAScalingRules *s = value;
	if (s->has_stabilizationWindowSeconds && s->stabilizationWindowSeconds < 0)
		bad_number(k, at(k, path, "stabilizationWindowSeconds"), s->stabilizationWindowSeconds, "must be greater than or equal to zero");
	if (s->has_stabilizationWindowSeconds && s->stabilizationWindowSeconds > WINDOW_MAX_S)
		bad_number(k, at(k, path, "stabilizationWindowSeconds"), s->stabilizationWindowSeconds, "must be less than or equal to 3600");
	if (s->selectPolicy.p)
		check_choice(k, at(k, path, "selectPolicy"), s->selectPolicy, CHOICES("Disabled", "Max", "Min"));
	if (!s->policies.len)
		bad_required(k, at(k, path, "policies"), "must specify at least one Policy");
}
static const struct rule scaling_rules[] = {WITH(check_window), EACH("policies", scaling_policy), QUANTITY("tolerance"), END};
static const struct rule behavior[] = {SUB("scaleUp", scaling_rules), SUB("scaleDown", scaling_rules), END};
static const struct rule hpa_behavior[] = {SUB("behavior", behavior), END};

static bool scales_to_zero(const hpa_spec *s)
{
	LIST_EACH(m, s->metrics)
		if (one_of(m->type, CHOICES("Object", "External")))
			return true;
	return false;
}

static void check_hpa(struct check *k, const hpa_spec *s)
{
	if (s->has_minReplicas && s->minReplicas < 1)
		bad_number(k, STR("spec.minReplicas"), s->minReplicas, "must be greater than or equal to 1");
	if (s->maxReplicas < 1)
		bad_required(k, STR("spec.maxReplicas"), "must be set and greater than 0");
	if (s->has_minReplicas && s->maxReplicas < s->minReplicas)
		bad_number(k, STR("spec.maxReplicas"), s->maxReplicas, "must be greater than or equal to `minReplicas`");
	check_object(k, STR("spec.scaleTargetRef"), &s->scaleTargetRef, true);
	for (uint32_t i = 0; i < s->metrics.len; i++)
		check_metric(k, at_index(k, STR("spec.metrics"), i), &s->metrics.items[i]);
	if (s->has_minReplicas && s->minReplicas == 0 && !scales_to_zero(s))
		bad_forbidden(k, STR("spec.metrics"), "must specify at least one Object or External metric to support scaling to zero replicas");
	check_rules(k, STR("spec"), T_autoscaling_v2_HorizontalPodAutoscalerSpec, s, hpa_behavior);
}

void validate_hpa(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_hpa(k, &((const struct autoscaling_v2_HorizontalPodAutoscaler *)obj)->spec);
}
void validate_hpa_update(struct request *r, const void *obj, const void *old, struct err *e) { validate_hpa(r, obj, e); }

static const struct rule hpa_status[] = {NOT_NEG("status.currentReplicas"), NOT_NEG("status.desiredReplicas"), END};
RULES_CHANGE(validate_hpa_status, T_autoscaling_v2_HorizontalPodAutoscaler, hpa_status, no_changes)

/* ---- PodDisruptionBudget ---- */

static void check_budget(struct check *k, struct str path, const void *value)
{
	const struct policy_v1_PodDisruptionBudgetSpec *s = value;
	if (s->has_minAvailable && s->has_maxUnavailable)
		bad_value(k, path, json_text(k, (struct ref){desc_type(T_policy_v1_PodDisruptionBudgetSpec), (void *)s}), "minAvailable and maxUnavailable cannot be both set");
	if (s->has_minAvailable) {
		check_int_or_percent(k, at(k, path, "minAvailable"), &s->minAvailable);
		check_percent_max(k, at(k, path, "minAvailable"), &s->minAvailable);
	}
	if (s->has_maxUnavailable) {
		check_int_or_percent(k, at(k, path, "maxUnavailable"), &s->maxUnavailable);
		check_percent_max(k, at(k, path, "maxUnavailable"), &s->maxUnavailable);
	}
}

static const struct rule pdb_rules[] = {CALL("spec", check_budget), SELECTOR("spec.selector"), ENUM("spec.unhealthyPodEvictionPolicy", "AlwaysAllow", "IfHealthyBudget"), END};
RULES_NEW(validate_pdb, T_policy_v1_PodDisruptionBudget, pdb_rules)
RULES_CHANGE(validate_pdb_update, T_policy_v1_PodDisruptionBudget, pdb_rules, no_changes)

static void check_condition(struct check *k, struct str path, const void *value)
{
	const struct meta_v1_Condition *c = value;
	if (!c->type.n)
		bad_required(k, at(k, path, "type"), NULL);
	else
		bad_wrong(k, at(k, path, "type"), c->type, name_qualified(c->type));
	check_choice(k, at(k, path, "status"), c->status, CHOICES("False", "True", "Unknown"));
	if (c->observedGeneration < 0)
		bad_number(k, at(k, path, "observedGeneration"), c->observedGeneration, NOT_NEGATIVE);
	if (!c->lastTransitionTime.set)
		bad_required(k, at(k, path, "lastTransitionTime"), NULL);
	if (!c->reason.n)
		bad_required(k, at(k, path, "reason"), NULL);
}
static const struct rule condition_rules[] = {WITH(check_condition), END};
static const struct rule pdb_status[] = {EACH("status.conditions", condition_rules), NOT_NEG("status.disruptionsAllowed"), NOT_NEG("status.currentHealthy"),
	NOT_NEG("status.desiredHealthy"), NOT_NEG("status.expectedPods"), END};
static const struct rule policy_status[] = {EACH("status.conditions", condition_rules), END};
RULES_CHANGE(validate_admission_policy_status, T_admissionregistration_v1_ValidatingAdmissionPolicy, policy_status, no_changes)
RULES_CHANGE(validate_pdb_status, T_policy_v1_PodDisruptionBudget, pdb_status, no_changes)

/* ---- PriorityClass ---- */

#define HIGHEST_USER_PRIORITY 1000000000
static const struct { const char *name; int32_t value; } system_classes[] = {{"system-node-critical", 2000001000}, {"system-cluster-critical", 2000000000}};

void validate_priorityclass(struct request *r, const void *obj, struct err *e)
{
	const struct scheduling_v1_PriorityClass *c = obj;
	CHECK(k);
	if (str_has_prefix(c->metadata.name, STR("system-"))) {
		bool known = false;
		for (size_t i = 0; i < 2; i++)
			known |= str_is(c->metadata.name, system_classes[i].name) && c->value == system_classes[i].value;
		if (!known)
			bad_forbidden(k, STR("metadata.name"), "priority class names with 'system-' prefix are reserved for system use only");
	} else if (c->value > HIGHEST_USER_PRIORITY) {
		bad_forbidden(k, STR("value"), "maximum allowed value of a user defined priority is 1000000000");
	}
	if (c->preemptionPolicy.p)
		check_choice(k, STR("preemptionPolicy"), c->preemptionPolicy, CHOICES("Never", "PreemptLowerPriority"));
}

void validate_priorityclass_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct scheduling_v1_PriorityClass *c = obj, *old = old_;
	CHECK(k);
	if (c->value != old->value)
		bad_forbidden(k, STR("value"), "may not be changed in an update.");
	if (!str_eq(c->preemptionPolicy, old->preemptionPolicy))
		bad_string(k, STR("preemptionPolicy"), c->preemptionPolicy, IMMUTABLE);
}

/* ---- RuntimeClass ---- */

/* Upstream names it by the member it is checked as. */
static void check_pod_fixed(struct check *k, struct str path, const void *value) { check_overhead(k, path, &((const struct node_v1_Overhead *)value)->podFixed); }

static void check_class_tolerations(struct check *k, struct str path, const void *value)
{
	const core_v1_Toleration_list_t *l = value;
	check_tolerations(k, path, l);
	for (uint32_t i = 1; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (obj_equal_at(desc_type(T_core_v1_Toleration), &l->items[i], &l->items[j])) {
				bad_duplicate_raw(k, at_index(k, path, i), json_text(k, (struct ref){desc_type(T_core_v1_Toleration), (void *)&l->items[i]}));
				break;
			}
}
static const struct rule class_scheduling[] = {LABELS("nodeSelector"), CALL("tolerations", check_class_tolerations), END};
static const struct rule class_overhead[] = {WITH(check_pod_fixed), END};
static const struct rule runtimeclass_rules[] = {FORMAT_ALWAYS("handler", name_dns1123_label), SUB("overhead", class_overhead), SUB("scheduling", class_scheduling), END};
static const struct rule runtimeclass_same[] = {SAME("handler"), END};
RULES_NEW(validate_runtimeclass, T_node_v1_RuntimeClass, runtimeclass_rules)
RULES_CHANGE(validate_runtimeclass_update, T_node_v1_RuntimeClass, no_changes, runtimeclass_same)

/* ---- Lease ---- */

static void check_lease(struct check *k, struct str path, const void *value)
{
	const struct coordination_v1_LeaseSpec *s = value;
	if (s->has_leaseDurationSeconds && s->leaseDurationSeconds <= 0)
		bad_number(k, at(k, path, "leaseDurationSeconds"), s->leaseDurationSeconds, "must be greater than 0");
	if (s->has_leaseTransitions && s->leaseTransitions < 0)
		bad_number(k, at(k, path, "leaseTransitions"), s->leaseTransitions, NOT_NEGATIVE);
	if (s->strategy.p) {
		bool slash = str_index(s->strategy, '/', 0) >= 0;
		if (slash)
			bad_wrong(k, at(k, path, "strategy"), s->strategy, name_qualified(s->strategy));
		else if (!str_is(s->strategy, "OldestEmulationVersion"))
			bad_choice(k, at(k, path, "strategy"), s->strategy, CHOICES("OldestEmulationVersion"));
	}
	if (s->preferredHolder.n && !s->strategy.n)
		bad_forbidden(k, at(k, path, "preferredHolder"), "may only be specified if `strategy` is defined");
}
static const struct rule lease_rules[] = {CALL("spec", check_lease), END};
RULES_NEW(validate_lease, T_coordination_v1_Lease, lease_rules)
RULES_CHANGE(validate_lease_update, T_coordination_v1_Lease, lease_rules, no_changes)

/* ---- Event: the new group's rules are stricter than the old one's ---- */

#define EVENT_TEXT_MAX 128
#define EVENT_NOTE_MAX 1024

static void check_event_namespace(struct check *k, const struct core_v1_Event *v)
{
	struct str ns = v->metadata.namespace, path = STR("involvedObject.namespace");
	if (!v->involvedObject.namespace.n) {
		if (ns.n && !str_is(ns, "default") && !str_is(ns, "kube-system"))
			bad_string(k, path, v->involvedObject.namespace, "does not match event.namespace");
	} else if (!str_eq(ns, v->involvedObject.namespace)) {
		bad_string(k, path, v->involvedObject.namespace, "does not match event.namespace");
	}
	bad_wrong(k, STR("metadata.namespace"), ns, name_dns1123_subdomain(ns));
}

static void check_event_text(struct check *k, const char *field, struct str s, size_t max)
{
	if (!s.n)
		bad_required(k, str_of(field), NULL);
	if (s.n > max)
		bad_string(k, str_of(field), s, str_z(k->a, str_printf(k->a, "can have at most %zu characters", max)));
}

static bool new_group(struct request *r) { return str_is(desc_str(r->res->group), "events.k8s.io"); }

static void check_new_event(struct check *k, const struct core_v1_Event *v)
{
	if (!v->eventTime.set)
		bad_required(k, STR("eventTime"), NULL);
	if (!v->reportingComponent.n)
		bad_required(k, STR("reportingController"), NULL);
	else
		bad_wrong(k, STR("reportingController"), v->reportingComponent, name_qualified(v->reportingComponent));
	check_event_text(k, "reportingInstance", v->reportingInstance, EVENT_TEXT_MAX);
	check_event_text(k, "action", v->action, EVENT_TEXT_MAX);
	check_event_text(k, "reason", v->reason, EVENT_TEXT_MAX);
	if (v->message.n > EVENT_NOTE_MAX)
		bad_string(k, STR("message"), v->message, "can have at most 1024 characters");
}

static void check_event_series(struct check *k, const struct core_v1_Event *v)
{
	if (!str_is(v->type, "Normal") && !str_is(v->type, "Warning"))
		bad_string(k, STR("type"), v->type, "has invalid value");
	if (v->series && v->series->count < 2)
		bad_string(k, STR("series.count"), STR(""), "should be at least 2");
	if (v->series && !v->series->lastObservedTime.set)
		bad_required(k, STR("series.lastObservedTime"), NULL);
}

void validate_event(struct request *r, const void *obj, struct err *e)
{
	const struct core_v1_Event *v = obj;
	CHECK(k);
	check_event_namespace(k, v);
	if (v->eventTime.set || new_group(r)) {
		check_new_event(k, v);
		check_event_series(k, v);
	}
}

static const struct rule event_same[] = {SAME("involvedObject"), SAME("reason"), SAME("message"), SAME("source"), SAME("firstTimestamp"), SAME("lastTimestamp"), SAME("count"),
	SAME("reason"), SAME("related"), SAME("type"), SAME("reportingComponent"), SAME("reportingInstance"), SAME("action"), SAME("eventTime"), END};

void validate_event_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_event_namespace(k, obj);
	if (!new_group(r))
		return;
	check_new_event(k, obj);
	check_changes(k, STR(""), T_core_v1_Event, obj, old, event_same);
}

/* ---- CertificateSigningRequest ---- */

typedef struct certificates_v1_CertificateSigningRequest csr_t;
#define EXPIRATION_MIN_S 600

static const char *const usages[] = {"signing", "digital signature", "content commitment", "key encipherment", "key agreement", "data encipherment", "cert sign", "crl sign",
	"encipher only", "decipher only", "any", "server auth", "client auth", "code signing", "email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user",
	"timestamping", "ocsp signing", "microsoft sgc", "netscape sgc", NULL};

static void check_conditions_once(struct check *k, const csr_t *c)
{
	struct str path = STR("status.conditions");
	bool approved = false, denied = false;
	for (uint32_t i = 0; i < c->status.conditions.len; i++) {
		const struct certificates_v1_CertificateSigningRequestCondition *d = &c->status.conditions.items[i];
		struct str here = at_index(k, path, i);
		bool final = one_of(d->type, CHOICES("Approved", "Denied", "Failed"));
		if (!d->type.n)
			bad_required(k, at(k, here, "type"), NULL);
		if (final && !str_is(d->status, "True"))
			bad_choice(k, at(k, here, "status"), d->status, CHOICES("True"));
		else if (!final && d->type.n)
			check_choice(k, at(k, here, "status"), d->status, CHOICES("False", "True", "Unknown"));
		approved |= str_is(d->type, "Approved");
		denied |= str_is(d->type, "Denied");
		if (approved && denied && (str_is(d->type, "Approved") || str_is(d->type, "Denied")))
			bad_string(k, path, d->type, "Approved and Denied conditions are mutually exclusive");
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(d->type, c->status.conditions.items[j].type)) {
				bad_duplicate(k, at(k, here, "type"), d->type);
				break;
			}
	}
}

static void check_pem(struct check *k, struct str text)
{
	struct str path = STR("status.certificate"), shown = STR("\"<certificate data>\"");
	ptrdiff_t i = str_find(text, STR("-----BEGIN "));
	if (!text.n)
		return;
	if (i < 0)
		bad_value(k, path, shown, "must contain at least one CERTIFICATE PEM block");
	else if (!str_has_prefix(str_sub(text, (size_t)i + 11, text.n), STR("CERTIFICATE-----")))
		bad_value(k, path, shown, "only CERTIFICATE PEM blocks are allowed");
}

static void check_csr_spec(struct check *k, const csr_t *c)
{
	const struct certificates_v1_CertificateSigningRequestSpec *s = &c->spec;
	ptrdiff_t slash = str_index(s->signerName, '/', 0);
	if (str_find(s->request, STR("-----BEGIN CERTIFICATE REQUEST-----")) < 0)
		bad_value(k, STR("spec.request"), STR("\"<request data>\""), "PEM block type must be CERTIFICATE REQUEST");
	if (!s->usages.len)
		bad_required(k, STR("spec.usages"), NULL);
	for (uint32_t i = 0; i < s->usages.len; i++) {
		struct str here = at_index(k, STR("spec.usages"), i);
		check_choice(k, here, s->usages.items[i], usages);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(s->usages.items[i], s->usages.items[j])) {
				bad_duplicate(k, here, s->usages.items[i]);
				break;
			}
	}
	if (str_is(s->signerName, "kubernetes.io/legacy-unknown"))
		bad_string(k, STR("spec.signerName"), s->signerName, "the legacy signerName is not allowed via this API version");
	else if (!s->signerName.n)
		bad_required(k, STR("spec.signerName"), NULL);
	else if (slash <= 0 || (size_t)slash + 1 == s->signerName.n)
		bad_string(k, STR("spec.signerName"), s->signerName, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
	if (s->has_expirationSeconds && s->expirationSeconds < EXPIRATION_MIN_S)
		bad_number(k, STR("spec.expirationSeconds"), s->expirationSeconds, "may not specify a duration less than 600 seconds (10 minutes)");
}

void validate_csr(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_csr_spec(k, obj);
	check_conditions_once(k, obj);
}

static uint32_t count_of(const csr_t *c, const char *type)
{
	uint32_t n = 0;
	LIST_EACH(d, c->status.conditions)
		n += str_is(d->type, type);
	return n;
}

static void check_kept(struct check *k, const csr_t *c, const csr_t *old, bool may_add)
{
	static const char *const types[] = {"Approved", "Denied", "Failed"};
	for (size_t i = 0; i < 3; i++) {
		uint32_t now = count_of(c, types[i]), was = count_of(old, types[i]);
		if (now < was)
			bad_forbidden(k, STR("status.conditions"), str_z(k->a, str_printf(k->a, "updates may not remove a condition of type \"%s\"", types[i])));
		else if (now > was && !may_add && i < 2)
			bad_forbidden(k, STR("status.conditions"), str_z(k->a, str_printf(k->a, "updates may not add a condition of type \"%s\"", types[i])));
	}
}

void validate_csr_approval(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_csr_spec(k, obj);
	check_conditions_once(k, obj);
	check_kept(k, obj, old, true);
}

void validate_csr_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const csr_t *c = obj, *old = old_;
	CHECK(k);
	check_csr_spec(k, c);
	check_conditions_once(k, c);
	check_pem(k, c->status.certificate);
	check_kept(k, c, old, false);
	if (old->status.certificate.n && !str_eq(c->status.certificate, old->status.certificate))
		bad_forbidden(k, STR("status.certificate"), "updates may not modify existing certificate content");
}

void validate_csr_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_csr_spec(k, obj);
	check_kept(k, obj, old, false);
}
