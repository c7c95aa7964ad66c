#include "api/convert_hpa.h"
#include "base/err.h"
#include "codec/json.h"
#include "gen/autoscaling_v1.h"
#include "gen/autoscaling_v2.h"
#include "gen/ids.h"

/* What v1 cannot say travels in annotations of it. */
#define METRICS "autoscaling.alpha.kubernetes.io/metrics"
#define CURRENT "autoscaling.alpha.kubernetes.io/current-metrics"
#define CONDITIONS "autoscaling.alpha.kubernetes.io/conditions"
#define BEHAVIOR "autoscaling.alpha.kubernetes.io/behavior"

/* Where the members of v1's older metric types stand in v2; %: "target" of a source, "current" of a status.  `required`: written even if absent. */
static const struct {
	const char *source, *old, *new, *required;
} members[] = {
	{"resource", "name", "name", "\"\""},
	{"resource", "%AverageUtilization", "%.averageUtilization", NULL},
	{"resource", "%AverageValue", "%.averageValue", NULL},
	{"containerResource", "name", "name", "\"\""},
	{"containerResource", "%AverageUtilization", "%.averageUtilization", NULL},
	{"containerResource", "%AverageValue", "%.averageValue", NULL},
	{"containerResource", "container", "container", "\"\""},
	{"pods", "metricName", "metric.name", "\"\""},
	{"pods", "%AverageValue", "%.averageValue", "\"0\""},
	{"pods", "selector", "metric.selector", NULL},
	{"object", "target", "describedObject", "{}"},
	{"object", "metricName", "metric.name", "\"\""},
	{"object", "%Value", "%.value", "\"0\""},
	{"object", "selector", "metric.selector", NULL},
	{"object", "averageValue", "%.averageValue", NULL},
	{"external", "metricName", "metric.name", "\"\""},
	{"external", "metricSelector", "metric.selector", NULL},
	{"external", "%Value", "%.value", NULL},
	{"external", "%AverageValue", "%.averageValue", NULL},
};

static struct str filled(struct arena *a, const char *pattern, bool status)
{
	const char *at = strchr(pattern, '%');
	if (!at)
		return str_of(pattern);
	return str_printf(a, "%.*s%s%s", (int)(at - pattern), pattern, status ? "current" : "target", at + 1);
}

static void put_path(struct arena *a, struct value *o, struct str path, struct value *v)
{
	struct str name, rest;
	while (str_cut(path, '.', &name, &rest)) {
		struct value *next = value_get(o, name);
		if (!next)
			value_set(a, o, name, next = value_new(a, V_OBJECT));
		o = next;
		path = rest;
	}
	value_set(a, o, path, v);
}

static struct value *get_path(struct arena *a, const struct value *o, struct str path) { return value_path(o, str_z(a, path)); }

static struct value *parse(struct arena *a, struct str json)
{
	struct value *v;
	ERR(ignored);
	return json.n && json_parse(a, json, NULL, &v, &ignored) == 0 ? v : NULL;
}

static const char *source_of(struct str type)
{
	static const char *const sources[][2] = {{"Resource", "resource"}, {"ContainerResource", "containerResource"}, {"Pods", "pods"}, {"Object", "object"},
		{"External", "external"}};
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (str_is(type, sources[i][0]))
			return sources[i][1];
	return "";
}

/* One metric, from v2's form to v1's or back. */
static struct value *convert_metric(struct arena *a, const struct value *m, bool status, bool to_old)
{
	struct value *out = value_new(a, V_OBJECT), *body = value_new(a, V_OBJECT);
	const char *source = source_of(value_path_str(m, "type"));
	const struct value *in = value_get(m, str_of(source));
	value_set(a, out, STR("type"), value_str(a, value_path_str(m, "type")));
	if (!in || in->type != V_OBJECT)
		return out;
	value_set(a, out, str_of(source), body);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (strcmp(members[i].source, source) != 0)
			continue;
		struct str old = filled(a, members[i].old, status), new = filled(a, members[i].new, status);
		struct value *v = get_path(a, in, to_old ? new : old);
		if (!v && to_old && members[i].required)
			v = parse(a, str_of(members[i].required));
		if (v)
			put_path(a, body, to_old ? old : new, v);
	}
	return out;
}

/* v1 does not name the kind of target. */
static void name_target(struct arena *a, struct value *m)
{
	struct value *target = value_get(value_get(m, str_of(source_of(value_path_str(m, "type")))), STR("target"));
	if (!target || target->type != V_OBJECT)
		return;
	bool utilization = value_get(target, STR("averageUtilization")), average = value_get(target, STR("averageValue"));
	value_set(a, target, STR("type"), value_str(a, utilization ? STR("Utilization") : average ? STR("AverageValue") : STR("Value")));
}

static bool is_cpu_share(const struct value *m)
{
	return str_is(value_path_str(m, "type"), "Resource") && str_is(value_path_str(m, "resource.name"), "cpu") &&
	       value_path(m, "resource.target.averageUtilization");
}

/* ---- v2 to v1 ---- */

static void annotate(struct arena *a, struct str_map *annotations, const char *key, const struct value *list)
{
	BUF(text);
	if (!list->list.len)
		return;
	json_write(&text, list);
	str_map_set(a, annotations, str_of(key), buf_take(&text, a));
}

static struct value *old_metrics(struct arena *a, const struct value *list, bool status)
{
	struct value *out = value_new(a, V_LIST);
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++)
		if (status || !is_cpu_share(list->list.items[i]))
			value_push(a, out, convert_metric(a, list->list.items[i], status, true));
	return out;
}

static void write_policies(struct buf *out, const struct autoscaling_v2_HPAScalingRules *r)
{
	buf_lit(out, "\"Policies\":");
	if (!r->policies.len) {
		buf_lit(out, "null");
		return;
	}
	LIST_EACH(p, r->policies) {
		buf_char(out, p == r->policies.items ? '[' : ',');
		buf_lit(out, "{\"Type\":");
		json_string(out, p->type);
		buf_printf(out, ",\"Value\":%d,\"PeriodSeconds\":%d}", p->value, p->periodSeconds);
	}
	buf_char(out, ']');
}

static void write_optional(struct buf *out, struct str s)
{
	if (s.p)
		json_string(out, s);
	else
		buf_lit(out, "null");
}

/* Under the names of upstream's internal type: it has no JSON names. */
static void write_rules(struct buf *out, const struct autoscaling_v2_HPAScalingRules *r)
{
	if (!r) {
		buf_lit(out, "null");
		return;
	}
	buf_lit(out, "{\"StabilizationWindowSeconds\":");
	if (r->has_stabilizationWindowSeconds)
		buf_i64(out, r->stabilizationWindowSeconds);
	else
		buf_lit(out, "null");
	buf_lit(out, ",\"SelectPolicy\":");
	write_optional(out, r->selectPolicy);
	buf_char(out, ',');
	write_policies(out, r);
	buf_lit(out, ",\"Tolerance\":");
	write_optional(out, r->tolerance);
	buf_char(out, '}');
}

static void annotate_behavior(struct arena *a, struct str_map *annotations, const struct autoscaling_v2_HorizontalPodAutoscalerBehavior *b)
{
	BUF(text);
	if (!b)
		return;
	buf_lit(&text, "{\"ScaleUp\":");
	write_rules(&text, b->scaleUp);
	buf_lit(&text, ",\"ScaleDown\":");
	write_rules(&text, b->scaleDown);
	buf_char(&text, '}');
	str_map_set(a, annotations, STR(BEHAVIOR), buf_take(&text, a));
}

static void set_cpu(const struct autoscaling_v2_HorizontalPodAutoscaler *from, struct autoscaling_v1_HorizontalPodAutoscaler *to)
{
	LIST_EACH(m, from->spec.metrics)
		if (!to->spec.has_targetCPUUtilizationPercentage && m->resource && str_is(m->resource->name, "cpu") && m->resource->target.has_averageUtilization) {
			to->spec.targetCPUUtilizationPercentage = m->resource->target.averageUtilization;
			to->spec.has_targetCPUUtilizationPercentage = true;
		}
	LIST_EACH(m, from->status.currentMetrics)
		if (!to->status.has_currentCPUUtilizationPercentage && m->resource && str_is(m->resource->name, "cpu") && m->resource->current.has_averageUtilization) {
			to->status.currentCPUUtilizationPercentage = m->resource->current.averageUtilization;
			to->status.has_currentCPUUtilizationPercentage = true;
		}
}

void hpa_v2_to_v1(struct arena *a, const void *v2, void *v1)
{
	const struct autoscaling_v2_HorizontalPodAutoscaler *from = v2;
	struct autoscaling_v1_HorizontalPodAutoscaler *to = v1;
	struct value *v = obj_to_value(a, (struct ref){desc_type(T_autoscaling_v2_HorizontalPodAutoscaler), (void *)v2});
	struct value *conditions = value_path(v, "status.conditions");
	struct str_map *annotations = &to->metadata.annotations, copy = {0};
	for (uint32_t i = 0; i < annotations->len; i++) /* the source's map is not to be written into */
		str_map_set(a, &copy, annotations->items[i].key, annotations->items[i].value);
	*annotations = copy;
	set_cpu(from, to);
	annotate(a, annotations, METRICS, old_metrics(a, value_path(v, "spec.metrics"), false));
	annotate(a, annotations, CURRENT, old_metrics(a, value_path(v, "status.currentMetrics"), true));
	if (conditions && conditions->type == V_LIST)
		annotate(a, annotations, CONDITIONS, conditions);
	annotate_behavior(a, annotations, from->spec.behavior);
}

/* ---- v1 to v2 ---- */

static struct value *new_metrics(struct arena *a, struct str annotation, bool status)
{
	struct value *list = parse(a, annotation), *out = value_new(a, V_LIST);
	if (!list || list->type != V_LIST)
		return NULL;
	for (uint32_t i = 0; i < list->list.len; i++) {
		struct value *m = convert_metric(a, list->list.items[i], status, false);
		if (!status)
			name_target(a, m);
		value_push(a, out, m);
	}
	return out;
}

/* Decodes {"spec": ...} or {"status": ...} on top of a fresh object; NULL when it does not fit, and then all of it is dropped. */
static struct autoscaling_v2_HorizontalPodAutoscaler *decode(struct arena *a, const char *part, const char *member, struct value *v)
{
	const struct type *t = desc_type(T_autoscaling_v2_HorizontalPodAutoscaler);
	struct autoscaling_v2_HorizontalPodAutoscaler *h = obj_new(a, t);
	struct value *doc = value_new(a, V_OBJECT);
	struct json_opts fold = {.flags = JSON_FOLD_CASE};
	ERR(ignored);
	BUF(text);
	if (!v)
		return NULL;
	put_path(a, doc, str_printf(a, "%s.%s", part, member), v);
	json_write(&text, doc);
	return json_decode(a, t, buf_view(&text), &fold, h, &ignored) == 0 ? h : NULL;
}

#define CPU_DEFAULT 80 /* percent, when no metric is given at all */

static void add_cpu(struct arena *a, const struct autoscaling_v1_HorizontalPodAutoscaler *from, struct autoscaling_v2_HorizontalPodAutoscaler *to)
{
	bool given = from->spec.has_targetCPUUtilizationPercentage;
	if (!given && to->spec.metrics.len)
		return;
	struct autoscaling_v2_MetricSpec *m = arena_push(a, &to->spec.metrics);
	struct autoscaling_v2_ResourceMetricSource *r = obj_make(a, autoscaling_v2_ResourceMetricSource);
	*r = (struct autoscaling_v2_ResourceMetricSource){.name = STR("cpu"), .target = {.type = STR("Utilization"),
		.averageUtilization = given ? from->spec.targetCPUUtilizationPercentage : CPU_DEFAULT, .has_averageUtilization = true}};
	if (m)
		*m = (struct autoscaling_v2_MetricSpec){.type = STR("Resource"), .resource = r};
}

static void drop_annotations(struct arena *a, struct str_map *m)
{
	static const char *const keys[] = {METRICS, CURRENT, CONDITIONS, BEHAVIOR};
	struct str_map copy = {0};
	for (uint32_t i = 0; i < m->len; i++)
		str_map_set(a, &copy, m->items[i].key, m->items[i].value);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		str_map_del(&copy, str_of(keys[i]));
	*m = copy.len ? copy : (struct str_map){0};
}

void hpa_v1_to_v2(struct arena *a, const void *v1, void *v2)
{
	const struct autoscaling_v1_HorizontalPodAutoscaler *from = v1;
	struct autoscaling_v2_HorizontalPodAutoscaler *to = v2, *h;
	const struct str_map *given = &from->metadata.annotations;
	if ((h = decode(a, "spec", "metrics", new_metrics(a, str_map_get(given, STR(METRICS)), false))))
		to->spec.metrics = h->spec.metrics;
	if (!to->spec.metrics.cap)
		memset(&to->spec.metrics, 0, sizeof to->spec.metrics);
	add_cpu(a, from, to);
	if ((h = decode(a, "spec", "behavior", parse(a, str_map_get(given, STR(BEHAVIOR))))))
		to->spec.behavior = h->spec.behavior;
	if ((h = decode(a, "status", "currentMetrics", new_metrics(a, str_map_get(given, STR(CURRENT)), true))))
		to->status.currentMetrics = h->status.currentMetrics;
	if ((h = decode(a, "status", "conditions", parse(a, str_map_get(given, STR(CONDITIONS))))))
		to->status.conditions = h->status.conditions;
	drop_annotations(a, &to->metadata.annotations);
}
