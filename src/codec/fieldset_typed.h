/* Private to field sets: what apply's schema says about a field, and the keys of list elements. */
#pragma once
#include "codec/fieldset_tree.h"

/* G_WHOLE: a list or map that is one value. */
enum granularity { G_LEAF, G_WHOLE, G_STRUCT, G_MAP, G_LIST_SET, G_LIST_MAP };
enum granularity field_granularity(const struct field *f);
/* Of one element of f: lists within lists do not exist, so this is a leaf or a struct. */
enum granularity element_granularity(const struct field *f);
/* Keys of a listMap, sorted by name, with their fields. */
struct list_keys {
	const struct field *f[4];
	size_t n;
};
struct list_keys field_list_keys(const struct field *list);
