#include "codec/managed_value.h"
#include "codec/json.h"

enum granularity place_granularity(struct place p)
{
	if (!p.field)
		return G_STRUCT;
	return p.element ? element_granularity(p.field) : field_granularity(p.field);
}

static const struct type *struct_of(struct place p) { return p.field ? field_type(p.field) : p.type; }

bool place_member(struct place p, struct str name, struct place *ret)
{
	const struct field *f = field_by_name(struct_of(p), name, false);
	*ret = (struct place){.field = f};
	return f != NULL;
}

/* The place below p that a path element leads to; false when the schema has none. */
bool place_step(struct place p, struct pe pe, struct place *ret)
{
	enum granularity g = place_granularity(p);
	if (g == G_STRUCT)
		return place_member(p, pe.text, ret);
	*ret = place_element(p);
	return g == G_MAP || g == G_LIST_SET || g == G_LIST_MAP;
}

static void write_key(struct buf *out, const struct field *f, const struct value *v)
{
	if (out->n > 1)
		buf_char(out, ',');
	json_string(out, field_name(f));
	buf_char(out, ':');
	if (v)
		json_write(out, v);
	else if (field_default(f).n)
		buf_str(out, field_default(f));
	else /* as the published schema defaults required members */
		buf_printf(out, f->kind == K_STRING ? "\"\"" : f->kind == K_BOOL ? "false" : "0");
}

struct pe place_pe(struct arena *a, struct place list, const struct value *v)
{
	struct list_keys keys = place_granularity(list) == G_LIST_MAP ? field_list_keys(list.field) : (struct list_keys){0};
	BUF(text);
	if (keys.n && v->type == V_OBJECT) {
		buf_char(&text, '{');
		for (size_t i = 0; i < keys.n; i++)
			write_key(&text, keys.f[i], value_get(v, field_name(keys.f[i])));
		buf_char(&text, '}');
	} else {
		json_write(&text, v);
	}
	return (struct pe){buf_take(&text, a), keys.n ? PE_KEY : PE_VALUE};
}

struct pe *place_pes(struct arena *a, struct place list, const struct value *v)
{
	uint32_t n = is_type(v, V_LIST) ? v->list.len : 0;
	struct pe *pes = arena_array(a, struct pe, n + 1);
	for (uint32_t i = 0; pes && i < n; i++)
		pes[i] = place_pe(a, list, v->list.items[i]);
	return pes;
}

int64_t pe_find(const struct pe *pes, uint32_t n, struct pe p, uint32_t from)
{
	for (uint32_t k = 0; k < n; k++)
		if (pe_cmp(pes[(from + k) % n], p) == 0)
			return (from + k) % n;
	return -1;
}

