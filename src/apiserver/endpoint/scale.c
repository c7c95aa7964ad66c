/* /scale: an autoscaling/v1 Scale made of three fields of the object. */
#include "apiserver/endpoint/endpoint.h"
#include "api/selector.h"
#include "codec/managed.h"
#include "codec/ops.h"
#include "gen/autoscaling_v1.h"
#include "gen/meta_v1.h"

const struct type *scale_type(void) { return type_by_name(STR("autoscaling/v1.Scale")); }

static int32_t *int_at(struct ref o, const char *path)
{
	const struct field *f;
	return path ? obj_path(o, str_of(path), &f) : NULL;
}

static struct str selector_at(struct request *r, struct ref o, const char *path)
{
	const struct field *f;
	void *p = path ? obj_path(o, str_of(path), &f) : NULL;
	struct selector s = {0};
	BUF(out);
	if (!p)
		return STR("");
	if (f->card == MAP_OF)
		s = selector_of_map(r->arena, p);
	else if (selector_of(r->arena, f->flags & FIELD_PTR ? *(void **)p : p, &s, NULL))
		return STR("");
	selector_write(&out, &s);
	return buf_take(&out, r->arena);
}

static struct ref scale_of(struct request *r, struct ref o)
{
	struct autoscaling_v1_Scale *s = obj_make(r->arena, autoscaling_v1_Scale);
	struct ref ret = {scale_type(), s};
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	int32_t *spec = int_at(o, r->strategy->scale_spec), *status = int_at(o, r->strategy->scale_status);
	obj_set_type(ret);
	s->metadata.name = m->name;
	s->metadata.namespace = m->namespace;
	s->metadata.uid = m->uid;
	s->metadata.resourceVersion = m->resourceVersion;
	s->metadata.creationTimestamp = m->creationTimestamp;
	s->spec.replicas = spec ? *spec : 0;
	s->status.replicas = status ? *status : 0;
	s->status.selector = selector_at(r, o, r->strategy->scale_selector);
	return ret;
}

static struct ref current(struct request *r, struct object **ret, struct err *e)
{
	struct object *cur = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
	if (!cur) {
		request_not_found(r, r->at.name, e);
		return (struct ref){0};
	}
	arena_defer(r->arena, (void (*)(void *))object_unref, cur);
	*ret = cur;
	return (struct ref){r->table->type, object_decode(cur, r->arena, e)};
}

static int validate(struct request *r, const struct autoscaling_v1_Scale *s, struct err *e)
{
	ERR(found);
	if (s->spec.replicas >= 0)
		return 0;
	err_cause(&found, "FieldValueInvalid", STR("spec.replicas"), "Invalid value: %d: must be greater than or equal to 0", s->spec.replicas);
	(void)!invalid_end(r, scale_type(), s->metadata.name, &found);
	err_move(e, &found);
	return -1;
}

static int wanted(struct request *r, struct ref was, struct ref *ret, struct err *e)
{
	if (r->call.verb == VERB_PATCH)
		return patch_next(r, was, ret, e);
	return endpoint_body(r, scale_type(), ret, e);
}

/* The write's owners are worked out on the Scale and go back to the object. */
static int own_replicas(struct request *r, struct ref was, struct ref next, struct ref o, struct err *e)
{
	struct managed_write w = {.manager = request_manager(r), .api_version = desc_str(scale_type()->api_version), .subresource = r->call.sub, .now = r->now};
	if (r->call.patch_type != PATCH_APPLY && managed_update(r->arena, was, next, &w, e))
		return -1;
	managed_scale_merge(r->arena, obj_meta(o), desc_str(desc_type(r->res->type)->api_version), r->strategy->scale_spec, obj_meta(next));
	return 0;
}

static int set_replicas(struct request *r, struct ref o, int32_t n, struct err *e)
{
	const struct field *f = NULL;
	struct str parent, last, path = str_of(r->strategy->scale_spec);
	if (str_has_prefix(path, STR(".")))
		path = str_sub(path, 1, path.n);
	if (!str_cut(path, '.', &parent, &last))
		return err_set(e, ERR_INTERNAL, "no place for replicas");
	const struct field *spec = field_by_name(o.type, parent, false);
	f = spec ? field_by_name(field_type(spec), last, false) : NULL;
	if (!f)
		return err_set(e, ERR_INTERNAL, "no place for replicas");
	void *obj = field_mutable(r->arena, o.p, spec);
	*(int32_t *)field_mutable(r->arena, obj, f) = n;
	return 0;
}

static int check_rv(struct request *r, const struct autoscaling_v1_Scale *s, const struct object *cur, bool *ret_free, struct err *e)
{
	uint64_t rv = 0;
	if (s->metadata.resourceVersion.n && str_u64(s->metadata.resourceVersion, &rv))
		return err_set(e, ERR_UNKNOWN, "strconv.ParseUint: parsing \"%.*s\": invalid syntax", STR_F(s->metadata.resourceVersion));
	*ret_free = rv == 0 || r->call.verb == VERB_PATCH;
	return rv && rv != cur->rev ? conflict_modified(r, cur->name, e) : 0;
}

static int scale_once(struct request *r, struct err *e)
{
	struct object *cur = NULL;
	struct ref old = current(r, &cur, e), next;
	bool free_rv = true;
	if (!old.p)
		return -1;
	struct ref was = scale_of(r, old);
	managed_scale_view(r->arena, obj_meta(old), r->strategy->scale_spec, obj_meta(was));
	if (wanted(r, was, &next, e))
		return -1;
	struct autoscaling_v1_Scale *s = next.p;
	if (meta_namespace(r, next, e) || meta_name(r, next, e) || check_rv(r, s, cur, &free_rv, e) || validate(r, s, e))
		return -1;
	struct ref o = {old.type, obj_copy(r->arena, old)};
	if (own_replicas(r, was, next, o, e) || set_replicas(r, o, s->spec.replicas, e))
		return -1;
	struct update u = {.cur = cur, .old = old, .next = o, .applied = true};
	r->type = old.type;
	int c = update_run(r, &u, e);
	r->type = scale_type();
	if (c == 0)
		r->answer = (struct answer){.kind = ANSWER_REF, .ref = scale_of(r, u.stored)};
	return c == 1 && !free_rv ? conflict_modified(r, cur->name, e) : c;
}

static int scale_get(struct request *r, struct err *e)
{
	struct object *cur;
	struct ref o = current(r, &cur, e);
	if (!o.p)
		return -1;
	r->answer = (struct answer){.kind = ANSWER_REF, .ref = scale_of(r, o)};
	return 0;
}

int verb_scale(struct request *r, struct err *e)
{
	if (r->call.verb == VERB_GET)
		return scale_get(r, e);
	if (r->call.verb == VERB_PATCH ? patch_body(r, e) : options_write(r, "UpdateOptions", e))
		return -1;
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		int c = scale_once(r, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, r->at.name, e);
}
