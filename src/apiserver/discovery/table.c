/* Paths that are no resources. */
#include "apiserver/discovery.h"
#include "apiserver/authn_api.h"
#include "apiserver/server.h"
#include "base/scope.h"

static int health(struct request *r, struct err *e)
{
	bool ready = !str_is(r->at.path, "/readyz") || server_ready(r->server);
	(void)e;
	r->answer = (struct answer){.kind = ANSWER_TEXT, .code = ready ? 200 : 500, .text = ready ? STR("ok") : STR("not ready\n"),
		.content_type = STR("text/plain; charset=utf-8")};
	return 0;
}

/* Sorted by path. */
static const struct path_handler handlers[] = {
	{"/.well-known/openid-configuration", false, false, openid_configuration},
	{"/healthz", false, false, health},
	{"/livez", false, false, health},
	{"/openid/v1/jwks", false, false, openid_keys},
	{"/readyz", false, false, health},
};

const struct path_handler *path_handler(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (str_is(path, handlers[i].path))
			return &handlers[i];
	return NULL;
}

const struct server_part discovery_part = {0};
