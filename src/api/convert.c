#include "api/convert.h"
#include "api/convert_hpa.h"
#include "base/scope.h"
#include "codec/ops.h"

/* Members of one kind and form under two names. */
struct rename {
	const char *x, *y;
};
static const struct rename event_names[] = {
	{"involvedObject", "regarding"}, {"message", "note"}, {"reportingComponent", "reportingController"}, {"source", "deprecatedSource"},
	{"firstTimestamp", "deprecatedFirstTimestamp"}, {"lastTimestamp", "deprecatedLastTimestamp"}, {"count", "deprecatedCount"}, {NULL, NULL},
};

/* Both directions of a pair stand in one row: x names belong to type x. */
static const struct pair {
	const char *x, *y;
	const struct rename *renames;
	void (*x_to_y)(struct arena *a, const void *x, void *y);
	void (*y_to_x)(struct arena *a, const void *y, void *x);
} pairs[] = {
	{"core/v1.Event", "events/v1.Event", event_names, NULL, NULL},
	{"core/v1.Event", "events/v1beta1.Event", event_names, NULL, NULL},
	{"autoscaling/v1.HorizontalPodAutoscaler", "autoscaling/v2.HorizontalPodAutoscaler", NULL, hpa_v1_to_v2, hpa_v2_to_v1},
};

static size_t value_size(const struct field *f)
{
	return f->card != ONE ? sizeof(struct any_list) : f->kind == K_MESSAGE && f->flags & FIELD_PTR ? sizeof(void *) : kind_size(f);
}

static void copy_member(struct ref from, const char *from_name, struct ref to, const char *to_name)
{
	const struct field *f = field_by_name(from.type, str_of(from_name), false), *g = field_by_name(to.type, str_of(to_name), false);
	if (!f || !g || f->kind != g->kind || f->of != g->of)
		return;
	memcpy(field_at(to.p, g), field_at(from.p, f), value_size(f));
	if (f->has_offset && g->has_offset)
		*((bool *)to.p + g->has_offset) = *((bool *)from.p + f->has_offset);
}

static void convert_pair(struct arena *a, const struct pair *p, struct ref from, struct ref to, bool forward)
{
	for (const struct rename *r = p->renames; r && r->x; r++)
		copy_member(from, forward ? r->x : r->y, to, forward ? r->y : r->x);
	void (*fn)(struct arena *, const void *, void *) = forward ? p->x_to_y : p->y_to_x;
	if (fn)
		fn(a, from.p, to.p);
}

void convert_object(struct arena *a, struct ref from, const struct type *to_type, void *to)
{
	struct ref out = {to_type, to};
	struct str x = type_name(from.type), y = type_name(to_type);
	obj_convert(a, from, to_type, to);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (str_is(x, pairs[i].x) && str_is(y, pairs[i].y))
			convert_pair(a, &pairs[i], from, out, true);
		else if (str_is(x, pairs[i].y) && str_is(y, pairs[i].x))
			convert_pair(a, &pairs[i], from, out, false);
	}
	obj_set_type(out);
}

struct ref convert_to(struct arena *a, struct ref o, const struct type *to_type)
{
	if (o.type == to_type)
		return o;
	struct ref out = {to_type, obj_new(a, to_type)};
	if (out.p)
		convert_object(a, o, to_type, out.p);
	return out;
}
