/* What the router checks before a handler runs, and the ways in which handlers answer. */
#include "apiserver/discovery/impl.h"
#include "base/enc.h"
#include <openssl/sha.h>

static int router_error(struct err *e, enum err_reason reason, struct str message)
{
	err_set(e, reason, "%.*s", STR_F(message));
	err_object(e, (struct str){0}, STR(""), (struct str){0}); /* details are there, and empty */
	return -1;
}

int route_missing(struct err *e) { return router_error(e, ERR_NOT_FOUND, STR("the server could not find the requested resource")); }

static bool accepts(struct str header, struct str types)
{
	struct str range, type, rest;
	if (!header.n)
		return true;
	while (str_next(&header, ',', &range)) {
		str_cut(range, ';', &range, &rest);
		range = str_trim(range);
		if (str_is(range, "*/*"))
			return true;
		for (rest = types; str_next(&rest, ',', &type);)
			if (str_eq(range, str_trim(type)))
				return true;
	}
	return false;
}

int route_check(struct request *r, const char *types, struct err *e)
{
	if (!str_is(r->http->method, "GET"))
		return router_error(e, ERR_METHOD_NOT_ALLOWED, STR("the server does not allow this method on the requested resource"));
	if (!accepts(req_header(r->http, STR("accept")), str_of(types)))
		return router_error(e, ERR_NOT_ACCEPTABLE, str_printf(r->arena, "406: Not Acceptable\n\nAvailable representations: %s", types));
	return 0;
}

int answer_text(struct request *r, int code, struct str text)
{
	resp_header(r->resp, STR("x-content-type-options"), STR("nosniff"));
	r->answer = (struct answer){.kind = ANSWER_TEXT, .code = code, .text = text, .content_type = TEXT_PLAIN};
	return 0;
}

int route_no_page(struct request *r) { return answer_text(r, 404, STR("404 page not found\n")); }

int answer_ref(struct request *r, uint16_t type, void *obj)
{
	r->answer = (struct answer){.kind = ANSWER_REF, .ref = {desc_type(type), obj}};
	return 0;
}

struct str doc_etag(struct arena *a, struct str body)
{
	unsigned char sum[SHA512_DIGEST_LENGTH];
	BUF(hex);
	SHA512((const unsigned char *)body.p, body.n, sum);
	buf_char(&hex, '"');
	for (size_t i = 0; i < sizeof sum; i++)
		buf_printf(&hex, "%02X", sum[i]);
	buf_char(&hex, '"');
	return buf_take(&hex, a);
}

bool doc_fresh(struct request *r, struct str etag)
{
	struct str rest = req_header(r->http, STR("if-none-match")), tag;
	while (rest.n && str_next(&rest, ',', &tag)) {
		tag = str_trim(tag);
		if (str_has_prefix(tag, STR("W/")))
			tag = str_sub(tag, 2, tag.n);
		if (str_eq(tag, etag) || str_is(tag, "*"))
			return true;
	}
	return false;
}

static void header(struct request *r, struct str name, struct str value)
{
	if (value.p)
		resp_header(r->resp, name, value);
}

int doc_send(struct request *r, const struct doc *d)
{
	bool fresh = d->etag.n && doc_fresh(r, d->etag);
	resp_status(r->resp, fresh ? 304 : 200);
	header(r, STR("etag"), d->etag);
	header(r, STR("cache-control"), d->cache_control);
	header(r, STR("vary"), d->vary);
	if (fresh)
		return 0;
	header(r, STR("content-type"), d->type);
	(void)!resp_write_blob(r->resp, d->body, 0, d->body->n);
	return 0;
}
