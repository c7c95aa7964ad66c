/* What every object has: owners, finalizers, deletion, labels and annotations. */
#pragma once
#include "gen/meta_v1.h"
#include "schema/reflect.h"

/* The owner with controller: true, or NULL. */
const struct meta_v1_OwnerReference *owner_controller(const struct meta_v1_ObjectMeta *m);
bool owner_controls(struct str uid, const struct meta_v1_ObjectMeta *m);
const struct meta_v1_OwnerReference *owner_find(const struct meta_v1_ObjectMeta *m, struct str uid);
/* A reference to owner that makes it the controller and blocks its deletion; strings are shared. */
struct meta_v1_OwnerReference owner_ref(struct ref owner);
/* Adds or replaces the reference with the same uid. */
void owner_set(struct arena *a, struct meta_v1_ObjectMeta *m, struct meta_v1_OwnerReference r);
bool owner_remove(struct meta_v1_ObjectMeta *m, struct str uid);

bool finalizer_has(const struct meta_v1_ObjectMeta *m, struct str name);
bool finalizer_add(struct arena *a, struct meta_v1_ObjectMeta *m, struct str name); /* false: it was there */
bool finalizer_remove(struct meta_v1_ObjectMeta *m, struct str name);

static inline bool meta_deleting(const struct meta_v1_ObjectMeta *m) { return m->has_deletionTimestamp && m->deletionTimestamp.set; }
static inline struct str meta_label(const struct meta_v1_ObjectMeta *m, const char *key) { return str_map_get(&m->labels, str_of(key)); }
static inline struct str meta_annotation(const struct meta_v1_ObjectMeta *m, const char *key) { return str_map_get(&m->annotations, str_of(key)); }
/* "namespace/name", or the name alone. */
struct str meta_key(struct arena *a, const struct meta_v1_ObjectMeta *m);
/* Splits a key; -1 when it has more than one slash. */
int meta_key_split(struct str key, struct str *ret_namespace, struct str *ret_name) must_check;
/* "group/version" taken apart; "v1" has no group. */
int api_version_split(struct str api_version, struct str *ret_group, struct str *ret_version) must_check;
