/* Amounts such as "100m", "1.5Gi", "12e6": exact decimal arithmetic down to nano, as upstream's resource.Quantity.
 *
 * The value is v * 10^scale with -9 <= scale.  Finer digits are rounded away from zero, so that a request for something never becomes
 * nothing.  The magnitude is capped at QUANTITY_DIGITS decimal digits (upstream has no bound; nothing real comes near).
 * The canonical text has no fraction, and the largest suffix of its format that keeps the value whole. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

#define QUANTITY_DIGITS 36
#define QUANTITY_TEXT_MAX 64 /* longest canonical text */

enum quantity_format { QUANTITY_DECIMAL_SI, QUANTITY_BINARY_SI, QUANTITY_DECIMAL_EXPONENT };
struct quantity {
	__int128 v;
	int32_t scale; /* power of ten, -9 or more */
	enum quantity_format format;
};
enum quantity_error { QUANTITY_OK, QUANTITY_BAD_FORMAT, QUANTITY_BAD_SUFFIX, QUANTITY_BAD_NUMBER };
/* Upstream's wording. */
const char *quantity_error_text(enum quantity_error e);
enum quantity_error quantity_parse(struct str s, struct quantity *ret);
/* Writes the canonical text (no NUL) and returns its length. */
size_t quantity_text(const struct quantity *q, char out[QUANTITY_TEXT_MAX]);
struct str quantity_str(struct arena *a, const struct quantity *q);
/* s in canonical form: s itself when it is so already. */
enum quantity_error quantity_canonical(struct arena *a, struct str s, struct str *ret);

struct quantity quantity_int(int64_t v, enum quantity_format f);
struct quantity quantity_milli(int64_t v, enum quantity_format f);
int quantity_cmp(const struct quantity *a, const struct quantity *b);
int quantity_sign(const struct quantity *q);
/* The format of a is kept unless a is zero. */
struct quantity quantity_add(struct quantity a, struct quantity b);
struct quantity quantity_sub(struct quantity a, struct quantity b);
/* In units of 10^scale (0: whole, -3: milli), rounded away from zero, capped to the range of int64. */
int64_t quantity_scaled(const struct quantity *q, int scale);
static inline int64_t quantity_value(const struct quantity *q) { return quantity_scaled(q, 0); }
static inline int64_t quantity_milli_value(const struct quantity *q) { return quantity_scaled(q, -3); }
/* Rounded away from zero to a multiple of 10^scale; true when nothing was lost. */
bool quantity_round_up(struct quantity *q, int scale);
double quantity_double(const struct quantity *q);
/* Reading a field's text: a bad or absent one is zero (fields hold canonical text after decoding). */
struct quantity quantity_of(struct str s);
