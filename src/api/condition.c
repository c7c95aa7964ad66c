#include "api/condition.h"
#include "codec/ops.h"

static const struct field *named(uint16_t type_id, const char *name) { return field_by_name(desc_type(type_id), str_of(name), false); }
static struct str text_at(const void *p, const struct field *f) { return *(const struct str *)((const char *)p + f->offset); }

void *condition_find(uint16_t type_id, const void *list, struct str type)
{
	const struct any_list *l = list;
	const struct field *f = named(type_id, "type");
	for (uint32_t i = 0; i < l->len; i++) {
		char *p = (char *)l->items + (size_t)i * desc_type(type_id)->size;
		if (str_eq(text_at(p, f), type))
			return p;
	}
	return NULL;
}

struct str condition_status(uint16_t type_id, const void *list, struct str type)
{
	const void *c = condition_find(type_id, list, type);
	return c ? text_at(c, named(type_id, "status")) : (struct str){0};
}

static void *append(struct arena *a, uint16_t type_id, struct any_list *l)
{
	struct { char *items; uint32_t len, cap; } grown = {l->cap ? l->items : NULL, l->len, l->cap};
	void *at = arena_list_grow(a, (void **)&grown.items, &grown.len, &grown.cap, desc_type(type_id)->size);
	if (at)
		*l = (struct any_list){grown.items, grown.len, grown.cap};
	return at;
}

bool condition_put(struct arena *a, uint16_t type_id, void *list, const void *cond)
{
	const struct type *t = desc_type(type_id);
	const struct field *status = named(type_id, "status"), *since = named(type_id, "lastTransitionTime");
	void *old = condition_find(type_id, list, text_at(cond, named(type_id, "type")));
	if (!old) {
		void *at = append(a, type_id, list);
		if (at)
			memcpy(at, cond, t->size);
		return at != NULL;
	}
	struct api_time kept = since ? *(struct api_time *)field_at(old, since) : (struct api_time){0};
	bool same_status = str_eq(text_at(old, status), text_at(cond, status));
	void *before = arena_alloc(a, t->size);
	memcpy(before, old, t->size);
	memcpy(old, cond, t->size);
	if (same_status && since)
		*(struct api_time *)field_at(old, since) = kept;
	return !obj_equal_at(t, before, old);
}

bool condition_remove(uint16_t type_id, void *list, struct str type)
{
	struct any_list *l = list;
	char *c = condition_find(type_id, list, type), *end;
	size_t size = desc_type(type_id)->size;
	if (!c)
		return false;
	end = (char *)l->items + l->len * size;
	memmove(c, c + size, (size_t)(end - c) - size);
	l->len--;
	return true;
}
