#include "codec/out.h"
#include "codec/utf8.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool in_sink(const struct out *o) { return o->end == o->sink + sizeof o->sink; }

void out_end(struct out *o)
{
	if (!in_sink(o) && o->p)
		o->b->n = (size_t)(o->p - o->b->p);
}

void out_grow(struct out *o, size_t n)
{
	if (!in_sink(o)) {
		o->b->n = (size_t)(o->p - o->b->p);
		/* A bounded buffer is asked for no more than there is to write. */
		if (buf_room(o->b, n < OUT_STEP && !o->b->max ? OUT_STEP : n)) {
			out_begin(o, o->b);
			return;
		}
		o->end = o->sink + sizeof o->sink;
	}
	o->p = o->sink;
}

void out_put(struct out *o, const char *p, size_t n)
{
	while (n > OUT_STEP) {
		out_need(o, OUT_STEP);
		memcpy(o->p, p, OUT_STEP);
		o->p += OUT_STEP;
		p += OUT_STEP;
		n -= OUT_STEP;
	}
	out_need(o, n);
	if (n)
		memcpy(o->p, p, n);
	o->p += n;
}

/* Which bytes cannot be copied as they are: all that is not ASCII, and */
enum odd {
	ODD_HTML = 1,  /* the three of HTML */
	ODD_STRING = 2 /* controls, quote and backslash */
};
static inline bool plain(unsigned char c, unsigned odd)
{
	if (odd & ODD_HTML && (c == '<' || c == '>' || c == '&'))
		return false;
	return c < 0x80 && !(odd & ODD_STRING && (c < 0x20 || c == '"' || c == '\\'));
}

#ifdef __SSE2__
/* Bit i is set when byte i is not plain. */
static inline unsigned odd_bytes(__m128i b, unsigned odd)
{
	__m128i hit = b; /* those with the top bit */
	if (odd & ODD_HTML) {
		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('<')), _mm_cmpeq_epi8(b, _mm_set1_epi8('>'))));
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(b, _mm_set1_epi8('&')));
	}
	if (odd & ODD_STRING) {
		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('"')), _mm_cmpeq_epi8(b, _mm_set1_epi8('\\'))));
		hit = _mm_or_si128(hit, _mm_cmplt_epi8(b, _mm_set1_epi8(0x20)));
	}
	return (unsigned)_mm_movemask_epi8(hit);
}

/* 4 to 15 plain bytes as two halves that overlap; false: some are not plain, and nothing is done. */
static inline bool copy_short(struct out *o, const char *p, size_t n, unsigned odd)
{
	uint64_t lo, hi;
	uint32_t a, b;
	if (n >= 8) {
		memcpy(&lo, p, 8);
		memcpy(&hi, p + n - 8, 8);
	} else {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
		lo = hi = a | (uint64_t)b << 32;
	}
	if (odd_bytes(_mm_set_epi64x((int64_t)hi, (int64_t)lo), odd))
		return false;
	out_need(o, 16);
	memcpy(o->p, &lo, 8);
	if (n >= 8)
		memcpy(o->p + n - 8, &hi, 8);
	else
		memcpy(o->p + n - 4, &b, 4);
	o->p += n;
	return true;
}
#endif

/* Copies plain bytes; returns the first that is not, or end. */
static inline const char *copy_plain(struct out *o, const char *p, const char *end, unsigned odd)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		out_need(o, 16);
		__m128i b = _mm_loadu_si128((const __m128i *)p);
		unsigned hit = odd_bytes(b, odd);
		_mm_storeu_si128((__m128i *)o->p, b);
		unsigned n = hit ? (unsigned)__builtin_ctz(hit) : 16;
		o->p += n;
		p += n;
		if (hit)
			return p;
	}
	if (end - p >= 4 && copy_short(o, p, (size_t)(end - p), odd))
		return end;
#endif
	while (p < end && plain((unsigned char)*p, odd)) {
		out_need(o, 16);
		char *to = o->p, *stop = to + 16;
		while (to < stop && p < end && plain((unsigned char)*p, odd))
			*to++ = *p++;
		o->p = to;
	}
	return p;
}

static void put_unicode(struct out *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	out_short(o, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static void put_escape(struct out *o, unsigned char c)
{
	static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = c ? strchr(special, c) : NULL;
	if (at)
		out_short(o, (const char[]){'\\', letters[at - special]}, 2);
	else
		put_unicode(o, c);
}

/* One code point outside ASCII. */
static const char *put_foreign(struct out *o, const char *p, const char *end)
{
	size_t n = utf8_len(p, end);
	if (!n) {
		out_lit(o, "\\ufffd");
		return p + 1;
	}
	bool separator = n == 3 && p[0] == '\xe2' && p[1] == '\x80' && (p[2] == '\xa8' || p[2] == '\xa9');
	if (separator)
		out_put(o, p[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
	else
		out_put(o, p, n);
	return p + n;
}

void out_json_string(struct out *o, struct str s)
{
	const char *p = s.n ? s.p : "", *end = p + s.n;
	out_char(o, '"');
	while ((p = copy_plain(o, p, end, ODD_HTML | ODD_STRING)) < end) {
		if ((unsigned char)*p < 0x80)
			put_escape(o, (unsigned char)*p++);
		else
			p = put_foreign(o, p, end);
	}
	out_char(o, '"');
}

void out_json_raw(struct out *o, struct str json)
{
	const char *p = json.p, *end = json.p + json.n;
	while ((p = copy_plain(o, p, end, ODD_HTML)) < end) {
		if (*p == '<' || *p == '>' || *p == '&')
			put_escape(o, (unsigned char)*p++);
		else
			p = put_foreign(o, p, end);
	}
}

void out_json_least(struct out *o, struct str s)
{
	const char *p = s.p, *end = p + s.n;
	while ((p = copy_plain(o, p, end, ODD_STRING)) < end) {
		if ((unsigned char)*p < 0x20) {
			put_unicode(o, (unsigned char)*p++);
			continue;
		}
		if ((unsigned char)*p < 0x80)
			out_char(o, '\\');
		out_char(o, *p++);
	}
}

static void put_base64_group(char out[4], const uint8_t in[3])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	out[0] = digits[in[0] >> 2];
	out[1] = digits[(in[0] & 3) << 4 | in[1] >> 4];
	out[2] = digits[(in[1] & 15) << 2 | in[2] >> 6];
	out[3] = digits[in[2] & 63];
}

void out_base64(struct out *o, struct str bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	size_t n = bytes.n;
	for (; n >= 3; p += 3, n -= 3) {
		out_need(o, 4);
		put_base64_group(o->p, p);
		o->p += 4;
	}
	if (!n)
		return;
	uint8_t last[3] = {p[0], n > 1 ? p[1] : 0, 0};
	out_need(o, 4);
	put_base64_group(o->p, last);
	o->p[3] = '=';
	if (n == 1)
		o->p[2] = '=';
	o->p += 4;
}
