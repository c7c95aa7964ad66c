#include "net/spdy.h"

/* The dictionary of the SPDY/3 specification (section 2.6.10.1): words with their length in four bytes before them, then running text. */
#define W(n, text) "\0\0\0" n text
static const char dictionary[] =
	W("\x07", "options") W("\x04", "head") W("\x04", "post") W("\x03", "put") W("\x06", "delete") W("\x05", "trace") W("\x06", "accept")
	W("\x0e", "accept-charset") W("\x0f", "accept-encoding") W("\x0f", "accept-language") W("\x0d", "accept-ranges") W("\x03", "age")
	W("\x05", "allow") W("\x0d", "authorization") W("\x0d", "cache-control") W("\x0a", "connection") W("\x0c", "content-base")
	W("\x10", "content-encoding") W("\x10", "content-language") W("\x0e", "content-length") W("\x10", "content-location")
	W("\x0b", "content-md5") W("\x0d", "content-range") W("\x0c", "content-type") W("\x04", "date") W("\x04", "etag") W("\x06", "expect")
	W("\x07", "expires") W("\x04", "from") W("\x04", "host") W("\x08", "if-match") W("\x11", "if-modified-since") W("\x0d", "if-none-match")
	W("\x08", "if-range") W("\x13", "if-unmodified-since") W("\x0d", "last-modified") W("\x08", "location") W("\x0c", "max-forwards")
	W("\x06", "pragma") W("\x12", "proxy-authenticate") W("\x13", "proxy-authorization") W("\x05", "range") W("\x07", "referer")
	W("\x0b", "retry-after") W("\x06", "server") W("\x02", "te") W("\x07", "trailer") W("\x11", "transfer-encoding") W("\x07", "upgrade")
	W("\x0a", "user-agent") W("\x04", "vary") W("\x03", "via") W("\x07", "warning") W("\x10", "www-authenticate") W("\x06", "method")
	W("\x03", "get") W("\x06", "status") W("\x06", "200 OK") W("\x07", "version") W("\x08", "HTTP/1.1") W("\x03", "url") W("\x06", "public")
	W("\x0a", "set-cookie") W("\x0a", "keep-alive") W("\x06", "origin")
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
	"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found"
	"500 Internal Server Error501 Not Implemented503 Service Unavailable"
	"Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
	"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public"
	"privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
#undef W
#define DICTIONARY ((const Bytef *)dictionary), (uInt)(sizeof dictionary - 1)

int spdy_init(struct spdy *s)
{
	*s = (struct spdy){0};
	s->in_ready = inflateInit(&s->in) == Z_OK;
	s->out_ready = deflateInit(&s->out, Z_BEST_COMPRESSION) == Z_OK && deflateSetDictionary(&s->out, DICTIONARY) == Z_OK;
	return s->in_ready && s->out_ready ? 0 : -1;
}

void spdy_fini(struct spdy *s)
{
	if (s->in_ready)
		inflateEnd(&s->in);
	if (s->out_ready)
		deflateEnd(&s->out);
	*s = (struct spdy){0};
}

/* Reading */

static uint32_t u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int inflate_block(struct spdy *s, struct str in, struct buf *out)
{
	s->in.next_in = (Bytef *)in.p;
	s->in.avail_in = (uInt)in.n;
	while (s->in.avail_in) {
		char *p = buf_room(out, 4096);
		if (!p)
			return -1;
		s->in.next_out = (Bytef *)p;
		s->in.avail_out = 4096;
		int r = inflate(&s->in, Z_SYNC_FLUSH);
		if (r == Z_NEED_DICT)
			r = inflateSetDictionary(&s->in, DICTIONARY);
		out->n += 4096 - s->in.avail_out;
		if (r == Z_BUF_ERROR && s->in.avail_in == 0)
			break;
		if (r != Z_OK || out->n > SPDY_HEADERS_MAX)
			return -1;
	}
	return 0;
}

/* A length and that many bytes. */
static bool take_text(struct str *s, struct str *ret)
{
	if (s->n < 4 || u32(s->p) > s->n - 4)
		return false;
	size_t n = u32(s->p);
	*ret = str_sub(*s, 4, 4 + n);
	*s = str_sub(*s, 4 + n, s->n);
	return true;
}

static int parse_block(struct spdy *s, struct arena *a, struct str in, struct spdy_frame *f)
{
	BUF(plain);
	if (inflate_block(s, in, &plain) < 0 || plain.n < 4)
		return -1;
	struct str rest = str_dup(a, buf_view(&plain));
	if (!rest.p)
		return -1;
	uint32_t n = u32(rest.p);
	rest = str_sub(rest, 4, rest.n);
	if (n > SPDY_HEADERS_COUNT)
		return -1;
	f->headers = arena_array(a, struct spdy_header, n ? n : 1);
	if (!f->headers)
		return -1;
	for (; f->nheaders < n; f->nheaders++)
		if (!take_text(&rest, &f->headers[f->nheaders].name) || !take_text(&rest, &f->headers[f->nheaders].value))
			return -1;
	return 0;
}

/* Where the header block begins, by type. */
static int parse_control(struct spdy *s, struct arena *a, struct str body, struct spdy_frame *f)
{
	size_t fixed = f->type == SPDY_SYN_STREAM ? 10 : 4;
	if (f->type == SPDY_RST_STREAM)
		fixed = 8;
	bool known = f->type == SPDY_SYN_STREAM || f->type == SPDY_SYN_REPLY || f->type == SPDY_HEADERS || f->type == SPDY_RST_STREAM || f->type == SPDY_PING;
	if (!known)
		return 0;
	if (body.n < fixed)
		return -1;
	f->stream = f->type == SPDY_PING ? u32(body.p) : u32(body.p) & 0x7fffffff;
	if (f->type == SPDY_RST_STREAM)
		f->status = u32(body.p + 4);
	if (f->type == SPDY_RST_STREAM || f->type == SPDY_PING)
		return 0;
	return f->stream ? parse_block(s, a, str_sub(body, fixed, body.n), f) : -1;
}

ssize_t spdy_parse(struct spdy *s, struct arena *a, const char *p, size_t n, struct spdy_frame *ret)
{
	struct spdy_frame f = {0};
	if (n < 8)
		return 0;
	size_t len = u32(p + 4) & 0xffffff;
	if (len > SPDY_FRAME_MAX)
		return -1;
	if (n - 8 < len)
		return 0;
	f.flags = (uint8_t)p[4];
	if (p[0] & 0x80) {
		if ((u32(p) >> 16 & 0x7fff) != 3)
			return -1;
		f.type = (enum spdy_type)(u32(p) & 0xffff);
		if (f.type == SPDY_DATA || parse_control(s, a, str_n(p + 8, len), &f) < 0)
			return -1;
	} else {
		f.stream = u32(p);
		f.data = str_n(p + 8, len);
		if (!f.stream)
			return -1;
	}
	*ret = f;
	return (ssize_t)(8 + len);
}

struct str spdy_header(const struct spdy_frame *f, struct str name)
{
	for (uint32_t i = 0; i < f->nheaders; i++)
		if (str_eq_fold(f->headers[i].name, name))
			return f->headers[i].value;
	return (struct str){0};
}

/* Writing */

static void put_u32(struct buf *out, uint32_t v)
{
	const char p[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
	buf_put(out, p, sizeof p);
}

static void put_control(struct buf *out, enum spdy_type type, uint8_t flags, size_t n)
{
	put_u32(out, 0x80030000u | type);
	put_u32(out, (uint32_t)flags << 24 | (uint32_t)n);
}

static int deflate_block(struct spdy *s, struct str in, struct buf *out)
{
	s->out.next_in = (Bytef *)in.p;
	s->out.avail_in = (uInt)in.n;
	do {
		char *p = buf_room(out, 1024);
		if (!p)
			return -1;
		s->out.next_out = (Bytef *)p;
		s->out.avail_out = 1024;
		if (deflate(&s->out, Z_SYNC_FLUSH) != Z_OK)
			return -1;
		out->n += 1024 - s->out.avail_out;
	} while (s->out.avail_out == 0);
	return 0;
}

int spdy_put_headers(struct spdy *s, struct buf *out, enum spdy_type type, uint8_t flags, uint32_t stream, const struct spdy_header *v, uint32_t n)
{
	BUF(plain);
	BUF(packed);
	put_u32(&plain, n);
	for (uint32_t i = 0; i < n; i++) {
		put_u32(&plain, (uint32_t)v[i].name.n);
		buf_str(&plain, v[i].name);
		put_u32(&plain, (uint32_t)v[i].value.n);
		buf_str(&plain, v[i].value);
	}
	if (plain.failed || deflate_block(s, buf_view(&plain), &packed) < 0)
		return -1;
	put_control(out, type, flags, packed.n + (type == SPDY_SYN_STREAM ? 10 : 4));
	put_u32(out, stream);
	if (type == SPDY_SYN_STREAM) {
		put_u32(out, 0); /* associated stream */
		buf_put(out, "\0\0", 2); /* priority, slot */
	}
	buf_str(out, buf_view(&packed));
	return out->failed ? -1 : 0;
}

void spdy_put_data_head(struct buf *out, uint32_t stream, uint8_t flags, size_t n)
{
	put_u32(out, stream);
	put_u32(out, (uint32_t)flags << 24 | (uint32_t)n);
}

void spdy_put_reset(struct buf *out, uint32_t stream, uint32_t status)
{
	put_control(out, SPDY_RST_STREAM, 0, 8);
	put_u32(out, stream);
	put_u32(out, status);
}

void spdy_put_ping(struct buf *out, uint32_t number)
{
	put_control(out, SPDY_PING, 0, 4);
	put_u32(out, number);
}

void spdy_put_goaway(struct buf *out, uint32_t last_stream)
{
	put_control(out, SPDY_GOAWAY, 0, 8);
	put_u32(out, last_stream);
	put_u32(out, 0);
}
