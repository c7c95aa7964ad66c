#include "kubectl/pods.h"
#include "kubectl/walk.h"
#include "rt/fiber.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_AGAIN (NS_S / 4) /* while there is no Pod yet */
#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"

static const char *const container_lists[][2] = {
	{"spec.containers", ""}, {"spec.initContainers", " (init)"}, {"spec.ephemeralContainers", " (ephem)"},
};

/* ---- selectors */

static void put_pair(struct buf *out, struct str key, struct str value)
{
	buf_printf(out, "%s%.*s=%.*s", out->n ? "," : "", STR_F(key), STR_F(value));
}

static void put_expression(struct buf *out, const struct value *x)
{
	struct str key = value_path_str(x, "key"), op = value_path_str(x, "operator");
	const struct value *values = value_get(x, STR("values"));
	if (out->n)
		buf_char(out, ',');
	if (str_is(op, "DoesNotExist"))
		buf_char(out, '!');
	buf_str(out, key);
	if (!str_is(op, "In") && !str_is(op, "NotIn"))
		return;
	buf_printf(out, " %s (", str_is(op, "In") ? "in" : "notin");
	EACH_ITEM(v, values)
		buf_printf(out, "%s%.*s", v == values->list.items ? "" : ",", STR_F(text_of(*v)));
	buf_char(out, ')');
}

int pods_selector(struct ctl *c, const struct target *t, struct str *ret, struct err *e)
{
	BUF(b);
	const struct value *s = value_path(t->obj, "spec.selector"), *labels = value_get(s, STR("matchLabels"));
	bool plain = str_is(t->m->resource, "services") || str_is(t->m->resource, "replicationcontrollers");
	EACH_MEMBER(m, plain ? s : labels)
		put_pair(&b, m->key, text_of(m->value));
	if (!plain) {
		const struct value *expressions = value_get(s, STR("matchExpressions"));
		EACH_ITEM(x, expressions)
			put_expression(&b, *x);
	}
	if (!b.n)
		return err_set(e, ERR_BAD_REQUEST, "%.*s \"%.*s\" selects no Pods", STR_F(t->m->singular), STR_F(t->name));
	*ret = buf_take(&b, c->a);
	return 0;
}

/* ---- Pods */

static bool is_ready(const struct value *pod)
{
	const struct value *conditions = value_path(pod, "status.conditions");
	EACH_ITEM(x, conditions)
		if (str_is(value_path_str(*x, "type"), "Ready"))
			return str_is(value_path_str(*x, "status"), "True");
	return false;
}

/* Smaller is more useful: placed, running, ready, then the oldest. */
static int rank(const struct value *pod)
{
	struct str phase = value_path_str(pod, "status.phase");
	return (value_path_str(pod, "spec.nodeName").n ? 0 : 4) + (str_is(phase, "Running") ? 0 : 2) + (is_ready(pod) ? 0 : 1);
}

static int by_rank(const void *px, const void *py)
{
	const struct target *x = px, *y = py;
	int d = rank(x->obj) - rank(y->obj);
	return d ? d : str_cmp(value_path_str(x->obj, "metadata.creationTimestamp"), value_path_str(y->obj, "metadata.creationTimestamp"));
}

static bool is_pod(const struct target *t) { return str_is(t->m->resource, "pods") && !t->m->group.n; }

static int select_pods(struct ctl *c, struct str ns, struct str selector, struct targets *ret, struct err *e)
{
	BUF(path);
	const struct mapping *m = mapping_find(c, STR("pods"), e);
	if (!m)
		return -1;
	mapping_path(&path, m, ns, (struct str){0}, NULL);
	query_add(&path, "labelSelector", selector);
	struct value *list = rest_get(c, buf_view(&path), e);
	if (!list)
		return -1;
	const struct value *items = value_get(list, STR("items"));
	*ret = (struct targets){0};
	EACH_ITEM(p, items) {
		struct target *t = arena_push(c->a, ret);
		*t = (struct target){.m = m, .ns = value_path_str(*p, "metadata.namespace"), .name = value_path_str(*p, "metadata.name"), .obj = *p};
	}
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, by_rank);
	return 0;
}

int pods_of(struct ctl *c, const struct target *t, struct targets *ret, struct err *e)
{
	struct str selector;
	if (is_pod(t)) {
		*ret = (struct targets){0};
		struct target *one = arena_push(c->a, ret);
		*one = *t;
		return 0;
	}
	return pods_selector(c, t, &selector, e) == 0 ? select_pods(c, t->ns, selector, ret, e) : -1;
}

int pods_first(struct ctl *c, const struct target *t, struct targets *ret, struct err *e)
{
	mono_t deadline = rt_now() + opt_duration(c, "pod-running-timeout");
	for (;;) {
		if (pods_of(c, t, ret, e) != 0)
			return -1;
		if (ret->len)
			return 0;
		if (rt_now() >= deadline || fiber_sleep(LOOK_AGAIN) != 0)
			return err_set(e, ERR_BAD_REQUEST, "timed out waiting for the condition");
	}
}

int pods_object(struct ctl *c, struct target *ret, struct err *e)
{
	struct targets ts;
	struct str words[2] = {STR("pods"), ctl_arg(c, 0)};
	bool file = opt_exists(c, "filename") && opt_list(c, "filename")->len, pair = str_index(words[1], '/', 0) >= 0;
	struct target_opts o = {.flags = TARGET_FILES_ONLY, .args = words, .nargs = 2};
	if (!file && pair)
		o = (struct target_opts){.args = words + 1, .nargs = 1};
	if (targets_read(c, &o, &ts, e) != 0)
		return -1;
	if (ts.len != 1)
		return err_set(e, ERR_BAD_REQUEST, "expected one object, found %u", ts.len);
	*ret = ts.items[0];
	return target_get(c, ret, e);
}

/* ---- containers */

static bool has_container(const struct value *pod, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(container_lists); i++) {
		const struct value *list = value_path(pod, container_lists[i][0]);
		EACH_ITEM(x, list)
			if (str_eq(value_path_str(*x, "name"), name))
				return true;
	}
	return false;
}

struct str pods_container_names(struct ctl *c, const struct value *pod)
{
	BUF(b);
	for (size_t i = 0; i < ARRAY_LEN(container_lists); i++) {
		const struct value *list = value_path(pod, container_lists[i][0]);
		EACH_ITEM(x, list)
			buf_printf(&b, "%s%.*s%s", b.n ? ", " : "", STR_F(value_path_str(*x, "name")), container_lists[i][1]);
	}
	return buf_take(&b, c->a);
}

int pods_container(struct ctl *c, const struct value *pod, bool quiet, struct str *ret, struct err *e)
{
	struct str name = opt(c, "container"), all = pods_container_names(c, pod), pod_name = value_path_str(pod, "metadata.name");
	if (name.n && !has_container(pod, name))
		return err_set(e, ERR_BAD_REQUEST, "container %.*s is not valid for pod %.*s out of: %.*s", STR_F(name), STR_F(pod_name), STR_F(all));
	if (!name.n) {
		name = text_of(value_get(value_path(pod, "metadata.annotations"), STR(DEFAULT_CONTAINER)));
		if (name.n && !has_container(pod, name)) {
			dprintf(STDERR_FILENO, "Default container name \"%.*s\" not found in pod %.*s\n", STR_F(name), STR_F(pod_name));
			name.n = 0;
		}
	}
	const struct value *list = value_path(pod, "spec.containers");
	if (!name.n && list_len(list)) {
		name = value_path_str(item_at(list, 0), "name");
		if (!quiet && str_index(all, ',', 0) >= 0)
			dprintf(STDERR_FILENO, "Defaulted container \"%.*s\" out of: %.*s\n", STR_F(name), STR_F(all));
	}
	*ret = name;
	return 0;
}
