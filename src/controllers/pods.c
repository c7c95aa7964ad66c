#include "controllers/pods.h"

#include "api/meta.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/ids.h"

#include <stdlib.h>

static const struct resource *pod_resource(void)
{
	return client_resource("", "v1", "pods");
}

size_t pods_index(struct arena *a, void *obj, struct str *keys, size_t n)
{
	const struct core_v1_Pod *p = obj;
	const struct meta_v1_OwnerReference *r = owner_controller(&p->metadata);
	if (n == 0)
		return 0;
	keys[0] = r ? str_printf(a, "owner/%.*s", STR_F(r->uid)) : str_printf(a, "orphan/%.*s", STR_F(p->metadata.namespace));
	return 1;
}

/* ---- Claiming ---- */

static void push(struct arena *a, struct pod_list *v, struct core_v1_Pod *p)
{
	struct core_v1_Pod **slot = arena_push(a, v);
	if (slot)
		*slot = p;
}

static void collect(struct informer *pods, struct arena *a, struct str index_key, struct pod_list *v)
{
	size_t i = 0;
	for (const struct informer_item *it; (it = informer_by_index(pods, index_key, &i));) {
		struct core_v1_Pod *p = informer_decode(pods, a, it);
		if (p)
			push(a, v, p);
	}
}

static struct str adopt_patch(struct arena *a, struct ref owner, const struct core_v1_Pod *p)
{
	struct meta_v1_OwnerReference r = owner_ref(owner);
	BUF(out);
	buf_lit(&out, "{\"metadata\":{\"ownerReferences\":[");
	json_encode(&out, (struct ref){desc_type(T_meta_v1_OwnerReference), &r});
	buf_lit(&out, "],\"uid\":");
	json_string(&out, p->metadata.uid);
	buf_lit(&out, "}}");
	return buf_take(&out, a);
}

static struct str release_patch(struct arena *a, struct str owner_uid, const struct core_v1_Pod *p)
{
	BUF(out);
	buf_lit(&out, "{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\",\"uid\":");
	json_string(&out, owner_uid);
	buf_lit(&out, "}],\"uid\":");
	json_string(&out, p->metadata.uid);
	buf_lit(&out, "}}");
	return buf_take(&out, a);
}

/* A Pod that went away or changed hands meanwhile is no failure: its event brings the owner back. */
static int patch_owner(struct manager *m, struct arena *a, const struct core_v1_Pod *p, struct str patch, bool *ret_done, struct err *e)
{
	ERR(why);
	*ret_done = client_patch(m->o.transport, a, pod_resource(), p->metadata.namespace, p->metadata.name, NULL, PATCH_STRATEGIC, patch, &why) != NULL;
	if (*ret_done || err_is(&why, ERR_NOT_FOUND) || err_is(&why, ERR_INVALID))
		return 0;
	err_move(e, &why);
	return -1;
}

static int keep_or_release(struct manager *m, struct arena *a, struct core_v1_Pod *p, struct str uid, const struct selector *sel, bool write,
	struct pod_list *ret, struct err *e)
{
	bool done;
	if (selector_matches(sel, &p->metadata.labels)) {
		push(a, ret, p);
		return 0;
	}
	return write ? patch_owner(m, a, p, release_patch(a, uid, p), &done, e) : 0;
}

static int adopt_one(struct manager *m, struct arena *a, struct core_v1_Pod *p, struct ref owner, const struct selector *sel, struct pod_list *ret,
	struct err *e)
{
	bool done = false;
	if (!selector_matches(sel, &p->metadata.labels) || meta_deleting(&p->metadata) || pod_finished(p))
		return 0;
	if (patch_owner(m, a, p, adopt_patch(a, owner, p), &done, e) < 0)
		return -1;
	if (done)
		push(a, ret, p);
	return 0;
}

int pods_claim(struct manager *m, struct arena *a, struct informer *pods, struct ref owner, const struct selector *sel, bool adopt,
	struct pod_list *ret, struct err *e)
{
	const struct meta_v1_ObjectMeta *meta = obj_meta(owner);
	struct pod_list own = {0}, orphans = {0};
	bool write = adopt && !meta_deleting(meta);
	collect(pods, a, str_printf(a, "owner/%.*s", STR_F(meta->uid)), &own);
	if (write)
		collect(pods, a, str_printf(a, "orphan/%.*s", STR_F(meta->namespace)), &orphans);
	for (uint32_t i = 0; i < own.len; i++)
		if (keep_or_release(m, a, own.items[i], meta->uid, sel, write, ret, e) < 0)
			return -1;
	for (uint32_t i = 0; i < orphans.len; i++)
		if (adopt_one(m, a, orphans.items[i], owner, sel, ret, e) < 0)
			return -1;
	return 0;
}

/* ---- Ranking ---- */

struct ranked {
	struct core_v1_Pod *pod;
	int64_t rank[7];     /* compared in order; smaller goes first */
};

static int phase_rank(const struct core_v1_Pod *p)
{
	return str_is(p->status.phase, "Pending") ? 0 : str_is(p->status.phase, "Running") ? 2 : 1;
}

static uint32_t on_same_node(const struct pod_list *v, const struct core_v1_Pod *p)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < v->len; i++)
		n += p->spec.nodeName.n && str_eq(v->items[i]->spec.nodeName, p->spec.nodeName);
	return n;
}

/* Ages compare by powers of ten, as upstream does, so that Pods of about the same age are chosen at random by uid. */
static int64_t age_bucket(int64_t sec)
{
	int64_t b = 0;
	for (; sec > 0; sec /= 2)
		b++;
	return b;
}

static struct ranked rank_of(const struct pod_list *v, struct core_v1_Pod *p, wall_t now)
{
	const struct core_v1_PodCondition *ready = NULL;
	LIST_EACH(c, p->status.conditions)
		if (str_is(c->type, "Ready") && str_is(c->status, "True"))
			ready = c;
	int64_t age = now / NS_S - p->metadata.creationTimestamp.sec;
	return (struct ranked){p, {p->spec.nodeName.n != 0, phase_rank(p), ready != NULL, pod_deletion_cost(p), -(int64_t)on_same_node(v, p),
		ready ? age_bucket(now / NS_S - ready->lastTransitionTime.sec) : 0, age_bucket(age) * 1000000 - pod_restarts(p)}};
}

static int by_rank(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;
	for (size_t i = 0; i < ARRAY_LEN(a->rank); i++)
		if (a->rank[i] != b->rank[i])
			return a->rank[i] < b->rank[i] ? -1 : 1;
	return str_cmp(a->pod->metadata.uid, b->pod->metadata.uid);
}

void pods_rank(struct pod_list *v, wall_t now)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ranked *r = arena_array(a, struct ranked, v->len + 1);
	for (uint32_t i = 0; r && i < v->len; i++)
		r[i] = rank_of(v, v->items[i], now);
	if (!r)
		return;
	qsort(r, v->len, sizeof *r, by_rank);
	for (uint32_t i = 0; i < v->len; i++)
		v->items[i] = r[i].pod;
}

/* ---- Making and deleting ---- */

struct core_v1_Pod *pod_from_template(struct arena *a, const struct core_v1_PodTemplateSpec *t, struct ref owner)
{
	const struct meta_v1_ObjectMeta *meta = obj_meta(owner);
	struct core_v1_Pod *p = obj_make(a, core_v1_Pod);
	obj_set_type((struct ref){desc_type(T_core_v1_Pod), p});
	p->metadata.generateName = str_printf(a, "%.*s-", STR_F(meta->name));
	p->metadata.namespace = meta->namespace;
	p->metadata.labels = t->metadata.labels;
	p->metadata.annotations = t->metadata.annotations;
	p->metadata.finalizers = t->metadata.finalizers;
	obj_copy_into(a, desc_type(T_core_v1_PodSpec), &p->spec, &t->spec);
	owner_set(a, &p->metadata, owner_ref(owner));
	return p;
}

static void owner_event(struct manager *m, struct ref owner, const char *type, const char *reason, const char *what, struct str detail)
{
	struct core_v1_ObjectReference about = {0};
	recorder_ref(owner, &about);
	recorder_event(manager_recorder(m), &about, type, reason, "%s%.*s", what, STR_F(detail));
}

bool pods_namespace_ends(const struct err *e)
{
	for (uint32_t i = 0; i < e->ncauses; i++)
		if (strcmp(e->causes[i].type, "NamespaceTerminating") == 0)
			return true;
	return false;
}

int pods_create(struct manager *m, struct arena *a, struct ref owner, const struct core_v1_PodTemplateSpec *t, struct err *e)
{
	struct core_v1_Pod *made = client_create(m->o.transport, a, pod_resource(), obj_meta(owner)->namespace, pod_from_template(a, t, owner), e);
	if (made) {
		owner_event(m, owner, "Normal", "SuccessfulCreate", "Created pod: ", made->metadata.name);
		return 0;
	}
	if (!pods_namespace_ends(e))
		owner_event(m, owner, "Warning", "FailedCreate", "Error creating: ", str_of(err_text(e)));
	return -1;
}

int pods_delete(struct manager *m, struct arena *a, struct ref owner, const struct core_v1_Pod *p, struct err *e)
{
	ERR(why);
	if (client_delete(m->o.transport, a, pod_resource(), p->metadata.namespace, p->metadata.name, p->metadata.uid, &why) == 0) {
		owner_event(m, owner, "Normal", "SuccessfulDelete", "Deleted pod: ", p->metadata.name);
		return 0;
	}
	if (err_is(&why, ERR_NOT_FOUND) || err_is(&why, ERR_CONFLICT))
		return 0; /* gone already, or another one of that name */
	owner_event(m, owner, "Warning", "FailedDelete", "Error deleting: ", str_of(err_text(&why)));
	err_move(e, &why);
	return -1;
}

size_t pods_node_index(struct arena *a, void *obj, struct str *keys, size_t n)
{
	const struct core_v1_Pod *p = obj;
	if (!p->spec.nodeName.n || n == 0)
		return 0;
	keys[0] = str_printf(a, "node/%.*s", STR_F(p->spec.nodeName));
	return 1;
}
