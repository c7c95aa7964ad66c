/* What the API server counts.  Every loop has counters of its own, without locks; /metrics visits the loops and adds them up.
 *
 * To add a metric: its number here and its row in discovery/metric_set.c, both in the order of names (upstream's names and labels). */
#pragma once
#include "apiserver/request.h"

enum metric {
	METRIC_ADMISSION_DURATION, METRIC_AUDIT_EVENTS, METRIC_CERTIFICATE_EXPIRATION, METRIC_INFLIGHT, METRIC_FLOW_DISPATCHED, METRIC_LONGRUNNING, METRIC_REQUEST_DURATION, METRIC_REQUESTS,
	METRIC_RESOURCE_OBJECTS, METRIC_RESPONSE_SIZES, METRIC_STORAGE_OBJECTS, METRIC_STORAGE_SIZE, METRIC_TLS_ERRORS, METRIC_WATCH_EVENTS, METRIC_AUTHENTICATION,
	METRIC_AUTHORIZATION, METRIC_STORE_DURATION, METRIC_STORE_REQUESTS, METRIC_BUILD_INFO, METRIC_FEATURES, METRIC_HEALTH, METRIC_HEALTH_TOTAL, METRIC_CPU_SECONDS,
	METRIC_MAX_FDS, METRIC_OPEN_FDS, METRIC_RESIDENT_MEMORY, METRIC_START_TIME, METRIC_VIRTUAL_MEMORY, METRICS
};

/* labels: name="value",... in the order of names.  Off the server's loops nothing is counted; nor beyond METRIC_SERIES_MAX series. */
void metric_add(struct server *s, enum metric m, struct str labels, double by);
/* Where a series of this loop counts, for as long as the server lives.  On the server's loops only. */
double *metric_counter(struct server *s, enum metric m, struct str labels);
void metric_observe(struct server *s, enum metric m, struct str labels, double value);

/* Around a wire request. */
void metrics_begin(struct request *r);
void metrics_end(struct request *r);
void metrics_authenticated(struct request *r, bool ok);
void metrics_authorized(struct request *r, bool ok);
void metrics_admitted(struct request *r, const char *plugin, const char *operation, const char *type, bool ok, nsec_t took);
void metrics_stored(struct request *r, const char *operation, mono_t began);
/* Where a watch counts its events: as metric_counter. */
double *metrics_watch_events(struct request *r);
