/* The watch cache: for each stored resource a copy-on-write tree of its objects and a ring of recent events.
 *
 * The store's loop is the only writer (cache_publish from store_subscribe): it builds the next version of each touched tree, appends events to the rings and
 * publishes root + revision with one release store, then posts at most one wake-up to each loop that has watchers of the resource.
 * Readers on any loop pin the epoch for a request (cache_pin) and then read without touching any counter; object_ref to outlive the pin.
 * A pin must not be held across a wait. */
#pragma once
#include "apiserver/object.h"
#include "rt/loop.h"

struct cache;
struct cache_table;  /* one stored resource (group, plural) */
struct store;

struct cache_opts {
	struct store *store;
	struct loop **loops;      /* loops that read */
	size_t nloops;
	size_t json_lru_bytes;    /* 0: 64 MiB */
	size_t ring_bytes;        /* per table; 0: 4 MiB */
	nsec_t ring_age;          /* 0: 5 minutes */
};
struct cache *cache_new(const struct cache_opts *o, struct err *e); /* loads everything under /registry; waits */
void cache_free(struct cache *c);
/* By storage group and plural; NULL when unknown. */
struct cache_table *cache_table(struct cache *c, struct str group, struct str plural);
uint64_t cache_revision(const struct cache *c);         /* last published, of the whole store */
int cache_wait_revision(struct cache *c, uint64_t rev, mono_t deadline) must_check; /* waits until published; -ETIME */

struct cache_pin { uint64_t epoch; struct cache *cache; const void *root; uint64_t rev; };
void cache_pin(struct cache *c, const struct cache_table *t, struct cache_pin *ret);
void cache_unpin(struct cache_pin *p);
/* Valid while pinned. */
struct object *cache_get(const struct cache_pin *p, struct str ns, struct str name);
/* In key order from the first key >= (ns, name) [> with after]: struct cache_iter it; cache_seek(...); while ((o = cache_next(&it))).  ns limits to a namespace when not empty. */
struct cache_iter { const struct cache_pin *pin; struct str ns; const void *node[12]; uint16_t at[12]; int depth; };
void cache_seek(struct cache_iter *it, const struct cache_pin *p, struct str ns, struct str from_ns, struct str from_name, bool after);
struct object *cache_next(struct cache_iter *it);
size_t cache_count(const struct cache_pin *p, struct str ns);

/* Watch cursors: see endpoint/watch.c.  An event of the ring; references are held by the ring. */
struct cache_event {
	uint64_t rev;
	uint8_t type;             /* enum watch_type: ADDED, MODIFIED, DELETED */
	struct object *cur, *prev; /* DELETED: cur is the last state with the delete's revision */
	_Atomic(struct blob *) json_frame; /* {"type":...,"object":...}\n in the storage version, encoded once; may be NULL */
};
struct cursor {
	struct cache_table *table;
	uint64_t pos;             /* sequence number in the ring */
	struct loop *loop;
	struct list node;         /* among the loop's watchers of the table, by bucket */
	void (*wake)(struct cursor *c); /* on its loop: new events may be there */
	struct str ns, name;      /* bucket: "" any */
};
/* Opens a cursor after revision rev; ERR_EXPIRED (410) when that is no longer in the ring or in the store's history. */
int cursor_open(struct cursor *c, struct cache_table *t, uint64_t rev, struct err *e) must_check;
/* The next event or NULL; -> *ret_lost when the cursor fell out of the ring. */
const struct cache_event *cursor_next(struct cursor *c, bool *ret_lost);
void cursor_close(struct cursor *c);
