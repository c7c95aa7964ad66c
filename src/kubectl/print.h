/* Private to kubectl: -o, for single objects and lists; what a command did ("configmap/a created").
 *
 * To add a format: a row in print.c. */
#pragma once
#include "kubectl/columns.h"
#include "kubectl/target.h"

enum format { PRINT_TABLE, PRINT_WIDE, PRINT_NAME, PRINT_JSON, PRINT_YAML, PRINT_KYAML, PRINT_JSONPATH, PRINT_JSONPATH_JSON, PRINT_COLUMNS };
struct printer {
	enum format format;
	bool given;             /* -o was */
	bool managed;           /* managedFields are shown */
	bool headers;           /* custom columns: print them */
	struct str text;        /* the template */
	struct jsonpath *path;
	struct columns columns;
	struct tab tab;         /* of custom columns */
	uint32_t printed;       /* documents so far */
};
/* From -o, --template and their like.  tables: the command prints tables too. */
int printer_init(struct ctl *c, struct printer *p, bool tables, struct err *e) must_check;
/* A document; not for tables. */
int printer_print(struct ctl *c, struct printer *p, struct value *v, struct err *e) must_check;
void printer_end(struct ctl *c, struct printer *p); /* flushes what is aligned */
/* "configmap/a created (server dry run)", or the object as -o wants it. */
int print_done(struct ctl *c, struct printer *p, const struct target *t, struct value *obj, const char *done, enum dry_run dry, struct err *e) must_check;
/* A List of kind List with these items. */
struct value *list_of(struct ctl *c, const struct targets *t);
struct value *without_managed(struct ctl *c, struct value *v); /* a copy where it matters */
void kyaml_write(struct buf *out, const struct value *v);
