/* Causes and shared checks. */
#include "apiserver/registry/validate/field.h"

#include "api/ip.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"

/* ---- paths ---- */

static struct str joined(struct check *k, struct str a, struct str b, struct str c, struct str d)
{
	return str_join(k->a, (const struct str[]){a, b, c, d}, 4, STR(""));
}

struct str at(struct check *k, struct str base, const char *name)
{
	if (k->r->no_paths)
		return base;
	return base.n ? joined(k, base, STR("."), str_of(name), STR("")) : str_of(name);
}

struct str at_key(struct check *k, struct str base, struct str key)
{
	return k->r->no_paths ? base : joined(k, base, STR("["), key, STR("]"));
}

struct str at_index(struct check *k, struct str base, uint32_t i)
{
	char digits[10], *p = digits + sizeof digits;
	if (k->r->no_paths)
		return base;
	do
		*--p = (char)('0' + i % 10);
	while (i /= 10);
	return at_key(k, base, str_n(p, (size_t)(digits + sizeof digits - p)));
}

/* ---- causes ---- */

void bad_required(struct check *k, struct str path, const char *why)
{
	err_cause(k->e, "FieldValueRequired", path, "Required value%s%s", why ? ": " : "", why ? why : "");
}

void bad_forbidden(struct check *k, struct str path, const char *why) { err_cause(k->e, "FieldValueForbidden", path, "Forbidden: %s", why); }

/* As Go's %q for what names are made of. */
static struct str quoted(struct check *k, struct str s)
{
	BUF(b);
	json_string(&b, s);
	return buf_take(&b, k->a);
}

void bad_value(struct check *k, struct str path, struct str value, const char *why)
{
	err_cause(k->e, "FieldValueInvalid", path, "Invalid value: %.*s: %s", STR_F(value), why);
}

void bad_string(struct check *k, struct str path, struct str value, const char *why) { bad_value(k, path, quoted(k, value), why); }

void bad_number(struct check *k, struct str path, int64_t value, const char *why)
{
	bad_value(k, path, str_printf(k->a, "%lld", (long long)value), why);
}

void bad_duplicate_raw(struct check *k, struct str path, struct str value)
{
	err_cause(k->e, "FieldValueDuplicate", path, "Duplicate value: %.*s", STR_F(value));
}

void bad_duplicate(struct check *k, struct str path, struct str value) { bad_duplicate_raw(k, path, quoted(k, value)); }

void bad_not_found(struct check *k, struct str path, struct str value)
{
	err_cause(k->e, "FieldValueNotFound", path, "Not found: %.*s", STR_F(quoted(k, value)));
}

void bad_choice(struct check *k, struct str path, struct str value, const char *const *allowed)
{
	BUF(b);
	for (size_t i = 0; allowed[i]; i++)
		buf_printf(&b, "%s\"%s\"", i ? ", " : "", allowed[i]);
	err_cause(k->e, "FieldValueNotSupported", path, "Unsupported value: %.*s: supported values: %.*s", STR_F(quoted(k, value)), STR_F(buf_view(&b)));
}

void bad_long(struct check *k, struct str path, int64_t max)
{
	err_cause(k->e, "FieldValueTooLong", path, "Too long: may not be more than %lld bytes", (long long)max);
}

void bad_many(struct check *k, struct str path, int64_t have, int64_t max)
{
	err_cause(k->e, "FieldValueTooMany", path, "Too many: %lld: must have at most %lld items", (long long)have, (long long)max);
}

void bad_wrong(struct check *k, struct str path, struct str value, struct wrong w)
{
	for (unsigned i = 0; i < w.n; i++)
		bad_string(k, path, value, w.v[i]);
}

void bad_wrong_int(struct check *k, struct str path, int64_t value, struct wrong w)
{
	for (unsigned i = 0; i < w.n; i++)
		bad_number(k, path, value, w.v[i]);
}

struct str json_text(struct check *k, struct ref o)
{
	BUF(b);
	if (o.p)
		json_encode(&b, o);
	else
		buf_lit(&b, "null");
	return buf_take(&b, k->a);
}

struct str json_strings(struct check *k, const str_list_t *l)
{
	BUF(b);
	buf_char(&b, '[');
	LIST_EACH(s, *l) {
		if (s != l->items)
			buf_char(&b, ',');
		json_string(&b, *s);
	}
	buf_char(&b, ']');
	return buf_take(&b, k->a);
}

struct str json_map(struct check *k, const struct str_map *m)
{
	BUF(b);
	if (!m->len)
		return STR("null");
	LIST_EACH(p, *m) {
		buf_char(&b, p == m->items ? '{' : ',');
		json_string(&b, p->key);
		buf_char(&b, ':');
		json_string(&b, p->value);
	}
	buf_char(&b, '}');
	return buf_take(&b, k->a);
}

struct str lowered(struct check *k, struct str s)
{
	char *p = arena_alloc(k->a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return str_n(p, s.n);
}

/* ---- checks ---- */

bool one_of(struct str value, const char *const *allowed)
{
	for (size_t i = 0; allowed[i]; i++)
		if (str_is(value, allowed[i]))
			return true;
	return false;
}

void check_choice(struct check *k, struct str path, struct str value, const char *const *allowed)
{
	if (!one_of(value, allowed))
		bad_choice(k, path, value, allowed);
}

void check_not_negative(struct check *k, struct str path, int64_t v)
{
	if (v < 0)
		bad_number(k, path, v, NOT_NEGATIVE);
}

void check_port(struct check *k, struct str path, int64_t v)
{
	if (v < 1 || v > 65535)
		bad_number(k, path, v, "must be between 1 and 65535, inclusive");
}

void check_immutable(struct check *k, struct str path, uint16_t type, const void *now, const void *old)
{
	const struct type *t = desc_type(type);
	bool same = now && old ? obj_equal_at(t, now, old) : now == old;
	if (!same)
		bad_value(k, path, json_text(k, (struct ref){t, (void *)now}), IMMUTABLE);
}

void check_immutable_str(struct check *k, struct str path, struct str now, struct str old)
{
	if (!str_eq(now, old))
		bad_string(k, path, now, IMMUTABLE);
}

void check_labels(struct check *k, struct str path, const struct str_map *m)
{
	LIST_EACH(p, *m) {
		bad_wrong(k, path, p->key, name_qualified(p->key));
		bad_wrong(k, path, p->value, name_label_value(p->value));
	}
}

void check_ip(struct check *k, struct str path, struct str text)
{
	struct ip ip;
	if (ip_parse(text, false, &ip) == 0)
		return;
	if (ip_parse(text, true, &ip) == 0)
		bad_string(k, path, text, str_index(text, ':', 0) >= 0 ? "must not be an IPv4-mapped IPv6 address" : "must not have leading 0s");
	else
		bad_string(k, path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

/* ---- label selectors ---- */

static void check_requirement(struct check *k, struct str path, const struct meta_v1_LabelSelectorRequirement *q)
{
	bool in = str_is(q->operator, "In") || str_is(q->operator, "NotIn"), exists = str_is(q->operator, "Exists") || str_is(q->operator, "DoesNotExist");
	if (in && !q->values.len)
		bad_required(k, at(k, path, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
	if (exists && q->values.len)
		bad_forbidden(k, at(k, path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	if (!in && !exists)
		bad_string(k, at(k, path, "operator"), q->operator, "not a valid selector operator");
	bad_wrong(k, at(k, path, "key"), q->key, name_qualified(q->key));
	for (uint32_t i = 0; i < q->values.len; i++)
		bad_wrong(k, at_index(k, at(k, path, "values"), i), q->values.items[i], name_label_value(q->values.items[i]));
}

void check_selector(struct check *k, struct str path, const struct meta_v1_LabelSelector *s)
{
	if (!s)
		return;
	check_labels(k, at(k, path, "matchLabels"), &s->matchLabels);
	for (uint32_t i = 0; i < s->matchExpressions.len; i++)
		check_requirement(k, at_index(k, at(k, path, "matchExpressions"), i), &s->matchExpressions.items[i]);
}

/* ---- numbers and percentages ---- */

static bool is_percent(struct str s)
{
	if (s.n < 2 || s.p[s.n - 1] != '%')
		return false;
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

void check_int_or_percent(struct check *k, struct str path, const struct int_or_str *v)
{
	if (!v->is_str)
		check_not_negative(k, path, v->num);
	else if (!is_percent(v->str))
		bad_string(k, path, v->str, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
}

void check_percent_max(struct check *k, struct str path, const struct int_or_str *v)
{
	int64_t n;
	if (v->is_str && is_percent(v->str) && (str_i64(str_sub(v->str, 0, v->str.n - 1), &n) || n > 100))
		bad_string(k, path, v->str, "must not be greater than 100%");
}

/* ---- paths of files ---- */

static bool has_dotdot(struct str s)
{
	struct str part;
	while (str_next(&s, '/', &part))
		if (str_is(part, ".."))
			return true;
	return false;
}

void check_absolute_path(struct check *k, struct str path, struct str v)
{
	if (has_dotdot(v))
		bad_string(k, path, v, "must not contain '..'");
}

void check_local_path(struct check *k, struct str path, struct str v)
{
	if (v.n && v.p[0] == '/')
		bad_string(k, path, v, "must be a relative path");
	if (has_dotdot(v))
		bad_string(k, path, v, "must not contain '..'");
}
