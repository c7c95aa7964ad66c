/* FlowSchema and PriorityLevelConfiguration. */
#include "apiserver/registry/validate/rules.h"
#include "apiserver/registry/validate/validate.h"

#include "codec/ops.h"
#include "gen/flowcontrol_v1.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"

#define PRECEDENCE_MAX 10000
#define QUEUES_MAX 10000000
#define ENTROPY_MAX_BITS 60 /* of a deal, as upstream */

/* ---- rules and subjects ---- */

static const char *const subject_kinds[] = {"Group", "ServiceAccount", "User", NULL};

static void check_named(struct check *k, struct str path, const struct str *name, const char *kind, bool wanted)
{
	if (wanted && !name)
		bad_required(k, path, str_z(k->a, str_printf(k->a, "required when subject kind is '%s'", kind)));
	else if (!wanted && name)
		bad_forbidden(k, path, str_z(k->a, str_printf(k->a, "forbidden when subject kind is not '%s'", kind)));
	else if (name && !name->n)
		bad_required(k, at(k, path, "name"), NULL);
}

static void check_account(struct check *k, struct str path, const struct flowcontrol_v1_ServiceAccountSubject *a)
{
	if (!a->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	else if (!str_is(a->name, "*"))
		bad_wrong(k, at(k, path, "name"), a->name, name_dns1123_subdomain(a->name));
	if (!a->namespace.n)
		bad_required(k, at(k, path, "namespace"), "must specify namespace for service account");
	else
		bad_wrong(k, at(k, path, "namespace"), a->namespace, name_dns1123_label(a->namespace));
}

static void check_subject(struct check *k, struct str path, const struct flowcontrol_v1_Subject *s)
{
	bool account = str_is(s->kind, "ServiceAccount"), user = str_is(s->kind, "User"), group = str_is(s->kind, "Group");
	struct str accounts = at(k, path, "serviceAccount");
	if (!account && !user && !group) {
		bad_choice(k, at(k, path, "kind"), s->kind, subject_kinds);
		return;
	}
	if (account && !s->serviceAccount)
		bad_required(k, accounts, "required when subject kind is 'ServiceAccount'");
	else if (account)
		check_account(k, accounts, s->serviceAccount);
	if (user || s->user)
		check_named(k, at(k, path, "user"), s->user ? &s->user->name : NULL, "User", user);
	if (group || s->group)
		check_named(k, at(k, path, "group"), s->group ? &s->group->name : NULL, "Group", group);
	if (!account && s->serviceAccount)
		bad_forbidden(k, accounts, "forbidden when subject kind is not 'ServiceAccount'");
}

static const char *const verbs[] = {"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch", NULL};
static const char *const url_verbs[] = {"connect", "delete", "get", "head", "options", "patch", "post", "put", "trace", NULL};

/* True: each of the list is to be looked at. */
static bool check_star_list(struct check *k, struct str path, const str_list_t *l, const char *needed, const char *alone)
{
	bool star = str_list_has(l, STR("*"));
	if (!l->len)
		bad_required(k, path, needed);
	else if (star && l->len > 1)
		bad_value(k, path, json_strings(k, l), alone);
	return !star;
}

static void check_verbs(struct check *k, struct str path, const str_list_t *l, const char *const *known)
{
	if (!check_star_list(k, path, l, "verbs must contain at least one value", "if '*' is present, must not specify other verbs"))
		return;
	LIST_EACH(v, *l)
		if (!one_of(*v, known)) {
			bad_choice(k, path, *v, known);
			break;
		}
}

static void check_namespaces(struct check *k, struct str path, const struct flowcontrol_v1_ResourcePolicyRule *r)
{
	const str_list_t *l = &r->namespaces;
	if (!l->len && r->clusterScope)
		return;
	if (check_star_list(k, path, l, "resource rules that are not cluster scoped must supply at least one namespace", "if '*' is present, must not specify other namespaces"))
		for (uint32_t i = 0; i < l->len; i++)
			bad_wrong(k, at_index(k, path, i), l->items[i], name_dns1123_label(l->items[i]));
}

static void check_resource_rule(struct check *k, struct str path, const void *value)
{
	const struct flowcontrol_v1_ResourcePolicyRule *r = value;
	check_verbs(k, at(k, path, "verbs"), &r->verbs, verbs);
	check_star_list(k, at(k, path, "apiGroups"), &r->apiGroups, "resource rules must supply at least one api group", "if '*' is present, must not specify other api groups");
	check_star_list(k, at(k, path, "resources"), &r->resources, "resource rules must supply at least one resource", "if '*' is present, must not specify other resources");
	check_namespaces(k, at(k, path, "namespaces"), r);
}

static void check_url(struct check *k, struct str path, struct str u)
{
	ptrdiff_t star = str_index(u, '*', 0);
	if (!u.n)
		bad_required(k, path, "must not be empty");
	else if (str_is(u, "/"))
		return;
	else if (u.p[0] != '/')
		bad_string(k, path, u, "must start with slash");
	else if (str_find(u, STR(" ")) >= 0)
		bad_string(k, path, u, "must not contain white-space");
	else if (str_find(u, STR("//")) >= 0)
		bad_string(k, path, u, "must not contain double slash");
	else if (star >= 0 && (size_t)star != u.n - 1)
		bad_string(k, path, u, "wildcard can only do suffix matching");
	else if (star >= 0 && u.p[star - 1] != '/')
		bad_string(k, path, u, "wildcard can only do suffix matching");
}

static void check_url_rule(struct check *k, struct str path, const void *value)
{
	const struct flowcontrol_v1_NonResourcePolicyRule *r = value;
	struct str urls = at(k, path, "nonResourceURLs");
	check_verbs(k, at(k, path, "verbs"), &r->verbs, url_verbs);
	if (check_star_list(k, urls, &r->nonResourceURLs, "nonResourceURLs must contain at least one value", "if '*' is present, must not specify other non-resource URLs"))
		for (uint32_t i = 0; i < r->nonResourceURLs.len; i++)
			check_url(k, at_index(k, urls, i), r->nonResourceURLs.items[i]);
}

static const struct rule resource_rule[] = {WITH(check_resource_rule), END}, url_rule[] = {WITH(check_url_rule), END};
static const struct rule policy_rules[] = {EACH("resourceRules", resource_rule), EACH("nonResourceRules", url_rule), END};

static void check_policy(struct check *k, struct str path, const void *value)
{
	const struct flowcontrol_v1_PolicyRulesWithSubjects *p = value;
	struct str subjects = at(k, path, "subjects");
	if (!p->subjects.len)
		bad_required(k, subjects, "subjects must contain at least one value");
	for (uint32_t i = 0; i < p->subjects.len; i++)
		check_subject(k, at_index(k, subjects, i), &p->subjects.items[i]);
	if (!p->resourceRules.len && !p->nonResourceRules.len)
		bad_required(k, path, "at least one of resourceRules and nonResourceRules has to be non-empty");
	check_rules(k, path, T_flowcontrol_v1_PolicyRulesWithSubjects, p, policy_rules);
}
static const struct rule policies[] = {WITH(check_policy), END};
static const struct rule schema_rules[] = {EACH("rules", policies), END};

static void check_schema(struct check *k, const struct flowcontrol_v1_FlowSchema *f)
{
	const struct flowcontrol_v1_FlowSchemaSpec *s = &f->spec;
	if (s->matchingPrecedence <= 0)
		bad_number(k, STR("spec.matchingPrecedence"), s->matchingPrecedence, "must be a positive value");
	if (s->matchingPrecedence > PRECEDENCE_MAX)
		bad_number(k, STR("spec.matchingPrecedence"), s->matchingPrecedence, "must not be greater than 10000");
	if (s->matchingPrecedence == 1 && !str_is(f->metadata.name, "exempt"))
		bad_number(k, STR("spec.matchingPrecedence"), 1, "only the schema named 'exempt' may have matchingPrecedence 1");
	if (s->distinguisherMethod)
		check_choice(k, STR("spec.distinguisherMethod.type"), s->distinguisherMethod->type, CHOICES("ByNamespace", "ByUser"));
	if (!s->priorityLevelConfiguration.name.n)
		bad_required(k, STR("spec.priorityLevelConfiguration.name"), "must reference a priority level");
	else
		bad_wrong(k, STR("spec.priorityLevelConfiguration.name"), s->priorityLevelConfiguration.name, name_dns1123_subdomain(s->priorityLevelConfiguration.name));
	check_rules(k, STR("spec"), T_flowcontrol_v1_FlowSchemaSpec, s, schema_rules);
}

/* What the server cannot do without keeps its value. */
static void check_mandatory(struct check *k, const struct meta_v1_ObjectMeta *m, uint16_t type, const void *spec, const void *old)
{
	if (old && one_of(m->name, CHOICES("exempt", "catch-all")) && !obj_equal_at(desc_type(type), spec, old))
		bad_value(k, STR("spec"), json_text(k, (struct ref){desc_type(type), (void *)spec}),
			str_z(k->a, str_printf(k->a, "spec of '%.*s' must equal the fixed value", STR_F(m->name))));
}

void validate_flowschema(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_schema(k, obj);
}

void validate_flowschema_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct flowcontrol_v1_FlowSchema *f = obj, *old = old_;
	CHECK(k);
	check_mandatory(k, &f->metadata, T_flowcontrol_v1_FlowSchemaSpec, &f->spec, &old->spec);
	check_schema(k, f);
}

/* ---- PriorityLevelConfiguration ---- */

typedef struct flowcontrol_v1_PriorityLevelConfiguration level_t;

/* Bits of the number of ways to deal a hand. */
static int entropy(int64_t deck, int hand)
{
	double bits = 0;
	for (int i = 0; i < hand; i++) {
		double n = (double)(deck - i);
		while (n >= 2) {
			n /= 2;
			bits++;
		}
		bits += n - 1; /* close enough to the logarithm of 1 to 2 */
	}
	return (int)(bits + 0.999);
}

static void check_queuing(struct check *k, struct str path, const struct flowcontrol_v1_QueuingConfiguration *q)
{
	struct str hand = at(k, path, "handSize");
	if (q->queueLengthLimit <= 0)
		bad_number(k, at(k, path, "queueLengthLimit"), q->queueLengthLimit, "must be positive");
	if (q->queues <= 0)
		bad_number(k, at(k, path, "queues"), q->queues, "must be positive");
	else if (q->queues > QUEUES_MAX)
		bad_number(k, at(k, path, "queues"), q->queues, "must not be greater than 10000000");
	if (q->handSize <= 0)
		bad_number(k, hand, q->handSize, "must be positive");
	else if (q->handSize > q->queues)
		bad_number(k, hand, q->handSize, str_z(k->a, str_printf(k->a, "should not be greater than queues (%d)", q->queues)));
	else if (entropy(q->queues, q->handSize) > ENTROPY_MAX_BITS)
		bad_number(k, hand, q->handSize, "required entropy bits of deckSize and handSize should not be greater than 60");
}

static void check_response(struct check *k, struct str path, const struct flowcontrol_v1_LimitResponse *l)
{
	struct str queuing = at(k, path, "queuing");
	if (str_is(l->type, "Reject")) {
		if (l->queuing)
			bad_forbidden(k, queuing, "must be nil if limited.limitResponse.type is not Limited");
	} else if (str_is(l->type, "Queue")) {
		if (!l->queuing)
			bad_required(k, queuing, "must not be empty if limited.limitResponse.type is Limited");
		else
			check_queuing(k, queuing, l->queuing);
	} else {
		bad_choice(k, at(k, path, "type"), l->type, CHOICES("Queue", "Reject"));
	}
}

static void check_limited(struct check *k, struct str path, const struct flowcontrol_v1_LimitedPriorityLevelConfiguration *l)
{
	if (l->has_nominalConcurrencyShares && l->nominalConcurrencyShares < 0)
		bad_number(k, at(k, path, "nominalConcurrencyShares"), l->nominalConcurrencyShares, "must be a non-negative integer");
	check_response(k, at(k, path, "limitResponse"), &l->limitResponse);
	if (l->has_lendablePercent && (l->lendablePercent < 0 || l->lendablePercent > 100))
		bad_number(k, at(k, path, "lendablePercent"), l->lendablePercent, "must be between 0 and 100, inclusive");
	if (l->has_borrowingLimitPercent && l->borrowingLimitPercent < 0)
		bad_number(k, at(k, path, "borrowingLimitPercent"), l->borrowingLimitPercent, "if specified, must be a non-negative integer");
}

static void check_exempt(struct check *k, struct str path, const struct flowcontrol_v1_ExemptPriorityLevelConfiguration *x)
{
	if (x->has_nominalConcurrencyShares && x->nominalConcurrencyShares < 0)
		bad_number(k, at(k, path, "nominalConcurrencyShares"), x->nominalConcurrencyShares, "must be a non-negative integer");
	if (x->has_lendablePercent && (x->lendablePercent < 0 || x->lendablePercent > 100))
		bad_number(k, at(k, path, "lendablePercent"), x->lendablePercent, "must be between 0 and 100, inclusive");
}

static void check_fixed_level(struct check *k, const level_t *l)
{
	bool exempt = str_is(l->metadata.name, "exempt");
	if (exempt && (!str_is(l->spec.type, "Exempt") || l->spec.limited))
		bad_value(k, STR("spec"), json_text(k, (struct ref){desc_type(T_flowcontrol_v1_PriorityLevelConfigurationSpec), (void *)&l->spec}),
			"spec of 'exempt' except the 'spec.exempt' field must equal the fixed value");
}

static void check_level(struct check *k, const level_t *l)
{
	const struct flowcontrol_v1_PriorityLevelConfigurationSpec *s = &l->spec;
	bool exempt = str_is(s->type, "Exempt"), named = str_is(l->metadata.name, "exempt");
	if (exempt != named && one_of(s->type, CHOICES("Exempt", "Limited")))
		bad_string(k, STR("spec.type"), s->type, "must be 'Exempt' if and only if `name` is 'exempt'");
	if (exempt) {
		if (s->limited)
			bad_forbidden(k, STR("spec.limited"), "must be nil if the type is not Limited");
		if (s->exempt)
			check_exempt(k, STR("spec.exempt"), s->exempt);
	} else if (str_is(s->type, "Limited")) {
		if (s->exempt)
			bad_forbidden(k, STR("spec.exempt"), "must be nil if the type is Limited");
		if (!s->limited)
			bad_required(k, STR("spec.limited"), "must not be empty when type is Limited");
		else
			check_limited(k, STR("spec.limited"), s->limited);
	} else {
		bad_choice(k, STR("spec.type"), s->type, CHOICES("Exempt", "Limited"));
	}
	check_fixed_level(k, l);
}

void validate_prioritylevel(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_level(k, obj);
}
void validate_prioritylevel_update(struct request *r, const void *obj, const void *old, struct err *e) { validate_prioritylevel(r, obj, e); }

/* ---- conditions of both ---- */

static void check_types_once(struct check *k, struct str type, uint32_t i, bool again)
{
	struct str here = at(k, at_index(k, STR("status.conditions"), i), "type");
	if (!type.n)
		bad_required(k, here, NULL);
	if (again)
		bad_duplicate(k, here, type);
}

void validate_flowschema_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const struct flowcontrol_v1_FlowSchema *f = obj;
	CHECK(k);
	for (uint32_t i = 0; i < f->status.conditions.len; i++) {
		bool again = false;
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(f->status.conditions.items[i].type, f->status.conditions.items[j].type);
		check_types_once(k, f->status.conditions.items[i].type, i, again);
	}
}

void validate_prioritylevel_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const level_t *l = obj;
	CHECK(k);
	for (uint32_t i = 0; i < l->status.conditions.len; i++) {
		bool again = false;
		for (uint32_t j = 0; j < i; j++)
			again |= str_eq(l->status.conditions.items[i].type, l->status.conditions.items[j].type);
		check_types_once(k, l->status.conditions.items[i].type, i, again);
	}
}
