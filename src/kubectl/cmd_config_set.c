/* config set-context, delete-context, rename-context: changes of the file that holds the context. */
#include "client/kubeconfig.h"
#include "kubectl/command.h"
#include <stdio.h>
#include <unistd.h>

struct config_file {
	struct str path;
	struct clientcmd_v1_Config *k;
};

/* The file that has the context, else the first one: *ret_found says which. */
static int find_file(struct ctl *c, struct str name, struct config_file *ret, bool *ret_found, struct err *e)
{
	struct str *files;
	size_t n = kubeconfig_files(c->a, opt(c, "kubeconfig"), &files);
	*ret_found = false;
	for (size_t i = n; i-- > 0 && !*ret_found;) {
		ret->path = files[i];
		ret->k = kubeconfig_read(c->a, files[i], e);
		if (!ret->k)
			return -1;
		*ret_found = kubeconfig_context(ret->k, name) != NULL;
	}
	return n ? 0 : err_set(e, ERR_BAD_REQUEST, "there is no kubeconfig file to change");
}

static struct str current(struct ctl *c, struct err *e)
{
	struct clientcmd_v1_Config *k = kubeconfig_load(c->a, opt(c, "kubeconfig"), e);
	return k ? k->current_context : (struct str){0};
}

static void set_field(struct ctl *c, const char *flag, struct str *field)
{
	if (opt_given(c, flag))
		*field = opt(c, flag);
}

int cmd_config_set_context(struct ctl *c, struct err *e)
{
	struct config_file f;
	bool found;
	bool in_use = opt_on(c, "current");
	if (in_use && ctl_args(c)->len)
		return err_set(e, ERR_BAD_REQUEST, "you cannot specify both a context name and --current");
	struct str name = in_use ? current(c, e) : ctl_arg(c, 0);
	if (in_use && !name.n)
		return err_set(e, ERR_BAD_REQUEST, "no current context is set");
	if (ctl_args(c)->len > 1 || !name.n)
		return err_set(e, ERR_BAD_REQUEST, "you must specify a non-empty context name or --current");
	if (find_file(c, name, &f, &found, e) != 0)
		return -1;
	struct clientcmd_v1_Context *x = kubeconfig_context(f.k, name);
	if (!x) {
		struct clientcmd_v1_NamedContext *added = arena_push(c->a, &f.k->contexts);
		*added = (struct clientcmd_v1_NamedContext){.name = name, .context = {.cluster = STR(""), .user = STR("")}};
		x = &added->context;
	}
	set_field(c, "cluster", &x->cluster);
	set_field(c, "user", &x->user);
	set_field(c, "namespace", &x->namespace);
	if (kubeconfig_write(f.path, f.k, e) != 0)
		return -1;
	ctl_print(c, "Context \"%.*s\" %s.\n", STR_F(name), found ? "modified" : "created");
	return 0;
}

int cmd_config_delete_context(struct ctl *c, struct err *e)
{
	struct config_file f;
	bool found;
	struct str name = ctl_arg(c, 0);
	if (ctl_args(c)->len != 1)
		return err_set(e, ERR_BAD_REQUEST, "Unexpected args: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (find_file(c, name, &f, &found, e) != 0)
		return -1;
	if (!found)
		return err_set(e, ERR_BAD_REQUEST, "cannot delete context %.*s, not in %.*s", STR_F(name), STR_F(f.path));
	bool in_use = str_eq(current(c, e), name);
	uint32_t n = 0;
	LIST_EACH(x, f.k->contexts)
		if (!str_eq(x->name, name))
			f.k->contexts.items[n++] = *x;
	f.k->contexts.len = n;
	if (kubeconfig_write(f.path, f.k, e) != 0)
		return -1;
	if (in_use)
		dprintf(STDERR_FILENO, "warning: this removed your active context, use \"kubectl config use-context\" to select a different one\n");
	ctl_print(c, "deleted context %.*s from %.*s\n", STR_F(name), STR_F(f.path));
	return 0;
}

int cmd_config_rename_context(struct ctl *c, struct err *e)
{
	struct config_file f, other;
	bool found, taken;
	struct str name = ctl_arg(c, 0), to = ctl_arg(c, 1);
	if (ctl_args(c)->len != 2)
		return err_set(e, ERR_BAD_REQUEST, "Unexpected args: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (find_file(c, name, &f, &found, e) != 0 || find_file(c, to, &other, &taken, e) != 0)
		return -1;
	if (!found)
		return err_set(e, ERR_BAD_REQUEST, "cannot rename the context \"%.*s\", it's not in %.*s", STR_F(name), STR_F(f.path));
	if (taken)
		return err_set(e, ERR_BAD_REQUEST, "cannot rename the context \"%.*s\", the context \"%.*s\" already exists in %.*s", STR_F(name), STR_F(to), STR_F(other.path));
	LIST_EACH(x, f.k->contexts)
		if (str_eq(x->name, name))
			x->name = to;
	if (str_eq(f.k->current_context, name))
		f.k->current_context = to;
	if (kubeconfig_write(f.path, f.k, e) != 0)
		return -1;
	ctl_print(c, "Context \"%.*s\" renamed to \"%.*s\".\n", STR_F(name), STR_F(to));
	return 0;
}
