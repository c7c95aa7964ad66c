#include "client/https_impl.h"
#include "client/status.h"
#include "codec/json.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include <errno.h>

static struct str copied(struct arena *a, struct str s)
{
	return s.n ? str_dup(a, s) : (struct str){0};
}

static int raw_read(struct http_answer *r, struct arena *a, size_t max, mono_t deadline, struct raw_response *ret, struct err *e)
{
	struct str body;
	if (http_answer_all(r, max, &body, deadline, e) < 0)
		return -1;
	*ret = (struct raw_response){
		.code = r->status, .content_type = copied(a, http_answer_header(r, STR("content-type"))), .body = body,
		.warning = copied(a, http_answer_header(r, STR("warning"))),
	};
	return 0;
}

int https_raw(struct transport *t, struct arena *a, const char *method, struct str path_and_query, const char *accept, const char *content_type,
	struct str body, size_t max, struct raw_response *ret, struct err *e)
{
	struct https *h = https_of(t);
	struct https_request q = {.method = method, .path = path_and_query, .content_type = content_type, .body = body};
	nsec_t span = h->c.timeout ? h->c.timeout : HTTPS_CALL_TIMEOUT;
	struct https_sending s = {.h = h, .a = a, .q = &q, .accept = accept, .deadline = rt_now() + span};
	CLEANUP(http_answer_close) struct http_answer *r = https_send(&s, e);
	return r ? raw_read(r, a, max, s.deadline, ret, e) : -1;
}

int https_raw_check(const struct raw_response *r, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref o = {0};
	struct str none = {0};
	if (r->code >= 200 && r->code < 400)
		return 0;
	if (r->body.n && https_decode(a, r->content_type, r->body, &o, NULL) == 0 && o.type->index == T_meta_v1_Status)
		return status_to_err((const struct meta_v1_Status *)o.p, e);
	return status_of_code(r->code, "GET", none, none, none, str_trim(r->body), 0, e);
}

/* ---- bodies as they come */

struct raw_stream {
	struct arena *arena;
	struct http_answer *answer;
};

static int stream_open(struct https *h, struct raw_stream *s, struct str path, const char *accept, struct err *e)
{
	struct https_request q = {.method = "GET", .path = path};
	struct https_sending sending = {.h = h, .a = s->arena, .q = &q, .accept = accept, .deadline = rt_now() + HTTPS_CALL_TIMEOUT};
	struct str body;
	if (!(s->answer = https_send(&sending, e)))
		return -1;
	if (s->answer->status >= 200 && s->answer->status < 300)
		return 0;
	return http_answer_all(s->answer, (size_t)4 << 20, &body, sending.deadline, e) < 0 ? -1 : https_failed(&q, NULL, s->answer, body, e);
}

struct raw_stream *https_stream(struct transport *t, struct str path_and_query, const char *accept, struct err *e)
{
	struct raw_stream *s = (struct raw_stream *)alloc_zero(sizeof *s);
	s->arena = arena_new(NULL);
	if (stream_open(https_of(t), s, path_and_query, accept, e) == 0)
		return s;
	raw_stream_close(s);
	return NULL;
}

ssize_t raw_stream_read(struct raw_stream *s, void *p, size_t n, mono_t deadline)
{
	return http_answer_read(s->answer, p, n, deadline);
}

void raw_stream_close(struct raw_stream *s)
{
	if (!s)
		return;
	http_answer_close(s->answer);
	arena_free(s->arena);
	free(s);
}
