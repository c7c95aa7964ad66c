#include "kubectl/print.h"
#include "base/enc.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "kubectl/files.h"

static const struct format_row {
	const char *name;
	enum format format;
	bool file;           /* its template stands in a file */
} formats[] = {
	{"custom-columns", PRINT_COLUMNS, false}, {"custom-columns-file", PRINT_COLUMNS, true}, {"json", PRINT_JSON, false}, {"yaml", PRINT_YAML, false},
	{"jsonpath", PRINT_JSONPATH, false}, {"jsonpath-as-json", PRINT_JSONPATH_JSON, false}, {"jsonpath-file", PRINT_JSONPATH, true},
	{"kyaml", PRINT_KYAML, false}, {"name", PRINT_NAME, false}, {"wide", PRINT_WIDE, false},
};
static const char all_formats[] = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,wide,yaml";
static const char plain_formats[] = "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,yaml";

static bool is_template(const struct format_row *r) { return r->format == PRINT_COLUMNS || r->format == PRINT_JSONPATH || r->format == PRINT_JSONPATH_JSON; }

/* The longest name that `out` is, or begins with before "=". */
static const struct format_row *row_of(struct str out, struct str *ret_rest)
{
	struct str name;
	bool cut = str_cut(out, '=', &name, ret_rest);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_is(name, formats[i].name) && (!cut || is_template(&formats[i])))
			return &formats[i];
	return NULL;
}

static int unknown(struct str out, bool tables, struct err *e)
{
	if (str_has_prefix(out, STR("go-template")) || str_has_prefix(out, STR("template"))) {
		if (str_index(out, '=', 0) < 0)
			return err_set(e, ERR_BAD_REQUEST, "template format specified but no template given");
		return err_set(e, ERR_BAD_REQUEST, "output format \"%.*s\": Go templates are not there yet; use jsonpath or custom-columns", STR_F(out));
	}
	return err_set(e, ERR_BAD_REQUEST, "unable to match a printer suitable for the output format \"%.*s\", allowed formats are: %s", STR_F(out),
		tables ? all_formats : plain_formats);
}

static int unreadable(struct ctl *c, const struct printer *p, struct err *e)
{
	struct str why = str_dup(c->a, e->message);
	return err_set(e, ERR_BAD_REQUEST, "error reading --template %.*s, %.*s", STR_F(p->text), STR_F(why));
}

static int read_template(struct ctl *c, struct printer *p, bool file, struct err *e)
{
	if (!p->text.n && opt_exists(c, "template"))
		p->text = opt(c, "template");
	if (!p->text.n && p->format == PRINT_COLUMNS)
		return err_set(e, ERR_BAD_REQUEST, "custom-columns format specified but no custom columns given");
	if (!p->text.n)
		return err_set(e, ERR_BAD_REQUEST, "template format specified but no template given");
	if (file && input_read(c, str_dup(c->a, p->text), &p->text, e) != 0)
		return unreadable(c, p, e);
	if (p->format == PRINT_COLUMNS)
		return file ? columns_parse_file(c->a, p->text, &p->columns, e) : columns_parse(c->a, p->text, &p->columns, e);
	p->path = jsonpath_parse(c->a, p->text, e);
	if (p->path)
		return 0;
	struct str why = str_dup(c->a, e->message);
	return err_set(e, ERR_BAD_REQUEST, "error parsing jsonpath %.*s, %.*s", STR_F(p->text), STR_F(why));
}

int printer_init(struct ctl *c, struct printer *p, bool tables, struct err *e)
{
	struct str out = opt(c, "output");
	*p = (struct printer){.format = PRINT_TABLE, .given = out.n > 0, .headers = !(opt_exists(c, "no-headers") && opt_on(c, "no-headers")), .tab = TAB_TABLE};
	p->managed = opt_exists(c, "show-managed-fields") && opt_on(c, "show-managed-fields");
	if (!out.n)
		return 0;
	const struct format_row *r = row_of(out, &p->text);
	if (!r || (!tables && (r->format == PRINT_WIDE || r->format == PRINT_COLUMNS)))
		return unknown(out, tables, e);
	p->format = r->format;
	return is_template(r) ? read_template(c, p, r->file, e) : 0;
}

/* ---- documents */

static struct value *object_without_managed(struct ctl *c, struct value *v)
{
	struct value *meta = value_get(v, STR("metadata"));
	if (!value_get(meta, STR("managedFields")))
		return v;
	struct value *copy = value_new(c->a, V_OBJECT), *m = value_new(c->a, V_OBJECT);
	for (uint32_t i = 0; i < meta->object.len; i++)
		if (!str_is(meta->object.items[i].key, "managedFields"))
			value_set(c->a, m, meta->object.items[i].key, meta->object.items[i].value);
	for (uint32_t i = 0; i < v->object.len; i++)
		value_set(c->a, copy, v->object.items[i].key, v->object.items[i].value == meta ? m : v->object.items[i].value);
	return copy;
}

struct value *without_managed(struct ctl *c, struct value *v)
{
	struct value *items = value_get(v, STR("items"));
	for (uint32_t i = 0; items && items->type == V_LIST && i < items->list.len; i++)
		items->list.items[i] = object_without_managed(c, items->list.items[i]);
	return object_without_managed(c, v);
}

static void print_name(struct ctl *c, const struct value *v)
{
	const struct value *items = value_get(v, STR("items"));
	struct str group, version, kind = value_path_str(v, "kind"), name = value_path_str(v, "metadata.name");
	for (uint32_t i = 0; items && items->type == V_LIST && i < items->list.len; i++)
		print_name(c, items->list.items[i]);
	if (items && items->type == V_LIST && str_has_suffix(kind, STR("List")))
		return;
	split_api_version(value_path_str(v, "apiVersion"), &group, &version);
	struct str k = kind_text(c, group, kind);
	ctl_print(c, "%.*s/%.*s\n", STR_F(k), STR_F(name));
}

static int executing(struct ctl *c, struct printer *p, struct value *v, struct err *e)
{
	BUF(quoted);
	BUF(object);
	struct str why = str_dup(c->a, e->message);
	enc_quote(&quoted, p->text);
	jsonpath_write_go(&object, v);
	return err_set(e, ERR_BAD_REQUEST, "error executing jsonpath %.*s: Error executing template: %.*s. Printing more information for debugging the template:\n"
		"\ttemplate was:\n\t\t%.*s\n\tobject given to jsonpath engine was:\n\t\t%.*s\n\n", STR_F(buf_view(&quoted)), STR_F(why), STR_F(p->text),
		STR_F(buf_view(&object)));
}

static void print_sets_as_json(struct ctl *c, const struct jsonpath_sets *s)
{
	for (uint32_t i = 0; i < s->len; i++) {
		struct value *list = value_new(c->a, V_LIST);
		for (uint32_t k = 0; k < s->items[i].len; k++)
			value_push(c->a, list, s->items[i].items[k]);
		json_write_pretty(&c->out, list, 4);
		buf_char(&c->out, '\n');
	}
}

static int print_jsonpath(struct ctl *c, struct printer *p, struct value *v, struct err *e)
{
	struct jsonpath_sets sets;
	bool missing_ok = !opt_exists(c, "allow-missing-template-keys") || opt_on(c, "allow-missing-template-keys");
	if (jsonpath_find(c->a, p->path, v, missing_ok, &sets, e) != 0)
		return executing(c, p, v, e);
	if (p->format == PRINT_JSONPATH_JSON)
		print_sets_as_json(c, &sets);
	else
		jsonpath_write(&c->out, &sets);
	return 0;
}

static int print_columns(struct ctl *c, struct printer *p, struct value *v, struct err *e)
{
	const struct value *items = value_get(v, STR("items"));
	if (p->headers && !p->columns.printed)
		columns_write_headers(&p->tab.text, &p->columns);
	if (!items || items->type != V_LIST)
		return columns_write(c->a, &p->tab.text, &p->columns, v, e);
	for (uint32_t i = 0; i < items->list.len; i++)
		if (columns_write(c->a, &p->tab.text, &p->columns, items->list.items[i], e) != 0)
			return -1;
	return 0;
}

int printer_print(struct ctl *c, struct printer *p, struct value *v, struct err *e)
{
	if (!p->managed && (p->format == PRINT_JSON || p->format == PRINT_YAML || p->format == PRINT_KYAML))
		v = without_managed(c, v);
	if (p->format == PRINT_JSONPATH || p->format == PRINT_JSONPATH_JSON)
		return print_jsonpath(c, p, v, e);
	if (p->format == PRINT_COLUMNS)
		return print_columns(c, p, v, e);
	if (p->format == PRINT_JSON) {
		json_write_pretty(&c->out, v, 4);
		buf_char(&c->out, '\n');
	} else if (p->format == PRINT_YAML) {
		if (p->printed++)
			buf_lit(&c->out, "---\n");
		yaml_write(&c->out, v);
	} else if (p->format == PRINT_KYAML) {
		kyaml_write(&c->out, v);
	} else {
		print_name(c, v);
	}
	return 0;
}

void printer_end(struct ctl *c, struct printer *p)
{
	tab_flush(&p->tab, &c->out);
	tab_fini(&p->tab);
}

int print_done(struct ctl *c, struct printer *p, const struct target *t, struct value *obj, const char *done, enum dry_run dry, struct err *e)
{
	static const char *const suffix[] = {[DRY_NONE] = "", [DRY_CLIENT] = " (dry run)", [DRY_SERVER] = " (server dry run)"};
	struct str name = obj ? value_path_str(obj, "metadata.name") : t->name;
	struct str kind = mapping_kind(c, t->m);
	if (p->format == PRINT_NAME)
		ctl_print(c, "%.*s/%.*s\n", STR_F(kind), STR_F(name));
	else if (p->given)
		return printer_print(c, p, obj, e);
	else
		ctl_print(c, "%.*s/%.*s %s%s\n", STR_F(kind), STR_F(name), done, suffix[dry]);
	return 0;
}

struct value *list_of(struct ctl *c, const struct targets *t)
{
	struct value *list = value_new(c->a, V_OBJECT), *items = value_new(c->a, V_LIST), *meta = value_new(c->a, V_OBJECT);
	for (uint32_t i = 0; i < t->len; i++)
		value_push(c->a, items, t->items[i].obj);
	value_set(c->a, meta, STR("resourceVersion"), value_str(c->a, STR("")));
	value_set(c->a, list, STR("apiVersion"), value_str(c->a, STR("v1")));
	value_set(c->a, list, STR("items"), items);
	value_set(c->a, list, STR("kind"), value_str(c->a, STR("List")));
	value_set(c->a, list, STR("metadata"), meta);
	return list;
}
