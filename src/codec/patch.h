/* RFC 6902 JSON patch (as lenient as upstream's), RFC 7386 merge patch, strategic merge patch over descriptors.  All work on dynamic values.
 *
 * Patched documents may share nodes with doc and patch, and doc may be changed on the way (also when a patch fails).  NULL means failure.
 * Errors carry the code and wording that a PATCH request answers with; an error with ERR_UNKNOWN is a 500 without a reason. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "schema/reflect.h"
#include "schema/value.h"

#define PATCH_OPS_MAX 10000              /* operations in one JSON patch, as upstream */
#define PATCH_COPY_MAX (3u << 20)        /* bytes that the copy operations of one JSON patch may add, as upstream: the request body's limit */

/* Parses and applies; whatever does not apply is the one 422 that upstream answers without details. */
struct value *patch_json(struct arena *a, struct value *doc, struct str patch, struct err *e);
/* Applies parsed operations.  Says what failed, in the words of webhook and policy errors: a failed test is ERR_CONFLICT, all else ERR_INVALID. */
struct value *patch_json_ops(struct arena *a, struct value *doc, const struct value *ops, struct err *e);

/* A null patch is refused, as is all but an object. */
struct value *patch_merge(struct arena *a, struct value *doc, const struct value *patch, struct err *e);
/* t describes doc.  A null patch changes nothing.  $patch, $deleteFromPrimitiveList, $setElementOrder and $retainKeys are obeyed. */
struct value *patch_strategic(struct arena *a, const struct type *t, struct value *doc, const struct value *patch, struct err *e);

/* Patches made by clients; an empty object when nothing differs. */
struct value *patch_merge_diff(struct arena *a, const struct value *from, const struct value *to);
struct value *patch_strategic_diff(struct arena *a, const struct type *t, const struct value *from, const struct value *to, struct err *e);
/* What `apply` sends: additions and changes from current to modified, deletions from original to modified.  original may be NULL. */
struct value *patch_strategic_three_way(struct arena *a, const struct type *t, const struct value *original, const struct value *modified,
	const struct value *current, struct err *e);
struct value *patch_merge_three_way(struct arena *a, const struct value *original, const struct value *modified, const struct value *current);

/* v as Go prints a decoded document (%v): map[a:1 b:[x <nil>]].  Error texts of strategic patches quote values this way. */
void value_write_go(struct buf *out, const struct value *v);
