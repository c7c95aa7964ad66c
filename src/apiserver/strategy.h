/* What is particular to a kind: a small struct of hooks, all optional.  Everything else is generic (endpoint/).
 *
 * Hooks work on the C struct of the storage version (strategies are written against it; others are converted around them).  Order on create:
 * decode, default, generic metadata, [admission mutating], prepare_create, validate, [admission validating], store.  On update: prepare_update(obj, old),
 * validate_update.  Validation hooks append causes with err_cause to *e and return nothing; the endpoint wraps them into upstream's 422.
 * On updates the generic part has already copied what clients may not change (name, uid, creationTimestamp, deletion marks) from old.
 *
 * To add a kind: registry/KIND.c with a `const struct strategy`, and its row in registry/table.c (sorted by group, then resource). */
#pragma once
#include "apiserver/request.h"

/* Names of selectable fields in one served version, where they are not those of the storage version. */
struct selector_name {
	const char *api_version;
	const char *name;   /* NULL: the field cannot be selected by in that version */
	const char *field;  /* of strategy.selectable */
	bool instead;       /* the field's own name is unknown there */
};
struct strategy {
	const char *group, *resource;       /* "apps", "deployments" */
	bool allow_create_on_update;        /* PUT on a missing name creates */
	bool unconditional_update_forbidden;/* PUT needs a resourceVersion */
	bool returns_object_on_delete;      /* DELETE answers the object instead of a Status */
	bool orphan_by_default;
	bool meta_checked_once;             /* upstream's update validation of the kind does not compare the metadata: its causes come once, not twice */
	bool gc_unsupported;                /* Events: no orphan or foreground finalizers */
	uint8_t meta_again;                 /* how often upstream's update validation of the kind looks at the metadata as on create, too (its causes repeat) */
	const char *orphan_warning;         /* Warning of every delete that leaves the choice open */
	/* For kinds with /status the generic code drops the status of a create and keeps the old one on PUT and PATCH of the main resource, unless: */
	bool status_in_create, status_in_update;
	const char *const *resets;          /* besides status, what writes of the object itself never own in managedFields: "spec", ...; NULL-terminated */
	const char *const *status_keeps;    /* of the metadata, what /status cannot change: "metadata.labels", ... or "metadata"; NULL-terminated */
	bool has_generation;                /* metadata.generation: 1 at create, +1 when spec changes; else it is what the client sent at create */
	const char *const *selectable;      /* field selectors beyond metadata.name/namespace: "spec.nodeName", ... NULL-terminated.
	                                       The first one is indexed for watches. */
	const struct selector_name *selector_names; /* ends with an empty row */
	const char *const *selectable_at;   /* where those stand that are not at the path of their name: NULL for the others, "" nowhere; a list's first
					     * element counts */
	/* Value of one that is no plain path; absent when this one is (default: the field at the path). */
	struct str (*field)(struct arena *a, const void *obj, int selectable_index);
	void (*validate_name)(struct str name, bool prefix, struct err *e); /* causes on metadata.name; NULL: DNS-1123 subdomain */
	/* What upstream's internal form makes of an object that is sent, before its fields get owners; a hook only where that shows. */
	void (*internal)(struct arena *a, void *obj);
	/* More defaults, in the version that was sent: part of what the client owns. */
	void (*after_default)(struct request *r, struct ref o);
	void (*prepare_create)(struct request *r, void *obj);
	void (*prepare_update)(struct request *r, void *obj, const void *old);
	void (*prepare_status)(struct request *r, void *obj, const void *old); /* /status; the generic code has put old's spec back (all but metadata and status) */
	void (*validate)(struct request *r, const void *obj, struct err *e);
	void (*validate_update)(struct request *r, const void *obj, const void *old, struct err *e);
	void (*validate_status)(struct request *r, const void *obj, const void *old, struct err *e);
	void (*warn)(struct request *r, const void *obj, const void *old); /* old NULL on create */
	/* Allocation around the commit (cluster IPs, node ports): may fail; undone by release when the commit fails or after delete (obj NULL). */
	int (*allocate)(struct request *r, void *obj, const void *old, struct err *e);
	void (*release)(struct request *r, const void *obj, const void *old);
	void (*after_delete)(struct request *r, const void *obj);
	/* The object must stay when it is deleted or loses its last finalizer (a Namespace with spec.finalizers): the generic code then marks it as
	   being deleted and stores it; the hook may change obj (status.phase). */
	bool (*hold)(struct request *r, void *obj);
	/* Cells of a Table row in the order of desc_columns; each is JSON text appended to cells (comma-separated). */
	void (*cells)(struct arena *a, const void *obj, wall_t now, struct buf *cells);
	/* Appends `,"conditions":[...]` to a row that has some (finished Pods). */
	void (*row_conditions)(const void *obj, struct buf *out);
	/* Scale: JSON paths of replicas; NULL: no /scale. */
	const char *scale_spec, *scale_status, *scale_selector;
	/* Seconds that a delete leaves the object (Pods); asked: by the client, or -1.  NULL: deletes are immediate. */
	int64_t (*grace)(struct request *r, const void *obj, int64_t asked);
	int64_t (*ttl_s)(struct request *r, const void *obj); /* of the stored key (Events) */
};
const struct strategy *strategy_of(struct str group, struct str resource); /* never NULL: the generic one when there is no row */

/* Sub-resources with behaviour of their own (binding, eviction, token, log, exec, finalize, approval, ...): sorted table, registry/subresources.c.
 * /status and /scale are generic.  The handler fills r->answer, or answers through r->resp itself and leaves ANSWER_NONE. */
struct subresource_handler {
	const char *group, *resource, *sub;
	int (*handle)(struct request *r, struct err *e);
};
const struct subresource_handler *subresource_handler(struct str group, struct str resource, struct str sub);
/* Resources that are not stored (reviews, componentstatuses): the same, with sub "". */

/* ---- What handlers and strategies may call (endpoint/) ---- */

/* Decodes the body (wire) or takes the call's into a fresh object of type t, defaulted; checks apiVersion and kind. */
int endpoint_body(struct request *r, const struct type *t, struct ref *ret, struct err *e) must_check;
/* Admission of a sub-resource's body that is created. */
int endpoint_admit(struct request *r, struct ref body, struct err *e) must_check;
/* Read, change, compare-and-store, again on conflict: for sub-resources that edit the stored object.  change gets the object in the storage version
 * (old is a copy) and returns 0 to write, 1 to leave it as it is, -1 with *e.  *ret is what is stored then. */
struct edit {
	int (*change)(struct request *r, void *obj, const void *old, void *arg, struct err *e);
	void *arg;
	struct str ns, name;
	bool dry_run;
	const char *manager_sub; /* sub-resource in managedFields, or NULL: managed fields stay as they are */
};
int endpoint_edit(struct request *r, struct cache_table *t, const struct edit *ed, void **ret, struct err *e) must_check;
/* Runs another call under the server's own identity, in this request's arena. */
int endpoint_call(struct request *r, const struct call *c, struct ref *ret, struct err *e) must_check;
