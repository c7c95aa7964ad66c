/* What the API server counts.  Every loop has a set of its own, without locks; /metrics visits the loops and adds them up.
 *
 * To add a metric: its row in schema/metrics.json, and a function here where a stage of a request is to count it. */
#pragma once
#include "apiserver/request.h"
#include "schema/metric.h"

/* Where a series of this loop counts, for as long as the server lives; NULL off the server's loops. */
double *metrics_counter(struct server *s, enum metric m, const struct str *values);

/* Around a wire request. */
void metrics_begin(struct request *r);
void metrics_end(struct request *r);
void metrics_authenticated(struct request *r, bool ok);
void metrics_authorized(struct request *r, bool ok);
void metrics_terminated(struct request *r, int code); /* turned away so that others can be served */
/* plugin: NULL for the whole step. */
void metrics_admitted(struct request *r, const char *plugin, const char *operation, const char *type, bool ok, nsec_t took);
void metrics_stored(struct request *r, const char *operation, mono_t began);
/* Where a watch counts its events: as metrics_counter. */
double *metrics_watch_events(struct request *r);
/* A watch has sent what was there when it began. */
void metrics_watch_list(struct request *r, nsec_t took);
