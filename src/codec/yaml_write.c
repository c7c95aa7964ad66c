/* Values as YAML in the form of sigs.k8s.io/yaml: keys in natural order, strings plain where they read back as strings. */
#include "base/map.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "codec/yaml_scalar.h"
#include <stdlib.h>
#include <yaml.h>

struct emitter {
	yaml_emitter_t y;
	struct buf *out;
	bool failed;
};

static int write_out(void *arg, unsigned char *p, size_t n)
{
	buf_put(arg, p, n);
	return 1;
}

static void emit(struct emitter *m, yaml_event_t *event, int made) { m->failed |= !made || !yaml_emitter_emit(&m->y, event); }

static void put_scalar(struct emitter *m, struct str s, yaml_scalar_style_t style)
{
	yaml_event_t e;
	emit(m, &e, yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)(s.p ? s.p : ""), (int)s.n, 1, 1, style));
}

static void put_string(struct emitter *m, struct str s)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	if (s.n && memchr(s.p, '\n', s.n))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (yaml_ambiguous(s.p ? s : STR("")))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	put_scalar(m, s, style);
}

/* ---- order of keys: numbers inside them by value, letters after everything else */

static bool is_letter(unsigned char c) { return (c | 0x20) >= 'a' || c >= 0x80 ? (c | 0x20) <= 'z' || c >= 0x80 : false; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char at(struct str s, size_t i) { return i < s.n ? s.p[i] : 0; }

/* A zero inside a number that has begun counts: 10 is not 1 and 0. */
static bool inside_number(struct str s, size_t i)
{
	while (i-- > 0 && is_digit(s.p[i]))
		if (s.p[i] != '0')
			return true;
	return false;
}

static int compare_numbers(struct str a, struct str b, size_t i)
{
	int64_t x = 0, y = 0;
	size_t n = i, k = i;
	if ((at(a, i) == '0' || at(b, i) == '0') && inside_number(a, i))
		x = y = 1;
	for (; is_digit(at(a, n)); n++)
		x = (int64_t)((uint64_t)x * 10 + (uint64_t)(a.p[n] - '0'));
	for (; is_digit(at(b, k)); k++)
		y = (int64_t)((uint64_t)y * 10 + (uint64_t)(b.p[k] - '0'));
	if (x != y)
		return x < y ? -1 : 1;
	if (n != k)
		return n < k ? -1 : 1;
	return (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
}

static int natural_order(const void *p, const void *q)
{
	struct str a = ((const struct member *)p)->key, b = ((const struct member *)q)->key;
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		if (a.p[i] == b.p[i])
			continue;
		bool x = is_letter((unsigned char)a.p[i]), y = is_letter((unsigned char)b.p[i]);
		if (x && y)
			return (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
		return x || y ? (y ? -1 : 1) : compare_numbers(a, b, i);
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

/* ---- values */

static void put_value(struct emitter *m, const struct value *v);

static void put_list(struct emitter *m, const struct value *v)
{
	yaml_event_t e;
	emit(m, &e, yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
	for (uint32_t i = 0; i < v->list.len; i++)
		put_value(m, v->list.items[i]);
	emit(m, &e, yaml_sequence_end_event_initialize(&e));
}

static void put_object(struct emitter *m, const struct value *v)
{
	yaml_event_t e;
	uint32_t n = v->object.len;
	struct member *sorted = malloc((n ? n : 1) * sizeof *sorted);
	if (!sorted) {
		m->failed = true;
		return;
	}
	if (n)
		memcpy(sorted, v->object.items, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, natural_order);
	emit(m, &e, yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
	for (uint32_t i = 0; i < n; i++) {
		put_string(m, sorted[i].key);
		put_value(m, sorted[i].value);
	}
	emit(m, &e, yaml_mapping_end_event_initialize(&e));
	free(sorted);
}

static void put_number(struct emitter *m, const struct value *v)
{
	BUF(text);
	json_write(&text, v);
	put_scalar(m, buf_view(&text), YAML_PLAIN_SCALAR_STYLE);
}

static void put_value(struct emitter *m, const struct value *v)
{
	if (m->failed)
		return;
	switch (v->type) {
	case V_OBJECT: put_object(m, v); break;
	case V_LIST: put_list(m, v); break;
	case V_STRING: put_string(m, v->s); break;
	case V_BOOL: put_scalar(m, v->b ? STR("true") : STR("false"), YAML_PLAIN_SCALAR_STYLE); break;
	case V_NULL: put_scalar(m, STR("null"), YAML_PLAIN_SCALAR_STYLE); break;
	default: put_number(m, v);
	}
}

static void put_document(struct emitter *m, const struct value *v)
{
	yaml_event_t e;
	emit(m, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
	emit(m, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
	put_value(m, v);
	emit(m, &e, yaml_document_end_event_initialize(&e, 1));
	emit(m, &e, yaml_stream_end_event_initialize(&e));
}

void yaml_write(struct buf *out, const struct value *v)
{
	struct emitter m = {.out = out};
	if (!yaml_emitter_initialize(&m.y)) {
		out->failed = true;
		return;
	}
	yaml_emitter_set_unicode(&m.y, 1);
	yaml_emitter_set_output(&m.y, write_out, out);
	put_document(&m, v);
	yaml_emitter_delete(&m.y);
	out->failed |= m.failed;
}

void yaml_encode(struct buf *out, struct ref o)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	yaml_write(out, obj_to_value(a, o));
}
