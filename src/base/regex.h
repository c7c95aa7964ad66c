/* Regular expressions by RE2: linear time, no back-references.  The wrapper is the one C++ file. Thread-safe once compiled. */
#pragma once
#include "base/err.h"

struct regex;
struct regex *regex_new(struct str pattern, struct err *e); /* NULL and ERR_BAD_REQUEST when the pattern is bad */
void regex_free(struct regex *r);
/* Somewhere in s, or the whole of it. */
bool regex_find(const struct regex *r, struct str s);
bool regex_full(const struct regex *r, struct str s);
/* Capture groups of a find: up to n (group 0 is the match); returns how many there are, 0 without a match. */
int regex_groups(const struct regex *r, struct str s, struct str *groups, int n);
