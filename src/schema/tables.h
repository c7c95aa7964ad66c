/* Private to schema: the generated tables and the hash that finds rows in them (tools/gen/tables.py computes the same). */
#pragma once
#include "schema/desc.h"

struct field_facts {
	uint32_t merge_key, declared_default, format, map_keys, enums, gates, go_type, json, oneof, entry_value;
};
struct gvk_row {
	uint32_t group, version, kind;
	uint16_t type;
};
struct column_kind {
	uint32_t group, kind;
	uint16_t first, n;
};

struct metric_desc {
	uint32_t name, labels, help;  /* labels: their names, with commas between them */
	uint16_t bounds, nbounds;     /* in desc_metric_bounds */
	uint8_t type;
};

extern const struct metric_desc desc_metric_table[];
extern const double desc_metric_bounds[];
extern const struct field_facts desc_facts_table[];
extern const uint32_t desc_words[];
extern const uint8_t desc_name_slots[];
extern const uint16_t desc_gvk_slots[], desc_type_slots[], desc_resource_slots[];
extern const struct gvk_row desc_gvk_table[];
extern const struct resource desc_resource_table[];
extern const struct subresource desc_sub_table[];
extern const struct group_version desc_gv_table[];
extern const struct column_kind desc_column_kinds[];
extern const struct column desc_column_table[];
extern const struct gate desc_gate_table[];
extern const struct grpc_method desc_method_table[];
extern const uint32_t desc_type_table_len, desc_field_table_len, desc_facts_table_len, desc_order_table_len, desc_words_len, desc_name_slots_len,
	desc_gvk_slots_len, desc_type_slots_len, desc_resource_slots_len, desc_gvk_table_len, desc_resource_table_len, desc_sub_table_len,
	desc_gv_table_len, desc_column_kinds_len, desc_column_table_len, desc_gate_table_len, desc_method_table_len;

static inline uint64_t load_le(const char *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

/* Both ends of the name and its length: names of one type rarely differ only in the middle. */
static inline uint32_t name_hash(struct str s)
{
	uint64_t lo = 0, hi = 0;
	if (s.n >= 8)
		lo = load_le(s.p, 8), hi = load_le(s.p + s.n - 8, 8);
	else if (s.n >= 4)
		lo = load_le(s.p, 4), hi = load_le(s.p + s.n - 4, 4);
	else if (s.n)
		lo = (uint8_t)s.p[0] | (uint64_t)(uint8_t)s.p[s.n / 2] << 8 | (uint64_t)(uint8_t)s.p[s.n - 1] << 16;
	uint64_t h = lo * 0x9E3779B97F4A7C15u + hi * 0xC2B2AE3D27D4EB4Fu + s.n * 0x165667B19E3779F9u;
	return (uint32_t)((h ^ h >> 32) * 0x9E3779B1u >> 12);
}
static inline uint32_t triple_hash(struct str a, struct str b, struct str c) { return name_hash(c) + 31 * name_hash(b) + 961 * name_hash(a); }
