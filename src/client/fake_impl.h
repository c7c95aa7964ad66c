/* Private to the server in memory.
 *
 * fake.c        the transport, faults, reading
 * fake_write.c  create, update, patch, delete
 * fake_watch.c  history and watches */
#pragma once
#include "api/selector.h"
#include "client/backoff.h"
#include "client/fake.h"
#include "client/impl.h"
#include "base/map.h"
#include "gen/meta_v1.h"

#define FAKE_HISTORY 10000 /* events kept for watches; the oldest fall out */

struct fake_object {
	struct str key; /* "ns/name" */
	struct blob *pb;
	uint64_t rev;
};
/* The objects of one resource. */
struct fake_table {
	struct str name; /* "group/plural" */
	struct map objects;
};
struct fake_event {
	struct fake_table *table;
	const struct type *type;
	struct blob *old, *cur; /* NULL: created, deleted */
	struct blob *last;      /* of a deleted object, with the revision of its deletion */
	uint64_t rev;
};
struct fake {
	uint64_t rev, compacted;
	struct map tables;
	struct fake_event *events;
	size_t nevents, cap_events;
	uint64_t first;       /* number of events[0] since the beginning */
	struct list watches;
	size_t nwatches;
	struct fake_faults faults;
	uint64_t calls[VERBS];
};

struct fake_table *fake_table(struct fake *f, const struct resource *r);
/* Records the change: *to is the object's new state (NULL: gone), old what it was.  Takes over the references. */
void fake_commit(struct fake *f, const struct call *c, struct str key, struct blob *cur, struct blob *last);
struct watch *fake_watch_new(struct fake *f, const struct call *c, struct err *e);
int fake_watch_next(struct watch *w, struct watch_event *ret, mono_t deadline, struct err *e);
void fake_watch_close(struct watch *w);
void fake_events_wake(struct fake *f);
void fake_event_fini(struct fake_event *ev);

/* What a call selects. */
struct fake_filter {
	struct str ns, name;
	struct selector labels;
	struct field_selector fields;
};
int fake_filter_init(struct arena *a, const struct call *c, struct fake_filter *ret, struct err *e) must_check;
/* Whether the object (may be NULL: no) is selected. */
bool fake_filter_matches(const struct fake_filter *f, const struct type *t, const struct blob *pb);

void *fake_decode(struct arena *a, const struct type *t, const struct blob *pb);
struct blob *fake_encode(struct ref o);
struct str fake_key(struct arena *a, struct str ns, struct str name);
struct str fake_rev_text(struct arena *a, uint64_t rev);
int fake_not_found(const struct call *c, struct err *e);
struct str fake_resource_text(struct arena *a, const struct resource *r); /* "deployments.apps" */

int fake_write(struct fake *f, const struct call *c, struct arena *a, struct ref *ret, struct err *e);
int fake_delete_object(struct fake *f, const struct call *c, struct fake_object *o, struct arena *a, struct ref *ret, struct err *e);
