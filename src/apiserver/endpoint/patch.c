/* PATCH: JSON, merge and strategic merge patches, and apply. */
#include "apiserver/endpoint/endpoint.h"
#include "base/enc.h"
#include "codec/defaults.h"
#include "codec/json.h"
#include "codec/managed.h"
#include "codec/ops.h"
#include "codec/patch.h"
#include "codec/yaml.h"
#include "gen/meta_v1.h"
#include <stdlib.h>

static const struct {
	const char *name;
	enum patch_type type;
} patch_types[] = {
	{"application/json-patch+json", PATCH_JSON},
	{"application/merge-patch+json", PATCH_MERGE},
	{"application/strategic-merge-patch+json", PATCH_STRATEGIC},
	{"application/apply-patch+yaml", PATCH_APPLY},
};

enum patch_type patch_type_of(struct str content_type)
{
	struct str media;
	str_cut(content_type, ';', &media, &(struct str){0});
	media = str_trim(media);
	for (size_t i = 0; i < ARRAY_LEN(patch_types); i++)
		if (str_is(media, patch_types[i].name))
			return patch_types[i].type;
	return PATCH_NONE;
}

/* A 422 on "patch" of no kind in particular, as upstream answers when the patched document does not decode. */
static int bad_result(struct str document, struct err *why, struct err *e)
{
	BUF(q);
	struct err found = {0};
	enc_quote(&q, document);
	err_cause(&found, "FieldValueInvalid", STR("patch"), "Invalid value: %.*s: %s", STR_F(buf_view(&q)), err_text(why));
	found.message = str_printf(found.mem, " \"\" is invalid: patch: %.*s", STR_F(found.causes[0].message));
	err_move(e, &found);
	return -1;
}

static int by_key(const void *x, const void *y) { return str_cmp(((const struct member *)x)->key, ((const struct member *)y)->key); }

/* What a patch has touched is written in order of keys. */
static void sort_touched(struct value *doc, const struct value *patch)
{
	if (doc->type != V_OBJECT)
		return;
	if (doc->object.len)
		qsort(doc->object.items, doc->object.len, sizeof *doc->object.items, by_key);
	for (uint32_t i = 0; patch && patch->type == V_OBJECT && i < patch->object.len; i++) {
		struct value *next = value_get(doc, patch->object.items[i].key);
		if (next)
			sort_touched(next, patch->object.items[i].value);
	}
}

/* JSON and merge patches give a text that does not decode, strategic ones a document that does not fit: each is told in its own words. */
static int not_decodable(struct request *r, struct ref cur, struct value *doc, const struct value *patch, struct err *why, struct err *e)
{
	BUF(text);
	ERR(decoding);
	if (r->call.patch_type == PATCH_STRATEGIC) {
		value_write_go(&text, patch);
		return bad_result(buf_view(&text), why, e);
	}
	sort_touched(doc, patch);
	json_write(&text, doc);
	bool same = json_decode(r->arena, cur.type, buf_view(&text), NULL, obj_new(r->arena, cur.type), &decoding) == 0; /* only too strictly read */
	return bad_result(buf_view(&text), same ? why : &decoding, e);
}

/* Members of operations that mean nothing. */
static void complain_of_ops(struct strictness *s, const struct value *ops)
{
	static const char *const known[] = {"op", "path", "from", "value"};
	for (uint32_t i = 0; ops->type == V_LIST && i < ops->list.len; i++) {
		const struct value *o = ops->list.items[i];
		for (uint32_t j = 0; o->type == V_OBJECT && j < o->object.len; j++) {
			bool is_known = false;
			for (size_t k = 0; k < ARRAY_LEN(known); k++)
				is_known |= str_is(o->object.items[j].key, known[k]);
			if (!is_known)
				strictness_complain(s, str_printf(s->r->arena, "json patch unknown field \"[%u].%.*s\"", i, STR_F(o->object.items[j].key)));
		}
	}
}

static int parse_patch(struct request *r, struct str body, struct value **ret, struct err *e)
{
	struct json_opts o = {.flags = 0};
	return json_parse(r->arena, body, &o, ret, e);
}

static struct value *patched(struct request *r, struct ref cur, struct value **ret_patch, struct err *e)
{
	struct value *doc = obj_to_value(r->arena, cur), *patch = NULL;
	struct str body = r->call.patch;
	if (r->call.patch_type == PATCH_JSON) {
		doc = patch_json(r->arena, doc, body, e);
		if (!doc && err_is(e, ERR_INVALID)) /* details: {} */
			err_object(e, (struct str){0}, STR(""), (struct str){0});
		return doc && parse_patch(r, body, ret_patch, e) == 0 ? doc : NULL;
	}
	if (parse_patch(r, body, &patch, e)) {
		if (r->call.patch_type == PATCH_MERGE)
			err_wrap(e, "error decoding patch");
		return NULL;
	}
	*ret_patch = patch;
	if (r->call.patch_type == PATCH_MERGE)
		return patch_merge(r->arena, doc, patch, e);
	return patch_strategic(r->arena, cur.type, doc, patch, e);
}

/* ---- merge patches name the members that they touch: only those take the way through a document ---- */

static bool names_members(const struct value *patch, const struct type *t)
{
	if (!patch || patch->type != V_OBJECT)
		return false;
	for (uint32_t i = 0; i < patch->object.len; i++)
		if (!field_by_name(t, patch->object.items[i].key, false))
			return false; /* $directives and unknown names concern the whole */
	for (unsigned i = 0; i < t->nfields; i++)
		if (type_field(t, i)->kind == K_RAW)
			return false; /* the text is written anew, without its spaces */
	return true;
}

/* A member of which the patch names members in turn. */
static bool goes_deeper(const struct field *f, const struct value *patch)
{
	bool by_value = f->card == ONE && f->kind == K_MESSAGE && !(f->flags & FIELD_PTR);
	return by_value && field_type(f)->form == FORM_OBJECT && names_members(patch, field_type(f));
}

/* The members that the patch names, or the others; shared with from. */
static void copy_part(const struct type *t, void *to, void *from, const struct value *patch, bool named)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		const struct value *sub = value_get(patch, field_name(f));
		if (goes_deeper(f, sub))
			copy_part(field_type(f), field_at(to, f), field_at(from, f), sub, named);
		else if ((sub != NULL) == named)
			member_copy(f, to, from);
	}
}

static struct ref part_of(struct arena *a, struct ref o, const struct value *patch, bool named)
{
	struct ref part = {o.type, obj_new(a, o.type)};
	if (part.p)
		copy_part(o.type, part.p, o.p, patch, named);
	return part;
}

/* Without the zeros that stand where members are not part of it. */
static struct value *named_only(struct arena *a, const struct type *t, const struct value *all, const struct value *patch)
{
	struct value *doc = all ? value_new(a, V_OBJECT) : NULL;
	for (uint32_t i = 0; doc && i < all->object.len; i++) {
		const struct member *m = &all->object.items[i];
		const struct value *sub = value_get(patch, m->key);
		const struct field *f = sub ? field_by_name(t, m->key, false) : NULL;
		struct value *v = f && goes_deeper(f, sub) ? named_only(a, field_type(f), m->value, sub) : m->value;
		if (!v)
			return NULL;
		if (sub)
			value_set(a, doc, m->key, v);
	}
	return doc;
}

static struct value *part_document(struct arena *a, struct ref o, const struct value *patch)
{
	struct ref part = part_of(a, o, patch, true);
	return part.p ? named_only(a, o.type, obj_to_value(a, part), patch) : NULL;
}

/* False: the long way has to be gone, and tells what is wrong, if anything is. */
static bool patch_part(struct request *r, struct ref cur, struct ref *ret)
{
	struct strictness strict = {.r = r};
	struct json_opts o = {.flags = str_is(r->call.field_validation, "Ignore") ? 0 : JSON_STRICT, .complain = strictness_complain, .arg = &strict};
	struct value *patch = NULL;
	struct arena *a = r->arena;
	ERR(e);
	if (r->call.patch_type == PATCH_JSON || parse_patch(r, r->call.patch, &patch, &e) || !names_members(patch, cur.type))
		return false;
	struct value *doc = part_document(a, cur, patch);
	if (doc)
		doc = r->call.patch_type == PATCH_MERGE ? patch_merge(a, doc, patch, &e) : patch_strategic(a, cur.type, doc, patch, &e);
	struct ref rest = part_of(a, cur, patch, false), next = {cur.type, rest.p && doc ? obj_copy(a, rest) : NULL};
	if (!next.p || obj_from_value(a, cur.type, doc, &o, next.p, &e) || strictness_end(&strict, NULL, &e))
		return false;
	*ret = next;
	return true;
}

/* The patched document as an object of the same type. */
static int patch_whole(struct request *r, struct ref cur, struct ref *ret, struct err *e)
{
	struct strictness strict = {.r = r};
	bool lax = str_is(r->call.field_validation, "Ignore");
	struct json_opts o = {.flags = lax ? 0 : JSON_STRICT, .complain = strictness_complain, .arg = &strict};
	struct value *patch = NULL, *doc = patched(r, cur, &patch, e);
	if (!doc)
		return -1;
	if (r->call.patch_type == PATCH_JSON && !lax)
		complain_of_ops(&strict, patch);
	struct ref next = {cur.type, obj_new(r->arena, cur.type)};
	ERR(why);
	if (!next.p)
		return err_nomem(e, cur.type->size);
	if (obj_from_value(r->arena, cur.type, doc, &o, next.p, &why) || strictness_end(&strict, NULL, &why))
		return not_decodable(r, cur, doc, patch, &why, e);
	*ret = next;
	return 0;
}

static int patch_apply_to(struct request *r, struct ref cur, struct ref *ret, struct err *e)
{
	if (!patch_part(r, cur, ret) && patch_whole(r, cur, ret, e))
		return -1;
	obj_set_type(*ret);
	request_default(r, *ret);
	return 0;
}

/* ---- conditions in the patched object ---- */

static int check_conditions(struct request *r, const struct meta_v1_ObjectMeta *m, const struct object *cur, struct err *e)
{
	uint64_t rv = 0;
	if (m->resourceVersion.n && str_u64(m->resourceVersion, &rv))
		return err_set(e, ERR_UNKNOWN, "strconv.ParseUint: parsing \"%.*s\": invalid syntax", STR_F(m->resourceVersion));
	if (r->call.patch_type == PATCH_APPLY && m->uid.n && !str_eq(m->uid, cur->uid))
		return conflict_uid(r, cur->name, m->uid, cur->uid, "0", e);
	return rv && rv != cur->rev ? conflict_modified(r, cur->name, e) : 0;
}

/* ---- apply ---- */

static const char *const go_names[] = {[V_BOOL] = "bool", [V_INT] = "number", [V_DOUBLE] = "number", [V_STRING] = "string", [V_LIST] = "array"};

static int config_parse(struct request *r, struct value **ret, struct err *e)
{
	struct strictness s = {.r = r};
	bool lax = str_is(r->call.field_validation, "Ignore");
	struct json_opts o = {.flags = lax ? 0 : JSON_STRICT, .complain = strictness_complain, .arg = &s};
	if (yaml_parse(r->arena, r->call.patch, &o, ret, e))
		return err_set(e, ERR_BAD_REQUEST, "error decoding YAML: error converting YAML to JSON: %s", err_text(e));
	if ((*ret)->type != V_OBJECT && (*ret)->type != V_NULL)
		return err_set(e, ERR_BAD_REQUEST,
			"error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go value of type map[string]interface {}",
			go_names[(*ret)->type]);
	if (s.complaints.len && str_is(r->call.field_validation, "Strict"))
		return err_set(e, ERR_BAD_REQUEST, "error strict decoding YAML: error converting YAML to JSON: %.*s", STR_F(s.complaints.items[0]));
	return strictness_end(&s, NULL, e);
}

static int apply_config(struct request *r, struct value **ret, struct err *e)
{
	struct value *v = NULL;
	if (config_parse(r, &v, e))
		return -1;
	struct str api = value_path_str(v, "apiVersion"), kind = value_path_str(v, "kind");
	if (!str_eq(api, desc_str(r->type->api_version)) || !str_eq(kind, desc_str(r->type->kind)))
		return err_set(e, ERR_BAD_REQUEST, "invalid object type: %s%.*s, Kind=%.*s", str_index(api, '/', 0) < 0 ? "/" : "", STR_F(api), STR_F(kind));
	struct value *meta = value_get(v, STR("metadata")), *managed = value_get(meta, STR("managedFields"));
	if (managed && managed->type == V_LIST && managed->list.len)
		return err_set(e, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
	*ret = v;
	return 0;
}

static int apply_create(struct request *r, struct value *config, struct err *e)
{
	struct managed_write w = request_managed(r);
	struct ref next;
	if (r->sub)
		return request_not_found(r, r->at.name, e);
	if (managed_apply(r->arena, (struct ref){r->type, NULL}, config, r->type, r->call.force, &w, &next, e))
		return -1;
	obj_set_type(next);
	request_default(r, next);
	if (meta_namespace(r, next, e) || meta_name(r, next, e))
		return -1;
	struct meta_v1_ObjectMeta *m = obj_meta(next);
	if (m->uid.n)
		return conflict_uid(r, r->at.name, m->uid, STR(""), "0", e);
	m->resourceVersion = (struct str){0};
	r->applied = true;
	return create_run(r, next, e);
}

static int apply_next(struct request *r, struct ref was, struct ref *ret, struct err *e)
{
	struct managed_write w = request_managed(r);
	struct value *config = NULL;
	if (apply_config(r, &config, e) || managed_apply(r->arena, was, config, r->type, r->call.force, &w, ret, e))
		return -1;
	obj_set_type(*ret);
	request_default(r, *ret);
	return 0;
}

/* ---- the verb ---- */

int patch_next(struct request *r, struct ref was, struct ref *ret, struct err *e)
{
	return r->call.patch_type == PATCH_APPLY ? apply_next(r, was, ret, e) : patch_apply_to(r, was, ret, e);
}

static int patch_missing(struct request *r, struct err *e)
{
	struct value *config = NULL;
	if (r->call.patch_type != PATCH_APPLY)
		return request_not_found(r, r->at.name, e);
	if (apply_config(r, &config, e))
		return -1;
	return apply_create(r, config, e);
}

static int patch_once(struct request *r, struct err *e)
{
	struct object *cur = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
	if (!cur)
		return patch_missing(r, e);
	arena_defer(r->arena, (void (*)(void *))object_unref, cur);
	struct update u = {.cur = cur, .applied = r->call.patch_type == PATCH_APPLY, .old = {r->table->type, object_decode(cur, r->arena, e)}};
	if (!u.old.p)
		return -1;
	struct ref was = object_as(r->arena, u.old, r->type);
	if (patch_next(r, was, &u.next, e))
		return -1;
	if (check_conditions(r, obj_meta(u.next), cur, e) || meta_namespace(r, u.next, e) || meta_name(r, u.next, e))
		return -1;
	int c = update_run(r, &u, e);
	if (c == 0)
		r->answer = (struct answer){.kind = ANSWER_REF, .ref = u.stored, .table = r->call.dry_run || u.deleted || u.unchanged ? NULL : r->table};
	return c;
}

/* Reads the patch itself; in process it is there. */
int patch_body(struct request *r, struct err *e)
{
	if (!r->http)
		return 0;
	r->call.patch_type = patch_type_of(req_header(r->http, STR("content-type")));
	if (request_body(r, e))
		return -1;
	r->call.patch = r->body;
	return options_write(r, "PatchOptions", e);
}

int verb_patch(struct request *r, struct err *e)
{
	if (patch_body(r, e))
		return -1;
	uint32_t warnings = r->warnings.len;
	for (unsigned i = 0; i < WRITE_ATTEMPTS; i++) {
		r->warnings.len = warnings;
		int c = patch_once(r, e);
		if (c <= 0)
			return c;
	}
	return conflict_modified(r, r->at.name, e);
}
