/* Between metav1.Status and struct err: nothing is lost on the way there and back. */
#pragma once
#include "base/err.h"
#include "gen/meta_v1.h"

/* Returns -1.  A Status without code and reason is ERR_UNKNOWN, 500. */
int status_to_err(const struct meta_v1_Status *s, struct err *e);
/* kind and apiVersion are set; strings are shared with e. */
void status_of_err(struct arena *a, const struct err *e, struct meta_v1_Status *ret);
/* What a client makes of an answer without a Status: upstream's NewGenericServerResponse. */
int status_of_code(int code, const char *verb, struct str group, struct str resource, struct str name, struct str text, int retry_after_s, struct err *e);
