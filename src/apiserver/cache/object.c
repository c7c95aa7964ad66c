#include "apiserver/object.h"
#include "apiserver/cache/impl.h"
#include "apiserver/cache/records.h"
#include "apiserver/strategy.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include <stdio.h>
#include <stdlib.h>

/* Protobuf field numbers of ObjectMeta and of its maps' entries. */
enum { META_NAME = 1, META_NAMESPACE = 3, META_UID = 5, META_RV = 6, META_DELETION = 9, META_LABELS = 11, ENTRY_KEY = 1, ENTRY_VALUE = 2, OBJECT_META = 1 };

static int broken(const struct cache_table *t, struct err *e)
{
	return err_set(e, ERR_INTERNAL, "stored bytes are not a readable %s", desc_z(t->type->kind));
}

static bool find_record(struct str in, uint32_t tag, struct record *ret)
{
	struct records s = records_of(in);
	while (record_next(&s, ret))
		if (ret->tag == tag)
			return true;
	return false;
}

static unsigned count_labels(struct str meta)
{
	struct records s = records_of(meta);
	struct record r;
	unsigned n = 0;
	while (record_next(&s, &r))
		n += r.tag == META_LABELS;
	return n;
}

static struct str_pair label_of(struct str entry)
{
	struct records s = records_of(entry);
	struct record r;
	struct str_pair p = {STR(""), STR("")};
	while (record_next(&s, &r)) {
		if (r.tag == ENTRY_KEY)
			p.key = r.bytes;
		else if (r.tag == ENTRY_VALUE)
			p.value = r.bytes;
	}
	return p;
}

static void take_meta(struct object *o, const struct record *r)
{
	switch (r->tag) {
	case META_NAME:
		o->name = r->bytes;
		break;
	case META_NAMESPACE:
		o->ns = r->bytes;
		break;
	case META_UID:
		o->uid = r->bytes;
		break;
	case META_RV:
		o->rv = (uint32_t)((const char *)r->at - o->value->p);
		break;
	case META_DELETION:
		o->deleting = true;
		break;
	case META_LABELS: /* stored in order of the keys */
		o->labels[o->nlabels++] = label_of(r->bytes);
		break;
	default:
		break;
	}
}

static int index_meta(struct object *o)
{
	struct str meta = str_n(o->value->p + o->meta, o->meta_n);
	struct records s = records_of(meta);
	struct record r;
	while (record_next(&s, &r))
		take_meta(o, &r);
	return s.p == s.end && o->rv && o->name.n ? 0 : -1;
}

static struct str text_of(enum kind kind, const struct record *r, char *digits)
{
	if (kind == K_BOOL)
		return r && r->num ? STR("true") : STR("false");
	if (kind == K_STRING)
		return r ? r->bytes : STR("");
	int64_t v = r ? (int64_t)r->num : 0;
	return str_n(digits, (size_t)snprintf(digits, 21, "%lld", (long long)v));
}

/* Numbers are written into the room behind the object. */
static struct str field_value(const struct field_path *f, struct str raw, char *digits)
{
	struct record r;
	for (unsigned i = 0; i < f->ntags; i++) {
		if (!find_record(raw, f->tags[i], &r))
			return text_of(f->kind, NULL, digits);
		raw = r.bytes;
	}
	return text_of(f->kind, &r, digits);
}

static void index_fields(struct object *o, char *digits)
{
	const struct cache_table *t = o->table;
	struct str raw = str_n(o->value->p + o->raw, o->raw_n);
	for (unsigned i = 0; i < t->nfields; i++, digits += 21)
		o->fields[i] = t->impl->fields[i].ntags ? field_value(&t->impl->fields[i], raw, digits) : STR("");
}

/* Fields that only the strategy can tell cost a decode; their texts are copied behind the bytes' index by the caller's arena being kept short. */
static int index_odd_fields(struct object *o, struct err *e)
{
	const struct cache_table *t = o->table;
	if (!t->nfields || !t->strategy->field)
		return 0;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *obj = object_decode(o, a, e);
	if (!obj)
		return -1;
	for (unsigned i = 0; i < t->nfields; i++) {
		struct str v = t->strategy->field(a, obj, (int)i);
		if (!v.p)
			continue;
		struct str have = str_n(o->value->p, o->value->n); /* the same text in the stored bytes outlives the arena */
		ptrdiff_t at = v.n ? str_find(have, v) : -1;
		o->fields[i] = at >= 0 ? str_n(have.p + at, v.n) : STR("");
	}
	return 0;
}

static struct object *object_alloc(struct cache_table *t, struct blob *value, unsigned nlabels)
{
	size_t size = sizeof(struct object) + nlabels * sizeof(struct str_pair) + t->nfields * (sizeof(struct str) + 21);
	struct object *o = calloc(1, size);
	if (!o)
		return NULL;
	o->refs = 1;
	o->table = t;
	o->value = blob_ref(value);
	o->labels = (struct str_pair *)(o + 1);
	o->fields = (struct str *)(o->labels + nlabels);
	return o;
}

static int locate(const struct blob *value, struct pb_envelope *env, struct str *meta, struct err *e)
{
	struct record r;
	if (pb_envelope_open(blob_str(value), env, e))
		return -1;
	if (!find_record(env->raw, OBJECT_META, &r) || r.wire != 2)
		return -1;
	*meta = r.bytes;
	return 0;
}

struct object *object_new(struct cache_table *t, struct blob *value, uint64_t rev, struct err *e)
{
	struct pb_envelope env;
	struct str meta;
	if (locate(value, &env, &meta, e))
		return broken(t, e), NULL;
	CLEANUP(object_unref) struct object *o = object_alloc(t, value, count_labels(meta));
	if (!o)
		return err_nomem(e, sizeof *o), NULL;
	o->rev = rev;
	o->raw = (uint32_t)(env.raw.p - value->p);
	o->raw_n = (uint32_t)env.raw.n;
	o->meta = (uint32_t)(meta.p - value->p);
	o->meta_n = (uint32_t)meta.n;
	if (index_meta(o))
		return broken(t, e), NULL;
	index_fields(o, (char *)(o->fields + t->nfields));
	if (index_odd_fields(o, e))
		return NULL;
	return STEAL(o);
}

struct object *object_at(struct object *old, uint64_t rev)
{
	struct object *o = object_alloc(old->table, old->value, old->nlabels);
	if (!o)
		return NULL;
	struct str_pair *labels = o->labels;
	struct str *fields = o->fields;
	*o = (struct object){.refs = 1, .nlabels = old->nlabels, .rev = rev, .table = old->table, .ns = old->ns, .name = old->name, .uid = old->uid,
		.labels = labels, .fields = fields, .value = o->value, .raw = old->raw, .raw_n = old->raw_n, .meta = old->meta,
		.meta_n = old->meta_n, .rv = old->rv, .deleting = old->deleting};
	memcpy(o->labels, old->labels, o->nlabels * sizeof *labels);
	index_fields(o, (char *)(fields + o->table->nfields));
	for (unsigned i = 0; i < o->table->nfields; i++)
		if (!o->table->impl->fields[i].ntags)
			o->fields[i] = old->fields[i];
	return o;
}

void object_unref(struct object *o)
{
	if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (atomic_load(&o->json))
		lru_forget(&o->table->cache->lru, o);
	blob_unref(o->value);
	free(o);
}

void *object_decode(const struct object *o, struct arena *a, struct err *e)
{
	const struct type *t = o->table->type;
	void *obj = obj_new(a, t);
	if (!obj)
		return err_nomem(e, t->size), NULL;
	if (pb_decode(a, t, str_n(o->value->p + o->raw, o->raw_n), PB_ALIAS_INPUT, obj, e))
		return NULL;
	struct ref ref = {t, obj};
	obj_set_type(ref);
	obj_meta(ref)->resourceVersion = str_printf(a, "%llu", (unsigned long long)o->rev);
	return obj;
}

static struct blob *encode_json(struct object *o)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	void *obj = object_decode(o, a, NULL);
	BUF(out);
	if (!obj)
		return NULL;
	buf_room(&out, o->raw_n * 3);
	json_encode(&out, (struct ref){o->table->type, obj});
	return out.failed ? NULL : blob_copy(buf_view(&out));
}

struct blob *object_json(struct object *o)
{
	struct cache *c = o->table->cache;
	struct cache_pin pin;
	epoch_pin(&c->epoch, &pin);
	struct blob *b = blob_ref(atomic_load_explicit(&o->json, memory_order_acquire));
	epoch_unpin(&c->epoch, &pin);
	if (b) {
		if (!atomic_load_explicit(&o->used, memory_order_relaxed))
			atomic_store_explicit(&o->used, true, memory_order_relaxed);
		return b;
	}
	b = encode_json(o);
	if (b)
		lru_add(&c->lru, o, b);
	return b;
}

void object_set_json(struct object *o, struct blob *json)
{
	if (!atomic_load_explicit(&o->json, memory_order_relaxed))
		lru_add(&o->table->cache->lru, o, json);
}

struct str object_json_tail(const struct object *o, const struct blob *json) { return str_sub(blob_str(json), o->table->json_head, json->n); }

/* Length of the JSON value that s begins with: an object. */
static size_t object_length(struct str s)
{
	int depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '"') {
			while (++i < s.n && s.p[i] != '"')
				i += s.p[i] == '\\';
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && --depth == 0) {
			return i + 1;
		}
	}
	return s.n;
}

struct str object_json_meta(const struct object *o, const struct blob *json)
{
	struct str tail = object_json_tail(o, json); /* "metadata":{...},... : ObjectMeta is every kind's first member */
	size_t head = sizeof("\"metadata\":") - 1;
	return str_sub(tail, 0, head + object_length(str_sub(tail, head, tail.n)));
}

/* ---- protobuf with its resourceVersion put in ---- */

struct splice {
	char rv[24];
	size_t rv_n;     /* of the whole field with tag and length */
	size_t meta_n;   /* of ObjectMeta's content afterwards */
	size_t meta_len; /* bytes of its length afterwards, and before */
	size_t old_len;
};

static struct splice splice_of(const struct object *o)
{
	struct splice s = {0};
	s.rv_n = (size_t)snprintf(s.rv + 2, sizeof s.rv - 2, "%llu", (unsigned long long)o->rev);
	s.rv[0] = META_RV << 3 | 2;
	s.rv[1] = (char)s.rv_n;
	s.rv_n += 2;
	s.meta_n = o->meta_n - 2 + s.rv_n; /* the stored field is empty: two bytes */
	s.meta_len = pbvarint_size(s.meta_n);
	s.old_len = pbvarint_size(o->meta_n);
	return s;
}

size_t object_pb_size(const struct object *o)
{
	struct splice s = splice_of(o);
	return o->raw_n - o->meta_n - s.old_len + s.meta_n + s.meta_len;
}

void object_pb(const struct object *o, struct buf *out)
{
	struct splice s = splice_of(o);
	const char *v = o->value->p;
	uint8_t len[10];
	buf_put(out, v + o->raw, o->meta - s.old_len - o->raw);
	buf_put(out, len, (size_t)(pbvarint_put(len, s.meta_n) - len));
	buf_put(out, v + o->meta, o->rv - o->meta);
	buf_put(out, s.rv, s.rv_n);
	buf_put(out, v + o->rv + 2, o->raw + o->raw_n - o->rv - 2);
}
