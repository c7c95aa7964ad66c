/* Inside of the HTTP client; private to net/.
 *   http_client.c  calls, answers, pool, connecting     h1_client.c, h2_client.c  the protocols     proxy.c  the reverse proxy
 * A connection lives as long as its socket or an answer on it. */
#pragma once
#include "net/http1.h"
#include "net/http_client.h"
#include "net/sock.h"
#include "net/sock_duplex.h"

#define ANSWER_WINDOW (1u << 20)  /* of an answer's body unread */
#define CONN_WINDOW (16u << 20)
#define SEND_MAX (256u << 10)     /* of a request's body waiting */
#define ANSWER_HEAD_MAX (1u << 20)
#define ANSWER_HEADERS 256

struct cconn;
struct answer;
struct cproto {
	int (*open)(struct cconn *c);
	void (*readable)(struct cconn *c);
	void (*flush)(struct cconn *c);
	int (*send)(struct cconn *c, struct answer *a, const struct http_call *q); /* 0, -errno */
	void (*more)(struct cconn *c, struct answer *a);               /* request body bytes, or their end, are there */
	void (*consumed)(struct cconn *c, struct answer *a, size_t n); /* answer body bytes were read */
	void (*drop)(struct cconn *c, struct answer *a);               /* the caller is done with the answer */
	void (*ping)(struct cconn *c);
	void (*free)(struct cconn *c);
};
extern const struct cproto h1_client, h2_client;

struct http_client {
	struct http_client_opts opts;
	char *url;
	struct str host, base, authority; /* in url, or the unix path in host */
	char *host_z, *authority_z;
	char port[8];
	bool tls, local;            /* local: unix socket */
	struct list conns;
	uint32_t connecting, nidle;
	struct cond changed;
	bool freed;
	uint32_t users;             /* calls and connections that point here */
};

struct cconn {
	struct sock sock;
	struct http_client *client;
	const struct cproto *proto; /* after open */
	void *state;
	struct list node, answers;
	uint32_t nanswers, max_streams;
	bool dead, draining, used, exclusive; /* exclusive: for an upgrade */
	int error;
	struct cond cond;
	struct timer timer;
	mono_t active, pinged;
	struct sock_duplex *up;
};

struct answer {
	struct http_answer pub;
	struct cconn *conn;         /* NULL when it is over */
	struct arena *arena;
	struct list node;
	bool head, eof, is_head, upgrade, refused, counted; /* refused: the server has not seen it */
	int error;
	struct buf in;
	size_t in_off;
	struct cond cond, out_cond;
	uint32_t cap_headers;
	size_t head_bytes;
	struct http_header *trailers;
	uint32_t ntrailers, cap_trailers;
	/* Request body on its way. */
	struct buf out;
	size_t out_off;
	bool has_body, out_end, out_deferred;
	ssize_t (*body_read)(void *arg, void *p, size_t n);
	void *body_arg;
	struct scope scope;
	int32_t id;
};
/* For the protocols. */
void answer_header(struct answer *a, struct str name, struct str value, bool trailer); /* copies into the arena */
void answer_head(struct answer *a);
void answer_data(struct answer *a, struct str data);
void answer_end(struct answer *a, int error);
void cconn_dead(struct cconn *c, int error);
void cconn_release(struct cconn *c, struct answer *a); /* the answer needs the connection no more */
