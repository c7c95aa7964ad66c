/* The garbage collector: objects whose owners are gone, and the finalizers "foregroundDeletion" and "orphan".
 *
 * The graph is not kept: each resource's informer has indexes by its objects' uid and by their owners' uids, so that owners and dependents are
 * found by look-up.  Work items are "NUMBER:ns/name", NUMBER the resource's place in the table. */
#include "api/meta.h"
#include "base/buf.h"
#include "base/log.h"
#include "codec/json.h"
#include "controllers/controller.h"
#include "controllers/resources.h"
#include "gen/ids.h"

#include <stdio.h>

#define FOREGROUND "foregroundDeletion"
#define ORPHAN "orphan"
#define WANTED (1u << VERB_DELETE | 1u << VERB_LIST | 1u << VERB_WATCH)

struct watched {
	struct garbage *gc;
	const struct resource *res;
	struct informer *inf;
	struct informer_handler handler;
	int number;
};
struct garbage {
	struct manager *m;
	struct watched *v;
	int n;
	struct queue *queue;
};
/* A dependent, decoded. */
struct dependent {
	struct watched *w;
	struct meta_v1_ObjectMeta *meta;
};
struct dependents {
	struct dependent *items;
	uint32_t len, cap;
};

static const struct type *type_of(const struct watched *w)
{
	return desc_type(w->res->type);
}

/* Both indexes in one; this function has no argument to tell the type, so every kind's metadata stands at the same place. */
static size_t owner_index(struct arena *a, const struct meta_v1_ObjectMeta *m, struct str *keys, size_t n)
{
	size_t k = 0;
	keys[k++] = str_printf(a, "uid/%.*s", STR_F(m->uid));
	LIST_EACH(o, m->ownerReferences)
		if (k < n)
			keys[k++] = str_printf(a, "of/%.*s", STR_F(o->uid));
	return k;
}

static void queue_item(struct watched *w, struct str key)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	queue_add(w->gc->queue, str_printf(a, "%d:%.*s", w->number, STR_F(key)));
}

static void queue_dependents(struct garbage *gc, struct arena *a, struct str uid)
{
	struct str key = str_printf(a, "of/%.*s", STR_F(uid));
	for (int w = 0; w < gc->n; w++) {
		size_t i = 0;
		for (const struct informer_item *it; (it = informer_by_index(gc->v[w].inf, key, &i));)
			queue_item(&gc->v[w], it->key);
	}
}

/* ---- Events ---- */

static void object_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct watched *w = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *obj = informer_decode(w->inf, a, cur ? cur : old);
	if (!obj)
		return;
	struct meta_v1_ObjectMeta *m = obj_meta((struct ref){type_of(w), obj});
	if (!cur) {
		queue_dependents(w->gc, a, m->uid);
		LIST_EACH(o, m->ownerReferences) /* an owner may wait for this end */
			for (int i = 0; o->blockOwnerDeletion && i < w->gc->n; i++)
				if (str_eq(desc_str(w->gc->v[i].res->kind), o->kind))
					queue_item(&w->gc->v[i], w->gc->v[i].res->namespaced ? str_printf(a, "%.*s/%.*s", STR_F(m->namespace), STR_F(o->name)) : o->name);
	} else if (m->ownerReferences.len || (meta_deleting(m) && m->finalizers.len)) {
		queue_item(w, cur->key);
	}
}

/* ---- Owners ---- */

enum owner_state { OWNER_SOLID, OWNER_GONE, OWNER_WAITING /* is being deleted in the foreground and waits for this one */ };

static struct watched *find_kind(struct garbage *gc, const struct meta_v1_OwnerReference *o)
{
	struct str group, version;
	if (api_version_split(o->apiVersion, &group, &version) < 0)
		return NULL;
	for (int i = 0; i < gc->n; i++)
		if (str_eq(desc_str(gc->v[i].res->group), group) && str_eq(desc_str(gc->v[i].res->kind), o->kind))
			return &gc->v[i];
	return NULL;
}

/* The informer may be behind: that an owner is gone is believed only of the server itself.  An owner of a kind nobody serves counts as there. */
static int owner_look(struct garbage *gc, struct arena *a, const struct meta_v1_OwnerReference *o, struct str ns, enum owner_state *ret, struct err *e)
{
	struct watched *w = find_kind(gc, o);
	*ret = OWNER_SOLID;
	if (!w)
		return 0;
	ERR(why);
	struct str key = w->res->namespaced ? str_printf(a, "%.*s/%.*s", STR_F(ns), STR_F(o->name)) : o->name;
	void *obj = informer_object(w->inf, a, key);
	if (!obj || !str_eq(obj_meta((struct ref){type_of(w), obj})->uid, o->uid))
		obj = client_get(gc->m->o.transport, a, w->res, w->res->namespaced ? ns : (struct str){0}, o->name, &why);
	if (!obj && !err_is(&why, ERR_NOT_FOUND)) {
		err_move(e, &why);
		return -1;
	}
	const struct meta_v1_ObjectMeta *m = obj ? obj_meta((struct ref){type_of(w), obj}) : NULL;
	if (!m || !str_eq(m->uid, o->uid))
		*ret = OWNER_GONE;
	else if (meta_deleting(m) && finalizer_has(m, STR(FOREGROUND)) && o->blockOwnerDeletion)
		*ret = OWNER_WAITING;
	return 0;
}

/* ---- Writes ---- */

static int tolerate_gone(struct err *why, struct err *e)
{
	if (err_is(why, ERR_NOT_FOUND) || err_is(why, ERR_CONFLICT))
		return 0;
	err_move(e, why);
	return -1;
}

static int patch(struct garbage *gc, struct arena *a, const struct dependent *d, struct str text, struct err *e)
{
	ERR(why);
	if (client_patch(gc->m->o.transport, a, d->w->res, d->meta->namespace, d->meta->name, NULL, PATCH_MERGE, text, &why))
		return 0;
	return tolerate_gone(&why, e);
}

static void put_head(struct buf *out, const struct meta_v1_ObjectMeta *m)
{
	buf_lit(out, "{\"metadata\":{\"resourceVersion\":");
	json_string(out, m->resourceVersion);
}

/* Takes the references for which keep says no off the object. */
static int drop_refs(struct garbage *gc, struct arena *a, const struct dependent *d, const bool *keep, struct err *e)
{
	BUF(out);
	bool first = true;
	put_head(&out, d->meta);
	buf_lit(&out, ",\"ownerReferences\":[");
	for (uint32_t i = 0; i < d->meta->ownerReferences.len; i++) {
		if (!keep[i])
			continue;
		buf_str(&out, first ? STR("") : STR(","));
		json_encode(&out, (struct ref){desc_type(T_meta_v1_OwnerReference), &d->meta->ownerReferences.items[i]});
		first = false;
	}
	buf_lit(&out, "]}}");
	return patch(gc, a, d, buf_view(&out), e);
}

static int drop_finalizer(struct garbage *gc, struct arena *a, const struct dependent *d, const char *name, struct err *e)
{
	BUF(out);
	bool first = true;
	put_head(&out, d->meta);
	buf_lit(&out, ",\"finalizers\":[");
	LIST_EACH(f, d->meta->finalizers)
	{
		if (str_is(*f, name))
			continue;
		buf_str(&out, first ? STR("") : STR(","));
		json_string(&out, *f);
		first = false;
	}
	buf_lit(&out, "]}}");
	return patch(gc, a, d, buf_view(&out), e);
}

static int delete_object(struct garbage *gc, struct arena *a, const struct dependent *d, enum propagation how, struct err *e)
{
	struct call c = {.verb = VERB_DELETE, .res = d->w->res, .ns = d->meta->namespace, .name = d->meta->name, .propagation = how,
		.pre_uid = d->meta->uid, .pre_rv = d->meta->resourceVersion};
	struct ref answer;
	ERR(why);
	if (gc->m->o.transport->ops->call(gc->m->o.transport, &c, a, &answer, &why) == 0)
		return 0;
	if (err_is(&why, ERR_CONFLICT)) {
		err_move(e, &why); /* changed since: look again */
		return -1;
	}
	return tolerate_gone(&why, e);
}

/* ---- Dependents ---- */

static void find_dependents(struct garbage *gc, struct arena *a, struct str uid, struct dependents *ret)
{
	struct str key = str_printf(a, "of/%.*s", STR_F(uid));
	for (int w = 0; w < gc->n; w++) {
		size_t i = 0;
		for (const struct informer_item *it; (it = informer_by_index(gc->v[w].inf, key, &i));) {
			void *obj = informer_decode(gc->v[w].inf, a, it);
			struct dependent *d = obj ? arena_push(a, ret) : NULL;
			if (d)
				*d = (struct dependent){&gc->v[w], obj_meta((struct ref){type_of(&gc->v[w]), obj})};
		}
	}
}

static bool blocks(const struct dependent *d, struct str uid)
{
	const struct meta_v1_OwnerReference *o = owner_find(d->meta, uid);
	return o && o->blockOwnerDeletion;
}

/* Foreground: dependents that block go first, then the owner. */
static int foreground(struct garbage *gc, struct arena *a, const struct dependent *d, struct err *e)
{
	struct dependents v = {0};
	bool blocked = false;
	find_dependents(gc, a, d->meta->uid, &v);
	for (uint32_t i = 0; i < v.len; i++) {
		blocked |= blocks(&v.items[i], d->meta->uid);
		if (!meta_deleting(v.items[i].meta))
			queue_item(v.items[i].w, meta_key(a, v.items[i].meta));
	}
	return blocked ? 0 : drop_finalizer(gc, a, d, FOREGROUND, e);
}

static int orphan(struct garbage *gc, struct arena *a, const struct dependent *d, struct err *e)
{
	struct dependents v = {0};
	find_dependents(gc, a, d->meta->uid, &v);
	for (uint32_t i = 0; i < v.len; i++) {
		struct meta_v1_ObjectMeta *m = v.items[i].meta;
		bool *keep = arena_array(a, bool, m->ownerReferences.len + 1);
		for (uint32_t k = 0; k < m->ownerReferences.len; k++)
			keep[k] = !str_eq(m->ownerReferences.items[k].uid, d->meta->uid);
		if (drop_refs(gc, a, &v.items[i], keep, e) < 0)
			return -1;
	}
	return drop_finalizer(gc, a, d, ORPHAN, e);
}

/* ---- One object ---- */

static enum propagation own_policy(const struct meta_v1_ObjectMeta *m)
{
	return finalizer_has(m, STR(ORPHAN)) ? PROPAGATE_ORPHAN : finalizer_has(m, STR(FOREGROUND)) ? PROPAGATE_FOREGROUND : PROPAGATE_BACKGROUND;
}

static int judge(struct garbage *gc, struct arena *a, const struct dependent *d, struct err *e)
{
	uint32_t n = d->meta->ownerReferences.len, solid = 0, waiting = 0;
	bool *keep = arena_array(a, bool, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		enum owner_state s;
		if (owner_look(gc, a, &d->meta->ownerReferences.items[i], d->meta->namespace, &s, e) < 0)
			return -1;
		keep[i] = s == OWNER_SOLID;
		solid += keep[i];
		waiting += s == OWNER_WAITING;
	}
	if (solid)
		return solid == n ? 0 : drop_refs(gc, a, d, keep, e);
	struct dependents v = {0};
	if (waiting)
		find_dependents(gc, a, d->meta->uid, &v);
	return delete_object(gc, a, d, v.len ? PROPAGATE_FOREGROUND : own_policy(d->meta), e);
}

static int sync_object(struct garbage *gc, struct arena *a, const struct dependent *d, struct err *e)
{
	if (!meta_deleting(d->meta))
		return d->meta->ownerReferences.len ? judge(gc, a, d, e) : 0;
	if (finalizer_has(d->meta, STR(ORPHAN)))
		return orphan(gc, a, d, e);
	return finalizer_has(d->meta, STR(FOREGROUND)) ? foreground(gc, a, d, e) : 0;
}

static int sync_key(void *arg, struct str item, struct err *e)
{
	struct garbage *gc = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str number, key;
	int64_t w;
	if (!str_cut(item, ':', &number, &key) || str_i64(number, &w) < 0)
		return 0;
	void *obj = informer_object(gc->v[w].inf, a, key);
	if (!obj)
		return 0;
	struct dependent d = {&gc->v[w], obj_meta((struct ref){type_of(&gc->v[w]), obj})};
	return sync_object(gc, a, &d, e);
}

/* TypeMeta comes first in every kind, ObjectMeta second, so the generic index needs no type. */
struct any_object {
	struct str kind, api_version;
};
static size_t any_index(struct arena *a, void *obj, struct str *keys, size_t n)
{
	return n < 2 ? 0 : owner_index(a, (const struct meta_v1_ObjectMeta *)((char *)obj + sizeof(struct any_object)), keys, n);
}

void garbage_start(struct manager *m)
{
	struct garbage *gc = manager_alloc(m, sizeof *gc);
	size_t i = 0;
	gc->m = m;
	gc->queue = manager_queue(m, "garbage_collector_attempt_to_delete");
	gc->v = manager_alloc(m, desc_resources() * sizeof *gc->v);
	struct informer **all = manager_alloc(m, (desc_resources() + 1) * sizeof *all);
	for (const struct resource *r; (r = resources_next(&i, WANTED, false));) {
		const struct type *t = desc_type(r->type);
		if (str_is(desc_str(r->plural), "events") || !t || t->meta != sizeof(struct any_object))
			continue; /* events come and go by their TTL */
		struct watched *w = &gc->v[gc->n];
		*w = (struct watched){.gc = gc, .res = r, .number = gc->n};
		w->inf = all[gc->n++] = informers_get(m->o.informers, &(struct informer_opts){.res = r});
		informer_add_index(w->inf, any_index);
		w->handler = (struct informer_handler){.fn = object_event, .arg = w};
		informer_add_handler(w->inf, &w->handler);
	}
	manager_run(m, all, gc->queue, 4, sync_key, gc);
}
