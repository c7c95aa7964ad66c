/* Private to managed fields: the entries of one object, decoded as far as needed. */
#pragma once
#include "codec/fieldset_tree.h"
#include "codec/managed.h"
#include "gen/meta_v1.h"

struct manager {
	struct str name, api_version, subresource;
	struct api_time time;   /* not set: none */
	bool applied;
	struct fieldset *set;
	struct str text;        /* of set, as it came; absent once the set has changed */
};
struct managers {
	struct manager *items;
	uint32_t len, cap;
};
/* -1 when an entry is malformed; two entries of one manager become one. */
int managers_decode(struct arena *a, const meta_v1_ManagedFieldsEntry_list_t *l, struct managers *ret, struct err *e) must_check;
void managers_encode(struct arena *a, struct managers *m, meta_v1_ManagedFieldsEntry_list_t *ret);
/* Appliers are one whatever their version. */
struct manager *managers_find(struct managers *m, struct str name, bool applied, struct str api_version, struct str subresource);
struct manager *managers_add(struct arena *a, struct managers *m, struct str name, bool applied, struct str api_version, struct str subresource);
void manager_set(struct manager *m, struct fieldset *set);
/* Drops who owns nothing. */
void managers_prune(struct managers *m);
/* Takes the changed and removed fields away from every manager but `self` (may be NULL). */
void managers_take(struct arena *a, struct managers *m, const struct manager *self, const struct fieldset *changed, const struct fieldset *removed);
/* What nobody owns: identity and what the server fills in. */
const struct fieldset *managed_strip_set(void);
struct fieldset *managed_reset_set(struct arena *a, const char *const *paths); /* NULL: none */
/* A shallow copy of o without managedFields, or a zero object if o is none. */
struct ref managed_bare(struct arena *a, struct ref o, const struct type *t);
/* The bookkeeping of an update: what self now owns, when, and the bound on updaters. */
void managers_record_update(struct arena *a, struct managers *m, struct ref prev, struct ref next, const struct managed_write *w);
