/* Requests and watches, as JSON documents. */
#include "base/enc.h"
#include "base/log.h"
#include "codec/json.h"
#include "kubectl/ctl.h"
#include <errno.h>

#define WATCH_STEP 65536

/* `299 - "text", 299 - "other"`: the texts. */
static void tell_warnings(struct ctl *c, struct str h)
{
	BUF(text);
	for (size_t i = 0; i < h.n; i++) {
		if (h.p[i] != '"')
			continue;
		buf_clear(&text);
		for (i++; i < h.n && h.p[i] != '"'; i++) {
			i += h.p[i] == '\\' && i + 1 < h.n;
			buf_char(&text, h.p[i]);
		}
		ctl_warn(c, buf_view(&text));
	}
}

int status_mark(struct err *e)
{
	if (e && !e->sys)
		e->sys = SYS_STATUS;
	return -1;
}

/* -v=6 to 9: the request, the answer, its body, and how curl would ask. */
static void log_request(struct ctl *c, const struct request *q, const char *accept)
{
	struct str server = c->rest.server, agent = c->rest.user_agent;
	log_v(7, "\"Request\" verb=\"%s\" url=\"%.*s%.*s\" headers=<\n\tAccept: %s\n\tUser-Agent: %.*s\n >", q->method, STR_F(server), STR_F(q->path), accept,
		STR_F(agent));
	log_v(9, "curl -v -X%s  -H \"Accept: %s\" -H \"User-Agent: %.*s\" '%.*s%.*s'", q->method, accept, STR_F(agent), STR_F(server), STR_F(q->path));
	if (q->body.n)
		log_v(8, "\"Request Body\" body=\"%.*s\"", STR_F(q->body));
}

static void log_answer(struct ctl *c, const struct request *q, const struct raw_response *r, mono_t began)
{
	struct str server = c->rest.server;
	log_v(6, "\"Response\" verb=\"%s\" url=\"%.*s%.*s\" status=\"%d %s\" milliseconds=%lld", q->method, STR_F(server), STR_F(q->path), r->code,
		http_reason(r->code), (long long)((rt_now_exact() - began) / NS_MS));
	log_v(8, "\"Response Body\" body=\"%.*s\"", STR_F(r->body));
}

int rest_call(struct ctl *c, const struct request *q, struct str *ret, struct err *e)
{
	struct raw_response r;
	if (ctl_connect(c, e) != 0)
		return -1;
	const char *accept = q->accept ? q->accept : "application/json";
	mono_t began = rt_now_exact();
	log_request(c, q, accept);
	if (https_raw(c->t, c->a, q->method, q->path, accept, q->content_type, q->body, ANSWER_MAX, &r, e) != 0)
		return -1;
	log_answer(c, q, &r, began);
	if (r.warning.n)
		tell_warnings(c, r.warning);
	if (https_raw_check(&r, e) != 0)
		return status_mark(e);
	*ret = r.body;
	return 0;
}

struct value *rest_json(struct ctl *c, const struct request *q, struct err *e)
{
	struct str body;
	struct value *v;
	struct json_opts o = {.flags = JSON_ALIAS_INPUT};
	if (rest_call(c, q, &body, e) != 0)
		return NULL;
	if (!body.n)
		return value_new(c->a, V_OBJECT);
	if (json_parse(c->a, body, &o, &v, e) != 0)
		return NULL;
	value_sort(v);
	return v;
}

struct value *rest_get(struct ctl *c, struct str path, struct err *e)
{
	return rest_json(c, &(struct request){.method = "GET", .path = path}, e);
}

struct str rest_body(struct ctl *c, const struct value *v)
{
	BUF(b);
	json_write(&b, v);
	return buf_take(&b, c->a);
}

void query_add(struct buf *path, const char *name, struct str value)
{
	if (!value.p)
		return;
	bool first = str_index(buf_view(path), '?', 0) < 0;
	buf_printf(path, "%c%s=", first ? '?' : '&', name);
	enc_percent(path, value);
}

int lines_open(struct ctl *c, struct lines *l, struct str path, const char *accept, struct err *e)
{
	*l = (struct lines){0};
	if (ctl_connect(c, e) != 0)
		return -1;
	l->s = https_stream(c->t, path, accept ? accept : "application/json", e);
	return l->s ? 0 : status_mark(e);
}

static bool take_line(struct lines *l, struct str *ret)
{
	struct str left = str_sub(buf_view(&l->in), l->used, l->in.n);
	ptrdiff_t end = str_index(left, '\n', 0);
	if (end < 0)
		return false;
	*ret = str_sub(left, 0, (size_t)end);
	l->used += (size_t)end + 1;
	return true;
}

static int lines_failed(ssize_t n, struct err *e)
{
	err_set(e, ERR_SERVICE_UNAVAILABLE, "reading the answer: %s", strerror((int)-n));
	if (e)
		e->sys = (int)-n;
	return -1;
}

int lines_next(struct lines *l, struct str *ret, mono_t deadline, struct err *e)
{
	while (!take_line(l, ret)) {
		buf_consume(&l->in, l->used);
		l->used = 0;
		char *p = buf_room(&l->in, WATCH_STEP);
		if (!p)
			return err_nomem(e, WATCH_STEP);
		ssize_t n = raw_stream_read(l->s, p, WATCH_STEP, deadline);
		if (n <= 0)
			return n == 0 ? 0 : lines_failed(n, e);
		l->in.n += (size_t)n;
	}
	return 1;
}

void lines_close(struct lines *l)
{
	raw_stream_close(l->s);
	buf_fini(&l->in);
	l->s = NULL;
}
