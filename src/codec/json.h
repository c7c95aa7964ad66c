/* JSON to typed objects and dynamic values, and back.  Output is to the byte what upstream's encoder writes (schema README, "JSON output"). */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "schema/reflect.h"
#include "schema/value.h"

#define JSON_DEPTH_MAX 10000 /* nesting upstream accepts; text that is only passed over (unknown members, raw values) may go so deep */
#define JSON_NEST_MAX 100    /* dynamic values within one another: they recurse on the caller's stack, some 250 bytes each */
#define JSON_MESSAGE_MAX 64  /* typed messages within one another, some 650 bytes of stack each */

enum json_flag {
	JSON_ALIAS_INPUT = 1,  /* strings without escapes may point into the input, which must outlive the object */
	JSON_STRICT = 2,       /* report unknown and duplicate fields (fieldValidation Strict or Warn) */
	JSON_FOLD_CASE = 4,    /* match member names without case when there is no exact match, as plain encoding/json; upstream's API decoder is case-sensitive */
	JSON_KEEP_SPACES = 8,  /* of raw extensions, as upstream keeps them (ControllerRevisions are compared as text) */
};
struct json_opts {
	unsigned flags;
	/* With JSON_STRICT: called for each `unknown field "spec.foo"` / `duplicate field "spec.foo"`; decoding goes on. */
	void (*complain)(void *arg, struct str what);
	void *arg;
	unsigned depth_max; /* 0: JSON_NEST_MAX, or JSON_MESSAGE_MAX for typed objects */
};
/* Decodes one object into *obj (zeroed).  Trailing white space only.  ERR_BAD_REQUEST with upstream's wording (json: cannot unmarshal ...). */
int json_decode(struct arena *a, const struct type *t, struct str in, const struct json_opts *o, void *obj, struct err *e) must_check;
/* Where a text that is not JSON goes wrong: the bytes up to the first that cannot be, with it; -1 when it only ends too early. */
int64_t json_bad_at(struct str in);
/* Compact, no final newline. */
void json_encode(struct buf *out, struct ref o);
/* Indented by four spaces as kubectl -o json / ?pretty=1 (two for the server's pretty form). */
void json_encode_pretty(struct buf *out, struct ref o, int indent);
int json_parse(struct arena *a, struct str in, const struct json_opts *o, struct value **ret, struct err *e) must_check;
void json_write(struct buf *out, const struct value *v);
void json_write_pretty(struct buf *out, const struct value *v, int indent);
/* "text" with upstream's escapes. */
void json_string(struct buf *out, struct str s);
void json_double(struct buf *out, double d);
/* Reindents compact JSON. */
void json_indent(struct buf *out, struct str compact, int indent);
/* The members apiVersion and kind of a document, without decoding the rest; -1 when in is no JSON object. */
int json_peek_type(struct str in, struct str *ret_api_version, struct str *ret_kind, struct arena *a, struct err *e) must_check;
/* The same for a document that begins with them; false when it does not, or is no object.  What follows is not looked at. */
bool json_peek_head(struct str in, struct str *ret_api_version, struct str *ret_kind, struct arena *a);
/* Typed <-> dynamic without text in between.  obj_to_value returns NULL when out of budget; obj_from_value shares strings with v. */
struct value *obj_to_value(struct arena *a, struct ref o);
int obj_from_value(struct arena *a, const struct type *t, const struct value *v, const struct json_opts *o, void *obj, struct err *e) must_check;
