/* Writers of cells. */
#include "apiserver/registry/cells.h"

#include "api/selector.h"
#include "codec/json.h"
#include "gen/core_v1.h"

#include <stdlib.h>

static void comma(struct buf *b)
{
	if (b->n && b->p[b->n - 1] != '[')
		buf_char(b, ',');
}

void cell_str(struct buf *b, struct str s)
{
	comma(b);
	json_string(b, s);
}

void cell_or(struct buf *b, struct str s, struct str otherwise) { cell_str(b, s.n ? s : otherwise); }

void cell_int(struct buf *b, int64_t v)
{
	comma(b);
	buf_i64(b, v);
}

void cell_bool(struct buf *b, bool v)
{
	comma(b);
	buf_str(b, v ? STR("true") : STR("false"));
}

void cell_text(struct buf *b, const struct buf *text, struct str otherwise) { cell_or(b, buf_view(text), otherwise); }

/* ---- ages ---- */

/* "%lldX", and "%lldY" of the rest when there is one. */
static struct str two_units(struct arena *a, int64_t big, char unit, int64_t small, char small_unit)
{
	if (!small)
		return str_printf(a, "%lld%c", (long long)big, unit);
	return str_printf(a, "%lld%c%lld%c", (long long)big, unit, (long long)small, small_unit);
}

struct str span_text(struct arena *a, nsec_t d)
{
	int64_t s = d / NS_S, m = s / 60, h = m / 60, days = h / 24;
	if (s < -1)
		return STR("<invalid>");
	if (s < 0)
		return STR("0s");
	if (s < 120)
		return two_units(a, s, 's', 0, 0);
	if (m < 10)
		return two_units(a, m, 'm', s % 60, 's');
	if (m < 180)
		return two_units(a, m, 'm', 0, 0);
	if (h < 8)
		return two_units(a, h, 'h', m % 60, 'm');
	if (h < 48)
		return two_units(a, h, 'h', 0, 0);
	if (h < 192)
		return two_units(a, days, 'd', h % 24, 'h');
	if (days < 365 * 2)
		return two_units(a, days, 'd', 0, 0);
	return two_units(a, days / 365, 'y', days < 365 * 8 ? days % 365 : 0, 'd');
}

struct str age_text(struct arena *a, struct api_time t, wall_t now) { return t.set ? span_text(a, now - api_time_wall(t)) : UNKNOWN; }

void cell_age(struct buf *b, struct api_time t, wall_t now)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	cell_str(b, age_text(a, t, now));
}

/* ---- selectors and containers ---- */

struct str labels_text(struct arena *a, const struct str_map *m)
{
	BUF(b);
	LIST_EACH(p, *m)
		buf_printf(&b, "%s%.*s=%.*s", b.n ? "," : "", STR_F(p->key), STR_F(p->value));
	return b.n ? buf_take(&b, a) : NONE;
}

struct str selector_text(struct arena *a, const struct meta_v1_LabelSelector *s)
{
	BUF(b);
	struct selector sel = {0};
	if (!s || selector_of(a, s, &sel, NULL))
		return s ? STR("<error>") : NONE;
	selector_write(&b, &sel);
	return b.n ? buf_take(&b, a) : NONE;
}

void cell_containers(struct buf *b, const struct core_v1_PodSpec *s)
{
	BUF(names);
	BUF(images);
	LIST_EACH(c, s->containers) {
		buf_printf(&names, "%s%.*s", names.n ? "," : "", STR_F(c->name));
		buf_printf(&images, "%s%.*s", images.n || c != s->containers.items ? "," : "", STR_F(c->image));
	}
	cell_text(b, &names, STR(""));
	cell_text(b, &images, STR(""));
}

static int by_text(const void *a, const void *b) { return str_cmp(*(const struct str *)a, *(const struct str *)b); }

void cells_put_set(struct buf *out, struct str *v, size_t n)
{
	qsort(v, n, sizeof *v, by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !str_eq(v[i], v[i - 1]))
			buf_printf(out, "%s%.*s", out->n ? "," : "", STR_F(v[i]));
}

/* ---- rows by path ---- */

static void put_value(struct arena *a, struct buf *b, const struct field *f, const void *p, struct str otherwise, wall_t now)
{
	if (!f || !p)
		cell_str(b, otherwise);
	else if (f->kind == K_STRING || f->kind == K_QUANTITY)
		cell_or(b, *(const struct str *)p, otherwise);
	else if (f->kind == K_INT32)
		cell_int(b, *(const int32_t *)p);
	else if (f->kind == K_INT64)
		cell_int(b, *(const int64_t *)p);
	else if (f->kind == K_BOOL)
		cell_bool(b, *(const bool *)p);
	else if (f->kind == K_INTORSTRING && ((const struct int_or_str *)p)->is_str)
		cell_str(b, ((const struct int_or_str *)p)->str);
	else if (f->kind == K_INTORSTRING)
		cell_str(b, str_printf(a, "%d", ((const struct int_or_str *)p)->num));
	else if (f->kind == K_TIME || f->kind == K_MICROTIME)
		cell_age(b, *(const struct api_time *)p, now);
}

static void put_column(struct arena *a, struct ref o, wall_t now, struct buf *b, struct str column)
{
	const struct field *f;
	struct str path, otherwise = {0};
	if (str_is(column, "@age"))
		column = STR("metadata.creationTimestamp");
	bool count = column.p[0] == '#';
	str_cut(str_sub(column, count, column.n), '|', &path, &otherwise);
	void *p = obj_path(o, path, &f);
	if (count)
		cell_int(b, p && f ? ((const struct any_list *)p)->len : 0);
	else
		put_value(a, b, f, p && f && field_present((char *)p - f->offset, f) ? p : NULL, otherwise.p ? otherwise : STR(""), now);
}

void cells_by_path(struct arena *a, uint16_t type, const void *obj, wall_t now, struct buf *b, const char *const *columns)
{
	for (size_t i = 0; columns[i]; i++)
		put_column(a, (struct ref){desc_type(type), (void *)obj}, now, b, str_of(columns[i]));
}
