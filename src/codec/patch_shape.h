/* Private to the patches: what the descriptors say about a place in a document, and the lists that both directions of strategic patches share. */
#pragma once
#include "codec/patch.h"

#define DELETE_FROM_LIST "$deleteFromPrimitiveList"
#define SET_ORDER "$setElementOrder"
#define RETAIN_KEYS "$retainKeys"
#define PATCH_DIRECTIVE "$patch"

/* The object that a document node stands for: a struct, or a map whose values are of the type. */
struct shape {
	const struct type *type; /* NULL: nothing is known inside (raw JSON) */
	bool map;
	struct str name;         /* for errors */
};
/* How one member of that object is patched. */
struct member_plan {
	struct shape shape; /* of the member, or of its elements */
	bool merge, replace, retain_keys;
	struct str merge_key;
};
/* -1 and a 500 when the type has no such field. */
int shape_member(struct shape s, struct str key, struct member_plan *ret, struct err *e) must_check;

/* A list by merge key (empty: of scalars).  -1 when an element is no object or lacks the key. */
int list_check(const struct value *l, struct str merge_key, struct err *e) must_check;
/* Index of the first element of l that equals v (by the merge key), or -1. */
int64_t list_find(const struct value *l, const struct value *v, struct str merge_key);
/* Sorts, stable, the elements of l by where they stand in order; those not in it keep to the end. */
void list_order(struct value *l, const struct value *order, struct str merge_key, struct arena *a);
