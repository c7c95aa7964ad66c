/* The stages of a request. */
#include "apiserver/authn.h"
#include "apiserver/authz.h"
#include "apiserver/discovery.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/flow.h"
#include "apiserver/metrics.h"
#include "apiserver/server_impl.h"
#include "base/enc.h"
#include "gen/meta_v1.h"

static void audit_id(struct request *r)
{
	struct str id = str_trim(req_header(r->http, STR("audit-id")));
	if (!id.n) {
		char uuid[37];
		rt_uuid(uuid);
		id = str_dup(r->arena, str_n(uuid, 36));
	}
	resp_header(r->resp, STR("audit-id"), id);
}

static void plain_text(struct request *r, int code, struct str text)
{
	r->answer = (struct answer){.kind = ANSWER_TEXT, .code = code, .text = text, .content_type = STR("text/plain; charset=utf-8")};
	resp_header(r->resp, STR("x-content-type-options"), STR("nosniff"));
	respond_answer(r);
}

/* ---- authorization ---- */

static void put_scope(struct request *r, struct buf *out)
{
	if (r->at.ns.n)
		buf_printf(out, " in the namespace \"%.*s\"", STR_F(r->at.ns));
	else
		buf_lit(out, " at the cluster scope");
}

static void escape(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<':
			buf_lit(out, "&lt;");
			break;
		case '>':
			buf_lit(out, "&gt;");
			break;
		case '&':
			buf_lit(out, "&amp;");
			break;
		default:
			buf_char(out, s.p[i]);
		}
	}
}

/* In quotes, with what browsers might run made harmless. */
static void put_quoted(struct buf *out, struct str s)
{
	BUF(q);
	enc_quote(&q, s);
	escape(out, buf_view(&q));
}

static int forbidden_path(struct request *r, const struct attrs *at, struct str reason, struct err *e)
{
	BUF(m);
	buf_lit(&m, "forbidden: User ");
	put_quoted(&m, r->user.name);
	buf_printf(&m, " cannot %.*s path ", STR_F(at->verb));
	put_quoted(&m, at->path);
	if (reason.n)
		buf_printf(&m, ": %.*s", STR_F(reason));
	err_set(e, ERR_FORBIDDEN, "%.*s", STR_F(buf_view(&m)));
	err_object(e, (struct str){0}, STR(""), (struct str){0});
	return -1;
}

static int forbidden_resource(struct request *r, const struct attrs *at, struct str reason, struct err *e)
{
	BUF(m);
	buf_lit(&m, "User ");
	put_quoted(&m, r->user.name);
	buf_printf(&m, " cannot %.*s resource \"%.*s", STR_F(at->verb), STR_F(at->resource));
	if (at->sub.n)
		buf_printf(&m, "/%.*s", STR_F(at->sub));
	buf_printf(&m, "\" in API group \"%.*s\"", STR_F(at->group));
	put_scope(r, &m);
	if (reason.n)
		buf_printf(&m, ": %.*s", STR_F(reason));
	return request_forbidden(r, e, "%.*s", STR_F(buf_view(&m)));
}

int request_authorize(struct request *r, struct str verb, struct err *e)
{
	BUF(reason);
	r->at.user = &r->user;
	struct attrs at = r->at;
	at.verb = verb;
	if (r->privileged_loopback || authz_decide(r->server, &at, &reason) == DECISION_ALLOW)
		return 0;
	return at.is_resource ? forbidden_resource(r, &at, buf_view(&reason), e) : forbidden_path(r, &at, buf_view(&reason), e);
}

/* ---- the stages of a wire request ---- */

static int run_path(struct request *r, struct err *e)
{
	const struct path_handler *h = path_handler(r->at.path);
	if (!h) {
		plain_text(r, 404, STR("404 page not found\n"));
		return 1;
	}
	return h->handle(r, e);
}

static int busy(struct request *r)
{
	metrics_terminated(r, 429);
	resp_header(r->resp, STR("retry-after"), STR("1"));
	plain_text(r, 429, STR("Too many requests, please try again later.\n"));
	return 2;
}

static int run_stages(struct request *r, struct err *e)
{
	int failed = authn_request(r, e);
	metrics_authenticated(r, !failed);
	if (failed || authn_impersonate(r, e))
		return -1;
	if (!flow_enter(r))
		return busy(r);
	failed = request_authorize(r, r->at.verb, e);
	metrics_authorized(r, !failed);
	if (failed)
		return -1;
	return r->at.is_resource ? dispatch_resource(r, e) : run_path(r, e);
}

static bool parse_info(struct request *r)
{
	ERR(e);
	if (info_parse(r, r->http->method, r->http->path, &e) == 0)
		return true;
	BUF(m);
	buf_lit(&m, "Internal Server Error: \"");
	escape(&m, r->http->path);
	buf_printf(&m, "\": failed to create RequestInfo: %s\n", err_text(&e));
	plain_text(r, 500, buf_take(&m, r->arena));
	return false;
}

void pipeline_http(void *listener, struct http_req *req, struct http_resp *resp)
{
	ERR(e);
	const struct listener *l = listener;
	struct request *r = arena_make(req->arena, struct request);
	*r = (struct request){.server = l->server, .listener_user = l->as, .arena = req->arena, .http = req, .resp = resp, .now = rt_wall(), .start = req->started, .deadline = MONO_NEVER};
	r->user_agent = req_header(req, STR("user-agent"));
	audit_id(r);
	if (!parse_info(r))
		return;
	metrics_begin(r);
	int done = run_stages(r, &e);
	if (done < 0)
		respond_error(r, &e);
	else if (done == 0)
		respond_answer(r);
	else if (done == 1 && !resp_started(resp) && r->at.is_resource)
		plain_text(r, 404, STR("404 page not found\n"));
	flow_leave(r);
	metrics_end(r);
}
