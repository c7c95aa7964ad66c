/* events: what happened, the newest last. */
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/event.h"
#include "kubectl/print.h"
#include "kubectl/table.h"
#include "kubectl/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct events {
	struct ctl *c;
	struct printer p;
	struct str kind, name;    /* of --for */
	struct value *list;
};

static int read_options(struct events *v, struct err *e)
{
	struct ctl *c = v->c;
	struct str type;
	LIST_EACH(t, *opt_list(c, "types"))
		if (!str_eq_fold(*t, STR("Normal")) && !str_eq_fold(*t, STR("Warning")))
			return err_set(e, ERR_BAD_REQUEST, "valid --types are Normal or Warning");
	if (!opt(c, "for").n)
		return 0;
	if (!str_cut(opt(c, "for"), '/', &type, &v->name) || !v->name.n)
		return err_set(e, ERR_BAD_REQUEST, "--for must be in resource/name form");
	const struct mapping *m = mapping_find(c, type, e);
	if (!m)
		return -1;
	v->kind = m->kind;
	return 0;
}

static bool wanted(const struct events *v, const struct value *ev)
{
	const str_list_t *types = opt_list(v->c, "types");
	bool fits = !types->len;
	LIST_EACH(t, *types)
		fits |= str_eq_fold(*t, value_path_str(ev, "type"));
	return fits && (!v->name.n || (str_eq(v->kind, value_path_str(ev, "involvedObject.kind")) && str_eq(v->name, value_path_str(ev, "involvedObject.name"))));
}

static int read_events(struct events *v, struct err *e)
{
	struct ctl *c = v->c;
	struct target t = {.m = mapping_find(c, STR("events"), e), .ns = opt_on(c, "all-namespaces") ? (struct str){0} : c->ns};
	v->list = t.m ? target_list(c, &t, e) : NULL;
	if (!v->list)
		return -1;
	struct value *items = value_get(v->list, STR("items"));
	uint32_t n = 0;
	EACH_ITEM(x, items)
		if (wanted(v, *x))
			items->list.items[n++] = *x;
	items->list.len = n;
	if (n)
		qsort(items->list.items, n, sizeof *items->list.items, event_by_time);
	return 0;
}

static void put_row(struct events *v, struct tab *t, const struct value *ev)
{
	struct str age = event_age(v->c, ev);
	if (opt_on(v->c, "all-namespaces"))
		buf_printf(&t->text, "%.*s\t", STR_F(value_path_str(ev, "metadata.namespace")));
	buf_printf(&t->text, "%.*s\t%.*s\t", STR_F(age), STR_F(value_path_str(ev, "type")));
	tab_text(&t->text, value_path_str(ev, "reason"));
	buf_printf(&t->text, "\t%.*s/%.*s\t", STR_F(value_path_str(ev, "involvedObject.kind")), STR_F(value_path_str(ev, "involvedObject.name")));
	tab_text(&t->text, str_trim(value_path_str(ev, "message")));
	buf_char(&t->text, '\n');
}

static int print_events(struct events *v, struct err *e)
{
	struct ctl *c = v->c;
	struct tab t = TAB_TABLE;
	const struct value *items = value_get(v->list, STR("items"));
	if (v->p.given)
		return printer_print(c, &v->p, v->list, e);
	if (!list_len(items)) {
		if (opt_on(c, "all-namespaces"))
			dprintf(STDERR_FILENO, "No events found.\n");
		else
			dprintf(STDERR_FILENO, "No events found in %.*s namespace.\n", STR_F(c->ns));
		return 0;
	}
	if (!opt_on(c, "no-headers"))
		buf_printf(&t.text, "%sLAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n", opt_on(c, "all-namespaces") ? "NAMESPACE\t" : "");
	EACH_ITEM(x, items)
		put_row(v, &t, *x);
	tab_flush(&t, &c->out);
	tab_fini(&t);
	return 0;
}

int cmd_events(struct ctl *c, struct err *e)
{
	struct events v = {.c = c};
	if (printer_init(c, &v.p, false, e) != 0 || ctl_config(c, e) != 0 || read_options(&v, e) != 0 || read_events(&v, e) != 0)
		return -1;
	if (opt_on(c, "watch"))
		return err_set(e, ERR_BAD_REQUEST, "--watch is not there yet; use kubectl get events --watch");
	return print_events(&v, e);
}
