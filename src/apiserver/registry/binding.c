/* Binding a Pod to a node: pods/NAME/binding, and the old collection bindings. */
#include "api/condition.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/handlers.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

void answer_created_status(struct request *r)
{
	struct meta_v1_Status *s = obj_make(r->arena, meta_v1_Status);
	s->kind = STR("Status");
	s->apiVersion = STR("v1");
	s->status = STR("Success");
	s->code = 201;
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = {desc_type(T_meta_v1_Status), s}, .remaining = -1};
}

static int refuse(struct str pod, struct err *e, struct str why)
{
	err_set(e, ERR_CONFLICT, "Operation cannot be fulfilled on pods/binding \"%.*s\": %.*s", STR_F(pod), STR_F(why));
	err_object(e, (struct str){0}, STR("pods/binding"), pod);
	return -1;
}

static int check_pod(struct request *r, const struct core_v1_Pod *p, const struct core_v1_Binding *b, struct err *e)
{
	struct str n = p->metadata.name;
	if (b->metadata.uid.n && !str_eq(b->metadata.uid, p->metadata.uid))
		return conflict_uid(r, n, b->metadata.uid, p->metadata.uid, "0", e);
	if (p->metadata.has_deletionTimestamp)
		return refuse(n, e, str_printf(r->arena, "pod %.*s is being deleted, cannot be assigned to a host", STR_F(n)));
	if (p->spec.nodeName.n)
		return refuse(n, e, str_printf(r->arena, "pod %.*s is already assigned to node \"%.*s\"", STR_F(n), STR_F(p->spec.nodeName)));
	if (p->spec.schedulingGates.len)
		return refuse(n, e, str_printf(r->arena, "pod %.*s has non-empty .spec.schedulingGates", STR_F(n)));
	return 0;
}

static void merge(struct arena *a, struct str_map *to, const struct str_map *from)
{
	LIST_EACH(p, *from)
		str_map_set(a, to, p->key, p->value);
}

static int bind_pod(struct request *r, void *obj, const void *old, void *arg, struct err *e)
{
	struct core_v1_Pod *p = obj;
	const struct core_v1_Binding *b = arg;
	if (check_pod(r, p, b, e))
		return -1;
	p->spec.nodeName = b->target.name;
	merge(r->arena, &p->metadata.annotations, &b->metadata.annotations);
	merge(r->arena, &p->metadata.labels, &b->metadata.labels);
	p->status.nominatedNodeName = (struct str){0};
	struct core_v1_PodCondition c = {.type = STR("PodScheduled"), .status = STR("True"), .lastTransitionTime = api_time_sec(r->now)};
	condition_put(r->arena, T_core_v1_PodCondition, &p->status.conditions, &c);
	return 0;
}

/* Upstream forgets to make a 422 of these. */
static int check_binding(const struct core_v1_Binding *b, struct err *e)
{
	if (b->target.kind.n && !str_is(b->target.kind, "Node"))
		return err_set(e, ERR_UNKNOWN, "target.kind: Unsupported value: \"%.*s\": supported values: \"Node\", \"<empty>\"", STR_F(b->target.kind));
	if (!b->target.name.n)
		return err_set(e, ERR_UNKNOWN, "target.name: Required value");
	return 0;
}

int binding_create(struct request *r, struct err *e)
{
	struct ref body;
	struct cache_table *pods = cache_table_by_name(server_cache(r->server), "", "pods");
	void *stored;
	if (options_write(r, "CreateOptions", e) || endpoint_body(r, desc_type(T_core_v1_Binding), &body, e) || meta_namespace(r, body, e))
		return -1;
	struct core_v1_Binding *b = body.p;
	if (r->at.name.n && !str_eq(b->metadata.name, r->at.name))
		return err_set(e, ERR_BAD_REQUEST, "name in URL does not match name in Binding object");
	if (check_binding(b, e))
		return -1;
	struct edit ed = {.change = bind_pod, .arg = b, .ns = r->at.ns, .name = b->metadata.name, .dry_run = r->call.dry_run};
	const struct resource *was = r->res;
	r->res = pods->res; /* errors speak of the Pod */
	int c = endpoint_edit(r, pods, &ed, &stored, e);
	r->res = was;
	if (c == 0)
		answer_created_status(r);
	return c;
}
