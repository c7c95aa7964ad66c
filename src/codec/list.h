/* Private to codec: lists and maps while an object is being built. */
#pragma once
#include "base/arena.h"
#include "schema/reflect.h"

/* A zeroed place for one more element; NULL when out of budget.  The list is null, LIST_EMPTY, or was made here. */
void *list_push(struct arena *a, struct any_list *l, size_t stride);
/* The entry of key, in order; *ret_old tells whether it was there, else it is zeroed but for its key.  NULL when out of budget. */
char *map_put(struct arena *a, const struct field *f, struct any_list *m, struct str key, bool *ret_old);
