/* Private to codec: a writer into a struct buf that keeps its place in two pointers.  When the buffer fails, what is written goes nowhere. */
#pragma once
#include "base/buf.h"

#define OUT_STEP 512 /* least room asked for at once */
struct out {
	char *p, *end;
	struct buf *b;
	char sink[OUT_STEP];
};
static inline void out_begin(struct out *o, struct buf *b)
{
	o->b = b;
	o->p = o->end = b->p;
	if (b->p) {
		o->p += b->n;
		o->end += b->cap;
	}
}
/* Back to the buffer. */
void out_end(struct out *o);
void out_grow(struct out *o, size_t n);
/* Room for n <= OUT_STEP bytes at o->p. */
static inline void out_need(struct out *o, size_t n)
{
	if (__builtin_expect((size_t)(o->end - o->p) < n, 0))
		out_grow(o, n);
}
static inline void out_char(struct out *o, char c)
{
	out_need(o, 1);
	*o->p++ = c;
}
void out_put(struct out *o, const char *p, size_t n);
static inline void out_str(struct out *o, struct str s) { out_put(o, s.p, s.n); }
static inline void out_short(struct out *o, const char *p, size_t n)
{
	out_need(o, n);
	memcpy(o->p, p, n);
	o->p += n;
}
#define out_lit(o, lit) out_short((o), "" lit, sizeof(lit) - 1)
/* A JSON string with quotes and upstream's escapes. */
void out_json_string(struct out *o, struct str s);
/* JSON text whose strings get the escapes that upstream's encoder adds (<, >, &, U+2028, U+2029). */
void out_json_raw(struct out *o, struct str json);
/* The inside of a JSON string with no escapes but those that JSON asks for. */
void out_json_least(struct out *o, struct str s);
void out_base64(struct out *o, struct str bytes);
