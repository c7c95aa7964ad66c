#include "codec/defaults_config.h"
#include "codec/json.h"

static size_t value_size(const struct field *f)
{
	return f->card != ONE ? sizeof(struct any_list) : f->kind == K_MESSAGE ? sizeof(void *) : kind_size(f);
}

static bool unset(const void *obj, const struct field *f)
{
	bool span = f->card == ONE && !(f->flags & FIELD_PTR) && (f->kind == K_DURATION || f->kind == K_GODURATION);
	if (f->card == ONE && f->flags & FIELD_PTR)
		return !field_present(obj, f);
	return span ? *(const nsec_t *)((const char *)obj + f->offset) == 0 : field_empty(obj, f);
}

static void fill(const struct type *t, void *obj, const void *from)
{
	for (unsigned i = 0; i < t->nfields; i++) {
		const struct field *f = type_field(t, i);
		void *to = field_at(obj, f);
		const void *value = (const char *)from + f->offset;
		bool message = f->card == ONE && f->kind == K_MESSAGE, pointer = f->flags & FIELD_PTR;
		if (message && !pointer) {
			fill(field_type(f), to, value);
		} else if (unset(obj, f) && field_present(from, f)) {
			memcpy(to, value, value_size(f));
			if (f->has_offset)
				*((bool *)obj + f->has_offset) = true;
		} else if (message && *(void **)to && *(void *const *)value) {
			fill(field_type(f), *(void **)to, *(void *const *)value);
		}
	}
}

void config_fill(struct arena *a, const struct config_default *d, struct ref o)
{
	void *from = obj_new(a, o.type);
	ERR(ignored); /* our own text */
	if (from && json_decode(a, o.type, str_of(d->json), NULL, from, &ignored) == 0)
		fill(o.type, o.p, from);
}
