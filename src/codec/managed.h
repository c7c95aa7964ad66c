/* metadata.managedFields on create, update, patch and apply, as upstream's field manager keeps them.
 *
 * Objects are changed in place; text of the entries lives in the arena or in the objects that came in. */
#pragma once
#include "codec/fieldset.h"

#define MANAGED_UPDATERS_MAX 10 /* Update entries; the oldest beyond are merged into "ancient-changes", as upstream */

struct managed_write {
	struct str manager;      /* fieldManager or the default from the user agent */
	struct str api_version;  /* of the request */
	struct str subresource;  /* "" or "status", ... */
	wall_t now;
	/* Fields that this (sub)resource write resets and so never owns: paths such as "status" (NULL-terminated), or NULL. */
	const char *const *reset;
};
/* Updates `next`'s managedFields for a non-apply write; prev.p NULL on create.  Both objects in the request's version.
 * Never fails for what a client sent: unreadable managedFields count as none. */
int managed_update(struct arena *a, struct ref prev, struct ref next, const struct managed_write *w, struct err *e) must_check;
/* Server-side apply: merges the configuration into prev (p NULL: create) and returns the merged object, not yet defaulted; prev stays as it is.
 * With conflicts and without force ERR_CONFLICT with FieldManagerConflict causes.  When nothing changed but ownership, *ret is equal to prev. */
int managed_apply(struct arena *a, struct ref prev, const struct value *config, const struct type *t, bool force, const struct managed_write *w,
	struct ref *ret, struct err *e) must_check;

/* /scale shows the parent's owners of its replicas as owners of spec.replicas, and a write to it moves them back.  path: where the parent's
 * replicas stand, "spec.replicas".  Fills the Scale's managedFields from the parent's. */
struct meta_v1_ObjectMeta;
void managed_scale_view(struct arena *a, const struct meta_v1_ObjectMeta *parent, const char *path, struct meta_v1_ObjectMeta *scale);
/* After the Scale was written: api_version is the parent's. */
void managed_scale_merge(struct arena *a, struct meta_v1_ObjectMeta *parent, struct str api_version, const char *path, const struct meta_v1_ObjectMeta *scale);
