#include "schema/reflect.h"

char list_empty_items[16] __attribute__((aligned(16)));

void *obj_new(struct arena *a, const struct type *t) { return arena_alloc(a, t->size); }

/* Whether the kind's C form is a struct str. */
static bool is_text(const struct field *f)
{
	return f->kind == K_STRING || f->kind == K_BYTES || f->kind == K_QUANTITY || (f->kind >= K_RAW && f->kind <= K_OBJECT);
}

static bool flag_at(const void *obj, const struct field *f) { return *((const bool *)obj + f->has_offset); }

bool field_present(const void *obj, const struct field *f)
{
	const void *p = (const char *)obj + f->offset;
	if (f->card != ONE)
		return ((const struct any_list *)p)->items != NULL;
	if (f->has_offset)
		return flag_at(obj, f);
	if (f->kind == K_MESSAGE)
		return !(f->flags & FIELD_PTR) || *(void *const *)p != NULL;
	if (is_text(f))
		return ((const struct str *)p)->p != NULL;
	if (f->kind == K_TIME || f->kind == K_MICROTIME)
		return ((const struct api_time *)p)->set;
	return true;
}

size_t kind_size(const struct field *f)
{
	if (f->kind == K_MESSAGE)
		return f->flags & FIELD_ELEM_PTR && f->card != ONE ? sizeof(void *) : field_type(f)->size;
	switch (f->kind) {
	case K_BOOL: return sizeof(bool);
	case K_INT32: case K_UINT32: case K_FLOAT: return 4;
	case K_INT64: case K_UINT64: case K_DOUBLE: case K_DURATION: case K_GODURATION: return 8;
	case K_INTORSTRING: return sizeof(struct int_or_str);
	default: return 16; /* struct str, struct api_time */
	}
}

static size_t member_size(const struct field *f)
{
	if (f->card != ONE)
		return sizeof(struct any_list);
	return f->kind == K_MESSAGE && f->flags & FIELD_PTR ? sizeof(void *) : kind_size(f);
}

void field_clear(void *obj, const struct field *f)
{
	memset(field_at(obj, f), 0, member_size(f));
	if (f->has_offset)
		*((bool *)obj + f->has_offset) = false;
}

void *field_mutable(struct arena *a, void *obj, const struct field *f)
{
	void *p = field_at(obj, f);
	if (f->has_offset)
		*((bool *)obj + f->has_offset) = true;
	if (f->card != ONE || f->kind != K_MESSAGE || !(f->flags & FIELD_PTR))
		return p;
	void **to = p;
	if (!*to)
		*to = obj_new(a, field_type(f));
	return *to;
}

/* ---- sorted maps */

uint32_t map_find(const void *map, size_t stride, struct str key, bool *found)
{
	const struct any_list *m = map;
	uint32_t lo = 0, hi = m->len;
	*found = false;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		int c = str_cmp(*(const struct str *)((const char *)m->items + mid * stride), key);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t str_map_find(const struct str_map *m, struct str key, bool *found) { return map_find(m, sizeof *m->items, key, found); }

struct str str_map_get(const struct str_map *m, struct str key)
{
	bool found;
	uint32_t i = str_map_find(m, key, &found);
	return found ? m->items[i].value : (struct str){0};
}

bool str_map_has(const struct str_map *m, struct str key)
{
	bool found;
	str_map_find(m, key, &found);
	return found;
}

void str_map_set(struct arena *a, struct str_map *m, struct str key, struct str value)
{
	bool found;
	uint32_t i = str_map_find(m, key, &found);
	if (found) {
		m->items[i].value = value;
		return;
	}
	if (m->cap == 0)
		m->items = NULL; /* may be LIST_EMPTY */
	if (!arena_push(a, m))
		return;
	memmove(&m->items[i + 1], &m->items[i], (m->len - 1 - i) * sizeof *m->items);
	m->items[i] = (struct str_pair){key, value};
}

bool str_map_del(struct str_map *m, struct str key)
{
	bool found;
	uint32_t i = str_map_find(m, key, &found);
	if (!found)
		return false;
	memmove(&m->items[i], &m->items[i + 1], (m->len - 1 - i) * sizeof *m->items);
	m->len--;
	return true;
}

/* ---- top-level objects */

struct meta_v1_ObjectMeta *obj_meta(struct ref o) { return o.type->meta ? (void *)((char *)o.p + o.type->meta) : NULL; }
struct meta_v1_ListMeta *obj_list_meta(struct ref o) { return o.type->list_meta ? (void *)((char *)o.p + o.type->list_meta) : NULL; }
struct str *obj_kind(struct ref o) { return o.type->flags & TYPE_HAS_TYPEMETA ? o.p : NULL; }
struct str *obj_api_version(struct ref o) { return o.type->flags & TYPE_HAS_TYPEMETA ? (struct str *)o.p + 1 : NULL; }

struct str type_api_version(const struct type *t) { return desc_str(t->api_version); }

void obj_set_type(struct ref o)
{
	if (!(o.type->flags & TYPE_HAS_TYPEMETA))
		return;
	*obj_kind(o) = desc_str(o.type->kind);
	*obj_api_version(o) = type_api_version(o.type);
}

struct any_list *obj_items(struct ref list, const struct field **ret_field)
{
	if (!list.type->items)
		return NULL;
	const struct field *f = type_field(list.type, list.type->items - 1u);
	if (ret_field)
		*ret_field = f;
	return field_at(list.p, f);
}

void *obj_path(struct ref o, struct str path, const struct field **ret_field)
{
	struct str name;
	const struct field *f = NULL;
	void *p = o.p;
	while (str_next(&path, '.', &name)) {
		if (f && (f->kind != K_MESSAGE || f->card != ONE)) {
			*ret_field = NULL;
			return NULL;
		}
		if (f && f->flags & FIELD_PTR && p)
			p = *(void **)p;
		*ret_field = f = field_by_name(f ? field_type(f) : o.type, name, false);
		if (!f)
			return NULL;
		p = p ? field_at(p, f) : NULL;
	}
	return p && field_present((char *)p - f->offset, f) ? p : NULL;
}
