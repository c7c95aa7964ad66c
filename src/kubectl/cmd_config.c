/* config: a look at kubeconfig files, and which context is in use. */
#include "base/enc.h"
#include "client/kubeconfig.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "gen/ids.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/files.h"
#include "kubectl/print.h"
#include "kubectl/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PLURALS 3
static const char *const plurals[PLURALS] = {"clusters", "contexts", "users"};

static struct clientcmd_v1_Config *load(struct ctl *c, struct err *e) { return kubeconfig_load(c->a, opt(c, "kubeconfig"), e); }

/* The context in use, or that of --context. */
static struct str current(struct ctl *c, const struct clientcmd_v1_Config *k)
{
	return opt(c, "context").n ? opt(c, "context") : k->current_context;
}

int cmd_config_current(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = load(c, e);
	if (!k)
		return -1;
	if (!k->current_context.n)
		return err_set(e, ERR_BAD_REQUEST, "current-context is not set");
	ctl_print(c, "%.*s\n", STR_F(k->current_context));
	return 0;
}

/* ---- lists */

static int by_context(const void *x, const void *y)
{
	return str_cmp(((const struct clientcmd_v1_NamedContext *)x)->name, ((const struct clientcmd_v1_NamedContext *)y)->name);
}

static void put_context(struct tab *t, const struct clientcmd_v1_NamedContext *x, struct str in_use)
{
	buf_printf(&t->text, "%s\t%.*s\t%.*s\t%.*s\t%.*s\n", str_eq(x->name, in_use) ? "*" : "", STR_F(x->name), STR_F(x->context.cluster), STR_F(x->context.user),
		STR_F(x->context.namespace));
}

int cmd_config_contexts(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = load(c, e);
	struct tab t = TAB_TABLE;
	struct str out = opt(c, "output");
	bool names = str_is(out, "name");
	if (!k)
		return -1;
	if (out.n && !names)
		return err_set(e, ERR_BAD_REQUEST, "--output %.*s is not available in kubectl config get-contexts; resetting to default output format", STR_F(out));
	qsort(k->contexts.items, k->contexts.len, sizeof *k->contexts.items, by_context);
	if (!names && !opt_on(c, "no-headers"))
		buf_lit(&t.text, "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n");
	LIST_EACH(a, *ctl_args(c))
		if (!kubeconfig_context(k, *a))
			ctl_problem(c, (err_set(e, ERR_BAD_REQUEST, "context %.*s not found", STR_F(*a)), e));
	LIST_EACH(x, k->contexts) {
		bool chosen = !ctl_args(c)->len;
		LIST_EACH(a, *ctl_args(c))
			chosen |= str_eq(*a, x->name);
		if (chosen && names)
			ctl_print(c, "%.*s\n", STR_F(x->name));
		else if (chosen)
			put_context(&t, x, k->current_context);
	}
	tab_flush(&t, &c->out);
	tab_fini(&t);
	return 0;
}

int cmd_config_clusters(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = load(c, e);
	if (!k)
		return -1;
	ctl_print(c, "NAME\n");
	LIST_EACH(x, k->clusters)
		ctl_print(c, "%.*s\n", STR_F(x->name));
	return 0;
}

int cmd_config_users(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = load(c, e);
	if (!k)
		return -1;
	ctl_print(c, "NAME\n");
	LIST_EACH(x, k->users)
		ctl_print(c, "%.*s\n", STR_F(x->name));
	return 0;
}

/* ---- use-context */

int cmd_config_use(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = load(c, e);
	struct str name = ctl_arg(c, 0), *files;
	if (!k)
		return -1;
	if (ctl_args(c)->len != 1)
		return err_set(e, ERR_BAD_REQUEST, "Unexpected args: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (!kubeconfig_context(k, name))
		return err_set(e, ERR_BAD_REQUEST, "no context exists with the name: \"%.*s\"", STR_F(name));
	size_t n = kubeconfig_files(c->a, opt(c, "kubeconfig"), &files);
	for (size_t i = 0; i < n; i++) {
		struct clientcmd_v1_Config *one = kubeconfig_read(c->a, files[i], e);
		if (!one)
			return -1;
		/* The file that says it now, else the first. */
		if (!one->current_context.n && (i + 1 < n || n == 0) && k->current_context.n)
			continue;
		if (!one->current_context.n)
			one = kubeconfig_read(c->a, files[i = 0], e);
		if (!one)
			return -1;
		one->current_context = name;
		if (kubeconfig_write(files[i], one, e) != 0)
			return -1;
		break;
	}
	ctl_print(c, "Switched to context \"%.*s\".\n", STR_F(name));
	return 0;
}

/* ---- view */

static const struct secret {
	const char *name, *instead;
} secrets[] = {
	{"certificate-authority-data", "DATA+OMITTED"}, {"client-certificate-data", "DATA+OMITTED"}, {"client-key-data", "DATA+OMITTED"}, {"password", "REDACTED"},
	{"token", "REDACTED"},
};

static void hide(struct ctl *c, struct value *v)
{
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (text_of(value_get(v, str_of(secrets[i].name))).n)
			value_set(c->a, v, str_of(secrets[i].name), value_str(c->a, str_of(secrets[i].instead)));
	EACH_MEMBER(m, v)
		hide(c, m->value);
	EACH_ITEM(x, v)
		hide(c, *x);
}

static void keep_named(struct value *list, struct str name)
{
	uint32_t n = 0;
	EACH_ITEM(x, list)
		if (str_eq(value_path_str(*x, "name"), name))
			list->list.items[n++] = *x;
	if (list_len(list))
		list->list.len = n;
}

static int minify(struct ctl *c, struct clientcmd_v1_Config *k, struct value *v, struct err *e)
{
	struct str name = current(c, k);
	const struct clientcmd_v1_Context *x = kubeconfig_context(k, name);
	if (!name.n)
		return err_set(e, ERR_BAD_REQUEST, "current-context must exist in order to minify");
	if (!x)
		return err_set(e, ERR_BAD_REQUEST, "cannot locate context %.*s", STR_F(name));
	keep_named(value_get(v, STR("contexts")), name);
	keep_named(value_get(v, STR("clusters")), x->cluster);
	keep_named(value_get(v, STR("users")), x->user);
	value_set(c->a, v, STR("current-context"), value_str(c->a, name));
	return 0;
}

/* Files become their contents. */
static int flatten(struct ctl *c, struct value *v, struct err *e)
{
	static const char *const files[] = {"certificate-authority", "client-certificate", "client-key"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		BUF(b);
		struct str path = text_of(value_get(v, str_of(files[i]))), text;
		if (!path.n)
			continue;
		if (input_read(c, path, &text, e) != 0)
			return -1;
		enc_base64(&b, text);
		value_del(v, str_of(files[i]));
		value_set(c->a, v, str_printf(c->a, "%s-data", files[i]), value_str(c->a, buf_take(&b, c->a)));
	}
	EACH_MEMBER(m, v)
		if (flatten(c, m->value, e) != 0)
			return -1;
	EACH_ITEM(x, v)
		if (flatten(c, *x, e) != 0)
			return -1;
	return 0;
}

static int by_item_name(const void *x, const void *y)
{
	return str_cmp(value_path_str(*(struct value *const *)x, "name"), value_path_str(*(struct value *const *)y, "name"));
}

static struct value *document(struct ctl *c, struct clientcmd_v1_Config *k, struct err *e)
{
	BUF(text);
	struct value *v;
	struct json_opts o = {0};
	yaml_encode(&text, (struct ref){desc_type(T_clientcmd_v1_Config), k});
	if (yaml_parse(c->a, buf_take(&text, c->a), &o, &v, e) != 0)
		return NULL;
	value_set(c->a, v, STR("apiVersion"), value_str(c->a, STR("v1")));
	value_set(c->a, v, STR("kind"), value_str(c->a, STR("Config")));
	if (!map_len(value_get(v, STR("preferences"))))
		value_del(v, STR("preferences"));
	for (int i = 0; i < PLURALS; i++) {
		struct value *list = value_get(v, str_of(plurals[i]));
		if (list_len(list))
			qsort(list->list.items, list->list.len, sizeof *list->list.items, by_item_name);
		else
			value_set(c->a, v, str_of(plurals[i]), value_new(c->a, V_NULL));
	}
	return v;
}

/* Of one file the paths are shown as it has them.  Unlike with other commands, a file that is not there is an empty one. */
static struct clientcmd_v1_Config *load_view(struct ctl *c, struct err *e)
{
	struct str *files, path = opt(c, "kubeconfig");
	if (path.n && access(str_z(c->a, path), F_OK) != 0)
		return arena_make(c->a, struct clientcmd_v1_Config);
	if (!opt_on(c, "flatten") && kubeconfig_files(c->a, path, &files) == 1)
		return kubeconfig_read(c->a, files[0], e);
	return load(c, e);
}

int cmd_config_view(struct ctl *c, struct err *e)
{
	struct printer p;
	struct clientcmd_v1_Config *k = load_view(c, e);
	struct value *v = k ? document(c, k, e) : NULL;
	if (!v || printer_init(c, &p, false, e) != 0)
		return -1;
	if (!value_get(v, STR("current-context")))
		value_set(c->a, v, STR("current-context"), value_str(c->a, STR("")));
	if (opt_on(c, "minify") && minify(c, k, v, e) != 0)
		return -1;
	if (opt_on(c, "flatten") && flatten(c, v, e) != 0)
		return -1;
	if (!opt_on(c, "raw") && !opt_on(c, "flatten"))
		hide(c, v);
	value_sort(v);
	if (!p.given)
		p.format = PRINT_YAML;
	return printer_print(c, &p, v, e);
}
