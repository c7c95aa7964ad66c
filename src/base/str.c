#include "base/str.h"
#include "base/arena.h"
#include "base/rand.h"
#include <stdarg.h>
#include <stdio.h>

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : (unsigned char)c;
}

bool str_eq_fold(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	return suffix.n == 0 || (s.n >= suffix.n && memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

bool str_matches(struct str s, struct str pattern)
{
	bool open = pattern.n && pattern.p[pattern.n - 1] == '*';
	return open ? str_has_prefix(s, str_sub(pattern, 0, pattern.n - 1)) : str_eq(s, pattern);
}

ptrdiff_t str_index(struct str s, char c, size_t from)
{
	if (from >= s.n)
		return -1;
	const char *at = memchr(s.p + from, c, s.n - from);
	return at ? at - s.p : -1;
}

ptrdiff_t str_rindex(struct str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
	return at ? at - s.p : -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	if (needle.n == 0)
		return 0;
	const char *at = s.n >= needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return at ? at - s.p : -1;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return s.p ? (struct str){s.p + from, to - from} : s;
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail)
{
	ptrdiff_t at = str_index(s, sep, 0);
	*head = at < 0 ? s : (struct str){s.p, (size_t)at};
	*tail = at < 0 ? (struct str){0} : (struct str){s.p + at + 1, s.n - (size_t)at - 1};
	return at >= 0;
}

bool str_next(struct str *rest, char sep, struct str *piece)
{
	if (!rest->p)
		return false;
	str_cut(*rest, sep, piece, rest);
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(s.p[0]))
		s.p++, s.n--;
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

int str_u64(struct str s, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			return -1;
	}
	if (s.n == 0)
		return -1;
	*ret = v;
	return 0;
}

int str_i64(struct str s, int64_t *ret)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t v;
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s.p++, s.n--;
	if (str_u64(s, &v) || v > (uint64_t)INT64_MAX + negative)
		return -1;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

/* Length of the plain ASCII run at p, by whole words. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
	size_t i = 0;
	for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, p + i, sizeof word);
		if (word & 0x8080808080808080u)
			break;
	}
	return i;
}

/* Length of the sequence that the lead byte announces, and the range of its second byte, which rules out overlong forms,
 * surrogates and anything above U+10FFFF (Unicode, table 3-7). */
static size_t utf8_lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	unsigned char low, high;
	size_t len = utf8_lead(p[0], &low, &high);
	if (len > n || (len > 1 && (p[1] < low || p[1] > high)))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

size_t str_rune(struct str s)
{
	return s.n ? utf8_sequence((const unsigned char *)s.p, s.n) : 0;
}

bool str_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	for (size_t i = 0; i < s.n;) {
		i += ascii_run(p + i, s.n - i);
		size_t len = i < s.n ? utf8_sequence(p + i, s.n - i) : 1;
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

char *str_z(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_text(a, s.n + 1) : NULL;
	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return p;
}

struct str str_dup(struct arena *a, struct str s)
{
	char *p = s.p ? str_z(a, s) : NULL;
	return (struct str){p, p ? s.n : 0};
}

struct str str_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char most[256]; /* of what is printed fits: then it is formatted once */
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(most, sizeof most, fmt, again);
	va_end(again);
	char *p = n >= 0 ? arena_text(a, (size_t)n + 1) : NULL;
	if (!p)
		return (struct str){0};
	if ((size_t)n < sizeof most)
		memcpy(p, most, (size_t)n + 1);
	else
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return (struct str){p, (size_t)n};
}

struct str str_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str s = str_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

static char *append(char *to, struct str s)
{
	return s.n ? (char *)memcpy(to, s.p, s.n) + s.n : to;
}

struct str str_join(struct arena *a, const struct str *v, size_t n, struct str sep)
{
	size_t total = n ? sep.n * (n - 1) : 0;
	for (size_t i = 0; i < n; i++)
		total += v[i].n;
	char *p = arena_text(a, total + 1), *at = p;
	if (!p)
		return (struct str){0};
	for (size_t i = 0; i < n; i++)
		at = append(i ? append(at, sep) : at, v[i]);
	*at = 0;
	return (struct str){p, total};
}

bool str_eq_secret(struct str a, struct str b)
{
	volatile unsigned char diff = 0;
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= (unsigned char)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

/* Library initialisation: written before main, and by hash_seed before the first map. */
static uint64_t seed[2];

__attribute__((constructor)) static void seed_from_system(void)
{
	rand_bytes(seed, sizeof seed);
}

void hash_seed(uint64_t k0, uint64_t k1)
{
	seed[0] = k0;
	seed[1] = k1;
}

static inline uint64_t rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1], v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1], v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* One round per word and three at the end: enough against flooding, and as fast as unseeded hashes on short keys. */
uint64_t str_hash(struct str s)
{
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573};
	uint64_t word = 0;
	size_t whole = s.n & ~(size_t)7;
	for (size_t i = 0; i < whole; i += 8) {
		memcpy(&word, s.p + i, 8);
		sip_word(v, word);
	}
	word = (uint64_t)s.n << 56;
	for (size_t i = whole; i < s.n; i++)
		word |= (uint64_t)(unsigned char)s.p[i] << (8 * (i & 7));
	sip_word(v, word);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
