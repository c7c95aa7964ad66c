/* HTTP client for fibers: https://, http:// and unix sockets, HTTP/2 where the server offers it, connections pooled.
 *
 * A client belongs to one loop and may be used by many fibers of it.  Redirects are never followed, cookies and proxies not known.
 * A call that fails before the server can have seen it on a pooled connection that had gone stale is tried once more on a fresh one. */
#pragma once
#include "base/arena.h"
#include "net/http.h"

struct http_client;
struct http_client_opts {
	const char *url;            /* "https://host:port[/base]", "http://...", "unix:///run/x.sock"; the base path is kept and put before paths */
	struct tls *tls;            /* a reference is taken; needed for https */
	bool http2_prior;           /* HTTP/2 in cleartext (gRPC, our own unix sockets) */
	bool http1_only;
	uint32_t idle_max;          /* HTTP/1.1 connections kept; 0: 8 */
	nsec_t connect_timeout;     /* 0: 30 s, name lookup, connect and handshake */
	nsec_t idle_timeout;        /* 0: 90 s */
	nsec_t ping_after;          /* 0: 30 s; HTTP/2 health check, unanswered for 15 s: the connection is given up */
};
struct http_client *http_client_new(const struct http_client_opts *o, struct err *e);
/* Running calls fail; waits for nothing. */
void http_client_free(struct http_client *c); /* NULL is fine */
CLEANUP_FN(http_client_free, struct http_client *)

struct http_call {
	struct str method;          /* absent: GET */
	struct str path;            /* with the query, already encoded */
	struct str host;            /* absent: from the URL */
	const struct http_header *headers;
	uint32_t nheaders;
	struct str body;            /* must live until http_call returned */
	/* A body as it comes instead: fills p, 0 at the end, -errno breaks the call off.  Waits; runs on a fiber of its own until the answer is closed. */
	ssize_t (*body_read)(void *arg, void *p, size_t n);
	void *body_arg;
	int64_t body_length;        /* with body_read; -1 unknown */
	mono_t deadline;            /* for the headers of the answer; 0: 30 s from now */
	struct str upgrade;         /* protocol to switch to (HTTP/1.1 connection of its own): http_answer_duplex on 101 */
	int no_retry;               /* never on a second connection */
};
struct http_answer {
	int status;
	struct http_header *headers; /* in the arena */
	uint32_t nheaders;
	int64_t content_length;     /* -1 unknown */
	int proto;                  /* 11 or 20 */
};
/* Waits for status and headers.  NULL: ERR_SERVICE_UNAVAILABLE or ERR_TIMEOUT with .sys set, naming the address.  A call may be cancelled.
 * The arena must outlive the answer. */
struct http_answer *http_call(struct http_client *c, const struct http_call *q, struct arena *a, struct err *e);
struct str http_answer_header(const struct http_answer *r, struct str name); /* lower case; absent without */
struct str http_answer_trailer(const struct http_answer *r, struct str name); /* HTTP/2 only, after the end of the body */
ssize_t http_answer_read(struct http_answer *r, void *p, size_t n, mono_t deadline) must_check; /* waits; 0 at the end */
int http_answer_all(struct http_answer *r, size_t max, struct str *ret, mono_t deadline, struct err *e) must_check; /* waits; in the arena */
/* Ends the call; an unfinished body is broken off.  Needed for every answer. */
void http_answer_close(struct http_answer *r); /* NULL is fine */
CLEANUP_FN(http_answer_close, struct http_answer *)
/* After status 101: the connection's bytes; the duplex is the caller's to close, besides the answer. */
struct duplex *http_answer_duplex(struct http_answer *r);
const struct tls_peer *http_answer_peer(const struct http_answer *r); /* the server's certificate */

/* Reverse proxy: sends q on to c under path (headers without the hop-by-hop ones, plus add), copies the answer back, both bodies as they come;
 * upgrades are joined by duplex_splice.  Returns when all is done; on -1 before the answer began nothing was written to r. */
struct http_proxy {
	struct str path;            /* with query */
	const struct http_header *add;
	uint32_t nadd;
	const struct str *drop;     /* request headers not to pass on (authorization), lower case */
	uint32_t ndrop;
	mono_t deadline;            /* for the answer's headers */
};
int http_proxy(struct http_client *c, struct http_req *q, struct http_resp *r, const struct http_proxy *p, struct err *e);
