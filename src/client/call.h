/* The calls that components make, short forms over transport.h.  All wait. */
#pragma once
#include "client/transport.h"

/* T is a C struct name such as core_v1_Pod: `struct core_v1_Pod *p = client_get(t, a, &core_v1_pods, ns, name, e)`. */
const struct resource *client_resource(const char *group, const char *version, const char *plural); /* aborts when unknown: for constants */
void *client_get(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, struct err *e);
void *client_create(struct transport *t, struct arena *a, const struct resource *r, struct str ns, void *obj, struct err *e);
void *client_update(struct transport *t, struct arena *a, const struct resource *r, void *obj, struct err *e); /* ns and name from metadata */
void *client_update_sub(struct transport *t, struct arena *a, const struct resource *r, const char *sub, void *obj, struct err *e);
void *client_patch(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, const char *sub, enum patch_type type,
	struct str patch, struct err *e);
/* Any call with all its options: the answer's object, or NULL. */
void *client_call(struct transport *t, struct arena *a, const struct call *c, struct err *e);
int client_delete(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, struct str uid, struct err *e) must_check; /* uid may be absent */
void *client_list(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str label_selector, struct err *e); /* the list object, in one piece */
/* Calls each(obj, arg) for every object of c's list, read in pages of c->limit (0: CLIENT_PAGE); obj lives until each returned; each may wait.
 * A continue token that expired on the way: the rest comes at the newest revision, as upstream's pager (some objects may come twice).  Stops at -1. */
#define CLIENT_PAGE 500
int client_each(struct transport *t, const struct call *c, int (*each)(void *obj, void *arg, struct err *e), void *arg, struct err *e) must_check;
/* Reads, lets change(obj, arg) edit, updates; again on conflict, at most CLIENT_CONFLICTS times.  change returns 0 to write, 1 to leave it, -1 with *e. */
#define CLIENT_CONFLICTS 5
int client_modify(struct transport *t, const struct resource *r, const char *sub, struct str ns, struct str name,
	int (*change)(struct arena *a, void *obj, void *arg, struct err *e), void *arg, struct err *e) must_check;
