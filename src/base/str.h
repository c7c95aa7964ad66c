/* Strings by pointer and length.
 *
 * A struct str never owns its bytes: who made them says how long they live (an arena, an object, a literal).
 * {NULL, 0} is the absent string, {non-NULL, 0} the present empty one; str_eq treats both as empty.
 * Nothing here is NUL-terminated unless it says so.  All functions are pure and may be called from any thread. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})
#define STR_INIT(lit) {"" lit, sizeof(lit) - 1}
/* For printf-like calls: printf("%.*s", STR_F(s)). */
#define STR_F(s) (int)(s).n, (s).p

static inline struct str str_of(const char *z) { return (struct str){z, z ? strlen(z) : 0}; }
static inline struct str str_n(const void *p, size_t n) { return (struct str){(const char *)p, n}; }
static inline bool str_eq(struct str a, struct str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool str_is(struct str a, const char *z) { return a.n == strlen(z) && (a.n == 0 || memcmp(a.p, z, a.n) == 0); }

/* Byte order, as Go's sort.Strings. */
int str_cmp(struct str a, struct str b);
/* ASCII case is folded; other bytes compare as they are. */
bool str_eq_fold(struct str a, struct str b);
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
bool str_matches(struct str s, struct str pattern); /* equal; a '*' at the end of the pattern stands for anything */
/* Index of the first c at or after from, or -1. */
ptrdiff_t str_index(struct str s, char c, size_t from);
ptrdiff_t str_rindex(struct str s, char c);
ptrdiff_t str_find(struct str s, struct str needle);
/* The part [from, to), clamped to s. */
struct str str_sub(struct str s, size_t from, size_t to);
/* Cuts s at the first sep: *head is before it, *tail after it.  Without a sep *head is s, *tail absent, and false is returned.
 * head or tail may alias s. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
/* The next piece of *rest up to sep; false when *rest is used up.  "a,,b" gives a, "", b; "" gives one empty piece if rest->p is set. */
bool str_next(struct str *rest, char sep, struct str *piece);
/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Whole string as a decimal number; -1 with *ret untouched when it is not one or does not fit. */
int str_i64(struct str s, int64_t *ret);
int str_u64(struct str s, uint64_t *ret);
/* True for well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_utf8(struct str s);
/* Length of the well-formed UTF-8 sequence that s begins with; 0 if there is none. */
size_t str_rune(struct str s);
/* Copies into the arena; str_dup keeps absent absent.  str_z is NUL-terminated. */
struct str str_dup(struct arena *a, struct str s);
char *str_z(struct arena *a, struct str s);
struct str str_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str str_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Joins n strings with sep. */
struct str str_join(struct arena *a, const struct str *v, size_t n, struct str sep);
/* Compares secrets in time that depends on the lengths only. */
bool str_eq_secret(struct str a, struct str b);
/* Seeded SipHash-1-3; the seed is process-wide random, or fixed by hash_seed() (simulator, before the first map). */
uint64_t str_hash(struct str s);
void hash_seed(uint64_t k0, uint64_t k1);
