/* create -f, replace -f: objects of files as they are. */
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/files.h"
#include <stdio.h>
#include <unistd.h>

struct create {
	struct ctl *c;
	struct printer p;
	enum dry_run dry;
	struct targets ts;
};

static int create_one(struct create *k, struct target *t, struct err *e)
{
	if (opt_on(k->c, "save-config"))
		change_set_last_applied(k->c, t->obj);
	struct value *obj = change_create(k->c, t, "kubectl-create", k->dry, e);
	return obj ? print_done(k->c, &k->p, t, obj, "created", k->dry, e) : fail_source(e, "creating", t->source);
}

/* The body of a request is a file, the answer is printed as it comes. */
static int raw(struct ctl *c, const char *method, struct err *e)
{
	struct str body, answer;
	const str_list_t *files = opt_list(c, "filename");
	if (files->len != 1)
		return err_set(e, ERR_BAD_REQUEST, "--raw can only use a single local file or stdin");
	if (input_read(c, files->items[0], &body, e) != 0)
		return -1;
	struct request q = {.method = method, .path = opt(c, "raw"), .accept = "*/*", .content_type = "application/json", .body = body};
	if (rest_call(c, &q, &answer, e) != 0)
		return -1;
	buf_str(&c->out, answer);
	return 0;
}

static int each(struct create *k, int (*one)(struct create *k, struct target *t, struct err *e), struct err *e)
{
	for (uint32_t i = 0; i < k->ts.len; i++) {
		int failed = one(k, &k->ts.items[i], e);
		if (failed && e->sys > 0)
			return -1;
		if (failed)
			ctl_problem(k->c, e);
	}
	printer_end(k->c, &k->p);
	return 0;
}

int cmd_create(struct ctl *c, struct err *e)
{
	struct create k = {.c = c};
	if (opt(c, "raw").n)
		return raw(c, "POST", e);
	if (ctl_args(c)->len)
		return usage_error(c, e, "Unexpected args: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (!opt_list(c, "filename")->len && !opt(c, "kustomize").n)
		return err_set(e, ERR_BAD_REQUEST, "must specify one of -f and -k");
	if (ctl_dry_run(c, &k.dry, e) != 0 || printer_init(c, &k.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_FILES_ONLY}, &k.ts, e) != 0)
		return -1;
	if (!k.ts.len && !c->problems.len)
		return err_set(e, ERR_BAD_REQUEST, "no objects passed to create");
	return each(&k, create_one, e);
}

/* The object's revision, unless the file names one, is the newest: replace means replace. */
static int replace_one(struct create *k, struct target *t, struct err *e)
{
	struct ctl *c = k->c;
	if (opt_on(c, "save-config"))
		change_set_last_applied(c, t->obj);
	struct change ch = {.method = "PUT", .body = rest_body(c, t->obj), .manager = "kubectl-replace", .dry = k->dry, .validate = true};
	struct value *obj = k->dry == DRY_CLIENT ? t->obj : NULL;
	if (!obj && opt_on(c, "force")) {
		struct change del = {.method = "DELETE"};
		ERR(gone);
		if (!change_send(c, t, &del, &gone) && !err_is(&gone, ERR_NOT_FOUND)) {
			err_move(e, &gone);
			return fail_source(e, "replacing", t->source);
		}
		obj = change_create(c, t, "kubectl-replace", k->dry, e);
	} else if (!obj) {
		obj = change_send(c, t, &ch, e);
	}
	return obj ? print_done(c, &k->p, t, obj, "replaced", k->dry, e) : fail_source(e, "replacing", t->source);
}

int cmd_replace(struct ctl *c, struct err *e)
{
	struct create k = {.c = c};
	if (opt(c, "raw").n)
		return raw(c, "PUT", e);
	if (!opt_list(c, "filename")->len && !opt(c, "kustomize").n)
		return err_set(e, ERR_BAD_REQUEST, "must specify --filename or --kustomize");
	if (ctl_dry_run(c, &k.dry, e) != 0 || printer_init(c, &k.p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_FILES_ONLY}, &k.ts, e) != 0)
		return -1;
	if (!k.ts.len && !c->problems.len)
		return err_set(e, ERR_BAD_REQUEST, "no objects passed to replace");
	return each(&k, replace_one, e);
}
