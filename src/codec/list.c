#include "codec/list.h"

#define LARGE_ELEMENT 128 /* lists of these mostly have one */

void *list_push(struct arena *a, struct any_list *l, size_t stride)
{
	if (l->len == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : stride > LARGE_ELEMENT ? 1 : 4;
		void *items = arena_grow(a, l->cap ? l->items : NULL, l->cap * stride, cap * stride);
		if (!items)
			return NULL;
		l->items = items;
		l->cap = cap;
	}
	return (char *)l->items + stride * l->len++;
}

char *map_put(struct arena *a, const struct field *f, struct any_list *m, struct str key, bool *ret_old)
{
	bool last = m->len && str_cmp(*map_key_at(f, m, m->len - 1), key) < 0; /* encoders write keys in order */
	uint32_t at = last ? m->len : map_find(m, f->stride, key, ret_old);
	*ret_old &= !last;
	if (!*ret_old && !list_push(a, m, f->stride))
		return NULL;
	char *p = (char *)m->items + (size_t)at * f->stride;
	if (*ret_old)
		return p;
	memmove(p + f->stride, p, (size_t)(m->len - 1 - at) * f->stride);
	memset(p, 0, f->stride);
	*(struct str *)p = key;
	return p;
}
