/* create token: a token of a service account. */
#include "kubectl/command.h"
#include "kubectl/doc.h"
#include "kubectl/print.h"

static struct value *bound_object(struct ctl *c)
{
	struct str kind = opt(c, "bound-object-kind"), uid = opt(c, "bound-object-uid");
	if (!kind.n)
		return NULL;
	return doc(c, "{'kind': %s, 'apiVersion': 'v1', 'name': %s, 'uid': %s}", kind, opt(c, "bound-object-name"), uid.n ? uid : (struct str){0});
}

static int check(struct ctl *c, struct err *e)
{
	if (ctl_args(c)->len != 1)
		return usage_error(c, e, "exactly one NAME is required, got %u", ctl_args(c)->len);
	if (opt(c, "bound-object-kind").n && !opt(c, "bound-object-name").n)
		return err_set(e, ERR_BAD_REQUEST, "--bound-object-name is required if --bound-object-kind is provided");
	if (opt_duration(c, "duration") < 0)
		return err_set(e, ERR_BAD_REQUEST, "--duration must be greater than or equal to 0");
	return 0;
}

int cmd_create_token(struct ctl *c, struct err *e)
{
	BUF(path);
	struct printer p;
	int64_t seconds = opt_duration(c, "duration") / NS_S;
	if (check(c, e) != 0 || printer_init(c, &p, false, e) != 0 || ctl_config(c, e) != 0)
		return -1;
	const struct mapping *m = mapping_find(c, STR("serviceaccounts"), e);
	if (!m)
		return -1;
	mapping_path(&path, m, c->ns, ctl_arg(c, 0), "token");
	struct value *body = doc(c, "{'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {'audiences': %v, 'expirationSeconds': %v, "
		"'boundObjectRef': %v}}", doc_list(c, opt_list(c, "audience")), seconds ? value_int(c->a, seconds) : NULL, bound_object(c));
	struct request q = {.method = "POST", .path = buf_view(&path), .content_type = "application/json", .body = rest_body(c, body)};
	struct value *v = rest_json(c, &q, e);
	if (!v) {
		if (e->sys == SYS_STATUS) {
			err_wrap(e, "failed to create token");
			e->sys = 0;
		}
		return -1;
	}
	if (p.given)
		return printer_print(c, &p, v, e);
	ctl_print(c, "%.*s", STR_F(value_path_str(v, "status.token")));
	return 0;
}
