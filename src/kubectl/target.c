#include "kubectl/target.h"
#include "api/selector.h"
#include "kubectl/files.h"
#include "kubectl/walk.h"

static const char nothing_given[] = "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n"
	"   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'";
static const char not_separate[] = "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form "
	"(e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'";

static struct str selector(struct ctl *c, const char *name) { return opt_exists(c, name) ? opt(c, name) : (struct str){0}; }
static bool everywhere(struct ctl *c) { return opt_exists(c, "all-namespaces") && opt_on(c, "all-namespaces"); }
static bool all_flag(struct ctl *c, const struct target_opts *o) { return (o->flags & TARGET_ALL_FLAG) && opt_exists(c, "all") && opt_on(c, "all"); }

struct str target_text(struct ctl *c, const struct target *t)
{
	struct str kind = mapping_kind(c, t->m);
	return str_printf(c->a, "%.*s/%.*s", STR_F(kind), STR_F(t->name));
}

static void add(struct ctl *c, struct targets *ts, const struct mapping *m, struct str name)
{
	struct target *t = arena_push(c->a, ts);
	*t = (struct target){.m = m, .name = name};
	if (m->namespaced && !everywhere(c))
		t->ns = c->ns;
}

/* ---- arguments */

static bool has_slash(struct str s) { return str_index(s, '/', 0) >= 0; }

static int read_pair(struct ctl *c, struct str arg, struct targets *ts, struct err *e)
{
	struct str type, name;
	if (!str_cut(arg, '/', &type, &name))
		return err_set(e, ERR_BAD_REQUEST, "%s", not_separate);
	if (has_slash(name))
		return err_set(e, ERR_BAD_REQUEST, "arguments in resource/name form may not have more than one slash");
	if (!type.n || !name.n || str_index(type, ',', 0) >= 0)
		return err_set(e, ERR_BAD_REQUEST, "arguments in resource/name form must have a single resource and name");
	const struct mapping *m = mapping_find(c, type, e);
	if (!m)
		return -1;
	add(c, ts, m, name);
	return 0;
}

static int read_pairs(struct ctl *c, const struct str *args, uint32_t n, struct targets *ts, struct err *e)
{
	for (uint32_t i = 0; i < n; i++)
		if (read_pair(c, args[i], ts, e) != 0)
			return -1;
	ts->single = n == 1;
	ts->named = true;
	ts->kinds = 2; /* names with their kinds are printed with them when there are several */
	return 0;
}

static int read_lists(struct ctl *c, const struct target_opts *o, const struct mapping_list *kinds, struct targets *ts, struct err *e)
{
	bool selected = selector(c, "selector").n || selector(c, "field-selector").n || all_flag(c, o);
	if (!selected && !(o->flags & TARGET_LIST_ALL))
		return err_set(e, ERR_BAD_REQUEST, "resource(s) were provided, but no name was specified");
	ts->by_selector = selected;
	for (uint32_t i = 0; i < kinds->len; i++)
		add(c, ts, kinds->items[i], (struct str){0});
	return 0;
}

static int read_names(struct ctl *c, const struct mapping_list *kinds, const struct str *names, uint32_t n, struct targets *ts, struct err *e)
{
	for (uint32_t k = 0; k < kinds->len; k++)
		for (uint32_t i = 0; i < n; i++) {
			if (names[i].n)
				add(c, ts, kinds->items[k], names[i]);
			else if (err_set(e, ERR_BAD_REQUEST, "resource name may not be empty") != 0)
				ctl_problem(c, e);
		}
	ts->single = kinds->len == 1 && n == 1;
	ts->named = true;
	return 0;
}

static int check_names(struct ctl *c, const struct target_opts *o, struct err *e)
{
	if (selector(c, "selector").n || selector(c, "field-selector").n || all_flag(c, o))
		return err_set(e, ERR_BAD_REQUEST, "name cannot be provided when a selector is specified");
	if (everywhere(c))
		return err_set(e, ERR_BAD_REQUEST, "a resource cannot be retrieved by name across all namespaces");
	return 0;
}

static int read_args(struct ctl *c, const struct target_opts *o, const struct str *args, uint32_t n, struct targets *ts, struct err *e)
{
	struct mapping_list kinds = {0};
	bool pairs = false;
	for (uint32_t i = 0; i < n; i++)
		pairs |= has_slash(args[i]);
	bool selected = selector(c, "selector").n || selector(c, "field-selector").n || all_flag(c, o);
	if (pairs && selected)
		return err_set(e, ERR_BAD_REQUEST, "selectors and the all flag cannot be used when passing resource/name arguments");
	if ((pairs || n > 1) && check_names(c, o, e) != 0)
		return -1;
	if (pairs)
		return read_pairs(c, args, n, ts, e);
	if (mapping_words(c, args[0], &kinds, e) != 0)
		return -1;
	ts->kinds = kinds.len;
	return n == 1 ? read_lists(c, o, &kinds, ts, e) : read_names(c, &kinds, args + 1, n - 1, ts, e);
}

/* ---- files */

static int no_match(struct ctl *c, struct str name, struct str ns, struct str source, struct err *e)
{
	struct str why = str_dup(c->a, e->message);
	if (e->sys == SYS_STATUS || e->sys > 0)
		return -1;
	return err_set(e, ERR_BAD_REQUEST, "resource mapping not found for name: \"%.*s\" namespace: \"%.*s\" from \"%.*s\": %.*s\nensure CRDs are installed first",
		STR_F(name), STR_F(ns), STR_F(source), STR_F(why));
}

static int check_document(const struct value *v, struct str source, struct err *e)
{
	if (v->type != V_OBJECT)
		return err_set(e, ERR_BAD_REQUEST, "error parsing %.*s: json: cannot unmarshal into Go value of type map[string]interface {}", STR_F(source));
	const char *missing = !value_path_str(v, "kind").n ? "Kind" : !value_path_str(v, "apiVersion").n ? "apiVersion" : NULL;
	if (missing && strcmp(missing, "Kind") == 0)
		return err_set(e, ERR_BAD_REQUEST, "error validating \"%.*s\": error validating data: kind not set; if you choose to ignore these errors, turn validation off with --validate=false", STR_F(source));
	if (missing)
		return err_set(e, ERR_BAD_REQUEST, "error validating \"%.*s\": error validating data: apiVersion not set; if you choose to ignore these errors, turn validation off with --validate=false", STR_F(source));
	return 0;
}

static struct value *metadata(struct ctl *c, struct value *v)
{
	struct value *meta = value_get(v, STR("metadata"));
	if (!meta || meta->type != V_OBJECT)
		value_set(c->a, v, STR("metadata"), meta = value_new(c->a, V_OBJECT));
	return meta;
}

static int place(struct ctl *c, struct target *t, struct err *e)
{
	struct value *meta = metadata(c, t->obj);
	struct str ns = value_path_str(t->obj, "metadata.namespace");
	if (!t->m->namespaced)
		return 0;
	if (ns.n && c->ns_given && !str_eq(ns, c->ns))
		return err_set(e, ERR_BAD_REQUEST, "the namespace from the provided object \"%.*s\" does not match the namespace \"%.*s\". You must pass '--namespace=%.*s' to perform this operation.",
			STR_F(ns), STR_F(c->ns), STR_F(ns));
	t->ns = ns.n ? ns : c->ns;
	bool local = opt_exists(c, "local") && opt_on(c, "local");
	if (!ns.n && !local)
		value_set(c->a, meta, STR("namespace"), value_str(c->a, c->ns));
	return 0;
}

/* A List, or a kind such as ConfigMapList: its items. */
static int read_items(struct ctl *c, struct value *list, struct str source, struct targets *ts, struct err *e)
{
	const struct value *items = value_get(list, STR("items"));
	struct str kind = value_path_str(list, "kind"), item_kind = str_sub(kind, 0, kind.n - 4);
	for (uint32_t i = 0; i < items->list.len; i++) {
		struct value *v = items->list.items[i];
		if (v->type == V_OBJECT && item_kind.n && !value_get(v, STR("kind"))) {
			value_set(c->a, v, STR("kind"), value_str(c->a, item_kind));
			value_set(c->a, v, STR("apiVersion"), value_get(list, STR("apiVersion")));
		}
		if (target_of_value(c, v, source, ts, e) != 0)
			ctl_problem(c, e);
	}
	ts->single = false;
	return 0;
}

static int not_text(const struct value *v, struct str field, struct str source, struct err *e)
{
	static const char *const kinds[] = {[V_BOOL] = "bool", [V_INT] = "number", [V_DOUBLE] = "number", [V_OBJECT] = "object", [V_LIST] = "array"};
	if (!v || v->type == V_NULL || v->type == V_STRING)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "unable to decode \"%.*s\": json: cannot unmarshal %s into Go struct field ObjectMeta.metadata.%.*s of type string", STR_F(source),
		kinds[v->type], STR_F(field));
}

/* Names, labels and annotations are looked at here already: YAML makes booleans and numbers of what was meant as text. */
static int check_metadata(const struct value *v, struct str source, struct err *e)
{
	const struct value *meta = value_get(v, STR("metadata"));
	EACH_MEMBER(m, meta) {
		bool map = str_is(m->key, "labels") || str_is(m->key, "annotations");
		bool text = str_is(m->key, "name") || str_is(m->key, "namespace") || str_is(m->key, "generateName");
		if (text && not_text(m->value, m->key, source, e))
			return -1;
		EACH_MEMBER(x, map ? m->value : NULL)
			if (not_text(x->value, m->key, source, e))
				return -1;
	}
	return 0;
}

int target_of_value(struct ctl *c, struct value *v, struct str source, struct targets *ts, struct err *e)
{
	if (check_document(v, source, e) != 0 || check_metadata(v, source, e) != 0)
		return -1;
	struct str kind = value_path_str(v, "kind"), name = value_path_str(v, "metadata.name");
	const struct value *items = value_get(v, STR("items"));
	if (items && items->type == V_LIST && str_has_suffix(kind, STR("List")))
		return read_items(c, v, source, ts, e);
	const struct mapping *m = mapping_of_kind(c, value_path_str(v, "apiVersion"), kind, e);
	if (!m)
		return no_match(c, name, value_path_str(v, "metadata.namespace"), source, e);
	struct target t = {.m = m, .name = name, .source = source, .obj = v};
	if (place(c, &t, e) != 0)
		return -1;
	struct target *to = arena_push(c->a, ts);
	*to = t;
	return 0;
}

struct file_reader {
	struct ctl *c;
	struct targets *ts;
	struct selector labels;
	bool deep;
};

/* -l with files: only those of their objects that have the labels. */
static void keep_selected(struct file_reader *r, uint32_t from)
{
	uint32_t n = from;
	for (uint32_t i = from; i < r->ts->len; i++) {
		struct str_map labels = {0};
		const struct value *map = value_path(r->ts->items[i].obj, "metadata.labels");
		EACH_MEMBER(m, map)
			*arena_push(r->c->a, &labels) = (struct str_pair){m->key, text_of(m->value)};
		if (selector_matches(&r->labels, &labels))
			r->ts->items[n++] = r->ts->items[i];
	}
	r->ts->len = n;
}

static int take_document(void *arg, struct value *v, struct str source, struct err *e)
{
	struct file_reader *r = arg;
	uint32_t from = r->ts->len;
	if (target_of_value(r->c, v, source, r->ts, e) != 0)
		ctl_problem(r->c, e);
	keep_selected(r, from);
	return 0;
}

static int read_files(struct ctl *c, const str_list_t *files, struct targets *ts, struct err *e)
{
	struct file_reader r = {.c = c, .ts = ts, .deep = opt_exists(c, "recursive") && opt_on(c, "recursive")};
	ts->single = true;
	if (selector(c, "selector").n && selector_parse(c->a, selector(c, "selector"), &r.labels, e) != 0)
		return -1;
	if (files_each(c, files, r.deep, take_document, &r, e) != 0)
		return -1;
	ts->single &= ts->len <= 1;
	return 0;
}

int targets_read(struct ctl *c, const struct target_opts *o, struct targets *ret, struct err *e)
{
	const struct str *args = o->args ? o->args : c->opts.args.items;
	uint32_t n = o->args || (o->flags & TARGET_SKIP_ARGS) ? o->nargs : c->opts.args.len;
	bool has_files = opt_exists(c, "filename") && opt_list(c, "filename")->len;
	*ret = (struct targets){0};
	if (ctl_config(c, e) != 0)
		return -1;
	if (opt_exists(c, "kustomize") && opt(c, "kustomize").n)
		return err_set(e, ERR_BAD_REQUEST, "--kustomize is not there yet; render the files first and pass them with -f");
	if (has_files && n && !(o->flags & TARGET_FILES_ONLY))
		return err_set(e, ERR_BAD_REQUEST, "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well");
	if (has_files)
		return read_files(c, opt_list(c, "filename"), ret, e);
	if (!n)
		return err_set(e, ERR_BAD_REQUEST, "%s", nothing_given);
	return read_args(c, o, args, n, ret, e);
}

/* ---- reading from the server */

void target_selectors(struct ctl *c, struct buf *path)
{
	struct str labels = selector(c, "selector"), fields = selector(c, "field-selector");
	if (labels.n)
		query_add(path, "labelSelector", labels);
	if (fields.n)
		query_add(path, "fieldSelector", fields);
}

void target_path(struct ctl *c, struct buf *out, const struct target *t, const char *sub)
{
	mapping_path(out, t->m, t->ns, t->name, sub);
	if (!t->name.n)
		target_selectors(c, out);
}

int target_get(struct ctl *c, struct target *t, struct err *e)
{
	BUF(path);
	mapping_path(&path, t->m, t->ns, t->name, opt_exists(c, "subresource") ? str_z(c->a, opt(c, "subresource")) : NULL);
	t->obj = rest_get(c, buf_view(&path), e);
	return t->obj ? 0 : -1;
}

static void complete_items(struct ctl *c, const struct target *t, struct value *list)
{
	struct value *items = value_get(list, STR("items"));
	for (uint32_t i = 0; items && items->type == V_LIST && i < items->list.len; i++) {
		struct value *v = items->list.items[i];
		if (v->type != V_OBJECT || value_get(v, STR("kind")))
			continue;
		value_set(c->a, v, STR("apiVersion"), value_str(c->a, mapping_api_version(c, t->m)));
		value_set(c->a, v, STR("kind"), value_str(c->a, t->m->kind));
		value_sort(v);
	}
}

void target_list_failed(struct ctl *c, const struct target *t, struct err *e)
{
	struct str labels = selector(c, "selector"), fields = selector(c, "field-selector");
	if (t->name.n || e->sys != SYS_STATUS || !(err_is(e, ERR_BAD_REQUEST) || err_is(e, ERR_NOT_FOUND)))
		return;
	struct str what = str_printf(c->a, "Unable to find \"%.*s/%.*s, Resource=%.*s\"", STR_F(t->m->group), STR_F(t->m->version), STR_F(t->m->resource));
	if (labels.n || fields.n)
		err_wrap(e, "%.*s that match label selector \"%.*s\", field selector \"%.*s\"", STR_F(what), STR_F(labels), STR_F(fields));
	else
		err_wrap(e, "%.*s", STR_F(what));
}

static struct value *read_page(struct ctl *c, const struct target *t, struct str next, struct err *e)
{
	BUF(path);
	target_path(c, &path, t, NULL);
	struct str chunk = opt_exists(c, "chunk-size") ? opt(c, "chunk-size") : STR("500");
	if (chunk.n && !str_is(chunk, "0"))
		query_add(&path, "limit", chunk);
	if (next.n)
		query_add(&path, "continue", next);
	struct value *v = rest_get(c, buf_view(&path), e);
	if (!v)
		target_list_failed(c, t, e);
	return v;
}

static void append(struct ctl *c, struct value *to, const struct value *from)
{
	for (uint32_t i = 0; to && from && from->type == V_LIST && i < from->list.len; i++)
		value_push(c->a, to, from->list.items[i]);
}

struct value *target_list(struct ctl *c, const struct target *t, struct err *e)
{
	struct value *list = read_page(c, t, (struct str){0}, e), *page = list;
	struct value *items = value_get(list, STR("items"));
	if (list && (!items || items->type != V_LIST))
		value_set(c->a, list, STR("items"), items = value_new(c->a, V_LIST));
	while (page && value_path_str(page, "metadata.continue").n) {
		page = read_page(c, t, value_path_str(page, "metadata.continue"), e);
		if (!page)
			return NULL;
		append(c, items, value_get(page, STR("items")));
	}
	if (list)
		complete_items(c, t, list);
	return list;
}

static int expand_list(struct ctl *c, const struct target *t, struct targets *to, struct err *e)
{
	struct value *list = target_list(c, t, e);
	const struct value *items = value_get(list, STR("items"));
	for (uint32_t i = 0; items && i < items->list.len; i++) {
		struct value *v = items->list.items[i];
		struct target *one = arena_push(c->a, to);
		*one = (struct target){.m = t->m, .obj = v, .name = value_path_str(v, "metadata.name"), .ns = value_path_str(v, "metadata.namespace")};
	}
	return list ? 0 : -1;
}

static int fetch_one(struct ctl *c, const struct target *t, struct targets *to, bool ignore_missing, struct err *e)
{
	struct target one = *t;
	if (target_get(c, &one, e) != 0) {
		if (!(ignore_missing && err_is(e, ERR_NOT_FOUND)))
			return -1;
		err_fini(e);
		return 0;
	}
	struct target *p = arena_push(c->a, to);
	*p = one;
	return 0;
}

int targets_fetch(struct ctl *c, struct targets *t, bool ignore_missing, struct err *e)
{
	struct targets all = *t;
	all.items = NULL;
	all.len = all.cap = 0;
	for (uint32_t i = 0; i < t->len; i++) {
		int failed = t->items[i].name.n ? fetch_one(c, &t->items[i], &all, ignore_missing, e) : expand_list(c, &t->items[i], &all, e);
		if (failed && e->sys > 0)
			return -1;
		if (failed)
			ctl_problem(c, e);
	}
	*t = all;
	return 0;
}
