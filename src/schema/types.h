/* C forms of field values, as laid out by the generator.
 *
 *   kind                C form                      absent / null
 *   string              struct str                  p == NULL (with `ptr`: absent differs from present empty)
 *   bytes               struct str (decoded)        p == NULL: null
 *   bool                bool                        with `ptr`: `bool has_NAME` beside it
 *   int32 int64 uint32 uint64 float double          the C type; with `ptr`: has_NAME
 *   time, microtime     struct api_time             !set (zero); with `ptr`: has_NAME too
 *   duration            nsec_t (int64)              with `ptr`: has_NAME
 *   quantity            struct str, canonical text  p == NULL: zero ("0"); with `ptr`: NULL is absent
 *   intorstring         struct int_or_str           with `ptr`: has_NAME
 *   raw fieldsv1 json any object   struct str, JSON text (compact, as received)   p == NULL
 *   message             the struct itself; with `ptr`: a pointer, NULL when absent
 *   list                LIST(T): items, len, cap    items == NULL: null; items == LIST_EMPTY with len 0: []
 *   map                 LIST(struct {struct str key; T value;}), sorted by key, unique; null and empty as list
 *   elemPtr             elements are pointers, NULL is null
 * Inline members without a tag are flattened into the parent; with a tag they are embedded under their protobuf name.
 * C names are the JSON names; '-', '.', '$' become '_', C keywords get a trailing '_'.  Structs are `struct core_v1_Pod`. */
#pragma once
#include "base/clock.h"
#include "base/str.h"

struct api_time {
	int64_t sec; /* since 1970 */
	int32_t nsec;
	bool set;
};
struct int_or_str {
	struct str str;
	int32_t num;
	bool is_str;
};
#define LIST(T)            \
	struct {           \
		T *items;  \
		uint32_t len, cap; \
	}
struct any_list { /* what every LIST looks like to reflection */
	void *items;
	uint32_t len, cap;
};
struct str_pair {
	struct str key, value;
};
typedef LIST(struct str) str_list_t;
struct str_map { /* map[string]string */
	struct str_pair *items;
	uint32_t len, cap;
};
extern char list_empty_items[16] __attribute__((aligned(16)));
#define LIST_EMPTY ((void *)list_empty_items)
/* for (each over any LIST): LIST_EACH(c, pod->spec.containers) ... c is a pointer to the element. */
#define LIST_EACH(it, l) for (__typeof__(&*(l).items) it = (l).items, it##_end_ = (l).len ? it + (l).len : it; it < it##_end_; it++)

static inline bool str_list_has(const str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_eq(*x, s))
			return true;
	return false;
}

static inline bool api_time_zero(const struct api_time *t) { return !t->set; }
static inline struct api_time api_time_of(wall_t w)
{
	int64_t s = w / NS_S, n = w % NS_S;
	return n < 0 ? (struct api_time){s - 1, (int32_t)(n + NS_S), true} : (struct api_time){s, (int32_t)n, true};
}
/* Whole seconds, as metav1.Time is written. */
static inline struct api_time api_time_sec(wall_t w) { struct api_time t = api_time_of(w); t.nsec = 0; return t; }
static inline wall_t api_time_wall(struct api_time t) { return t.set ? t.sec * NS_S + t.nsec : 0; }
