/* Typed objects to dynamic values and back, without text in between; faults are worded as upstream's converter does. */
#include "base/enc.h"
#include "codec/json.h"
#include "codec/list.h"
#include "codec/scalar.h"

static struct value *message_value(struct arena *a, const struct type *t, const void *obj);

static struct value *text_value(struct arena *a, const char *p, size_t n) { return value_str(a, str_dup(a, str_n(p, n))); }

static struct value *double_value(struct arena *a, double d)
{
	struct value *v = value_new(a, V_DOUBLE);
	if (v)
		v->d = d;
	return v;
}

static struct value *time_value(struct arena *a, const struct api_time *t, bool micro)
{
	char text[SCALAR_TIME_MAX];
	return t->set ? text_value(a, text, scalar_put_time(text, t, micro)) : value_new(a, V_NULL);
}

static struct value *duration_value(struct arena *a, nsec_t d)
{
	BUF(b);
	duration_put(&b, d);
	return value_str(a, buf_take(&b, a));
}

static struct value *bytes_value(struct arena *a, struct str s)
{
	BUF(b);
	if (!s.p)
		return value_new(a, V_NULL);
	enc_base64(&b, s);
	struct str text = buf_take(&b, a);
	return s.n && !text.p ? NULL : value_str(a, text.p ? text : STR(""));
}

static struct value *raw_value(struct arena *a, struct str json)
{
	struct value *v;
	struct json_opts aliased = {.flags = JSON_ALIAS_INPUT};
	return json.n && json_parse(a, json, &aliased, &v, NULL) == 0 ? v : value_new(a, V_NULL);
}

static struct value *element_value(struct arena *a, const struct field *f, const void *p)
{
	const struct str *s = p;
	switch (f->kind) {
	case K_STRING: return value_str(a, s->p ? *s : STR(""));
	case K_MESSAGE: return message_value(a, field_type(f), p);
	case K_BOOL: return value_bool(a, *(const bool *)p);
	case K_INT32: return value_int(a, *(const int32_t *)p);
	case K_UINT32: return value_int(a, *(const uint32_t *)p);
	case K_INT64: case K_UINT64: case K_GODURATION: return value_int(a, *(const int64_t *)p);
	case K_FLOAT: return double_value(a, (double)*(const float *)p);
	case K_DOUBLE: return double_value(a, *(const double *)p);
	case K_BYTES: return bytes_value(a, *s);
	case K_TIME: return time_value(a, p, false);
	case K_MICROTIME: return time_value(a, p, true);
	case K_DURATION: return duration_value(a, *(const nsec_t *)p);
	case K_QUANTITY: return value_str(a, s->n ? *s : STR("0"));
	case K_INTORSTRING: {
		const struct int_or_str *v = p;
		return v->is_str ? value_str(a, v->str.p ? v->str : STR("")) : value_int(a, v->num);
	}
	default: return raw_value(a, *s);
	}
}

static bool add_item(struct arena *a, struct value *l, struct value *x)
{
	uint32_t before = l->list.len;
	value_push(a, l, x);
	return l->list.len > before;
}

/* The caller knows that key is not there yet. */
static bool add_member(struct arena *a, struct value *o, struct str key, struct value *x)
{
	if (!x || !arena_push(a, &o->object))
		return false;
	o->object.items[o->object.len - 1] = (struct member){key, x};
	return true;
}

static struct value *list_value(struct arena *a, const struct field *f, const struct any_list *l)
{
	struct value *v = value_new(a, !l->items ? V_NULL : f->card == MAP_OF ? V_OBJECT : V_LIST);
	for (uint32_t i = 0; v && l->items && i < l->len; i++) {
		const void *p = list_at(f, l, i);
		struct value *x = p ? element_value(a, f, p) : value_new(a, V_NULL);
		bool added = f->card == LIST_OF ? add_item(a, v, x) : add_member(a, v, *map_key_at(f, l, i), x);
		if (!added)
			return NULL;
	}
	return v;
}

static struct value *field_value(struct arena *a, const struct field *f, const void *obj)
{
	const void *p = (const char *)obj + f->offset;
	if (f->card != ONE)
		return list_value(a, f, p);
	if (f->flags & FIELD_PTR && !field_present(obj, f))
		return value_new(a, V_NULL);
	return element_value(a, f, f->kind == K_MESSAGE && f->flags & FIELD_PTR ? *(void *const *)p : p);
}

static bool left_out(const struct field *f, const void *obj)
{
	if (f->flags & FIELD_OMITEMPTY && field_empty(obj, f))
		return true;
	return f->flags & FIELD_OMITZERO && (f->kind == K_TIME || f->kind == K_MICROTIME) && !field_present(obj, f);
}

/* The forms that are no plain objects take the way over their text. */
static struct value *odd_value(struct arena *a, const struct type *t, const void *obj)
{
	BUF(b);
	json_encode(&b, (struct ref){t, (void *)obj});
	return raw_value(a, buf_take(&b, a));
}

static struct value *message_value(struct arena *a, const struct type *t, const void *obj)
{
	if (t->form == FORM_WRAPLIST)
		return list_value(a, type_field(t, 0), obj);
	if (t->form != FORM_OBJECT && t->form != FORM_OTHER)
		return odd_value(a, t, obj);
	struct value *v = value_new(a, V_OBJECT);
	for (unsigned i = 0; v && i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		if (!left_out(f, obj) && !add_member(a, v, field_name(f), field_value(a, f, obj)))
			return NULL;
	}
	return v;
}

struct value *obj_to_value(struct arena *a, struct ref o) { return message_value(a, o.type, o.p); }

/* ---- back */

struct where { /* the way from the root */
	const struct where *up;
	struct str name; /* p NULL: an index */
	uint32_t index;
};

struct reader {
	struct arena *a;
	const struct json_opts *o;
	struct err *e;
	unsigned depth;
};

static int read_message(struct reader *r, const struct type *t, const struct value *v, void *obj, const struct where *at);

static void put_where(struct buf *b, const struct where *w)
{
	if (!w)
		return;
	put_where(b, w->up);
	if (!w->name.p)
		buf_printf(b, "[%u]", w->index);
	else
		buf_printf(b, "%s%.*s", b->n ? "." : "", STR_F(w->name));
}

static void complain_unknown(struct reader *r, const struct where *at)
{
	if (!r->o || !(r->o->flags & JSON_STRICT) || !r->o->complain)
		return;
	BUF(path);
	put_where(&path, at);
	r->o->complain(r->o->arg, str_printf(r->a, "unknown field \"%.*s\"", STR_F(buf_view(&path))));
}

static const char *go_kind(const struct value *v)
{
	static const char *const names[] = {[V_NULL] = "nil", [V_BOOL] = "bool", [V_INT] = "int64", [V_DOUBLE] = "float64", [V_STRING] = "string",
		[V_LIST] = "slice", [V_OBJECT] = "map"};
	return names[v->type];
}

static int refuse(struct reader *r, const struct field *f, const struct value *v)
{
	struct str t = field_go_elem(f);
	return err_set(r->e, ERR_BAD_REQUEST, "cannot convert %s to %.*s", go_kind(v), STR_F(t));
}

static int cannot_restore(struct reader *r, const char *what, const struct value *v)
{
	return err_set(r->e, ERR_BAD_REQUEST, "cannot restore %s from %s", what, go_kind(v));
}

static int read_int(struct reader *r, const struct field *f, const struct value *v, void *p)
{
	int64_t i = v->type == V_DOUBLE ? (int64_t)v->d : v->i;
	if (v->type != V_INT && !(v->type == V_DOUBLE && (double)i == v->d))
		return refuse(r, f, v);
	if (f->kind == K_INT32 && (i < INT32_MIN || i > INT32_MAX))
		return refuse(r, f, v);
	if (f->kind == K_INT32 || f->kind == K_UINT32)
		*(int32_t *)p = (int32_t)i;
	else
		*(int64_t *)p = i;
	return 0;
}

static int read_double(struct reader *r, const struct field *f, const struct value *v, void *p)
{
	if (v->type != V_INT && v->type != V_DOUBLE)
		return refuse(r, f, v);
	double d = v->type == V_INT ? (double)v->i : v->d;
	if (f->kind == K_FLOAT)
		*(float *)p = (float)d;
	else
		*(double *)p = d;
	return 0;
}

/* Scalars that decode themselves are told as upstream tells the fault of their own decoder. */
static int wants_string(struct reader *r, const struct value *v)
{
	static const char *const kinds[] = {[V_NULL] = "null", [V_BOOL] = "bool", [V_INT] = "number", [V_DOUBLE] = "number", [V_STRING] = "string",
		[V_LIST] = "array", [V_OBJECT] = "object"};
	return err_set(r->e, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type string", kinds[v->type]);
}

static struct str value_text(struct reader *r, const struct value *v)
{
	BUF(b);
	json_write(&b, v);
	return buf_take(&b, r->a);
}

static int read_special(struct reader *r, const struct field *f, const struct value *v, void *p)
{
	if (f->kind == K_QUANTITY)
		return scalar_quantity(r->a, v->type == V_STRING ? v->s : value_text(r, v), p, r->e);
	if (v->type != V_STRING)
		return wants_string(r, v);
	switch (f->kind) {
	case K_TIME: return scalar_time(v->s, false, p, r->e);
	case K_MICROTIME: return scalar_time(v->s, true, p, r->e);
	case K_DURATION: return scalar_duration(v->s, p, r->e);
	default: return scalar_base64(r->a, v->s, p, r->e);
	}
}

static int read_int_or_string(struct reader *r, const struct field *f, const struct value *v, struct int_or_str *p)
{
	p->is_str = v->type == V_STRING;
	if (p->is_str) {
		p->str = v->s;
		return 0;
	}
	if (v->type != V_INT || v->i < INT32_MIN || v->i > INT32_MAX)
		return refuse(r, f, v);
	p->num = (int32_t)v->i;
	return 0;
}

static int read_raw(struct reader *r, const struct value *v, struct str *p)
{
	*p = value_text(r, v);
	return p->p ? 0 : err_nomem(r->e, 1);
}

static int read_text(struct reader *r, const struct field *f, const struct value *v, struct str *p)
{
	if (v->type != V_STRING)
		return refuse(r, f, v);
	*p = v->s.p ? v->s : STR("");
	return 0;
}

static int read_value(struct reader *r, const struct field *f, const struct value *v, void *p, const struct where *at)
{
	switch (f->kind) {
	case K_STRING: return read_text(r, f, v, p);
	case K_MESSAGE: return read_message(r, field_type(f), v, p, at);
	case K_BOOL:
		if (v->type != V_BOOL)
			return refuse(r, f, v);
		*(bool *)p = v->b;
		return 0;
	case K_FLOAT: case K_DOUBLE: return read_double(r, f, v, p);
	case K_INTORSTRING: return read_int_or_string(r, f, v, p);
	case K_TIME: case K_MICROTIME: case K_DURATION: case K_QUANTITY: case K_BYTES: return read_special(r, f, v, p);
	case K_RAW: case K_FIELDSV1: case K_JSON: case K_ANY: case K_OBJECT: return read_raw(r, v, p);
	default: return read_int(r, f, v, p);
	}
}

/* A message behind a pointer is made first. */
static int read_pointed(struct reader *r, const struct field *f, const struct value *v, void **p, const struct where *at)
{
	*p = obj_new(r->a, field_type(f));
	return *p ? read_message(r, field_type(f), v, *p, at) : err_nomem(r->e, field_type(f)->size);
}

static int read_element(struct reader *r, const struct field *f, const struct value *v, void *p, const struct where *at)
{
	if (v->type == V_NULL)
		return 0;
	return f->flags & FIELD_ELEM_PTR ? read_pointed(r, f, v, p, at) : read_value(r, f, v, p, at);
}

static int read_list(struct reader *r, const struct field *f, const struct value *v, struct any_list *l, const struct where *up)
{
	struct where at = {.up = up};
	if (v->type != V_LIST)
		return cannot_restore(r, "slice", v);
	*l = (struct any_list){.items = LIST_EMPTY};
	for (; at.index < v->list.len; at.index++) {
		void *p = list_push(r->a, l, f->stride);
		if (!p)
			return err_nomem(r->e, f->stride);
		if (read_element(r, f, v->list.items[at.index], p, &at) != 0)
			return -1;
	}
	return 0;
}

static int read_map(struct reader *r, const struct field *f, const struct value *v, struct any_list *m, const struct where *up)
{
	struct where at = {.up = up};
	if (v->type != V_OBJECT)
		return cannot_restore(r, "map", v);
	*m = (struct any_list){.items = LIST_EMPTY};
	for (uint32_t i = 0; i < v->object.len; i++) {
		bool old;
		at.name = v->object.items[i].key;
		char *p = map_put(r->a, f, m, at.name, &old);
		if (!p)
			return err_nomem(r->e, f->stride);
		if (read_element(r, f, v->object.items[i].value, p + field_entry_value(f), &at) != 0)
			return -1;
	}
	return 0;
}

static int read_member(struct reader *r, const struct field *f, const struct value *v, void *obj, const struct where *at)
{
	void *p = field_at(obj, f);
	if (v->type == V_NULL)
		return 0;
	if (f->card != ONE)
		return f->card == LIST_OF ? read_list(r, f, v, p, at) : read_map(r, f, v, p, at);
	if (f->has_offset)
		*((bool *)obj + f->has_offset) = true;
	if (f->kind == K_MESSAGE && f->flags & FIELD_PTR)
		return read_pointed(r, f, v, p, at);
	return read_value(r, f, v, p, at);
}

static int read_members(struct reader *r, const struct type *t, const struct value *v, void *obj, const struct where *up)
{
	struct where at = {.up = up};
	if (v->type != V_OBJECT)
		return err_set(r->e, ERR_BAD_REQUEST, "cannot restore struct from: %s", go_kind(v));
	for (uint32_t i = 0; i < v->object.len; i++) {
		at.name = v->object.items[i].key;
		const struct field *f = field_by_name(t, at.name, false);
		if (!f)
			complain_unknown(r, &at);
		else if (read_member(r, f, v->object.items[i].value, obj, &at) != 0)
			return -1;
	}
	return 0;
}

static int read_odd(struct reader *r, const struct type *t, const struct value *v, void *obj)
{
	struct json_opts aliased = {.flags = JSON_ALIAS_INPUT};
	return json_decode(r->a, t, value_text(r, v), &aliased, obj, r->e);
}

static int read_message(struct reader *r, const struct type *t, const struct value *v, void *obj, const struct where *at)
{
	if (++r->depth > JSON_MESSAGE_MAX)
		return err_set(r->e, ERR_BAD_REQUEST, "exceeded max depth");
	int ret;
	if (t->form == FORM_WRAPLIST)
		ret = read_list(r, type_field(t, 0), v, obj, at);
	else if (t->form != FORM_OBJECT && t->form != FORM_OTHER)
		ret = read_odd(r, t, v, obj);
	else
		ret = read_members(r, t, v, obj, at);
	r->depth--;
	return ret;
}

int obj_from_value(struct arena *a, const struct type *t, const struct value *v, const struct json_opts *o, void *obj, struct err *e)
{
	struct reader r = {a, o, e, 0};
	return read_message(&r, t, v, obj, NULL);
}
