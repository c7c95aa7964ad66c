/* Frames of a watch: protobuf ones have their length in four bytes before them, big-endian; JSON ones are lines. */
#include "client/https_impl.h"
#include "client/status.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include <errno.h>

#define FRAME_MAX ((size_t)64 << 20)  /* an object has 1.5 MB in etcd, 3 MB over HTTP; its JSON a few times that */
#define READ_SIZE ((size_t)8 << 10)   /* kept by every open watch */
#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

struct https_stream_watch {
	struct watch w;
	struct arena *arena;      /* of the call */
	struct arena *event;      /* of one event */
	struct http_answer *answer;
	struct buf in;
	size_t at;                /* read so far */
	const struct type *type;
	bool pb;
};

/* ---- opening */

static int open_failed(const struct https_request *q, const struct call *c, struct http_answer *r, struct err *e)
{
	struct str body;
	if (http_answer_all(r, FRAME_MAX, &body, rt_now() + HTTPS_CALL_TIMEOUT, e) < 0)
		return -1;
	return https_failed(q, c, r, body, e);
}

static int watch_open(struct https *h, struct https_stream_watch *w, const struct call *c, struct err *e)
{
	struct https_request q;
	struct call call = *c;
	call.verb = VERB_WATCH;
	struct https_sending s = {.h = h, .a = w->arena, .q = &q, .deadline = rt_now() + HTTPS_CALL_TIMEOUT};
	s.accept = h->json_only ? TYPE_OF_JSON ";stream=watch" : TYPE_OF_PB ";stream=watch," TYPE_OF_JSON ";stream=watch";
	if (https_request_build(w->arena, &call, true, h->json_only, &q, e) < 0 || !(w->answer = https_send(&s, e)))
		return -1;
	w->pb = https_is_pb(http_answer_header(w->answer, STR("content-type")));
	return w->answer->status == 200 ? 0 : open_failed(&q, &call, w->answer, e);
}

void https_watch_close(struct watch *watch)
{
	struct https_stream_watch *w = container_of(watch, struct https_stream_watch, w);
	http_answer_close(w->answer);
	buf_fini(&w->in);
	arena_free(w->event);
	arena_free(w->arena);
	free(w);
}

struct watch *https_watch(struct transport *t, const struct call *c, struct err *e)
{
	struct https_stream_watch *w = (struct https_stream_watch *)alloc_zero(sizeof *w);
	*w = (struct https_stream_watch){.w.ops = t->ops, .arena = arena_new(NULL), .event = arena_new(NULL), .type = desc_type(c->res->type)};
	w->in.max = FRAME_MAX + READ_SIZE;
	if (watch_open(https_of(t), w, c, e) == 0)
		return &w->w;
	https_watch_close(&w->w);
	return NULL;
}

/* ---- frames */

/* The next whole frame: 0; 1: more bytes are needed; -1: none can come. */
static int frame_pb(struct https_stream_watch *w, struct str *ret)
{
	size_t have = w->in.n - w->at;
	if (have < 4)
		return 1;
	const uint8_t *p = (const uint8_t *)w->in.p + w->at;
	size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > FRAME_MAX)
		return -1;
	if (have - 4 < n)
		return 1;
	*ret = str_n(p + 4, n);
	w->at += 4 + n;
	return 0;
}

static int frame_json(struct https_stream_watch *w, struct str *ret)
{
	struct str in = buf_view(&w->in);
	ptrdiff_t end = str_index(in, '\n', w->at);
	if (end < 0)
		return in.n - w->at > FRAME_MAX ? -1 : 1;
	*ret = str_sub(in, w->at, (size_t)end);
	w->at = (size_t)end + 1;
	return ret->n ? 0 : frame_json(w, ret);
}

/* Reads more: 1 when the body ended. */
static int read_more(struct https_stream_watch *w, mono_t deadline, struct err *e)
{
	buf_consume(&w->in, w->at);
	w->at = 0;
	char *p = buf_room(&w->in, READ_SIZE);
	if (!p)
		return err_nomem(e, READ_SIZE);
	ssize_t n = http_answer_read(w->answer, p, READ_SIZE, deadline);
	if (n < 0)
		return transport_failed(e, (int)n, "watch");
	w->in.n += (size_t)n;
	if (n > 0)
		return 0;
	return w->in.n ? transport_failed(e, ECONNRESET, "watch ended within an event") : 1;
}

static int next_frame(struct https_stream_watch *w, struct str *ret, mono_t deadline, struct err *e)
{
	for (;;) {
		int r = w->pb ? frame_pb(w, ret) : frame_json(w, ret);
		if (r == 0)
			return 0;
		if (r < 0)
			return err_set(e, ERR_INTERNAL, "watch: an event is larger than %zu bytes", FRAME_MAX);
		if ((r = read_more(w, deadline, e)) != 0)
			return r;
	}
}

/* ---- events */

static int type_of(struct str name)
{
	static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
	for (int i = 0; i < (int)ARRAY_LEN(names); i++)
		if (str_is(name, names[i]))
			return i;
	return -1;
}

static int bookmark(struct arena *a, const struct type *t, struct str pb, struct watch_event *ret, struct err *e)
{
	void *obj = obj_new(a, t);
	if (pb_decode(a, t, pb, PB_ALIAS_INPUT, obj, e) < 0)
		return -1;
	const struct meta_v1_ObjectMeta *m = obj_meta((struct ref){t, obj});
	ret->initial_end = str_is(str_map_get(&m->annotations, STR(INITIAL_EVENTS_END)), "true");
	return str_u64(m->resourceVersion, &ret->rev) < 0 ? err_set(e, ERR_INTERNAL, "watch: a bookmark without resourceVersion") : 0;
}

static int object(struct str pb, struct watch_event *ret, struct err *e)
{
	struct pb_meta m;
	if (pb_meta_read(pb, &m) < 0)
		return err_set(e, ERR_INTERNAL, "watch: an object without resourceVersion");
	ret->rev = m.rev;
	ret->pb = blob_copy(pb);
	return ret->pb ? 0 : err_nomem(e, pb.n);
}

static int event_of(struct arena *a, const struct type *t, struct str name, struct str pb, struct watch_event *ret, struct err *e)
{
	int type = type_of(name);
	struct watch_event ev = {.type = (enum watch_type)type};
	if (type < 0)
		return err_set(e, ERR_INTERNAL, "watch: an event of the unknown type \"%.*s\"", STR_F(name));
	if ((type == WATCH_BOOKMARK ? bookmark(a, t, pb, &ev, e) : object(pb, &ev, e)) < 0)
		return -1;
	*ret = ev;
	return 0;
}

static int event_pb(struct arena *a, const struct type *t, struct str frame, struct watch_event *ret, struct err *e)
{
	struct meta_v1_WatchEvent ev = {0};
	struct pb_envelope env;
	struct meta_v1_Status s = {0};
	if (pb_decode(a, desc_type(T_meta_v1_WatchEvent), frame, PB_ALIAS_INPUT, &ev, e) < 0 || pb_envelope_open(ev.object, &env, e) < 0)
		return -1;
	if (type_of(ev.type) != WATCH_ERROR)
		return event_of(a, t, ev.type, env.raw, ret, e);
	return pb_decode(a, desc_type(T_meta_v1_Status), env.raw, PB_ALIAS_INPUT, &s, e) < 0 ? -1 : status_to_err(&s, e);
}

static int event_json(struct arena *a, const struct type *t, struct str frame, struct watch_event *ret, struct err *e)
{
	struct meta_v1_WatchEvent ev = {0};
	struct meta_v1_Status s = {0};
	BUF(pb);
	if (json_decode(a, desc_type(T_meta_v1_WatchEvent), frame, NULL, &ev, e) < 0)
		return -1;
	if (type_of(ev.type) == WATCH_ERROR)
		return json_decode(a, desc_type(T_meta_v1_Status), ev.object, NULL, &s, e) < 0 ? -1 : status_to_err(&s, e);
	void *obj = obj_new(a, t);
	if (json_decode(a, t, ev.object, NULL, obj, e) < 0)
		return -1;
	pb_encode(&pb, (struct ref){t, obj});
	return pb.failed ? err_nomem(e, pb.n) : event_of(a, t, ev.type, buf_view(&pb), ret, e);
}

int https_event_decode(struct arena *a, const struct type *t, bool pb, struct str frame, struct watch_event *ret, struct err *e)
{
	return pb ? event_pb(a, t, frame, ret, e) : event_json(a, t, frame, ret, e);
}

int https_watch_next(struct watch *watch, struct watch_event *ret, mono_t deadline, struct err *e)
{
	struct https_stream_watch *w = container_of(watch, struct https_stream_watch, w);
	struct str frame;
	int r = next_frame(w, &frame, deadline, e);
	if (r != 0)
		return r;
	arena_reset(w->event);
	return https_event_decode(w->event, w->type, w->pb, frame, ret, e);
}
