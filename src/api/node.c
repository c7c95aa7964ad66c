#include "api/node.h"
#include "api/condition.h"
#include "api/pod.h"

bool node_ready(const struct core_v1_Node *n)
{
	const struct core_v1_NodeCondition *c = CONDITION(n->status.conditions, "Ready");
	return c && str_is(c->status, "True");
}

struct str node_address(const struct core_v1_Node *n, const char *type)
{
	LIST_EACH(x, n->status.addresses)
		if (str_is(x->type, type))
			return x->address;
	return (struct str){0};
}

bool node_excluded_from_balancers(const struct core_v1_Node *n)
{
	return str_map_has(&n->metadata.labels, STR("node.kubernetes.io/exclude-from-external-load-balancers"));
}

/* ---- taints ---- */

static bool is_taint(const struct core_v1_Taint *t, struct str key, struct str effect)
{
	return str_eq(t->key, key) && (!effect.n || str_eq(t->effect, effect));
}

const struct core_v1_Taint *node_taint(const struct core_v1_Node *n, struct str key, struct str effect)
{
	LIST_EACH(t, n->spec.taints)
		if (is_taint(t, key, effect))
			return t;
	return NULL;
}

bool node_taint_add(struct arena *a, struct core_v1_Node *n, struct core_v1_Taint t)
{
	struct core_v1_Taint *old = (struct core_v1_Taint *)node_taint(n, t.key, t.effect);
	if (old) {
		bool same = str_eq(old->value, t.value);
		if (!same)
			*old = t;
		return !same;
	}
	if (!n->spec.taints.cap && !n->spec.taints.len)
		n->spec.taints.items = NULL; /* may be LIST_EMPTY */
	struct core_v1_Taint *at = arena_push(a, &n->spec.taints);
	if (at)
		*at = t;
	return true;
}

bool node_taint_remove(struct core_v1_Node *n, struct str key, struct str effect)
{
	uint32_t kept = 0, before = n->spec.taints.len;
	for (uint32_t i = 0; i < before; i++)
		if (!is_taint(&n->spec.taints.items[i], key, effect))
			n->spec.taints.items[kept++] = n->spec.taints.items[i];
	n->spec.taints.len = kept;
	return kept < before;
}

static bool is_one_of(struct str s, const char *const *list)
{
	for (; *list; list++)
		if (str_is(s, *list))
			return true;
	return false;
}

const struct core_v1_Taint *node_untolerated(const struct core_v1_Node *n, const struct core_v1_PodSpec *s, const char *const *effects)
{
	static const char *const hard[] = {"NoSchedule", "NoExecute", NULL};
	LIST_EACH(t, n->spec.taints)
		if (is_one_of(t->effect, effects ? effects : hard) && !pod_tolerates(s, t))
			return t;
	return NULL;
}

/* ---- selection ---- */

static bool compares(const struct core_v1_NodeSelectorRequirement *r, struct str value)
{
	int64_t x, y;
	if (r->values.len != 1 || str_i64(value, &x) || str_i64(r->values.items[0], &y))
		return false;
	return str_is(r->operator, "Gt") ? x > y : x < y;
}

static bool expression_matches(const struct core_v1_NodeSelectorRequirement *r, bool has, struct str value)
{
	if (str_is(r->operator, "In"))
		return has && str_list_has(&r->values, value);
	if (str_is(r->operator, "NotIn"))
		return !has || !str_list_has(&r->values, value);
	if (str_is(r->operator, "Exists"))
		return has;
	if (str_is(r->operator, "DoesNotExist"))
		return !has;
	return (str_is(r->operator, "Gt") || str_is(r->operator, "Lt")) && has && compares(r, value);
}

bool node_selector_term_matches(const struct core_v1_NodeSelectorTerm *t, const struct core_v1_Node *n)
{
	if (!t->matchExpressions.len && !t->matchFields.len)
		return false;
	LIST_EACH(r, t->matchExpressions)
		if (!expression_matches(r, str_map_has(&n->metadata.labels, r->key), str_map_get(&n->metadata.labels, r->key)))
			return false;
	LIST_EACH(r, t->matchFields)
		if (!str_is(r->key, "metadata.name") || r->values.len != 1 || !expression_matches(r, true, n->metadata.name))
			return false;
	return true;
}

bool node_selector_matches(const struct core_v1_NodeSelector *s, const struct core_v1_Node *n)
{
	LIST_EACH(t, s->nodeSelectorTerms)
		if (node_selector_term_matches(t, n))
			return true;
	return false;
}

bool node_fits_affinity(const struct core_v1_PodSpec *s, const struct core_v1_Node *n)
{
	const struct core_v1_NodeAffinity *f = s->affinity ? s->affinity->nodeAffinity : NULL;
	for (uint32_t i = 0; i < s->nodeSelector.len; i++) {
		const struct str_pair *want = &s->nodeSelector.items[i];
		if (!str_map_has(&n->metadata.labels, want->key) || !str_eq(str_map_get(&n->metadata.labels, want->key), want->value))
			return false;
	}
	if (!f || !f->requiredDuringSchedulingIgnoredDuringExecution)
		return true;
	return node_selector_matches(f->requiredDuringSchedulingIgnoredDuringExecution, n);
}
