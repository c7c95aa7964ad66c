/* Private to codec: text forms of the special scalars, with upstream's wording of errors. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "schema/types.h"

#define SCALAR_TIME_MAX 40
#define SCALAR_DOUBLE_MAX 32
#define SCALAR_YEAR_1 (-62135596800) /* Go's zero time, which counts as absent */
/* RFC 3339; micro wants exactly six digits of fraction. */
int scalar_time(struct str text, bool micro, struct api_time *ret, struct err *e) must_check;
size_t scalar_put_time(char out[SCALAR_TIME_MAX], const struct api_time *t, bool micro);
int scalar_duration(struct str text, nsec_t *ret, struct err *e) must_check;
int scalar_quantity(struct arena *a, struct str text, struct str *ret, struct err *e) must_check;
int scalar_base64(struct arena *a, struct str text, struct str *ret, struct err *e) must_check;
/* The shortest text that reads back, with Go's choice of exponents in JSON. */
size_t scalar_put_double(char out[SCALAR_DOUBLE_MAX], double d, bool single);
size_t scalar_put_i64(char out[24], int64_t v);
size_t scalar_put_u64(char out[24], uint64_t v);
double scalar_double(struct str number);
/* 0, or -1 when number is no integer in [min, max]. */
int scalar_int(struct str number, int64_t min, int64_t max, int64_t *ret) must_check;
