#include "net/ws_frame.h"
#include <string.h>

static uint64_t big(const unsigned char *p, int n)
{
	uint64_t v = 0;
	for (int i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static bool lawful(const struct ws_frame *f, unsigned reserved, bool masked)
{
	bool control = f->op & 8;
	if (reserved || f->masked != masked || (f->op > 2 && f->op < 8) || f->op > 10)
		return false;
	return !control || (f->fin && f->n <= 125);
}

ssize_t ws_frame_parse(const char *text, size_t n, bool masked, struct ws_frame *ret)
{
	const unsigned char *p = (const unsigned char *)text;
	if (n < 2)
		return 0;
	struct ws_frame f = {.fin = p[0] & 0x80, .op = p[0] & 15, .masked = p[1] & 0x80, .n = p[1] & 0x7f};
	int extra = f.n == 127 ? 8 : f.n == 126 ? 2 : 0;
	size_t head = 2 + extra + (f.masked ? 4 : 0);
	if (!lawful(&f, p[0] & 0x70, masked))
		return -1;
	if (n < head)
		return 0;
	if (extra)
		f.n = big(p + 2, extra);
	if (f.n >> 63)
		return -1;
	if (f.masked)
		memcpy(f.mask, p + 2 + extra, 4);
	*ret = f;
	return (ssize_t)head;
}

size_t ws_frame_head(char out[WS_HEAD_MAX], const struct ws_frame *f)
{
	int extra = f->n > 65535 ? 8 : f->n > 125 ? 2 : 0;
	size_t at = 2;
	out[0] = (char)((f->fin ? 0x80 : 0) | f->op);
	out[1] = (char)((f->masked ? 0x80 : 0) | (extra == 8 ? 127 : extra == 2 ? 126 : (int)f->n));
	for (int i = extra - 1; i >= 0; i--)
		out[at++] = (char)(f->n >> (8 * i));
	if (f->masked) {
		memcpy(out + at, f->mask, 4);
		at += 4;
	}
	return at;
}

void ws_mask(char *p, size_t n, const uint8_t mask[4], size_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= (char)mask[(at + i) & 3];
}
