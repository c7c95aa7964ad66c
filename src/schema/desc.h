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
	FIELD_FLATTENED = 1 << 17, /* came from an inline member */
	FIELD_PACKED = 1 << 18,    /* repeated scalar in one record (gRPC) */
	FIELD_ONEOF = 1 << 19,     /* member of a oneof: setting it clears the others (gRPC) */
	FIELD_OPTIONAL = 1 << 20,  /* marked optional */
	FIELD_GRANULAR = 1 << 21,  /* for apply: its fields count one by one, though its type is atomic elsewhere */
};
/* In the upper bits of the flags: what tells that the field is empty (field_empty). */
#define FIELD_EMPTINESS_SHIFT 24
enum emptiness {
	EMPTY_NEVER, EMPTY_LIST, EMPTY_FLAG, EMPTY_POINTER, EMPTY_TEXT, EMPTY_BYTE, EMPTY_WORD, EMPTY_LONG, EMPTY_FLOAT, EMPTY_DOUBLE
};

struct type;
/* Members come twice where a message is tagged and inline (Volume.volumeSource): its members, with offsets in the outer struct, are part
 * of the JSON order; the message itself (FIELD_INLINE, named "") stands behind them and only protobuf meets it. */
struct field {
	uint32_t name;       /* JSON name, pool offset */
	uint32_t key;        /* "name": with quotes and colon, pool offset */
	uint32_t flags;      /* enum field_flag, enum emptiness */
	uint32_t facts;      /* index into the table of rarer facts (merge key, map keys, default, enum, format); 0: none */
	uint16_t offset;     /* of the value in the struct */
	uint16_t has_offset; /* of its bool has_NAME, 0: none */
	uint16_t tag;        /* protobuf field number */
	uint16_t of;         /* type index of a message or named scalar; 0: none */
	uint8_t kind, card, key_kind; /* enum kind, enum card, kind of map keys */
	uint8_t key_len;     /* of key */
	uint16_t stride;     /* bytes from one list element or map entry to the next */
	uint16_t pb_key;     /* tag and wire type as one or two varint bytes, low byte first */
};

/* JSON forms that are not an object of the fields (types.jsonl "customJSON") or a transparent list. */
enum type_form { FORM_OBJECT, FORM_WRAPLIST, FORM_SCALAR, FORM_PROPS_OR_ARRAY, FORM_PROPS_OR_BOOL, FORM_PROPS_OR_STRINGS, FORM_UNKNOWN, FORM_OTHER };

struct type {
	uint32_t name;         /* "core/v1.Pod", pool offset */
	uint32_t openapi;      /* "io.k8s.api.core.v1.Pod" or 0 */
	uint32_t fields;       /* index of the first field; in JSON order, inline ones flattened */
	uint16_t nfields;
	uint16_t nfields_pb;   /* entries of the order by rising tag */
	uint32_t by_tag;       /* index into the order table: uint16 field numbers by rising tag, then (not of gRPC messages) by name */
	uint32_t by_name;      /* index into the table of name slots (a hash by JSON name) */
	uint32_t size;         /* of the C struct */
	uint32_t facts;        /* pool: facts of types.jsonl not covered here, JSON object text (lifecycle, proto, unions, values, ...) */
	uint16_t index;        /* of this type */
	uint8_t form;          /* enum type_form */
	uint8_t flags;         /* TYPE_* */
	uint32_t group, version, kind; /* of its first gvk; kind 0: not a top-level type */
	uint16_t meta;         /* offset of its embedded meta/v1.ObjectMeta; 0: none */
	uint16_t list_meta;    /* offset of its meta/v1.ListMeta; 0: none */
	uint16_t items;        /* field number + 1 of "items" of a list kind */
	uint16_t name_mask;    /* slots of the hash by name, less one */
	uint32_t api_version;  /* "apps/v1" */
	uint32_t go_name;      /* "v1.Pod", as decoding errors name it */
};
#define TYPE_ATOMIC 1       /* mapType atomic */
#define TYPE_HAS_TYPEMETA 2 /* begins with struct str kind, apiVersion (see reflect.h: obj_kind) */
#define TYPE_PROTO3 4       /* a gRPC message: defaults are not written, packed lists */
#define TYPE_ALL_GROUPS 8   /* registered in every group version (DeleteOptions, ...) */
#define TYPE_PB 16          /* has a protobuf form */

/* Texts by pool offset: 16-bit length, text, NUL.  Offset 0 is the absent text. */
extern const char desc_pool[];
static inline const char *desc_z(uint32_t pool) { return desc_pool + (pool ? pool : 2); }
static inline struct str desc_str(uint32_t pool)
{
	const uint8_t *n = (const uint8_t *)desc_pool + pool - 2;
	return pool ? (struct str){desc_pool + pool, n[0] | (size_t)n[1] << 8} : (struct str){0};
}
size_t desc_types(void); /* indexes are 1 <= i < desc_types(); gen/ids.h names them: desc_type(T_core_v1_Pod) */
extern const struct type desc_type_table[];
extern const struct field desc_field_table[];
extern const uint16_t desc_order_table[];
static inline const struct type *desc_type(uint16_t index) { return index ? &desc_type_table[index] : NULL; } /* 0: NULL */
/* i < nfields, JSON order; never FIELD_INLINE. */
static inline const struct field *type_field(const struct type *t, unsigned i) { return &desc_field_table[t->fields + i]; }
/* i < nfields_pb, by rising tag; members of inline messages stand in the message, not here. */
static inline const struct field *type_pb_field(const struct type *t, unsigned i)
{
	return &desc_field_table[t->fields + desc_order_table[t->by_tag + i]];
}
/* i < nfields, by name; not of gRPC messages. */
static inline const struct field *type_named_field(const struct type *t, unsigned i) { return type_pb_field(t, t->nfields_pb + i); }
/* NULL when there is none.  With fold_case a name that differs in ASCII case only is found when no name is equal. */
const struct field *field_by_name(const struct type *t, struct str json_name, bool fold_case);
const struct field *field_by_tag(const struct type *t, uint32_t tag);
static inline const struct type *field_type(const struct field *f) { return desc_type(f->of); }
static inline struct str field_name(const struct field *f) { return desc_str(f->name); }
static inline struct str type_name(const struct type *t) { return desc_str(t->name); }

/* NULL when unknown.  Kinds of every group (DeleteOptions) are found under any group version. */
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
/* Go's name of its type, "[]v1.Container", "map[string]string", "int32": for decoding errors.  elem: of one element. */
struct str field_go_type(const struct field *f);
struct str field_go_elem(const struct field *f);
unsigned field_oneof(const struct field *f);   /* number of its oneof in the message; 0: none */
size_t field_entry_value(const struct field *f); /* offset of the value in a map entry */
/* Facts without a place above. */
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

/* Columns of server-side tables, from columns.json; text, from column-texts.json, says what a column shows. */
struct column { uint32_t name, type, format, text; int32_t priority; };
size_t desc_columns(struct str group, struct str kind, const struct column **ret);

/* Those of custom resources without printer columns and of kinds without their own. */
size_t desc_columns_fallback(const struct column **ret);

/* Feature gates: default at 1.36. */
enum gate_stage { GATE_ALPHA, GATE_BETA, GATE_GA, GATE_DEPRECATED };
struct gate { uint32_t name; uint8_t on, locked, stage; };
bool desc_gate_default(struct str gate, bool *ret_known);
size_t desc_gates(const struct gate **ret); /* by name */

/* gRPC methods, by path ("/runtime.v1.RuntimeService/Version"). */
struct grpc_method { uint32_t path, name; uint16_t request, response; uint8_t client_stream, server_stream; };
size_t desc_methods(const struct grpc_method **ret);
const struct grpc_method *method_by_path(struct str path); /* NULL */
