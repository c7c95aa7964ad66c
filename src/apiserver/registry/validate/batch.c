/* Jobs and CronJobs. */
#include "api/condition.h"
#include "api/pod.h"
#include "api/selector.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/schedule.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/batch_v1.h"
#include "gen/meta_v1.h"

typedef struct batch_v1_Job job_t;
#define SPEC_TEMPLATE STR("spec.template")
#define COMPLETIONS_MAX 100000          /* completions with a limit of failed indexes, as upstream */
#define FAILED_INDEXES_MAX 100000
#define FAILED_INDEXES_MAX_LARGE 10000
#define LARGE_LIMIT "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index"
#define INDEXED_PARALLELISM_MAX 100000
#define RULES_MAX 20                    /* of failure and success policies */
#define EXIT_CODES_MAX 255
#define CONDITIONS_MAX 20
#define INDEXES_TEXT_MAX (64 * 1024)
#define CRON_NAME_MAX 52                /* 63 less what the controller appends */

/* ---- policies ---- */

static struct str json_codes(struct check *k, const struct batch_v1_PodFailurePolicyOnExitCodesRequirement *q)
{
	BUF(b);
	LIST_EACH(v, q->values)
		buf_printf(&b, "%c%d", v == q->values.items ? '[' : ',', *v);
	buf_char(&b, ']');
	return buf_take(&b, k->a);
}

static bool code_before(const struct batch_v1_PodFailurePolicyOnExitCodesRequirement *q, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (q->values.items[j] == q->values.items[i])
			return true;
	return false;
}

static void check_exit_codes(struct check *k, struct str path, const struct batch_v1_PodFailurePolicyOnExitCodesRequirement *q, const struct core_v1_PodSpec *s)
{
	struct str values = at(k, path, "values");
	bool ordered = true;
	if (!q->operator.n)
		bad_required(k, at(k, path, "operator"), "valid values: [\"In\" \"NotIn\"]");
	else
		check_choice(k, at(k, path, "operator"), q->operator, CHOICES("In", "NotIn"));
	if (q->containerName.p && !pod_container(s, q->containerName))
		bad_string(k, at(k, path, "containerName"), q->containerName, "must be one of the container or initContainer names in the pod template");
	if (!q->values.len)
		bad_value(k, values, STR("[]"), "at least one value is required");
	else if (q->values.len > EXIT_CODES_MAX) {
		bad_many(k, values, q->values.len, EXIT_CODES_MAX);
		return;
	}
	for (uint32_t i = 0; i < q->values.len; i++) {
		if (str_is(q->operator, "In") && q->values.items[i] == 0)
			bad_number(k, at_index(k, values, i), 0, "must not be 0 for the In operator");
		if (code_before(q, i))
			bad_duplicate_raw(k, at_index(k, values, i), str_printf(k->a, "%d", q->values.items[i]));
		ordered &= !i || q->values.items[i - 1] <= q->values.items[i];
	}
	if (!ordered)
		bad_value(k, values, json_codes(k, q), "must be ordered");
}

static void check_failure_rule(struct check *k, struct str path, const struct batch_v1_PodFailurePolicyRule *r, const struct batch_v1_JobSpec *s)
{
	static const char *const statuses[] = {"True", "False", "Unknown", NULL};
	if (!r->action.n)
		bad_required(k, at(k, path, "action"), "valid values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"");
	else if (str_is(r->action, "FailIndex") && !s->has_backoffLimitPerIndex)
		bad_string(k, at(k, path, "action"), r->action, "requires the backoffLimitPerIndex to be set");
	else
		check_choice(k, at(k, path, "action"), r->action, CHOICES("Count", "FailIndex", "FailJob", "Ignore"));
	if (r->onExitCodes)
		check_exit_codes(k, at(k, path, "onExitCodes"), r->onExitCodes, &s->template.spec);
	if (r->onPodConditions.len > CONDITIONS_MAX)
		bad_many(k, at(k, path, "onPodConditions"), r->onPodConditions.len, CONDITIONS_MAX);
	for (uint32_t i = 0; i < r->onPodConditions.len; i++) {
		struct str here = at_index(k, at(k, path, "onPodConditions"), i), type = r->onPodConditions.items[i].type, status = r->onPodConditions.items[i].status;
		bad_wrong(k, at(k, here, "type"), type, name_qualified(type));
		if (!status.n)
			bad_required(k, at(k, here, "status"), "valid values: \"False\", \"True\", \"Unknown\"");
		else
			check_choice(k, at(k, here, "status"), status, statuses);
	}
	if (r->onExitCodes && r->onPodConditions.len)
		bad_value(k, path, STR("{}"), "specifying both OnExitCodes and OnPodConditions is not supported");
	if (!r->onExitCodes && !r->onPodConditions.len)
		bad_value(k, path, STR("{}"), "specifying one of OnExitCodes and OnPodConditions is required");
}

static void check_failure_policy(struct check *k, struct str path, const struct batch_v1_JobSpec *s)
{
	struct str rules = at(k, path, "rules");
	if (!s->podFailurePolicy)
		return;
	if (s->podFailurePolicy->rules.len > RULES_MAX)
		bad_many(k, rules, s->podFailurePolicy->rules.len, RULES_MAX);
	for (uint32_t i = 0; i < s->podFailurePolicy->rules.len; i++)
		check_failure_rule(k, at_index(k, rules, i), &s->podFailurePolicy->rules.items[i], s);
}

/* One index, or the reason why it is none. */
static struct str index_wrong(struct check *k, struct str text, int32_t completions, int64_t *ret)
{
	struct str digits = text.n && (text.p[0] == '+' || text.p[0] == '-') ? str_sub(text, 1, text.n) : text;
	bool number = digits.n > 0;
	for (size_t i = 0; i < digits.n; i++)
		number &= digits.p[i] >= '0' && digits.p[i] <= '9';
	if (!number || str_i64(text.p[0] == '+' ? digits : text, ret))
		return str_printf(k->a, "cannot convert string to integer for index: \"%.*s\"", STR_F(text));
	if (*ret >= completions)
		return str_printf(k->a, "too large index: \"%.*s\"", STR_F(text));
	return (struct str){0};
}

static struct str interval_wrong(struct check *k, struct str text, int32_t completions, int64_t *from, int64_t *to)
{
	struct str first, second, rest, why;
	bool two = str_cut(text, '-', &first, &second);
	if (two && str_cut(second, '-', &second, &rest))
		return str_printf(k->a, "the fragment \"%.*s\" violates the requirement that an index interval can have at most two parts separated by '-'", STR_F(text));
	why = index_wrong(k, two ? first : text, completions, from);
	*to = *from;
	if (why.n || !two)
		return why;
	why = index_wrong(k, second, completions, to);
	if (!why.n && *from >= *to)
		why = str_printf(k->a, "non-increasing order, previous: %lld, current: %lld", (long long)*from, (long long)*to);
	return why;
}

/* "1,3-5": how many indexes that are. */
static struct str indexes_wrong(struct check *k, struct str rest, int32_t completions, int64_t *ret_total)
{
	struct str one, why = {0};
	int64_t last = -1, from = 0, to = 0;
	bool more = rest.n > 0;
	while (more && !why.n) {
		struct str tail = {0};
		more = str_cut(rest, ',', &one, &tail);
		why = interval_wrong(k, more ? one : rest, completions, &from, &to);
		rest = tail;
		if (!why.n && last >= from)
			why = str_printf(k->a, "non-increasing order, previous: %lld, current: %lld", (long long)last, (long long)from);
		last = to;
		*ret_total += to - from + 1;
	}
	if (why.n)
		*ret_total = 0;
	return why;
}

static void check_succeeded_count(struct check *k, struct str path, int32_t count, int64_t max, const char *of)
{
	if (count > max)
		bad_number(k, path, count, str_z(k->a, str_printf(k->a, "must be less than or equal to %lld (the number of %s)", (long long)max, of)));
}

static void check_success_rule(struct check *k, struct str path, const struct batch_v1_SuccessPolicyRule *r, const struct batch_v1_JobSpec *s)
{
	struct str indexes = at(k, path, "succeededIndexes"), count = at(k, path, "succeededCount"), why;
	int64_t total = 0;
	if (!r->has_succeededCount && !r->succeededIndexes.p)
		bad_required(k, path, "at least one of succeededCount or succeededIndexes must be specified");
	if (r->succeededIndexes.p) {
		if (r->succeededIndexes.n > INDEXES_TEXT_MAX)
			bad_long(k, indexes, INDEXES_TEXT_MAX);
		why = indexes_wrong(k, r->succeededIndexes, s->completions, &total);
		if (why.n)
			bad_string(k, indexes, r->succeededIndexes, str_z(k->a, str_printf(k->a, "error parsing succeededIndexes: %.*s", STR_F(why))));
	}
	if (!r->has_succeededCount)
		return;
	check_not_negative(k, count, r->succeededCount);
	check_succeeded_count(k, count, r->succeededCount, s->completions, "specified completions");
	if (r->succeededIndexes.p)
		check_succeeded_count(k, count, r->succeededCount, total, "indexes in the specified succeededIndexes field");
}

static void check_success_policy(struct check *k, struct str path, const struct batch_v1_JobSpec *s)
{
	struct str rules = at(k, path, "rules");
	if (!s->successPolicy)
		return;
	if (!str_is(s->completionMode, "Indexed")) {
		bad_value(k, path, STR("{}"), "requires indexed completion mode");
		return;
	}
	if (!s->successPolicy->rules.len)
		bad_required(k, rules, "at least one rules must be specified when the successPolicy is specified");
	if (s->successPolicy->rules.len > RULES_MAX)
		bad_many(k, rules, s->successPolicy->rules.len, RULES_MAX);
	for (uint32_t i = 0; i < s->successPolicy->rules.len; i++)
		check_success_rule(k, at_index(k, rules, i), &s->successPolicy->rules.items[i], s);
}

/* ---- the spec ---- */

static void check_limit_needed(struct check *k, struct str path, const void *value)
{
	const struct batch_v1_JobSpec *s = value;
	if (s->has_maxFailedIndexes && !s->has_backoffLimitPerIndex)
		bad_required(k, at(k, path, "backoffLimitPerIndex"), "when maxFailedIndexes is specified");
}

static const struct rule job_numbers[] = {NOT_NEG("parallelism"), NOT_NEG("completions"), NOT_NEG("activeDeadlineSeconds"), NOT_NEG("backoffLimit"),
	NOT_NEG("ttlSecondsAfterFinished"), NOT_NEG("backoffLimitPerIndex"), NOT_NEG("maxFailedIndexes"), WITH(check_limit_needed), END};

static void check_indexes(struct check *k, struct str path, const struct batch_v1_JobSpec *s)
{
	if (!str_is(s->completionMode, "Indexed")) {
		if (s->has_backoffLimitPerIndex)
			bad_number(k, at(k, path, "backoffLimitPerIndex"), s->backoffLimitPerIndex, "requires indexed completion mode");
		if (s->has_maxFailedIndexes)
			bad_number(k, at(k, path, "maxFailedIndexes"), s->maxFailedIndexes, "requires indexed completion mode");
		return;
	}
	if (!s->has_completions)
		bad_required(k, at(k, path, "completions"), "when completion mode is Indexed");
	if (s->has_parallelism && s->parallelism > INDEXED_PARALLELISM_MAX)
		bad_number(k, at(k, path, "parallelism"), s->parallelism, "must be less than or equal to 100000 when completion mode is Indexed");
	if (s->has_completions && s->has_maxFailedIndexes && s->maxFailedIndexes > s->completions)
		bad_number(k, at(k, path, "maxFailedIndexes"), s->maxFailedIndexes, "must be less than or equal to completions");
	if (s->has_maxFailedIndexes && s->maxFailedIndexes > FAILED_INDEXES_MAX)
		bad_number(k, at(k, path, "maxFailedIndexes"), s->maxFailedIndexes, "must be less than or equal to 100000");
	if (!s->has_completions || s->completions <= COMPLETIONS_MAX || !s->has_backoffLimitPerIndex)
		return;
	if (!s->has_maxFailedIndexes)
		bad_required(k, at(k, path, "maxFailedIndexes"), "must be specified when completions is above 100000");
	if (s->has_parallelism && s->parallelism > FAILED_INDEXES_MAX_LARGE)
		bad_number(k, at(k, path, "parallelism"), s->parallelism, LARGE_LIMIT);
	if (s->has_maxFailedIndexes && s->maxFailedIndexes > FAILED_INDEXES_MAX_LARGE)
		bad_number(k, at(k, path, "maxFailedIndexes"), s->maxFailedIndexes, LARGE_LIMIT);
}

static void check_restart(struct check *k, struct str path, const struct batch_v1_JobSpec *s)
{
	struct str p = s->template.spec.restartPolicy, here = at(k, path, "template.spec.restartPolicy");
	if (!p.n || str_is(p, "Always"))
		bad_required(k, here, "valid values: \"OnFailure\", \"Never\"");
	else if (!one_of(p, CHOICES("OnFailure", "Never")))
		bad_choice(k, here, p, CHOICES("OnFailure", "Never"));
	else if (s->podFailurePolicy && !str_is(p, "Never"))
		bad_string(k, here, p, "only \"Never\" is supported when podFailurePolicy is specified");
}

static const struct rule job_enums[] = {FORMAT("managedBy", name_domain_prefixed_path), LONG("managedBy", 63), ENUM("completionMode", "Indexed", "NonIndexed"), END};
static const struct rule job_replacement[] = {ENUM("podReplacementPolicy", "Failed", "TerminatingOrFailed"), END};

static void check_job_spec(struct check *k, struct str path, const struct batch_v1_JobSpec *s, const struct batch_v1_JobSpec *old)
{
	check_rules(k, path, T_batch_v1_JobSpec, s, job_numbers);
	check_rules(k, path, T_batch_v1_JobSpec, s, job_enums);
	check_indexes(k, path, s);
	check_failure_policy(k, at(k, path, "podFailurePolicy"), s);
	check_success_policy(k, at(k, path, "successPolicy"), s);
	check_rules(k, path, T_batch_v1_JobSpec, s, job_replacement);
	if (s->podFailurePolicy && str_is(s->podReplacementPolicy, "TerminatingOrFailed"))
		bad_choice(k, at(k, path, "podReplacementPolicy"), s->podReplacementPolicy, CHOICES("Failed"));
	check_template(k, at(k, path, "template"), &s->template, old ? &old->template : NULL);
	check_restart(k, path, s);
}

static void check_selected(struct check *k, const struct batch_v1_JobSpec *s)
{
	struct selector parsed;
	ERR(e);
	if (!s->selector)
		bad_required(k, STR("spec.selector"), NULL);
	else
		check_selector(k, STR("spec.selector"), s->selector);
	if (selector_of(k->a, s->selector, &parsed, &e) == 0 && !selector_matches(&parsed, &s->template.metadata.labels))
		bad_value(k, STR("spec.template.metadata.labels"), json_map(k, &s->template.metadata.labels), "`selector` does not match template `labels`");
}

/* ---- a selector that the server makes ---- */

static void check_generated(struct check *k, const job_t *j)
{
	static const char *const keys[] = {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"};
	const struct str_map *labels = &j->spec.template.metadata.labels;
	struct str path = STR("spec.template.metadata.labels");
	if ((j->spec.has_manualSelector && j->spec.manualSelector) || !j->spec.selector)
		return;
	for (size_t i = 0; i < 4; i++) {
		struct str want = i % 2 ? j->metadata.name : j->metadata.uid, key = str_of(keys[i]);
		if (!str_map_has(labels, key))
			bad_required(k, at_key(k, path, key), str_z(k->a, str_printf(k->a, "must be '%.*s'", STR_F(want))));
		else if (!str_eq(str_map_get(labels, key), want))
			bad_value(k, at_key(k, path, key), json_map(k, labels), str_z(k->a, str_printf(k->a, "must be '%.*s'", STR_F(want))));
	}
	const struct meta_v1_LabelSelector *s = j->spec.selector;
	if (!s || s->matchLabels.len != 1 || s->matchExpressions.len ||
	    !str_eq(str_map_get(&s->matchLabels, STR("batch.kubernetes.io/controller-uid")), j->metadata.uid))
		bad_value(k, STR("spec.selector"), json_text(k, (struct ref){desc_type(T_meta_v1_LabelSelector), (void *)s}), "`selector` not auto-generated");
}

void validate_job(struct request *r, const void *obj, struct err *e)
{
	const job_t *j = obj;
	CHECK(k);
	check_generated(k, j);
	check_job_spec(k, STR("spec"), &j->spec, NULL);
	check_selected(k, &j->spec);
	if (str_is(j->spec.completionMode, "Indexed") && j->spec.has_completions && j->spec.completions > 0) {
		struct str pod = str_printf(r->arena, "%.*s-%d", STR_F(j->metadata.name), j->spec.completions - 1);
		if (name_dns1123_label(pod).n)
			bad_string(k, STR("metadata.name"), j->metadata.name, str_z(r->arena, str_printf(r->arena, "will not able to create pod with invalid DNS label: %.*s", STR_F(pod))));
	}
}

/* ---- updates ---- */

/* Where the Pods of a suspended Job go may still be said. */
static bool may_move(const job_t *old) { return old->spec.has_suspend && old->spec.suspend && !old->status.has_startTime; }

static bool template_same(struct check *k, const job_t *now, const job_t *old)
{
	struct core_v1_PodTemplateSpec *m = obj_copy(k->a, (struct ref){desc_type(T_core_v1_PodTemplateSpec), (void *)&now->spec.template});
	const struct core_v1_PodTemplateSpec *o = &old->spec.template;
	if (!m)
		return true;
	if (may_move(old)) {
		m->metadata.labels = o->metadata.labels;
		m->metadata.annotations = o->metadata.annotations;
		m->spec.nodeSelector = o->spec.nodeSelector;
		m->spec.tolerations = o->spec.tolerations;
		m->spec.schedulingGates = o->spec.schedulingGates;
		if (m->spec.affinity && o->spec.affinity)
			m->spec.affinity->nodeAffinity = o->spec.affinity->nodeAffinity;
		else
			m->spec.affinity = o->spec.affinity;
	}
	return obj_equal_at(desc_type(T_core_v1_PodTemplateSpec), m, o);
}

static void check_completions(struct check *k, const struct batch_v1_JobSpec *s, const struct batch_v1_JobSpec *old)
{
	bool same = s->has_completions == old->has_completions && s->completions == old->completions;
	bool with_parallelism = s->has_completions && s->has_parallelism && s->completions == s->parallelism && str_is(s->completionMode, "Indexed") &&
				old->has_completions && old->has_parallelism && str_is(old->completionMode, "Indexed");
	if (same || (with_parallelism && old->completions == old->parallelism))
		return;
	if (str_is(s->completionMode, "Indexed") && s->has_completions && old->has_completions)
		bad_number(k, STR("spec.completions"), s->completions, "can only be modified in tandem with parallelism");
	else
		bad_number(k, STR("spec.completions"), s->completions, IMMUTABLE);
}

static const struct rule job_first[] = {SAME("selector"), END};
static const struct rule job_last[] = {SAME("completionMode"), SAME("podFailurePolicy"), SAME("backoffLimitPerIndex"), SAME("managedBy"), SAME("successPolicy"), END};

void validate_job_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const job_t *j = obj, *old = old_;
	CHECK(k);
	check_generated(k, j);
	/* Upstream looks at the spec as of a new Job, and then once more. */
	for (int i = 0; i < 2; i++) {
		if (i)
			meta_validate_update(&j->metadata, &old->metadata, e);
		check_job_spec(k, STR("spec"), &j->spec, &old->spec);
		check_selected(k, &j->spec);
	}
	check_completions(k, &j->spec, &old->spec);
	check_changes(k, STR("spec"), T_batch_v1_JobSpec, &j->spec, &old->spec, job_first);
	if (!template_same(k, j, old))
		bad_value(k, may_move(old) ? STR("spec.template.spec") : SPEC_TEMPLATE, STR("{}"), IMMUTABLE);
	check_changes(k, STR("spec"), T_batch_v1_JobSpec, &j->spec, &old->spec, job_last);
}

/* ---- status ---- */

static bool is_true(const struct batch_v1_JobStatus *s, const char *type) { return condition_true(T_batch_v1_JobCondition, &s->conditions, type); }
static bool finished(const struct batch_v1_JobStatus *s) { return is_true(s, "Complete") || is_true(s, "Failed"); }
#define CONDITIONS STR("status.conditions")

static const struct rule job_status[] = {NOT_NEG("active"), NOT_NEG("succeeded"), NOT_NEG("failed"), NOT_NEG("ready"), NOT_NEG("terminating"), END};

static void bad_pair(struct check *k, const struct batch_v1_JobStatus *s, const char *a, const char *b, const char *why)
{
	if (is_true(s, a) && is_true(s, b))
		err_cause(k->e, "FieldValueInvalid", CONDITIONS, "Invalid value: %s", why);
}

static void bad_lost(struct check *k, const struct batch_v1_JobStatus *s, const struct batch_v1_JobStatus *old, const char *type, const char *why)
{
	if (is_true(old, type) && !is_true(s, type))
		err_cause(k->e, "FieldValueInvalid", CONDITIONS, "Invalid value: %s", why);
}

static void check_times(struct check *k, const job_t *j, const job_t *o)
{
	const struct batch_v1_JobStatus *s = &j->status, *old = &o->status;
	struct str start = STR("status.startTime"), end = STR("status.completionTime"), shown = STR("null");
	bool suspended = j->spec.has_suspend && j->spec.suspend;
	bool moved = old->has_startTime && (!s->has_startTime || s->startTime.sec != old->startTime.sec);
	if (finished(s) && !s->has_startTime)
		bad_required(k, start, "startTime is required for finished job");
	if (is_true(s, "Complete") && !s->has_completionTime)
		bad_required(k, end, "completionTime is required for Complete jobs");
	if (s->has_completionTime && !is_true(s, "Complete"))
		bad_value(k, end, shown, "cannot set completionTime when there is no Complete=True condition");
	if (old->has_completionTime && s->has_completionTime && s->completionTime.sec != old->completionTime.sec)
		bad_value(k, end, shown, "field is immutable");
	if (s->has_startTime && s->has_completionTime && s->completionTime.sec < s->startTime.sec)
		bad_value(k, end, shown, "completionTime cannot be set before startTime");
	if (moved && !suspended)
		bad_value(k, start, shown, "field is immutable for unsuspended job once set");
}

static void check_pairs(struct check *k, const struct batch_v1_JobStatus *s, const struct batch_v1_JobStatus *old)
{
	bad_pair(k, s, "Complete", "Failed", "cannot set Complete=True and Failed=true conditions");
	bad_pair(k, s, "Complete", "FailureTarget", "cannot set Complete=True and FailureTarget=true conditions");
	bad_lost(k, s, old, "Complete", "cannot disable the terminal Complete=True condition");
	bad_lost(k, s, old, "Failed", "cannot disable the terminal Failed=True condition");
	bad_lost(k, s, old, "FailureTarget", "cannot disable the FailureTarget=True condition");
	bad_pair(k, s, "SuccessCriteriaMet", "Failed", "cannot set SuccessCriteriaMet=True and Failed=true conditions");
	bad_pair(k, s, "SuccessCriteriaMet", "FailureTarget", "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
	bad_lost(k, s, old, "SuccessCriteriaMet", "cannot disable the SuccessCriteriaMet=True condition");
	if (is_true(s, "Failed") && !is_true(old, "Failed") && !is_true(s, "FailureTarget"))
		err_cause(k->e, "FieldValueInvalid", CONDITIONS, "Invalid value: cannot set Failed=True condition without the FailureTarget=true condition");
	if (is_true(s, "Complete") && !is_true(old, "Complete") && !is_true(s, "SuccessCriteriaMet"))
		err_cause(k->e, "FieldValueInvalid", CONDITIONS, "Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
}

void validate_job_status(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const job_t *j = obj, *o = old_;
	const struct batch_v1_JobStatus *s = &j->status, *old = &o->status;
	CHECK(k);
	meta_validate_update(&j->metadata, &o->metadata, e);
	check_rules(k, STR("status"), T_batch_v1_JobStatus, s, job_status);
	if (s->has_ready && s->ready > s->active)
		bad_number(k, STR("status.ready"), s->ready, "cannot set more ready pods than active");
	check_times(k, j, o);
	if (finished(s) && s->active > 0)
		bad_number(k, STR("status.active"), s->active, "active>0 is invalid for finished job");
	check_pairs(k, s, old);
	if (s->failed < old->failed)
		bad_number(k, STR("status.failed"), s->failed, "cannot decrease the failed counter");
	if (s->succeeded < old->succeeded)
		bad_number(k, STR("status.succeeded"), s->succeeded, "cannot decrease the succeeded counter");
}

/* ---- CronJobs ---- */

static void check_zone(struct check *k, struct str zone)
{
	struct str path = STR("spec.timeZone");
	bool letters = false;
	for (size_t i = 0; i < zone.n; i++)
		letters |= zone.p[i] >= 'A' && zone.p[i] <= 'Z';
	if (!zone.p)
		return;
	if (!zone.n)
		bad_string(k, path, zone, "timeZone must be nil or non-empty string");
	else if (str_eq_fold(zone, STR("Local")))
		bad_string(k, path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
	else if (!letters || !schedule_zone_known(zone))
		bad_string(k, path, zone, str_z(k->a, str_printf(k->a, "unknown time zone %.*s", STR_F(zone))));
}

static void check_schedule(struct check *k, struct str s)
{
	struct str path = STR("spec.schedule"), why;
	if (!s.n) {
		bad_required(k, path, NULL);
		return;
	}
	if (str_find(s, STR("TZ")) >= 0) {
		bad_string(k, path, s, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
		return;
	}
	why = schedule_wrong(k->a, s);
	if (why.n)
		bad_string(k, path, s, str_z(k->a, why));
}

static const struct rule cron_first[] = {NOT_NEG("startingDeadlineSeconds"), END};
static const struct rule cron_rules[] = {ENUM_NEED("concurrencyPolicy", "Allow", "Forbid", "Replace"), END};
static const struct rule cron_last[] = {NOT_NEG("successfulJobsHistoryLimit"), NOT_NEG("failedJobsHistoryLimit"), END};

static void check_cronjob(struct check *k, const struct batch_v1_CronJob *c, const struct batch_v1_CronJob *old)
{
	struct str spec = STR("spec.jobTemplate.spec");
	const struct batch_v1_JobSpec *j = &c->spec.jobTemplate.spec;
	if (!old || !str_eq(c->spec.schedule, old->spec.schedule) || !c->spec.schedule.n)
		check_schedule(k, c->spec.schedule);
	check_rules(k, STR("spec"), T_batch_v1_CronJobSpec, &c->spec, cron_first);
	if (!old || !str_eq(c->spec.timeZone, old->spec.timeZone))
		check_zone(k, c->spec.timeZone);
	check_rules(k, STR("spec"), T_batch_v1_CronJobSpec, &c->spec, cron_rules);
	check_labels(k, STR("spec.jobTemplate.metadata.labels"), &c->spec.jobTemplate.metadata.labels);
	check_job_spec(k, spec, j, old ? &old->spec.jobTemplate.spec : NULL);
	if (j->selector)
		bad_value(k, at(k, spec, "selector"), json_text(k, (struct ref){desc_type(T_meta_v1_LabelSelector), j->selector}), "`selector` will be auto-generated");
	if (j->has_manualSelector && j->manualSelector)
		err_cause(k->e, "FieldValueNotSupported", at(k, spec, "manualSelector"), "Unsupported value: true: supported values: \"nil\", \"false\"");
	check_rules(k, STR("spec"), T_batch_v1_CronJobSpec, &c->spec, cron_last);
}

void validate_cronjob(struct request *r, const void *obj, struct err *e)
{
	const struct batch_v1_CronJob *c = obj;
	CHECK(k);
	check_cronjob(k, c, NULL);
	if (c->metadata.name.n > CRON_NAME_MAX)
		bad_string(k, STR("metadata.name"), c->metadata.name, "must be no more than 52 characters");
}

void validate_cronjob_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_cronjob(k, obj, old);
}
