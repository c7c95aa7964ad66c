/* Errors as metav1.Status. */
#include "apiserver/endpoint/endpoint.h"
#include "gen/meta_v1.h"

static void status_causes(struct arena *a, struct meta_v1_StatusDetails *d, const struct err *e)
{
	for (uint32_t i = 0; i < e->ncauses; i++) {
		struct meta_v1_StatusCause *c = arena_push(a, &d->causes);
		c->reason = str_of(e->causes[i].type);
		c->field = str_dup(a, e->causes[i].field);
		c->message = str_dup(a, e->causes[i].message);
	}
}

static bool has_details(const struct err *e)
{
	return e->name.p || e->kind.p || e->group.p || e->uid.p || e->ncauses || e->retry_after_s;
}

struct meta_v1_Status *status_from_err(struct arena *a, const struct err *e)
{
	struct meta_v1_Status *s = obj_make(a, meta_v1_Status);
	s->kind = STR("Status");
	s->apiVersion = STR("v1");
	s->status = STR("Failure");
	s->code = e->code ? e->code : 500;
	s->reason = str_of(err_reason_name(e->reason));
	s->message = str_dup(a, e->message);
	if (!has_details(e))
		return s;
	s->details = obj_make(a, meta_v1_StatusDetails);
	s->details->name = str_dup(a, e->name);
	s->details->group = str_dup(a, e->group);
	s->details->kind = str_dup(a, e->kind);
	s->details->uid = str_dup(a, e->uid);
	s->details->retryAfterSeconds = e->retry_after_s;
	status_causes(a, s->details, e);
	return s;
}

void status_success(struct request *r, struct ref *ret, struct str name, struct str uid)
{
	struct meta_v1_Status *s = obj_make(r->arena, meta_v1_Status);
	s->kind = STR("Status");
	s->apiVersion = STR("v1");
	s->status = STR("Success");
	s->details = obj_make(r->arena, meta_v1_StatusDetails);
	s->details->name = name;
	s->details->group = desc_str(r->res->group);
	s->details->kind = desc_str(r->res->plural);
	s->details->uid = uid;
	*ret = (struct ref){type_by_name(STR("meta/v1.Status")), s};
}
