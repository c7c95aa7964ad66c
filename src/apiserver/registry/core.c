/* The small core kinds. */
#include "apiserver/registry/cells.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

/* ---- ConfigMap, Secret ---- */

static void secret_create(struct request *r, void *obj)
{
	struct core_v1_Secret *s = obj;
	/* stringData is a way in only; its values win. */
	LIST_EACH(p, s->stringData)
		str_map_set(r->arena, &s->data, p->key, p->value);
	s->stringData = (struct str_map){0};
}

static void secret_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Secret *s = obj;
	const struct core_v1_Secret *old = old_;
	secret_create(r, obj);
	if (!s->type.n)
		s->type = old->type;
}

static const char *const secret_fields[] = {"type", NULL};

const struct strategy configmap_strategy = {
	.group = "", .resource = "configmaps", .meta_again = 1, .validate = validate_configmap, .validate_update = validate_configmap_update, .cells = configmap_cells,
};
const struct strategy secret_strategy = {
	.group = "", .resource = "secrets", .meta_again = 1, .selectable = secret_fields, .prepare_create = secret_create, .prepare_update = secret_update,
	.validate = validate_secret, .warn = warn_secret, .validate_update = validate_secret_update, .cells = secret_cells,
};

/* ---- Namespace ---- */

static void namespace_create(struct request *r, void *obj)
{
	struct core_v1_Namespace *n = obj;
	n->status.phase = STR("Active");
	LIST_EACH(f, n->spec.finalizers)
		if (str_is(*f, "kubernetes"))
			return;
	struct str *f = arena_push(r->arena, &n->spec.finalizers);
	if (f)
		*f = STR("kubernetes");
}

static void namespace_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Namespace *n = obj;
	const struct core_v1_Namespace *old = old_;
	n->spec.finalizers = old->spec.finalizers;
	n->status = old->status;
}

/* It stays until its content is gone: the controller takes spec.finalizers away. */
static bool namespace_hold(struct request *r, void *obj)
{
	struct core_v1_Namespace *n = obj;
	if (n->spec.finalizers.len)
		n->status.phase = STR("Terminating");
	return n->spec.finalizers.len > 0;
}

static const char *const namespace_fields[] = {"status.phase", NULL};

const struct strategy namespace_strategy = {
	.group = "", .resource = "namespaces", .meta_again = 1, .returns_object_on_delete = true, .selectable = namespace_fields, .validate_name = validate_name_label,
	.prepare_create = namespace_create, .prepare_update = namespace_update, .validate_update = validate_namespace_update, .validate = validate_namespace, .validate_status = validate_namespace_status, .hold = namespace_hold,
	.cells = namespace_cells,
};

/* ---- Node ---- */

static void node_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Node *n = obj;
	const struct core_v1_Node *old = old_;
	n->status.config = old->status.config;
}

static const char *const node_fields[] = {"spec.unschedulable", NULL};

const struct strategy node_strategy = {
	.group = "", .resource = "nodes", .meta_again = 1, .status_in_create = true, .selectable = node_fields, .prepare_update = node_update,
	.validate = validate_node, .validate_update = validate_node_update, .validate_status = validate_node_status, .cells = node_cells,
};

/* ---- Event ---- */

static const char *const event_fields[] = {"involvedObject.name", "involvedObject.kind", "involvedObject.namespace", "involvedObject.uid",
	"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type", NULL};
enum { EVENT_SOURCE = 9 };
#define NEW_NAME(name, field) {"events.k8s.io/v1", name, field, true}
static const struct selector_name event_names[] = {NEW_NAME("regarding.name", "involvedObject.name"), NEW_NAME("regarding.kind", "involvedObject.kind"),
	NEW_NAME("regarding.namespace", "involvedObject.namespace"), NEW_NAME("regarding.uid", "involvedObject.uid"),
	NEW_NAME("regarding.apiVersion", "involvedObject.apiVersion"), NEW_NAME("regarding.resourceVersion", "involvedObject.resourceVersion"),
	NEW_NAME("regarding.fieldPath", "involvedObject.fieldPath"), NEW_NAME("reportingController", "reportingComponent"), NEW_NAME(NULL, "source"), {0}};

static struct str event_field(struct arena *a, const void *obj, int i)
{
	const struct core_v1_Event *e = obj;
	if (i != EVENT_SOURCE)
		return (struct str){0};
	return e->source.component.n ? e->source.component : e->reportingComponent.n ? e->reportingComponent : STR("");
}

static int64_t event_ttl(struct request *r, const void *obj) { return server_options(r->server)->event_ttl / NS_S; }

const struct strategy event_strategy = {
	.group = "", .resource = "events", .meta_checked_once = true, .allow_create_on_update = true, .gc_unsupported = true, .selectable = event_fields,
	.selector_names = event_names, .field = event_field,
	.validate = validate_event, .validate_update = validate_event_update, .cells = event_cells, .ttl_s = event_ttl,
};

/* ---- the rest ---- */

static const char *const serviceaccount_columns[] = {"metadata.name", "@age", NULL};
static void serviceaccount_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	cells_by_path(a, T_core_v1_ServiceAccount, obj, now, b, serviceaccount_columns);
}

const struct strategy serviceaccount_strategy = {
	.group = "", .resource = "serviceaccounts", .meta_again = 1, .warn = warn_serviceaccount, .returns_object_on_delete = true, .cells = serviceaccount_cells,
};
const struct strategy limitrange_strategy = {
	.group = "", .resource = "limitranges", .meta_again = 1, .meta_checked_once = true, .allow_create_on_update = true, .validate = validate_limitrange, .validate_update = validate_limitrange_update,
};
const struct strategy quota_strategy = {
	.group = "", .resource = "resourcequotas", .warn = warn_quota, .returns_object_on_delete = true, .validate = validate_quota, .validate_update = validate_quota_update, .validate_status = validate_quota_status,
	.cells = quota_cells,
};
const struct strategy endpoints_strategy = {
	.group = "", .resource = "endpoints", .meta_again = 1, .allow_create_on_update = true, .validate = validate_endpoints, .validate_update = validate_endpoints_update,
	.cells = endpoints_cells,
};

/* ---- volumes ---- */

/* What a claim is filled from stands in two members: the old one, which knows claims and snapshots only, and the new one. */
static bool old_source_known(const struct core_v1_TypedLocalObjectReference *s)
{
	return (!s->apiGroup.n && str_is(s->kind, "PersistentVolumeClaim")) || (str_is(s->apiGroup, "snapshot.storage.k8s.io") && str_is(s->kind, "VolumeSnapshot"));
}

static void claim_sources(struct arena *a, struct core_v1_PersistentVolumeClaimSpec *s)
{
	struct core_v1_TypedObjectReference *ref = s->dataSourceRef;
	struct core_v1_TypedLocalObjectReference *source = s->dataSource;
	if (source && !old_source_known(source) && !ref)
		s->dataSource = source = NULL;
	if (ref && ref->namespace.n) /* needs a gate that is off */
		s->dataSourceRef = ref = NULL;
	if (source && !ref) {
		s->dataSourceRef = obj_make(a, core_v1_TypedObjectReference);
		*s->dataSourceRef = (struct core_v1_TypedObjectReference){.apiGroup = source->apiGroup, .kind = source->kind, .name = source->name};
	} else if (ref && !source) {
		s->dataSource = obj_make(a, core_v1_TypedLocalObjectReference);
		*s->dataSource = (struct core_v1_TypedLocalObjectReference){.apiGroup = ref->apiGroup, .kind = ref->kind, .name = ref->name};
	}
}

static void pvc_update(struct request *r, void *obj, const void *old) { claim_sources(r->arena, &((struct core_v1_PersistentVolumeClaim *)obj)->spec); }

static void pvc_create(struct request *r, void *obj)
{
	struct core_v1_PersistentVolumeClaim *c = obj;
	claim_sources(r->arena, &c->spec);
	c->status.phase = STR("Pending");
}

static void pv_create(struct request *r, void *obj)
{
	struct core_v1_PersistentVolume *v = obj;
	v->status.phase = STR("Pending");
	v->status.has_lastPhaseTransitionTime = true;
	v->status.lastPhaseTransitionTime = api_time_sec(r->now);
}

static void pv_status(struct request *r, void *obj, const void *old_)
{
	struct core_v1_PersistentVolume *v = obj;
	const struct core_v1_PersistentVolume *old = old_;
	if (str_eq(v->status.phase, old->status.phase))
		return;
	if (!v->status.has_lastPhaseTransitionTime || v->status.lastPhaseTransitionTime.sec == old->status.lastPhaseTransitionTime.sec) {
		v->status.has_lastPhaseTransitionTime = true;
		v->status.lastPhaseTransitionTime = api_time_sec(r->now);
	}
}

const struct strategy pvc_strategy = {
	.group = "", .resource = "persistentvolumeclaims", .meta_again = 2, .returns_object_on_delete = true, .prepare_create = pvc_create, .prepare_update = pvc_update,
	.validate = validate_pvc, .warn = warn_pvc, .validate_update = validate_pvc_update, .validate_status = validate_pvc_status, .cells = pvc_cells,
};
const struct strategy pv_strategy = {
	.group = "", .resource = "persistentvolumes", .meta_again = 2, .meta_checked_once = true, .returns_object_on_delete = true, .prepare_create = pv_create, .prepare_status = pv_status,
	.validate = validate_pv, .warn = warn_pv, .validate_update = validate_pv_update, .validate_status = validate_pv_status, .cells = pv_cells,
};
