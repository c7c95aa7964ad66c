/* Conversion between the served versions of one kind.
 *
 * Members go over by name (obj_convert); pairs whose members differ have rows here.  The hub of HorizontalPodAutoscaler is autoscaling/v2: after
 * a conversion to it, default the result (a v1 object without target gets its metric that way).  To add a pair: a row in convert.c. */
#pragma once
#include "schema/reflect.h"

/* to is a zeroed object of to_type; TypeMeta is set.  Strings are shared with the source.  Never fails: what the other version cannot say is
 * dropped, as upstream does. */
void convert_object(struct arena *a, struct ref from, const struct type *to_type, void *to);
/* A new object of the other version; o itself when it is of that type already. */
struct ref convert_to(struct arena *a, struct ref o, const struct type *to_type);
