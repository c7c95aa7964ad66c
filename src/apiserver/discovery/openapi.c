/* /openapi/v2 and /openapi/v3: documents unpacked while they are sent, so that none stays in memory. */
#include "apiserver/discovery/openapi.h"
#include "apiserver/discovery/impl.h"
#include <stdlib.h>
#include <zlib.h>

#define CHUNK (16u << 10)

enum form { FORM_NONE, FORM_OF_JSON, FORM_OF_PB };

/* ---- unpacking ---- */

struct unpack {
	z_stream z;
	unsigned char chunk[CHUNK];
};

static int send_chunks(struct unpack *u, struct http_resp *resp)
{
	int state = Z_OK;
	while (state == Z_OK) {
		u->z.next_out = u->chunk;
		u->z.avail_out = CHUNK;
		state = inflate(&u->z, Z_NO_FLUSH);
		if (state < 0 || resp_write(resp, u->chunk, CHUNK - u->z.avail_out) || rt_breathe())
			return -1;
	}
	return 0;
}

static void send_unpacked(struct request *r, const struct openapi_form *f)
{
	struct unpack *u = calloc(1, sizeof *u);
	if (!u || inflateInit2(&u->z, -MAX_WBITS) != Z_OK) {
		free(u);
		resp_abort(r->resp);
		return;
	}
	u->z.next_in = (unsigned char *)f->packed;
	u->z.avail_in = f->packed_n;
	if (send_chunks(u, r->resp))
		resp_abort(r->resp);
	inflateEnd(&u->z);
	free(u);
}

/* The packed bytes are gzip's but for head and tail. */
static void send_gzip(struct request *r, const struct openapi_form *f)
{
	static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255};
	uint32_t tail[2] = {f->crc32, f->n};
	resp_header(r->resp, STR("content-encoding"), STR("gzip"));
	(void)!resp_write(r->resp, head, sizeof head);
	(void)!resp_write(r->resp, f->packed, f->packed_n);
	(void)!resp_write(r->resp, tail, sizeof tail);
}

/* ---- which form ---- */

/* Both spellings of the protobuf type are asked for; the answer names the one without '@'. */
static enum form form_of(struct str type, const char *pb)
{
	struct str base;
	str_cut(type, ';', &base, &(struct str){0});
	base = str_trim(base);
	if (str_is(base, "application/json") || str_is(base, "application/*") || str_is(base, "*/*"))
		return FORM_OF_JSON;
	if (base.n != strlen(pb) || !str_has_prefix(base, str_n(pb, strlen("application/com.github.proto-openapi.spec.v2"))))
		return FORM_NONE;
	return str_has_suffix(base, STR(".v1.0+protobuf")) || str_has_suffix(base, STR("@v1.0+protobuf")) ? FORM_OF_PB : FORM_NONE;
}

static enum form choose_form(struct request *r, const char *pb)
{
	struct str rest = req_header(r->http, STR("accept")), type;
	if (!rest.n)
		return FORM_OF_JSON;
	while (str_next(&rest, ',', &type)) {
		enum form f = form_of(str_trim(type), pb);
		if (f != FORM_NONE)
			return f;
	}
	return FORM_NONE;
}

/* ---- answers ---- */

static int empty(struct request *r, int code)
{
	resp_status(r->resp, code);
	resp_header(r->resp, STR("cache-control"), STR("no-cache, private"));
	return 0;
}

#define FOREVER "public, immutable" /* a URL with the document's hash names that document only */
#define PB_V2 "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define PB_V3 "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"

struct sending {
	const struct openapi_doc *doc;
	const char *pb_type;
	bool forever;  /* the URL has the hash */
	bool packed;   /* gzip where the client takes it */
};

static int send_doc(struct request *r, const struct sending *s)
{
	enum form form = choose_form(r, s->pb_type);
	struct str etag = str_printf(r->arena, "\"%s\"", s->doc->hash);
	if (form == FORM_NONE)
		return empty(r, 406);
	resp_header(r->resp, STR("etag"), etag);
	resp_header(r->resp, STR("vary"), s->packed ? STR("Accept-Encoding") : STR("Accept"));
	if (doc_fresh(r, etag))
		return empty(r, 304);
	resp_status(r->resp, 200);
	resp_header(r->resp, STR("cache-control"), s->forever ? STR(FOREVER) : STR("no-cache, private"));
	if (s->forever)
		resp_header(r->resp, STR("expires"), STR("Fri, 01 Jan 2100 00:00:00 GMT"));
	resp_header(r->resp, STR("content-type"), form == FORM_OF_PB ? str_of(s->pb_type) : STR("application/json"));
	const struct openapi_form *f = form == FORM_OF_PB ? &s->doc->pb : &s->doc->json;
	if (s->packed && req_header_has(r->http, STR("accept-encoding"), STR("gzip")))
		send_gzip(r, f);
	else
		send_unpacked(r, f);
	return 0;
}

int openapi_v2_handle(struct request *r, struct err *e)
{
	struct sending s = {.doc = &openapi_docs[0], .pb_type = PB_V2, .packed = true};
	(void)e;
	return send_doc(r, &s);
}

static int send_index(struct request *r)
{
	BUF(out);
	buf_lit(&out, "{\"paths\":{");
	for (unsigned i = 1; i < openapi_docs_len; i++)
		buf_printf(&out, "%s\"%s\":{\"serverRelativeURL\":\"/openapi/v3/%s?hash=%s\"}", i > 1 ? "," : "", openapi_docs[i].where, openapi_docs[i].where,
			openapi_docs[i].hash);
	buf_lit(&out, "}}");
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(&out, r->arena), .content_type = TEXT_PLAIN};
	return 0;
}

static const struct openapi_doc *doc_at(struct str where)
{
	for (unsigned i = 1; i < openapi_docs_len; i++)
		if (str_is(where, openapi_docs[i].where))
			return &openapi_docs[i];
	return NULL;
}

/* A hash that is no longer the document's is sent on to the one that is. */
static int send_redirect(struct request *r, const struct openapi_doc *d)
{
	resp_header(r->resp, STR("location"), str_printf(r->arena, "/openapi/v3/%s?hash=%s", d->where, d->hash));
	resp_header(r->resp, STR("content-type"), STR("application/json"));
	return empty(r, 301);
}

int openapi_v3_handle(struct request *r, struct err *e)
{
	struct str where = str_sub(r->at.path, strlen("/openapi/v3"), r->at.path.n), hash = {0};
	(void)e;
	if (!where.n)
		return send_index(r);
	struct sending s = {.doc = doc_at(str_sub(where, 1, where.n)), .pb_type = PB_V3};
	if (!s.doc)
		return empty(r, 404);
	query_get(r, STR("hash"), &hash);
	if (hash.n && !str_is(hash, s.doc->hash))
		return choose_form(r, PB_V3) == FORM_NONE ? empty(r, 406) : send_redirect(r, s.doc);
	s.forever = hash.n > 0;
	return send_doc(r, &s);
}
