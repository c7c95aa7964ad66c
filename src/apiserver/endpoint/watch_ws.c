/* A watch over a WebSocket: a fiber writes what the state machine queues. */
#include "apiserver/endpoint/watch.h"
#include "net/websocket.h"

struct ws_watch {
	struct ws *ws;
	struct cond news;
	struct { struct blob **items; uint32_t len, cap; } queue;
	uint32_t head;
	size_t bytes;
	bool ended;
};

static void queue_blob(struct wire_watch *w, struct blob *b)
{
	struct ws_watch *s = w->ws;
	struct blob **slot = arena_push(w->arena, &s->queue);
	if (!slot)
		return;
	*slot = blob_ref(b);
	s->bytes += b->n;
	cond_wake(&s->news);
}

static void queue_pieces(struct wire_watch *w, struct str head, struct blob *body, struct str tail)
{
	CLEANUP(blob_unref) struct blob *b = blob_new(head.n + body->n + tail.n);
	if (!b)
		return;
	memcpy(b->p, head.p, head.n);
	memcpy(b->p + head.n, body->p, body->n);
	memcpy(b->p + head.n + body->n, tail.p, tail.n);
	queue_blob(w, b);
}

static size_t queued(struct wire_watch *w) { return w->ws->bytes; }

static void end(struct wire_watch *w)
{
	w->ws->ended = true;
	cond_wake(&w->ws->news);
}

static const struct watch_sink ws_sink = {queue_blob, queue_pieces, queued, end};

static int write_queued(struct wire_watch *w)
{
	struct ws_watch *s = w->ws;
	enum ws_kind kind = w->r->accept.media == MEDIA_PB ? WS_BINARY : WS_TEXT;
	int done = 0;
	while (!done && s->head < s->queue.len) {
		struct blob *b = s->queue.items[s->head++];
		done = ws_write(s->ws, kind, (struct str){0}, blob_str(b), rt_now() + 60 * NS_S);
		s->bytes -= b->n;
		blob_unref(b);
	}
	if (s->head == s->queue.len)
		s->head = s->queue.len = 0;
	return done;
}

static void run(struct wire_watch *w)
{
	struct ws_watch *s = w->ws;
	watch_begin(w);
	for (;;) {
		if (write_queued(w))
			break;
		if (s->ended)
			break;
		watch_pump(w);
		if (s->head == s->queue.len && !s->ended && cond_wait(&s->news, MONO_NEVER))
			break;
	}
	for (; s->head < s->queue.len; s->head++)
		blob_unref(s->queue.items[s->head]);
}

int watch_websocket(struct request *r, struct wire_watch *w, struct err *e)
{
	w->ws = arena_make(w->arena, struct ws_watch);
	cond_init(&w->ws->news);
	w->sink = &ws_sink;
	w->ws->ws = ws_accept(r->http, r->resp, NULL, NULL, e);
	if (!w->ws->ws) {
		watch_drop(w);
		return -1;
	}
	run(w);
	ws_close(w->ws->ws, 1000);
	watch_drop(w);
	return 0;
}
