/* Typed objects to JSON (schema README, "JSON output"). */
#include "codec/json.h"
#include "codec/out.h"
#include "codec/scalar.h"

static void put_message(struct out *o, const struct type *t, const void *obj);

static void put_raw(struct out *o, struct str json)
{
	if (json.n)
		out_json_raw(o, json);
	else
		out_lit(o, "null");
}

/* Raw extensions are kept as they were sent; their white space is not shown. */
static void put_extension(struct out *o, struct str json)
{
	size_t start = 0;
	bool quoted = false;
	for (size_t i = 0; i < json.n; i++) {
		unsigned char c = (unsigned char)json.p[i];
		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else if (c <= ' ') {
			out_json_raw(o, str_sub(json, start, i));
			start = i + 1;
		}
	}
	put_raw(o, json.n ? str_sub(json, start, json.n) : json);
}

static void put_i64(struct out *o, int64_t v)
{
	out_need(o, 24);
	o->p += scalar_put_i64(o->p, v);
}

static void put_u64(struct out *o, uint64_t v)
{
	out_need(o, 24);
	o->p += scalar_put_u64(o->p, v);
}

static void put_double(struct out *o, double d, bool single)
{
	out_need(o, SCALAR_DOUBLE_MAX);
	o->p += scalar_put_double(o->p, d, single);
}

static void put_bool(struct out *o, bool b) { out_str(o, b ? STR("true") : STR("false")); }

static void put_time(struct out *o, const struct api_time *t, bool micro)
{
	if (!t->set) {
		out_lit(o, "null");
		return;
	}
	out_need(o, SCALAR_TIME_MAX + 2);
	*o->p++ = '"';
	o->p += scalar_put_time(o->p, t, micro);
	*o->p++ = '"';
}

static void put_duration(struct out *o, nsec_t d)
{
	BUF(text);
	duration_put(&text, d);
	out_json_string(o, buf_view(&text));
}

static void put_bytes(struct out *o, struct str s)
{
	if (!s.p) {
		out_lit(o, "null");
		return;
	}
	out_char(o, '"');
	out_base64(o, s);
	out_char(o, '"');
}

static void put_int_or_str(struct out *o, const struct int_or_str *v)
{
	if (v->is_str)
		out_json_string(o, v->str);
	else
		put_i64(o, v->num);
}

static void put_element(struct out *o, const struct field *f, const void *p)
{
	const struct str *s = p;
	switch (f->kind) {
	case K_STRING: out_json_string(o, *s); break;
	case K_MESSAGE: put_message(o, field_type(f), p); break;
	case K_BOOL: put_bool(o, *(const bool *)p); break;
	case K_INT32: put_i64(o, *(const int32_t *)p); break;
	case K_INT64: case K_GODURATION: put_i64(o, *(const int64_t *)p); break;
	case K_UINT32: put_u64(o, *(const uint32_t *)p); break;
	case K_UINT64: put_u64(o, *(const uint64_t *)p); break;
	case K_FLOAT: put_double(o, (double)*(const float *)p, true); break;
	case K_DOUBLE: put_double(o, *(const double *)p, false); break;
	case K_BYTES: put_bytes(o, *s); break;
	case K_TIME: put_time(o, p, false); break;
	case K_MICROTIME: put_time(o, p, true); break;
	case K_DURATION: put_duration(o, *(const nsec_t *)p); break;
	case K_QUANTITY: out_json_string(o, s->n ? *s : STR("0")); break;
	case K_INTORSTRING: put_int_or_str(o, p); break;
	case K_RAW: put_extension(o, *s); break;
	default: put_raw(o, *s); break;
	}
}

static void put_pointed(struct out *o, const struct field *f, const void *p)
{
	if (p)
		put_element(o, f, p);
	else
		out_lit(o, "null");
}

static void put_list(struct out *o, const struct field *f, const struct any_list *l)
{
	if (!l->items) {
		out_lit(o, "null");
		return;
	}
	out_char(o, '[');
	for (uint32_t i = 0; i < l->len; i++) {
		if (i)
			out_char(o, ',');
		put_pointed(o, f, list_at(f, l, i));
	}
	out_char(o, ']');
}

static void put_map(struct out *o, const struct field *f, const struct any_list *m)
{
	if (!m->items) {
		out_lit(o, "null");
		return;
	}
	out_char(o, '{');
	for (uint32_t i = 0; i < m->len; i++) {
		if (i)
			out_char(o, ',');
		out_json_string(o, *map_key_at(f, m, i));
		out_char(o, ':');
		put_pointed(o, f, list_at(f, m, i));
	}
	out_char(o, '}');
}

static void put_value(struct out *o, const struct field *f, const void *obj)
{
	const void *p = (const char *)obj + f->offset;
	if (f->card == LIST_OF)
		put_list(o, f, p);
	else if (f->card == MAP_OF)
		put_map(o, f, p);
	else if (f->flags & FIELD_PTR && field_empty(obj, f))
		out_lit(o, "null");
	else if (f->kind == K_MESSAGE && f->flags & FIELD_PTR)
		put_message(o, field_type(f), *(void *const *)p);
	else
		put_element(o, f, p);
}

static bool message_zero(const struct type *t, const void *obj);

/* Zero in the sense of omitzero. */
static bool field_zero(const void *obj, const struct field *f)
{
	if (f->card != ONE || f->flags & FIELD_PTR)
		return !field_present(obj, f);
	const void *p = (const char *)obj + f->offset;
	switch (f->kind) {
	case K_MESSAGE: return message_zero(field_type(f), p);
	case K_TIME: case K_MICROTIME: return !((const struct api_time *)p)->set;
	case K_DURATION: return *(const nsec_t *)p == 0;
	case K_QUANTITY: return ((const struct str *)p)->n == 0;
	default: return field_empty(obj, f);
	}
}

static bool message_zero(const struct type *t, const void *obj)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (!field_zero(obj, type_field(t, i)))
			return false;
	return true;
}

static void put_object(struct out *o, const struct type *t, const void *obj)
{
	char before = '{';
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		if ((f->flags & FIELD_OMITEMPTY && field_empty(obj, f)) || (f->flags & FIELD_OMITZERO && field_zero(obj, f)))
			continue;
		out_need(o, f->key_len + 1u);
		*o->p++ = before;
		memcpy(o->p, desc_pool + f->key, f->key_len);
		o->p += f->key_len;
		put_value(o, f, obj);
		before = ',';
	}
	if (before == '{')
		out_char(o, '{');
	out_char(o, '}');
}

/* The schema, or else the other field of the type. */
static void put_schema_or(struct out *o, const struct type *t, const void *obj)
{
	const struct field *schema = field_by_name(t, STR("Schema"), false), *other = type_field(t, 0) == schema ? type_field(t, 1) : type_field(t, 0);
	const void *s = *(void *const *)((const char *)obj + schema->offset);
	bool takes_other = t->form == FORM_PROPS_OR_BOOL ? !s : !field_empty(obj, other);
	if (takes_other)
		put_value(o, other, obj);
	else if (s)
		put_message(o, field_type(schema), s);
	else
		out_lit(o, "null");
}

static void put_message(struct out *o, const struct type *t, const void *obj)
{
	switch (t->form) {
	case FORM_WRAPLIST: put_list(o, type_field(t, 0), obj); break;
	case FORM_PROPS_OR_ARRAY: case FORM_PROPS_OR_BOOL: case FORM_PROPS_OR_STRINGS: put_schema_or(o, t, obj); break;
	case FORM_UNKNOWN: put_raw(o, *(const struct str *)((const char *)obj + field_by_name(t, STR("raw"), false)->offset)); break;
	default: put_object(o, t, obj);
	}
}

void json_encode(struct buf *out, struct ref r)
{
	struct out o;
	out_begin(&o, out);
	put_message(&o, r.type, r.p);
	out_end(&o);
}

void json_encode_pretty(struct buf *out, struct ref r, int indent)
{
	BUF(compact);
	json_encode(&compact, r);
	json_indent(out, buf_view(&compact), indent);
	out->failed |= compact.failed;
}

void json_string(struct buf *out, struct str s)
{
	struct out o;
	out_begin(&o, out);
	out_json_string(&o, s);
	out_end(&o);
}

void json_double(struct buf *out, double d)
{
	char text[SCALAR_DOUBLE_MAX];
	buf_put(out, text, scalar_put_double(text, d, false));
}
