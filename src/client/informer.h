/* Informers: a local, always fresh picture of one resource, by list and watch (watch-list where the server can).
 *
 * Kept per object: its protobuf bytes (shared with the server's cache when in process), key, revision and index entries; typed forms are decoded on demand.
 * Handlers run on the informer's loop, in order, and must not wait; they usually extract what they need or put a key into a queue.
 * A factory shares one informer per (resource, selector) between the components of a loop.  Re-lists after 410 with back-off; never goes backwards
 * (but for a consistent list that is older: then the server was restored from a backup, and its word counts).
 *
 *     start -> watch-list (refused: list) -> synced -> watch until it ends -> watch again from the last revision
 *                 ^                                            |
 *                 +------ 410, or the stream made no sense ----+   back-off 800 ms .. 30 s with jitter between failures
 *
 * All calls belong to the informer's loop. */
#pragma once
#include "client/transport.h"
#include "base/map.h"

struct informer;
struct informer_item {
	struct str key;        /* "ns/name" or "name" */
	struct str ns, name;
	uint64_t rev;
	struct blob *pb;       /* valid while the item is current; blob_ref to keep it */
	void *extract;         /* what opts.extract returned */
};
struct informer_handler {
	/* old is NULL on add, cur is NULL on delete.  Either is valid only during the call.  After a re-list an unchanged object is not reported. */
	void (*fn)(void *arg, const struct informer_item *old, const struct informer_item *cur);
	void *arg;
	struct informer_handler *next; /* the informer's */
};
struct informer_opts {
	const struct resource *res;
	struct str ns, label_selector, field_selector;
	/* Optional compact form made at event time (heap); freed by extract_free. */
	void *(*extract)(const struct type *t, void *obj);
	void (*extract_free)(void *x);
	/* Optional index: writes up to n (INFORMER_INDEX_KEYS) keys of the object, in the arena or pointing into it, and returns how many.
	 * All indexes of an informer share one space of keys: begin yours with what it is, as in "node/worker-1". */
	size_t (*index)(struct arena *a, void *obj, struct str *keys, size_t n);
};
#define INFORMER_INDEX_KEYS 64
struct informer *informer_new(struct transport *t, const struct informer_opts *o); /* options are copied */
void informer_add_handler(struct informer *inf, struct informer_handler *h); /* before or after start; gets adds for what is there */
void informer_start(struct informer *inf, struct scope *s); /* spawns its fiber in s */
int informer_wait_synced(struct informer *inf, mono_t deadline) must_check; /* waits: 0, -ETIME, -ECANCELED */
void informer_add_index(struct informer *inf, size_t (*index)(struct arena *a, void *obj, struct str *keys, size_t n)); /* the same one twice is one */
bool informer_synced(const struct informer *inf);
void informer_free(struct informer *inf); /* after its scope ended */
const struct informer_item *informer_get(const struct informer *inf, struct str key); /* NULL when absent */
/* Decoded into the arena; NULL when absent. */
void *informer_object(const struct informer *inf, struct arena *a, struct str key);
void *informer_decode(const struct informer *inf, struct arena *a, const struct informer_item *item);
/* All items, or those of a namespace: size_t i = 0; while ((it = informer_next(inf, ns, &i))).  Not across waits.
 * The order depends on the order of events only. */
const struct informer_item *informer_next(const struct informer *inf, struct str ns, size_t *i);
/* Items whose index has the key. */
const struct informer_item *informer_by_index(const struct informer *inf, struct str index_key, size_t *i);
size_t informer_count(const struct informer *inf);
uint64_t informer_rev(const struct informer *inf); /* last seen, bookmarks included */

/* One informer per resource for the components of a loop. */
struct informers;
struct informers *informers_new(struct transport *t, struct scope *s);
struct informer *informers_get(struct informers *f, const struct informer_opts *o); /* starts it; the same resource, selectors and extract give the same informer; its index is added */
int informers_wait_synced(struct informers *f, mono_t deadline) must_check;
void informers_free(struct informers *f);
