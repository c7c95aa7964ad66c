/* A message on the wire is a byte of flags (1: compressed, never asked for), four bytes of length, and the encoding. */
#include "net/grpc.h"
#include "base/enc.h"
#include <errno.h>
#include <stdlib.h>

#define PREFIX 5
#define NO_DEADLINE (24 * NS_HOUR) /* streams: only the answer's head must come in time */
#define HEAD_TIMEOUT (30 * NS_S)

struct grpc_client {
	struct http_client *http;
	struct grpc_codec codec;
	size_t max;
};
struct grpc_stream {
	struct grpc_client *client;
	struct http_answer *answer;
	struct arena *arena; /* headers and trailers */
	struct buf in;
	const char *method;
};

/* How a status looks from above: the name, and the API reason nearest to it. */
static const struct { const char *name; enum err_reason reason; } codes[] = {
	[GRPC_OK] = {"OK", ERR_NONE},
	[GRPC_CANCELLED] = {"Canceled", ERR_TIMEOUT},
	[GRPC_UNKNOWN] = {"Unknown", ERR_INTERNAL},
	[GRPC_INVALID_ARGUMENT] = {"InvalidArgument", ERR_BAD_REQUEST},
	[GRPC_DEADLINE_EXCEEDED] = {"DeadlineExceeded", ERR_TIMEOUT},
	[GRPC_NOT_FOUND] = {"NotFound", ERR_NOT_FOUND},
	[GRPC_ALREADY_EXISTS] = {"AlreadyExists", ERR_ALREADY_EXISTS},
	[GRPC_PERMISSION_DENIED] = {"PermissionDenied", ERR_FORBIDDEN},
	[GRPC_RESOURCE_EXHAUSTED] = {"ResourceExhausted", ERR_TOO_MANY_REQUESTS},
	[GRPC_FAILED_PRECONDITION] = {"FailedPrecondition", ERR_CONFLICT},
	[GRPC_ABORTED] = {"Aborted", ERR_CONFLICT},
	[GRPC_OUT_OF_RANGE] = {"OutOfRange", ERR_GONE},
	[GRPC_UNIMPLEMENTED] = {"Unimplemented", ERR_METHOD_NOT_ALLOWED},
	[GRPC_INTERNAL] = {"Internal", ERR_INTERNAL},
	[GRPC_UNAVAILABLE] = {"Unavailable", ERR_SERVICE_UNAVAILABLE},
	[GRPC_DATA_LOSS] = {"DataLoss", ERR_INTERNAL},
	[GRPC_UNAUTHENTICATED] = {"Unauthenticated", ERR_UNAUTHORIZED},
};

const char *grpc_code_name(enum grpc_code c)
{
	return c <= GRPC_UNAUTHENTICATED ? codes[c].name : "Unknown";
}

struct grpc_client *grpc_client_new(const struct grpc_opts *o, struct err *e)
{
	struct grpc_client *c = calloc(1, sizeof *c);
	if (!c) {
		err_nomem(e, sizeof *c);
		return NULL;
	}
	c->codec = o->codec;
	c->max = o->message_max ? o->message_max : GRPC_MESSAGE_MAX;
	c->http = http_client_new(&(struct http_client_opts){.url = o->url, .tls = o->tls, .http2_prior = true}, e);
	if (c->http)
		return c;
	free(c);
	return NULL;
}

void grpc_client_free(struct grpc_client *c)
{
	if (!c)
		return;
	http_client_free(c->http);
	free(c);
}

/* Errors */

static int fail(enum grpc_code code, struct str message, enum grpc_code *ret_code, struct err *e)
{
	if (ret_code)
		*ret_code = code;
	enum err_reason reason = code <= GRPC_UNAUTHENTICATED ? codes[code].reason : ERR_INTERNAL;
	return err_set(e, reason, "rpc error: code = %s desc = %.*s", grpc_code_name(code), STR_F(message));
}

/* The carrier failed: no status came. */
static int fail_carrier(enum grpc_code *ret_code, struct err *e)
{
	if (ret_code)
		*ret_code = e && e->reason == ERR_TIMEOUT ? GRPC_DEADLINE_EXCEEDED : GRPC_UNAVAILABLE;
	return -1;
}

static int fail_read(ssize_t why, enum grpc_code *ret_code, struct err *e)
{
	enum grpc_code code = why == -ETIME ? GRPC_DEADLINE_EXCEEDED : why == -ECANCELED ? GRPC_CANCELLED : GRPC_UNAVAILABLE;
	fail(code, str_of(strerror((int)-why)), ret_code, e);
	if (e)
		e->sys = (int)-why;
	return -1;
}

/* From HTTP when a proxy answered instead of a server (gRPC's http-grpc-status-mapping). */
static enum grpc_code code_of_http(int status)
{
	switch (status) {
	case 400: return GRPC_INTERNAL;
	case 401: return GRPC_UNAUTHENTICATED;
	case 403: return GRPC_PERMISSION_DENIED;
	case 404: return GRPC_UNIMPLEMENTED;
	case 429: case 502: case 503: case 504: return GRPC_UNAVAILABLE;
	default: return GRPC_UNKNOWN;
	}
}

static struct str trailer(const struct http_answer *r, struct str name)
{
	struct str v = http_answer_trailer(r, name);
	return v.p ? v : http_answer_header(r, name); /* an error without messages comes in the head */
}

/* After the end of the body: 0 when the status is OK. */
static int finish(const struct http_answer *r, enum grpc_code *ret_code, struct err *e)
{
	uint64_t code;
	BUF(message);
	struct str status = trailer(r, STR("grpc-status")), text = trailer(r, STR("grpc-message"));
	if (!status.p)
		return fail(r->status == 200 ? GRPC_INTERNAL : code_of_http(r->status), STR("the server sent no status"), ret_code, e);
	if (str_u64(status, &code) == 0 && code == GRPC_OK) {
		if (ret_code)
			*ret_code = GRPC_OK;
		return 0;
	}
	bool plain = dec_percent(&message, text, false) < 0;
	return fail(code <= GRPC_UNAUTHENTICATED ? (enum grpc_code)code : GRPC_UNKNOWN, plain ? text : buf_view(&message), ret_code, e);
}

/* Calls */

static struct str timeout_text(struct arena *a, mono_t deadline)
{
	int64_t ms = (deadline - rt_now()) / NS_MS;
	if (ms < 1)
		ms = 1;
	return ms < 100000000 ? str_printf(a, "%lldm", (long long)ms) : str_printf(a, "%lldS", (long long)(ms / 1000 < 99999999 ? ms / 1000 : 99999999));
}

static void put_prefix(struct buf *b, size_t n)
{
	const char head[PREFIX] = {0, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
	buf_put(b, head, sizeof head);
}

static struct http_answer *start(struct grpc_client *c, const char *method, struct str framed, struct arena *a, mono_t deadline, mono_t head, struct err *e)
{
	struct http_header v[] = {{STR("content-type"), STR("application/grpc")}, {STR("te"), STR("trailers")}, {STR("user-agent"), STR("c8s")},
		{STR("grpc-timeout"), deadline == MONO_NEVER ? STR("") : timeout_text(a, deadline)}};
	return http_call(c->http, &(struct http_call){.method = STR("POST"), .path = str_of(method), .headers = v, .nheaders = deadline == MONO_NEVER ? 3 : 4,
		.body = framed, .deadline = head}, a, e);
}

static size_t message_size(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (size_t)u[1] << 24 | (size_t)u[2] << 16 | (size_t)u[3] << 8 | u[4];
}

static int check_prefix(struct grpc_client *c, const char *p, enum grpc_code *ret_code, struct err *e)
{
	if (p[0])
		return fail(GRPC_UNIMPLEMENTED, STR("the message is compressed"), ret_code, e);
	if (message_size(p) > c->max)
		return fail(GRPC_RESOURCE_EXHAUSTED, STR("the message is too large"), ret_code, e);
	return 0;
}

static int one_message(struct grpc_client *c, struct http_answer *r, struct arena *a, mono_t deadline, struct str *ret, enum grpc_code *ret_code, struct err *e)
{
	struct str body;
	if (http_answer_all(r, c->max + PREFIX, &body, deadline, e) < 0)
		return fail_read(e && e->sys ? -e->sys : -EIO, ret_code, e);
	if (finish(r, ret_code, e) < 0)
		return -1;
	if (body.n < PREFIX || check_prefix(c, body.p, ret_code, e) < 0 || message_size(body.p) != body.n - PREFIX)
		return fail(GRPC_INTERNAL, STR("the answer is not one message"), ret_code, e);
	*ret = str_sub(body, PREFIX, body.n);
	return 0;
}

/* framed has its prefix already. */
static int call_framed(struct grpc_client *c, const char *method, struct str framed, struct str *ret, struct arena *a, mono_t deadline,
	enum grpc_code *ret_code, struct err *e)
{
	ERR(local);
	if (!e)
		e = &local; /* the carrier's failure decides on the code */
	struct http_answer *r = start(c, method, framed, a, deadline, deadline == MONO_NEVER ? rt_now() + NO_DEADLINE : deadline, e);
	if (!r)
		return fail_carrier(ret_code, e);
	int result = one_message(c, r, a, deadline, ret, ret_code, e);
	http_answer_close(r);
	return result;
}

int grpc_call_raw(struct grpc_client *c, const char *method, struct str req, struct str *ret, struct arena *a, mono_t deadline, enum grpc_code *ret_code, struct err *e)
{
	BUF(b);
	put_prefix(&b, req.n);
	buf_put(&b, req.p, req.n);
	if (b.failed)
		return err_nomem(e, req.n);
	return call_framed(c, method, buf_view(&b), ret, a, deadline, ret_code, e);
}

static int encode(struct grpc_client *c, struct ref req, struct buf *out, struct err *e)
{
	put_prefix(out, 0);
	c->codec.encode(out, req);
	if (out->failed)
		return err_nomem(e, out->n);
	size_t n = out->n - PREFIX;
	for (int i = 0; i < 4; i++)
		out->p[1 + i] = (char)(n >> (24 - 8 * i));
	return 0;
}

int grpc_call(struct grpc_client *c, const char *method, struct ref req, struct ref resp, struct arena *a, mono_t deadline, enum grpc_code *ret_code, struct err *e)
{
	BUF(b);
	struct str message;
	if (encode(c, req, &b, e) < 0 || call_framed(c, method, buf_view(&b), &message, a, deadline, ret_code, e) < 0)
		return -1;
	return c->codec.decode(a, resp.type, message, 1 /* PB_ALIAS_INPUT: it lies in a */, resp.p, e);
}

/* Streams */

struct grpc_stream *grpc_stream_open(struct grpc_client *c, const char *method, struct ref req, mono_t deadline, struct err *e)
{
	BUF(b);
	if (encode(c, req, &b, e) < 0)
		return NULL;
	struct grpc_stream *s = calloc(1, sizeof *s);
	if (!s) {
		err_nomem(e, sizeof *s);
		return NULL;
	}
	s->client = c;
	s->arena = arena_new(NULL);
	/* Servers send their head with the first message, which may be hours away. */
	mono_t head = deadline == MONO_NEVER ? rt_now() + 365 * NO_DEADLINE : deadline;
	s->answer = start(c, method, buf_view(&b), s->arena, deadline, head, e);
	if (s->answer)
		return s;
	grpc_stream_close(s);
	return NULL;
}

static bool have_message(const struct grpc_stream *s)
{
	return s->in.n >= PREFIX && s->in.n - PREFIX >= message_size(s->in.p);
}

/* 1 a message is in the buffer, 0 the end, -1 failed. */
static int fill(struct grpc_stream *s, mono_t deadline, enum grpc_code *ret_code, struct err *e)
{
	while (!have_message(s)) {
		char p[4096];
		if (s->in.n >= PREFIX && check_prefix(s->client, s->in.p, ret_code, e) < 0)
			return -1;
		ssize_t n = http_answer_read(s->answer, p, sizeof p, deadline);
		if (n < 0)
			return fail_read(n, ret_code, e);
		if (n == 0)
			return finish(s->answer, ret_code, e);
		buf_put(&s->in, p, n);
	}
	return check_prefix(s->client, s->in.p, ret_code, e) < 0 ? -1 : 1;
}

int grpc_stream_next(struct grpc_stream *s, struct ref resp, struct arena *a, mono_t deadline, enum grpc_code *ret_code, struct err *e)
{
	int r = fill(s, deadline, ret_code, e);
	if (r <= 0)
		return r;
	size_t n = message_size(s->in.p);
	struct str message = str_dup(a, str_n(s->in.p + PREFIX, n));
	buf_consume(&s->in, PREFIX + n);
	return s->client->codec.decode(a, resp.type, message, 1, resp.p, e) < 0 ? -1 : 1;
}

void grpc_stream_close(struct grpc_stream *s)
{
	if (!s)
		return;
	http_answer_close(s->answer);
	buf_fini(&s->in);
	arena_free(s->arena);
	free(s);
}
