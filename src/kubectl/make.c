#include "kubectl/make.h"
#include "kubectl/change.h"
#include "kubectl/command.h"
#include <unistd.h>

/* Sorted by path. */
static const struct maker {
	const char *path;
	make_fn *fn;
	const char *failed;   /* before the server's error; NULL: it stands alone */
	const char *required; /* flags, with spaces */
} kinds[] = {
	{"create clusterrole", make_clusterrole, NULL, ""},
	{"create clusterrolebinding", make_clusterrolebinding, "failed to create clusterrolebinding", "clusterrole"},
	{"create configmap", make_configmap, "failed to create configmap", ""},
	{"create cronjob", make_cronjob, "failed to create cronjob", "image schedule"},
	{"create deployment", make_deployment, "failed to create deployment", "image"},
	{"create ingress", make_ingress, "failed to create ingress", ""},
	{"create job", make_job, "failed to create job", ""},
	{"create namespace", make_namespace, NULL, ""},
	{"create poddisruptionbudget", make_pdb, "failed to create poddisruptionbudgets", ""},
	{"create priorityclass", make_priorityclass, "failed to create priorityclass", ""},
	{"create quota", make_quota, "failed to create quota", ""},
	{"create role", make_role, NULL, ""},
	{"create rolebinding", make_rolebinding, "failed to create rolebinding", ""},
	{"create secret docker-registry", make_docker_registry, "failed to create secret", ""},
	{"create secret generic", make_generic, "failed to create secret", ""},
	{"create secret tls", make_tls, "failed to create secret", ""},
	{"create service clusterip", make_service, "failed to create ClusterIP service", ""},
	{"create service externalname", make_service, "failed to create ExternalName service", "external-name"},
	{"create service loadbalancer", make_service, "failed to create LoadBalancer service", ""},
	{"create service nodeport", make_service, "failed to create NodePort service", ""},
	{"create serviceaccount", make_serviceaccount, "failed to create serviceaccount", ""},
};

static const struct maker *kind_of(struct ctl *c)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].path, c->fact->path + strlen("kubectl ")) == 0)
			return &kinds[i];
	return NULL;
}

static int check_required(struct ctl *c, const struct maker *k, struct err *e)
{
	struct str rest = str_of(k->required), name;
	BUF(missing);
	while (rest.n && str_next(&rest, ' ', &name))
		if (!opt_given(c, str_z(c->a, name)))
			buf_printf(&missing, "%s\"%.*s\"", missing.n ? ", " : "", STR_F(name));
	return missing.n ? err_set(e, ERR_BAD_REQUEST, "required flag(s) %.*s not set", STR_F(buf_view(&missing))) : 0;
}

/* The name, and a command behind "--". */
static int read_words(struct ctl *c, struct make *m, struct err *e)
{
	uint32_t n = ctl_args(c)->len, names = c->opts.dash >= 0 ? (uint32_t)c->opts.dash : n;
	if (names != 1)
		return usage_error(c, e, "exactly one NAME is required, got %u", names);
	m->name = ctl_arg(c, 0);
	m->words = ctl_args(c)->items + 1;
	m->nargs = n - 1;
	return 0;
}

/* The server's message behind what failed. */
static int wrapped(const struct maker *k, struct err *e)
{
	if (!k->failed || e->sys != SYS_STATUS)
		return -1;
	err_wrap(e, "%s", k->failed);
	e->sys = 0;
	return -1;
}

int cmd_create_kind(struct ctl *c, struct err *e)
{
	const struct maker *k = kind_of(c);
	struct make m = {.c = c};
	struct printer p;
	enum dry_run dry;
	if (check_required(c, k, e) != 0 || read_words(c, &m, e) != 0 || ctl_dry_run(c, &dry, e) != 0 || printer_init(c, &p, false, e) != 0)
		return -1;
	if (ctl_config(c, e) != 0 || k->fn(&m, e) != 0)
		return -1;
	if (opt_exists(c, "append-hash") && opt_on(c, "append-hash"))
		make_hash(&m);
	struct target t = {.obj = m.obj, .name = m.name, .m = mapping_of_kind(c, value_path_str(m.obj, "apiVersion"), value_path_str(m.obj, "kind"), e)};
	if (!t.m)
		return -1;
	t.ns = t.m->namespaced ? c->ns : (struct str){0};
	if (t.m->namespaced && c->ns_given)
		value_set(c->a, value_get(m.obj, STR("metadata")), STR("namespace"), value_str(c->a, c->ns));
	value_sort(m.obj);
	if (opt_on(c, "save-config"))
		change_set_last_applied(c, m.obj);
	struct value *obj = change_create(c, &t, "kubectl-create", dry, e);
	if (!obj)
		return wrapped(k, e);
	value_sort(obj);
	return print_done(c, &p, &t, obj, "created", dry, e);
}

/* ---- parts that several kinds share */

struct str make_container_name(struct ctl *c, struct str image)
{
	struct str name = str_sub(image, (size_t)(str_rindex(image, '/') + 1), image.n), rest;
	str_cut(name, ':', &name, &rest);
	str_cut(name, '@', &name, &rest);
	char *p = str_z(c->a, name);
	for (size_t i = 0; i < name.n; i++)
		p[i] = p[i] == '_' || p[i] == '.' ? '-' : (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
	return str_n(p, name.n);
}

int make_labels(struct ctl *c, struct str text, struct value **ret, struct err *e)
{
	struct str rest = text, piece, key, value;
	struct value *v = value_new(c->a, V_OBJECT);
	while (rest.n && str_next(&rest, ',', &piece)) {
		if (!str_cut(piece, '=', &key, &value) || !key.n)
			return err_set(e, ERR_BAD_REQUEST, "unexpected label spec: %.*s", STR_F(piece));
		value_set(c->a, v, key, value_str(c->a, value));
	}
	value_sort(v);
	*ret = v;
	return 0;
}

static int port_number(struct str s, int64_t *ret, struct err *e)
{
	if (str_i64(s, ret) == 0 && *ret >= 0)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "strconv.ParseUint: parsing \"%.*s\": invalid syntax", STR_F(s));
}

int make_port(struct ctl *c, struct str spec, struct value **ret, struct err *e)
{
	struct str first, second, more;
	int64_t port, to;
	char *name = str_z(c->a, spec);
	bool pair = str_cut(spec, ':', &first, &second);
	if (port_number(first, &port, e) != 0)
		return -1;
	str_cut(pair ? second : first, ':', &second, &more);
	for (char *p = name; *p; p++)
		*p = *p == ':' ? '-' : *p;
	struct value *target = str_i64(second, &to) == 0 ? value_int(c->a, to) : value_str(c->a, second);
	*ret = doc(c, "{'name': %s, 'port': %d, 'protocol': 'TCP', 'targetPort': %v}", str_of(name), port, target);
	return 0;
}
