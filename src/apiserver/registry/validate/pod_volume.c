/* Volumes and their mounts. */
#include "apiserver/registry/validate/pod.h"

#include "gen/meta_v1.h"
#include "schema/quantity.h"

#define MODE_RANGE "must be a number between 0 and 0777 (octal), both inclusive"

static void check_bottom_path(struct check *k, struct str path, struct str v)
{
	check_local_path(k, path, v);
	if (str_has_prefix(v, STR("..")) && !str_has_prefix(v, STR("../")) && v.n > 2)
		bad_string(k, path, v, "must not start with '..'");
}

static void check_key_to_path(struct check *k, struct str path, const void *value)
{
	const struct core_v1_KeyToPath *p = value;
	if (!p->key.n)
		bad_required(k, at(k, path, "key"), NULL);
	if (!p->path.n)
		bad_required(k, at(k, path, "path"), NULL);
	check_bottom_path(k, at(k, path, "path"), p->path);
	if (p->has_mode && (p->mode < 0 || p->mode > 0777))
		bad_number(k, at(k, path, "mode"), p->mode, MODE_RANGE);
}
static const struct rule key_to_path[] = {WITH(check_key_to_path), END};

static void check_size_limit(struct check *k, struct str path, const void *value)
{
	struct quantity q = quantity_of(*(const struct str *)value);
	if (quantity_sign(&q) < 0)
		bad_forbidden(k, path, "SizeLimit field must be a valid resource quantity");
}
static const struct rule empty_dir[] = {CALL("sizeLimit", check_size_limit), END};

static void check_host_path(struct check *k, struct str path, const void *value)
{
	const struct core_v1_HostPathVolumeSource *h = value;
	if (!h->path.n)
		bad_required(k, at(k, path, "path"), NULL);
	else
		check_absolute_path(k, at(k, path, "path"), h->path);
	if (h->type.p)
		check_choice(k, at(k, path, "type"), h->type, CHOICES("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"));
}
static const struct rule host_path[] = {WITH(check_host_path), END};

static void check_local(struct check *k, struct str path, const void *value) { check_local_path(k, path, *(const struct str *)value); }
static const struct rule git_repo[] = {NEED("repository"), CALL("directory", check_local), END};
static const struct rule gce[] = {NEED("pdName"), RANGE("partition", 0, 255, "must be between 0 and 255, inclusive"), END};
static const struct rule aws[] = {NEED("volumeID"), RANGE("partition", 0, 255, "must be between 0 and 255, inclusive"), END};
static const struct rule secret[] = {NEED("secretName"), RANGE("defaultMode", 0, 0777, MODE_RANGE), EACH("items", key_to_path), END};
static const struct rule config_map[] = {NEED("name"), RANGE("defaultMode", 0, 0777, MODE_RANGE), EACH("items", key_to_path), END};

static void check_rooted(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	if (s.n && s.p[0] != '/')
		bad_string(k, path, s, "must be an absolute path");
}
static const struct rule nfs[] = {NEED("server"), NEED("path"), CALL("path", check_rooted), END};

static void check_iqn(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	if (s.n && !str_has_prefix(s, STR("iqn")) && !str_has_prefix(s, STR("eui")) && !str_has_prefix(s, STR("naa")))
		bad_string(k, path, s, "must be valid format starting with iqn, eui, or naa");
}
static void check_chap(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ISCSIVolumeSource *s = value;
	if ((s->chapAuthDiscovery || s->chapAuthSession) && !s->secretRef)
		bad_required(k, at(k, path, "secretRef"), NULL);
}
static const struct rule iscsi[] = {NEED("targetPortal"), NEED("iqn"), CALL("iqn", check_iqn), RANGE("lun", 0, 255, "must be between 0 and 255, inclusive"),
	WITH(check_chap), CALL("initiatorName", check_iqn), END};
static const struct rule glusterfs[] = {NEED("endpoints"), NEED("path"), END};
static const struct rule flex[] = {NEED("driver"), END};
static const struct rule rbd[] = {NEED("monitors"), NEED("image"), END};
static const struct rule claim[] = {NEED("claimName"), END};
static const struct rule cephfs[] = {NEED("monitors"), END};
static const struct rule quobyte[] = {NEED_WHY("registry", "must be a host:port pair or multiple pairs separated by commas"), NEED("volume"), END};

static void check_downward(struct check *k, struct str path, const void *value)
{
	const struct core_v1_DownwardAPIVolumeSource *d = value;
	if (d->has_defaultMode && (d->defaultMode < 0 || d->defaultMode > 0777))
		bad_number(k, at(k, path, "defaultMode"), d->defaultMode, MODE_RANGE);
	check_downward_items(k, path, &d->items);
}
static const struct rule downward[] = {WITH(check_downward), END};

static void check_fc(struct check *k, struct str path, const void *value)
{
	const struct core_v1_FCVolumeSource *f = value;
	if (!f->targetWWNs.len && !f->wwids.len)
		bad_required(k, at(k, path, "targetWWNs"), "must specify either targetWWNs or wwids, but not both");
	if (f->targetWWNs.len && f->wwids.len)
		bad_value(k, at(k, path, "targetWWNs"), json_strings(k, &f->targetWWNs), "targetWWNs and wwids can not be specified simultaneously");
	if (f->targetWWNs.len && !f->has_lun)
		bad_required(k, at(k, path, "lun"), "lun is required if targetWWNs is specified");
	else if (f->targetWWNs.len && (f->lun < 0 || f->lun > 255))
		bad_number(k, at(k, path, "lun"), f->lun, "must be between 0 and 255, inclusive");
}
static const struct rule fc[] = {WITH(check_fc), END};
static const struct rule azure_file[] = {NEED("secretName"), NEED("shareName"), END};
static const struct rule vsphere[] = {NEED("volumePath"), END};
static const struct rule volume_id[] = {NEED("volumeID"), END};
static const struct rule photon[] = {NEED("pdID"), END};
static void check_flocker(struct check *k, struct str path, const void *value)
{
	const struct core_v1_FlockerVolumeSource *f = value;
	if (!f->datasetName.n && !f->datasetUUID.n)
		bad_required(k, path, "one of datasetName and datasetUUID is required");
	if (f->datasetName.n && f->datasetUUID.n)
		bad_string(k, path, STR("resource"), "datasetName and datasetUUID can not be specified simultaneously");
	if (str_index(f->datasetName, '/', 0) >= 0)
		bad_string(k, at(k, path, "datasetName"), f->datasetName, "must not contain '/'");
}
static const struct rule flocker[] = {WITH(check_flocker), END};
static const struct rule azure_disk[] = {NEED("diskName"), NEED("diskURI"), ENUM("cachingMode", "None", "ReadOnly", "ReadWrite"), ENUM("kind", "Dedicated", "Managed", "Shared"), END};
static const struct rule storageos[] = {END};
static const struct rule scale_io[] = {NEED("gateway"), NEED("system"), NEED("volumeName"), END};

struct wrong name_driver(struct str s)
{
	char low[NAME_DNS1123_SUBDOMAIN_MAX];
	if (s.n > 63)
		return (struct wrong){{"must be no more than 63 characters"}, 1};
	for (size_t i = 0; i < s.n; i++)
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return name_dns1123_subdomain(str_n(low, s.n));
}
static const struct rule csi[] = {FORMAT_NEED("driver", name_driver), SUB("nodePublishSecretRef", ((const struct rule[]){NEED("name"), END})), END};

static void check_ephemeral(struct check *k, struct str path, const void *value)
{
	const struct core_v1_EphemeralVolumeSource *e = value;
	struct str template = at(k, path, "volumeClaimTemplate");
	if (!e->volumeClaimTemplate) {
		bad_required(k, template, NULL);
		return;
	}
	check_labels(k, at(k, template, "metadata.labels"), &e->volumeClaimTemplate->metadata.labels);
	check_claim_spec(k, at(k, template, "spec"), &e->volumeClaimTemplate->spec);
}
static const struct rule ephemeral[] = {WITH(check_ephemeral), END};

static void check_image_reference(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ImageVolumeSource *i = value;
	if (!i->reference.n)
		bad_required(k, at(k, path, "reference"), NULL);
	else if (str_trim(i->reference).n != i->reference.n)
		bad_string(k, at(k, path, "reference"), i->reference, "must not have leading or trailing whitespace");
	check_choice(k, at(k, path, "pullPolicy"), i->pullPolicy, CHOICES("Always", "IfNotPresent", "Never"));
}
static const struct rule image[] = {WITH(check_image_reference), END};

/* ---- projected volumes: no path twice ---- */

struct paths {
	str_list_t seen;
	struct str root;
};

static void note_path(struct check *k, struct paths *all, struct str path, struct str shown)
{
	struct str *s;
	if (!path.n)
		return;
	LIST_EACH(p, all->seen)
		if (str_eq(*p, path)) {
			bad_string(k, all->root, shown, "conflicting duplicate paths");
			return;
		}
	if ((s = arena_push(k->a, &all->seen)))
		*s = path;
}

static void check_items(struct check *k, struct paths *all, struct str path, struct str name, const core_v1_KeyToPath_list_t *items)
{
	if (!name.n)
		bad_required(k, at(k, path, "name"), NULL);
	for (uint32_t i = 0; i < items->len; i++) {
		check_key_to_path(k, at_index(k, at(k, path, "items"), i), &items->items[i]);
		note_path(k, all, items->items[i].path, name);
	}
}

static void check_token_source(struct check *k, struct paths *all, struct str path, const struct core_v1_ServiceAccountTokenProjection *t)
{
	if (t->has_expirationSeconds && t->expirationSeconds < 600)
		bad_number(k, at(k, path, "expirationSeconds"), t->expirationSeconds, "may not specify a duration less than 10 minutes");
	if (t->has_expirationSeconds && t->expirationSeconds > 1LL << 32)
		bad_number(k, at(k, path, "expirationSeconds"), t->expirationSeconds, "may not specify a duration larger than 2^32 seconds");
	if (!t->path.n)
		bad_required(k, at(k, all->root, "path"), NULL);
	else
		check_bottom_path(k, at(k, all->root, "path"), t->path);
}

static void check_bundle(struct check *k, struct paths *all, struct str path, const struct core_v1_ClusterTrustBundleProjection *b)
{
	if (b->name.n && b->signerName.n)
		bad_string(k, path, STR(""), "only one of name and signerName may be used");
	else if (!b->name.n && !b->signerName.n)
		bad_required(k, path, "either name or signerName must be specified");
	if (!b->path.n)
		bad_required(k, at(k, path, "path"), NULL);
	check_bottom_path(k, at(k, path, "path"), b->path);
	note_path(k, all, b->path, b->path);
}

static void check_projection(struct check *k, struct paths *all, struct str path, const struct core_v1_VolumeProjection *s)
{
	if (s->secret)
		check_items(k, all, at(k, path, "secret"), s->secret->localObjectReference.name, &s->secret->items);
	if (s->configMap)
		check_items(k, all, at(k, path, "configMap"), s->configMap->localObjectReference.name, &s->configMap->items);
	if (s->downwardAPI) {
		check_downward_items(k, at(k, path, "downwardAPI"), &s->downwardAPI->items);
		LIST_EACH(f, s->downwardAPI->items)
			note_path(k, all, f->path, f->path);
	}
	if (s->serviceAccountToken)
		check_token_source(k, all, at(k, path, "serviceAccountToken"), s->serviceAccountToken);
	if (s->clusterTrustBundle)
		check_bundle(k, all, at(k, path, "clusterTrustBundle"), s->clusterTrustBundle);
	int n = (s->secret != NULL) + (s->configMap != NULL) + (s->downwardAPI != NULL) + (s->serviceAccountToken != NULL) + (s->clusterTrustBundle != NULL) +
		(s->podCertificate != NULL);
	if (n > 1)
		bad_forbidden(k, path, "may not specify more than 1 volume type");
}

static void check_projected(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ProjectedVolumeSource *p = value;
	struct paths all = {.root = path};
	if (p->has_defaultMode && (p->defaultMode < 0 || p->defaultMode > 0777))
		bad_number(k, at(k, path, "defaultMode"), p->defaultMode, MODE_RANGE);
	for (uint32_t i = 0; i < p->sources.len; i++)
		check_projection(k, &all, at_index(k, at(k, path, "sources"), i), &p->sources.items[i]);
}
static const struct rule projected[] = {WITH(check_projected), END};

/* In upstream's order: the first one that is set counts. */
static const struct rule sources[] = {
	SUB("emptyDir", empty_dir), SUB("hostPath", host_path), SUB("gitRepo", git_repo), SUB("gcePersistentDisk", gce), SUB("awsElasticBlockStore", aws), SUB("secret", secret),
	SUB("nfs", nfs), SUB("iscsi", iscsi), SUB("glusterfs", glusterfs), SUB("flexVolume", flex), SUB("configMap", config_map), SUB("rbd", rbd),
	SUB("persistentVolumeClaim", claim), SUB("cephfs", cephfs), SUB("quobyte", quobyte), SUB("downwardAPI", downward), SUB("fc", fc), SUB("azureFile", azure_file),
	SUB("vsphereVolume", vsphere), SUB("cinder", volume_id), SUB("portworxVolume", volume_id), SUB("photonPersistentDisk", photon), SUB("projected", projected),
	SUB("flocker", flocker), SUB("azureDisk", azure_disk), SUB("storageos", storageos), SUB("scaleIO", scale_io), SUB("csi", csi), SUB("ephemeral", ephemeral),
	SUB("image", image), END};

const struct rule *pod_volume_rules(const char *source)
{
	const struct rule *r = sources;
	while (strcmp(r->field, source))
		r++;
	return r->sub;
}

static void check_source(struct check *k, struct str path, const struct core_v1_Volume *v)
{
	bool any = false;
	for (const struct rule *r = sources; r->op; r++) {
		const struct rule one[] = {*r, END};
		const struct field *f = field_by_name(desc_type(T_core_v1_Volume), str_of(r->field), false);
		if (!field_present(v, f))
			continue;
		if (any)
			bad_forbidden(k, at(k, path, r->field), "may not specify more than 1 volume type");
		else
			check_rules(k, path, T_core_v1_Volume, v, one);
		any = true;
	}
	if (!any)
		bad_required(k, path, "must specify a volume type");
}

const struct core_v1_Volume *pod_volume(const struct core_v1_PodSpec *s, struct str name)
{
	LIST_EACH(v, s->volumes)
		if (name.n && str_eq(v->name, name))
			return v;
	return NULL;
}

void check_volumes(struct pod_check *p, struct str path)
{
	struct check *k = p->k;
	for (uint32_t i = 0; i < p->spec->volumes.len; i++) {
		const struct core_v1_Volume *v = &p->spec->volumes.items[i];
		struct str here = at_index(k, path, i);
		check_source(k, here, v);
		if (!v->name.n)
			bad_required(k, at(k, here, "name"), NULL);
		else
			bad_wrong(k, at(k, here, "name"), v->name, name_dns1123_label(v->name));
		if (v->name.n && pod_volume(p->spec, v->name) != v)
			bad_duplicate(k, at(k, here, "name"), v->name);
	}
}

/* ---- mounts ---- */

static void check_propagation(struct check *k, struct str path, const struct core_v1_VolumeMount *m, const struct core_v1_Container *c)
{
	bool privileged = c->securityContext && c->securityContext->has_privileged && c->securityContext->privileged;
	check_choice(k, path, m->mountPropagation, CHOICES("Bidirectional", "HostToContainer", "None"));
	if (str_is(m->mountPropagation, "Bidirectional") && !privileged)
		bad_forbidden(k, path, "Bidirectional mount propagation is available only to privileged containers");
}

static void check_recursive(struct check *k, struct str path, const struct core_v1_VolumeMount *m)
{
	if (!m->recursiveReadOnly.p || str_is(m->recursiveReadOnly, "Disabled"))
		return;
	if (!one_of(m->recursiveReadOnly, CHOICES("Enabled", "IfPossible"))) {
		bad_choice(k, path, m->recursiveReadOnly, CHOICES("Disabled", "IfPossible", "Enabled"));
		return;
	}
	if (!m->readOnly)
		bad_forbidden(k, path, "may only be specified when readOnly is true");
	if (m->mountPropagation.p && !str_is(m->mountPropagation, "None"))
		bad_forbidden(k, path, "may only be specified when mountPropagation is None or not specified");
}

static void check_sub_path(struct check *k, struct str path, struct str here, const struct core_v1_VolumeMount *m)
{
	if (m->subPath.n)
		check_local_path(k, at(k, path, "subPath"), m->subPath);
	if (m->subPathExpr.n) {
		if (m->subPath.n)
			bad_string(k, at(k, here, "subPathExpr"), m->subPathExpr, "subPathExpr and subPath are mutually exclusive");
		check_local_path(k, at(k, path, "subPathExpr"), m->subPathExpr);
	}
}

static void check_mount_twice(struct check *k, struct str here, const struct core_v1_Container *c, uint32_t i)
{
	const struct core_v1_VolumeMount *m = &c->volumeMounts.items[i];
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(m->mountPath, c->volumeMounts.items[j].mountPath)) {
			bad_string(k, at(k, here, "mountPath"), m->mountPath, "must be unique");
			break;
		}
	LIST_EACH(d, c->volumeDevices) {
		if (str_eq(d->name, m->name))
			bad_string(k, at(k, here, "name"), m->name, "must not already exist in volumeDevices");
		if (str_eq(d->devicePath, m->mountPath))
			bad_string(k, at(k, here, "mountPath"), m->mountPath, "must not already exist as a path in volumeDevices");
	}
}

/* Some paths lack the index, as upstream's. */
static void check_mount(struct pod_check *p, struct str path, const struct core_v1_Container *c, uint32_t i)
{
	const struct core_v1_VolumeMount *m = &c->volumeMounts.items[i];
	struct check *k = p->k;
	struct str here = at_index(k, path, i);
	if (!m->name.n)
		bad_required(k, at(k, here, "name"), NULL);
	if (!pod_volume(p->spec, m->name))
		bad_not_found(k, at(k, here, "name"), m->name);
	if (!m->mountPath.n)
		bad_required(k, at(k, here, "mountPath"), NULL);
	check_mount_twice(k, here, c, i);
	check_sub_path(k, path, here, m);
	if (m->mountPropagation.p)
		check_propagation(k, at(k, path, "mountPropagation"), m, c);
	check_recursive(k, at(k, path, "recursiveReadOnly"), m);
}

static void check_device_path(struct check *k, struct str path, const core_v1_VolumeDevice_list_t *l, uint32_t i)
{
	struct str v = l->items[i].devicePath;
	if (!v.n)
		bad_required(k, path, NULL);
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(l->items[j].devicePath, v))
			bad_string(k, path, v, "must be unique");
	if (str_find(v, STR("..")) >= 0)
		bad_string(k, path, v, "can not contain backsteps ('..')");
}

static void check_device(struct pod_check *p, struct str path, const struct core_v1_Container *c, uint32_t i)
{
	const struct core_v1_VolumeDevice *d = &c->volumeDevices.items[i];
	const struct core_v1_Volume *v = pod_volume(p->spec, d->name);
	struct check *k = p->k;
	if (!d->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(c->volumeDevices.items[j].name, d->name))
			bad_string(k, at(k, path, "name"), d->name, "must be unique");
	if (v && !v->volumeSource.persistentVolumeClaim && !v->volumeSource.ephemeral)
		bad_string(k, at(k, path, "name"), d->name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
	check_device_path(k, at(k, path, "devicePath"), &c->volumeDevices, i);
	if (!v)
		bad_not_found(k, at(k, path, "name"), d->name);
}

void check_mounts(struct pod_check *p, struct str path, const struct core_v1_Container *c)
{
	struct check *k = p->k;
	for (uint32_t i = 0; i < c->volumeMounts.len; i++)
		check_mount(p, at(k, path, "volumeMounts"), c, i);
	for (uint32_t i = 0; i < c->volumeDevices.len; i++)
		check_device(p, at_index(k, at(k, path, "volumeDevices"), i), c, i);
}
