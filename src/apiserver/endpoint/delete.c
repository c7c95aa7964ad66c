/* delete and deletecollection: grace, propagation, finalizers.
 *
 *     graceful kinds (a strategy with `grace`): first marked with deletionTimestamp and a grace; removed when the grace is 0
 *     finalizers present or asked for:          marked, and kept until the last one goes
 *     otherwise:                                removed */
#include "apiserver/endpoint/endpoint.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"

struct deletion {
	struct request *r;
	struct object *cur;
	struct ref obj;        /* the stored object, being changed */
	bool graceful;         /* its grace was set or shortened */
	bool pending;          /* a grace is running already and stays as it is */
	int64_t grace_s;
};

static struct meta_v1_ObjectMeta *meta(struct deletion *d) { return obj_meta(d->obj); }

static int check_preconditions(struct request *r, const struct object *cur, struct err *e)
{
	const struct call *c = &r->call;
	BUF(rv);
	buf_u64(&rv, cur->rev);
	struct str group = desc_str(r->res->group);
	const char *res = group.n ? str_printf(r->arena, "%s.%.*s", desc_z(r->res->kind), STR_F(group)).p : desc_z(r->res->kind);
	if (c->pre_uid.p && !str_eq(c->pre_uid, cur->uid))
		err_set(e, ERR_CONFLICT,
			"Operation cannot be fulfilled on %s \"%.*s\": the UID in the precondition (%.*s) does not match the UID in record (%.*s). The object might have been "
			"deleted and then recreated",
			res, STR_F(cur->name), STR_F(c->pre_uid), STR_F(cur->uid));
	else if (c->pre_rv.p && !str_eq(c->pre_rv, buf_view(&rv)))
		err_set(e, ERR_CONFLICT,
			"Operation cannot be fulfilled on %s \"%.*s\": the ResourceVersion in the precondition (%.*s) does not match the ResourceVersion in record (%.*s). The object "
			"might have been modified",
			res, STR_F(cur->name), STR_F(c->pre_rv), STR_F(buf_view(&rv)));
	else
		return 0;
	err_object(e, group, desc_str(r->res->kind), cur->name);
	return -1;
}

/* ---- grace ---- */

static void mark(struct deletion *d, wall_t at, int64_t grace_s)
{
	struct meta_v1_ObjectMeta *m = meta(d);
	if (!m->has_deletionTimestamp && m->generation > 0)
		m->generation++;
	m->has_deletionTimestamp = true;
	m->deletionTimestamp = api_time_sec(at);
	m->has_deletionGracePeriodSeconds = true;
	m->deletionGracePeriodSeconds = grace_s;
}

/* A running grace may only be shortened. */
static void shorten(struct deletion *d)
{
	struct meta_v1_ObjectMeta *m = meta(d);
	const struct call *c = &d->r->call;
	int64_t asked = c->grace_s < 0 ? 1 : c->grace_s, had = m->deletionGracePeriodSeconds;
	if (!m->has_deletionGracePeriodSeconds)
		return;
	d->pending = !c->has_grace || asked >= had;
	if (d->pending)
		return;
	d->graceful = true;
	d->grace_s = asked;
	m->deletionTimestamp.sec += asked - had;
	m->deletionGracePeriodSeconds = asked;
}

static void set_grace(struct deletion *d)
{
	const struct strategy *s = d->r->strategy;
	const struct call *c = &d->r->call;
	if (!s->grace)
		return;
	if (meta(d)->has_deletionTimestamp) {
		shorten(d);
		return;
	}
	d->graceful = true;
	d->grace_s = s->grace(d->r, d->obj.p, c->has_grace ? (c->grace_s < 0 ? 1 : c->grace_s) : -1);
	mark(d, d->r->now + d->grace_s * NS_S, d->grace_s);
}

/* ---- finalizers of the garbage collector ---- */

#define FINALIZER_ORPHAN "orphan"
#define FINALIZER_FOREGROUND "foregroundDeletion"

static bool has_finalizer(const struct meta_v1_ObjectMeta *m, const char *name)
{
	LIST_EACH(f, m->finalizers)
		if (str_is(*f, name))
			return true;
	return false;
}

static bool wants_orphan(struct deletion *d)
{
	const struct call *c = &d->r->call;
	const struct strategy *s = d->r->strategy;
	if (d->r->has_orphan)
		return c->orphan_dependents;
	if (c->propagation != PROPAGATE_DEFAULT)
		return c->propagation == PROPAGATE_ORPHAN;
	if (has_finalizer(meta(d), FINALIZER_ORPHAN))
		return true;
	return s->orphan_by_default && !has_finalizer(meta(d), FINALIZER_FOREGROUND);
}

static bool wants_foreground(struct deletion *d)
{
	const struct call *c = &d->r->call;
	if (d->r->has_orphan)
		return false;
	if (c->propagation != PROPAGATE_DEFAULT)
		return c->propagation == PROPAGATE_FOREGROUND;
	return !has_finalizer(meta(d), FINALIZER_ORPHAN) && has_finalizer(meta(d), FINALIZER_FOREGROUND);
}

/* True when the finalizers changed. */
static bool set_finalizers(struct deletion *d)
{
	struct meta_v1_ObjectMeta *m = meta(d);
	bool unsupported = d->r->strategy->gc_unsupported;
	bool orphan = !unsupported && wants_orphan(d), foreground = !unsupported && wants_foreground(d);
	if (orphan == has_finalizer(m, FINALIZER_ORPHAN) && foreground == has_finalizer(m, FINALIZER_FOREGROUND))
		return false;
	str_list_t kept = {0};
	LIST_EACH(f, m->finalizers)
		if (!str_is(*f, FINALIZER_ORPHAN) && !str_is(*f, FINALIZER_FOREGROUND))
			*arena_push(d->r->arena, &kept) = *f;
	if (orphan)
		*arena_push(d->r->arena, &kept) = STR(FINALIZER_ORPHAN);
	if (foreground)
		*arena_push(d->r->arena, &kept) = STR(FINALIZER_FOREGROUND);
	m->finalizers = kept;
	return true;
}

/* ---- carrying out ---- */

static void answer_object(struct deletion *d, struct answer *ret)
{
	bool accepted = d->r->has_orphan && !d->r->call.orphan_dependents;
	*ret = (struct answer){.kind = ANSWER_REF, .code = accepted ? 202 : 200, .ref = d->obj};
}

static int keep(struct deletion *d, struct answer *ret, struct err *e)
{
	struct request *r = d->r;
	int c = r->call.dry_run ? 0 : commit_put(r, r->table, d->obj, d->cur, e);
	if (c == 0)
		answer_object(d, ret);
	return c;
}

static void answer_gone(struct deletion *d, struct answer *ret)
{
	struct request *r = d->r;
	*ret = (struct answer){.kind = ANSWER_REF, .ref = d->obj};
	if (!r->strategy->returns_object_on_delete)
		status_success(r, &ret->ref, d->cur->name, d->cur->uid);
}

static int removal(struct deletion *d, struct object *cur, struct answer *ret, struct err *e)
{
	struct request *r = d->r;
	uint64_t rev = 0;
	int c = r->call.dry_run ? 0 : commit_delete(r, r->table, cur, &rev, e);
	if (c)
		return c;
	if (rev)
		obj_meta(d->obj)->resourceVersion = str_printf(r->arena, "%llu", (unsigned long long)rev);
	if (!r->call.dry_run && r->strategy->after_delete)
		r->strategy->after_delete(r, d->obj.p);
	if (!r->call.dry_run && r->strategy->release)
		r->strategy->release(r, NULL, d->obj.p);
	answer_gone(d, ret);
	return 0;
}

/* A grace of 0: watchers see the mark first, then the object goes, whoever removes it. */
static int mark_and_remove(struct deletion *d, struct answer *ret, struct err *e)
{
	struct request *r = d->r;
	if (r->call.dry_run)
		return removal(d, d->cur, ret, e);
	int c = commit_put(r, r->table, d->obj, d->cur, e);
	if (c)
		return c;
	CLEANUP(object_unref) struct object *now = cache_lookup(server_cache(r->server), r->table, d->cur->ns, d->cur->name);
	if (!now || !str_eq(now->uid, d->cur->uid)) {
		answer_gone(d, ret);
		return 0;
	}
	return removal(d, now, ret, e);
}

static int carry_out(struct deletion *d, struct answer *ret, struct err *e)
{
	struct request *r = d->r;
	const struct strategy *s = r->strategy;
	set_grace(d);
	if (d->pending) {
		answer_object(d, ret);
		return 0;
	}
	bool changed = set_finalizers(d), held = s->hold && s->hold(r, d->obj.p);
	bool stays = meta(d)->finalizers.len > 0 || held;
	if (stays && !d->graceful && !meta(d)->has_deletionTimestamp)
		mark(d, r->now, 0);
	else if (stays && !d->graceful && !meta(d)->has_deletionGracePeriodSeconds)
		mark(d, r->now, 0);
	if (stays || (d->graceful && d->grace_s > 0))
		return keep(d, ret, e);
	(void)changed;
	return d->graceful ? mark_and_remove(d, ret, e) : removal(d, d->cur, ret, e);
}

int delete_run(struct request *r, struct object *cur, struct answer *ret, struct err *e)
{
	struct deletion d = {.r = r, .cur = cur, .obj = {r->table->type, object_decode(cur, r->arena, e)}};
	if (!d.obj.p || check_preconditions(r, cur, e))
		return -1;
	struct admit adm = admit_of(r, ADMIT_DELETE, (struct ref){0}, d.obj);
	if (admission_admit(&adm, e) || admission_validate(&adm, e))
		return -1;
	return carry_out(&d, ret, e);
}

static int read_options(struct request *r, struct err *e)
{
	enum media m;
	if (!r->http)
		return r->has_orphan = r->call.orphan_dependents, 0;
	if (request_body(r, e))
		return -1;
	if (!r->body.n)
		return options_delete(r, e);
	return content_media(r, &m, e) || options_delete_body(r, r->body, m, e) ? -1 : 0;
}

static void warn_of_orphans(struct request *r)
{
	if (r->strategy->orphan_warning && !r->has_orphan && r->call.propagation == PROPAGATE_DEFAULT)
		request_warn(r, "%s", r->strategy->orphan_warning);
}

int verb_delete(struct request *r, struct err *e)
{
	if (read_options(r, e))
		return -1;
	warn_of_orphans(r);
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		struct object *cur = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
		if (!cur)
			return request_not_found(r, r->at.name, e);
		arena_defer(r->arena, (void (*)(void *))object_unref, cur);
		int c = delete_run(r, cur, &r->answer, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, r->at.name, e);
}

/* One of a collection; one that is gone meanwhile is no error. */
static int delete_one(struct request *r, struct object *o, struct err *e)
{
	struct answer ignored;
	struct object *cur = object_ref(o);
	int c = 1;
	for (unsigned i = 0; c == 1 && cur && i < WRITE_ATTEMPTS; i++) {
		arena_defer(r->arena, (void (*)(void *))object_unref, cur);
		c = delete_run(r, cur, &ignored, e);
		if (c == 1)
			cur = cache_lookup(server_cache(r->server), r->table, o->ns, o->name);
	}
	return c < 0 ? -1 : 0;
}

int verb_delete_collection(struct request *r, struct err *e)
{
	struct answer list;
	if (options_list(r, e) || read_options(r, e) || list_run(r, &list, e))
		return -1;
	warn_of_orphans(r);
	for (size_t i = 0; i < list.nitems; i++)
		if (delete_one(r, list.items[i], e))
			return -1;
	r->answer = list;
	return 0;
}
