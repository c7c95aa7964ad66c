/* From client-side to server-side apply (KEP-3980): fields that only the client's applies set would otherwise never be removed again. */
#include "kubectl/change.h"

#define CLIENT_SIDE "kubectl-client-side-apply"
#define SERVER_SIDE "kubectl"

static bool has_text(const struct value *entry, const char *member, const char *want)
{
	return str_is(value_path_str(entry, member), want);
}

/* Who else had set the annotation must not remove it by leaving it out. */
static struct value *keep_annotation(struct ctl *c, const struct target *t, const struct value *obj, struct err *e)
{
	struct value *only = value_new(c->a, V_OBJECT);
	value_set(c->a, only, STR("apiVersion"), value_get(obj, STR("apiVersion")));
	value_set(c->a, only, STR("kind"), value_get(obj, STR("kind")));
	struct value *annotations = object_map(c, only, "annotations"), *meta = value_get(only, STR("metadata"));
	value_set(c->a, meta, STR("name"), value_str(c->a, t->name));
	if (t->ns.n)
		value_set(c->a, meta, STR("namespace"), value_str(c->a, t->ns));
	value_set(c->a, annotations, STR(LAST_APPLIED), value_str(c->a, change_last_applied(obj)));
	BUF(path);
	mapping_path(&path, t->m, t->ns, t->name, NULL);
	query_add(&path, "fieldManager", STR("kubectl-last-applied"));
	query_add(&path, "force", STR("true"));
	return rest_json(c, &(struct request){.method = "PATCH", .path = buf_view(&path), .content_type = "application/apply-patch+yaml", .body = rest_body(c, only)}, e);
}

static void unite(struct arena *a, struct value *to, const struct value *more)
{
	for (uint32_t i = 0; more && more->type == V_OBJECT && i < more->object.len; i++) {
		struct value *have = value_get(to, more->object.items[i].key);
		if (have && have->type == V_OBJECT)
			unite(a, have, more->object.items[i].value);
		else
			value_set(a, to, more->object.items[i].key, more->object.items[i].value);
	}
}

static bool is_entry(const struct value *entry, const char *manager, const char *operation)
{
	return has_text(entry, "manager", manager) && has_text(entry, "operation", operation) && !value_path_str(entry, "subresource").n;
}

/* The entries without those of the client's applies, whose fields go to the server-side manager; NULL: there are none. */
static struct value *moved_entries(struct ctl *c, const struct value *obj)
{
	struct value *old = value_path(obj, "metadata.managedFields"), *entries = value_new(c->a, V_LIST), *into = NULL, *fields = value_new(c->a, V_OBJECT);
	bool found = false;
	for (uint32_t i = 0; old && old->type == V_LIST && i < old->list.len; i++) {
		struct value *entry = value_copy(c->a, old->list.items[i]);
		if (is_entry(entry, CLIENT_SIDE, "Update")) {
			unite(c->a, fields, value_get(entry, STR("fieldsV1")));
			found = true;
			continue;
		}
		if (is_entry(entry, SERVER_SIDE, "Apply"))
			into = entry;
		value_push(c->a, entries, entry);
	}
	if (!found || !into)
		return NULL;
	unite(c->a, value_get(into, STR("fieldsV1")), fields);
	return entries;
}

static struct value *op(struct arena *a, const char *path, struct value *v)
{
	struct value *o = value_new(a, V_OBJECT);
	value_set(a, o, STR("op"), value_str(a, STR("replace")));
	value_set(a, o, STR("path"), value_str(a, str_of(path)));
	value_set(a, o, STR("value"), v);
	return o;
}

int apply_migrate(struct ctl *c, const struct target *t, const struct value *applied, struct err *e)
{
	if (opt_given(c, "field-manager"))
		return 0;
	if (change_last_applied(applied).n && !(applied = keep_annotation(c, t, applied, e)))
		return -1;
	struct value *entries = moved_entries(c, applied), *ops = value_new(c->a, V_LIST);
	if (!entries)
		return 0;
	value_push(c->a, ops, op(c->a, "/metadata/managedFields", entries));
	value_push(c->a, ops, op(c->a, "/metadata/resourceVersion", value_str(c->a, value_path_str(applied, "metadata.resourceVersion"))));
	return change_patch(c, t, CHANGE_JSON, ops, NULL, DRY_NONE, e) ? 1 : -1;
}
