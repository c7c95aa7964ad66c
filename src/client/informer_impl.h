/* Private to informers.
 *
 * informer.c        handlers, reading, factories
 * informer_store.c  items and their indexes
 * informer_watch.c  the fiber that lists and watches */
#pragma once
#include "client/backoff.h"
#include "client/impl.h"
#include "client/informer.h"

struct bucket;
/* One key of an item's index entries. */
struct membership {
	struct bucket *bucket;
	uint32_t at; /* of the item in the bucket */
};
struct entry {
	struct informer_item item; /* first */
	struct membership ns;
	struct membership *keys;
	uint32_t nkeys;
	bool kept;        /* seen by the re-list in progress */
	char text[];      /* of item.key */
};
/* The items that share a namespace or an index key. */
struct bucket {
	struct map *in;   /* where it is kept */
	struct str key;
	struct slot {
		struct entry *entry;
		struct membership *back; /* whose .at follows when the slot moves */
	} *slots;
	uint32_t n, cap;
};

typedef size_t (*index_fn)(struct arena *a, void *obj, struct str *keys, size_t n);

struct informer {
	struct transport *t;
	struct informer_opts opts; /* strings in arena */
	struct arena *arena;
	const struct type *type;
	struct map items;          /* key -> entry */
	struct map by_ns, by_key;  /* -> bucket */
	index_fn *indexes;
	size_t nindexes;
	struct informer_handler *handlers;
	struct cond synced_cond;
	bool synced, stopped;
	/* of the fiber */
	struct scope *scope;
	struct backoff backoff;
	uint64_t rev;
	bool consistent;           /* the next list must be the newest there is */
	bool no_watch_list;        /* the server refused it */
};

/* informer_store.c */
/* Puts the object's new bytes (a reference, taken over) in place and tells the handlers; older bytes than those that are there are dropped. */
int store_put(struct informer *inf, struct blob *pb, struct err *e) must_check;
/* rev is the deletion's; an object made anew since stays.  pb is a reference, taken over. */
int store_delete(struct informer *inf, struct blob *pb, uint64_t rev, struct err *e) must_check;
/* A re-list: between begin and end every object that is there is put; end deletes the others.  Older bytes replace newer ones when `back`. */
void store_relist_begin(struct informer *inf);
int store_relist_put(struct informer *inf, struct blob *pb, bool back, struct err *e) must_check;
void store_relist_end(struct informer *inf);
void store_reindex(struct informer *inf);
void store_fini(struct informer *inf);

/* informer_watch.c */
void informer_run(void *inf);
