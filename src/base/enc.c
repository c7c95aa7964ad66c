#include "base/enc.h"

/* 62 and 63 differ between the two alphabets. */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define U8(s, i) ((uint32_t)(unsigned char)(s).p[i])

static const char hex_lower[] = "0123456789abcdef", hex_upper[] = "0123456789ABCDEF";

static char *put_group(char *to, const char *alphabet, uint32_t bits, int n)
{
	for (int i = 0; i < n; i++)
		*to++ = alphabet[bits >> (18 - 6 * i) & 63];
	return to;
}

static void encode64(struct buf *out, struct str in, const char *alphabet, bool pad)
{
	char *start = in.n ? buf_room(out, in.n / 3 * 4 + 4) : NULL, *to = start;
	size_t i = 0;
	if (!start)
		return;
	for (; i + 3 <= in.n; i += 3)
		to = put_group(to, alphabet, U8(in, i) << 16 | U8(in, i + 1) << 8 | U8(in, i + 2), 4);
	size_t left = in.n - i;
	if (left)
		to = put_group(to, alphabet, U8(in, i) << 16 | (left > 1 ? U8(in, i + 1) << 8 : 0), (int)left + 1);
	for (; pad && left && left < 3; left++)
		*to++ = '=';
	out->n += (size_t)(to - start);
}

void enc_base64(struct buf *out, struct str in)
{
	encode64(out, in, LETTERS "+/", true);
}

void enc_base64url(struct buf *out, struct str in)
{
	encode64(out, in, LETTERS "-_", false);
}

static int value64(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == (url ? '-' : '+') ? 62 : c == (url ? '_' : '/') ? 63 : -1;
}

static size_t skip_breaks(struct str s, size_t i)
{
	while (i < s.n && (s.p[i] == '\n' || s.p[i] == '\r'))
		i++;
	return i;
}

/* The end of a padded text: i is behind the first '=' of a group that has n letters.  Returns where the fault is, or -1. */
static ptrdiff_t padding_fault(struct str s, size_t i, int n)
{
	if (n < 2)
		return (ptrdiff_t)i - 1;
	if (n == 2) {
		i = skip_breaks(s, i);
		if (i == s.n)
			return (ptrdiff_t)s.n;
		if (s.p[i] != '=')
			return (ptrdiff_t)i;
		i++;
	}
	i = skip_breaks(s, i);
	return i < s.n ? (ptrdiff_t)i : -1;
}

/* Writes the bytes of a group of n letters. */
static char *get_group(char *to, uint32_t bits, int n)
{
	bits <<= 6 * (4 - n);
	for (int i = 0; i < n - 1; i++)
		*to++ = (char)(bits >> (16 - 8 * i));
	return to;
}

static ptrdiff_t fault64(char **to, struct str s, bool url)
{
	uint32_t bits = 0;
	int n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		int v = value64(c, url);
		if (c == '\n' || c == '\r')
			continue;
		if (c == '=' && !url) {
			ptrdiff_t fault = padding_fault(s, i + 1, n);
			if (fault < 0)
				*to = get_group(*to, bits, n);
			return fault;
		}
		if (v < 0)
			return (ptrdiff_t)i;
		bits = bits << 6 | (uint32_t)v;
		if (++n == 4) {
			*to = get_group(*to, bits, 4);
			n = 0;
			bits = 0;
		}
	}
	if (url && n > 1)
		*to = get_group(*to, bits, n), n = 0;
	return n ? (ptrdiff_t)s.n - n : -1;
}

ptrdiff_t dec_base64_fault(char **to, struct str in) { return fault64(to, in, false); }

static int decode64(struct buf *out, struct str in, bool url)
{
	char *start = buf_room(out, in.n / 4 * 3 + 3), *to = start;
	if (!start || fault64(&to, in, url) >= 0)
		return -1;
	out->n += (size_t)(to - start);
	return 0;
}

int dec_base64(struct buf *out, struct str in)
{
	return decode64(out, in, false);
}

int dec_base64url(struct buf *out, struct str in)
{
	return decode64(out, in, true);
}

void enc_hex(struct buf *out, struct str in)
{
	char *to = in.n <= SIZE_MAX / 2 ? buf_room(out, in.n * 2) : NULL;
	if (!to)
		return;
	for (size_t i = 0; i < in.n; i++) {
		*to++ = hex_lower[U8(in, i) >> 4];
		*to++ = hex_lower[U8(in, i) & 15];
	}
	out->n += in.n * 2;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of two hex digits at i, or -1. */
static int hex_byte(struct str s, size_t i)
{
	if (i + 2 > s.n)
		return -1;
	int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

int dec_hex(struct buf *out, struct str in)
{
	char *to = buf_room(out, in.n / 2);
	if (!to || in.n % 2)
		return -1;
	for (size_t i = 0; i < in.n; i += 2) {
		int v = hex_byte(in, i);
		if (v < 0)
			return -1;
		*to++ = (char)v;
	}
	out->n += in.n / 2;
	return 0;
}

int dec_percent(struct buf *out, struct str in, bool plus)
{
	char *start = buf_room(out, in.n), *to = start;
	if (!start)
		return -1;
	for (size_t i = 0; i < in.n; i++) {
		int v = (unsigned char)in.p[i];
		if (v == '%') {
			v = hex_byte(in, i + 1);
			i += 2;
		} else if (v == '+' && plus) {
			v = ' ';
		}
		if (v < 0)
			return -1;
		*to++ = (char)v;
	}
	out->n += (size_t)(to - start);
	return 0;
}

static bool is_unreserved(char c)
{
	char l = c | 0x20;
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

void enc_percent(struct buf *out, struct str in)
{
	for (size_t i = 0; i < in.n; i++) {
		if (is_unreserved(in.p[i])) {
			buf_char(out, in.p[i]);
		} else if (in.p[i] == ' ') {
			buf_char(out, '+');
		} else {
			char text[3] = {'%', hex_upper[U8(in, i) >> 4], hex_upper[U8(in, i) & 15]};
			buf_put(out, text, sizeof text);
		}
	}
}

static uint32_t rune_value(const char *p, size_t len)
{
	static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t rune = (unsigned char)p[0] & lead[len];
	for (size_t i = 1; i < len; i++)
		rune = rune << 6 | ((unsigned char)p[i] & 0x3f);
	return rune;
}

/* Controls, formats, spaces other than U+0020, private use and noncharacters.  Go also escapes what Unicode has not assigned yet:
 * that differs from version to version and is left out. */
static bool is_printable(uint32_t r)
{
	static const struct { uint32_t from, to; } hidden[] = {
		{0x7f, 0xa0}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x890, 0x891}, {0x8e2, 0x8e2},
		{0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000}, {0xd800, 0xf8ff},
		{0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
	};
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (r >= hidden[i].from && r <= hidden[i].to)
			return false;
	return r >= ' ';
}

static void quote_byte(struct buf *out, unsigned char c)
{
	static const char named[] = {['\a'] = 'a', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v'};
	if (c < sizeof named && named[c])
		buf_printf(out, "\\%c", named[c]);
	else if (c == '"' || c == '\\')
		buf_printf(out, "\\%c", c);
	else if (c >= ' ' && c < 0x7f)
		buf_char(out, (char)c);
	else
		buf_printf(out, "\\x%02x", c);
}

/* Returns how many bytes of s it has dealt with. */
static size_t quote_rune(struct buf *out, struct str s)
{
	size_t len = str_rune(s);
	if (len <= 1) {
		quote_byte(out, (unsigned char)s.p[0]);
		return 1;
	}
	uint32_t rune = rune_value(s.p, len);
	if (is_printable(rune))
		buf_put(out, s.p, len);
	else
		buf_printf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
	return len;
}

void enc_quote(struct buf *out, struct str in)
{
	buf_char(out, '"');
	while (in.n)
		in = str_sub(in, quote_rune(out, in), in.n);
	buf_char(out, '"');
}

void enc_uuid(char out[37], const uint8_t bytes[16])
{
	uint8_t b[16];
	memcpy(b, bytes, sizeof b);
	b[6] = (b[6] & 0x0f) | 0x40; /* version 4: random */
	b[8] = (b[8] & 0x3f) | 0x80; /* the variant of RFC 4122 */
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex_lower[b[i] >> 4];
		*out++ = hex_lower[b[i] & 15];
	}
	*out = 0;
}

#define FNV32_BASIS 2166136261u
#define FNV32_PRIME 16777619u
#define FNV64_BASIS 14695981039346656037u
#define FNV64_PRIME 1099511628211u

uint32_t hash_fnv32a(struct str in)
{
	uint32_t h = FNV32_BASIS;
	for (size_t i = 0; i < in.n; i++)
		h = (h ^ U8(in, i)) * FNV32_PRIME;
	return h;
}

uint32_t hash_fnv32(struct str in)
{
	uint32_t h = FNV32_BASIS;
	for (size_t i = 0; i < in.n; i++)
		h = h * FNV32_PRIME ^ U8(in, i);
	return h;
}

uint64_t hash_fnv64a(struct str in)
{
	uint64_t h = FNV64_BASIS;
	for (size_t i = 0; i < in.n; i++)
		h = (h ^ U8(in, i)) * FNV64_PRIME;
	return h;
}

void enc_safe(struct buf *out, struct str in)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	for (size_t i = 0; i < in.n; i++)
		buf_char(out, alphabet[U8(in, i) % (sizeof alphabet - 1)]);
}
