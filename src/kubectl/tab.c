#include "kubectl/tab.h"
#include "base/arena.h"
#include <stdlib.h>

struct cells {
	struct str *items;
	uint32_t len, cap;
};
struct rows {
	struct cells *items;
	uint32_t len, cap;
};
struct layout {
	struct tab *t;
	struct buf *out;
	struct rows rows;
	int widths[TAB_COLUMNS];
	uint32_t n;
};

static int runes(struct str s)
{
	int n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

static void split(struct layout *l, struct arena *a)
{
	struct str rest = buf_view(&l->t->text), line, cell;
	if (rest.n && rest.p[rest.n - 1] == '\n')
		rest.n--;
	while (str_next(&rest, '\n', &line)) {
		struct cells *row = arena_push(a, &l->rows);
		while (str_next(&line, '\t', &cell))
			*arena_push(a, row) = cell;
	}
}

static void put_padding(struct layout *l, int n)
{
	for (; n > 0; n--)
		buf_char(l->out, ' ');
}

static void put_rows(struct layout *l, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const struct cells *row = &l->rows.items[i];
		for (uint32_t j = 0; j < row->len; j++) {
			buf_str(l->out, row->items[j]);
			if (j < l->n)
				put_padding(l, l->widths[j] - runes(row->items[j]));
		}
		buf_char(l->out, '\n');
	}
}

static bool has_column(const struct layout *l, uint32_t row, uint32_t column)
{
	return column + 1 < l->rows.items[row].len && column < TAB_COLUMNS;
}

/* Of the column in the rows from `from` on that have it; *ret_end is the first that has not. */
static int column_width(struct layout *l, uint32_t from, uint32_t to, uint32_t *ret_end)
{
	uint32_t column = l->n, i;
	int width = l->t->min;
	for (i = from; i < to && has_column(l, i, column); i++) {
		int w = runes(l->rows.items[i].items[column]) + l->t->padding;
		width = w > width ? w : width;
	}
	if (l->t->remember && l->t->widths[column] > width)
		width = l->t->widths[column];
	l->t->widths[column] = width;
	*ret_end = i;
	return width;
}

static void format(struct layout *l, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		uint32_t end;
		if (!has_column(l, i, l->n))
			continue;
		put_rows(l, from, i);
		int width = column_width(l, i, to, &end);
		l->widths[l->n++] = width;
		format(l, i, end);
		l->n--;
		i = from = end;
	}
	put_rows(l, from, to);
}

void tab_flush(struct tab *t, struct buf *out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct layout l = {.t = t, .out = out};
	if (!t->text.n)
		return;
	split(&l, a);
	format(&l, 0, l.rows.len);
	buf_clear(&t->text);
}

void tab_fini(struct tab *t) { buf_fini(&t->text); }

void tab_text(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\x1b')
			buf_lit(out, "^[");
		else
			buf_char(out, s.p[i]);
}

void tab_cell(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '\n' || c == '\r' || c == '\f') {
			buf_lit(out, "...");
			return;
		}
		if (c == '\x1b')
			buf_lit(out, "^[");
		else
			buf_char(out, c == '\v' ? ' ' : c);
	}
}
