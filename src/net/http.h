/* HTTP server: HTTP/1.1 written here, HTTP/2 by nghttp2; over TLS (ALPN), cleartext and unix sockets (HTTP/2 by prior knowledge).
 *
 *     struct http_server *s = http_serve(listen_fd, &(struct http_opts){.tls = t, .handler = my_handler, .arg = me}, &e);
 *     static void my_handler(void *arg, struct http_req *q, struct http_resp *r)
 *     {
 *         resp_status(r, 200);
 *         resp_header(r, STR("content-type"), STR("text/plain"));
 *         resp_write(r, "ok", 2);
 *     }                                      // returning ends the response
 *
 * A server lives on the loop that called http_serve; several loops may each serve the same listening fd (each gets a share, EPOLLEXCLUSIVE).
 * Every request runs the handler on a fiber of its own.  When the peer resets the stream or the connection breaks, that fiber is cancelled.
 * Requests beyond the fibers that there are get 429 with Retry-After: 1.  Malformed ones get 400, 408, 413, 414, 431 or the stream error of RFC 9113.
 *
 * Limits: the defaults and why they are what they are stand at struct http_limits. */
#pragma once
#include "base/arena.h"
#include "base/blob.h"
#include "base/err.h"
#include "net/addr.h"
#include "net/duplex.h"
#include "net/tls.h"
#include "rt/fiber.h"

struct http_req;
struct http_resp;
struct http_server;

/* 0 means the default. */
struct http_limits {
	uint32_t header_bytes;      /* 1 MiB, Go's DefaultMaxHeaderBytes; a token with thousands of groups must fit */
	uint32_t header_count;      /* 256: each costs a lookup entry */
	uint32_t streams;           /* 250 concurrent per connection, upstream's --http2-max-streams-per-connection */
	uint32_t resets;            /* 1000 streams reset by the peer per connection, refilled by 100/s (rapid reset, CVE-2023-44487); then GOAWAY */
	uint32_t control_queue;     /* 1000 unanswered PING, SETTINGS or RST replies queued (ping and settings floods); then the connection is cut */
	uint32_t continuations;     /* 64 CONTINUATION frames per header block (CVE-2024-28182) */
	uint32_t stream_window;     /* 256 KiB of request body unread per stream, upstream's MaxUploadBufferPerStream */
	uint32_t conn_window;       /* 4 MiB of request bodies unread per connection */
	uint32_t queued;            /* 1 MiB of response waiting to be sent per stream: resp_write waits beyond it */
	uint32_t connections;       /* 16384 per server */
	nsec_t handshake_timeout;   /* 10 s, as Go's client allows */
	nsec_t header_timeout;      /* 32 s from the first byte of a request to the end of its headers (upstream's ReadHeaderTimeout) */
	nsec_t body_timeout;        /* 30 s without a byte of an awaited body (slow-loris) */
	nsec_t idle_timeout;        /* 90 s without a request (upstream's IdleTimeout) */
	nsec_t write_timeout;       /* 60 s without progress while output is queued (slow readers); then the connection is cut */
	nsec_t ping_after;          /* 30 s without a byte from an HTTP/2 peer that has streams open: a PING; no answer in ping_timeout cuts */
	nsec_t ping_timeout;        /* 15 s */
};

struct http_opts {
	struct tls *tls;            /* a reference is taken; NULL: cleartext */
	bool one_user;              /* unix sockets: connections of other users than uid (SO_PEERCRED) are closed at once */
	uint32_t uid;
	void (*handler)(void *arg, struct http_req *q, struct http_resp *r);
	void *arg;
	struct http_limits limits;
	struct budget *budget;      /* parent of every request's arena; may be NULL */
	size_t request_budget;      /* bytes per request arena; 0: 64 MiB */
};
/* Takes over nothing but a duplicate of fd.  NULL on error. */
struct http_server *http_serve(int listen_fd, const struct http_opts *o, struct err *e);
/* Serves one connected socket (a socketpair in tests, an inherited connection); the fd is taken over. */
int http_serve_fd(struct http_server *s, int fd, struct err *e);
/* Stops accepting, sends GOAWAY or Connection: close, waits for running requests until the deadline, then cuts.  Watches are ended by their owners. */
int http_drain(struct http_server *s, mono_t deadline); /* waits */
/* Cuts what is left, waits for handlers to end, frees. */
void http_server_free(struct http_server *s); /* waits; NULL is fine */
struct http_stats {
	uint64_t accepted, requests, handshake_errors, protocol_errors, cut_slow;
	uint32_t connections, streams;
};
void http_server_stats(const struct http_server *s, struct http_stats *ret);

struct http_header {
	struct str name, value; /* name in lower case */
};

struct http_req {
	struct str method, path, query; /* path as sent (percent-encoded), without '?'; query absent without '?' */
	struct str host;                /* :authority or Host */
	const struct http_header *headers;
	uint32_t nheaders;
	int proto;                      /* 11 or 20 (10 for HTTP/1.0) */
	int64_t content_length;         /* -1 unknown (chunked or HTTP/2 without), 0 none */
	bool tls;
	const struct tls_peer *peer;    /* never NULL; valid as long as the request */
	const struct addr *remote;
	struct arena *arena;            /* freed after the response was sent */
	uint64_t conn_id;
	mono_t started;
};
/* The first value, or absent.  name in lower case. */
struct str req_header(const struct http_req *q, struct str name);
/* The next value of a repeated header: uint32_t i = 0; while (req_header_next(q, name, &i, &v)). */
bool req_header_next(const struct http_req *q, struct str name, uint32_t *i, struct str *ret);
/* Some value of the comma-separated header has this token (case is folded). */
bool req_header_has(const struct http_req *q, struct str name, struct str token);
/* Waits; the whole body, in the arena.  Beyond max: ERR_TOO_LARGE; broken off: ERR_BAD_REQUEST; too slow: ERR_TIMEOUT. */
int req_body(struct http_req *q, size_t max, struct str *ret, struct err *e) must_check;
/* Waits for some bytes; 0 at the end, or -errno. */
ssize_t req_body_read(struct http_req *q, void *p, size_t n, mono_t deadline) must_check;
#define HTTP_BODY_MAX (3u << 20) /* what the API server takes, upstream's MaxRequestBodyBytes */

/* Responses.  Status and headers leave with the first write that is flushed, or at the end; then the length is known and Content-Length is sent if
 * the whole body was written before.  Names in lower case; name and value must live in the request's arena or longer.
 * Writing functions wait while more than limits.queued bytes wait; they return 0 or -errno (-ECANCELED or -EPIPE: the peer is gone). */
struct http_req *resp_req(struct http_resp *r);
void resp_status(struct http_resp *r, int code);
void resp_header(struct http_resp *r, struct str name, struct str value);
bool resp_started(const struct http_resp *r); /* headers are out: too late for another status */
int resp_write(struct http_resp *r, const void *p, size_t n);                      /* copies */
int resp_write_blob(struct http_resp *r, struct blob *b, size_t off, size_t n);    /* takes a reference of its own */
struct http_piece {
	struct blob *blob; /* NULL: p lives in the request's arena or for ever */
	const char *p;
	size_t n;
};
int resp_writev(struct http_resp *r, const struct http_piece *v, size_t n);        /* references; blobs get a reference each */
/* Sends what was written now (else it leaves at the end of the turn in which the handler waits or returns): a length is not sent then. */
int resp_flush(struct http_resp *r);
/* The body is all there.  Later writes fail; the handler may go on (audit).  Implied by its return. */
int resp_end(struct http_resp *r);
/* Breaks the response off so that the client sees an error (RST_STREAM, or the connection closed without the last chunk). */
void resp_abort(struct http_resp *r);
/* A whole small answer: status, content type, body (copied). */
void resp_text(struct http_resp *r, int code, const char *content_type, struct str body);
uint64_t resp_bytes(const struct http_resp *r); /* body bytes written so far */
int resp_code(const struct http_resp *r);

/* Long-lived responses without a fiber (watches): a state machine on the loop pushes pieces.  After resp_detach the handler should return soon; the
 * request's arena goes away when the handler has returned, so nothing pushed may lie in it (only blobs, statics and copies).
 * Pieces pushed in one turn of the loop are gathered into full records. */
struct http_out;
struct http_out_ops {
	void (*closed)(void *arg);  /* the peer is gone or the connection was cut; o is invalid afterwards.  Not called after http_out_end/abort */
	void (*drained)(void *arg); /* optional: what was queued fell below low after having been above it */
	size_t low;                 /* 0: 64 KiB */
};
/* Sends the headers.  NULL when the peer is already gone. */
struct http_out *resp_detach(struct http_resp *r, const struct http_out_ops *ops, void *arg);
void http_out_blob(struct http_out *o, struct blob *b, size_t off, size_t n); /* takes a reference of its own */
void http_out_static(struct http_out *o, struct str s);
void http_out_copy(struct http_out *o, const void *p, size_t n);
size_t http_out_queued(const struct http_out *o); /* bytes not yet given to the socket: the owner cuts a watcher that is too slow */
void http_out_end(struct http_out *o);   /* end of the body once all is sent; o is invalid afterwards */
void http_out_abort(struct http_out *o); /* at once; o is invalid afterwards */

/* Switches an HTTP/1.1 connection to another protocol: sends 101 with the headers set so far and the given Upgrade value; then the bytes are the caller's.
 * The duplex must be closed by the caller and may outlive the handler; the arena does not.  NULL: HTTP/2 or the peer is gone (nothing was sent). */
struct duplex *resp_upgrade(struct http_resp *r, struct str protocol, struct err *e);

/* Query strings: the next name=value, percent-decoded into the arena; false at the end.  Bad escapes are skipped as Go does. */
bool query_next(struct arena *a, struct str *rest, struct str *ret_name, struct str *ret_value);
const char *http_reason(int code); /* "Not Found" */
