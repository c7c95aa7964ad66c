#include "kubectl/columns.h"
#include "codec/patch.h"

static int add(struct arena *a, struct columns *c, struct str header, struct str spec, struct err *e)
{
	struct columns_column *col = arena_push(a, c);
	col->header = header;
	return jsonpath_relaxed(a, spec, &col->spec, e);
}

int columns_parse(struct arena *a, struct str spec, struct columns *ret, struct err *e)
{
	struct str piece, header, path;
	*ret = (struct columns){0};
	if (!spec.n)
		return err_set(e, ERR_BAD_REQUEST, "custom-columns format specified but no custom columns given");
	while (str_next(&spec, ',', &piece)) {
		if (!str_cut(piece, ':', &header, &path))
			return err_set(e, ERR_BAD_REQUEST, "unexpected custom-columns spec: %.*s, expected <header>:<json-path-expr>", STR_F(piece));
		if (add(a, ret, header, path, e) != 0)
			return -1;
	}
	return 0;
}

static void words(struct arena *a, struct str line, str_list_t *ret)
{
	struct str word;
	for (size_t i = 0; i < line.n;) {
		size_t from = i;
		while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			i++;
		word = str_sub(line, from, i++);
		if (word.n)
			*arena_push(a, ret) = word;
	}
}

int columns_parse_file(struct arena *a, struct str text, struct columns *ret, struct err *e)
{
	static const char wants[] = "Expected format is one line of space separated headers, one line of space separated column specs.";
	struct str line = {0};
	str_list_t headers = {0}, paths = {0};
	*ret = (struct columns){0};
	if (!str_next(&text, '\n', &line) || !str_trim(line).n)
		return err_set(e, ERR_BAD_REQUEST, "invalid template, missing header line. %s", wants);
	words(a, line, &headers);
	if (!str_next(&text, '\n', &line) || !str_trim(line).n)
		return err_set(e, ERR_BAD_REQUEST, "invalid template, missing spec line. %s", wants);
	words(a, line, &paths);
	if (headers.len != paths.len)
		return err_set(e, ERR_BAD_REQUEST, "number of headers (%u) and field specifications (%u) don't match", headers.len, paths.len);
	for (uint32_t i = 0; i < headers.len; i++)
		if (add(a, ret, headers.items[i], paths.items[i], e) != 0)
			return -1;
	return 0;
}

void columns_write_headers(struct buf *out, struct columns *c)
{
	for (uint32_t i = 0; i < c->len; i++) {
		if (i)
			buf_char(out, '\t');
		buf_str(out, c->items[i].header);
	}
	buf_char(out, '\n');
	c->printed = true;
}

static int cell(struct arena *a, struct buf *out, struct columns_column *col, struct value *obj, struct err *e)
{
	struct jsonpath_sets sets;
	size_t before = out->n;
	if (!col->path && !(col->path = jsonpath_parse(a, col->spec, e)))
		return -1;
	if (jsonpath_find(a, col->path, obj, true, &sets, e) != 0)
		return -1;
	for (uint32_t i = 0; i < sets.len; i++)
		for (uint32_t k = 0; k < sets.items[i].len; k++) {
			BUF(text);
			if (out->n > before)
				buf_char(out, ',');
			value_write_go(&text, sets.items[i].items[k]);
			tab_text(out, buf_view(&text));
		}
	if (out->n == before)
		buf_lit(out, "<none>");
	return 0;
}

int columns_write(struct arena *a, struct buf *out, struct columns *c, struct value *obj, struct err *e)
{
	for (uint32_t i = 0; i < c->len; i++) {
		if (i)
			buf_char(out, '\t');
		if (cell(a, out, &c->items[i], obj, e) != 0)
			return -1;
	}
	buf_char(out, '\n');
	return 0;
}
