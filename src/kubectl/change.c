#include "kubectl/change.h"
#include "codec/json.h"
#include "codec/patch.h"

static const char *validation(struct ctl *c)
{
	struct str v = opt_exists(c, "validate") ? opt(c, "validate") : STR("");
	if (str_is(v, "strict") || str_is(v, "true"))
		return "Strict";
	if (str_is(v, "warn"))
		return "Warn";
	return v.n ? "Ignore" : NULL;
}

static void add_options(struct ctl *c, const struct change *ch, struct buf *path)
{
	struct str manager = opt_exists(c, "field-manager") ? opt(c, "field-manager") : str_of(ch->manager);
	if (ch->dry == DRY_SERVER)
		query_add(path, "dryRun", STR("All"));
	if (manager.n && ch->manager)
		query_add(path, "fieldManager", opt_exists(c, "field-manager") && opt_given(c, "field-manager") ? manager : str_of(ch->manager));
	if (ch->validate)
		query_add(path, "fieldValidation", str_of(validation(c)));
	if (ch->force)
		query_add(path, "force", STR("true"));
}

struct value *change_send(struct ctl *c, const struct target *t, const struct change *ch, struct err *e)
{
	BUF(path);
	bool create = strcmp(ch->method, "POST") == 0 && !ch->sub;
	mapping_path(&path, t->m, t->ns, create ? (struct str){0} : t->name, ch->sub);
	add_options(c, ch, &path);
	const char *type = ch->content_type ? ch->content_type : "application/json";
	return rest_json(c, &(struct request){.method = ch->method, .path = buf_view(&path), .content_type = type, .body = ch->body}, e);
}

struct value *change_create(struct ctl *c, const struct target *t, const char *manager, enum dry_run dry, struct err *e)
{
	struct change ch = {.method = "POST", .body = rest_body(c, t->obj), .manager = manager, .dry = dry, .validate = true};
	return dry == DRY_CLIENT ? t->obj : change_send(c, t, &ch, e);
}

static struct value *patch_here(struct ctl *c, const struct target *t, enum change_patch type, const struct value *patch, struct err *e)
{
	struct value *doc = value_copy(c->a, t->obj), *v;
	if (type == CHANGE_JSON)
		v = patch_json_ops(c->a, doc, patch, e);
	else if (type == CHANGE_STRATEGIC && t->m->type)
		v = patch_strategic(c->a, t->m->type, doc, patch, e);
	else
		v = patch_merge(c->a, doc, patch, e);
	if (v)
		value_sort(v);
	return v;
}

enum change_patch change_patch_of(const struct target *t) { return t->m->type ? CHANGE_STRATEGIC : CHANGE_MERGE; }

struct value *change_patch(struct ctl *c, const struct target *t, enum change_patch type, const struct value *patch, const char *manager, enum dry_run dry,
	struct err *e)
{
	static const char *const types[] = {
		[CHANGE_MERGE] = "application/merge-patch+json", [CHANGE_STRATEGIC] = "application/strategic-merge-patch+json",
		[CHANGE_JSON] = "application/json-patch+json",
	};
	if (dry == DRY_CLIENT)
		return patch_here(c, t, type, patch, e);
	struct change ch = {.method = "PATCH", .content_type = types[type], .body = rest_body(c, patch), .manager = manager, .dry = dry};
	return change_send(c, t, &ch, e);
}

int change_each(struct ctl *c, struct targets *ts, int (*one)(void *arg, struct target *t, struct err *e), void *arg, struct err *e)
{
	for (uint32_t i = 0; i < ts->len; i++) {
		int failed = one(arg, &ts->items[i], e);
		if (failed && e->sys > 0)
			return -1;
		if (failed)
			ctl_problem(c, e);
		ctl_flush(c);
	}
	return 0;
}

struct value *object_map(struct ctl *c, struct value *obj, const char *name)
{
	struct value *meta = value_get(obj, STR("metadata"));
	if (!meta || meta->type != V_OBJECT)
		value_set(c->a, obj, STR("metadata"), meta = value_new(c->a, V_OBJECT));
	struct value *m = value_get(meta, str_of(name));
	if (!m || m->type != V_OBJECT) {
		value_set(c->a, meta, str_of(name), m = value_new(c->a, V_OBJECT));
		value_sort(meta);
	}
	return m;
}

void change_set_last_applied(struct ctl *c, struct value *obj)
{
	BUF(text);
	struct value *annotations = object_map(c, obj, "annotations");
	value_del(annotations, STR(LAST_APPLIED));
	value_sort(obj);
	json_write(&text, obj);
	buf_char(&text, '\n');
	value_set(c->a, annotations, STR(LAST_APPLIED), value_str(c->a, buf_take(&text, c->a)));
	value_sort(annotations);
}

struct str change_last_applied(const struct value *obj)
{
	const struct value *v = value_get(value_path(obj, "metadata.annotations"), STR(LAST_APPLIED));
	return v && v->type == V_STRING ? v->s : (struct str){0};
}
