/* What is wrong with a field: upstream's kinds of causes, their words, and the checks that many kinds share.
 *
 * A struct check carries where causes go.  Paths are made while walking: at(k, base, "name"), at_index(k, base, 3), at_key(k, base, key);
 * on the first of two runs (request.no_paths) they are whatever comes to hand. */
#pragma once
#include "api/name.h"
#include "apiserver/request.h"
#include "apiserver/strategy.h"
#include "base/buf.h"
#include "schema/reflect.h"

struct check {
	struct arena *a;
	struct err *e;
	struct request *r;
};
struct str at(struct check *k, struct str base, const char *name);       /* "base.name"; base may be empty */
struct str at_index(struct check *k, struct str base, uint32_t i);       /* "base[3]" */
struct str at_key(struct check *k, struct str base, struct str key);     /* "base[key]" */

void bad_required(struct check *k, struct str path, const char *why);    /* why may be NULL */
void bad_forbidden(struct check *k, struct str path, const char *why);
void bad_string(struct check *k, struct str path, struct str value, const char *why); /* Invalid value: "value": why */
void bad_number(struct check *k, struct str path, int64_t value, const char *why);
void bad_value(struct check *k, struct str path, struct str value, const char *why);  /* value is shown as it is */
void bad_duplicate(struct check *k, struct str path, struct str value);
void bad_duplicate_raw(struct check *k, struct str path, struct str value);
void bad_not_found(struct check *k, struct str path, struct str value);
void bad_choice(struct check *k, struct str path, struct str value, const char *const *allowed); /* Unsupported value */
void bad_long(struct check *k, struct str path, int64_t max);
void bad_many(struct check *k, struct str path, int64_t have, int64_t max);
/* A cause for each of the messages. */
void bad_wrong(struct check *k, struct str path, struct str value, struct wrong w);
void bad_wrong_int(struct check *k, struct str path, int64_t value, struct wrong w);
/* JSON of an object or a list, for messages. */
struct str json_text(struct check *k, struct ref o);
struct str json_map(struct check *k, const struct str_map *m);
struct str json_strings(struct check *k, const str_list_t *l);
struct str lowered(struct check *k, struct str s); /* ASCII */

/* ---- checks ---- */
bool one_of(struct str value, const char *const *allowed);
void check_choice(struct check *k, struct str path, struct str value, const char *const *allowed);
void check_not_negative(struct check *k, struct str path, int64_t v);
void check_port(struct check *k, struct str path, int64_t v);
void check_immutable(struct check *k, struct str path, uint16_t type, const void *now, const void *old); /* "field is immutable" */
void check_immutable_str(struct check *k, struct str path, struct str now, struct str old);
void check_labels(struct check *k, struct str path, const struct str_map *m);
void check_ip(struct check *k, struct str path, struct str ip);
struct meta_v1_LabelSelector;
void check_selector(struct check *k, struct str path, const struct meta_v1_LabelSelector *s);
/* "must be greater than or equal to 0" of a count or a percentage. */
void check_int_or_percent(struct check *k, struct str path, const struct int_or_str *v);
void check_percent_max(struct check *k, struct str path, const struct int_or_str *v);
void check_absolute_path(struct check *k, struct str path, struct str v);
void check_local_path(struct check *k, struct str path, struct str v); /* relative, without '..' */
#define NOT_NEGATIVE "must be greater than or equal to 0"
#define IMMUTABLE "field is immutable"
#define LIST_OF_CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The body of a hook. */
#define CHECK(k) struct check k##_ = {r->arena, e, r}, *k = &k##_
