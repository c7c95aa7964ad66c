#include "kubectl/doc.h"
#include "base/enc.h"
#include "base/log.h"
#include "codec/json.h"
#include "kubectl/walk.h"
#include <stdarg.h>
#include <string.h>

static void put_str(struct ctl *c, struct buf *out, struct str s)
{
	if (s.p)
		json_write(out, value_str(c->a, s));
	else
		buf_lit(out, "null");
}

static void put_value(struct buf *out, const struct value *v)
{
	if (v)
		json_write(out, v);
	else
		buf_lit(out, "null");
}

/* Absent values are nulls in the text. */
static void drop_nulls(struct value *v)
{
	for (uint32_t i = 0; i < map_len(v);) {
		struct member *m = &v->object.items[i];
		if (m->value->type == V_NULL) {
			value_del(v, m->key);
			continue;
		}
		drop_nulls(m->value);
		i++;
	}
	EACH_ITEM(x, v)
		drop_nulls(*x);
}

static void put(struct ctl *c, struct buf *text, const char *template, va_list *ap)
{
	for (const char *p = template; *p; p++) {
		if (*p == '\'')
			buf_char(text, '"');
		else if (*p != '%')
			buf_char(text, *p);
		else if (*++p == 's')
			put_str(c, text, va_arg(*ap, struct str));
		else if (*p == 'd')
			buf_i64(text, va_arg(*ap, int64_t));
		else if (*p == 'b')
			buf_printf(text, "%s", va_arg(*ap, int) ? "true" : "false");
		else
			put_value(text, va_arg(*ap, const struct value *));
	}
}

struct value *doc(struct ctl *c, const char *template, ...)
{
	BUF(text);
	va_list ap;
	struct value *v;
	struct json_opts o = {0};
	va_start(ap, template);
	put(c, &text, template, &ap);
	va_end(ap);
	if (json_parse(c->a, buf_take(&text, c->a), &o, &v, NULL) != 0)
		bug(template);
	drop_nulls(v);
	return v;
}

struct value *doc_words(struct ctl *c, const struct str *v, uint32_t n)
{
	struct value *list = n ? value_new(c->a, V_LIST) : NULL;
	for (uint32_t i = 0; i < n; i++)
		value_push(c->a, list, value_str(c->a, v[i]));
	return list;
}

struct value *doc_list(struct ctl *c, const str_list_t *l) { return doc_words(c, l->items, l->len); }

struct value *doc_at(struct ctl *c, struct value *o, const char *name, enum value_type t)
{
	struct value *v = value_get(o, str_of(name));
	if (v && v->type == t)
		return v;
	value_set(c->a, o, str_of(name), v = value_new(c->a, t));
	return v;
}
