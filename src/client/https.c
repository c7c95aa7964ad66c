#include "base/enc.h"
#include "client/https_impl.h"
#include "client/status.h"
#include "codec/json.h"
#include "codec/pb.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include "schema/metric.h"
#include <errno.h>
#include <stdio.h>

#define ERROR_BODY_MAX ((size_t)4 << 20)

/* ---- decoding */

bool https_is_pb(struct str content_type)
{
	return str_has_prefix(content_type, STR(TYPE_OF_PB));
}

static int decode_json(struct arena *a, struct str body, struct ref *ret, struct err *e)
{
	struct str version, kind;
	if (json_peek_type(body, &version, &kind, a, e) < 0)
		return -1;
	const struct type *t = type_by_api_version(version, kind);
	if (!t)
		return err_set(e, ERR_BAD_REQUEST, "no kind \"%.*s\" is registered for version \"%.*s\"", STR_F(kind), STR_F(version));
	struct ref o = {t, obj_new(a, t)};
	if (json_decode(a, t, body, &(struct json_opts){.flags = JSON_ALIAS_INPUT}, o.p, e) < 0)
		return -1;
	*ret = o;
	return 0;
}

int https_decode(struct arena *a, struct str content_type, struct str body, struct ref *ret, struct err *e)
{
	int r = https_is_pb(content_type) ? pb_envelope_decode(a, body, PB_ALIAS_INPUT, ret, e) : decode_json(a, body, ret, e);
	return r < 0 ? err_wrap(e, "the server's answer") : 0;
}

static const struct meta_v1_Status *status_in(struct ref o)
{
	return o.type && o.type->index == T_meta_v1_Status ? (const struct meta_v1_Status *)o.p : NULL;
}

/* ---- errors */

static int retry_after(struct http_answer *r)
{
	int64_t s;
	return str_i64(http_answer_header(r, STR("retry-after")), &s) == 0 && s > 0 && s < 3600 ? (int)s : 0;
}

int https_failed(const struct https_request *q, const struct call *c, struct http_answer *r, struct str body, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref o = {0};
	struct str none = {0};
	if (body.n && https_decode(a, http_answer_header(r, STR("content-type")), body, &o, NULL) == 0 && status_in(o))
		status_to_err(status_in(o), e);
	else
		status_of_code(r->status, q->method, c ? desc_str(c->res->group) : none, c ? desc_str(c->res->plural) : none, c ? c->name : none,
			str_trim(body), retry_after(r), e);
	if (e && !e->code)
		e->code = r->status;
	return -1;
}

/* ---- sending */

static int request_headers(const struct https_sending *s, struct https_headers *hs, struct err *e)
{
	*hs = (struct https_headers){0};
	if (https_authorize(s->h, s->a, hs, e) < 0)
		return -1;
	https_header(hs, "accept", str_of(s->accept));
	https_header(hs, "content-type", str_of(s->q->content_type));
	return 0;
}

/* host: without the scheme, as upstream labels it. */
static void count(const struct https_sending *s, int code, mono_t began)
{
	struct str server = s->h->c.server, method = str_of(s->q->method);
	ptrdiff_t scheme = str_find(server, STR("://"));
	struct str host = scheme < 0 ? server : str_sub(server, (size_t)scheme + 3, server.n), text = STR("<error>");
	char digits[16];
	if (!s->h->c.metrics)
		return;
	if (code) {
		snprintf(digits, sizeof digits, "%d", code);
		text = str_of(digits);
	}
	*metric_counter(s->h->c.metrics, M_rest_client_requests_total, LABELS(text, host, method)) += 1;
	metric_observe(metric_histogram(s->h->c.metrics, M_rest_client_request_duration_seconds, LABELS(host, method)), (double)(rt_now_exact() - began) / NS_S);
}

static struct http_answer *send_once(const struct https_sending *s, struct err *e)
{
	struct https_headers hs;
	if (request_headers(s, &hs, e) < 0)
		return NULL;
	struct http_call call = {
		.method = str_of(s->q->method), .path = s->q->path, .headers = hs.v, .nheaders = hs.n, .body = s->q->body, .deadline = s->deadline,
	};
	mono_t began = rt_now_exact();
	struct http_answer *r = http_call(s->h->client, &call, s->a, e);
	count(s, r ? r->status : 0, began);
	if (r && r->status == 401)
		https_unauthorized(s->h);
	return r;
}

/* How long the server wants us to wait before the same again; 0: not at all. */
static nsec_t asked_to_wait(struct http_answer *r)
{
	return r->status == 429 || r->status >= 500 ? retry_after(r) * NS_S : 0;
}

struct http_answer *https_send(const struct https_sending *s, struct err *e)
{
	for (int i = 0;; i++) {
		struct http_answer *r = send_once(s, e);
		nsec_t wait = r && i < HTTPS_RETRIES ? asked_to_wait(r) : 0;
		if (!wait || rt_now() + wait >= s->deadline)
			return r;
		http_answer_close(r);
		int slept = fiber_sleep(wait);
		if (slept < 0)
			return transport_failed(e, slept, "waiting to try again"), NULL;
	}
}

/* ---- calls */

static mono_t deadline_of(const struct https *h, const struct call *c)
{
	nsec_t span = c->timeout_s ? (c->timeout_s + 1) * NS_S : HTTPS_CALL_TIMEOUT;
	return rt_now() + (h->c.timeout && h->c.timeout < span ? h->c.timeout : span);
}

static int read_answer(const struct https_sending *s, const struct call *c, struct http_answer *r, struct ref *ret, struct err *e)
{
	struct str body;
	if (http_answer_all(r, r->status >= 400 ? ERROR_BODY_MAX : HTTPS_ANSWER_MAX, &body, s->deadline, e) < 0)
		return -1;
	if (r->status < 200 || r->status >= 300)
		return https_failed(s->q, c, r, body, e);
	if (!body.n) {
		*ret = (struct ref){0};
		return 0;
	}
	if (https_decode(s->a, http_answer_header(r, STR("content-type")), body, ret, e) < 0)
		return -1;
	const struct meta_v1_Status *st = status_in(*ret);
	return st && str_is(st->status, "Failure") ? status_to_err(st, e) : 0;
}

static int call_once(struct https *h, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct https_request q;
	struct https_sending s = {.h = h, .a = a, .q = &q, .deadline = deadline_of(h, c)};
	s.accept = h->json_only ? TYPE_OF_JSON : TYPE_OF_PB "," TYPE_OF_JSON;
	if (https_request_build(a, c, false, h->json_only, &q, e) < 0)
		return -1;
	struct http_answer *r = https_send(&s, e);
	int result = r ? read_answer(&s, c, r, ret, e) : -1;
	http_answer_close(r);
	return result;
}

static int https_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct https *h = https_of(t);
	ERR(why);
	if (call_once(h, c, a, ret, &why) == 0)
		return 0;
	/* An aggregated server may speak JSON only. */
	if (!h->json_only && (why.code == 415 || why.code == 406)) {
		h->json_only = true;
		return call_once(h, c, a, ret, e);
	}
	return err_pass(e, &why);
}

/* ---- the transport */

static struct str *copy_list(struct arena *a, const struct str *v, size_t n)
{
	struct str *to = arena_array(a, struct str, n + 1);
	for (size_t i = 0; to && i < n; i++)
		to[i] = str_dup(a, v[i]);
	return to;
}

static const c8s_Strings_map_t *copy_extra(struct arena *a, const c8s_Strings_map_t *from)
{
	if (!from)
		return NULL;
	c8s_Strings_map_t *to = (c8s_Strings_map_t *)arena_alloc(a, sizeof *to);
	for (uint32_t i = 0; i < from->len; i++) {
		const struct c8s_Strings_map_entry *x = &from->items[i];
		struct c8s_Strings_map_entry *y = arena_push(a, to);
		y->key = str_dup(a, x->key);
		y->value.items.items = copy_list(a, x->value.items.items, x->value.items.len);
		y->value.items.len = y->value.items.cap = x->value.items.len;
	}
	return to;
}

/* exec stays the caller's: it is part of a configuration that lives as long as the program. */
static struct rest_config copy_config(struct arena *a, const struct rest_config *c)
{
	struct rest_config r = *c;
	struct str *const strings[] = {
		&r.server, &r.ca_pem, &r.cert_pem, &r.key_pem, &r.ca_file, &r.cert_file, &r.key_file, &r.token_file, &r.token, &r.username, &r.password,
		&r.server_name, &r.namespace_, &r.as, &r.as_uid, &r.user_agent, &r.exec_cluster_config,
	};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		*strings[i] = str_dup(a, *strings[i]);
	r.as_groups = copy_list(a, c->as_groups, c->nas_groups);
	r.as_extra = copy_extra(a, c->as_extra);
	if (!r.user_agent.n)
		r.user_agent = STR("c8s/" C8S_BUILD);
	return r;
}

static void basic_auth(struct https *h)
{
	BUF(plain);
	BUF(b);
	if (!h->c.username.n && !h->c.password.n)
		return;
	buf_printf(&plain, "%.*s:%.*s", STR_F(h->c.username), STR_F(h->c.password));
	buf_lit(&b, "Basic ");
	enc_base64(&b, buf_view(&plain));
	h->authorization = buf_take(&b, h->arena);
}

/* Explicit credentials go before a plug-in. */
static bool wants_exec(const struct rest_config *c)
{
	return c->exec && !c->tokens && !c->token.n && !c->token_file.n && !c->username.n && !c->cert_pem.n && !c->cert_file.n;
}

static void https_free(struct transport *t)
{
	struct https *h = https_of(t);
	http_client_free(h->client);
	exec_auth_free(h->exec);
	arena_free(h->token_arena);
	arena_free(h->arena);
	free(h);
}

static const struct transport_ops https_ops = {
	.call = https_call, .watch = https_watch, .watch_next = https_watch_next, .watch_close = https_watch_close, .free = https_free,
};

struct transport *https_transport_new(struct rt *rt, const struct rest_config *c, struct err *e)
{
	struct https *h = (struct https *)alloc_zero(sizeof *h);
	(void)rt; /* the calling loop's */
	h->t.ops = &https_ops;
	h->arena = arena_new(NULL);
	arena_mark_secret(h->arena);
	h->c = copy_config(h->arena, c);
	basic_auth(h);
	h->client = https_client_new(h, h->c.cert_pem, h->c.key_pem, e);
	if (!h->client || (wants_exec(c) && !(h->exec = exec_auth_new(&h->c, e)))) {
		https_free(&h->t);
		return NULL;
	}
	return &h->t;
}
