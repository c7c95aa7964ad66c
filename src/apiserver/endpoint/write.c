/* Creates and updates: from an object in the request's version to a commit. */
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/metrics.h"
#include "api/convert.h"
#include "codec/managed.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include "store/store.h"

#define GENERATE_ATTEMPTS 8 /* new names tried when a generated one is taken, as upstream */
#define MANAGER_MAX 128
#define ENCODE_ROOM 8192 /* most objects fit; for others the encoder asks again */

struct ref object_as(struct arena *a, struct ref o, const struct type *t) { return convert_to(a, o, t); }

struct str request_manager(struct request *r)
{
	struct str agent, given = r->call.field_manager;
	if (given.n)
		return given;
	str_cut(r->user_agent, '/', &agent, &(struct str){0});
	char *p = arena_text(r->arena, agent.n);
	size_t n = 0;
	for (size_t i = 0; i < agent.n && n < MANAGER_MAX; i++)
		if ((unsigned char)agent.p[i] >= ' ' && agent.p[i] != 0x7f)
			p[n++] = agent.p[i];
	return n ? str_n(p, n) : STR("unknown");
}

static bool has_sub(const struct resource *res, const char *name)
{
	for (unsigned i = 0; i < res->nsub; i++)
		if (str_is(desc_str(resource_sub(res, i)->name), name))
			return true;
	return false;
}

static bool is_status(const struct request *r) { return r->sub && str_is(r->call.sub, "status"); }

/* ---- members of a kind as wholes ---- */

static size_t member_size(const struct field *f)
{
	if (f->card != ONE)
		return sizeof(struct any_list);
	if (f->kind == K_MESSAGE)
		return f->flags & FIELD_PTR ? sizeof(void *) : field_type(f)->size;
	return kind_size(f);
}

void member_copy(const struct field *f, void *to, const void *from)
{
	memcpy((char *)to + f->offset, (const char *)from + f->offset, member_size(f));
	if (f->has_offset)
		*((bool *)to + f->has_offset) = *((const bool *)from + f->has_offset);
}

static bool is_meta(struct str name) { return str_is(name, "metadata") || str_is(name, "kind") || str_is(name, "apiVersion"); }

/* Puts old's members back: the status, or all but the status (and metadata). */
static void keep_members(struct ref o, struct ref old, bool status)
{
	for (unsigned i = 0; i < o.type->nfields; i++) {
		const struct field *f = type_field(o.type, i);
		struct str name = field_name(f);
		if (!is_meta(name) && str_is(name, "status") == status)
			member_copy(f, o.p, old.p);
	}
}

static void keep_meta_member(struct ref o, struct ref old, struct str name)
{
	const struct type *t = type_by_name(STR("meta/v1.ObjectMeta"));
	const struct field *f = field_by_name(t, name, false);
	if (f)
		member_copy(f, obj_meta(o), obj_meta(old));
}

/* What /status leaves of the metadata, besides what no write can change. */
static void keep_status_meta(struct request *r, struct ref o, struct ref old)
{
	const char *const *path = r->strategy->status_keeps;
	for (; path && *path; path++) {
		struct str member;
		if (str_cut(str_of(*path), '.', &(struct str){0}, &member)) {
			keep_meta_member(o, old, member);
			continue;
		}
		meta_v1_ManagedFieldsEntry_list_t managed = obj_meta(o)->managedFields;
		*obj_meta(o) = *obj_meta(old);
		obj_meta(o)->managedFields = managed;
	}
}

static bool spec_changed(struct ref o, struct ref old)
{
	const struct field *f = field_by_name(o.type, STR("spec"), false);
	if (!f || f->kind != K_MESSAGE || f->flags & FIELD_PTR)
		return false;
	return !obj_equal_at(field_type(f), field_at(o.p, f), field_at(old.p, f));
}

/* ---- managed fields ---- */

static const char *const *resets(struct request *r, const char *own, const char *const *more)
{
	struct { const char **items; uint32_t len, cap; } paths = {0};
	*arena_push(r->arena, &paths) = own;
	for (; more && *more; more++)
		*arena_push(r->arena, &paths) = *more;
	*arena_push(r->arena, &paths) = NULL;
	return paths.items;
}

struct managed_write request_managed(struct request *r)
{
	struct managed_write w = {.manager = request_manager(r), .api_version = desc_str(r->type->api_version), .subresource = r->call.sub, .now = r->now};
	if (is_status(r))
		w.reset = resets(r, "spec", r->strategy->status_keeps);
	else if (has_sub(r->res, "status") && !r->strategy->status_in_update)
		w.reset = resets(r, "status", r->strategy->resets);
	return w;
}

/* Upstream keeps owners of what its internal form makes of an object: what only a conversion sets is the writer's, too. */
static struct ref internal_form(struct request *r, struct ref o)
{
	struct ref same = object_as(r->arena, object_as(r->arena, o, r->table->type), o.type);
	if (r->strategy->internal)
		r->strategy->internal(r->arena, same.p);
	return same;
}

/* ---- storing ---- */

/* *ret_whole: the bytes tell all of the object. */
static struct blob *encode(struct ref obj, bool *ret_whole)
{
	BUF(out);
	obj_meta(obj)->resourceVersion = (struct str){0};
	buf_room(&out, ENCODE_ROOM);
	*ret_whole = pb_envelope_encode_whole(&out, obj);
	return out.failed ? NULL : blob_copy(buf_view(&out));
}

static void set_rv(struct arena *a, struct ref obj, uint64_t rev)
{
	obj_meta(obj)->resourceVersion = str_printf(a, "%llu", (unsigned long long)rev);
}

/* Waits until the cache shows what beat us. */
static int after_conflict(struct request *r, const struct store_result *res, struct err *e)
{
	uint64_t rev = (uint64_t)(res->current->mod_rev ? res->current->mod_rev : res->revision);
	if (cache_wait_revision(server_cache(r->server), rev, rt_now() + 5 * NS_S))
		return err_set(e, ERR_TIMEOUT, "the write was overtaken by another one that does not show");
	return 1;
}

static int commit(struct request *r, struct str key, uint64_t old_rev, const struct store_op *op, uint64_t *ret_rev, struct err *e)
{
	struct store_compare c = {key, (int64_t)old_rev};
	struct store_txn t = {&c, op, 1, 1};
	struct store_result res = {0};
	mono_t began = rt_now_exact();
	if (store_commit(server_store(r->server), &t, r->arena, &res, e))
		return err_is(e, ERR_TOO_LARGE) ? err_set(e, ERR_UNKNOWN, "etcdserver: request is too large") : -1;
	metrics_stored(r, op->type == STORE_DELETE ? "delete" : old_rev ? "update" : "create", began);
	if (res.conflict)
		return after_conflict(r, &res, e);
	*ret_rev = (uint64_t)res.revision;
	return 0;
}

static int put_bytes(struct request *r, struct cache_table *t, struct ref obj, struct blob *value, bool whole, const struct object *old, struct err *e)
{
	struct meta_v1_ObjectMeta *m = obj_meta(obj);
	uint64_t rev = 0;
	if (!value)
		return err_nomem(e, 0);
	struct str key = cache_key(r->arena, t, m->namespace, m->name);
	struct store_op op = {.type = STORE_PUT, .key = key, .value = value};
	if (t->strategy->ttl_s)
		op.ttl_s = t->strategy->ttl_s(r, obj.p);
	int c = commit(r, key, old ? old->rev : 0, &op, &rev, e);
	if (c == 0) {
		if (!whole)
			obj_drop_empty(obj);
		set_rv(r->arena, obj, rev);
	}
	return c;
}

int commit_put(struct request *r, struct cache_table *t, struct ref obj, const struct object *old, struct err *e)
{
	bool whole;
	CLEANUP(blob_unref) struct blob *value = encode(obj, &whole);
	return put_bytes(r, t, obj, value, whole, old, e);
}

int commit_delete(struct request *r, struct cache_table *t, const struct object *old, uint64_t *ret_rev, struct err *e)
{
	struct str key = cache_key(r->arena, t, old->ns, old->name);
	struct store_op op = {.type = STORE_DELETE, .key = key};
	return commit(r, key, old->rev, &op, ret_rev, e);
}

/* ---- errors ---- */

struct str resource_text(struct arena *a, const struct resource *res)
{
	struct str g = desc_str(res->group);
	return g.n ? str_printf(a, "%s.%.*s", desc_z(res->plural), STR_F(g)) : desc_str(res->plural);
}

int already_exists(struct request *r, struct str name, struct err *e)
{
	CLEANUP(object_unref) struct object *o = cache_lookup(server_cache(r->server), r->table, r->at.ns, name);
	err_set(e, ERR_ALREADY_EXISTS, "%s%.*s \"%.*s\" already exists", o && o->deleting ? "object is being deleted: " : "", STR_F(resource_text(r->arena, r->res)),
		STR_F(name));
	err_object(e, desc_str(r->res->group), desc_str(r->res->plural), name);
	return -1;
}

int conflict_modified(struct request *r, struct str name, struct err *e)
{
	err_set(e, ERR_CONFLICT,
		"Operation cannot be fulfilled on %.*s \"%.*s\": the object has been modified; please apply your changes to the latest version and try again",
		STR_F(resource_text(r->arena, r->res)), STR_F(name));
	err_object(e, desc_str(r->res->group), desc_str(r->res->plural), name);
	return -1;
}

int conflict_uid(struct request *r, struct str name, struct str want, struct str have, const char *rv, struct err *e)
{
	struct str key = cache_key(r->arena, r->table, r->at.ns, name);
	err_set(e, ERR_CONFLICT,
		"Operation cannot be fulfilled on %.*s \"%.*s\": StorageError: invalid object, Code: 4, Key: %.*s, ResourceVersion: %s, AdditionalErrorMsg: Precondition failed: "
		"UID in precondition: %.*s, UID in object meta: %.*s",
		STR_F(resource_text(r->arena, r->res)), STR_F(name), STR_F(key), rv, STR_F(want), STR_F(have));
	err_object(e, desc_str(r->res->group), desc_str(r->res->plural), name);
	return -1;
}

/* ---- create ---- */

struct admit admit_of(struct request *r, enum admit_op op, struct ref obj, struct ref old)
{
	struct meta_v1_ObjectMeta *m = obj.p ? obj_meta(obj) : old.p ? obj_meta(old) : NULL;
	return (struct admit){.request = r, .op = op, .type = obj.type ? obj.type : old.type, .obj = obj.p, .old = old.p, .ns = r->at.ns,
		.name = r->at.name.n || !m ? r->at.name : m->name, .sub = r->call.sub, .dry_run = r->call.dry_run};
}

int endpoint_admit(struct request *r, struct ref body, struct err *e)
{
	struct admit adm = admit_of(r, ADMIT_CREATE, body, (struct ref){0});
	return admission_admit(&adm, e) || admission_validate(&adm, e) ? -1 : 0;
}

static void prepare_create(struct request *r, struct ref o)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	if (has_sub(r->res, "status") && !r->strategy->status_in_create)
		keep_members(o, (struct ref){o.type, obj_new(r->arena, o.type)}, true);
	if (r->strategy->has_generation)
		m->generation = 1;
	if (r->strategy->prepare_create)
		r->strategy->prepare_create(r, o.p);
}

/* Making the paths of fields costs more than looking at them: they are made in a second run, if the first has found something. */
static int validated(struct request *r, struct ref o, struct ref old, void (*validate)(struct request *, struct ref, struct ref, struct err *), struct err *e)
{
	ERR(found);
	r->no_paths = true;
	validate(r, o, old, &found);
	r->no_paths = false;
	if (!found.ncauses)
		return 0;
	err_fini(&found);
	validate(r, o, old, &found);
	if (invalid_end(r, o.type, obj_meta(o)->name, &found) == 0)
		return 0;
	err_move(e, &found);
	return -1;
}

static void warn(struct request *r, struct ref o, struct ref old)
{
	if (!r->strategy->warn || !r->http)
		return;
	r->no_paths = true;
	r->untold = false;
	r->strategy->warn(r, o.p, old.p);
	r->no_paths = false;
	if (r->untold)
		r->strategy->warn(r, o.p, old.p);
}

static void validate_create(struct request *r, struct ref o, struct ref old, struct err *e)
{
	meta_validate(r, obj_meta(o), e);
	if (r->strategy->validate)
		r->strategy->validate(r, o.p, e);
}

/* Stores under the name, or under other generated ones while it is taken. */
static int store_new(struct request *r, struct ref o, bool generated, struct err *e)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	if (r->call.dry_run) {
		CLEANUP(object_unref) struct object *there = cache_lookup(server_cache(r->server), r->table, m->namespace, m->name);
		return there ? already_exists(r, m->name, e) : 0;
	}
	for (unsigned i = 0; i < GENERATE_ATTEMPTS; i++) {
		int c = commit_put(r, r->table, o, NULL, e);
		if (c <= 0)
			return c;
		if (!generated)
			break;
		meta_new_name(r, m);
	}
	return already_exists(r, m->name, e);
}

static int create_store(struct request *r, struct ref o, bool generated, struct err *e)
{
	const struct strategy *s = r->strategy;
	if (s->allocate && s->allocate(r, o.p, NULL, e))
		return -1;
	if (store_new(r, o, generated, e) == 0)
		return 0;
	if (s->release)
		s->release(r, NULL, o.p);
	return -1;
}

static int create_checks(struct request *r, struct ref o, struct err *e)
{
	struct admit adm = admit_of(r, ADMIT_CREATE, o, (struct ref){0});
	if (admission_admit(&adm, e))
		return -1;
	prepare_create(r, o);
	if (validated(r, o, (struct ref){0}, validate_create, e))
		return -1;
	warn(r, o, (struct ref){0});
	adm.name = obj_meta(o)->name;
	/* An apply or a PUT that makes the object needs the right to. */
	if (!str_is(r->at.verb, "create") && request_authorize(r, STR("create"), e))
		return -1;
	return admission_validate(&adm, e);
}

int body_managed(struct request *r, struct ref o, struct err *e)
{
	struct managed_write w = request_managed(r);
	return managed_update(r->arena, (struct ref){o.type, NULL}, o, &w, e);
}

int create_run(struct request *r, struct ref next, struct err *e)
{
	if (!r->applied)
		next = internal_form(r, next);
	struct meta_v1_ObjectMeta *m = obj_meta(next);
	bool generated = !m->name.n && m->generateName.n;
	struct managed_write w = request_managed(r);
	meta_fill(r, next);
	if (!r->applied && managed_update(r->arena, (struct ref){next.type, NULL}, next, &w, e))
		return -1;
	meta_dedup_owners(r, next);
	struct ref o = object_as(r->arena, next, r->table->type);
	if (create_checks(r, o, e))
		return -1;
	if (obj_meta(o)->resourceVersion.n && !str_is(obj_meta(o)->resourceVersion, "0"))
		return err_set(e, ERR_UNKNOWN, "resourceVersion should not be set on objects to be created");
	obj_meta(o)->resourceVersion = (struct str){0};
	if (create_store(r, o, generated, e))
		return -1;
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = o, .table = r->call.dry_run ? NULL : r->table};
	return 0;
}

int verb_create(struct request *r, struct err *e)
{
	struct ref next;
	if (options_write(r, "CreateOptions", e) || endpoint_object(r, r->type, &next, e) || meta_namespace(r, next, e))
		return -1;
	return create_run(r, next, e);
}

/* ---- update ---- */

static void prepare_update(struct request *r, struct ref o, struct ref old)
{
	const struct strategy *s = r->strategy;
	bool status = is_status(r);
	if (status) {
		keep_members(o, old, false);
		keep_status_meta(r, o, old);
	} else if (has_sub(r->res, "status") && !s->status_in_update) {
		keep_members(o, old, true);
	}
	meta_carry_over(o, old);
	if (status && s->prepare_status)
		s->prepare_status(r, o.p, old.p);
	else if (!status && s->prepare_update)
		s->prepare_update(r, o.p, old.p);
	if (s->has_generation && !status && spec_changed(o, old))
		obj_meta(o)->generation = obj_meta(old)->generation + 1;
}

static void validate_update(struct request *r, struct ref o, struct ref old, struct err *e)
{
	const struct strategy *s = r->strategy;
	/* Upstream's generic code and most kinds' both look at the metadata: its causes come several times. */
	meta_validate_any_update(obj_meta(o), obj_meta(old), e);
	if (!s->meta_checked_once)
		meta_validate_update(obj_meta(o), obj_meta(old), e);
	for (unsigned i = 0; !is_status(r) && i < s->meta_again; i++)
		meta_validate(r, obj_meta(o), e);
	if (is_status(r) && s->validate_status)
		s->validate_status(r, o.p, old.p, e);
	else if (!is_status(r) && s->validate_update)
		s->validate_update(r, o.p, old.p, e);
}

bool last_finalizer_gone(struct request *r, const struct strategy *s, struct ref o)
{
	const struct meta_v1_ObjectMeta *m = obj_meta(o);
	if (!m->has_deletionTimestamp || m->finalizers.len || (m->has_deletionGracePeriodSeconds && m->deletionGracePeriodSeconds))
		return false;
	return !s->hold || !s->hold(r, o.p);
}

static bool same_bytes(const struct blob *b, const struct object *cur) { return b && str_eq(blob_str(b), blob_str(cur->value)); }

static int update_store(struct request *r, struct update *u, struct err *e)
{
	uint64_t rev = 0;
	struct ref o = u->stored;
	bool whole = false;
	u->deleted = last_finalizer_gone(r, r->strategy, o);
	CLEANUP(blob_unref) struct blob *bytes = u->deleted ? NULL : encode(o, &whole);
	if (same_bytes(bytes, u->cur)) {
		u->unchanged = true;
		set_rv(r->arena, o, u->cur->rev);
		return 0;
	}
	if (r->call.dry_run) {
		set_rv(r->arena, o, u->cur->rev);
		return 0;
	}
	if (!u->deleted)
		return put_bytes(r, r->table, o, bytes, whole, u->cur, e);
	int c = commit_delete(r, r->table, u->cur, &rev, e);
	if (c == 0) {
		set_rv(r->arena, o, rev);
		if (r->strategy->after_delete)
			r->strategy->after_delete(r, o.p);
		if (r->strategy->release)
			r->strategy->release(r, NULL, o.p);
	}
	return c;
}

static int update_commit(struct request *r, struct update *u, struct err *e)
{
	const struct strategy *s = r->strategy;
	bool allocates = s->allocate && !is_status(r);
	if (allocates && s->allocate(r, u->stored.p, u->old.p, e))
		return -1;
	int c = update_store(r, u, e);
	if (allocates && s->release && c != 0)
		s->release(r, u->old.p, u->stored.p); /* what the failed write had taken */
	else if (allocates && s->release && !u->deleted && !r->call.dry_run)
		s->release(r, u->stored.p, u->old.p); /* what the old object held and the new one does not */
	return c;
}

int update_run(struct request *r, struct update *u, struct err *e)
{
	struct managed_write w = request_managed(r);
	struct ref was = object_as(r->arena, u->old, u->next.type);
	if (!u->applied)
		u->next = internal_form(r, u->next);
	if (!u->applied && managed_update(r->arena, was, u->next, &w, e))
		return -1;
	meta_dedup_owners(r, u->next);
	u->stored = object_as(r->arena, u->next, r->table->type);
	struct admit adm = admit_of(r, ADMIT_UPDATE, u->stored, u->old);
	if (admission_admit(&adm, e))
		return -1;
	set_rv(r->arena, u->stored, u->cur->rev);
	prepare_update(r, u->stored, u->old);
	if (validated(r, u->stored, u->old, validate_update, e))
		return -1;
	if (!is_status(r))
		warn(r, u->stored, u->old);
	if (admission_validate(&adm, e))
		return -1;
	return update_commit(r, u, e);
}

/* The conditions that the sent object sets: uid and resourceVersion. */
static int check_sent(struct request *r, const struct meta_v1_ObjectMeta *m, const struct object *cur, bool *ret_unconditional, struct err *e)
{
	uint64_t rv = 0;
	if (m->resourceVersion.n && str_u64(m->resourceVersion, &rv))
		return err_set(e, ERR_UNKNOWN, "strconv.ParseUint: parsing \"%.*s\": invalid syntax", STR_F(m->resourceVersion));
	if (m->uid.n && !str_eq(m->uid, cur->uid))
		return conflict_uid(r, cur->name, m->uid, cur->uid, "0", e);
	*ret_unconditional = rv == 0;
	if (rv == 0 && r->strategy->unconditional_update_forbidden) {
		err_cause(e, "FieldValueInvalid", STR("metadata.resourceVersion"), "Invalid value: 0: must be specified for an update");
		struct str res = resource_text(r->arena, r->res);
		if (invalid_end(r, r->table->type, cur->name, e) == 0)
			return 0;
		/* This one names the resource, not the kind. */
		e->message = str_printf(e->mem, "%.*s \"%.*s\" is invalid: metadata.resourceVersion: %.*s", STR_F(res), STR_F(cur->name), STR_F(e->causes[0].message));
		err_object(e, desc_str(r->res->group), desc_str(r->res->plural), cur->name);
		return -1;
	}
	return rv && rv != cur->rev ? conflict_modified(r, cur->name, e) : 0;
}

static void answer_update(struct request *r, const struct update *u)
{
	bool cacheable = !r->call.dry_run && !u->deleted;
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 200, .ref = u->stored, .table = cacheable ? r->table : NULL};
}

static int update_missing(struct request *r, struct ref next, struct err *e)
{
	struct meta_v1_ObjectMeta *m = obj_meta(next);
	if (!r->strategy->allow_create_on_update || r->sub)
		return request_not_found(r, r->at.name, e);
	if (m->uid.n)
		return conflict_uid(r, m->name, m->uid, STR(""), "0", e);
	m->resourceVersion = (struct str){0};
	return create_run(r, next, e);
}

/* 0 done, 1 overtaken and free to try again, -1. */
static int update_once(struct request *r, struct err *e)
{
	struct ref next;
	bool unconditional = true;
	if (endpoint_object(r, r->type, &next, e) || meta_namespace(r, next, e) || meta_name(r, next, e))
		return -1;
	struct object *cur = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
	if (!cur)
		return update_missing(r, next, e);
	arena_defer(r->arena, (void (*)(void *))object_unref, cur); /* what is decoded points into the stored bytes */
	if (check_sent(r, obj_meta(next), cur, &unconditional, e))
		return -1;
	struct update u = {.cur = cur, .next = next, .old = {r->table->type, object_decode(cur, r->arena, e)}};
	if (!u.old.p)
		return -1;
	int c = update_run(r, &u, e);
	if (c == 0)
		answer_update(r, &u);
	return c == 1 && !unconditional ? conflict_modified(r, cur->name, e) : c;
}

int verb_update(struct request *r, struct err *e)
{
	if (options_write(r, "UpdateOptions", e))
		return -1;
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		int c = update_once(r, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, r->at.name, e);
}

/* ---- what sub-resource handlers use ---- */

static int edit_store(struct request *r, struct cache_table *t, struct object *cur, const struct edit *ed, struct ref o, struct ref old, struct err *e)
{
	set_rv(r->arena, o, cur->rev);
	if (ed->manager_sub) {
		struct managed_write w = {.manager = request_manager(r), .api_version = desc_str(t->type->api_version), .subresource = str_of(ed->manager_sub), .now = r->now};
		if (managed_update(r->arena, old, o, &w, e))
			return -1;
	}
	bool whole;
	CLEANUP(blob_unref) struct blob *bytes = encode(o, &whole);
	if (ed->dry_run || same_bytes(bytes, cur)) {
		set_rv(r->arena, o, cur->rev);
		return 0;
	}
	uint64_t rev = 0;
	if (!last_finalizer_gone(r, t->strategy, o))
		return put_bytes(r, t, o, bytes, whole, cur, e);
	int c = commit_delete(r, t, cur, &rev, e);
	if (c == 0)
		set_rv(r->arena, o, rev);
	return c;
}

static int edit_once(struct request *r, struct cache_table *t, const struct edit *ed, void **ret, struct err *e)
{
	struct object *cur = cache_lookup(server_cache(r->server), t, ed->ns, ed->name);
	if (!cur)
		return request_not_found(r, ed->name, e);
	arena_defer(r->arena, (void (*)(void *))object_unref, cur);
	struct ref old = {t->type, object_decode(cur, r->arena, e)};
	if (!old.p)
		return -1;
	struct ref o = {t->type, obj_copy(r->arena, old)};
	int c = ed->change(r, o.p, old.p, ed->arg, e);
	if (c < 0)
		return -1;
	*ret = c ? old.p : o.p;
	return c ? 0 : edit_store(r, t, cur, ed, o, old, e);
}

int endpoint_edit(struct request *r, struct cache_table *t, const struct edit *ed, void **ret, struct err *e)
{
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		int c = edit_once(r, t, ed, ret, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, ed->name, e);
}
