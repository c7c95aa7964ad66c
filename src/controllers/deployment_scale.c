/* How many replicas each ReplicaSet of a Deployment gets: the rolling update, recreate, and proportional scaling. */
#include "controllers/deployment.h"

#include <math.h>
#include <stdlib.h>

static int32_t min32(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t max32(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

int32_t rs_sum_spec(const struct rs_list *l)
{
	int32_t n = 0;
	for (uint32_t i = 0; i < l->len; i++)
		n += l->items[i]->spec.replicas;
	return n;
}

int32_t rs_sum_available(const struct rs_list *l)
{
	int32_t n = 0;
	for (uint32_t i = 0; i < l->len; i++)
		n += l->items[i]->status.availableReplicas;
	return n;
}

/* ---- Surge and unavailability ---- */

/* A number, or a percentage of total rounded up or down. */
static int32_t part_of(const struct int_or_str *v, bool has, int32_t total, bool up)
{
	int64_t percent = 0;
	if (!has)
		return 0;
	if (!v->is_str)
		return v->num;
	(void)(str_i64(str_sub(v->str, 0, v->str.n ? v->str.n - 1 : 0), &percent) == 0);
	return (int32_t)((percent * total + (up ? 99 : 0)) / 100);
}

static const struct apps_v1_RollingUpdateDeployment *rolling(const struct apps_v1_Deployment *d)
{
	return str_is(d->spec.strategy.type, "RollingUpdate") ? d->spec.strategy.rollingUpdate : NULL;
}

int32_t rollout_max_surge(const struct apps_v1_Deployment *d)
{
	const struct apps_v1_RollingUpdateDeployment *u = rolling(d);
	return u ? part_of(&u->maxSurge, u->has_maxSurge, d->spec.replicas, true) : 0;
}

/* Both may not be 0, or nothing could ever move: then one may be unavailable. */
int32_t rollout_max_unavailable(const struct apps_v1_Deployment *d)
{
	const struct apps_v1_RollingUpdateDeployment *u = rolling(d);
	if (!u || d->spec.replicas == 0)
		return 0;
	int32_t n = part_of(&u->maxUnavailable, u->has_maxUnavailable, d->spec.replicas, false);
	if (n == 0 && rollout_max_surge(d) == 0)
		n = 1;
	return min32(n, d->spec.replicas);
}

/* ---- Rolling update ---- */

static int grow_next(struct rollout *r, bool *ret_scaled, struct err *e)
{
	int32_t want = r->d->spec.replicas, have = r->next->spec.replicas;
	if (have < want) {
		int32_t room = want + rollout_max_surge(r->d) - rs_sum_spec(&r->all);
		want = room <= 0 ? have : have + min32(room, want - have);
	}
	if (have == want && have == r->d->spec.replicas) {
		*ret_scaled = false;
		return 0;
	}
	return rollout_scale(r, &r->next, want, ret_scaled, e);
}

static int shrink_by(struct rollout *r, uint32_t i, int32_t n, bool *any, struct err *e)
{
	bool scaled;
	if (n <= 0)
		return 0;
	if (rollout_scale(r, &r->old.items[i], r->old.items[i]->spec.replicas - n, &scaled, e) < 0)
		return -1;
	*any |= scaled;
	return 0;
}

/* Pods that are not available go first: they serve nobody. */
static int shrink_unhealthy(struct rollout *r, int32_t allowed, bool *any, struct err *e)
{
	for (uint32_t i = 0; i < r->old.len && allowed > 0; i++) {
		const struct apps_v1_ReplicaSet *rs = r->old.items[i];
		int32_t n = min32(allowed, rs->spec.replicas - rs->status.availableReplicas);
		if (shrink_by(r, i, n, any, e) < 0)
			return -1;
		allowed -= max32(n, 0);
	}
	return 0;
}

static int shrink_available(struct rollout *r, int32_t keep, bool *any, struct err *e)
{
	int32_t allowed = rs_sum_available(&r->all) - keep;
	for (uint32_t i = 0; i < r->old.len && allowed > 0; i++) {
		int32_t n = min32(allowed, r->old.items[i]->spec.replicas);
		if (shrink_by(r, i, n, any, e) < 0)
			return -1;
		allowed -= n;
	}
	return 0;
}

static int shrink_old(struct rollout *r, bool *any, struct err *e)
{
	int32_t keep = r->d->spec.replicas - rollout_max_unavailable(r->d);
	int32_t coming = r->next->spec.replicas - r->next->status.availableReplicas;
	int32_t allowed = rs_sum_spec(&r->all) - keep - coming;
	*any = false;
	if (rs_sum_spec(&r->old) == 0 || allowed <= 0)
		return 0;
	return shrink_unhealthy(r, allowed, any, e) < 0 ? -1 : shrink_available(r, keep, any, e);
}

int rollout_rolling(struct rollout *r, struct err *e)
{
	bool scaled;
	if (rollout_find_sets(r, true, e) < 0 || grow_next(r, &scaled, e) < 0)
		return -1;
	if (!scaled && shrink_old(r, &scaled, e) < 0)
		return -1;
	if (!scaled && deployment_complete(r->d, &r->d->status) && rollout_cleanup(r, e) < 0)
		return -1;
	return rollout_write_status(r, true, e);
}

/* ---- Recreate ---- */

static bool old_pods_run(struct rollout *r)
{
	for (uint32_t i = 0; i < r->old.len; i++) {
		struct str key = str_printf(r->a, "owner/%.*s", STR_F(r->old.items[i]->metadata.uid));
		size_t at = 0;
		for (const struct informer_item *it; (it = informer_by_index(r->c->pods, key, &at));) {
			const struct core_v1_Pod *p = informer_decode(r->c->pods, r->a, it);
			if (p && !pod_finished(p))
				return true;
		}
	}
	return false;
}

int rollout_recreate(struct rollout *r, struct err *e)
{
	bool any = false, scaled;
	if (rollout_find_sets(r, false, e) < 0)
		return -1;
	for (uint32_t i = 0; i < r->old.len; i++)
		if (shrink_by(r, i, r->old.items[i]->spec.replicas, &any, e) < 0)
			return -1;
	if (any || old_pods_run(r))
		return rollout_write_status(r, true, e);
	if (!r->next && rollout_find_sets(r, true, e) < 0)
		return -1;
	if (rollout_scale(r, &r->next, r->d->spec.replicas, &scaled, e) < 0)
		return -1;
	if (deployment_complete(r->d, &r->d->status) && rollout_cleanup(r, e) < 0)
		return -1;
	return rollout_write_status(r, true, e);
}

/* ---- Proportional scaling ---- */

static int32_t annotated(const struct apps_v1_ReplicaSet *rs, const char *key, int32_t fallback)
{
	int64_t v;
	return str_i64(meta_annotation(&rs->metadata, key), &v) == 0 && v >= 0 && v <= INT32_MAX ? (int32_t)v : fallback;
}

bool rollout_scaling_event(const struct rollout *r)
{
	for (uint32_t i = 0; i < r->all.len; i++) {
		const struct apps_v1_ReplicaSet *rs = r->all.items[i];
		if (rs->spec.replicas > 0 && annotated(rs, ANN_DESIRED, r->d->spec.replicas) != r->d->spec.replicas)
			return true;
	}
	return false;
}

/* The one that holds all replicas; NULL when several do. */
static struct apps_v1_ReplicaSet **only_active(struct rollout *r)
{
	struct apps_v1_ReplicaSet **found = NULL;
	int n = 0;
	for (uint32_t i = 0; i < r->old.len; i++)
		if (r->old.items[i]->spec.replicas > 0)
			found = &r->old.items[i], n++;
	if (r->next && r->next->spec.replicas > 0)
		found = &r->next, n++;
	if (n)
		return n == 1 ? found : NULL;
	return r->next ? &r->next : r->old.len ? &r->old.items[r->old.len - 1] : NULL;
}

static bool saturated(const struct rollout *r)
{
	int32_t want = r->d->spec.replicas;
	const struct apps_v1_ReplicaSet *n = r->next;
	return n && annotated(n, ANN_DESIRED, -1) == want && n->spec.replicas == want && n->status.availableReplicas == want;
}

static int32_t share(const struct rollout *r, const struct apps_v1_ReplicaSet *rs)
{
	int32_t want = r->d->spec.replicas, max = want + rollout_max_surge(r->d);
	if (want == 0)
		return -rs->spec.replicas;
	int32_t before = annotated(rs, ANN_MAX, r->d->status.replicas);
	if (before == 0)
		return 0;
	return (int32_t)round((double)rs->spec.replicas * max / before) - rs->spec.replicas;
}

static int larger_newer(const void *x, const void *y)
{
	const struct apps_v1_ReplicaSet *a = **(struct apps_v1_ReplicaSet **const *)x, *b = **(struct apps_v1_ReplicaSet **const *)y;
	if (a->spec.replicas != b->spec.replicas)
		return a->spec.replicas > b->spec.replicas ? -1 : 1;
	int64_t s = a->metadata.creationTimestamp.sec, t = b->metadata.creationTimestamp.sec;
	return s != t ? (s > t ? -1 : 1) : str_cmp(a->metadata.name, b->metadata.name);
}

static int larger_older(const void *x, const void *y)
{
	const struct apps_v1_ReplicaSet *a = **(struct apps_v1_ReplicaSet **const *)x, *b = **(struct apps_v1_ReplicaSet **const *)y;
	return a->spec.replicas == b->spec.replicas ? -larger_newer(x, y) : larger_newer(x, y);
}

static uint32_t active_sets(struct rollout *r, struct apps_v1_ReplicaSet ***v)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->old.len; i++)
		if (r->old.items[i]->spec.replicas > 0)
			v[n++] = &r->old.items[i];
	if (r->next && r->next->spec.replicas > 0)
		v[n++] = &r->next;
	return n;
}

/* Shares out `add` by size; what rounding leaves goes to the first. */
static int scale_in_proportion(struct rollout *r, struct err *e)
{
	struct apps_v1_ReplicaSet ***v = arena_array(r->a, struct apps_v1_ReplicaSet **, r->old.len + 1);
	int32_t *to = arena_array(r->a, int32_t, r->old.len + 1);
	uint32_t n = active_sets(r, v);
	int32_t want = r->d->spec.replicas, total = 0, added = 0;
	bool scaled;
	for (uint32_t i = 0; i < n; i++)
		total += (*v[i])->spec.replicas;
	int32_t add = (want > 0 ? want + rollout_max_surge(r->d) : 0) - total;
	qsort(v, n, sizeof *v, add > 0 ? larger_newer : larger_older);
	for (uint32_t i = 0; i < n; i++) {
		int32_t part = add ? share(r, *v[i]) : 0;
		part = add > 0 ? min32(part, add - added) : max32(part, add - added);
		to[i] = (*v[i])->spec.replicas + part;
		added += part;
	}
	for (uint32_t i = 0; i < n; i++) {
		int32_t k = i == 0 ? to[0] + add - added : to[i];
		if (rollout_scale(r, v[i], max32(k, 0), &scaled, e) < 0)
			return -1;
	}
	return 0;
}

static int scale_any(struct rollout *r, struct err *e)
{
	struct apps_v1_ReplicaSet **only = only_active(r);
	bool scaled, any = false;
	if (only)
		return (*only)->spec.replicas == r->d->spec.replicas ? 0 : rollout_scale(r, only, r->d->spec.replicas, &scaled, e);
	if (saturated(r)) {
		for (uint32_t i = 0; i < r->old.len; i++)
			if (shrink_by(r, i, r->old.items[i]->spec.replicas, &any, e) < 0)
				return -1;
		return 0;
	}
	return rolling(r->d) ? scale_in_proportion(r, e) : 0;
}

int rollout_scale_all(struct rollout *r, struct err *e)
{
	if (scale_any(r, e) < 0 || (r->d->spec.paused && rollout_cleanup(r, e) < 0))
		return -1;
	return rollout_write_status(r, false, e);
}
