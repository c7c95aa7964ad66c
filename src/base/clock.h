/* Two kinds of time, never mixed.  Values only: the clocks are read through rt (rt_now, rt_wall), so that the simulator can turn them. */
#pragma once
#include "base/str.h"
#include <stdint.h>

typedef int64_t mono_t;  /* ns on the monotonic clock */
typedef int64_t wall_t;  /* ns since 1970, UTC */
typedef int64_t nsec_t;  /* a span */

#define NS_US ((nsec_t)1000)
#define NS_MS ((nsec_t)1000000)
#define NS_S ((nsec_t)1000000000)
#define NS_MIN (60 * NS_S)
#define NS_HOUR (60 * NS_MIN)
#define MONO_NEVER INT64_MAX

struct buf;
/* Seconds and nanoseconds since 1970 as RFC 3339 in UTC; digits of the fraction 0 to 9, or -1 for as many as needed. */
void time_rfc3339(struct buf *out, int64_t sec, int32_t nsec, int digits);
/* RFC 3339 with any offset and up to nine digits; -1 if s is not one. */
int time_parse_rfc3339(struct str s, int64_t *ret_sec, int32_t *ret_nsec);
/* Civil date of a Unix time, UTC.  month, day and yearday count from 1; weekday 0 is Sunday. */
struct civil { int year, month, day, hour, minute, second, weekday, yearday; };
struct civil time_civil(int64_t sec);
int64_t time_unix(int year, int month, int day, int hour, int minute, int second);
/* Go's duration texts: "1h2m3.5s", "-1.5s", "300ms", "0s". */
void duration_put(struct buf *out, nsec_t d);
int duration_parse(struct str s, nsec_t *ret);
