/* Descriptors: what is known of every API type, resource and column, as read-only data without relocations.
 *
 * Names are offsets into one string pool; types and fields are indexes into tables (desc_type, type_field).  Everything returned here is
 * static and immutable: any thread, for ever.  To add facts: change the data under schema/ and the generator tools/gen/, never a copy in code.
 * Descriptors made at run time (custom resources) use the same structs through type_new (later step). */
#pragma once
#include "base/str.h"
#include "schema/types.h"

enum kind {
	K_BOOL, K_INT32, K_INT64, K_UINT32, K_UINT64, K_FLOAT, K_DOUBLE, K_STRING, K_BYTES, K_MESSAGE, K_TIME, K_MICROTIME, K_DURATION,
	K_GODURATION, K_QUANTITY, K_INTORSTRING, K_RAW, K_FIELDSV1, K_JSON, K_ANY, K_OBJECT, K_NESTED
};
enum card { ONE, LIST_OF, MAP_OF };

enum field_flag {
	FIELD_PTR = 1 << 0,        /* absent differs from zero */
	FIELD_OMITEMPTY = 1 << 1,
	FIELD_OMITZERO = 1 << 2,
	FIELD_REQUIRED = 1 << 3,   /* in OpenAPI's required list */
	FIELD_INLINE = 1 << 4,     /* tagged inline: its members stand in the parent's JSON object */
	FIELD_ELEM_PTR = 1 << 5,
	FIELD_JSON_STRING = 1 << 6,
	FIELD_PATCH_MERGE = 1 << 7,       /* patchStrategy merge */
	FIELD_PATCH_REPLACE = 1 << 8,
	FIELD_PATCH_RETAIN_KEYS = 1 << 9,
	FIELD_ATOMIC = 1 << 10,    /* for apply: list, map or struct is one value */
	FIELD_LIST_SET = 1 << 11,
	FIELD_LIST_MAP = 1 << 12,
	FIELD_SECRET = 1 << 13,    /* never printed or logged */
	FIELD_GATED = 1 << 14,     /* feature gates: field_gates() */
	FIELD_NOT_IN_OPENAPI = 1 << 15,
	FIELD_PB = 1 << 16,        /* has a protobuf tag */
	FIELD_FLATTENED = 1 << 17, /* came from an untagged inline member */
};

struct type;
struct field {
	uint32_t name;       /* JSON name, pool offset */
	uint32_t flags;      /* enum field_flag */
	uint16_t offset;     /* of the value in the struct */
	uint16_t has_offset; /* of its bool has_NAME, 0: none */
	uint16_t tag;        /* protobuf field number */
	uint16_t of;         /* type index of a message, nested or named scalar; 0: none */
	uint8_t kind, card, key_kind, extra_; /* enum kind, enum card, kind of map keys */
	uint32_t facts;      /* index into the table of rarer facts (merge key, map keys, default, enum, format); 0: none */
};

/* JSON forms that are not an object of the fields (types.jsonl "customJSON") or a transparent list. */
enum type_form { FORM_OBJECT, FORM_WRAPLIST, FORM_SCALAR, FORM_PROPS_OR_ARRAY, FORM_PROPS_OR_BOOL, FORM_PROPS_OR_STRINGS, FORM_UNKNOWN, FORM_OTHER };

struct type {
	uint32_t name;         /* "core/v1.Pod", pool offset */
	uint32_t openapi;      /* "io.k8s.api.core.v1.Pod" or 0 */
	uint32_t fields;       /* index of the first field; in JSON order */
	uint16_t nfields;
	uint16_t nfields_pb;   /* entries of the order by rising tag */
	uint32_t by_tag;       /* index into the order table: uint16 field numbers by rising tag */
	uint32_t by_name;      /* index into the order table: field numbers by rising name (inline members included by hash, see field_by_name) */
	uint32_t size;         /* of the C struct */
	uint16_t index;        /* of this type */
	uint8_t form;          /* enum type_form */
	uint8_t flags;         /* TYPE_* */
	uint32_t group, version, kind; /* of its gvk; kind 0: not a top-level type */
	uint16_t meta;         /* offset of its embedded meta/v1.ObjectMeta; 0: none */
	uint16_t list_meta;    /* offset of its meta/v1.ListMeta; 0: none */
	uint16_t items;        /* field number + 1 of "items" of a list kind */
};
#define TYPE_ATOMIC 1      /* mapType atomic */
#define TYPE_HAS_TYPEMETA 2 /* begins with struct str kind, apiVersion (see reflect.h: obj_kind) */

const char *desc_z(uint32_t pool);
struct str desc_str(uint32_t pool);
size_t desc_types(void);
const struct type *desc_type(uint16_t index); /* 0: NULL */
const struct field *type_field(const struct type *t, unsigned i); /* i < nfields, JSON order */
const struct field *field_by_name(const struct type *t, struct str json_name, bool fold_case); /* direct members only; NULL */
const struct field *field_by_tag(const struct type *t, uint32_t tag);
static inline const struct type *field_type(const struct field *f) { return desc_type(f->of); }
static inline struct str field_name(const struct field *f) { return desc_str(f->name); }
static inline struct str type_name(const struct type *t) { return desc_str(t->name); }

/* NULL when unknown. */
const struct type *type_by_name(struct str name);                             /* "core/v1.Pod" */
const struct type *type_by_gvk(struct str group, struct str version, struct str kind);
const struct type *type_by_api_version(struct str api_version, struct str kind); /* "apps/v1" */

/* Rarer facts of a field; empty where they do not apply. */
struct str field_merge_key(const struct field *f);
size_t field_map_keys(const struct field *f, struct str ret[4]);      /* listMapKeys */
struct str field_default(const struct field *f);                      /* declared default, JSON text */
struct str field_format(const struct field *f);
size_t field_enum(const struct field *f, const uint32_t **ret_pool);  /* closed list of allowed values */
size_t field_gates(const struct field *f, struct str ret[4]);
/* Default of a missing map key of a listMap element (for example protocol), JSON text. */
struct str field_facts_json(const struct field *f); /* all facts of types.jsonl not covered above, JSON object text; empty: none */

/* Resources, from resources.json. */
enum verb { VERB_GET, VERB_LIST, VERB_WATCH, VERB_CREATE, VERB_UPDATE, VERB_PATCH, VERB_DELETE, VERB_DELETECOLLECTION, VERBS };
struct resource {
	uint32_t group, version, plural, singular, kind, list_kind; /* pool */
	uint16_t type, list_type;    /* type indexes of the served version */
	uint16_t storage_type;       /* type index of the stored version; 0: not stored */
	uint16_t verbs;              /* 1 << enum verb */
	uint8_t namespaced, on_by_default;
	uint16_t nshort, ncategories, nsub;
	uint32_t short_names, categories; /* index into a pool-offset table: desc_strings() */
	uint32_t subs;               /* index of the first subresource: resource_sub */
	uint32_t storage_hash;       /* pool */
	uint32_t response_group, response_version;
};
struct subresource {
	uint32_t name, group, version, kind; /* kind of the body */
	uint16_t type, verbs;
	uint8_t on_by_default;
};
struct group_version {
	uint32_t group, version;
	uint8_t on_by_default, preferred;
	int32_t group_priority, version_priority;
};
size_t desc_resources(void);
const struct resource *desc_resource(size_t i);
const struct subresource *resource_sub(const struct resource *r, unsigned i);
const uint32_t *desc_strings(uint32_t index);
size_t desc_group_versions(void); /* in discovery order */
const struct group_version *desc_group_version(size_t i);
const struct resource *resource_by_name(struct str group, struct str version, struct str plural);
const struct resource *resource_by_kind(struct str group, struct str version, struct str kind);

/* Columns of server-side tables, from columns.json. */
struct column { uint32_t name, type, format; int32_t priority; };
size_t desc_columns(struct str group, struct str kind, const struct column **ret);

/* Feature gates: default at 1.36. */
bool desc_gate_default(struct str gate, bool *ret_known);
