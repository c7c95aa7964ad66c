/* Conditions: lists of {type, status, reason, message, lastTransitionTime, ...}, the same for every kind.
 *
 * list is any list of a *Condition struct whose type number (gen/ids.h) is given: T_core_v1_PodCondition, T_meta_v1_Condition, ... */
#pragma once
#include "schema/reflect.h"

/* The element with this type, or NULL; typed: struct core_v1_PodCondition *c = CONDITION(pod->status.conditions, "Ready"). */
void *condition_find(uint16_t type_id, const void *list, struct str type);
struct str condition_status(uint16_t type_id, const void *list, struct str type); /* absent str when there is none */
static inline bool condition_true(uint16_t type_id, const void *list, const char *type)
{
	return str_is(condition_status(type_id, list, str_of(type)), "True");
}
/* Puts *cond in; lastTransitionTime is kept while the status stays, else it is what cond says.  False: nothing changed. */
bool condition_put(struct arena *a, uint16_t type_id, void *list, const void *cond);
bool condition_remove(uint16_t type_id, void *list, struct str type);
#define CONDITION(l, t)                                                  \
	({                                                               \
		__typeof__(&*(l).items) found_ = NULL;                   \
		LIST_EACH(c_, l)                                         \
			if (!found_ && str_is(c_->type, (t)))            \
				found_ = c_;                             \
		found_;                                                  \
	})
