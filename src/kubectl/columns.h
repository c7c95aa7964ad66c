/* Private to kubectl: custom columns (-o custom-columns=NAME:.metadata.name,...). */
#pragma once
#include "kubectl/jsonpath.h"
#include "kubectl/tab.h"

struct columns_column {
	struct str header;
	struct jsonpath *path;
	struct str spec;      /* as written: parsed when first needed, as upstream prints the headers before it finds mistakes */
};
struct columns {
	struct columns_column *items;
	uint32_t len, cap;
	bool printed;         /* the headers */
};
int columns_parse(struct arena *a, struct str spec, struct columns *ret, struct err *e) must_check;
/* Two lines: headers, then paths, with spaces between. */
int columns_parse_file(struct arena *a, struct str text, struct columns *ret, struct err *e) must_check;
void columns_write_headers(struct buf *out, struct columns *c);
/* A line of cells with tabs between. */
int columns_write(struct arena *a, struct buf *out, struct columns *c, struct value *obj, struct err *e) must_check;
