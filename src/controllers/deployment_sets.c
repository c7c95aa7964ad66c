/* The ReplicaSets of a Deployment: finding the one of the present template, making it, numbering revisions, scaling, and clearing history. */
#include "controllers/deployment.h"

#include "api/hash.h"
#include "codec/ops.h"

#include <stdlib.h>

/* Longest list of former revisions kept in an annotation. */
#define HISTORY_MAX 2000

void rs_push(struct arena *a, struct rs_list *l, struct apps_v1_ReplicaSet *rs)
{
	struct apps_v1_ReplicaSet **slot = rs ? arena_push(a, l) : NULL;
	if (slot)
		*slot = rs;
}

int64_t rs_revision(const struct meta_v1_ObjectMeta *m)
{
	int64_t v = 0;
	(void)(str_i64(meta_annotation(m, ANN_REVISION), &v) == 0);
	return v;
}

static struct core_v1_PodTemplateSpec without_hash(struct arena *a, const struct core_v1_PodTemplateSpec *t)
{
	struct core_v1_PodTemplateSpec copy;
	memset(&copy, 0, sizeof copy);
	obj_copy_into(a, desc_type(T_core_v1_PodTemplateSpec), &copy, t);
	str_map_del(&copy.metadata.labels, STR(LABEL_HASH));
	return copy;
}

bool same_template(const struct core_v1_PodTemplateSpec *x, const struct core_v1_PodTemplateSpec *y)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_PodTemplateSpec p = without_hash(a, x), q = without_hash(a, y);
	return obj_equal_at(desc_type(T_core_v1_PodTemplateSpec), &p, &q);
}

static void split(struct rollout *r)
{
	r->next = NULL;
	r->old = (struct rs_list){0};
	for (uint32_t i = 0; i < r->all.len; i++) {
		if (!r->next && same_template(&r->all.items[i]->spec.template, &r->d->spec.template))
			r->next = r->all.items[i];
		else
			rs_push(r->a, &r->old, r->all.items[i]);
	}
}

/* ---- Annotations ---- */

static bool set_annotation(struct rollout *r, struct meta_v1_ObjectMeta *m, const char *key, struct str value)
{
	if (str_map_has(&m->annotations, str_of(key)) && str_eq(meta_annotation(m, key), value))
		return false;
	str_map_set(r->a, &m->annotations, str_of(key), value);
	return true;
}

static bool set_scale_annotations(struct rollout *r, struct meta_v1_ObjectMeta *m)
{
	int32_t want = r->d->spec.replicas, surge = str_is(r->d->spec.strategy.type, "Recreate") ? 0 : rollout_max_surge(r->d);
	bool changed = set_annotation(r, m, ANN_DESIRED, str_printf(r->a, "%d", want));
	return set_annotation(r, m, ANN_MAX, str_printf(r->a, "%d", want + surge)) || changed;
}

/* The Deployment's own annotations travel to its ReplicaSet, but for those that say where it stands. */
static bool copied(struct str key)
{
	static const char *const kept_out[] = {"kubectl.kubernetes.io/last-applied-configuration", ANN_REVISION, ANN_HISTORY, ANN_DESIRED, ANN_MAX,
		ANN_ROLLBACK};
	for (size_t i = 0; i < ARRAY_LEN(kept_out); i++)
		if (str_is(key, kept_out[i]))
			return false;
	return true;
}

static bool copy_annotations(struct rollout *r, struct meta_v1_ObjectMeta *m)
{
	bool changed = false;
	LIST_EACH(p, r->d->metadata.annotations)
		if (copied(p->key)) {
			bool same = str_map_has(&m->annotations, p->key) && str_eq(str_map_get(&m->annotations, p->key), p->value);
			if (!same)
				str_map_set(r->a, &m->annotations, p->key, p->value);
			changed |= !same;
		}
	return changed;
}

static void note_history(struct rollout *r, struct meta_v1_ObjectMeta *m, struct str former)
{
	struct str had = meta_annotation(m, ANN_HISTORY);
	if (!former.n)
		return;
	struct str v = had.n ? str_printf(r->a, "%.*s,%.*s", STR_F(had), STR_F(former)) : former;
	while (v.n > HISTORY_MAX && str_cut(v, ',', &(struct str){0}, &v))
		;
	set_annotation(r, m, ANN_HISTORY, v);
}

static bool number_revision(struct rollout *r, struct meta_v1_ObjectMeta *m, int64_t revision)
{
	int64_t had = rs_revision(m);
	bool changed = copy_annotations(r, m);
	if (had >= revision)
		return changed;
	note_history(r, m, had ? meta_annotation(m, ANN_REVISION) : (struct str){0});
	set_annotation(r, m, ANN_REVISION, str_printf(r->a, "%lld", (long long)revision));
	return true;
}

/* ---- The new one ---- */

static void event(struct rollout *r, const char *type, const char *reason, struct str text)
{
	struct core_v1_ObjectReference about = {0};
	recorder_ref(r->ref, &about);
	recorder_event(manager_recorder(r->c->m), &about, type, reason, "%.*s", STR_F(text));
}

static void add_hash(struct rollout *r, struct apps_v1_ReplicaSet *rs, struct str hash)
{
	str_map_set(r->a, &rs->metadata.labels, STR(LABEL_HASH), hash);
	str_map_set(r->a, &rs->spec.template.metadata.labels, STR(LABEL_HASH), hash);
	str_map_set(r->a, &rs->spec.selector->matchLabels, STR(LABEL_HASH), hash);
}

/* Replicas that the new one may start with. */
static int32_t first_replicas(struct rollout *r)
{
	int32_t want = r->d->spec.replicas;
	if (str_is(r->d->spec.strategy.type, "Recreate"))
		return want;
	int32_t room = want + rollout_max_surge(r->d) - rs_sum_spec(&r->all);
	return room <= 0 ? 0 : room < want ? room : want;
}

static struct apps_v1_ReplicaSet *draft(struct rollout *r, int64_t revision)
{
	struct apps_v1_ReplicaSet *rs = obj_make(r->a, apps_v1_ReplicaSet);
	const struct apps_v1_Deployment *d = r->d;
	const int32_t *collisions = d->status.has_collisionCount ? &d->status.collisionCount : NULL;
	struct str hash = pod_template_hash(r->a, &d->spec.template, collisions);
	obj_set_type((struct ref){desc_type(T_apps_v1_ReplicaSet), rs});
	rs->metadata.name = str_printf(r->a, "%.*s-%.*s", STR_F(d->metadata.name), STR_F(hash));
	rs->metadata.namespace = d->metadata.namespace;
	owner_set(r->a, &rs->metadata, owner_ref(r->ref));
	obj_copy_into(r->a, desc_type(T_core_v1_PodTemplateSpec), &rs->spec.template, &d->spec.template);
	LIST_EACH(l, d->spec.template.metadata.labels)
		str_map_set(r->a, &rs->metadata.labels, l->key, l->value);
	rs->spec.selector = obj_copy(r->a, (struct ref){desc_type(T_meta_v1_LabelSelector), d->spec.selector});
	add_hash(r, rs, hash);
	rs->spec.minReadySeconds = d->spec.minReadySeconds;
	rs->spec.replicas = first_replicas(r);
	rs->spec.has_replicas = true;
	number_revision(r, &rs->metadata, revision);
	set_scale_annotations(r, &rs->metadata);
	return rs;
}

/* The name is taken: by us from an earlier, unseen write, or by another template with the same hash. */
static int name_taken(struct rollout *r, const struct apps_v1_ReplicaSet *want, struct err *e)
{
	struct apps_v1_ReplicaSet *there =
		client_get(r->c->m->o.transport, r->a, r->c->set_res, want->metadata.namespace, want->metadata.name, e);
	if (!there)
		return -1;
	const struct meta_v1_OwnerReference *o = owner_controller(&there->metadata);
	if (o && str_eq(o->uid, r->d->metadata.uid) && same_template(&there->spec.template, &r->d->spec.template)) {
		r->next = there;
		rs_push(r->a, &r->all, there);
		return 0;
	}
	struct apps_v1_Deployment next = *r->d;
	next.status.collisionCount = next.status.has_collisionCount ? next.status.collisionCount + 1 : 1;
	next.status.has_collisionCount = true;
	if (!client_update_sub(r->c->m->o.transport, r->a, r->c->res, "status", &next, e))
		return -1;
	return err_set(e, ERR_ALREADY_EXISTS, "replicasets.apps \"%.*s\" already exists", STR_F(want->metadata.name));
}

static void progress(struct rollout *r, const char *reason, const char *text, struct str name)
{
	if (r->d->spec.has_progressDeadlineSeconds)
		deployment_condition(r, &r->d->status, "Progressing", "True", reason, str_printf(r->a, text, STR_F(name)));
}

static int create_failed(struct rollout *r, struct err *e)
{
	struct str why = str_printf(r->a, "Failed to create new replica set: %s", err_text(e));
	if (r->d->spec.has_progressDeadlineSeconds)
		deployment_condition(r, &r->d->status, "Progressing", "False", "ReplicaSetCreateError", why);
	event(r, "Warning", "ReplicaSetCreateError", why);
	ERR(status);
	if (rollout_write_status(r, false, &status) < 0)
		err_wrap(e, "%s", err_text(&status));
	return -1;
}

static int create_next(struct rollout *r, int64_t revision, struct err *e)
{
	struct apps_v1_ReplicaSet *want = draft(r, revision);
	ERR(why);
	r->next = client_create(r->c->m->o.transport, r->a, r->c->set_res, want->metadata.namespace, want, &why);
	if (!r->next && err_is(&why, ERR_ALREADY_EXISTS))
		return name_taken(r, want, e);
	if (!r->next) {
		err_move(e, &why);
		return create_failed(r, e);
	}
	rs_push(r->a, &r->all, r->next);
	if (want->spec.replicas > 0)
		event(r, "Normal", "ScalingReplicaSet",
			str_printf(r->a, "Scaled up replica set %.*s from 0 to %d", STR_F(want->metadata.name), want->spec.replicas));
	progress(r, "NewReplicaSetCreated", "Created new replica set \"%.*s\"", want->metadata.name);
	return 0;
}

static int update_next(struct rollout *r, int64_t revision, struct err *e)
{
	struct apps_v1_ReplicaSet *rs = r->next;
	bool changed = number_revision(r, &rs->metadata, revision);
	if (rs->spec.minReadySeconds != r->d->spec.minReadySeconds) {
		rs->spec.minReadySeconds = r->d->spec.minReadySeconds;
		changed = true;
	}
	if (changed && !client_update(r->c->m->o.transport, r->a, r->c->set_res, rs, e))
		return -1;
	if (!CONDITION(r->d->status.conditions, "Progressing"))
		progress(r, "FoundNewReplicaSet", "Found new replica set \"%.*s\"", rs->metadata.name);
	return 0;
}

/* The Deployment's revision follows its ReplicaSet's.  Written with the status: it is no new generation. */
static int follow_revision(struct rollout *r, struct err *e)
{
	struct str rev = meta_annotation(&r->next->metadata, ANN_REVISION);
	if (str_eq(meta_annotation(&r->d->metadata, ANN_REVISION), rev))
		return 0;
	set_annotation(r, &r->d->metadata, ANN_REVISION, rev);
	struct apps_v1_Deployment *now = client_update_sub(r->c->m->o.transport, r->a, r->c->res, "status", r->d, e);
	if (!now)
		return -1;
	*r->d = *now;
	obj_set_type(r->ref);
	return 0;
}

int rollout_find_sets(struct rollout *r, bool create, struct err *e)
{
	int64_t max = 0;
	split(r);
	for (uint32_t i = 0; i < r->old.len; i++) {
		int64_t rev = rs_revision(&r->old.items[i]->metadata);
		max = rev > max ? rev : max;
	}
	if (!r->next && !create)
		return 0;
	if ((r->next ? update_next(r, max + 1, e) : create_next(r, max + 1, e)) < 0)
		return -1;
	return follow_revision(r, e);
}

/* ---- Rolling back ---- */

static const struct apps_v1_ReplicaSet *of_revision(const struct rollout *r, int64_t revision)
{
	for (uint32_t i = 0; i < r->all.len; i++)
		if (rs_revision(&r->all.items[i]->metadata) == revision)
			return r->all.items[i];
	return NULL;
}

/* The highest but one. */
static int64_t last_revision(const struct rollout *r)
{
	int64_t max = 0, second = 0;
	for (uint32_t i = 0; i < r->all.len; i++) {
		int64_t v = rs_revision(&r->all.items[i]->metadata);
		second = v > max ? max : v > second && v < max ? v : second;
		max = v > max ? v : max;
	}
	return second;
}

static void take_template(struct rollout *r, const struct apps_v1_ReplicaSet *rs)
{
	memset(&r->d->spec.template, 0, sizeof r->d->spec.template);
	obj_copy_into(r->a, desc_type(T_core_v1_PodTemplateSpec), &r->d->spec.template, &rs->spec.template);
	str_map_del(&r->d->spec.template.metadata.labels, STR(LABEL_HASH));
	LIST_EACH(p, rs->metadata.annotations)
		if (copied(p->key))
			str_map_set(r->a, &r->d->metadata.annotations, p->key, p->value);
}

int rollout_rollback(struct rollout *r, struct err *e)
{
	int64_t to = 0;
	(void)str_i64(meta_annotation(&r->d->metadata, ANN_ROLLBACK), &to);
	to = to ? to : last_revision(r);
	const struct apps_v1_ReplicaSet *rs = to ? of_revision(r, to) : NULL;
	if (!to)
		event(r, "Warning", "DeploymentRollbackRevisionNotFound", STR("Unable to find last revision."));
	else if (!rs)
		event(r, "Warning", "DeploymentRollbackRevisionNotFound", STR("Unable to find the revision to rollback to."));
	else if (same_template(&rs->spec.template, &r->d->spec.template))
		event(r, "Warning", "DeploymentRollbackTemplateUnchanged",
			str_printf(r->a, "The rollback revision contains the same template as current deployment \"%.*s\"", STR_F(r->d->metadata.name)));
	else
		take_template(r, rs);
	str_map_del(&r->d->metadata.annotations, STR(ANN_ROLLBACK));
	return client_update(r->c->m->o.transport, r->a, r->c->res, r->d, e) ? 0 : -1;
}

/* ---- Scaling and history ---- */

int rollout_scale(struct rollout *r, struct apps_v1_ReplicaSet **rs, int32_t replicas, bool *ret_scaled, struct err *e)
{
	int32_t had = (*rs)->spec.replicas;
	bool changed = set_scale_annotations(r, &(*rs)->metadata);
	*ret_scaled = false;
	if (had == replicas && !changed)
		return 0;
	(*rs)->spec.replicas = replicas;
	struct apps_v1_ReplicaSet *now = client_update(r->c->m->o.transport, r->a, r->c->set_res, *rs, e);
	if (!now)
		return -1;
	*rs = now;
	*ret_scaled = had != replicas;
	if (*ret_scaled)
		event(r, "Normal", "ScalingReplicaSet", str_printf(r->a, "Scaled %s replica set %.*s from %d to %d", had < replicas ? "up" : "down",
			STR_F(now->metadata.name), had, replicas));
	return 0;
}

static int by_revision(const void *x, const void *y)
{
	const struct apps_v1_ReplicaSet *a = *(struct apps_v1_ReplicaSet *const *)x, *b = *(struct apps_v1_ReplicaSet *const *)y;
	int64_t s = rs_revision(&a->metadata), t = rs_revision(&b->metadata);
	return s < t ? -1 : s > t;
}

static bool idle(const struct apps_v1_ReplicaSet *rs)
{
	return rs->status.replicas == 0 && rs->spec.replicas == 0 && rs->metadata.generation <= rs->status.observedGeneration && !meta_deleting(&rs->metadata);
}

int rollout_cleanup(struct rollout *r, struct err *e)
{
	int64_t extra = (int64_t)r->old.len - r->d->spec.revisionHistoryLimit;
	if (!r->d->spec.has_revisionHistoryLimit || extra <= 0)
		return 0;
	qsort(r->old.items, r->old.len, sizeof *r->old.items, by_revision);
	for (int64_t i = 0; i < extra; i++) {
		const struct meta_v1_ObjectMeta *m = &r->old.items[i]->metadata;
		ERR(why);
		if (!idle(r->old.items[i]) || client_delete(r->c->m->o.transport, r->a, r->c->set_res, m->namespace, m->name, m->uid, &why) == 0 ||
			err_is(&why, ERR_NOT_FOUND))
			continue;
		err_move(e, &why);
		return -1;
	}
	return 0;
}
