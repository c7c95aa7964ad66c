/* One API request on its way through the stages.
 *
 * identity -> request info -> flow control -> audit -> authentication -> impersonation -> authorization -> endpoint.
 * A request lives on one fiber with one arena.  Wire requests and in-process calls become the same struct; only `http`, `body` and `resp` differ. */
#pragma once
#include "apiserver/identity.h"
#include "client/transport.h"

struct server;
struct http_req;
struct http_resp;
struct strategy;

enum media { MEDIA_JSON, MEDIA_YAML, MEDIA_PB, MEDIA_OTHER };
enum media_as { AS_OBJECT, AS_TABLE, AS_PARTIAL, AS_PARTIAL_LIST };

struct accept {
	enum media media;
	enum media_as as;
	struct str as_group_version;  /* "meta.k8s.io/v1" of the Table or PartialObjectMetadata */
	bool pretty, stream, gzip;
};

struct request {
	struct server *server;
	struct arena *arena;
	struct attrs at;
	struct user user;
	const struct resource *res;        /* NULL for non-resource requests */
	const struct subresource *sub;     /* NULL without */
	const struct strategy *strategy;
	const struct type *type;           /* of the kind in the request's version */
	struct call call;                  /* decoded options (both forms of request fill it) */
	struct accept accept;
	struct http_req *http;             /* NULL in process */
	struct http_resp *resp;            /* NULL in process */
	struct ref result;                 /* in process: the answer */
	struct { struct str *items; uint32_t len, cap; } warnings;
	mono_t start, deadline;
	bool privileged_loopback;          /* in-process component under its own identity */
};
void request_warn(struct request *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Runs all stages for a wire request (http_serve's handler). */
void pipeline_http(void *server, struct http_req *req, struct http_resp *resp);
/* Runs the same stages for an in-process call under user; the answer goes to *ret. */
int pipeline_run(struct server *s, const struct user *u, const struct call *c, struct arena *a, struct ref *ret, struct err *e) must_check;
/* A transport whose calls run on the caller's loop without encoding. */
struct transport *inproc_transport(struct server *s, const struct user *u);
