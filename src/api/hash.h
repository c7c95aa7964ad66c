/* Hashes in names: pod-template-hash, controller revisions.  The same object gives the same name as upstream's controllers give. */
#pragma once
#include "base/buf.h"
#include "schema/reflect.h"

struct core_v1_PodTemplateSpec;
/* pod-template-hash: FNV-32a over the template as upstream dumps it, then `collisions` if it is not NULL, made safe for names. */
struct str pod_template_hash(struct arena *a, const struct core_v1_PodTemplateSpec *t, const int32_t *collisions);
/* The controller-revision-hash of a revision's data (JSON). */
struct str revision_hash(struct arena *a, struct str data, const int32_t *collisions);
/* Any object as upstream's deep dump: Go's %#v-like text without pointers, keys of maps sorted.  Only what C code knows as a hub type. */
void dump_object(struct buf *out, struct ref o);
