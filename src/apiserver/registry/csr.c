/* Certificate signing requests: the server says who asks, and when conditions changed. */
#include "api/condition.h"
#include "apiserver/registry/registry.h"
#include "apiserver/registry/validate/validate.h"
#include "gen/certificates_v1.h"

typedef struct certificates_v1_CertificateSigningRequest csr_t;

void csr_create(struct request *r, void *obj)
{
	csr_t *c = obj;
	const struct user *u = &r->user;
	c->spec.username = u->name;
	c->spec.uid = u->uid;
	c->spec.groups = (str_list_t){0};
	for (size_t i = 0; i < u->ngroups; i++)
		*(struct str *)arena_push(r->arena, &c->spec.groups) = u->groups[i];
	memset(&c->spec.extra, 0, sizeof c->spec.extra);
	for (size_t i = 0; i < u->nextra; i++) {
		__typeof__(c->spec.extra.items) x = arena_push(r->arena, &c->spec.extra);
		x->key = u->extra[i].key;
		for (size_t k = 0; k < u->extra[i].n; k++)
			*(struct str *)arena_push(r->arena, &x->value.items) = u->extra[i].values[k];
	}
}

void csr_update(struct request *r, void *obj, const void *old) { ((csr_t *)obj)->spec = ((const csr_t *)old)->spec; }

void csr_stamp(struct request *r, void *obj, const void *old_)
{
	csr_t *c = obj;
	const csr_t *old = old_;
	struct api_time now = api_time_sec(r->now);
	LIST_EACH(d, c->status.conditions) {
		const struct certificates_v1_CertificateSigningRequestCondition *was = NULL;
		LIST_EACH(o, old->status.conditions)
			if (str_eq(o->type, d->type))
				was = o;
		if (!d->lastUpdateTime.set)
			d->lastUpdateTime = now;
		if (!d->lastTransitionTime.set)
			d->lastTransitionTime = was && was->lastTransitionTime.set && str_eq(was->status, d->status) ? was->lastTransitionTime : now;
	}
}
