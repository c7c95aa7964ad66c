/* Rules as data: a table of rows, each a member and what must hold for it, walked over an object through its descriptor.
 *
 * A row's field is a JSON path from the object that the table is for ("spec.ports"; no list indexes: rules of elements stand in a table of their
 * own, named by EACH).  Members that are absent satisfy all but the NEED rules and CALL_ALWAYS.  Rows are checked in their order, elements in theirs,
 * so that causes come out as upstream's.  END closes a table.  What a row cannot say is code: CALL gets the member, WITH the object. */
#pragma once
#include "apiserver/registry/validate/field.h"

enum rule_op {
	RULE_END, RULE_NEED, RULE_ENUM, RULE_ENUM_NEED, RULE_ENUM_ALWAYS, RULE_MIN, RULE_RANGE, RULE_FORMAT, RULE_FORMAT_NEED, RULE_FORMAT_ALWAYS, RULE_MESSAGE, RULE_EACH,
	RULE_KEYS, RULE_SET, RULE_LABELS, RULE_SELECTOR, RULE_IP, RULE_PORT, RULE_QUANTITY, RULE_MANY, RULE_LONG, RULE_FORBID, RULE_CALL, RULE_CALL_ALWAYS,
	RULE_WITH, RULE_SAME, RULE_FROZEN
};
typedef struct wrong rule_format(struct str s);
/* value: the member (a message: itself), NULL when absent. */
typedef void rule_call(struct check *k, struct str path, const void *value);
struct rule {
	const char *field;
	enum rule_op op;
	const char *why;            /* text of the cause, or NULL */
	const char *const *choices;
	const struct rule *sub;
	const char *key;            /* of elements */
	rule_format *format;
	rule_call *call;
	int64_t min, max;
};
#define CHOICES(...) (const char *const[]){__VA_ARGS__, NULL}
#define END {.op = RULE_END}
#define NEED(f) {f, RULE_NEED}
#define NEED_WHY(f, w) {f, RULE_NEED, .why = w}
#define ENUM(f, ...) {f, RULE_ENUM, .choices = CHOICES(__VA_ARGS__)}                 /* "" is fine */
#define ENUM_NEED(f, ...) {f, RULE_ENUM_NEED, .choices = CHOICES(__VA_ARGS__)}       /* "" is required */
#define ENUM_ALWAYS(f, ...) {f, RULE_ENUM_ALWAYS, .choices = CHOICES(__VA_ARGS__)}   /* "" is unsupported */
#define NOT_NEG(f) {f, RULE_MIN, .min = 0, .why = NOT_NEGATIVE}
#define AT_LEAST(f, n, w) {f, RULE_MIN, .min = n, .why = w}
#define RANGE(f, lo, hi, w) {f, RULE_RANGE, .min = lo, .max = hi, .why = w}
#define FORMAT(f, fn) {f, RULE_FORMAT, .format = fn}                                 /* strings and lists of them; "" is fine */
#define FORMAT_NEED(f, fn) {f, RULE_FORMAT_NEED, .format = fn}
#define FORMAT_ALWAYS(f, fn) {f, RULE_FORMAT_ALWAYS, .format = fn}                   /* "" is checked, too */
#define SUB(f, t) {f, RULE_MESSAGE, .sub = t}
#define EACH(f, t) {f, RULE_EACH, .sub = t}
#define KEYS(f, k) {f, RULE_KEYS, .key = k}                                          /* the member k differs among elements; "" is no key */
#define SET(f) {f, RULE_SET}
#define LABELS(f) {f, RULE_LABELS}
#define SELECTOR(f) {f, RULE_SELECTOR}
#define IP(f) {f, RULE_IP}
#define PORT(f) {f, RULE_PORT}
#define QUANTITY(f) {f, RULE_QUANTITY}                                               /* not negative; also of a map */
#define MANY(f, n) {f, RULE_MANY, .max = n}
#define LONG(f, n) {f, RULE_LONG, .max = n}
#define FORBID(f, w) {f, RULE_FORBID, .why = w}                                      /* must be empty */
#define CALL(f, fn) {f, RULE_CALL, .call = fn}
#define CALL_ALWAYS(f, fn) {f, RULE_CALL_ALWAYS, .call = fn}
#define WITH(fn) {"", RULE_WITH, .call = fn}
/* Of updates (check_changes). */
#define SAME(f) {f, RULE_SAME}                                                       /* Invalid: field is immutable */
#define FROZEN(f, w) {f, RULE_FROZEN, .why = w}                                      /* Forbidden: w */

void check_rules(struct check *k, struct str base, uint16_t type, const void *obj, const struct rule *rules);
void check_changes(struct check *k, struct str base, uint16_t type, const void *obj, const void *old, const struct rule *rules);
/* Equality of the members at a path. */
bool same_at(uint16_t type, const void *obj, const void *old, const char *path);

/* Hooks that are nothing but tables. */
#define RULES_NEW(name, type, rules) \
	void name(struct request *r, const void *obj, struct err *e) \
	{ \
		CHECK(k); \
		check_rules(k, STR(""), type, obj, rules); \
	}
#define RULES_CHANGE(name, type, rules, changes) \
	void name(struct request *r, const void *obj, const void *old, struct err *e) \
	{ \
		CHECK(k); \
		check_rules(k, STR(""), type, obj, rules); \
		check_changes(k, STR(""), type, obj, old, changes); \
	}
