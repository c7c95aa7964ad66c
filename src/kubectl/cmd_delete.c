#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/watching.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MAX (168 * NS_HOUR) /* of a wait without --timeout, as upstream: a week */

struct deletion {
	struct ctl *c;
	enum dry_run dry;
	int64_t grace;           /* -1: the server's */
	const char *propagation;
	bool force, name_only, wait, ignore_missing;
	struct targets ts, gone; /* gone: to be waited for, obj has the uid */
};

static int read_cascade(struct deletion *d, struct err *e)
{
	struct str v = opt(d->c, "cascade");
	if (str_is(v, "background"))
		d->propagation = "Background";
	else if (str_is(v, "foreground"))
		d->propagation = "Foreground";
	else if (str_is(v, "orphan"))
		d->propagation = "Orphan";
	else if (str_is(v, "true") || str_is(v, "false")) {
		d->propagation = str_is(v, "true") ? "Background" : "Orphan";
		dprintf(STDERR_FILENO, "warning: --cascade=%.*s is deprecated (boolean value) and can be replaced with --cascade=%s.\n", STR_F(v),
			str_is(v, "true") ? "background" : "orphan");
	} else
		return err_set(e, ERR_BAD_REQUEST, "invalid cascade value (%.*s). Must be \"background\", \"foreground\", or \"orphan\"", STR_F(v));
	return 0;
}

static int read_grace(struct deletion *d, struct err *e)
{
	struct ctl *c = d->c;
	d->grace = opt_int(c, "grace-period");
	d->force = opt_on(c, "force");
	if (opt_on(c, "now")) {
		if (opt_given(c, "grace-period") && d->grace != -1)
			return err_set(e, ERR_BAD_REQUEST, "--now and --grace-period cannot be specified together");
		d->grace = 1;
	}
	if (d->force && d->grace < 0)
		d->grace = 0;
	if (d->force && d->grace > 0)
		return err_set(e, ERR_BAD_REQUEST, "--force and --grace-period greater than 0 cannot be specified together");
	if (d->grace == 0 && !d->force)
		d->grace = 1; /* zero is for those who say --force: others wait for the Pod's end */
	if (d->force)
		dprintf(STDERR_FILENO, "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may "
			"continue to run on the cluster indefinitely.\n");
	return 0;
}

static int read_options(struct deletion *d, struct err *e)
{
	struct ctl *c = d->c;
	struct str out = opt(c, "output");
	if (opt_on(c, "all") && opt(c, "selector").n)
		return err_set(e, ERR_BAD_REQUEST, "setting 'all' parameter but found a non empty selector. ");
	if (out.n && !str_is(out, "name"))
		return err_set(e, ERR_BAD_REQUEST, "unexpected -o output mode: %.*s. We only support '-o name'", STR_F(out));
	d->name_only = out.n > 0;
	d->wait = opt_on(c, "wait");
	d->ignore_missing = opt_on(c, "ignore-not-found");
	return ctl_dry_run(c, &d->dry, e) || read_cascade(d, e) || read_grace(d, e) ? -1 : 0;
}

static struct str options_body(struct deletion *d)
{
	struct value *v = value_new(d->c->a, V_OBJECT);
	if (d->grace >= 0)
		value_set(d->c->a, v, STR("gracePeriodSeconds"), value_int(d->c->a, d->grace));
	value_set(d->c->a, v, STR("propagationPolicy"), value_str(d->c->a, str_of(d->propagation)));
	return rest_body(d->c, v);
}

static void say(struct deletion *d, const struct target *t)
{
	static const char *const suffix[] = {[DRY_NONE] = "", [DRY_CLIENT] = " (dry run)", [DRY_SERVER] = " (server dry run)"};
	struct ctl *c = d->c;
	struct str kind = mapping_kind(c, t->m);
	if (d->name_only) {
		ctl_print(c, "%.*s/%.*s\n", STR_F(kind), STR_F(t->name));
		return;
	}
	ctl_print(c, "%.*s \"%.*s\" %s", STR_F(kind), STR_F(t->name), d->force ? "force deleted" : "deleted");
	if (t->m->namespaced)
		ctl_print(c, " from %.*s namespace", STR_F(t->ns));
	ctl_print(c, "%s\n", suffix[d->dry]);
}

static struct value *send_delete(struct deletion *d, const struct target *t, struct err *e)
{
	struct change ch = {.method = "DELETE", .body = options_body(d), .dry = d->dry};
	return change_send(d->c, t, &ch, e);
}

/* The uid is in the answer: in a Status's details, or the object's. */
static struct str uid_of(const struct value *answer)
{
	struct str uid = value_path_str(answer, "details.uid");
	return uid.n ? uid : value_path_str(answer, "metadata.uid");
}

static int delete_one(struct deletion *d, struct target *t, struct err *e)
{
	struct value *answer = NULL;
	if (d->dry != DRY_CLIENT && !(answer = send_delete(d, t, e))) {
		if (!(d->ignore_missing && err_is(e, ERR_NOT_FOUND)))
			return fail_source(e, "deleting", t->source);
		err_fini(e);
		return 0;
	}
	say(d, t);
	ctl_flush(d->c);
	if (answer && d->dry == DRY_NONE) {
		struct target *g = arena_push(d->c->a, &d->gone);
		*g = *t;
		g->obj = value_str(d->c->a, uid_of(answer));
	}
	return 0;
}

static int is_gone(void *arg, struct value *obj, struct err *e)
{
	(void)e;
	const struct value *uid = arg;
	return !obj || (uid->s.n && !str_eq(value_path_str(obj, "metadata.uid"), uid->s));
}

static int wait_all(struct deletion *d, struct err *e)
{
	nsec_t timeout = opt_duration(d->c, "timeout");
	mono_t deadline = rt_now() + (timeout > 0 ? timeout : WAIT_MAX);
	for (uint32_t i = 0; i < d->gone.len; i++) {
		struct target *t = &d->gone.items[i];
		if (watching_until(d->c, t, is_gone, t->obj, deadline, e) == 0)
			continue;
		if (e->sys == ETIME)
			err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition on %.*s/%.*s", STR_F(t->m->resource), STR_F(t->name));
		else if (err_is(e, ERR_FORBIDDEN) || err_is(e, ERR_METHOD_NOT_ALLOWED)) {
			err_fini(e); /* who may delete may not be allowed to look */
			continue;
		}
		ctl_problem(d->c, e);
	}
	return 0;
}

/* Lists become the objects in them; names are deleted without being read. */
static int expand(struct deletion *d, struct err *e)
{
	struct targets lists = d->ts;
	bool any = false;
	for (uint32_t i = 0; i < d->ts.len; i++)
		any |= !d->ts.items[i].name.n;
	if (!any)
		return 0;
	if (targets_fetch(d->c, &lists, d->ignore_missing, e) != 0)
		return -1;
	d->ts = lists;
	return 0;
}

static int raw(struct ctl *c, struct err *e)
{
	struct str answer;
	if (rest_call(c, &(struct request){.method = "DELETE", .path = opt(c, "raw"), .accept = "application/json"}, &answer, e) != 0)
		return -1;
	buf_str(&c->out, answer);
	return 0;
}

/* -i: shows what would go, and asks. */
static bool confirmed(struct deletion *d)
{
	char line[16] = "";
	ctl_print(d->c, "You are about to delete the following %u resource(s):\n", d->ts.len);
	for (uint32_t i = 0; i < d->ts.len; i++) {
		struct str text = target_text(d->c, &d->ts.items[i]);
		ctl_print(d->c, "%.*s\n", STR_F(text));
	}
	ctl_print(d->c, "Do you want to continue? (y/N): ");
	ctl_flush(d->c);
	bool yes = fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y') && (line[1] == '\n' || line[1] == 0);
	if (!yes)
		ctl_print(d->c, "deletion is cancelled\n");
	return yes;
}

int cmd_delete(struct ctl *c, struct err *e)
{
	struct deletion d = {.c = c};
	if (opt(c, "raw").n)
		return raw(c, e);
	if (read_options(&d, e) != 0 || targets_read(c, &(struct target_opts){.flags = TARGET_ALL_FLAG}, &d.ts, e) != 0 || expand(&d, e) != 0)
		return -1;
	if (!d.ts.len && !c->problems.len) {
		ctl_print(c, "No resources found\n");
		return 0;
	}
	if (opt_on(c, "interactive") && d.ts.len && !confirmed(&d))
		return 0;
	for (uint32_t i = 0; i < d.ts.len; i++) {
		if (delete_one(&d, &d.ts.items[i], e) == 0)
			continue;
		if (e->sys > 0)
			return -1;
		ctl_problem(c, e);
	}
	return d.wait ? wait_all(&d, e) : 0;
}
