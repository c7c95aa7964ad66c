/* Environment: variables of containers, $(NAME) in texts, fields of the Pod, Services. */
#include "kubelet/impl.h"
#include "base/enc.h"
#include <ctype.h>

static void set(struct arena *a, struct map *vars, struct str name, struct str value)
{
	struct str *v = map_get(vars, name);
	if (!v)
		map_set(vars, name, v = arena_make(a, struct str));
	*v = value;
}

/* "$(A)" gives the variable, or stays as it is without one; "$$" is one dollar. */
struct str env_expand(struct arena *a, struct str text, const struct map *vars)
{
	if (str_index(text, '$', 0) < 0)
		return text;
	BUF(out);
	for (size_t i = 0; i < text.n; i++) {
		ptrdiff_t end = text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '(' ? str_index(text, ')', i + 2) : -1;
		struct str *v = end >= 0 ? map_get(vars, str_sub(text, i + 2, (size_t)end)) : NULL;
		if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '$') {
			buf_char(&out, '$');
			i++;
		} else if (v) {
			buf_str(&out, *v);
			i = (size_t)end;
		} else if (end >= 0) {
			buf_str(&out, str_sub(text, i, (size_t)end + 1));
			i = (size_t)end;
		} else {
			buf_char(&out, text.p[i]);
		}
	}
	return str_dup(a, str_of(buf_z(&out)));
}

/* ---- fields */
static struct str map_lines(struct arena *a, const struct str_map *m)
{
	BUF(out);
	LIST_EACH(kv, *m) {
		if (out.n)
			buf_char(&out, '\n');
		buf_str(&out, kv->key);
		buf_char(&out, '=');
		enc_quote(&out, kv->value);
	}
	return str_dup(a, str_of(buf_z(&out)));
}

/* metadata.labels['key'] */
static bool subscript(struct str path, const char *of, struct str *ret)
{
	size_t n = strlen(of);
	if (!str_has_prefix(path, str_of(of)) || path.n < n + 4 || memcmp(path.p + n, "['", 2) != 0 || !str_has_suffix(path, STR("']")))
		return false;
	*ret = str_sub(path, n + 2, path.n - 2);
	return true;
}

static struct str pod_ips(struct arena *a, const struct pod *p) { return str_join(a, p->ips, p->nips, STR(",")); }

struct str field_value(struct arena *a, const struct pod *p, struct str path, bool *ret_known)
{
	const struct core_v1_Pod *o = p->spec->pod;
	const struct meta_v1_ObjectMeta *m = &o->metadata;
	struct str key;
	const struct { const char *path; struct str value; } fields[] = {
		{"metadata.name", p->name}, {"metadata.namespace", p->ns}, {"metadata.uid", p->uid}, {"spec.nodeName", o->spec.nodeName},
		{"spec.serviceAccountName", o->spec.serviceAccountName}, {"status.hostIP", p->k->node_ip}, {"status.hostIPs", p->k->node_ip},
		{"status.podIP", p->ip}};
	*ret_known = true;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_is(path, fields[i].path))
			return fields[i].value;
	if (str_is(path, "status.podIPs"))
		return pod_ips(a, p);
	if (subscript(path, "metadata.labels", &key))
		return str_map_get(&m->labels, key);
	if (subscript(path, "metadata.annotations", &key))
		return str_map_get(&m->annotations, key);
	if (str_is(path, "metadata.labels"))
		return map_lines(a, &m->labels);
	if (str_is(path, "metadata.annotations"))
		return map_lines(a, &m->annotations);
	*ret_known = false;
	return (struct str){0};
}

/* ---- Services */
static struct str env_name(struct arena *a, struct str s)
{
	char *z = str_z(a, s);
	for (char *c = z; *c; c++)
		*c = *c == '-' || *c == '.' ? '_' : (char)toupper(*c);
	return str_of(z);
}

static void service_port(struct arena *a, struct map *vars, struct str name, struct str ip, const struct core_v1_ServicePort *sp, bool first)
{
	const char *proto = str_is(sp->protocol, "UDP") ? "udp" : str_is(sp->protocol, "SCTP") ? "sctp" : "tcp";
	struct str up = env_name(a, str_of(proto)), port = str_printf(a, "%d", sp->port);
	struct str host = str_index(ip, ':', 0) >= 0 ? str_printf(a, "[%.*s]", STR_F(ip)) : ip;
	struct str url = str_printf(a, "%s://%.*s:%d", proto, STR_F(host), sp->port);
	struct str base = str_printf(a, "%.*s_PORT_%d_%.*s", STR_F(name), sp->port, STR_F(up));
	if (first) {
		set(a, vars, str_printf(a, "%.*s_SERVICE_PORT", STR_F(name)), port);
		set(a, vars, str_printf(a, "%.*s_PORT", STR_F(name)), url);
	}
	if (sp->name.n)
		set(a, vars, str_printf(a, "%.*s_SERVICE_PORT_%.*s", STR_F(name), STR_F(env_name(a, sp->name))), port);
	set(a, vars, base, url);
	set(a, vars, str_printf(a, "%.*s_PROTO", STR_F(base)), str_of(proto));
	set(a, vars, str_printf(a, "%.*s_PORT", STR_F(base)), port);
	set(a, vars, str_printf(a, "%.*s_ADDR", STR_F(base)), ip);
}

static void service(struct arena *a, struct map *vars, const struct core_v1_Service *s)
{
	struct str name = env_name(a, s->metadata.name), ip = s->spec.clusterIP;
	if (!ip.n || str_is(ip, "None"))
		return;
	set(a, vars, str_printf(a, "%.*s_SERVICE_HOST", STR_F(name)), ip);
	LIST_EACH(sp, s->spec.ports)
		service_port(a, vars, name, ip, sp, sp == s->spec.ports.items);
}

static void services(struct pod *p, struct arena *a, struct map *vars)
{
	struct informer *inf = p->k->service_inf;
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	const struct informer_item *it;
	if (!inf)
		return;
	struct core_v1_Service *master = informer_object(inf, a, STR("default/kubernetes"));
	if (master)
		service(a, vars, master);
	if (s->has_enableServiceLinks && !s->enableServiceLinks)
		return;
	for (size_t i = 0; (it = informer_next(inf, p->ns, &i));) {
		struct core_v1_Service *o = informer_decode(inf, a, it);
		if (o)
			service(a, vars, o);
	}
}

/* ---- variables of a container */
static int from_config_map(struct pod *p, struct arena *a, struct map *vars, struct str prefix, const struct core_v1_ConfigMapEnvSource *s, struct err *e)
{
	ERR(x);
	struct core_v1_ConfigMap *cm = object_config_map(p, a, s->localObjectReference.name, &x);
	if (!cm && err_is(&x, ERR_NOT_FOUND) && s->has_optional && s->optional)
		return 0;
	if (!cm)
		return err_move(e, &x), -1;
	LIST_EACH(kv, cm->data)
		set(a, vars, str_printf(a, "%.*s%.*s", STR_F(prefix), STR_F(kv->key)), kv->value);
	return 0;
}

static int from_secret(struct pod *p, struct arena *a, struct map *vars, struct str prefix, const struct core_v1_SecretEnvSource *s, struct err *e)
{
	ERR(x);
	struct core_v1_Secret *o = object_secret(p, a, s->localObjectReference.name, &x);
	if (!o && err_is(&x, ERR_NOT_FOUND) && s->has_optional && s->optional)
		return 0;
	if (!o)
		return err_move(e, &x), -1;
	LIST_EACH(kv, o->data)
		set(a, vars, str_printf(a, "%.*s%.*s", STR_F(prefix), STR_F(kv->key)), kv->value);
	return 0;
}

static int config_map_key(struct pod *p, struct arena *a, const struct core_v1_ConfigMapKeySelector *s, struct str *ret, struct err *e)
{
	ERR(x);
	bool optional = s->has_optional && s->optional;
	struct core_v1_ConfigMap *cm = object_config_map(p, a, s->localObjectReference.name, &x);
	if (!cm && err_is(&x, ERR_NOT_FOUND) && optional)
		return 1;
	if (!cm)
		return err_move(e, &x), -1;
	if (!str_map_has(&cm->data, s->key))
		return optional ? 1 : err_set(e, ERR_INVALID, "couldn't find key %.*s in ConfigMap %.*s/%.*s", STR_F(s->key), STR_F(p->ns), STR_F(s->localObjectReference.name));
	*ret = str_map_get(&cm->data, s->key);
	return 0;
}

static int secret_key(struct pod *p, struct arena *a, const struct core_v1_SecretKeySelector *s, struct str *ret, struct err *e)
{
	ERR(x);
	bool optional = s->has_optional && s->optional;
	struct core_v1_Secret *o = object_secret(p, a, s->localObjectReference.name, &x);
	if (!o && err_is(&x, ERR_NOT_FOUND) && optional)
		return 1;
	if (!o)
		return err_move(e, &x), -1;
	if (!str_map_has(&o->data, s->key))
		return optional ? 1 : err_set(e, ERR_INVALID, "couldn't find key %.*s in Secret %.*s/%.*s", STR_F(s->key), STR_F(p->ns), STR_F(s->localObjectReference.name));
	*ret = str_map_get(&o->data, s->key);
	return 0;
}

static int field(struct pod *p, struct arena *a, struct str path, struct str *ret, struct err *e)
{
	bool known;
	*ret = field_value(a, p, path, &known);
	return known ? 0 : err_set(e, ERR_INVALID, "unsupported fieldPath: %.*s", STR_F(path));
}

static int resource(struct pod *p, struct arena *a, struct str self, const struct core_v1_ResourceFieldSelector *r, struct str *ret, struct err *e)
{
	*ret = resource_field(a, p->k, p->spec->pod, r->containerName.n ? r->containerName : self, r->resource, r->divisor, e);
	return ret->p ? 0 : -1;
}

/* 0: *ret is the value; 1: an optional source is not there. */
static int value_from(struct pod *p, struct arena *a, struct str self, const struct core_v1_EnvVarSource *s, struct str *ret, struct err *e)
{
	if (s->fieldRef)
		return field(p, a, s->fieldRef->fieldPath, ret, e);
	if (s->resourceFieldRef)
		return resource(p, a, self, s->resourceFieldRef, ret, e);
	if (s->configMapKeyRef)
		return config_map_key(p, a, s->configMapKeyRef, ret, e);
	return s->secretKeyRef ? secret_key(p, a, s->secretKeyRef, ret, e) : 1;
}

static int own(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct map *vars, const struct map *links, struct err *e)
{
	struct map_entry *en;
	CLEANUP(map_fini_at) struct map seen = {0};
	for (size_t i = 0; (en = map_next(links, &i));)
		set(a, &seen, en->key, *(struct str *)en->value);
	for (size_t i = 0; (en = map_next(vars, &i));)
		set(a, &seen, en->key, *(struct str *)en->value);
	LIST_EACH(v, c->env) {
		struct str value = {0};
		int r = v->valueFrom ? value_from(p, a, c->name, v->valueFrom, &value, e) : 0;
		if (r < 0)
			return -1;
		if (r > 0)
			continue;
		if (!v->valueFrom)
			value = env_expand(a, v->value, &seen);
		set(a, vars, v->name, value);
		set(a, &seen, v->name, value);
	}
	return 0;
}

int env_make(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct map *vars, struct err *e)
{
	struct map_entry *en;
	CLEANUP(map_fini_at) struct map links = {0};
	services(p, a, &links);
	LIST_EACH(f, c->envFrom) {
		if (f->configMapRef && from_config_map(p, a, vars, f->prefix, f->configMapRef, e))
			return -1;
		if (f->secretRef && from_secret(p, a, vars, f->prefix, f->secretRef, e))
			return -1;
	}
	if (own(p, a, c, vars, &links, e))
		return -1;
	for (size_t i = 0; (en = map_next(&links, &i));)
		if (!map_has(vars, en->key))
			set(a, vars, en->key, *(struct str *)en->value);
	return 0;
}
