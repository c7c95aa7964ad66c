/* What is particular to a kind: a small struct of hooks, all optional.  Everything else is generic (endpoint/).
 *
 * Hooks work on the hub version's C struct (strategies are written against one version; others are converted around them).  Order on create:
 * decode, default, before_create, [admission mutating], prepare_create, validate, [admission validating], store.  On update: prepare_update(cur, old),
 * validate_update.  Validation hooks append causes with err_cause to *e and return nothing; the endpoint wraps them into upstream's 422. */
#pragma once
#include "apiserver/request.h"

struct table_row; /* endpoint/table.h */

struct strategy {
	const char *group, *resource;       /* "apps", "deployments" */
	const char *hub_version;            /* "v1" */
	bool allow_create_on_update;        /* PUT on a missing name creates */
	bool unconditional_update_forbidden;/* PUT needs a resourceVersion */
	bool returns_object_on_delete;      /* DELETE answers the object instead of a Status */
	bool graceful;                      /* Pod: deletionGracePeriodSeconds > 0 waits for the kubelet */
	bool orphan_by_default;
	bool status_in_create;              /* the status a client sends on create is kept */
	const char *const *selectable;      /* field selectors beyond metadata.name/namespace: "spec.nodeName", ... NULL-terminated */
	struct str (*field)(struct arena *a, const void *obj, int selectable_index);
	void (*prepare_create)(struct request *r, void *obj);
	void (*prepare_update)(struct request *r, void *obj, const void *old);
	void (*prepare_status)(struct request *r, void *obj, const void *old); /* /status */
	void (*validate)(struct request *r, const void *obj, struct err *e);
	void (*validate_update)(struct request *r, const void *obj, const void *old, struct err *e);
	void (*validate_status)(struct request *r, const void *obj, const void *old, struct err *e);
	void (*warn)(struct request *r, const void *obj, const void *old);
	/* Allocation around the commit (cluster IPs, node ports): may fail; undone by release when the commit fails or after delete. */
	int (*allocate)(struct request *r, void *obj, const void *old, struct err *e);
	void (*release)(struct request *r, const void *obj, const void *old);
	void (*after_delete)(struct request *r, const void *obj);
	/* Cells of a Table row in the order of desc_columns; each is JSON text appended to cells (comma-separated). */
	void (*cells)(struct arena *a, const void *obj, wall_t now, struct buf *cells);
	/* Scale: JSON paths of replicas; NULL: no /scale. */
	const char *scale_spec, *scale_status, *scale_selector;
	/* Grace period of a delete, and whether it may be immediate. */
	int64_t (*grace)(struct request *r, const void *obj);
};
const struct strategy *strategy_of(struct str group, struct str resource); /* never NULL: the generic one when there is no row */

/* Sub-resources with verbs of their own (binding, eviction, token, log, exec, ...): sorted table, registry/subresources.c. */
struct subresource_handler {
	const char *group, *resource, *sub;
	int (*handle)(struct request *r, struct err *e); /* writes the answer itself (r->resp) or sets r->result */
};
const struct subresource_handler *subresource_handler(struct str group, struct str resource, struct str sub);
