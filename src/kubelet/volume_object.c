/* configMap, secret, downwardAPI and projected volumes: files made of API objects. */
#include "kubelet/volume.h"

#define DEFAULT_MODE 0644

static uint32_t mode_of(bool has, int32_t mode, uint32_t fallback) { return has ? (uint32_t)mode : fallback; }

static int missing_key(const char *kind, struct str name, struct str key, struct err *e)
{
	return err_set(e, ERR_INVALID, "%s \"%.*s\": references non-existent %s key: %.*s", kind, STR_F(name), kind[0] == 's' ? "secret" : "config", STR_F(key));
}

/* All pairs, or the chosen ones under their paths. */
static int pairs(struct volume_job *j, struct payload *out, const struct str_map *maps[2], const core_v1_KeyToPath_list_t *items, uint32_t mode, bool optional,
	struct str name, struct err *e)
{
	for (int i = 0; !items->len && i < 2; i++)
		if (maps[i])
			LIST_EACH(kv, *maps[i])
				if (payload_add(j->a, out, kv->key, kv->value, mode, e))
					return -1;
	LIST_EACH(it, *items) {
		const struct str_map *m = str_map_has(maps[0], it->key) ? maps[0] : maps[1] && str_map_has(maps[1], it->key) ? maps[1] : NULL;
		if (!m && optional)
			continue;
		if (!m)
			return missing_key(maps[1] ? "configmap" : "secret", name, it->key, e);
		if (payload_add(j->a, out, it->path, str_map_get(m, it->key), mode_of(it->has_mode, it->mode, mode), e))
			return -1;
	}
	return 0;
}

static int from_configmap(struct volume_job *j, struct payload *out, struct str name, const core_v1_KeyToPath_list_t *items, uint32_t mode, bool optional, struct err *e)
{
	ERR(x);
	struct core_v1_ConfigMap *cm = object_config_map(j->p, j->a, name, &x);
	if (!cm)
		return optional && err_is(&x, ERR_NOT_FOUND) ? 0 : (err_move(e, &x), -1);
	const struct str_map *maps[2] = {&cm->data, &cm->binaryData};
	return pairs(j, out, maps, items, mode, optional, name, e);
}

static int from_secret(struct volume_job *j, struct payload *out, struct str name, const core_v1_KeyToPath_list_t *items, uint32_t mode, bool optional, struct err *e)
{
	ERR(x);
	struct core_v1_Secret *s = object_secret(j->p, j->a, name, &x);
	if (!s)
		return optional && err_is(&x, ERR_NOT_FOUND) ? 0 : (err_move(e, &x), -1);
	const struct str_map *maps[2] = {&s->data, NULL};
	return pairs(j, out, maps, items, mode, optional, name, e);
}

static int downward_value(struct volume_job *j, const struct core_v1_DownwardAPIVolumeFile *f, struct str *ret, struct err *e)
{
	bool known = true;
	if (f->fieldRef) {
		*ret = field_value(j->a, j->p, f->fieldRef->fieldPath, &known);
		return known ? 0 : err_set(e, ERR_INVALID, "unsupported fieldPath: %.*s", STR_F(f->fieldRef->fieldPath));
	}
	const struct core_v1_ResourceFieldSelector *r = f->resourceFieldRef;
	if (r)
		*ret = resource_field(j->a, j->p->k, j->spec->pod, r->containerName, r->resource, r->divisor, e);
	return r && ret->p ? 0 : -1;
}

static int from_fields(struct volume_job *j, struct payload *out, const core_v1_DownwardAPIVolumeFile_list_t *items, uint32_t mode, struct err *e)
{
	LIST_EACH(f, *items) {
		struct str value = {0};
		if (downward_value(j, f, &value, e) || payload_add(j->a, out, f->path, value, mode_of(f->has_mode, f->mode, mode), e))
			return -1;
	}
	return 0;
}

static int place(struct volume_job *j, bool memory, const struct payload *out, struct err *e)
{
	if (volume_folder(j, memory, 0, memory ? 01777 : 0777, e))
		return -1;
	return payload_write(j->a, j->dir, out, volume_gid(j), rt_wall(), e);
}

int volume_configmap(struct volume_job *j, struct err *e)
{
	const struct core_v1_ConfigMapVolumeSource *s = j->v->volumeSource.configMap;
	struct payload out = {0};
	uint32_t mode = mode_of(s->has_defaultMode, s->defaultMode, DEFAULT_MODE);
	if (from_configmap(j, &out, s->localObjectReference.name, &s->items, mode, s->has_optional && s->optional, e))
		return -1;
	return place(j, false, &out, e);
}

int volume_secret(struct volume_job *j, struct err *e)
{
	const struct core_v1_SecretVolumeSource *s = j->v->volumeSource.secret;
	struct payload out = {0};
	arena_mark_secret(j->a);
	uint32_t mode = mode_of(s->has_defaultMode, s->defaultMode, DEFAULT_MODE);
	if (from_secret(j, &out, s->secretName, &s->items, mode, s->has_optional && s->optional, e))
		return -1;
	return place(j, true, &out, e);
}

int volume_downward(struct volume_job *j, struct err *e)
{
	const struct core_v1_DownwardAPIVolumeSource *s = j->v->volumeSource.downwardAPI;
	struct payload out = {0};
	if (from_fields(j, &out, &s->items, mode_of(s->has_defaultMode, s->defaultMode, DEFAULT_MODE), e))
		return -1;
	return place(j, false, &out, e);
}

static int from_token(struct volume_job *j, struct payload *out, const struct core_v1_ServiceAccountTokenProjection *s, uint32_t mode, struct err *e)
{
	struct str token;
	if (token_get(j->p, j->a, s, &token, e))
		return -1;
	return payload_add(j->a, out, s->path, token, volume_gid(j) != UINT32_MAX ? 0600 : mode, e);
}

static int from_projection(struct volume_job *j, struct payload *out, const struct core_v1_VolumeProjection *s, uint32_t mode, struct err *e)
{
	if (s->configMap)
		return from_configmap(j, out, s->configMap->localObjectReference.name, &s->configMap->items, mode, s->configMap->has_optional && s->configMap->optional, e);
	if (s->secret)
		return from_secret(j, out, s->secret->localObjectReference.name, &s->secret->items, mode, s->secret->has_optional && s->secret->optional, e);
	if (s->downwardAPI)
		return from_fields(j, out, &s->downwardAPI->items, mode, e);
	if (s->serviceAccountToken)
		return from_token(j, out, s->serviceAccountToken, mode, e);
	return err_set(e, ERR_INVALID, "this kind of projection is not supported");
}

int volume_projected(struct volume_job *j, struct err *e)
{
	const struct core_v1_ProjectedVolumeSource *s = j->v->volumeSource.projected;
	struct payload out = {0};
	uint32_t mode = mode_of(s->has_defaultMode, s->defaultMode, DEFAULT_MODE);
	arena_mark_secret(j->a);
	LIST_EACH(x, s->sources)
		if (from_projection(j, &out, x, mode, e))
			return -1;
	return place(j, true, &out, e);
}
