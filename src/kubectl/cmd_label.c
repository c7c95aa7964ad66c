/* label and annotate: KEY=VALUE sets, KEY- removes. */
#include "kubectl/change.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/walk.h"
#include <stdio.h>

struct label {
	struct ctl *c;
	const char *map, *word, *noun; /* "labels", "labeled", "label" */
	struct value *set, *removed;   /* objects: values; nulls */
	struct targets ts;
	struct printer p;
	enum dry_run dry;
	bool annotate;
};

static const char label_rule[] = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
	"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

static bool is_pair(struct str s)
{
	ptrdiff_t eq = str_index(s, '=', 0);
	return eq > 0 || (eq < 0 && s.n > 1 && s.p[s.n - 1] == '-');
}

static bool alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_label_value(struct str s)
{
	if (s.n > 63 || (s.n && (!alnum(s.p[0]) || !alnum(s.p[s.n - 1]))))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
			return false;
	return true;
}

static int read_pair(struct label *l, struct str arg, struct err *e)
{
	struct str key, value;
	struct arena *a = l->c->a;
	if (!str_cut(arg, '=', &key, &value)) {
		value_set(a, l->removed, str_sub(arg, 0, arg.n - 1), value_new(a, V_NULL));
		return 0;
	}
	if (!l->annotate && !is_label_value(value))
		return err_set(e, ERR_BAD_REQUEST, "invalid label value: \"%.*s\": %s", STR_F(arg), label_rule);
	value_set(a, l->set, key, value_str(a, value));
	return 0;
}

/* Resources stand before the first pair. */
static int read_args(struct label *l, uint32_t *ret_n, struct err *e)
{
	struct ctl *c = l->c;
	uint32_t n = 0;
	while (n < ctl_args(c)->len && !is_pair(ctl_arg(c, n)))
		n++;
	for (uint32_t i = n; i < ctl_args(c)->len; i++) {
		if (!is_pair(ctl_arg(c, i)))
			return err_set(e, ERR_BAD_REQUEST, "all resources must be specified before %s changes: %.*s", l->noun, STR_F(ctl_arg(c, i)));
		if (read_pair(l, ctl_arg(c, i), e) != 0)
			return -1;
	}
	*ret_n = n;
	EACH_MEMBER(m, l->set) {
		if (!value_get(l->removed, m->key))
			continue;
		if (l->annotate)
			return err_set(e, ERR_BAD_REQUEST, "can not both modify and remove the following annotation(s) in the same command: %.*s", STR_F(m->key));
		return err_set(e, ERR_BAD_REQUEST, "can not both modify and remove a label in the same command");
	}
	if (!map_len(l->set) && !map_len(l->removed) && !opt_on(c, "list"))
		return err_set(e, ERR_BAD_REQUEST, "at least one %s update is required", l->noun);
	return 0;
}

/* ---- one object */

static int check_old(struct label *l, const struct value *old, struct err *e)
{
	BUF(found);
	EACH_MEMBER(m, l->set) {
		const struct value *was = value_get(old, m->key);
		struct str text = text_of(was);
		if (!was || str_eq(text, m->value->s))
			continue;
		if (!l->annotate)
			return err_set(e, ERR_BAD_REQUEST, "'%.*s' already has a value (%.*s), and --overwrite is false", STR_F(m->key), STR_F(text));
		buf_printf(&found, "%s'%.*s' already has a value (%.*s)", found.n ? "; " : "", STR_F(m->key), STR_F(text));
	}
	if (found.n)
		return err_set(e, ERR_BAD_REQUEST, "--overwrite is false but found the following declared annotation(s): %.*s", STR_F(buf_view(&found)));
	return 0;
}

/* "labeled", "unlabeled", "not labeled". */
static const char *outcome(struct label *l, const struct value *old)
{
	bool added = false, removed = false;
	if (l->annotate)
		return l->word;
	EACH_MEMBER(m, l->set) {
		const struct value *was = value_get(old, m->key);
		added |= !was || !str_eq(text_of(was), m->value->s);
	}
	EACH_MEMBER(m, l->removed) {
		bool there = value_get(old, m->key) != NULL;
		if (!there)
			ctl_print(l->c, "label \"%.*s\" not found.\n", STR_F(m->key));
		removed |= there;
	}
	return added ? l->word : removed ? "unlabeled" : "not labeled";
}

static struct value *patch_of(struct label *l)
{
	struct value *map = value_copy(l->c->a, l->set), *p = doc(l->c, "{'metadata': {}}");
	EACH_MEMBER(m, l->removed)
		value_set(l->c->a, map, m->key, m->value);
	struct value *meta = value_get(p, STR("metadata"));
	value_set(l->c->a, meta, str_of(l->map), map);
	if (opt(l->c, "resource-version").n)
		value_set(l->c->a, meta, STR("resourceVersion"), value_str(l->c->a, opt(l->c, "resource-version")));
	return p;
}

static void list(struct label *l, const struct target *t, const struct value *obj)
{
	bool many = !l->ts.single;
	const struct value *map = value_get(value_get(obj, STR("metadata")), str_of(l->map));
	if (many)
		ctl_print(l->c, "Listing %s for %.*s.%.*s/%.*s:\n", l->map, STR_F(t->m->kind), STR_F(t->m->group), STR_F(t->name));
	EACH_MEMBER(m, map)
		ctl_print(l->c, "%s%.*s=%.*s\n", many ? " " : "", STR_F(m->key), STR_F(text_of(m->value)));
}

static int change(void *arg, struct target *t, struct err *e)
{
	struct label *l = arg;
	struct ctl *c = l->c;
	const struct value *old = value_get(value_get(t->obj, STR("metadata")), str_of(l->map));
	if (!opt_on(c, "overwrite") && check_old(l, old, e) != 0)
		return -1;
	const char *word = outcome(l, old);
	bool nothing = strncmp(word, "not ", 4) == 0 || (!map_len(l->set) && !map_len(l->removed));
	struct value *obj = t->obj;
	bool here = opt_on(c, "local") || opt_on(c, "list"); /* with --list only to see what it would be */
	if (!nothing)
		obj = change_patch(c, t, CHANGE_MERGE, patch_of(l), l->annotate ? "kubectl-annotate" : "kubectl-label", here ? DRY_CLIENT : l->dry, e);
	if (!obj)
		return -1;
	if (opt_on(c, "list")) {
		list(l, t, obj);
		return 0;
	}
	return print_done(c, &l->p, t, obj, word, l->dry, e);
}

static int run(struct label *l, struct err *e)
{
	struct ctl *c = l->c;
	uint32_t n = 0;
	l->c = c;
	l->set = value_new(c->a, V_OBJECT);
	l->removed = value_new(c->a, V_OBJECT);
	if (read_args(l, &n, e) != 0 || ctl_dry_run(c, &l->dry, e) != 0 || printer_init(c, &l->p, false, e) != 0)
		return -1;
	if (targets_read(c, &(struct target_opts){.flags = TARGET_ALL_FLAG, .args = ctl_args(c)->items ? ctl_args(c)->items : &(struct str){0}, .nargs = n}, &l->ts, e) != 0)
		return -1;
	if (!opt_on(c, "local") && targets_fetch(c, &l->ts, false, e) != 0)
		return -1;
	return change_each(c, &l->ts, change, l, e);
}

int cmd_label(struct ctl *c, struct err *e)
{
	struct label l = {.c = c, .map = "labels", .word = "labeled", .noun = "label"};
	return run(&l, e);
}

int cmd_annotate(struct ctl *c, struct err *e)
{
	struct label l = {.c = c, .map = "annotations", .word = "annotated", .noun = "annotation", .annotate = true};
	return run(&l, e);
}
