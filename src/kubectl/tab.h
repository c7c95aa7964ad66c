/* Private to kubectl: aligns text at tabs, as Go's text/tabwriter: a column is a run of lines that all have a cell there, ended by a tab; the last cell of
 * a line takes no part.  Widths count characters, not bytes. */
#pragma once
#include "base/buf.h"

#define TAB_COLUMNS 64 /* widths kept from one flush to the next */

struct tab {
	int min, padding;
	bool remember;      /* later text keeps the widths of earlier text (watches) */
	struct buf text;
	int widths[TAB_COLUMNS];
};
/* What `get` prints with, and describe. */
#define TAB_TABLE {.min = 6, .padding = 3, .remember = true}
#define TAB_DESCRIBE {.min = 0, .padding = 2}
void tab_flush(struct tab *t, struct buf *out);
void tab_fini(struct tab *t);
/* A cell: breaks end it ("..." stands for the rest), escapes are made visible, so that an object cannot paint on the terminal. */
void tab_cell(struct buf *out, struct str s);
void tab_text(struct buf *out, struct str s); /* the same for text of several lines */
