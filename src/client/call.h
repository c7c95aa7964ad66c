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
int client_delete(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str name, struct str uid, struct err *e) must_check;
void *client_list(struct transport *t, struct arena *a, const struct resource *r, struct str ns, struct str label_selector, struct err *e); /* the list object */
/* Reads, lets change(obj, arg) edit, updates; again on conflict, at most 5 times.  change returns 0 to write, 1 to leave it, -1 with *e. */
int client_modify(struct transport *t, const struct resource *r, const char *sub, struct str ns, struct str name,
	int (*change)(struct arena *a, void *obj, void *arg, struct err *e), void *arg, struct err *e) must_check;
