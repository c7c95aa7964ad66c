/* Sub-resources that show the whole object and let one part of it be changed: they run the usual verbs under a strategy of their own. */
#include "api/pod.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/cells.h"
#include "apiserver/registry/handlers.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "gen/certificates_v1.h"
#include "gen/core_v1.h"

static int run(struct request *r, const struct strategy *s, struct err *e)
{
	r->strategy = s;
	switch (r->call.verb) {
	case VERB_GET:
		return verb_get(r, e);
	case VERB_PATCH:
		return verb_patch(r, e);
	default:
		return verb_update(r, e);
	}
}

/* ---- pods/ephemeralcontainers, pods/resize ---- */

static void ephemeral_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Pod *p = obj;
	const struct core_v1_Pod *old = old_;
	__typeof__(p->spec.ephemeralContainers) containers = p->spec.ephemeralContainers;
	struct meta_v1_ObjectMeta m = old->metadata;
	m.managedFields = p->metadata.managedFields;
	p->metadata = m;
	p->spec = old->spec;
	p->spec.ephemeralContainers = containers;
}

int pod_ephemeral(struct request *r, struct err *e)
{
	static const struct strategy s = {
		.group = "", .resource = "pods", .has_generation = true, .prepare_update = ephemeral_update, .validate_update = validate_pod_ephemeral,
		.cells = pod_cells,
	};
	return run(r, &s, e);
}

typedef __typeof__(((struct core_v1_PodSpec *)0)->containers) containers_t;

/* Puts the resources of the sent containers into old's; a different set of containers is left for validation to refuse. */
static bool take_resources(struct arena *a, containers_t *to, const containers_t *sent)
{
	containers_t copy = {0};
	if (to->len != sent->len)
		return false;
	for (uint32_t i = 0; i < to->len; i++) {
		struct core_v1_Container *c = arena_push(a, &copy);
		if (!c || !str_eq(to->items[i].name, sent->items[i].name))
			return false;
		*c = to->items[i];
		c->resources = sent->items[i].resources;
		c->resizePolicy = sent->items[i].resizePolicy;
	}
	*to = copy;
	return true;
}

static void resize_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Pod *p = obj;
	const struct core_v1_Pod *old = old_;
	struct core_v1_PodSpec spec = old->spec;
	struct meta_v1_ObjectMeta m = old->metadata;
	m.managedFields = p->metadata.managedFields;
	p->metadata = m;
	if (!take_resources(r->arena, &spec.containers, &p->spec.containers) || !take_resources(r->arena, &spec.initContainers, &p->spec.initContainers))
		return;
	p->spec = spec;
}

int pod_resize(struct request *r, struct err *e)
{
	static const struct strategy s = {
		.group = "", .resource = "pods", .has_generation = true, .prepare_update = resize_update, .validate_update = validate_pod_resize, .cells = pod_cells,
	};
	return run(r, &s, e);
}

/* ---- namespaces/finalize ---- */

static void finalize_update(struct request *r, void *obj, const void *old_)
{
	struct core_v1_Namespace *n = obj;
	const struct core_v1_Namespace *old = old_;
	struct meta_v1_ObjectMeta m = old->metadata;
	m.managedFields = n->metadata.managedFields;
	n->metadata = m;
	n->status = old->status;
}

static bool finalize_hold(struct request *r, void *obj) { return ((struct core_v1_Namespace *)obj)->spec.finalizers.len > 0; }

int namespace_finalize(struct request *r, struct err *e)
{
	static const struct strategy s = {
		.group = "", .resource = "namespaces", .prepare_update = finalize_update, .validate_update = validate_namespace_finalize, .hold = finalize_hold,
		.cells = namespace_cells,
	};
	return run(r, &s, e);
}

/* ---- certificatesigningrequests/approval ---- */

static void approval_update(struct request *r, void *obj, const void *old_)
{
	struct certificates_v1_CertificateSigningRequest *c = obj;
	const struct certificates_v1_CertificateSigningRequest *old = old_;
	__typeof__(c->status.conditions) conditions = c->status.conditions;
	c->spec = old->spec;
	c->status = old->status;
	c->status.conditions = conditions;
	csr_stamp(r, c, old);
}

int csr_approval(struct request *r, struct err *e)
{
	static const struct strategy s = {
		.group = "certificates.k8s.io", .resource = "certificatesigningrequests", .status_in_update = true, .prepare_update = approval_update,
		.validate_update = validate_csr_approval, .cells = csr_cells,
	};
	return run(r, &s, e);
}
