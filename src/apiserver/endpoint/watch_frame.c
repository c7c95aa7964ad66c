/* Events as bytes.  The usual form (JSON in the stored version) and the protobuf form are made once per event and shared by all watchers. */
#include "apiserver/endpoint/watch.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include <stdio.h>

static const char *const type_names[] = {[EVENT_ADDED] = "ADDED", [EVENT_MODIFIED] = "MODIFIED", [EVENT_DELETED] = "DELETED"};

static bool stored(const struct wire_watch *w) { return w->r->table->type == w->r->type; }

static void send_pieces(struct wire_watch *w, const char *type, struct blob *body)
{
	char head[64];
	size_t n = (size_t)snprintf(head, sizeof head, "{\"type\":\"%s\",\"object\":", type);
	w->sink->pieces(w, str_n(head, n), body, STR("}\n"));
}

static void send_json(struct wire_watch *w, const char *type, struct buf *json)
{
	CLEANUP(blob_unref) struct blob *b = blob_copy(buf_view(json));
	if (b)
		send_pieces(w, type, b);
}

/* ---- protobuf: length, then WatchEvent{1: type, 2: RawExtension{1: enveloped object}} ---- */

static void record(struct buf *out, unsigned tag, size_t n)
{
	buf_char(out, (char)(tag << 3 | 2));
	for (; n >= 0x80; n >>= 7)
		buf_char(out, (char)(n | 0x80));
	buf_char(out, (char)n);
}

static struct blob *pb_frame(const char *type, struct buf *object)
{
	BUF(raw);
	BUF(event);
	BUF(out);
	record(&raw, 1, object->n);
	buf_str(&raw, buf_view(object));
	record(&event, 1, strlen(type));
	buf_str(&event, str_of(type));
	record(&event, 2, raw.n);
	buf_str(&event, buf_view(&raw));
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_char(&out, (char)(event.n >> shift));
	buf_str(&out, buf_view(&event));
	return blob_copy(buf_view(&out));
}

static void pb_object(struct wire_watch *w, struct object *o, struct buf *out)
{
	const struct type *t = o->table->type;
	if (stored(w)) {
		envelope_head(out, desc_str(t->api_version), desc_str(t->kind), object_pb_size(o));
		object_pb(o, out);
		envelope_tail(out);
		return;
	}
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref was = {t, object_decode(o, a, NULL)};
	if (was.p)
		pb_envelope_encode(out, object_as(a, was, w->r->type));
}

static void send_pb(struct wire_watch *w, const char *type, struct buf *object)
{
	CLEANUP(blob_unref) struct blob *b = pb_frame(type, object);
	if (b)
		w->sink->blob(w, b);
}

static void frame_pb(struct wire_watch *w, enum event_type type, struct object *o)
{
	BUF(object);
	pb_object(w, o, &object);
	send_pb(w, type_names[type], &object);
}

static void frame_shared_pb(struct wire_watch *w, struct cache_event *ev)
{
	struct blob *b = atomic_load_explicit(&ev->pb, memory_order_acquire), *none = NULL;
	if (!b) {
		BUF(object);
		pb_object(w, ev->cur, &object);
		b = pb_frame(type_names[ev->type], &object);
		if (b && !atomic_compare_exchange_strong(&ev->pb, &none, b)) {
			blob_unref(b);
			b = none;
		}
	}
	if (b)
		w->sink->blob(w, cursor_frame(&w->cursor, FRAME_PB, b));
}

/* ---- other shapes ---- */

static void put_shape(struct wire_watch *w, struct object *o, struct buf *out)
{
	struct table_source s = {.cached = o};
	struct request *r = w->r;
	if (r->accept.as == AS_TABLE) {
		table_head(r, out, !w->has_columns, o->rev, (struct str){0}, -1);
		(void)!table_row(r, &s, true, out);
		table_tail(r, out, 1);
		w->has_columns = true;
	} else if (r->accept.as != AS_OBJECT) {
		partial_object(r, &s, out);
	} else {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct ref was = {o->table->type, object_decode(o, a, NULL)};
		if (was.p)
			json_encode(out, object_as(a, was, r->type));
	}
}

static void put_partial_pb(struct wire_watch *w, struct object *o, struct buf *out)
{
	const struct type *t = type_by_name(STR("meta/v1.PartialObjectMetadata"));
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref p = {t, obj_new(a, t)};
	BUF(json);
	put_shape(w, o, &json);
	if (json_decode(a, t, buf_view(&json), NULL, p.p, NULL) == 0)
		pb_envelope_encode(out, p);
}

static void frame_shape(struct wire_watch *w, enum event_type type, struct object *o)
{
	BUF(out);
	if (w->r->accept.media == MEDIA_PB) {
		put_partial_pb(w, o, &out);
		send_pb(w, type_names[type], &out);
		return;
	}
	put_shape(w, o, &out);
	send_json(w, type_names[type], &out);
}

void frame_object(struct wire_watch *w, enum event_type type, struct object *o)
{
	++*w->events;
	if (w->r->accept.as != AS_OBJECT) {
		frame_shape(w, type, o);
	} else if (w->r->accept.media == MEDIA_PB) {
		frame_pb(w, type, o);
	} else if (!stored(w)) {
		frame_shape(w, type, o);
	} else {
		CLEANUP(blob_unref) struct blob *b = object_json(o);
		if (b)
			send_pieces(w, type_names[type], b);
	}
}

void frame_event(struct wire_watch *w, struct cache_event *ev, enum event_type type, struct object *o)
{
	bool natural = type == ev->type && o == ev->cur && w->r->accept.as == AS_OBJECT && stored(w);
	if (!natural) {
		frame_object(w, type, o);
		return;
	}
	++*w->events;
	if (w->r->accept.media == MEDIA_PB) {
		frame_shared_pb(w, ev);
		return;
	}
	struct blob *b = event_json(ev);
	if (b)
		w->sink->blob(w, cursor_frame(&w->cursor, FRAME_JSON, b));
}

/* ---- bookmarks and errors ---- */

static void mark_meta(struct arena *a, struct meta_v1_ObjectMeta *m, uint64_t rev, bool initial_end)
{
	m->resourceVersion = str_printf(a, "%llu", (unsigned long long)rev);
	if (initial_end)
		str_map_set(a, &m->annotations, STR("k8s.io/initial-events-end"), STR("true"));
}

static void send_ref(struct wire_watch *w, const char *type, struct ref o)
{
	BUF(out);
	if (w->r->accept.media == MEDIA_PB) {
		pb_envelope_encode(&out, o);
		send_pb(w, type, &out);
		return;
	}
	json_encode(&out, o);
	send_json(w, type, &out);
}

static void table_bookmark(struct wire_watch *w, uint64_t rev, struct ref mark)
{
	BUF(out);
	table_head(w->r, &out, !w->has_columns, rev, (struct str){0}, -1);
	struct table_source s = {.ref = mark};
	(void)!table_row(w->r, &s, true, &out);
	table_tail(w->r, &out, 1);
	w->has_columns = true;
	send_json(w, "BOOKMARK", &out);
}

void frame_bookmark(struct wire_watch *w, uint64_t rev, bool initial_end)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	bool partial = w->r->accept.as == AS_PARTIAL || w->r->accept.as == AS_PARTIAL_LIST;
	const struct type *t = partial ? type_by_name(STR("meta/v1.PartialObjectMetadata")) : w->r->type;
	struct ref o = {t, obj_new(a, t)};
	obj_set_type(o);
	if (partial)
		*obj_api_version(o) = str_printf(a, "meta.k8s.io/%.*s", STR_F(w->r->accept.as_version));
	mark_meta(a, obj_meta(o), rev, initial_end);
	if (w->r->accept.as == AS_TABLE)
		table_bookmark(w, rev, o);
	else
		send_ref(w, "BOOKMARK", o);
}

void frame_error(struct wire_watch *w, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	send_ref(w, "ERROR", (struct ref){type_by_name(STR("meta/v1.Status")), status_from_err(a, e)});
}
