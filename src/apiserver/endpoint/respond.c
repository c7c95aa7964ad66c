/* Answers on the wire: media types, lists gathered from cached pieces, compression, headers. */
#include "apiserver/cache/impl.h"
#include "apiserver/cache/records.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/endpoint/gzip.h"
#include "base/log.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "codec/yaml.h"
#include "gen/meta_v1.h"

static const struct str newline = STR_INIT("\n");

/* ---- headers ---- */

static void warning_headers(struct request *r)
{
	for (uint32_t i = 0; i < r->warnings.len; i++)
		resp_header(r->resp, STR("warning"), r->warnings.items[i]);
}

void respond_headers(struct request *r)
{
	resp_header(r->resp, STR("cache-control"), STR("no-cache, private"));
	warning_headers(r);
}

static void content_type(struct request *r, const char *type) { resp_header(r->resp, STR("content-type"), str_of(type)); }

static void start(struct request *r, int code, const char *type)
{
	resp_status(r->resp, code);
	content_type(r, type);
	respond_headers(r);
}

/* ---- whole bodies in a buffer ---- */

static void gzip_headers(struct request *r)
{
	resp_header(r->resp, STR("content-encoding"), STR("gzip"));
	resp_header(r->resp, STR("vary"), STR("Accept-Encoding"));
}

static void send_piece(void *arg, const void *p, size_t n)
{
	(void)!resp_write(((struct request *)arg)->resp, p, n);
}

static void send_pieces(struct request *r, int code, const char *type, const struct http_piece *v, size_t n, size_t total)
{
	start(r, code, type);
	if (total < GZIP_FROM || !req_header_has(r->http, STR("accept-encoding"), STR("gzip"))) {
		(void)!resp_writev(r->resp, v, n);
		return;
	}
	gzip_headers(r);
	gzip_pieces(v, n, send_piece, r);
}

static void send_buf(struct request *r, int code, const char *type, struct buf *b)
{
	struct http_piece p = {.p = b->p, .n = b->n};
	if (b->n < GZIP_FROM) { /* copied, since the buffer goes away */
		start(r, code, type);
		(void)!resp_write(r->resp, b->p, b->n);
		return;
	}
	struct blob *keep = blob_copy(buf_view(b));
	if (!keep) {
		resp_abort(r->resp);
		return;
	}
	p = (struct http_piece){.blob = keep, .p = keep->p, .n = keep->n};
	send_pieces(r, code, type, &p, 1, keep->n);
	blob_unref(keep);
}

/* ---- one object ---- */

static int render_json(struct ref o, bool pretty, struct buf *out)
{
	if (pretty)
		json_encode_pretty(out, o, 2);
	else
		json_encode(out, o);
	if (!pretty)
		buf_char(out, '\n');
	return 0;
}

int render_ref(struct request *r, const struct accept *acc, struct ref o, struct buf *out)
{
	if (acc->media == MEDIA_PB && (o.type->flags & TYPE_PB)) {
		pb_envelope_encode(out, o);
		return 0;
	}
	if (acc->media == MEDIA_YAML) {
		yaml_encode(out, o);
		return 0;
	}
	(void)r;
	return render_json(o, acc->pretty, out);
}

/* Rendered JSON into what the client accepts. */
static void finish_json(const struct accept *acc, struct buf *json, struct buf *out)
{
	struct value *v = NULL;
	if (acc->media == MEDIA_YAML) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		if (json_parse(a, buf_view(json), NULL, &v, NULL) == 0)
			yaml_write(out, v);
	} else if (acc->pretty) {
		json_indent(out, buf_view(json), 2);
	} else {
		buf_str(out, buf_view(json));
		buf_char(out, '\n');
	}
}

static void send_json(struct request *r, int code, struct buf *json)
{
	BUF(out);
	finish_json(&r->accept, json, &out);
	send_buf(r, code, media_name(r->accept.media), &out);
}

static bool plain(const struct request *r) { return r->accept.as == AS_OBJECT && !r->accept.pretty; }

/* The served version when it is not the stored one. */
static struct ref as_served(struct request *r, const struct table_source *s)
{
	const struct type *t = s->cached ? s->cached->table->type : s->ref.type;
	struct ref o = {t, s->cached ? object_decode(s->cached, r->arena, NULL) : s->ref.p};
	bool same_kind = r->type && t->kind == r->type->kind;
	return o.p && same_kind ? object_as(r->arena, o, r->type) : o;
}

static bool stored_version(const struct request *r, const struct object *o) { return !r->type || o->table->type == r->type || r->type->kind != o->table->type->kind; }

static void send_cached_json(struct request *r, int code, struct object *o)
{
	CLEANUP(blob_unref) struct blob *b = object_json(o);
	if (!b) {
		resp_abort(r->resp);
		return;
	}
	struct http_piece v[] = {{.blob = b, .p = b->p, .n = b->n}, {.p = newline.p, .n = 1}};
	send_pieces(r, code, media_name(MEDIA_JSON), v, 2, b->n + 1);
}

/* "k8s\0" and runtime.Unknown around a message that is written elsewhere: everything before its first byte. */
void envelope_head(struct buf *out, struct str api_version, struct str kind, size_t message)
{
	uint8_t b[32], *p;
	size_t meta = 2 + pbvarint_size(api_version.n) - 1 + api_version.n + 2 + pbvarint_size(kind.n) - 1 + kind.n;
	buf_str(out, PB_MAGIC);
	p = pbvarint_put(b, 1 << 3 | 2);
	p = pbvarint_put(p, meta);
	p = pbvarint_put(p, 1 << 3 | 2);
	p = pbvarint_put(p, api_version.n);
	buf_put(out, b, (size_t)(p - b));
	buf_str(out, api_version);
	p = pbvarint_put(b, 2 << 3 | 2);
	p = pbvarint_put(p, kind.n);
	buf_put(out, b, (size_t)(p - b));
	buf_str(out, kind);
	p = pbvarint_put(b, 2 << 3 | 2);
	p = pbvarint_put(p, message);
	buf_put(out, b, (size_t)(p - b));
}

void envelope_tail(struct buf *out) { buf_lit(out, "\x1a\0\x22\0"); } /* contentEncoding and contentType, empty */

static void send_cached_pb(struct request *r, int code, struct object *o)
{
	BUF(out);
	envelope_head(&out, desc_str(o->table->type->api_version), desc_str(o->table->type->kind), object_pb_size(o));
	object_pb(o, &out);
	envelope_tail(&out);
	send_buf(r, code, media_name(MEDIA_PB), &out);
}

static void send_transformed(struct request *r, int code, const struct table_source *s)
{
	BUF(json);
	if (r->accept.as == AS_TABLE) {
		struct str rv = s->cached ? (struct str){0} : obj_meta(s->ref)->resourceVersion;
		uint64_t rev = s->cached ? s->cached->rev : 0;
		(void)!str_u64(rv, &rev);
		table_head(r, &json, true, rev, (struct str){0}, -1);
		(void)!table_row(r, s, true, &json);
		table_tail(r, &json, 1);
	} else {
		partial_object(r, s, &json);
	}
	if (r->accept.media == MEDIA_PB)
		partial_to_pb(r, &json);
	else
		send_json(r, code, &json);
}

static void send_cached(struct request *r, int code, struct object *o)
{
	struct table_source s = {.cached = o};
	if (r->accept.as != AS_OBJECT) {
		send_transformed(r, code, &s);
	} else if (plain(r) && r->accept.media == MEDIA_JSON && stored_version(r, o)) {
		send_cached_json(r, code, o);
	} else if (r->accept.media == MEDIA_PB && stored_version(r, o)) {
		send_cached_pb(r, code, o);
	} else {
		BUF(out);
		render_ref(r, &r->accept, as_served(r, &s), &out);
		send_buf(r, code, media_name(r->accept.media), &out);
	}
}

/* The JSON of what was just stored is what the cache would make: hand it over. */
static void share_json(struct request *r, const struct answer *a, struct ref o, struct blob *json)
{
	const struct meta_v1_ObjectMeta *m = obj_meta(o);
	CLEANUP(object_unref) struct object *cached = cache_lookup(server_cache(r->server), a->table, m->namespace, m->name);
	uint64_t rev = 0;
	if (cached && str_u64(m->resourceVersion, &rev) == 0 && cached->rev == rev)
		object_set_json(cached, json);
}

#define JSON_ROOM 8192 /* most objects fit */

static void send_ref_json(struct request *r, int code, const struct answer *a, struct ref o)
{
	BUF(out);
	buf_room(&out, JSON_ROOM);
	json_encode(&out, o);
	CLEANUP(blob_unref) struct blob *b = out.failed ? NULL : blob_copy(buf_view(&out));
	if (!b) {
		resp_abort(r->resp);
		return;
	}
	if (a->table && o.type == a->table->type && cache_watched(a->table))
		share_json(r, a, o, b);
	struct http_piece v[] = {{.blob = b, .p = b->p, .n = b->n}, {.p = newline.p, .n = 1}};
	send_pieces(r, code, media_name(MEDIA_JSON), v, 2, b->n + 1);
}

static void send_list_transformed(struct request *r, const struct answer *a);

static void send_ref(struct request *r, int code, const struct answer *a)
{
	struct table_source s = {.ref = a->ref};
	bool status = a->ref.type == type_by_name(STR("meta/v1.Status"));
	if (r->accept.as != AS_OBJECT && obj_items(a->ref, NULL)) {
		send_list_transformed(r, a);
		return;
	}
	if (r->accept.as != AS_OBJECT && !status && obj_meta(a->ref)) {
		send_transformed(r, code, &s);
		return;
	}
	struct ref o = as_served(r, &s);
	if (r->accept.media == MEDIA_JSON && !r->accept.pretty) {
		send_ref_json(r, code, a, o);
		return;
	}
	BUF(out);
	render_ref(r, &r->accept, o, &out);
	send_buf(r, code, media_name(r->accept.media), &out);
}

/* ---- lists ---- */

static void list_meta(struct buf *out, const struct answer *a)
{
	buf_printf(out, "\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)a->rev);
	if (a->continue_.n)
		buf_printf(out, ",\"continue\":\"%.*s\"", STR_F(a->continue_));
	if (a->remaining > 0)
		buf_printf(out, ",\"remainingItemCount\":%lld", (long long)a->remaining);
	buf_char(out, '}');
}

static const struct type *list_type(const struct request *r) { return desc_type(r->res->list_type); }

static void list_head(struct request *r, struct buf *out, const struct answer *a)
{
	const struct type *t = list_type(r);
	buf_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",", desc_z(t->kind), desc_z(t->api_version));
	list_meta(out, a);
	buf_lit(out, ",\"items\":[");
}

/* An item as JSON without kind and apiVersion: a piece of the cached text, or made for this answer. */
static struct blob *item_json(struct request *r, struct object *o, struct http_piece *ret)
{
	struct blob *b = stored_version(r, o) ? object_json(o) : NULL;
	if (b) {
		struct str tail = object_json_tail(o, b);
		*ret = (struct http_piece){.blob = b, .p = tail.p, .n = tail.n};
		return b;
	}
	BUF(out);
	struct table_source s = {.cached = o};
	struct ref served = as_served(r, &s);
	if (!served.p)
		return NULL;
	*obj_kind(served) = *obj_api_version(served) = (struct str){0};
	json_encode(&out, served);
	b = blob_copy(str_sub(buf_view(&out), 1, out.n));
	*ret = (struct http_piece){.blob = b, .p = b ? b->p : NULL, .n = b ? b->n : 0};
	return b;
}

#define LIST_BATCH 128 /* items gathered between writes: bounds what a slow client keeps referenced */

struct list_writer {
	struct request *r;
	struct http_piece pieces[2 * LIST_BATCH + 2];
	struct blob *held[LIST_BATCH];
	size_t n, nheld;
};

static int flush_items(struct list_writer *w)
{
	int done = resp_writev(w->r->resp, w->pieces, w->n);
	for (size_t i = 0; i < w->nheld; i++)
		blob_unref(w->held[i]);
	w->n = w->nheld = 0;
	return done;
}

static int write_items(struct list_writer *w, const struct answer *a)
{
	for (size_t i = 0; i < a->nitems; i++) {
		w->pieces[w->n++] = (struct http_piece){.p = i ? ",{" : "{", .n = i ? 2 : 1};
		struct blob *b = item_json(w->r, a->items[i], &w->pieces[w->n]);
		if (!b)
			return -1;
		w->n++;
		w->held[w->nheld++] = b;
		if (w->nheld == LIST_BATCH && (flush_items(w) || rt_breathe()))
			return -1;
	}
	return 0;
}

static void send_list_stream(struct request *r, const struct answer *a)
{
	struct list_writer *w = arena_make(r->arena, struct list_writer);
	BUF(head);
	list_head(r, &head, a);
	struct str h = buf_take(&head, r->arena);
	start(r, 200, media_name(MEDIA_JSON));
	*w = (struct list_writer){.r = r, .pieces = {{.p = h.p, .n = h.n}}, .n = 1};
	if (write_items(w, a)) {
		flush_items(w);
		resp_abort(r->resp);
		return;
	}
	w->pieces[w->n++] = (struct http_piece){.p = "]}\n", .n = 3};
	(void)!flush_items(w);
}

static int list_to_buf(struct request *r, const struct answer *a, struct buf *out)
{
	list_head(r, out, a);
	for (size_t i = 0; i < a->nitems; i++) {
		struct http_piece p;
		buf_str(out, i ? STR(",{") : STR("{"));
		CLEANUP(blob_unref) struct blob *b = item_json(r, a->items[i], &p);
		(void)b; /* holds what p points to */
		buf_put(out, p.p, p.n);
		if (rt_breathe())
			return -1;
	}
	buf_lit(out, "]}");
	return 0;
}

static void send_list_buffered(struct request *r, const struct answer *a)
{
	BUF(json);
	if (list_to_buf(r, a, &json))
		resp_abort(r->resp);
	else
		send_json(r, 200, &json);
}

static size_t list_meta_pb(struct ref *ret, struct request *r, const struct answer *a)
{
	struct meta_v1_ListMeta *m = obj_make(r->arena, meta_v1_ListMeta);
	m->resourceVersion = str_printf(r->arena, "%llu", (unsigned long long)a->rev);
	m->continue_ = a->continue_;
	m->has_remainingItemCount = a->remaining > 0;
	m->remainingItemCount = a->remaining;
	*ret = (struct ref){type_by_name(STR("meta/v1.ListMeta")), m};
	return pb_size(*ret);
}

static void record(struct buf *out, unsigned tag, size_t n)
{
	uint8_t b[12], *p = pbvarint_put(b, tag << 3 | 2);
	p = pbvarint_put(p, n);
	buf_put(out, b, (size_t)(p - b));
}

static void item_pb(struct request *r, struct object *o, struct buf *out)
{
	if (stored_version(r, o)) {
		record(out, 2, object_pb_size(o));
		object_pb(o, out);
		return;
	}
	struct table_source s = {.cached = o};
	struct ref served = as_served(r, &s);
	record(out, 2, pb_size(served));
	pb_encode(out, served);
}

static void send_list_pb(struct request *r, const struct answer *a)
{
	BUF(raw);
	BUF(out);
	struct ref meta;
	record(&raw, 1, list_meta_pb(&meta, r, a));
	pb_encode(&raw, meta);
	for (size_t i = 0; i < a->nitems; i++)
		item_pb(r, a->items[i], &raw);
	buf_room(&out, raw.n + 128);
	envelope_head(&out, desc_str(list_type(r)->api_version), desc_str(list_type(r)->kind), raw.n);
	buf_str(&out, buf_view(&raw));
	envelope_tail(&out);
	send_buf(r, 200, media_name(MEDIA_PB), &out);
}

static void partial_list_head(struct request *r, struct buf *out, const struct answer *a)
{
	buf_printf(out, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/%.*s\",", STR_F(r->accept.as_version));
	list_meta(out, a);
	buf_lit(out, ",\"items\":[");
}

static size_t list_length(const struct answer *a) { return a->kind == ANSWER_REF ? obj_items(a->ref, NULL)->len : a->nitems; }

static struct table_source list_source(const struct answer *a, size_t i)
{
	const struct field *f;
	if (a->kind != ANSWER_REF)
		return (struct table_source){.cached = a->items[i]};
	struct any_list *l = obj_items(a->ref, &f);
	return (struct table_source){.ref = {field_type(f), list_at(f, l, (uint32_t)i)}};
}

static void send_list_transformed(struct request *r, const struct answer *a)
{
	BUF(json);
	bool table = r->accept.as == AS_TABLE;
	size_t n = list_length(a);
	if (table)
		table_head(r, &json, true, a->rev, a->continue_, a->remaining);
	else
		partial_list_head(r, &json, a);
	for (size_t i = 0; i < n; i++) {
		struct table_source s = list_source(a, i);
		if (i && !table)
			buf_char(&json, ',');
		if (table ? table_row(r, &s, i == 0, &json) : (partial_object(r, &s, &json), 0)) {
			resp_abort(r->resp);
			return;
		}
		(void)!rt_breathe();
	}
	if (table)
		table_tail(r, &json, n);
	else
		buf_lit(&json, "]}");
	if (r->accept.media == MEDIA_PB)
		partial_to_pb(r, &json);
	else
		send_json(r, 200, &json);
}

static void send_list(struct request *r, const struct answer *a)
{
	if (r->accept.as != AS_OBJECT)
		send_list_transformed(r, a);
	else if (r->accept.media == MEDIA_PB)
		send_list_pb(r, a);
	else if (plain(r) && r->accept.media == MEDIA_JSON && !req_header_has(r->http, STR("accept-encoding"), STR("gzip")))
		send_list_stream(r, a);
	else
		send_list_buffered(r, a);
}

/* ---- PartialObjectMetadata as protobuf: by way of its typed form ---- */

void partial_to_pb(struct request *r, struct buf *json)
{
	bool list = r->accept.as == AS_PARTIAL_LIST;
	const struct type *t = type_by_name(list ? STR("meta/v1.PartialObjectMetadataList") : STR("meta/v1.PartialObjectMetadata"));
	struct ref o = {t, obj_new(r->arena, t)};
	BUF(out);
	if (json_decode(r->arena, t, buf_view(json), NULL, o.p, NULL))
		bug("PartialObjectMetadata does not decode");
	*obj_kind(o) = desc_str(t->kind);
	pb_envelope_encode(&out, o);
	send_buf(r, 200, media_name(MEDIA_PB), &out);
}

/* ---- the way in ---- */

static void send_text(struct request *r, const struct answer *a)
{
	resp_status(r->resp, a->code ? a->code : 200);
	resp_header(r->resp, STR("content-type"), a->content_type);
	respond_headers(r);
	(void)!resp_write(r->resp, a->text.p, a->text.n);
}

void respond_answer(struct request *r)
{
	const struct answer *a = &r->answer;
	int code = a->code ? a->code : 200;
	switch (a->kind) {
	case ANSWER_CACHED:
		send_cached(r, code, a->object);
		break;
	case ANSWER_REF:
		send_ref(r, code, a);
		break;
	case ANSWER_LIST:
		send_list(r, a);
		break;
	case ANSWER_TEXT:
		send_text(r, a);
		break;
	case ANSWER_NONE:
		if (a->code)
			resp_status(r->resp, code);
		break;
	}
}

void respond_error(struct request *r, struct err *e)
{
	struct accept acc;
	bool negotiated;
	BUF(out);
	struct meta_v1_Status *s = status_from_err(r->arena, e);
	s->metadata.continue_ = r->expired_continue;
	accept_for_error(r, &acc, &negotiated);
	if (!negotiated)
		acc = (struct accept){.media = MEDIA_JSON, .pretty = true};
	render_ref(r, &acc, (struct ref){type_by_name(STR("meta/v1.Status")), s}, &out);
	if (e->retry_after_s)
		resp_header(r->resp, STR("retry-after"), str_printf(r->arena, "%d", e->retry_after_s));
	send_buf(r, s->code, media_name(acc.media), &out);
}
