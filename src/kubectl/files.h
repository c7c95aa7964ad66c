/* Private to kubectl: documents of files, folders and standard input. */
#pragma once
#include "kubectl/ctl.h"

#define FILE_MAX ((size_t)256 << 20) /* a manifest, or a patch */

/* Calls each() for every document, in the order given; "-" is standard input, of a folder the .json, .yaml and .yml files by name (with deep: of all
 * folders below).  A document that does not parse is kept with ctl_problem. */
int files_each(struct ctl *c, const str_list_t *files, bool deep, int (*each)(void *arg, struct value *v, struct str source, struct err *e), void *arg,
	struct err *e) must_check;
int url_read(struct ctl *c, struct str url, struct str *ret, struct err *e) must_check; /* download.c */
int input_read(struct ctl *c, struct str path, struct str *ret, struct err *e) must_check; /* "-": standard input */
