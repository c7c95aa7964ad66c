/* Protobuf to typed objects.  Encoders write fields by rising number, so the next one expected is tried first; unknown ones are passed over. */
#include "codec/list.h"
#include "codec/pb.h"
#include "codec/scalar.h"

struct reader {
	const uint8_t *p, *end;
};

struct decoder {
	struct arena *a;
	struct err *e;
	unsigned depth;
};

static int decode_message(struct decoder *d, const struct type *t, struct reader r, void *obj);

/* ---- the wire */

static int short_input(struct err *e) { return err_set(e, ERR_BAD_REQUEST, "unexpected EOF"); }

static int read_long_varint(struct reader *r, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->p >= r->end)
			return short_input(e);
		uint8_t b = *r->p++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*ret = v;
			return 0;
		}
	}
	return err_set(e, ERR_BAD_REQUEST, "proto: integer overflow");
}

static inline int read_varint(struct reader *r, uint64_t *ret, struct err *e)
{
	if (r->p < r->end && *r->p < 0x80) {
		*ret = *r->p++;
		return 0;
	}
	return read_long_varint(r, ret, e);
}

static int read_bytes(struct reader *r, struct reader *ret, struct err *e)
{
	uint64_t n;
	if (read_varint(r, &n, e) != 0)
		return -1;
	if (n > (uint64_t)(r->end - r->p))
		return short_input(e);
	*ret = (struct reader){r->p, r->p + n};
	r->p += n;
	return 0;
}

static int read_fixed(struct reader *r, void *to, size_t n, struct err *e)
{
	if ((size_t)(r->end - r->p) < n)
		return short_input(e);
	memcpy(to, r->p, n);
	r->p += n;
	return 0;
}

static int skip_value(struct reader *r, unsigned wire, struct err *e)
{
	uint64_t v;
	struct reader bytes;
	switch (wire) {
	case 0: return read_varint(r, &v, e);
	case 1: return read_fixed(r, &v, 8, e);
	case 2: return read_bytes(r, &bytes, e);
	case 5: return read_fixed(r, &v, 4, e);
	default: return err_set(e, ERR_BAD_REQUEST, "proto: illegal wireType %u", wire);
	}
}

static int read_key(struct reader *r, uint32_t *ret_tag, unsigned *ret_wire, struct err *e)
{
	uint64_t key;
	if (read_varint(r, &key, e) != 0)
		return -1;
	if (key >> 3 == 0 || key >> 3 > (1u << 29) - 1)
		return err_set(e, ERR_BAD_REQUEST, "proto: illegal tag %lld (wire type %u)", (long long)(key >> 3), (unsigned)(key & 7));
	*ret_tag = (uint32_t)(key >> 3);
	*ret_wire = key & 7;
	return 0;
}

static struct str text(struct reader r) { return str_n(r.p, (size_t)(r.end - r.p)); }

/* ---- special messages: fields 1 to 3, whatever the order */

struct triple {
	uint64_t number[4];
	struct str bytes[4]; /* absent: p NULL */
};

static int read_triple(struct reader r, struct triple *t, struct err *e)
{
	struct reader bytes;
	uint32_t tag;
	unsigned wire;
	*t = (struct triple){0};
	while (r.p < r.end) {
		if (read_key(&r, &tag, &wire, e) != 0)
			return -1;
		if (tag > 3 || (wire != 0 && wire != 2)) {
			if (skip_value(&r, wire, e) != 0)
				return -1;
		} else if (wire == 0) {
			if (read_varint(&r, &t->number[tag], e) != 0)
				return -1;
		} else {
			if (read_bytes(&r, &bytes, e) != 0)
				return -1;
			t->bytes[tag] = text(bytes);
		}
	}
	return 0;
}

static int decode_quantity(struct decoder *d, struct str in, struct str *ret)
{
	if (!in.n) {
		*ret = (struct str){0};
		return 0;
	}
	return scalar_quantity(d->a, in, ret, d->e);
}

static void decode_time(struct reader r, bool micro, const struct triple *t, struct api_time *ret)
{
	if (r.p == r.end)
		return; /* zero is an empty message */
	int64_t sec = (int64_t)t->number[1];
	*ret = (struct api_time){sec, micro ? (int32_t)t->number[2] : 0, sec != SCALAR_YEAR_1 || t->number[2]};
}

static int decode_special(struct decoder *d, const struct field *f, struct reader r, void *p)
{
	struct triple t;
	if (f->kind == K_MESSAGE)
		return decode_message(d, field_type(f), r, p);
	if (read_triple(r, &t, d->e) != 0)
		return -1;
	switch (f->kind) {
	case K_TIME: case K_MICROTIME: decode_time(r, f->kind == K_MICROTIME, &t, p); break;
	case K_DURATION: *(nsec_t *)p = (nsec_t)t.number[1]; break;
	case K_QUANTITY: return decode_quantity(d, t.bytes[1], p);
	case K_INTORSTRING: *(struct int_or_str *)p = (struct int_or_str){t.bytes[3], (int32_t)t.number[2], t.number[1] == 1}; break;
	default: *(struct str *)p = t.bytes[1];
	}
	return 0;
}

/* ---- values */

static int wrong_wire(struct decoder *d, const struct field *f, unsigned wire)
{
	struct str n = field_name(f);
	return err_set(d->e, ERR_BAD_REQUEST, "proto: wrong wireType = %u for field %c%.*s", wire, n.n ? n.p[0] & ~0x20 : '?', (int)(n.n ? n.n - 1 : 0), n.p + 1);
}

static int decode_number(struct decoder *d, const struct field *f, struct reader *r, void *p)
{
	uint64_t v;
	if (read_varint(r, &v, d->e) != 0)
		return -1;
	switch (f->kind) {
	case K_BOOL: *(bool *)p = v != 0; break;
	case K_INT32: case K_UINT32: *(uint32_t *)p = (uint32_t)v; break;
	default: *(uint64_t *)p = v;
	}
	return 0;
}

static int decode_value(struct decoder *d, const struct field *f, unsigned wire, struct reader *r, void *p)
{
	struct reader bytes;
	switch (f->kind) {
	case K_BOOL: case K_INT32: case K_INT64: case K_UINT32: case K_UINT64: case K_GODURATION:
		return wire == 0 ? decode_number(d, f, r, p) : wrong_wire(d, f, wire);
	case K_DOUBLE: return wire == 1 ? read_fixed(r, p, 8, d->e) : wrong_wire(d, f, wire);
	case K_FLOAT: return wire == 5 ? read_fixed(r, p, 4, d->e) : wrong_wire(d, f, wire);
	default: break;
	}
	if (wire != 2)
		return wrong_wire(d, f, wire);
	if (read_bytes(r, &bytes, d->e) != 0)
		return -1;
	if (f->kind != K_STRING && f->kind != K_BYTES)
		return decode_special(d, f, bytes, p);
	*(struct str *)p = text(bytes);
	return 0;
}

static int nomem(struct decoder *d, size_t n) { return err_nomem(d->e, n); }

/* A message that a pointer leads to. */
static int decode_pointed(struct decoder *d, const struct field *f, unsigned wire, struct reader *r, void **p)
{
	if (!*p)
		*p = arena_alloc(d->a, field_type(f)->size);
	return *p ? decode_value(d, f, wire, r, *p) : nomem(d, field_type(f)->size);
}

static int decode_element(struct decoder *d, const struct field *f, unsigned wire, struct reader *r, void *p)
{
	return f->flags & FIELD_ELEM_PTR ? decode_pointed(d, f, wire, r, p) : decode_value(d, f, wire, r, p);
}

static int decode_packed(struct decoder *d, const struct field *f, struct reader *r, struct any_list *l)
{
	struct reader all;
	if (read_bytes(r, &all, d->e) != 0)
		return -1;
	while (all.p < all.end) {
		void *p = list_push(d->a, l, f->stride);
		if (!p)
			return nomem(d, f->stride);
		if (decode_value(d, f, f->kind == K_DOUBLE ? 1 : f->kind == K_FLOAT ? 5 : 0, &all, p) != 0)
			return -1;
	}
	return 0;
}

/* How many records of the same key follow one another, r behind the first key: lists get their room at once. */
static uint32_t count_records(struct reader r, const struct field *f)
{
	uint32_t n = 0;
	struct reader bytes;
	size_t key = f->pb_key > 0xff ? 2 : 1;
	for (;;) {
		if (read_bytes(&r, &bytes, NULL) != 0)
			return n;
		n++;
		if ((size_t)(r.end - r.p) < key || memcmp(r.p, &f->pb_key, key) != 0)
			return n;
		r.p += key;
	}
}

static int reserve(struct decoder *d, const struct field *f, struct reader r, struct any_list *l)
{
	uint32_t n = count_records(r, f);
	if (n > l->cap - l->len) {
		/* Each record has at least two bytes, so what is asked for is bounded by the input. */
		void *p = arena_grow(d->a, l->cap ? l->items : NULL, (size_t)l->cap * f->stride, (size_t)(l->len + n) * f->stride);
		if (!p)
			return nomem(d, (size_t)n * f->stride);
		l->items = p;
		l->cap = l->len + n;
	}
	return 0;
}

static int decode_list(struct decoder *d, const struct field *f, unsigned wire, struct reader *r, struct any_list *l)
{
	if (wire == 2 && f->kind <= K_DOUBLE)
		return decode_packed(d, f, r, l);
	if (wire == 2 && l->len == l->cap && reserve(d, f, *r, l) != 0)
		return -1;
	void *p = list_push(d->a, l, f->stride);
	return p ? decode_element(d, f, wire, r, p) : nomem(d, f->stride);
}

/* One {1: key, 2: value}.  The key is needed first, so the value is found and then decoded into its place. */
static int decode_entry(struct decoder *d, const struct field *f, struct reader r, struct any_list *m)
{
	struct reader key = {r.p, r.p}, value = {NULL, NULL};
	unsigned wire, value_wire = 2;
	uint32_t tag;
	bool old;
	while (r.p < r.end) {
		if (read_key(&r, &tag, &wire, d->e) != 0)
			return -1;
		const uint8_t *from = r.p;
		if (tag == 1 && wire == 2 ? read_bytes(&r, &key, d->e) != 0 : skip_value(&r, wire, d->e) != 0)
			return -1;
		if (tag == 2) {
			value = (struct reader){from, r.p};
			value_wire = wire;
		}
	}
	char *p = map_put(d->a, f, m, text(key), &old);
	if (!p)
		return nomem(d, f->stride);
	char *to = p + field_entry_value(f);
	if (old)
		memset(to, 0, (size_t)(p + f->stride - to));
	if (value.p)
		return decode_element(d, f, value_wire, &value, to);
	if (f->kind == K_STRING || f->kind == K_BYTES)
		*(struct str *)to = STR("");
	return 0;
}

static int decode_map(struct decoder *d, const struct field *f, unsigned wire, struct reader *r, struct any_list *m)
{
	struct reader entry;
	if (wire != 2)
		return wrong_wire(d, f, wire);
	if (m->len == m->cap && reserve(d, f, *r, m) != 0)
		return -1;
	if (read_bytes(r, &entry, d->e) != 0)
		return -1;
	return decode_entry(d, f, entry, m);
}

/* ---- messages */

static void clear_oneof(const struct type *t, const struct field *f, void *obj)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *g = type_field(t, i);
		if (g != f && g->flags & FIELD_ONEOF && field_oneof(g) == field_oneof(f))
			field_clear(obj, g);
	}
}

static int decode_field(struct decoder *d, const struct type *t, const struct field *f, unsigned wire, struct reader *r, void *obj)
{
	void *p = field_at(obj, f);
	if (f->card == LIST_OF)
		return decode_list(d, f, wire, r, p);
	if (f->card == MAP_OF)
		return decode_map(d, f, wire, r, p);
	if (f->flags & FIELD_ONEOF)
		clear_oneof(t, f, obj);
	if (f->has_offset)
		*((bool *)obj + f->has_offset) = true;
	if (f->kind == K_MESSAGE && f->flags & FIELD_PTR)
		return decode_pointed(d, f, wire, r, p);
	return decode_value(d, f, wire, r, p);
}

/* *next is the place in the order by tag where the search begins; afterwards that of the field found. */
static const struct field *find_field(const struct type *t, uint32_t tag, unsigned *next)
{
	for (unsigned i = *next; i < t->nfields_pb; i++) {
		const struct field *f = type_pb_field(t, i);
		if (f->tag >= tag) {
			*next = i;
			return f->tag == tag ? f : NULL;
		}
	}
	return field_by_tag(t, tag);
}

static int decode_fields(struct decoder *d, const struct type *t, struct reader r, void *obj)
{
	unsigned next = 0, wire;
	uint32_t tag;
	while (r.p < r.end) {
		if (read_key(&r, &tag, &wire, d->e) != 0)
			return -1;
		const struct field *f = find_field(t, tag, &next);
		if (!f && next)
			f = field_by_tag(t, tag);
		if ((f ? decode_field(d, t, f, wire, &r, obj) : skip_value(&r, wire, d->e)) != 0)
			return -1;
	}
	return 0;
}

static int decode_message(struct decoder *d, const struct type *t, struct reader r, void *obj)
{
	if (++d->depth > PB_DEPTH_MAX)
		return err_set(d->e, ERR_BAD_REQUEST, "proto: exceeded max depth");
	int ret = decode_fields(d, t, r, obj);
	d->depth--;
	return ret;
}

int pb_decode(struct arena *a, const struct type *t, struct str in, unsigned flags, void *obj, struct err *e)
{
	if (!(flags & PB_ALIAS_INPUT) && in.n) {
		struct str copy = str_dup(a, in);
		if (!copy.p)
			return err_nomem(e, in.n);
		in = copy;
	}
	struct decoder d = {a, e, 0};
	const uint8_t *p = (const uint8_t *)(in.p ? in.p : "");
	return decode_message(&d, t, (struct reader){p, p + in.n}, obj);
}

/* ---- the envelope */

bool pb_is_envelope(struct str in) { return str_has_prefix(in, PB_MAGIC); }

static int open_type(struct str in, struct pb_envelope *ret, struct err *e)
{
	struct triple t;
	const uint8_t *p = (const uint8_t *)in.p;
	if (read_triple((struct reader){p, p + in.n}, &t, e) != 0)
		return -1;
	ret->api_version = t.bytes[1];
	ret->kind = t.bytes[2];
	return 0;
}

/* One field of runtime.Unknown. */
static int open_field(struct reader *r, struct pb_envelope *ret, struct err *e)
{
	struct str *const to[] = {NULL, NULL, &ret->raw, &ret->content_encoding, &ret->content_type};
	struct reader bytes;
	uint32_t tag;
	unsigned wire;
	if (read_key(r, &tag, &wire, e) != 0)
		return -1;
	if (tag > 4 || wire != 2)
		return skip_value(r, wire, e);
	if (read_bytes(r, &bytes, e) != 0)
		return -1;
	if (tag == 1)
		return open_type(text(bytes), ret, e);
	*to[tag] = text(bytes);
	return 0;
}

int pb_envelope_open(struct str in, struct pb_envelope *ret, struct err *e)
{
	struct pb_envelope v = {0};
	if (!in.n)
		return err_set(e, ERR_BAD_REQUEST, "empty data");
	if (!pb_is_envelope(in))
		return err_set(e, ERR_BAD_REQUEST, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
	const uint8_t *p = (const uint8_t *)in.p;
	struct reader r = {p + PB_MAGIC.n, p + in.n};
	while (r.p < r.end)
		if (open_field(&r, &v, e) != 0)
			return -1;
	*ret = v;
	return 0;
}

int pb_envelope_decode(struct arena *a, struct str in, unsigned flags, struct ref *ret, struct err *e)
{
	struct pb_envelope v;
	if (!(flags & PB_ALIAS_INPUT) && in.n) {
		in = str_dup(a, in);
		if (!in.p)
			return err_nomem(e, 1);
	}
	if (pb_envelope_open(in, &v, e) != 0)
		return -1;
	const struct type *t = type_by_api_version(v.api_version, v.kind);
	if (!t || !t->size)
		return err_set(e, ERR_BAD_REQUEST, "no kind \"%.*s\" is registered for version \"%.*s\"", STR_F(v.kind), STR_F(v.api_version));
	struct ref o = {t, arena_alloc(a, t->size)};
	if (!o.p)
		return err_nomem(e, t->size);
	if (pb_decode(a, t, v.raw, PB_ALIAS_INPUT, o.p, e) != 0)
		return -1;
	if (obj_kind(o)) {
		*obj_kind(o) = v.kind;
		*obj_api_version(o) = v.api_version;
	}
	*ret = o;
	return 0;
}
