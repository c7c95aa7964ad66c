#include "kubectl/watching.h"
#include "codec/json.h"
#include <errno.h>

struct watching {
	struct ctl *c;
	const struct target *t;
	watching_check check;
	void *arg;
	mono_t deadline;
};

#define WATCHING_PAUSE NS_S /* between watches that end early */

static int late(struct err *e)
{
	err_set(e, ERR_TIMEOUT, "timed out waiting for the condition");
	e->sys = ETIME;
	return -1;
}

/* Of the collection, so that deletion and creation are seen: the revision to watch from, and the object if it is there. */
static int read_now(struct watching *w, struct value **ret, struct str *ret_rv, struct err *e)
{
	BUF(path);
	mapping_path(&path, w->t->m, w->t->ns, (struct str){0}, NULL);
	query_add(&path, "fieldSelector", str_printf(w->c->a, "metadata.name=%.*s", STR_F(w->t->name)));
	struct value *list = rest_get(w->c, buf_view(&path), e);
	const struct value *items = value_get(list, STR("items"));
	if (!list)
		return -1;
	*ret_rv = value_path_str(list, "metadata.resourceVersion");
	*ret = items && items->type == V_LIST && items->list.len ? items->list.items[0] : NULL;
	return 0;
}

/* 1: done, 0: the watch ended (or must be made anew), -1. */
static int one_event(struct watching *w, struct str line, bool *ret_over, struct err *e)
{
	struct value *v;
	struct json_opts o = {0};
	if (json_parse(w->c->a, line, &o, &v, e) != 0)
		return -1;
	struct str type = value_path_str(v, "type");
	*ret_over = str_is(type, "ERROR");
	if (*ret_over || str_is(type, "BOOKMARK"))
		return 0;
	struct value *obj = value_get(v, STR("object"));
	value_sort(obj);
	return w->check(w->arg, str_is(type, "DELETED") ? NULL : obj, e);
}

static int follow(struct watching *w, struct str rv, struct err *e)
{
	BUF(path);
	struct lines l;
	struct str line;
	bool over = false;
	int r = 0, more = 1;
	mapping_path(&path, w->t->m, w->t->ns, (struct str){0}, NULL);
	query_add(&path, "fieldSelector", str_printf(w->c->a, "metadata.name=%.*s", STR_F(w->t->name)));
	query_add(&path, "resourceVersion", rv);
	query_add(&path, "watch", STR("true"));
	if (lines_open(w->c, &l, buf_view(&path), NULL, e) != 0)
		return -1;
	while (r == 0 && !over && (more = lines_next(&l, &line, w->deadline, e)) > 0)
		r = one_event(w, line, &over, e);
	lines_close(&l);
	if (more < 0 && e->sys == ETIME)
		return late(e);
	if (more < 0) /* broken: again */
		err_fini(e);
	return r;
}

int watching_until(struct ctl *c, const struct target *t, watching_check check, void *arg, mono_t deadline, struct err *e)
{
	struct watching w = {c, t, check, arg, deadline};
	for (;;) {
		struct value *obj = NULL;
		struct str rv;
		if (read_now(&w, &obj, &rv, e) != 0)
			return -1;
		int r = check(arg, obj, e);
		if (r)
			return r < 0 ? -1 : 0;
		if (rt_now() >= deadline)
			return late(e);
		r = follow(&w, rv, e);
		if (r)
			return r < 0 ? -1 : 0;
		if (fiber_sleep(WATCHING_PAUSE) != 0)
			return late(e);
	}
}
