/* Private to jsonpath: the parsed template. */
#pragma once
#include "base/arena.h"
#include "kubectl/jsonpath.h"

enum jp_kind { JP_TEXT, JP_FIELD, JP_SLICE, JP_FILTER, JP_VALUE, JP_WILDCARD, JP_RECURSIVE, JP_UNION, JP_ACTION, JP_WORD };
struct jp_bound {
	int64_t value;
	bool known, derived;   /* derived: [n] is [n:n+1] */
};
struct jp_node;
struct jp_nodes {
	struct jp_node *items;
	uint32_t len, cap;
};
struct jp_node {
	uint8_t kind;
	struct str text;            /* JP_TEXT, JP_FIELD, JP_WORD; the operator of a filter ("": exists) */
	struct value *value;        /* JP_VALUE */
	struct jp_bound bounds[3];  /* JP_SLICE: from, to, step */
	struct jp_nodes nodes;      /* JP_ACTION: the steps; JP_UNION: actions; JP_FILTER: left and right actions */
};
struct jsonpath {
	struct jp_nodes root;
};
