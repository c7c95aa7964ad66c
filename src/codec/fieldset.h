/* Sets of field paths and their FieldsV1 form ({"f:spec":{"f:replicas":{}}}), the core of managed fields. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "schema/reflect.h"
#include "schema/value.h"

struct fieldset;
struct fieldset *fieldset_new(struct arena *a);
struct fieldset *fieldset_parse(struct arena *a, struct str fields_v1, struct err *e);
void fieldset_write(struct buf *out, const struct fieldset *s); /* to the byte as upstream orders it */
/* All leaves that an object sets (keys of listMaps, values of sets, atomic wholes), as upstream's ToFieldSet. */
struct fieldset *fieldset_of(struct arena *a, struct ref o);
struct fieldset *fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y);
struct fieldset *fieldset_intersection(struct arena *a, const struct fieldset *x, const struct fieldset *y);
struct fieldset *fieldset_difference(struct arena *a, const struct fieldset *x, const struct fieldset *y);
bool fieldset_equal(const struct fieldset *x, const struct fieldset *y);
bool fieldset_empty(const struct fieldset *s);
/* What two versions of an object differ in: what is new or another in the second, and what it no longer has. */
void fieldset_compare(struct arena *a, struct ref before, struct ref after, struct fieldset **changed, struct fieldset **removed);
