/* pods/log: the kubelet's answer as it comes; what it refuses becomes a Status. */
#include "apiserver/registry/connect.h"
#include "gen/core_v1.h"

/* ---- options ---- */

static int bad_option(const char *field, const char *why, struct str v, struct err *e)
{
	err_cause(e, "FieldValueInvalid", str_of(field), "Invalid value: %.*s: %s", STR_F(v), why);
	return -1;
}

struct number { const char *name; int64_t min; const char *why; };
static const struct number log_numbers[] = {
	{"tailLines", 0, "must be greater than or equal to 0"},
	{"limitBytes", 1, "must be greater than 0"},
	{"sinceSeconds", 1, "must be greater than 0"},
};

static void check_numbers(struct request *r, struct err *causes)
{
	for (size_t i = 0; i < ARRAY_LEN(log_numbers); i++) {
		const struct number *n = &log_numbers[i];
		struct str v;
		int64_t x;
		if (query_get(r, str_of(n->name), &v) && !str_i64(v, &x) && x < n->min)
			bad_option(n->name, n->why, v, causes);
	}
}

static int parse_numbers(struct request *r, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(log_numbers); i++) {
		struct str v;
		int64_t x;
		if (query_get(r, str_of(log_numbers[i].name), &v) && str_i64(v, &x))
			return err_set(e, ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", STR_F(v));
	}
	return 0;
}

/* The causes become a 422 of PodLogOptions under the Pod's name. */
static int options_invalid(struct request *r, struct err *causes, struct err *e)
{
	if (!causes->ncauses)
		return 0;
	BUF(m);
	for (uint32_t i = 0; i < causes->ncauses; i++)
		buf_printf(&m, "%s%.*s: %.*s", i ? ", " : "", STR_F(causes->causes[i].field), STR_F(causes->causes[i].message));
	bool many = causes->ncauses > 1;
	err_move(e, causes);
	e->message = str_printf(e->mem, "PodLogOptions \"%.*s\" is invalid: %s%.*s%s", STR_F(r->at.name), many ? "[" : "", STR_F(buf_view(&m)), many ? "]" : "");
	err_object(e, (struct str){0}, STR("PodLogOptions"), r->at.name);
	return -1;
}

static int check_log_options(struct request *r, struct err *e)
{
	struct str v, w;
	ERR(causes);
	if (parse_numbers(r, e))
		return -1;
	check_numbers(r, &causes);
	if (query_get(r, STR("sinceSeconds"), &v) && query_get(r, STR("sinceTime"), &w))
		err_cause(&causes, "FieldValueForbidden", STR("[]"), "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified");
	if (query_get(r, STR("stream"), &v) && !str_is(v, "All"))
		err_cause(&causes, "FieldValueForbidden", STR("stream"), "Forbidden: may not be specified");
	return options_invalid(r, &causes, e);
}

/* Hands the options that the kubelet knows on. */
static void log_path(struct request *r, struct str container, struct buf *b)
{
	static const char *const passed[] = {"follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "tailLines", "timestamps"};
	buf_printf(b, "/containerLogs/%.*s/%.*s/%.*s", STR_F(r->at.ns), STR_F(r->at.name), STR_F(container));
	for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
		struct str v;
		if (query_get(r, str_of(passed[i]), &v) && !str_is(v, "false"))
			connect_put_query(b, str_of(passed[i]), v);
	}
}

/* ---- the answer ---- */

#define REFUSAL_MAX 50000 /* of the kubelet's text that is shown */

static const struct {
	int status;
	enum err_reason reason;
	const char *text;
} refusals[] = {
	{401, ERR_UNAUTHORIZED, "the server has asked for the client to provide credentials"},
	{404, ERR_NOT_FOUND, "the server could not find the requested resource"},
	{405, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource"},
	{429, ERR_TOO_MANY_REQUESTS, "the server has received too many requests and has asked us to try again later"},
	{503, ERR_SERVICE_UNAVAILABLE, "the server is currently unable to handle the request"},
	{504, ERR_TIMEOUT, "the server was unable to return a response in the time allotted, but may still be processing the request"},
};

static int refused(struct request *r, struct http_answer *a, struct err *e)
{
	struct str text = {0}, what = str_printf(r->arena, "( pods/log %.*s)", STR_F(r->at.name));
	ERR(unread);
	(void)!http_answer_all(a, REFUSAL_MAX, &text, rt_now() + CONNECT_WAIT, &unread);
	if (a->status == 400)
		return err_set(e, ERR_BAD_REQUEST, "%.*s", STR_F(text));
	if (a->status == 500)
		return err_set(e, ERR_INTERNAL, "Internal error occurred: %.*s", STR_F(text));
	if (a->status == 403)
		err_set(e, ERR_FORBIDDEN, "%.*s %.*s", STR_F(text), STR_F(what));
	else
		err_set(e, ERR_UNKNOWN, "the server responded with the status code %d but did not return more information %.*s", a->status, STR_F(what));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (a->status == refusals[i].status)
			err_set(e, refusals[i].reason, "%s %.*s", refusals[i].text, STR_F(what));
	e->code = a->status;
	err_object(e, STR(""), STR("pods/log"), r->at.name);
	return -1;
}

static void copy(struct request *r, struct http_answer *a)
{
	char p[16384];
	ssize_t n;
	resp_status(r->resp, 200);
	resp_header(r->resp, STR("content-type"), STR("text/plain"));
	resp_header(r->resp, STR("cache-control"), STR("no-cache, private"));
	resp_flush(r->resp); /* a follower sees at once that it is connected */
	while ((n = http_answer_read(a, p, sizeof p, MONO_NEVER)) > 0)
		if (resp_write(r->resp, p, (size_t)n) < 0)
			return; /* our client has gone */
	if (n < 0)
		resp_abort(r->resp);
}

static int send_log(struct target *t, struct err *e)
{
	struct http_call q = {.path = t->path, .deadline = rt_now() + CONNECT_WAIT};
	CLEANUP(http_answer_close) struct http_answer *a = http_call(t->client, &q, t->r->arena, e);
	if (!a)
		return connect_not_made(t, "Get", e);
	if (a->status < 200 || a->status > 206)
		return refused(t->r, a, e);
	copy(t->r, a);
	return 0;
}

int pod_log(struct request *r, struct err *e)
{
	CLEANUP(target_fini) struct target *t = &(struct target){.r = r};
	struct str container, skip;
	BUF(path);
	if (connect_need_wire(r, e) || check_log_options(r, e))
		return -1;
	const struct core_v1_Pod *p = connect_pod(r, e);
	if (!p || connect_container(r, p, &container, e))
		return -1;
	if (!p->spec.nodeName.n) {
		r->answer = (struct answer){.kind = ANSWER_NONE, .code = 204, .remaining = -1};
		return 0;
	}
	log_path(r, container, &path);
	t->unverified = query_get(r, STR("insecureSkipTLSVerifyBackend"), &skip) && bool_of_query(skip);
	t->path = buf_take(&path, r->arena);
	return connect_to_kubelet(t, p->spec.nodeName, e) ? -1 : send_log(t, e);
}
