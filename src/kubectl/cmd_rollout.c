/* rollout history, undo, pause, resume, restart. */
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/history.h"
#include "kubectl/walk.h"
#include <unistd.h>

#define CHANGE_CAUSE "kubernetes.io/change-cause"
#define RESTARTED_AT "kubectl.kubernetes.io/restartedAt"

struct rollout {
	struct ctl *c;
	struct targets ts;
	struct printer p;
	enum dry_run dry;
};

static int read_targets(struct rollout *r, struct err *e)
{
	struct ctl *c = r->c;
	if (!ctl_args(c)->len && !opt_list(c, "filename")->len)
		return err_set(e, ERR_BAD_REQUEST, "required resource not specified");
	r->dry = DRY_NONE;
	if (opt_exists(c, "dry-run") && ctl_dry_run(c, &r->dry, e) != 0)
		return -1;
	if (printer_init(c, &r->p, false, e) != 0 || targets_read(c, &(struct target_opts){.flags = TARGET_LIST_ALL}, &r->ts, e) != 0)
		return -1;
	return targets_fetch(c, &r->ts, false, e);
}

/* ---- pause, resume, restart */

static bool restarts(const struct target *t) { return history_is(t, "deployments") || history_is(t, "statefulsets") || history_is(t, "daemonsets"); }

static int refuse(struct ctl *c, const struct target *t, const char *why, struct err *e)
{
	struct str kind = mapping_resource(c, t->m);
	return err_set(e, ERR_BAD_REQUEST, "%.*s \"%.*s\" %s", STR_F(kind), STR_F(t->name), why);
}

static struct value *restart_patch(struct ctl *c)
{
	BUF(now);
	time_rfc3339(&now, rt_wall() / NS_S, 0, 0);
	return doc(c, "{'spec': {'template': {'metadata': {'annotations': {'" RESTARTED_AT "': %s}}}}}", buf_view(&now));
}

static int restart_one(void *arg, struct target *t, struct err *e)
{
	struct rollout *r = arg;
	if (!restarts(t))
		return refuse(r->c, t, "restarting is not supported", e);
	if (is_true(value_path(t->obj, "spec.paused")))
		return refuse(r->c, t, "can't restart paused deployment (run rollout resume first)", e);
	struct value *obj = change_patch(r->c, t, CHANGE_STRATEGIC, restart_patch(r->c), "kubectl-rollout", r->dry, e);
	return obj ? print_done(r->c, &r->p, t, obj, "restarted", r->dry, e) : -1;
}

static int pause_one(struct rollout *r, struct target *t, bool pause, struct err *e)
{
	bool paused = is_true(value_path(t->obj, "spec.paused"));
	if (!history_is(t, "deployments"))
		return refuse(r->c, t, pause ? "pausing is not supported" : "resuming is not supported", e);
	if (paused == pause)
		return refuse(r->c, t, pause ? "is already paused" : "is not paused", e);
	struct value *patch = doc(r->c, "{'spec': {'paused': %b}}", (int)pause);
	struct value *obj = change_patch(r->c, t, CHANGE_STRATEGIC, patch, "kubectl-rollout", r->dry, e);
	return obj ? print_done(r->c, &r->p, t, obj, pause ? "paused" : "resumed", r->dry, e) : -1;
}

static int do_pause(void *arg, struct target *t, struct err *e) { return pause_one(arg, t, true, e); }
static int do_resume(void *arg, struct target *t, struct err *e) { return pause_one(arg, t, false, e); }

int cmd_rollout_change(struct ctl *c, struct err *e)
{
	struct rollout r = {.c = c};
	const char *word = strrchr(c->fact->path, ' ') + 1;
	if (read_targets(&r, e) != 0)
		return -1;
	return change_each(c, &r.ts, strcmp(word, "pause") == 0 ? do_pause : strcmp(word, "resume") == 0 ? do_resume : restart_one, &r, e);
}

/* ---- history */

static void put_history(struct rollout *r, const struct target *t, const struct revisions *all)
{
	struct ctl *c = r->c;
	struct tab tab = TAB_DESCRIBE;
	struct str kind = mapping_kind(c, t->m);
	ctl_print(c, "%.*s/%.*s \n", STR_F(kind), STR_F(t->name));
	if (!all->len) {
		ctl_print(c, "No rollout history found.\n");
		return;
	}
	buf_lit(&tab.text, "REVISION\tCHANGE-CAUSE\n");
	for (uint32_t i = 0; i < all->len; i++) {
		struct str cause = text_of(value_get(value_path(all->items[i].obj, "metadata.annotations"), STR(CHANGE_CAUSE)));
		buf_printf(&tab.text, "%lld\t%.*s\n", (long long)all->items[i].number, STR_F(cause.n ? cause : STR("<none>")));
	}
	tab_flush(&tab, &c->out);
	tab_fini(&tab);
	ctl_print(c, "\n");
}

/* The annotations of a template do not say why; the revision's object does. */
static struct value *template_with_cause(struct ctl *c, const struct revision *r)
{
	struct str cause = text_of(value_get(value_path(r->obj, "metadata.annotations"), STR(CHANGE_CAUSE)));
	struct value *template = value_copy(c->a, r->template);
	if (cause.n) {
		value_set(c->a, object_map(c, template, "annotations"), STR(CHANGE_CAUSE), value_str(c->a, cause));
	}
	return template;
}

static int history_one(void *arg, struct target *t, struct err *e)
{
	struct rollout *r = arg;
	struct ctl *c = r->c;
	struct revisions all;
	struct str kind = mapping_kind(c, t->m);
	int64_t number = opt_int(c, "revision");
	if (number < 0)
		return err_set(e, ERR_BAD_REQUEST, "revision must be a positive integer: %lld", (long long)number);
	if (history_read(c, t, &all, e) != 0)
		return -1;
	const struct revision *one = number ? history_find(&all, number) : NULL;
	if (number && !one)
		return err_set(e, ERR_BAD_REQUEST, "unable to find the specified revision");
	if (r->p.given) {
		for (uint32_t i = 0; i < all.len; i++)
			if ((!one || one == &all.items[i]) && printer_print(c, &r->p, all.items[i].obj, e) != 0)
				return -1;
		return 0;
	}
	if (!one) {
		put_history(r, t, &all);
		return 0;
	}
	ctl_print(c, "%.*s/%.*s with revision #%lld\n", STR_F(kind), STR_F(t->name), (long long)number);
	history_put_template(c, template_with_cause(c, one));
	ctl_print(c, "\n");
	return 0;
}

int cmd_rollout_history(struct ctl *c, struct err *e)
{
	struct rollout r = {.c = c};
	return read_targets(&r, e) == 0 ? change_each(c, &r.ts, history_one, &r, e) : -1;
}

/* ---- undo */

/* Which revision: the one asked for, or the last but one.  0 and NULL: there is nothing to go back to. */
static int choose(struct ctl *c, const struct revisions *all, const struct revision **ret, struct err *e)
{
	int64_t to = opt_int(c, "to-revision");
	if (to && !(*ret = history_find(all, to)))
		return err_set(e, ERR_BAD_REQUEST, "unable to find specified revision %lld in history", (long long)to);
	if (!to && all->len < 2)
		return err_set(e, ERR_BAD_REQUEST, "no last revision to roll back to");
	if (!to)
		*ret = &all->items[all->len - 2];
	return 0;
}

static struct value *roll_back(struct rollout *r, struct target *t, const struct revision *to, struct err *e)
{
	struct ctl *c = r->c;
	if (!history_is(t, "deployments"))
		return change_patch(c, t, CHANGE_STRATEGIC, value_get(to->obj, STR("data")), "kubectl-rollout", r->dry, e);
	struct value *ops = doc(c, "[{'op': 'replace', 'path': '/spec/template', 'value': %v}]", history_template(c, to));
	return change_patch(c, t, CHANGE_JSON, ops, "kubectl-rollout", r->dry, e);
}

static int show_undo(struct rollout *r, struct target *t, const struct revision *to)
{
	struct str kind = mapping_kind(r->c, t->m);
	ctl_print(r->c, "%.*s/%.*s ", STR_F(kind), STR_F(t->name));
	history_put_template(r->c, to->template);
	ctl_print(r->c, " (dry run)\n");
	return 0;
}

static int undo_one(void *arg, struct target *t, struct err *e)
{
	struct rollout *r = arg;
	struct ctl *c = r->c;
	struct revisions all;
	const struct revision *to = NULL;
	if (is_true(value_path(t->obj, "spec.paused")))
		return err_set(e, ERR_BAD_REQUEST, "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again");
	if (history_read(c, t, &all, e) != 0 || choose(c, &all, &to, e) != 0)
		return -1;
	if (r->dry == DRY_CLIENT)
		return show_undo(r, t, to);
	if (history_is(t, "deployments") && history_is_current(c, to, t)) {
		struct str done = str_printf(c->a, "skipped rollback (current template already matches revision %lld)", (long long)to->number);
		return print_done(c, &r->p, t, t->obj, done.p, r->dry, e);
	}
	struct value *obj = roll_back(r, t, to, e);
	return obj ? print_done(c, &r->p, t, obj, "rolled back", r->dry, e) : -1;
}

int cmd_rollout_undo(struct ctl *c, struct err *e)
{
	struct rollout r = {.c = c};
	return read_targets(&r, e) == 0 ? change_each(c, &r.ts, undo_one, &r, e) : -1;
}
