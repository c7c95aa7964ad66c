/* Private to kubectl: documents from templates, for commands that make or change objects. */
#pragma once
#include "kubectl/ctl.h"

/* JSON with ' for the quotation mark, and for values: %s a struct str (a string; absent: the member is left out), %d an int64_t, %b an int (bool),
 * %v a struct value * (NULL: the member is left out). */
struct value *doc(struct ctl *c, const char *template, ...);
struct value *doc_list(struct ctl *c, const str_list_t *l); /* of strings; NULL when it is empty */
struct value *doc_words(struct ctl *c, const struct str *v, uint32_t n);
/* A named member of o that is an object or a list, made if need be. */
struct value *doc_at(struct ctl *c, struct value *o, const char *name, enum value_type t);
