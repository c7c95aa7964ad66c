/* Rows of nodes, events, quotas, volumes and the small core kinds. */
#include "api/condition.h"
#include "api/node.h"
#include "apiserver/registry/cells.h"
#include "gen/certificates_v1.h"
#include "gen/ids.h"
#include "gen/rbac_v1.h"
#include "gen/resource_v1.h"
#include "gen/storage_v1.h"

void namespace_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	cells_by_path(a, T_core_v1_Namespace, obj, now, b, (const char *const[]){"metadata.name", "status.phase", "@age", NULL});
}

void configmap_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_ConfigMap *m = obj;
	cell_str(b, m->metadata.name);
	cell_int(b, m->data.len + m->binaryData.len);
	cell_age(b, m->metadata.creationTimestamp, now);
}

void secret_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	cells_by_path(a, T_core_v1_Secret, obj, now, b, (const char *const[]){"metadata.name", "type", "#data", "@age", NULL});
}

void podtemplate_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_PodTemplate *t = obj;
	cell_str(b, t->metadata.name);
	cell_containers(b, &t->template.spec);
	cell_str(b, labels_text(a, &t->template.metadata.labels));
}

/* ---- nodes ---- */

#define ROLE_PREFIX STR("node-role.kubernetes.io/")

/* Sorted, each once. */
static void node_roles(struct arena *a, const struct core_v1_Node *n, struct buf *out)
{
	struct str *v = arena_array(a, struct str, n->metadata.labels.len + 1);
	size_t count = 0;
	LIST_EACH(l, n->metadata.labels) {
		struct str role = str_has_prefix(l->key, ROLE_PREFIX) ? str_sub(l->key, ROLE_PREFIX.n, l->key.n) : (struct str){0};
		if (str_is(l->key, "kubernetes.io/role"))
			role = l->value;
		if (role.n)
			v[count++] = role;
	}
	cells_put_set(out, v, count);
}

static void node_status(const struct core_v1_Node *n, struct buf *out)
{
	struct str ready = condition_status(T_core_v1_NodeCondition, &n->status.conditions, STR("Ready"));
	buf_str(out, !ready.p ? STR("Unknown") : str_is(ready, "True") ? STR("Ready") : STR("NotReady"));
	if (n->spec.unschedulable)
		buf_lit(out, ",SchedulingDisabled");
}

void node_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_Node *n = obj;
	const struct core_v1_NodeSystemInfo *i = &n->status.nodeInfo;
	BUF(roles);
	BUF(status);
	node_roles(a, n, &roles);
	node_status(n, &status);
	cell_str(b, n->metadata.name);
	cell_text(b, &status, STR(""));
	cell_text(b, &roles, NONE);
	cell_age(b, n->metadata.creationTimestamp, now);
	cell_str(b, i->kubeletVersion);
	cell_or(b, node_address(n, "InternalIP"), NONE);
	cell_or(b, node_address(n, "ExternalIP"), NONE);
	cell_or(b, i->osImage, UNKNOWN);
	cell_or(b, i->kernelVersion.n && i->architecture.n ? str_printf(a, "%.*s (%.*s)", STR_F(i->kernelVersion), STR_F(i->architecture)) : i->kernelVersion, UNKNOWN);
	cell_or(b, i->containerRuntimeVersion, UNKNOWN);
}

/* ---- events ---- */

static struct str event_source(struct arena *a, const struct core_v1_Event *e)
{
	struct str who = e->source.component.n ? e->source.component : e->reportingComponent;
	struct str where = e->source.host.n ? e->source.host : e->reportingInstance;
	return where.n ? str_printf(a, "%.*s, %.*s", STR_F(who), STR_F(where)) : who;
}

static struct str event_object(struct arena *a, const struct core_v1_Event *e)
{
	struct str kind = str_dup(a, e->involvedObject.kind);
	for (size_t i = 0; i < kind.n; i++)
		if (kind.p[i] >= 'A' && kind.p[i] <= 'Z')
			((char *)kind.p)[i] |= 0x20;
	return e->involvedObject.name.n ? str_printf(a, "%.*s/%.*s", STR_F(kind), STR_F(e->involvedObject.name)) : kind;
}

void event_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_Event *e = obj;
	struct api_time first = e->firstTimestamp.set ? e->firstTimestamp : e->eventTime;
	struct api_time last = e->lastTimestamp.set ? e->lastTimestamp : first;
	int64_t count = e->series ? e->series->count : e->count ? e->count : 1;
	cell_age(b, e->series ? e->series->lastObservedTime : last, now);
	cell_str(b, e->type);
	cell_str(b, e->reason);
	cell_str(b, event_object(a, e));
	cell_str(b, e->involvedObject.fieldPath);
	cell_str(b, event_source(a, e));
	cell_str(b, str_trim(e->message));
	cell_age(b, first, now);
	cell_int(b, count);
	cell_str(b, e->metadata.name);
}

/* ---- quotas ---- */

void quota_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_ResourceQuota *q = obj;
	BUF(requests);
	BUF(limits);
	LIST_EACH(h, q->status.hard) {
		struct buf *to = str_has_prefix(h->key, STR("limits.")) ? &limits : &requests;
		struct str used = str_map_get(&q->status.used, h->key);
		buf_printf(to, "%s%.*s: %.*s/%.*s", to->n ? ", " : "", STR_F(h->key), STR_F(used.n ? used : STR("0")), STR_F(h->value));
	}
	cell_str(b, q->metadata.name);
	cell_text(b, &requests, STR(""));
	cell_text(b, &limits, STR(""));
	cell_age(b, q->metadata.creationTimestamp, now);
}

/* ---- volumes ---- */

static void access_modes(const str_list_t *modes, struct buf *out)
{
	static const struct {
		const char *mode, *brief;
	} all[] = {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		LIST_EACH(m, *modes)
			if (str_is(*m, all[i].mode)) {
				buf_printf(out, "%s%s", out->n ? "," : "", all[i].brief);
				break;
			}
}

static struct str quantity_or_zero(const struct str_map *m, const char *name)
{
	struct str v = str_map_get(m, str_of(name));
	return v.n ? v : STR("0");
}

static struct str volume_class(const struct meta_v1_ObjectMeta *m, struct str name)
{
	struct str old = str_map_get(&m->annotations, STR("volume.beta.kubernetes.io/storage-class"));
	return old.p ? old : name;
}

void pv_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_PersistentVolume *v = obj;
	const struct core_v1_ObjectReference *claim = v->spec.claimRef;
	BUF(modes);
	access_modes(&v->spec.accessModes, &modes);
	cell_str(b, v->metadata.name);
	cell_str(b, quantity_or_zero(&v->spec.capacity, "storage"));
	cell_text(b, &modes, STR(""));
	cell_str(b, v->spec.persistentVolumeReclaimPolicy);
	cell_str(b, v->metadata.has_deletionTimestamp ? STR("Terminating") : v->status.phase);
	cell_str(b, claim ? str_printf(a, "%.*s/%.*s", STR_F(claim->namespace), STR_F(claim->name)) : STR(""));
	cell_str(b, volume_class(&v->metadata, v->spec.storageClassName));
	cell_or(b, v->spec.volumeAttributesClassName, UNSET);
	cell_str(b, v->status.reason);
	cell_age(b, v->metadata.creationTimestamp, now);
	cell_or(b, v->spec.volumeMode, UNSET);
}

void pvc_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_PersistentVolumeClaim *c = obj;
	BUF(modes);
	bool bound = c->spec.volumeName.n > 0;
	if (bound)
		access_modes(&c->status.accessModes, &modes);
	cell_str(b, c->metadata.name);
	cell_str(b, c->metadata.has_deletionTimestamp ? STR("Terminating") : c->status.phase);
	cell_str(b, c->spec.volumeName);
	cell_str(b, bound ? quantity_or_zero(&c->status.capacity, "storage") : STR(""));
	cell_text(b, &modes, STR(""));
	cell_str(b, volume_class(&c->metadata, c->spec.storageClassName));
	cell_or(b, c->spec.volumeAttributesClassName, UNSET);
	cell_age(b, c->metadata.creationTimestamp, now);
	cell_or(b, c->spec.volumeMode, UNSET);
}

#define DEFAULT_CLASS "storageclass.kubernetes.io/is-default-class"
#define DEFAULT_CLASS_BETA "storageclass.beta.kubernetes.io/is-default-class"

static bool is_default_class(const struct str_map *annotations)
{
	return str_is(str_map_get(annotations, STR(DEFAULT_CLASS)), "true") || str_is(str_map_get(annotations, STR(DEFAULT_CLASS_BETA)), "true");
}

void storageclass_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct storage_v1_StorageClass *c = obj;
	bool dflt = is_default_class(&c->metadata.annotations);
	cell_str(b, dflt ? str_printf(a, "%.*s (default)", STR_F(c->metadata.name)) : c->metadata.name);
	cell_str(b, c->provisioner);
	cell_or(b, c->reclaimPolicy, STR("Delete"));
	cell_or(b, c->volumeBindingMode, STR("Immediate"));
	cell_bool(b, c->allowVolumeExpansion);
	cell_age(b, c->metadata.creationTimestamp, now);
}

/* ---- access and certificates ---- */

static void subjects_cell(struct buf *b, const rbac_v1_Subject_list_t *l, const char *kind)
{
	BUF(t);
	LIST_EACH(s, *l) {
		if (!str_is(s->kind, kind))
			continue;
		buf_printf(&t, "%s", t.n ? ", " : "");
		if (s->namespace.n)
			buf_printf(&t, "%.*s/", STR_F(s->namespace));
		buf_str(&t, s->name);
	}
	cell_text(b, &t, STR(""));
}

/* ClusterRoleBinding has the same layout. */
void rolebinding_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct rbac_v1_RoleBinding *r = obj;
	cell_str(b, r->metadata.name);
	cell_str(b, str_printf(a, "%.*s/%.*s", STR_F(r->roleRef.kind), STR_F(r->roleRef.name)));
	cell_age(b, r->metadata.creationTimestamp, now);
	subjects_cell(b, &r->subjects, "User");
	subjects_cell(b, &r->subjects, "Group");
	subjects_cell(b, &r->subjects, "ServiceAccount");
}

static void csr_condition(const struct certificates_v1_CertificateSigningRequest *c, struct buf *out)
{
	bool approved = CONDITION(c->status.conditions, "Approved"), denied = CONDITION(c->status.conditions, "Denied");
	buf_str(out, denied ? STR("Denied") : approved ? STR("Approved") : STR("Pending"));
	if (CONDITION(c->status.conditions, "Failed"))
		buf_lit(out, ",Failed");
	if (c->status.certificate.n)
		buf_lit(out, ",Issued");
}

void csr_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct certificates_v1_CertificateSigningRequest *c = obj;
	BUF(condition);
	csr_condition(c, &condition);
	cell_str(b, c->metadata.name);
	cell_age(b, c->metadata.creationTimestamp, now);
	cell_or(b, c->spec.signerName, NONE);
	cell_str(b, c->spec.username);
	cell_str(b, c->spec.has_expirationSeconds ? span_text(a, c->spec.expirationSeconds * NS_S) : NONE);
	cell_text(b, &condition, STR(""));
}

/* ---- dynamic resources ---- */

void resourceclaim_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct resource_v1_ResourceClaim *c = obj;
	BUF(state);
	if (c->metadata.has_deletionTimestamp)
		buf_lit(&state, "deleted");
	if (c->status.allocation)
		buf_printf(&state, "%sallocated", state.n ? "," : "");
	if (c->status.reservedFor.len)
		buf_printf(&state, "%sreserved", state.n ? "," : "");
	if (!c->status.allocation && !state.n)
		buf_lit(&state, "pending");
	cell_str(b, c->metadata.name);
	cell_text(b, &state, STR(""));
	cell_age(b, c->metadata.creationTimestamp, now);
}
