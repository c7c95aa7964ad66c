/* Private to kubectl: tables as the server prints them (meta.k8s.io/v1 Table), with the columns that are added here. */
#pragma once
#include "kubectl/tab.h"
#include "kubectl/target.h"

#define TABLE_ACCEPT "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"

struct table_opts {
	bool headers, wide, with_namespace, with_kind, show_labels;
	const str_list_t *label_columns;
	const char *event;        /* watches: content of a first column EVENT, or NULL */
};
/* Adds a table's lines to t; headers once per call.  v: a Table, or an object or list that no server printed. */
void table_put(struct ctl *c, struct tab *t, const struct mapping *m, const struct value *v, const struct table_opts *o);
/* A Table with NAME and AGE of an object or list; a Table stays as it is. */
struct value *table_of(struct ctl *c, struct value *v);
/* Sorts rows by what the path finds in their objects, numbers and amounts by value. */
int table_sort(struct ctl *c, struct value *table, struct str path, struct err *e) must_check;
int values_sort(struct ctl *c, struct value *list, struct str path, struct err *e) must_check;
/* "5s", "3m10s", "2d4h": how long ago, as in the AGE column; "<unknown>" without a time. */
struct str ago_text(struct ctl *c, struct str rfc3339);
struct str duration_text(struct ctl *c, nsec_t d);
