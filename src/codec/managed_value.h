/* Private to server-side apply: documents under the schema that apply sees (what is a leaf, a set, a list by keys).
 * Apply works on dynamic values, because a configuration says more than a typed object keeps: explicit zeros, amounts as they were written. */
#pragma once
#include "codec/fieldset_typed.h"

/* Where a value stands: a whole object (field NULL), a member, or an element of a list or map. */
struct place {
	const struct type *type;
	const struct field *field;
	bool element;
};
static inline struct place place_root(const struct type *t) { return (struct place){.type = t}; }
static inline struct place place_element(struct place p) { return (struct place){.field = p.field, .element = true}; }
enum granularity place_granularity(struct place p);
/* A member of a struct; false when it is not declared. */
bool place_member(struct place p, struct str name, struct place *ret);
/* The place below p that a path element leads to; false when the schema has none. */
bool place_step(struct place p, struct pe pe, struct place *ret);
/* The path element of an element of a list, and those of all its elements (at least one slot; NULL without memory). */
struct pe place_pe(struct arena *a, struct place list, const struct value *v);
struct pe *place_pes(struct arena *a, struct place list, const struct value *v);
/* Index of p among n, looked for from `from` on; -1. */
int64_t pe_find(const struct pe *pes, uint32_t n, struct pe p, uint32_t from);
static inline bool is_type(const struct value *v, enum value_type t) { return v && v->type == t; }
/* Absent, null or without content. */
static inline bool is_nothing(const struct value *v)
{
	return !v || v->type == V_NULL || (v->type == V_LIST && !v->list.len) || (v->type == V_OBJECT && !v->object.len);
}

/* Everything v sets.  -1 when v does not fit the schema: unknown members, wrong types, duplicate keys; 500 in upstream's words. */
int value_fieldset(struct arena *a, const struct type *t, const struct value *v, struct fieldset **ret, struct err *e) must_check;
struct value_diff {
	struct fieldset *added, *modified, *removed;
};
struct value_diff value_compare(struct arena *a, const struct type *t, const struct value *x, const struct value *y);
/* x with y on top; both stay as they are, the result shares nodes with them. */
struct value *value_merge(struct arena *a, const struct type *t, struct value *x, struct value *y);
/* v without the members of set and what is below them. */
struct value *value_remove(struct arena *a, const struct type *t, struct value *v, const struct fieldset *set);
/* s with every struct field on the way to a member as a member too. */
struct fieldset *fieldset_named(struct arena *a, const struct type *t, const struct fieldset *s);
