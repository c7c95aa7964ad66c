#include "scheduler/framework.h"

#include "base/buf.h"
#include "rt/fiber.h"

#include <stdlib.h>

/* Upstream's adaptive sampling: all nodes up to 100, then 50 % less one per 125 nodes, at least 5 %. */
#define SAMPLE_ALL 100

void cycle_reason(struct cycle *c, struct str text)
{
	for (uint32_t i = 0; i < c->nreasons; i++)
		if (str_eq(c->reasons[i].text, text)) {
			c->reasons[i].nodes++;
			return;
		}
	if (c->nreasons < REASONS_MAX)
		c->reasons[c->nreasons++] = (struct reason){text, 1};
}

static uint32_t enough_nodes(uint32_t n)
{
	if (n <= SAMPLE_ALL)
		return n;
	int64_t percent = 50 - n / 125;
	uint32_t want = (uint32_t)((uint64_t)n * (percent < 5 ? 5 : percent) / 100);
	return want < SAMPLE_ALL ? SAMPLE_ALL : want;
}

static enum fit filter_node(struct cycle *c, const struct node_info *n)
{
	for (size_t i = 0; i < nplugins; i++) {
		enum fit f = plugins[i]->filter ? plugins[i]->filter(c, n) : FIT;
		if (f != FIT)
			return f;
	}
	return FIT;
}

/* Fills feasible with nodes that fit, starting where the last search ended. */
static uint32_t find_feasible(struct cycle *c, struct node_info **feasible)
{
	struct nodes *t = c->nodes;
	uint32_t want = enough_nodes(t->n), found = 0, seen = 0;
	for (; seen < t->n && found < want; seen++) {
		struct node_info *n = t->rows[(t->start + seen) % t->n];
		enum fit f = filter_node(c, n);
		if (f == FIT)
			feasible[found++] = n;
		else if (f == UNRESOLVABLE)
			c->unresolvable++;
		else
			c->resolvable++;
	}
	t->start = t->n ? (t->start + seen) % t->n : 0;
	return found;
}

void normalize_scores(int64_t *scores, uint32_t n, bool reverse)
{
	int64_t max = 0;
	for (uint32_t i = 0; i < n; i++)
		max = scores[i] > max ? scores[i] : max;
	for (uint32_t i = 0; i < n; i++) {
		int64_t s = max ? scores[i] * SCORE_MAX / max : 0;
		scores[i] = !reverse ? s : max ? SCORE_MAX - s : SCORE_MAX;
	}
}

static void add_scores(struct cycle *c, const struct plugin *p, struct node_info **v, uint32_t n, int64_t *scores, int64_t *total)
{
	for (uint32_t i = 0; i < n; i++)
		scores[i] = p->score(c, v[i]);
	if (p->normalize)
		p->normalize(c, scores, n);
	for (uint32_t i = 0; i < n; i++)
		total[i] += scores[i] * p->weight;
}

static struct node_info *best_node(struct cycle *c, struct node_info **v, uint32_t n)
{
	int64_t *scores = arena_array(c->arena, int64_t, n), *total = arena_array(c->arena, int64_t, n);
	for (size_t i = 0; i < nplugins; i++)
		if (plugins[i]->score)
			add_scores(c, plugins[i], v, n, scores, total);
	uint32_t best = 0, ties = 1;
	for (uint32_t i = 1; i < n; i++) {
		if (total[i] > total[best]) {
			best = i;
			ties = 1;
		} else if (total[i] == total[best] && rt_random_below(++ties) == 0) {
			best = i;
		}
	}
	return v[best];
}

/* ---- The message ---- */

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void put_counts(struct arena *a, struct buf *out, const struct reason *v, uint32_t n)
{
	struct str *texts = arena_array(a, struct str, n);
	for (uint32_t i = 0; i < n; i++)
		texts[i] = str_printf(a, "%u %.*s", v[i].nodes, STR_F(v[i].text));
	qsort(texts, n, sizeof *texts, by_text);
	buf_str(out, str_join(a, texts, n, STR(", ")));
}

static void put_preemption(struct cycle *c, struct buf *out)
{
	struct reason why[2];
	uint32_t n = 0;
	if (c->resolvable)
		why[n++] = (struct reason){STR("No preemption victims found for incoming pod"), c->resolvable};
	if (c->unresolvable)
		why[n++] = (struct reason){STR("Preemption is not helpful for scheduling"), c->unresolvable};
	buf_printf(out, " no new claims to deallocate, preemption: 0/%u nodes are available: ", c->nodes->n);
	put_counts(c->arena, out, why, n);
	buf_char(out, '.');
}

static struct str unschedulable_message(struct cycle *c)
{
	if (c->nodes->n == 0)
		return STR("no nodes available to schedule pods");
	BUF(out);
	buf_printf(&out, "0/%u nodes are available: ", c->nodes->n);
	put_counts(c->arena, &out, c->reasons, c->nreasons);
	buf_char(&out, '.');
	put_preemption(c, &out);
	return buf_take(&out, c->arena);
}

struct node_info *framework_select(struct cycle *c, struct str *ret_message)
{
	struct node_info **feasible = arena_array(c->arena, struct node_info *, c->nodes->n + 1);
	mono_t began = rt_now_exact(), filtered;
	uint32_t n = feasible ? find_feasible(c, feasible) : 0;
	c->filtered = (filtered = rt_now_exact()) - began;
	if (n == 0) {
		*ret_message = unschedulable_message(c);
		return NULL;
	}
	if (n == 1)
		return feasible[0];
	struct node_info *best = best_node(c, feasible, n);
	c->scored = rt_now_exact() - filtered;
	return best;
}
