/* Requests and watches, as JSON documents. */
#include "base/enc.h"
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

int rest_call(struct ctl *c, const struct request *q, struct str *ret, struct err *e)
{
	struct raw_response r;
	if (ctl_connect(c, e) != 0)
		return -1;
	const char *accept = q->accept ? q->accept : "application/json";
	if (https_raw(c->t, c->a, q->method, q->path, accept, q->content_type, q->body, ANSWER_MAX, &r, e) != 0)
		return -1;
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
