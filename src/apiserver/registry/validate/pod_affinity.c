/* Where Pods may be put: affinity, spread, node selectors. */
#include "apiserver/registry/validate/pod.h"

#include "gen/meta_v1.h"

/* ---- nodes ---- */

static void check_node_requirement(struct check *k, struct str path, const struct core_v1_NodeSelectorRequirement *q, bool any_value)
{
	struct str values = at(k, path, "values");
	if (one_of(q->operator, CHOICES("In", "NotIn"))) {
		if (!q->values.len)
			bad_required(k, values, "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (one_of(q->operator, CHOICES("Exists", "DoesNotExist"))) {
		if (q->values.len)
			bad_forbidden(k, values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	} else if (one_of(q->operator, CHOICES("Gt", "Lt"))) {
		if (q->values.len != 1)
			bad_required(k, values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		bad_string(k, at(k, path, "operator"), q->operator, "not a valid selector operator");
	}
	bad_wrong(k, at(k, path, "key"), q->key, name_qualified(q->key));
	for (uint32_t i = 0; !any_value && i < q->values.len; i++)
		bad_wrong(k, at_index(k, values, i), q->values.items[i], name_label_value(q->values.items[i]));
}

static void check_node_field(struct check *k, struct str path, const struct core_v1_NodeSelectorRequirement *q)
{
	struct str values = at(k, path, "values");
	if (!one_of(q->operator, CHOICES("In", "NotIn")))
		bad_string(k, at(k, path, "operator"), q->operator, "not a valid selector operator");
	else if (q->values.len != 1)
		bad_required(k, values, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
	if (!str_is(q->key, "metadata.name")) {
		bad_string(k, at(k, path, "key"), q->key, "not a valid field selector key");
		return;
	}
	for (uint32_t i = 0; i < q->values.len; i++)
		bad_wrong(k, at_index(k, values, i), q->values.items[i], name_dns1123_subdomain(q->values.items[i]));
}

/* What is only preferred may hold values that no label can have. */
static void check_node_term(struct check *k, struct str path, const struct core_v1_NodeSelectorTerm *t, bool any_value)
{
	for (uint32_t i = 0; i < t->matchExpressions.len; i++)
		check_node_requirement(k, at_index(k, at(k, path, "matchExpressions"), i), &t->matchExpressions.items[i], any_value);
	for (uint32_t i = 0; i < t->matchFields.len; i++)
		check_node_field(k, at_index(k, at(k, path, "matchFields"), i), &t->matchFields.items[i]);
}

void check_node_selector(struct check *k, struct str path, const struct core_v1_NodeSelector *s)
{
	struct str terms = at(k, path, "nodeSelectorTerms");
	if (!s->nodeSelectorTerms.len)
		bad_required(k, terms, "must have at least one node selector term");
	for (uint32_t i = 0; i < s->nodeSelectorTerms.len; i++)
		check_node_term(k, at_index(k, terms, i), &s->nodeSelectorTerms.items[i], false);
}

static void check_weight(struct check *k, struct str path, int32_t w)
{
	if (w < 1 || w > 100)
		bad_number(k, at(k, path, "weight"), w, "must be in the range 1-100");
}

static void check_node_affinity(struct check *k, struct str path, const struct core_v1_NodeAffinity *a)
{
	struct str preferred = at(k, path, "preferredDuringSchedulingIgnoredDuringExecution");
	if (a->requiredDuringSchedulingIgnoredDuringExecution)
		check_node_selector(k, at(k, path, "requiredDuringSchedulingIgnoredDuringExecution"), a->requiredDuringSchedulingIgnoredDuringExecution);
	for (uint32_t i = 0; i < a->preferredDuringSchedulingIgnoredDuringExecution.len; i++) {
		const struct core_v1_PreferredSchedulingTerm *t = &a->preferredDuringSchedulingIgnoredDuringExecution.items[i];
		check_weight(k, at_index(k, preferred, i), t->weight);
		check_node_term(k, at(k, at_index(k, preferred, i), "preference"), &t->preference, true);
	}
}

/* ---- other Pods ---- */

static void check_label_keys(struct check *k, struct str path, const str_list_t *keys, const struct meta_v1_LabelSelector *s)
{
	if (keys->len && !s) {
		bad_forbidden(k, path, "must not be specified when labelSelector is not set");
		return;
	}
	for (uint32_t i = 0; i < keys->len; i++)
		bad_wrong(k, at_index(k, path, i), keys->items[i], name_qualified(keys->items[i]));
}

static bool has_key(const struct meta_v1_LabelSelector *s, uint32_t expressions, struct str key)
{
	for (uint32_t i = 0; i < expressions; i++)
		if (str_eq(s->matchExpressions.items[i].key, key))
			return true;
	return str_map_has(&s->matchLabels, key);
}

/* The keys have been made requirements of the selector before (pod.c): a second one of a key was there already.  Upstream's path is that of the term. */
static void check_keys_selected(struct check *k, struct str path, const str_list_t *keys, const struct meta_v1_LabelSelector *s)
{
	for (uint32_t i = 0; s && i < s->matchExpressions.len; i++)
		for (uint32_t j = keys->len; j-- > 0;)
			if (str_eq(keys->items[j], s->matchExpressions.items[i].key)) {
				if (has_key(s, i, keys->items[j]))
					bad_string(k, at_index(k, path, j), keys->items[j], "exists in both matchLabelKeys and labelSelector");
				break;
			}
}

static void check_keys_twice(struct check *k, struct str path, const struct core_v1_PodAffinityTerm *t)
{
	for (uint32_t i = 0; i < t->matchLabelKeys.len; i++)
		LIST_EACH(m, t->mismatchLabelKeys)
			if (str_eq(*m, t->matchLabelKeys.items[i]))
				bad_string(k, at_index(k, at(k, path, "matchLabelKeys"), i), *m, "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_pod_term(struct check *k, struct str path, const struct core_v1_PodAffinityTerm *t)
{
	check_selector(k, at(k, path, "labelSelector"), t->labelSelector);
	check_selector(k, at(k, path, "namespaceSelector"), t->namespaceSelector);
	LIST_EACH(n, t->namespaces)
		bad_wrong(k, at(k, path, "namespace"), *n, name_dns1123_label(*n));
	check_label_keys(k, at(k, path, "matchLabelKeys"), &t->matchLabelKeys, t->labelSelector);
	check_label_keys(k, at(k, path, "mismatchLabelKeys"), &t->mismatchLabelKeys, t->labelSelector);
	check_keys_selected(k, path, &t->matchLabelKeys, t->labelSelector);
	check_keys_twice(k, path, t);
	if (!t->topologyKey.n)
		bad_required(k, at(k, path, "topologyKey"), "can not be empty");
	bad_wrong(k, at(k, path, "topologyKey"), t->topologyKey, name_qualified(t->topologyKey));
}

/* PodAffinity and PodAntiAffinity are laid out alike. */
_Static_assert(sizeof(struct core_v1_PodAffinity) == sizeof(struct core_v1_PodAntiAffinity), "both hold the same two lists");

static void check_pod_affinity(struct check *k, struct str path, const struct core_v1_PodAffinity *a)
{
	struct str required = at(k, path, "requiredDuringSchedulingIgnoredDuringExecution"), preferred = at(k, path, "preferredDuringSchedulingIgnoredDuringExecution");
	for (uint32_t i = 0; i < a->requiredDuringSchedulingIgnoredDuringExecution.len; i++)
		check_pod_term(k, at_index(k, required, i), &a->requiredDuringSchedulingIgnoredDuringExecution.items[i]);
	for (uint32_t i = 0; i < a->preferredDuringSchedulingIgnoredDuringExecution.len; i++) {
		const struct core_v1_WeightedPodAffinityTerm *t = &a->preferredDuringSchedulingIgnoredDuringExecution.items[i];
		check_weight(k, at_index(k, preferred, i), t->weight);
		check_pod_term(k, at(k, at_index(k, preferred, i), "podAffinityTerm"), &t->podAffinityTerm);
	}
}

void check_affinity(struct check *k, struct str path, const struct core_v1_Affinity *a)
{
	if (!a)
		return;
	if (a->nodeAffinity)
		check_node_affinity(k, at(k, path, "nodeAffinity"), a->nodeAffinity);
	if (a->podAffinity)
		check_pod_affinity(k, at(k, path, "podAffinity"), a->podAffinity);
	if (a->podAntiAffinity)
		check_pod_affinity(k, at(k, path, "podAntiAffinity"), (const struct core_v1_PodAffinity *)(const void *)a->podAntiAffinity);
}

/* ---- spread ---- */

static void check_min_domains(struct check *k, struct str path, const struct core_v1_TopologySpreadConstraint *c)
{
	if (!c->has_minDomains)
		return;
	if (c->minDomains <= 0)
		bad_number(k, at(k, path, "minDomains"), c->minDomains, "must be greater than zero");
	if (!str_is(c->whenUnsatisfiable, "DoNotSchedule"))
		bad_number(k, at(k, path, "minDomains"), c->minDomains,
			str_z(k->a, str_printf(k->a, "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not %.*s", STR_F(c->whenUnsatisfiable))));
}

static const struct rule spread_rules[] = {
	AT_LEAST("maxSkew", 1, "must be greater than zero"), NEED_WHY("topologyKey", "can not be empty"),
	ENUM_ALWAYS("whenUnsatisfiable", "DoNotSchedule", "ScheduleAnyway"), END};

static void check_constraint(struct check *k, struct str path, const core_v1_TopologySpreadConstraint_list_t *l, uint32_t at_i)
{
	const struct core_v1_TopologySpreadConstraint *c = &l->items[at_i];
	check_rules(k, path, T_core_v1_TopologySpreadConstraint, c, spread_rules);
	for (uint32_t j = at_i + 1; j < l->len; j++)
		if (str_eq(c->topologyKey, l->items[j].topologyKey) && str_eq(c->whenUnsatisfiable, l->items[j].whenUnsatisfiable)) {
			bad_duplicate(k, at(k, path, "{topologyKey, whenUnsatisfiable}"), str_printf(k->a, "{%.*s, %.*s}", STR_F(c->topologyKey), STR_F(c->whenUnsatisfiable)));
			break;
		}
	check_min_domains(k, path, c);
	if (c->nodeAffinityPolicy.n)
		check_choice(k, at(k, path, "nodeAffinityPolicy"), c->nodeAffinityPolicy, CHOICES("Honor", "Ignore"));
	if (c->nodeTaintsPolicy.n)
		check_choice(k, at(k, path, "nodeTaintsPolicy"), c->nodeTaintsPolicy, CHOICES("Honor", "Ignore"));
	check_label_keys(k, at(k, path, "matchLabelKeys"), &c->matchLabelKeys, c->labelSelector);
	check_selector(k, at(k, path, "labelSelector"), c->labelSelector);
}

void check_spread(struct check *k, struct str path, const core_v1_TopologySpreadConstraint_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++)
		check_constraint(k, at_index(k, path, i), l, i);
}
