/* ConfigMap kube-system/extension-apiserver-authentication: the CA of clients, and how the front proxy shows itself. */
#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/cache.h"

#include "codec/json.h"
#include "codec/ops.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "os/file.h"

#define NAME "extension-apiserver-authentication"
#define NAMESPACE "kube-system"
#define CA_MAX (1 << 20)

static int put_file(struct arena *a, struct core_v1_ConfigMap *m, const char *key, struct str path, struct err *e)
{
	struct str text;
	if (!path.n)
		return 0;
	if (file_read(a, str_z(a, path), CA_MAX, &text, e))
		return err_wrap(e, "%s", key);
	str_map_set(a, &m->data, str_of(key), text);
	return 0;
}

static void put_list(struct arena *a, struct core_v1_ConfigMap *m, const char *key, const struct str *v, size_t n)
{
	BUF(out);
	buf_char(&out, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(&out, i ? STR(",") : STR(""));
		json_string(&out, v[i]);
	}
	buf_char(&out, ']');
	str_map_set(a, &m->data, str_of(key), buf_take(&out, a));
}

static int fill(const struct server_opts *o, struct arena *a, struct core_v1_ConfigMap *m, struct err *e)
{
	if (put_file(a, m, "client-ca-file", o->client_ca_file, e) || put_file(a, m, "requestheader-client-ca-file", o->requestheader_client_ca_file, e))
		return -1;
	if (!o->requestheader_client_ca_file.n)
		return 0;
	put_list(a, m, "requestheader-allowed-names", o->requestheader_allowed_names, o->nrh_allowed);
	put_list(a, m, "requestheader-extra-headers-prefix", o->requestheader_extra_prefixes, o->nrh_extra);
	put_list(a, m, "requestheader-group-headers", o->requestheader_group_headers, o->nrh_group);
	put_list(a, m, "requestheader-username-headers", o->requestheader_username_headers, o->nrh_user);
	if (o->nrh_uid)
		put_list(a, m, "requestheader-uid-headers", o->requestheader_uid_headers, o->nrh_uid);
	return 0;
}

/* What other servers have put there stays; ours goes over it.  False: nothing new. */
static bool merge(struct arena *a, const struct core_v1_ConfigMap *have, struct core_v1_ConfigMap *m)
{
	bool changed = false;
	struct str_map ours = m->data;
	*m = *(const struct core_v1_ConfigMap *)obj_copy(a, (struct ref){desc_type(T_core_v1_ConfigMap), (void *)have});
	LIST_EACH(p, ours) {
		changed |= !str_eq(str_map_get(&m->data, p->key), p->value);
		str_map_set(a, &m->data, p->key, p->value);
	}
	return changed;
}

int authentication_info_publish(struct server *s, const struct user *self, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_ConfigMap *m = obj_make(a, core_v1_ConfigMap);
	struct ref answer, body = {desc_type(T_core_v1_ConfigMap), m};
	struct call c = {.verb = VERB_CREATE, .res = resource_by_name(STR(""), STR("v1"), STR("configmaps")), .ns = STR(NAMESPACE), .body = body};
	if (fill(server_options(s), a, m, e))
		return -1;
	if (!m->data.len)
		return 0;
	CLEANUP(object_unref) struct object *o = cache_lookup(server_cache(s), cache_table(server_cache(s), c.res), c.ns, STR(NAME));
	const struct core_v1_ConfigMap *have = o ? object_decode(o, a, e) : NULL;
	if (o && !have)
		return -1;
	if (have && !merge(a, have, m))
		return 0;
	m->metadata.name = STR(NAME);
	m->metadata.namespace = STR(NAMESPACE);
	obj_set_type(body);
	if (have) {
		c.verb = VERB_UPDATE;
		c.name = m->metadata.name;
	}
	return pipeline_run(s, self, &c, a, &answer, e);
}
