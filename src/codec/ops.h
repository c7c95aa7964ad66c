/* Copy, equality, and walking over typed objects. */
#pragma once
#include "base/err.h"
#include "schema/reflect.h"

/* Deep copy into the arena; nothing is shared with the source. */
void *obj_copy(struct arena *a, struct ref o);
void obj_copy_into(struct arena *a, const struct type *t, void *to, const void *from);
/* Empty lists and maps become absent, as they do in protobuf: the object as it is read back from the store. */
void obj_drop_empty(struct ref o);
/* Semantic equality as upstream's apiequality: null and empty lists and maps are equal, quantities by value, times by instant. */
bool obj_equal(struct ref a, struct ref b);
bool obj_equal_at(const struct type *t, const void *a, const void *b); /* two structs of one type */
bool obj_list_equal(const struct type *t, const void *a, const void *b); /* two LISTs of t, in order */
bool obj_list_has(const struct type *t, const void *list, const void *obj);
bool field_equal(const struct field *f, const void *a, const void *b);        /* the field of two structs */
/* Converts between versions of one kind by matching JSON names (strings are shared with the source). */
void obj_convert(struct arena *a, struct ref from, const struct type *to_type, void *to);
