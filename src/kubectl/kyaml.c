/* KYAML: the flow form of YAML with quoted strings and trailing commas (KEP-5295). */
#include "base/enc.h"
#include "codec/json.h"
#include "kubectl/print.h"
#include <ctype.h>

static void indent(struct buf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		buf_lit(out, "  ");
}

/* Keys that YAML cannot take for anything but text stand bare. */
static bool bare(struct str key)
{
	static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq_fold(key, str_of(words[i])))
			return false;
	for (size_t i = 0; i < key.n; i++)
		if (!isalnum((unsigned char)key.p[i]) && !strchr("_-./", key.p[i]))
			return false;
	return key.n && isalpha((unsigned char)key.p[0]);
}

static void put(struct buf *out, const struct value *v, int depth);

static void put_object(struct buf *out, const struct value *v, int depth)
{
	if (!v->object.len) {
		buf_lit(out, "{}");
		return;
	}
	buf_lit(out, "{\n");
	for (uint32_t i = 0; i < v->object.len; i++) {
		const struct member *m = &v->object.items[i];
		indent(out, depth + 1);
		if (bare(m->key))
			buf_str(out, m->key);
		else
			json_string(out, m->key);
		buf_lit(out, ": ");
		put(out, m->value, depth + 1);
		buf_lit(out, ",\n");
	}
	indent(out, depth);
	buf_char(out, '}');
}

static bool is_container(const struct value *v) { return v->type == V_OBJECT || v->type == V_LIST; }

/* Containers in a list cuddle its brackets; plain values stand on lines of their own. */
static void put_list(struct buf *out, const struct value *v, int depth)
{
	bool cuddled = v->list.len && is_container(v->list.items[0]);
	buf_char(out, '[');
	for (uint32_t i = 0; i < v->list.len; i++) {
		if (cuddled && i)
			buf_lit(out, ", ");
		if (!cuddled) {
			buf_char(out, '\n');
			indent(out, depth + 1);
		}
		put(out, v->list.items[i], cuddled ? depth : depth + 1);
		if (!cuddled)
			buf_char(out, ',');
	}
	if (v->list.len && !cuddled) {
		buf_char(out, '\n');
		indent(out, depth);
	}
	buf_char(out, ']');
}

static void put(struct buf *out, const struct value *v, int depth)
{
	if (v->type == V_OBJECT)
		put_object(out, v, depth);
	else if (v->type == V_LIST)
		put_list(out, v, depth);
	else if (v->type == V_STRING)
		enc_quote(out, v->s);
	else
		json_write(out, v);
}

void kyaml_write(struct buf *out, const struct value *v)
{
	buf_lit(out, "---\n");
	put(out, v, 0);
	buf_char(out, '\n');
}
