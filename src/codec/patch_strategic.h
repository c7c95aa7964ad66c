/* Private to the patches. */
#pragma once
#include "codec/patch_shape.h"
/* Joins two strategic patches into one, directives included; both are changed. */
int strategic_join(struct arena *a, const struct type *t, struct value *patch, struct value *more, struct value **ret, struct err *e) must_check;
