/* Rows of storage drivers, flow control, policies, addresses and API services. */
#include "apiserver/registry/cells.h"
#include "api/condition.h"
#include "gen/admissionregistration_v1.h"
#include "gen/apiregistration_v1.h"
#include "gen/flowcontrol_v1.h"
#include "gen/networking_v1.h"
#include "gen/storage_v1.h"

static void put(struct buf *out, struct str s)
{
	if (out->n)
		buf_char(out, ',');
	buf_str(out, s);
}

void csidriver_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct storage_v1_CSIDriver *d = obj;
	BUF(tokens);
	BUF(modes);
	LIST_EACH(t, d->spec.tokenRequests)
		put(&tokens, t->audience);
	LIST_EACH(m, d->spec.volumeLifecycleModes)
		put(&modes, *m);
	cell_str(b, d->metadata.name);
	cell_bool(b, !d->spec.has_attachRequired || d->spec.attachRequired);
	cell_bool(b, d->spec.podInfoOnMount);
	cell_bool(b, d->spec.storageCapacity);
	cell_text(b, &tokens, UNSET);
	cell_bool(b, d->spec.requiresRepublish);
	cell_text(b, &modes, NONE);
	cell_age(b, d->metadata.creationTimestamp, now);
}

void attachment_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct storage_v1_VolumeAttachment *v = obj;
	cell_str(b, v->metadata.name);
	cell_str(b, v->spec.attacher);
	cell_str(b, v->spec.source.persistentVolumeName);
	cell_str(b, v->spec.nodeName);
	cell_bool(b, v->status.attached);
	cell_age(b, v->metadata.creationTimestamp, now);
}

/* ---- flow control ---- */

void flowschema_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct flowcontrol_v1_FlowSchema *f = obj;
	const struct flowcontrol_v1_FlowSchemaCondition *dangling = CONDITION(f->status.conditions, "Dangling");
	cell_str(b, f->metadata.name);
	cell_str(b, f->spec.priorityLevelConfiguration.name);
	cell_int(b, f->spec.matchingPrecedence);
	cell_str(b, f->spec.distinguisherMethod ? f->spec.distinguisherMethod->type : NONE);
	cell_age(b, f->metadata.creationTimestamp, now);
	cell_str(b, dangling ? dangling->status : STR("?"));
}

static void queue_cell(struct arena *a, struct buf *b, bool has, int32_t n)
{
	if (has)
		cell_int(b, n);
	else
		cell_str(b, NONE);
}

void prioritylevel_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct flowcontrol_v1_PriorityLevelConfiguration *p = obj;
	const struct flowcontrol_v1_LimitedPriorityLevelConfiguration *l = p->spec.limited;
	const struct flowcontrol_v1_QueuingConfiguration *q = l ? l->limitResponse.queuing : NULL;
	bool shares = l && l->has_nominalConcurrencyShares;
	cell_str(b, p->metadata.name);
	cell_str(b, p->spec.type);
	queue_cell(a, b, shares, shares ? l->nominalConcurrencyShares : 0);
	queue_cell(a, b, q, q ? q->queues : 0);
	queue_cell(a, b, q, q ? q->handSize : 0);
	queue_cell(a, b, q, q ? q->queueLengthLimit : 0);
	cell_age(b, p->metadata.creationTimestamp, now);
}

/* ---- admission policies ---- */

static struct str param_kind(struct arena *a, const struct admissionregistration_v1_ParamKind *k)
{
	return k ? str_printf(a, "%.*s/%.*s", STR_F(k->apiVersion), STR_F(k->kind)) : UNSET;
}

static struct str param_ref(struct arena *a, const struct admissionregistration_v1_ParamRef *r)
{
	if (!r)
		return UNSET;
	if (r->selector && !r->name.n)
		return str_printf(a, "%.*s/%.*s", STR_F(r->namespace), STR_F(selector_text(a, r->selector)));
	return r->namespace.n ? str_printf(a, "%.*s/%.*s", STR_F(r->namespace), STR_F(r->name)) : r->name;
}

static void policy_row(struct buf *b, const struct meta_v1_ObjectMeta *m, uint32_t n, struct str param, wall_t now)
{
	cell_str(b, m->name);
	cell_int(b, n);
	cell_str(b, param);
	cell_age(b, m->creationTimestamp, now);
}

void validating_policy_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct admissionregistration_v1_ValidatingAdmissionPolicy *p = obj;
	policy_row(b, &p->metadata, p->spec.validations.len, param_kind(a, p->spec.paramKind), now);
}

void mutating_policy_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct admissionregistration_v1_MutatingAdmissionPolicy *p = obj;
	policy_row(b, &p->metadata, p->spec.mutations.len, param_kind(a, p->spec.paramKind), now);
}

static void binding_row(struct buf *b, const struct meta_v1_ObjectMeta *m, struct str policy, struct str param, wall_t now)
{
	cell_str(b, m->name);
	cell_str(b, policy);
	cell_str(b, param);
	cell_age(b, m->creationTimestamp, now);
}

void validating_binding_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct admissionregistration_v1_ValidatingAdmissionPolicyBinding *p = obj;
	binding_row(b, &p->metadata, p->spec.policyName, param_ref(a, p->spec.paramRef), now);
}

void mutating_binding_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct admissionregistration_v1_MutatingAdmissionPolicyBinding *p = obj;
	binding_row(b, &p->metadata, p->spec.policyName, param_ref(a, p->spec.paramRef), now);
}

/* ---- addresses, API services ---- */

void ipaddress_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct networking_v1_IPAddress *i = obj;
	const struct networking_v1_ParentReference *p = i->spec.parentRef;
	BUF(parent);
	if (p) {
		buf_str(&parent, p->resource);
		if (p->group.n)
			buf_printf(&parent, ".%.*s", STR_F(p->group));
		if (p->namespace.n)
			buf_printf(&parent, "/%.*s", STR_F(p->namespace));
		buf_printf(&parent, "/%.*s", STR_F(p->name));
	}
	cell_str(b, i->metadata.name);
	cell_text(b, &parent, STR(""));
}

void servicecidr_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct networking_v1_ServiceCIDR *c = obj;
	BUF(text);
	LIST_EACH(r, c->spec.cidrs)
		put(&text, *r);
	cell_str(b, c->metadata.name);
	cell_text(b, &text, STR(""));
	cell_age(b, c->metadata.creationTimestamp, now);
}

void apiservice_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct apiregistration_v1_APIService *s = obj;
	const struct apiregistration_v1_ServiceReference *ref = s->spec.service;
	const struct apiregistration_v1_APIServiceCondition *c = CONDITION(s->status.conditions, "Available");
	struct str available = c ? c->status : STR("Unknown");
	if (c && !str_is(c->status, "True") && c->reason.n)
		available = str_printf(a, "%.*s (%.*s)", STR_F(c->status), STR_F(c->reason));
	cell_str(b, s->metadata.name);
	cell_str(b, ref ? str_printf(a, "%.*s/%.*s", STR_F(ref->namespace), STR_F(ref->name)) : STR("Local"));
	cell_str(b, available);
	cell_age(b, s->metadata.creationTimestamp, now);
}
