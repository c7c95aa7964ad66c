/* Inside of net/stream; private to net/.
 *   stream.c  pipes and their buffers     stream_ws.c, stream_spdy.c  the framings     stream_upgrade.c  negotiation, both sides
 *   stream_sets.c  exec sets, port-forward pairs, resize, bridging */
#pragma once
#include "net/spdy.h"
#include "net/stream.h"
#include "net/websocket.h"

struct framing {
	int (*start)(struct stream_conn *c);   /* after the upgrade; fixed channels are made here */
	int (*run)(struct stream_conn *c);     /* reads until the peer is gone; 0 or -errno */
	int (*open)(struct stream_conn *c, struct stream *s, uint32_t request); /* announces a stream of ours and waits for the answer */
	int (*write)(struct stream *s, const void *p, size_t n, mono_t deadline);
	int (*half_close)(struct stream *s);
	void (*reset)(struct stream *s);
	void (*finish)(struct stream_conn *c); /* says good-bye and closes the carrier */
};
extern const struct framing ws_framing, spdy_framing;

#define PROTOCOL_MAX 48
#define PORTS_MAX 64

struct stream_conn {
	const struct framing *framing;
	bool server, running, over, closing, goaway, base64;
	char protocol[PROTOCOL_MAX];
	struct stream_want want;
	uint16_t ports[PORTS_MAX];
	struct list streams;
	uint32_t nstreams;
	struct cond changed;        /* streams came, were answered, or all is over */
	struct scope scope;         /* the reading fiber */
	int error;
	struct ws *ws;
	struct duplex *d;           /* SPDY */
	struct spdy spdy;
	uint32_t next_id, last_id, next_request, next_ping;
	bool writing;
	struct cond write_cond;
};

struct stream {
	struct stream_conn *conn;
	struct list node;
	uint32_t id, request;       /* channel or SPDY id; port-forward: the number that joins a pair */
	enum stream_type type;
	uint16_t port;
	struct buf in;
	size_t off;
	int skip;                   /* bytes at the beginning that are not data (WebSocket port-forward: the port) */
	bool eof, ended, dead, answered, claimed, released, busy; /* ended: by us; dead: reset; busy: the reader waits for room */
	struct cond readable, space;
};
struct stream_conn *stream_conn_new(const struct framing *f, bool server, const char *protocol, const struct stream_want *w);
int stream_conn_start(struct stream_conn *c);  /* on -1 the conn was closed */
struct stream *stream_new(struct stream_conn *c, uint32_t id, enum stream_type type);
struct stream *stream_by_id(struct stream_conn *c, uint32_t id);
/* From the reader: waits while the stream is full. */
int stream_push(struct stream *s, struct str data) must_check;
void stream_push_end(struct stream *s, bool dead);
struct duplex *ws_duplex(struct ws *w); /* messages as a byte stream; takes w over */
