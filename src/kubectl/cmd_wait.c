#include "kubectl/command.h"
#include "kubectl/print.h"
#include "kubectl/watching.h"
#include <errno.h>

#define WAIT_MAX (168 * NS_HOUR) /* of a negative --timeout, as upstream: a week */

enum goal_kind { GOAL_CONDITION, GOAL_JSONPATH, GOAL_DELETE, GOAL_CREATE };
struct goal {
	enum goal_kind kind;
	struct str name, status;  /* of the condition; status: the value that a path must find, absent: any */
	struct jsonpath *path;
	struct ctl *c;
	struct str uid;           /* GOAL_DELETE */
};
struct goals {
	struct goal *items;
	uint32_t len, cap;
};

static int jsonpath_goal(struct ctl *c, struct goal *g, struct str spec, struct err *e)
{
	/* Signs inside of a filter do not end the path. */
	ptrdiff_t close = str_rindex(spec, '}');
	ptrdiff_t eq = str_index(spec, '=', close < 0 ? 0 : (size_t)close);
	struct str path = eq < 0 ? spec : str_sub(spec, 0, (size_t)eq), relaxed;
	if (eq >= 0) {
		g->status = str_sub(spec, (size_t)eq + 1, spec.n);
		if (!g->status.n)
			return err_set(e, ERR_BAD_REQUEST, "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3");
		if (g->status.n >= 2 && (g->status.p[0] == '\'' || g->status.p[0] == '"'))
			g->status = str_sub(g->status, 1, g->status.n - 1);
	}
	if (jsonpath_relaxed(c->a, path, &relaxed, e) != 0)
		return -1;
	g->kind = GOAL_JSONPATH;
	g->path = jsonpath_parse(c->a, relaxed, e);
	return g->path ? 0 : -1;
}

static int read_goal(struct ctl *c, struct goal *g, struct str f, struct err *e)
{
	struct str kind, rest;
	g->c = c;
	if (str_eq_fold(f, STR("delete")) || str_eq_fold(f, STR("create"))) {
		g->kind = str_eq_fold(f, STR("delete")) ? GOAL_DELETE : GOAL_CREATE;
		return 0;
	}
	if (str_cut(f, '=', &kind, &rest) && str_is(kind, "condition")) {
		g->kind = GOAL_CONDITION;
		if (!str_cut(rest, '=', &g->name, &g->status))
			g->status = STR("true");
		return 0;
	}
	if (str_is(kind, "jsonpath"))
		return jsonpath_goal(c, g, rest, e);
	return err_set(e, ERR_BAD_REQUEST, "unrecognized condition: \"%.*s\"", STR_F(f));
}

/* ---- is it met? */

static int64_t number(const struct value *v) { return v && v->type == V_INT ? v->i : -1; }

static bool condition_met(const struct goal *g, const struct value *obj)
{
	const struct value *list = value_path(obj, "status.conditions");
	int64_t generation = number(value_path(obj, "metadata.generation"));
	for (uint32_t i = 0; list && list->type == V_LIST && i < list->list.len; i++) {
		const struct value *cond = list->list.items[i];
		int64_t observed = number(value_get(cond, STR("observedGeneration")));
		if (!str_eq_fold(value_path_str(cond, "type"), g->name))
			continue;
		if (observed >= 0 && observed < generation)
			return false;
		return str_eq_fold(value_path_str(cond, "status"), g->status);
	}
	return false;
}

static int path_met(const struct goal *g, struct value *obj, struct err *e)
{
	struct jsonpath_sets sets;
	BUF(text);
	if (jsonpath_find(g->c->a, g->path, obj, true, &sets, NULL) != 0 || !sets.len || !sets.items[0].len)
		return 0;
	if (sets.len > 1 || sets.items[0].len > 1)
		return err_set(e, ERR_BAD_REQUEST, "given jsonpath expression matches more than one value");
	const struct value *v = sets.items[0].items[0];
	if (v->type == V_OBJECT || v->type == V_LIST)
		return err_set(e, ERR_BAD_REQUEST, "jsonpath leads to a nested object or list, only simple data type is supported");
	jsonpath_write_value(&text, v);
	return !g->status.p || str_eq(buf_view(&text), g->status);
}

static int met(void *arg, struct value *obj, struct err *e)
{
	struct goal *g = arg;
	switch (g->kind) {
	case GOAL_CREATE: return obj != NULL;
	case GOAL_DELETE: return !obj || (g->uid.n && !str_eq(value_path_str(obj, "metadata.uid"), g->uid));
	case GOAL_CONDITION: return obj && condition_met(g, obj);
	case GOAL_JSONPATH: return obj ? path_met(g, obj, e) : 0;
	}
	return 0;
}

/* ---- */

static int say(struct ctl *c, struct printer *p, struct target *t, struct err *e)
{
	struct target now = *t;
	if (p->given && p->format != PRINT_NAME && target_get(c, &now, e) != 0)
		return -1;
	int failed = print_done(c, p, &now, now.obj, "condition met", DRY_NONE, e);
	ctl_flush(c);
	return failed;
}

static int wait_one(struct ctl *c, struct goal *g, struct target *t, mono_t deadline, struct printer *p, struct err *e)
{
	g->uid = value_path_str(t->obj, "metadata.uid");
	if (watching_until(c, t, met, g, deadline, e) == 0)
		return say(c, p, t, e);
	if (e->sys == ETIME && g->kind == GOAL_CREATE)
		err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition");
	else if (e->sys == ETIME)
		err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition on %.*s/%.*s", STR_F(t->m->resource), STR_F(t->name));
	return -1;
}

/* Objects that must be there are read at once; deleted ones need not, created ones cannot. */
static int find_targets(struct ctl *c, const struct goal *g, struct targets *ts, struct err *e)
{
	if (targets_read(c, &(struct target_opts){.flags = TARGET_ALL_FLAG | (g->kind == GOAL_CREATE ? TARGET_LIST_ALL : 0)}, ts, e) != 0)
		return -1;
	if (g->kind == GOAL_CREATE && ts->named)
		return 0;
	if (targets_fetch(c, ts, g->kind == GOAL_DELETE, e) != 0)
		return -1;
	if (!ts->len && !c->problems.len && g->kind != GOAL_DELETE)
		return err_set(e, ERR_BAD_REQUEST, "no matching resources found");
	return 0;
}

static int wait_goal(struct ctl *c, struct goal *g, mono_t deadline, struct printer *p, struct err *e)
{
	struct targets ts;
	if (find_targets(c, g, &ts, e) != 0)
		return -1;
	for (uint32_t i = 0; i < ts.len; i++) {
		if (wait_one(c, g, &ts.items[i], deadline, p, e) == 0)
			continue;
		if (e->sys > 0)
			return -1;
		ctl_problem(c, e);
	}
	return 0;
}

int cmd_wait(struct ctl *c, struct err *e)
{
	struct goals goals = {0};
	struct printer p;
	const str_list_t *wanted = opt_list(c, "for");
	nsec_t timeout = opt_duration(c, "timeout");
	if (!wanted->len && (ctl_args(c)->len || opt_list(c, "filename")->len))
		return err_set(e, ERR_BAD_REQUEST, "unrecognized condition: []");
	LIST_EACH(f, *wanted)
		if (read_goal(c, arena_push(c->a, &goals), *f, e) != 0)
			return -1;
	if (printer_init(c, &p, false, e) != 0)
		return -1;
	mono_t deadline = rt_now() + (timeout < 0 ? WAIT_MAX : timeout);
	for (uint32_t i = 0; i < goals.len; i++)
		if (wait_goal(c, &goals.items[i], deadline, &p, e) != 0 || c->problems.len)
			return e->code ? -1 : 0;
	return 0;
}
