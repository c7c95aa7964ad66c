/* Reading and writing any object through its descriptor: written once, used by codecs, defaults, patches, apply, validation, CEL.
 *
 * A struct ref is a typed pointer.  Memory of typed objects comes from an arena; what a field points to is never freed on overwrite.
 * Paths are JSON names.  Nothing here is thread-safe for writing; reading an unchanging object is. */
#pragma once
#include "base/arena.h"
#include "schema/desc.h"

struct ref {
	const struct type *type;
	void *p;
};
/* A zeroed object. */
void *obj_new(struct arena *a, const struct type *t);
#define obj_make(a, T) ((struct T *)arena_alloc((a), sizeof(struct T)))

/* Address of a field's value inside the object. */
static inline void *field_at(void *obj, const struct field *f) { return (char *)obj + f->offset; }
/* With card ONE: present (not null / not absent pointer).  Lists and maps: not null. */
bool field_present(const void *obj, const struct field *f);
/* Zero in the sense of omitempty: what is held by value and is a struct upstream is never empty; what is held by pointer is when it is absent. */
static inline bool field_empty(const void *obj, const struct field *f)
{
	const void *p = (const char *)obj + f->offset;
	switch ((enum emptiness)(f->flags >> FIELD_EMPTINESS_SHIFT)) {
	case EMPTY_LIST: return ((const struct any_list *)p)->len == 0;
	case EMPTY_FLAG: return !*((const bool *)obj + f->has_offset);
	case EMPTY_POINTER: return *(const void *const *)p == NULL;
	case EMPTY_TEXT: return ((const struct str *)p)->n == 0;
	case EMPTY_BYTE: return *(const uint8_t *)p == 0;
	case EMPTY_WORD: return *(const uint32_t *)p == 0;
	case EMPTY_LONG: return *(const uint64_t *)p == 0;
	case EMPTY_FLOAT: return *(const float *)p == 0;
	case EMPTY_DOUBLE: return *(const double *)p == 0;
	default: return false;
	}
}
void field_clear(void *obj, const struct field *f);
/* Allocates a pointer message when absent and returns the address of the message; sets has_NAME of scalars and returns the value. */
void *field_mutable(struct arena *a, void *obj, const struct field *f);
size_t kind_size(const struct field *f);   /* bytes of one element */
/* Elements of a list (i < len) or values of a map; elemPtr is followed (NULL for null). */
static inline void *list_at(const struct field *f, const struct any_list *l, uint32_t i)
{
	char *p = (char *)l->items + (size_t)i * f->stride;
	if (f->card == MAP_OF)
		p += field_entry_value(f);
	return f->flags & FIELD_ELEM_PTR ? *(void **)p : p;
}
static inline struct str *map_key_at(const struct field *f, const struct any_list *l, uint32_t i)
{
	return (struct str *)((char *)l->items + (size_t)i * f->stride);
}
/* Of a sorted map: index of the first key that is not less; *found tells whether it is key. */
uint32_t map_find(const void *map, size_t stride, struct str key, bool *found);
/* Sorted map[string]string. */
struct str str_map_get(const struct str_map *m, struct str key); /* absent str when missing */
bool str_map_has(const struct str_map *m, struct str key);
void str_map_set(struct arena *a, struct str_map *m, struct str key, struct str value); /* keeps order; key and value are not copied */
bool str_map_del(struct str_map *m, struct str key);

struct meta_v1_ObjectMeta;
struct meta_v1_ListMeta;
/* NULL when the type has none. */
struct meta_v1_ObjectMeta *obj_meta(struct ref o);
struct meta_v1_ListMeta *obj_list_meta(struct ref o);
/* TypeMeta of a top-level object. */
struct str *obj_kind(struct ref o);
struct str *obj_api_version(struct ref o);
/* Fills TypeMeta from the descriptor (static strings). */
void obj_set_type(struct ref o);
/* "apps/v1" of a type, static. */
struct str type_api_version(const struct type *t);
struct any_list *obj_items(struct ref list, const struct field **ret_field);

/* Follows "spec.template.spec.nodeName" (no list indexes); fills *ret_field and returns the address of the value, or NULL when an
 * absent pointer is met or there is no such field (then *ret_field is NULL). */
void *obj_path(struct ref o, struct str path, const struct field **ret_field);
