#include "kubectl/upgrade.h"
#include "codec/json.h"
#include <stdlib.h>

/* The server's Status inside of the refusal; what it calls internal stands alone. */
static void tell_refusal(struct ctl *c, struct err *e)
{
	struct value *v;
	struct json_opts o = {0};
	struct str lead = STR("unable to upgrade connection: "), body = e->message;
	if (!str_has_prefix(body, lead))
		return;
	body = str_dup(c->a, str_sub(body, lead.n, body.n));
	if (json_parse(c->a, body, &o, &v, NULL) != 0 || !str_is(value_path_str(v, "kind"), "Status"))
		return;
	struct str message = value_path_str(v, "message");
	bool internal = str_is(value_path_str(v, "reason"), "InternalError");
	err_set(e, ERR_BAD_REQUEST, "%s%.*s", internal ? "" : lead.p, STR_F(message));
}

/* As with upstream, for networks that break WebSockets. */
static enum stream_framing framing(const struct stream_want *w)
{
	const char *v = getenv(w->port_forward ? "KUBECTL_PORT_FORWARD_WEBSOCKETS" : "KUBECTL_REMOTE_COMMAND_WEBSOCKETS");
	return v && strcmp(v, "false") == 0 ? STREAM_SPDY : STREAM_BOTH;
}

struct stream_conn *upgrade_open(struct ctl *c, struct str path, const struct stream_want *w, struct err *e)
{
	if (ctl_connect(c, e) != 0)
		return NULL;
	struct stream_conn *s = https_upgrade(c->t, path, framing(w), w, e);
	if (!s)
		tell_refusal(c, e);
	return s;
}
