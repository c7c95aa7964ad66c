#include "apiserver/endpoint/watch.h"
#include "apiserver/metrics.h"
#include "apiserver/server_impl.h"
#include "net/websocket.h"

#define BOOKMARK_BEFORE_END (2 * NS_S) /* the last bookmark comes so long before the watch ends, as upstream */

/* ---- the state machine ---- */

static void send_initial(struct wire_watch *w)
{
	while (w->next_initial < w->ninitial && w->sink->queued(w) < WATCH_HIGH) {
		struct object *o = w->initial[w->next_initial];
		frame_object(w, EVENT_ADDED, o);
		object_unref(o);
		w->next_initial++;
	}
}

void watch_pump(struct wire_watch *w)
{
	if (w->ended)
		return;
	send_initial(w);
	if (w->next_initial < w->ninitial)
		return;
	if (w->want_end_mark) {
		w->want_end_mark = false;
		frame_bookmark(w, w->cursor.seen, true);
		metrics_watch_list(w->r, rt_now_exact() - w->began);
	}
	cursor_resume(&w->cursor);
}

static enum cursor_verdict on_event(struct cursor *c, struct cache_event *ev)
{
	struct wire_watch *w = container_of(c, struct wire_watch, cursor);
	if (w->sink->queued(w) > WATCH_HIGH)
		return CURSOR_PAUSE;
	bool now = ev->type != EVENT_DELETED && match_object(&w->match, ev->cur);
	bool was = ev->prev && match_object(&w->match, ev->prev);
	if (now) {
		frame_event(w, ev, was ? EVENT_MODIFIED : EVENT_ADDED, ev->cur);
	} else if (was && ev->type == EVENT_DELETED) {
		frame_event(w, ev, EVENT_DELETED, ev->cur);
	} else if (was) { /* it left the selection: its last state that was in it, under the event's revision */
		CLEANUP(object_unref) struct object *gone = object_at(ev->prev, ev->rev);
		if (gone)
			frame_object(w, EVENT_DELETED, gone);
	}
	return CURSOR_NEXT;
}

static void on_lost(struct cursor *c)
{
	struct wire_watch *w = container_of(c, struct wire_watch, cursor);
	ERR(e);
	err_set(&e, ERR_EXPIRED, "too old resource version: %llu (%llu)", (unsigned long long)c->seen, (unsigned long long)cache_revision(c->table->cache));
	cursor_close(c);
	frame_error(w, &e);
	watch_finish(w);
}

static const struct cursor_ops wire_cursor = {on_event, on_lost};

static void set_timer(struct wire_watch *w);

static void on_timer(struct timer *t)
{
	struct wire_watch *w = container_of(t, struct wire_watch, timer);
	if (rt_now() >= w->deadline) {
		watch_finish(w);
		return;
	}
	if (w->r->call.bookmarks && w->cursor.state == CURSOR_LIVE)
		frame_bookmark(w, cursor_revision(&w->cursor), false);
	w->bookmark_at = rt_now() + server_options(w->r->server)->watch_bookmark_s * NS_S;
	set_timer(w);
}

static void set_timer(struct wire_watch *w)
{
	mono_t last = w->deadline - BOOKMARK_BEFORE_END, next = w->deadline;
	if (w->r->call.bookmarks && w->bookmark_at < next)
		next = w->bookmark_at;
	if (w->r->call.bookmarks && last > rt_now() && last < next)
		next = last;
	timer_set(&w->timer, next, on_timer);
}

void watch_drop(struct wire_watch *w)
{
	w->ended = true;
	cursor_close(&w->cursor);
	timer_cancel(&w->timer);
	list_remove(&w->node);
	for (; w->next_initial < w->ninitial; w->next_initial++)
		object_unref(w->initial[w->next_initial]);
	arena_free(w->arena);
}

void watch_finish(struct wire_watch *w)
{
	if (w->ended)
		return;
	w->ended = true;
	w->sink->end(w);
}

/* ---- over HTTP ---- */

static void http_blob(struct wire_watch *w, struct blob *b) { http_out_blob(w->out, b, 0, b->n); }

static void http_pieces(struct wire_watch *w, struct str head, struct blob *body, struct str tail)
{
	http_out_copy(w->out, head.p, head.n);
	http_out_blob(w->out, body, 0, body->n);
	http_out_copy(w->out, tail.p, tail.n);
}

static size_t http_queued(struct wire_watch *w) { return http_out_queued(w->out); }

static void http_end(struct wire_watch *w)
{
	http_out_end(w->out);
	watch_drop(w);
}

static const struct watch_sink http_sink = {http_blob, http_pieces, http_queued, http_end};

static void on_closed(void *arg) { watch_drop(arg); }
static void on_drained(void *arg) { watch_pump(arg); }

static const struct http_out_ops out_ops = {.closed = on_closed, .drained = on_drained, .low = WATCH_LOW};

static const char *stream_type(const struct request *r)
{
	return r->accept.media == MEDIA_PB ? "application/vnd.kubernetes.protobuf;stream=watch" : "application/json";
}

static int start_http(struct request *r, struct wire_watch *w, struct err *e)
{
	resp_status(r->resp, 200);
	resp_header(r->resp, STR("content-type"), str_of(stream_type(r)));
	respond_headers(r);
	w->sink = &http_sink;
	w->out = resp_detach(r->resp, &out_ops, w);
	if (!w->out) {
		watch_drop(w);
		return err_set(e, ERR_TIMEOUT, "the client is gone");
	}
	return 0;
}

/* ---- opening ---- */

/* A copy of what the watch needs of its request, in an arena of its own. */
static struct wire_watch *watch_new(struct request *r)
{
	struct arena *a = arena_new(NULL);
	struct wire_watch *w = arena_make(a, struct wire_watch);
	struct request *own = arena_make(a, struct request);
	*own = (struct request){.server = r->server, .arena = a, .res = r->res, .strategy = r->strategy, .table = r->table, .type = r->type, .call = r->call,
		.accept = r->accept, .now = r->now};
	own->at.ns = str_dup(a, r->at.ns);
	own->include_object = str_dup(a, r->include_object);
	own->accept.as_version = str_dup(a, r->accept.as_version);
	own->call.label_selector = str_dup(a, r->call.label_selector);
	own->call.field_selector = str_dup(a, r->call.field_selector);
	w->arena = a;
	w->r = own;
	w->events = metrics_watch_events(own);
	w->began = r->start;
	list_push(server_watches(r->server), &w->node);
	return w;
}

/* From where: the revision after which events are sent, and whether the present state comes first. */
static int start_point(struct request *r, struct wire_watch *w, uint64_t *ret_rev, struct err *e)
{
	struct str rv = r->call.resource_version;
	uint64_t rev = 0;
	struct answer list;
	if (rv.n && rv_parse_get(rv, &rev, e))
		return -1;
	bool initial = r->has_send_initial ? r->call.send_initial_events : rev == 0;
	*ret_rev = rev;
	if (r->has_send_initial && rev && plan_wait(r, rev, e))
		return -1;
	if (!initial) {
		if (r->has_send_initial && !rev)
			*ret_rev = cache_revision(server_cache(r->server));
		return 0;
	}
	r->call.resource_version = r->call.rv_match = r->call.continue_ = (struct str){0};
	r->call.limit = 0;
	if (list_run(r, &list, e))
		return -1;
	*ret_rev = list.rev;
	w->initial = arena_array(w->arena, struct object *, list.nitems ? list.nitems : 1);
	for (size_t i = 0; i < list.nitems; i++)
		w->initial[w->ninitial++] = object_ref(list.items[i]);
	w->want_end_mark = r->has_send_initial && r->call.bookmarks;
	return 0;
}

static nsec_t lifetime(struct request *r)
{
	nsec_t min = server_options(r->server)->min_request_timeout;
	if (r->call.timeout_s > 0)
		return r->call.timeout_s * NS_S;
	if (!min)
		min = 30 * NS_MIN;
	return min + (nsec_t)rt_random_below((uint64_t)min); /* spread, so that clients do not come back all at once */
}

void watch_begin(struct wire_watch *w)
{
	struct bucket b;
	ERR(e);
	match_bucket(&w->match, w->r->table, w->r->at.ns, &b);
	if (cursor_open(&w->cursor, &wire_cursor, w->r->table, &b, w->start_rev, &e)) {
		frame_error(w, &e);
		watch_finish(w);
		return;
	}
	w->bookmark_at = rt_now() + server_options(w->r->server)->watch_bookmark_s * NS_S;
	set_timer(w);
	if (w->r->accept.as == AS_PARTIAL_LIST) /* events are no lists: upstream breaks off */
		watch_finish(w);
	else
		watch_pump(w);
}

int verb_watch(struct request *r, struct err *e)
{
	if (options_list(r, e) || accept_watch(r, e))
		return -1;
	if (r->old_watch && r->has_name)
		r->call.field_selector = str_printf(r->arena, "metadata.name=%.*s", STR_F(r->at.name));
	if (match_parse(r, &(struct match){0}, e)) /* the watch's own copy outlives the request: here the error has somewhere to go */
		return -1;
	struct wire_watch *w = watch_new(r);
	if (match_parse(w->r, &w->match, e) || start_point(r, w, &w->start_rev, e)) {
		watch_drop(w);
		return -1;
	}
	w->deadline = rt_now() + lifetime(r);
	r->answer = (struct answer){.kind = ANSWER_NONE};
	if (ws_requested(r->http))
		return watch_websocket(r, w, e);
	if (start_http(r, w, e))
		return -1;
	watch_begin(w);
	return 0;
}
