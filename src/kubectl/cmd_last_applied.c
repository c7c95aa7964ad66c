/* apply view-last-applied, set-last-applied: the annotation that apply compares with. */
#include "codec/json.h"
#include "codec/yaml.h"
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/walk.h"

static int view(struct ctl *c, const struct target *t, bool json, struct err *e)
{
	struct value *v;
	struct json_opts o = {0};
	struct str text = change_last_applied(t->obj);
	if (!text.n)
		return 0;
	if (json_parse(c->a, text, &o, &v, e) != 0)
		return -1;
	value_sort(v);
	if (json) {
		json_write_pretty(&c->out, v, 2);
		buf_char(&c->out, '\n');
	} else {
		yaml_write(&c->out, v);
	}
	return 0;
}

int cmd_view_last_applied(struct ctl *c, struct err *e)
{
	struct targets ts;
	struct str out = opt(c, "output");
	bool json = str_is(out, "json");
	if (out.n && !json && !str_is(out, "yaml"))
		return usage_error(c, e, "Unexpected -o output mode: %.*s, the flag 'output' must be one of yaml|json", STR_F(out));
	if (targets_read(c, &(struct target_opts){.flags = TARGET_ALL_FLAG}, &ts, e) != 0 || targets_fetch(c, &ts, false, e) != 0)
		return -1;
	for (uint32_t i = 0; i < ts.len; i++)
		if (view(c, &ts.items[i], json, e) != 0)
			return -1;
	return 0;
}

struct set_last {
	struct ctl *c;
	struct printer p;
	enum dry_run dry;
};

static int set_one(void *arg, struct target *t, struct err *e)
{
	struct set_last *s = arg;
	struct ctl *c = s->c;
	struct target now = *t;
	if (target_get(c, &now, e) != 0)
		return -1;
	if (!change_last_applied(now.obj).p && !opt_on(c, "create-annotation"))
		return err_set(e, ERR_BAD_REQUEST, "no last-applied-configuration annotation found on resource: %.*s, to create the annotation, run the command with "
			"--create-annotation", STR_F(t->name));
	struct str text = str_printf(c->a, "%.*s\n", STR_F(rest_body(c, t->obj)));
	struct value *patch = doc(c, "{'metadata': {'annotations': {'" LAST_APPLIED "': %s}}}", text);
	struct value *obj = change_patch(c, &now, CHANGE_MERGE, patch, "kubectl-last-applied", s->dry, e);
	return obj ? print_done(c, &s->p, t, obj, "configured", s->dry, e) : -1;
}

int cmd_set_last_applied(struct ctl *c, struct err *e)
{
	struct set_last s = {.c = c};
	struct targets ts;
	if (ctl_dry_run(c, &s.dry, e) != 0 || printer_init(c, &s.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_FILES_ONLY}, &ts, e) != 0)
		return -1;
	return change_each(c, &ts, set_one, &s, e);
}
