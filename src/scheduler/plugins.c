/* The default profile's plug-ins for resources, taints, names, selectors, ports, gates and images. */
#include "scheduler/framework.h"

#include "api/node.h"

/* ---- SchedulingGates ---- */

static const char *gates_pre_enqueue(const struct core_v1_Pod *p)
{
	return p->spec.schedulingGates.len ? "Scheduling is blocked due to non-empty scheduling gates" : NULL;
}

/* ---- NodeUnschedulable, NodeName ---- */

static enum fit unschedulable_filter(struct cycle *c, const struct node_info *n)
{
	static const struct core_v1_Taint cordoned = {.key = STR_INIT("node.kubernetes.io/unschedulable"), .effect = STR_INIT("NoSchedule")};
	if (!n->node->spec.unschedulable || pod_tolerates(&c->pod->spec, &cordoned))
		return FIT;
	cycle_reason(c, STR("node(s) were unschedulable"));
	return UNRESOLVABLE;
}

static enum fit name_filter(struct cycle *c, const struct node_info *n)
{
	if (c->pod->spec.nodeName.n == 0 || str_eq(c->pod->spec.nodeName, n->name))
		return FIT;
	cycle_reason(c, STR("node(s) didn't match the requested node name"));
	return UNRESOLVABLE;
}

/* ---- TaintToleration ---- */

static enum fit taint_filter(struct cycle *c, const struct node_info *n)
{
	if (!node_untolerated(n->node, &c->pod->spec, NULL))
		return FIT;
	cycle_reason(c, STR("node(s) had untolerated taint(s)"));
	return UNRESOLVABLE;
}

static int64_t taint_score(struct cycle *c, const struct node_info *n)
{
	int64_t bad = 0;
	LIST_EACH(t, n->node->spec.taints)
		bad += str_is(t->effect, "PreferNoSchedule") && !pod_tolerates(&c->pod->spec, t);
	return bad;
}

static void taint_normalize(struct cycle *c, int64_t *scores, uint32_t n)
{
	normalize_scores(scores, n, true);
}

/* ---- NodeAffinity ---- */

static enum fit affinity_filter(struct cycle *c, const struct node_info *n)
{
	if (node_fits_affinity(&c->pod->spec, n->node))
		return FIT;
	cycle_reason(c, STR("node(s) didn't match Pod's node affinity/selector"));
	return UNRESOLVABLE;
}

static int64_t affinity_score(struct cycle *c, const struct node_info *n)
{
	const struct core_v1_Affinity *a = c->pod->spec.affinity;
	int64_t sum = 0;
	if (a && a->nodeAffinity)
		LIST_EACH(p, a->nodeAffinity->preferredDuringSchedulingIgnoredDuringExecution)
			sum += node_selector_term_matches(&p->preference, n->node) ? p->weight : 0;
	return sum;
}

static void affinity_normalize(struct cycle *c, int64_t *scores, uint32_t n)
{
	normalize_scores(scores, n, false);
}

/* ---- NodePorts ---- */

static bool ports_clash(const struct pod_info *a, const struct pod_info *b)
{
	for (uint32_t i = 0; i < a->nports; i++)
		for (uint32_t k = 0; k < b->nports; k++)
			if (host_ports_conflict(&a->ports[i], &b->ports[k]))
				return true;
	return false;
}

static enum fit ports_filter(struct cycle *c, const struct node_info *n)
{
	size_t i = 0;
	if (c->info->nports == 0)
		return FIT;
	for (struct map_entry *e; (e = map_next(&n->pods, &i));)
		if (ports_clash(c->info, e->value)) {
			cycle_reason(c, STR("node(s) didn't have free ports for the requested pod ports"));
			return UNSCHEDULABLE;
		}
	return FIT;
}

/* ---- NodeResourcesFit ---- */

static const char *const column_reasons[COLS] = {"Insufficient cpu", "Insufficient memory", "Insufficient ephemeral-storage", "Too many pods"};

static enum fit fit_columns(struct cycle *c, const struct node_info *n)
{
	enum fit worst = FIT;
	for (int i = 0; i < COLS; i++) {
		int64_t want = c->info->cols[i], alloc = c->nodes->alloc[i][n->row];
		if (want == 0 || want <= alloc - c->nodes->used[i][n->row])
			continue;
		cycle_reason(c, str_of(column_reasons[i]));
		if (want > alloc)
			worst = UNRESOLVABLE;
		else if (worst == FIT)
			worst = UNSCHEDULABLE;
	}
	return worst;
}

static enum fit fit_other(struct cycle *c, const struct node_info *n, enum fit worst)
{
	LIST_EACH(r, c->info->other)
	{
		int64_t alloc = amounts_get(&n->alloc_other, r->name);
		if (r->value == 0 || r->value <= alloc - amounts_get(&n->used_other, r->name))
			continue;
		cycle_reason(c, str_printf(c->arena, "Insufficient %.*s", STR_F(r->name)));
		if (r->value > alloc)
			worst = UNRESOLVABLE;
		else if (worst == FIT)
			worst = UNSCHEDULABLE;
	}
	return worst;
}

static enum fit resources_filter(struct cycle *c, const struct node_info *n)
{
	return fit_other(c, n, fit_columns(c, n));
}

static int64_t least_allocated(int64_t used, int64_t alloc)
{
	return alloc == 0 || used > alloc ? 0 : (alloc - used) * SCORE_MAX / alloc;
}

/* LeastAllocated over cpu and memory, counting the Pod itself. */
static int64_t resources_score(struct cycle *c, const struct node_info *n)
{
	int64_t sum = 0, parts = 0;
	for (int i = 0; i < 2; i++) {
		int64_t alloc = c->nodes->alloc[i][n->row];
		if (alloc == 0)
			continue;
		sum += least_allocated(c->nodes->used_nonzero[i][n->row] + c->info->nonzero[i], alloc);
		parts++;
	}
	return parts ? sum / parts : 0;
}

/* ---- NodeResourcesBalancedAllocation ---- */

static double share(int64_t used, int64_t alloc)
{
	double f = alloc ? (double)used / (double)alloc : 0;
	return f > 1 ? 1 : f;
}

static double imbalance(double cpu, double memory)
{
	return cpu > memory ? (cpu - memory) / 2 : (memory - cpu) / 2;
}

/* How far the Pod brings cpu and memory into line: 50 for no change, as upstream scores it. */
static int64_t balance_score(struct cycle *c, const struct node_info *n)
{
	const struct nodes *t = c->nodes;
	double with[2], without[2];
	if (c->info->cols[COL_CPU] == 0 && c->info->cols[COL_MEMORY] == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		without[i] = share(t->used[i][n->row], t->alloc[i][n->row]);
		with[i] = share(t->used[i][n->row] + c->info->cols[i], t->alloc[i][n->row]);
	}
	double gain = imbalance(without[0], without[1]) - imbalance(with[0], with[1]);
	return (int64_t)((1 + gain) / 2 * SCORE_MAX);
}

/* ---- ImageLocality ---- */

/* Images between these sizes score from 0 to SCORE_MAX, scaled by the number of containers. */
#define IMAGE_MIN (23LL * 1024 * 1024)
#define IMAGE_MAX (1000LL * 1024 * 1024)

/* "nginx" is listed as "nginx:latest". */
static struct str with_tag(struct arena *a, struct str image)
{
	ptrdiff_t slash = str_rindex(image, '/'), colon = str_rindex(image, ':');
	return colon > slash ? image : str_printf(a, "%.*s:latest", STR_F(image));
}

static int64_t image_score(struct cycle *c, const struct node_info *n)
{
	int64_t sum = 0, containers = c->pod->spec.containers.len;
	LIST_EACH(ctr, c->pod->spec.containers)
	{
		struct str image = with_tag(c->arena, ctr->image);
		LIST_EACH(img, n->node->status.images)
			sum += str_list_has(&img->names, image) ? img->sizeBytes : 0;
	}
	int64_t max = IMAGE_MAX * (containers ? containers : 1);
	sum = sum < IMAGE_MIN ? IMAGE_MIN : sum > max ? max : sum;
	return SCORE_MAX * (sum - IMAGE_MIN) / (max - IMAGE_MIN);
}

/* Filters run in this order. */
static const struct plugin scheduling_gates = {.name = "SchedulingGates", .pre_enqueue = gates_pre_enqueue};
static const struct plugin node_unschedulable = {.name = "NodeUnschedulable", .filter = unschedulable_filter};
static const struct plugin node_name = {.name = "NodeName", .filter = name_filter};
static const struct plugin taint_toleration = {
	.name = "TaintToleration", .weight = 3, .filter = taint_filter, .score = taint_score, .normalize = taint_normalize};
static const struct plugin node_affinity = {
	.name = "NodeAffinity", .weight = 2, .filter = affinity_filter, .score = affinity_score, .normalize = affinity_normalize};
static const struct plugin node_ports = {.name = "NodePorts", .filter = ports_filter};
static const struct plugin resources_fit = {.name = "NodeResourcesFit", .weight = 1, .filter = resources_filter, .score = resources_score};
static const struct plugin balanced_allocation = {.name = "NodeResourcesBalancedAllocation", .weight = 1, .score = balance_score};
static const struct plugin image_locality = {.name = "ImageLocality", .weight = 1, .score = image_score};

const struct plugin *const plugins[] = {&scheduling_gates, &node_unschedulable, &node_name, &taint_toleration, &node_affinity, &node_ports,
	&resources_fit, &balanced_allocation, &image_locality};
const size_t nplugins = sizeof plugins / sizeof *plugins;
