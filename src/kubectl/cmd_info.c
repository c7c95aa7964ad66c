/* version, api-resources, api-versions, cluster-info, auth whoami, auth can-i: what the server is and says of us. */
#include "codec/json.h"
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/print.h"
#include "kubectl/walk.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION "v1.36.3+c8s." C8S_BUILD

/* ---- version */

static int print_versions(struct ctl *c, struct value *server, struct err *e)
{
	struct printer p;
	struct value *client = doc(c, "{'major': '1', 'minor': '36', 'gitVersion': '" VERSION "', 'platform': 'linux'}");
	struct value *all = doc(c, "{'clientVersion': %v, 'serverVersion': %v}", client, server);
	if (!str_is(opt(c, "output"), "json") && !str_is(opt(c, "output"), "yaml"))
		return err_set(e, ERR_BAD_REQUEST, "--output must be 'yaml' or 'json'");
	if (printer_init(c, &p, false, e) != 0)
		return -1;
	return printer_print(c, &p, all, e);
}

int cmd_version(struct ctl *c, struct err *e)
{
	struct value *server = NULL;
	bool text = !opt(c, "output").n;
	if (text)
		ctl_print(c, "Client Version: %s\n", VERSION);
	if (!opt_on(c, "client") && !(server = rest_get(c, STR("/version"), e)))
		return -1;
	if (!text)
		return print_versions(c, server, e);
	if (server)
		ctl_print(c, "Server Version: %.*s\n", STR_F(value_path_str(server, "gitVersion")));
	return 0;
}

/* ---- api-resources */

static const struct {
	const char *text;
	enum verb id;
} verbs[] = {
	{"create", VERB_CREATE}, {"delete", VERB_DELETE}, {"deletecollection", VERB_DELETECOLLECTION}, {"get", VERB_GET}, {"list", VERB_LIST}, {"patch", VERB_PATCH},
	{"update", VERB_UPDATE}, {"watch", VERB_WATCH},
};

static bool has_verb(const struct mapping *m, struct str verb)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_is(verb, verbs[i].text))
			return m->verbs & (1 << verbs[i].id);
	return false;
}

static bool wanted(struct ctl *c, const struct mapping *m)
{
	if (opt_given(c, "api-group") && !str_eq(opt(c, "api-group"), m->group))
		return false;
	if (opt_given(c, "namespaced") && opt_on(c, "namespaced") != m->namespaced)
		return false;
	LIST_EACH(v, *opt_list(c, "verbs"))
		if (!has_verb(m, *v))
			return false;
	LIST_EACH(k, *opt_list(c, "categories"))
		if (!str_list_has(&m->categories, *k))
			return false;
	return m->verbs != 0;
}

static bool preferred(const struct mapping_list *l, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (str_eq(l->items[i]->resource, l->items[at]->resource) && str_eq(l->items[i]->group, l->items[at]->group))
			return false;
	return true;
}

static int by_group_and_name(const void *px, const void *py)
{
	const struct mapping *x = *(struct mapping *const *)px, *y = *(struct mapping *const *)py;
	int d = str_cmp(x->group, y->group);
	return d ? d : str_cmp(x->resource, y->resource);
}
static int by_name(const void *px, const void *py) { return str_cmp((*(struct mapping *const *)px)->resource, (*(struct mapping *const *)py)->resource); }
static int by_kind(const void *px, const void *py) { return str_cmp((*(struct mapping *const *)px)->kind, (*(struct mapping *const *)py)->kind); }

static void put_verbs(struct buf *out, const struct mapping *m)
{
	bool first = true;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (m->verbs & (1 << verbs[i].id)) {
			buf_printf(out, "%s%s", first ? "" : ",", verbs[i].text);
			first = false;
		}
}

static void put_row(struct ctl *c, struct buf *out, const struct mapping *m, bool wide)
{
	struct str version = mapping_api_version(c, m), shorts = str_join(c->a, m->shorts.items, m->shorts.len, STR(","));
	buf_printf(out, "%.*s\t%.*s\t%.*s\t%s\t%.*s", STR_F(m->resource), STR_F(shorts), STR_F(version), m->namespaced ? "true" : "false", STR_F(m->kind));
	if (wide) {
		buf_char(out, '\t');
		put_verbs(out, m);
		struct str categories = str_join(c->a, m->categories.items, m->categories.len, STR(","));
		buf_printf(out, "\t%.*s", STR_F(categories));
	}
	buf_char(out, '\n');
}

static void put_resources(struct ctl *c, const struct mapping_list *l, struct str format)
{
	struct tab t = TAB_TABLE;
	bool wide = str_is(format, "wide");
	if (!str_is(format, "name") && !opt_on(c, "no-headers"))
		buf_printf(&t.text, "NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND%s\n", wide ? "\tVERBS\tCATEGORIES" : "");
	for (uint32_t i = 0; i < l->len; i++) {
		struct str name = mapping_resource(c, l->items[i]);
		if (str_is(format, "name"))
			ctl_print(c, "%.*s\n", STR_F(name));
		else
			put_row(c, &t.text, l->items[i], wide);
	}
	tab_flush(&t, &c->out);
	tab_fini(&t);
}

int cmd_api_resources(struct ctl *c, struct err *e)
{
	struct mapping_list all, l = {0};
	struct str format = opt(c, "output"), sort = opt(c, "sort-by");
	if (ctl_args(c)->len)
		return usage_error(c, e, "unexpected arguments: [%.*s]", STR_F(str_join(c->a, ctl_args(c)->items, ctl_args(c)->len, STR(" "))));
	if (format.n && !str_is(format, "wide") && !str_is(format, "name"))
		return err_set(e, ERR_BAD_REQUEST, "unable to match a printer suitable for the output format \"%.*s\", allowed formats are: name,wide", STR_F(format));
	if (sort.n && !str_is(sort, "name") && !str_is(sort, "kind"))
		return err_set(e, ERR_BAD_REQUEST, "--sort-by accepts only name or kind");
	if (mapping_discover(c, &all, e) != 0)
		return -1;
	for (uint32_t i = 0; i < all.len; i++)
		if (preferred(&all, i) && wanted(c, all.items[i]))
			*arena_push(c->a, &l) = all.items[i];
	if (l.len)
		qsort(l.items, l.len, sizeof *l.items, sort.n ? str_is(sort, "name") ? by_name : by_kind : by_group_and_name);
	put_resources(c, &l, format);
	return 0;
}

static int by_text(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

int cmd_api_versions(struct ctl *c, struct err *e)
{
	str_list_t l = {0};
	struct value *groups = rest_get(c, STR("/apis"), e);
	if (!groups)
		return -1;
	*arena_push(c->a, &l) = STR("v1");
	const struct value *list = value_get(groups, STR("groups"));
	EACH_ITEM(g, list) {
		const struct value *versions = value_get(*g, STR("versions"));
		EACH_ITEM(v, versions)
			*arena_push(c->a, &l) = value_path_str(*v, "groupVersion");
	}
	qsort(l.items, l.len, sizeof *l.items, by_text);
	LIST_EACH(v, l)
		ctl_print(c, "%.*s\n", STR_F(*v));
	return 0;
}

/* ---- cluster-info */

int cmd_cluster_info(struct ctl *c, struct err *e)
{
	struct value *list = rest_get(c, STR("/api/v1/namespaces/kube-system/services?labelSelector=kubernetes.io%2Fcluster-service%3Dtrue"), e);
	if (!list)
		return -1;
	ctl_print(c, "Kubernetes control plane is running at %.*s\n", STR_F(c->rest.server));
	const struct value *items = value_get(list, STR("items"));
	EACH_ITEM(s, items) {
		struct str name = value_path_str(*s, "metadata.name"), label = text_of(value_get(value_path(*s, "metadata.labels"), STR("kubernetes.io/name")));
		const struct value *ports = value_path(*s, "spec.ports");
		struct str port = list_len(ports) ? value_path_str(item_at(ports, 0), "name") : STR("");
		ctl_print(c, "%.*s is running at %.*s/api/v1/namespaces/kube-system/services/%.*s%s%.*s/proxy\n", STR_F(label.n ? label : name), STR_F(c->rest.server),
			STR_F(name), port.n ? ":" : "", STR_F(port));
	}
	return 0;
}

/* ---- auth */

static struct value *post(struct ctl *c, const char *path, const struct value *body, struct err *e)
{
	struct request q = {.method = "POST", .path = str_of(path), .content_type = "application/json", .body = rest_body(c, body)};
	return rest_json(c, &q, e);
}

static void put_list(struct buf *out, const char *lead, struct str name, const struct value *list)
{
	buf_printf(out, "%s%.*s\t[", lead, STR_F(name));
	EACH_ITEM(x, list)
		buf_printf(out, "%s%.*s", x == list->list.items ? "" : " ", STR_F(text_of(*x)));
	buf_lit(out, "]\n");
}

int cmd_whoami(struct ctl *c, struct err *e)
{
	struct printer p;
	struct tab t = TAB_TABLE;
	if (printer_init(c, &p, false, e) != 0)
		return -1;
	struct value *v = post(c, "/apis/authentication.k8s.io/v1/selfsubjectreviews",
		doc(c, "{'apiVersion': 'authentication.k8s.io/v1', 'kind': 'SelfSubjectReview'}"), e);
	if (!v)
		return -1;
	if (p.given)
		return printer_print(c, &p, v, e);
	const struct value *user = value_path(v, "status.userInfo"), *extra = value_get(user, STR("extra"));
	buf_printf(&t.text, "ATTRIBUTE\tVALUE\nUsername\t%.*s\n", STR_F(value_path_str(user, "username")));
	if (value_path_str(user, "uid").n)
		buf_printf(&t.text, "UID\t%.*s\n", STR_F(value_path_str(user, "uid")));
	if (list_len(value_get(user, STR("groups"))))
		put_list(&t.text, "", STR("Groups"), value_get(user, STR("groups")));
	EACH_MEMBER(m, extra)
		put_list(&t.text, "Extra: ", m->key, m->value);
	tab_flush(&t, &c->out);
	tab_fini(&t);
	return 0;
}

static struct value *question(struct ctl *c, struct err *e)
{
	struct str verb = ctl_arg(c, 0), what = ctl_arg(c, 1), type, name = {0}, ns = opt_on(c, "all-namespaces") ? STR("") : c->ns, sub = opt(c, "subresource");
	if (what.n && what.p[0] == '/')
		return doc(c, "{'nonResourceAttributes': {'verb': %s, 'path': %s}}", verb, what);
	if (!str_cut(what, '/', &type, &name))
		name = ctl_arg(c, 2);
	ERR(unknown);
	const struct mapping *m = mapping_find(c, type, &unknown);
	if (!m && unknown.sys > 0) {
		err_move(e, &unknown);
		return NULL;
	}
	if (!m && !str_is(type, "*"))
		ctl_warn(c, str_printf(c->a, "the server doesn't have a resource type '%.*s'\n", STR_F(type)));
	if (m && !m->namespaced)
		ctl_warn(c, str_printf(c->a, "resource '%.*s' is not namespace scoped%s%.*s\n", STR_F(m->resource), m->group.n ? " in group '" : "",
			STR_F(m->group.n ? str_printf(c->a, "%.*s'", STR_F(m->group)) : STR(""))));
	return doc(c, "{'resourceAttributes': {'verb': %s, 'namespace': %s, 'group': %s, 'resource': %s, 'name': %s, 'subresource': %s}}", verb, ns,
		m ? m->group : (struct str){0}, m ? m->resource : type, name.n ? name : (struct str){0}, sub.n ? sub : (struct str){0});
}

int cmd_can_i(struct ctl *c, struct err *e)
{
	if (ctl_config(c, e) != 0)
		return -1;
	if (opt_on(c, "list"))
		return err_set(e, ERR_BAD_REQUEST, "--list is not there yet");
	if (ctl_args(c)->len < 2 || ctl_args(c)->len > 3)
		return err_set(e, ERR_BAD_REQUEST, "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.");
	struct value *spec = question(c, e);
	struct value *v = spec ? post(c, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		doc(c, "{'apiVersion': 'authorization.k8s.io/v1', 'kind': 'SelfSubjectAccessReview', 'spec': %v}", spec), e) : NULL;
	if (!v)
		return -1;
	bool allowed = is_true(value_path(v, "status.allowed"));
	struct str reason = value_path_str(v, "status.reason");
	if (!opt_on(c, "quiet"))
		ctl_print(c, "%s%s%.*s\n", allowed ? "yes" : "no", !allowed && reason.n ? " - " : "", STR_F(allowed ? STR("") : reason));
	c->code = allowed ? 0 : 1;
	return 0;
}
