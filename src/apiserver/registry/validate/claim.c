/* PersistentVolumeClaims and PersistentVolumes. */
#include "apiserver/endpoint/endpoint.h"
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
		if (one_of(*m, CHOICES("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")))
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

static void check_data_source(struct check *k, struct str path, struct str group, struct str kind, struct str name)
{
	if (!name.n)
		bad_required(k, at(k, path, "name"), NULL);
	if (!kind.n)
		bad_required(k, at(k, path, "kind"), NULL);
	if (!group.n && !str_is(kind, "PersistentVolumeClaim"))
		bad_string(k, path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
	if (group.n)
		bad_wrong(k, at(k, path, "apiGroup"), group, name_dns1123_subdomain(group));
}

static void check_sources(struct check *k, struct str path, const struct core_v1_PersistentVolumeClaimSpec *s)
{
	const struct core_v1_TypedLocalObjectReference *d = s->dataSource;
	const struct core_v1_TypedObjectReference *f = s->dataSourceRef;
	if (d)
		check_data_source(k, at(k, path, "dataSource"), d->apiGroup, d->kind, d->name);
	if (f)
		check_data_source(k, at(k, path, "dataSourceRef"), f->apiGroup, f->kind, f->name);
	if (f && f->namespace.n)
		bad_wrong(k, at(k, path, "dataSourceRef.namespace"), f->namespace, name_dns1123_label(f->namespace));
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

#define BETA_CLASS "volume.beta.kubernetes.io/storage-class"

/* The class may be said where none was, if the old annotation says the same.  The annotation itself stays, unless the field now says it. */
static bool may_set_class(struct check *k, const pvc_t *now, const pvc_t *old)
{
	struct str was = str_map_get(&old->metadata.annotations, STR(BETA_CLASS)), is = str_map_get(&now->metadata.annotations, STR(BETA_CLASS)), name = now->spec.storageClassName;
	bool fits = name.p && !old->spec.storageClassName.p && (!was.p || str_eq(name, was));
	if (!(fits && was.p && (!is.p || str_eq(is, was))) && !str_eq(is, was))
		bad_string(k, STR("metadata.annotations." BETA_CLASS), is, IMMUTABLE);
	return fits;
}

static void check_attributes_class(struct check *k, const char *field, struct str now, struct str old, bool empty_too)
{
	if (old.p && !now.p)
		bad_forbidden(k, str_of(field), "update from non-nil value to nil is forbidden");
	else if (empty_too && old.p && !now.n)
		bad_forbidden(k, str_of(field), "update from non-nil value to an empty string is forbidden");
}

void validate_pvc_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const pvc_t *now = obj, *old = old_;
	struct core_v1_PersistentVolumeClaimSpec m = now->spec;
	CHECK(k);
	check_claim_spec(k, STR("spec"), &now->spec); /* as a new one and as a changed one */
	check_claim_spec(k, STR("spec"), &now->spec);
	/* The binder sets the name once. */
	if (!old->spec.volumeName.n)
		m.volumeName = old->spec.volumeName;
	if (may_set_class(k, now, old))
		m.storageClassName = old->spec.storageClassName;
	if (str_is(now->status.phase, "Bound")) {
		struct str storage = str_map_get(&old->spec.resources.requests, STR("storage"));
		m.resources.requests = (struct str_map){0};
		LIST_EACH(q, now->spec.resources.requests)
			str_map_set(r->arena, &m.resources.requests, q->key, str_is(q->key, "storage") ? storage : q->value);
		if (m.volumeAttributesClassName.p)
			m.volumeAttributesClassName = old->spec.volumeAttributesClassName;
	}
	if (!obj_equal_at(desc_type(T_core_v1_PersistentVolumeClaimSpec), &m, &old->spec))
		bad_forbidden(k, STR("spec"), "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
	check_growth(k, now, old);
	if (!str_eq(now->spec.volumeMode, old->spec.volumeMode))
		bad_string(k, STR("volumeMode"), now->spec.volumeMode, IMMUTABLE);
	check_attributes_class(k, "spec.volumeAttributesClassName", now->spec.volumeAttributesClassName, old->spec.volumeAttributesClassName, true);
}

static void check_basic(struct check *k, struct str path, struct str text)
{
	struct quantity q = quantity_of(text);
	if (quantity_sign(&q) < 0)
		bad_number(k, path, quantity_value(&q), "must be a valid resource quantity");
}

/* A name of a claim's resource: the server's own is storage. */
static bool check_claim_resource(struct check *k, struct str path, struct str name)
{
	uint32_t before = k->e->ncauses;
	bad_wrong(k, path, name, name_qualified(name));
	if (k->e->ncauses == before && resource_is_native(name) && !str_is(name, "storage"))
		bad_choice(k, path, name, CHOICES("storage"));
	return k->e->ncauses == before;
}

void validate_pvc_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	static const char *const states[] = {"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending", NULL};
	const pvc_t *now = obj;
	CHECK(k);
	if (!now->metadata.resourceVersion.n)
		bad_required(k, STR("resourceVersion"), NULL);
	if (now->spec.accessModes.len == 0)
		bad_required(k, STR("Spec.accessModes"), NULL);
	LIST_EACH(q, now->status.capacity)
		check_basic(k, at_key(k, STR("status.capacity"), q->key), q->value);
	LIST_EACH(s, now->status.allocatedResourceStatuses) {
		check_claim_resource(k, STR("status.allocatedResourceStatus"), s->key);
		if (!one_of(s->value, states))
			bad_choice(k, STR("status.allocatedResourceStatus"), s->key, states);
	}
	LIST_EACH(q, now->status.allocatedResources)
		if (check_claim_resource(k, STR("status.allocatedResources"), q->key))
			check_basic(k, at_key(k, STR("status.allocatedResources"), q->key), q->value);
}

/* ---- PersistentVolumes ---- */

static void check_backsteps(struct check *k, struct str path, const void *value) { check_absolute_path(k, path, *(const struct str *)value); }
static void check_ns(struct check *k, struct str path, const void *value)
{
	struct str ns = *(const struct str *)value;
	if (!ns.n)
		bad_string(k, path, ns, "if the endpointnamespace is set, it must be a valid namespace name");
	else
		bad_wrong(k, path, ns, name_dns1123_label(ns));
}
static void check_not_empty(struct check *k, struct str path, const void *value)
{
	if (!((const struct str *)value)->n)
		bad_required(k, path, NULL);
}
static const struct rule volume_id[] = {NEED("volumeID"), END};
static const struct rule glusterfs[] = {NEED("endpoints"), NEED("path"), CALL("endpointsNamespace", check_ns), END};
static const struct rule rbd[] = {NEED("monitors"), NEED("image"), END};
static const struct rule cephfs[] = {NEED("monitors"), END};
static const struct rule flex[] = {NEED("driver"), CALL("options", check_flex_options), END};
static const struct rule azure_file[] = {NEED("secretName"), NEED("shareName"), CALL("secretNamespace", check_not_empty), END};
static const struct rule scale_io[] = {NEED("gateway"), NEED("system"), NEED("volumeName"), END};
static const struct rule local[] = {NEED("path"), CALL("path", check_backsteps), END};
static const struct rule named[] = {NEED("name"), NEED("namespace"), END};
static const struct rule cinder[] = {NEED("volumeID"), SUB("secretRef", named), END};
static const struct rule storageos[] = {FORMAT_NEED("volumeName", name_dns1123_label), FORMAT("volumeNamespace", name_dns1123_label), SUB("secretRef", named), END};
static const struct rule secret_ref[] = {FORMAT_NEED("name", name_dns1123_subdomain), FORMAT_NEED("namespace", name_dns1123_label), END};
static const struct rule csi[] = {LONG("driver", DRIVER_MAX), FORMAT_NEED("driver", name_driver), NEED("volumeHandle"), SUB("controllerPublishSecretRef", secret_ref),
	SUB("controllerExpandSecretRef", secret_ref), SUB("nodePublishSecretRef", secret_ref), SUB("nodeExpandSecretRef", secret_ref), END};

static void check_iscsi_name(struct check *k, struct str path, struct str s)
{
	if (!iscsi_name_known(s) || !iscsi_name_valid(s))
		bad_string(k, path, s, "must be valid format");
}

static void check_iscsi(struct check *k, struct str path, const void *value)
{
	const struct core_v1_ISCSIPersistentVolumeSource *s = value;
	if (!s->targetPortal.n)
		bad_required(k, at(k, path, "targetPortal"), NULL);
	if (!s->iqn.n)
		bad_required(k, at(k, path, "iqn"), NULL);
	else
		check_iscsi_name(k, at(k, path, "iqn"), s->iqn);
	if (s->lun < 0 || s->lun > 255)
		bad_number(k, at(k, path, "lun"), s->lun, "must be between 0 and 255, inclusive");
	if ((s->chapAuthDiscovery || s->chapAuthSession) && !s->secretRef)
		bad_required(k, at(k, path, "secretRef"), NULL);
	if (s->secretRef && !s->secretRef->name.n)
		bad_required(k, at(k, path, "secretRef.name"), NULL);
	if (s->initiatorName.p)
		check_iscsi_name(k, at(k, path, "initiatorname"), s->initiatorName);
}
static const struct rule iscsi[] = {WITH(check_iscsi), END};

/* Without rules of their own: those of the Pod's volume, which is alike. */
static const struct rule sources[] = {
	SUB("hostPath", NULL), SUB("gcePersistentDisk", NULL), SUB("awsElasticBlockStore", NULL), SUB("glusterfs", glusterfs), SUB("flocker", NULL), SUB("nfs", NULL),
	SUB("rbd", rbd), SUB("quobyte", NULL), SUB("cephfs", cephfs), SUB("iscsi", iscsi), SUB("cinder", cinder), SUB("fc", NULL), SUB("flexVolume", flex),
	SUB("azureFile", azure_file), SUB("vsphereVolume", NULL), SUB("photonPersistentDisk", NULL), SUB("portworxVolume", volume_id), SUB("azureDisk", NULL),
	SUB("scaleIO", scale_io), SUB("local", local), SUB("storageos", storageos), SUB("csi", csi), END};

static void check_source(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	bool any = false;
	for (const struct rule *r = sources; r->op; r++) {
		const struct field *f = field_by_name(desc_type(T_core_v1_PersistentVolumeSpec), str_of(r->field), false);
		const void *value = obj_path((struct ref){desc_type(T_core_v1_PersistentVolumeSpec), (void *)s}, str_of(r->field), &f);
		if (!field_present(s, f) || !value)
			continue;
		if (any && strcmp(r->field, "flexVolume"))
			bad_forbidden(k, at(k, STR("spec"), volume_source_path(r->field, true)), "may not specify more than 1 volume type");
		else
			check_rules(k, at(k, STR("spec"), volume_source_path(r->field, false)), f->of, *(void *const *)value, r->sub ? r->sub : pod_volume_rules(r->field));
		if (!any && !strcmp(r->field, "local") && !s->nodeAffinity)
			bad_required(k, STR("spec.nodeAffinity"), "Local volume requires node affinity");
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
	LIST_EACH(q, s->capacity) {
		check_basic(k, at_key(k, path, q->key), q->value);
		check_positive(k, at_key(k, path, q->key), q->value);
	}
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

static const struct rule volume_rest[] = {FORMAT("storageClassName", name_dns1123_subdomain), ENUM("volumeMode", "Block", "Filesystem"), END};

static void check_volume_attributes(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	struct str name = s->volumeAttributesClassName, path = STR("spec.volumeAttributesClassName");
	if (!name.p)
		return;
	if (!name.n)
		bad_required(k, path, "an empty string is disallowed");
	else
		bad_wrong(k, path, name, name_dns1123_subdomain(name));
	if (!s->persistentVolumeSource.csi)
		bad_required(k, STR("spec.csi"), "has to be specified when using volumeAttributesClassName");
}

/* "/", "//", "/." and the like. */
static bool is_root(struct str path)
{
	struct str part;
	bool root = path.n && path.p[0] == '/';
	int depth = 0;
	while (root && str_next(&path, '/', &part))
		if (str_is(part, ".."))
			depth -= depth > 0;
		else
			depth += part.n && !str_is(part, ".");
	return root && !depth;
}

static void check_volume(struct check *k, const struct core_v1_PersistentVolumeSpec *s)
{
	check_modes(k, STR("spec.accessModes"), &s->accessModes, NULL);
	check_capacity(k, s);
	check_rules(k, STR("spec"), T_core_v1_PersistentVolumeSpec, s, volume_first);
	check_node_affinity(k, s);
	check_source(k, s);
	if (s->persistentVolumeSource.hostPath && is_root(s->persistentVolumeSource.hostPath->path) && str_is(s->persistentVolumeReclaimPolicy, "Recycle"))
		bad_forbidden(k, STR("spec.persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
	check_rules(k, STR("spec"), T_core_v1_PersistentVolumeSpec, s, volume_rest);
	check_volume_attributes(k, s);
}

void validate_pv(struct request *r, const void *obj, struct err *e)
{
	CHECK(k);
	check_volume(k, &((const pv_t *)obj)->spec);
}

/* How a volume is expanded may be told later. */
static bool same_source(const struct core_v1_PersistentVolumeSource *now, const struct core_v1_PersistentVolumeSource *old)
{
	struct core_v1_PersistentVolumeSource m = *now;
	struct core_v1_CSIPersistentVolumeSource csi;
	if (now->csi && old->csi && now->csi->controllerExpandSecretRef && !old->csi->controllerExpandSecretRef) {
		csi = *now->csi;
		csi.controllerExpandSecretRef = NULL;
		m.csi = &csi;
	}
	return obj_equal_at(desc_type(T_core_v1_PersistentVolumeSource), &m, old);
}

void validate_pv_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct core_v1_PersistentVolumeSpec *now = &((const pv_t *)obj)->spec, *old = &((const pv_t *)old_)->spec;
	CHECK(k);
	check_volume(k, now); /* as a new one and as a changed one */
	check_volume(k, now);
	if (!same_source(&now->persistentVolumeSource, &old->persistentVolumeSource))
		bad_forbidden(k, STR("spec.persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
	if (!str_eq(now->volumeMode, old->volumeMode))
		bad_string(k, STR("volumeMode"), now->volumeMode, IMMUTABLE);
	if (old->nodeAffinity && !same_at(T_core_v1_PersistentVolumeSpec, now, old, "nodeAffinity"))
		bad_value(k, STR("nodeAffinity"), STR("{}"), "field is immutable, except for updating from beta label to GA");
	check_attributes_class(k, "spec.volumeAttributesClassName", now->volumeAttributesClassName, old->volumeAttributesClassName, false);
}

void validate_pv_status(struct request *r, const void *obj, const void *old, struct err *e)
{
	const pv_t *v = obj;
	CHECK(k);
	meta_validate_update(&v->metadata, &((const pv_t *)old)->metadata, e);
	if (!v->metadata.resourceVersion.n)
		bad_required(k, STR("resourceVersion"), NULL);
}
