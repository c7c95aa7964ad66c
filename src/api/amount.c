#include "api/amount.h"
#include "schema/quantity.h"

static uint32_t find(const struct amounts *v, struct str name, bool *found)
{
	uint32_t i = 0;
	int c = -1;
	while (i < v->len && (c = str_cmp(v->items[i].name, name)) < 0)
		i++;
	*found = i < v->len && c == 0;
	return i;
}

int64_t amounts_get(const struct amounts *v, struct str name)
{
	bool found;
	uint32_t i = find(v, name, &found);
	return found ? v->items[i].value : 0;
}

bool amounts_has(const struct amounts *v, struct str name)
{
	bool found;
	find(v, name, &found);
	return found;
}

/* The amount of name, made 0 if it is missing; NULL when out of budget. */
static struct amount *slot(struct arena *a, struct amounts *v, struct str name)
{
	bool found;
	uint32_t i = find(v, name, &found);
	if (found)
		return &v->items[i];
	if (!arena_push(a, v))
		return NULL;
	memmove(&v->items[i + 1], &v->items[i], (v->len - 1 - i) * sizeof *v->items);
	v->items[i] = (struct amount){.name = name};
	return &v->items[i];
}

void amounts_set(struct arena *a, struct amounts *v, struct str name, int64_t n)
{
	struct amount *x = slot(a, v, name);
	if (x)
		x->value = n;
}

void amounts_add(struct arena *a, struct amounts *v, struct str name, int64_t n)
{
	struct amount *x = slot(a, v, name);
	if (x && __builtin_add_overflow(x->value, n, &x->value))
		x->value = n < 0 ? INT64_MIN : INT64_MAX;
}

void amounts_raise(struct arena *a, struct amounts *v, struct str name, int64_t n)
{
	bool had = amounts_has(v, name);
	struct amount *x = slot(a, v, name);
	if (x && (!had || x->value < n))
		x->value = n;
}

void amounts_add_all(struct arena *a, struct amounts *v, const struct amounts *more)
{
	for (uint32_t i = 0; i < more->len; i++)
		amounts_add(a, v, more->items[i].name, more->items[i].value);
}

void amounts_raise_all(struct arena *a, struct amounts *v, const struct amounts *least)
{
	for (uint32_t i = 0; i < least->len; i++)
		amounts_raise(a, v, least->items[i].name, least->items[i].value);
}

int64_t amount_parse(struct str resource, struct str quantity)
{
	struct quantity q = quantity_of(quantity);
	return str_is(resource, "cpu") ? quantity_milli_value(&q) : quantity_value(&q);
}

struct amounts amounts_of(struct arena *a, const struct str_map *list)
{
	struct amounts v = {0};
	for (uint32_t i = 0; i < list->len; i++)
		amounts_set(a, &v, list->items[i].key, amount_parse(list->items[i].key, list->items[i].value));
	return v;
}

struct str amount_text(struct arena *a, struct str resource, int64_t value)
{
	bool bytes = str_is(resource, "memory") || str_is(resource, "ephemeral-storage") || str_has_prefix(resource, STR("hugepages-"));
	struct quantity q = str_is(resource, "cpu") ? quantity_milli(value, QUANTITY_DECIMAL_SI) : quantity_int(value, bytes ? QUANTITY_BINARY_SI : QUANTITY_DECIMAL_SI);
	return quantity_str(a, &q);
}
