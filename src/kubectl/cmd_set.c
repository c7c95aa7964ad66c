/* set image, set env. */
#include "base/enc.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/files.h"
#include "kubectl/set.h"
#include "kubectl/walk.h"
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

/* ---- image */

static int edit_image(struct set *s, const struct target *t, struct value *spec, struct err *e)
{
	(void)t;
	struct ctl *c = s->c;
	for (uint32_t i = s->nresources; i < ctl_args(c)->len; i++) {
		struct str name, image;
		if (!str_cut(ctl_arg(c, i), '=', &name, &image))
			return err_set(e, ERR_BAD_REQUEST, "all resources must be specified before image changes: %.*s", STR_F(ctl_arg(c, i)));
		struct value *found = set_containers(c, spec, str_z(c->a, name));
		if (!list_len(found))
			return err_set(e, ERR_BAD_REQUEST, "unable to find container named \"%.*s\"", STR_F(name));
		EACH_ITEM(x, found)
			value_set(c->a, *x, STR("image"), value_str(c->a, image));
	}
	return 0;
}

int cmd_set_image(struct ctl *c, struct err *e)
{
	struct set s = {.c = c, .done = "image updated", .edit = edit_image};
	while (s.nresources < ctl_args(c)->len && str_index(ctl_arg(c, s.nresources), '=', 0) < 0)
		s.nresources++;
	if (s.nresources == ctl_args(c)->len && s.nresources < 2)
		return err_set(e, ERR_BAD_REQUEST, "at least one image update is required");
	return set_run(&s, e);
}

/* ---- env */

struct env {
	struct value *set;       /* list of env entries */
	str_list_t removed;
	bool from;               /* entries come from --from */
};

static struct value *find(const struct value *list, struct str name)
{
	EACH_ITEM(x, list)
		if (str_eq(value_path_str(*x, "name"), name))
			return *x;
	return NULL;
}

static int put_entry(struct set *s, const struct target *t, struct value *container, struct value *entry, struct err *e)
{
	struct ctl *c = s->c;
	struct value *list = doc_at(c, container, "env", V_LIST), *old = find(list, value_path_str(entry, "name"));
	if (!old) {
		value_push(c->a, list, value_copy(c->a, entry));
		return 0;
	}
	if (!opt_on(c, "overwrite"))
		return err_set(e, ERR_BAD_REQUEST, "%.*s/%.*s '%.*s' already has a value (%.*s), and --overwrite is false", STR_F(t->m->resource), STR_F(t->name),
			STR_F(value_path_str(old, "name")), STR_F(value_path_str(old, "value")));
	*old = *value_copy(c->a, entry);
	return 0;
}

static void remove_entry(struct value *container, struct str name)
{
	struct value *list = value_get(container, STR("env"));
	uint32_t n = 0;
	EACH_ITEM(x, list)
		if (!str_eq(value_path_str(*x, "name"), name))
			list->list.items[n++] = *x;
	if (list && list->type == V_LIST)
		list->list.len = n;
	if (list && !n)
		value_del(container, STR("env"));
}

/* What a reference leads to; absent: the server does not say. */
static struct str resolved(struct ctl *c, const struct target *t, const char *resource, const struct value *ref)
{
	BUF(path);
	BUF(plain);
	ERR(ignored);
	buf_printf(&path, "/api/v1/namespaces/%.*s/%s/%.*s", STR_F(t->ns), resource, STR_F(value_path_str(ref, "name")));
	struct value *v = rest_get(c, buf_view(&path), &ignored);
	struct str text = text_of(value_get(value_get(v, STR("data")), value_path_str(ref, "key")));
	if (strcmp(resource, "secrets") == 0 && dec_base64(&plain, text) == 0)
		return buf_take(&plain, c->a);
	return text;
}

static void show_entry(struct set *s, const struct target *t, const struct value *x)
{
	static const char *const refs[][3] = {{"valueFrom.configMapKeyRef", "configmap", "configmaps"}, {"valueFrom.secretKeyRef", "secret", "secrets"}};
	struct str name = value_path_str(x, "name");
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const struct value *ref = value_path(x, refs[i][0]);
		if (ref && opt_on(s->c, "resolve")) {
			struct str text = resolved(s->c, t, refs[i][2], ref);
			ctl_print(s->c, "%.*s=%.*s\n", STR_F(name), STR_F(text));
			return;
		}
		if (ref) {
			ctl_print(s->c, "# %.*s from %s %.*s, key %.*s\n", STR_F(name), refs[i][1], STR_F(value_path_str(ref, "name")), STR_F(value_path_str(ref, "key")));
			return;
		}
	}
	if (value_path(x, "valueFrom"))
		ctl_print(s->c, "# %.*s from the Pod\n", STR_F(name));
	else
		ctl_print(s->c, "%.*s=%.*s\n", STR_F(name), STR_F(value_path_str(x, "value")));
}

static int edit_env(struct set *s, const struct target *t, struct value *spec, struct err *e)
{
	struct ctl *c = s->c;
	struct env *env = s->arg;
	struct value *found = set_containers(c, spec, str_z(c->a, opt(c, "containers")));
	if (!list_len(found))
		ctl_warn(c, str_printf(c->a, "%.*s/%.*s does not have any containers matching \"%.*s\"", STR_F(t->m->kind), STR_F(t->name), STR_F(opt(c, "containers"))));
	EACH_ITEM(x, found) {
		EACH_ITEM(entry, env->set)
			if (put_entry(s, t, *x, *entry, e) != 0)
				return -1;
		LIST_EACH(name, env->removed)
			remove_entry(*x, *name);
		if (!s->list)
			continue;
		const struct value *now = value_get(*x, STR("env"));
		ctl_print(c, "# %.*s %.*s, container %.*s\n", STR_F(t->m->kind), STR_F(t->name), STR_F(value_path_str(*x, "name")));
		EACH_ITEM(entry, now)
			show_entry(s, t, *entry);
	}
	return 0;
}

/* ONE_TWO of one-two. */
static struct str env_name(struct ctl *c, struct str key)
{
	char *p = str_z(c->a, key);
	for (size_t i = 0; i < key.n; i++)
		p[i] = isalnum((unsigned char)p[i]) ? (char)toupper((unsigned char)p[i]) : '_';
	return str_n(p, key.n);
}

static bool wanted_key(struct ctl *c, struct str key)
{
	return !opt_list(c, "keys")->len || str_list_has(opt_list(c, "keys"), key);
}

static int read_from(struct ctl *c, struct env *env, struct err *e)
{
	struct targets ts;
	struct str word = opt(c, "from"), prefix = opt(c, "prefix");
	struct target_opts o = {.flags = TARGET_LIST_ALL, .args = &word, .nargs = 1};
	if (targets_read(c, &o, &ts, e) != 0 || targets_fetch(c, &ts, false, e) != 0)
		return -1;
	for (uint32_t i = 0; i < ts.len; i++) {
		const struct value *data = value_get(ts.items[i].obj, STR("data"));
		bool secret = str_is(ts.items[i].m->kind, "Secret");
		EACH_MEMBER(m, data) {
			struct str name = env_name(c, m->key), full = str_printf(c->a, "%.*s%.*s", STR_F(prefix), STR_F(name));
			if (!wanted_key(c, m->key))
				continue;
			if (!str_eq(name, m->key))
				ctl_warn(c, str_printf(c->a, "key %.*s transferred to %.*s", STR_F(m->key), STR_F(name)));
			struct value *ref = doc(c, "{'name': %s, 'key': %s}", ts.items[i].name, m->key);
			value_push(c->a, env->set, secret ? doc(c, "{'name': %s, 'valueFrom': {'secretKeyRef': %v}}", full, ref)
				: doc(c, "{'name': %s, 'valueFrom': {'configMapKeyRef': %v}}", full, ref));
		}
	}
	return 0;
}

static int read_line(struct ctl *c, struct env *env, struct str word)
{
	struct str name, value;
	if (str_cut(word, '=', &name, &value))
		value_push(c->a, env->set, doc(c, "{'name': %s, 'value': %s}", name, value));
	else if (word.n > 1 && word.p[word.n - 1] == '-')
		*arena_push(c->a, &env->removed) = str_sub(word, 0, word.n - 1);
	return 0;
}

static int read_env(struct ctl *c, struct env *env, uint32_t first, struct err *e)
{
	struct str text, line;
	LIST_EACH(x, *opt_list(c, "env"))
		read_line(c, env, *x);
	for (uint32_t i = first; i < ctl_args(c)->len; i++) {
		if (!str_is(ctl_arg(c, i), "-")) {
			read_line(c, env, ctl_arg(c, i));
			continue;
		}
		if (input_read(c, STR("-"), &text, e) != 0)
			return -1;
		while (text.n && str_next(&text, '\n', &line))
			if (line.n && line.p[0] != '#')
				read_line(c, env, line);
	}
	return opt(c, "from").n ? read_from(c, env, e) : 0;
}

static bool is_change(struct str s) { return str_index(s, '=', 0) > 0 || (s.n && s.p[s.n - 1] == '-'); }

int cmd_set_env(struct ctl *c, struct err *e)
{
	struct env env = {.set = value_new(c->a, V_LIST)};
	struct set s = {.c = c, .done = "env updated", .edit = edit_env, .arg = &env, .list = opt_on(c, "list")};
	while (s.nresources < ctl_args(c)->len && !is_change(ctl_arg(c, s.nresources)))
		s.nresources++;
	if (ctl_config(c, e) != 0 || read_env(c, &env, s.nresources, e) != 0)
		return -1;
	return set_run(&s, e);
}
