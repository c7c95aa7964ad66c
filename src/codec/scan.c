#include "codec/scan.h"
#include "codec/json.h"
#include "codec/utf8.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const char *scan_special(const char *p, const char *end, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	for (; end - p >= 16; p += 16) {
		__m128i b = _mm_loadu_si128((const __m128i *)p);
		__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(b, quote), _mm_cmpeq_epi8(b, slash)),
			_mm_cmpeq_epi8(_mm_min_epu8(b, control), b));
		unsigned at = (unsigned)_mm_movemask_epi8(hit), top = (unsigned)_mm_movemask_epi8(b);
		if (at) {
			unsigned n = (unsigned)__builtin_ctz(at);
			*high |= (top & ((1u << n) - 1)) != 0;
			return p + n;
		}
		*high |= top != 0;
	}
#endif
	for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
		*high |= (unsigned char)*p >= 0x80;
	return p;
}

static int hex4(const char *p)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* p behind "\u": a code point, surrogate pairs joined, half ones U+FFFD. */
static const char *unicode_escape(const char *p, const char *end, char **out)
{
	int c = end - p >= 4 ? hex4(p) : -1;
	if (c < 0)
		return NULL;
	p += 4;
	if (c >= 0xD800 && c < 0xE000) {
		int low = c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
		bool pair = low >= 0xDC00 && low < 0xE000;
		c = pair ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
		p += pair ? 6 : 0;
	}
	*out += utf8_put(*out, (uint32_t)c);
	return p;
}

/* p at the backslash. */
static const char *unescape_one(const char *p, const char *end, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (end - p < 2)
		return NULL;
	if (p[1] == 'u')
		return unicode_escape(p + 2, end, out);
	const char *at = p[1] == '"' ? from : p[1] ? strchr(from, p[1]) : NULL;
	if (!at)
		return NULL;
	*(*out)++ = to[at - from];
	return p + 2;
}

/* Closing quote of a string that has escapes or foreign bytes; NULL when there is none. */
static const char *closing_quote(const char *p, const char *end)
{
	bool high = false;
	while ((p = scan_special(p, end, &high)) < end && *p == '\\')
		if ((p += 2) > end)
			return NULL;
	return p < end && *p == '"' ? p : NULL;
}

static int unescape(struct scan *s, const char *p, struct str *ret)
{
	const char *close = closing_quote(p, s->end);
	/* A foreign byte grows to three, everything else shrinks. */
	size_t room = close ? 3 * (size_t)(close - p) + 1 : 0;
	char *text = close ? arena_text(s->a, room) : NULL, *out = text;
	if (close && !text)
		s->nomem = true;
	if (!text)
		return -1;
	while (p < close) {
		if (*p == '\\')
			p = unescape_one(p, close, &out);
		else if ((unsigned char)*p < 0x80)
			*out++ = *p++;
		else
			p = utf8_copy_one(p, close, &out);
		if (!p)
			return -1;
	}
	*ret = (struct str){text, (size_t)(out - text)};
	s->p = close + 1;
	return 0;
}

int scan_string(struct scan *s, struct str *ret)
{
	bool high = false;
	const char *p = s->p + 1, *q = scan_special(p, s->end, &high);
	if (q >= s->end)
		return -1;
	if (*q == '"' && (!high || str_utf8(str_n(p, (size_t)(q - p))))) {
		*ret = (struct str){p, (size_t)(q - p)};
		s->p = q + 1;
		return 0;
	}
	return *q == '"' || *q == '\\' ? unescape(s, p, ret) : -1;
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

int scan_number(struct scan *s, struct str *ret, bool *ret_int)
{
	const char *p = s->p, *start = p, *end = s->end, *q;
	if (p < end && *p == '-')
		p++;
	q = digits(p, end);
	if (q == p || (*p == '0' && q > p + 1))
		return -1;
	p = q;
	*ret_int = true;
	if (p < end && *p == '.') {
		*ret_int = false;
		q = digits(++p, end);
		if (q == p)
			return -1;
		p = q;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*ret_int = false;
		p++;
		p += p < end && (*p == '+' || *p == '-');
		q = digits(p, end);
		if (q == p)
			return -1;
		p = q;
	}
	*ret = (struct str){start, (size_t)(p - start)};
	s->p = p;
	return 0;
}

int scan_literal(struct scan *s, struct str word)
{
	if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0)
		return -1;
	s->p += word.n;
	return 0;
}

/* Passes over a string and checks its escapes. */
static int skip_string(struct scan *s)
{
	bool high = false;
	const char *p = s->p + 1;
	for (;;) {
		p = scan_special(p, s->end, &high);
		if (p >= s->end || (*p != '"' && *p != '\\'))
			return -1;
		if (*p == '"')
			break;
		if (s->end - p < 2 || !p[1] || !strchr("\"\\/bfnrtu", p[1]) || (p[1] == 'u' && (s->end - p < 6 || hex4(p + 2) < 0)))
			return -1;
		p += 2;
	}
	s->p = p + 1;
	return 0;
}

static int skip_scalar(struct scan *s, char c)
{
	struct str number;
	bool whole;
	switch (c) {
	case '"': return skip_string(s);
	case 't': return scan_literal(s, STR("true"));
	case 'f': return scan_literal(s, STR("false"));
	case 'n': return scan_literal(s, STR("null"));
	default: return scan_number(s, &number, &whole);
	}
}

/* Open brackets, one bit each: set for objects. */
struct nest {
	uint64_t bits[(JSON_DEPTH_MAX + 63) / 64];
	unsigned depth;
};

static bool nest_is_object(const struct nest *n) { return n->bits[(n->depth - 1) / 64] >> ((n->depth - 1) % 64) & 1; }

static int nest_open(struct nest *n, bool object)
{
	if (n->depth >= JSON_DEPTH_MAX)
		return -1;
	uint64_t bit = (uint64_t)1 << (n->depth % 64);
	n->bits[n->depth / 64] = object ? n->bits[n->depth / 64] | bit : n->bits[n->depth / 64] & ~bit;
	n->depth++;
	return 0;
}

static bool skip_space(struct scan *s)
{
	const char *before = s->p;
	scan_space(s);
	return s->p != before;
}

/* A member name and its colon. */
static int skip_key(struct scan *s, bool *spaced)
{
	if (s->p >= s->end || *s->p != '"' || skip_string(s) != 0)
		return -1;
	*spaced |= skip_space(s);
	if (s->p >= s->end || *s->p++ != ':')
		return -1;
	*spaced |= skip_space(s);
	return 0;
}

/* After a value: closes brackets and passes a comma; 1 when the outermost value is complete. */
static int skip_after(struct scan *s, struct nest *n, bool *spaced)
{
	while (n->depth) {
		*spaced |= skip_space(s);
		if (s->p >= s->end)
			return -1;
		char c = *s->p++;
		if (c == ',') {
			*spaced |= skip_space(s);
			return nest_is_object(n) ? skip_key(s, spaced) : 0;
		}
		if (c != (nest_is_object(n) ? '}' : ']'))
			return -1;
		n->depth--;
	}
	return 1;
}

/* p behind an opening bracket; 1 when it is closed at once. */
static int skip_open(struct scan *s, struct nest *n, bool object, bool *spaced)
{
	if (nest_open(n, object) != 0)
		return -1;
	*spaced |= skip_space(s);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		n->depth--;
		return 1;
	}
	return object ? skip_key(s, spaced) : 0;
}

static int skip_nested(struct scan *s, struct nest *n, bool *spaced)
{
	for (;;) {
		int r = 1;
		char c = s->p < s->end ? *s->p : 0;
		if (c == '{' || c == '[') {
			s->p++;
			r = skip_open(s, n, c == '{', spaced);
		} else if (skip_scalar(s, c) != 0) {
			return -1;
		}
		if (r == 1)
			r = skip_after(s, n, spaced);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
}

int scan_skip(struct scan *s, bool *ret_spaced)
{
	bool spaced = false;
	char c = scan_peek(s);
	if (ret_spaced)
		*ret_spaced = false;
	if (c != '{' && c != '[')
		return skip_scalar(s, c);
	struct nest n;
	n.depth = 0;
	int r = skip_nested(s, &n, &spaced);
	if (ret_spaced)
		*ret_spaced = spaced;
	return r;
}

/* Copies text without the white space outside strings; returns the new end. */
static char *squeeze(char *out, struct str text)
{
	bool in_string = false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (in_string) {
			*out++ = c;
			if (c == '\\' && i + 1 < text.n)
				*out++ = text.p[++i];
			in_string = c != '"';
		} else if ((unsigned char)c > ' ') {
			*out++ = c;
			in_string = c == '"';
		}
	}
	return out;
}

struct str json_compact(struct arena *a, struct str text)
{
	char *p = arena_text(a, text.n + 1);
	return p ? (struct str){p, (size_t)(squeeze(p, text) - p)} : (struct str){0};
}

int scan_kept(struct scan *s, struct str *ret)
{
	bool spaced;
	scan_space(s);
	const char *start = s->p;
	if (scan_skip(s, &spaced) != 0)
		return -1;
	*ret = (struct str){start, (size_t)(s->p - start)};
	return 0;
}

int scan_raw(struct scan *s, struct str *ret)
{
	bool spaced;
	scan_space(s);
	const char *start = s->p;
	if (scan_skip(s, &spaced) != 0)
		return -1;
	struct str text = {start, (size_t)(s->p - start)};
	*ret = spaced ? json_compact(s->a, text) : text;
	s->nomem |= !ret->p;
	return ret->p ? 0 : -1;
}
