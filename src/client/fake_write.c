#include "client/fake_impl.h"
#include "codec/json.h"
#include "codec/patch.h"
#include "codec/pb.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

#define FAKE_GENERATED 5 /* characters behind generateName */

static const struct type *type_of(const struct call *c)
{
	return desc_type(c->res->type);
}

/* Bytes of a field's value in its struct. */
static size_t field_bytes(const struct field *f)
{
	if (f->card != ONE)
		return sizeof(struct any_list);
	return f->kind == K_MESSAGE && (f->flags & FIELD_PTR) ? sizeof(void *) : kind_size(f);
}

static void field_move(const struct field *f, void *to, void *from)
{
	memcpy(field_at(to, f), field_at(from, f), field_bytes(f));
	if (f->has_offset)
		((char *)to)[f->has_offset] = ((char *)from)[f->has_offset];
}

static const struct field *status_field(const struct call *c)
{
	for (unsigned i = 0; i < c->res->nsub; i++)
		if (str_is(desc_str(resource_sub(c->res, i)->name), "status"))
			return field_by_name(type_of(c), STR("status"), false);
	return NULL;
}

static struct blob *encode(const struct call *c, void *obj)
{
	return fake_encode((struct ref){type_of(c), obj});
}

static struct meta_v1_ObjectMeta *meta_of(const struct call *c, void *obj)
{
	return obj_meta((struct ref){type_of(c), obj});
}

static void answer(const struct call *c, void *obj, struct ref *ret)
{
	*ret = (struct ref){type_of(c), obj};
	obj_set_type(*ret);
}

/* Gives the object the next revision and stores it. */
static void store(struct fake *f, const struct call *c, struct arena *a, void *obj)
{
	struct meta_v1_ObjectMeta *m = meta_of(c, obj);
	if (c->dry_run)
		return;
	m->resourceVersion = fake_rev_text(a, ++f->rev);
	fake_commit(f, c, fake_key(a, m->namespace, m->name), encode(c, obj), NULL);
}

static void unstore(struct fake *f, const struct call *c, struct arena *a, void *obj)
{
	struct meta_v1_ObjectMeta *m = meta_of(c, obj);
	if (c->dry_run)
		return;
	m->resourceVersion = fake_rev_text(a, ++f->rev);
	fake_commit(f, c, fake_key(a, m->namespace, m->name), NULL, encode(c, obj));
}

static struct fake_object *find(struct fake *f, const struct call *c, struct arena *a, struct str ns, struct str name)
{
	return (struct fake_object *)map_get(&fake_table(f, c->res)->objects, fake_key(a, ns, name));
}

/* ---- create */

static struct str generate(struct arena *a, struct str base)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	char end[FAKE_GENERATED];
	for (int i = 0; i < FAKE_GENERATED; i++)
		end[i] = letters[rt_random_below(sizeof letters - 1)];
	return str_printf(a, "%.*s%.*s", STR_F(base), FAKE_GENERATED, end);
}

static void meta_new(const struct call *c, struct arena *a, struct meta_v1_ObjectMeta *m)
{
	char uid[37];
	rt_uuid(uid);
	m->uid = str_dup(a, str_of(uid));
	m->creationTimestamp = api_time_sec(rt_wall());
	m->generation = 1;
	m->namespace = c->res->namespaced ? str_dup(a, c->ns) : (struct str){0};
	if (!m->name.n && m->generateName.n)
		m->name = generate(a, m->generateName);
}

static int exists(const struct call *c, struct str name, struct arena *a, struct err *e)
{
	err_set(e, ERR_ALREADY_EXISTS, "%.*s \"%.*s\" already exists", STR_F(fake_resource_text(a, c->res)), STR_F(name));
	err_object(e, desc_str(c->res->group), desc_str(c->res->plural), name);
	return -1;
}

/* A deep copy that shares nothing with the caller's object. */
static void *copy_of(const struct call *c, struct arena *a, struct ref body)
{
	struct blob *pb = fake_encode(body);
	void *obj = fake_decode(a, type_of(c), pb);
	blob_unref(pb);
	return obj;
}

static int create(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	void *obj = copy_of(c, a, c->body);
	struct meta_v1_ObjectMeta *m = meta_of(c, obj);
	meta_new(c, a, m);
	if (!m->name.n)
		return err_set(e, ERR_INVALID, "metadata.name: Required value: name or generateName is required");
	if (find(f, c, a, m->namespace, m->name))
		return exists(c, m->name, a, e);
	store(f, c, a, obj);
	answer(c, obj, ret);
	return 0;
}

/* ---- update */

static int conflict(const struct call *c, struct arena *a, struct err *e, const char *why)
{
	err_set(e, ERR_CONFLICT, "Operation cannot be fulfilled on %.*s \"%.*s\": %s", STR_F(fake_resource_text(a, c->res)), STR_F(c->name), why);
	err_object(e, desc_str(c->res->group), desc_str(c->res->plural), c->name);
	return -1;
}

#define MODIFIED "the object has been modified; please apply your changes to the latest version and try again"

/* Whether two objects differ beyond metadata and status. */
static bool spec_differs(const struct call *c, struct arena *a, const struct blob *x, const struct blob *y)
{
	const struct field *status = status_field(c);
	struct blob *side[2];
	for (int i = 0; i < 2; i++) {
		void *obj = fake_decode(a, type_of(c), i ? y : x);
		*meta_of(c, obj) = (struct meta_v1_ObjectMeta){0};
		if (status)
			field_clear(obj, status);
		side[i] = encode(c, obj);
	}
	bool differ = !str_eq(blob_str(side[0]), blob_str(side[1]));
	blob_unref(side[0]);
	blob_unref(side[1]);
	return differ;
}

/* What a client cannot change. */
static void keep_system_fields(const struct call *c, void *obj, void *old)
{
	struct meta_v1_ObjectMeta *m = meta_of(c, obj), *o = meta_of(c, old);
	m->uid = o->uid;
	m->creationTimestamp = o->creationTimestamp;
	m->generation = o->generation;
	m->resourceVersion = o->resourceVersion;
	m->deletionTimestamp = o->deletionTimestamp;
	m->has_deletionTimestamp = o->has_deletionTimestamp;
	m->deletionGracePeriodSeconds = o->deletionGracePeriodSeconds;
	m->has_deletionGracePeriodSeconds = o->has_deletionGracePeriodSeconds;
}

/* Status writes take only the status, others all but it. */
static void *merge_parts(const struct call *c, void *obj, void *old)
{
	const struct field *status = status_field(c);
	if (!status)
		return obj;
	if (str_is(c->sub, "status")) {
		field_move(status, old, obj);
		return old;
	}
	field_move(status, obj, old);
	return obj;
}

static bool going(const struct meta_v1_ObjectMeta *m)
{
	return m->deletionTimestamp.set && m->finalizers.len == 0 && (!m->has_deletionGracePeriodSeconds || m->deletionGracePeriodSeconds == 0);
}

static int update_to(struct fake *f, const struct call *c, struct arena *a, struct fake_object *o, void *obj, struct ref *ret, struct err *e)
{
	struct str rev = meta_of(c, obj)->resourceVersion, uid = meta_of(c, obj)->uid;
	void *old = fake_decode(a, type_of(c), o->pb);
	if (rev.n && !str_eq(rev, meta_of(c, old)->resourceVersion))
		return conflict(c, a, e, MODIFIED);
	if (uid.n && !str_eq(uid, meta_of(c, old)->uid))
		return conflict(c, a, e, "Precondition failed: UID in precondition does not match UID in object meta");
	keep_system_fields(c, obj, old);
	obj = merge_parts(c, obj, old);
	struct blob *now = encode(c, obj);
	bool same = str_eq(blob_str(now), blob_str(o->pb));
	if (!same && spec_differs(c, a, now, o->pb))
		meta_of(c, obj)->generation++;
	blob_unref(now);
	if (going(meta_of(c, obj)))
		unstore(f, c, a, obj);
	else if (!same)
		store(f, c, a, obj);
	answer(c, obj, ret);
	return 0;
}

static int update(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct fake_object *o = find(f, c, a, c->ns, c->name);
	return o ? update_to(f, c, a, o, copy_of(c, a, c->body), ret, e) : fake_not_found(c, e);
}

/* ---- patch */

static struct value *patched(const struct call *c, struct arena *a, struct value *doc, struct err *e)
{
	struct value *patch;
	if (c->patch_type == PATCH_JSON)
		return patch_json(a, doc, c->patch, e);
	if (json_parse(a, c->patch, NULL, &patch, e) < 0)
		return NULL;
	return c->patch_type == PATCH_STRATEGIC ? patch_strategic(a, type_of(c), doc, patch, e) : patch_merge(a, doc, patch, e);
}

/* Through JSON there and back. */
static void *patch_object(const struct call *c, struct arena *a, void *old, struct err *e)
{
	struct value *doc;
	BUF(before);
	BUF(after);
	json_encode(&before, (struct ref){type_of(c), old});
	if (json_parse(a, buf_view(&before), NULL, &doc, e) < 0 || !(doc = patched(c, a, doc, e)))
		return NULL;
	json_write(&after, doc);
	void *obj = obj_new(a, type_of(c));
	return json_decode(a, type_of(c), buf_view(&after), NULL, obj, e) < 0 ? NULL : obj;
}

/* Apply knows no managers here: it is a merge that creates. */
static int apply_new(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	void *obj = patch_object(c, a, obj_new(a, type_of(c)), e);
	struct call create_call = *c;
	if (!obj)
		return -1;
	meta_of(c, obj)->name = c->name;
	create_call.body = (struct ref){type_of(c), obj};
	return create(f, &create_call, a, ret, e);
}

static int patch(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct fake_object *o = find(f, c, a, c->ns, c->name);
	if (!o)
		return c->patch_type == PATCH_APPLY ? apply_new(f, c, a, ret, e) : fake_not_found(c, e);
	void *obj = patch_object(c, a, fake_decode(a, type_of(c), o->pb), e);
	return obj ? update_to(f, c, a, o, obj, ret, e) : -1;
}

/* ---- delete */

static int preconditions(const struct call *c, struct arena *a, const struct meta_v1_ObjectMeta *m, struct err *e)
{
	if (c->pre_uid.n && !str_eq(c->pre_uid, m->uid))
		return conflict(c, a, e, "Precondition failed: UID in precondition does not match UID in object meta");
	if (c->pre_rv.n && !str_eq(c->pre_rv, m->resourceVersion))
		return conflict(c, a, e, "Precondition failed: ResourceVersion in precondition does not match ResourceVersion in object meta");
	return 0;
}

/* How long the object stays for the kubelet to end it: only Pods that run somewhere have such a time. */
static int64_t grace_of(const struct call *c, void *obj)
{
	const struct core_v1_Pod *p = (const struct core_v1_Pod *)obj;
	if (c->res->type != T_core_v1_Pod || !p->spec.nodeName.n)
		return 0;
	if (c->has_grace)
		return c->grace_s;
	return p->spec.has_terminationGracePeriodSeconds ? p->spec.terminationGracePeriodSeconds : 30;
}

static void finalizer_of_policy(const struct call *c, struct arena *a, struct meta_v1_ObjectMeta *m)
{
	const char *name = c->propagation == PROPAGATE_FOREGROUND ? "foregroundDeletion" :
		c->propagation == PROPAGATE_ORPHAN || c->orphan_dependents ? "orphan" : NULL;
	LIST_EACH(f, m->finalizers)
		if (name && str_is(*f, name))
			return;
	if (name)
		*arena_push(a, &m->finalizers) = str_of(name);
}

/* Whether anything changed. */
static bool mark_going(struct meta_v1_ObjectMeta *m, int64_t grace)
{
	if (m->deletionTimestamp.set && grace >= m->deletionGracePeriodSeconds)
		return false;
	m->deletionTimestamp = api_time_sec(rt_wall() + grace * NS_S);
	m->has_deletionTimestamp = m->has_deletionGracePeriodSeconds = true;
	m->deletionGracePeriodSeconds = grace;
	m->generation++;
	return true;
}

int fake_delete_object(struct fake *f, const struct call *c, struct fake_object *o, struct arena *a, struct ref *ret, struct err *e)
{
	void *obj = fake_decode(a, type_of(c), o->pb);
	struct meta_v1_ObjectMeta *m = meta_of(c, obj);
	if (preconditions(c, a, m, e) < 0)
		return -1;
	int64_t grace = grace_of(c, obj);
	finalizer_of_policy(c, a, m);
	if (m->finalizers.len == 0 && grace == 0)
		unstore(f, c, a, obj);
	else if (mark_going(m, grace))
		store(f, c, a, obj);
	answer(c, obj, ret);
	return 0;
}

static int delete_one(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct fake_object *o = find(f, c, a, c->ns, c->name);
	return o ? fake_delete_object(f, c, o, a, ret, e) : fake_not_found(c, e);
}

/* ---- sub-resources */

static int bind(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	const struct core_v1_Binding *b = (const struct core_v1_Binding *)c->body.p;
	struct str name = c->name.n ? c->name : b->metadata.name;
	struct fake_object *o = find(f, c, a, c->ns, name);
	if (!o)
		return fake_not_found(c, e);
	struct core_v1_Pod *p = (struct core_v1_Pod *)fake_decode(a, type_of(c), o->pb);
	if (p->spec.nodeName.n)
		return conflict(c, a, e, "pod is already assigned to a node");
	p->spec.nodeName = b->target.name;
	p->metadata.generation++;
	store(f, c, a, p);
	*ret = c->body;
	return 0;
}

static int create_sub(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	if (c->res->type == T_core_v1_Pod && str_is(c->sub, "binding"))
		return bind(f, c, a, ret, e);
	if (c->res->type == T_core_v1_Pod && str_is(c->sub, "eviction"))
		return delete_one(f, c, a, ret, e);
	return err_set(e, ERR_NOT_FOUND, "the server could not find the requested resource");
}

int fake_write(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	switch (c->verb) {
	case VERB_CREATE:
		return c->sub.n ? create_sub(f, c, a, ret, e) : create(f, c, a, ret, e);
	case VERB_UPDATE:
		return update(f, c, a, ret, e);
	case VERB_PATCH:
		return patch(f, c, a, ret, e);
	case VERB_DELETE:
		return delete_one(f, c, a, ret, e);
	default:
		return err_set(e, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
	}
}
