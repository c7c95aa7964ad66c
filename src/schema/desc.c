#include "schema/tables.h"

size_t desc_types(void) { return desc_type_table_len; }

static const struct field *field_by_folded_name(const struct type *t, struct str name)
{
	for (unsigned i = 0; i < t->nfields; i++)
		if (str_eq_fold(field_name(type_field(t, i)), name))
			return type_field(t, i);
	return NULL;
}

const struct field *field_by_name(const struct type *t, struct str name, bool fold_case)
{
	const uint8_t *slots = desc_name_slots + t->by_name;
	for (uint32_t at = name_hash(name);; at++) {
		uint8_t i = slots[at & t->name_mask];
		if (!i)
			return fold_case ? field_by_folded_name(t, name) : NULL;
		const struct field *f = type_field(t, i - 1u);
		if (f->key_len == name.n + 3 && memcmp(desc_pool + f->name, name.p, name.n) == 0)
			return f;
	}
}

const struct field *field_by_tag(const struct type *t, uint32_t tag)
{
	unsigned lo = 0, hi = t->nfields_pb;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct field *f = type_pb_field(t, mid);
		if (f->tag == tag)
			return f;
		if (f->tag < tag)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct type *type_by_name(struct str name)
{
	for (uint32_t at = name_hash(name);; at++) {
		uint16_t i = desc_type_slots[at & (desc_type_slots_len - 1)];
		if (!i)
			return NULL;
		if (str_eq(desc_str(desc_type_table[i].name), name))
			return &desc_type_table[i];
	}
}

static const struct type *type_of_all_groups(struct str kind)
{
	for (uint32_t i = 1; i < desc_type_table_len; i++) {
		const struct type *t = &desc_type_table[i];
		if (t->flags & TYPE_ALL_GROUPS && str_eq(desc_str(t->kind), kind))
			return t;
	}
	return NULL;
}

const struct type *type_by_gvk(struct str group, struct str version, struct str kind)
{
	for (uint32_t at = triple_hash(group, version, kind);; at++) {
		uint16_t i = desc_gvk_slots[at & (desc_gvk_slots_len - 1)];
		if (!i)
			return type_of_all_groups(kind);
		const struct gvk_row *g = &desc_gvk_table[i - 1];
		if (str_eq(desc_str(g->kind), kind) && str_eq(desc_str(g->version), version) && str_eq(desc_str(g->group), group))
			return &desc_type_table[g->type];
	}
}

const struct type *type_by_api_version(struct str api_version, struct str kind)
{
	struct str group, version;
	if (str_cut(api_version, '/', &group, &version))
		return type_by_gvk(group, version, kind);
	return type_by_gvk(STR(""), api_version, kind);
}

/* ---- rarer facts */

static const struct field_facts *facts(const struct field *f) { return &desc_facts_table[f->facts]; }

static size_t counted(uint32_t run, const uint32_t **ret)
{
	*ret = desc_words + run + 1;
	return desc_words[run];
}

static size_t counted_strings(uint32_t run, struct str ret[4])
{
	const uint32_t *v;
	size_t n = counted(run, &v);
	n = n > 4 ? 4 : n;
	for (size_t i = 0; i < n; i++)
		ret[i] = desc_str(v[i]);
	return n;
}

struct str field_merge_key(const struct field *f) { return desc_str(facts(f)->merge_key); }
size_t field_map_keys(const struct field *f, struct str ret[4]) { return counted_strings(facts(f)->map_keys, ret); }
struct str field_default(const struct field *f) { return desc_str(facts(f)->declared_default); }
struct str field_format(const struct field *f) { return desc_str(facts(f)->format); }
size_t field_enum(const struct field *f, const uint32_t **ret_pool) { return counted(facts(f)->enums, ret_pool); }
size_t field_gates(const struct field *f, struct str ret[4]) { return counted_strings(facts(f)->gates, ret); }
struct str field_facts_json(const struct field *f) { return desc_str(facts(f)->json); }
unsigned field_oneof(const struct field *f) { return facts(f)->oneof; }
size_t field_entry_value(const struct field *f) { return facts(f)->entry_value; }

static const char *const go_kinds[] = {
	[K_BOOL] = "bool", [K_INT32] = "int32", [K_INT64] = "int64", [K_UINT32] = "uint32", [K_UINT64] = "uint64", [K_FLOAT] = "float32",
	[K_DOUBLE] = "float64", [K_STRING] = "string", [K_BYTES] = "[]uint8", [K_MESSAGE] = "struct", [K_TIME] = "v1.Time",
	[K_MICROTIME] = "v1.MicroTime", [K_DURATION] = "v1.Duration", [K_GODURATION] = "time.Duration", [K_QUANTITY] = "resource.Quantity",
	[K_INTORSTRING] = "intstr.IntOrString", [K_RAW] = "runtime.RawExtension", [K_FIELDSV1] = "v1.FieldsV1", [K_JSON] = "v1.JSON",
	[K_ANY] = "interface {}", [K_OBJECT] = "interface {}", [K_NESTED] = "[]string",
};

struct str field_go_elem(const struct field *f)
{
	const struct type *t = field_type(f);
	return t ? desc_str(t->go_name) : str_of(go_kinds[f->kind]);
}

struct str field_go_type(const struct field *f)
{
	struct str s = desc_str(facts(f)->go_type);
	return s.p ? s : field_go_elem(f);
}

/* ---- resources */

size_t desc_resources(void) { return desc_resource_table_len; }
const struct resource *desc_resource(size_t i) { return &desc_resource_table[i]; }
const struct subresource *resource_sub(const struct resource *r, unsigned i) { return &desc_sub_table[r->subs + i]; }
const uint32_t *desc_strings(uint32_t index) { return desc_words + index; }
size_t desc_group_versions(void) { return desc_gv_table_len; }
const struct group_version *desc_group_version(size_t i) { return &desc_gv_table[i]; }

static bool resource_in(const struct resource *r, struct str group, struct str version)
{
	return str_eq(desc_str(r->version), version) && str_eq(desc_str(r->group), group);
}

const struct resource *resource_by_name(struct str group, struct str version, struct str plural)
{
	for (uint32_t at = triple_hash(group, version, plural);; at++) {
		uint16_t i = desc_resource_slots[at & (desc_resource_slots_len - 1)];
		if (!i)
			return NULL;
		const struct resource *r = &desc_resource_table[i - 1];
		if (str_eq(desc_str(r->plural), plural) && resource_in(r, group, version))
			return r;
	}
}

const struct resource *resource_by_kind(struct str group, struct str version, struct str kind)
{
	for (uint32_t i = 0; i < desc_resource_table_len; i++) {
		const struct resource *r = &desc_resource_table[i];
		if (str_eq(desc_str(r->kind), kind) && resource_in(r, group, version))
			return r;
	}
	return NULL;
}

/* ---- columns, gates, methods */

size_t desc_columns(struct str group, struct str kind, const struct column **ret)
{
	for (uint32_t i = 0; i < desc_column_kinds_len; i++) {
		const struct column_kind *k = &desc_column_kinds[i];
		if (str_eq(desc_str(k->kind), kind) && str_eq(desc_str(k->group), group)) {
			*ret = &desc_column_table[k->first];
			return k->n;
		}
	}
	*ret = NULL;
	return 0;
}

size_t desc_columns_fallback(const struct column **ret) { return desc_columns(STR(""), STR(""), ret); }

size_t desc_gates(const struct gate **ret)
{
	*ret = desc_gate_table;
	return desc_gate_table_len;
}

bool desc_gate_default(struct str gate, bool *ret_known)
{
	for (uint32_t i = 0; i < desc_gate_table_len; i++)
		if (str_eq(desc_str(desc_gate_table[i].name), gate)) {
			if (ret_known)
				*ret_known = true;
			return desc_gate_table[i].on;
		}
	if (ret_known)
		*ret_known = false;
	return false;
}

size_t desc_methods(const struct grpc_method **ret)
{
	*ret = desc_method_table;
	return desc_method_table_len;
}

const struct grpc_method *method_by_path(struct str path)
{
	for (uint32_t i = 0; i < desc_method_table_len; i++)
		if (str_eq(desc_str(desc_method_table[i].path), path))
			return &desc_method_table[i];
	return NULL;
}
