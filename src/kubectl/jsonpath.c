#include "kubectl/jsonpath.h"
#include "codec/json.h"
#include "codec/patch.h"
#include "kubectl/jsonpath_parse.h"
#include "base/enc.h"

struct eval {
	struct arena *a;
	bool missing_ok;
	unsigned ranges;        /* we are in so many */
	uint64_t results;
	bool begin, end;        /* the last action was "range", "end" */
	struct err *e;
};

static int put(struct eval *v, struct jsonpath_set *to, struct value *x)
{
	if (++v->results > JSONPATH_RESULTS_MAX)
		return err_set(v->e, ERR_BAD_REQUEST, "the template finds more than %d values", JSONPATH_RESULTS_MAX);
	*arena_push(v->a, to) = x;
	return 0;
}

static int steps(struct eval *v, const struct jp_nodes *nodes, struct jsonpath_set in, struct jsonpath_set *ret);

static struct str go_text(struct eval *v, const struct value *x)
{
	BUF(b);
	value_write_go(&b, x);
	return buf_take(&b, v->a);
}

static int eval_field(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	for (uint32_t i = 0; i < in->len; i++) {
		struct value *x = value_get(in->items[i], n->text);
		if (!n->text.n)
			x = in->items[i];
		if (x && put(v, out, x) != 0)
			return -1;
	}
	if (!out->len && !v->missing_ok)
		return err_set(v->e, ERR_BAD_REQUEST, "%.*s is not found", STR_F(n->text));
	return 0;
}

static const char *type_text(const struct value *x)
{
	switch (x->type) {
	case V_OBJECT: return "map[string]interface {}";
	case V_STRING: return "string";
	case V_INT: return "int64";
	case V_DOUBLE: return "float64";
	case V_BOOL: return "bool";
	default: return "[]interface {}";
	}
}

static int out_of_bounds(struct eval *v, int64_t index, int64_t len)
{
	return err_set(v->e, ERR_BAD_REQUEST, "array index out of bounds: index %lld, length %lld", (long long)index, (long long)len);
}

static int slice_one(struct eval *v, const struct jp_bound *b, struct value *list, struct jsonpath_set *out)
{
	int64_t len = list->list.len, from = b[0].known ? b[0].value : 0, to = b[1].known ? b[1].value : len, by = b[2].known ? b[2].value : 1;
	from += from < 0 ? len : 0;
	to += to < 0 || (to == 0 && b[1].derived) ? len : 0;
	if (from != to && (from >= len || from < 0))
		return out_of_bounds(v, from, len);
	if (from != to && (to > len || to < 0))
		return out_of_bounds(v, to - 1, len);
	if (by <= 0)
		return err_set(v->e, ERR_BAD_REQUEST, "step must be > 0");
	for (int64_t i = from; i < to; i += by)
		if (put(v, out, list->list.items[i]) != 0)
			return -1;
	return 0;
}

static int eval_slice(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	bool all = !n->bounds[0].known && !n->bounds[1].known && !n->bounds[2].known;
	for (uint32_t i = 0; i < in->len; i++) {
		struct value *x = in->items[i];
		if (x->type == V_NULL || (all && x->type == V_LIST && !x->list.len))
			continue;
		if (x->type != V_LIST)
			return err_set(v->e, ERR_BAD_REQUEST, "%s is not array or slice", type_text(x));
		if (slice_one(v, n->bounds, x, out) != 0)
			return -1;
	}
	return 0;
}

static int put_children(struct eval *v, struct value *x, struct jsonpath_set *out)
{
	for (uint32_t i = 0; x->type == V_LIST && i < x->list.len; i++)
		if (put(v, out, x->list.items[i]) != 0)
			return -1;
	for (uint32_t i = 0; x->type == V_OBJECT && i < x->object.len; i++)
		if (put(v, out, x->object.items[i].value) != 0)
			return -1;
	return 0;
}

static int eval_wildcard(struct eval *v, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	for (uint32_t i = 0; i < in->len; i++)
		if (put_children(v, in->items[i], out) != 0)
			return -1;
	return 0;
}

/* Every container that has something in it, parents first. */
static int eval_recursive(struct eval *v, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	for (uint32_t i = 0; i < in->len; i++) {
		struct jsonpath_set children = {0};
		if (put_children(v, in->items[i], &children) != 0)
			return -1;
		if (children.len && (put(v, out, in->items[i]) != 0 || eval_recursive(v, &children, out) != 0))
			return -1;
	}
	return 0;
}

static int eval_union(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	for (uint32_t i = 0; i < n->nodes.len; i++) {
		struct jsonpath_set found = {0};
		if (steps(v, &n->nodes.items[i].nodes, *in, &found) != 0)
			return -1;
		for (uint32_t k = 0; k < found.len; k++)
			if (put(v, out, found.items[k]) != 0)
				return -1;
	}
	return 0;
}

/* ---- filters */

static bool is_number(const struct value *x) { return x->type == V_INT || x->type == V_DOUBLE; }
static double number_of(const struct value *x) { return x->type == V_INT ? (double)x->i : x->d; }

/* -1, 0, 1; 2: not comparable. */
static int compare(const struct value *x, const struct value *y)
{
	if (x->type == V_INT && y->type == V_INT)
		return (x->i > y->i) - (x->i < y->i);
	if (is_number(x) && is_number(y))
		return (number_of(x) > number_of(y)) - (number_of(x) < number_of(y));
	if (x->type == V_STRING && y->type == V_STRING) {
		int c = str_cmp(x->s, y->s);
		return (c > 0) - (c < 0);
	}
	if (x->type == V_BOOL && y->type == V_BOOL)
		return x->b - y->b;
	return 2;
}

static int holds(struct eval *v, struct str op, const struct value *x, const struct value *y, bool *ret)
{
	int c = compare(x, y);
	if (str_is(op, "==") || str_is(op, "="))
		*ret = c == 0;
	else if (str_is(op, "!="))
		*ret = c != 0;
	else if (c == 2)
		return err_set(v->e, ERR_BAD_REQUEST, "incompatible types for comparison");
	else if (str_is(op, "<"))
		*ret = c < 0;
	else if (str_is(op, "<="))
		*ret = c <= 0;
	else if (str_is(op, ">"))
		*ret = c > 0;
	else if (str_is(op, ">="))
		*ret = c >= 0;
	else
		return err_set(v->e, ERR_BAD_REQUEST, "unrecognized filter operator %.*s", STR_F(op));
	return 0;
}

static int selects(struct eval *v, const struct jp_node *n, struct value *x, bool *ret)
{
	struct jsonpath_set self = {&x, 1, 1}, left = {0}, right = {0};
	bool strict = v->missing_ok;
	v->missing_ok = true;
	int failed = steps(v, &n->nodes.items[0].nodes, self, &left);
	if (!failed && n->text.n)
		failed = steps(v, &n->nodes.items[1].nodes, self, &right);
	v->missing_ok = strict;
	*ret = left.len > 0;
	if (failed || !n->text.n || !left.len)
		return failed;
	if (left.len > 1 || right.len > 1)
		return err_set(v->e, ERR_BAD_REQUEST, "can only compare one element at a time");
	*ret = false;
	return right.len ? holds(v, n->text, left.items[0], right.items[0], ret) : 0;
}

static int eval_filter(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	for (uint32_t i = 0; i < in->len; i++) {
		struct value *x = in->items[i];
		if (x->type == V_NULL)
			continue;
		if (x->type != V_LIST)
			return err_set(v->e, ERR_BAD_REQUEST, "%.*s is not array or slice and cannot be filtered", STR_F(go_text(v, x)));
		for (uint32_t k = 0; k < x->list.len; k++) {
			bool yes = false;
			if (selects(v, n, x->list.items[k], &yes) != 0 || (yes && put(v, out, x->list.items[k]) != 0))
				return -1;
		}
	}
	return 0;
}

/* ---- templates */

static int eval_word(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	if (str_is(n->text, "range")) {
		v->begin = true;
		*out = *in;
		return 0;
	}
	if (!str_is(n->text, "end"))
		return err_set(v->e, ERR_BAD_REQUEST, "unrecognized identifier %.*s", STR_F(n->text));
	if (!v->ranges)
		return err_set(v->e, ERR_BAD_REQUEST, "not in range, nothing to end");
	v->end = true;
	return 0;
}

static int one_step(struct eval *v, const struct jp_node *n, const struct jsonpath_set *in, struct jsonpath_set *out)
{
	switch ((enum jp_kind)n->kind) {
	case JP_TEXT: return put(v, out, value_str(v->a, n->text.p ? n->text : STR("")));
	case JP_VALUE: return put(v, out, n->value);
	case JP_FIELD: return eval_field(v, n, in, out);
	case JP_SLICE: return eval_slice(v, n, in, out);
	case JP_FILTER: return eval_filter(v, n, in, out);
	case JP_WILDCARD: return eval_wildcard(v, in, out);
	case JP_RECURSIVE: return eval_recursive(v, in, out);
	case JP_UNION: return eval_union(v, n, in, out);
	case JP_WORD: return eval_word(v, n, in, out);
	case JP_ACTION: return steps(v, &n->nodes, *in, out);
	}
	return 0;
}

static int steps(struct eval *v, const struct jp_nodes *nodes, struct jsonpath_set in, struct jsonpath_set *ret)
{
	for (uint32_t i = 0; i < nodes->len; i++) {
		struct jsonpath_set out = {0};
		if (one_step(v, &nodes->items[i], &in, &out) != 0)
			return -1;
		in = out;
	}
	*ret = in;
	return 0;
}

static bool is_action_word(const struct jp_node *n, const char *word)
{
	return n->kind == JP_ACTION && n->nodes.len && n->nodes.items[0].kind == JP_WORD && str_is(n->nodes.items[0].text, word);
}

/* The index of the end that closes a range before i; len without one. */
static uint32_t range_end(const struct jp_nodes *nodes, uint32_t i)
{
	unsigned open = 1;
	for (; i < nodes->len; i++) {
		open += is_action_word(&nodes->items[i], "range");
		if (is_action_word(&nodes->items[i], "end") && --open == 0)
			break;
	}
	return i;
}

static int walk(struct eval *v, const struct jp_nodes *nodes, uint32_t from, uint32_t to, struct value *data, struct jsonpath_sets *ret);

static int walk_range(struct eval *v, const struct jp_nodes *nodes, uint32_t from, uint32_t to, const struct jsonpath_set *over, struct jsonpath_sets *ret)
{
	v->ranges++;
	for (uint32_t i = 0; i < over->len; i++)
		if (walk(v, nodes, from, to, over->items[i], ret) != 0)
			return -1;
	v->ranges--;
	return 0;
}

static int walk(struct eval *v, const struct jp_nodes *nodes, uint32_t from, uint32_t to, struct value *data, struct jsonpath_sets *ret)
{
	struct jsonpath_set in = {&data, 1, 1};
	for (uint32_t i = from; i < to; i++) {
		struct jsonpath_set out = {0};
		v->begin = v->end = false;
		if (one_step(v, &nodes->items[i], &in, &out) != 0)
			return -1;
		if (v->begin) {
			uint32_t end = range_end(nodes, i + 1);
			if (walk_range(v, nodes, i + 1, end < to ? end : to, &out, ret) != 0)
				return -1;
			i = end;
		} else {
			*arena_push(v->a, ret) = out;
		}
	}
	return 0;
}

int jsonpath_find(struct arena *a, const struct jsonpath *p, struct value *data, bool missing_ok, struct jsonpath_sets *ret, struct err *e)
{
	struct eval v = {.a = a, .missing_ok = missing_ok, .e = e};
	*ret = (struct jsonpath_sets){0};
	return walk(&v, &p->root, 0, p->root.len, data, ret);
}

struct value *jsonpath_first(struct arena *a, const struct jsonpath *p, struct value *data)
{
	struct jsonpath_sets sets;
	if (jsonpath_find(a, p, data, true, &sets, NULL) != 0 || !sets.len || !sets.items[0].len)
		return NULL;
	return sets.items[0].items[0];
}

void jsonpath_write_value(struct buf *out, const struct value *v)
{
	if (v->type == V_STRING)
		buf_str(out, v->s);
	else if (v->type == V_DOUBLE)
		value_write_go(out, v);
	else
		json_write(out, v);
}

void jsonpath_write(struct buf *out, const struct jsonpath_sets *s)
{
	for (uint32_t i = 0; i < s->len; i++)
		for (uint32_t k = 0; k < s->items[i].len; k++) {
			if (k)
				buf_char(out, ' ');
			jsonpath_write_value(out, s->items[i].items[k]);
		}
}

static void write_go_members(struct buf *out, const struct value *v)
{
	for (uint32_t i = 0; i < v->object.len; i++) {
		if (i)
			buf_lit(out, ", ");
		enc_quote(out, v->object.items[i].key);
		buf_char(out, ':');
		jsonpath_write_go(out, v->object.items[i].value);
	}
}

void jsonpath_write_go(struct buf *out, const struct value *v)
{
	if (v->type == V_NULL)
		buf_lit(out, "interface {}(nil)");
	else if (v->type == V_STRING)
		enc_quote(out, v->s);
	else if (v->type == V_OBJECT) {
		buf_lit(out, "map[string]interface {}{");
		write_go_members(out, v);
		buf_char(out, '}');
	} else if (v->type == V_LIST) {
		buf_lit(out, "[]interface {}{");
		for (uint32_t i = 0; i < v->list.len; i++) {
			if (i)
				buf_lit(out, ", ");
			jsonpath_write_go(out, v->list.items[i]);
		}
		buf_char(out, '}');
	} else {
		value_write_go(out, v);
	}
}
