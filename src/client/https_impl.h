/* Private to the HTTPS transport.
 *
 * https_request.c  a struct call as method, path, query and body
 * https_auth.c     who we are: headers, tokens, plug-ins, TLS settings
 * https.c          calls          https_watch.c  watches
 * https_raw.c      raw requests   https_upgrade.c  streams */
#pragma once
#include "base/buf.h"
#include "client/exec_auth.h"
#include "client/https.h"
#include "client/impl.h"
#include "net/http_client.h"

#define HTTPS_CALL_TIMEOUT (90 * NS_S)    /* a call without one of its own: the server's is 60 s */
#define HTTPS_ANSWER_MAX ((size_t)1 << 30) /* lists of large clusters are hundreds of MB */
#define HTTPS_RETRIES 10                  /* after 429 and 5xx with Retry-After, as client-go */
#define HTTPS_TOKEN_AGE NS_MIN            /* then a token file is read again, as client-go */
#define HTTPS_HEADERS_MAX 64              /* ours: fixed ones and impersonation */

#define TYPE_OF_PB "application/vnd.kubernetes.protobuf"
#define TYPE_OF_JSON "application/json"

struct https {
	struct transport t;
	struct arena *arena;
	struct rest_config c;      /* strings in arena */
	struct http_client *client;
	bool json_only;            /* the server does not take protobuf */
	struct str authorization;  /* "Basic ..." */
	/* a bearer token and where it comes from */
	struct arena *token_arena;
	struct str token;
	mono_t token_read;         /* 0: not yet */
	mono_t token_until;        /* of a token source's */
	struct exec_auth *exec;
};
static inline struct https *https_of(struct transport *t) { return container_of(t, struct https, t); }

/* https_request.c */
struct https_request {
	const char *method;
	struct str path;           /* with the query */
	const char *content_type;  /* NULL: no body */
	struct str body;
};
int https_request_build(struct arena *a, const struct call *c, bool watch, bool json, struct https_request *ret, struct err *e) must_check;

/* https_auth.c */
struct http_client *https_client_new(struct https *h, struct str cert_pem, struct str key_pem, struct err *e);
/* Headers of a request in the arena; waits when a plug-in has to be asked. */
struct https_headers {
	struct http_header v[HTTPS_HEADERS_MAX];
	uint32_t n;
	bool full;
};
void https_header(struct https_headers *hs, const char *name, struct str value); /* absent values are left out */
int https_authorize(struct https *h, struct arena *a, struct https_headers *hs, struct err *e) must_check;
void https_unauthorized(struct https *h); /* the server answered 401 */

/* https.c */
/* Sends q, again after Retry-After: the answer's head, to be closed by the caller. */
struct https_sending {
	struct https *h;
	struct arena *a;
	const struct https_request *q;
	const char *accept;
	mono_t deadline;
};
struct http_answer *https_send(const struct https_sending *s, struct err *e);
/* An answer of 400 and above as an error; returns -1. */
int https_failed(const struct https_request *q, const struct call *c, struct http_answer *r, struct str body, struct err *e);
int https_decode(struct arena *a, struct str content_type, struct str body, struct ref *ret, struct err *e) must_check;
bool https_is_pb(struct str content_type);

/* https_watch.c */
struct watch *https_watch(struct transport *t, const struct call *c, struct err *e);
int https_watch_next(struct watch *w, struct watch_event *ret, mono_t deadline, struct err *e);
void https_watch_close(struct watch *w);
/* One frame, without its length; a is for scratch. */
int https_event_decode(struct arena *a, const struct type *t, bool pb, struct str frame, struct watch_event *ret, struct err *e) must_check;
