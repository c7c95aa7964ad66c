/* Private to kubectl: JSONPath templates: {.items[*].metadata.name}, {range .items[*]}{.a}{"\n"}{end}, {.x[?(@.k=="v")]}, {..name}, {['a','b']}.
 *
 * The language and its errors are upstream's, which differ from RFC 9535.  Needed by get -o jsonpath, custom columns, sort-by and wait. */
#pragma once
#include "base/err.h"
#include "schema/value.h"

#define JSONPATH_DEPTH_MAX 64      /* actions within actions: filters in filters */
#define JSONPATH_RESULTS_MAX 10000000 /* {..} on a large list; beyond it something is wrong */

struct jsonpath;
struct jsonpath *jsonpath_parse(struct arena *a, struct str text, struct err *e);
/* One set of values per action or text that was met, in order. */
struct jsonpath_set {
	struct value **items;
	uint32_t len, cap;
};
struct jsonpath_sets {
	struct jsonpath_set *items;
	uint32_t len, cap;
};
/* missing_ok: absent fields give nothing; else they are an error. */
int jsonpath_find(struct arena *a, const struct jsonpath *p, struct value *data, bool missing_ok, struct jsonpath_sets *ret, struct err *e) must_check;
/* Values of one set with spaces between. */
struct buf;
void jsonpath_write(struct buf *out, const struct jsonpath_sets *s);
/* A value as text: strings bare, the rest as JSON. */
void jsonpath_write_value(struct buf *out, const struct value *v);
/* "metadata.name", ".metadata.name", "{.metadata.name}" to the last form. */
int jsonpath_relaxed(struct arena *a, struct str text, struct str *ret, struct err *e) must_check;
/* The first value that a path finds, or NULL. */
struct value *jsonpath_first(struct arena *a, const struct jsonpath *p, struct value *data);
/* v as Go prints it with %#v: what error texts quote. */
void jsonpath_write_go(struct buf *out, const struct value *v);
