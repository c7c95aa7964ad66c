/* One API request on its way through the stages.
 *
 * identity -> request info -> flow control -> audit -> authentication -> impersonation -> authorization -> endpoint.
 * A request lives on one fiber with one arena.  Wire requests and in-process calls become the same struct; only `http`, `resp` and how the body
 * comes in and the answer goes out differ. */
#pragma once
#include "apiserver/identity.h"
#include "client/transport.h"

struct server;
struct http_req;
struct http_resp;
struct strategy;
struct cache_table;
struct object;

enum media { MEDIA_JSON, MEDIA_YAML, MEDIA_PB, MEDIA_OTHER };
enum media_as { AS_OBJECT, AS_TABLE, AS_PARTIAL, AS_PARTIAL_LIST, AS_DISCOVERY };

struct accept {
	enum media media;
	enum media_as as;
	struct str as_version;  /* "v1" or "v1beta1" of the Table or PartialObjectMetadata */
	bool pretty, stream, gzip;
};

/* What a verb answers.  The wire writes it negotiated, in-process callers get it as an object. */
enum answer_kind {
	ANSWER_NONE,    /* empty body (code 204), or the handler has answered itself */
	ANSWER_CACHED,  /* object, in the storage version */
	ANSWER_REF,     /* ref, in any version of its kind */
	ANSWER_LIST,    /* items */
	ANSWER_TEXT     /* text of content_type */
};
struct answer {
	enum answer_kind kind;
	int code;                 /* 0: 200 */
	struct object *object;    /* a reference, dropped when the request ends */
	struct ref ref;
	struct object **items;    /* references, in the arena; dropped when the request ends */
	size_t nitems;
	uint64_t rev;             /* of the list */
	struct str continue_;
	int64_t remaining;        /* -1: not told */
	struct str text, content_type;
	const struct cache_table *table; /* where a ref was stored: its JSON is given to the cached object */
};

#define FLOW_GAUGES 2 /* series of flow control that count a request while it runs */

struct request {
	struct server *server;
	struct arena *arena;
	struct attrs at;
	struct user user;
	const struct resource *res;        /* NULL for non-resource requests */
	const struct subresource *sub;     /* NULL without */
	const struct strategy *strategy;
	struct cache_table *table;         /* NULL when the resource is not stored */
	const struct type *type;           /* of the body: the kind in the request's version, or the sub-resource's */
	struct call call;                  /* decoded options (both forms of request fill it) */
	struct accept accept;
	struct str include_object;         /* Table rows: "Metadata" (default), "Object", "None" */
	struct str sub_path;               /* what follows the sub-resource (proxy) */
	struct str user_agent;
	bool watch, old_watch;             /* ?watch, or the old /watch/ path */
	bool has_name;                     /* the path names an object */
	bool has_send_initial;             /* sendInitialEvents was given, true or false */
	bool has_orphan;                   /* orphanDependents was given */
	const struct user *listener_user;  /* whom everybody on this listening socket is; NULL: credentials tell */
	struct http_req *http;             /* NULL in process */
	struct http_resp *resp;            /* NULL in process */
	struct str body;                   /* of wire requests, read by request_body */
	bool body_read;
	bool applied;                      /* managedFields of the new object are done (apply) */
	struct answer answer;
	struct str expired_continue;       /* of a 410: how to go on inconsistently */
	struct { struct str *items; uint32_t len, cap; } warnings;
	wall_t now;                        /* one time for all stamps of the request */
	mono_t start, deadline;
	bool seated;                       /* counted by flow control */
	double *executing[FLOW_GAUGES];    /* its series; NULL: not entered */
	bool no_paths, untold;             /* a run of validation or warnings without field paths, and whether there was a warning (write.c) */
	bool privileged_loopback;          /* in-process component under its own identity: no authorization */
};
/* A Warning header (deduplicated); in process it is dropped.  With no_paths it is only noted that there is one. */
void request_warn(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The whole body of a wire request; waits. */
int request_body(struct request *r, struct err *e) must_check;
/* "403 pods "x" is forbidden: ..." with details of the request's resource. */
int request_forbidden(struct request *r, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* May the user do this to the request's resource, by the request's verb or by another that it amounts to?  403 with the authorizers' reasons. */
int request_authorize(struct request *r, struct str verb, struct err *e) must_check;
/* `pods "x" not found`, with details. */
int request_not_found(struct request *r, struct str name, struct err *e);

/* Runs all stages for a wire request (http_serve's handler). */
void pipeline_http(void *listener, struct http_req *req, struct http_resp *resp);
/* Runs the same stages for an in-process call under user; the answer goes to *ret.  The arena holds cached objects from then on: free it before the
 * server. */
int pipeline_run(struct server *s, const struct user *u, const struct call *c, struct arena *a, struct ref *ret, struct err *e) must_check;
/* A transport whose calls run on the caller's loop (one of the cache's) without encoding; the user is copied.  u NULL: the server itself, to which all is
 * allowed. */
struct transport *inproc_transport(struct server *s, const struct user *u);
