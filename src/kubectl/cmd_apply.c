/* apply: on the client by a three-way patch against the annotation of the last one, or on the server. */
#include "codec/json.h"
#include "codec/patch.h"
#include "kubectl/apply_prune.h"
#include "kubectl/change.h"
#include "kubectl/command.h"

#define CONFLICTS_MAX 5 /* someone else wrote between our read and our patch */

struct apply {
	struct ctl *c;
	struct printer p;
	enum dry_run dry;
	bool server;
	struct prune prune;
	struct targets ts, done; /* done: objects to print when all are applied */
};

static const char *patch_type(const struct mapping *m) { return m->type ? "application/strategic-merge-patch+json" : "application/merge-patch+json"; }

static struct value *parsed(struct ctl *c, struct str text)
{
	struct value *v;
	struct json_opts o = {0};
	return text.n && json_parse(c->a, text, &o, &v, NULL) == 0 ? v : NULL;
}

/* Patches work on documents in place: all three are copied. */
static struct value *make_patch(struct apply *a, const struct target *t, struct value *current, struct err *e)
{
	struct arena *m = a->c->a;
	struct value *original = parsed(a->c, change_last_applied(current));
	if (!t->m->type)
		return patch_merge_three_way(m, original, value_copy(m, t->obj), value_copy(m, current));
	return patch_strategic_three_way(m, t->m->type, original, value_copy(m, t->obj), value_copy(m, current), e);
}

static struct value *send_patch(struct apply *a, const struct target *t, struct value *current, const struct value *patch, struct err *e)
{
	struct change ch = {.method = "PATCH", .content_type = patch_type(t->m), .body = rest_body(a->c, patch), .manager = "kubectl-client-side-apply",
		.dry = a->dry, .validate = true};
	if (a->dry != DRY_CLIENT)
		return change_send(a->c, t, &ch, e);
	if (!t->m->type)
		return patch_merge(a->c->a, value_copy(a->c->a, current), patch, e);
	return patch_strategic(a->c->a, t->m->type, value_copy(a->c->a, current), patch, e);
}

static int finish(struct apply *a, struct target *t, struct value *obj, const char *done, struct err *e)
{
	prune_seen(a->c, &a->prune, t, obj);
	if (!a->p.given || a->p.format == PRINT_NAME)
		return print_done(a->c, &a->p, t, obj, done, a->dry, e);
	value_sort(obj);
	struct target *d = arena_push(a->c->a, &a->done);
	*d = *t;
	d->obj = obj;
	return 0;
}

static void warn_missing(struct apply *a, const struct target *t, const struct value *current)
{
	if (change_last_applied(current).p)
		return;
	ctl_warn(a->c, str_printf(a->c->a, "resource %.*s/%.*s is missing the " LAST_APPLIED " annotation which is required by kubectl apply. kubectl apply should "
		"only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched "
		"automatically.", STR_F(t->m->resource), STR_F(t->name)));
}

static int recreate(struct apply *a, struct target *t, struct err *e)
{
	struct change del = {.method = "DELETE", .dry = a->dry};
	if (!change_send(a->c, t, &del, e))
		return -1;
	struct value *obj = change_create(a->c, t, "kubectl-client-side-apply", a->dry, e);
	return obj ? finish(a, t, obj, "configured", e) : -1;
}

static int change_existing(struct apply *a, struct target *t, struct value *current, struct err *e)
{
	for (int tries = 0;; tries++) {
		struct value *patch = make_patch(a, t, current, e);
		if (!patch)
			return -1;
		if (patch->type == V_OBJECT && !patch->object.len)
			return finish(a, t, current, "unchanged", e);
		struct value *obj = send_patch(a, t, current, patch, e);
		if (obj)
			return finish(a, t, obj, "configured", e);
		bool replaceable = err_is(e, ERR_INVALID) || err_is(e, ERR_CONFLICT);
		if (opt_on(a->c, "force") && replaceable) {
			err_fini(e);
			return recreate(a, t, e);
		}
		if (!err_is(e, ERR_CONFLICT) || tries >= CONFLICTS_MAX)
			return -1;
		err_fini(e);
		struct target again = *t;
		if (target_get(a->c, &again, e) != 0)
			return -1;
		current = again.obj;
	}
}

static int apply_client(struct apply *a, struct target *t, struct err *e)
{
	struct str generated = value_path_str(t->obj, "metadata.generateName");
	if (!t->name.n && generated.n)
		return err_set(e, ERR_BAD_REQUEST, "from %.*s: cannot use generate name with apply", STR_F(generated));
	struct target now = *t;
	change_set_last_applied(a->c, t->obj);
	if (target_get(a->c, &now, e) == 0) {
		warn_missing(a, t, now.obj);
		return change_existing(a, t, now.obj, e) ? fail_source(e, "applying patch to", t->source) : 0;
	}
	if (!err_is(e, ERR_NOT_FOUND))
		return -1;
	err_fini(e);
	struct value *obj = change_create(a->c, t, "kubectl-client-side-apply", a->dry, e);
	return obj ? finish(a, t, obj, "created", e) : fail_source(e, "creating", t->source);
}

static int conflict(struct ctl *c, struct err *e)
{
	struct str why = str_dup(c->a, e->message);
	if (!err_is(e, ERR_CONFLICT))
		return -1;
	return err_set(e, ERR_BAD_REQUEST, "%.*s\n* Other managers own these fields. Take them over with --force-conflicts, leave them out of the file, or "
		"give them the value that they have, to share them.", STR_F(why));
}

static struct value *send_apply(struct apply *a, const struct target *t, struct err *e)
{
	struct change ch = {.method = "PATCH", .content_type = "application/apply-patch+yaml", .body = rest_body(a->c, t->obj), .manager = "kubectl",
		.dry = a->dry, .force = opt_on(a->c, "force-conflicts"), .validate = true};
	return change_send(a->c, t, &ch, e);
}

static int apply_server(struct apply *a, struct target *t, struct err *e)
{
	struct value *obj = send_apply(a, t, e), *moved;
	ERR(why);
	if (!obj)
		return conflict(a->c, e);
	int migrated = a->dry == DRY_NONE ? apply_migrate(a->c, t, obj, &why) : 0;
	if (migrated < 0)
		ctl_warn(a->c, str_printf(a->c->a, "what kubectl apply without --server-side owns stays its own: %s", err_text(&why)));
	else if (migrated && (moved = send_apply(a, t, e)))
		obj = moved;
	else if (migrated)
		return conflict(a->c, e);
	return finish(a, t, obj, "serverside-applied", e);
}

static int check(struct apply *a, struct err *e)
{
	struct ctl *c = a->c;
	if (ctl_args(c)->len)
		return usage_error(c, e, "Unexpected args: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (a->dry == DRY_CLIENT && a->server)
		return err_set(e, ERR_BAD_REQUEST, "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
	if (opt_on(c, "force") && a->server)
		return err_set(e, ERR_BAD_REQUEST, "--force cannot be used with --server-side");
	if (opt_on(c, "force-conflicts") && !a->server)
		return err_set(e, ERR_BAD_REQUEST, "--force-conflicts only works with --server-side");
	if (!opt_list(c, "filename")->len && !opt(c, "kustomize").n)
		return err_set(e, ERR_BAD_REQUEST, "must specify one of -f and -k");
	return prune_init(c, &a->prune, e);
}

static int print_all(struct apply *a, struct err *e)
{
	if (!a->done.len)
		return 0;
	int failed = printer_print(a->c, &a->p, a->done.len == 1 ? a->done.items[0].obj : list_of(a->c, &a->done), e);
	printer_end(a->c, &a->p);
	return failed;
}

int cmd_apply(struct ctl *c, struct err *e)
{
	struct apply a = {.c = c, .server = opt_on(c, "server-side")};
	if (ctl_dry_run(c, &a.dry, e) != 0 || check(&a, e) != 0 || printer_init(c, &a.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_FILES_ONLY}, &a.ts, e) != 0)
		return -1;
	if (!a.ts.len && !c->problems.len)
		return err_set(e, ERR_BAD_REQUEST, "no objects passed to apply");
	for (uint32_t i = 0; i < a.ts.len; i++) {
		int failed = a.server ? apply_server(&a, &a.ts.items[i], e) : apply_client(&a, &a.ts.items[i], e);
		if (failed && e->sys > 0)
			return -1;
		if (failed)
			ctl_problem(c, e);
		ctl_flush(c);
	}
	if (print_all(&a, e))
		return -1;
	return c->problems.len ? 0 : prune_run(c, &a.prune, &a.p, a.dry, e);
}
