#include "net/http1.h"
#include <ctype.h>

#define CHUNK_LINE_MAX 4096 /* chunk extensions and trailers nobody reads */

size_t h1_head_end(const char *p, size_t n, size_t *from)
{
	size_t at = *from > 3 ? *from - 3 : 0;
	while (at + 4 <= n) {
		const char *cr = memchr(p + at, '\r', n - at - 3);
		if (!cr)
			break;
		if (memcmp(cr, "\r\n\r\n", 4) == 0)
			return cr - p + 4;
		at = cr - p + 1;
	}
	*from = n;
	return 0;
}

/* Tokens of RFC 9110 section 5.6.2. */
static const bool token_char[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1,
	['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1,
};

static bool is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!token_char[(unsigned char)s.p[i]])
			return false;
	return s.n > 0;
}

static bool is_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* The next line up to CRLF; false when there is none. */
static bool next_line(struct str *rest, struct str *line)
{
	const char *cr = rest->n ? memchr(rest->p, '\r', rest->n) : NULL;
	if (!cr || (size_t)(cr - rest->p) + 2 > rest->n || cr[1] != '\n')
		return false;
	*line = str_n(rest->p, cr - rest->p);
	*rest = str_sub(*rest, line->n + 2, rest->n);
	return true;
}

static int parse_version(struct str s, int *ret_minor)
{
	if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || !isdigit((unsigned char)s.p[5]) || s.p[6] != '.' || !isdigit((unsigned char)s.p[7]))
		return 400;
	if (s.p[5] != '1')
		return 505;
	*ret_minor = s.p[7] == '0' ? 0 : 1;
	return 0;
}

static int parse_request_line(struct str line, struct h1_head *h)
{
	struct str rest, version;
	if (!str_cut(line, ' ', &h->method, &rest) || !str_cut(rest, ' ', &h->target, &version))
		return 400;
	if (!is_token(h->method) || !h->target.n || !is_text(h->target))
		return 400;
	return parse_version(version, &h->minor);
}

static int parse_status_line(struct str line, struct h1_head *h)
{
	int bad = parse_version(str_sub(line, 0, 8), &h->minor);
	uint64_t code;
	if (bad || line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' ') || str_u64(str_sub(line, 9, 12), &code) < 0 || code < 100)
		return 400;
	h->status = (int)code;
	return 0;
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_text(a, s.n);
	if (!p)
		return (struct str){0};
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return str_n(p, s.n);
}

static int parse_header(struct arena *a, struct str line, struct http_header *ret)
{
	struct str name, value;
	if (!str_cut(line, ':', &name, &value) || !is_token(name) || !is_text(value))
		return 400;
	ret->name = lower(a, name);
	ret->value = str_trim(value);
	return ret->name.p ? 0 : 431;
}

static uint32_t count_lines(struct str s)
{
	uint32_t n = 0;
	for (const char *p = s.p, *end = s.p + s.n; p < end && (p = memchr(p, '\n', end - p)); p++)
		n++;
	return n;
}

static int parse_headers(struct arena *a, struct str rest, uint32_t max, struct h1_head *h)
{
	uint32_t n = count_lines(rest);
	struct str line;
	if (n > max + 1)
		return 431;
	h->headers = arena_array(a, struct http_header, n ? n : 1);
	if (!h->headers)
		return 431;
	while (next_line(&rest, &line) && line.n) {
		int bad = parse_header(a, line, &h->headers[h->nheaders]);
		if (bad)
			return bad;
		h->nheaders++;
	}
	return rest.n ? 400 : 0;
}

int h1_head_parse(struct arena *a, struct str text, bool request, uint32_t max_headers, struct h1_head *ret)
{
	struct h1_head h = {0};
	struct str line;
	if (!next_line(&text, &line))
		return 400;
	int bad = request ? parse_request_line(line, &h) : parse_status_line(line, &h);
	if (!bad)
		bad = parse_headers(a, text, max_headers, &h);
	if (!bad)
		*ret = h;
	return bad;
}

struct str h1_header(const struct h1_head *h, struct str name)
{
	for (uint32_t i = 0; i < h->nheaders; i++)
		if (str_eq(h->headers[i].name, name))
			return h->headers[i].value;
	return (struct str){0};
}

bool http_headers_have(const struct http_header *v, uint32_t n, struct str name, struct str token)
{
	for (uint32_t i = 0; i < n; i++) {
		struct str rest = v[i].value, piece;
		if (!str_eq(v[i].name, name))
			continue;
		while (str_next(&rest, ',', &piece))
			if (str_eq_fold(str_trim(piece), token))
				return true;
	}
	return false;
}

/* Bodies */

/* 0 with *ret -1 when there is no length. */
static int content_length(const struct h1_head *h, int64_t *ret)
{
	*ret = -1;
	for (uint32_t i = 0; i < h->nheaders; i++) {
		uint64_t v;
		if (!str_eq(h->headers[i].name, STR("content-length")))
			continue;
		struct str s = h->headers[i].value;
		if (!s.n || !isdigit((unsigned char)s.p[0]) || str_u64(s, &v) < 0 || v > INT64_MAX || (*ret >= 0 && (uint64_t)*ret != v))
			return 400;
		*ret = (int64_t)v;
	}
	return 0;
}

static int transfer_encoding(const struct h1_head *h, bool *ret_chunked)
{
	int seen = 0;
	*ret_chunked = false;
	for (uint32_t i = 0; i < h->nheaders; i++) {
		if (!str_eq(h->headers[i].name, STR("transfer-encoding")))
			continue;
		if (seen++ || !str_eq_fold(h->headers[i].value, STR("chunked")))
			return 501;
		*ret_chunked = true;
	}
	return 0;
}

int h1_body_init(struct h1_body *b, const struct h1_head *h, bool request, bool head_only)
{
	int64_t length;
	bool chunked;
	*b = (struct h1_body){0};
	int bad = content_length(h, &length);
	if (!bad)
		bad = transfer_encoding(h, &chunked);
	if (bad)
		return bad;
	if (chunked && (length >= 0 || h->minor == 0))
		return 400;
	if (head_only || (!request && (h->status < 200 || h->status == 204 || h->status == 304)))
		b->done = true;
	else if (chunked)
		b->kind = H1_CHUNKED;
	else if (length >= 0)
		*b = (struct h1_body){.kind = H1_LENGTH, .left = (uint64_t)length, .done = length == 0};
	else if (request)
		b->done = true;
	else
		b->kind = H1_TO_END;
	return 0;
}

/* The chunk decoder: SIZE -> EXT -> LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ..., and after a size of 0 the trailer lines. */
enum { C_SIZE, C_EXT, C_SIZE_LF, C_DATA, C_DATA_CR, C_DATA_LF, C_TRAILER, C_TRAILER_LF, C_LINE, C_LINE_LF };

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int chunk_size_char(struct h1_body *b, char c)
{
	int digit = hex_digit(c);
	if (digit >= 0) {
		if (b->left >> 59)
			return -1;
		b->left = b->left << 4 | (uint64_t)digit;
		return 0;
	}
	if (b->line == 1 || (c != '\r' && c != ';' && c != ' ' && c != '\t'))
		return -1; /* no digit at all, or rubbish */
	b->state = c == '\r' ? C_SIZE_LF : C_EXT;
	return 0;
}

static int chunk_expect(struct h1_body *b, char c, char want, uint8_t next)
{
	b->state = next;
	b->line = 0;
	return c == want ? 0 : -1;
}

static int chunk_line_end(struct h1_body *b, char c)
{
	int r = chunk_expect(b, c, '\n', b->left ? C_DATA : C_TRAILER);
	return r;
}

static int chunk_char(struct h1_body *b, char c)
{
	if (++b->line > CHUNK_LINE_MAX)
		return -1;
	switch (b->state) {
	case C_SIZE: return chunk_size_char(b, c);
	case C_EXT: b->state = c == '\r' ? C_SIZE_LF : C_EXT; return c == '\n' ? -1 : 0;
	case C_SIZE_LF: return chunk_line_end(b, c);
	case C_DATA_CR: return chunk_expect(b, c, '\r', C_DATA_LF);
	case C_DATA_LF: return chunk_expect(b, c, '\n', C_SIZE);
	case C_TRAILER: b->state = c == '\r' ? C_TRAILER_LF : C_LINE; return c == '\n' ? -1 : 0;
	case C_LINE: b->state = c == '\r' ? C_LINE_LF : C_LINE; return c == '\n' ? -1 : 0;
	case C_LINE_LF: b->state = C_TRAILER; return c == '\n' ? 0 : -1;
	default: b->done = true; return c == '\n' ? 0 : -1;
	}
}

static size_t take(struct h1_body *b, const char *p, size_t n, struct str *ret_data)
{
	if (b->kind != H1_TO_END && n > b->left)
		n = b->left;
	*ret_data = str_n(p, n);
	if (b->kind != H1_TO_END)
		b->left -= n;
	return n;
}

static ssize_t feed_chunked(struct h1_body *b, const char *p, size_t n, struct str *ret_data)
{
	size_t i = 0;
	while (i < n && b->state != C_DATA && !b->done)
		if (chunk_char(b, p[i++]) < 0)
			return -1;
	if (b->state != C_DATA || b->done)
		return (ssize_t)i;
	i += take(b, p + i, n - i, ret_data);
	if (b->left == 0) {
		b->state = C_DATA_CR;
		b->line = 0;
	}
	return (ssize_t)i;
}

ssize_t h1_body_feed(struct h1_body *b, const char *p, size_t n, struct str *ret_data)
{
	*ret_data = (struct str){0};
	if (b->done || n == 0)
		return 0;
	if (b->kind == H1_CHUNKED)
		return feed_chunked(b, p, n, ret_data);
	size_t k = take(b, p, n, ret_data);
	b->done = b->kind == H1_LENGTH && b->left == 0;
	return (ssize_t)k;
}
