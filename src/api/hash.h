/* Hashes in names: pod-template-hash, controller revisions.  The same object gives the same name as upstream's controllers give.
 *
 * Upstream hashes a dump of the Go value (types, Go field names, nil pointers and all), so dump_object writes that dump.  Amounts whose
 * precision upstream keeps in big decimals hash differently here; nothing else is known to. */
#pragma once
#include "base/buf.h"
#include "schema/reflect.h"

struct core_v1_PodTemplateSpec;
/* pod-template-hash: FNV-32a over the dump, then `collisions` if it is not NULL, made safe for names. */
struct str pod_template_hash(struct arena *a, const struct core_v1_PodTemplateSpec *t, const int32_t *collisions);
/* The controller-revision-hash of a revision's data (JSON as stored). */
struct str revision_hash(struct arena *a, struct str data, const int32_t *collisions);
/* Empty lists and maps count as nil: that is what arrives over protobuf. */
void dump_object(struct buf *out, struct ref o);
