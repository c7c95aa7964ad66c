/* get: tables, documents, raw answers; and watches of them. */
#include "codec/json.h"
#include "kubectl/command.h"
#include "kubectl/print.h"
#include "kubectl/table.h"
#include <stdio.h>
#include <errno.h>
#include <unistd.h>

#define EVENT_WIDTH 11 /* of the longest, MODIFIED */

struct get {
	struct ctl *c;
	struct printer p;
	struct table_opts o;
	struct targets ts;
	struct tab tab;
	const struct mapping *last;  /* whose headers were printed */
	bool printed;
	struct str sort;
};

static bool prints_tables(const struct get *g) { return g->p.format == PRINT_TABLE || g->p.format == PRINT_WIDE; }
static bool watches(struct ctl *c) { return opt_on(c, "watch") || opt_on(c, "watch-only"); }

/* ---- tables */

static struct value *read_table_page(struct get *g, const struct target *t, struct str next, struct err *e)
{
	BUF(path);
	struct ctl *c = g->c;
	target_path(c, &path, t, t->name.n ? str_z(c->a, opt(c, "subresource")) : NULL);
	if (!t->name.n && !g->sort.n && !str_is(opt(c, "chunk-size"), "0"))
		query_add(&path, "limit", opt(c, "chunk-size"));
	if (next.n)
		query_add(&path, "continue", next);
	if (g->sort.n)
		query_add(&path, "includeObject", STR("Object"));
	const char *accept = opt_on(c, "server-print") ? TABLE_ACCEPT : NULL;
	struct value *v = rest_json(c, &(struct request){.method = "GET", .path = buf_view(&path), .accept = accept}, e);
	if (!v)
		target_list_failed(c, t, e);
	return v ? table_of(c, v) : NULL;
}

static struct value *read_table(struct get *g, const struct target *t, struct err *e)
{
	struct value *table = read_table_page(g, t, (struct str){0}, e), *page = table;
	while (page && value_path_str(page, "metadata.continue").n) {
		page = read_table_page(g, t, value_path_str(page, "metadata.continue"), e);
		struct value *to = value_get(table, STR("rows")), *from = value_get(page, STR("rows"));
		for (uint32_t i = 0; to && from && i < from->list.len; i++)
			value_push(g->c->a, to, from->list.items[i]);
	}
	return page ? table : NULL;
}

static void put_table(struct get *g, const struct target *t, const struct value *table)
{
	const struct value *rows = value_get(table, STR("rows"));
	struct table_opts o = g->o;
	if (!rows || rows->type != V_LIST || !rows->list.len)
		return;
	bool fresh = g->last != t->m;
	o.with_namespace &= t->m->namespaced;
	o.headers &= fresh;
	if (fresh && g->last) {
		tab_flush(&g->tab, &g->c->out);
		g->tab = (struct tab)TAB_TABLE;
		if (g->o.headers)
			buf_char(&g->c->out, '\n');
	}
	table_put(g->c, &g->tab, t->m, table, &o);
	g->last = t->m;
	g->printed = true;
}

static int print_tables(struct get *g, struct err *e)
{
	bool ignore = opt_on(g->c, "ignore-not-found");
	for (uint32_t i = 0; i < g->ts.len; i++) {
		struct value *table = read_table(g, &g->ts.items[i], e);
		if (table && g->sort.n && table_sort(g->c, table, g->sort, e) != 0)
			table = NULL;
		if (table)
			put_table(g, &g->ts.items[i], table);
		else if (e->sys > 0)
			return -1;
		else if (ignore && err_is(e, ERR_NOT_FOUND))
			err_fini(e);
		else
			ctl_problem(g->c, e);
	}
	tab_flush(&g->tab, &g->c->out);
	return 0;
}

/* ---- documents */

static int print_documents(struct get *g, struct err *e)
{
	struct ctl *c = g->c;
	bool single = g->ts.single;
	if (targets_fetch(c, &g->ts, opt_on(c, "ignore-not-found"), e) != 0)
		return -1;
	if (single && !g->ts.len)
		return 0;
	if (!g->ts.len && (c->problems.len || g->p.format == PRINT_NAME))
		return 0;
	struct value *v = single && g->ts.len == 1 ? g->ts.items[0].obj : list_of(c, &g->ts);
	if (g->sort.n && !single && values_sort(c, value_get(v, STR("items")), g->sort, e) != 0)
		return -1;
	int failed = printer_print(c, &g->p, v, e);
	printer_end(c, &g->p);
	return failed;
}

static void tell_nothing(struct get *g)
{
	struct ctl *c = g->c;
	bool everywhere = opt_on(c, "all-namespaces");
	if (g->printed || c->problems.len || opt_on(c, "ignore-not-found"))
		return;
	bool namespaced = false;
	for (uint32_t i = 0; i < g->ts.len; i++)
		namespaced |= g->ts.items[i].m->namespaced;
	if (everywhere || !namespaced)
		dprintf(STDERR_FILENO, "No resources found\n");
	else
		dprintf(STDERR_FILENO, "No resources found in %.*s namespace.\n", STR_F(c->ns));
}

/* ---- watches */

static int print_event(struct get *g, const struct target *t, struct str type, struct value *obj, struct err *e)
{
	struct ctl *c = g->c;
	struct table_opts o = g->o;
	bool events = opt_on(c, "output-watch-events");
	if (prints_tables(g)) {
		o.event = events ? str_z(c->a, type) : NULL;
		o.headers &= g->last == NULL;
		o.with_namespace &= t->m->namespaced;
		table_put(c, &g->tab, t->m, table_of(c, obj), &o);
		tab_flush(&g->tab, &c->out);
		g->last = t->m;
	} else if (events && (g->p.format == PRINT_JSON || g->p.format == PRINT_YAML)) {
		struct value *ev = value_new(c->a, V_OBJECT);
		value_set(c->a, ev, STR("type"), value_str(c->a, type));
		value_set(c->a, ev, STR("object"), without_managed(c, obj));
		if (g->p.format == PRINT_YAML)
			return printer_print(c, &g->p, ev, e);
		json_write(&c->out, ev);
		buf_char(&c->out, '\n');
	} else if (printer_print(c, &g->p, obj, e) != 0) {
		return -1;
	} else {
		tab_flush(&g->p.tab, &c->out);
	}
	ctl_flush(c);
	return 0;
}

/* Items of the first answer come as events of their own. */
static int print_initial(struct get *g, const struct target *t, struct value *v, struct err *e)
{
	const struct value *items = value_get(v, STR("items"));
	const struct value *rows = value_get(v, STR("rows"));
	if (rows && !rows->list.len)
		return 0;
	if (!items)
		return print_event(g, t, STR("ADDED"), v, e);
	for (uint32_t i = 0; i < items->list.len; i++)
		if (print_event(g, t, STR("ADDED"), items->list.items[i], e) != 0)
			return -1;
	return 0;
}

/* The newest revision in a table of one object is the object's. */
static struct str revision_of(const struct value *v)
{
	struct str rv = value_path_str(v, "metadata.resourceVersion");
	const struct value *rows = value_get(v, STR("rows"));
	if (rv.n || !rows || rows->type != V_LIST || !rows->list.len)
		return rv;
	return value_path_str(rows->list.items[0], "object.metadata.resourceVersion");
}

static int watch_path(struct get *g, const struct target *t, struct str rv, struct buf *path)
{
	struct target list = *t;
	list.name = (struct str){0};
	target_path(g->c, path, &list, NULL);
	if (t->name.n)
		query_add(path, "fieldSelector", str_printf(g->c->a, "metadata.name=%.*s", STR_F(t->name)));
	query_add(path, "resourceVersion", rv);
	query_add(path, "watch", STR("true"));
	return 0;
}

static int one_event(struct get *g, const struct target *t, struct str line, bool *ret_over, struct err *e)
{
	struct ctl *c = g->c;
	struct value *v;
	struct json_opts o = {0};
	if (json_parse(c->a, line, &o, &v, e) != 0)
		return -1;
	value_sort(v);
	struct str type = value_path_str(v, "type");
	*ret_over = str_is(type, "ERROR");
	if (*ret_over)
		return err_set(e, ERR_BAD_REQUEST, "%.*s", STR_F(value_path_str(v, "object.message")));
	if (str_is(type, "BOOKMARK"))
		return 0;
	return print_event(g, t, type, value_get(v, STR("object")), e);
}

static int follow(struct get *g, const struct target *t, struct str rv, struct err *e)
{
	BUF(path);
	struct lines l;
	struct str line;
	bool over = false;
	mono_t deadline = g->c->rest.timeout ? rt_now() + g->c->rest.timeout : MONO_NEVER;
	watch_path(g, t, rv, &path);
	if (lines_open(g->c, &l, buf_view(&path), prints_tables(g) ? TABLE_ACCEPT : NULL, e) != 0)
		return -1;
	int r;
	while (!over && (r = lines_next(&l, &line, deadline, e)) > 0)
		if (one_event(g, t, line, &over, e) != 0)
			break;
	lines_close(&l);
	if (r < 0 && e->sys == ETIME)
		err_fini(e), r = 0;
	return e->code ? -1 : 0;
}

static int get_watch(struct get *g, struct err *e)
{
	struct ctl *c = g->c;
	if (g->ts.named && g->ts.len > 1) {
		if (targets_fetch(c, &g->ts, false, e) != 0 || c->problems.len)
			return e->code ? -1 : 0;
		return err_set(e, ERR_BAD_REQUEST, "you may only specify a single resource");
	}
	if (g->ts.len != 1)
		return err_set(e, ERR_BAD_REQUEST, "you may only specify a single resource type");
	struct target *t = &g->ts.items[0];
	struct value *first;
	if (prints_tables(g))
		first = read_table(g, t, e);
	else
		first = t->name.n ? (target_get(c, t, e) == 0 ? t->obj : NULL) : target_list(c, t, e);
	if (!first)
		return -1;
	if (!opt_on(c, "watch-only") && print_initial(g, t, first, e) != 0)
		return -1;
	return follow(g, t, revision_of(first), e);
}

/* ---- */

static int get_raw(struct ctl *c, struct err *e)
{
	struct str path = opt(c, "raw"), body;
	if (ctl_args(c)->len || watches(c) || opt(c, "selector").n)
		return err_set(e, ERR_BAD_REQUEST, "arguments may not be passed when --raw is specified");
	if (opt(c, "output").n)
		return err_set(e, ERR_BAD_REQUEST, "--raw and --output are mutually exclusive");
	if (path.p[0] != '/')
		return err_set(e, ERR_BAD_REQUEST, "--raw must be a valid URL path: parse \"%.*s\": invalid URI for request", STR_F(path));
	if (rest_call(c, &(struct request){.method = "GET", .path = path, .accept = "*/*"}, &body, e) != 0)
		return -1;
	buf_str(&c->out, body);
	return 0;
}

static int check(struct get *g, struct err *e)
{
	struct ctl *c = g->c;
	if (opt_on(c, "output-watch-events") && !watches(c))
		return err_set(e, ERR_BAD_REQUEST, "--output-watch-events option can only be used with --watch or --watch-only");
	if (!ctl_args(c)->len && !opt_list(c, "filename")->len) {
		dprintf(STDERR_FILENO, "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\n");
		return usage_error(c, e, "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).");
	}
	return 0;
}

static void options(struct get *g)
{
	struct ctl *c = g->c;
	bool many = false;
	for (uint32_t i = 1; i < g->ts.len; i++)
		many |= g->ts.items[i].m != g->ts.items[0].m;
	g->o = (struct table_opts){
		.headers = !opt_on(c, "no-headers"), .wide = g->p.format == PRINT_WIDE, .with_namespace = opt_on(c, "all-namespaces"),
		.with_kind = opt_on(c, "show-kind") || many, .show_labels = opt_on(c, "show-labels"), .label_columns = opt_list(c, "label-columns"),
	};
	g->sort = opt(c, "sort-by");
}

int cmd_get(struct ctl *c, struct err *e)
{
	struct get g = {.c = c, .tab = TAB_TABLE};
	if (opt(c, "raw").n)
		return get_raw(c, e);
	if (check(&g, e) != 0 || printer_init(c, &g.p, true, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_LIST_ALL}, &g.ts, e) != 0)
		return -1;
	if (opt(c, "subresource").n && !g.ts.named && !opt_list(c, "filename")->len)
		return err_set(e, ERR_BAD_REQUEST, "subresource cannot be used when bulk resources are specified");
	options(&g);
	int failed;
	if (watches(c) && opt_on(c, "output-watch-events"))
		g.tab.widths[0] = EVENT_WIDTH;
	if (watches(c))
		failed = get_watch(&g, e);
	else if (prints_tables(&g))
		failed = print_tables(&g, e);
	else
		failed = print_documents(&g, e);
	if (!failed && prints_tables(&g) && !watches(c))
		tell_nothing(&g);
	tab_fini(&g.tab);
	return failed;
}
