/* Registry credentials in a docker configuration. */
#include "kubelet/impl.h"
#include "base/enc.h"

static struct str registry_of(struct str image)
{
	struct str host, rest;
	bool has = str_cut(image, '/', &host, &rest);
	bool domain = has && (str_index(host, '.', 0) >= 0 || str_index(host, ':', 0) >= 0 || str_is(host, "localhost"));
	return domain ? host : STR("docker.io");
}

/* "https://index.docker.io/v1/" and "docker.io" are the same place. */
static bool same_registry(struct str key, struct str registry)
{
	ptrdiff_t scheme = str_find(key, STR("://"));
	struct str host;
	if (scheme >= 0)
		key = str_sub(key, (size_t)scheme + 3, key.n);
	str_cut(key, '/', &host, &(struct str){0});
	return str_eq(host, registry) || (str_is(registry, "docker.io") && str_is(host, "index.docker.io"));
}

static struct cri_v1_AuthConfig *entry(struct arena *a, const struct value *v)
{
	struct cri_v1_AuthConfig *c = arena_make(a, struct cri_v1_AuthConfig);
	BUF(plain);
	struct str auth = value_path_str(v, "auth");
	c->username = value_path_str(v, "username");
	c->password = value_path_str(v, "password");
	c->identity_token = value_path_str(v, "identitytoken");
	if (!c->username.n && auth.n && !dec_base64(&plain, auth))
		str_cut(str_dup(a, buf_view(&plain)), ':', &c->username, &c->password);
	return c;
}

struct cri_v1_AuthConfig *image_auth(struct arena *a, struct str docker_config, struct str image)
{
	struct value *v = NULL;
	if (!docker_config.n || json_parse(a, docker_config, NULL, &v, NULL))
		return NULL;
	v = value_get(v, STR("auths"));
	for (uint32_t i = 0; v && v->type == V_OBJECT && i < v->object.len; i++)
		if (same_registry(v->object.items[i].key, registry_of(image)))
			return entry(a, v->object.items[i].value);
	return NULL;
}
