/* JSON to typed objects.  One pass over the text: members are first tried in the order in which encoders write them.
 *
 * Two kinds of failure.  A value of the wrong kind is noted (the first one wins) and passed over, as upstream does; bad scalars and bad
 * JSON end the pass.  Then the whole text is checked, because upstream tells of bad JSON before anything else. */
#include "codec/json.h"
#include "codec/list.h"
#include "codec/scalar.h"
#include "codec/scan.h"

#define COMPLAINTS_MAX 100 /* as upstream: a hostile object must not grow the answer without bound */

/* One level of the way from the root: a member, an index or a map key. */
struct frame {
	const struct frame *up;
	const struct type *type; /* of members */
	struct str name;
	uint32_t index;
};

struct decoder {
	struct scan s;
	struct arena *a;
	const struct json_opts *o;
	struct err *e;
	bool strict, keep_spaces, fold, wrong; /* wrong: e holds the first mismatch */
	unsigned depth, depth_max, complaints;
};

static int decode_message(struct decoder *d, const struct type *t, void *obj, const struct frame *up);
static int decode_element(struct decoder *d, const struct field *f, void *p, const struct frame *at);

/* ---- complaints */

static void put_path(struct buf *b, const struct frame *f)
{
	if (!f)
		return;
	put_path(b, f->up);
	if (!f->name.p) {
		buf_printf(b, "[%u]", f->index);
		return;
	}
	if (b->n)
		buf_char(b, '.');
	buf_str(b, f->name);
}

/* "what field "path"", e.g. unknown field "spec.foo". */
static void complain(struct decoder *d, const char *what, const struct frame *f)
{
	if (!d->o || !d->o->complain || d->complaints++ >= COMPLAINTS_MAX)
		return;
	BUF(path);
	BUF(text);
	put_path(&path, f);
	buf_printf(&text, "%s field \"%.*s\"", what, STR_F(buf_view(&path)));
	d->o->complain(d->o->arg, buf_take(&text, d->a));
}

static void put_members(struct buf *b, const struct frame *f)
{
	if (!f)
		return;
	put_members(b, f->up);
	if (!f->type)
		return;
	if (b->n)
		buf_char(b, '.');
	buf_str(b, f->name);
}

static const struct frame *innermost_member(const struct frame *f)
{
	while (f && !f->type)
		f = f->up;
	return f;
}

/* Notes "json: cannot unmarshal VALUE into Go struct field Pod.spec of type TYPE". */
static int mismatch(struct decoder *d, struct str value, struct str go_type, const struct frame *at)
{
	const struct frame *m = innermost_member(at);
	if (d->wrong)
		return 0;
	d->wrong = true;
	if (!m) {
		err_set(d->e, ERR_BAD_REQUEST, "json: cannot unmarshal %.*s into Go value of type %.*s", STR_F(value), STR_F(go_type));
		return 0;
	}
	BUF(path);
	put_members(&path, m);
	struct str owner = desc_str(m->type->go_name);
	owner = str_sub(owner, (size_t)(str_rindex(owner, '.') + 1), owner.n);
	err_set(d->e, ERR_BAD_REQUEST, "json: cannot unmarshal %.*s into Go struct field %.*s.%.*s of type %.*s", STR_F(value), STR_F(owner),
		STR_F(buf_view(&path)), STR_F(go_type));
	return 0;
}

static struct str kind_of(char c)
{
	switch (c) {
	case '{': return STR("object");
	case '[': return STR("array");
	case '"': return STR("string");
	case 't': case 'f': return STR("bool");
	default: return STR("number");
	}
}

/* Passes over a value that does not fit. */
static int wrong_kind(struct decoder *d, struct str go_type, const struct frame *at)
{
	char c = scan_peek(&d->s);
	if (scan_skip(&d->s, NULL) != 0)
		return -1;
	return mismatch(d, kind_of(c), go_type, at);
}

/* ---- scalars */

static int decode_bool(struct decoder *d, const struct field *f, bool *p, const struct frame *at)
{
	char c = scan_peek(&d->s);
	if (c != 't' && c != 'f')
		return wrong_kind(d, field_go_elem(f), at);
	*p = c == 't';
	return scan_literal(&d->s, c == 't' ? STR("true") : STR("false"));
}

static bool starts_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

static int bad_number(struct decoder *d, const struct field *f, struct str number, const struct frame *at)
{
	BUF(value);
	buf_printf(&value, "number %.*s", STR_F(number));
	return mismatch(d, buf_view(&value), field_go_elem(f), at);
}

static void store_int(const struct field *f, void *p, int64_t v)
{
	if (f->kind == K_INT32 || f->kind == K_UINT32)
		*(int32_t *)p = (int32_t)v;
	else
		*(int64_t *)p = v;
}

static int decode_uint64(struct decoder *d, const struct field *f, struct str number, bool whole, void *p, const struct frame *at)
{
	uint64_t v;
	if (!whole || str_u64(number, &v) != 0)
		return bad_number(d, f, number, at);
	*(uint64_t *)p = v;
	return 0;
}

static int decode_int(struct decoder *d, const struct field *f, void *p, const struct frame *at)
{
	struct str number;
	bool whole, narrow = f->kind == K_INT32 || f->kind == K_UINT32;
	int64_t v, min = f->kind == K_UINT32 ? 0 : narrow ? INT32_MIN : INT64_MIN;
	if (!starts_number(scan_peek(&d->s)))
		return wrong_kind(d, field_go_elem(f), at);
	if (scan_number(&d->s, &number, &whole) != 0)
		return -1;
	if (f->kind == K_UINT64)
		return decode_uint64(d, f, number, whole, p, at);
	if (!whole || scalar_int(number, min, !narrow ? INT64_MAX : f->kind == K_UINT32 ? UINT32_MAX : INT32_MAX, &v) != 0)
		return bad_number(d, f, number, at);
	store_int(f, p, v);
	return 0;
}

static int decode_double(struct decoder *d, const struct field *f, void *p, const struct frame *at)
{
	struct str number;
	bool whole;
	if (!starts_number(scan_peek(&d->s)))
		return wrong_kind(d, field_go_elem(f), at);
	if (scan_number(&d->s, &number, &whole) != 0)
		return -1;
	double v = scalar_double(number);
	if (__builtin_isinf(v))
		return bad_number(d, f, number, at);
	if (f->kind == K_FLOAT)
		*(float *)p = (float)v;
	else
		*(double *)p = v;
	return 0;
}

static int decode_string(struct decoder *d, const struct field *f, struct str *p, const struct frame *at)
{
	if (scan_peek(&d->s) != '"')
		return wrong_kind(d, field_go_elem(f), at);
	return scan_string(&d->s, p);
}

static int decode_bytes(struct decoder *d, struct str *p, const struct frame *at)
{
	struct str text;
	ERR(e);
	if (scan_peek(&d->s) != '"')
		return wrong_kind(d, STR("[]uint8"), at);
	if (scan_string(&d->s, &text) != 0)
		return -1;
	if (scalar_base64(d->a, text, p, &e) != 0 && !d->wrong) {
		d->wrong = true;
		err_move(d->e, &e);
	}
	return 0;
}

/* Scalars that upstream decodes with a method of their own: a fault there ends the pass, and is told without the member's name. */
static int refuse(struct decoder *d, struct str go_type)
{
	char c = scan_peek(&d->s);
	const char *from = d->s.p;
	if (scan_skip(&d->s, NULL) != 0)
		return -1;
	struct str value = kind_of(c), text = {from, (size_t)(d->s.p - from)};
	if (starts_number(c) && str_is(go_type, "int32"))
		err_set(d->e, ERR_BAD_REQUEST, "json: cannot unmarshal number %.*s into Go value of type int32", STR_F(text));
	else
		err_set(d->e, ERR_BAD_REQUEST, "json: cannot unmarshal %.*s into Go value of type %.*s", STR_F(value), STR_F(go_type));
	d->wrong = true;
	return -1;
}

static int refused(struct decoder *d)
{
	d->wrong = true;
	return -1;
}

static int decode_time(struct decoder *d, bool micro, struct api_time *p)
{
	struct str text;
	if (scan_peek(&d->s) != '"')
		return refuse(d, STR("string"));
	if (scan_string(&d->s, &text) != 0)
		return -1;
	return scalar_time(text, micro, p, d->e) == 0 ? 0 : refused(d);
}

static int decode_duration(struct decoder *d, nsec_t *p)
{
	struct str text = STR("");
	char c = scan_peek(&d->s);
	if (c != '"' && c != 'n')
		return refuse(d, STR("string"));
	if ((c == 'n' ? scan_literal(&d->s, STR("null")) : scan_string(&d->s, &text)) != 0)
		return -1;
	return scalar_duration(text, p, d->e) == 0 ? 0 : refused(d);
}

static int decode_quantity(struct decoder *d, struct str *p)
{
	struct str text;
	if ((scan_peek(&d->s) == '"' ? scan_string(&d->s, &text) : scan_raw(&d->s, &text)) != 0)
		return -1;
	return scalar_quantity(d->a, text, p, d->e) == 0 ? 0 : refused(d);
}

static int decode_int_or_string(struct decoder *d, struct int_or_str *p)
{
	struct str number;
	bool whole;
	int64_t v;
	char c = scan_peek(&d->s);
	const char *from = d->s.p;
	p->is_str = c == '"';
	if (p->is_str)
		return scan_string(&d->s, &p->str);
	if (!starts_number(c))
		return refuse(d, STR("int32"));
	if (scan_number(&d->s, &number, &whole) != 0)
		return -1;
	if (!whole || scalar_int(number, INT32_MIN, INT32_MAX, &v) != 0) {
		d->s.p = from;
		return refuse(d, STR("int32"));
	}
	p->num = (int32_t)v;
	return 0;
}

/* ---- lists and maps */

static int decode_list(struct decoder *d, const struct field *f, struct any_list *l, const struct frame *up)
{
	struct frame at = {.up = up};
	if (scan_peek(&d->s) != '[')
		return wrong_kind(d, field_go_type(f), up);
	d->s.p++;
	*l = (struct any_list){.items = LIST_EMPTY};
	if (scan_char(&d->s, ']'))
		return 0;
	for (;; at.index++) {
		void *p = list_push(d->a, l, f->stride);
		d->s.nomem |= !p;
		if (!p || decode_element(d, f, p, &at) != 0)
			return -1;
		char c = scan_peek(&d->s);
		d->s.p += c != 0;
		if (c == ']')
			return 0;
		if (c != ',')
			return -1;
	}
}

/* A member name and the colon behind it. */
static int scan_key(struct scan *s, struct str *ret)
{
	if (scan_peek(s) != '"' || scan_string(s, ret) != 0)
		return -1;
	return scan_char(s, ':') ? 0 : -1;
}

/* ',' and '}' after a member: 1 to go on, 0 at the end. */
static int after_member(struct scan *s)
{
	char c = scan_peek(s);
	s->p += c != 0;
	return c == ',' ? 1 : c == '}' ? 0 : -1;
}

static int decode_map(struct decoder *d, const struct field *f, struct any_list *m, const struct frame *up)
{
	struct frame at = {.up = up};
	int more;
	if (scan_peek(&d->s) != '{')
		return wrong_kind(d, field_go_type(f), up);
	d->s.p++;
	if (!m->items)
		*m = (struct any_list){.items = LIST_EMPTY};
	if (scan_char(&d->s, '}'))
		return 0;
	do {
		bool old = false;
		if (scan_key(&d->s, &at.name) != 0)
			return -1;
		char *p = map_put(d->a, f, m, at.name, &old);
		d->s.nomem |= !p;
		if (!p)
			return -1;
		if (old && d->strict)
			complain(d, "duplicate", &at);
		if (old)
			memset(p + sizeof(struct str), 0, f->stride - sizeof(struct str));
		if (decode_element(d, f, p + field_entry_value(f), &at) != 0)
			return -1;
		more = after_member(&d->s);
	} while (more > 0);
	return more;
}

/* ---- messages */

static void *new_message(struct decoder *d, const struct type *t)
{
	void *p = arena_alloc(d->a, t->size);
	d->s.nomem |= !p;
	return p;
}

/* null leaves a value alone, and is a zero number for int-or-string; a duration refuses it. */
static int decode_null(struct decoder *d, const struct field *f, void *p)
{
	if (f->kind == K_DURATION)
		return decode_duration(d, p);
	if (f->kind == K_MESSAGE && field_type(f)->form == FORM_WRAPLIST)
		memset(p, 0, sizeof(struct any_list));
	if (f->kind == K_TIME || f->kind == K_MICROTIME)
		memset(p, 0, sizeof(struct api_time));
	if (f->kind == K_QUANTITY || f->kind == K_BYTES || f->kind >= K_RAW)
		*(struct str *)p = (struct str){0};
	return scan_literal(&d->s, STR("null"));
}

/* One value that is not null. */
static int decode_value(struct decoder *d, const struct field *f, void *p, const struct frame *at)
{
	switch (f->kind) {
	case K_STRING: return decode_string(d, f, p, at);
	case K_MESSAGE: return decode_message(d, field_type(f), p, at);
	case K_BOOL: return decode_bool(d, f, p, at);
	case K_FLOAT: case K_DOUBLE: return decode_double(d, f, p, at);
	case K_BYTES: return decode_bytes(d, p, at);
	case K_TIME: return decode_time(d, false, p);
	case K_MICROTIME: return decode_time(d, true, p);
	case K_DURATION: return decode_duration(d, p);
	case K_QUANTITY: return decode_quantity(d, p);
	case K_INTORSTRING: return decode_int_or_string(d, p);
	case K_RAW: return d->keep_spaces ? scan_kept(&d->s, p) : scan_raw(&d->s, p);
	case K_FIELDSV1: case K_JSON: case K_ANY: case K_OBJECT: return scan_raw(&d->s, p);
	default: return decode_int(d, f, p, at);
	}
}

/* An element of a list or the value of a map entry, at a zeroed place. */
static int decode_element(struct decoder *d, const struct field *f, void *p, const struct frame *at)
{
	if (scan_peek(&d->s) == 'n')
		return decode_null(d, f, p);
	if (f->flags & FIELD_ELEM_PTR) {
		void *message = new_message(d, field_type(f));
		*(void **)p = message;
		return message ? decode_message(d, field_type(f), message, at) : -1;
	}
	return decode_value(d, f, p, at);
}

/* A message behind a pointer, which a repeated member finds already made. */
static int decode_pointed(struct decoder *d, const struct field *f, void **p, const struct frame *at)
{
	if (!*p)
		*p = new_message(d, field_type(f));
	return *p ? decode_message(d, field_type(f), *p, at) : -1;
}

static int decode_member(struct decoder *d, const struct field *f, void *obj, const struct frame *at)
{
	void *p = field_at(obj, f);
	if (scan_peek(&d->s) == 'n') {
		if (!(f->flags & FIELD_PTR) && f->card == ONE)
			return decode_null(d, f, p);
		field_clear(obj, f);
		return scan_literal(&d->s, STR("null"));
	}
	if (f->card == LIST_OF)
		return decode_list(d, f, p, at);
	if (f->card == MAP_OF)
		return decode_map(d, f, p, at);
	if (f->has_offset)
		*((bool *)obj + f->has_offset) = true;
	if (f->kind == K_MESSAGE && f->flags & FIELD_PTR)
		return decode_pointed(d, f, p, at);
	return decode_value(d, f, p, at);
}

struct seen { /* members met, for complaints about duplicates */
	uint64_t bits[4];
};

static void note_member(struct decoder *d, const struct type *t, const struct field *f, struct seen *seen, const struct frame *at)
{
	size_t i = (size_t)(f - type_field(t, 0));
	uint64_t bit = (uint64_t)1 << (i % 64);
	if (seen->bits[i / 64] & bit)
		complain(d, "duplicate", at);
	seen->bits[i / 64] |= bit;
}

/* The field of the next member, with p behind its colon.  The one after the last is tried first, by comparing the raw text; unknown: NULL and *name. */
static int next_field(struct decoder *d, const struct type *t, unsigned hint, const struct field **ret, struct str *name)
{
	struct scan *s = &d->s;
	if (scan_peek(s) != '"')
		return -1;
	if (hint < t->nfields) {
		const struct field *f = type_field(t, hint);
		const char *key = desc_pool + f->key;
		if (s->end - s->p >= f->key_len && s->p[1] == key[1] && memcmp(s->p, key, f->key_len) == 0) {
			s->p += f->key_len;
			*name = (struct str){key + 1, f->key_len - 3u};
			*ret = f;
			return 0;
		}
	}
	if (scan_key(s, name) != 0)
		return -1;
	*ret = field_by_name(t, *name, d->fold);
	return 0;
}

static int decode_members(struct decoder *d, const struct type *t, void *obj, const struct frame *up)
{
	struct frame at = {.up = up, .type = t};
	struct seen seen = {0};
	const struct field *f;
	unsigned hint = 0;
	int more;
	do {
		if (next_field(d, t, hint, &f, &at.name) != 0)
			return -1;
		if (d->strict)
			f ? note_member(d, t, f, &seen, &at) : complain(d, "unknown", &at);
		if ((f ? decode_member(d, f, obj, &at) : scan_skip(&d->s, NULL)) != 0)
			return -1;
		hint = f ? (unsigned)(f - type_field(t, 0)) + 1 : hint;
		more = after_member(&d->s);
	} while (more > 0);
	return more;
}

static int decode_object(struct decoder *d, const struct type *t, void *obj, const struct frame *up)
{
	if (scan_peek(&d->s) != '{')
		return wrong_kind(d, desc_str(t->go_name), up);
	d->s.p++;
	return scan_char(&d->s, '}') ? 0 : decode_members(d, t, obj, up);
}

/* A schema, or (by the first character) the other form, whose fields are the two of the type. */
static int decode_schema_or(struct decoder *d, const struct type *t, void *obj, const struct frame *up)
{
	bool strict = d->strict;
	const struct field *schema = field_by_name(t, STR("Schema"), false), *other = type_field(t, 0) == schema ? type_field(t, 1) : type_field(t, 0);
	char c = scan_peek(&d->s);
	int r;
	d->strict = false; /* upstream decodes these on their own, leniently */
	if (c == '{') {
		if (t->form == FORM_PROPS_OR_BOOL)
			*(bool *)field_at(obj, other) = true;
		r = decode_pointed(d, schema, field_at(obj, schema), up);
	} else if (t->form == FORM_PROPS_OR_BOOL && c != 't' && c != 'f') {
		err_set(d->e, ERR_BAD_REQUEST, "boolean or JSON schema expected");
		r = refused(d);
	} else if (t->form != FORM_PROPS_OR_BOOL && c != '[') {
		r = scan_skip(&d->s, NULL);
	} else {
		r = decode_member(d, other, obj, up);
	}
	d->strict = strict;
	return r;
}

static int decode_unknown(struct decoder *d, const struct type *t, void *obj)
{
	*(struct str *)field_at(obj, field_by_name(t, STR("contentType"), false)) = STR("application/json");
	return scan_raw(&d->s, field_at(obj, field_by_name(t, STR("raw"), false)));
}

static int decode_message(struct decoder *d, const struct type *t, void *obj, const struct frame *up)
{
	if (++d->depth > d->depth_max)
		return err_set(d->e, ERR_BAD_REQUEST, "exceeded max depth"), refused(d);
	int r;
	switch (t->form) {
	case FORM_WRAPLIST:
		r = decode_list(d, type_field(t, 0), obj, up);
		break;
	case FORM_PROPS_OR_ARRAY: case FORM_PROPS_OR_BOOL: case FORM_PROPS_OR_STRINGS:
		r = decode_schema_or(d, t, obj, up);
		break;
	case FORM_UNKNOWN:
		r = decode_unknown(d, t, obj);
		break;
	default:
		r = decode_object(d, t, obj, up);
	}
	d->depth--;
	return r;
}

/* ---- */

static int decode_document(struct decoder *d, const struct type *t, void *obj)
{
	int r = scan_peek(&d->s) == 'n' ? scan_literal(&d->s, STR("null")) : decode_message(d, t, obj, NULL);
	return r == 0 && scan_peek(&d->s) == 0 && d->s.p == d->s.end ? 0 : -1;
}

static int explain(struct decoder *d, struct str in, struct err *e)
{
	if (json_syntax(in, e) != 0)
		return -1;
	if (d->s.nomem)
		return err_nomem(e, in.n);
	if (!d->wrong)
		return err_set(e, ERR_BAD_REQUEST, "json: cannot be decoded");
	if (e) {
		err_fini(e);
		err_move(e, d->e);
	}
	return -1;
}

int json_decode(struct arena *a, const struct type *t, struct str in, const struct json_opts *o, void *obj, struct err *e)
{
	unsigned flags = o ? o->flags : 0;
	ERR(first);
	if (!in.p)
		in = STR("");
	if (!(flags & JSON_ALIAS_INPUT) && in.n) {
		struct str copy = str_dup(a, in);
		if (!copy.p)
			return err_nomem(e, in.n);
		in = copy;
	}
	struct decoder d = {.s = {.p = in.p, .end = in.p + in.n, .a = a}, .a = a, .o = o, .e = &first, .strict = flags & JSON_STRICT, .keep_spaces = flags & JSON_KEEP_SPACES,
		.fold = flags & JSON_FOLD_CASE, .depth_max = o && o->depth_max ? o->depth_max : JSON_MESSAGE_MAX};
	if (decode_document(&d, t, obj) == 0 && !d.wrong)
		return 0;
	return explain(&d, in, e);
}
