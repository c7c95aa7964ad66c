/* StorageObjectInUseProtection, DefaultStorageClass, PersistentVolumeClaimResize. */
#include "apiserver/admission/plugins.h"

#include "api/meta.h"
#include "gen/core_v1.h"
#include "gen/storage_v1.h"
#include "schema/quantity.h"

static int protect(struct admit *a, struct err *e)
{
	struct arena *mem = a->request->arena;
	if (admit_is(a, "", "persistentvolumes", ""))
		finalizer_add(mem, &((struct core_v1_PersistentVolume *)a->obj)->metadata, STR("kubernetes.io/pv-protection"));
	else if (admit_is(a, "", "persistentvolumeclaims", ""))
		finalizer_add(mem, &((struct core_v1_PersistentVolumeClaim *)a->obj)->metadata, STR("kubernetes.io/pvc-protection"));
	else if (admit_is(a, "storage.k8s.io", "volumeattributesclasses", ""))
		finalizer_add(mem, &((struct storage_v1_VolumeAttributesClass *)a->obj)->metadata, STR("kubernetes.io/vac-protection"));
	return 0;
}

const struct admission_plugin plugin_storage_protection = {.name = "StorageObjectInUseProtection", .by_default = true, .ops = ADMIT_CREATE, .admit = protect};

#define DEFAULT_CLASS "storageclass.kubernetes.io/is-default-class"
#define DEFAULT_CLASS_BETA "storageclass.beta.kubernetes.io/is-default-class"
#define CLAIM_CLASS_BETA "volume.beta.kubernetes.io/storage-class"

/* The youngest of those marked; names decide among equals. */
static bool younger(const struct storage_v1_StorageClass *a, const struct storage_v1_StorageClass *b)
{
	int64_t s = a->metadata.creationTimestamp.sec, t = b->metadata.creationTimestamp.sec;
	return s != t ? s > t : str_cmp(a->metadata.name, b->metadata.name) < 0;
}

bool storage_class_is_default(const void *obj, const void *best)
{
	const struct storage_v1_StorageClass *s = obj;
	bool marked = str_is(meta_annotation(&s->metadata, DEFAULT_CLASS), "true") || str_is(meta_annotation(&s->metadata, DEFAULT_CLASS_BETA), "true");
	return marked && (!best || younger(s, best));
}

static int admit_class(struct admit *a, struct err *e)
{
	struct core_v1_PersistentVolumeClaim *c = a->obj;
	if (!admit_is(a, "", "persistentvolumeclaims", "") || c->spec.storageClassName.p || str_map_has(&c->metadata.annotations, STR(CLAIM_CLASS_BETA)))
		return 0;
	const struct storage_v1_StorageClass *s = admit_default(a, DEFAULT_STORAGE_CLASS);
	if (s)
		c->spec.storageClassName = s->metadata.name;
	return 0;
}

const struct admission_plugin plugin_default_storage_class = {.name = "DefaultStorageClass", .by_default = true, .ops = ADMIT_CREATE, .admit = admit_class};

/* ---- PersistentVolumeClaimResize ---- */

static bool grows(const struct core_v1_PersistentVolumeClaim *c, const struct core_v1_PersistentVolumeClaim *old)
{
	struct quantity now = quantity_of(str_map_get(&c->spec.resources.requests, STR("storage"))), was = quantity_of(str_map_get(&old->spec.resources.requests, STR("storage")));
	return quantity_cmp(&now, &was) > 0;
}

static int check_growth(struct admit *a, struct err *e)
{
	const struct core_v1_PersistentVolumeClaim *c = a->obj, *old = a->old;
	if (!admit_is(a, "", "persistentvolumeclaims", "") || !grows(c, old))
		return 0;
	if (!str_is(old->status.phase, "Bound"))
		return admit_forbidden(a, e, "Only bound persistent volume claims can be expanded");
	const struct storage_v1_StorageClass *s = c->spec.storageClassName.n ? admit_lookup(a, "storage.k8s.io", "storageclasses", (struct str){0}, c->spec.storageClassName) : NULL;
	if (!s || !s->has_allowVolumeExpansion || !s->allowVolumeExpansion)
		return admit_forbidden(a, e, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
	return 0;
}

const struct admission_plugin plugin_claim_resize = {.name = "PersistentVolumeClaimResize", .by_default = true, .ops = ADMIT_UPDATE, .validate = check_growth};
