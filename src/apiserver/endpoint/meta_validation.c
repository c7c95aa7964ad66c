/* Validation of ObjectMeta, for all kinds: upstream's messages in upstream's order. */
#include "apiserver/endpoint/endpoint.h"
#include "api/name.h"
#include "base/enc.h"
#include "codec/json.h"
#include "gen/meta_v1.h"
#include <stdio.h>

#define ANNOTATIONS_MAX (256 * 1024) /* bytes of all keys and values, upstream's TotalAnnotationSizeLimitB */

static void invalid(struct err *e, const char *field, struct str value, const char *why)
{
	BUF(q);
	enc_quote(&q, value);
	err_cause(e, "FieldValueInvalid", str_of(field), "Invalid value: %.*s: %s", STR_F(buf_view(&q)), why);
}

static void all_wrong(struct err *e, const char *field, struct str value, struct wrong w)
{
	for (unsigned i = 0; i < w.n; i++)
		invalid(e, field, value, w.v[i]);
}

static void required(struct err *e, const char *field, const char *why) { err_cause(e, "FieldValueRequired", str_of(field), "Required value: %s", why); }
static void forbidden(struct err *e, const char *field, const char *why) { err_cause(e, "FieldValueForbidden", str_of(field), "Forbidden: %s", why); }

static void check_name(struct request *r, struct str name, bool prefix, const char *field, struct err *e)
{
	if (r->strategy->validate_name) {
		ERR(found);
		r->strategy->validate_name(name, prefix, &found);
		for (uint32_t i = 0; i < found.ncauses; i++)
			err_cause(e, found.causes[i].type, str_of(field), "%.*s", STR_F(found.causes[i].message));
		return;
	}
	struct str base = prefix && name.n && name.p[name.n - 1] == '-' ? str_printf(r->arena, "%.*sa", (int)name.n - 1, name.p) : name;
	all_wrong(e, field, name, name_dns1123_subdomain(base));
}

static void check_names(struct request *r, const struct meta_v1_ObjectMeta *m, struct err *e)
{
	if (m->generateName.n)
		check_name(r, m->generateName, true, "metadata.generateName", e);
	if (!m->name.n)
		required(e, "metadata.name", "name or generateName is required");
	else
		check_name(r, m->name, false, "metadata.name", e);
}

static void check_namespace(struct request *r, const struct meta_v1_ObjectMeta *m, struct err *e)
{
	if (!r->res->namespaced) {
		if (m->namespace.n)
			forbidden(e, "metadata.namespace", "not allowed on this type");
	} else if (!m->namespace.n) {
		required(e, "metadata.namespace", "");
	} else {
		all_wrong(e, "metadata.namespace", m->namespace, name_dns1123_label(m->namespace));
	}
}

static void check_labels(const struct str_map *labels, struct err *e)
{
	LIST_EACH(l, *labels) {
		all_wrong(e, "metadata.labels", l->key, name_qualified(l->key));
		all_wrong(e, "metadata.labels", l->value, name_label_value(l->value));
	}
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* s itself where nothing has to change. */
static struct str lowered(struct buf *b, struct str s)
{
	size_t upper = 0;
	buf_clear(b);
	for (size_t i = 0; i < s.n; i++)
		upper += is_upper(s.p[i]);
	for (size_t i = 0; upper && i < s.n; i++)
		buf_char(b, (char)(is_upper(s.p[i]) ? s.p[i] + 32 : s.p[i]));
	return upper ? buf_view(b) : s;
}

static void check_annotations(const struct str_map *annotations, struct err *e)
{
	size_t total = 0;
	BUF(low);
	LIST_EACH(a, *annotations) {
		all_wrong(e, "metadata.annotations", a->key, name_qualified(lowered(&low, a->key)));
		total += a->key.n + a->value.n;
	}
	if (total > ANNOTATIONS_MAX)
		err_cause(e, "FieldValueTooLong", STR("metadata.annotations"), "Too long: may not be more than %d bytes", ANNOTATIONS_MAX);
}

static struct str group_of(struct str api_version) { struct str g, v; return str_cut(api_version, '/', &g, &v) ? g : STR(""); }

#define OWNERS "metadata.ownerReferences"

static void invalid_owners(struct err *e, const struct meta_v1_OwnerReference *v, uint32_t n, bool list, const char *why)
{
	BUF(json);
	for (uint32_t i = 0; i < n; i++) {
		buf_str(&json, i ? STR(",") : STR(""));
		json_encode(&json, (struct ref){type_by_name(STR("meta/v1.OwnerReference")), (void *)&v[i]});
	}
	err_cause(e, "FieldValueInvalid", STR(OWNERS), "Invalid value: %s%.*s%s: %s", list ? "[" : "", STR_F(buf_view(&json)), list ? "]" : "", why);
}

static void check_owner(const struct meta_v1_OwnerReference *o, struct err *e)
{
	struct str version, group = group_of(o->apiVersion);
	if (!str_cut(o->apiVersion, '/', &(struct str){0}, &version))
		version = o->apiVersion;
	if (!version.n || str_index(version, '/', 0) >= 0)
		invalid(e, OWNERS ".apiVersion", o->apiVersion, "version must not be empty");
	if (!o->kind.n)
		invalid(e, OWNERS ".kind", o->kind, "must not be empty");
	if (!o->name.n)
		invalid(e, OWNERS ".name", o->name, "must not be empty");
	if (!o->uid.n)
		invalid(e, OWNERS ".uid", o->uid, "must not be empty");
	if (!group.n && str_is(o->kind, "Event") && str_is(version, "v1"))
		invalid_owners(e, o, 1, false, "/v1, Kind=Event is disallowed from being an owner");
}

static void check_owners(const struct meta_v1_ObjectMeta *m, struct err *e)
{
	const struct meta_v1_OwnerReference *controller = NULL;
	LIST_EACH(o, m->ownerReferences) {
		check_owner(o, e);
		if (!o->has_controller || !o->controller)
			continue;
		if (controller) {
			BUF(why);
			buf_printf(&why, "Only one reference can have Controller set to true. Found \"true\" in references for %.*s/%.*s and %.*s/%.*s", STR_F(controller->kind),
				STR_F(controller->name), STR_F(o->kind), STR_F(o->name));
			invalid_owners(e, m->ownerReferences.items, m->ownerReferences.len, true, buf_z(&why));
		}
		controller = o;
	}
}

static bool known_finalizer(struct str f)
{
	return str_is(f, "orphan") || str_is(f, "foregroundDeletion") || str_is(f, "kubernetes");
}

static void check_finalizers(const struct meta_v1_ObjectMeta *m, bool known, struct err *e)
{
	bool orphan = false, foreground = false;
	LIST_EACH(f, m->finalizers) {
		all_wrong(e, "metadata.finalizers", *f, name_qualified(*f));
		char field[40];
		snprintf(field, sizeof field, "metadata.finalizers[%u]", (unsigned)(f - m->finalizers.items));
		if (known && str_index(*f, '/', 0) < 0 && !known_finalizer(*f))
			invalid(e, field, *f, "name is neither a standard finalizer name nor is it fully qualified");
		orphan |= str_is(*f, "orphan");
		foreground |= str_is(*f, "foregroundDeletion");
	}
	if (orphan && foreground)
		err_cause(e, "FieldValueInvalid", STR("metadata.finalizers"), "Invalid value: finalizer %s and %s cannot be both set", "orphan", "foregroundDeletion");
}

static void check_managed_fields(const struct meta_v1_ObjectMeta *m, struct err *e)
{
	uint32_t i = 0;
	LIST_EACH(f, m->managedFields) {
		char field[64];
		snprintf(field, sizeof field, "metadata.managedFields[%u].fieldsType", i++);
		if (f->fieldsType.n && !str_is(f->fieldsType, "FieldsV1"))
			invalid(e, field, f->fieldsType, "must be `FieldsV1`");
	}
}

enum finalizers { FINALIZERS_NONE, FINALIZERS_SYNTAX, FINALIZERS_KNOWN };

/* The part that creates and updates share, after the names. */
static void check_rest(const struct meta_v1_ObjectMeta *m, enum finalizers f, struct err *e)
{
	if (m->generation < 0)
		err_cause(e, "FieldValueInvalid", STR("metadata.generation"), "Invalid value: %lld: must be greater than or equal to 0", (long long)m->generation);
	check_labels(&m->labels, e);
	check_annotations(&m->annotations, e);
	check_owners(m, e);
	if (f)
		check_finalizers(m, f == FINALIZERS_KNOWN, e);
	check_managed_fields(m, e);
}

void meta_validate(struct request *r, const struct meta_v1_ObjectMeta *m, struct err *e)
{
	check_names(r, m, e);
	check_namespace(r, m, e);
	check_rest(m, FINALIZERS_KNOWN, e);
}

/* ---- updates ---- */

static void immutable(struct err *e, const char *field, struct str value)
{
	invalid(e, field, value, "field is immutable");
}

static void check_new_finalizers(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e)
{
	BUF(added);
	if (!m->has_deletionTimestamp)
		return;
	LIST_EACH(f, m->finalizers) {
		bool had = false;
		LIST_EACH(g, old->finalizers)
			had |= str_eq(*f, *g);
		if (had)
			continue;
		if (added.n)
			buf_lit(&added, ", ");
		enc_quote(&added, *f);
	}
	if (added.n)
		err_cause(e, "FieldValueForbidden", STR("metadata.finalizers"),
			"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{%.*s}", STR_F(buf_view(&added)));
}

static void time_immutable(struct err *e, const char *field, bool same, const struct api_time *t)
{
	if (same)
		return;
	BUF(text);
	if (t->set)
		time_rfc3339(&text, t->sec, 0, 0);
	else
		buf_lit(&text, "null");
	err_cause(e, "FieldValueInvalid", str_of(field), "Invalid value: %s%.*s%s: field is immutable", t->set ? "\"" : "", STR_F(buf_view(&text)), t->set ? "\"" : "");
}

static bool same_time(const struct api_time *a, const struct api_time *b) { return a->set == b->set && a->sec == b->sec; }

static void check_deletion(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e)
{
	/* A client may not set these; what was set has been carried over. */
	bool same = m->has_deletionTimestamp == old->has_deletionTimestamp && same_time(&m->deletionTimestamp, &old->deletionTimestamp);
	time_immutable(e, "metadata.deletionTimestamp", same, &m->deletionTimestamp);
	if (m->has_deletionGracePeriodSeconds != old->has_deletionGracePeriodSeconds || m->deletionGracePeriodSeconds != old->deletionGracePeriodSeconds)
		err_cause(e, "FieldValueInvalid", STR("metadata.deletionGracePeriodSeconds"), "Invalid value: %lld: field is immutable", (long long)m->deletionGracePeriodSeconds);
}

static void check_immutable(struct err *e, const char *field, struct str value, struct str old)
{
	if (!str_eq(value, old))
		immutable(e, field, value);
}

void meta_validate_update(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e)
{
	check_new_finalizers(m, old, e);
	if (!m->resourceVersion.n)
		invalid(e, "metadata.resourceVersion", m->resourceVersion, "must be specified for an update");
	if (m->generation < old->generation)
		err_cause(e, "FieldValueInvalid", STR("metadata.generation"), "Invalid value: %lld: must not be decremented", (long long)m->generation);
	check_immutable(e, "metadata.name", m->name, old->name);
	check_immutable(e, "metadata.namespace", m->namespace, old->namespace);
	check_immutable(e, "metadata.uid", m->uid, old->uid);
	time_immutable(e, "metadata.creationTimestamp", same_time(&m->creationTimestamp, &old->creationTimestamp), &m->creationTimestamp);
	check_deletion(m, old, e);
	check_rest(m, FINALIZERS_NONE, e);
}

void meta_validate_any_update(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e)
{
	check_rest(m, FINALIZERS_SYNTAX, e);
	meta_validate_update(m, old, e);
}

/* Several checks may find the same: all of them are causes, the text says it once. */
static bool told_before(const struct err *e, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (str_eq(e->causes[i].field, e->causes[at].field) && str_eq(e->causes[i].message, e->causes[at].message))
			return true;
	return false;
}

int invalid_end(struct request *r, const struct type *t, struct str name, struct err *e)
{
	struct str group = desc_str(t->group);
	if (!e->ncauses)
		return 0;
	BUF(m);
	uint32_t told = 0;
	for (uint32_t i = 0; i < e->ncauses; i++) {
		if (!told_before(e, i))
			buf_printf(&m, "%s%.*s: %.*s", told++ ? ", " : "", STR_F(e->causes[i].field), STR_F(e->causes[i].message));
	}
	(void)r;
	e->reason = ERR_INVALID;
	e->code = err_reason_code(ERR_INVALID);
	e->message = str_printf(e->mem, "%s%s%.*s \"%.*s\" is invalid: %s%.*s%s", desc_z(t->kind), group.n ? "." : "", STR_F(group), STR_F(name), told > 1 ? "[" : "",
		STR_F(buf_view(&m)), told > 1 ? "]" : "");
	err_object(e, group, desc_str(t->kind), name);
	return -1;
}
