/* The watch cache: for each stored resource a copy-on-write tree of its objects and a ring of recent events.
 *
 * The store's loop is the only writer (store_subscribe): it builds the next version of each touched tree, appends events to the rings and publishes roots
 * and revision with release stores, then posts at most one wake-up to each loop that has cursors or waiters.
 * Readers on the loops named in cache_opts pin the epoch (cache_pin) and then read without touching any counter; object_ref to outlive the pin.  A pin
 * may be held across a wait, but keeps all memory freed since from being given back: collect references instead when the wait may be long. */
#pragma once
#include "apiserver/object.h"
#include "rt/loop.h"

struct cache;
struct store;
struct resource;
struct strategy;

#define CACHE_JSON_BYTES ((size_t)64 << 20) /* JSON of about 10,000 Pods */
#define CACHE_RING_BYTES ((size_t)4 << 20)  /* per resource: some seconds of the fastest writer */
#define CACHE_RING_AGE (5 * NS_MIN)
#define CACHE_REPLAYED 4096 /* revisions before a start that can be watched after it, unless compacted */

struct cache_opts {
	struct store *store;
	struct loop **loops;      /* loops that read; at most 64 */
	size_t nloops;
	size_t json_lru_bytes;    /* 0: CACHE_JSON_BYTES */
	size_t ring_bytes;        /* 0: CACHE_RING_BYTES */
	nsec_t ring_age;          /* 0: CACHE_RING_AGE; at least one event is kept for that long unless bytes run out */
};
struct cache *cache_new(const struct cache_opts *o, struct err *e); /* loads everything under /registry; waits */
void cache_free(struct cache *c); /* waits; no cursor may be open and no pin held */

/* One stored resource (storage group and plural): events of two API groups are one table. */
struct cache_table {
	struct cache *cache;
	struct str prefix;              /* "/registry/pods/" */
	const struct resource *res;     /* its first served resource */
	const struct type *type;        /* storage version */
	const struct strategy *strategy;
	bool namespaced;
	uint32_t nfields;               /* selectable fields beyond metadata.name and namespace */
	uint32_t json_head;             /* bytes of {"kind":"K","apiVersion":"V", */
	struct cache_table_impl *impl;
};
/* NULL when the resource is not stored. */
struct cache_table *cache_table(struct cache *c, const struct resource *r);
struct cache_table *cache_table_by_name(struct cache *c, const char *group, const char *plural);
/* "/registry/pods/ns/name" in the arena. */
struct str cache_key(struct arena *a, const struct cache_table *t, struct str ns, struct str name);
uint64_t cache_revision(const struct cache *c); /* last published, of the whole store */
/* Until that is published; 0, -ETIME or -ECANCELED.  Waits. */
int cache_wait_revision(struct cache *c, uint64_t rev, mono_t deadline) must_check;

struct cache_pin {
	struct cache *cache;
	const void *root;
	uint64_t epoch;
	uint64_t rev;          /* the store's revision that root shows exactly */
	uint64_t changed;      /* revision of the table's last change: root shows all revisions from there to rev */
	struct list node;
};
void cache_pin(struct cache *c, const struct cache_table *t, struct cache_pin *ret);
void cache_unpin(struct cache_pin *p); /* on the loop that pinned */
/* Valid while pinned; NULL when there is none.  ns is empty for cluster-scoped objects. */
struct object *cache_get(const struct cache_pin *p, struct str ns, struct str name);
/* A reference without a pin of the caller's. */
struct object *cache_lookup(struct cache *c, const struct cache_table *t, struct str ns, struct str name);
/* In key order from the first key >= (from_ns, from_name) (> with after).  ns limits to a namespace when not empty. */
#define CACHE_DEPTH 8
struct cache_iter {
	struct str ns;
	const void *node[CACHE_DEPTH];
	uint16_t at[CACHE_DEPTH];
	int depth;
};
void cache_seek(struct cache_iter *it, const struct cache_pin *p, struct str ns, struct str from_ns, struct str from_name, bool after);
struct object *cache_next(struct cache_iter *it);
/* Objects at or after the iterator's position, which is used up. */
size_t cache_count(struct cache_iter *it);

/* ---- Watching ---- */

enum event_type { EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED };
/* An event of the ring, valid during the callback (or while pinned). */
struct cache_event {
	uint64_t rev;
	mono_t at;
	uint32_t bytes;
	uint8_t type;               /* enum event_type */
	struct object *cur, *prev;  /* DELETED: cur is the last state under the delete's revision; ADDED: prev is NULL */
	_Atomic(struct blob *) json; /* {"type":...,"object":...}\n in the storage version: read it through event_json */
	_Atomic(struct blob *) pb;   /* the frame of protobuf watches, made by endpoint/ on first use */
};
/* The frame of an event, encoded once for all watchers; the event's own, NULL when memory is short. */
struct blob *event_json(struct cache_event *ev);
/* Somebody follows the table: what is written to it is going to be asked for as JSON. */
bool cache_watched(const struct cache_table *t);

/* Which events a cursor gets.  Cursors of one bucket cost nothing for events of others.
 * A loop delivers in rounds, at once after quiet; while writes keep coming it rests 8 times as long as the last round took, 4 ms at most, and
 * then delivers what has gathered. */
struct bucket {
	struct str ns, name; /* "" any */
	struct str field;    /* with by_field: the value of the table's first selectable field, before or after the event */
	bool by_field;
};
struct cursor;
enum cursor_verdict {
	CURSOR_NEXT,
	CURSOR_PAUSE, /* this event will come again after cursor_resume */
	CURSOR_GONE   /* the callback has closed the cursor, and may have freed it */
};
struct cursor_ops {
	/* May close this cursor, and no other. */
	enum cursor_verdict (*event)(struct cursor *c, struct cache_event *ev);
	/* The ring went past a paused cursor; close it (410). */
	void (*lost)(struct cursor *c);
};
enum cursor_state { CURSOR_CLOSED, CURSOR_PAUSED, CURSOR_LIVE };
struct cursor {
	const struct cursor_ops *ops;
	struct cache_table *table;
	struct hub *hub;        /* the table's on this loop */
	struct bucket bucket;   /* strings are the owner's */
	struct bucket_list *in; /* while live */
	struct list node;
	uint64_t pos;           /* while paused: number of the next event in the ring */
	uint64_t seen;          /* while paused: all events up to this revision have been delivered */
	uint8_t state;
};
/* Opens a paused cursor after revision rev, on the current loop.  ERR_EXPIRED when events after rev have left the ring. */
int cursor_open(struct cursor *c, const struct cursor_ops *ops, struct cache_table *t, const struct bucket *b, uint64_t rev, struct err *e) must_check;
/* Delivers what has happened since, then keeps the cursor live until the callback pauses it.  Not from within the callback. */
void cursor_resume(struct cursor *c);
/* All events of the bucket up to this revision have been delivered. */
uint64_t cursor_revision(const struct cursor *c);
/* While an event is delivered: a copy of one of its frames that this loop's watchers share.  Hundreds of them count references, and a counter in
 * reach of two loops is fought over.  Borrowed; frame itself when a copy would not pay. */
enum frame_form { FRAME_JSON, FRAME_PB, FRAME_FORMS };
struct blob *cursor_frame(struct cursor *c, enum frame_form form, struct blob *frame);
void cursor_close(struct cursor *c); /* fine on a closed (zeroed) one */

/* ---- What a loop makes of tables ---- */

#define CACHE_VIEW_TABLES 4
/* What one loop has built of whole tables, in `mem`.  Its owner embeds it and builds on the first question after a change:
 *     if (cache_view_renew(&x->view))
 *             build(x);
 * On its loop, but for _init and _fini: those where and when no loop asks. */
struct cache_view {
	struct cache *cache;
	struct { struct cursor cursor; struct cache_view *view; struct cache_table *table; } of[CACHE_VIEW_TABLES];
	size_t n;
	bool watching, stale;
	struct arena *mem;      /* lives until the next renewal */
};
void cache_view_init(struct cache_view *v, struct cache *c, const char *group, const char *const *plurals, size_t n);
void cache_view_fini(struct cache_view *v);
/* True: one of the tables has changed, mem is empty and everything is to be built. */
bool cache_view_renew(struct cache_view *v) must_check;
struct cache_objects {
	void **items;
	uint32_t len, cap;
};
/* All objects of a table, decoded; they live as long as mem. */
struct cache_objects cache_view_objects(struct cache_view *v, size_t table);

struct cache_stats {
	size_t json_bytes, ring_bytes, retired;
	uint64_t json_made, json_hits;
};
void cache_stats(const struct cache *c, struct cache_stats *ret);
