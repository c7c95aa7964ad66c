/* RuntimeClass: what the class says of overhead, nodes and tolerations becomes part of the Pod. */
#include "apiserver/admission/plugins.h"

#include "api/meta.h"
#include "codec/ops.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "gen/node_v1.h"
#include "schema/quantity.h"

static bool same_overhead(const struct str_map *a, const struct str_map *b)
{
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++) {
		struct quantity x = quantity_of(a->items[i].value), y = quantity_of(b->items[i].value);
		if (!str_eq(a->items[i].key, b->items[i].key) || quantity_cmp(&x, &y))
			return false;
	}
	return true;
}

static int admit_overhead(struct admit *a, struct core_v1_PodSpec *s, const struct node_v1_RuntimeClass *c, struct err *e)
{
	if (!c || !c->overhead)
		return s->overhead.len ? admit_forbidden(a, e, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead") : 0;
	if (s->overhead.len && !same_overhead(&s->overhead, &c->overhead->podFixed))
		return admit_forbidden(a, e, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
	s->overhead = c->overhead->podFixed;
	return 0;
}

static int admit_scheduling(struct admit *a, struct core_v1_PodSpec *s, const struct node_v1_Scheduling *sc, struct err *e)
{
	struct arena *mem = a->request->arena;
	LIST_EACH(p, sc->nodeSelector) {
		struct str has = str_map_get(&s->nodeSelector, p->key);
		if (str_map_has(&s->nodeSelector, p->key) && !str_eq(has, p->value))
			return admit_forbidden(a, e, "conflict: runtimeClass.scheduling.nodeSelector[%.*s] = %.*s; pod.spec.nodeSelector[%.*s] = %.*s", STR_F(p->key),
				STR_F(p->value), STR_F(p->key), STR_F(has));
		str_map_set(mem, &s->nodeSelector, p->key, p->value);
	}
	LIST_EACH(t, sc->tolerations)
		if (!obj_list_has(desc_type(T_core_v1_Toleration), &s->tolerations, t))
			*(struct core_v1_Toleration *)arena_push(mem, &s->tolerations) = *t;
	return 0;
}

static int admit_class(struct admit *a, struct err *e)
{
	struct core_v1_Pod *p = a->obj;
	struct core_v1_PodSpec *s = &p->spec;
	const struct node_v1_RuntimeClass *c = NULL;
	if (!admit_is(a, "", "pods", ""))
		return 0;
	if (s->runtimeClassName.p && !(c = admit_lookup(a, "node.k8s.io", "runtimeclasses", (struct str){0}, s->runtimeClassName)))
		return admit_forbidden(a, e, "pod rejected: RuntimeClass \"%.*s\" not found", STR_F(s->runtimeClassName));
	if (admit_overhead(a, s, c, e))
		return -1;
	return c && c->scheduling ? admit_scheduling(a, s, c->scheduling, e) : 0;
}

const struct admission_plugin plugin_runtime_class = {.name = "RuntimeClass", .by_default = true, .ops = ADMIT_CREATE, .admit = admit_class};
