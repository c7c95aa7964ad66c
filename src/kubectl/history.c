#include "kubectl/history.h"
#include "kubectl/describe.h"
#include "kubectl/doc.h"
#include "kubectl/pods.h"
#include "kubectl/walk.h"
#include <stdlib.h>

bool history_is(const struct target *t, const char *resource) { return str_is(t->m->group, "apps") && str_is(t->m->resource, resource); }

static bool owned(const struct value *obj, const struct value *by)
{
	const struct value *owners = value_path(obj, "metadata.ownerReferences");
	EACH_ITEM(o, owners)
		if (str_eq(value_path_str(*o, "uid"), value_path_str(by, "metadata.uid")))
			return is_true(value_get(*o, STR("controller")));
	return false;
}

static int64_t number_of(const struct value *obj)
{
	int64_t n = 0;
	struct str text = text_of(value_get(value_path(obj, "metadata.annotations"), STR("deployment.kubernetes.io/revision")));
	const struct value *revision = value_get(obj, STR("revision"));
	if (revision)
		return int_of(revision, 0);
	return str_i64(text, &n) == 0 ? n : 0;
}

static int by_number(const void *px, const void *py)
{
	int64_t x = ((const struct revision *)px)->number, y = ((const struct revision *)py)->number;
	return (x > y) - (x < y);
}

int history_read(struct ctl *c, const struct target *t, struct revisions *ret, struct err *e)
{
	BUF(path);
	struct str selector;
	bool deployment = history_is(t, "deployments");
	if (!deployment && !history_is(t, "statefulsets") && !history_is(t, "daemonsets"))
		return err_set(e, ERR_BAD_REQUEST, "no history viewer has been implemented for \"%.*s\"", STR_F(t->m->kind));
	const struct mapping *m = mapping_find(c, deployment ? STR("replicasets.apps") : STR("controllerrevisions.apps"), e);
	if (!m || pods_selector(c, t, &selector, e) != 0)
		return -1;
	mapping_path(&path, m, t->ns, (struct str){0}, NULL);
	query_add(&path, "labelSelector", selector);
	struct value *list = rest_get(c, buf_view(&path), e);
	if (!list)
		return -1;
	*ret = (struct revisions){0};
	const struct value *items = value_get(list, STR("items"));
	EACH_ITEM(x, items) {
		value_set(c->a, *x, STR("apiVersion"), value_str(c->a, mapping_api_version(c, m)));
		value_set(c->a, *x, STR("kind"), value_str(c->a, m->kind));
		value_sort(*x);
		if (owned(*x, t->obj) && number_of(*x))
			*arena_push(c->a, ret) = (struct revision){number_of(*x), *x, value_path(*x, deployment ? "spec.template" : "data.spec.template")};
	}
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, by_number);
	return 0;
}

struct value *history_template(struct ctl *c, const struct revision *r)
{
	struct value *v = value_copy(c->a, r->template);
	value_del(value_path(v, "metadata.labels"), STR("pod-template-hash"));
	return v;
}

bool history_is_current(struct ctl *c, const struct revision *r, const struct target *t)
{
	struct value *x = history_template(c, r), *y = value_copy(c->a, value_path(t->obj, "spec.template"));
	value_sort(x);
	value_sort(y);
	struct str a = rest_body(c, x), b = rest_body(c, y);
	return str_eq(a, b);
}

const struct revision *history_find(const struct revisions *r, int64_t number)
{
	for (uint32_t i = 0; i < r->len; i++)
		if (r->items[i].number == number)
			return &r->items[i];
	return NULL;
}

/* Label lines are aligned by tabs that stay tabs: the text is not laid out as describe's is. */
void history_put_template(struct ctl *c, const struct value *template)
{
	struct describe d = {.c = c, .raw_tabs = true};
	buf_lit(&d.tab.text, "Pod Template:\n");
	d.indent = 1;
	describe_template(&d, template);
	buf_str(&c->out, buf_view(&d.tab.text));
	tab_fini(&d.tab);
}
