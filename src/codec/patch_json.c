#include "codec/json.h"
#include "codec/patch.h"

/* One operation, taken apart.  value NULL: not given, which counts as null. */
struct op {
	struct str op, path, from;
	bool has_path, has_from;
	struct value *value;
};
struct run {
	struct arena *a;
	struct value *doc;
	size_t copied; /* bytes added by copy operations */
	struct err *e;
};
/* Where a path leads: the list or object that holds the last segment. */
struct place {
	struct value *in; /* NULL: the path leads nowhere */
	struct str key;
};

static bool is_null(const struct value *v) { return !v || v->type == V_NULL; }
static bool is_container(const struct value *v) { return v && (v->type == V_OBJECT || v->type == V_LIST); }

static struct str unescape(struct arena *a, struct str s)
{
	if (str_index(s, '~', 0) < 0)
		return s;
	char *p = arena_text(a, s.n);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool esc = s.p[i] == '~' && i + 1 < s.n && (s.p[i + 1] == '0' || s.p[i + 1] == '1');
		p[n++] = !esc ? s.p[i] : s.p[++i] == '0' ? '~' : '/';
	}
	return (struct str){p, n};
}

/* Go's strconv.Atoi: an optional sign and digits. */
static bool parse_index(struct str s, int64_t *ret)
{
	if (s.n > 1 && s.p[0] == '+')
		s = str_sub(s, 1, s.n);
	return str_i64(s, ret) == 0;
}

static int bad_index(struct run *r, struct str key)
{
	return err_set(r->e, ERR_INVALID, "Unable to access invalid index: %.*s: invalid index referenced", STR_F(key));
}

/* Index of an existing element, or with `extra` 1 of a place to insert before; negative ones count from the end. */
static int list_index(struct run *r, const struct value *l, struct str key, int64_t extra, uint32_t *ret)
{
	int64_t i, len = (int64_t)l->list.len + extra;
	if (!parse_index(key, &i))
		return err_set(r->e, ERR_INVALID, "strconv.Atoi: parsing \"%.*s\": invalid syntax", STR_F(key));
	if (i < -len || i >= len)
		return bad_index(r, key);
	*ret = (uint32_t)(i < 0 ? i + len : i);
	return 0;
}

/* A missing member of an object is null, not an error. */
static int place_get(struct run *r, struct place p, struct value **ret)
{
	uint32_t i;
	if (p.in->type == V_OBJECT)
		return *ret = value_get(p.in, p.key), 0;
	if (list_index(r, p.in, p.key, 0, &i))
		return -1;
	return *ret = p.in->list.items[i], 0;
}

static struct value *or_null(struct run *r, struct value *v) { return v ? v : value_new(r->a, V_NULL); }

static int list_insert_at(struct run *r, struct value *l, uint32_t at, struct value *v)
{
	value_push(r->a, l, v);
	struct value **items = l->list.items;
	memmove(items + at + 1, items + at, (l->list.len - 1 - at) * sizeof *items);
	items[at] = v;
	return 0;
}

static int place_add(struct run *r, struct place p, struct value *v)
{
	uint32_t at;
	if (p.in->type == V_OBJECT)
		return value_set(r->a, p.in, p.key, or_null(r, v)), value_sort_members(p.in), 0;
	if (str_is(p.key, "-"))
		return value_push(r->a, p.in, or_null(r, v)), 0;
	if (list_index(r, p.in, p.key, 1, &at))
		return -1;
	return list_insert_at(r, p.in, at, or_null(r, v));
}

static int place_set(struct run *r, struct place p, struct value *v)
{
	uint32_t i;
	if (p.in->type == V_OBJECT)
		return value_set(r->a, p.in, p.key, or_null(r, v)), 0;
	if (list_index(r, p.in, p.key, 0, &i))
		return -1;
	p.in->list.items[i] = or_null(r, v);
	return 0;
}

static int place_remove(struct run *r, struct place p)
{
	uint32_t i;
	if (p.in->type == V_OBJECT) {
		if (!value_del(p.in, p.key))
			return err_set(r->e, ERR_INVALID, "Unable to remove nonexistent key: %.*s: missing value", STR_F(p.key));
		return 0;
	}
	if (list_index(r, p.in, p.key, 0, &i))
		return -1;
	p.in->list.len--;
	memmove(p.in->list.items + i, p.in->list.items + i + 1, (p.in->list.len - i) * sizeof *p.in->list.items);
	return 0;
}

/* What stands before the first slash is ignored, so `a/b` means `/b`: upstream splits at slashes and drops the first piece.
 * The objects on the way are written anew, with their members sorted. */
static struct place find(struct run *r, struct str path)
{
	struct str first, rest, piece;
	if (!str_cut(path, '/', &first, &rest))
		return (struct place){0};
	struct place p = {.in = r->doc};
	while (str_cut(rest, '/', &piece, &rest)) {
		value_sort_members(p.in);
		struct place next = {p.in, unescape(r->a, piece)};
		struct value *v;
		ERR(ignored);
		struct run quiet = {.a = r->a, .e = &ignored};
		if (place_get(&quiet, next, &v) || !is_container(v))
			return (struct place){0};
		p.in = v;
	}
	value_sort_members(p.in);
	p.key = unescape(r->a, piece);
	return is_container(p.in) ? p : (struct place){0};
}

static int no_path(struct run *r, const struct op *o, struct str path)
{
	return err_set(r->e, ERR_INVALID, "%.*s operation does not apply: doc is missing path: \"%.*s\": missing value", STR_F(o->op), STR_F(path));
}

static int op_add(struct run *r, const struct op *o)
{
	struct place p = find(r, o->path);
	if (!p.in)
		return no_path(r, o, o->path);
	if (place_add(r, p, o->value ? value_copy(r->a, o->value) : NULL))
		return err_wrap(r->e, "error in add for path: '%.*s'", STR_F(o->path));
	return 0;
}

static int op_remove(struct run *r, const struct op *o)
{
	struct place p = find(r, o->path);
	if (!p.in)
		return no_path(r, o, o->path);
	if (place_remove(r, p))
		return err_wrap(r->e, "error in remove for path: '%.*s'", STR_F(o->path));
	return 0;
}

static int op_replace(struct run *r, const struct op *o)
{
	if (o->path.n == 0) {
		if (!is_container(o->value))
			return err_set(r->e, ERR_INVALID, "replace operation value must be object or array: unknown object type");
		return r->doc = value_copy(r->a, o->value), 0;
	}
	struct place p = find(r, o->path);
	struct value *old;
	if (!p.in)
		return no_path(r, o, o->path);
	if (place_get(r, p, &old))
		return err_set(r->e, ERR_INVALID, "replace operation does not apply: doc is missing key: %.*s: missing value", STR_F(o->path));
	return place_set(r, p, o->value ? value_copy(r->a, o->value) : NULL);
}

static int op_move(struct run *r, const struct op *o)
{
	struct place from = find(r, o->from);
	struct value *v;
	if (!from.in)
		return no_path(r, o, o->from);
	if (place_get(r, from, &v) || place_remove(r, from))
		return err_wrap(r->e, "error in move for path: '%.*s'", STR_F(o->path));
	struct place to = find(r, o->path);
	if (!to.in)
		return err_set(r->e, ERR_INVALID, "move operation does not apply: doc is missing destination path: %.*s: missing value", STR_F(o->path));
	return place_add(r, to, v);
}

static int charge_copy(struct run *r, const struct value *v)
{
	BUF(text);
	json_write(&text, v);
	r->copied += text.n;
	if (r->copied > PATCH_COPY_MAX)
		return err_set(r->e, ERR_INVALID, "Unable to complete the copy, the accumulated size increase of copy is %zu, exceeding the limit %u",
			r->copied, PATCH_COPY_MAX);
	return 0;
}

static int op_copy(struct run *r, const struct op *o)
{
	struct place from = find(r, o->from), to = find(r, o->path);
	struct value *v;
	if (!from.in)
		return no_path(r, o, o->from);
	if (place_get(r, from, &v))
		return err_wrap(r->e, "error in copy for from: '%.*s'", STR_F(o->from));
	if (!to.in)
		return err_set(r->e, ERR_INVALID, "copy operation does not apply: doc is missing destination path: %.*s: missing value", STR_F(o->path));
	if (v && charge_copy(r, v))
		return -1;
	if (place_add(r, to, v ? value_copy(r->a, v) : NULL))
		return err_wrap(r->e, "error while adding value during copy");
	return 0;
}

static int op_test(struct run *r, const struct op *o)
{
	struct value *v = r->doc;
	struct place p = find(r, o->path);
	if (o->path.n && !p.in)
		return err_set(r->e, ERR_INVALID, "test operation does not apply: is missing path: %.*s: missing value", STR_F(o->path));
	if (o->path.n && place_get(r, p, &v))
		return err_wrap(r->e, "error in test for path: '%.*s'", STR_F(o->path));
	if (is_null(v) ? is_null(o->value) : o->value && value_eq(v, o->value))
		return 0;
	return err_set(r->e, ERR_CONFLICT, "testing value %.*s failed: test failed", STR_F(o->path));
}

/* To add an operation: a row here. */
static const struct {
	const char *name;
	int (*apply)(struct run *, const struct op *);
	bool needs_from;
} operations[] = {
	{"add", op_add}, {"copy", op_copy, true}, {"move", op_move, true}, {"remove", op_remove}, {"replace", op_replace}, {"test", op_test},
};

static bool member_str(const struct value *o, const char *key, struct str *ret)
{
	struct value *v = value_get(o, str_of(key));
	if (!v || v->type != V_STRING)
		return false;
	return *ret = v->s, true;
}

static int run_op(struct run *r, const struct value *v)
{
	struct op o = {.op = STR("unknown"), .value = value_get(v, STR("value"))};
	member_str(v, "op", &o.op);
	o.has_path = member_str(v, "path", &o.path);
	o.has_from = member_str(v, "from", &o.from);
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		if (!str_is(o.op, operations[i].name))
			continue;
		if (!o.has_path)
			return err_set(r->e, ERR_INVALID, "%.*s operation failed to decode path: missing value", STR_F(o.op));
		if (operations[i].needs_from && !o.has_from)
			return err_set(r->e, ERR_INVALID, "%.*s operation failed to decode from: missing value", STR_F(o.op));
		return operations[i].apply(r, &o);
	}
	return err_set(r->e, ERR_INVALID, "Unexpected kind: %.*s", STR_F(o.op));
}

struct value *patch_json_ops(struct arena *a, struct value *doc, const struct value *ops, struct err *e)
{
	struct run r = {.a = a, .doc = doc, .e = e};
	for (uint32_t i = 0; ops->type == V_LIST && i < ops->list.len; i++)
		if (run_op(&r, ops->list.items[i]))
			return NULL;
	return r.doc;
}

static const char *go_kind(const struct value *v)
{
	static const char *const names[] = {
		[V_NULL] = "null", [V_BOOL] = "bool", [V_INT] = "number", [V_DOUBLE] = "number", [V_STRING] = "string", [V_LIST] = "array", [V_OBJECT] = "object",
	};
	return names[v->type];
}

static int check_op(const struct value *op, struct err *e)
{
	static const char *const text_members[] = {"op", "from", "path"};
	if (op->type == V_NULL)
		return 0;
	if (op->type != V_OBJECT)
		return err_set(e, ERR_BAD_REQUEST, "error decoding patch: json: cannot unmarshal %s into Go value of type handlers.jsonPatchOp", go_kind(op));
	for (size_t i = 0; i < ARRAY_LEN(text_members); i++) {
		struct value *v = value_get(op, str_of(text_members[i]));
		if (v && v->type != V_STRING && v->type != V_NULL)
			return err_set(e, ERR_BAD_REQUEST, "error decoding patch: json: cannot unmarshal %s into Go struct field jsonPatchOp.%s of type string",
				go_kind(v), text_members[i]);
	}
	return 0;
}

static int check_ops(const struct value *ops, struct err *e)
{
	if (ops->type == V_NULL)
		return 0;
	if (ops->type != V_LIST)
		return err_set(e, ERR_BAD_REQUEST, "error decoding patch: json: cannot unmarshal %s into Go value of type []handlers.jsonPatchOp", go_kind(ops));
	for (uint32_t i = 0; i < ops->list.len; i++)
		if (check_op(ops->list.items[i], e))
			return -1;
	if (ops->list.len > PATCH_OPS_MAX)
		return err_set(e, ERR_TOO_LARGE, "The allowed maximum operations in a JSON patch is %d, got %u", PATCH_OPS_MAX, ops->list.len);
	return 0;
}

struct value *patch_json(struct arena *a, struct value *doc, struct str patch, struct err *e)
{
	struct value *ops;
	if (json_parse(a, patch, NULL, &ops, e)) {
		err_wrap(e, "error decoding patch");
		return NULL;
	}
	if (check_ops(ops, e))
		return NULL;
	ERR(why);
	struct value *v = patch_json_ops(a, doc, ops, &why);
	if (!v)
		err_set(e, ERR_INVALID, "the server rejected our request due to an error in our request");
	return v;
}
