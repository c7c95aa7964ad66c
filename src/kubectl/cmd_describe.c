/* describe: objects in words, with what belongs to them. */
#include "kubectl/command.h"
#include "kubectl/describe.h"
#include "kubectl/walk.h"
#include <stdio.h>
#include <unistd.h>

/* Of many objects events are shown on demand only: one request each. */
static void hide_events(struct ctl *c) { option_find(&c->opts, "show-events")->text = STR("false"); }

static int put(struct ctl *c, const struct target *t, bool *first, struct err *e)
{
	size_t at = c->out.n;
	if (!*first)
		ctl_print(c, "\n\n");
	if (describe_object(c, t, e) != 0) {
		c->out.n = at;
		return -1;
	}
	*first = false;
	return 0;
}

/* A name that no object has may be the beginning of names. */
static int by_prefix(struct ctl *c, const struct target *t, bool *first, struct err *e)
{
	struct target list = *t;
	ERR(ignored);
	bool any = false;
	list.name = (struct str){0};
	struct value *v = target_list(c, &list, &ignored);
	const struct value *items = value_get(v, STR("items"));
	EACH_ITEM(x, items) {
		struct target one = *t;
		one.name = value_path_str(*x, "metadata.name");
		one.obj = *x;
		if (!str_has_prefix(one.name, t->name))
			continue;
		if (put(c, &one, first, e) != 0)
			return -1;
		ctl_print(c, "\n");
		any = *first = true;
	}
	return any ? 1 : 0;
}

/* One that is missing may be the beginning of names; of several that are missing nothing is printed but what is wrong. */
static int describe_named(struct ctl *c, struct targets *ts, bool *first, struct err *e)
{
	for (uint32_t i = 0; i < ts->len; i++) {
		ERR(missing);
		if (target_get(c, &ts->items[i], &missing) == 0)
			continue;
		if (missing.sys > 0) {
			err_move(e, &missing);
			return -1;
		}
		if (ts->len == 1 && err_is(&missing, ERR_NOT_FOUND) && by_prefix(c, &ts->items[i], first, e) > 0)
			return 0;
		ctl_problem(c, &missing);
	}
	for (uint32_t i = 0; i < ts->len && !c->problems.len; i++)
		if (put(c, &ts->items[i], first, e) != 0)
			ctl_problem(c, e);
	return 0;
}

static int describe_list(struct ctl *c, const struct target *t, bool *first, struct err *e)
{
	struct value *v = target_list(c, t, e);
	const struct value *items = value_get(v, STR("items"));
	if (list_len(items) > 1 && !opt_given(c, "show-events"))
		hide_events(c);
	EACH_ITEM(x, items) {
		struct target one = {.m = t->m, .obj = *x, .name = value_path_str(*x, "metadata.name"), .ns = value_path_str(*x, "metadata.namespace")};
		if (put(c, &one, first, e) != 0)
			ctl_problem(c, e);
	}
	return v ? 0 : -1;
}

int cmd_describe(struct ctl *c, struct err *e)
{
	struct targets ts;
	bool first = true;
	if (!ctl_args(c)->len && !opt_list(c, "filename")->len)
		return err_set(e, ERR_BAD_REQUEST, "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.");
	if (targets_read(c, &(struct target_opts){.flags = TARGET_LIST_ALL}, &ts, e) != 0)
		return -1;
	if (ts.len > 1 && !opt_given(c, "show-events"))
		hide_events(c);
	bool named = ts.named || opt_list(c, "filename")->len;
	if (named && describe_named(c, &ts, &first, e) != 0)
		return -1;
	for (uint32_t i = 0; i < ts.len && !named; i++) {
		int failed = describe_list(c, &ts.items[i], &first, e);
		if (failed && e->sys > 0)
			return -1;
		if (failed)
			ctl_problem(c, e);
	}
	bool lists = !ts.named && ts.len && !ts.items[0].name.n;
	if (first && lists && !c->problems.len && opt_on(c, "all-namespaces"))
		dprintf(STDERR_FILENO, "No resources found\n");
	else if (first && lists && !c->problems.len)
		dprintf(STDERR_FILENO, "No resources found in %.*s namespace.\n", STR_F(c->ns));
	return 0;
}
