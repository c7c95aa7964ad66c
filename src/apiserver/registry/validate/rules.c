/* Walking rule tables. */
#include "apiserver/registry/validate/rules.h"

#include "codec/json.h"
#include "codec/ops.h"
#include "schema/quantity.h"
#include "schema/value.h"

/* A member on its way through a row. */
struct place {
	struct check *k;
	struct str path;
	const struct field *f;
	const void *p; /* NULL: absent */
	const struct rule *rule;
};

static const void *message_at(const struct place *m) { return m->p && m->f->kind == K_MESSAGE && m->f->flags & FIELD_PTR && m->f->card == ONE ? *(void *const *)m->p : m->p; }
static bool is_text(const struct field *f) { return f->kind == K_STRING || f->kind == K_BYTES || f->kind == K_QUANTITY; }

static bool empty(const struct place *m)
{
	if (!m->p)
		return true;
	return field_empty((const char *)m->p - m->f->offset, m->f) && !(m->f->card == ONE && m->f->flags & FIELD_PTR && !is_text(m->f));
}

static int64_t number(const struct place *m)
{
	switch (m->f->kind) {
	case K_INT32: return *(const int32_t *)m->p;
	case K_INT64: return *(const int64_t *)m->p;
	case K_UINT32: return *(const uint32_t *)m->p;
	default: return 0;
	}
}

static void each_string(const struct place *m, void (*fn)(const struct place *m, struct str path, struct str s))
{
	if (!m->p) {
		if (m->f->card == ONE)
			fn(m, m->path, (struct str){0});
	} else if (m->f->card == ONE) {
		fn(m, m->path, *(const struct str *)m->p);
	} else {
		const str_list_t *l = m->p;
		for (uint32_t i = 0; i < l->len; i++)
			fn(m, at_index(m->k, m->path, i), l->items[i]);
	}
}

static void check_enum(const struct place *m, struct str path, struct str s)
{
	if (!s.n && m->rule->op == RULE_ENUM)
		return;
	if (!s.n && m->rule->op == RULE_ENUM_NEED)
		bad_required(m->k, path, m->rule->why);
	else
		check_choice(m->k, path, s, m->rule->choices);
}

static void check_format(const struct place *m, struct str path, struct str s)
{
	if (!s.n && m->rule->op == RULE_FORMAT_NEED)
		bad_required(m->k, path, m->rule->why);
	else if (s.n || m->rule->op == RULE_FORMAT_ALWAYS)
		bad_wrong(m->k, path, s, m->rule->format(s));
}

static void check_address(const struct place *m, struct str path, struct str s)
{
	if (s.n)
		check_ip(m->k, path, s);
}

static void check_elements(const struct place *m)
{
	const struct any_list *l = m->p;
	for (uint32_t i = 0; l && i < l->len; i++)
		check_rules(m->k, at_index(m->k, m->path, i), m->f->of, list_at(m->f, l, i), m->rule->sub);
}

static struct str key_of(const struct place *m, uint32_t i)
{
	const struct field *f;
	void *e = list_at(m->f, m->p, i);
	const struct str *s = obj_path((struct ref){field_type(m->f), e}, str_of(m->rule->key), &f);
	return s ? *s : (struct str){0};
}

static void check_keys(const struct place *m)
{
	const struct any_list *l = m->p;
	for (uint32_t i = 1; l && i < l->len; i++) {
		struct str key = key_of(m, i);
		bool again = false;
		for (uint32_t j = 0; key.n && j < i; j++)
			again |= str_eq(key_of(m, j), key);
		if (again)
			bad_duplicate(m->k, at(m->k, at_index(m->k, m->path, i), m->rule->key), key);
	}
}

static void check_set(const struct place *m)
{
	const str_list_t *l = m->p;
	for (uint32_t i = 1; l && i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[i], l->items[j])) {
				bad_duplicate(m->k, at_index(m->k, m->path, i), l->items[i]);
				break;
			}
}

static void check_quantity(struct check *k, struct str path, struct str s)
{
	struct quantity q = quantity_of(s);
	if (quantity_sign(&q) < 0)
		bad_string(k, path, s, NOT_NEGATIVE);
}

static void check_quantities(const struct place *m)
{
	if (m->p && m->f->card == MAP_OF) {
		LIST_EACH(q, *(const struct str_map *)m->p)
			check_quantity(m->k, at_key(m->k, m->path, q->key), q->value);
	} else if (m->p) {
		check_quantity(m->k, m->path, *(const struct str *)m->p);
	}
}

static void check_number(const struct place *m)
{
	int64_t n = m->p ? number(m) : 0;
	bool there = m->p || !(m->f->flags & FIELD_PTR);
	if (there && (n < m->rule->min || (m->rule->op == RULE_RANGE && n > m->rule->max)))
		bad_number(m->k, m->path, n, m->rule->why);
}

static void check_size(const struct place *m)
{
	if (!m->p)
		return;
	if (m->rule->op == RULE_LONG && (int64_t)((const struct str *)m->p)->n > m->rule->max)
		bad_long(m->k, m->path, m->rule->max);
	if (m->rule->op == RULE_MANY && ((const struct any_list *)m->p)->len > m->rule->max)
		bad_many(m->k, m->path, ((const struct any_list *)m->p)->len, m->rule->max);
}

static void check_member(const struct place *m)
{
	const struct rule *r = m->rule;
	switch (r->op) {
	case RULE_NEED: if (empty(m)) bad_required(m->k, m->path, r->why); break;
	case RULE_FORBID: if (!empty(m)) bad_forbidden(m->k, m->path, r->why); break;
	case RULE_ENUM: case RULE_ENUM_NEED: case RULE_ENUM_ALWAYS: each_string(m, check_enum); break;
	case RULE_FORMAT: case RULE_FORMAT_NEED: case RULE_FORMAT_ALWAYS: each_string(m, check_format); break;
	case RULE_IP: each_string(m, check_address); break;
	case RULE_MIN: case RULE_RANGE: check_number(m); break;
	case RULE_PORT: if (m->p) check_port(m->k, m->path, number(m)); break;
	case RULE_MESSAGE: if (m->p) check_rules(m->k, m->path, m->f->of, message_at(m), r->sub); break;
	case RULE_EACH: check_elements(m); break;
	case RULE_KEYS: check_keys(m); break;
	case RULE_SET: check_set(m); break;
	case RULE_LABELS: if (m->p) check_labels(m->k, m->path, m->p); break;
	case RULE_SELECTOR: check_selector(m->k, m->path, message_at(m)); break;
	case RULE_QUANTITY: check_quantities(m); break;
	case RULE_MANY: case RULE_LONG: check_size(m); break;
	case RULE_CALL: if (m->p) r->call(m->k, m->path, message_at(m)); break;
	case RULE_CALL_ALWAYS: r->call(m->k, m->path, message_at(m)); break;
	default: break;
	}
}

void check_rules(struct check *k, struct str base, uint16_t type, const void *obj, const struct rule *rules)
{
	for (const struct rule *r = rules; r->op; r++) {
		if (r->op == RULE_WITH) {
			r->call(k, base, obj);
			continue;
		}
		struct place m = {k, at(k, base, r->field), NULL, NULL, r};
		m.p = obj_path((struct ref){desc_type(type), (void *)obj}, str_of(r->field), &m.f);
		if (m.f)
			check_member(&m);
		else
			err_cause(k->e, "InternalError", m.path, "no such member");
	}
}

/* ---- updates ---- */

static bool same_field(const struct field *f, const void *a, const void *b)
{
	if (!a || !b)
		return (!a || (f->card != ONE && !((const struct any_list *)a)->len)) && (!b || (f->card != ONE && !((const struct any_list *)b)->len));
	return field_equal(f, (const char *)a - f->offset, (const char *)b - f->offset);
}

bool same_at(uint16_t type, const void *obj, const void *old, const char *path)
{
	const struct field *f;
	const void *a = obj_path((struct ref){desc_type(type), (void *)obj}, str_of(path), &f);
	const void *b = obj_path((struct ref){desc_type(type), (void *)old}, str_of(path), &f);
	return !f || same_field(f, a, b) || (!a && b && field_empty((const char *)b - f->offset, f) && !(f->flags & FIELD_PTR)) ||
	       (!b && a && field_empty((const char *)a - f->offset, f) && !(f->flags & FIELD_PTR));
}

/* The value as JSON, for the message. */
static struct str value_text(struct check *k, uint16_t type, const void *obj, const char *path)
{
	struct value *v = value_path(obj_to_value(k->a, (struct ref){desc_type(type), (void *)obj}), path);
	BUF(out);
	if (v)
		json_write(&out, v);
	else
		buf_lit(&out, "null");
	return buf_take(&out, k->a);
}

void check_changes(struct check *k, struct str base, uint16_t type, const void *obj, const void *old, const struct rule *rules)
{
	for (const struct rule *r = rules; r->op; r++) {
		if (same_at(type, obj, old, r->field))
			continue;
		if (r->op == RULE_FROZEN)
			bad_forbidden(k, at(k, base, r->field), r->why);
		else
			bad_value(k, at(k, base, r->field), value_text(k, type, obj, r->field), r->why ? r->why : IMMUTABLE);
	}
}
