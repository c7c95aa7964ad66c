/* How API calls travel: one interface, three carriers (HTTPS here; in process and simulated by the API server's room).
 *
 * A struct call names what is wanted, not how it is encoded.  All functions wait (fibers only) and may be used by many fibers of one loop at once.
 * Objects come back typed, decoded into the caller's arena, in the call's group version.  Errors are the server's Status, unchanged;
 * carrier failures are ERR_SERVICE_UNAVAILABLE or ERR_TIMEOUT with .sys set (ECANCELED: the fiber was cancelled; ETIME: the deadline passed). */
#pragma once
#include "base/blob.h"
#include "rt/fiber.h"
#include "schema/reflect.h"

enum patch_type { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
enum propagation { PROPAGATE_DEFAULT, PROPAGATE_ORPHAN, PROPAGATE_BACKGROUND, PROPAGATE_FOREGROUND };

struct call {
	enum verb verb;
	const struct resource *res;
	struct str sub;               /* "", "status", "scale", "binding", "eviction", "token", ... */
	struct str ns, name;
	struct ref body;              /* create, update, sub-resource create */
	enum patch_type patch_type;
	struct str patch;             /* JSON text (apply: YAML or JSON) */
	/* Options; zero values mean absent. */
	struct str label_selector, field_selector, resource_version, rv_match, continue_, field_manager, field_validation;
	int64_t limit;
	bool dry_run, force, bookmarks, send_initial_events, orphan_dependents;
	bool has_grace;
	int64_t grace_s;
	enum propagation propagation;
	struct str pre_uid, pre_rv;   /* delete preconditions */
	int64_t timeout_s;            /* of a watch, or of the call */
};

enum watch_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR };
struct watch_event {
	enum watch_type type;
	struct blob *pb;   /* protobuf of the object with its resourceVersion, no envelope; a reference the receiver drops.  NULL for bookmarks and errors */
	uint64_t rev;      /* its resourceVersion */
	bool initial_end;  /* bookmark that ends the initial events */
};

struct transport;
struct watch;
struct transport_ops {
	/* *ret is the answer's object (the kind asked for, a list, or a Status), allocated in a. */
	int (*call)(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e);
	struct watch *(*watch)(struct transport *t, const struct call *c, struct err *e);
	/* The next event; 0, -1 with *e on an ERROR event (410 Gone, ...) or carrier failure, 1 when the server ended the watch in order. */
	int (*watch_next)(struct watch *w, struct watch_event *ret, mono_t deadline, struct err *e);
	void (*watch_close)(struct watch *w);
	void (*free)(struct transport *t);
};
struct transport {
	const struct transport_ops *ops;
};
struct watch {
	const struct transport_ops *ops;
};
void transport_free(struct transport *t); /* NULL is fine; watches must be closed */
CLEANUP_FN(transport_free, struct transport *)
static inline int transport_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	return t->ops->call(t, c, a, ret, e);
}
static inline struct watch *transport_watch(struct transport *t, const struct call *c, struct err *e) { return t->ops->watch(t, c, e); }
static inline int watch_next(struct watch *w, struct watch_event *ret, mono_t deadline, struct err *e) { return w->ops->watch_next(w, ret, deadline, e); }
void watch_close(struct watch *w); /* NULL is fine */
CLEANUP_FN(watch_close, struct watch *)

/* For carriers: a failure with an errno (either sign), as "what: Connection reset by peer".  Returns -1. */
int transport_failed(struct err *e, int error, const char *what);

/* What a watcher needs to know of an object, read from its protobuf bytes without decoding the rest; strings point into them. */
struct pb_meta {
	struct str ns, name, uid;
	uint64_t rev;
};
int pb_meta_read(struct str pb, struct pb_meta *ret) must_check; /* -1: malformed, or without a numeric resourceVersion */
