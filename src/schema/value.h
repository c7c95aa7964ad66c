/* Dynamic JSON-like values, for documents without a descriptor: patches, custom resources, jsonpath, CEL.
 * Built in an arena: what makes values returns NULL when that is out of budget, and value_set and value_push then change nothing.  Objects keep their members in order of insertion; value_sort orders them by key for output. */
#pragma once
#include "base/arena.h"

enum value_type { V_NULL, V_BOOL, V_INT, V_DOUBLE, V_STRING, V_LIST, V_OBJECT };
struct value;
struct member {
	struct str key;
	struct value *value;
};
struct value {
	uint8_t type;
	union {
		bool b;
		int64_t i;
		double d;
		struct str s;
		struct { struct value **items; uint32_t len, cap; } list;
		struct { struct member *items; uint32_t len, cap; } object;
	};
};
struct value *value_new(struct arena *a, enum value_type t);
struct value *value_str(struct arena *a, struct str s);
struct value *value_int(struct arena *a, int64_t i);
struct value *value_bool(struct arena *a, bool b);
struct value *value_get(const struct value *o, struct str key);  /* NULL when o is no object or has no such member */
void value_set(struct arena *a, struct value *o, struct str key, struct value *v);
bool value_del(struct value *o, struct str key);
void value_push(struct arena *a, struct value *list, struct value *v);
bool value_eq(const struct value *a, const struct value *b);     /* 1 and 1.0 are equal */
struct value *value_copy(struct arena *a, const struct value *v);
void value_sort(struct value *v); /* members by key, deep */
void value_sort_members(struct value *v); /* of this object alone */
/* Follows member names separated by dots; NULL. */
struct value *value_path(const struct value *v, const char *path);
struct str value_path_str(const struct value *v, const char *path); /* absent when not a string */
