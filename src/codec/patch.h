/* RFC 6902 JSON patch (as lenient as upstream's), RFC 7386 merge patch, strategic merge patch over descriptors.  All work on dynamic values. */
#pragma once
#include "base/err.h"
#include "schema/reflect.h"
#include "schema/value.h"

#define PATCH_OPS_MAX 10000 /* operations in one JSON patch, as upstream */
/* Each returns the patched document (which may share nodes with doc; doc may be changed). */
struct value *patch_json(struct arena *a, struct value *doc, struct str patch, struct err *e);
struct value *patch_merge(struct arena *a, struct value *doc, const struct value *patch, struct err *e);
struct value *patch_strategic(struct arena *a, const struct type *t, struct value *doc, const struct value *patch, struct err *e);
/* Patches made by clients: two-way merge and strategic merge; three-way for apply. */
struct value *patch_merge_diff(struct arena *a, const struct value *from, const struct value *to);
struct value *patch_strategic_diff(struct arena *a, const struct type *t, const struct value *from, const struct value *to, struct err *e);
struct value *patch_strategic_three_way(struct arena *a, const struct type *t, const struct value *original, const struct value *modified,
	const struct value *current, struct err *e);
struct value *patch_merge_three_way(struct arena *a, const struct value *original, const struct value *modified, const struct value *current);
