/* Environment variables, and fields and resources that Pods may refer to. */
#include "apiserver/registry/validate/pod.h"

#include "schema/quantity.h"

static const char *const env_fields[] = {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
	"status.podIP", "status.podIPs", NULL};
static const char *const volume_fields[] = {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", NULL};
/* Everything that the conversion of field labels knows. */
static const char *const known_fields[] = {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
	"spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.host", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs", NULL};
static const char *const resources[] = {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory", NULL};

/* metadata.labels['a/b'] */
static bool subscript(struct str path, struct str *map, struct str *key)
{
	ptrdiff_t i = str_find(path, STR("['"));
	if (i < 1 || !str_has_suffix(path, STR("']")))
		return false;
	*map = str_sub(path, 0, (size_t)i);
	*key = str_sub(path, (size_t)i + 2, path.n - 2);
	return true;
}

static void check_subscript(struct check *k, struct str path, struct str map, struct str key)
{
	key = str_is(map, "metadata.labels") ? key : lowered(k, key);
	bad_wrong(k, path, key, name_qualified(key));
}

static void bad_unconverted(struct check *k, struct str path, struct str value, const char *why, struct str what)
{
	bad_string(k, path, value, str_z(k->a, str_printf(k->a, "error converting fieldPath: %s: %.*s", why, STR_F(what))));
}

static void check_field_ref(struct check *k, struct str path, const struct core_v1_ObjectFieldSelector *f, const char *const *allowed)
{
	struct str map = {0}, key, at_path = at(k, path, "fieldPath");
	if (!f->apiVersion.n)
		bad_required(k, at(k, path, "apiVersion"), NULL);
	else if (!f->fieldPath.n)
		bad_required(k, at_path, NULL);
	else if (!str_is(f->apiVersion, "v1"))
		bad_unconverted(k, at_path, f->fieldPath, "unsupported pod version", f->apiVersion);
	else if (subscript(f->fieldPath, &map, &key) && !str_is(map, "metadata.labels") && !str_is(map, "metadata.annotations"))
		bad_unconverted(k, at_path, f->fieldPath, "field label does not support subscript", f->fieldPath);
	else if (map.n)
		check_subscript(k, path, map, key);
	else if (!one_of(f->fieldPath, known_fields))
		bad_unconverted(k, at_path, f->fieldPath, "field label not supported", f->fieldPath);
	else
		check_choice(k, at_path, f->fieldPath, allowed);
}

static bool is_huge(struct str n) { return str_has_prefix(n, STR("limits.hugepages-")) || str_has_prefix(n, STR("requests.hugepages-")); }

static void check_divisor(struct check *k, struct str path, const struct core_v1_ResourceFieldSelector *f)
{
	static const char *const bytes[] = {"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL};
	bool cpu = one_of(f->resource, CHOICES("limits.cpu", "requests.cpu"));
	if (!f->divisor.n || str_is(f->divisor, "0") || (!is_huge(f->resource) && !one_of(f->resource, resources)))
		return;
	if (cpu && !one_of(f->divisor, CHOICES("1m", "1")))
		bad_string(k, path, f->resource, "only divisor's values 1m and 1 are supported with the cpu resource");
	if (!cpu && !one_of(f->divisor, bytes))
		bad_string(k, path, f->resource, str_z(k->a, str_printf(k->a, "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the %s resource",
			is_huge(f->resource) ? "hugepages" : str_has_suffix(f->resource, STR("storage")) ? "local ephemeral storage" : "memory")));
}

static void check_resource_ref(struct check *k, struct str path, const struct core_v1_ResourceFieldSelector *f, bool volume)
{
	struct str at_resource = at(k, path, "resource");
	if (volume && !f->containerName.n)
		bad_required(k, at(k, path, "containerName"), NULL);
	else if (!f->resource.n)
		bad_required(k, at_resource, NULL);
	else if (!is_huge(f->resource) && !one_of(f->resource, resources))
		bad_choice(k, at_resource, f->resource, resources);
	check_divisor(k, at(k, path, "divisor"), f);
}

static void check_key_name(struct check *k, struct str path, struct str name, struct str key)
{
	bad_wrong(k, at(k, path, "name"), name, name_dns1123_subdomain(name));
	if (!key.n)
		bad_required(k, at(k, path, "key"), NULL);
	else
		bad_wrong(k, at(k, path, "key"), key, name_config_map_key(key));
}

static void check_file_key(struct check *k, struct str path, const struct core_v1_FileKeySelector *f)
{
	if (!f->key.n)
		bad_required(k, at(k, path, "key"), NULL);
	else
		bad_wrong(k, at(k, path, "key"), f->key, name_env(f->key));
	if (!f->volumeName.n)
		bad_required(k, at(k, path, "volumeName"), NULL);
	if (!f->path.n)
		bad_required(k, at(k, path, "path"), NULL);
	else
		check_local_path(k, at(k, path, "path"), f->path);
}

static void check_source(struct check *k, struct str path, const struct core_v1_EnvVar *v)
{
	const struct core_v1_EnvVarSource *s = v->valueFrom;
	int n = (s->fieldRef != NULL) + (s->resourceFieldRef != NULL) + (s->configMapKeyRef != NULL) + (s->secretKeyRef != NULL) + (s->fileKeyRef != NULL);
	if (s->fieldRef)
		check_field_ref(k, at(k, path, "fieldRef"), s->fieldRef, env_fields);
	if (s->resourceFieldRef)
		check_resource_ref(k, at(k, path, "resourceFieldRef"), s->resourceFieldRef, false);
	if (s->configMapKeyRef)
		check_key_name(k, at(k, path, "configMapKeyRef"), s->configMapKeyRef->localObjectReference.name, s->configMapKeyRef->key);
	if (s->secretKeyRef)
		check_key_name(k, at(k, path, "secretKeyRef"), s->secretKeyRef->localObjectReference.name, s->secretKeyRef->key);
	if (s->fileKeyRef)
		check_file_key(k, at(k, path, "fileKeyRef"), s->fileKeyRef);
	if (n == 0)
		bad_string(k, path, STR(""), "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
	else if (v->value.n)
		bad_string(k, path, STR(""), "may not be specified when `value` is not empty");
	else if (n > 1)
		bad_string(k, path, STR(""), "may not have more than one field specified at a time");
}

void check_env(struct check *k, struct str path, const core_v1_EnvVar_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		const struct core_v1_EnvVar *v = &l->items[i];
		if (!v->name.n)
			bad_required(k, at(k, here, "name"), NULL);
		else
			bad_wrong(k, at(k, here, "name"), v->name, name_env(v->name));
		if (v->valueFrom)
			check_source(k, at(k, here, "valueFrom"), v);
	}
}

static const struct rule from_name[] = {FORMAT_NEED("name", name_dns1123_subdomain), END};
static const struct rule from_rules[] = {SUB("configMapRef", from_name), SUB("secretRef", from_name), END};

void check_env_from(struct check *k, struct str path, const core_v1_EnvFromSource_list_t *l)
{
	for (uint32_t i = 0; i < l->len; i++) {
		struct str here = at_index(k, path, i);
		const struct core_v1_EnvFromSource *s = &l->items[i];
		if (s->prefix.n)
			bad_wrong(k, at(k, here, "prefix"), s->prefix, name_env(s->prefix));
		check_rules(k, here, T_core_v1_EnvFromSource, s, from_rules);
		if (!s->configMapRef && !s->secretRef)
			bad_string(k, path, STR(""), "must specify one of: `configMapRef` or `secretRef`");
		else if (s->configMapRef && s->secretRef)
			bad_string(k, path, STR(""), "may not have more than one field specified at a time");
	}
}

void check_downward_items(struct check *k, struct str path, const core_v1_DownwardAPIVolumeFile_list_t *l)
{
	LIST_EACH(f, *l) {
		if (!f->path.n)
			bad_required(k, at(k, path, "path"), NULL);
		check_bottom_path(k, at(k, path, "path"), f->path);
		if (f->fieldRef)
			check_field_ref(k, at(k, path, "fieldRef"), f->fieldRef, volume_fields);
		if (f->fieldRef && f->resourceFieldRef)
			bad_string(k, path, STR("resource"), "fieldRef and resourceFieldRef can not be specified simultaneously");
		else if (f->resourceFieldRef)
			check_resource_ref(k, at(k, path, "resourceFieldRef"), f->resourceFieldRef, true);
		else if (!f->fieldRef)
			bad_required(k, path, "one of fieldRef and resourceFieldRef is required");
		if (f->has_mode && (f->mode < 0 || f->mode > 0777))
			bad_number(k, at(k, path, "mode"), f->mode, "must be a number between 0 and 0777 (octal), both inclusive");
	}
}
