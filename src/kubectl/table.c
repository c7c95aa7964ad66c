#include "kubectl/table.h"
#include "codec/patch.h"
#include "kubectl/jsonpath.h"
#include "schema/quantity.h"
#include <ctype.h>
#include <stdlib.h>

struct span {
	int64_t below;     /* seconds */
	int64_t unit, sub; /* of the two numbers; sub 0: one number */
	const char *name, *sub_name;
};
/* Upstream's HumanDuration: precise while young. */
static const struct span spans[] = {
	{120, 1, 0, "s", ""}, {600, 60, 1, "m", "s"}, {3 * 3600, 60, 0, "m", ""}, {8 * 3600, 3600, 60, "h", "m"}, {48 * 3600, 3600, 0, "h", ""},
	{8 * 86400, 86400, 3600, "d", "h"}, {2 * 365 * 86400, 86400, 0, "d", ""}, {8 * 365 * 86400, 365 * 86400, 86400, "y", "d"},
	{INT64_MAX, 365 * 86400, 0, "y", ""},
};

struct str duration_text(struct ctl *c, nsec_t d)
{
	int64_t s = d / NS_S;
	const struct span *p = spans;
	if (s < -1)
		return STR("<invalid>");
	if (s < 0)
		return STR("0s");
	while (s >= p->below)
		p++;
	int64_t rest = p->sub ? s % p->unit / p->sub : 0;
	if (rest)
		return str_printf(c->a, "%lld%s%lld%s", (long long)(s / p->unit), p->name, (long long)rest, p->sub_name);
	return str_printf(c->a, "%lld%s", (long long)(s / p->unit), p->name);
}

struct str ago_text(struct ctl *c, struct str t)
{
	int64_t sec;
	int32_t nsec;
	if (!t.n || time_parse_rfc3339(t, &sec, &nsec) != 0)
		return STR("<unknown>");
	return duration_text(c, rt_wall() - sec * NS_S);
}

/* ---- tables made here */

static struct value *text(struct ctl *c, const char *s) { return value_str(c->a, str_of(s)); }

static struct value *column(struct ctl *c, const char *name, const char *format)
{
	struct value *v = value_new(c->a, V_OBJECT);
	value_set(c->a, v, STR("name"), text(c, name));
	value_set(c->a, v, STR("format"), text(c, format));
	return v;
}

static void add_row(struct ctl *c, struct value *rows, struct value *obj)
{
	struct value *row = value_new(c->a, V_OBJECT), *cells = value_new(c->a, V_LIST);
	value_push(c->a, cells, value_str(c->a, value_path_str(obj, "metadata.name")));
	value_push(c->a, cells, value_str(c->a, ago_text(c, value_path_str(obj, "metadata.creationTimestamp"))));
	value_set(c->a, row, STR("cells"), cells);
	value_set(c->a, row, STR("object"), obj);
	value_push(c->a, rows, row);
}

struct value *table_of(struct ctl *c, struct value *v)
{
	if (str_is(value_path_str(v, "kind"), "Table"))
		return v;
	struct value *t = value_new(c->a, V_OBJECT), *rows = value_new(c->a, V_LIST), *columns = value_new(c->a, V_LIST);
	const struct value *items = value_get(v, STR("items"));
	value_push(c->a, columns, column(c, "Name", "name"));
	value_push(c->a, columns, column(c, "Age", ""));
	for (uint32_t i = 0; items && items->type == V_LIST && i < items->list.len; i++)
		add_row(c, rows, items->list.items[i]);
	if (!items)
		add_row(c, rows, v);
	value_set(c->a, t, STR("columnDefinitions"), columns);
	value_set(c->a, t, STR("rows"), rows);
	value_set(c->a, t, STR("metadata"), value_get(v, STR("metadata")) ? value_get(v, STR("metadata")) : value_new(c->a, V_OBJECT));
	return t;
}

/* ---- printing */

static bool shown(const struct value *column, const struct table_opts *o)
{
	const struct value *p = value_get(column, STR("priority"));
	return o->wide || !p || p->type != V_INT || p->i == 0;
}

static void put_upper(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_char(out, (char)toupper((unsigned char)s.p[i]));
}

/* A tab before all cells but the first. */
static struct buf *next_cell(struct tab *t, bool *first)
{
	if (!*first)
		buf_char(&t->text, '\t');
	*first = false;
	return &t->text;
}

static void put_headers(struct tab *t, const struct value *columns, const struct table_opts *o)
{
	bool first = true;
	if (o->event)
		buf_lit(next_cell(t, &first), "EVENT");
	if (o->with_namespace)
		buf_lit(next_cell(t, &first), "NAMESPACE");
	for (uint32_t i = 0; columns && i < columns->list.len; i++)
		if (shown(columns->list.items[i], o))
			put_upper(next_cell(t, &first), value_path_str(columns->list.items[i], "name"));
	for (uint32_t i = 0; o->label_columns && i < o->label_columns->len; i++) {
		struct str l = o->label_columns->items[i];
		put_upper(next_cell(t, &first), str_sub(l, (size_t)(str_rindex(l, '/') + 1), l.n));
	}
	if (o->show_labels)
		buf_lit(next_cell(t, &first), "LABELS");
	buf_char(&t->text, '\n');
}

static void put_value(struct buf *out, const struct value *v)
{
	BUF(b);
	if (v->type == V_STRING) {
		tab_cell(out, v->s);
		return;
	}
	value_write_go(&b, v);
	tab_cell(out, buf_view(&b));
}

static void put_labels(struct buf *out, const struct value *labels)
{
	if (!labels || labels->type != V_OBJECT || !labels->object.len)
		buf_lit(out, "<none>");
	for (uint32_t i = 0; labels && labels->type == V_OBJECT && i < labels->object.len; i++) {
		if (i)
			buf_char(out, ',');
		tab_cell(out, labels->object.items[i].key);
		buf_char(out, '=');
		tab_cell(out, labels->object.items[i].value->s);
	}
}

static void put_label_cells(struct tab *t, const struct value *row, const struct table_opts *o, bool *first)
{
	const struct value *labels = value_path(row, "object.metadata.labels");
	for (uint32_t i = 0; o->label_columns && i < o->label_columns->len; i++) {
		const struct value *v = value_get(labels, o->label_columns->items[i]);
		tab_cell(next_cell(t, first), v && v->type == V_STRING ? v->s : STR("<none>"));
	}
	if (o->show_labels)
		put_labels(next_cell(t, first), labels);
}

static void put_row(struct ctl *c, struct tab *t, const struct mapping *m, const struct value *columns, const struct value *row, const struct table_opts *o)
{
	const struct value *cells = value_get(row, STR("cells"));
	bool first = true;
	if (o->event)
		buf_printf(next_cell(t, &first), "%s", o->event);
	if (o->with_namespace)
		buf_str(next_cell(t, &first), value_path_str(row, "object.metadata.namespace"));
	for (uint32_t i = 0; cells && cells->type == V_LIST && i < cells->list.len; i++) {
		const struct value *col = columns && i < columns->list.len ? columns->list.items[i] : NULL;
		if (col && !shown(col, o))
			continue;
		struct buf *out = next_cell(t, &first);
		if (o->with_kind && str_is(value_path_str(col, "format"), "name")) {
			struct str kind = mapping_kind(c, m);
			buf_printf(out, "%.*s/", STR_F(kind));
		}
		put_value(out, cells->list.items[i]);
	}
	put_label_cells(t, row, o, &first);
	buf_char(&t->text, '\n');
}

void table_put(struct ctl *c, struct tab *t, const struct mapping *m, const struct value *v, const struct table_opts *o)
{
	const struct value *columns = value_get(v, STR("columnDefinitions")), *rows = value_get(v, STR("rows"));
	if (o->headers)
		put_headers(t, columns, o);
	for (uint32_t i = 0; rows && rows->type == V_LIST && i < rows->list.len; i++)
		put_row(c, t, m, columns, rows->list.items[i], o);
}

/* ---- sorting */

struct keyed {
	struct value *row, *key;
};

static bool digit(struct str s, size_t i) { return i < s.n && isdigit((unsigned char)s.p[i]); }

/* Digits compare as numbers: a2 before a10. */
static int natural(struct str x, struct str y)
{
	size_t i = 0, k = 0;
	while (i < x.n && k < y.n) {
		if (digit(x, i) && digit(y, k)) {
			while (digit(x, i) && x.p[i] == '0') i++;
			while (digit(y, k) && y.p[k] == '0') k++;
			size_t a = i, b = k;
			while (digit(x, i)) i++;
			while (digit(y, k)) k++;
			if (i - a != k - b)
				return i - a < k - b ? -1 : 1;
			int d = memcmp(x.p + a, y.p + b, i - a);
			if (d)
				return d;
		} else if (x.p[i] != y.p[k]) {
			return (unsigned char)x.p[i] < (unsigned char)y.p[k] ? -1 : 1;
		} else {
			i++, k++;
		}
	}
	return (i < x.n) - (k < y.n);
}

static double number_of(const struct value *v) { return v->type == V_INT ? (double)v->i : v->type == V_DOUBLE ? v->d : v->type == V_BOOL ? v->b : 0; }

static int compare_text(struct str x, struct str y)
{
	struct quantity a, b;
	if (quantity_parse(x, &a) == QUANTITY_OK && quantity_parse(y, &b) == QUANTITY_OK)
		return quantity_cmp(&a, &b);
	return natural(x, y);
}

static int by_key(const void *px, const void *py)
{
	const struct value *x = ((const struct keyed *)px)->key, *y = ((const struct keyed *)py)->key;
	if (!x || !y)
		return (x != NULL) - (y != NULL);
	if (x->type == V_STRING && y->type == V_STRING)
		return compare_text(x->s, y->s);
	double d = number_of(x) - number_of(y);
	return (d > 0) - (d < 0);
}

/* qsort of glibc is stable only while it has memory, so this is a merge of our own. */
static void merge_sort(struct keyed *v, struct keyed *tmp, size_t n)
{
	if (n < 2)
		return;
	size_t half = n / 2, i = 0, k = half, at = 0;
	merge_sort(v, tmp, half);
	merge_sort(v + half, tmp, n - half);
	while (i < half && k < n)
		tmp[at++] = by_key(&v[k], &v[i]) < 0 ? v[k++] : v[i++];
	while (i < half)
		tmp[at++] = v[i++];
	while (k < n)
		tmp[at++] = v[k++];
	memcpy(v, tmp, n * sizeof *v);
}

static int sort_by(struct ctl *c, struct value *list, const char *inside, struct str path, struct err *e)
{
	struct str relaxed;
	bool any = false;
	if (!list || jsonpath_relaxed(c->a, path, &relaxed, e) != 0)
		return list ? -1 : 0;
	struct jsonpath *p = jsonpath_parse(c->a, relaxed, e);
	struct keyed *v = p ? arena_array(c->a, struct keyed, (size_t)list->list.len * 2 + 1) : NULL;
	if (!v)
		return -1;
	for (uint32_t i = 0; i < list->list.len; i++) {
		struct value *row = list->list.items[i], *obj = *inside ? value_get(row, str_of(inside)) : row;
		v[i] = (struct keyed){row, obj ? jsonpath_first(c->a, p, obj) : NULL};
		any |= v[i].key != NULL;
	}
	if (!any && list->list.len)
		return err_set(e, ERR_BAD_REQUEST, "couldn't find any field with path \"%.*s\" in the list of objects", STR_F(relaxed));
	merge_sort(v, v + list->list.len, list->list.len);
	for (uint32_t i = 0; i < list->list.len; i++)
		list->list.items[i] = v[i].row;
	return 0;
}

int table_sort(struct ctl *c, struct value *table, struct str path, struct err *e) { return sort_by(c, value_get(table, STR("rows")), "object", path, e); }
int values_sort(struct ctl *c, struct value *list, struct str path, struct err *e) { return sort_by(c, list, "", path, e); }
