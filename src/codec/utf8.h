/* Private to codec: single code points. */
#pragma once
#include "base/str.h"

/* Writes c and returns how many bytes it took. */
static inline size_t utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* Bytes of the code point at p, 0 when it is not well formed. */
static inline size_t utf8_len(const char *p, const char *end)
{
	uint8_t c = (uint8_t)*p;
	size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
	return n && (size_t)(end - p) >= n && (n == 1 || str_utf8((struct str){p, n})) ? n : 0;
}

/* Copies the code point at p, U+FFFD in place of a bad byte; returns where the next one begins. */
static inline const char *utf8_copy_one(const char *p, const char *end, char **out)
{
	size_t n = utf8_len(p, end);
	if (!n) {
		*out += utf8_put(*out, 0xFFFD);
		return p + 1;
	}
	memcpy(*out, p, n);
	*out += n;
	return p + n;
}
