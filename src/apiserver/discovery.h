/* Paths that are no resources: /api, /apis, /version, /healthz, /openapi/..., /metrics.  A sorted table in discovery/table.c. */
#pragma once
#include "apiserver/request.h"

struct path_handler {
	const char *path;  /* exact; with prefix also everything below path + "/" */
	bool prefix;
	bool unauthorized_ok; /* served before authorization fails (none yet) */
	int (*handle)(struct request *r, struct err *e); /* fills r->answer or answers itself */
};
const struct path_handler *path_handler(struct str path); /* NULL: 404 */
