/* PersistentVolumeClaims and PersistentVolumes. */
#include "apiserver/registry/validate/pod.h"
#include "apiserver/registry/validate/validate.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"
#include "schema/quantity.h"

typedef struct core_v1_PersistentVolumeClaim pvc_t;
typedef struct core_v1_PersistentVolume pv_t;

static void check_modes(struct check *k, struct str path, const str_list_t *l, const char *why)
{
	bool pod = false, other = false;
	if (!l->len)
		bad_required(k, path, why);
	LIST_EACH(m, *l) {
		check_choice(k, path, *m, CHOICES("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"));
		*(str_is(*m, "ReadWriteOncePod") ? &pod : &other) = true;
	}
	if (pod && other)
		bad_forbidden(k, path, "may not use ReadWriteOncePod with other access modes");
}

static void check_positive(struct check *k, struct str path, struct str text)
{
	struct quantity q = quantity_of(text);
	if (quantity_sign(&q) <= 0)
		bad_string(k, path, text, "must be greater than zero");
}

static void check_data_source(struct check *k, struct str path, struct str group, bool has_group, struct str kind, struct str name)
{
	if (!name.n)
		bad_required(k, at(k, path, "name"), NULL);
	if (!kind.n)
		bad_required(k, at(k, path, "kind"), NULL);
	if (!group.n && !str_is(kind, "PersistentVolumeClaim"))
		bad_string(k, path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
	if (has_group && group.n)
		bad_wrong(k, at(k, path, "apiGroup"), group, name_dns1123_subdomain(group));
}

static void check_sources(struct check *k, struct str path, const struct core_v1_PersistentVolumeClaimSpec *s)
{
	const struct core_v1_TypedLocalObjectReference *d = s->dataSource;
	const struct core_v1_TypedObjectReference *f = s->dataSourceRef;
	if (d)
		check_data_source(k, at(k, path, "dataSource"), d->apiGroup, d->apiGroup.p != NULL, d->kind, d->name);
	if (f)
		check_data_source(k, at(k, path, "dataSourceRef"), f->apiGroup, f->apiGroup.p != NULL, f->kind, f->name);
	if (f && f->namespace.n && d)
		bad_value(k, path, STR("{}"), "may not be specified when dataSourceRef.namespace is specified");
	else if (d && f && (!str_eq(d->apiGroup, f->apiGroup) || !str_eq(d->kind, f->kind) || !str_eq(d->name, f->name)))
		bad_value(k, path, STR("{}"), "must match dataSourceRef");
}

static const struct rule claim_rest[] = {FORMAT("storageClassName", name_dns1123_subdomain), ENUM("volumeMode", "Block", "Filesystem"), END};

static const struct rule claim_attributes[] = {FORMAT("volumeAttributesClassName", name_dns1123_subdomain), END};

void check_claim_spec(struct check *k, struct str path, const struct core_v1_PersistentVolumeClaimSpec *s)
{
	check_modes(k, at(k, path, "accessModes"), &s->accessModes, "at least 1 access mode is required");
	check_selector(k, at(k, path, "selector"), s->selector);
	struct str storage = at_key(k, at(k, path, "resources"), STR("storage"));
	if (!str_map_has(&s->resources.requests, STR("storage")))
		bad_required(k, storage, NULL);
	else
		check_positive(k, storage, str_map_get(&s->resources.requests, STR("storage")));
	check_rules(k, path, T_core_v1_PersistentVolumeClaimSpec, s, claim_rest);
	check_sources(k, path, s);
	check_rules(k, path, T_core_v1_PersistentVolumeClaimSpec, s, claim_attributes);
}

void validate_pvc(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_claim_spec(k, STR("spec"), &((const pvc_t *)obj)->spec);
}

static void check_growth(struct check *k, const pvc_t *now, const pvc_t *old)
{
	struct quantity a = quantity_of(str_map_get(&now->spec.resources.requests, STR("storage"))), b = quantity_of(str_map_get(&old->spec.resources.requests, STR("storage")));
	struct quantity have = quantity_of(str_map_get(&old->status.capacity, STR("storage")));
	if (quantity_cmp(&a, &b) < 0 && quantity_cmp(&a, &have) <= 0)
		bad_forbidden(k, STR("spec.resources.requests.storage"), "field can not be less than status.capacity");
}

void validate_pvc_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pvc_t *now = obj, *old = old_;
	struct core_v1_PersistentVolumeClaimSpec m = now->spec;
	CHECK(k);
	check_claim_spec(k, STR("spec"), &now->spec);
	/* The binder sets the name once. */
	if (!old->spec.volumeName.n)
		m.volumeName = old->spec.volumeName;
	if (!old->spec.storageClassName.p && now->spec.storageClassName.n)
		m.storageClassName = old->spec.storageClassName;
	if (str_is(old->status.phase, "Bound")) {
		m.resources.requests = old->spec.resources.requests;
		m.volumeAttributesClassName = old->spec.volumeAttributesClassName;
	}
	if (!obj_equal_at(desc_type(T_core_v1_PersistentVolumeClaimSpec), &m, &old->spec)) {
		bad_forbidden(k, STR("spec"), "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
		return;
	}
	check_growth(k, now, old);
	if (!str_eq(now->spec.volumeMode, old->spec.volumeMode))
		bad_string(k, STR("spec.volumeMode"), now->spec.volumeMode, IMMUTABLE);
}

static const struct rule capacity_names[] = {QUANTITY("status.capacity"), QUANTITY("status.allocatedResources"), END};

void validate_pvc_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const pvc_t *now = obj;
	CHECK(k);
	if (now->spec.accessModes.len == 0)
		bad_required(k, STR("spec.accessModes"), "at least 1 access mode is required");
	check_rules(k, STR(""), T_core_v1_PersistentVolumeClaim, obj, capacity_names);
}

/* ---- PersistentVolumes ---- */

static void check_backsteps(struct check *k, struct str path, const void *value) { check_absolute_path(k, path, *(const struct str *)value); }
static const struct rule host_path[] = {NEED("path"), CALL("path", check_backsteps), END};
static const struct rule gce[] = {NEED("pdName"), END}, aws[] = {NEED("volumeID"), END};
static const struct rule glusterfs[] = {NEED("endpoints"), NEED("path"), END};
static const struct rule rbd[] = {NEED("monitors"), NEED("image"), END};
static const struct rule cephfs[] = {NEED("monitors"), END};
static const struct rule flex[] = {NEED("driver"), END};
static const struct rule azure_file[] = {NEED("secretName"), NEED("shareName"), END};
static const struct rule vsphere[] = {NEED("volumePath"), END}, photon[] = {NEED("pdID"), END};
static const struct rule scale_io[] = {NEED("gateway"), NEED("system"), NEED("volumeName"), END};
static const struct rule local[] = {NEED("path"), CALL("path", check_backsteps), END}, storageos[] = {END};
static const struct rule secret_ref[] = {NEED("name"), NEED("namespace"), END};
static const struct rule csi[] = {FORMAT_NEED("driver", name_driver), NEED("volumeHandle"), SUB("controllerPublishSecretRef", secret_ref),
	SUB("controllerExpandSecretRef", secret_ref), SUB("nodePublishSecretRef", secret_ref), SUB("nodeExpandSecretRef", secret_ref), END};

/* Without rules of their own: those of the Pod's volume, which is alike. */
static const struct rule sources[] = {
	SUB("hostPath", host_path), SUB("gcePersistentDisk", gce), SUB("awsElasticBlockStore", aws), SUB("glusterfs", glusterfs), SUB("flocker", NULL), SUB("nfs", NULL),
	SUB("rbd", rbd), SUB("quobyte", NULL), SUB("cephfs", cephfs), SUB("iscsi", NULL), SUB("cinder", aws), SUB("fc", NULL), SUB("flexVolume", flex),
	SUB("azureFile", azure_file), SUB("vsphereVolume", vsphere), SUB("photonPersistentDisk", photon), SUB("portworxVolume", aws), SUB("azureDisk", NULL),
	SUB("scaleIO", scale_io), SUB("local", local), SUB("storageos", storageos), SUB("csi", csi), END};

static void check_source(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	bool any = false;
	for (const struct rule *r = sources; r->op; r++) {
		struct rule one[] = {*r, END};
		one[0].sub = r->sub ? r->sub : pod_volume_rules(r->field);
		if (!field_present(s, field_by_name(desc_type(T_core_v1_PersistentVolumeSpec), str_of(r->field), false)))
			continue;
		if (any)
			bad_forbidden(k, at(k, STR("spec"), r->field), "may not specify more than 1 volume type");
		else
			check_rules(k, STR("spec"), T_core_v1_PersistentVolumeSpec, s, one);
		any = true;
	}
	if (!any)
		bad_required(k, STR("spec"), "must specify a volume type");
}

static void check_capacity(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	struct str path = STR("spec.capacity");
	if (!s->capacity.len)
		bad_required(k, path, NULL);
	if (s->capacity.len != 1 || !str_map_has(&s->capacity, STR("storage")))
		err_cause(k->e, "FieldValueNotSupported", path, "Unsupported value: %.*s: supported values: \"storage\"", STR_F(json_map(k, &s->capacity)));
	LIST_EACH(q, s->capacity)
		check_positive(k, at_key(k, path, q->key), q->value);
}

static void check_node_affinity(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	struct str path = STR("spec.nodeAffinity");
	if (!s->nodeAffinity)
		return;
	if (!s->nodeAffinity->required)
		bad_required(k, at(k, path, "required"), "must specify required node constraints");
	else
		check_node_selector(k, at(k, path, "required"), s->nodeAffinity->required);
}

static const struct rule volume_first[] = {ENUM("persistentVolumeReclaimPolicy", "Delete", "Recycle", "Retain"), END};

static const struct rule volume_rest[] = {FORMAT("storageClassName", name_dns1123_subdomain), ENUM("volumeMode", "Block", "Filesystem"),
	FORMAT("volumeAttributesClassName", name_dns1123_subdomain), END};

void validate_pv(struct request *r, const void *obj, struct err *e)
{
	const struct core_v1_PersistentVolumeSpec *s = &((const pv_t *)obj)->spec;
	CHECK(k);
	check_modes(k, STR("spec.accessModes"), &s->accessModes, NULL);
	check_capacity(k, s);
	check_rules(k, STR("spec"), T_core_v1_PersistentVolumeSpec, s, volume_first);
	check_node_affinity(k, s);
	check_source(k, s);
	if (s->persistentVolumeSource.local && !s->nodeAffinity)
		bad_required(k, STR("spec.nodeAffinity"), "Local volume requires node affinity");
	if (s->persistentVolumeSource.hostPath && str_is(s->persistentVolumeSource.hostPath->path, "/") && str_is(s->persistentVolumeReclaimPolicy, "Recycle"))
		bad_forbidden(k, STR("spec.persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
	check_rules(k, STR("spec"), T_core_v1_PersistentVolumeSpec, s, volume_rest);
}

void validate_pv_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pv_t *now = obj, *old = old_;
	CHECK(k);
	validate_pv(r, obj, e);
	if (!obj_equal_at(desc_type(T_core_v1_PersistentVolumeSource), &now->spec.persistentVolumeSource, &old->spec.persistentVolumeSource))
		bad_forbidden(k, STR("spec.persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
	if (!str_eq(now->spec.volumeMode, old->spec.volumeMode))
		bad_string(k, STR("volumeMode"), now->spec.volumeMode, IMMUTABLE);
	if (old->spec.nodeAffinity && !same_at(T_core_v1_PersistentVolumeSpec, &now->spec, &old->spec, "nodeAffinity"))
		bad_value(k, STR("nodeAffinity"), STR("{}"), "field is immutable, except for updating from beta label to GA");
}
