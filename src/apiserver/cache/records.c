#include "apiserver/cache/records.h"

static bool varint(struct records *s, uint64_t *ret)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && s->p < s->end; shift += 7) {
		uint8_t c = *s->p++;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return *ret = v, true;
	}
	return false;
}

static bool skip(struct records *s, uint64_t n)
{
	if (n > (uint64_t)(s->end - s->p))
		return false;
	s->p += n;
	return true;
}

static bool payload(struct records *s, struct record *r)
{
	switch (r->wire) {
	case 0:
		return varint(s, &r->num);
	case 1:
		return skip(s, 8);
	case 5:
		return skip(s, 4);
	case 2:
		if (!varint(s, &r->num) || r->num > (uint64_t)(s->end - s->p))
			return false;
		r->bytes = str_n(s->p, r->num);
		return skip(s, r->num);
	default:
		return false;
	}
}

bool record_next(struct records *s, struct record *ret)
{
	if (s->p == s->end)
		return false;
	struct records at = *s;
	uint64_t key;
	struct record r = {.at = s->p};
	if (!varint(s, &key) || key >> 3 > UINT32_MAX)
		return *s = at, false;
	r.tag = (uint32_t)(key >> 3);
	r.wire = key & 7;
	if (!payload(s, &r))
		return *s = at, false;
	*ret = r;
	return true;
}

size_t pbvarint_size(uint64_t v)
{
	size_t n = 1;
	while (v >= 0x80)
		v >>= 7, n++;
	return n;
}

uint8_t *pbvarint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}
