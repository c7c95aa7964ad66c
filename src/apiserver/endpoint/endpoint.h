/* Private to endpoint/: the steps of a request, in order of use. */
#pragma once
#include "api/selector.h"
#include "apiserver/admission.h"
#include "apiserver/cache.h"
#include "apiserver/request.h"
#include "apiserver/server.h"
#include "apiserver/strategy.h"
#include "base/buf.h"
#include "net/http.h"

/* info.c: path and method -> attributes, by upstream's RequestInfo rules.  -1: the path begins like a resource's and is none (500). */
int info_parse(struct request *r, struct str method, struct str path, struct err *e) must_check;
void info_selector(struct request *r, struct str text); /* a list's field selector into r->at */

/* dispatch.c: finds the resource and runs the verb. */
int dispatch_resource(struct request *r, struct err *e) must_check;
int dispatch_call(struct request *r, struct err *e) must_check; /* the verb itself; r->res, sub, type, table, strategy are set */
int request_bind(struct request *r, const struct resource *res, struct str sub, struct err *e) must_check;

/* negotiate.c */
bool accept_offered(struct request *r, bool watch);               /* the router's look at Accept; false: 406 */
int accept_choose(struct request *r, struct err *e) must_check;   /* the media type and transformation of the answer */
int accept_plain(struct request *r, struct err *e) must_check;    /* where no transformation is offered */
bool accept_discovery(struct request *r);                         /* as aggregated discovery: application/json;...;as=APIGroupDiscoveryList */
void accept_for_error(struct request *r, struct accept *ret, bool *ret_ok);
int accept_watch(struct request *r, struct err *e) must_check;    /* as a stream */
int content_media(struct request *r, enum media *ret, struct err *e) must_check;
int accept_not_acceptable(bool stream, struct err *e);
#define NEGOTIATE_ROUTER_TYPES "application/json, application/yaml, application/vnd.kubernetes.protobuf"

/* options.c: the query into r->call. */
int options_read(struct request *r, struct err *e) must_check;
int options_list(struct request *r, struct err *e) must_check;
int options_write(struct request *r, const char *kind, struct err *e) must_check; /* CreateOptions, UpdateOptions, PatchOptions */
int options_delete(struct request *r, struct err *e) must_check;
int options_delete_body(struct request *r, struct str body, enum media m, struct err *e) must_check;
bool query_get(struct request *r, struct str name, struct str *ret); /* the first value */
bool bool_of_query(struct str v);

/* decode.c: bodies into objects. */
int body_decode(struct request *r, const struct type *t, struct str body, enum media m, bool strict_modes, struct ref *ret, struct err *e) must_check;
void member_copy(const struct field *f, void *to, const void *from); /* write.c: one member of a struct, as it is */
int endpoint_object(struct request *r, const struct type *t, struct ref *ret, struct err *e) must_check; /* without managedFields: for what will be stored */
int body_managed(struct request *r, struct ref o, struct err *e) must_check; /* write.c: managedFields of a create that stores nothing */
struct strictness {
	struct request *r;
	struct { struct str *items; uint32_t len, cap; } complaints;
};
void strictness_complain(void *arg, struct str what);
/* Defaults, and what else the kind has from the start. */
void request_default(struct request *r, struct ref o);
/* After decoding: a 400 (Strict), warnings (Warn) or nothing (Ignore). */
int strictness_end(struct strictness *s, const struct type *t, struct err *e) must_check;

/* meta.c and meta_validation.c: what all kinds share. */
void meta_fill(struct request *r, struct ref o);                                     /* uid, creationTimestamp, name from generateName */
void meta_new_name(struct request *r, struct meta_v1_ObjectMeta *m);
int meta_namespace(struct request *r, struct ref o, struct err *e) must_check;       /* fits the request's */
int meta_name(struct request *r, struct ref o, struct err *e) must_check;            /* PUT: fits the path's */
void meta_dedup_owners(struct request *r, struct ref o);
void meta_carry_over(struct ref o, struct ref old);                                  /* what an update cannot change */
void meta_validate(struct request *r, const struct meta_v1_ObjectMeta *m, struct err *e);
/* What all kinds are checked for; the second is the part that most kinds repeat. */
void meta_validate_any_update(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e);
void meta_validate_update(const struct meta_v1_ObjectMeta *m, const struct meta_v1_ObjectMeta *old, struct err *e);
/* Makes the causes collected in *e a 422 of the kind ("Pod "x" is invalid: ...") and returns -1; 0 when there are none. */
int invalid_end(struct request *r, const struct type *t, struct str name, struct err *e) must_check;
/* The same for option kinds (group meta.k8s.io, no name). */
int invalid_options(const char *kind, struct err *e);

/* write.c */
int verb_create(struct request *r, struct err *e) must_check;
int verb_update(struct request *r, struct err *e) must_check;
int verb_patch(struct request *r, struct err *e) must_check;   /* patch.c */
int patch_body(struct request *r, struct err *e) must_check;
int patch_next(struct request *r, struct ref was, struct ref *ret, struct err *e) must_check; /* was as the patch or configuration changes it */
enum patch_type patch_type_of(struct str content_type);
int verb_delete(struct request *r, struct err *e) must_check;  /* delete.c */
int verb_delete_collection(struct request *r, struct err *e) must_check;
/* read.c, watch.c */
int verb_get(struct request *r, struct err *e) must_check;
int verb_list(struct request *r, struct err *e) must_check;
int verb_watch(struct request *r, struct err *e) must_check;
/* scale.c */
int verb_scale(struct request *r, struct err *e) must_check;
const struct type *scale_type(void);

/* Another version of an object, in the arena; itself when it is that version already. */
struct ref object_as(struct arena *a, struct ref o, const struct type *t);
/* Stores.  old NULL creates.  On return: 0 stored (resourceVersion set in obj), 1 conflict (the cache has caught up: try again), -1 error. */
int commit_put(struct request *r, struct cache_table *t, struct ref obj, const struct object *old, struct err *e) must_check;
int commit_delete(struct request *r, struct cache_table *t, const struct object *old, uint64_t *ret_rev, struct err *e) must_check;
/* The stages of an update once the new object is known in the request's version; shared by PUT, PATCH and sub-resources. */
struct update {
	struct object *cur;    /* what is stored; a reference of the caller's */
	struct ref old;        /* it, in the storage version */
	struct ref next;       /* in the request's version */
	bool unchanged;        /* out: nothing was written */
	bool applied;          /* in: managedFields are done already (apply) */
	bool deleted;          /* out: the last finalizer went */
	struct ref stored;     /* out: in the storage version */
};
/* 0 done, 1 conflict: read again and come back, -1 error. */
int update_run(struct request *r, struct update *u, struct err *e) must_check;
int create_run(struct request *r, struct ref next, struct err *e) must_check;
bool last_finalizer_gone(struct request *r, const struct strategy *s, struct ref o); /* it is being deleted and nothing holds it */
struct admit admit_of(struct request *r, enum admit_op op, struct ref obj, struct ref old);
/* Deletes one object by the call's options; the answer is what remains, or what was.  0, 1 overtaken, -1. */
int delete_run(struct request *r, struct object *cur, struct answer *ret, struct err *e) must_check;
/* The objects that a list (or deletecollection) selects, as an ANSWER_LIST. */
int list_run(struct request *r, struct answer *ret, struct err *e) must_check;
int already_exists(struct request *r, struct str name, struct err *e);
int conflict_modified(struct request *r, struct str name, struct err *e);
int conflict_uid(struct request *r, struct str name, struct str want, struct str have, const char *rv, struct err *e);
struct str request_manager(struct request *r);
struct managed_write request_managed(struct request *r); /* codec/managed.h: who writes, and what the write resets */
struct str resource_text(struct arena *a, const struct resource *res); /* "deployments.apps" */
#define WRITE_ATTEMPTS 64 /* of unconditional writes against a busy key, before they give up with a conflict */

/* match.c: selectors over cached objects. */
struct match {
	struct selector labels;
	struct field_selector fields;
	bool any;              /* neither */
	bool name_only;        /* nothing but the name that is required */
	struct str name, ns;   /* required by the field selector; "" otherwise */
};
int match_parse(struct request *r, struct match *ret, struct err *e) must_check;
bool match_object(const struct match *m, const struct object *o);
void match_bucket(const struct match *m, const struct cache_table *t, struct str ns, struct bucket *ret);

/* rv.c: which revision a read is served at. */
enum read_from { READ_NEWEST, READ_NOT_OLDER, READ_EXACT, READ_CONTINUE };
struct read_plan {
	enum read_from from;
	uint64_t rev;            /* of NOT_OLDER, EXACT and CONTINUE */
	int64_t limit;           /* 0: none */
	struct str start_ns, start_name; /* CONTINUE: after this */
	bool inconsistent;       /* CONTINUE without a revision */
};
int plan_list(struct request *r, struct read_plan *ret, struct err *e) must_check;
int plan_wait(struct request *r, uint64_t rev, struct err *e) must_check; /* until the cache shows it; 504 when it does not come */
struct str continue_token(struct arena *a, uint64_t rev, struct str start);
int rv_parse_get(struct str rv, uint64_t *ret, struct err *e) must_check; /* 500 text of get, watch */

/* status.c */
struct meta_v1_Status;
struct meta_v1_Status *status_from_err(struct arena *a, const struct err *e);
void status_success(struct request *r, struct ref *ret, struct str name, struct str uid);

/* respond.c */
void respond_answer(struct request *r);
void respond_error(struct request *r, struct err *e);
void respond_headers(struct request *r);
/* An object in the accepted form, ready to be sent; with its final newline where there is one. */
int render_ref(struct request *r, const struct accept *acc, struct ref o, struct buf *out);
const char *media_name(enum media m);
/* The parts of a protobuf envelope before and after a message of so many bytes. */
void envelope_head(struct buf *out, struct str api_version, struct str kind, size_t message);
void envelope_tail(struct buf *out);
/* transform.c: Table and PartialObjectMetadata. */
struct table_source {
	struct object *cached; /* or */
	struct ref ref;
};
int table_check(struct request *r, bool is_list, struct err *e) must_check;
void table_head(struct request *r, struct buf *out, bool columns, uint64_t rev, struct str continue_, int64_t remaining);
int table_row(struct request *r, const struct table_source *s, bool first, struct buf *out);
void table_tail(struct request *r, struct buf *out, size_t rows);
void partial_object(struct request *r, const struct table_source *s, struct buf *out); /* JSON */
void partial_to_pb(struct request *r, struct buf *json);
/* inproc.c */
int answer_to_ref(struct request *r, struct ref *ret, struct err *e) must_check;
