/* The series that every component shows: of its process, its build, its feature gates; and its health. */
#pragma once
#include "base/str.h"

struct metric_set;
void process_metrics(struct metric_set *to);
/* One check, as it is now: type is healthz, livez or readyz. */
void process_health(struct metric_set *to, const char *name, const char *type, bool ok);
