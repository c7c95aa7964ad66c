#include "apiserver/authz/review_selectors.h"
#include "apiserver/registry/validate/field.h"
#include "gen/authorization_v1.h"

#define BASE "spec.resourceAttributes."
#define NEEDS_VALUES "must be specified when `operator` is 'In' or 'NotIn'"
#define FORBIDS_VALUES "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS, OP_UNKNOWN };

static enum op op_of(struct str s)
{
	static const char *const names[] = {[OP_IN] = "In", [OP_NOT_IN] = "NotIn", [OP_EXISTS] = "Exists", [OP_NOT_EXISTS] = "DoesNotExist"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(s, names[i]))
			return (enum op)i;
	return OP_UNKNOWN;
}

/* ---- form ---- */

static void check_form(struct check *k, struct str path, struct str raw, uint32_t requirements)
{
	if (raw.n && requirements)
		bad_string(k, at(k, path, "rawSelector"), raw, "may not specified at the same time as requirements");
	if (!raw.n && !requirements)
		bad_required(k, at(k, path, "requirements"),
			str_printf(k->a, "when %.*s is specified, requirements or rawSelector is required", STR_F(path)).p);
}

static void check_values(struct check *k, struct str path, struct str op, const str_list_t *values)
{
	enum op o = op_of(op);
	if ((o == OP_IN || o == OP_NOT_IN) && !values->len)
		bad_required(k, at(k, path, "values"), NEEDS_VALUES);
	if ((o == OP_EXISTS || o == OP_NOT_EXISTS) && values->len)
		bad_forbidden(k, at(k, path, "values"), FORBIDS_VALUES);
}

static void check_fields(struct check *k, struct str path, const struct authorization_v1_FieldSelectorAttributes *f)
{
	check_form(k, path, f->rawSelector, f->requirements.len);
	for (uint32_t i = 0; i < f->requirements.len; i++) {
		const struct meta_v1_FieldSelectorRequirement *q = &f->requirements.items[i];
		struct str here = at_index(k, at(k, path, "requirements"), i);
		if (!q->key.n)
			bad_required(k, at(k, here, "key"), "must be specified");
		check_values(k, here, q->operator, &q->values);
	}
}

static void check_labels_of(struct check *k, struct str path, const struct authorization_v1_LabelSelectorAttributes *l)
{
	check_form(k, path, l->rawSelector, l->requirements.len);
	for (uint32_t i = 0; i < l->requirements.len; i++) {
		const struct meta_v1_LabelSelectorRequirement *q = &l->requirements.items[i];
		struct str here = at_index(k, at(k, path, "requirements"), i);
		check_values(k, here, q->operator, &q->values);
		bad_wrong(k, at(k, here, "key"), q->key, name_qualified(q->key));
		for (uint32_t v = 0; v < q->values.len; v++)
			bad_wrong(k, at_index(k, at(k, here, "values"), v), q->values.items[v], name_label_value(q->values.items[v]));
	}
}

void review_selectors_check(struct request *r, const struct authorization_v1_ResourceAttributes *res, struct err *e)
{
	CHECK(k);
	if (res && res->fieldSelector)
		check_fields(k, STR(BASE "fieldSelector"), res->fieldSelector);
	if (res && res->labelSelector)
		check_labels_of(k, STR(BASE "labelSelector"), res->labelSelector);
}

/* ---- meaning ---- */

/* Field selectors know equality alone. */
static bool read_field(struct arena *a, const struct meta_v1_FieldSelectorRequirement *q, struct field_selector *ret)
{
	enum op o = op_of(q->operator);
	if ((o != OP_IN && o != OP_NOT_IN) || q->values.len != 1)
		return false;
	struct field_requirement *x = arena_push(a, ret);
	if (x)
		*x = (struct field_requirement){.field = q->key, .value = q->values.items[0], .not_equal = o == OP_NOT_IN};
	return x != NULL;
}

static bool read_fields(struct arena *a, const struct authorization_v1_FieldSelectorAttributes *f, struct field_selector *ret)
{
	bool ok = true;
	ERR(e);
	if (f->rawSelector.n)
		return field_selector_parse(a, f->rawSelector, ret, &e) == 0;
	LIST_EACH(q, f->requirements)
		ok &= read_field(a, q, ret);
	return ok;
}

static bool read_label(struct arena *a, const struct meta_v1_LabelSelectorRequirement *q, struct selector *ret)
{
	static const enum selector_op ops[] = {[OP_IN] = SEL_IN, [OP_NOT_IN] = SEL_NOT_IN, [OP_EXISTS] = SEL_EXISTS, [OP_NOT_EXISTS] = SEL_NOT_EXISTS};
	enum op o = op_of(q->operator);
	ERR(e);
	return o != OP_UNKNOWN && selector_add(a, ret, q->key, ops[o], q->values.items, q->values.len, &e) == 0;
}

static bool read_labels(struct arena *a, const struct authorization_v1_LabelSelectorAttributes *l, struct selector *ret)
{
	bool ok = true;
	ERR(e);
	if (l->rawSelector.n)
		return selector_parse(a, l->rawSelector, ret, &e) == 0;
	LIST_EACH(q, l->requirements)
		ok &= read_label(a, q, ret);
	return ok;
}

static void tell(struct buf *out, const char *which, bool partly)
{
	buf_printf(out, "%s" BASE "%s %signored due to parse error", out->n ? "; " : "", which, partly ? "partially " : "");
}

void review_selectors_read(struct request *r, const struct authorization_v1_ResourceAttributes *res, struct attrs *at, struct buf *evaluation_error)
{
	struct selector labels = {0};
	if (res && res->fieldSelector) {
		struct field_selector *fs = arena_make(r->arena, struct field_selector);
		if (!read_fields(r->arena, res->fieldSelector, fs))
			tell(evaluation_error, "fieldSelector", fs->len > 0);
		at->fields = fs;
	}
	if (res && res->labelSelector && !read_labels(r->arena, res->labelSelector, &labels))
		tell(evaluation_error, "labelSelector", labels.len > 0);
}
