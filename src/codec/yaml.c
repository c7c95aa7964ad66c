/* YAML to dynamic values.  libyaml scans; what the events mean (types, merges, aliases, keys) follows sigs.k8s.io/yaml. */
#include "codec/yaml.h"
#include "base/map.h"
#include "codec/json.h"
#include "codec/scalar.h"
#include "codec/yaml_scalar.h"
#include <math.h>
#include <yaml.h>

struct anchor {
	struct value *value; /* NULL while it is being read */
};

struct composer {
	yaml_parser_t *y;
	yaml_event_t event; /* the current one; owned */
	bool have;
	struct arena *a;
	struct err *e;
	struct map anchors;
	struct buf duplicates; /* lines about keys that were set twice */
	unsigned depth, expanded;
};

static struct value *compose(struct composer *c);

/* ---- events */

static int scanner_error(struct composer *c)
{
	size_t line = c->y->problem_mark.line ? c->y->problem_mark.line + (c->y->error == YAML_SCANNER_ERROR) : c->y->context_mark.line;
	const char *what = c->y->problem && *c->y->problem ? c->y->problem : "unknown problem parsing YAML content";
	if (c->y->error == YAML_MEMORY_ERROR)
		return err_nomem(c->e, 0);
	if (line)
		return err_set(c->e, ERR_BAD_REQUEST, "yaml: line %zu: %s", line, what);
	return err_set(c->e, ERR_BAD_REQUEST, "yaml: %s", what);
}

static int advance(struct composer *c)
{
	if (c->have)
		yaml_event_delete(&c->event);
	c->have = yaml_parser_parse(c->y, &c->event) != 0;
	return c->have ? 0 : scanner_error(c);
}

static struct str bytes(const yaml_char_t *p, size_t n) { return str_n(p, n); }
static struct str zstr(const yaml_char_t *p) { return str_of((const char *)p); }

/* ---- anchors and aliases */

static void remember(struct composer *c, struct str anchor, struct value *v)
{
	if (anchor.p)
		map_set(&c->anchors, anchor, v ? v : (void *)c);
}

/* Aliases are copied out, so that values can be changed one by one; this bounds a bomb. */
static struct value *expand(struct composer *c, const struct value *v)
{
	if (++c->expanded > YAML_ALIAS_EXPANSION_MAX) {
		err_set(c->e, ERR_BAD_REQUEST, "yaml: document contains excessive aliasing");
		return NULL;
	}
	struct value *copy = arena_make(c->a, struct value);
	if (!copy)
		return NULL;
	*copy = *v;
	if (v->type == V_LIST) {
		copy->list.items = NULL;
		copy->list.len = copy->list.cap = 0;
		for (uint32_t i = 0; i < v->list.len; i++) {
			struct value *x = expand(c, v->list.items[i]);
			if (!x || !arena_push(c->a, &copy->list))
				return NULL;
			copy->list.items[i] = x;
		}
	} else if (v->type == V_OBJECT) {
		copy->object.items = NULL;
		copy->object.len = copy->object.cap = 0;
		for (uint32_t i = 0; i < v->object.len; i++) {
			struct value *x = expand(c, v->object.items[i].value);
			if (!x || !arena_push(c->a, &copy->object))
				return NULL;
			copy->object.items[i] = (struct member){v->object.items[i].key, x};
		}
	}
	return copy;
}

static struct value *compose_alias(struct composer *c)
{
	struct str name = zstr(c->event.data.alias.anchor);
	struct value *v = map_get(&c->anchors, name);
	if (!v) {
		err_set(c->e, ERR_BAD_REQUEST, "yaml: unknown anchor '%.*s' referenced", STR_F(name));
		return NULL;
	}
	if ((void *)v == (void *)c) {
		err_set(c->e, ERR_BAD_REQUEST, "yaml: anchor '%.*s' value contains itself", STR_F(name));
		return NULL;
	}
	return expand(c, v);
}

/* ---- scalars */

static struct value *string_value(struct composer *c, struct str s)
{
	struct str copy = str_dup(c->a, s);
	if (s.n && !copy.p) {
		err_nomem(c->e, s.n);
		return NULL;
	}
	return value_str(c->a, copy.p ? copy : STR(""));
}

static struct value *binary_value(struct composer *c, struct str s)
{
	struct str decoded;
	if (scalar_base64(c->a, s, &decoded, NULL) == 0)
		return value_str(c->a, decoded);
	err_set(c->e, ERR_BAD_REQUEST, "yaml: !!binary value contains invalid base64 data");
	return NULL;
}

static struct value *plain_value(struct composer *c, struct str s)
{
	struct value v = {0};
	static const enum value_type types[] = {[YAML_NULL] = V_NULL, [YAML_BOOL] = V_BOOL, [YAML_INT] = V_INT, [YAML_DOUBLE] = V_DOUBLE};
	enum yaml_meaning m = yaml_meaning(s, &v);
	if (m == YAML_STRING || m == YAML_MERGE)
		return string_value(c, s);
	if (m == YAML_DOUBLE && !isfinite(v.d)) {
		err_set(c->e, ERR_BAD_REQUEST, "json: unsupported value: %s", isnan(v.d) ? "NaN" : v.d > 0 ? "+Inf" : "-Inf");
		return NULL;
	}
	struct value *r = value_new(c->a, types[m]);
	if (r) {
		*r = v;
		r->type = types[m];
	}
	return r;
}

/* With an explicit tag of the core schema. */
static struct value *tagged_value(struct composer *c, struct str tag, struct str s)
{
	if (str_is(tag, "tag:yaml.org,2002:binary"))
		return binary_value(c, s);
	bool string = str_is(tag, "tag:yaml.org,2002:str") || !str_has_prefix(tag, STR("tag:yaml.org,2002:"));
	struct value *v = string ? string_value(c, s) : plain_value(c, s);
	if (v && v->type == V_INT && str_is(tag, "tag:yaml.org,2002:float")) {
		int64_t i = v->i;
		v->type = V_DOUBLE;
		v->d = (double)i;
	}
	return v;
}

static struct value *compose_scalar(struct composer *c)
{
	struct str s = bytes(c->event.data.scalar.value, c->event.data.scalar.length), tag = zstr(c->event.data.scalar.tag);
	if (tag.n && !str_is(tag, "!"))
		return tagged_value(c, tag, s);
	bool plain = c->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag.n;
	return plain ? plain_value(c, s) : string_value(c, s);
}

/* ---- collections */

/* A key as JSON has it; fails for what cannot be one. */
static int key_text(struct composer *c, const struct value *k, struct str *ret)
{
	char text[SCALAR_DOUBLE_MAX];
	switch (k->type) {
	case V_STRING: *ret = k->s; return 0;
	case V_BOOL: *ret = k->b ? STR("true") : STR("false"); return 0;
	case V_INT: *ret = str_dup(c->a, str_n(text, scalar_put_i64(text, k->i))); return 0;
	case V_DOUBLE: *ret = str_dup(c->a, str_n(text, scalar_put_double(text, k->d, true))); return 0;
	case V_NULL: return err_set(c->e, ERR_BAD_REQUEST, "unsupported map key of type: %%!s(<nil>), key: <nil>");
	default:
		return err_set(c->e, ERR_BAD_REQUEST, "yaml: invalid map key: %s", k->type == V_LIST ? "[]interface {}" : "map[interface {}]interface {}");
	}
}

/* The member, by a hash once there are more than a few. */
static struct value *lookup(struct value *o, struct map *index, struct str key)
{
	if (o->object.len <= 16)
		return value_get(o, key);
	for (uint32_t i = (uint32_t)index->n; i < o->object.len; i++)
		map_set(index, o->object.items[i].key, o->object.items[i].value);
	return map_get(index, key);
}

/* A member set twice keeps the node and takes the later content. */
static int set_member(struct composer *c, struct value *o, struct map *index, struct str key, struct value *v)
{
	struct value *old = lookup(o, index, key);
	if (old) {
		*old = *v;
		return 0;
	}
	if (!arena_push(c->a, &o->object))
		return -1;
	o->object.items[o->object.len - 1] = (struct member){key, v};
	return 0;
}

static int merge_one(struct composer *c, struct value *o, struct map *index, const struct value *from)
{
	if (from->type != V_OBJECT)
		return err_set(c->e, ERR_BAD_REQUEST, "yaml: map merge requires map or sequence of maps as the value");
	for (uint32_t i = 0; i < from->object.len; i++)
		if (set_member(c, o, index, from->object.items[i].key, from->object.items[i].value) != 0)
			return -1;
	return 0;
}

/* Of several maps the earlier ones win. */
static int merge(struct composer *c, struct value *o, struct map *index, const struct value *from)
{
	if (from->type != V_LIST)
		return merge_one(c, o, index, from);
	for (uint32_t i = from->list.len; i-- > 0;)
		if (merge_one(c, o, index, from->list.items[i]) != 0)
			return -1;
	return 0;
}

static bool is_merge_key(const struct composer *c)
{
	return c->event.type == YAML_SCALAR_EVENT && c->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		str_is(bytes(c->event.data.scalar.value, c->event.data.scalar.length), "<<");
}

static void note_duplicate(struct composer *c, struct str key, size_t line)
{
	buf_printf(&c->duplicates, "%s  line %zu: key \"%.*s\" already set in map", c->duplicates.n ? "\n" : "", line, STR_F(key));
}

static int compose_member(struct composer *c, struct value *o, struct map *own, struct map *index)
{
	bool merging = is_merge_key(c);
	size_t line = c->event.start_mark.line + 1;
	struct str key;
	struct value *k = compose(c), *v;
	if (!k || advance(c) != 0 || !(v = compose(c)))
		return -1;
	if (merging)
		return merge(c, o, index, v);
	if (key_text(c, k, &key) != 0) {
		BUF(value);
		json_write(&value, v);
		return k->type == V_NULL ? err_set(c->e, ERR_BAD_REQUEST, "unsupported map key of type: %%!s(<nil>), key: <nil>, value: %s", buf_z(&value)) : -1;
	}
	if (map_set(own, key, k))
		note_duplicate(c, key, line);
	return set_member(c, o, index, key, v);
}

static int compose_members(struct composer *c, struct value *o)
{
	struct map own = {0}, index = {0}; /* keys that this map sets itself; all members */
	int r = 0;
	while (r == 0 && (r = advance(c)) == 0 && c->event.type != YAML_MAPPING_END_EVENT)
		r = compose_member(c, o, &own, &index);
	map_fini(&own);
	map_fini(&index);
	return r;
}

static int compose_items(struct composer *c, struct value *l)
{
	for (;;) {
		if (advance(c) != 0)
			return -1;
		if (c->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		struct value *v = compose(c);
		if (!v || !arena_push(c->a, &l->list))
			return -1;
		l->list.items[l->list.len - 1] = v;
	}
}

static struct value *compose_nested(struct composer *c, struct str anchor, bool object)
{
	struct value *v = value_new(c->a, object ? V_OBJECT : V_LIST);
	if (!v)
		return NULL;
	if (++c->depth > JSON_NEST_MAX) {
		err_set(c->e, ERR_BAD_REQUEST, "yaml: exceeded max depth of %d", JSON_NEST_MAX);
		return NULL;
	}
	remember(c, anchor, NULL);
	if ((object ? compose_members(c, v) : compose_items(c, v)) != 0)
		return NULL;
	c->depth--;
	return v;
}

/* The node that begins with the current event; afterwards the event is its last. */
static struct value *compose(struct composer *c)
{
	struct value *v = NULL;
	struct str anchor = {0};
	switch (c->event.type) {
	case YAML_ALIAS_EVENT:
		return compose_alias(c);
	case YAML_SCALAR_EVENT:
		anchor = str_dup(c->a, zstr(c->event.data.scalar.anchor));
		v = compose_scalar(c);
		break;
	case YAML_SEQUENCE_START_EVENT: case YAML_MAPPING_START_EVENT: {
		bool object = c->event.type == YAML_MAPPING_START_EVENT;
		anchor = str_dup(c->a, zstr(object ? c->event.data.mapping_start.anchor : c->event.data.sequence_start.anchor));
		v = compose_nested(c, anchor, object);
		break;
	}
	default:
		err_set(c->e, ERR_BAD_REQUEST, "yaml: unexpected event");
	}
	if (v)
		remember(c, anchor, v);
	return v;
}

static struct value *compose_document(struct composer *c)
{
	if (advance(c) != 0 || advance(c) != 0) /* stream and document start */
		return NULL;
	if (c->event.type == YAML_STREAM_END_EVENT)
		return value_new(c->a, V_NULL);
	if (advance(c) != 0)
		return NULL;
	struct value *v = compose(c);
	return v && advance(c) == 0 ? v : NULL;
}

static void tell_duplicates(struct composer *c, const struct json_opts *o)
{
	if (c->duplicates.n && o && o->flags & JSON_STRICT && o->complain)
		o->complain(o->arg, str_printf(c->a, "yaml: unmarshal errors:\n%s", buf_z(&c->duplicates)));
}

int yaml_parse(struct arena *a, struct str in, const struct json_opts *o, struct value **ret, struct err *e)
{
	yaml_parser_t y;
	if (!yaml_parser_initialize(&y))
		return err_nomem(e, sizeof y);
	yaml_parser_set_input_string(&y, (const unsigned char *)in.p, in.n);
	ERR(why);
	struct composer c = {.y = &y, .a = a, .e = &why};
	struct value *v = compose_document(&c);
	if (v)
		tell_duplicates(&c, o);
	if (c.have)
		yaml_event_delete(&c.event);
	yaml_parser_delete(&y);
	map_fini(&c.anchors);
	buf_fini(&c.duplicates);
	if (!v && !why.reason)
		return err_nomem(e, in.n);
	if (!v && e) {
		err_fini(e);
		err_move(e, &why);
	}
	if (!v)
		return -1;
	*ret = v;
	return 0;
}

int yaml_to_json(struct str in, const struct json_opts *o, struct buf *out, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct value *v;
	if (yaml_parse(a, in, o, &v, e) != 0)
		return -1;
	value_sort(v);
	json_write(out, v);
	return 0;
}

/* ---- documents */

/* The length of the line at the start of s, with its newline. */
static size_t line_length(struct str s)
{
	ptrdiff_t i = str_index(s, '\n', 0);
	return i < 0 ? s.n : (size_t)i + 1;
}

static bool is_separator(struct str line)
{
	if (!str_has_prefix(line, STR("---")))
		return false;
	struct str rest = str_trim(str_sub(line, 3, line.n));
	return rest.n == 0 || rest.p[0] == '#';
}

bool yaml_next_document(struct str *rest, struct str *ret_doc)
{
	while (rest->n) {
		size_t n = 0, line = 0;
		for (; n < rest->n; n += line) {
			line = line_length(str_sub(*rest, n, rest->n));
			if (is_separator(str_sub(*rest, n, n + line)))
				break;
		}
		*ret_doc = str_sub(*rest, 0, n);
		*rest = str_sub(*rest, n < rest->n ? n + line : n, rest->n);
		if (ret_doc->n)
			return true;
	}
	return false;
}

/* ---- configuration */

struct complaint {
	struct arena *a;
	struct str first;
};

static void keep_first(void *arg, struct str what)
{
	struct complaint *c = arg;
	if (!c->first.n)
		c->first = str_dup(c->a, what);
}

int yaml_decode_strict(struct arena *a, struct str in, struct ref obj, struct err *e)
{
	struct str kind, version, want = desc_str(obj.type->kind), want_version = type_api_version(obj.type);
	struct complaint strict = {.a = a};
	struct json_opts o = {.flags = JSON_STRICT, .complain = keep_first, .arg = &strict};
	BUF(json);
	if (yaml_to_json(in, NULL, &json, e))
		return -1;
	struct str doc = buf_take(&json, a);
	if (json_peek_type(doc, &version, &kind, a, e))
		return -1;
	if (!str_eq(kind, want) || !str_eq(version, want_version))
		return err_set(e, ERR_INVALID, "a %.*s of %.*s, not a %.*s of %.*s", STR_F(kind), STR_F(version), STR_F(want), STR_F(want_version));
	if (json_decode(a, obj.type, doc, &o, obj.p, e))
		return -1;
	return strict.first.n ? err_set(e, ERR_INVALID, "%.*s", STR_F(strict.first)) : 0;
}
