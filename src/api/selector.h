/* Label and field selectors.
 *
 * A zeroed selector matches everything.  Values point into the text or object that the selector was made from, unless they had to be unescaped. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "schema/reflect.h"

enum selector_op { SEL_EXISTS, SEL_NOT_EXISTS, SEL_EQUALS, SEL_NOT_EQUALS, SEL_IN, SEL_NOT_IN, SEL_GREATER, SEL_LESS };
struct requirement {
	struct str key;
	enum selector_op op;
	str_list_t values;  /* sorted, each once */
	int64_t number;     /* SEL_GREATER, SEL_LESS */
};
struct selector {
	struct requirement *items; /* by key; all must hold */
	uint32_t len, cap;
	bool nothing;       /* matches no object at all */
};
/* "a in (b,c),!d,x=y".  ERR_BAD_REQUEST in upstream's words. */
int selector_parse(struct arena *a, struct str text, struct selector *ret, struct err *e) must_check;
struct meta_v1_LabelSelector;
/* NULL matches nothing, an empty selector everything. */
int selector_of(struct arena *a, const struct meta_v1_LabelSelector *s, struct selector *ret, struct err *e) must_check;
/* Equality with every pair of m. */
struct selector selector_of_map(struct arena *a, const struct str_map *m);
/* Appends a requirement; checks key and values as the API does. */
int selector_add(struct arena *a, struct selector *s, struct str key, enum selector_op op, const struct str *values, uint32_t n, struct err *e) must_check;
bool selector_matches(const struct selector *s, const struct str_map *labels);
static inline bool selector_everything(const struct selector *s) { return !s->nothing && s->len == 0; }
/* The text form; requirements by key. */
void selector_write(struct buf *out, const struct selector *s);

struct field_requirement {
	struct str field, value;
	bool not_equal;
};
struct field_selector {
	struct field_requirement *items;
	uint32_t len, cap;
};
/* "metadata.name=a,spec.nodeName!=b"; `\\`, `\,` and `\=` are escapes. */
int field_selector_parse(struct arena *a, struct str text, struct field_selector *ret, struct err *e) must_check;
/* get returns the value of a field ("" when it has none). */
bool field_selector_matches(const struct field_selector *s, struct str (*get)(const void *obj, struct str field), const void *obj);
/* The value that the field must have for a match; false when the selector leaves it open. */
bool field_selector_requires(const struct field_selector *s, struct str field, struct str *ret);
void field_selector_write(struct buf *out, const struct field_selector *s);
void field_escape(struct buf *out, struct str value);
