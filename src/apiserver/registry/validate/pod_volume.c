/* Volumes and their mounts. */
#include "apiserver/registry/validate/pod.h"

#include "gen/meta_v1.h"
#include "schema/quantity.h"

#define MODE_RANGE "must be a number between 0 and 0777 (octal), both inclusive"

void check_bottom_path(struct check *k, struct str path, struct str v)
{
	check_local_path(k, path, v);
	if (str_has_prefix(v, STR("..")) && !str_has_prefix(v, STR("../")))
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
	struct str s = value ? *(const struct str *)value : (struct str){0};
	if (!s.n || s.p[0] != '/')
		bad_string(k, path, s, "must be an absolute path");
}
static const struct rule nfs[] = {NEED("server"), NEED("path"), CALL_ALWAYS("path", check_rooted), END};

static bool all_letters(struct str s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z')))
			return false;
	return s.n == n;
}

/* iqn.2001-04.com.example:storage */
static bool is_iqn(struct str s)
{
	static const char form[] = "iqn.dddd-dd.";
	size_t i = 0, host = sizeof form - 1, end = s.n;
	for (; i < host && i < s.n; i++)
		if (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9' : s.p[i] != form[i])
			return false;
	for (; i < s.n && s.p[i] != ':'; i++)
		if (s.p[i] != '-' && s.p[i] != '.' && !all_letters(str_sub(s, i, i + 1), 1))
			return false;
	for (size_t j = i + 1; j < s.n; j++)
		if (strchr(",;*&$| \t\r\n\f", s.p[j]))
			return false;
	return i > host && i + 1 < end;
}

bool iscsi_name_known(struct str s) { return str_has_prefix(s, STR("iqn")) || str_has_prefix(s, STR("eui")) || str_has_prefix(s, STR("naa")); }

bool iscsi_name_valid(struct str s)
{
	struct str rest = str_sub(s, s.n < 4 ? s.n : 4, s.n);
	return str_has_prefix(s, STR("iqn")) ? is_iqn(s) : s.n > 3 && all_letters(rest, str_has_prefix(s, STR("eui")) ? 16 : 32);
}

static void check_iqn(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	if (s.n && !iscsi_name_known(s))
		bad_string(k, path, s, "must be valid format starting with iqn, eui, or naa");
	else if (s.n && !iscsi_name_valid(s))
		bad_string(k, path, s, "must be valid format");
}
static void check_initiator(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ISCSIVolumeSource *s = value;
	struct str here = at(k, path, "initiatorname");
	if (s->initiatorName.p && !iscsi_name_known(s->initiatorName))
		bad_string(k, here, s->initiatorName, "must be valid format starting with iqn, eui, or naa");
	else if (s->initiatorName.p && !iscsi_name_valid(s->initiatorName))
		bad_string(k, here, s->initiatorName, "must be valid format");
}
static void check_chap(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ISCSIVolumeSource *s = value;
	if ((s->chapAuthDiscovery || s->chapAuthSession) && !s->secretRef)
		bad_required(k, at(k, path, "secretRef"), NULL);
}
static const struct rule iscsi[] = {NEED("targetPortal"), NEED("iqn"), CALL("iqn", check_iqn), RANGE("lun", 0, 255, "must be between 0 and 255, inclusive"),
	WITH(check_chap), WITH(check_initiator), END};
static const struct rule glusterfs[] = {NEED("endpoints"), NEED("path"), END};

void check_flex_options(struct check *k, struct str path, const void *value)
{
	LIST_EACH(o, *(const struct str_map *)value) {
		ptrdiff_t slash = str_index(o->key, '/', 0);
		struct str ns = str_printf(k->a, ".%.*s", STR_F(lowered(k, slash < 0 ? o->key : str_sub(o->key, 0, (size_t)slash))));
		if (str_has_suffix(ns, STR(".kubernetes.io")) || str_has_suffix(ns, STR(".k8s.io")))
			bad_string(k, at_key(k, path, o->key), o->key, "kubernetes.io and k8s.io namespaces are reserved");
	}
}
static const struct rule flex[] = {NEED("driver"), CALL("options", check_flex_options), END};
static const struct rule rbd[] = {NEED("monitors"), NEED("image"), END};
static const struct rule claim[] = {NEED("claimName"), END};
static const struct rule cephfs[] = {NEED("monitors"), END};

#define REGISTRY "must be a host:port pair or multiple pairs separated by commas"
#define TENANT_MAX 64 /* as upstream */

/* "host:port" or "[host]:port"; a port may be empty. */
static bool is_host_port(struct str s)
{
	bool bracket = s.n && s.p[0] == '[';
	ptrdiff_t end = bracket ? str_find(s, STR("]:")) + 1 : str_index(s, ':', 0);
	return end > 0 - bracket && (bracket ? end > 0 : end >= 0) && str_index(s, ':', (size_t)end + 1) < 0;
}

static void check_registry(struct check *k, struct str path, const void *value)
{
	const struct core_v1_QuobyteVolumeSource *q = value;
	struct str rest = q->registry, pair;
	if (!q->registry.n)
		bad_required(k, at(k, path, "registry"), REGISTRY);
	else if (q->tenant.n > TENANT_MAX)
		bad_required(k, at(k, path, "tenant"), "must be a UUID and may not exceed a length of 64 characters");
	else
		while (str_next(&rest, ',', &pair))
			if (!is_host_port(pair))
				bad_string(k, at(k, path, "registry"), q->registry, REGISTRY);
}
static const struct rule quobyte[] = {WITH(check_registry), NEED("volume"), END};

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
static void check_disk_uri(struct check *k, struct str path, const void *value)
{
	const struct core_v1_AzureDiskVolumeSource *d = value;
	bool managed = str_is(d->kind, "Managed");
	if (managed && !str_has_prefix(d->diskURI, STR("/subscriptions/")))
		bad_choice(k, at(k, path, "diskURI"), d->diskURI, CHOICES("/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"));
	if (d->kind.p && !managed && !str_has_prefix(d->diskURI, STR("https://")))
		bad_choice(k, at(k, path, "diskURI"), d->diskURI, CHOICES("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"));
}
static const struct rule azure_disk[] = {NEED("diskName"), NEED("diskURI"), ENUM("cachingMode", "None", "ReadOnly", "ReadWrite"),
	ENUM("kind", "Dedicated", "Managed", "Shared"), WITH(check_disk_uri), END};
static const struct rule name_only[] = {NEED("name"), END};
static const struct rule storageos[] = {FORMAT_NEED("volumeName", name_dns1123_label), FORMAT("volumeNamespace", name_dns1123_label), SUB("secretRef", name_only), END};
static const struct rule cinder[] = {NEED("volumeID"), SUB("secretRef", name_only), END};
static const struct rule scale_io[] = {NEED("gateway"), NEED("system"), NEED("volumeName"), END};

#define NOT_SET "cannot be set"
static void check_map(struct check *k, struct str path, const void *value) { check_annotations(k, path, value); }

struct wrong name_driver(struct str s)
{
	char low[NAME_DNS1123_SUBDOMAIN_MAX + 1];
	s.n = s.n < sizeof low ? s.n : sizeof low;
	for (size_t i = 0; i < s.n; i++)
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return name_dns1123_subdomain(str_n(low, s.n));
}
/* The path of a bad name is upstream's. */
static void check_publish_secret(struct check *k, struct str path, const void *value)
{
	const struct core_v1_LocalObjectReference *s = ((const struct core_v1_CSIVolumeSource *)value)->nodePublishSecretRef;
	if (s && !s->name.n)
		bad_required(k, at(k, path, "nodePublishSecretRef.name"), NULL);
	else if (s)
		bad_wrong(k, at(k, path, "name"), s->name, name_dns1123_subdomain(s->name));
}
static const struct rule csi[] = {LONG("driver", DRIVER_MAX), FORMAT_NEED("driver", name_driver), WITH(check_publish_secret), END};

/* Of a template's metadata only labels and annotations. */
static const struct rule template_meta[] = {CALL("annotations", check_map), LABELS("labels"), FORBID("name", NOT_SET), FORBID("generateName", NOT_SET),
	FORBID("namespace", NOT_SET), FORBID("selfLink", NOT_SET), FORBID("uid", NOT_SET), FORBID("resourceVersion", NOT_SET), FORBID("generation", NOT_SET),
	FORBID("creationTimestamp", NOT_SET), FORBID("deletionTimestamp", NOT_SET), FORBID("deletionGracePeriodSeconds", NOT_SET), FORBID("ownerReferences", NOT_SET),
	FORBID("finalizers", NOT_SET), FORBID("managedFields", NOT_SET), END};

static void check_ephemeral(struct check *k, struct str path, const void *value)
{
	const struct core_v1_EphemeralVolumeSource *e = value;
	struct str template = at(k, path, "volumeClaimTemplate");
	if (!e->volumeClaimTemplate) {
		bad_required(k, template, NULL);
		return;
	}
	check_rules(k, at(k, template, "metadata"), T_meta_v1_ObjectMeta, &e->volumeClaimTemplate->metadata, template_meta);
	check_claim_spec(k, at(k, template, "spec"), &e->volumeClaimTemplate->spec);
}
static const struct rule ephemeral[] = {WITH(check_ephemeral), END};

static void check_image_policy(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ImageVolumeSource *i = value;
	if (!i->pullPolicy.n)
		bad_required(k, at(k, path, "pullPolicy"), NULL);
	else
		check_choice(k, at(k, path, "pullPolicy"), i->pullPolicy, CHOICES("Always", "IfNotPresent", "Never"));
}
static const struct rule image[] = {WITH(check_image_policy), END};

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
		bad_forbidden(k, path, "may not specify more than 1 volume type per source");
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
	SUB("nfs", nfs), SUB("iscsi", iscsi), SUB("glusterfs", glusterfs), SUB("flocker", flocker), SUB("persistentVolumeClaim", claim), SUB("rbd", rbd),
	SUB("cinder", cinder), SUB("cephfs", cephfs), SUB("quobyte", quobyte), SUB("downwardAPI", downward), SUB("fc", fc), SUB("flexVolume", flex),
	SUB("configMap", config_map), SUB("azureFile", azure_file), SUB("vsphereVolume", vsphere), SUB("photonPersistentDisk", photon), SUB("portworxVolume", volume_id),
	SUB("azureDisk", azure_disk), SUB("storageos", storageos), SUB("projected", projected), SUB("scaleIO", scale_io), SUB("csi", csi), SUB("ephemeral", ephemeral),
	SUB("image", image), END};

/* Upstream calls some by another name: of a second source, and of what is in it. */
const char *volume_source_path(const char *source, bool second)
{
	static const char *const odd[][3] = {{"gcePersistentDisk", "persistentDisk", "gcePersistentDisk"}, {"cephfs", "cephfs", "cephFS"},
		{"downwardAPI", "downwardAPI", "downwarAPI"}};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		if (!strcmp(source, odd[i][0]))
			return odd[i][1 + second];
	return source;
}

const struct rule *pod_volume_rules(const char *source)
{
	const struct rule *r = sources;
	while (strcmp(r->field, source))
		r++;
	return r->sub;
}

#define TARGET_MAX 64 /* of "volume:portal", as upstream */

static void check_portal_length(struct check *k, struct str path, const struct core_v1_Volume *v)
{
	const struct core_v1_ISCSIVolumeSource *s = v->volumeSource.iscsi;
	if (s && s->initiatorName.p && v->name.n + 1 + s->targetPortal.n > TARGET_MAX)
		bad_string(k, at(k, path, "name"), v->name,
			"Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
}

/* The name of the claim that an ephemeral volume makes. */
static struct str claim_of(struct pod_check *p, const struct core_v1_Volume *v) { return str_printf(p->k->a, "%.*s-%.*s", STR_F(p->meta->name), STR_F(v->name)); }

static void check_claim_name(struct pod_check *p, struct str path, const struct core_v1_Volume *v)
{
	if (p->is_template || !p->meta->name.n || !v->name.n)
		return;
	struct str name = claim_of(p, v);
	struct wrong w = name_dns1123_subdomain(name);
	for (unsigned i = 0; i < w.n; i++)
		bad_string(p->k, at(p->k, path, "name"), v->name, str_z(p->k->a, str_printf(p->k->a, "PVC name \"%.*s\": %s", STR_F(name), w.v[i])));
}

static void check_source(struct pod_check *p, struct str path, const struct core_v1_Volume *v)
{
	struct check *k = p->k;
	bool any = false;
	for (const struct rule *r = sources; r->op; r++) {
		const struct field *f = field_by_name(desc_type(T_core_v1_Volume), str_of(r->field), false);
		const void *value = obj_path((struct ref){desc_type(T_core_v1_Volume), (void *)v}, str_of(r->field), &f);
		if (!field_present(v, f) || !value)
			continue;
		if (any)
			bad_forbidden(k, at(k, path, volume_source_path(r->field, true)), "may not specify more than 1 volume type");
		else
			check_rules(k, at(k, path, volume_source_path(r->field, false)), f->of, *(void *const *)value, r->sub);
		if (!strcmp(r->field, "iscsi"))
			check_portal_length(k, path, v);
		if (!any && !strcmp(r->field, "ephemeral"))
			check_claim_name(p, path, v);
		any = true;
	}
	if (!any)
		bad_required(k, path, "must specify a volume type");
	else if (v->volumeSource.image && !p->is_template && !v->volumeSource.image->reference.n)
		bad_required(k, at(k, path, "image.reference"), NULL);
}

const struct core_v1_Volume *pod_volume(const struct pod_check *p, struct str name)
{
	for (uint32_t i = 0; i < p->spec->volumes.len; i++)
		if (p->known[i] && str_eq(p->spec->volumes.items[i].name, name))
			return &p->spec->volumes.items[i];
	return NULL;
}

static bool claims_own(struct pod_check *p, struct str claim)
{
	if (!p->is_template && p->meta->name.n)
		LIST_EACH(v, p->spec->volumes)
			if (v->volumeSource.ephemeral && str_eq(claim_of(p, v), claim))
				return true;
	return false;
}

/* A volume with something wrong is none that can be mounted. */
void check_volumes(struct pod_check *p, struct str path)
{
	struct check *k = p->k;
	p->known = arena_alloc(k->a, p->spec->volumes.len + 1);
	memset(p->known, 0, p->spec->volumes.len + 1);
	for (uint32_t i = 0; i < p->spec->volumes.len; i++) {
		const struct core_v1_Volume *v = &p->spec->volumes.items[i];
		const struct core_v1_PersistentVolumeClaimVolumeSource *claim = v->volumeSource.persistentVolumeClaim;
		struct str here = at_index(k, path, i);
		uint32_t before = k->e->ncauses;
		check_source(p, here, v);
		if (!v->name.n)
			bad_required(k, at(k, here, "name"), NULL);
		else
			bad_wrong(k, at(k, here, "name"), v->name, name_dns1123_label(v->name));
		if (pod_volume(p, v->name))
			bad_duplicate(k, at(k, here, "name"), v->name);
		p->known[i] = k->e->ncauses == before;
		if (claim && claims_own(p, claim->claimName))
			bad_string(k, at(k, here, "persistentVolumeClaim.claimName"), claim->claimName, "must not reference a PVC that gets created for an ephemeral volume");
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
		bad_choice(k, path, m->recursiveReadOnly, CHOICES("Disabled", "Enabled", "IfPossible"));
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
	bool name = false, path = false;
	LIST_EACH(d, c->volumeDevices) {
		name |= str_eq(d->name, m->name);
		path |= str_eq(d->devicePath, m->mountPath);
	}
	if (name)
		bad_string(k, at(k, here, "name"), m->name, "must not already exist in volumeDevices");
	if (path)
		bad_string(k, at(k, here, "mountPath"), m->mountPath, "must not already exist as a path in volumeDevices");
}

/* Some paths lack the index, as upstream's. */
static void check_mount(struct pod_check *p, struct str path, const struct core_v1_Container *c, uint32_t i)
{
	const struct core_v1_VolumeMount *m = &c->volumeMounts.items[i];
	struct check *k = p->k;
	struct str here = at_index(k, path, i);
	if (!m->name.n)
		bad_required(k, at(k, here, "name"), NULL);
	if (!pod_volume(p, m->name))
		bad_not_found(k, at(k, here, "name"), m->name);
	if (!m->mountPath.n)
		bad_required(k, at(k, here, "mountPath"), NULL);
	check_mount_twice(k, here, c, i);
	check_sub_path(k, path, here, m);
	if (m->mountPropagation.p)
		check_propagation(k, at(k, path, "mountPropagation"), m, c);
	check_recursive(k, at(k, path, "recursiveReadOnly"), m);
}

static bool has_backsteps(struct str v)
{
	struct str part;
	while (str_next(&v, '/', &part))
		if (str_is(part, ".."))
			return true;
	return false;
}

static void check_device_path(struct check *k, struct str path, const core_v1_VolumeDevice_list_t *l, uint32_t i)
{
	struct str v = l->items[i].devicePath;
	if (!v.n)
		bad_required(k, path, NULL);
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(l->items[j].devicePath, v) && !has_backsteps(v)) {
			bad_string(k, path, v, "must be unique");
			break;
		}
	if (has_backsteps(v))
		bad_string(k, path, v, "can not contain backsteps ('..')");
}

static void check_device_mounted(struct check *k, struct str path, const struct core_v1_VolumeDevice *d, const core_v1_VolumeMount_list_t *mounts)
{
	bool name = false, mounted = false;
	LIST_EACH(m, *mounts) {
		name |= str_eq(m->name, d->name);
		mounted |= str_eq(m->mountPath, d->devicePath);
	}
	if (name)
		bad_string(k, at(k, path, "name"), d->name, "must not already exist in volumeMounts");
	if (mounted)
		bad_string(k, at(k, path, "devicePath"), d->devicePath, "must not already exist as a path in volumeMounts");
}

static void check_device(struct pod_check *p, struct str path, const struct core_v1_Container *c, uint32_t i)
{
	const struct core_v1_VolumeDevice *d = &c->volumeDevices.items[i];
	const struct core_v1_Volume *v = pod_volume(p, d->name);
	struct check *k = p->k;
	if (!d->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	for (uint32_t j = 0; d->name.n && j < i; j++)
		if (str_eq(c->volumeDevices.items[j].name, d->name)) {
			bad_string(k, at(k, path, "name"), d->name, "must be unique");
			break;
		}
	if (!v)
		bad_not_found(k, at(k, path, "name"), d->name);
	else if (!v->volumeSource.persistentVolumeClaim && !v->volumeSource.ephemeral)
		bad_string(k, at(k, path, "name"), d->name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
	check_device_path(k, at(k, path, "devicePath"), &c->volumeDevices, i);
	check_device_mounted(k, path, d, &c->volumeMounts);
}

void check_mounts(struct pod_check *p, struct str path, const struct core_v1_Container *c)
{
	struct check *k = p->k;
	for (uint32_t i = 0; i < c->volumeMounts.len; i++)
		check_mount(p, at(k, path, "volumeMounts"), c, i);
	for (uint32_t i = 0; i < c->volumeDevices.len; i++)
		check_device(p, at_index(k, at(k, path, "volumeDevices"), i), c, i);
}
