/* From metav1.Status to struct err, nothing lost.  (The way back is the API server's.) */
#pragma once
#include "base/err.h"
#include "gen/meta_v1.h"

/* Returns -1.  A Status without code and reason is ERR_UNKNOWN, 500. */
int status_to_err(const struct meta_v1_Status *s, struct err *e);
/* What a client makes of an answer without a Status: upstream's NewGenericServerResponse. */
int status_of_code(int code, const char *verb, struct str group, struct str resource, struct str name, struct str text, int retry_after_s, struct err *e);
