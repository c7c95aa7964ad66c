/* A stored object as the cache holds it: immutable, reference-counted, shared by all readers of all loops.
 *
 * It keeps the stored bytes and a small index over them (names, labels, selectable fields); all strings point into the bytes.  JSON is made on first
 * use and lives in a byte-bounded LRU.  The typed form is decoded per request into its arena. */
#pragma once
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "schema/reflect.h"

struct cache_table;

struct object {
	_Atomic uint32_t refs;
	uint32_t nlabels;
	uint64_t rev;               /* mod revision: its resourceVersion */
	struct cache_table *table;
	struct str ns, name, uid;
	struct str_pair *labels;    /* sorted */
	struct str *fields;         /* values of the selectable fields, in the table's order */
	struct blob *value;         /* stored bytes after decryption: "k8s\0" envelope */
	uint32_t raw, raw_n;        /* the protobuf message in value */
	uint32_t meta, meta_n;      /* the content of its ObjectMeta in value */
	uint32_t rv;                /* in value: the empty resourceVersion field of ObjectMeta */
	bool deleting;              /* has a deletionTimestamp */
	_Atomic bool used;          /* its JSON was asked for since the LRU's hand passed */
	_Atomic(struct blob *) json; /* JSON in the storage version with resourceVersion, or NULL; read it through object_json */
	struct list lru;
};
void object_unref(struct object *o); /* NULL is fine; any thread */
static inline struct object *object_ref(struct object *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}
CLEANUP_FN(object_unref, struct object *)

/* Builds one from stored bytes; takes a reference of value.  NULL when the bytes are no object of the table. */
struct object *object_new(struct cache_table *t, struct blob *value, uint64_t rev, struct err *e);
/* The same bytes under another revision (the last state of a deleted object). */
struct object *object_at(struct object *o, uint64_t rev);
/* Typed form in the storage version, resourceVersion set, decoded into the arena; strings may point into o->value, so hold o. */
void *object_decode(const struct object *o, struct arena *a, struct err *e);
/* JSON in the storage version: a reference, made when it is not there; NULL only when memory is short or the bytes are broken. */
struct blob *object_json(struct object *o);
/* Gives o the JSON that a response has just made; takes a reference of its own. */
void object_set_json(struct object *o, struct blob *json);
/* The parts of object_json's text: after {"kind":...,"apiVersion":..., as items of lists need it; and the "metadata":{...} member. */
struct str object_json_tail(const struct object *o, const struct blob *json);
struct str object_json_meta(const struct object *o, const struct blob *json);
/* Appends the protobuf message (no envelope) with its resourceVersion; object_pb_size tells how long it will be. */
void object_pb(const struct object *o, struct buf *out);
size_t object_pb_size(const struct object *o);
