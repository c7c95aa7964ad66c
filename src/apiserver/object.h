/* A stored object as the cache holds it: immutable, reference-counted, shared by all readers of all loops. */
#pragma once
#include "base/blob.h"
#include "base/err.h"
#include "schema/reflect.h"

struct object {
	_Atomic uint32_t refs;
	uint32_t nlabels, nfields;
	uint64_t rev;               /* mod revision: its resourceVersion */
	struct str ns, name;        /* in the object's own memory */
	struct str_pair *labels;    /* sorted */
	struct str_pair *fields;    /* selectable fields beyond metadata.name and namespace, as the strategy lists them, in its order */
	struct blob *value;         /* stored bytes after decryption: "k8s\0" envelope (JSON for custom resources) */
	uint32_t splice_meta, splice_rv; /* offsets in value: length of ObjectMeta; its empty resourceVersion field */
	_Atomic(struct blob *) json; /* JSON in the storage version, with resourceVersion; made on first use, kept by a byte-bounded LRU; may be NULL */
	bool deleting;              /* has a deletionTimestamp */
};
void object_unref(struct object *o);
static inline struct object *object_ref(struct object *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}
CLEANUP_FN(object_unref, struct object *)
/* Typed form in type t (a version of its kind), resourceVersion set, decoded into the arena; strings may point into o->value, so hold o. */
void *object_decode(const struct object *o, struct arena *a, const struct type *t, struct err *e);
/* JSON in the storage version; a reference; never fails but for memory (NULL). */
struct blob *object_json(struct object *o);
/* Appends the protobuf message (no envelope) with its resourceVersion. */
void object_pb(const struct object *o, struct buf *out);
