/* A server in memory: storage, revisions and watches without admission, defaulting, validation or authorization, for tests and the simulator.
 *
 * It answers as the API server does where clients depend on it: 404, 409, 410, conflicts, generateName, uid, generation, status apart from spec,
 * finalizers, label and field selectors, limit and continue, bookmarks, initial events.  All on the loop that uses it.
 * Objects are kept in the version of the resource that wrote them: use one version per kind. */
#pragma once
#include "client/transport.h"

struct fake;
struct fake *fake_new(void);
void fake_free(struct fake *f); /* after its transports */
struct transport *fake_transport(struct fake *f); /* any number; each can be broken off alone */

/* Faults.  before is called first in every call and watch: it may sleep (calls then overtake each other), and fails the call with -1.
 * after is called when a call took effect, before its answer is given: -1 loses the answer. */
struct fake_faults {
	int (*before)(void *arg, const struct call *c, struct err *e);
	int (*after)(void *arg, const struct call *c, struct err *e);
	void *arg;
	bool no_watch_list;   /* refuses sendInitialEvents, as servers before 1.32 */
};
void fake_set_faults(struct fake *f, const struct fake_faults *o);
void fake_cut_watches(struct fake *f);              /* all end as a broken connection does */
void fake_end_watches(struct fake *f);              /* all end in order */
void fake_compact(struct fake *f);                  /* revisions before the present one are 410 from now on; open watches go on */
void fake_bookmark(struct fake *f);                 /* to all watches that want some */
uint64_t fake_rev(const struct fake *f);
size_t fake_watches(const struct fake *f);          /* open now */
uint64_t fake_calls(const struct fake *f, enum verb v); /* so far */
