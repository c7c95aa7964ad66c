/* YAML 1.1 as upstream takes it (through JSON): n, yes, on, 0o/0 octals, merges, anchors with a bound on expansion; and writing as kubectl -o yaml. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "codec/json.h"
#include "schema/reflect.h"
#include "schema/value.h"

#define YAML_ALIAS_EXPANSION_MAX 100000 /* nodes that aliases may add to a document before it is refused as a bomb */
/* The first document as JSON text, keys sorted.  With JSON_STRICT complain is told once of all keys that are set twice
 * ("yaml: unmarshal errors:\n  line 8: key \"k\" already set in map"); opts may be NULL.  Errors read "yaml: line 2: ...". */
int yaml_to_json(struct str in, const struct json_opts *o, struct buf *out, struct err *e) must_check;
/* The first document over what is in obj: what it leaves out is kept.  It must be of obj's kind and apiVersion, and have no member unknown. */
int yaml_decode_strict(struct arena *a, struct str in, struct ref obj, struct err *e) must_check;
int yaml_parse(struct arena *a, struct str in, const struct json_opts *o, struct value **ret, struct err *e) must_check;
/* Cuts the next document off *rest, at lines "---" (which a comment may follow); empty ones are passed over; false at the end. */
bool yaml_next_document(struct str *rest, struct str *ret_doc);
/* sigs.k8s.io/yaml form: keys sorted, two spaces, lists not indented. */
void yaml_write(struct buf *out, const struct value *v);
void yaml_encode(struct buf *out, struct ref o);
