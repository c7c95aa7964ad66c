#include "codec/ops.h"
#include "schema/quantity.h"

static bool is_text(const struct field *f)
{
	return f->kind == K_STRING || f->kind == K_BYTES || f->kind == K_QUANTITY || (f->kind >= K_RAW && f->kind <= K_OBJECT);
}

static bool is_pointer(const struct field *f) { return f->kind == K_MESSAGE && f->flags & (f->card == ONE ? FIELD_PTR : FIELD_ELEM_PTR); }

/* ---- copy */

/* An element that was copied bit by bit gets its own of everything it points to. */
static void own_element(struct arena *a, const struct field *f, void *p)
{
	if (is_text(f)) {
		*(struct str *)p = str_dup(a, *(struct str *)p);
	} else if (f->kind == K_INTORSTRING) {
		((struct int_or_str *)p)->str = str_dup(a, ((struct int_or_str *)p)->str);
	} else if (is_pointer(f)) {
		void **message = p;
		if (*message)
			*message = obj_copy(a, (struct ref){field_type(f), *message});
	} else if (f->kind == K_MESSAGE) {
		obj_copy_into(a, field_type(f), p, p);
	}
}

static void own_list(struct arena *a, const struct field *f, struct any_list *l)
{
	const void *from = l->items;
	if (!l->len) {
		*l = (struct any_list){.items = from ? LIST_EMPTY : NULL};
		return;
	}
	l->cap = l->len;
	l->items = arena_alloc_array(a, l->len, f->stride);
	if (!l->items) {
		*l = (struct any_list){0};
		return;
	}
	memcpy(l->items, from, (size_t)l->len * f->stride);
	size_t value = f->card == MAP_OF ? field_entry_value(f) : 0;
	for (uint32_t i = 0; i < l->len; i++) {
		char *entry = (char *)l->items + (size_t)i * f->stride;
		if (f->card == MAP_OF)
			*(struct str *)entry = str_dup(a, *(struct str *)entry);
		own_element(a, f, entry + value);
	}
}

void obj_copy_into(struct arena *a, const struct type *t, void *to, const void *from)
{
	if (to != from)
		memcpy(to, from, t->size);
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		void *p = field_at(to, f);
		if (f->card == ONE)
			own_element(a, f, p);
		else
			own_list(a, f, p);
	}
}

void *obj_copy(struct arena *a, struct ref o)
{
	void *to = obj_new(a, o.type);
	if (to)
		obj_copy_into(a, o.type, to, o.p);
	return to;
}

/* ---- what protobuf does not keep */

static void drop_empty_in(const struct field *f, void *p)
{
	void *message = is_pointer(f) ? *(void **)p : p;
	if (f->kind == K_MESSAGE && message)
		obj_drop_empty((struct ref){field_type(f), message});
}

void obj_drop_empty(struct ref o)
{
	for (unsigned i = 0; i < o.type->nfields; i++) {
		const struct field *f = type_field(o.type, i);
		void *p = field_at(o.p, f);
		if (f->card == ONE) {
			drop_empty_in(f, p);
			continue;
		}
		struct any_list *l = p;
		size_t value = f->card == MAP_OF ? field_entry_value(f) : 0;
		if (!l->len)
			l->items = NULL;
		for (uint32_t k = 0; f->kind == K_MESSAGE && k < l->len; k++)
			drop_empty_in(f, (char *)l->items + (size_t)k * f->stride + value);
	}
}

/* ---- equality */

static bool quantity_equal(struct str a, struct str b)
{
	if (str_eq(a, b))
		return true;
	struct quantity x = quantity_of(a), y = quantity_of(b);
	return quantity_cmp(&x, &y) == 0;
}

static bool time_equal(const struct api_time *a, const struct api_time *b)
{
	return a->set == b->set && (!a->set || (a->sec == b->sec && a->nsec == b->nsec));
}

static bool int_or_str_equal(const struct int_or_str *a, const struct int_or_str *b)
{
	return a->is_str == b->is_str && (a->is_str ? str_eq(a->str, b->str) : a->num == b->num);
}

static bool messages_equal(const struct field *f, const void *a, const void *b)
{
	if (!is_pointer(f))
		return obj_equal_at(field_type(f), a, b);
	a = *(void *const *)a;
	b = *(void *const *)b;
	return a && b ? obj_equal_at(field_type(f), a, b) : a == b;
}

static bool elements_equal(const struct field *f, const void *a, const void *b)
{
	switch (f->kind) {
	case K_MESSAGE: return messages_equal(f, a, b);
	case K_BOOL: return *(const bool *)a == *(const bool *)b;
	case K_INT32: case K_UINT32: return *(const int32_t *)a == *(const int32_t *)b;
	case K_FLOAT: return *(const float *)a == *(const float *)b;
	case K_DOUBLE: return *(const double *)a == *(const double *)b;
	case K_TIME: case K_MICROTIME: return time_equal(a, b);
	case K_QUANTITY: return quantity_equal(*(const struct str *)a, *(const struct str *)b);
	case K_INTORSTRING: return int_or_str_equal(a, b);
	case K_INT64: case K_UINT64: case K_DURATION: case K_GODURATION: return *(const int64_t *)a == *(const int64_t *)b;
	default: return str_eq(*(const struct str *)a, *(const struct str *)b);
	}
}

static bool lists_equal(const struct field *f, const struct any_list *a, const struct any_list *b)
{
	if (a->len != b->len)
		return false;
	size_t value = f->card == MAP_OF ? field_entry_value(f) : 0;
	for (uint32_t i = 0; i < a->len; i++) {
		const char *x = (const char *)a->items + (size_t)i * f->stride, *y = (const char *)b->items + (size_t)i * f->stride;
		if (f->card == MAP_OF && !str_eq(*(const struct str *)x, *(const struct str *)y))
			return false;
		if (!elements_equal(f, x + value, y + value))
			return false;
	}
	return true;
}

bool field_equal(const struct field *f, const void *a, const void *b)
{
	const void *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
	if (f->card != ONE)
		return lists_equal(f, x, y);
	bool here = !(f->flags & FIELD_PTR) || !field_empty(a, f), there = !(f->flags & FIELD_PTR) || !field_empty(b, f);
	return here == there && (!here || elements_equal(f, x, y));
}

bool obj_equal_at(const struct type *t, const void *a, const void *b)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (!field_equal(type_field(t, i), a, b))
			return false;
	return true;
}

bool obj_list_equal(const struct type *t, const void *a, const void *b)
{
	const struct any_list *x = a, *y = b;
	bool same = x->len == y->len;
	for (uint32_t i = 0; same && i < x->len; i++)
		same = obj_equal_at(t, (const char *)x->items + (size_t)i * t->size, (const char *)y->items + (size_t)i * t->size);
	return same;
}

bool obj_list_has(const struct type *t, const void *list, const void *obj)
{
	const struct any_list *l = list;
	for (uint32_t i = 0; i < l->len; i++)
		if (obj_equal_at(t, (const char *)l->items + (size_t)i * t->size, obj))
			return true;
	return false;
}

bool obj_equal(struct ref a, struct ref b) { return a.type == b.type && obj_equal_at(a.type, a.p, b.p); }

/* ---- conversion */

static void convert_fields(struct arena *a, const struct type *from_type, const void *from, const struct type *to_type, void *to);

static void convert_element(struct arena *a, const struct field *f, const void *from, const struct field *g, void *to)
{
	if (f->kind != K_MESSAGE) {
		memcpy(to, from, kind_size(f));
		return;
	}
	if (is_pointer(f))
		from = *(void *const *)from;
	if (!from)
		return;
	if (is_pointer(g))
		to = *(void **)to = obj_new(a, field_type(g));
	if (to)
		convert_fields(a, field_type(f), from, field_type(g), to);
}

static void convert_list(struct arena *a, const struct field *f, const struct any_list *from, const struct field *g, struct any_list *to)
{
	if (!from->len) {
		*to = (struct any_list){.items = from->items ? LIST_EMPTY : NULL};
		return;
	}
	char *items = arena_alloc_array(a, from->len, g->stride);
	if (!items)
		return;
	*to = (struct any_list){items, from->len, from->len};
	size_t x = f->card == MAP_OF ? field_entry_value(f) : 0, y = g->card == MAP_OF ? field_entry_value(g) : 0;
	for (uint32_t i = 0; i < from->len; i++) {
		const char *entry = (const char *)from->items + (size_t)i * f->stride;
		char *fresh = items + (size_t)i * g->stride;
		if (f->card == MAP_OF)
			*(struct str *)fresh = *(const struct str *)entry;
		convert_element(a, f, entry + x, g, fresh + y);
	}
}

static void convert_field(struct arena *a, const struct field *f, const void *from, const struct field *g, void *to)
{
	const void *p = (const char *)from + f->offset;
	if (f->card != ONE) {
		convert_list(a, f, p, g, field_at(to, g));
		return;
	}
	if (f->flags & FIELD_PTR && !field_present(from, f))
		return;
	convert_element(a, f, p, g, field_at(to, g));
	if (g->has_offset)
		*((bool *)to + g->has_offset) = true;
}

static void convert_fields(struct arena *a, const struct type *from_type, const void *from, const struct type *to_type, void *to)
{
	for (unsigned i = 0; i < from_type->nfields; i++) {
		const struct field *f = type_field(from_type, i), *g = from_type == to_type ? f : field_by_name(to_type, field_name(f), false);
		if (g && g->kind == f->kind && g->card == f->card)
			convert_field(a, f, from, g, to);
	}
}

void obj_convert(struct arena *a, struct ref from, const struct type *to_type, void *to)
{
	convert_fields(a, from.type, from.p, to_type, to);
	obj_set_type((struct ref){to_type, to});
}
