/* Typed objects to protobuf, written from the last byte to the first, so that lengths are known when they are needed.
 * When the room is used up the pass goes on and only counts; then it is run again with as much as it takes. */
#include "codec/pb.h"

struct writer {
	char *base, *p; /* room; what is written begins at p */
	size_t n;       /* bytes so far, whether there was room or not */
	bool lossy;     /* a list or map is empty but not null, which the bytes do not tell */
};

static void put_message(struct writer *w, const struct type *t, const void *obj);

static inline char *take(struct writer *w, size_t n)
{
	w->n += n;
	if ((size_t)(w->p - w->base) < n) {
		w->p = w->base;
		return NULL;
	}
	return w->p -= n;
}

static inline void put_raw(struct writer *w, const void *bytes, size_t n)
{
	char *p = take(w, n);
	if (p && n)
		memcpy(p, bytes, n);
}

static inline void put_byte(struct writer *w, unsigned b)
{
	char *p = take(w, 1);
	if (p)
		*p = (char)b;
}

static void put_varint(struct writer *w, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;
	if (v < 0x80) {
		put_byte(w, (unsigned)v);
		return;
	}
	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	put_raw(w, bytes, n);
}

static void put_key(struct writer *w, const struct field *f) { put_raw(w, &f->pb_key, f->pb_key > 0xff ? 2 : 1); }

/* A length, and a one-byte key before it. */
static void put_length(struct writer *w, size_t since, unsigned key)
{
	put_varint(w, w->n - since);
	put_byte(w, key);
}

static void put_bytes(struct writer *w, struct str s)
{
	put_raw(w, s.p, s.n);
	put_varint(w, s.n);
}

/* Payloads of the special messages, without key and length. */

static void put_time(struct writer *w, const struct api_time *t, bool micro)
{
	if (!t->set)
		return;
	put_varint(w, micro ? (uint64_t)(int64_t)t->nsec : 0);
	put_byte(w, 0x10);
	put_varint(w, (uint64_t)t->sec);
	put_byte(w, 0x08);
}

static void put_int_or_str(struct writer *w, const struct int_or_str *v)
{
	put_bytes(w, v->is_str ? v->str : STR(""));
	put_byte(w, 0x1a);
	put_varint(w, v->is_str ? 0 : (uint64_t)(int64_t)v->num);
	put_byte(w, 0x10);
	put_byte(w, v->is_str);
	put_byte(w, 0x08);
}

static void put_wrapped(struct writer *w, struct str s)
{
	if (!s.p)
		return;
	put_bytes(w, s);
	put_byte(w, 0x0a);
}

static void put_special(struct writer *w, const struct field *f, const void *p)
{
	const struct str *s = p;
	switch (f->kind) {
	case K_MESSAGE:
		if (p)
			put_message(w, field_type(f), p);
		break;
	case K_TIME: put_time(w, p, false); break;
	case K_MICROTIME: put_time(w, p, true); break;
	case K_DURATION:
		put_varint(w, (uint64_t)*(const nsec_t *)p);
		put_byte(w, 0x08);
		break;
	case K_QUANTITY: put_wrapped(w, s->n ? *s : STR("0")); break;
	case K_INTORSTRING: put_int_or_str(w, p); break;
	default: put_wrapped(w, *s);
	}
}

/* A value without its key. */
static void put_value(struct writer *w, const struct field *f, const void *p)
{
	size_t since = w->n;
	switch (f->kind) {
	case K_STRING: case K_BYTES: put_bytes(w, *(const struct str *)p); break;
	case K_BOOL: put_byte(w, *(const bool *)p); break;
	case K_INT32: put_varint(w, (uint64_t)(int64_t) * (const int32_t *)p); break;
	case K_UINT32: put_varint(w, *(const uint32_t *)p); break;
	case K_INT64: case K_UINT64: case K_GODURATION: put_varint(w, *(const uint64_t *)p); break;
	case K_DOUBLE: put_raw(w, p, 8); break;
	case K_FLOAT: put_raw(w, p, 4); break;
	default:
		put_special(w, f, p);
		put_varint(w, w->n - since);
	}
}

static void put_packed(struct writer *w, const struct field *f, const struct any_list *l)
{
	size_t since = w->n;
	if (!l->len)
		return;
	for (uint32_t i = l->len; i-- > 0;)
		put_value(w, f, list_at(f, l, i));
	put_varint(w, w->n - since);
	put_key(w, f);
}

static void put_list(struct writer *w, const struct field *f, const struct any_list *l)
{
	w->lossy |= !l->len && l->items;
	if (f->flags & FIELD_PACKED) {
		put_packed(w, f, l);
		return;
	}
	for (uint32_t i = l->len; i-- > 0;) {
		put_value(w, f, list_at(f, l, i));
		put_key(w, f);
	}
}

static unsigned wire_type(const struct field *f)
{
	switch (f->kind) {
	case K_BOOL: case K_INT32: case K_INT64: case K_UINT32: case K_UINT64: case K_GODURATION: return 0;
	case K_DOUBLE: return 1;
	case K_FLOAT: return 5;
	default: return 2;
	}
}

static void put_map(struct writer *w, const struct field *f, const struct any_list *m)
{
	w->lossy |= !m->len && m->items;
	for (uint32_t i = m->len; i-- > 0;) {
		size_t since = w->n;
		const void *v = list_at(f, m, i);
		if (f->kind != K_BYTES || ((const struct str *)v)->p) {
			put_value(w, f, v);
			put_byte(w, 2 << 3 | wire_type(f));
		}
		put_bytes(w, *map_key_at(f, m, i));
		put_byte(w, 0x0a);
		put_varint(w, w->n - since);
		put_key(w, f);
	}
}

static bool text_empty(const struct field *f, const void *p) { return (f->kind == K_STRING || f->kind == K_BYTES) && !((const struct str *)p)->n; }

/* Kubernetes writes what is held by value always; gRPC's proto3 only when it is not zero. */
static bool left_out(const struct type *t, const struct field *f, const void *obj)
{
	const void *p = (const char *)obj + f->offset;
	if (f->flags & FIELD_PTR)
		return field_empty(obj, f);
	if (f->kind == K_BYTES && !((const struct str *)p)->p)
		return true;
	return t->flags & TYPE_PROTO3 && (text_empty(f, p) || field_empty(obj, f));
}

static void put_message(struct writer *w, const struct type *t, const void *obj)
{
	for (unsigned i = t->nfields_pb; i-- > 0;) {
		const struct field *f = type_pb_field(t, i);
		const void *p = (const char *)obj + f->offset;
		if (f->card == LIST_OF) {
			put_list(w, f, p);
		} else if (f->card == MAP_OF) {
			put_map(w, f, p);
		} else if (!left_out(t, f, obj)) {
			put_value(w, f, f->kind == K_MESSAGE && f->flags & FIELD_PTR ? *(void *const *)p : p);
			put_key(w, f);
		}
	}
}

/* runtime.Unknown around the object. */
static void put_envelope(struct writer *w, struct ref o)
{
	struct str *kind = obj_kind(o), *version = obj_api_version(o);
	put_raw(w, "\x1a\0\x22", 4); /* contentEncoding and contentType, empty */
	size_t since = w->n;
	put_message(w, o.type, o.p);
	put_length(w, since, 0x12);
	since = w->n;
	put_bytes(w, kind ? *kind : STR(""));
	put_byte(w, 0x12);
	put_bytes(w, version ? *version : STR(""));
	put_byte(w, 0x0a);
	put_length(w, since, 0x0a);
	put_raw(w, PB_MAGIC.p, PB_MAGIC.n);
}

#define FIRST_ROOM 4096

static void put_object(struct writer *w, struct ref o, bool envelope)
{
	if (envelope)
		put_envelope(w, o);
	else
		put_message(w, o.type, o.p);
}

/* True when the bytes tell all of o. */
static bool encode(struct buf *out, struct ref o, bool envelope)
{
	size_t room = out->cap - out->n > FIRST_ROOM ? out->cap - out->n : out->max ? 0 : FIRST_ROOM;
	for (;;) {
		char *base = buf_room(out, room);
		if (!base)
			return false;
		struct writer w = {.base = base, .p = base + room};
		put_object(&w, o, envelope);
		if (w.n <= room) {
			memmove(base, w.p, w.n);
			out->n += w.n;
			return !w.lossy;
		}
		room = w.n;
	}
}

size_t pb_size(struct ref o)
{
	char none;
	struct writer w = {.base = &none, .p = &none};
	put_message(&w, o.type, o.p);
	return w.n;
}

void pb_encode(struct buf *out, struct ref o) { encode(out, o, false); }
void pb_envelope_encode(struct buf *out, struct ref o) { encode(out, o, true); }
bool pb_envelope_encode_whole(struct buf *out, struct ref o) { return encode(out, o, true); }
