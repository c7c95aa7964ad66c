/* Which path is whose.  To add one: a row here, in order, and its handler. */
#include "apiserver/discovery/impl.h"
#include <stdlib.h>

/* Sorted by path. */
static const struct path_handler handlers[] = {
	{"/", false, false, index_handle},
	{"/.well-known/openid-configuration", false, false, openid_issuer_handle},
	{"/api", true, false, api_handle},
	{"/apis", true, false, apis_handle},
	{"/debug/api_priority_and_fairness/dump_priority_levels", false, false, priority_levels_handle},
	{"/debug/flags/v", false, false, verbosity_handle},
	{"/debug/pprof", true, false, pprof_handle},
	{"/flagz", false, false, flagz_handle},
	{"/healthz", true, false, health_handle},
	{"/index.html", false, false, index_handle},
	{"/livez", true, false, health_handle},
	{"/metrics", false, false, metrics_handle},
	{"/metrics/slis", false, false, slis_handle},
	{"/openapi/v2", false, false, openapi_v2_handle},
	{"/openapi/v3", true, false, openapi_v3_handle},
	{"/openid/v1/jwks", false, false, openid_keys_handle},
	{"/readyz", true, false, health_handle},
	{"/statusz", false, false, statusz_handle},
	{"/version", false, false, version_handle},
	{"/version/", false, false, version_handle},
};

static bool handles(const struct path_handler *h, struct str path)
{
	size_t n = strlen(h->path);
	return str_has_prefix(path, str_n(h->path, n)) && (path.n == n || (h->prefix && path.p[n] == '/'));
}

const struct path_handler *path_handler(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (handles(&handlers[i], path))
			return &handlers[i];
	return NULL;
}

static int start(struct server *s, void **ret_state, struct err *e)
{
	struct discovery *d = calloc(1, sizeof *d);
	if (!d)
		return err_nomem(e, sizeof *d);
	d->aggregated = aggregated_new();
	d->metrics = metrics_new(s);
	if (!d->metrics) {
		aggregated_free(d->aggregated);
		free(d);
		return err_nomem(e, sizeof *d);
	}
	*ret_state = d;
	return 0;
}

static void stop(struct server *s, void *state)
{
	struct discovery *d = state;
	(void)s;
	aggregated_free(d->aggregated);
	metrics_free(d->metrics);
	free(d);
}

const struct server_part discovery_part = {.start = start, .stop = stop};
