/* One model of numbered byte pipes, for exec, attach and port-forward: half-close, back-pressure, resize, error; the framing is chosen at the start.
 *
 * Framings: WebSocket v5.channel.k8s.io and v4.channel.k8s.io (also base64.*, channel.k8s.io), SPDY/3.1 (protocols v4.channel.k8s.io and
 * portforward.k8s.io in X-Stream-Protocol-Version), and SPDY/3.1 through WebSocket messages (SPDY/3.1+portforward.k8s.io, KEP-4006).
 * Both sides: server (API server, kubelet), client (kubectl, API server to kubelet, kubelet to the CRI runtime).
 *
 * A connection runs one reading fiber.  Each stream buffers STREAM_BUFFER bytes for its reader; when a stream is full the connection reads no more
 * until it was read (neither WebSocket nor spdystream has credits): readers must read all streams.  All calls wait; they belong to one loop. */
#pragma once
#include "net/duplex.h"
#include "net/http.h"
#include "net/http_client.h"

#define STREAM_BUFFER (256u << 10)
#define STREAMS_MAX 4096          /* open at once per connection: port-forward opens two per flow */

enum stream_type { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_ERROR, STREAM_RESIZE, STREAM_DATA, STREAM_TYPES };
const char *stream_type_name(enum stream_type t); /* "stdin", ..., as in the streamType header */

struct stream_conn;
struct stream;

/* Which pipes an exec or attach has.  With a WebSocket they exist from the start; with SPDY the client opens them. */
struct stream_want {
	bool in, out, err, tty;   /* tty: resize; err is off with a tty */
	bool port_forward;        /* no fixed pipes: pairs of error and data */
	const uint16_t *ports;    /* WebSocket v4 port-forward: the ports of the query, two channels each */
	uint32_t nports;
};
bool stream_requested(const struct http_req *q); /* an upgrade to WebSocket or SPDY/3.1 */
/* Server: negotiates, answers 101.  On NULL the caller answers with the error (400: no upgrade, 403: no common protocol). */
struct stream_conn *stream_accept(struct http_req *q, struct http_resp *r, const struct stream_want *w, struct err *e);
/* Client.  framing: what to offer first; on a refused WebSocket upgrade (any status but 101) the call falls back to SPDY when asked for BOTH.
 * q.method is GET for WebSocket and POST for SPDY; q.upgrade is set here. */
enum stream_framing { STREAM_WEBSOCKET, STREAM_SPDY, STREAM_BOTH };
struct stream_conn *stream_dial(struct http_client *c, const struct http_call *q, enum stream_framing f, const struct stream_want *w, struct err *e);
/* The protocol in use: "v5.channel.k8s.io", "v4.channel.k8s.io", "portforward.k8s.io", ... */
const char *stream_conn_protocol(const struct stream_conn *c);
/* Bad things end all streams: reads give the error (-ECONNRESET, -EPROTO, ...), after what was received. */
int stream_conn_error(const struct stream_conn *c); /* 0 while it lives */
bool stream_conn_closed(const struct stream_conn *c);
/* Waits until the peer is gone. */
int stream_conn_wait(struct stream_conn *c, mono_t deadline) must_check;
/* Sends what is left, closes, frees all streams. */
void stream_conn_close(struct stream_conn *c); /* waits briefly; NULL is fine */
CLEANUP_FN(stream_conn_close, struct stream_conn *)

/* The pipes of an exec: server side it waits until the client opened all that want names (SPDY); client side it opens them. */
struct stream_set {
	struct stream *s[STREAM_TYPES]; /* NULL where not wanted */
};
int stream_exec_set(struct stream_conn *c, struct stream_set *ret, mono_t deadline, struct err *e) must_check;
/* Port-forward: client opens a pair; server waits for the next whole pair.  0, or -1 (-EPIPE in e.sys: the peer closed). */
struct stream_pair {
	struct stream *data, *error;
	uint16_t port;
};
int stream_pair_open(struct stream_conn *c, uint16_t port, struct stream_pair *ret, struct err *e) must_check;
int stream_pair_next(struct stream_conn *c, struct stream_pair *ret, mono_t deadline, struct err *e) must_check;

ssize_t stream_read(struct stream *s, void *p, size_t n, mono_t deadline) must_check;  /* 0 at the end */
ssize_t stream_write(struct stream *s, const void *p, size_t n, mono_t deadline) must_check; /* all of it */
/* No more from us.  v4 WebSockets cannot say it for stdin: the call does nothing there, as upstream. */
int stream_half_close(struct stream *s) must_check;
/* Breaks both directions of this stream off (RST_STREAM; with WebSockets only locally).  s is invalid afterwards. */
void stream_reset(struct stream *s);
/* Done with a stream whose both directions ended, or soon will; s is invalid afterwards. */
void stream_release(struct stream *s);
bool stream_eof(const struct stream *s);

/* Window size messages on the resize stream: {"Width":80,"Height":24}. */
int stream_resize_read(struct stream *s, uint16_t *ret_width, uint16_t *ret_height, mono_t deadline) must_check; /* 1 read, 0 end, -errno */
int stream_resize_write(struct stream *s, uint16_t width, uint16_t height) must_check;

/* Joins two exec connections or two port-forward connections of any framings (what the API server does between kubectl and the kubelet).
 * Returns when both ended, or when every flow of a plain WebSocket (its pairs are fixed) has; closes neither. */
int stream_bridge(struct stream_conn *client, struct stream_conn *backend, struct err *e);
