/* Private to endpoint/: a watch on the wire.
 *
 *     initial objects -> bookmark -> events of the cursor
 *
 * It is a state machine on its loop: it sends as long as little is queued, pauses its cursor beyond WATCH_HIGH, and goes on when the peer has taken what
 * was there.  A watcher that is so slow that the ring overtakes it is told 410. */
#pragma once
#include "apiserver/endpoint/endpoint.h"

#define WATCH_HIGH (1u << 20)  /* bytes queued for one watcher; what comes after waits in the ring, which costs nothing */
#define WATCH_LOW (256u << 10)

struct wire_watch;
/* Where frames go: an HTTP response or a WebSocket. */
struct watch_sink {
	void (*blob)(struct wire_watch *w, struct blob *b);      /* one whole frame; keeps a reference of its own */
	void (*pieces)(struct wire_watch *w, struct str head, struct blob *body, struct str tail); /* head and tail are copied */
	size_t (*queued)(struct wire_watch *w);
	void (*end)(struct wire_watch *w); /* frees w, or makes its owner do so */
};
struct wire_watch {
	const struct watch_sink *sink;
	struct arena *arena;
	struct request *r;        /* its own copy */
	struct match match;
	struct cursor cursor;
	struct timer timer;
	struct list node;         /* among the server's on this loop */
	struct object **initial;
	size_t ninitial, next_initial;
	mono_t began, deadline, bookmark_at;
	uint64_t start_rev;
	double *events;           /* counts what is sent (metrics.h) */
	bool want_end_mark;       /* the bookmark after the initial events is due */
	bool has_columns;         /* a Table with columns has been sent */
	bool ended;
	struct http_out *out;
	struct ws_watch *ws;
};
/* Frames (watch_frame.c). */
void frame_event(struct wire_watch *w, struct cache_event *ev, enum event_type type, struct object *o);
void frame_object(struct wire_watch *w, enum event_type type, struct object *o);
void frame_bookmark(struct wire_watch *w, uint64_t rev, bool initial_end);
void frame_error(struct wire_watch *w, struct err *e);
/* The state machine (watch.c). */
void watch_begin(struct wire_watch *w); /* once the sink is there */
void watch_pump(struct wire_watch *w);  /* sends what there is room for */
void watch_finish(struct wire_watch *w); /* in order */
void watch_drop(struct wire_watch *w);   /* closes the cursor and frees; the sink is gone already */
/* watch_ws.c: runs the watch on this fiber until either side ends it. */
int watch_websocket(struct request *r, struct wire_watch *w, struct err *e) must_check;
