/* Private to cache/: how the pieces hang together. */
#pragma once
#include "apiserver/cache.h"
#include "apiserver/cache/epoch.h"
#include "apiserver/cache/lru.h"
#include "apiserver/cache/otree.h"
#include "base/map.h"
#include "rt/fiber.h"
#include "store/store.h"

#define FIELD_PATH_MAX 6 /* members in a selectable field's path */

/* A selectable field as protobuf tags; ntags 0: only the strategy knows it. */
struct field_path {
	struct str path;
	uint32_t tags[FIELD_PATH_MAX];
	uint8_t ntags;
	uint8_t kind; /* enum kind of the value */
};

/* Recent events.  The writer appends and drops; readers look while pinned.  A slot is overwritten only after tail has gone past it. */
struct ring_slots {
	uint64_t mask;
	_Atomic(struct cache_event *) v[];
};
struct ring {
	_Atomic(struct ring_slots *) slots;
	_Atomic uint64_t head, tail; /* numbers of the next and of the oldest event */
	_Atomic uint64_t floor;      /* all events after this revision are here */
	_Atomic size_t bytes;
	size_t max_bytes;
	nsec_t max_age;
	struct epoch *epoch;
};
int ring_init(struct ring *r, struct epoch *ep, size_t max_bytes, nsec_t max_age);
void ring_fini(struct ring *r);
void ring_append(struct ring *r, struct cache_event *ev); /* the writer's */
/* NULL when the number is not (or no longer) in the ring; *ret_lost tells which.  While pinned. */
struct cache_event *ring_at(const struct ring *r, uint64_t number, bool *ret_lost);
/* The number of the first event after rev, or -1 when some of them are gone.  While pinned. */
int ring_find(const struct ring *r, uint64_t rev, uint64_t *ret) must_check;
struct cache_event *event_new(enum event_type type, uint64_t rev, struct object *cur, struct object *prev, mono_t now);

struct bucket_list {
	struct list cursors;
	struct str key;
};
/* The live cursors of a table on one loop. */
struct hub {
	struct cache_table *table;
	_Atomic uint32_t live;
	uint32_t kinds[8];   /* live cursors per kind of bucket: what is zero costs no lookup */
	uint64_t pos;        /* events before this have been delivered to live cursors */
	uint64_t rev;
	struct map buckets;  /* key -> struct bucket_list */
	struct list node;    /* in cache_loop.hubs */
	bool draining;
	struct { struct blob *frame, *copy; } own[FRAME_FORMS]; /* of the event being delivered, until the end of the drain */
};
void hub_drain(struct hub *h);
void hub_free(struct hub *h);

struct cache_table_impl {
	struct otree tree;                  /* the writer's */
	_Atomic(const struct node *) root; /* what readers see */
	struct ring ring;
	struct field_path *fields;
	_Atomic(struct hub *) hubs[EPOCH_READERS];
	bool touched;                      /* by the batch being written */
};

struct cache_loop {
	struct cache *cache;
	struct { struct post post; _Atomic bool posted; } events, news; /* for cursors, for waiters */
	_Atomic uint32_t waiters;  /* fibers that wait for a revision */
	struct list hubs;
	struct cond revision;
	struct turn over;          /* at the end of a round of deliveries */
	struct timer rest;         /* until the next one */
	mono_t began, rested;
};

struct cache {
	struct cache_opts opts;
	struct epoch epoch;
	struct lru lru;
	_Atomic uint64_t revision;
	struct cache_table **tables; /* by prefix */
	size_t ntables;
	struct cache_table **by_resource; /* by index of desc_resource */
	struct cache_loop *loops;
	struct store_sub sub;
	struct arena *arena;       /* tables and their texts */
	pthread_mutex_t load_lock; /* between loading and the subscription */
	struct retired *dead;      /* the writer's: retired when the roots that lack them are published */
	size_t ndead, cap_dead;
	bool loading;
	struct pending *pending;   /* batches that came while loading */
	_Atomic uint64_t json_made, json_hits;
};
/* tables.c */
int tables_make(struct cache *c);
void cache_bury(void *cache, void (*fn)(void *), void *p);
void tables_free(struct cache *c);
struct cache_table *table_of_key(struct cache *c, struct str key, struct str *ret_rest);
/* publish.c: the writer. */
void cache_on_batch(struct store_sub *sub, const struct store_batch *b);
void cache_apply(struct cache *c, const struct store_batch *b);
int cache_load(struct cache *c, struct err *e) must_check;
/* hub.c */
struct hub *hub_here(struct cache_table *t); /* of the current loop, made when missing */
void cache_loop_events(struct post *p);
void cache_loop_revision(struct post *p);
void cache_loop_leave(struct cache_loop *l); /* on the loop; nothing is posted to it any more */
