/* Private to codec: a cursor over JSON text.  The hot path only says that something is wrong; json_syntax then says what, in upstream's words. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct scan {
	const char *p, *end;
	struct arena *a; /* for strings with escapes */
	bool nomem;
};

static inline void scan_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}
/* The next character that is not white space, or 0 at the end. */
static inline char scan_peek(struct scan *s)
{
	if (s->p < s->end && (unsigned char)*s->p > ' ')
		return *s->p;
	scan_space(s);
	return s->p < s->end ? *s->p : 0;
}
static inline bool scan_char(struct scan *s, char c)
{
	if (scan_peek(s) != c)
		return false;
	s->p++;
	return true;
}
/* p at the opening quote: decoded text, pointing into the input where it has no escapes.  Invalid UTF-8 becomes U+FFFD. */
int scan_string(struct scan *s, struct str *ret) must_check;
/* p at '-' or a digit: the text of the number; *ret_int tells whether it has neither fraction nor exponent. */
int scan_number(struct scan *s, struct str *ret, bool *ret_int) must_check;
/* Passes over one value of any kind; *ret_spaced: there is white space inside it. */
int scan_skip(struct scan *s, bool *ret_spaced) must_check;
/* The compact text of the next value, pointing into the input if it is compact there. */
int scan_raw(struct scan *s, struct str *ret) must_check;
int scan_kept(struct scan *s, struct str *ret) must_check; /* the text as it is, spaces and all */
int scan_literal(struct scan *s, struct str word) must_check;
/* First '"', '\\' or control byte at or after p; *high is set when a byte before it is not ASCII. */
const char *scan_special(const char *p, const char *end, bool *high);
/* Checks a whole document; on a fault -1 and ERR_BAD_REQUEST, worded as upstream does.  prefix_only: what follows the value is not looked at. */
int json_syntax(struct str in, struct err *e);
/* Drops white space outside strings. */
struct str json_compact(struct arena *a, struct str text);
