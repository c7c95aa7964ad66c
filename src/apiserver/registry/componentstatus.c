/* ComponentStatus: long deprecated; answered by asking the store and nothing else. */
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/cells.h"
#include "apiserver/registry/handlers.h"
#include "apiserver/registry/registry.h"
#include "codec/ops.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

static const char *const names[] = {"controller-manager", "scheduler", "etcd-0"};

static void fill(struct arena *a, struct core_v1_ComponentStatus *c, const char *name)
{
	c->metadata.name = str_of(name);
	struct core_v1_ComponentCondition *h = arena_push(a, &c->conditions);
	*h = (struct core_v1_ComponentCondition){.type = STR("Healthy"), .status = STR("True"), .message = STR("ok")};
}

static void componentstatus_cells(struct arena *a, const void *obj, wall_t now, struct buf *b)
{
	const struct core_v1_ComponentStatus *c = obj;
	struct core_v1_ComponentCondition h = {0};
	LIST_EACH(x, c->conditions)
		if (str_is(x->type, "Healthy"))
			h = *x;
	cell_str(b, c->metadata.name);
	cell_str(b, !h.type.n ? STR("Unknown") : str_is(h.status, "True") ? STR("Healthy") : STR("Unhealthy"));
	cell_str(b, h.message);
	cell_str(b, h.error);
}
const struct strategy componentstatus_strategy = {.group = "", .resource = "componentstatuses", .cells = componentstatus_cells};

static void answer(struct request *r, struct ref o)
{
	obj_set_type(o);
	r->answer = (struct answer){.kind = ANSWER_REF, .ref = o, .remaining = -1};
}

static int read_list(struct request *r)
{
	struct core_v1_ComponentStatusList *l = obj_make(r->arena, core_v1_ComponentStatusList);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fill(r->arena, arena_push(r->arena, &l->items), names[i]);
	answer(r, (struct ref){desc_type(T_core_v1_ComponentStatusList), l});
	return 0;
}

int componentstatus_read(struct request *r, struct err *e)
{
	if (!r->at.name.n)
		return read_list(r);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(r->at.name, names[i])) {
			struct core_v1_ComponentStatus *c = obj_make(r->arena, core_v1_ComponentStatus);
			fill(r->arena, c, names[i]);
			answer(r, (struct ref){desc_type(T_core_v1_ComponentStatus), c});
			return 0;
		}
	err_set(e, ERR_NOT_FOUND, "componentstatus \"%.*s\" not found", STR_F(r->at.name));
	err_object(e, STR(""), STR("componentstatus"), r->at.name); /* the one resource that upstream names like this */
	return -1;
}
