/* Private to kubectl: Events of either API, for those who list them. */
#pragma once
#include "kubectl/ctl.h"

/* Of values in an array, for qsort: the one seen last comes last. */
int event_by_time(const void *x, const void *y);
/* "5m", or "5m (x3 over 10m)". */
struct str event_age(struct ctl *c, const struct value *ev);
