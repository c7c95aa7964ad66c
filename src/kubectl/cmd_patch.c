/* patch: fields of objects, by one of the three kinds of patches. */
#include "codec/json.h"
#include "codec/yaml.h"
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/files.h"

struct patch {
	struct ctl *c;
	struct targets ts;
	struct printer p;
	enum dry_run dry;
	enum change_patch type;
	struct value *v;     /* NULL: text is not YAML, and goes to the server as it is */
	struct str text;
};

static int read_type(struct patch *p, struct err *e)
{
	struct str t = opt(p->c, "type");
	if (str_is(t, "merge"))
		p->type = CHANGE_MERGE;
	else if (str_is(t, "json"))
		p->type = CHANGE_JSON;
	else if (str_is(t, "strategic"))
		p->type = CHANGE_STRATEGIC;
	else
		return err_set(e, ERR_BAD_REQUEST, "--type must be one of [json merge strategic], not \"%.*s\"", STR_F(t));
	return 0;
}

static int read_patch(struct patch *p, struct err *e)
{
	struct ctl *c = p->c;
	struct json_opts o = {0};
	bool file = opt(c, "patch-file").n > 0;
	if (!file && !opt(c, "patch").n)
		return err_set(e, ERR_BAD_REQUEST, "must specify --patch or --patch-file containing the contents of the patch");
	if (file && opt(c, "patch").n)
		return err_set(e, ERR_BAD_REQUEST, "cannot specify --patch and --patch-file together");
	if (read_type(p, e) != 0)
		return -1;
	p->text = opt(c, "patch");
	if (file && input_read(c, opt(c, "patch-file"), &p->text, e) != 0)
		return err_wrap(e, "unable to read patch file");
	if (yaml_parse(c->a, p->text, &o, &p->v, NULL) != 0)
		p->v = NULL;
	return 0;
}

static struct value *send_patch(struct patch *p, const struct target *t, struct err *e)
{
	static const char *const types[] = {
		[CHANGE_MERGE] = "application/merge-patch+json", [CHANGE_STRATEGIC] = "application/strategic-merge-patch+json",
		[CHANGE_JSON] = "application/json-patch+json",
	};
	struct str sub = opt(p->c, "subresource");
	struct change ch = {.method = "PATCH", .content_type = types[p->type], .body = p->v ? rest_body(p->c, p->v) : p->text, .manager = "kubectl-patch",
		.dry = p->dry, .sub = sub.n ? str_z(p->c->a, sub) : NULL};
	return change_send(p->c, t, &ch, e);
}

static bool same(struct ctl *c, struct value *x, struct value *y)
{
	struct str a = rest_body(c, x), b = rest_body(c, y);
	return str_eq(a, b);
}

static int one(void *arg, struct target *t, struct err *e)
{
	struct patch *p = arg;
	struct ctl *c = p->c;
	bool local = opt_on(c, "local");
	if (!p->v && (local || p->dry == DRY_CLIENT))
		return err_set(e, ERR_BAD_REQUEST, "unable to parse \"%.*s\": it is neither JSON nor YAML", STR_F(p->text));
	struct value *obj = local || p->dry == DRY_CLIENT ? change_patch(c, t, p->type, p->v, NULL, DRY_CLIENT, e) : send_patch(p, t, e);
	if (!obj)
		return -1;
	bool changed = p->dry != DRY_NONE || !same(c, t->obj, obj);
	struct str sub = opt(c, "subresource"), group, version, name = t->name;
	split_api_version(value_path_str(obj, "apiVersion"), &group, &version);
	if (sub.n && !p->p.given && !str_eq(value_path_str(obj, "kind"), t->m->kind)) {
		struct str kind = kind_text(c, group, value_path_str(obj, "kind"));
		ctl_print(c, "%.*s/%.*s %s\n", STR_F(kind), STR_F(name), changed ? "patched" : "patched (no change)");
		return 0;
	}
	return print_done(c, &p->p, t, obj, changed ? "patched" : "patched (no change)", DRY_NONE, e);
}

int cmd_patch(struct ctl *c, struct err *e)
{
	struct patch p = {.c = c};
	if (read_patch(&p, e) != 0 || ctl_dry_run(c, &p.dry, e) != 0 || printer_init(c, &p.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){0}, &p.ts, e) != 0)
		return -1;
	if (!opt_on(c, "local") && targets_fetch(c, &p.ts, false, e) != 0)
		return -1;
	return change_each(c, &p.ts, one, &p, e);
}
