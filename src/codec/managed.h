/* metadata.managedFields on create, update, patch and apply. */
#pragma once
#include "codec/fieldset.h"

struct managed_write {
	struct str manager;      /* fieldManager or the default from the user agent */
	struct str api_version;  /* of the request */
	struct str subresource;  /* "" or "status", ... */
	wall_t now;
	/* Fields that this (sub)resource write resets and so never owns: paths such as "status" (NULL-terminated), or NULL. */
	const char *const *reset;
};
/* Updates `next`'s managedFields for a non-apply write; prev.p NULL on create.  Both objects in the request's version. */
int managed_update(struct arena *a, struct ref prev, struct ref next, const struct managed_write *w, struct err *e) must_check;
/* Server-side apply: merges the configuration into prev (p NULL: create); returns the merged object.  With conflicts and without force ERR_CONFLICT
 * with FieldManagerConflict causes. */
int managed_apply(struct arena *a, struct ref prev, const struct value *config, const struct type *t, bool force, const struct managed_write *w,
	struct ref *ret, struct err *e) must_check;
