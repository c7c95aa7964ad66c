/* Inside of the HTTP server: what connections of both versions share.  Private to net/.
 *
 *   server.c  listening, connections, timeouts, drain        resp.c  requests and responses as handlers see them
 *   h1_server.c, h2_server.c  the protocols                   outq.c  queues of referenced bytes
 *
 * A struct http_resp (request and response in one) lives until its handler has returned *and* the protocol has let go of it; a connection's
 * memory lives until its last response is gone. */
#pragma once
#include "base/heap.h"
#include "base/list.h"
#include "net/http1.h"
#include "net/outq.h"
#include "net/sock.h"

struct hconn;
struct hproto {
	int (*open)(struct hconn *c);                               /* the protocol is chosen; 0 or -1 */
	void (*readable)(struct hconn *c);
	void (*flush)(struct hconn *c);
	void (*wake)(struct hconn *c, struct http_resp *r);         /* something to send, or the end */
	void (*consumed)(struct hconn *c, struct http_resp *r, size_t n); /* body bytes were read */
	void (*abort)(struct hconn *c, struct http_resp *r);
	void (*drain)(struct hconn *c);
	void (*check)(struct hconn *c, mono_t now, mono_t *next);   /* the protocol's own timeouts */
	void (*free)(struct hconn *c);
};
extern const struct hproto h1_proto, h2_proto;

struct hconn {
	struct sock sock;
	const struct hproto *proto; /* NULL until the first bytes told */
	void *state;                /* the protocol's */
	struct http_server *server;
	struct list node;
	struct list resps;          /* all that live */
	struct timer timer;
	uint32_t streams;           /* length of resps */
	uint32_t watches;           /* of them, detached */
	bool dead, draining;
	mono_t accepted, active;    /* active: last bytes from the peer */
	uint64_t id, requests;
	struct addr remote;
};

struct http_server {
	struct http_opts opts;
	struct io listen;
	struct turn accept_again;
	struct timer retry;         /* accept failed for want of descriptors */
	struct list conns;
	uint32_t nconns;
	struct scope scope;         /* handlers */
	struct cond changed;        /* a connection or a response went away */
	struct list spare;          /* responses for the next requests */
	uint32_t nspare;
	bool draining, closed;
	uint64_t next_id;
	struct http_stats stats;
	int64_t date_s;
	char date[32];
};

struct http_out {
	struct http_resp *r;
	const struct http_out_ops *ops;
	void *arg;
	bool live, above;
};

struct http_resp {
	struct http_req q;
	struct hconn *conn;
	struct http_server *server;
	struct budget budget;
	struct list node, dirty;    /* in conn->resps; in the protocol's list of those with something to send */
	struct fiber *fiber;
	bool running, attached, closed, detached, upgraded;
	/* Request. */
	struct http_header *headers;
	uint32_t cap_headers;
	size_t header_bytes;
	struct buf in;              /* body received and not read yet, from in_off */
	size_t in_off;
	bool in_end, wanted;        /* wanted: the handler asked for the body */
	int in_error;
	struct cond in_cond;
	/* Response. */
	int status;
	struct { struct http_header *items; uint32_t len, cap; } out_headers;
	int64_t length;             /* declared or known; -1 */
	bool started, ended, flushing, sent_end, refused;
	bool unqueued, paused;      /* HTTP/2: nghttp2 has no piece of the body in its queue; will have none after the frame that it pulled */
	struct outq out;
	uint64_t bytes;
	mono_t progress;
	struct cond out_cond;
	struct http_out detach;
	int32_t id;                 /* HTTP/2 stream */
};

/* server.c */
void hconn_dead(struct hconn *c);          /* the socket failed or the protocol is done: closes, tells all responses, frees when it can */
void hconn_check_soon(struct hconn *c);    /* deadlines changed */
struct str server_date(struct http_server *s);

/* resp.c */
struct http_resp *resp_new(struct hconn *c);   /* attached; NULL: out of memory */
void resp_set_target(struct http_resp *r, struct str target);
void resp_dispatch(struct http_resp *r);       /* runs the handler */
void resp_refuse(struct http_resp *r, int code, const char *why); /* answers without a handler; why may be NULL */
void resp_let_go(struct http_resp *r);         /* the protocol is done with it */
void resp_input(struct http_resp *r, struct str data);
void resp_input_end(struct http_resp *r, int error);
/* The response's headers as they go out: date and length added.  Call once, when sending begins. */
void resp_start(struct http_resp *r);
void resp_sent(struct http_resp *r, size_t n); /* n bytes left the queue */
void resp_put(struct http_resp *r, struct sock *to, size_t n); /* the queue's first n bytes */
bool resp_no_body(const struct http_resp *r);  /* HEAD, 204, 304 */
