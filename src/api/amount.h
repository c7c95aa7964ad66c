/* Amounts of resources as whole numbers, for sums and comparisons: cpu in thousandths (millicores), all else in units, rounded up. */
#pragma once
#include "base/arena.h"
#include "schema/types.h"

struct amount {
	struct str name;
	int64_t value;
};
struct amounts { /* by name */
	struct amount *items;
	uint32_t len, cap;
};
int64_t amounts_get(const struct amounts *v, struct str name); /* 0 when absent */
bool amounts_has(const struct amounts *v, struct str name);
void amounts_set(struct arena *a, struct amounts *v, struct str name, int64_t n);
void amounts_add(struct arena *a, struct amounts *v, struct str name, int64_t n);   /* saturates */
void amounts_raise(struct arena *a, struct amounts *v, struct str name, int64_t n); /* to at least n */
void amounts_add_all(struct arena *a, struct amounts *v, const struct amounts *more);
void amounts_raise_all(struct arena *a, struct amounts *v, const struct amounts *least);
/* A ResourceList; quantities that do not parse count as 0.  Names are shared. */
struct amounts amounts_of(struct arena *a, const struct str_map *list);
/* One quantity in the unit of its resource. */
int64_t amount_parse(struct str resource, struct str quantity);
/* The canonical quantity of an amount: bytes of memory and storage in binary units. */
struct str amount_text(struct arena *a, struct str resource, int64_t value);
