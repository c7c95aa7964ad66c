/* HTTP/1.1 messages (RFC 9112) as bytes in, structure out; no I/O.  Private to net/: servers, clients and the fuzzer use it.
 * What could be read in two ways (both lengths, folded lines, bare CR or LF inside, doubled lengths) is refused: that is how requests are smuggled. */
#pragma once
#include "net/http.h"

struct h1_head {
	struct str method, target; /* requests */
	int status;                /* responses */
	int minor;
	struct http_header *headers;
	uint32_t nheaders;
};
/* Bytes up to and with the empty line, 0 while incomplete.  from: where an earlier search ended. */
size_t h1_head_end(const char *p, size_t n, size_t *from);
/* text is a whole head; names are lower-cased copies in the arena, values point into text.  0, or the HTTP code of the refusal (400, 431, 505). */
int h1_head_parse(struct arena *a, struct str text, bool request, uint32_t max_headers, struct h1_head *ret) must_check;
struct str h1_header(const struct h1_head *h, struct str name);
/* Some comma-separated value of the header has the token. */
bool http_headers_have(const struct http_header *v, uint32_t n, struct str name, struct str token);

enum h1_body_kind { H1_NONE, H1_LENGTH, H1_CHUNKED, H1_TO_END };
struct h1_body {
	enum h1_body_kind kind;
	uint64_t left;  /* of the body or the chunk */
	uint8_t state;  /* of the chunk decoder */
	uint16_t line;  /* bytes of the present chunk line or trailer */
	bool done;
};
/* 0, or 400 / 501 when the framing is not to be trusted.  head_only: answers to HEAD. */
int h1_body_init(struct h1_body *b, const struct h1_head *h, bool request, bool head_only) must_check;
/* Takes from p up to n bytes; *ret_data is the piece of body found (points into p, maybe empty).  Bytes taken, or -1 on bad chunking.  Call until it takes 0. */
ssize_t h1_body_feed(struct h1_body *b, const char *p, size_t n, struct str *ret_data) must_check;
